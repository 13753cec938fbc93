"""The queries of Grafana's dashboards against a real Prometheus with the rules of production, which scrapes two
alertrond: one with a shadow, one with a canary, both exactly-once, with anomalies, dead letters, requests, more devices
than have series, and names that need escapes. Each query finds series."""

import json
import math
import re
import signal
import subprocess
import threading
import time
import urllib.parse

import dashboards
import monitoring
import pytest
import service
from process import Failure, free_port, http_get, http_post, wait_until

BOARDS = dashboards.load()
HOSTILE = """pump "7" \\ north's {east} $1"""
NORMAL, ANOMALOUS = [50.0, 100.0, 0.5], [70.0, 140.0, 0.9]
BUILTIN = {"__rate_interval": "60s", "__interval": "15s", "__range": "600s"}
# Queries of series that are not there, and why: nothing else is excused.
EXCUSED = {"alertrond_drift_score": "this alertrond does not measure drift yet"}
OPTIONS = (
    "--kafka-delivery exactly-once --kafka-workers 1 --model-feature-names temperature,pressure,vibration "
    "--limits-devices 10 --http-admin-access local"
)
# Rules are evaluated each second here. Steps of subqueries lie at whole minutes, so the first is up to a minute away; those
# of five minutes are made one.
FASTER = {"interval: 1m": "interval: 1s", "d:5m]": "d:1m]"}
SECONDS = 100


class Prometheus(monitoring.Prometheus):
    """It scrapes several instances, and its rules are faster."""

    def __init__(self, directory, ports):
        super().__init__(directory, free_port(), ports[0], free_port())
        self._addresses['"127.0.0.1:8000"'] = ", ".join(f'"127.0.0.1:{port}"' for port in ports)

    def start(self):
        super().start().await_ready()
        for rules in self.directory.glob("alertron.*.yml"):
            text = rules.read_text()
            for slow, fast in FASTER.items():
                text = text.replace(slow, fast)
            rules.write_text(text)
        self.children[0].signal(signal.SIGHUP)
        return self

    def ask(self, path, **words):
        """What the API answers; Failure with its own words where it refuses."""
        form = urllib.parse.urlencode(words).encode()
        status, body = http_post(f"{self.url}/api/v1/{path}", form, "application/x-www-form-urlencoded", seconds=30)
        if status != 200:
            raise Failure(f"{path} of {words}: {status} {body}")
        return json.loads(body)["data"]

    def series(self, query, expression):
        """[(labels, numbers)], as a panel would draw them; without those that have no number."""
        now = time.time()
        if query.instant:
            found = self.ask("query", query=expression, time=now)["result"]
        else:
            found = self.ask("query_range", query=expression, start=now - 60, end=now, step=5)["result"]
        numbers = [(one["metric"], [float(number) for _, number in one.get("values") or [one["value"]]]) for one in found]
        return [(labels, some) for labels, some in numbers if not all(map(math.isnan, some))]


class Fleet(threading.Thread):
    """Devices that send, and requests, until they are told to stop."""

    def __init__(self, bootstrap, topic, urls):
        super().__init__()
        from confluent_kafka import Producer

        self._producer = Producer({"bootstrap.servers": bootstrap})
        self._topic, self._urls = topic, urls
        self._ending = threading.Event()

    def begin(self, instances):
        """The first device has series of its own, as it comes before there are too many."""
        wait_until(lambda: all(one.metrics().sum("alertrond_partitions") == 2 for one in instances), 60, "each has its partitions")
        self._send(HOSTILE, ANOMALOUS)
        self._producer.flush(5)
        wait_until(lambda: any(HOSTILE in one.metrics().by("last_anomaly_score", "device_id") for one in instances), 30, "its series")
        self.start()

    def run(self):
        while not self._ending.wait(0.5):
            for number in range(40):
                self._send(f"edge-{number}", NORMAL)
            for _ in range(5):
                self._send(HOSTILE, ANOMALOUS)
            self._producer.produce(self._topic, value=b"not json")
            self._producer.flush(5)
            for url in self._urls:
                http_post(f"{url}/ingest", json.dumps({"device_id": "by-request", "features": ANOMALOUS}).encode())
                http_post(f"{url}/ingest", b"not json")

    def _send(self, device, features):
        self._producer.produce(self._topic, key=device, value=json.dumps({"device_id": device, "features": features}))

    def stop(self):
        self._ending.set()
        self.join()


def devices(prometheus):
    return {labels["device_id"] for labels, _ in prometheus.query("alertron:device_readings:increase1m")}


@pytest.fixture(scope="module")
def prometheus(kafka, program, model, tmp_path_factory):
    directory = tmp_path_factory.mktemp("dashboards")
    other = directory / "other.alertron"
    words = ["--trees", "50", "--contamination", "0.03", "--seed", "7"]
    subprocess.run([program, "train", model.parent / "normal.csv", "-o", other, *words], check=True, capture_output=True)
    topics, ports = kafka.fresh_topics(), [free_port(), free_port()]
    parts = []
    for port, share in zip(ports, ("0", "0.5")):
        (directory / share).mkdir()
        options = [*OPTIONS.split(), "--candidate-path", other, "--candidate-share", share]
        parts.append(service.Service(program, directory / share, model, kafka.bootstrap, port, topics.env, options))
    fleet = Fleet(kafka.bootstrap, topics.readings, [one.url for one in parts])
    parts.append(Prometheus(directory, ports))
    try:
        for one in parts:
            one.start()
        for one in parts[:2]:
            one.await_ready()
        fleet.begin(parts[:2])
        wait_until(lambda: parts[2].number('sum(up{job="alertrond"})') == 2, 30, "Prometheus scrapes both instances")
        for one in parts[:2]:
            assert http_post(f"{one.url}/-/reload", b"")[0] == 200
        wait_until(lambda: {HOSTILE, "_other"} <= devices(parts[2]), 60, "the devices' series")
        yield parts[2]
    finally:
        if fleet.is_alive():
            fleet.stop()
        for one in reversed(parts):
            one.stop()


def values_of(prometheus, variable, chosen):
    """What a variable can be, given those before it; as Grafana asks for it."""
    selector, label = dashboards.label_values(variable)
    words = urllib.parse.urlencode({"match[]": dashboards.fill(selector, chosen, BUILTIN)})
    status, body = http_get(f"{prometheus.url}/api/v1/label/{label}/values?{words}")
    assert status == 200, body
    return json.loads(body)["data"]


def choices(prometheus, uid):
    """The variables of a dashboard with All chosen, and with the one instance that judges the device."""
    chosen = {}
    for name, variable in dashboards.variables(BOARDS[uid]).items():
        if name != "datasource":
            chosen[name] = values_of(prometheus, variable, chosen)
    if "device_id" in chosen:
        chosen["device_id"] = HOSTILE
    its = prometheus.query("last_anomaly_score")
    instance = next(labels["instance"] for labels, _ in its if labels["device_id"] == HOSTILE)
    return [chosen, {**chosen, "job": chosen["job"][:1], "instance": [instance]}]


def wrong(prometheus, query, chosen):
    """What is wrong with what a query finds, or None."""
    found = prometheus.series(query, dashboards.fill(query.expression, chosen, BUILTIN))
    if not found:
        return "no series"
    names = [re.sub(r"\{\{(\w+)\}\}", lambda label: labels.get(label[1], label[0]), query.legend) for labels, _ in found]
    if query.legend not in ("", "__auto") and (len(set(names)) < len(names) or "{{" in "".join(names)):
        return f"legends that don't tell the lines apart, {names}"
    return None


def test_variables_offer_what_is_there(prometheus):
    everything, _ = choices(prometheus, "alertron-device")
    assert everything["job"] == ["alertrond"]
    assert len(everything["instance"]) == 2
    assert HOSTILE in everything["device_id"]


@pytest.mark.parametrize("uid", sorted(BOARDS))
def test_each_query_finds_series(uid, prometheus):
    queries = [one for one in dashboards.queries(BOARDS[uid]) if not any(name in one.expression for name in EXCUSED)]
    assert len(queries) > 10
    for chosen in choices(prometheus, uid):
        end, left = time.monotonic() + SECONDS, {query: "not asked" for query in queries}
        while left and time.monotonic() < end:
            left = {query: why for query in left if (why := wrong(prometheus, query, chosen))}
            time.sleep(1 if left else 0)
        assert not left, "\n".join(f"{why}: {query}" for query, why in left.items())


@pytest.mark.parametrize("name", EXCUSED)
def test_what_is_excused_is_not_there(name, prometheus):
    assert prometheus.query(name) == [], f"{name} is there now: it needs no excuse"
