"""monitoring: Prometheus and Alertmanager with the configuration that production runs, and the Slack stand-in."""

import json
import pathlib
import re
import shutil
import sys
import urllib.parse

import paths
from process import Child, Failure, http_get, http_post
from scrape import scrape

# Intervals of the production files, and what they are here: an alert is seen within seconds.
_FAST_PROMETHEUS = {"scrape_interval: 15s": "scrape_interval: 1s", "evaluation_interval: 15s": "evaluation_interval: 1s"}
_FAST_ALERTMANAGER = {"group_wait: 10s": "group_wait: 1s", "group_interval: 1m": "group_interval: 5s"}


class Prometheus:
    def __init__(self, directory, port, service_port, alertmanager_port):
        self.directory = pathlib.Path(directory)
        self.url = f"http://127.0.0.1:{port}"
        self._addresses = {
            '"127.0.0.1:8000"': f'"127.0.0.1:{service_port}"',
            '"127.0.0.1:9090"': f'"127.0.0.1:{port}"',
            '"127.0.0.1:9093"': f'"127.0.0.1:{alertmanager_port}"',
        }
        program, cwd = paths.monitoring_program("prometheus")
        words = [program, f"--config.file={self.directory / 'prometheus.yml'}"]
        words += [f"--storage.tsdb.path={self.directory / 'prometheus.data'}"]
        words += [f"--web.listen-address=127.0.0.1:{port}", f"--web.external-url={self.url}/"]
        self._child = Child("Prometheus", words, self.directory / "prometheus.log", cwd=cwd)
        self.children = [self._child]

    def start(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        source = paths.DEPLOY / "prometheus"
        for rules in source.glob("alertron.*.yml"):
            shutil.copy(rules, self.directory)
        _copy(source / "prometheus.yml", self.directory / "prometheus.yml", {**self._addresses, **_FAST_PROMETHEUS})
        self._child.start()
        return self

    def await_ready(self):
        self._child.await_ready(lambda: http_get(f"{self.url}/-/ready")[0] == 200, 60)

    def query(self, expression):
        """[(labels, number)] of an instant query; empty where it can't be asked."""
        status, body = http_get(f"{self.url}/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        if status != 200:
            return []
        return [(sample["metric"], float(sample["value"][1])) for sample in json.loads(body)["data"]["result"]]

    def number(self, expression):
        """The one number that an expression gives, or None."""
        samples = self.query(expression)
        return samples[0][1] if samples else None

    def stop(self):
        self._child.stop()


class Alertmanager:
    """Sends to the Slack webhook whose URL is in `webhook_file`."""

    def __init__(self, directory, port, webhook_file):
        self.directory = pathlib.Path(directory)
        self.url = f"http://127.0.0.1:{port}"
        self._webhook_file = webhook_file
        program, cwd = paths.monitoring_program("prometheus-alertmanager", "alertmanager")
        words = [program, f"--config.file={self.directory / 'alertmanager.yml'}"]
        words += [f"--storage.path={self.directory / 'alertmanager.data'}", "--cluster.listen-address="]
        words += [f"--web.listen-address=127.0.0.1:{port}", f"--web.external-url={self.url}/"]
        self._child = Child("Alertmanager", words, self.directory / "alertmanager.log", cwd=cwd)
        self.children = [self._child]

    def start(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        # A JSON string is a YAML string: the path may contain anything.
        webhook = {"/etc/alertmanager/slack-webhook-url": json.dumps(str(self._webhook_file))}
        source = paths.DEPLOY / "alertmanager" / "alertmanager.yml"
        _copy(source, self.directory / "alertmanager.yml", {**webhook, **_FAST_ALERTMANAGER})
        self._child.start()
        return self

    def await_ready(self):
        self._child.await_ready(lambda: http_get(f"{self.url}/-/ready")[0] == 200, 60)

    def metrics(self):
        return scrape(f"{self.url}/metrics")

    def stop(self):
        self._child.stop()


class Slack:
    """The stand-in: slack.py in a process of its own."""

    def __init__(self, directory, port):
        directory = pathlib.Path(directory)
        self.url = f"http://127.0.0.1:{port}"
        self.webhook_file = directory / "slack-webhook-url"
        program = pathlib.Path(__file__).with_name("slack.py")
        words = [sys.executable, "-B", program, "--port", port, "--keep", directory / "slack.jsonl"]
        self._child = Child("the Slack stand-in", words, directory / "slack.log")
        self.children = [self._child]

    def start(self):
        self.webhook_file.parent.mkdir(parents=True, exist_ok=True)
        self.webhook_file.write_text(f"{self.url}/services/local")
        self._child.start().await_ready(lambda: http_get(f"{self.url}/messages")[0] == 200, 60)
        return self

    def messages(self):
        """What was delivered: [{"at", "firing", "title", "text", "payload"}], oldest first."""
        status, body = http_get(f"{self.url}/messages")
        return json.loads(body) if status == 200 else []

    def requests(self):
        """Everything that was posted, also what was refused or failed, with its status."""
        return json.loads(http_get(f"{self.url}/requests")[1])

    def fail(self, status, times):
        """The next `times` messages are answered with this status."""
        answer, why = http_post(f"{self.url}/fail", json.dumps({"status": status, "times": times}).encode())
        if answer != 200:
            raise Failure(f"the Slack stand-in refused to fail: {why}")

    def stop(self):
        self._child.stop()


def _copy(source, target, replacements):
    """Copies a configuration file with other values; each must be in it."""
    text = source.read_text()
    for old in replacements:
        if old not in text:
            raise Failure(f"{source} has no {old!r}, which would be replaced here")
    pattern = "|".join(re.escape(old) for old in replacements)
    target.write_text(re.sub(pattern, lambda found: replacements[found[0]], text))
