"""The unit in deploy/systemd: what systemd says of it, and its life under a real systemd, booted in a container over a
copy-on-write view of this machine's files; with deploy/tls before it."""

import json
import os
import re
import shutil
import subprocess

import pytest

from conftest import ROOT
from test_http import certificate

UNITS = ROOT / "deploy" / "systemd"
EXPOSURE_MAX = 1.1  # of 10, as `systemd-analyze security` of Debian 12 counts
SCENARIO_SECONDS = 180
BOOTED_CONFIG = """\
[model]
path = /etc/alertrond/model.alertron
[kafka]
bootstrap = 127.0.0.1:19092
[http]
address = 127.0.0.1
"""


def needed(name):
    path = shutil.which(name)
    if not path:
        pytest.skip(f"{name} is missing (Debian: systemd, systemd-container)")
    return path


@pytest.mark.quick
def test_systemd_finds_no_mistake_in_the_unit(tmp_path):
    """Of the program that is not installed here it may complain; of nothing else."""
    analyze = needed("systemd-analyze")
    unit = tmp_path / "alertrond.service"
    unit.write_text((UNITS / "alertrond.service").read_text().replace("/usr/bin/alertrond run", "/bin/true run"))
    run = subprocess.run([analyze, "verify", unit], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.quick
def test_the_unit_gives_away_little():
    analyze = needed("systemd-analyze")
    words = [analyze, "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE_MAX * 10:.0f}"]
    run = subprocess.run([*words, UNITS / "alertrond.service"], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Overall exposure level" in run.stdout


@pytest.fixture(scope="module")
def life(program, tmp_path_factory):
    """What systemd_scenario.sh has found, by name."""
    nspawn = needed("systemd-nspawn")
    needed("systemctl")
    if os.geteuid() != 0:
        pytest.skip("only root can boot a container")
    import service

    out, etc = tmp_path_factory.mktemp("out"), tmp_path_factory.mktemp("etc")
    view = tmp_path_factory.mktemp("view")
    etc.chmod(0o755)
    service.train(program, etc)
    for left in etc.iterdir():
        if left.name != "model.alertron":
            left.unlink()
    (etc / "alertrond.conf").write_text(BOOTED_CONFIG)
    (etc / "alertrond.conf").chmod(0o640)
    unit = re.sub(r"WatchdogSec=\d+", "WatchdogSec=3", (UNITS / "alertrond.service").read_text())
    (out / "alertrond.service").write_text(unit)
    shutil.copy(UNITS / "alertrond.sysusers", out)
    shutil.copy(ROOT / "deploy" / "tls" / "alertrond-tls.conf", out)
    for name, issuer in (("clients-ca", None), ("server", "clients-ca"), ("client", "clients-ca")):
        certificate(out, name, issuer)
    for name in ("systemd_scenario.sh", "systemd_forward.py"):
        shutil.copy(ROOT / "tests" / name, out)
    shutil.copy(program, out / "alertrond")
    words = [nspawn, "--quiet", "--register=no", "--keep-unit", "--private-network", "--volatile=overlay", f"--directory={view}"]
    words += [f"--machine=alertron-test-{os.getpid()}", f"--bind={out}:/out", f"--bind={etc}:/etc/alertrond"]
    words += ["--tmpfs=/etc/systemd/system/multi-user.target.wants"]  # of this machine's services, none is started
    words += ["--system-call-filter=landlock_create_ruleset landlock_restrict_self seccomp"]  # the container's own
    words += [f"--bind-ro={out}/alertrond:/usr/bin/alertrond"]
    words += [f"--bind-ro={out}/alertrond.service:/etc/systemd/system/alertrond.service", "--boot"]
    words += ["systemd.run=/out/systemd_scenario.sh", "systemd.run_success_action=exit", "systemd.run_failure_action=exit"]
    subprocess.run(["mount", "--bind", "/", view], check=True)
    try:
        run = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SCENARIO_SECONDS)
    finally:
        subprocess.run(["umount", view], check=True)
    if not (out / "booted").exists():
        pytest.skip(f"no systemd can be booted here: {(run.stdout + run.stderr)[-500:]}")
    assert (out / "done").exists(), run.stdout[-2000:]
    return {file.name: file.read_text() for file in out.iterdir() if file.name != "alertrond"}


def properties(text):
    return dict(line.split("=", 1) for line in text.splitlines())


def test_the_machine_boots_while_it_waits_for_a_broker(life):
    assert properties(life["booting"])["ActiveState"] == "active"
    assert "ordering cycle" not in life["journal.machine"]


def test_a_broker_that_is_down_is_waited_for(life):
    waiting = properties(life["waiting"])
    assert waiting["ActiveState"] == "activating"
    assert waiting["StatusText"].startswith("waiting for a broker at 127.0.0.1:19092")


def test_started_means_ready(life):
    started = properties(life["started"])
    assert (started["ActiveState"], started["StatusText"], started["NRestarts"]) == ("active", "scoring", "0")
    assert json.loads(life["answer"])["device_id"] == "d"


def test_a_librdkafka_of_ones_own_is_loaded(life):
    assert life["librdkafka"].startswith("/usr/local/lib/")


def test_the_tls_front_runs_as_it_is_shipped(life):
    if "front" not in life:
        pytest.skip("stunnel4 is missing")
    assert properties(life["front"]) == {"ActiveState": "active", "NRestarts": "0"}
    assert life["front.answer"].startswith("# HELP")


def test_it_runs_confined(life):
    status = dict(re.findall(r"^(\w+):\t(.*)$", life["status"], re.MULTILINE))
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert int(status["Seccomp_filters"]) > 1  # the unit's and its own
    assert all(int(status[name], 16) == 0 for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb", "CapInh"))
    assert "0" not in status["Uid"].split()
    assert "landlock=on seccomp=on" in life["journal"]


def test_one_that_hangs_is_killed_and_started_again(life):
    assert properties(life["watchdog"]) == {"ActiveState": "active", "NRestarts": "1"}


def test_it_stops_cleanly(life):
    assert properties(life["stopped"]) == {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"}


def test_the_journal_has_levels(life):
    lines = [json.loads(line) for line in life["journal.json"].splitlines()]
    ours = [line for line in lines if "level=info" in line["MESSAGE"]]
    assert ours and all(line["PRIORITY"] == "6" and line["MESSAGE"].startswith("ts=") for line in ours)


def test_a_mistaken_configuration_is_not_tried_again(life):
    assert properties(life["mistaken"]) == {"ActiveState": "failed", "NRestarts": "0", "ExecMainStatus": "2"}
