"""board_device: what one device does; where the links of a message in Slack and of the fleet's tables lead."""

from board import dashboard, row
from panels import SEVERITIES, alerts, colored, override, query, stat, state_timeline, steps, threshold, threshold_line, timeseries

READINGS = "sum(alertron:device_readings:increase1m{JOBS,DEVICE})"
ANOMALIES = "sum(alertron:device_anomalies:increase1m{JOBS,DEVICE})"
LAST_FEATURE = (
    'max by (feature) (alertrond_feature_info{INSTANCES} and on (job, index) '
    'count_values by (job) ("index", alertrond_last_anomaly_feature{INSTANCES,DEVICE}))'
)  # fmt: skip
CUTS = "max by (severity) (alertrond_severity_cut_score{INSTANCES})"

NOW = [
    stat("Last score", "Score of the device's last reading, 0 to 1; where two instances have judged it, the higher.", "none",
         "max(last_anomaly_score{INSTANCES,DEVICE})", empty="unknown device"),
    stat("Feature of the last anomaly", "The feature that contributed most to the device's last anomaly.", "none", LAST_FEATURE,
         legend="{{feature}}", name=True, empty="no anomaly yet", width=6),
    stat("Anomalies", "Anomalies of the chosen time.", "short",
         "sum(sum_over_time(alertron:device_anomalies:increase1m{JOBS,DEVICE}[$__range:1m]))"),
    stat("Share of anomalies now", "Of the device's readings of the last minute; red from half of them.", "percentunit",
         f"{ANOMALIES} / ({READINGS} > 0)", colors=steps((0.1, "orange"), (0.5, "red")), empty="no readings"),
    stat("Readings now", "Readings of the last minute.", "short", READINGS, empty="silent", graph=True, width=6),
]  # fmt: skip

WHAT = [
    timeseries("Score", "Score of the device's last reading, as each instance saw it, and the scores from which on a reading is an "
               "anomaly.", "none",
               [query("last_anomaly_score{INSTANCES,DEVICE}", "score, {{instance}}"), query(CUTS, "{{severity}} threshold")],
               limits=(0, 1), width=12, height=9,
               overrides=[override("/^score/", regexp=True, color={"mode": "fixed", "fixedColor": "blue"})]),
    timeseries("Anomalies by severity", "Anomalies a second by severity.", "cps",
               [query("sum by (severity) (rate(anomaly_count_total{INSTANCES,DEVICE}[$__rate_interval]))", "{{severity}}")],
               stacked=True, limits=(0, None), width=12, height=9, overrides=colored(SEVERITIES)),
    timeseries("Readings", "Readings scored a second.", "cps",
               [query("sum(rate(alertrond_device_readings_total{INSTANCES,DEVICE}[$__rate_interval]))", "readings")], limits=(0, None)),
    timeseries("Share of anomalies", "Of the device's readings of the last minute.", "percentunit",
               [query(f"{ANOMALIES} / ({READINGS} > 0)", "share"),
                threshold_line(threshold("device_anomaly_share"), "spike threshold")], limits=(0, 1)),
    state_timeline("Features over time", "The feature that contributed most to the device's last anomaly, over time.",
                   "none", [query(LAST_FEATURE, "{{feature}}")]),
]  # fmt: skip

DASHBOARD = dashboard(
    "alertron-device",
    "Alertron: device",
    "What one device does: its readings, scores and anomalies, and which feature causes them.",
    [
        row("$device_id", NOW),
        row("Readings and anomalies", WHAT),
        row("Alerts", [alerts(",DEVICE", title="Alerts of this device", width=24)]),
    ],
    device=True,
)
