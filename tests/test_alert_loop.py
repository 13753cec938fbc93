"""The alert loop: readings in, a message in Slack out, through a real broker, alertrond, Prometheus and Alertmanager that
run with the configuration of production (at shorter intervals). Slack is a stand-in that refuses what Slack would.

Where the tests share a stack it is because each of them wants what the others leave: a fleet that goes on as always. They
are in the order of its day.
"""

import re
import time

import pytest
import slackmessage
from alert_stack import ANOMALOUS, NORMAL, STEADY, Stack
from process import wait_until

# A quiet fleet is watched for so long: with 0.8 anomalies a second more than the 30 that a spike needs at least.
QUIET_SECONDS = 42


def fresh_stack(tmp_path_factory, program, model, **options):
    made = Stack(tmp_path_factory.mktemp("stack"), program, model, **options)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def stack(tmp_path_factory, program, model):
    """A stack that has seen no reading."""
    yield from fresh_stack(tmp_path_factory, program, model)


@pytest.fixture
def hurried(tmp_path_factory, program, model):
    """A fleet at rest, on which conditions that have to hold for minutes need hold for seconds."""
    for made in fresh_stack(tmp_path_factory, program, model, hurry=True):
        made.generate(**STEADY)
        wait_until(lambda: (made.prometheus.number("sum(predictions_total)") or 0) > 20, 20, "readings are scored")
        yield made


@pytest.fixture(scope="module")
def fleet(tmp_path_factory, program, model):
    """Five devices at rest, from before the first test on; has .began."""
    for made in fresh_stack(tmp_path_factory, program, model):
        made.generate(**STEADY)
        made.began = time.monotonic()
        yield made


@pytest.fixture(scope="module")
def wild(fleet):
    """The fleet's messages after two of its devices have gone wild at once, among readings of others so many that it is no
    incident of the fleet: {device: message}."""
    began = fleet.produce(("edge-1", NORMAL, 300), ("edge-3", ANOMALOUS, 200), ("pump-7", ANOMALOUS, 25))

    def messages():
        found = {one["channel"]: one for one in fleet.messages("FIRING", "AlertronDeviceAnomalySpike")}
        return len(found) == 2 and found

    found = wait_until(messages, 30, "a message in each of two channels")
    for channel, message in found.items():
        print(f"from the anomalies to {channel}: {message['seconds'] - began:.1f} s")
    return {"edge-3": found["#alerts"], "pump-7": found["#pumps"]}


def test_the_fleet_starts(fleet):
    assert fleet.slack.requests() == []


def test_a_burst_of_devices_never_seen_before_is_one_message(stack):
    began = stack.produce(*((f"new-{number}", ANOMALOUS, 1) for number in range(60)))
    message = stack.await_message("FIRING", "", 20)
    print(f"from the anomalies to Slack: {message['seconds'] - began:.1f} s")
    assert "(AlertronAnomalySpike)" in message["payload"]["attachments"][0]["fallback"]
    assert "60 of 60 readings" in message["text"]
    time.sleep(4)  # two of Alertmanager's intervals: a second message would be there
    assert len(stack.slack.requests()) == 1


def test_forty_five_anomalies_among_many_readings_send_nothing(stack):
    devices = [f"edge-{number}" for number in range(5)]
    stack.produce(*((device, NORMAL, 80) for device in devices), *((device, ANOMALOUS, 9) for device in devices))
    wait_until(lambda: (stack.prometheus.number("sum(predictions_total)") or 0) >= 445, 20, "the readings are scored")
    assert stack.prometheus.number("sum(alertrond_anomalies_total)") >= 45
    time.sleep(6)
    assert stack.slack.requests() == []


def test_a_quiet_fleet_sends_nothing(fleet):
    time.sleep(max(0, fleet.began + QUIET_SECONDS - time.monotonic()))
    assert fleet.service.metrics().sum("predictions_total") > 400
    assert fleet.prometheus.number("sum(alertrond_anomalies_total)") > 10
    assert fleet.slack.requests() == []
    assert fleet.prometheus.query('ALERTS{alertname!="Watchdog"}') == []


def test_the_watchdog_reaches_the_dead_mans_switch_and_no_channel(fleet):
    calls = [one["seconds"] for one in fleet.slack.watchdog_calls()]
    assert len(calls) >= 5
    assert max(later - earlier for earlier, later in zip(calls, calls[1:])) < 20
    assert fleet.slack.requests() == []


def test_a_device_gone_wild_is_one_message_that_says_what_and_why(fleet, wild):
    attachment = wild["edge-3"]["payload"]["attachments"][0]
    assert attachment["color"] == "danger"
    assert attachment["title"].startswith("[FIRING] edge-3: ")
    assert re.search(r"\*Device\* `edge-3` · \*Feature\* `(temperature|pressure|vibration)` · \*Score\* 0\.\d+ · \*Severity\* critical", attachment["text"])
    links = dict((words, url) for url, words in slackmessage.links(attachment["text"]))
    assert links["Runbook"] == "https://git.example.test/alertron/blob/main/docs/runbooks/device-anomaly-spike.md"
    assert links["Dashboard"] == "https://grafana.example.test/d/alertron-device?var-device_id=edge-3"
    assert links["Graph"] == attachment["title_link"]
    assert links["Graph"].startswith(f"{fleet.prometheus.url}/graph?g0.expr=")


def test_a_device_with_a_route_of_its_own_is_in_its_own_channel_only(fleet, wild):
    assert "`pump-7`" in wild["pump-7"]["payload"]["attachments"][0]["text"]
    assert [one["channel"] for one in fleet.slack.requests() if "pump-7" in str(one["payload"])] == ["#pumps"]
    assert [one["channel"] for one in fleet.slack.requests() if "edge-3" in str(one["payload"])] == ["#alerts"]


def test_when_it_is_over_each_channel_is_told_so_once(fleet, wild):
    fleet.produce(("edge-3", NORMAL, 800), ("pump-7", NORMAL, 240))
    wait_until(lambda: len(fleet.messages("RESOLVED")) == 2, 100, "the end of both")
    assert {one["payload"]["attachments"][0]["color"] for one in fleet.messages("RESOLVED")} == {"good"}
    time.sleep(4)
    told = sorted((one["channel"], one["title"].split(":")[0]) for one in fleet.slack.messages())
    assert told == [
        ("#alerts", "[FIRING] edge-3"), ("#alerts", "[RESOLVED] edge-3"),
        ("#pumps", "[FIRING] pump-7"), ("#pumps", "[RESOLVED] pump-7"),
    ]


def test_a_message_that_slack_refuses_for_a_while_still_arrives_once(stack):
    from confluent_kafka import Producer

    stack.slack.fail(500, seconds=6)
    stack.slack.fail(429, times=1)
    producer = Producer({"bootstrap.servers": stack.broker.bootstrap})
    producer.produce("readings", key="edge-1", value=b"not json")
    assert producer.flush(20) == 0
    message = stack.await_message("FIRING", "AlertronDeadLetters", 60)
    assert message["title"] == "[FIRING] Readings can't be scored"
    assert message["payload"]["attachments"][0]["color"] == "warning"
    assert "/docs/runbooks/dead-letters.md|Runbook>" in message["payload"]["attachments"][0]["text"]
    time.sleep(6)  # long enough for a second copy
    statuses = [one["status"] for one in stack.slack.requests()]
    assert statuses == [500] * (len(statuses) - 2) + [429, 200]
    assert len(statuses) >= 4


def test_a_service_that_is_killed_is_one_message_and_one_when_it_is_back(hurried):
    hurried.service.kill()
    message = hurried.await_message("FIRING", "", 40)
    assert message["title"] == "[FIRING] alertrond is down"
    assert "docs/runbooks/down.md|Runbook>" in message["payload"]["attachments"][0]["text"]
    time.sleep(5)
    hurried.service.start()
    hurried.await_message("RESOLVED", "AlertronDown", 40)
    # Not later: Kafka misses a killed member for 20 s, in which the new one is not ready; and that need hold for seconds here.
    assert [one["title"] for one in hurried.slack.messages()] == ["[FIRING] alertrond is down", "[RESOLVED] alertrond is down"]


def test_a_broker_that_is_gone_is_one_message(hurried):
    hurried.broker.stop()
    assert hurried.await_message("FIRING", "", 60)["title"] == "[FIRING] alertrond is not ready"
    time.sleep(10)
    assert len(hurried.slack.requests()) == 1
    hurried.kill()  # without a broker, what it has takes its time to end
