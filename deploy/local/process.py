"""process: child processes that never outlive this one, waiting for them, and free ports."""

import ctypes
import os
import pathlib
import random
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_random = random.SystemRandom()  # as others may look for a port at the same time
# Loopback is reached directly, whatever proxy the environment names.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Failure(Exception):
    """Something did not work; the text is for the user."""


class Child:
    """A program in a session of its own, with its output in a log file.

    Ctrl-C in the terminal doesn't reach it, so that its parent decides the order of ending; and the kernel kills it
    should its parent die without ending it.
    """

    def __init__(self, name, argv, log, *, output=None, env=None, cwd=None):
        self.name = name
        self.argv = [str(word) for word in argv]
        self.log = pathlib.Path(log)
        self._output = output
        self._env = env
        self._cwd = cwd
        self._process = None

    def start(self):
        self.log.parent.mkdir(parents=True, exist_ok=True)
        parent = os.getpid()
        with open(self.log, "ab") as log:
            output = open(self._output, "wb") if self._output else None
            try:
                self._process = subprocess.Popen(
                    self.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output or log,
                    stderr=log,
                    env=self._env,
                    cwd=self._cwd,
                    start_new_session=True,
                    preexec_fn=lambda: _die_with(parent),
                )
            except OSError as error:
                raise Failure(f"{self.name} could not be started: {error}") from error
            finally:
                if output:
                    output.close()
        return self

    @property
    def pid(self):
        return self._process.pid

    @property
    def status(self):
        """Its exit status, or None while it runs."""
        return self._process.poll() if self._process else None

    @property
    def running(self):
        return self._process is not None and self._process.poll() is None

    def signal(self, number):
        if self.running:
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                pass

    def stop(self, seconds=10):
        """SIGTERM, and SIGKILL for what is still there after `seconds`. Returns the exit status."""
        if self._process is None:
            return None
        self.signal(signal.SIGTERM)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        return self._process.returncode

    def kill(self):
        if self._process is not None:
            self.signal(signal.SIGKILL)
            self._process.wait()

    def wait(self, seconds=None):
        """Its exit status; Failure where it does not end in time."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} still runs after {seconds} s.\n{self.tail()}") from None

    def tail(self, lines=15):
        """The end of its log, for an error message."""
        try:
            text = self.log.read_text(errors="replace")
        except OSError:
            text = ""
        kept = text.splitlines()[-lines:] or ["(empty)"]
        return "\n".join([f"The end of {self.log}:"] + [f"  | {line}" for line in kept])

    def check(self):
        """Failure, with the end of its log, where it has ended."""
        if not self.running:
            raise Failure(f"{self.name} has ended (status {self.status}).\n{self.tail()}")

    def await_ready(self, ready, seconds):
        """Waits until ready() is true; Failure where the process ends first or takes longer."""
        end = time.monotonic() + seconds
        while True:
            self.check()
            if ready():
                return self
            if time.monotonic() > end:
                raise Failure(f"{self.name} is not ready after {seconds} s.\n{self.tail()}")
            time.sleep(0.1)


def _die_with(parent):
    """In the new child: be killed when the parent dies, also if it just has."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(127)


def wait_until(condition, seconds, what, pause=0.1):
    """The first true value of condition(); Failure saying `what` did not come."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {seconds} s")
        time.sleep(pause)


def port_is_free(port):
    with socket.socket() as probe:
        # As servers do: a port whose old connections linger can be listened on again.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port(preferred=0):
    """The preferred port if nobody has it, else any free one that no outgoing connection takes before it is used."""
    port = preferred
    while not port or not port_is_free(port):
        port = _random.randrange(10000, 32000)
    return port


def http_get(url, seconds=10):
    """(status, body) of a GET; (0, why) where nobody answers."""
    return http_request(urllib.request.Request(url), seconds)


def http_post(url, body, content_type="application/json", seconds=5):
    return http_request(urllib.request.Request(url, data=body, headers={"Content-Type": content_type}), seconds)


def http_request(request, seconds):
    try:
        with _opener.open(request, timeout=seconds) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode("utf-8", "replace")
    except (OSError, ValueError) as error:
        return 0, str(error)
