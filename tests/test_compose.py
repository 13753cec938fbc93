"""deploy/compose for real: an engine, images made here under the pinned names, and the compose file as it is. Grafana's
image can't be made here: nothing in this file says anything about Grafana."""

import contextlib
import ctypes
import json
import os
import re
import signal
import threading
import time

import pytest
import scrape
from compose_engine import Engine, Unavailable
from compose_stack import COMPOSE, Stack
from process import wait_until

SERVED = ("kafka", "alertrond", "prometheus", "alertmanager", "slack")
DEVICES = ("generator", "spikes")
JOBS = ("topic-init", "model-init")
ANOMALOUS, NORMAL = [90.0, 180.0, 1.5], [50.0, 100.0, 0.5]
READINGS, ANOMALY_EVERY = 60000, 10


def pinned():
    """{service: its image} of those that are made here."""
    text = (COMPOSE / "compose.yaml").read_text()
    images = {name: re.search(rf"^  {name}:\n(?:    .*\n)*?    image: (\S+)", text, re.MULTILINE)[1] for name in SERVED if name != "alertrond"}
    return {**images, "alertrond": re.search(r"ALERTROND_IMAGE:-([^}]+)", text)[1]}


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """The whole stack, up."""
    with contextlib.ExitStack() as ends:
        # As Ctrl-C: an end that leaves nothing behind.
        ends.callback(signal.signal, signal.SIGTERM, signal.signal(signal.SIGTERM, signal.default_int_handler))
        try:
            engine = Engine()
            ends.callback(engine.stop)
            engine.start().make_images(pinned())
        except Unavailable as why:
            pytest.skip(f"no containers can be run here, so deploy/compose is not tried: {why}")
        made = Stack(engine, tmp_path_factory.mktemp("compose"))
        made.compose("config", "-q")
        ends.callback(made.down)
        yield made.up([*SERVED, *JOBS, *DEVICES])


def moment(text):
    """Of RFC 3339 with fractions of any length: as text that sorts."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return f"{whole}.{fraction:0<9}"


def test_everything_comes_up_in_order_and_healthy(stack):
    for service in (*SERVED, *DEVICES):
        stack.await_healthy(service)
    states = {service: stack.inspect(service)["State"] for service in (*SERVED, *JOBS, *DEVICES)}
    assert {states[job]["ExitCode"] for job in JOBS} == {0}
    for earlier, later in (("topic-init", "alertrond"), ("model-init", "alertrond")):
        assert moment(states[earlier]["FinishedAt"]) < moment(states[later]["StartedAt"])
    for earlier, later in (("kafka", "topic-init"), ("alertrond", "generator"), ("alertrond", "spikes")):
        assert moment(states[earlier]["StartedAt"]) < moment(states[later]["StartedAt"])
    assert all(states[service]["Running"] for service in (*SERVED, *DEVICES))
    assert all(stack.inspect(service)["RestartCount"] == 0 for service in SERVED)


def test_a_spike_reaches_slack(stack):
    """From one container to the next: spikes, kafka, alertrond, prometheus, alertmanager, slack."""
    told = wait_until(lambda: [one for one in stack.messages() if one["firing"] and "edge-3" in json.dumps(one)], 90, "a message about edge-3")
    assert "runbook" in json.dumps(told[0]).lower()


def test_prometheus_scrapes_alertrond_and_knows_all_rules(stack):
    targets = json.loads(stack.get("PROMETHEUS_PORT", "/api/v1/targets"))["data"]["activeTargets"]
    assert {one["labels"]["job"]: one["health"] for one in targets} == {"alertrond": "up", "alertmanager": "up", "prometheus": "up"}
    groups = json.loads(stack.get("PROMETHEUS_PORT", "/api/v1/rules"))["data"]["groups"]
    files = {os.path.basename(group["file"]) for group in groups}
    ours = {path.name for path in (COMPOSE.parent / "prometheus").glob("alertron.*.yml")}
    assert files == ours
    assert not [rule for group in groups for rule in group["rules"] if rule["health"] == "err"]


def status_of(stack, service):
    """/proc/PID/status of a container's first process."""
    with open(f"/proc/{stack.inspect(service)['State']['Pid']}/status") as file:
        return dict(re.findall(r"^(\w+):\t(.*)$", file.read(), re.MULTILINE))


def test_containers_are_confined(stack):
    for service in (*SERVED, *DEVICES):
        host = stack.inspect(service)["HostConfig"]
        assert host["CapDrop"] == ["ALL"] and not host["CapAdd"] and not host["Privileged"], service
        assert host["SecurityOpt"] == ["no-new-privileges:true"], service
        assert host["Memory"] > 0 and host["PidsLimit"] > 0, service
        assert host["ReadonlyRootfs"] == (service != "kafka"), service
        assert host["RestartPolicy"]["Name"] == "unless-stopped", service
        status = status_of(stack, service)
        assert "0" not in status["Uid"].split() + status["Gid"].split(), service
        assert all(int(status[name], 16) == 0 for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb", "CapInh")), service
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", service


def kernel_has_landlock():
    create_ruleset, version = 444, 1
    return ctypes.CDLL(None).syscall(create_ruleset, None, 0, version) > 0


def test_alertrond_is_in_its_own_sandbox_as_well(stack):
    assert int(status_of(stack, "alertrond")["Seccomp_filters"]) > 1  # the engine's and its own
    line = next(line for line in stack.log("alertrond").splitlines() if "sandbox entered" in line)
    assert f"landlock={'on' if kernel_has_landlock() else 'off'}" in line and "seccomp=on" in line


def test_everything_listens_on_loopback_only(stack):
    for service in (*SERVED, *DEVICES):
        bindings = stack.inspect(service)["HostConfig"]["PortBindings"] or {}
        assert {one["HostIp"] for all_of_one in bindings.values() for one in all_of_one} <= {"127.0.0.1"}, service
    assert "alertrond_build_info" in stack.get("ALERTROND_PORT", "/metrics")


def send_readings(producer, sent):
    """READINGS of them, each with a `ts` of its own by which it is found again; sent["n"] tells how far it is."""
    for number in range(READINGS):
        features = ANOMALOUS if number % ANOMALY_EVERY == 0 else NORMAL
        reading = {"device_id": f"counted-{number % 20}", "features": features, "ts": number}
        producer.produce("readings", key=reading["device_id"], value=json.dumps(reading))
        producer.poll(0)
        sent["n"] = number + 1
        if number % 200 == 0:
            time.sleep(0.02)
    sent["left"] = producer.flush(60)


def anomalies_of(bootstrap):
    """The `ts` of all records about our devices."""
    from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "test", "enable.auto.commit": False})
    found = set()
    for partition in consumer.list_topics("anomalies", 20).topics["anomalies"].partitions:
        end = consumer.get_watermark_offsets(TopicPartition("anomalies", partition), 20)[1]
        consumer.assign([TopicPartition("anomalies", partition, OFFSET_BEGINNING)])
        offset = -1
        while offset + 1 < end:
            message = consumer.poll(20)
            assert message and not message.error(), f"partition {partition} ends at {offset} of {end}"
            offset = message.offset()
            record = json.loads(message.value())
            if record["device_id"].startswith("counted-"):
                found.add(int(record["ts"]))
    consumer.close()
    return found


def consumed(stack):
    return scrape.parse(stack.get("ALERTROND_PORT", "/metrics")).sum("predictions_total")


def test_a_killed_alertrond_comes_back_and_loses_nothing(stack):
    from confluent_kafka import Producer

    sent = {"n": 0}
    producer = Producer({"bootstrap.servers": stack.bootstrap, "linger.ms": 20})
    sending = threading.Thread(target=send_readings, args=(producer, sent))
    before = consumed(stack)
    sending.start()
    wait_until(lambda: sent["n"] > READINGS // 3 and consumed(stack) > before + 1000, 60, "readings flow")
    os.kill(stack.inspect("alertrond")["State"]["Pid"], signal.SIGKILL)
    assert sent["n"] < READINGS, "it was to be killed while readings come"
    sending.join()
    assert sent["left"] == 0
    wait_until(lambda: stack.inspect("alertrond")["RestartCount"] == 1, 60, "it is started again")
    stack.await_healthy("alertrond")
    expected = set(range(0, READINGS, ANOMALY_EVERY))
    wait_until(lambda: expected <= anomalies_of(stack.bootstrap), 60, "each anomaly is told", pause=1)


def test_it_stops_cleanly(stack):
    for services in (DEVICES, ["alertrond"], []):  # v1 knows no order where the job between two has ended
        stack.compose("stop", *services)
    states = {service: stack.inspect(service)["State"] for service in (*SERVED, *DEVICES)}
    assert {name: state["ExitCode"] for name, state in states.items() if name in ("alertrond", "generator", "prometheus", "alertmanager")} == {
        "alertrond": 0, "generator": 0, "prometheus": 0, "alertmanager": 0,
    }
    assert states["kafka"]["ExitCode"] in (0, 143)  # of Java, after SIGTERM
    assert not any(state["OOMKilled"] for state in states.values())
