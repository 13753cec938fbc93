"""deploy/local/up, as its users start it. It builds and starts everything, so these tests are slow and run alone."""

import fcntl
import os
import pathlib
import signal
import subprocess
import time
import uuid

import paths
import pytest
from process import free_port, wait_until

UP = paths.DEPLOY / "local" / "up"
# What is started inherits the environment, so that this names all of it.
MARK = "ALERTRON_TEST_MARK"


class Up:
    def __init__(self, *words):
        self.mark = str(uuid.uuid4())
        environment = {**os.environ, MARK: self.mark}
        self.process = subprocess.Popen(
            [UP, *words], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, start_new_session=True,
        )

    def read_until(self, text):
        """What it says up to a line that contains the text."""
        said = ""
        for line in self.process.stdout:
            said += line
            if text in line:
                return said
        raise AssertionError(f"{text!r} never came:\n{said}")

    def processes(self):
        """Everything that lives and was started by it, and itself."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and f"{MARK}={self.mark}".encode() in (entry / "environ").read_bytes():
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                pass
        return found

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.communicate(timeout=120)


@pytest.fixture
def up(monkeypatch):
    """up(words...) starts it; what still runs after the test is ended."""
    with open(_lock(), "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pytest.skip("somebody's deploy/local/up runs in this checkout")
    started = []

    def start(*words):
        started.append(Up(*words))
        return started[-1]

    yield start
    for one in started:
        one.end()


def _lock():
    paths.LOCAL.mkdir(parents=True, exist_ok=True)
    return paths.LOCAL / "lock"


def run(*words):
    return subprocess.run([UP, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)


@pytest.mark.quick
def test_help_tells_every_option():
    told = run("--help")
    assert told.returncode == 0
    for option in ("--for", "--kafka", "--bootstrap", "--model", "--slack-webhook-file", "--no-generator", "--no-spike"):
        assert option in told.stdout


@pytest.mark.quick
@pytest.mark.parametrize(
    "words", [["--for"], ["--for", "soon"], ["--fro", "10"], ["--bootstrap", "nowhere"], ["--bootstrap", "kafka:0"], ["--model", "/no/such/file"], ["extra"]]
)
def test_a_wrong_option_is_told_and_nothing_starts(words):
    told = run(*words)
    assert told.returncode == 2
    assert told.stderr.startswith("up: ")


def test_forty_seconds_show_readings_anomalies_and_an_alert(up):
    started = up("--for", "40")
    said, _ = started.process.communicate(timeout=600)
    assert started.process.returncode == 0, said
    assert said.count("  ok       ") == 4, said
    assert started.processes() == []


def test_without_readings_it_says_so_and_fails(up):
    started = up("--for", "3", "--no-generator")
    said, _ = started.process.communicate(timeout=600)
    assert started.process.returncode == 1, said
    assert "FAILED   readings flowed" in said
    assert started.processes() == []


def test_a_broker_that_is_not_there_is_told_before_anything_waits_for_it(up):
    started = up("--bootstrap", f"127.0.0.1:{free_port()}")
    said, _ = started.process.communicate(timeout=600)
    assert started.process.returncode == 1, said
    assert "No broker can be reached at 127.0.0.1:" in said
    assert "the Slack stand-in" not in said


def test_a_second_one_is_refused_and_ctrl_c_ends_the_first(up):
    first = up()
    first.read_until("readings/s")
    second = run()
    assert second.returncode == 1
    assert f"process {first.process.pid}" in second.stderr

    first.process.send_signal(signal.SIGINT)
    said, _ = first.process.communicate(timeout=120)
    assert first.process.returncode == 0, said
    assert "All stopped" in said
    assert first.processes() == []


def test_nothing_outlives_it_when_it_is_killed(up):
    started = up()
    started.read_until("readings/s")
    assert len(started.processes()) > 5
    started.process.kill()
    started.process.wait()
    wait_until(lambda: not started.processes(), 120, "everything it started is gone")


def test_the_program_dying_ends_it_with_the_reason(up):
    started = up()
    started.read_until("readings/s")
    children = pathlib.Path(f"/proc/{started.process.pid}/task/{started.process.pid}/children").read_text().split()
    service = [pid for pid in children if b" run " in _command(pid)]
    os.kill(int(service[0]), signal.SIGKILL)
    said, _ = started.process.communicate(timeout=120)
    assert started.process.returncode == 1
    assert "alertrond has ended" in said
    time.sleep(0.2)
    assert started.processes() == []


def _command(pid):
    return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
