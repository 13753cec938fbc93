"""fault_run: one schedule, from fresh topics to the account."""

import pathlib
import random
import time

import streams
from confluent_kafka import KafkaException
from fault_account import Account, Output
from fault_kinds import KINDS
from fault_members import Member
from fault_readings import Writer
from fault_watch import Watch
from process import Failure, wait_until

PARTITIONS = 4
SETTLE = 90  # seconds after the last fault within which the lag is 0 and all are ready


class Run:
    """`problems` is empty where all is as promised; `story` is what happened, with times."""

    def __init__(self, cluster, program, model, directory, schedule, delivery, readings):
        self.cluster, self.schedule, self.directory = cluster, schedule, pathlib.Path(directory)
        self.exactly_once = delivery == "exactly-once"
        self._program, self._model = program, model
        self.topics = cluster.fresh_topics(PARTITIONS)
        self._env = {**self.topics.env, "KAFKA_DELIVERY": delivery}
        self.anomalies, self.dead_letters = Output(self.topics.anomalies), Output(self.topics.dead_letters)
        self.members, self._guests = [], []
        topic, seconds = self.topics.readings, schedule.writing
        self.writer = Writer(cluster.bootstrap, topic, range(PARTITIONS), schedule.seed, readings, seconds)
        self.watch = Watch(cluster.bootstrap, self.topics)
        self.earlier = {}  # places in a readings' topic that was deleted
        self.headers_may_go = False
        self.story, self.problems, self.skipped, self.account = [], [], [], None
        self._begun = time.monotonic()

    def note(self, text):
        self.story.append(f"{time.monotonic() - self._begun:5.1f} s  {text}")

    # --- what faults use ---

    def new_member(self, guest=True):
        made = self._guests if guest else self.members
        name = f"{'guest' if guest else 'alertrond'}-{len(made) + 1}"
        made.append(Member(name, self._program, self._model, self.directory, self.cluster.proxied, self._env))
        return made[-1]

    def ends(self, topic):
        return {place: high for place, (_, high) in streams.bounds(self.cluster.bootstrap, topic).items()}

    def readings_made_again(self):
        self.earlier = dict(self.writer.places)

    # --- the schedule ---

    def go(self):
        try:
            self._break()
            self._settle()
            self._end()
            self._check()
        except (Failure, KafkaException, AssertionError) as error:
            self.problems.append(str(error))
        finally:
            self._stop()
        for member in self.members + self._guests:
            self.problems += member.problems
        return not self.problems

    def _start(self):
        for _ in range(self.schedule.members):
            self.new_member(guest=False).start()

    def _await_begin(self):
        wait_until(lambda: any(member.ready for member in self.members), 60, "an alertrond is ready")

    def _break(self):
        faults = self.schedule.faults
        down_at_start = KINDS[faults[0].kind].place == "first"
        if not down_at_start:
            self._start()
            self._await_begin()
        self._begun = time.monotonic()
        self.watch.start()
        self.writer.start()
        events = [(fault.begin, index, "begin") for index, fault in enumerate(faults)]
        events += [(fault.end, index, "end") for index, fault in enumerate(faults)]
        acts = {}
        for at, index, what in sorted(events):
            self._supervise_until(at)
            self._act(faults[index], what, acts)
            if down_at_start and at == 0:
                self._start()

    def _act(self, fault, what, acts):
        if what == "begin":
            acts[id(fault)] = KINDS[fault.kind].act(self, random.Random(fault.seed))
            told = next(acts[id(fault)])
            self.note(f"{fault.kind}: {told}")
        else:
            next(acts[id(fault)], None)
            self.note(f"{fault.kind}: mended")

    def _supervise_until(self, at):
        while time.monotonic() - self._begun < at:
            self._supervise()
            time.sleep(0.05)

    def _supervise(self):
        for member in self.members:
            if member.supervise():
                self.note(f"{member.name} had ended by itself and is started again")

    def _settle(self):
        """All is mended: everything is written, committed and ready again."""
        self.cluster.must_run()
        self.writer.finish()
        self.note("all is mended, and all readings are written")
        lag = {}

        def settled():
            nonlocal lag
            self._supervise()
            found = self.watch.lag()
            lag = found if found is not None else lag
            return found == {} and all(member.ready for member in self.members)

        try:
            wait_until(settled, SETTLE, "the lag is 0 and each alertrond ready", 0.2)
        except Failure as failure:
            unready = [f"{member.name}: {member.trouble()}" for member in self.members if not member.ready]
            raise Failure(f"{failure}: lag by partition {lag}; not ready: {unready or 'none'}") from None
        self.note("the lag is 0")

    def _end(self):
        for member in self.members:
            if member.end() == 1:
                self.problems.append(f"{member.name} ended with status 1 though nothing was left to do")
        time.sleep(0.2)  # a last sample
        self.watch.stop()

    def _stop(self):
        self.writer.stop()
        self.watch.stop()
        for member in self.members + self._guests:
            member.service.kill()

    # --- the account ---

    def _places(self):
        """{id: place} of what the readings' topic holds, which must be what was acknowledged."""
        found = streams.read(self.cluster.bootstrap, self.topics.readings)
        places = {int(one.key()): (one.partition(), one.offset()) for one in found}
        told = {id: place for id, place in self.writer.places.items() if id not in self.earlier}
        sure = {id: place for id, place in places.items() if id in told or id not in self.writer.unsure}
        if len(found) != len(places) or told != sure:
            raise Failure(f"the readings' topic is not what was written: {len(found)} messages, {len(told)} acknowledged")
        return places

    def _check(self):
        isolation = "read_committed" if self.exactly_once else "read_uncommitted"
        outputs = self.anomalies.topic, self.dead_letters.topic
        found = {topic: streams.read(self.cluster.bootstrap, topic, isolation, 90) for topic in outputs}
        written = self.writer.messages
        verdicts = streams.verdicts(self._program, self._model, list(written.values()), self.directory)
        topic, places = self.topics.readings, self._places()
        self.account = Account(topic, self.anomalies, self.dead_letters, written, places, self.earlier, verdicts)
        self.account.check(found, self.watch.samples, not self.exactly_once, self.headers_may_go)
        self.problems += self.account.problems
        # Where the readings' topic was deleted early there may have been none before.
        if not places or not (self.watch.samples or self.earlier):
            self.problems.append(f"nothing was proved: {len(self.watch.samples)} samples, {len(places)} readings")
