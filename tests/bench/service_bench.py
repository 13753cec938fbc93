"""service_bench: alertrond between a real Kafka and its users, beside programs that do nothing but move messages.

    tests/bench/run --only service [--quick] [--rounds N] [--json FILE]

Starts Kafka on this machine, fills topics with `alertrond generate --rate max`, and measures in turn, round after
round: how fast a bare consumer and alertrond work off the same backlog, and how long a reading takes to its anomaly
through a bare loop and through alertrond. Then memory, many devices, readiness, POST /ingest, and where the time goes.
docs/benchmarks.md says what each figure is. Everything it makes is in build/bench.
"""

import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import time

import machine
import service_report
import service_sides as sides
import service_stages as stages

RATES = (1000, 10000, 50000)
SHARES = {"1%": 0.01, "8%": 0.08}  # of anomalies: what a fleet has, and the generator's default
POOL_SHARE = 0.08  # of the latency's readings
WARM_UP = 2  # seconds, which do not count
POLL_SECONDS = 0.05
MANY_DEVICES = 100_000
INGEST = '{"device_id":"edge-7","features":[50.1,99.0,0.51],"ts":1763800000.123}'


@dataclasses.dataclass
class Figures:
    """What one side needed, one number a round."""

    rate: list[float] = dataclasses.field(default_factory=list)  # readings a second
    cpu: list[float] = dataclasses.field(default_factory=list)  # seconds a reading, all threads
    memory: list[float] = dataclasses.field(default_factory=list)  # bytes, the most


# ---- throughput ----


def bare_consumer(place: sides.Place, topic: str, count: int, handles: int) -> tuple[float, float, float]:
    words = [place.bootstrap, topic, place.fresh("bare"), count, handles, 0]
    messages, seconds, cpu, peak = sides.bare("bare_consumer", *words)
    return messages / seconds, cpu / messages, peak * 1024


def work_off(service: sides.Alertrond, count: int) -> tuple[float, float, float]:
    """alertrond on a backlog: from the last time it had consumed nothing to the first time that it had all."""
    first = service.counters()
    end = time.monotonic() + 300
    while True:
        now = service.counters()
        if now.consumed == 0:
            first = now
        if now.consumed >= count:
            break
        service.child.check()
        if time.monotonic() > end:
            raise machine.Unavailable(f"alertrond dealt with {now.consumed} of {count} readings in 300 s")
        time.sleep(POLL_SECONDS)
    return count / (now.at - first.at), (now.cpu - first.cpu) / count, service.memory("VmHWM")


def await_outputs(place: sides.Place, service: sides.Alertrond, count: int) -> dict:
    """Waits until all is committed, which it is only behind acknowledged outputs; what there is to agree on."""
    end = time.monotonic() + 20
    while place.committed(service.readings, service.group) < count and time.monotonic() < end:
        time.sleep(0.2)
    found = {
        "readings": count,
        "committed": place.committed(service.readings, service.group),
        "anomalies": service.total("alertrond_anomalies_total"),
        "written": place.count(service.anomalies),
    }
    if found["committed"] != count or found["anomalies"] != found["written"]:
        raise machine.Unavailable(f"alertrond's outputs do not agree: {found}")
    return found


def throughput(place: sides.Place, count: int, rounds: int) -> dict:
    """{share: {side: Figures}} and what the generator did; sides in turn, in an order that is turned each round."""
    results: dict = {"generator": Figures()}
    for name, share in SHARES.items():
        topic = place.topic("readings")
        rate, cpu = place.generate(topic, count, share)
        results["generator"].rate.append(rate)
        results["generator"].cpu.append(cpu)
        figures = {"bare consumer": Figures(), "bare consumer, 2 handles": Figures(), "alertrond": Figures()}
        for n in range(rounds):
            for side in list(figures) if n % 2 == 0 else list(figures)[::-1]:
                progress(f"throughput, {name} anomalous, round {n + 1} of {rounds}: {side}")
                if side == "alertrond":
                    with sides.Alertrond(place, topic) as service:
                        measured = work_off(service, count)
                        results[f"outputs {name}"] = await_outputs(place, service, count)
                else:
                    measured = bare_consumer(place, topic, count, 2 if "2" in side else 1)
                for values, value in zip((figures[side].rate, figures[side].cpu, figures[side].memory), measured):
                    values.append(value)
        results[name] = figures
        results.setdefault("topic", topic)
    return results


# ---- latency ----


def paced(place: sides.Place, readings: str, anomalies: str, pool: pathlib.Path, rate: int, seconds: float) -> dict:
    words = [place.bootstrap, readings, anomalies, pool, rate, seconds + WARM_UP, WARM_UP, "linger.ms=1"]
    values = sides.bare("paced", *words, seconds=seconds + 120)
    names = ("sent", "expected", "came", "late", "min", "p50", "p90", "p99", "p999", "max")
    found = dict(zip(names, values))
    if found["expected"] != found["came"]:
        raise machine.Unavailable(f"of {found['expected']:.0f} anomalies {found['came']:.0f} came")
    return found


def latency_of_loop(place: sides.Place, pool: pathlib.Path, rate: int, seconds: float) -> dict:
    readings, anomalies = place.topic("paced"), place.topic("filtered")
    words = [machine.FOLDER / "bin" / "bare_loop", place.bootstrap, readings, anomalies, place.fresh("loop")]
    loop = sides.process.Child("bare_loop", [*words, f"linger.ms={sides.linger()}"], sides.FOLDER / "loop.log").start()
    try:
        return paced(place, readings, anomalies, pool, rate, seconds)
    finally:
        loop.stop()


def latency_of_ours(place: sides.Place, pool: pathlib.Path, rate: int, seconds: float) -> dict:
    readings = place.topic("paced")
    with sides.Alertrond(place, readings) as service:
        service.await_ready()
        return paced(place, readings, service.anomalies, pool, rate, seconds)


def latency(place: sides.Place, seconds: float, rounds: int) -> dict:
    """{rate: {side: [quantiles of a round, in ms]}}"""
    pool = sides.write_pool(place.model, POOL_SHARE)
    results: dict = {}
    for n in range(rounds):
        for rate in RATES:
            both = {"bare loop": latency_of_loop, "alertrond": latency_of_ours}
            for side in list(both) if n % 2 == 0 else list(both)[::-1]:
                progress(f"latency at {rate:,}/s, round {n + 1} of {rounds}: {side}")
                found = both[side](place, pool, rate, seconds)
                results.setdefault(rate, {}).setdefault(side, []).append(found)
    return results


# ---- at rest, many devices, readiness, /ingest ----


def log_time(log: pathlib.Path, pattern: str) -> float | None:
    """When a line was logged, in seconds since 1970."""
    for line in log.read_text().splitlines():
        stamp = re.search(r"(\d{4}-\d\d-\d\dT[\d:.]+)Z", line)
        if stamp and re.search(pattern, line):
            return datetime.datetime.fromisoformat(stamp[1] + "+00:00").timestamp()
    return None


def readiness(place: sides.Place, rounds: int) -> dict:
    """Seconds from exec to /readyz, the same without the time from subscribing to having partitions, and memory."""
    ready, own, at_rest = [], [], []
    topic = place.topic("empty")
    for _ in range(rounds):
        with sides.Alertrond(place, topic) as service:
            seconds = service.await_ready()
            joined = log_time(service.log, r"as a member of group")
            assigned = log_time(service.log, r"reading \d+ more partition")
            ready.append(seconds)
            if joined and assigned:
                own.append(seconds - (assigned - joined))
            time.sleep(2)
            at_rest.append(service.memory("VmRSS"))
    return {"ready": ready, "own": own, "at rest": at_rest}


def many_devices(place: sides.Place, count: int) -> dict:
    topic = place.topic("many")
    place.generate(topic, count, 0.01, devices=MANY_DEVICES)
    with sides.Alertrond(place, topic, "--limits-devices", MANY_DEVICES) as service:
        rate, cpu, memory = work_off(service, count)
        seconds = []
        for _ in range(5):
            began = time.monotonic()
            size = len(sides.process.http_get(f"{service.url}/metrics", seconds=30)[1])
            seconds.append(time.monotonic() - began)
        devices = service.total("alertrond_devices")
    return {"rate": rate, "cpu": cpu, "memory": memory, "scrape": min(seconds), "bytes": size, "devices": devices}


def ingest(place: sides.Place, seconds: int) -> dict:
    """POST /ingest with keep-alive: alertrond on one core, wrk on another."""
    for program in ("wrk", "taskset"):
        if not shutil.which(program):
            return {"why not": f"{program} is not installed"}
    script = sides.FOLDER / "ingest.lua"
    headers = 'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
    script.write_text(f"{headers}wrk.body = '{INGEST}'\n")
    ours, theirs = sorted(os.sched_getaffinity(0))[0], sorted(os.sched_getaffinity(0))[-1]
    with sides.Alertrond(place, place.topic("empty"), before=["taskset", "-c", ours]) as service:
        service.await_ready()
        words = ["taskset", "-c", theirs, "wrk", "-t1", "-c8", f"-d{seconds}", "-s", script, f"{service.url}/ingest"]
        said = machine.run(words, timeout=seconds + 30)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    if not rate or failed:
        return {"why not": f"wrk: {failed[0] if failed else said.strip()[-200:]}"}
    return {"rate": float(rate[1])}


# ---- where the time goes ----


def profile(place: sides.Place, topic: str, count: int) -> dict:
    """{stage: seconds a reading}, and the readings a second with the profiler at work."""
    with sides.Alertrond(place, topic) as service:
        service.await_ready()
        samples = stages.Profile(service.child.pid)
        with samples:
            rate, cpu, _ = work_off(service, count)
    return {"rate": rate, "stages": {stage: share * cpu for stage, share in samples.shares().items()}}


# ---- the whole ----


def progress(text: str) -> None:
    print(f"  {text}", flush=True)


def measure(chosen: argparse.Namespace, place: sides.Place) -> dict:
    count = 2_000_000 if chosen.quick else 10_000_000
    seconds = 4 if chosen.quick else 20
    rounds = 1 if chosen.quick else max(1, chosen.rounds)
    found: dict = {"throughput": throughput(place, count, rounds), "count": count, "rounds": rounds}
    found["latency"] = latency(place, seconds, rounds)
    progress("readiness and memory at rest")
    found["readiness"] = readiness(place, 2 if chosen.quick else 5)
    progress(f"{MANY_DEVICES:,} devices")
    found["devices"] = many_devices(place, count // 2)
    progress("POST /ingest")
    found["ingest"] = ingest(place, 3 if chosen.quick else 10)
    progress("where the time goes")
    try:
        found["profile"] = profile(place, found["throughput"]["topic"], count)
    except machine.Unavailable as error:
        found["profile"] = {"why not": str(error)}
    return found


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tests/bench/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=["service"], required=True)
    parser.add_argument("--quick", action="store_true", help="a shorter backlog, one round: under 3 minutes")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--json", type=pathlib.Path, default=machine.FOLDER / "service.json", metavar="FILE")
    return parser.parse_args()


def facts() -> dict:
    name, flags = machine.cpu()
    return {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="minutes"),
        "cpu": name,
        "flags": flags,
        "cpus": os.cpu_count(),
        "load": os.getloadavg()[0],
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "commit": machine.commit(),
        "kafka": sides.broker.KAFKA_VERSION,
        "linger.ms": sides.linger(),
        "partitions": sides.PARTITIONS,
    }


def run(chosen: argparse.Namespace) -> None:
    began = time.monotonic()
    print("Building alertrond and the bare programs; kept in build/bench for the next run.", flush=True)
    sides.build()
    head = facts()
    try:
        kafka = sides.start_kafka()
    except (sides.process.Failure, sides.broker.paths.Missing) as error:
        raise machine.Unavailable(str(error)) from None
    try:
        place = sides.Place(kafka, sides.train())
        found = measure(chosen, place)
    finally:
        kafka.stop()
        shutil.rmtree(sides.FOLDER / "kafka", ignore_errors=True)
    head["seconds"] = round(time.monotonic() - began)
    service_report.print_all(head, found)
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    document = {"machine": head, "found": found, "aims": service_report.aims(found)}
    chosen.json.write_text(json.dumps(document, indent=1, default=dataclasses.asdict) + "\n")
    print(f"\n{head['seconds']} s. All rounds are in {os.path.relpath(chosen.json)}.")


if __name__ == "__main__":
    try:
        run(options())
    except (machine.Unavailable, sides.process.Failure) as error:
        raise SystemExit(f"tests/bench/run: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit("\nInterrupted.") from None
