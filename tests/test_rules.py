"""The alert rules and their runbooks: unit tests that pass, labels, annotations, a runbook for each alert whose queries
work, and no metric that nobody exports. Needs promtool and Prometheus, and no broker."""

import json
import re
import subprocess
import urllib.parse

import monitoring
import paths
import pytest
from process import free_port, http_get, wait_until

PROMETHEUS = paths.DEPLOY / "prometheus"
RULES = sorted(PROMETHEUS.glob("alertron.*.yml"))
TESTS = sorted((PROMETHEUS / "tests").glob("*.tests.yml"))
RUNBOOKS = sorted((paths.ROOT / "docs" / "runbooks").iterdir())
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


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    """A Prometheus with the rules, as deploy/local/up starts it; there is nothing to scrape."""
    started = monitoring.Prometheus(tmp_path_factory.mktemp("prometheus"), free_port(), free_port(), free_port())
    try:
        started.start().await_ready()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def rules(prometheus):
    """All rules as Prometheus read them: {"type", "name", "query", "labels", "annotations", ...}."""

    def read():
        groups = json.loads(http_get(f"{prometheus.url}/api/v1/rules")[1])["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    return wait_until(read, 20, "Prometheus has the rules")


@pytest.fixture(scope="module")
def alerts(rules):
    return [rule for rule in rules if rule["type"] == "alerting"]


@pytest.fixture(scope="module")
def known(rules):
    """The names of all metrics that rules and runbooks may ask for."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", (paths.ROOT / "docs" / "metric-families.md").read_text(), flags=re.M)
    names = {name for name, _ in rows}
    names |= {name + end for name, kind in rows if kind == "histogram" for end in ("_bucket", "_count", "_sum")}
    assert not names & TO_COME, "it has come: take it from TO_COME"
    return names | FOREIGN | TO_COME | {rule["name"] for rule in rules if rule["type"] == "recording"}


def metrics_of(expression):
    """Names of metrics in an expression."""
    bare = re.sub(r'"(?:\\.|[^"\\])*"', '""', expression)
    bare = re.sub(r"\b(on|ignoring|group_left|group_right|by|without)\s*\([^)]*\)", " ", bare)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\boffset\s+\w+|(?<![\w:])[\d.]+(e\d+)?\w*", " ", bare)
    return {name for name in re.findall(r"(?<![\w:])([a-zA-Z_:][\w:]*)(?!\w|:|\s*\()", bare) if name not in WORDS}


def runbook_of(alert):
    """docs/runbooks/device-silent.md of AlertronDeviceSilent."""
    words = re.findall(r"[A-Z][a-z0-9]*", alert.removeprefix("Alertron"))
    return "docs/runbooks/" + "-".join(words).lower() + ".md"


def queries(path):
    """Those to paste: a line each of its promql blocks."""
    blocks = re.findall(r"```promql\n(.*?)```", path.read_text(), flags=re.S)
    return [line.strip() for one in blocks for line in one.splitlines() if line.strip()]


def anchors(path):
    """What links into a page may name, as GitHub makes it of headings."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), flags=re.M)
    return [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]


@pytest.mark.quick
def test_prometheus_takes_its_configuration_with_all_rules(rules):
    checked = promtool("check", "config", PROMETHEUS / "prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(RULES)} rule files found" in checked.stdout
    assert len(rules) == sum(map(int, re.findall(r"SUCCESS: (\d+) rules found", checked.stdout)))


@pytest.mark.quick
@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_unit_tests_of_the_rules(path):
    tested = promtool("test", "rules", path)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.quick
def test_each_alert_is_unit_tested_with_its_text(alerts):
    tested = "".join(path.read_text() for path in TESTS)
    runbooks = {runbook_of(alert["name"]) for alert in alerts}
    assert runbooks == set(re.findall(r"runbook_url: (\S+)", tested))


@pytest.mark.quick
def test_an_alert_has_the_labels_and_annotations_that_routes_and_messages_need(alerts):
    assert len(alerts) > 20
    for alert in alerts:
        name, labels, annotations = alert["name"], alert["labels"], alert["annotations"]
        assert re.fullmatch(r"Alertron([A-Z][a-z]+)+|Watchdog", name)
        assert labels["severity"] in (["none"] if name == "Watchdog" else ["critical", "warning"]), name
        assert labels["team"] in ("fleet", "platform") and set(labels) == {"severity", "team"}, name
        assert {"summary", "description"} <= set(annotations), name
        assert "\n" not in annotations["summary"] and not annotations["summary"].endswith("."), name
        assert annotations["description"].endswith((".", "{{- end }}")), name
        assert annotations["runbook_url"] == runbook_of(name)
        device = r"device\?var-device_id=\{\{ urlquery \$labels\.device_id \}\}"
        assert re.fullmatch(f"d/alertron-(fleet|{device}|service|model)", annotations["dashboard"]), name


@pytest.mark.quick
def test_each_alert_has_a_runbook_and_each_runbook_an_alert(alerts):
    assert {str(path.relative_to(paths.ROOT)) for path in RUNBOOKS} == {runbook_of(alert["name"]) for alert in alerts}
    page = (paths.ROOT / "docs" / "alerting.md").read_text()
    for alert in alerts:
        assert f"| [{alert['name']}]({runbook_of(alert['name']).removeprefix('docs/')}) |" in page


@pytest.mark.quick
@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_a_runbook_has_its_four_sections_and_links_that_lead_somewhere(path, alerts):
    text = path.read_text()
    title = {runbook_of(alert["name"]): alert["name"] for alert in alerts}[f"docs/runbooks/{path.name}"]
    assert text.startswith(f"# {title}\n")
    assert re.findall(r"^## (.*)$", text, flags=re.M) == SECTIONS
    assert all(re.search(rf"^## {section}\n\S", text, flags=re.M) for section in SECTIONS)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        file, _, anchor = target.partition("#")
        assert (path.parent / file).is_file(), target
        assert not anchor or anchor in anchors(path.parent / file), target


@pytest.mark.quick
@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_the_queries_of_a_runbook_work_and_name_what_there_is(path, prometheus, known):
    diagnosis = path.read_text().split("## Diagnosis")[1].split("## Mitigation")[0]
    assert "```promql" in diagnosis
    for query in queries(path):
        status, body = http_get(f"{prometheus.url}/api/v1/query?" + urllib.parse.urlencode({"query": query}))
        assert status == 200, f"{query}: {body.decode()}"
        assert metrics_of(query) and metrics_of(query) <= known, query


@pytest.mark.quick
def test_rules_name_only_metrics_that_there_are(rules, known):
    for rule in rules:
        templates = re.findall(r"alertron:[\w:]+|last_anomaly_score", "".join(rule.get("annotations", {}).values()))
        assert metrics_of(rule["query"]) | set(templates) <= known, rule["name"]
    assert TO_COME <= {name for rule in rules for name in metrics_of(rule["query"])}, "nobody waits for it any more"


@pytest.mark.quick
def test_each_threshold_is_there_once_is_used_and_is_missed(rules, tmp_path):
    there = [rule["labels"]["name"] for rule in rules if rule["name"] == "alertron:threshold"]
    used = {name for rule in rules for name in re.findall(r'alertron:threshold\{name="(\w+)"\}', rule["query"])}
    assert len(there) == len(set(there)) and set(there) == used
    thresholds = (PROMETHEUS / "alertron.thresholds.yml").read_text()
    lines = re.findall(r"^      - \{.*\n", thresholds, flags=re.M)
    assert len(lines) == len(there) + 2
    objectives = [line for line in lines if "slo_objective" in line]
    without = [*([line] for line in lines), objectives, lines]
    tested = promtool("test", "rules", *(missing_test(tmp_path, thresholds, missing) for missing in without))
    assert tested.returncode == 0, tested.stdout + tested.stderr


def missing_test(directory, thresholds, missing):
    """A unit test: AlertronRulesFailing fires where the file of thresholds lacks these lines."""
    name = f"{len(missing)}-{thresholds.index(missing[0])}"
    left = [line for line in thresholds.splitlines(keepends=True) if line not in missing]
    (directory / f"{name}.yml").write_text("".join(left))
    test = directory / f"{name}.tests.yml"
    test.write_text(
        f"""
rule_files: [{name}.yml, {PROMETHEUS / "alertron.monitoring.yml"}]
evaluation_interval: 1m
tests:
  - name: without {name}
    interval: 1m
    input_series: []
    promql_expr_test:
      - expr: count(ALERTS{{alertname="AlertronRulesFailing",alertstate="firing"}})
        eval_time: 7m
        exp_samples: [{{value: 1}}]
"""
    )
    return test
