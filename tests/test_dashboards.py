"""Grafana's dashboards as files: what the generator makes, within the rules of a dashboard that lasts, known to Grafana's
published types. No Grafana server runs here: test_dashboards_live.py asks a Prometheus every query of them."""

import configparser
import fcntl
import json
import re
import subprocess
import sys

import dashboards
import pytest
from dashboards import GRAFANA, ROOT, SELECTOR, panels, queries, variables

BOARDS = dashboards.load()
UIDS = ["alertron-device", "alertron-fleet", "alertron-model", "alertron-service"]
SEVERITIES = {"low": "yellow", "medium": "orange", "high": "red"}
PACKAGES = ["grafana-foundation-sdk==1769699998!10.1.0", "PyYAML==6.0.2"]
TYPES = ROOT / "build" / "tests" / "grafana"
# Series that are of no job, or of others too.
OF_NO_JOB = {
    "ALERTS": "alerts of Prometheus and Alertmanager, and those on what is absent, have other jobs or none",
    "alertron:threshold": "what the alerts compare with is one for all jobs",
    "alertron:slo_objective:ratio": "objectives are one for all jobs",
}
# What Grafana's published types don't have, and its Prometheus data source reads nevertheless.
UNPUBLISHED = {"annotations.list.step", "annotations.list.titleFormat", "annotations.list.textFormat", "annotations.list.tagKeys"}
WORDS = set("and or unless on by without ignoring group_left group_right bool offset".split())

each = pytest.mark.parametrize("uid", UIDS)
pytestmark = pytest.mark.quick


def test_the_committed_files_are_what_the_generator_makes(tmp_path):
    dashboards.generate(tmp_path)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text() for path in (GRAFANA / "dashboards").iterdir()}
    assert sorted(made) == sorted(kept) == [f"{uid}.json" for uid in UIDS]
    for name in kept:
        assert made[name] == kept[name], f"{name} is not what deploy/grafana/generate makes: run it, and commit"


@each
def test_a_dashboard_is_fixed_and_read_only(uid):
    board = BOARDS[uid]
    assert board["editable"] is False
    assert board["title"].startswith("Alertron: ") and board["description"]
    assert "id" not in board  # Grafana gives it; an id of elsewhere is another dashboard's here
    assert board["links"][0]["type"] == "dashboards" and set(board["links"][0]["tags"]) <= set(board["tags"])
    assert board["links"][0]["includeVars"] and board["links"][0]["keepTime"]


@each
def test_variables_choose_datasource_job_and_instance(uid):
    made = variables(BOARDS[uid])
    assert list(made) == ["datasource", "job", "instance"] + (["device_id"] if uid == "alertron-device" else [])
    assert made["datasource"]["type"] == "datasource" and made["datasource"]["query"] == "prometheus"
    for name in ("job", "instance"):
        assert made[name]["multi"] and made[name]["includeAll"] and made[name]["current"]["value"] == ["$__all"]
        # Without a value of its own All is the names that there are: `.+` would have Prometheus's processes, too.
        assert "allValue" not in made[name]
    for name, variable in made.items():
        assert variable["label"] and variable["description"]
        if name != "datasource":
            assert variable["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            selector, label = dashboards.label_values(variable)
            assert label == name and variable["refresh"] == 2
            assert name == "job" or 'job=~"$job"' in selector


@each
def test_each_panel_says_what_it_shows_and_in_which_unit(uid):
    titles = [one["title"] for one in panels(BOARDS[uid])]
    assert len(set(titles)) == len(titles)
    for panel in panels(BOARDS[uid]):
        about = f"{uid}: {panel['title']}"
        assert panel["title"], about
        assert panel["description"].endswith("."), about
        assert panel["fieldConfig"]["defaults"]["unit"], about
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, about
        assert panel["targets"], about
        assert all(one["datasource"] == panel["datasource"] for one in panel["targets"]), about
        assert len({one["refId"] for one in panel["targets"]}) == len(panel["targets"]), about


@each
def test_panels_neither_overlap_nor_leave_the_grid(uid):
    taken = {}
    for panel in BOARDS[uid]["panels"]:
        place = panel["gridPos"]
        assert place["x"] >= 0 and place["w"] > 0 and place["h"] > 0 and place["x"] + place["w"] <= 24, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{uid}: {panel['title']} lies over {taken[x, y]}"
                taken[x, y] = panel["title"]
    ids = [one["id"] for one in BOARDS[uid]["panels"]]
    assert len(set(ids)) == len(ids)


@each
def test_lines_have_readable_names_and_severities_their_colours(uid):
    for panel in panels(BOARDS[uid]):
        if panel["type"] not in ("timeseries", "state-timeline", "bargauge"):
            continue
        legends = [one["legendFormat"] for one in panel["targets"]]
        assert "__auto" not in legends and "" not in legends and len(set(legends)) == len(legends), f"{uid}: {panel['title']}"
        if "{{severity}}" in legends:
            colors = {one["matcher"]["options"]: one["properties"][0]["value"].get("fixedColor") for one in panel["fieldConfig"]["overrides"]}
            assert SEVERITIES.items() <= colors.items(), f"{uid}: {panel['title']}"


def named(expression):
    """[(name, selector)] of the series in an expression."""
    plain = re.sub(r'"[^"]*"', '""', re.sub(r"\[[^\]]*\]", "", re.sub(SELECTOR, "{}", expression)))
    plain = re.sub(r"\s*\b(by|without)\s*\([^)]*\)\s*", "", plain)
    plain = re.sub(r"\b(on|ignoring|group_left|group_right)\s*\([^)]*\)", r"\1", plain)
    selectors = iter(re.findall(SELECTOR, expression))
    for found in re.finditer(r"([a-zA-Z_:][\w:]*)\s*(\{\}|\()?", plain):
        name, after = found.groups()
        if after == "{}":
            yield name, next(selectors)
        elif after is None and name not in WORDS:
            yield name, ""


@each
def test_each_series_is_of_the_chosen_jobs_and_instances(uid):
    for query in queries(BOARDS[uid]):
        found = list(named(query.expression))
        assert found, query
        for name, selector in found:
            if name in OF_NO_JOB:
                continue
            assert 'job=~"$job"' in selector, f"{query}: {name} is of any job"
            # What rules record has no instance.
            assert ":" in name or 'instance=~"$instance"' in selector, f"{query}: {name} is of any instance"
            # A raw string: see panels.py.
            assert "device_id" not in selector or "device_id=`${device_id:raw}`" in selector, query
        assert uid != "alertron-device" or "device_id" in query.expression or "severity_cut" in query.expression or "threshold" in query.expression, query


@each
def test_counters_are_only_asked_how_fast_they_grow(uid):
    for query in queries(BOARDS[uid]):
        grown = re.findall(rf"\b(?:rate|irate|increase)\(([a-z_]+){SELECTOR}\[[^\]]*\]\)", query.expression)
        counters = [name for name, _ in named(query.expression) if re.search(r"_(total|bucket|sum|count)$", name)]
        assert sorted(grown) == sorted(counters), query
        for function, window in re.findall(rf"\b(rate|irate|increase)\([a-z_]+{SELECTOR}\[([^\]]*)\]\)", query.expression):
            assert window == "$__rate_interval" or (function == "increase" and window == "$__range"), query
            # Over the chosen range a series has one number, at its end.
            assert window != "$__range" or query.instant, query
        assert query.instant or "$__range" not in query.expression, query


def test_links_lead_to_dashboards_that_exist():
    text = "".join(path.read_text() for path in (GRAFANA / "dashboards").iterdir())
    for rules in (ROOT / "deploy" / "prometheus").glob("*.yml"):
        text += rules.read_text()
    linked = set(re.findall(r"\bd/(alertron-[a-z]+)", text))
    assert "alertron-device" in linked and linked <= BOARDS.keys()
    devices = [one["title"] for one in panels(BOARDS["alertron-fleet"]) if "/d/alertron-device?" in json.dumps(one)]
    assert devices == ["Top devices", "Last scores"]
    for url in re.findall(r'"url": "(/d/[^"]*)"', text):
        assert re.search(r"var-device_id=\$\{__(data\.fields|field\.labels)\.device_id:percentencode\}$", url), url


def test_numbers_turn_red_where_the_alerts_do():
    rules = (ROOT / "deploy" / "prometheus" / "alertron.thresholds.yml").read_text()
    shipped = {name: float(number) for name, number in re.findall(r"name: (\w+)\}, expr: vector\(([\d.]+)\)", rules)}
    panel = {(uid, one["title"]): one for uid in UIDS for one in panels(BOARDS[uid])}
    for place, name in {
        ("alertron-fleet", "Share of anomalies"): "anomaly_share",
        ("alertron-fleet", "Kafka errors now"): "kafka_error_ratio",
        ("alertron-device", "Share of anomalies now"): "device_anomaly_share",
    }.items():
        last = panel[place]["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]
        assert last == {"color": "red", "value": shipped[name]}, place


@pytest.fixture(scope="session")
def grafana():
    """What Grafana's published types make of deploy/grafana: see grafana_types.py."""
    TYPES.mkdir(parents=True, exist_ok=True)
    installed, python = TYPES / "installed", TYPES / "venv" / "bin" / "python"
    with open(TYPES / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.exists() or installed.read_text() != "\n".join(PACKAGES):
            subprocess.run([sys.executable, "-m", "venv", "--clear", TYPES / "venv"], check=True, capture_output=True)
            pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *PACKAGES]
            done = subprocess.run(pip, capture_output=True, text=True)
            if done.returncode != 0:
                pytest.skip(f"Grafana's types could not be installed ({' '.join(PACKAGES)}): {done.stderr.strip()[-300:]}")
            installed.write_text("\n".join(PACKAGES))
    words = [python, "-B", ROOT / "tests" / "grafana_types.py", GRAFANA]
    return json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout)


def lost(ours, theirs, path=""):
    """What is in ours and not, or otherwise, in theirs."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            name = f"{path}.{key}".lstrip(".")
            yield from lost(value, theirs[key], name) if key in theirs else [name]
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for one, other in zip(ours, theirs):
            yield from lost(one, other, path)
    elif ours != theirs:
        yield path


@each
def test_grafanas_types_know_everything_in_a_dashboard(uid, grafana):
    assert set(lost(BOARDS[uid], grafana["dashboards"][f"{uid}.json"])) == UNPUBLISHED


def test_grafana_knows_the_units(grafana):
    for uid in UIDS:
        for panel in panels(BOARDS[uid]):
            assert panel["fieldConfig"]["defaults"]["unit"] in grafana["units"], f"{uid}: {panel['title']}"


def test_provisioning_names_the_datasource_and_the_dashboards(grafana):
    files = grafana["provisioning"]
    assert sorted(files) == ["provisioning/dashboards/alertron.yml", "provisioning/datasources/prometheus.yml"]
    (datasource,) = files["provisioning/datasources/prometheus.yml"]["datasources"]
    assert (datasource["uid"], datasource["type"], datasource["url"]) == ("alertron-prometheus", "prometheus", "$PROMETHEUS_URL")
    for uid in UIDS:
        current = variables(BOARDS[uid])["datasource"]["current"]
        assert (current["value"], current["text"]) == (datasource["uid"], datasource["name"])
    scraped = re.search(r"scrape_interval: (\w+)", (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())[1]
    assert datasource["jsonData"]["timeInterval"] == scraped
    (provider,) = files["provisioning/dashboards/alertron.yml"]["providers"]
    assert provider["type"] == "file" and provider["allowUiUpdates"] is False
    folder = provider["options"]["path"]
    assert folder in (ROOT / "docs" / "dashboards.md").read_text()
    settings = configparser.ConfigParser()
    settings.read(GRAFANA / "grafana.ini")
    home = settings["dashboards"]["default_home_dashboard_path"]
    assert home.startswith(folder + "/") and (GRAFANA / "dashboards" / home[len(folder) + 1 :]).is_file()


def test_nobody_sees_without_an_account_and_a_new_account_only_views():
    settings = configparser.ConfigParser()
    settings.read(GRAFANA / "grafana.ini")
    assert settings["auth.anonymous"]["enabled"] == "false"
    assert settings["users"]["allow_sign_up"] == "false"
    assert settings["users"]["auto_assign_org_role"] == "Viewer"
    assert "password" not in [key for section in settings.values() for key in section]
