"""What deploy/compose promises that can be read off its files: everything pinned, bounded, confined and documented."""

import configparser
import pathlib
import re
import subprocess
import sys

import broker
import pytest
from conftest import ROOT

pytestmark = pytest.mark.quick
yaml = pytest.importorskip("yaml", reason="python3-yaml is missing: deploy/compose is not read")

COMPOSE = ROOT / "deploy" / "compose"
TEXT = (COMPOSE / "compose.yaml").read_text()
FILE = yaml.safe_load(TEXT)
SERVICES, VOLUMES, SECRETS = FILE["services"], FILE["volumes"], FILE["secrets"]
JOBS = {"topic-init", "model-init"}
DEVICES = {"generator", "spikes"}
WRITES_ITS_ROOT = {"kafka", "redpanda", "topic-init"}
MANUAL = (ROOT / "docs" / "compose.md").read_text()
VERSION = re.search(r'ALERTRON_VERSION "(.*)"', (ROOT / "libalertron" / "alertron.h").read_text())[1]


def default(text):
    """A value as it is where no variable is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(text))


@pytest.fixture(params=SERVICES)
def name(request):
    return request.param


def test_the_services_are_those_of_the_manual(name):
    assert f"`{name}`" in MANUAL


def test_images_are_pinned(name):
    image, _, tag = default(SERVICES[name]["image"]).rpartition(":")
    assert image and re.match(r"v?\d+\.\d+\.\d+", tag), SERVICES[name]["image"]


def test_memory_processes_and_logs_are_bounded(name):
    service = SERVICES[name]
    assert service["mem_limit"] and service["pids_limit"]
    assert {"max-size", "max-file"} <= set(service["logging"]["options"])


def test_nothing_has_rights_that_it_does_not_need(name):
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is (name not in WRITES_ITS_ROOT)
    assert not {"privileged", "cap_add", "devices", "network_mode", "pid", "ipc"} & set(service)
    for volume in service.get("volumes", []):
        parts = default(volume).split(":")
        assert parts[-1] == "ro" or parts[0] in VOLUMES, f"{volume} could be written to"


def mounts(name):
    """{where: what} of the checkout's files and folders in a container."""
    parts = [default(volume).split(":") for volume in SERVICES[name].get("volumes", [])]
    return {part[1]: COMPOSE / part[0] for part in parts if part[0].startswith(".")}


def test_what_is_mounted_is_there(name):
    """Docker makes a folder of what is not."""
    assert not [path for path in mounts(name).values() if not path.exists()]


def test_what_ends_starts_again(name):
    assert SERVICES[name]["restart"] == ("on-failure:10" if name in JOBS else "unless-stopped")


def test_health_is_asked_for_without_a_shell(name):
    check = SERVICES[name]["healthcheck"]
    if name in JOBS:
        assert check == {"disable": True}
        return
    assert check["test"][0] == "CMD" and {"interval", "timeout", "retries", "start_period"} <= set(check)
    assert (check["test"][1] == "true") == (name in DEVICES)


def test_ports_are_open_to_this_machine_only(name):
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


def test_the_end_is_given_the_time_it_takes():
    shutdown = re.search(r"^#shutdown_seconds = (\d+)", (ROOT / "docs" / "alertrond.conf").read_text(), re.MULTILINE)[1]
    assert int(SERVICES["alertrond"]["stop_grace_period"].rstrip("s")) > int(shutdown) + 10


def test_order_is_by_health_and_by_success():
    assert SERVICES["topic-init"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    assert SERVICES["alertrond"]["depends_on"] == {job: {"condition": "service_completed_successfully"} for job in JOBS}
    for device in DEVICES:
        assert SERVICES[device]["depends_on"] == {"alertrond": {"condition": "service_healthy"}}


def test_kafka_is_the_one_that_is_tested():
    assert {SERVICES[name]["image"] for name in ("kafka", "topic-init")} == {f"apache/kafka:{broker.KAFKA_VERSION}"}


def test_an_upgrade_has_all_read_their_files_anew():
    """Compose makes anew what has another image or configuration, and a file that is mounted is no part of either."""
    line = re.search(r"^docker compose restart ([\w ]*\w)", MANUAL, re.MULTILINE)[1]
    assert set(line.split()) == {name for name in SERVICES if mounts(name)}


def test_a_broker_that_wants_a_log_in_gets_one_from_all_that_talk_to_it(program, model, tmp_path):
    (text,) = (block for block in re.findall(r"```yaml\n(.*?)```", MANUAL, re.DOTALL) if "KAFKA_" in block)
    services = yaml.safe_load(text)["services"]
    assert set(services) == {name for name in SERVICES if "KAFKA_BOOTSTRAP" in SERVICES[name].get("environment", {})}
    assert services.pop("topic-init") == {"entrypoint": ["true"]}
    environment, secrets = services["alertrond"]["environment"], services["alertrond"]["secrets"]
    assert all(service == services["alertrond"] for service in services.values())
    assert {value for value in environment.values() if "/" in value} == {f"/run/secrets/{name}" for name in secrets}
    for secret in secrets:
        (tmp_path / secret).write_text("x")
    ours = {name: value.replace("/run/secrets", str(tmp_path)) for name, value in environment.items()}
    run = subprocess.run([program, "check-config", "-m", model], capture_output=True, text=True, env=ours)
    assert run.returncode == 0, run.stderr
    assert not [name for name in environment if f"environment variable {name}" not in run.stdout], run.stdout


def test_every_variable_is_documented_with_its_default():
    used = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", TEXT))
    assert len(used) == len(set(re.findall(r"\$\{(\w+)", TEXT))), "a variable has no default"
    told = dict(re.findall(r"^#(\w+)=(.*)$", (COMPOSE / ".env.example").read_text(), re.MULTILINE))
    assert told == used


def test_secrets_are_files_that_are_there():
    for secret in SECRETS.values():
        assert (COMPOSE / default(secret["file"])).is_file()
    for service in SERVICES.values():
        for variable, value in service.get("environment", {}).items():
            assert not re.search("PASSWORD|TOKEN|SECRET|WEBHOOK", variable) or str(value).startswith("/run/secrets/"), variable


def test_the_image_can_be_built_by_any_builder_and_runs_as_nobody():
    text = (COMPOSE / "Dockerfile").read_text()
    lines = text.splitlines()
    assert re.search(r"^ARG BASE=debian:bookworm-slim$", text, re.MULTILINE)
    assert {line.split()[1] for line in lines if line.startswith("FROM")} == {"${BASE}"}
    assert sum(line.startswith("FROM") for line in lines) == 2
    assert re.search(r"^USER [1-9]\d+:[1-9]\d+$", text, re.MULTILINE)
    for word in ("HEALTHCHECK", "ENTRYPOINT", "CMD"):
        assert re.search(rf'^{word} .*\["\w+"', text, re.MULTILINE), f"{word} is not in exec form"
    assert not re.search(r"syntax=|<<|--mount|--link|^ADD|--network|curl|wget", text, re.MULTILINE)
    assert f"ARG VERSION={VERSION}\n" in text
    assert default(SERVICES["alertrond"]["image"]) == f"alertrond:{VERSION}"


def test_the_image_is_made_of_sources_only():
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == "*" and all((ROOT / line.removeprefix("!")).exists() for line in lines[1:])


def without_addresses(path):
    """A configuration of Prometheus without what differs between machines."""
    configuration = yaml.safe_load(pathlib.Path(path).read_text())
    configuration["rule_files"] = [pathlib.PurePath(file).name for file in configuration["rule_files"]]
    for group in (*configuration["alerting"]["alertmanagers"], *configuration["scrape_configs"]):
        for target in group["static_configs"]:
            target["targets"] = [address.rsplit(":", 1)[1] for address in target["targets"]]
    return configuration


def test_prometheus_is_configured_as_outside_of_containers():
    ours, theirs = COMPOSE / "prometheus" / "prometheus.yml", ROOT / "deploy" / "prometheus" / "prometheus.yml"
    assert without_addresses(ours) == without_addresses(theirs)


def test_grafana_is_given_what_its_files_name():
    files, environment = mounts("grafana"), SERVICES["grafana"]["environment"]
    (source,) = yaml.safe_load((files["/etc/grafana/provisioning"] / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert environment[source["url"].removeprefix("$")] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((files["/etc/grafana/provisioning"] / "dashboards" / "alertron.yml").read_text())["providers"]
    assert list(files[provider["options"]["path"]].glob("*.json"))
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(files["/etc/grafana/grafana.ini"])
    home = pathlib.PurePath(settings["dashboards"]["default_home_dashboard_path"])
    assert (files[str(home.parent)] / home.name).is_file()
    in_file = {f"GF_{section}_{key}".upper().replace(".", "_") for section in settings.sections() for key in settings[section]}
    assert in_file and not in_file & set(environment), "said twice"


def test_alertmanager_is_configured_from_its_table():
    words = [sys.executable, "-B", ROOT / "deploy" / "alertmanager" / "render", "--table", COMPOSE / "alertmanager" / "routes.ini"]
    rendered = subprocess.run([*words, "--output", "-"], capture_output=True, text=True)
    assert rendered.returncode == 0, rendered.stderr
    assert rendered.stdout == (COMPOSE / "alertmanager" / "alertmanager.yml").read_text()
