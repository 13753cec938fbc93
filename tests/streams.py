"""streams: readings of every kind, what must become of each, and what a topic holds.

A message's identity is its place (partition, offset) in a fresh topic, so it is known before it is written.
"""

import csv
import json
import random
import subprocess
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

PARTITIONS = 4
# Recent, or the broker's retention takes what carries it.
BEGUN_MS = int(time.time() - 3600) * 1000

# What can't be scored: the reason it must be given, and the bytes (None: a tombstone).
BAD = [
    ("not_json", b"pump 7 is fine"),
    ("not_json", b'{"device_id": "edge-1", "features": [1, 2, 3]'),
    ("not_json", b'{"device_id": "edge-1", "features": [NaN, 2, 3]}'),
    ("not_json", b"\xff\xfe\x00\x01"),
    ("not_json", b"[50.0, 100.0, 0.5]"),
    ("missing_field", b'{"features": [50.0, 100.0, 0.5]}'),
    ("missing_field", b'{"device_id": "edge-1"}'),
    ("wrong_type", b'{"device_id": 7, "features": [50.0, 100.0, 0.5]}'),
    ("wrong_type", b'{"device_id": "edge-1", "features": "50,100,0.5"}'),
    ("wrong_type", b'{"device_id": "edge-1", "features": [50.0, "100", 0.5]}'),
    ("wrong_type", b'{"device_id": "edge-1", "features": [50.0, 100.0, 0.5], "ts": "now"}'),
    ("wrong_width", b'{"device_id": "edge-1", "features": [50.0, 100.0]}'),
    ("wrong_width", b'{"device_id": "edge-1", "features": [50.0, 100.0, 0.5, 0.1]}'),
    ("not_finite", b'{"device_id": "edge-1", "features": [1e999, 100.0, 0.5]}'),
    ("not_finite", b'{"device_id": "edge-1", "features": [null, 100.0, 0.5]}'),
    ("too_large", b'{"device_id": "edge-1", "features": [50.0, 100.0, 0.5], "note": "' + b"x" * 70000 + b'"}'),
    ("empty", b""),
    ("tombstone", None),
]


def insist(command, seconds=60):
    """An operator whose command fails, as a broker is away or busy, gives it again."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return command()
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


class Message:
    """One message, and what must become of it: `features` for a reading, `reason` for a dead letter."""

    def __init__(self, number, place, key, value, headers=(), features=None, reason=None, device=None, ts=None):
        self.number, self.place, self.key, self.value, self.headers = number, place, key, value, list(headers)
        self.features, self.reason, self.device, self.ts = features, reason, device, ts
        self.timestamp = BEGUN_MS + number


def mixed(count, seed=1, bad_every=50, devices=20, anomalous=0.05):
    """`count` messages: normal readings, this share anomalous, and each kind of bad one in turn."""
    draw = random.Random(seed)
    filled = [0] * PARTITIONS
    messages = []
    for number in range(count):
        partition = draw.randrange(PARTITIONS)
        place = (partition, filled[partition])
        filled[partition] += 1
        if bad_every and number % bad_every == 0:
            reason, value = BAD[number // bad_every % len(BAD)]
            headers = [("traceparent", b"00-%032x-%016x-01" % (number, number)), ("note", b"\x00\xff")]
            key = None if number % 3 == 0 else b"key-%d" % number
            messages.append(Message(number, place, key, value, headers, reason=reason))
        else:
            messages.append(_reading(draw, number, place, f"pump-{number % devices}", anomalous))
    return messages


def _reading(draw, number, place, device, anomalous):
    anomalous = draw.random() < anomalous
    centre = [(70, 6), (140, 12), (0.9, 0.1)] if anomalous else [(50, 5), (100, 10), (0.5, 0.05)]
    features = [draw.gauss(mean, deviation) for mean, deviation in centre]
    reading = {"device_id": device, "features": features, "site": {"name": "Nürnberg"}}
    ts = 1.7e9 + number / 8 if number % 2 else None
    if ts is not None:
        reading["ts"] = ts
    return Message(number, place, device.encode(), json.dumps(reading).encode(), features=features, device=device, ts=ts)


def write(bootstrap, topic, messages):
    """Writes the messages, each to its place."""
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 20})
    failed = []

    def told(error, _message):
        if error:
            failed.append(error)

    for message in messages:
        words = {"partition": message.place[0], "timestamp": message.timestamp, "on_delivery": told}
        if message.headers:
            words["headers"] = message.headers
        while True:
            try:
                producer.produce(topic, value=message.value, key=message.key, **words)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    assert producer.flush(120) == 0 and not failed, failed


def read(bootstrap, topic, isolation="read_uncommitted", seconds=120):
    """All messages that the topic holds now; transactions leave gaps between their offsets. read_committed waits for
    transactions that are open."""
    words = {"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False}
    reader = Consumer({**words, "isolation.level": isolation, "enable.partition.eof": True})
    try:
        spans = bounds(bootstrap, topic)
        reader.assign([TopicPartition(topic, one, low) for one, (low, _) in spans.items()])
        left = {one: high for one, (low, high) in spans.items() if high > low}
        found, deadline = [], time.monotonic() + seconds
        while left:
            assert time.monotonic() < deadline, f"{topic}: not read to its end, {left}, within {seconds} s"
            for one in reader.consume(10000, 0.2):
                # The end of a partition is the first open transaction, where there is one.
                if one.error() and one.error().code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(one.error())
                if not one.error():
                    found.append(one)
                if one.offset() >= left.get(one.partition(), 1 << 63) - (0 if one.error() else 1):
                    del left[one.partition()]
        return found
    finally:
        reader.close()


def bounds(bootstrap, topic):
    """{partition: (first offset, offset behind the last message)}, whatever transactions are open."""
    words = {"bootstrap.servers": bootstrap, "group.id": "reader", "isolation.level": "read_uncommitted"}
    consumer = Consumer(words)
    try:
        partitions = insist(lambda: consumer.list_topics(topic, 10)).topics[topic].partitions
        return {one: insist(lambda: consumer.get_watermark_offsets(TopicPartition(topic, one), 10)) for one in partitions}
    finally:
        consumer.close()


def held(bootstrap, topic):
    """How many messages the topic holds; transactions add some of their own."""
    return sum(high - low for low, high in bounds(bootstrap, topic).values())


def committed(bootstrap, group, topic):
    """The group's committed offset by partition; 0 where it has none."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False})
    try:
        found = insist(lambda: consumer.committed([TopicPartition(topic, one) for one in range(PARTITIONS)], 10))
        return {one.partition: max(one.offset, 0) for one in found}
    finally:
        consumer.close()


def verdicts(program, model, messages, directory):
    """What the same model says offline: place -> (score, severity) of each anomaly among the readings."""
    readings = [message for message in messages if message.reason is None]
    rows = directory / "readings.csv"
    rows.write_text("f0,f1,f2\n" + "".join(",".join(map(repr, one.features)) + "\n" for one in readings))
    scored = subprocess.run([program, "score", "-m", model, rows], capture_output=True, text=True, check=True).stdout
    lines = list(csv.DictReader(scored.splitlines()))
    assert len(lines) == len(readings)
    return {
        one.place: (float(line["score"]), line["severity"])
        for one, line in zip(readings, lines)
        if line["anomaly"] == "1"
    }


def source_of_anomaly(record):
    return record["source_partition"], record["source_offset"]


def is_explained(record, names):
    """Whether an anomaly's contributions are what they must be: up to three features, the largest share first."""
    told = [(one["feature"], one["share"]) for one in record["contributions"]]
    shares = [share for _, share in told]
    good = 1 <= len(told) <= 3 and len({feature for feature, _ in told}) == len(told)
    good = good and shares == sorted(shares, reverse=True) and 0 <= shares[-1] and sum(shares) <= 1.0015
    return good and all(feature in names for feature, _ in told)


def source_of_dead_letter(message):
    headers = dict(message.headers())
    return int(headers["__connect.errors.partition"]), int(headers["__connect.errors.offset"])
