"""What a message in Slack says, and which alerts become one: the templates, grouping and inhibition, by amtool and by a real
Alertmanager that gets its alerts by hand. No broker is needed."""

import json
import re
import time

import monitoring
import pytest
import slackmessage
from alert_samples import CASCADE, CONSEQUENCES, FOLDER, HOSTILE, TABLE, alert, amtool, of_device
from process import free_port, http_post, wait_until



# ---- the templates ----


def shown(folder, template, *alerts, status="firing"):
    """What a template makes of a group of alerts."""

    def common(key):
        first, *others = [one[key] for one in alerts]
        return {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}

    data = {
        "receiver": "slack", "status": status, "alerts": [{"status": status, **one} for one in alerts], "groupLabels": {},
        "commonLabels": common("labels"), "commonAnnotations": common("annotations"), "externalURL": "http://alertmanager.example.test",
    }
    file = folder / "data.json"
    file.write_text(json.dumps(data))
    text = '{{ template "alertron.%s" . }}' % template
    code, said = amtool("template", "render", f"--template.glob={FOLDER / 'alertron.tmpl'}", f"--template.data={file}", f"--template.text={text}")
    assert code == 0, said
    return said


@pytest.mark.parametrize("device", HOSTILE, ids=lambda device: ascii(device[:20]))
def test_no_name_becomes_a_mention_a_link_or_a_format(tmp_path, device):
    one = of_device(device)
    for template in ("title", "fallback", "text"):
        said = shown(tmp_path, template, one)
        assert slackmessage.mentions({"text": said}) == []
        # Nothing but a link that the template made has < and >, and no & is left alone.
        rest = re.sub(r"<http://prometheus\.example\.test/[^<>|]*\|Graph>", "", said)
        assert not re.search(r"[<>]|&(?!(amp|lt|gt);)", rest)
        assert [url for url, _ in slackmessage.links(said)] == ([one["generatorURL"]] if template == "text" else [])
        assert said.count("`") == {"title": 0, "fallback": 0, "text": 6}[template], "the device, the feature and the runbook"
        assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", said)
    assert "\n" not in shown(tmp_path, "title", one)
    assert len(shown(tmp_path, "text", one).splitlines()) <= 3 + one["annotations"]["description"].count("\n")


def test_no_message_is_longer_than_slack_shows(tmp_path):
    long = of_device("&" * 255)
    long["annotations"].update(summary="<" * 3000, description=".a" * 9000, score="&" * 300, runbook_url="https://x/" + "&" * 5000)
    long["generatorURL"] = "http://prometheus.example.test/" + "x" * 1400
    crowd = []
    for number in range(60):
        one = of_device("&" * 250 + str(number))
        one["annotations"].update(description="&" * 3000, runbook_url=f"docs/runbooks/{number:070}.md")
        crowd.append({**one, "generatorURL": long["generatorURL"]})
    for group in ([long], crowd):
        for status in ("firing", "resolved"):
            assert 300 < len(shown(tmp_path, "text", *group, status=status)) <= slackmessage.MAX_ATTACHMENT["text"]
        assert len(shown(tmp_path, "title", *group)) <= slackmessage.MAX_ATTACHMENT["title"]
        assert len(shown(tmp_path, "fallback", *group)) <= slackmessage.MAX_ATTACHMENT["fallback"]
        assert len(shown(tmp_path, "text", *group).splitlines()) <= 12
    # A graph's address that is too long is left out, not cut.
    assert "Graph" not in shown(tmp_path, "text", {**long, "generatorURL": "http://x/" + "x" * 5000})


def test_what_is_cut_is_marked(tmp_path):
    said = shown(tmp_path, "text", alert("AlertronDeviceSilent", device_id="x" * 65, annotations={"description": "y" * 601}))
    assert "`" + "x" * 64 + "…`" in said and "y" * 600 + "…\n" in said
    whole = shown(tmp_path, "text", alert("AlertronDeviceSilent", device_id="😀" * 64, annotations={"description": "y" * 600}))
    assert "…" not in whole


def test_a_message_has_device_feature_score_severity_and_links(tmp_path):
    said = shown(tmp_path, "text", of_device("edge-3"))
    assert said.splitlines() == [
        "40 of 45 readings of edge-3 are anomalies.",
        "*Device* `edge-3` · *Feature* `edge-3` · *Score* 0.7634 · *Severity* critical",
        "<http://prometheus.example.test/graph?g0.expr=a+%3E+1&amp;g0.tab=1|Graph>   Runbook: `docs/runbooks/x.md`   ",
    ]
    assert shown(tmp_path, "title", of_device("edge-3")) == "[FIRING] Device edge-3 behaves unusually"
    assert shown(tmp_path, "title", of_device("edge-3"), status="resolved") == "[RESOLVED] Device edge-3 behaves unusually"
    assert shown(tmp_path, "fallback", of_device("edge-3")).endswith(" (AlertronDeviceAnomalySpike)")
    assert shown(tmp_path, "link", of_device("edge-3")) == "http://prometheus.example.test/graph?g0.expr=a+%3E+1&g0.tab=1"


def test_what_is_over_is_told_as_past(tmp_path):
    over = {**of_device("edge-3"), "startsAt": "2026-01-01T00:00:00.25Z", "endsAt": "2026-01-01T01:02:03.75Z"}
    said = shown(tmp_path, "text", over, status="resolved")
    assert said.startswith("Over after 1h2m3s. It was: 40 of 45 readings of edge-3 are anomalies.\n*Device* ")
    assert "Over" not in shown(tmp_path, "text", over)


def test_what_an_alert_does_not_have_is_left_out(tmp_path):
    bare = {"labels": {"alertname": "Something"}, "annotations": {}, "generatorURL": ""}
    assert shown(tmp_path, "title", bare) == "[FIRING] Something"
    assert shown(tmp_path, "text", bare) == "*Severity* none told\n"
    assert shown(tmp_path, "link", bare) == ""
    assert shown(tmp_path, "text", alert("AlertronDown", instance="a:8000", annotations={"runbook_url": "https://x.example.test/y"})).splitlines()[1:] == [
        "*Instance* `a:8000` · *Severity* critical",
        "<http://prometheus.example.test/graph?g0.expr=a+%3E+1&amp;g0.tab=1|Graph>   <https://x.example.test/y|Runbook>   ",
    ]


def test_the_color_is_that_of_the_worst_alert_which_goes_on(tmp_path):
    warning, critical = alert("AlertronDeviceSilent", device_id="a"), of_device("a")
    assert shown(tmp_path, "color", warning) == "warning"
    assert shown(tmp_path, "color", warning, critical) == "danger"
    assert shown(tmp_path, "color", warning, critical, status="resolved") == "good"


# ---- a real Alertmanager ----


class Live:
    """Alertmanager with TABLE at short waits, and the stand-in."""

    def __init__(self, folder):
        self.slack = monitoring.Slack(folder, free_port())
        table = TABLE % {"folder": folder, "watchdog": self.slack.watchdog}
        self.alertmanager = monitoring.Alertmanager(folder, free_port(), None, table=table)
        for name in ("alerts", "pumps", "tickets", "platform"):
            (folder / name).write_text(f"{self.slack.url}/services/{name}\n")

    def start(self):
        self.slack.start()
        self.alertmanager.start()
        self.alertmanager.await_ready()
        return self

    def stop(self):
        self.alertmanager.stop()
        self.slack.stop()

    def post(self, *alerts):
        status, said = http_post(f"{self.alertmanager.url}/api/v2/alerts", json.dumps(alerts).encode())
        assert status == 200, said


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    made = Live(tmp_path_factory.mktemp("live"))
    try:
        yield made.start()
    finally:
        made.stop()




def incidents():
    """{case: (alerts, {summary: how many are in the message})}: what fires together, and the messages expected of it."""
    silent = [alert("AlertronDeviceSilent", device_id=f"edge-{number}") for number in range(12)]
    spike = [alert("AlertronDeviceAnomalySpike", device_id=device) for device in ("edge-1", "edge-2")]
    found = {
        "silent fleet": (silent, {"AlertronDeviceSilent edge-0": 12}),
        "two devices": (spike, {"AlertronDeviceAnomalySpike edge-1": 1, "AlertronDeviceAnomalySpike edge-2": 1}),
        "both windows": (
            [alert("AlertronDeviceAnomalySpike", device_id="edge-1", window=window) for window in ("1m", "15m")],
            {"AlertronDeviceAnomalySpike edge-1": 2},
        ),
        "fleet and devices": ([alert("AlertronAnomalySpike"), *spike, alert("AlertronDrift")], {"AlertronAnomalySpike": 1}),
        "silent as a whole": ([alert("AlertronFleetSilent"), *silent], {"AlertronFleetSilent": 1}),
        "fleet and silence": (
            [alert("AlertronAnomalySpike"), silent[0]],
            {"AlertronAnomalySpike": 1, "AlertronDeviceSilent edge-0": 1},
        ),
        "two instances down": ([alert("AlertronDown", instance=name) for name in "ab"], {"AlertronDown a": 2}),
        "another instance": (
            [alert("AlertronDown", instance="a"), alert("AlertronNotReady", instance="b"), alert("AlertronMetricsAbsent", instance="c")],
            {"AlertronDown a": 1, "AlertronNotReady b": 1, "AlertronMetricsAbsent c": 1},
        ),
        "page and ticket": (
            [alert("AlertronLatencyBudgetBurn", window="1h"), alert("AlertronLatencyBudgetBurn", window="3d", severity="warning")],
            {"AlertronLatencyBudgetBurn": 1},
        ),
        "two budgets": (
            [alert("AlertronLatencyBudgetBurn"), alert("AlertronAvailabilityBudgetBurn")],
            {"AlertronLatencyBudgetBurn": 1, "AlertronAvailabilityBudgetBurn": 1},
        ),
        "no metrics": (
            [alert("AlertronMetricsAbsent"), alert("AlertronFleetSilent"), silent[0], *map(alert, CONSEQUENCES)],
            {"AlertronMetricsAbsent": 1},
        ),
        "errors alone": ([alert("AlertronKafkaErrors", instance="a"), silent[0]], {"AlertronKafkaErrors a": 1, "AlertronDeviceSilent edge-0": 1}),
    }
    for number, cause in enumerate(CASCADE[:-1]):
        others = [alert(kind, instance="a") for kind in CASCADE[number + 1 :]]
        fired = [alert(cause, instance="a"), *others, silent[0], alert("AlertronFleetSilent"), *map(alert, CONSEQUENCES)]
        found[f"from {cause} on"] = (fired, {f"{cause} a": 1})
    return found


def test_an_incident_is_one_message_and_its_consequences_are_none(live):
    expected = {}
    for number, (case, (alerts, messages)) in enumerate(incidents().items()):
        for one in alerts:
            # A case is a job, so that none meets another; and is told in the summary, so that it is found again.
            named = [one["labels"][key] for key in ("alertname", "device_id", "instance") if key in one["labels"]]
            one["labels"]["job"] = f"job-{number}"
            one["annotations"]["summary"] = f"{case}: {' '.join(named)}"
        live.post(*alerts)
        for summary, count in messages.items():
            expected[f"{case}: {summary}"] = count

    def delivered():
        found = {}
        for message in live.slack.messages():
            title = re.fullmatch(r"\[FIRING\] ([^(]+?)(?: \(1 of (\d+) alerts\))?", message["title"])
            if title and title[1].partition(":")[0] in incidents():
                found.setdefault(title[1], []).append(int(title[2] or 1))
        return found

    def counts():
        # Two windows of one device have one summary, so the title has no number.
        return {title: [count if "windows" not in title else 1] for title, count in expected.items()}

    wait_until(lambda: delivered().keys() >= expected.keys(), 20, "all messages")
    time.sleep(5)  # a group's second message would have come
    assert delivered() == counts()
    silent = next(one for one in live.slack.messages() if "silent fleet" in one["title"])
    assert "… the first 5 of 12 alerts" in silent["text"]
    assert re.findall(r"^Device (edge-\d+) ", silent["text"], re.MULTILINE) == ["edge-0", "edge-1", "edge-10", "edge-11", "edge-2"]


def test_each_channel_gets_its_own_with_links_and_the_end_is_told_once(live):
    fired = {
        "#pump-house": of_device("pump-7"),
        "#alerts": of_device("edge-7"),
        "#platform": alert("AlertronDown", instance="links"),
        "#tickets": alert("AlertronReloadRefused", instance="links"),
    }
    for one in fired.values():
        one["labels"]["job"] = "links"
        one["annotations"]["summary"] = "links " + one["annotations"]["summary"]
    # AlertronDown of the same instance would silence it.
    fired["#tickets"]["labels"]["instance"] = "other"
    live.post(*fired.values())

    def delivered(word):
        return {one["channel"]: one for one in live.slack.messages() if one["title"].startswith(f"[{word}] links")}

    messages = wait_until(lambda: len(found := delivered("FIRING")) == 4 and found, 20, "a message in each channel")
    assert messages.keys() == fired.keys()
    text = messages["#pump-house"]["payload"]["attachments"][0]["text"]
    assert [url for url, _ in slackmessage.links(text)] == [
        "http://prometheus.example.test/graph?g0.expr=a+%3E+1&g0.tab=1",
        "https://grafana.example.test/d/alertron-device?var-device_id=pump-7",
        "https://git.example.test/alertron/blob/main/docs/runbooks/x.md",
    ]
    assert text.endswith("|Runbook>") or text.endswith("|Runbook>   ")

    for one in fired.values():
        one["endsAt"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1))
    live.post(*fired.values())
    wait_until(lambda: delivered("RESOLVED").keys() == fired.keys(), 20, "the end in each channel")
    time.sleep(3)
    titles = [(one["channel"], one["title"]) for one in live.slack.messages() if "] links" in one["title"]]
    assert len(titles) == len(set(titles)) == 8


def test_hostile_names_reach_slack_as_text(live):
    alerts = []
    for number, device in enumerate(HOSTILE):
        one = of_device(device)
        one["labels"]["job"] = f"hostile-{number}"
        alerts.append({**one, "annotations": {**one["annotations"], "summary": f"hostile {number} {device}"}})
    live.post(*alerts)

    def delivered():
        return [one for one in live.slack.messages() if one["title"].startswith("[FIRING] hostile")]

    wait_until(lambda: len(delivered()) == len(HOSTILE), 20, f"{len(HOSTILE)} messages")
    for message in delivered():
        assert slackmessage.mentions(message["payload"]) == []
        attachment = message["payload"]["attachments"][0]
        assert slackmessage.links(attachment["title"]) == slackmessage.links(attachment["fallback"]) == []
        assert [words for _, words in slackmessage.links(attachment["text"])] == ["Graph", "Dashboard", "Runbook"]
        assert all("evil" not in url.partition("?")[0] for url, _ in slackmessage.links(attachment["text"]))


def test_the_dead_mans_switch_is_called_again_and_again_and_not_when_it_is_over(live):
    watchdog = {"labels": {"alertname": "Watchdog", "severity": "none", "team": "platform"}, "annotations": {"summary": "Watchdog"}}
    live.post(watchdog)
    wait_until(lambda: len(live.slack.watchdog_calls()) >= 2, 20, "two calls")
    live.post({**watchdog, "endsAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1))})
    time.sleep(2)
    calls = len(live.slack.watchdog_calls())
    time.sleep(4)  # twice as long as it is called after
    assert len(live.slack.watchdog_calls()) == calls
    # The end of it would look like a sign of life.
    assert {one["status"] for one in live.slack.watchdog_calls()} == {"firing"}
    assert not any("Watchdog" in json.dumps(one) for one in live.slack.requests())
