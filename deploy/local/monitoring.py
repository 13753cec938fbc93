"""monitoring: Prometheus and Alertmanager with the configuration that production runs, and the Slack stand-in."""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.parse

import paths
from process import Child, Failure, http_get, http_post
from scrape import scrape

# Intervals of the production files, and what they are here: an alert is seen within seconds.
_FAST_PROMETHEUS = {"scrape_interval: 15s": "scrape_interval: 1s", "evaluation_interval: 15s": "evaluation_interval: 1s"}
_FAST_ALERTMANAGER = {
    "group_wait: 10s": "group_wait: 1s",
    "group_interval: 1m": "group_interval: 2s",
    # The dead-man's switch.
    "group_interval: 30s": "group_interval: 2s",
    "repeat_interval: 50s": "repeat_interval: 1s",
}
# How long a rule's condition has to hold before it fires, and how long an alert fires on when it does no more.
_HOLD = re.compile(r"^( *for:) \d+[mh]$", re.MULTILINE)
_KEEP = re.compile(r"^( *keep_firing_for:) \d+[mh]$", re.MULTILINE)


class Prometheus:
    """With the rules and the configuration of production: at short intervals, and alerts end seconds after their cause,
    unless not `fast`; with `hurry`, an alert whose condition has to hold for minutes fires after seconds."""

    def __init__(self, directory, port, service_port, alertmanager_port, *, fast=True, hurry=False):
        self.directory = pathlib.Path(directory)
        self._fast = _FAST_PROMETHEUS if fast else {}
        self._seconds = ([_KEEP] if fast else []) + ([_HOLD] if hurry else [])
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
        if fast:
            # What fires before it has found Alertmanager, in its first 5 seconds, is sent again after this long.
            words += ["--rules.alert.resend-delay=5s"]
        self._child = Child("Prometheus", words, self.directory / "prometheus.log", cwd=cwd)
        self.children = [self._child]

    def start(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        source = paths.DEPLOY / "prometheus"
        for rules in source.glob("alertron.*.yml"):
            text = rules.read_text()
            for times in self._seconds:
                text = times.sub(r"\1 6s", text)
            (self.directory / rules.name).write_text(text)
        _copy(source / "prometheus.yml", self.directory / "prometheus.yml", {**self._addresses, **self._fast})
        self._child.start()
        return self

    def await_ready(self):
        self._child.await_ready(lambda: http_get(f"{self.url}/-/ready")[0] == 200, 60)

    def rules(self):
        """The alerts that it knows: [{"name", "labels", "annotations", ...}]."""
        groups = json.loads(http_get(f"{self.url}/api/v1/rules?type=alert")[1])["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

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
    """Sends as a table of routes says: by default as the one of production, to the Slack webhook whose URL is in
    `webhook_file`, with the dead-man's switch at `watchdog` (a URL)."""

    def __init__(self, directory, port, webhook_file, *, watchdog=None, table=None, fast=True):
        self.directory = pathlib.Path(directory)
        self.url = f"http://127.0.0.1:{port}"
        self._table = table or production_routes(webhook_file, watchdog)
        self._fast = _FAST_ALERTMANAGER if fast else {}
        program, cwd = paths.monitoring_program("prometheus-alertmanager", "alertmanager")
        words = [program, f"--config.file={self.directory / 'alertmanager.yml'}"]
        words += [f"--storage.path={self.directory / 'alertmanager.data'}", "--cluster.listen-address="]
        words += [f"--web.listen-address=127.0.0.1:{port}", f"--web.external-url={self.url}/"]
        self._child = Child("Alertmanager", words, self.directory / "alertmanager.log", cwd=cwd)
        self.children = [self._child]

    def start(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        source = paths.DEPLOY / "alertmanager"
        shutil.copy(source / "alertron.tmpl", self.directory)
        table, rendered = self.directory / "routes.ini", self.directory / "rendered.yml"
        table.write_text(self._table)
        render_routes(table, rendered)
        _copy(rendered, self.directory / "alertmanager.yml", self._fast)
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
        self.watchdog = f"{self.url}/watchdog"
        program = pathlib.Path(__file__).with_name("slack.py")
        words = [sys.executable, "-B", program, "--port", port, "--keep", directory / "slack.jsonl"]
        self._child = Child("the Slack stand-in", words, directory / "slack.log")
        self.children = [self._child]

    def start(self):
        self.webhook_file.parent.mkdir(parents=True, exist_ok=True)
        self.webhook_file.write_text(f"{self.url}/services/alerts")
        self._child.start().await_ready(lambda: http_get(f"{self.url}/messages")[0] == 200, 10)
        return self

    def messages(self):
        """What was delivered: [{"at", "seconds", "channel", "firing", "title", "text", "payload"}], oldest first."""
        status, body = http_get(f"{self.url}/messages")
        return json.loads(body) if status == 200 else []

    def requests(self):
        """Everything that was posted, also what was refused or failed, with its status."""
        return json.loads(http_get(f"{self.url}/requests")[1])

    def watchdog_calls(self):
        """When the dead-man's switch was called: [{"seconds", "status"}]."""
        return json.loads(http_get(self.watchdog)[1])

    def fail(self, status, **how_long):
        """The next messages are answered with this status: times=N, or seconds=N from the first of them on."""
        answer, why = http_post(f"{self.url}/fail", json.dumps({"status": status, **how_long}).encode())
        if answer != 200:
            raise Failure(f"the Slack stand-in refused to fail: {why}")

    def stop(self):
        self._child.stop()


def production_routes(webhook_file, watchdog=None):
    """The committed routes.ini with another webhook, and with a dead-man's switch."""
    text = (paths.DEPLOY / "alertmanager" / "routes.ini").read_text()
    text = _replace(text, {"/etc/alertmanager/slack-webhook-url\n": f"{webhook_file}\n"}, "routes.ini")
    return _replace(text, {"[watchdog]\n": f"[watchdog]\nurl = {watchdog}\n"}, "routes.ini") if watchdog else text


def render_routes(table, output):
    """Writes Alertmanager's configuration from a table; Failure where the table is wrong."""
    words = [sys.executable, "-B", paths.DEPLOY / "alertmanager" / "render", "--table", table, "--output", output]
    rendered = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if rendered.returncode != 0:
        raise Failure(rendered.stderr)


def _copy(source, target, replacements):
    """Copies a configuration file with other values; each must be in it."""
    target.write_text(_replace(source.read_text(), replacements, source))


def _replace(text, replacements, name):
    for old in replacements:
        if old not in text:
            raise Failure(f"{name} has no {old!r}, which would be replaced here")
    pattern = "|".join(re.escape(old) for old in replacements)
    return re.sub(pattern, lambda found: replacements[found[0]], text) if replacements else text
