"""alert_stack: everything from the broker to Slack, for the tests of the alert loop; as a program, it measures how long an
anomaly takes to reach Slack.

    /usr/bin/python3 -B tests/alert_stack.py [--production] [--runs 8]

Prints the seconds from the moment the broker has taken a burst of anomalies until the stand-in has taken the message; with
--production at the intervals of the committed configuration.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "deploy" / "local"))

import broker  # noqa: E402
import monitoring  # noqa: E402
import service  # noqa: E402
from process import free_port, wait_until  # noqa: E402

ANOMALOUS = [70.0, 140.0, 0.9]
NORMAL = [50.0, 100.0, 0.5]
STEADY = {"rate": 10, "anomalies": 0.08}
ROUTES = """
[links]
runbooks = https://git.example.test/alertron/blob/main/
grafana = https://grafana.example.test/

[route pumps]
device_id = pump-.+
webhook_file = {folder}/pumps
"""


class Stack:
    """A broker, alertrond, Prometheus, Alertmanager and the Slack stand-in, with the configuration of production plus a
    channel of their own for pumps."""

    def __init__(self, directory, program, model, *, fast=True, hurry=False):
        self.directory = pathlib.Path(directory)
        self.broker = broker.EmbeddedBroker(program, directory)
        self.slack = monitoring.Slack(directory, free_port())
        table = monitoring.production_routes(self.slack.webhook_file, self.slack.watchdog).replace("[links]\n", ";\n")
        table += ROUTES.format(folder=directory)
        self.alertmanager = monitoring.Alertmanager(directory, free_port(), None, table=table, fast=fast)
        self._program, self._model = program, model
        service_port, alertmanager_port = free_port(), int(self.alertmanager.url.rsplit(":", 1)[1])
        self._service_port = service_port
        self.prometheus = monitoring.Prometheus(
            directory, free_port(), service_port, alertmanager_port, fast=fast, hurry=hurry
        )
        self._parts = []

    def start(self):
        self._start(self.broker)
        self._start(self.slack)
        (self.directory / "pumps").write_text(f"{self.slack.url}/services/pumps")
        # One worker: with two, the embedded broker now and then needs 45 s to share out the partitions.
        options = ["--kafka-workers", "1", "--model-feature-names", "temperature, pressure, vibration"]
        self.service = service.Service(
            self._program, self.directory, self._model, self.broker.bootstrap, self._service_port, options=options
        )
        self._start(self.service)
        self._start(self.alertmanager)
        self._start(self.prometheus)
        self.alertmanager.await_ready()
        self.prometheus.await_ready()
        self.service.await_ready()
        # The first scrape comes some seconds after the start.
        wait_until(lambda: self.prometheus.number('up{job="alertrond"}') == 1, 60, "Prometheus scrapes the service")
        return self

    def stop(self):
        for part in reversed(self._parts):
            part.stop()

    def kill(self):
        """At once: where what stop() waits for is gone."""
        for part in self._parts:
            for child in part.children:
                child.kill()

    def generate(self, name="generator", **options):
        made = service.Generator(self._program, self.directory, self.broker.bootstrap, name, **options)
        self._start(made)
        return made

    def produce(self, *readings):
        """Writes (device, features, count) to the topic as devices do; returns when the broker has taken them."""
        from confluent_kafka import Producer

        producer = Producer({"bootstrap.servers": self.broker.bootstrap})
        for device, features, count in readings:
            for _ in range(count):
                producer.produce("readings", key=device, value=json.dumps({"device_id": device, "features": features}))
        assert producer.flush(20) == 0
        return time.time()

    def messages(self, word, alert=""):
        """Those in Slack that begin with [FIRING] or [RESOLVED] and are of an alert."""
        return [one for one in self.slack.messages() if one["title"].startswith(f"[{word}]") and alert in fallback(one)]

    def await_message(self, word, alert, seconds):
        return wait_until(lambda: self.messages(word, alert), seconds, f"a message {word} {alert}")[0]

    def _start(self, part):
        self._parts.append(part)  # known before it starts, so that it is stopped where that fails
        part.start()


def fallback(message):
    return message["payload"]["attachments"][0]["fallback"]


def measure(stack, runs):
    """Seconds from a burst to its message, one burst after the other."""
    for number in range(runs):
        # A device of its own each time, and no burst within the minute of the one before: an incident of its own.
        device = f"edge-{100 + number}"
        # At another moment of the scrapes' interval each time.
        time.sleep(75 + 15 * number / runs)
        began = stack.produce((device, ANOMALOUS, 60))
        message = wait_until(
            lambda: [one for one in stack.slack.messages() if one["firing"] and one["seconds"] > began], 120, "a message"
        )[0]
        print(f"{message['seconds'] - began:6.2f} s  {message['title']}", flush=True)
        yield message["seconds"] - began


def main():
    parser = argparse.ArgumentParser(description="Measures how long an anomaly takes to reach Slack.")
    parser.add_argument("--production", action="store_true", help="at the intervals of the committed configuration")
    parser.add_argument("--runs", type=int, default=8)
    options = parser.parse_args()
    program = pathlib.Path(os.environ.get("ALERTROND") or ROOT / "build" / "check" / "alertrond" / "alertrond").absolute()
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(folder, program, service.train(program, pathlib.Path(folder)), fast=not options.production)
        try:
            stack.start().generate(**STEADY)
            seconds = list(measure(stack, options.runs))
        finally:
            stack.stop()
    profile = "production" if options.production else "fast"
    print(f"{profile}: {min(seconds):.1f} to {max(seconds):.1f} s, median {statistics.median(seconds):.1f} s, of {len(seconds)} bursts")


if __name__ == "__main__":
    main()
