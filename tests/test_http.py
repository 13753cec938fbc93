"""HTTP as those see it who should not: without credentials, with wrong ones, slow, greedy, or talking nonsense."""

import base64
import contextlib
import json
import random
import re
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request

import pytest
from process import free_port, http_get, http_post, http_request, wait_until

READING = b'{"device_id": "edge-1", "features": [50.0, 100.0, 0.5]}'
HEAD = b"POST /ingest HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
TOKEN, OTHER, PASSWORD = "correct-horse-battery-staple", "another-token-of-some-length", "open sesame"


@pytest.fixture
def web(run_service):
    """web(*options): a service without a broker, once it answers."""

    def start(*options):
        service = run_service(f"127.0.0.1:{free_port()}", wait=False, options=options)
        wait_until(lambda: http_get(f"{service.url}/healthz")[0] == 200, 120, "it lives")
        return service

    return start


def ingest(service, headers=None, host="127.0.0.1"):
    """(status, body) of a good reading that is sent with these headers."""
    url = service.url.replace("127.0.0.1", host) + "/ingest"
    request = urllib.request.Request(url, READING, {"Content-Type": "application/json", **(headers or {})})
    return http_request(request, 10)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def log_of(service):
    return service.children[0].log.read_text()


def denied(service, reason):
    """How many requests were denied for a reason."""
    return wait_until(service.metrics, 120, "metrics are answered").sum("alertrond_http_denied_total", reason=reason)


def secret_file(path, text):
    path.write_text(text)
    path.chmod(0o600)
    return path


# --- who may ----------------------------------------------------------------------------------------------


@pytest.mark.quick
def test_ingest_is_open_to_plain_local_requests_only(web):
    service = web()
    assert ingest(service)[0] == 200
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "Origin"):
        status, body = ingest(service, {header: "192.0.2.1"})
        assert status == 403 and "http.tokens_file" in body, header
    for host, expected in [("evil.example:8000", 403), ("127.0.0.1.evil.example", 403), ("localhost:1", 200), ("[::1]:1", 200), ("me", 200)]:
        assert ingest(service, {"Host": host})[0] == expected, host
    assert http_get(f"{service.url}/metrics")[0] == 200
    assert denied(service, "closed") == 7


@pytest.mark.quick
def test_administration_is_no_web_pages(web, tmp_path):
    """Which a browser would send remembered credentials for."""
    tokens = secret_file(tmp_path / "tokens", f"deploy:{TOKEN}:admin\n")
    service = web("--http-admin-access=credentials", f"--http-tokens-file={tokens}")
    words = b"POST /-/reload HTTP/1.0\r\nAuthorization: Bearer %s\r\n" % TOKEN.encode()
    assert raw(service, words + b"\r\n").startswith(b"HTTP/1.1 200")
    for origin in (b"https://evil.example", b"null"):
        assert raw(service, words + b"Origin: %s\r\n\r\n" % origin).startswith(b"HTTP/1.1 403")
        asked = b"OPTIONS /-/reload HTTP/1.0\r\nOrigin: %s\r\nAccess-Control-Request-Method: POST\r\n\r\n"
        answer = raw(service, asked % origin)
        assert answer.startswith(b"HTTP/1.1 403") and b"Access-Control" not in answer
    assert denied(service, "page") == 4


def own_address():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return probe.getsockname()[0]


@pytest.mark.quick
def test_ingest_is_closed_to_other_addresses_until_there_are_credentials(web, tmp_path):
    address = own_address()
    closed = web("--http-address=0.0.0.0")
    assert ingest(closed, host=address)[0] == 403
    assert http_get(closed.url.replace("127.0.0.1", address) + "/metrics")[0] == 200
    tokens = secret_file(tmp_path / "tokens", f"gateway:{TOKEN}\n")
    service = web("--http-address=0.0.0.0", f"--http-tokens-file={tokens}")
    assert ingest(service, host=address)[0] == 401
    assert ingest(service, bearer(OTHER), address)[0] == 401
    assert ingest(service, bearer(TOKEN), address)[0] == 200
    assert ingest(service)[0] == 200


@pytest.mark.quick
def test_tokens_and_passwords_are_asked_for_and_never_logged(web, tmp_path):
    made = subprocess.run(["openssl", "passwd", "-6", PASSWORD], capture_output=True, text=True, check=True)
    tokens = secret_file(tmp_path / "tokens", f"gateway:{TOKEN}\nprometheus:{OTHER}:metrics\n")
    users = secret_file(tmp_path / "users", f"alice:{made.stdout.strip()}\n")
    words = ["--http-ingest-access=credentials", "--http-metrics-access=credentials"]
    service = web(*words, f"--http-tokens-file={tokens}", f"--http-users-file={users}", "--log-level=debug")
    assert ingest(service)[0] == 401
    assert ingest(service, bearer(TOKEN))[0] == 200
    assert ingest(service, bearer(OTHER))[0] == 403
    assert ingest(service, basic("alice", PASSWORD))[0] == 200
    assert ingest(service, basic("alice", PASSWORD + "x"))[0] == 401
    assert ingest(service, basic("eve", PASSWORD))[0] == 401
    assert http_get(f"{service.url}/metrics")[0] == 401
    status, text = http_request(urllib.request.Request(f"{service.url}/metrics", headers=bearer(OTHER)), 5)
    assert status == 200
    assert re.search(r'alertrond_http_denied_total\{reason="wrong"\} 2\n', text)
    assert re.search(r'alertrond_http_denied_total\{reason="forbidden"\} 1\n', text)
    for path in ("healthz", "", "readyz"):
        assert http_get(f"{service.url}/{path}")[0] in (200, 503)
    answer = raw(service, b"GET /metrics HTTP/1.0\r\n\r\n")
    assert b'WWW-Authenticate: Basic realm="alertrond", Bearer realm="alertrond"\r\n' in answer
    log = log_of(service)
    assert "/ingest denied to 127.0.0.1: none_sent" in log
    for secret in (TOKEN, OTHER, PASSWORD, made.stdout.strip(), basic("alice", PASSWORD)["Authorization"][6:]):
        assert secret not in log and secret not in answer.decode() and secret not in text


@pytest.mark.quick
def test_files_of_credentials_are_read_again_and_bad_ones_are_not_taken(web, tmp_path):
    tokens = secret_file(tmp_path / "tokens", f"gateway:{TOKEN}\n")
    service = web("--http-ingest-access=credentials", f"--http-tokens-file={tokens}")
    assert ingest(service, bearer(OTHER))[0] == 401
    replacement = secret_file(tmp_path / "replacement", f"gateway:{OTHER}\n")
    replacement.rename(tokens)
    wait_until(lambda: ingest(service, bearer(OTHER))[0] == 200, 120, "the new token is good")
    assert ingest(service, bearer(TOKEN))[0] == 401
    secret_file(tokens, f"gateway:{TOKEN}:everything\n")
    wait_until(lambda: ingest(service, bearer(OTHER)) and "tokens:1: the last part lists paths" in log_of(service), 120, "it is said")
    assert ingest(service, bearer(OTHER))[0] == 200
    tokens.unlink()
    wait_until(lambda: ingest(service, bearer(OTHER)) and "No such file" in log_of(service), 120, "it is said")
    assert ingest(service, bearer(OTHER))[0] == 200
    assert TOKEN not in log_of(service)


@pytest.mark.quick
def test_a_path_can_be_switched_off(web):
    service = web("--http-ingest-access=nobody", "--http-metrics-access=nobody")
    status, body = ingest(service)
    assert status == 403 and "http.ingest_access" in json.loads(body)["error"]
    assert http_get(f"{service.url}/metrics")[0] == 403


@pytest.mark.quick
@pytest.mark.parametrize("command", ["run", "check-config"])
def test_files_that_can_not_be_used_are_said_at_start(program, model, tmp_path, command):
    bad = secret_file(tmp_path / "bad", "alice:opensesame\n")
    for words, expected in [
        (["-m", bad], "bad: these 17 bytes are neither a model"),
        (["--model-feature-names", "a, b"], "model.feature_names has 2 names, and the model takes 3 features"),
        (["--severity-calibration-file", "/dev/null"], "/dev/null"),
        (["--http-users-file", bad], "bad:1: this kind of hash is not taken"),
        (["--http-tokens-file", bad], "bad:1: a token has 16 to 256 characters"),
        (["--http-tls-client-ca", bad], "set http.tls_certificate, too"),
        (["--http-tls-certificate", bad], "TLS with "),
    ]:
        ran = subprocess.run([program, command, "-m", model, *words], capture_output=True, text=True, timeout=120)
        assert ran.returncode == 1 and expected in ran.stderr, ran.stderr
        assert "opensesame" not in ran.stderr and "no mistakes" not in ran.stdout
        if command == "run":  # what is hostile is parsed in the sandbox
            assert ran.stderr.index("sandbox entered") < ran.stderr.index(expected)


# --- limits -----------------------------------------------------------------------------------------------


def connect(service, source="127.0.0.1", seconds=30):
    port = int(service.url.rsplit(":", 1)[1])
    return socket.create_connection(("127.0.0.1", port), seconds, (source, 0))


def raw(service, request):
    """Everything that is answered to these bytes until the connection ends."""
    answer = b""
    with connect(service) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(request)
        while piece := connection.recv(65536):
            answer += piece
    return answer


def ended(connection):
    """Whether the service has ended a connection; what it has sent is read."""
    connection.setblocking(False)
    try:
        while connection.recv(65536):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        pass
    return True


@pytest.mark.quick
def test_idle_connections_keep_no_thread_that_others_need(web):
    service = web("--http-threads=4", "--http-idle-seconds=600", "--http-client-connections=1000")
    with contextlib.ExitStack() as held:
        kept = 0
        for _ in range(20):
            connection = held.enter_context(connect(service))
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
            answer = connection.recv(1000)
            assert answer.startswith(b"HTTP/1.1 200")
            kept += b"Connection: close" not in answer
        assert kept == 2
        assert http_get(f"{service.url}/healthz", 30)[0] == 200


@pytest.mark.quick
@pytest.mark.parametrize("begun", [b"", b"GET /healthz HT", HEAD + b"Content-Length: 100\r\n\r\nx"])
def test_an_address_that_takes_all_it_can_get_leaves_room_for_others(web, begun):
    service = web("--http-threads=4", "--http-request-seconds=600", "--http-client-connections=2")
    with contextlib.ExitStack() as held:
        for _ in range(200):
            connection = held.enter_context(connect(service, "127.0.0.2"))
            connection.sendall(begun)
        wait_until(lambda: http_get(f"{service.url}/healthz", 30)[0] == 200, 120, "a probe is answered")
        assert denied(service, "connections") > 0


@pytest.mark.quick
def test_no_header_hides_behind_others(web):
    """civetweb leaves out what comes after the 64th: a proxy's header, or how long the body is."""
    service = web("--http-admin-access=local")
    smuggled = b"POST /-/reload HTTP/1.1\r\nHost: here\r\n\r\n"
    for n, hidden, expected in [(61, b"", b"200"), (100, b"", b"431"), (70, b"X-Forwarded-For: 192.0.2.1\r\n", b"431")]:
        many = b"".join(b"X-%d: x\r\n" % number for number in range(n))
        length = b"Content-Length: %d\r\n" % len(smuggled) if hidden else b""
        answer = raw(service, b"POST /-/reload HTTP/1.1\r\nHost: here\r\n" + many + length + hidden + b"Connection: close\r\n\r\n" + smuggled * bool(hidden))
        assert answer.startswith(b"HTTP/1.1 " + expected) and answer.count(b"HTTP/1.1") == 1, answer


@pytest.mark.quick
@pytest.mark.parametrize("kind", ["head", "body", "chunks"])
def test_a_request_that_comes_a_byte_at_a_time_is_given_up(web, kind):
    service = web("--http-request-seconds=1")
    begun = {
        "head": b"GET /healthz HTTP/1.1\r\nX: ",
        "body": HEAD + b"Content-Length: 1000\r\n\r\n",
        "chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
    }[kind]
    piece = b"1\r\nx\r\n" if kind == "chunks" else b"x"
    with connect(service) as connection:
        connection.sendall(begun)
        for _ in range(300):
            time.sleep(0.1)
            with contextlib.suppress(ConnectionError):
                connection.sendall(piece)
            if ended(connection):
                break
        else:
            pytest.fail("it was taken for half a minute")
    assert http_get(f"{service.url}/healthz", 30)[0] == 200


@pytest.mark.quick
def test_an_answer_that_is_not_taken_is_given_up(web):
    service = web("--http-request-seconds=1", "--http-threads=2")
    with contextlib.ExitStack() as held:
        for _ in range(2):
            connection = held.enter_context(connect(service, "127.0.0.2"))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.setblocking(False)
            with contextlib.suppress(BlockingIOError, ConnectionError):
                for _ in range(1000):
                    connection.send(b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n" * 100)
        wait_until(lambda: http_get(f"{service.url}/healthz", 5)[0] == 200, 120, "a probe is answered")


@pytest.mark.quick
def test_garbage_is_refused_and_the_next_request_is_served(web):
    service = web("--http-request-seconds=1")
    draw = random.Random(7)
    words = [b"GET ", b"/ingest", b" HTTP/1.1\r\n", b"Content-Length: ", b"Transfer-Encoding: chunked\r\n", b"\r\n", b"\0", b"%00", b"/../", b"Host: "]
    words += [b"Authorization: Basic ", b"Authorization: Bearer ", b"9" * 30, b"\xff\xfe", READING]
    for _ in range(300):
        request = b"".join(draw.choice(words) if draw.random() < 0.9 else draw.randbytes(20) for _ in range(draw.randrange(1, 30)))
        with connect(service) as connection, contextlib.suppress(ConnectionError):
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
    assert http_get(f"{service.url}/healthz", 30)[0] == 200
    assert http_post(f"{service.url}/ingest", READING)[0] == 200


# --- TLS --------------------------------------------------------------------------------------------------


def certificate(directory, name, issuer=None):
    """NAME.key and NAME.crt, self-signed or by an issuer made before."""
    words = ["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-subj", f"/CN={name}"]
    words += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-x509", "-days", "2", "-out", f"{name}.crt"]
    if issuer:
        words += ["-CA", f"{issuer}.crt", "-CAkey", f"{issuer}.key"]
    subprocess.run(words, cwd=directory, check=True, capture_output=True)
    return directory / f"{name}.crt", directory / f"{name}.key"


def client_context(directory, issuer, client=None):
    context = ssl.create_default_context(cafile=directory / f"{issuer}.crt")
    if client:
        context.load_cert_chain(directory / f"{client}.crt", directory / f"{client}.key")
    return context


def get(url, context):
    """The status, or None where TLS refuses."""
    handler = urllib.request.HTTPSHandler(context=context)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({}), handler).open(url, timeout=10) as answer:
            return answer.status
    except OSError:
        return None


@pytest.mark.quick
@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is missing")
def test_tls_works_or_is_refused_with_the_remedy(run_service, tmp_path):
    certificate(tmp_path, "ca")
    certificate(tmp_path, "server", "ca")
    certificate(tmp_path, "client", "ca")
    both = tmp_path / "both.pem"
    both.write_bytes((tmp_path / "server.key").read_bytes() + (tmp_path / "server.crt").read_bytes())
    words = [f"--http-tls-certificate={both}", f"--http-tls-client-ca={tmp_path / 'ca.crt'}"]
    service = run_service(f"127.0.0.1:{free_port()}", wait=False, options=words)
    child = service.children[0]
    url = service.url.replace("http://127.0.0.1", "https://localhost") + "/healthz"
    good = client_context(tmp_path, "ca", "client")
    wait_until(lambda: not child.running or get(url, good) == 200, 120, "it serves or refuses")
    if child.running:
        assert get(url, client_context(tmp_path, "ca")) is None
    else:
        assert child.status == 1
        assert "built for OpenSSL 3" in log_of(service) and "deploy/tls" in log_of(service)
