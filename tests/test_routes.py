"""deploy/alertmanager: the table of routes, the configuration rendered from it, and where each alert goes. No broker is needed."""

import importlib.machinery
import importlib.util
import re
import subprocess
import sys

import monitoring
import pytest
from alert_samples import CONSEQUENCES, FOLDER, KINDS, TABLE, amtool, labels
from process import free_port

pytestmark = pytest.mark.quick

RENDER = FOLDER / "render"

def render(table, *words):
    command = [sys.executable, "-B", RENDER, "--table", table, *words]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def written(folder, text):
    table = folder / "routes.ini"
    table.write_text(text)
    return table


@pytest.fixture(scope="module")
def routed(tmp_path_factory):
    """A folder with the alertmanager.yml of TABLE."""
    folder = tmp_path_factory.mktemp("routes")
    table = written(folder, TABLE % {"folder": folder, "watchdog": "https://ping.example.test/?a=1&b=2"})
    rendered = render(table, "--output", folder / "alertmanager.yml")
    assert rendered.returncode == 0, rendered.stderr
    (folder / "alertron.tmpl").write_text((FOLDER / "alertron.tmpl").read_text())
    return folder


# ---- the table ----


def test_the_committed_configuration_is_the_one_of_the_committed_table():
    rendered = render(FOLDER / "routes.ini", "--output", "-")
    assert rendered.returncode == 0, rendered.stderr
    assert rendered.stdout == (FOLDER / "alertmanager.yml").read_text(), "run deploy/alertmanager/render"


def test_the_examples_in_the_committed_table_work(tmp_path):
    text = re.sub(r"^;(\w+ = |\[)", r"\1", (FOLDER / "routes.ini").read_text(), flags=re.MULTILINE)
    rendered = render(written(tmp_path, text), "--output", tmp_path / "alertmanager.yml")
    assert rendered.returncode == 0, rendered.stderr
    (tmp_path / "alertron.tmpl").write_text("")
    status, said = amtool("check-config", tmp_path / "alertmanager.yml")
    assert status == 0 and "4 receivers" in said, said


DEFAULT = "[default]\nwebhook_file = /x\n"
MISTAKES = {
    "nothing": ("", "[default]: webhook_file is missing"),
    "no section": ("webhook_file = /x\n", "no section headers"),
    "an unknown section": (DEFAULT + "[pumps]\ndevice_id = p\n", "[pumps]: no such section; there are [default]"),
    "a default with a name": (DEFAULT + "[default x]\nwebhook_file = /x\n", "[default x]: no such section"),
    "an unknown key": (DEFAULT + "[route a]\nseverety = critical\nteam = fleet\nwebhook_file = /x\n", "[route a]: no such key 'severety'"),
    "a condition in the default": ("[default]\nteam = fleet\nwebhook_file = /x\n", "[default]: no such key 'team'"),
    "the same section twice": (DEFAULT + DEFAULT, "section 'default' already exists"),
    "the same key twice": (DEFAULT + "webhook_file = /y\n", "option 'webhook_file' in section 'default' already exists"),
    "no =": (DEFAULT + "channel\n", "contains parsing errors"),
    "no value": ("[default]\nwebhook_file =\n", "webhook_file has no value"),
    "a line that goes on": ("[default]\nwebhook_file = /x\n  /y\n", "webhook_file goes on over several lines"),
    "a comment behind a value": (DEFAULT + "[route a]\ndevice_id = pump-.+ ; pumps\nwebhook_file = /x\n", "[route a]: device_id holds '; pumps'"),
    "a comment behind a path": ("[default]\nwebhook_file = /x # hook\n", "[default]: webhook_file holds '# hook'"),
    "a value in quotes": (DEFAULT + "[route a]\ndevice_id = \"pump-7\"\nwebhook_file = /x\n", "device_id is in quotes"),
    "a webhook in place of its file": ("[default]\nwebhook_file = https://hooks.example.test/x\n", "which is a secret"),
    "a relative path": ("[default]\nwebhook_file = slack/url\n", "no absolute path: slack/url"),
    "a bad channel": (DEFAULT + "channel = #a b\n", "[default]: channel is a name such as #pumps"),
    "a template for a channel": (DEFAULT + "channel = {{.}}\n", "[default]: channel is a name"),
    "a route without a name": (DEFAULT + "[route]\nteam = fleet\nwebhook_file = /x\n", "a route is named by letters"),
    "a route with a bad name": (DEFAULT + "[route a b]\nteam = fleet\nwebhook_file = /x\n", "a route is named by letters"),
    "a route that is there already": (
        DEFAULT + "[route a]\ndevice_id = x\nwebhook_file = /x\n[route  a]\ndevice_id = y\nwebhook_file = /y\n",
        "[route  a]: there is a [route a] already",
    ),
    "a route without a file": (DEFAULT + "[route a]\nteam = fleet\n", "[route a]: webhook_file is missing"),
    "a route without a condition": (DEFAULT + "[route a]\nwebhook_file = /x\n", "[route a]: it has no condition"),
    "no such team": (DEFAULT + "[route a]\nteam = flet\nwebhook_file = /x\n", "team is one of fleet, platform, not 'flet'"),
    "no such severity": (DEFAULT + "[route a]\nseverity = bad\nwebhook_file = /x\n", "severity is one of critical, warning"),
    "a bad expression": (DEFAULT + "[route a]\ndevice_id = pump-(\nwebhook_file = /x\n", "device_id is no regular expression"),
    "look-ahead": (DEFAULT + "[route a]\ndevice_id = (?!pump).+\nwebhook_file = /x\n", "(RE2) have not"),
    "a back reference": (DEFAULT + "[route a]\ndevice_id = (a)\\1\nwebhook_file = /x\n", "(RE2) have not"),
    "a repetition without a minimum": (DEFAULT + "[route a]\ndevice_id = pump-[0-9]{,3}\nwebhook_file = /x\n", "(RE2) have not"),
    "a repetition beyond a thousand": (DEFAULT + "[route a]\ndevice_id = p{1,1001}\nwebhook_file = /x\n", "(RE2) have not"),
    "Python's end of the text": (DEFAULT + "[route a]\ndevice_id = pump\\Z\nwebhook_file = /x\n", "(RE2) have not"),
    "Python's letter by number": (DEFAULT + "[route a]\ndevice_id = \\u0070ump\nwebhook_file = /x\n", "(RE2) have not"),
    "Python's letter by name": (DEFAULT + "[route a]\ndevice_id = \\N{BULLET}\nwebhook_file = /x\n", "(RE2) have not"),
    "Python's flag": (DEFAULT + "[route a]\ndevice_id = (?ix)pump\nwebhook_file = /x\n", "(RE2) have not"),
    "spaces around an alternative": (DEFAULT + "[route a]\ndevice_id = pump-7 | pump-8\nwebhook_file = /x\n", "write a|b, and [ ]"),
    "any alert at all": (DEFAULT + "[route a]\ndevice_id = .*\nwebhook_file = /x\n", "also takes the alerts that are about no device"),
    "a platform's device": (DEFAULT + "[route a]\nteam = platform\ndevice_id = x\nwebhook_file = /x\n", "gets nothing"),
    "a route behind a wider one": (
        DEFAULT + "[route a]\nteam = fleet\nwebhook_file = /x\n[route b]\nteam = fleet\ndevice_id = x\nwebhook_file = /y\n",
        "[route b]: [route a] comes first",
    ),
    "a link to nowhere": (DEFAULT + "[links]\ngrafana = grafana:3000\n", "[links]: grafana is an address"),
    "a link with a query": (DEFAULT + "[links]\nrunbooks = https://x.example.test/?a=1\n", "[links]: runbooks is an address"),
    "a template for a link": (DEFAULT + "[links]\ngrafana = https://x/{{.}}\n", "[links]: grafana is an address"),
    "a switch without address": (DEFAULT + "[watchdog]\nurl = ping\n", "[watchdog]: url is an address"),
    "two switches": (DEFAULT + "[watchdog]\nurl = https://x\nurl_file = /x\n", "[watchdog]: url and url_file are both there"),
    "a switch's relative path": (DEFAULT + "[watchdog]\nurl_file = x\n", "[watchdog]: url_file is no absolute path: x"),
}


@pytest.mark.parametrize("text, told", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_in_the_table_is_told_and_nothing_is_written(tmp_path, text, told):
    rendered = render(written(tmp_path, text), "--output", tmp_path / "out.yml")
    assert rendered.returncode == 1
    assert told in rendered.stderr
    assert "routes.ini" in rendered.stderr and "Traceback" not in rendered.stderr
    assert not (tmp_path / "out.yml").exists()


def test_all_mistakes_are_told_at_once(tmp_path):
    rendered = render(written(tmp_path, "[default]\n[route a]\nteam = x\n[links]\nnews = y\n"), "--output", "-")
    assert len(rendered.stderr.splitlines()) == 5, rendered.stderr  # and: nothing is written
    assert rendered.stdout == ""


def test_a_table_that_is_not_there_is_told(tmp_path):
    rendered = render(tmp_path / "none.ini", "--output", "-")
    assert rendered.returncode == 1
    assert "none.ini can't be read" in rendered.stderr and "Traceback" not in rendered.stderr


@pytest.mark.parametrize("pattern", [r"\x41", r"a{1000}", r"a{2,1000}", r"\\Users", r"\\1", r"(?i)a", r"(?s-m:a)", "line 7", r"a \| b", "a;b", "a#1"])
def test_what_alertmanager_takes_is_not_refused(tmp_path, pattern):
    table = written(tmp_path, f"[default]\nwebhook_file = /x\n[route a]\ndevice_id = {pattern}\nwebhook_file = /x\n")
    rendered = render(table, "--output", tmp_path / "alertmanager.yml")
    assert rendered.returncode == 0, rendered.stderr
    (tmp_path / "alertron.tmpl").write_text("")
    status, said = amtool("check-config", tmp_path / "alertmanager.yml")
    assert status == 0, said


# ---- the routes ----


@pytest.mark.parametrize("which", ["committed", "of a full table"])
def test_alertmanager_takes_the_configuration(routed, which):
    status, said = amtool("check-config", (FOLDER if which == "committed" else routed) / "alertmanager.yml")
    assert status == 0, said
    assert "1 templates" in said


def receiver(config, **labels):
    words = [f"{name}={value}" for name, value in labels.items()]
    status, said = amtool("config", "routes", "test", f"--config.file={config}", *words)
    assert status == 0, said
    return said.splitlines()[0]  # and a warning after it


@pytest.mark.parametrize("kind", KINDS)
def test_every_alert_finds_its_channel(routed, kind):
    severity, team = KINDS[kind]
    expected = {"fleet": "slack", "platform": "slack-tickets" if severity == "warning" else "slack-platform"}[team]
    words = [f"--verify.receivers={expected}", *(f"{name}={value}" for name, value in labels(kind).items())]
    status, said = amtool("config", "routes", "test", f"--config.file={routed / 'alertmanager.yml'}", *words)
    assert status == 0, said
    assert receiver(FOLDER / "alertmanager.yml", **labels(kind)) == "slack"


@pytest.mark.parametrize("kind", ["AlertronDeviceAnomalySpike", "AlertronDeviceSilent"])
@pytest.mark.parametrize(
    "device, expected",
    [
        *((device, "slack-pumps") for device in ("pump-7", "pump-12345", "\"sump\"'s \\ 1")),
        *((device, "slack") for device in ("edge-1", "old-pump-7", "pump-7a", "_other")),
    ],
)
def test_a_device_finds_its_own_channel(routed, kind, device, expected):
    quoted = '"' + device.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert receiver(routed / "alertmanager.yml", **labels(kind, device_id=quoted)) == expected


def test_watchdog_goes_to_the_dead_mans_switch_and_to_no_channel(routed):
    watchdog = {"alertname": "Watchdog", "severity": "none", "team": "platform"}
    assert receiver(routed / "alertmanager.yml", **watchdog) == "dead-mans-switch"
    assert receiver(FOLDER / "alertmanager.yml", **watchdog) == "no-dead-mans-switch-is-configured"


def test_a_dead_mans_switch_may_be_in_a_file(tmp_path):
    rendered = render(written(tmp_path, DEFAULT + "[watchdog]\nurl_file = /run/secrets/ping\n"), "--output", "-")
    assert "      - url_file: '/run/secrets/ping'\n        send_resolved: false\n" in rendered.stdout


def test_what_the_routes_know_of_alerts_is_what_the_rules_say(tmp_path):
    prometheus = monitoring.Prometheus(tmp_path, free_port(), free_port(), free_port())
    try:
        prometheus.start()
        prometheus.await_ready()
        rules = prometheus.rules()
    finally:
        prometheus.stop()
    told = {}
    for rule in rules:
        told.setdefault(rule["name"], set()).add((rule["labels"].get("severity"), rule["labels"].get("team")))
    budgets = {kind: {KINDS[kind], ("warning", "platform")} for kind in CONSEQUENCES}
    assert told == {**{kind: {expected} for kind, expected in KINDS.items()}, **budgets, "Watchdog": {("none", "platform")}}

    loader = importlib.machinery.SourceFileLoader("render", str(RENDER))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("render", loader))
    loader.exec_module(module)
    assert {name for _, causes, symptoms, _ in module.INHIBITIONS for name in (*causes, *symptoms)} <= set(told)
