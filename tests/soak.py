"""soak: alertrond for long at 80 % of what it can do: memory, file descriptors, threads, lag and latency stay flat."""

import json
import pathlib
import statistics
import time

import streams
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource
from conftest import TestKafka
from poison import MEBI, resident
from process import Failure, free_port, wait_until
from service import Generator, Service

SHARE = 0.8
FETCHED = 40 * MEBI  # what is fetched ahead is up to 32 MiB at one time and nothing at another
DEVICES = 1000
FIND_SECONDS = 15  # how long the maximum is looked for
LATEST = 200  # anomalies of a sample of the latency
KEPT_BYTES = 256 * MEBI  # of a partition of readings


class Kafka(TestKafka):
    """Whose disk an hour at full speed does not fill."""

    __test__ = False

    def _configuration(self, node):
        return super()._configuration(node) + "log.retention.check.interval.ms=5000\n"

    def bound(self, *topics):
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 2})
        words = {"retention.bytes": str(KEPT_BYTES), "segment.bytes": str(KEPT_BYTES // 4), "segment.ms": "60000"}
        for result in admin.alter_configs([ConfigResource("topic", one, words) for one in topics]).values():
            result.result(20)


class Latency:
    """From a reading's time to its anomaly's, at the end of one partition."""

    def __init__(self, bootstrap, topic, isolation):
        words = {"bootstrap.servers": bootstrap, "group.id": "reader", "log_level": 2, "isolation.level": isolation}
        self._consumer, self._topic = Consumer(words), topic

    def sample(self):
        """The 99th percentile, in seconds, of the latest anomalies; None where there are none."""
        low, high = self._consumer.get_watermark_offsets(TopicPartition(self._topic, 0), 10)
        self._consumer.assign([TopicPartition(self._topic, 0, max(low, high - 2 * LATEST))])
        found = [one for one in self._consumer.consume(LATEST, 2) if not one.error()]
        took = sorted(one.timestamp()[1] / 1e3 - json.loads(one.value())["ts"] for one in found)
        return took[int(0.99 * (len(took) - 1))] if took else None


class Sample:
    def __init__(self, service, latency):
        folder, metrics = pathlib.Path(f"/proc/{service.pid}"), service.metrics()
        if metrics is None:
            raise Failure("alertrond does not answer")
        self.at = time.monotonic()
        self.resident = resident(service.pid)
        self.files = len(list((folder / "fd").iterdir()))
        self.threads = len(list((folder / "task").iterdir()))
        self.consumed = metrics.sum("kafka_messages_consumed_total")
        self.lag = metrics.sum("alertrond_consumer_lag_messages")
        self.latency = latency.sample()


class Soak:
    """`problems` is empty where all is flat: the median of the last third against that of the first."""

    def __init__(self, kafka, program, model, folder, minutes, delivery):
        self._kafka, self._program, self._folder = kafka, program, folder
        self._seconds = 60 * minutes
        self._topics = kafka.fresh_topics(streams.PARTITIONS)
        kafka.bound(self._topics.readings, self._topics.anomalies, self._topics.dead_letters)
        self._topics.env["KAFKA_DELIVERY"] = delivery
        isolation = "read_committed" if delivery == "exactly-once" else "read_uncommitted"
        self._latency = Latency(kafka.bootstrap, self._topics.anomalies, isolation)
        self._service = Service(program, folder, model, kafka.bootstrap, free_port(), self._topics.env)
        self.problems, self.samples, self.rate = [], [], 0.0

    def go(self):
        self._service.start().await_ready()
        try:
            self.rate = SHARE * self._find_maximum()
            generator = self._generate("generator", rate=int(self.rate), seconds=int(self._seconds))
            try:
                self._sample(generator)
            finally:
                generator.stop()
            self._await_no_lag()
            status = self._service.stop()
        finally:
            self._service.kill()
        if status != 0:
            self.problems.append(f"alertrond ended with status {status}")
        self._write_samples()
        self._check()
        return self

    def _write_samples(self):
        """Beside the logs, for whoever asks how it rose."""
        rows = [",".join(str(value) for value in vars(one).values()) for one in self.samples]
        (self._folder / "samples.csv").write_text("\n".join([",".join(vars(self.samples[0])), *rows]) + "\n")

    def _generate(self, name, **options):
        options = {"topic": self._topics.readings, "devices": DEVICES, **options}
        return Generator(self._program, self._folder, self._kafka.bootstrap, name, **options).start()

    def _find_maximum(self):
        """Readings a second, the lowest of three looks, with a generator that does what it can."""
        generator = self._generate("pusher", rate="max", seconds=FIND_SECONDS)
        looks = []
        for _ in range(4):
            looks.append((time.monotonic(), self._service.metrics().sum("kafka_messages_consumed_total")))
            time.sleep(FIND_SECONDS / 5)
        generator.wait(120)
        self._await_no_lag()
        looks = looks[1:]  # the first one waits for the generator
        return min((after[1] - before[1]) / (after[0] - before[0]) for before, after in zip(looks, looks[1:]))

    def _await_no_lag(self):
        wait_until(lambda: self._service.metrics().sum("alertrond_consumer_lag_messages") == 0, 120, "the lag is 0", 0.5)

    def _sample(self, generator):
        end, pause = time.monotonic() + self._seconds, max(1.0, self._seconds / 1000)
        while time.monotonic() < end:
            time.sleep(pause)
            generator.children[0].running or self._ended(generator)
            self.samples.append(Sample(self._service, self._latency))

    def _ended(self, generator):
        if generator.children[0].status != 0:
            raise Failure(f"the generator failed.\n{generator.children[0].tail()}")

    def thirds(self, name):
        """The medians of the first and the last third, without the first tenth, which warms up."""
        kept = [getattr(one, name) for one in self.samples[len(self.samples) // 10 :]]
        kept = [one for one in kept if one is not None]
        size = len(kept) // 3
        if size == 0:
            raise Failure(f"too few samples of {name}: {len(kept)}")
        return statistics.median(kept[:size]), statistics.median(kept[-size:])

    def _check(self):
        bounds = {
            "resident": lambda first: 1.1 * first + FETCHED,
            "files": lambda first: first + 3,
            "threads": lambda first: first + 1,
            "lag": lambda first: 2 * first + self.rate,
            "latency": lambda first: 2 * first + 0.1,
        }
        for name, bound in bounds.items():
            first, last = self.thirds(name)
            if last > bound(first):
                self.problems.append(f"{name} rises: {first:.6g} in the first third, {last:.6g} in the last")

    @property
    def summary(self):
        took = self.samples[-1].at - self.samples[0].at
        rate = (self.samples[-1].consumed - self.samples[0].consumed) / took
        memory, files, threads, lag, latency = map(self.thirds, ("resident", "files", "threads", "lag", "latency"))
        return (
            f"{took / 60:.1f} minutes at {rate:,.0f} readings/s; first third, last third: MiB resident {memory[0] / MEBI:.1f} "
            f"{memory[1] / MEBI:.1f}, file descriptors {files[0]:.0f} {files[1]:.0f}, threads {threads[0]:.0f} {threads[1]:.0f}, "
            f"lag {lag[0]:,.0f} {lag[1]:,.0f}, p99 to the anomaly {latency[0] * 1e3:.0f} ms {latency[1] * 1e3:.0f} ms"
        )


def run(folder, program, model, minutes, delivery):
    kafka = Kafka(folder / "kafka", heap_megabytes=768)
    try:
        return Soak(kafka.start(), program, model, folder, minutes, delivery).go()
    finally:
        kafka.stop()
