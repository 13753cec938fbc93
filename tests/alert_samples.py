"""alert_samples: alerts as the rules make them, a table of routes, and amtool, for the tests of what reaches Slack."""

import subprocess

import paths

FOLDER = paths.DEPLOY / "alertmanager"

# Each alert's severity and team; a test holds it against deploy/prometheus.
KINDS = {
    "AlertronAnomalySpike": ("critical", "fleet"),
    "AlertronDeviceAnomalySpike": ("critical", "fleet"),
    "AlertronFleetSilent": ("critical", "fleet"),
    "AlertronDeviceSilent": ("warning", "fleet"),
    "AlertronDeadLetters": ("warning", "fleet"),
    "AlertronModelStale": ("warning", "fleet"),
    "AlertronDrift": ("warning", "fleet"),
    "AlertronDown": ("critical", "platform"),
    "AlertronMetricsAbsent": ("critical", "platform"),
    "AlertronRestarting": ("critical", "platform"),
    "AlertronNotReady": ("critical", "platform"),
    "AlertronNotConsuming": ("critical", "platform"),
    "AlertronLatencyBudgetBurn": ("critical", "platform"),
    "AlertronAvailabilityBudgetBurn": ("critical", "platform"),
    "AlertronRulesFailing": ("critical", "platform"),
    "AlertronAlertmanagerFailing": ("critical", "platform"),
    "AlertronSlackFailing": ("critical", "platform"),
    "AlertronKafkaErrors": ("warning", "platform"),
    "AlertronReloadRefused": ("warning", "platform"),
    "AlertronSeriesCap": ("warning", "platform"),
}

# From the cause to what follows from it, for one instance; and what follows for all.
CASCADE = ["AlertronDown", "AlertronRestarting", "AlertronNotConsuming", "AlertronNotReady", "AlertronKafkaErrors"]
CONSEQUENCES = ["AlertronLatencyBudgetBurn", "AlertronAvailabilityBudgetBurn"]

# %(folder)s is one for the webhooks' files.
TABLE = """\
[default]
webhook_file = %(folder)s/alerts

[links]
runbooks = https://git.example.test/alertron/blob/main
grafana = https://grafana.example.test/

[watchdog]
url = %(watchdog)s

[route pumps]
device_id = pump-\\d+|"sump"'s \\\\ 1
webhook_file = %(folder)s/pumps
channel = #pump-house

[route tickets]
team = platform
severity = warning
webhook_file = %(folder)s/tickets

[route platform]
team = platform
webhook_file = %(folder)s/platform
"""


# Each would do something in Slack, or in a page or a configuration, were it taken as it is.
HOSTILE = [
    "<!channel>",
    "<!here|here> <@U123> <#C123>",
    "<https://evil.example.test/x|Grafana>",
    "https://evil.example.test/x",
    "www.evil.example.test",
    "evil.test",
    "somebody@evil.test",
    "a`b``c",
    "*bold* _it_ ~no~ :tada: @channel",
    "a&lt;!channel&gt;",
    "one\ntwo\r\n\nthree\tfour",
    "\u202egnol\u200b\u0007",
    '{{ .ExternalURL }} "quoted" \\ %s',
    "😀" * 63,
    "&" * 255,
    "<" * 255,
    "x" * 255,
    "_other",
]


def amtool(*words):
    program, cwd = paths.monitoring_program("amtool")
    done = subprocess.run([program, *map(str, words)], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def labels(kind, **others):
    severity, team = KINDS[kind]
    return {"alertname": kind, "job": "alertrond", "severity": severity, "team": team, **others}


def alert(kind, *, annotations=None, url="http://prometheus.example.test/graph?g0.expr=a+%3E+1&g0.tab=1", **others):
    told = {"summary": f"{kind} fires", "description": "It does.", "runbook_url": "docs/runbooks/x.md", **(annotations or {})}
    return {"labels": labels(kind, **others), "annotations": told, "generatorURL": url}


def of_device(device):
    """The alert of a device, its name in every place where one can be."""
    told = {
        "summary": f"Device {device} behaves unusually", "description": f"40 of 45 readings of {device} are anomalies.",
        "feature": device, "score": "0.7634", "dashboard": f"d/alertron-device?var-device_id={device}",
    }
    return alert("AlertronDeviceAnomalySpike", annotations=told, device_id=device)
