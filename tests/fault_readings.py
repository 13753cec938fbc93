"""fault_readings: the readings of one schedule, each with an id of its own, and who writes them."""

import contextlib
import json
import random
import threading
import time

import streams
from confluent_kafka import KafkaError, KafkaException, Producer
from process import Failure

TICK = 0.05  # seconds between two portions


def identity(partition, number):
    return partition << 40 | number


def reading(draw, id, every=20):
    """A reading, whose `ts` is its id; one in `every` is extreme; or a message that can't be scored."""
    if draw.random() < 0.02:
        reason, value = draw.choice([bad for bad in streams.BAD if bad[0] != "too_large"])
        if draw.random() < 0.02:
            reason, value = next(bad for bad in streams.BAD if bad[0] == "too_large")
        return streams.Message(id, id, b"%d" % id, value, [("note", b"%d" % id)], reason=reason)
    extreme = draw.random() < 1 / every
    centre = [(70, 6), (140, 12), (0.9, 0.1)] if extreme else [(50, 5), (100, 10), (0.5, 0.05)]
    features, device = [draw.gauss(*one) for one in centre], f"pump-{draw.randrange(20)}"
    value = json.dumps({"device_id": device, "features": features, "ts": id}).encode()
    return streams.Message(id, id, b"%d" % id, value, features=features, device=device, ts=id)


class Writer(threading.Thread):
    """Writes `count` readings within `seconds`, each at least once and, as it is idempotent, at most once."""

    def __init__(self, bootstrap, topic, partitions, seed, count, seconds):
        super().__init__(daemon=True)
        self._brokers, self._topic = bootstrap, topic
        self._draw, self._count, self._seconds = random.Random(seed), count, seconds
        self._numbers = dict.fromkeys(partitions, 0)
        self._lock = threading.Lock()  # held while a portion is written
        self._stopped = False
        self.messages = {}  # id -> message
        self.places = {}  # id -> (partition, offset), once acknowledged
        self.unsure = set()  # ids that a producer could not go on with: there or not, as the topic itself tells
        self._producer = self._connect()

    def _start_over(self):
        """A new producer: an idempotent one that has lost its sequence, as it may when leaders change, writes no more. What
        it still held is unsure: told() is called for each."""
        self._producer.purge()
        with contextlib.suppress(KafkaException):
            self._producer.flush(10)
        self._producer = self._connect()

    def _flush(self, seconds):
        """How many are not acknowledged yet."""
        try:
            return self._producer.flush(seconds)
        except KafkaException:  # fatal: it has given up all that it held
            self._start_over()
            return 0

    def _connect(self):
        self._sound = True
        words = {"bootstrap.servers": self._brokers, "enable.idempotence": True, "max.in.flight": 1, "linger.ms": 5, "log_level": 2}
        quick = {"socket.timeout.ms": 6000, "reconnect.backoff.max.ms": 1000, "message.timeout.ms": 0}
        return Producer({**words, **quick, "topic.metadata.refresh.interval.ms": 1000})

    def add_partitions(self, partitions):
        with self._lock:
            for partition in partitions:
                self._numbers.setdefault(partition, 0)

    def hold(self, seconds=60):
        """Writes no more, and waits until all is acknowledged; go_on() goes on, with a new producer."""
        self._lock.acquire()
        if self._flush(seconds):
            self._lock.release()
            raise Failure(f"readings were not acknowledged within {seconds} s")

    def go_on(self):
        self._producer = self._connect()
        self._lock.release()

    def stop(self):
        self._stopped = True
        if self.is_alive():
            self.join(30)

    def run(self):
        begun = time.monotonic()
        while len(self.messages) < self._count and not self._stopped:
            with self._lock:
                due = self._count * (time.monotonic() - begun) / self._seconds
                while len(self.messages) < min(due, self._count):
                    self._write()
                with contextlib.suppress(KafkaException):
                    self._producer.poll(0)
                if self.unsure and not self._sound:
                    self._start_over()
            time.sleep(TICK)

    def finish(self, seconds=90):
        """Waits until all is written and acknowledged."""
        self.join(seconds)
        if self.is_alive() or self._flush(seconds):
            raise Failure(f"readings were not acknowledged within {seconds} s: {len(self._producer)} wait")

    def _write(self):
        partition = self._draw.choice(sorted(self._numbers))
        id = identity(partition, self._numbers[partition])
        self._numbers[partition] += 1
        message = self.messages[id] = reading(self._draw, id)
        message.timestamp = streams.BEGUN_MS + len(self.messages)

        def told(error, written):
            if error:
                self.unsure.add(id)
                self._sound = False
            else:
                self.places[id] = (written.partition(), written.offset())

        words = {"partition": partition, "headers": message.headers, "timestamp": message.timestamp}
        while True:
            try:
                self._producer.produce(self._topic, message.value, message.key, on_delivery=told, **words)
                return
            except (BufferError, KafkaException) as error:
                code = None if isinstance(error, BufferError) else error.args[0].code()
                if code == KafkaError._FATAL:
                    self._start_over()
                elif code not in (None, KafkaError._UNKNOWN_PARTITION):
                    raise
                with contextlib.suppress(KafkaException):
                    self._producer.poll(0.1)  # the queue is full, or the partition too new to be known
