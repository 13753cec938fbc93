"""The alert loop: readings in, a message in Slack out, through a real Prometheus and a real Alertmanager that run
with the configuration of production (at shorter intervals)."""

import json
import time

import monitoring
import pytest
from process import free_port, wait_until

STEADY = {"rate": 10, "anomalies": 0.08}
SPIKE = {"rate": 40, "anomalies": 1, "count": 150, "device": "edge-3"}
ANOMALOUS = [70.0, 140.0, 0.9]
# A spike leaves the rule's window after a minute; scrape, evaluation and Alertmanager's groups add seconds.
RESOLVED_SECONDS = 200


class Loop:
    """Everything from the service on."""

    def __init__(self, directory, service, bootstrap):
        self.service = service
        self.bootstrap = bootstrap
        self.slack = monitoring.Slack(directory, free_port())
        alertmanager_port, service_port = free_port(), int(service.url.rsplit(":", 1)[1])
        self.alertmanager = monitoring.Alertmanager(directory, alertmanager_port, self.slack.webhook_file)
        self.prometheus = monitoring.Prometheus(directory, free_port(), service_port, alertmanager_port)

    def start(self):
        for part in (self.slack, self.alertmanager, self.prometheus):
            part.start()
        self.alertmanager.await_ready()
        self.prometheus.await_ready()
        # The first scrape comes some seconds after the start.
        wait_until(lambda: self.prometheus.number('up{job="alertrond"}') == 1, 120, "Prometheus scrapes the service")
        return self

    def stop(self):
        for part in (self.prometheus, self.alertmanager, self.slack):
            part.stop()

    def spikes(self, firing):
        """The spike's messages that say that it begins, or that it is over."""
        return [one for one in self.slack.messages() if one["firing"] == firing and "AlertronAnomalySpike" in fallback(one)]

    def await_spike(self, firing, seconds):
        what = "a message that a spike " + ("began" if firing else "is over")
        return wait_until(lambda: self.spikes(firing), seconds, what)[0]


def fallback(message):
    return message["payload"]["attachments"][0]["fallback"]


@pytest.fixture
def loop(embedded, run_service, tmp_path):
    made = Loop(tmp_path, run_service(embedded.bootstrap), embedded.bootstrap)
    try:
        yield made.start()
    finally:
        made.stop()


def produce(bootstrap, readings):
    """Writes readings to the topic as devices do."""
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": bootstrap})
    for reading in readings:
        producer.produce("readings", key=reading["device_id"], value=json.dumps(reading))
    assert producer.flush(20) == 0


def test_a_spike_reaches_slack_once_and_resolves(loop, generate):
    generate(loop.bootstrap, **STEADY)
    time.sleep(10)
    assert loop.slack.messages() == []

    generate(loop.bootstrap, **SPIKE).wait(30)
    message = loop.await_spike(firing=True, seconds=120)
    attachment = message["payload"]["attachments"][0]
    assert attachment["color"] == "danger"
    assert message["title"] == "Firing: More than 20% of the readings are anomalies"
    assert "readings in the last minute are anomalies" in message["text"]
    assert "edge-3" in message["text"]
    assert "Severity: critical" in message["text"]
    assert "docs/runbooks/anomaly-spike.md" in message["text"]

    over = loop.await_spike(firing=False, seconds=RESOLVED_SECONDS)
    assert over["payload"]["attachments"][0]["color"] == "good"
    assert over["title"] == "Resolved: More than 20% of the readings are anomalies"
    assert [one["title"].split(":")[0] for one in loop.slack.messages()] == ["Firing", "Resolved"]


def test_a_quiet_fleet_sends_nothing(loop, generate):
    generate(loop.bootstrap, **STEADY)
    time.sleep(75)
    assert loop.service.metrics().sum("predictions_total") > 500
    assert loop.prometheus.number("sum(alertrond_anomalies_total)") > 10
    assert loop.slack.requests() == []
    assert loop.prometheus.query("ALERTS") == []


@pytest.mark.quick
def test_a_burst_of_devices_never_seen_before_alerts(loop):
    produce(loop.bootstrap, [{"device_id": f"new-{number}", "features": ANOMALOUS} for number in range(60)])
    message = loop.await_spike(firing=True, seconds=120)
    assert "60 of 60 readings" in message["text"]


def test_forty_anomalies_among_many_readings_do_not_alert(loop):
    normal = [{"device_id": f"edge-{number % 5}", "features": [50.0, 100.0, 0.5]} for number in range(400)]
    produce(loop.bootstrap, normal + [{"device_id": "edge-1", "features": ANOMALOUS}] * 40)
    wait_until(lambda: (loop.prometheus.number("sum(predictions_total)") or 0) >= 440, 120, "the readings are scored")
    assert loop.prometheus.number("sum(alertrond_anomalies_total)") >= 40
    time.sleep(8)
    assert loop.slack.requests() == []


def test_a_message_that_slack_refuses_for_a_while_still_arrives(loop):
    loop.slack.fail(500, 3)
    loop.slack.fail(429, 1)
    produce(loop.bootstrap, [{"device_id": "edge-1", "features": ANOMALOUS}] * 60)
    loop.await_spike(firing=True, seconds=120)
    time.sleep(6)  # long enough for a second copy
    statuses = [one["status"] for one in loop.slack.requests()]
    assert statuses[:5] == [500, 500, 500, 429, 200]
    assert len(loop.spikes(firing=True)) == 1


def test_dead_letters_reach_slack_with_their_reason(loop):
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": loop.bootstrap})
    producer.produce("readings", key="edge-1", value=b"not json")
    assert producer.flush(20) == 0
    message = wait_until(loop.slack.messages, 120, "a message")[0]
    assert message["title"] == "Firing: Readings can't be scored"
    assert message["payload"]["attachments"][0]["color"] == "warning"
    assert "docs/runbooks/dead-letters.md" in message["text"]
