"""`alertrond health`: what a container's health check asks."""

import contextlib
import os
import socket
import subprocess
import threading

import pytest
from process import free_port, http_get, wait_until

pytestmark = pytest.mark.quick


@pytest.fixture
def health(program):
    """health(*words) runs it: (exit status, standard output, standard error)."""

    def run(*words, **environment):
        run = subprocess.run(
            [program, "health", *map(str, words)], capture_output=True, text=True, timeout=60, env={**os.environ, **environment}
        )
        return run.returncode, run.stdout, run.stderr

    return run


@contextlib.contextmanager
def server(answer):
    """A port where each connection gets these bytes and, unless they are None, its end."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            with contextlib.suppress(OSError), listening.accept()[0] as connection:
                connection.recv(4096)
                if answer is None:
                    listening.accept()
                else:
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_service_without_a_broker_lives_and_is_not_ready(run_service, health):
    service = run_service(f"127.0.0.1:{free_port()}", wait=False)
    wait_until(lambda: http_get(f"{service.url}/healthz")[0] == 200, 20, "it lives")
    port = service.url.rsplit(":", 1)[1]
    assert health("--port", port) == (0, "ok\n", "")
    assert health(ALERTROND_HTTP_PORT=port) == (0, "ok\n", "")
    status, out, error = health("--ready", "--port", port)
    assert (status, out) == (1, "") and f"port {port}: not ready: " in error


def test_a_service_that_scores_is_ready(embedded, run_service, health):
    service = run_service(embedded)
    assert health("--ready", "--port", service.url.rsplit(":", 1)[1]) == (0, "ready\n", "")


def test_nobody_there_is_not_healthy(health):
    port = free_port()
    assert health("--port", port) == (1, "", f"alertrond health: 127.0.0.1 port {port}: nobody takes connections there\n")


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-x\r\n\r\n200", b"HTTP/1.1 503 no\r\n\r\n", b"HTTP/1.1 2000000", b"x" * 100000])
def test_another_answer_is_not_healthy(health, answer):
    with server(answer) as port:
        status, out, error = health("--port", port)
    assert (status, out) == (1, "") and error.startswith(f"alertrond health: 127.0.0.1 port {port}: ")


def test_no_answer_is_not_healthy(health):
    with server(None) as port:
        assert health("--seconds", 0.2, "--port", port) == (1, "", f"alertrond health: 127.0.0.1 port {port}: no answer within 0.2 s\n")


def test_what_an_answer_says_drives_no_terminal(health):
    with server(b"HTTP/1.1 200 OK\r\n\r\n\x1b[2Jfine\r\nmore\n") as port:
        assert health("--port", port) == (0, "?[2Jfine\n", "")


@pytest.mark.parametrize("words", [["--port", "0"], ["--seconds", "0"], ["--reddy"], ["surplus"]])
def test_wrong_use_is_told_from_bad_health(health, words):
    assert health(*words)[0] == 2
