"""Transactions against a real Kafka: whatever is broken, readers of what is committed find each copy once."""

import os
import random
import signal
import subprocess
import time

import pytest
import streams
from conftest import ROOT
from confluent_kafka import Consumer, TopicPartition
from process import wait_until

COUNT = 20000
PARTITIONS = streams.PARTITIONS


class Copier:
    """tests/kafka_copy.c, at work."""

    def __init__(self, program, kafka, topics, name, directory):
        self.log = open(directory / f"copier-{name}-{time.monotonic_ns()}.log", "w+")
        words = [program, kafka.bootstrap, topics.group, topics.readings, topics.anomalies, name]
        self.child = subprocess.Popen(words, stdout=self.log, stderr=subprocess.STDOUT)

    def send(self, number):
        self.child.send_signal(number)

    def end(self, number=signal.SIGKILL):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGCONT)
            self.child.send_signal(number)
        return self.child.wait(120)

    def text(self):
        self.log.flush()
        with open(self.log.name) as log:
            return log.read()


@pytest.fixture
def copy(program, kafka, tmp_path):
    """copy(topics, name) starts a copier that is killed after the test."""
    built = os.environ.get("ALERTRON_KAFKA_COPY") or ROOT / "build" / "check" / "tests" / "kafka_copy"
    started = []

    def start(topics, name="copier"):
        started.append(Copier(built, kafka, topics, name, tmp_path))
        return started[-1]

    yield start
    for one in started:
        one.end()
        one.log.close()


def fill(kafka, topics, count=COUNT):
    """Writes `count` messages; returns where they lie."""
    messages = [streams.Message(n, (n % PARTITIONS, n // PARTITIONS), None, b"value %d" % n) for n in range(count)]
    streams.write(kafka.bootstrap, topics.readings, messages)
    return [message.place for message in messages]


def committed_copies(kafka, topic):
    """The places that a reader of what is committed finds in the topic, up to its end."""
    words = {"bootstrap.servers": kafka.bootstrap, "group.id": "reader", "isolation.level": "read_committed"}
    consumer = Consumer({**words, "enable.auto.commit": False, "enable.partition.eof": True})
    try:
        consumer.assign([TopicPartition(topic, one, 0) for one in range(PARTITIONS)])
        found, ended = [], set()
        while len(ended) < PARTITIONS:
            message = consumer.poll(30)
            assert message, f"{topic}: no end within 30 s after {len(found)} messages; a transaction is left open"
            if message.error():
                ended.add(message.partition())
            else:
                words = message.value().split()
                found.append((int(words[0]), int(words[1])))
        return found
    finally:
        consumer.close()


def is_over(kafka, topics, places):
    """Whether the group has committed behind all places."""
    ends = {one: sum(place[0] == one for place in places) for one in range(PARTITIONS)}
    return streams.committed(kafka.bootstrap, topics.group, topics.readings) == ends


def await_end(kafka, topics, places, keep_running=lambda: None, seconds=240):
    def there():
        keep_running()
        return is_over(kafka, topics, places)

    wait_until(there, seconds, "the group commits all", pause=0.2)


def check(kafka, topics, places):
    found = committed_copies(kafka, topics.anomalies)
    assert (len(found), len(set(found))) == (len(places), len(places))
    assert set(found) == set(places)


def test_each_is_copied_once(kafka, copy):
    topics = kafka.fresh_topics(PARTITIONS)
    places = fill(kafka, topics)
    copier = copy(topics)
    await_end(kafka, topics, places)
    assert copier.end(signal.SIGTERM) == 0
    check(kafka, topics, places)


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_again_and_again(kafka, copy, seed):
    topics = kafka.fresh_topics(PARTITIONS)
    places = fill(kafka, topics, 3 * COUNT)
    draw = random.Random(seed)
    for _ in range(4):
        copier = copy(topics)
        wait_until(lambda: "committed" in copier.text() or is_over(kafka, topics, places), 120, "the copier commits")
        time.sleep(draw.uniform(0, 0.5))
        copier.end()
    copy(topics)
    await_end(kafka, topics, places)
    check(kafka, topics, places)


def test_one_that_comes_back_from_the_dead_is_fenced(kafka, copy):
    topics = kafka.fresh_topics(PARTITIONS)
    places = fill(kafka, topics)
    zombie = copy(topics)
    wait_until(lambda: "committed" in zombie.text(), 120, "the first one commits")
    zombie.send(signal.SIGSTOP)
    copy(topics)
    await_end(kafka, topics, places)
    zombie.send(signal.SIGCONT)

    def ended():
        """Who has nothing to write is not fenced, and where its partitions go to it again they may have been copied."""
        behind = len(places) // PARTITIONS
        places.extend((partition, behind + offset) for partition, offset in fill(kafka, topics, COUNT // 10))
        return zombie.child.poll() is not None

    wait_until(ended, 120, "the zombie ends", 1)
    assert zombie.child.poll() == 3
    assert "kafka.instance" in zombie.text()
    await_end(kafka, topics, places)
    check(kafka, topics, places)


def test_members_come_and_go(kafka, copy):
    topics = kafka.fresh_topics(PARTITIONS)
    places = fill(kafka, topics, 3 * COUNT)
    first = copy(topics, "first")
    wait_until(lambda: "committed" in first.text(), 120, "the first one commits")
    for number in range(4):
        second = copy(topics, "second")
        wait_until(lambda: "took" in second.text(), 120, "the second one takes partitions")
        time.sleep(0.5)
        if number % 2:
            second.end()
        else:
            assert second.end(signal.SIGTERM) == 0
    await_end(kafka, topics, places)
    assert "gave" in first.text()
    check(kafka, topics, places)


def test_a_record_too_large_is_written_without_what_it_can_do_without(kafka, copy):
    topics = kafka.fresh_topics(PARTITIONS)
    limit(kafka, topics.anomalies, 1500)
    places = fill(kafka, topics, 1000)
    large = [
        streams.Message(n, (1, 250 + n), None, b"%d %s" % (n, random.Random(n).randbytes(900).hex().encode())) for n in range(3)
    ]
    streams.write(kafka.bootstrap, topics.readings, large)
    places += [message.place for message in large]
    copier = copy(topics)
    await_end(kafka, topics, places)
    told = {line for line in copier.text().splitlines() if line.startswith("refused") and line.endswith("too large")}
    assert told == {f"refused 1:{250 + n} too large" for n in range(3)}
    check(kafka, topics, places)


def limit(kafka, topic, size):
    """Sets the topic's max.message.bytes."""
    from confluent_kafka.admin import AdminClient, ConfigResource

    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, set_config={"max.message.bytes": str(size)})
    for result in admin.alter_configs([resource]).values():
        result.result(30)


@pytest.mark.parametrize("seconds", [3, 25])
def test_a_broker_that_stands_still(kafka, copy, seconds):
    """25 s are longer than transaction.timeout.ms: then the copier may have to be started anew."""
    topics = kafka.fresh_topics(PARTITIONS)
    places = fill(kafka, topics, 3 * COUNT)
    copiers = [copy(topics)]
    wait_until(lambda: "committed" in copiers[0].text(), 120, "the copier commits")
    for node in kafka.nodes.values():
        node.signal(signal.SIGSTOP)
    time.sleep(seconds)
    for node in kafka.nodes.values():
        node.signal(signal.SIGCONT)

    def keep_running():
        if copiers[-1].child.poll() is not None:
            assert copiers[-1].child.poll() == 3
            copiers.append(copy(topics))

    await_end(kafka, topics, places, keep_running)
    print("\n".join(one.text()[-600:] for one in copiers))
    check(kafka, topics, places)
