"""poison: a million messages of which half are broken: the good ones are scored, the bad ones dead-lettered byte for byte,
and memory stays flat."""

import contextlib
import hashlib
import json
import os
import pathlib
import statistics
import threading
import time

import poisoned
import streams
from confluent_kafka import Producer
from conftest import TestKafka
from process import Failure, free_port, wait_until
from service import Service, clean_environment

MEBI = 1 << 20
SLACK = 16 * MEBI  # resident memory may rise so much from the middle third of a run to the last
SETTLE = 120  # seconds without progress


def resident(pid):
    """Bytes of resident memory."""
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


class Memory(threading.Thread):
    """Samples a process's resident memory."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self._pid, self._stopped = pid, threading.Event()
        self.samples = []

    def run(self):
        while not self._stopped.wait(0.2):
            with contextlib.suppress(OSError):
                self.samples.append(resident(self._pid))

    def stop(self):
        self._stopped.set()
        self.join()

    def thirds(self):
        """Medians of the three thirds."""
        size = max(1, len(self.samples) // 3)
        return [statistics.median(self.samples[at * size : (at + 1) * size]) for at in range(3)]


class Poison:
    """What was written where, and what must come of it. `problems` is empty where all of it came."""

    def __init__(self, kafka, program, model, folder, count, seed, delivery):
        self._kafka, self._program, self._model, self._folder = kafka, program, model, folder
        self._count, self._seed, self._exactly_once = count, seed, delivery == "exactly-once"
        self.topics = kafka.fresh_topics(streams.PARTITIONS)
        self.topics.env["KAFKA_DELIVERY"] = delivery
        self.good = []  # streams.Message
        self.bad = {}  # place -> digest
        self.undecided = {}  # place -> digest
        self.problems = []

    def go(self):
        env = {**clean_environment(), **self.topics.env}
        options = ["--limits-devices", "1000"]
        service = Service(self._program, self._folder, self._model, self._kafka.bootstrap, free_port(), env, options)
        service.start().await_ready()
        memory = Memory(service.pid)
        memory.start()
        try:
            self._write()
            self._await_all()
            memory.stop()
            metrics = service.metrics()
        finally:
            service.stop()
        self._check_memory(memory)
        self._check_letters(metrics)
        self._check_anomalies(metrics)
        return self

    def _write(self):
        words = {"bootstrap.servers": self._kafka.bootstrap, "enable.idempotence": True, "max.in.flight": 1, "linger.ms": 20, "log_level": 2}
        producer = Producer({**words, "compression.type": "lz4"})
        failed = []
        for number, value in enumerate(poisoned.messages(self._count, self._seed)):
            place = number % streams.PARTITIONS, number // streams.PARTITIONS
            self._expect(place, value)
            while True:
                try:
                    producer.produce(self.topics.readings, value, b"%d" % number, place[0], lambda error, _: error and failed.append(error))
                    break
                except BufferError:
                    producer.poll(0.1)
            producer.poll(0)
        if producer.flush(120) or failed:
            raise Failure(f"the messages could not be written: {failed[:1]}")

    def _expect(self, place, value):
        judged = poisoned.judge(value)
        if judged:
            device, features, ts = judged
            self.good.append(streams.Message(0, place, None, value, features=features, device=device, ts=ts))
        else:
            (self.undecided if judged is None else self.bad)[place] = hashlib.blake2b(value, digest_size=12).digest()

    def _await_all(self):
        """Until the group has committed all, as long as it goes on."""
        before, since = -1, time.monotonic()

        def all_committed():
            nonlocal before, since
            found = sum(streams.committed(self._kafka.bootstrap, self.topics.group, self.topics.readings).values())
            if found != before:
                before, since = found, time.monotonic()
            if time.monotonic() - since > SETTLE:
                raise Failure(f"{found} of {self._count} messages are committed, and no more for {SETTLE} s")
            return found >= self._count

        wait_until(all_committed, 3600, "all is committed", 0.5)

    def _tell(self, what, places):
        if places:
            self.problems.append(f"{what}: {len(places)}, e.g. {sorted(places)[:5]}")

    def _check_memory(self, memory):
        self.memory = first, middle, last = memory.thirds()
        if last > middle + SLACK:
            grown = " ".join(f"{one / MEBI:.1f}" for one in (first, middle, last))
            self.problems.append(f"memory grows; MiB resident, medians of the thirds: {grown}")

    def _read(self, topic):
        return streams.read(self._kafka.bootstrap, topic, "read_committed" if self._exactly_once else "read_uncommitted", 600)

    def _check_letters(self, metrics):
        letters = self._read(self.topics.dead_letters)
        there = {streams.source_of_dead_letter(one): hashlib.blake2b(one.value() or b"", digest_size=12).digest() for one in letters}
        self._tell("dead letters that are missing (partition, offset)", self.bad.keys() - there.keys())
        self._tell("dead letters of good readings", there.keys() - self.bad.keys() - self.undecided.keys())
        expected = {**self.undecided, **self.bad}
        self._tell("dead letters with other bytes", [place for place in there if there[place] != expected.get(place, there[place])])
        self._tell("dead letters there twice", [None] * (len(letters) - len(there)))
        self.refused = len(there)
        self.disputed = len(there.keys() & self.undecided.keys())
        counted = metrics.sum("alertrond_dead_letters_total"), metrics.sum("predictions_total")
        if counted != (len(there), self._count - len(there)):
            self.problems.append(f"counted are {counted[0]:.0f} dead letters and {counted[1]:.0f} predictions; there are {len(there)}")

    def _check_anomalies(self, metrics):
        expected = streams.verdicts(self._program, self._model, self.good, self._folder)
        by_place = {one.place: one for one in self.good}
        there, wrong = set(), []
        for message in self._read(self.topics.anomalies):
            record = json.loads(message.value())
            place = streams.source_of_anomaly(record)
            if place in there:
                self.problems.append(f"an anomaly there twice: {place}")
            there.add(place)
            if place in self.undecided:
                continue
            one = by_place.get(place)
            told = (record["anomaly_score"], record["severity"]), record["device_id"], record["ts"]
            if one is None or told != (expected.get(place), one.device, one.ts):
                wrong.append(place)
        self._tell("anomalies that are wrong", wrong)
        self._tell("anomalies that are missing", expected.keys() - there)
        self.anomalies = len(there)

    @property
    def summary(self):
        memory = " ".join(f"{one / MEBI:.1f}" for one in self.memory)
        return (
            f"{self._count} messages: {len(self.good)} good, {self.anomalies} anomalies, {self.refused} dead letters, "
            f"{len(self.undecided)} undecided ({self.disputed} dead letters); MiB resident by thirds: {memory}"
        )


def run(folder, program, model, count, seed, delivery):
    kafka = TestKafka(folder / "kafka", heap_megabytes=768)
    try:
        return Poison(kafka.start(), program, model, folder, count, seed, delivery).go()
    finally:
        kafka.stop()
