"""The alert rules and their runbooks: rules that load, unit tests that pass, labels, annotations, a runbook for each
alert whose queries work, and no metric that nobody exports. Needs promtool, and no broker."""

import pathlib
import re
import subprocess

import paths
import pytest

PROMETHEUS = paths.DEPLOY / "prometheus"
RULES = sorted(PROMETHEUS.glob("alertron.*.yml"))
TESTS = sorted((PROMETHEUS / "tests").glob("*.tests.yml"))
RUNBOOKS = paths.ROOT / "docs" / "runbooks"
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]
# Of Prometheus 2.42 and Alertmanager 0.25 and later themselves.
FOREIGN = {
    "ALERTS",
    "alertmanager_config_last_reload_successful",
    "alertmanager_notification_requests_failed_total",
    "alertmanager_notification_requests_total",
    "prometheus_config_last_reload_successful",
    "prometheus_notifications_dropped_total",
    "prometheus_notifications_errors_total",
    "prometheus_rule_evaluation_failures_total",
    "up",
}
# Exported by no version yet: AlertronDrift waits for it.
TO_COME = {"alertrond_drift_score"}
WORDS = set("and or unless on ignoring group_left group_right by without offset bool".split())


def promtool(*words):
    program, cwd = paths.monitoring_program("promtool")
    return subprocess.run([program, *map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=300)


def read_rules():
    """[{"record" or "alert": name, "expr", "labels", "annotations", "for"}] of all files.

    Standard library only, so it reads these files and not any YAML: mappings and block texts by their indentation, one
    flow mapping a line, anchors.
    """
    return [rule for path in RULES for rule in rules_of(path.read_text())]


def rules_of(text):
    text = re.sub(r"^ *#.*\n", "", text, flags=re.M)
    pieces = re.split(r"^      - ", text, flags=re.M)[1:]
    anchors = {}
    return [dict(fields_of(re.split(r"^  ?- name:", piece, flags=re.M)[0], anchors)) for piece in pieces]


def fields_of(piece, anchors):
    """(key, value) of one rule; those of labels and annotations as a dict."""
    if piece.startswith("{"):
        yield from flow(piece)
        return
    for key, value in re.findall(r"^        (\w+):((?: .*)?(?:\n {10,}.*|\n(?= *\n))*)", "        " + piece, flags=re.M):
        value = value.strip()
        anchor = re.match(r"[&*](\w+)\s*", value)
        if anchor and value.startswith("*"):
            yield key, anchors[anchor[1]]
            continue
        body = value[anchor.end() :] if anchor else value
        if key in ("labels", "annotations"):
            body = dict(flow(body)) if body.startswith("{") else dict(block(value if not anchor else body))
        if anchor:
            anchors[anchor[1]] = body
        yield key, body


def flow(text):
    for key, value in re.findall(r"(\w+): ('[^']*'|\{[^}]*\}|[^,{}']+(?:\{[^}]*\}[^,{}]*)*)[,}]", text.strip()[1:]):
        yield key, dict(flow(value)) if value.startswith("{") and key == "labels" else value.strip("' ")


def block(text):
    for key, value in re.findall(r"^ *(\w+): (.*(?:\n {12,}.*)*)", text, flags=re.M):
        yield key, value.strip("'")


ALL = read_rules()
ALERTS = [rule for rule in ALL if "alert" in rule]
RECORDED = {rule["record"] for rule in ALL if "record" in rule}


def runbook_of(alert):
    """docs/runbooks/device-silent.md of AlertronDeviceSilent."""
    words = re.findall(r"[A-Z][a-z0-9]*", alert.removeprefix("Alertron"))
    return "docs/runbooks/" + "-".join(words).lower() + ".md"


def queries(path):
    """Of its promql blocks: a line each."""
    blocks = re.findall(r"```promql\n(.*?)```", path.read_text(), flags=re.S)
    return [line.strip() for one in blocks for line in one.splitlines() if line.strip()]


def documented():
    """Names that alertrond exports, with what a histogram makes of its own."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", (paths.ROOT / "docs" / "metric-families.md").read_text(), flags=re.M)
    names = {name for name, _ in rows}
    return names | {name + end for name, kind in rows if kind == "histogram" for end in ("_bucket", "_count", "_sum")}


def metrics_of(expression):
    """Names of metrics in an expression."""
    bare = re.sub(r'"(?:\\.|[^"\\])*"', '""', expression)
    bare = re.sub(r"\b(on|ignoring|group_left|group_right|by|without)\s*\([^)]*\)", " ", bare)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\boffset\s+\w+|(?<![\w:])[\d.]+(e\d+)?\w*", " ", bare)
    return {name for name in re.findall(r"(?<![\w:])([a-zA-Z_:][\w:]*)(?!\w|:|\s*\()", bare) if name not in WORDS}


def test_the_reader_of_rules_sees_what_promtool_sees():
    checked = promtool("check", "rules", *RULES)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert sum(map(int, re.findall(r"SUCCESS: (\d+) rules found", checked.stdout))) == len(ALL)
    assert len(ALERTS) > 20 and all("expr" in rule for rule in ALL)


def test_prometheus_takes_its_configuration_with_all_rules():
    checked = promtool("check", "config", PROMETHEUS / "prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(RULES)} rule files found" in checked.stdout


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_unit_tests_of_the_rules(path):
    tested = promtool("test", "rules", path)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_each_alert_is_unit_tested():
    tested = "".join(path.read_text() for path in TESTS)
    assert [rule["alert"] for rule in ALERTS if f"- alertname: {rule['alert']}\n" not in tested] == ["AlertronDeviceSilent"][:0]


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"] + "-" + rule["labels"]["severity"])
def test_an_alert_has_the_labels_and_annotations_that_routes_and_messages_need(rule):
    name, labels, annotations = rule["alert"], rule["labels"], rule["annotations"]
    assert re.fullmatch(r"Alertron([A-Z][a-z]+)+|Watchdog", name)
    assert labels["severity"] in (["none"] if name == "Watchdog" else ["critical", "warning"])
    assert labels["team"] in ("fleet", "platform") and set(labels) == {"severity", "team"}
    assert {"summary", "description", "runbook_url", "dashboard"} <= set(annotations)
    assert not annotations["summary"].endswith(".") and annotations["description"].endswith((".", "}}"))
    assert annotations["runbook_url"] == runbook_of(name)
    assert re.match(r"d/alertron-(fleet|device\?var-device_id=\{\{ urlquery \$labels\.device_id \}\}|service|model)$", annotations["dashboard"])


def test_each_alert_has_a_runbook_and_each_runbook_an_alert():
    assert {str(path.relative_to(paths.ROOT)) for path in RUNBOOKS.iterdir()} == {runbook_of(rule["alert"]) for rule in ALERTS}


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_a_runbook_has_its_four_sections_and_links_that_lead_somewhere(path):
    text = path.read_text()
    names = {runbook_of(rule["alert"]): rule["alert"] for rule in ALERTS}
    assert re.findall(r"^# (.*)$", re.sub(r"```.*?```", "", text, flags=re.S), flags=re.M) == [names[f"docs/runbooks/{path.name}"]]
    assert re.findall(r"^## (.*)$", text, flags=re.M) == SECTIONS
    assert all(re.search(rf"^## {section}\n\S", text, flags=re.M) for section in SECTIONS)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        file, _, anchor = target.partition("#")
        assert (path.parent / file).is_file(), target
        headings = re.findall(r"^#+ (.*)$", (path.parent / file).read_text(), flags=re.M)
        assert not anchor or anchor in [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings], target


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_the_queries_of_a_runbook_parse_and_name_what_there_is(path, tmp_path):
    asked = queries(path)
    assert asked, "Diagnosis has no query to paste"
    rules = "".join(f"      - record: query:{number}\n        expr: {query!r}\n" for number, query in enumerate(asked)).replace('\\\\', '\\')
    (tmp_path / "queries.yml").write_text("groups:\n  - name: queries\n    rules:\n" + rules)
    checked = promtool("check", "rules", tmp_path / "queries.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    unknown = {name for query in asked for name in metrics_of(query)} - documented() - RECORDED - FOREIGN - TO_COME
    assert not unknown


def test_rules_name_only_metrics_that_there_are():
    named = {name for rule in ALL for name in metrics_of(rule["expr"])}
    templates = {name for rule in ALERTS for text in rule["annotations"].values() for name in re.findall(r"alertron:[\w:]+", text)}
    assert not (named | templates) - documented() - RECORDED - FOREIGN - TO_COME
    assert TO_COME <= named, "it has come: take it from TO_COME" if TO_COME & documented() else "nobody waits for it any more"


def test_each_threshold_is_there_once_is_used_and_is_missed(tmp_path):
    there = [rule["labels"]["name"] for rule in ALL if rule.get("record") == "alertron:threshold"]
    used = set(re.findall(r'alertron:threshold\{name="(\w+)"\}', "".join(rule["expr"] for rule in ALL)))
    assert len(there) == len(set(there)) and set(there) == used
    thresholds = (PROMETHEUS / "alertron.thresholds.yml").read_text()
    for line in re.findall(r"^      - \{.*\n", thresholds, flags=re.M):
        assert rules_missing_fire(tmp_path, thresholds.replace(line, "")), line
    assert not rules_missing_fire(tmp_path, thresholds)


def rules_missing_fire(directory, thresholds):
    """Whether AlertronRulesFailing fires with such a file of thresholds."""
    (directory / "thresholds.yml").write_text(thresholds)
    (directory / "missing.tests.yml").write_text(
        f"""
rule_files: [thresholds.yml, {PROMETHEUS / "alertron.monitoring.yml"}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series: []
    promql_expr_test:
      - expr: count(ALERTS{{alertname="AlertronRulesFailing",alertstate="firing"}}) or vector(0)
        eval_time: 7m
        exp_samples: [{{value: 1}}]
"""
    )
    return promtool("test", "rules", directory / "missing.tests.yml").returncode == 0
