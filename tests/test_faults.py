"""alertrond when the world around it misbehaves: brokers, topics, group members and HTTP clients."""

import json
import random
import re
import signal
import socket
import threading
import time

import pytest
import streams
from process import free_port, http_get, wait_until
from test_service import Run

READING = b'{"device_id": "edge-1", "features": [50.0, 100.0, 0.5]}'
HEAD = b"POST /ingest HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"


def port_of(service):
    return int(service.url.rsplit(":", 1)[1])


def exchange(service, request, seconds=30):
    """Everything that is answered to these bytes until the connection ends or falls silent."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port_of(service)), timeout=seconds) as connection:
        connection.sendall(request)
        try:
            while piece := connection.recv(65536):
                answer += piece
        except (TimeoutError, ConnectionResetError):
            pass
    return answer


# --- HTTP -------------------------------------------------------------------------------------------------


@pytest.fixture
def alone(run_service):
    """A service whose broker is not there; HTTP answers all the same."""
    service = run_service(f"127.0.0.1:{free_port()}", wait=False)
    wait_until(lambda: http_get(f"{service.url}/healthz")[0] == 200, 120, "it lives")
    return service


@pytest.mark.quick
def test_idle_connections_keep_no_probe_waiting(alone):
    idle = []
    for _ in range(8):
        connection = socket.create_connection(("127.0.0.1", port_of(alone)))
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        idle.append(connection)
    assert http_get(f"{alone.url}/healthz", 10)[0] == 200
    for connection in idle:
        connection.close()


@pytest.mark.quick
def test_requests_that_are_wrong_are_answered_and_the_next_one_is_served(alone):
    length = b"Content-Length: %d\r\n\r\n" % len(READING)
    chunk = b"%x\r\n%s\r\n" % (len(READING), READING)
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
    answered = [
        (HEAD + length + READING + last, [200, 200]),
        (chunked + chunk + b"0\r\n\r\n" + last, [200, 200]),
        (b"DELETE /ingest HTTP/1.1\r\nHost: here\r\n" + length + READING + last, [405, 200]),
        (b"POST /nowhere HTTP/1.1\r\nHost: here\r\n" + length + READING + last, [404, 200]),
        (HEAD + b"Expect: 100-continue\r\n" + length + READING + last, [100, 200, 200]),
        (chunked + b"zz\r\n" + READING, [408]),
        (chunked + b"ffffffffffffffff\r\n" + READING, [408]),
        (HEAD + b"Content-Length: -1\r\n\r\n" + READING, [411]),
        (HEAD + b"Content-Length: 99999999999999999999\r\n\r\n" + READING, [413]),
        (HEAD + b"Content-Length: 100000\r\n\r\n" + b"x" * 100000, [413]),
        (HEAD + b"Transfer-Encoding: gzip\r\n\r\n" + READING, [400]),
        (b"GET /healthz HTTP/1.1\r\nHost: here\r\nX: " + b"a" * 100000 + b"\r\n\r\n", [400]),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", [400]),
    ]
    for request, expected in answered:
        answer = exchange(alone, request)
        statuses = [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]
        assert statuses == expected, (request[:200], answer[:500])
    assert http_get(f"{alone.url}/healthz")[0] == 200


def test_a_body_that_stops_half_way_is_given_up(alone):
    answer = exchange(alone, HEAD + b"Content-Length: 41\r\n\r\n" + READING[:10], 60)
    assert answer.startswith(b"HTTP/1.1 408 ")


# --- topics and brokers -----------------------------------------------------------------------------------


@pytest.fixture
def a_run(kafka, program, model, tmp_path):
    return lambda count, **kinds: Run(kafka, program, model, tmp_path, count, **kinds)


def test_a_dead_letter_as_large_as_its_topic_allows_is_written_without_the_reason(kafka, run_service):
    from confluent_kafka.admin import AdminClient, ConfigResource

    topics = kafka.fresh_topics(streams.PARTITIONS)
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    resource = ConfigResource("topic", topics.dead_letters, {"max.message.bytes": "2000"})
    admin.alter_configs([resource])[resource].result(10)
    value = random.Random(1).randbytes(1800)  # neither text nor compressible
    headers = [("note", b"kept")]
    places = {0: 1, 1: 1, 2: 0, 3: 0}
    messages = [
        streams.Message(0, (0, 0), b"edge-1", value, headers, reason="not_json"),
        streams.Message(1, (1, 0), b"edge-1", b"small", reason="not_json"),
    ]
    run_service(kafka.bootstrap, env=topics.env)
    streams.write(kafka.bootstrap, topics.readings, messages)
    wait_until(lambda: streams.committed(kafka.bootstrap, topics.group, topics.readings) == places, 120, "both are passed")
    letters = {one.value(): one for one in streams.read(kafka.bootstrap, topics.dead_letters)}
    assert letters.keys() == {value, b"small"}
    assert letters[value].key() == b"edge-1" and letters[value].headers() == headers
    assert dict(letters[b"small"].headers())["alertrond.error.code"] == b"not_json"


def test_a_spare_member_is_ready(kafka, run_service):
    topics = kafka.fresh_topics(1)
    for _ in range(2):
        run_service(kafka.bootstrap, env=topics.env)


def test_a_topic_that_is_missing_is_waited_for_by_the_same_consumer(kafka, run_service):
    """To join anew leaves a consumer behind that was never told of partitions, with its threads and connections."""
    topics = kafka.fresh_topics(1)
    env = {**topics.env, "KAFKA_READINGS_TOPIC": f"{topics.readings}.later"}
    service = run_service(kafka.bootstrap, env=env, options=["--create-topics=off", "--limits-stall-seconds", "1"], wait=False)
    wait_until(lambda: "make the topic" in http_get(f"{service.url}/readyz")[1], 30, "/readyz says what is missing")
    time.sleep(3)
    kafka.make_topics({f"{topics.readings}.later": 1})
    service.await_ready()
    assert "joining the group anew" not in service.log


def test_who_is_not_let_into_the_group_yet_is_not_ready(kafka, run_service):
    topics = kafka.fresh_topics(1)
    options = ["-X", "session.timeout.ms=20000"]
    killed = run_service(kafka.bootstrap, env=topics.env, options=options)
    killed.kill()
    # The group waits for the members that were killed until their session ends.
    service = run_service(kafka.bootstrap, env=topics.env, options=options, wait=False)
    end = time.monotonic() + 14
    while time.monotonic() < end:
        status, text = http_get(f"{service.url}/readyz")
        assert status != 200, text
        time.sleep(0.5)
    service.await_ready(30)


def test_what_follows_the_last_reading_of_a_transaction_is_no_lag(kafka, run_service):
    from confluent_kafka import Producer

    topics = kafka.fresh_topics(1)
    service = run_service(kafka.bootstrap, env=topics.env, options=["--limits-stall-seconds", "2"])
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": topics.group})
    producer.init_transactions()
    for n_readings, end in (1, producer.commit_transaction), (5, producer.abort_transaction):
        producer.begin_transaction()
        for _ in range(n_readings):
            producer.produce(topics.readings, READING)
        producer.flush()
        end()
    wait_until(lambda: service.metrics().sum("predictions_total") == 1, 120, "the reading is scored")
    time.sleep(5)
    assert service.metrics().sum("alertrond_consumer_lag_messages") == 0
    assert http_get(f"{service.url}/readyz")[0] == 200


def test_a_topic_that_was_made_again_is_committed_from_its_beginning(a_run, kafka, run_service):
    first = a_run(3_000, seed=11)
    service = run_service(kafka.bootstrap, env=first.topics.env)
    first.write()
    first.await_all()
    second = a_run(1_000, seed=12)
    second.topics = first.topics
    kafka.delete_topic(first.topics.readings)
    kafka.make_topics({first.topics.readings: streams.PARTITIONS})
    second.write()
    second.await_all()
    wait_until(lambda: service.metrics().sum("alertrond_consumer_lag_messages") == 0, 120, "the lag, told once a second, is 0")


def test_it_ends_by_itself_although_the_broker_is_silent(a_run, kafka, run_service):
    run = a_run(5_000, seed=13)
    options = ["--limits-shutdown-seconds", "1", "-X", "session.timeout.ms=6000"]
    service = run_service(kafka.bootstrap, env=run.topics.env, options=options)
    run.write(0, 2_500)
    kafka.nodes[1].signal(signal.SIGSTOP)
    try:
        assert service.stop() in (0, 1)  # by itself: it would be killed long after
    finally:
        kafka.nodes[1].signal(signal.SIGCONT)
    run.write(2_500)
    run_service(kafka.bootstrap, env=run.topics.env)
    run.await_all()
    run.check(twice_allowed=True)


def test_members_that_come_and_go_lose_nothing(a_run, kafka, run_service):
    run = a_run(20_000, seed=14)
    options = ["-X", "session.timeout.ms=6000", "-X", "heartbeat.interval.ms=500"]
    run_service(kafka.bootstrap, env=run.topics.env, options=options)

    def write_slowly():
        for first in range(0, len(run.messages), 1000):
            run.write(first, first + 1000)
            time.sleep(0.5)

    writing = threading.Thread(target=write_slowly)
    writing.start()
    while writing.is_alive():
        other = run_service(kafka.bootstrap, env=run.topics.env, options=options, wait=False)
        time.sleep(2)
        assert other.stop() == 0
    run.await_all()
    run.check(twice_allowed=True)


# --- floods -----------------------------------------------------------------------------------------------


def test_a_flood_of_devices_is_counted_within_bounds(embedded, run_service):
    from confluent_kafka import Producer

    service = run_service(embedded, options=["--limits-devices", "100"])
    producer = Producer({"bootstrap.servers": embedded.bootstrap, "linger.ms": 20})
    for number in range(30_000):
        reading = {"device_id": f"{number:09d}-{'x' * 200}", "features": [70.0, 140.0, 0.9]}
        producer.produce("readings", json.dumps(reading).encode())
        producer.poll(0)
        if number % 1000 == 0:
            producer.flush(30)
            time.sleep(0.05)
    producer.flush(30)
    metrics = wait_until(lambda: (got := service.metrics()).sum("predictions_total") == 30_000 and got, 120, "all are scored")
    assert metrics.sum("alertrond_devices") == 100
    assert metrics.sum("anomaly_count_total") == 30_000
    assert metrics.sum("alertrond_devices_overflow_total") == 29_900
    assert len(http_get(f"{service.url}/metrics")[1]) < 500_000
