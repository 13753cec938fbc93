"""alertrond and a Kafka that asks who it is: every way in of docs/kafka-security.md, and what it says when it is kept out."""

import http.server
import itertools
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
import types

import credentials
import pytest
import streams
from conftest import ROOT, TestKafka
from process import free_port, http_get, wait_until

PAGE = ROOT / "docs" / "kafka-security.md"
PASSWORD, SCRAM_PASSWORD, KEY_PASSWORD, CLIENT_SECRET = "pa55-opensesame", "scram-opensesame", "key-opensesame", "client-opensesame"
# Wheels of confluent-kafka carry a librdkafka of their own.
NEWER_LIBRARY = "confluent-kafka==2.16.1"

LISTENERS = {"TLS": "SSL", "MUTUAL": "SSL", "EXPIRED": "SSL", "ELSEWHERE": "SSL", "PASSWORDS": "SASL_SSL", "TOKENS": "SASL_SSL"}
PORTS = {"9093": "TLS", "9094": "MUTUAL", "9095": "PASSWORDS", "9096": "TOKENS"}  # of the page
_JAAS = "org.apache.kafka.common.security"

TOPIC, GROUP, CLUSTER, TRANSACTIONAL_ID = 2, 3, 4, 5
LITERAL, PREFIXED = 3, 4
READ, WRITE, CREATE = 3, 4, 5


def broker_settings(authority, issuer):
    settings = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": authority.issue("broker")[2],
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": authority.certificate,
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.passwords.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "listener.name.passwords.plain.sasl.jaas.config": f'{_JAAS}.plain.PlainLoginModule required user_alertrond="{PASSWORD}";',
        "listener.name.tokens.sasl.enabled.mechanisms": "OAUTHBEARER",
        "listener.name.tokens.oauthbearer.sasl.jaas.config": f"{_JAAS}.oauthbearer.OAuthBearerLoginModule required;",
        "listener.name.tokens.oauthbearer.sasl.server.callback.handler.class": f"{_JAAS}.oauthbearer.OAuthBearerValidatorCallbackHandler",
        "sasl.oauthbearer.jwt.validator.class": f"{_JAAS}.oauthbearer.BrokerJwtValidator",
        "sasl.oauthbearer.jwks.endpoint.url": f"file://{issuer.keys}",
        "sasl.oauthbearer.expected.audience": "kafka",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        # Of the plain listener, by which the tests look and prepare.
        "super.users": "User:ANONYMOUS",
    }
    for name, certificate in (("expired", authority.issue("expired", days=-1)), ("elsewhere", authority.issue("elsewhere", "elsewhere.example"))):
        settings[f"listener.name.{name}.ssl.keystore.type"] = "PEM"
        settings[f"listener.name.{name}.ssl.keystore.location"] = certificate[2]
    for mechanism in ("scram-sha-256", "scram-sha-512"):
        settings[f"listener.name.passwords.{mechanism}.sasl.jaas.config"] = f"{_JAAS}.scram.ScramLoginModule required;"
    return settings


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A Kafka with a listener for each way in; has .kafka, .authority, .issuer, and .files, those of docs/kafka-security.md."""
    directory = tmp_path_factory.mktemp("guarded")
    authority, other = credentials.Authority(directory / "ca"), credentials.Authority(directory / "other", "another")
    issuer = credentials.Issuer(directory / "ca")
    files = directory / "etc"
    files.mkdir()
    key, certificate, _ = authority.issue("alertrond", password=KEY_PASSWORD)
    shutil.copy(f"{key}.locked", files / "client.key")
    shutil.copy(certificate, files / "client.pem")
    shutil.copy(authority.certificate, files / "ca.pem")
    shutil.copy(other.certificate, files / "other-ca.pem")
    for name, text in (("client.key.password", KEY_PASSWORD), ("password", PASSWORD), ("scram-password", SCRAM_PASSWORD)):
        (files / name).write_text(text + "\n")
    (files / "secret").write_text(CLIENT_SECRET)
    (files / "token").write_text(issuer.token("alertrond"))
    kafka = TestKafka(
        directory / "kafka",
        heap_megabytes=384,
        listeners=LISTENERS,
        settings=broker_settings(authority, issuer),
        users={"alertrond": SCRAM_PASSWORD},
        java=[f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=file://{issuer.keys}"],
    )
    try:
        yield types.SimpleNamespace(kafka=kafka.start(), authority=authority, issuer=issuer, files=files, directory=directory)
    finally:
        kafka.stop()


@pytest.fixture(scope="session")
def newer_library():
    """A folder with a librdkafka that knows SCRAM as Kafka 4 does, and OIDC."""
    folder = ROOT / "build" / "tests" / "librdkafka"
    found = list(folder.glob("unpacked/confluent_kafka.libs/librdkafka-*.so.1"))
    if not found:
        words = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", folder, NEWER_LIBRARY]
        fetched = subprocess.run(words, capture_output=True, text=True)
        wheels = list(folder.glob("*.whl"))
        if fetched.returncode != 0 or not wheels:
            pytest.skip(f"{NEWER_LIBRARY} can't be fetched with pip, which carries a newer librdkafka: {fetched.stderr.strip()[-200:]}")
        subprocess.run([sys.executable, "-m", "zipfile", "-e", wheels[0], folder / "unpacked"], check=True)
        found = list(folder.glob("unpacked/confluent_kafka.libs/librdkafka-*.so.1"))
    link = folder / "librdkafka.so.1"
    link.unlink(missing_ok=True)
    link.symlink_to(found[0])
    return folder


# --- the page's configurations -------------------------------------------------------------------------------


def page_configuration(guarded, heading, tmp_path, **replaced):
    """The configuration below a heading of the page, with this machine's addresses and files in it."""
    below = PAGE.read_text().split(f"# {heading}\n", 1)[1]
    text = re.search(r"```ini\n(.*?)```", below, re.DOTALL)[1]
    for port, listener in PORTS.items():
        text = text.replace(f"kafka.example.org:{port}", guarded.kafka.bootstrap_of(listener))
    text = text.replace("/etc/alertrond/", f"{guarded.files}/")
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / f"{len(list(tmp_path.iterdir()))}.conf"
    path.write_text(text)
    return path, re.search(r"bootstrap = (\S+)", text)[1]


def acl(kafka, principal, topics, add=True, leave_out=None, create=False):
    """Gives, or takes, what the page says is needed: requests CreateAcls and DeleteAcls of version 1."""
    rules = [(TOPIC, topics.readings, READ), (GROUP, topics.group, READ), (TOPIC, topics.anomalies, WRITE), (TOPIC, topics.dead_letters, WRITE)]
    if create:
        rules += [(TOPIC, name, CREATE) for name in (topics.readings, topics.anomalies, topics.dead_letters)]
    change_acls(kafka, principal, [rule for rule in rules if rule != leave_out], add)


def change_acls(kafka, principal, rules, add=True):
    def text(value):
        return struct.pack(">h", len(value)) + value.encode()

    body = struct.pack(">hhih", 30 if add else 31, 1, 1, 5) + b"tests" + struct.pack(">i", len(rules))
    for resource, name, operation in rules:
        pattern = PREFIXED if resource == TRANSACTIONAL_ID else LITERAL
        body += struct.pack(">b", resource) + text(name) + struct.pack(">b", pattern) + text(f"User:{principal}") + text("*")
        body += struct.pack(">bb", operation, 3)
    host, port = kafka.bootstrap.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(struct.pack(">i", len(body)) + body)
        with connection.makefile("rb") as answer:
            (size,) = struct.unpack(">i", answer.read(4))
            correlation, throttle, count = struct.unpack_from(">iii", answer.read(size))
    assert count == len(rules)


def send_anomalies(program, kafka, topic, count=50):
    words = ["--bootstrap", kafka.bootstrap, "--topic", topic, "--count", count, "--rate", "max", "--anomalies", 1, "--seed", 1]
    subprocess.run([program, "generate", *map(str, words)], check=True, capture_output=True)


def flows(program, kafka, topics, service):
    """Readings come in and anomalies go out, by whatever way in the service has."""
    before = streams.held(kafka.bootstrap, topics.anomalies)
    send_anomalies(program, kafka, topics.readings)

    def there():
        return service.metrics().sum("alertrond_anomalies_total") > 0 and streams.held(kafka.bootstrap, topics.anomalies) > before

    wait_until(there, 120, "anomalies come")


WAYS = [
    ("Encryption: TLS", "ANONYMOUS", None, {}),
    ("Mutual TLS", "CN=alertrond", None, {}),
    ("SASL PLAIN", "alertrond", None, {}),
    ("SASL SCRAM", "alertrond", "newer", {"/password": "/scram-password"}),
    ("SASL SCRAM", "alertrond", "newer", {"/password": "/scram-password", "SHA-512": "SHA-256"}),
    ("With a token in a file", "alertrond", None, {}),
    ("With a client's secret (OIDC)", "alertrond", "newer", {}),
]


@pytest.mark.parametrize("heading, principal, library, replaced", WAYS, ids=[f"{way[0]}{len(way[3]) or ''}" for way in WAYS])
def test_anomalies_flow_over_each_way_in_of_the_page(guarded, run_service, program, request, tmp_path, heading, principal, library, replaced):
    topics = guarded.kafka.fresh_topics(1)
    acl(guarded.kafka, principal, topics)
    env = dict(topics.env)
    if library:
        env["LD_LIBRARY_PATH"] = str(request.getfixturevalue("newer_library"))
    with token_endpoint(guarded.issuer) as endpoint:
        if "OIDC" in heading:
            replaced = {"https://login.example.org/token": endpoint}
        path, bootstrap = page_configuration(guarded, heading, tmp_path, **replaced)
        service = run_service(bootstrap, env=env, options=["-c", path])
        flows(program, guarded.kafka, topics, service)


class token_endpoint:
    """Where an OpenID provider gives out tokens for a client's secret."""

    def __init__(self, issuer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                known = self.headers["Authorization"] == "Basic " + credentials.plain_base64(f"alertrond:{CLIENT_SECRET}")
                answer = json.dumps({"access_token": issuer.token("alertrond"), "token_type": "Bearer", "expires_in": 3600}).encode()
                self.send_response(200 if known else 401)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer) if known else 0))
                self.end_headers()
                if known:
                    self.wfile.write(answer)

            def log_message(self, *words):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_address[1]}/token"

    def __exit__(self, *why):
        self._server.shutdown()
        self._server.server_close()


# --- kept out ------------------------------------------------------------------------------------------------


REFUSED = {
    "a wrong authority": ("Encryption: TLS", {"/ca.pem": "/other-ca.pem"}, None, "no authority that is trusted here has signed it"),
    "an expired certificate": ("Encryption: TLS", {}, "EXPIRED", "it has expired"),
    "a wrong host": ("Encryption: TLS", {}, "ELSEWHERE", "it is for another host"),
    "no client's certificate": ("Encryption: TLS", {}, "MUTUAL", "ssl.certificate.location"),
    "TLS to a plain listener": ("Encryption: TLS", {}, "PLAINTEXT", "Check security.protocol"),
    "no SASL where it is wanted": ("Encryption: TLS", {}, "PASSWORDS", "might require SASL"),
    "a wrong password": ("SASL PLAIN", {"/password": "/secret"}, None, "check sasl.username and sasl.password"),
    "a wrong mechanism": ("SASL PLAIN", {}, "TOKENS", "supported mechanisms: OAUTHBEARER; give one of these as sasl.mechanism"),
    "a token of somebody else": ("With a token in a file", {"/token\n": "/forged\n"}, None, "check the token"),
    "no token": ("With a token in a file", {"/token\n": "/secret\n"}, None, "no JSON Web Token"),
    "an expired token": ("With a token in a file", {"/token\n": "/expired\n"}, None, "unexpired token"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_who_is_kept_out_is_told_why_and_what_to_do(guarded, run_service, tmp_path, case):
    heading, replaced, listener, said = REFUSED[case]
    forger = tmp_path / "forger"
    forger.mkdir()
    (guarded.files / "forged").write_text(credentials.Issuer(forger).token("alertrond"))
    (guarded.files / "expired").write_text(guarded.issuer.token("alertrond", seconds=-60))
    path, bootstrap = page_configuration(guarded, heading, tmp_path, **replaced)
    bootstrap = guarded.kafka.bootstrap_of(listener) if listener else bootstrap
    service = run_service(bootstrap, options=["-c", path], wait=False)
    wait_until(lambda: said in http_get(f"{service.url}/readyz")[1], 120, f"/readyz says {said}")
    assert any("warning" in line and said in line for line in service.log.splitlines())
    assert service.stop() == 0


def test_scram_of_an_old_library_says_that_it_may_be_the_library(guarded, run_service, tmp_path):
    path, bootstrap = page_configuration(guarded, "SASL SCRAM", tmp_path, **{"/password": "/scram-password"})
    service = run_service(bootstrap, options=["-c", path], wait=False)
    version = service_library(service)
    if version >= (2, 6, 1):
        pytest.skip(f"the installed librdkafka {version} is newer than 2.6.1")
    wait_until(lambda: "use a newer librdkafka" in http_get(f"{service.url}/readyz")[1], 120, "/readyz says so")


def service_library(service):
    body = wait_until(lambda: http_get(f"{service.url}/metrics")[1], 120, "metrics come")
    found = re.search(r'librdkafka(?:_version)?="(\d+)\.(\d+)\.(\d+)', body)
    return tuple(map(int, found.groups())) if found else (0, 0, 0)


ACLS = ["readings", "group", "anomalies", "dead_letters"]


@pytest.mark.parametrize("missing", ACLS)
def test_a_missing_permission_is_named_and_once_given_it_goes_on(guarded, run_service, program, tmp_path, missing):
    topics = guarded.kafka.fresh_topics(1)
    resource, operation = {"readings": (TOPIC, READ), "group": (GROUP, READ)}.get(missing, (TOPIC, WRITE))
    name = getattr(topics, missing)
    acl(guarded.kafka, "alertrond", topics, leave_out=(resource, name, operation))
    path, bootstrap = page_configuration(guarded, "SASL PLAIN", tmp_path)
    service = run_service(bootstrap, env=topics.env, options=["-c", path, "--create-topics=off"], wait=False)
    send_anomalies(program, guarded.kafka, topics.readings)
    send_what_is_no_reading(guarded.kafka, topics.readings)

    words = ["authorization failed", "allow this user by ACL: ", "Read of the group" if missing == "group" else name]

    def told():
        status, body = http_get(f"{service.url}/readyz")
        return status == 503 and all(one in body for one in words)

    wait_until(told, 120, "/readyz names what is missing")
    change_acls(guarded.kafka, "alertrond", [(resource, name, operation)])

    def goes_on():
        held = [streams.held(guarded.kafka.bootstrap, topic) for topic in (topics.anomalies, topics.dead_letters)]
        return held[0] > 0 and held[1] == 1

    wait_until(goes_on, 120, "it goes on by itself")
    wait_until(lambda: http_get(f"{service.url}/readyz")[0] == 200, 120, "it is ready")


def test_exactly_once_needs_its_transactional_ids_and_says_so(guarded, run_service, program, tmp_path):
    topics = guarded.kafka.fresh_topics(1)
    acl(guarded.kafka, "alertrond", topics)
    path, bootstrap = page_configuration(guarded, "SASL PLAIN", tmp_path)
    options = ["-c", path, "--create-topics=off", "--kafka-delivery", "exactly-once"]
    refused = run_service(bootstrap, env=topics.env, options=options, wait=False)
    wait_until(lambda: refused.status is not None, 120, "it ends")
    assert refused.status == 1
    assert "allow this user by ACL: Write of the transactional id" in refused.log
    change_acls(guarded.kafka, "alertrond", [(TRANSACTIONAL_ID, f"{topics.group}-", WRITE)])
    flows(program, guarded.kafka, topics, run_service(bootstrap, env=topics.env, options=options))


def send_what_is_no_reading(kafka, topic):
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    producer.produce(topic, b"no reading")
    producer.flush(10)


def test_making_topics_needs_create_and_says_so(guarded, program, run_service, tmp_path):
    number = next(itertools.count(os.getpid()))
    names = types.SimpleNamespace(readings=f"made-{number}", anomalies=f"made-{number}-anomalies", dead_letters=f"made-{number}-dlq", group=f"made-{number}")
    env = {
        **guarded.kafka.fresh_topics(1).env,
        "KAFKA_READINGS_TOPIC": names.readings,
        "KAFKA_ANOMALIES_TOPIC": names.anomalies,
        "KAFKA_DEAD_LETTERS_TOPIC": names.dead_letters,
        "KAFKA_GROUP_ID": names.group,
    }
    acl(guarded.kafka, "alertrond", names)
    path, bootstrap = page_configuration(guarded, "SASL PLAIN", tmp_path)
    refused = run_service(bootstrap, env=env, options=["-c", path], wait=False)
    wait_until(lambda: refused.status is not None, 120, "it ends")
    assert refused.status == 1
    assert f"topic {names.readings}: Authorization failed" in refused.log and "Create, with --create-topics" in refused.log
    acl(guarded.kafka, "alertrond", names, create=True)
    run_service(bootstrap, env=env, options=["-c", path])


# --- secrets change ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("heading, file, wrong", [("SASL PLAIN", "password", "not-the-password"), ("With a token in a file", "token", "not.a.token")])
def test_a_secret_that_is_mended_is_used_without_a_restart(guarded, program, run_service, tmp_path, heading, file, wrong):
    topics = guarded.kafka.fresh_topics(1)
    acl(guarded.kafka, "alertrond", topics)
    secret = tmp_path / "secret.txt"
    secret.write_text(wrong)
    path, bootstrap = page_configuration(guarded, heading, tmp_path, **{f"{guarded.files}/{file}\n": f"{secret}\n"})
    service = run_service(bootstrap, env=topics.env, options=["-c", path], wait=False)
    wait_until(lambda: "bootstrap:" in http_get(f"{service.url}/readyz")[1] or "token_file" in http_get(f"{service.url}/readyz")[1], 120, "it is kept out")
    secret.write_text((guarded.files / file).read_text())
    service.await_ready()
    flows(program, guarded.kafka, topics, service)


def test_new_certificates_end_a_client_that_is_refused_with_its_old_ones(guarded, program, run_service, tmp_path):
    topics = guarded.kafka.fresh_topics(1)
    acl(guarded.kafka, "CN=alertrond", topics)
    key, certificate, _ = guarded.authority.issue("alertrond-old", days=-1)
    shutil.copy(key, tmp_path / "client.key")
    shutil.copy(certificate, tmp_path / "client.pem")
    replaced = {f"{guarded.files}/client.key\n": f"{tmp_path}/client.key\n", f"{guarded.files}/client.pem": f"{tmp_path}/client.pem"}
    path, bootstrap = page_configuration(guarded, "Mutual TLS", tmp_path, **replaced)
    service = run_service(bootstrap, env=topics.env, options=["-c", path], wait=False)
    wait_until(lambda: "ssl.certificate.location" in http_get(f"{service.url}/readyz")[1], 120, "it is kept out")
    shutil.copy(guarded.files / "client.key", tmp_path / "client.key")
    shutil.copy(guarded.files / "client.pem", tmp_path / "client.pem")
    wait_until(lambda: service.status is not None, 120, "it ends")
    assert service.status == 1
    assert "files of TLS have changed since the start" in service.log
    flows(program, guarded.kafka, topics, run_service(bootstrap, env=topics.env, options=["-c", path]))


# --- secrets are nowhere to be seen --------------------------------------------------------------------------


def test_secrets_are_in_no_output(guarded, program, model, run_service, tmp_path):
    topics = guarded.kafka.fresh_topics(1)
    acl(guarded.kafka, "alertrond", topics)
    path, bootstrap = page_configuration(guarded, "SASL PLAIN", tmp_path)
    env = {**topics.env, "KAFKA_SSL_KEY_PASSWORD": KEY_PASSWORD}
    options = ["-c", path, "--log-level", "debug", "-X", "debug=all"]
    service = run_service(bootstrap, env=env, options=options)
    flows(program, guarded.kafka, topics, service)
    seen = [service.log]
    seen += [http_get(f"{service.url}{place}")[1] for place in ("/metrics", "/readyz", "/healthz", "/config", "/")]
    seen.append(pathlib.Path(f"/proc/{service.pid}/cmdline").read_text())
    checked = subprocess.run([program, "check-config", "-m", model, *map(str, options)], env=env, capture_output=True, text=True)
    assert checked.returncode == 0 and f"{guarded.files}/password" in checked.stdout
    seen += [checked.stdout, checked.stderr]
    assert "kafka client: SASL" in service.log  # librdkafka's own lines are there
    for secret in (PASSWORD, KEY_PASSWORD, credentials.plain_base64(PASSWORD)):
        assert not any(secret in text for text in seen)


@pytest.mark.quick
@pytest.mark.parametrize("command", ["check-config", "run", "generate"])
def test_secrets_on_a_command_line_are_refused_with_the_remedy(program, model, command):
    words = ["--kafka"] if command == "generate" else ["-m", str(model)]
    for secret in ("sasl.password=opensesame", "ssl.key.password=opensesame", "ssl.keystore.password=opensesame", "ssl.key.pem=opensesame"):
        done = subprocess.run([program, command, *words, "-X", secret], capture_output=True, text=True, timeout=120)
        assert done.returncode in (1, 2)
        name = secret.partition("=")[0]
        assert f"give -X {name}_file=FILE, or the environment variable KAFKA_{name.upper().replace('.', '_')}" in done.stderr
        assert "opensesame" not in done.stdout + done.stderr


@pytest.mark.quick
@pytest.mark.parametrize("command", ["check-config", "run", "generate"])
def test_no_mistake_shows_a_secret(program, model, tmp_path, command):
    """Each mistake that one can make around a secret."""
    secret = tmp_path / "secret"
    secret.write_text("open\0sesame")
    words = ["--kafka"] if command == "generate" else ["-m", str(model)]
    flags = [["-X", "sasl.passwort=opensesame"], ["-X", "sasl.password:opensesame"], ["-X", "sasl.password opensesame"]]
    flags += [["-X", f"sasl.password_file={secret}"], ["-X", "sasl.password_file=/nowhere/at/all"], ["-X", f"sasl.passwort_file={secret}"]]
    for flag in flags:
        done = subprocess.run([program, command, *words, *flag], capture_output=True, text=True, timeout=120)
        assert done.returncode in (1, 2) and done.stderr
        assert "opensesame" not in done.stdout + done.stderr and "sesame" not in done.stderr.replace(str(tmp_path), "")


@pytest.mark.quick
def test_secrets_come_from_the_environment_and_a_readable_file_is_warned_of(program, model, tmp_path):
    conf = tmp_path / "alertrond.conf"
    conf.write_text("[kafka]\nsecurity.protocol = SASL_SSL\nsasl.password = opensesame\nsasl.mechanism = PLAIN\n")
    env = {"KAFKA_SASL_USERNAME": "somebody", "KAFKA_SSL_KEY_PASSWORD": "opensesame", "KAFKA_SSL_SERVICE_HOST": "10.0.0.1"}
    for mode, warned in ((0o644, True), (0o640, False)):
        conf.chmod(mode)
        done = subprocess.run([program, "check-config", "-m", model, "-c", conf], env=env, capture_output=True, text=True)
        assert done.returncode == 0
        assert ("every user of this machine may read this file" in done.stderr) is warned
        lines = {line.split()[0]: line.split(maxsplit=2)[1:] for line in done.stdout.splitlines() if line.startswith("kafka.s")}
        assert lines["kafka.sasl.password"] == ["(hidden)", f"{conf}:3"]
        assert lines["kafka.sasl.username"] == ["somebody", "environment variable KAFKA_SASL_USERNAME"]
        assert lines["kafka.ssl.key.password"] == ["(hidden)", "environment variable KAFKA_SSL_KEY_PASSWORD"]
        assert "opensesame" not in done.stdout + done.stderr and "10.0.0.1" not in done.stdout
