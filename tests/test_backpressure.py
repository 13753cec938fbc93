"""alertrond when its outputs can't be written: it stops reading, keeps what it holds and no more, skips nothing, says so,
and goes on by itself."""

import subprocess
import time

import pytest
import streams
from confluent_kafka import Producer
from poison import MEBI, resident
from process import http_get, wait_until
from test_service import Run

OUTPUTS = 16384  # limits.outputs, by default


@pytest.fixture(params=("at-least-once", "exactly-once"))
def delivery(request, program):
    page = subprocess.run([program, "check-config", "--page"], capture_output=True, text=True, check=True).stdout
    if request.param == "exactly-once" and "`KAFKA_DELIVERY`" not in page:
        pytest.skip("this alertrond has no kafka.delivery")
    return request.param


@pytest.fixture
def a_run(kafka, program, model, tmp_path, delivery):
    def make(count, **kinds):
        run = Run(kafka, program, model, tmp_path, count, **kinds)
        run.topics.env["KAFKA_DELIVERY"] = delivery
        return run

    return make


def limit_message(kafka, topic, size):
    from confluent_kafka.admin import AdminClient, ConfigResource

    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    resource = ConfigResource("topic", topic, {"max.message.bytes": str(size)})
    admin.alter_configs([resource])[resource].result(10)


def await_unready(service, topic):
    def told():
        assert service.status is None, service.log[-2000:]
        status, body = http_get(f"{service.url}/readyz")
        return status == 503 and topic in body

    wait_until(told, 120, f"/readyz names {topic}")


def passes_nothing(kafka, run, outputs):
    """The group has not committed beyond the first output of a partition."""
    ends = streams.committed(kafka.bootstrap, run.topics.group, run.topics.readings)
    lowest = {partition: min((place[1] for place in outputs if place[0] == partition), default=0) for partition in ends}
    return all(ends[partition] <= lowest[partition] for partition in ends)


def check(run, delivery):
    run.await_all()
    run.check(twice_allowed=False, isolation="read_committed" if delivery == "exactly-once" else "read_uncommitted")


def test_a_long_outage_pauses_reading_within_bounds(a_run, kafka, run_service, delivery):
    run = a_run(40_000, seed=21, anomalous=0.9)
    limit_message(kafka, run.topics.anomalies, 100)  # a marker of a transaction takes 78
    service = run_service(kafka.bootstrap, env=run.topics.env)
    run.write()
    await_unready(service, run.topics.anomalies)

    def stands_still():
        before = service.metrics().sum("kafka_messages_consumed_total")
        time.sleep(3)
        return 0 < before == service.metrics().sum("kafka_messages_consumed_total") < len(run.messages)

    wait_until(stands_still, 120, "it reads no more")
    held = resident(service.pid)
    assert service.metrics().sum("alertrond_outputs_waiting") <= OUTPUTS
    for _ in range(10):
        time.sleep(1)
        assert resident(service.pid) <= held + 16 * MEBI
        assert http_get(f"{service.url}/readyz")[0] == 503
    assert http_get(f"{service.url}/healthz")[0] == 200
    assert passes_nothing(kafka, run, run.anomalies)
    limit_message(kafka, run.topics.anomalies, 1_048_588)
    check(run, delivery)
    wait_until(lambda: http_get(f"{service.url}/readyz")[0] == 200, 120, "it is ready again")


@pytest.mark.parametrize("which", ("anomalies", "dead_letters"))
def test_readings_wait_for_a_topic_that_is_missing(a_run, kafka, run_service, delivery, which):
    run = a_run(3_000, seed=22)
    service = run_service(kafka.bootstrap, env=run.topics.env)
    topic = getattr(run.topics, which)
    kafka.delete_topic(topic)
    run.write()
    await_unready(service, topic)
    time.sleep(2)
    assert passes_nothing(kafka, run, getattr(run, which))
    kafka.make_topics({topic: streams.PARTITIONS})
    check(run, delivery)
    wait_until(lambda: http_get(f"{service.url}/readyz")[0] == 200, 120, "it is ready again")


def test_a_message_larger_than_any_record_is_a_letter_without_its_value(program, kafka, run_service, delivery):
    """Some kilobytes for the broker, more than the producer takes once they are read."""
    topics = kafka.fresh_topics(streams.PARTITIONS)
    topics.env["KAFKA_DELIVERY"] = delivery
    size = 140_000_000
    writer = Producer(
        {
            "bootstrap.servers": kafka.bootstrap,
            "compression.codec": "gzip",
            "message.max.bytes": 2 * size,
            "queue.buffering.max.kbytes": size // 500,
        }
    )
    writer.produce(topics.readings, bytes(size), key=b"edge-1", headers=[("note", b"kept")], partition=0)
    writer.produce(topics.readings, b"later", partition=0)
    assert writer.flush(60) == 0
    service = run_service(kafka.bootstrap, env=topics.env)
    wait_until(lambda: streams.committed(kafka.bootstrap, topics.group, topics.readings)[0] == 2, 60, "both are passed")
    assert http_get(f"{service.url}/readyz") == (200, "ready\n")
    assert service.stop() == 0
    cut, later = sorted(streams.read(kafka.bootstrap, topics.dead_letters, "read_committed"), key=streams.source_of_dead_letter)
    assert (cut.key(), cut.value(), later.value()) == (b"edge-1", None, b"later")
    headers = dict(cut.headers())
    assert headers["alertrond.value.bytes"] == b"%d" % size and headers["alertrond.error.code"] == b"too_large"
    assert "note" not in headers and "alertrond.value.bytes" not in dict(later.headers())
    words = [program, "replay", "--bootstrap", kafka.bootstrap, "--topic", topics.anomalies]
    told = subprocess.run(words, env=topics.env, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "1 passed, as they are without their message" in told and "1 dead letter of" in told
    assert [one.value() for one in streams.read(kafka.bootstrap, topics.anomalies, "read_committed")] == [b"later"]


HOUR_MS = 3_600_000


def set_topic(kafka, topic, **words):
    from confluent_kafka.admin import AdminClient, ConfigResource

    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    resource = ConfigResource("topic", topic, {name.replace("_", "."): str(value) for name, value in words.items()})
    admin.alter_configs([resource])[resource].result(10)


def test_a_dead_letter_whose_time_is_refused_has_the_time_of_now_and_its_own_in_a_header(program, kafka, run_service, delivery):
    topics = kafka.fresh_topics(streams.PARTITIONS)
    topics.env["KAFKA_DELIVERY"] = delivery
    for topic in (topics.readings, topics.anomalies):
        set_topic(kafka, topic, message_timestamp_after_max_ms=2**63 - 1)
    set_topic(kafka, topics.dead_letters, message_timestamp_before_max_ms=12 * HOUR_MS)
    now = int(time.time() * 1000)
    times = [now + 720 * HOUR_MS, now - 4 * HOUR_MS, now - 24 * HOUR_MS, 2**63 - 1]
    messages = [streams.Message(n, (0, n), b"edge-1", b"bad %d" % n, [("note", b"kept")], reason="not_json") for n in range(4)]
    for message, timestamp in zip(messages, times, strict=True):
        message.timestamp = timestamp
    service = run_service(kafka.bootstrap, env=topics.env)

    def passed(count):
        ends = streams.committed(kafka.bootstrap, topics.group, topics.readings)
        return ends[0] == count

    def letters():
        found = {}
        for one in streams.read(kafka.bootstrap, topics.dead_letters, "read_committed"):
            assert one.value() not in found
            found[one.value()] = one.timestamp()[1], dict(one.headers()).get("alertrond.timestamp")
        return found

    streams.write(kafka.bootstrap, topics.readings, messages)
    wait_until(lambda: passed(len(messages)), 60, "all are passed")
    found = letters()
    for message, timestamp in zip(messages, times, strict=True):
        written, beside = found.pop(message.value)
        if beside is None:  # it was in a batch with none that is refused
            assert written == timestamp == times[1]
        else:
            assert now - HOUR_MS < written < now + HOUR_MS and beside == b"%d" % timestamp
    assert not found
    later = streams.Message(4, (0, 4), b"edge-1", b"later", reason="not_json")
    streams.write(kafka.bootstrap, topics.readings, [later])
    wait_until(lambda: passed(5), 60, "a later one is passed")
    assert letters()[b"later"] == (later.timestamp, None)
    wait_until(lambda: http_get(f"{service.url}/readyz")[0] == 200, 120, "it is ready again")
    assert service.stop() == 0
    words = [program, "replay", "--bootstrap", kafka.bootstrap, "--since", "3h", "--topic", topics.anomalies]
    done = subprocess.run(words, env=topics.env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    again = streams.read(kafka.bootstrap, topics.anomalies, "read_committed")  # those that their own time chooses
    assert sorted(one.timestamp()[1] for one in again) == sorted([times[0], times[3], later.timestamp])
    assert all(dict(one.headers() or []).keys() <= {"note"} for one in again)
