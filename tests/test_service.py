"""alertrond against a real Kafka: every reading is accounted for, whatever happens to the service."""

import json
import re
import subprocess
import time
from concurrent import futures

import pytest
import streams
from conftest import TestKafka
from process import free_port, http_get, http_post, wait_until

HEADERS_ADDED = 7


class Run:
    """Messages in a fresh set of topics, and what must come of them."""

    def __init__(self, kafka, program, model, directory, count, **kinds):
        self.kafka, self.topics = kafka, kafka.fresh_topics(streams.PARTITIONS)
        self.messages = streams.mixed(count, **kinds)
        self.anomalies = streams.verdicts(program, model, self.messages, directory)
        self.dead_letters = {one.place: one for one in self.messages if one.reason}

    def write(self, first=0, last=None):
        streams.write(self.kafka.bootstrap, self.topics.readings, self.messages[first:last])

    def await_all(self, seconds=240):
        """Until the group has committed behind the last message of each partition."""
        ends = {partition: 0 for partition in range(streams.PARTITIONS)}
        for message in self.messages:
            ends[message.place[0]] = message.place[1] + 1

        def there():
            return streams.committed(self.kafka.bootstrap, self.topics.group, self.topics.readings) == ends

        wait_until(there, seconds, "the group commits all readings", pause=0.5)

    def check(self, twice_allowed, isolation="read_uncommitted"):
        """Expected = observed, in both topics, record by record."""
        records = [json.loads(one.value()) for one in streams.read(self.kafka.bootstrap, self.topics.anomalies, isolation)]
        letters = streams.read(self.kafka.bootstrap, self.topics.dead_letters, isolation)
        found = {streams.source_of_anomaly(one): one for one in records}
        missing, extra = self.anomalies.keys() - found.keys(), found.keys() - self.anomalies.keys()
        assert (sorted(missing), sorted(extra)) == ([], [])
        dead = {streams.source_of_dead_letter(one): one for one in letters}
        missing, extra = self.dead_letters.keys() - dead.keys(), dead.keys() - self.dead_letters.keys()
        assert (sorted(missing), sorted(extra)) == ([], [])
        if not twice_allowed:
            assert len(records) == len(found) and len(letters) == len(dead)
        by_place = {one.place: one for one in self.messages}
        for place, record in found.items():
            self._check_anomaly(record, by_place[place])
        for place, letter in dead.items():
            _check_dead_letter(letter, by_place[place], self.topics.readings)
        return len(records) - len(found) + len(letters) - len(dead)

    def _check_anomaly(self, record, message):
        score, severity = self.anomalies[message.place]
        assert re.fullmatch("[0-9a-f]{16}", record["model_version"])
        assert streams.is_explained(record, ("f0", "f1", "f2"))
        assert record == {
            "device_id": message.device,
            "anomaly": True,
            "severity": severity,
            "anomaly_score": score,
            "ts": message.ts,
            "source_topic": self.topics.readings,
            "source_partition": message.place[0],
            "source_offset": message.place[1],
            "model_version": record["model_version"],
            "contributions": record["contributions"],
        }


def _check_dead_letter(letter, message, topic):
    assert letter.value() == message.value
    assert letter.key() == message.key
    assert letter.timestamp()[1] == message.timestamp
    assert letter.headers()[:-HEADERS_ADDED] == message.headers
    added = {name: value.decode() for name, value in letter.headers()[-HEADERS_ADDED:]}
    assert added["alertrond.error.code"] == message.reason
    assert added["__connect.errors.topic"] == topic
    assert added["__connect.errors.exception.message"]


@pytest.fixture
def a_run(kafka, program, model, tmp_path):
    return lambda count, **kinds: Run(kafka, program, model, tmp_path, count, **kinds)


def test_a_hundred_thousand_readings_are_all_accounted_for(a_run, kafka, run_service):
    run = a_run(100_000)
    service = run_service(kafka.bootstrap, env=run.topics.env)
    run.write()
    run.await_all()
    metrics = service.metrics()
    assert service.stop() == 0
    run.check(twice_allowed=False)
    assert metrics.sum("kafka_messages_consumed_total") == len(run.messages)
    assert metrics.sum("predictions_total") == len(run.messages) - len(run.dead_letters)
    assert metrics.sum("alertrond_anomalies_total") == len(run.anomalies)
    assert metrics.sum("anomaly_count_total") == len(run.anomalies)
    assert metrics.sum("alertrond_dead_letters_total") == len(run.dead_letters)
    assert {severity for _, severity in run.anomalies.values()} == {"low", "medium", "high"}


def test_sigterm_in_the_middle_loses_nothing_and_repeats_nothing(a_run, kafka, run_service):
    run = a_run(60_000, seed=2)
    run.write(0, 30_000)
    first = run_service(kafka.bootstrap, env=run.topics.env, wait=False)
    wait_until(lambda: streams.held(kafka.bootstrap, run.topics.anomalies) > 100, 120, "anomalies come")
    assert first.stop() == 0
    run.write(30_000)
    run_service(kafka.bootstrap, env=run.topics.env)
    run.await_all()
    run.check(twice_allowed=False)


def test_kill_in_the_middle_loses_nothing(a_run, kafka, run_service):
    run = a_run(60_000, seed=3)
    # A killed member's partitions are given to the next when its session has ended.
    options = ["-X", "session.timeout.ms=6000", "-X", "heartbeat.interval.ms=1000"]

    def write_slowly():
        for first in range(0, len(run.messages), 1000):
            run.write(first, first + 1000)
            time.sleep(0.3)

    with futures.ThreadPoolExecutor() as pool:
        writing = pool.submit(write_slowly)
        for _ in range(3):
            before = streams.held(kafka.bootstrap, run.topics.anomalies)
            killed = run_service(kafka.bootstrap, env=run.topics.env, options=options, wait=False)
            wait_until(lambda: streams.held(kafka.bootstrap, run.topics.anomalies) > before, 120, "anomalies come", 0.01)
            killed.kill()
        writing.result()
    run_service(kafka.bootstrap, env=run.topics.env, options=options, wait=False)
    run.await_all()
    run.check(twice_allowed=True)


def test_two_members_share_the_group_and_one_takes_over_from_the_other(a_run, kafka, run_service):
    run = a_run(60_000, seed=4)
    services = [run_service(kafka.bootstrap, env=run.topics.env) for _ in range(2)]
    run.write(0, 30_000)
    consumed = [wait_until(lambda one=one: one.metrics().sum("predictions_total"), 120, "it takes a share") for one in services]
    assert all(share > 0 for share in consumed)
    assert services[0].stop() == 0
    run.write(30_000)
    run.await_all()
    run.check(twice_allowed=True)


def test_readings_wait_for_a_topic_that_can_not_be_written(a_run, kafka, run_service, program):
    """A record that the broker refuses is neither dropped nor passed over."""
    from confluent_kafka.admin import ConfigResource, AdminClient

    run = a_run(2_000, seed=5, bad_every=100)
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})

    def limit(size):
        resource = ConfigResource("topic", run.topics.anomalies, {"max.message.bytes": str(size)})
        admin.alter_configs([resource])[resource].result(10)

    limit(64)
    run.write()
    service = run_service(kafka.bootstrap, env=run.topics.env, wait=False)

    def told():
        status, body = http_get(f"{service.url}/readyz")
        return status == 503 and run.topics.anomalies in body

    wait_until(told, 120, "/readyz names the topic")
    ends = streams.committed(kafka.bootstrap, run.topics.group, run.topics.readings)
    lowest = {partition: min(place[1] for place in run.anomalies if place[0] == partition) for partition in ends}
    assert all(ends[partition] <= lowest[partition] for partition in ends)
    limit(1_048_576)
    run.await_all()
    wait_until(lambda: http_get(f"{service.url}/readyz")[0] == 200, 120, "it is ready again")
    run.check(twice_allowed=False)


def test_a_broker_that_ends_in_order_is_named_as_the_cause(tmp_path, run_service, generate):
    """Not the partitions, which go with it; and when it is back all goes on."""
    own = TestKafka(tmp_path / "kafka")
    try:
        own.start()
        service = run_service(own.bootstrap, options=["--kafka-workers", "1", "-X", "session.timeout.ms=6000"])
        generate(own.bootstrap, rate=10, anomalies=0.08)
        wait_until(lambda: service.metrics().sum("predictions_total") > 50, 60, "readings are scored")
        own.stop()
        wait_until(lambda: not service.metrics().sum("alertrond_partitions"), 60, "the partitions are lost")
        said = f"no broker at {own.bootstrap} can be reached"
        wait_until(lambda: said in http_get(f"{service.url}/readyz")[1], 30, f"/readyz says: {said}")
        own.start_node(1)
        service.await_ready()
        service.stop()
    finally:
        own.stop()


def test_it_waits_for_a_broker_that_is_not_up_yet_and_ends_when_told(program, model, run_service):
    service = run_service(f"127.0.0.1:{free_port()}", wait=False)
    wait_until(lambda: "waiting for a broker" in http_get(f"{service.url}/readyz")[1], 120, "/readyz says that it waits")
    assert http_get(f"{service.url}/readyz")[0] == 503
    assert http_get(f"{service.url}/healthz")[0] == 200
    reading = json.dumps({"device_id": "edge-1", "features": [72.1, 141.3, 0.98]}).encode()
    assert json.loads(http_post(f"{service.url}/ingest", reading)[1])["anomaly"] is True
    assert service.stop() == 0


def test_missing_topics_are_made_when_asked_for(kafka, model, run_service):
    names = {
        "KAFKA_READINGS_TOPIC": "made.readings",
        "KAFKA_ANOMALIES_TOPIC": "made.anomalies",
        "KAFKA_DEAD_LETTERS_TOPIC": "made.dlq",
        "KAFKA_GROUP_ID": "made",
        "KAFKA_PARTITIONS": "3",
    }
    run_service(kafka.bootstrap, env=names)
    assert [streams.held(kafka.bootstrap, one) for one in ("made.readings", "made.anomalies", "made.dlq")] == [0, 0, 0]


@pytest.mark.quick
def test_ingest_answers_as_the_replaced_system_did(embedded, run_service):
    service = run_service(embedded)
    normal = {"device_id": "edge-1", "features": [50.0, 100.0, 0.5], "ts": 1763800000.25}
    status, body = http_post(f"{service.url}/ingest", json.dumps(normal).encode())
    answer = json.loads(body)
    assert status == 200
    assert list(answer) == ["device_id", "anomaly", "severity", "anomaly_score", "ts"]
    assert (answer["device_id"], answer["anomaly"], answer["severity"], answer["ts"]) == ("edge-1", False, "none", 1763800000.25)
    anomalous = {"device_id": "edge-1", "features": [72.1, 141.3, 0.98]}
    answer = json.loads(http_post(f"{service.url}/ingest", json.dumps(anomalous).encode())[1])
    assert answer["anomaly"] is True and answer["severity"] == "high" and answer["ts"] is None
    assert service.metrics().sum("requests_total", status="200") == 2


@pytest.mark.quick
def test_ingest_says_what_is_wrong_with_bad_input(embedded, run_service):
    service = run_service(embedded)
    for reason, value in streams.BAD:
        if value is None:
            continue
        status, body = http_post(f"{service.url}/ingest", value)
        assert status == (413 if reason == "too_large" else 400), (reason, body)
        assert json.loads(body)["error"]
    assert http_post(f"{service.url}/ingest", b"{}", content_type="text/plain")[0] == 415
    assert http_get(f"{service.url}/ingest")[0] == 405
    assert http_get(f"{service.url}/nowhere")[0] == 404
    assert http_get(f"{service.url}/healthz")[0] == 200


@pytest.mark.quick
def test_cuts_of_a_foreign_model_are_learned_from_the_stream(embedded, program, shared, run_service):
    environment = {"ALERTROND_SEVERITY_CALIBRATION_ANOMALIES": "100"}
    foreign = shared / "upstream" / "anomaly_iforest.joblib"
    service = run_service(embedded, model=foreign, env=environment)
    assert service.metrics().sum("alertrond_severity_cuts_origin", origin="provisional") == 1
    words = ["--bootstrap", embedded.bootstrap, "--rate", "max", "--count", "5000", "--seed", "3"]
    subprocess.run([program, "generate", *words], check=True)
    wait_until(lambda: service.metrics().sum("predictions_total") == 5000, 120, "the readings are scored")
    metrics = service.metrics()
    assert metrics.sum("alertrond_severity_cuts_origin", origin="stream") == 1
    assert all(metrics.sum("alertrond_anomalies_total", severity=one) > 0 for one in ("low", "medium", "high"))
