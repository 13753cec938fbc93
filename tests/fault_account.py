"""fault_account: that every reading is accounted for, after a schedule: the five assertions.

1. Of each reading came what the same model says offline: an anomaly with this score to the bit, a dead letter of
   these bytes, or nothing; and nothing else came.
2. Nothing is there twice (exactly once), or each copy is the same (at least once).
3. Anomalies, dead letters and normal readings are as many as what was written.
4. The committed offset never passed a reading whose output was not there.
5. The lag went back to 0: see fault_run.
"""

import json

import streams

SHOWN = 8  # places of a problem


class Output:
    """One of the two topics of outputs. `since` and `floor`: when it was made again, and the end of each partition of
    the readings then; only what was written later is accounted for."""

    def __init__(self, topic):
        self.topic, self.since, self.floor = topic, None, {}

    def made_again(self, at, ends):
        self.since, self.floor = at, ends

    def counts(self, place):
        """Whether the output of the reading at this place must be there."""
        return self.since is None or place[1] >= self.floor.get(place[0], 0)


class Account:
    """written = {id: message}, places = {id: place} of those in the readings' topic, earlier = places of those that
    went with a topic that was deleted; verdicts = {id: (score, severity)} of the anomalies."""

    def __init__(self, readings, anomalies, dead_letters, written, places, earlier, verdicts):
        self.readings, self.anomalies, self.dead_letters = readings, anomalies, dead_letters
        self.written, self.places, self.earlier, self.verdicts = written, places, earlier, verdicts
        self.copies = 0
        self.problems = []

    @property
    def summary(self):
        anomalies = sum(id in self.verdicts for id in self.places)
        dead = sum(self.written[id].reason is not None for id in self.places)
        return f"{len(self.places)} readings, {anomalies} anomalies, {dead} dead letters, {self.copies} copies"

    def _is_due(self, output, id):
        """Whether a reading has an output in this topic."""
        dead = self.written[id].reason is not None
        return dead if output is self.dead_letters else not dead and id in self.verdicts

    def check(self, found, samples, twice_allowed, headers_may_go=False):
        """found = {topic: messages}. Adds to .problems."""
        kept = {}
        for output in (self.anomalies, self.dead_letters):
            copies = kept[output] = self._sort(output, found[output.topic], headers_may_go)
            self._check_set(output, copies)
            if not twice_allowed:
                twice = [id for id, ones in copies.items() if len(ones) > 1]
                self._tell(f"{output.topic}: there more than once", twice, copies)
            self.copies += sum(len(ones) - 1 for ones in copies.values())
            self._check_committed(output, copies, samples)
        self._check_sum(kept)

    def _tell(self, what, ids, copies=None):
        if ids:
            shown = [self._show(id, copies) for id in sorted(ids)[:SHOWN]]
            more = [f"... and {len(ids) - SHOWN} more"] if len(ids) > SHOWN else []
            self.problems.append("\n    ".join([f"{what}: {len(ids)}", *shown, *more]))

    def _show(self, id, copies):
        place = self.places.get(id) or self.earlier.get(id)
        text = f"id {id}, reading at {place[0]}:{place[1]}" if place else f"id {id}, which was not written"
        there = [f"{one.partition()}:{one.offset()}" for one in (copies or {}).get(id, ())]
        return text + (f", output at {' '.join(there)}" if there else "")

    def _sort(self, output, messages, headers_may_go):
        """{id: copies}, each compared with what it must be."""
        copies, wrong = {}, []
        for message in messages:
            record = json.loads(message.value()) if output is self.anomalies else None
            id = int(record["ts"] if record else message.key())
            copies.setdefault(id, []).append(message)
            if id not in self.written or not self._is_due(output, id):
                continue  # the set tells
            same = self._same_anomaly(id, record) if record else self._same_letter(id, message, headers_may_go)
            if not same:
                wrong.append(id)
        self._tell(f"{output.topic}: not what it must be", wrong, copies)
        return copies

    def _same_anomaly(self, id, record):
        message, (score, severity) = self.written[id], self.verdicts[id]
        partition, offset = self.places.get(id) or self.earlier[id]
        return streams.is_explained(record, ("f0", "f1", "f2")) and record == {
            "device_id": message.device,
            "anomaly": True,
            "severity": severity,
            "anomaly_score": score,
            "ts": message.ts,
            "source_topic": self.readings,
            "source_partition": partition,
            "source_offset": offset,
            "model_version": record["model_version"],
            "contributions": record["contributions"],
        }

    def _same_letter(self, id, letter, headers_may_go):
        message, place = self.written[id], self.places.get(id) or self.earlier[id]
        headers = letter.headers() or []
        as_it_came = letter.value() == message.value and letter.timestamp()[1] == message.timestamp
        if not as_it_came or headers[: len(message.headers)] != message.headers:
            return False
        added = dict(headers[len(message.headers) :])
        if not added:
            return headers_may_go
        told = added["alertrond.error.code"].decode(), added["__connect.errors.topic"].decode()
        return told == (message.reason, self.readings) and streams.source_of_dead_letter(letter) == place

    def _check_set(self, output, copies):
        due = {id for id, place in self.places.items() if self._is_due(output, id) and output.counts(place)}
        self._tell(f"{output.topic}: missing", due - copies.keys())
        extra = [id for id in copies if id not in self.written or not self._is_due(output, id)]
        self._tell(f"{output.topic}: not expected", extra, copies)

    def _check_committed(self, output, copies, samples):
        # After a deletion of the readings' topic no samples are taken: these are all of the earlier one.
        places = self.earlier or self.places
        due = [id for id, place in places.items() if self._is_due(output, id) and output.counts(place)]
        early, waiting = [], {id: places[id] for id in due}
        for sample in samples:
            if output.since is not None and sample.at <= output.since:
                continue
            reach = sample.reach[output.topic]
            passed = [id for id, (partition, offset) in waiting.items() if offset < sample.committed.get(partition, 0)]
            for id in passed:
                del waiting[id]
                if not any(one.offset() < reach.get(one.partition(), 0) for one in copies.get(id, ())):
                    early.append(id)
        self._tell(f"{output.topic}: committed before it was there", early, copies)

    def _check_sum(self, kept):
        normal = sum(message.reason is None and id not in self.verdicts for id, message in self.written.items() if id in self.places)
        there = normal + sum(len(copies.keys() & self.places.keys()) for copies in kept.values())
        gone = any(output.since is not None for output in kept)
        if there != len(self.places) and not gone:
            self.problems.append(f"{there} readings have an outcome, and {len(self.places)} were written")
