"""service_sides: what the benchmark of the service starts: Kafka, alertrond, and the bare programs in C."""

import dataclasses
import os
import pathlib
import random
import re
import shutil
import sys
import time

import machine

sys.path.append(str(machine.ROOT / "deploy" / "local"))
import broker  # noqa: E402
import process  # noqa: E402
from service import clean_environment  # noqa: E402

FOLDER = machine.FOLDER / "service-run"  # this run's data and logs
BUILD = machine.FOLDER / "service"
PROGRAM = BUILD / "alertrond" / "alertrond"
PARTITIONS = 4  # what alertrond's --create-topics makes
DEVICES = 1000
POOL = 20000  # different readings of the latency's measurement
BARE = ("bare_consumer", "bare_loop", "bare_topic", "paced")
TICKS = os.sysconf("SC_CLK_TCK")


def build() -> None:
    """As released, with symbols and frame pointers, so that a profile can be read."""
    flags = "-DCMAKE_C_FLAGS=-g -fno-omit-frame-pointer"
    machine.run(["cmake", "-S", machine.ROOT, "-B", BUILD, "-DCMAKE_BUILD_TYPE=Release", flags])
    machine.run(["cmake", "--build", BUILD, "--target", "alertrond", "-j", os.cpu_count()])
    (machine.FOLDER / "bin").mkdir(exist_ok=True)
    for name in BARE:
        sources = [machine.HERE / f"{name}.c", machine.HERE / "bare.c"]
        compiler = [os.environ.get("CC", "cc"), *machine.CFLAGS, "-o", machine.FOLDER / "bin" / name]
        machine.run([*compiler, *sources, "-lrdkafka", "-lpthread", "-lm"])


def linger() -> str:
    """How long alertrond's producer waits for more anomalies, in ms: the bare loop has to wait as long."""
    for path in sorted((machine.ROOT / "alertrond").glob("kafka*.c")):
        found = re.search(r'"linger\.ms", \.value = "([\d.]+)"', path.read_text())
        if found:
            return found[1]
    raise machine.Unavailable("alertrond's sources do not say its linger.ms")


def bare(name: str, *words, seconds: float = 600) -> list[float]:
    """The numbers that a bare program answers with."""
    answer = machine.run([machine.FOLDER / "bin" / name, *words], timeout=seconds).strip()
    if answer.startswith("error: "):
        raise machine.Unavailable(f"{name}: {answer.removeprefix('error: ')}")
    return [float(word) for word in answer.split()]


@dataclasses.dataclass
class Place:
    """Kafka, and what all measurements share."""

    kafka: "broker.Kafka"
    model: pathlib.Path
    names: int = 0

    @property
    def bootstrap(self) -> str:
        return self.kafka.bootstrap

    def fresh(self, what: str) -> str:
        """A name for a topic or a group that nobody has had."""
        self.names += 1
        return f"{what}-{self.names}"

    def topic(self, what: str) -> str:
        name = self.fresh(what)
        bare("bare_topic", self.bootstrap, "make", PARTITIONS, name)
        return name

    def count(self, topic: str) -> int:
        return int(bare("bare_topic", self.bootstrap, "count", topic)[0])

    def committed(self, topic: str, group: str) -> int:
        return int(bare("bare_topic", self.bootstrap, "committed", topic, group)[0])

    def generate(self, topic: str, count: int, anomalies: float, devices: int = DEVICES) -> tuple[float, float]:
        """Fills a topic with `alertrond generate --rate max`; its readings a second, and CPU seconds a reading."""
        before = os.times()
        words = [PROGRAM, "generate", "--bootstrap", self.bootstrap, "--topic", topic, "--rate", "max", "--seed", "1"]
        words += ["--count", count, "--anomalies", anomalies, "--devices", devices]
        began = time.monotonic()
        machine.run(words, timeout=600)
        seconds, after = time.monotonic() - began, os.times()
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        return count / seconds, cpu / count


def start_kafka() -> "broker.Kafka":
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    return broker.Kafka(FOLDER / "kafka", heap_megabytes=1024).start()


def train() -> pathlib.Path:
    """200 trees of 256 rows and 3 features, whose threshold next to no normal reading is above."""
    normal, model = FOLDER / "normal.csv", FOLDER / "model.alertron"
    generate = [PROGRAM, "generate", "--rate", "max", "--csv", "--count", 20000, "--anomalies", 0, "--seed", 1]
    normal.write_text(machine.run(generate))
    machine.run([PROGRAM, "train", normal, "-o", model, "--trees", 200, "--contamination", 0.0001, "--seed", 42])
    return model


def write_pool(model: pathlib.Path, share: float) -> pathlib.Path:
    """Readings for `paced`, of which `share` are anomalous by the model's own word: their devices begin with 'a'."""
    rows = FOLDER / "pool.csv"
    generate = [PROGRAM, "generate", "--rate", "max", "--csv", "--count", POOL, "--anomalies", 0.3, "--seed", 3]
    rows.write_text(machine.run(generate))
    scored = [line.split(",") for line in machine.run([PROGRAM, "score", "-m", model, rows]).splitlines()[1:]]
    kinds = {mark: [",".join(row[:3]) for row in scored if row[4] == mark] for mark in "01"}
    chance, lines = random.Random(1), []
    for i in range(POOL):
        anomalous = i % 1000 < 1000 * share
        device = f"{'a' if anomalous else 'n'}-{chance.randrange(DEVICES)}"
        features = chance.choice(kinds["1" if anomalous else "0"])
        lines.append(f'{{"device_id":"{device}","features":[{features}],"ts":')
    chance.shuffle(lines)
    pool = FOLDER / "pool.txt"
    pool.write_text("".join(line + "\n" for line in lines))
    return pool


@dataclasses.dataclass
class Counters:
    """What alertrond had done at one time."""

    at: float
    consumed: int
    cpu: float


class Alertrond:
    """`alertrond run` with default settings on topics of its own."""

    def __init__(self, place: Place, readings: str, *options, before=()):
        self.place, self.readings, self.group = place, readings, place.fresh("group")
        self.anomalies, letters = place.topic("anomalies"), place.topic("letters")
        port = process.free_port()
        self.url = f"http://127.0.0.1:{port}"
        words = [*before, PROGRAM, "run", "-m", place.model, "--bootstrap", place.bootstrap, "--group-id", self.group]
        words += ["--kafka-readings-topic", readings, "--kafka-anomalies-topic", self.anomalies]
        words += ["--kafka-dead-letters-topic", letters, "--http-address", "127.0.0.1", "--port", port, *options]
        self.log = FOLDER / f"{self.group}.log"
        self.child = process.Child("alertrond", words, self.log, env=clean_environment())

    def __enter__(self) -> "Alertrond":
        self.began = time.time()
        self.child.start()
        return self

    def __exit__(self, *_) -> None:
        self.child.stop(40)

    def await_ready(self) -> float:
        """Seconds from the start until /readyz says yes."""
        while process.http_get(f"{self.url}/readyz")[0] != 200:
            self.child.check()
            if time.time() - self.began > 60:
                raise machine.Unavailable(f"alertrond is not ready after 60 s: see {self.log}")
            time.sleep(0.005)
        return time.time() - self.began

    def number(self, metrics: str, name: str) -> int:
        found = re.search(rf"^{name}(?:{{[^}}]*}})? (\S+)", metrics, re.MULTILINE)
        return int(float(found[1])) if found else 0

    def total(self, name: str) -> int:
        metrics = process.http_get(f"{self.url}/metrics")[1]
        return sum(int(float(value)) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)", metrics, re.MULTILINE))

    def counters(self) -> Counters:
        began = time.monotonic()
        metrics = process.http_get(f"{self.url}/metrics")[1]
        at = (began + time.monotonic()) / 2
        fields = pathlib.Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return Counters(at, self.number(metrics, "kafka_messages_consumed_total"), sum(map(int, fields[11:13])) / TICKS)

    def memory(self, which: str) -> int:
        """Bytes; VmRSS now or VmHWM, the most so far."""
        status = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        return int(re.search(rf"{which}:\s+(\d+)", status)[1]) * 1024
