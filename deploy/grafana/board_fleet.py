"""board_fleet: what the fleet does: how many anomalies, from which devices, because of which features; and the flow."""

from board import dashboard, row
from panels import SEVERITIES, alerts, bars, colored, device_link, override, query, stat, steps, table, threshold, threshold_line, timeseries

READINGS = "sum(rate(predictions_total{INSTANCES}[$__rate_interval]))"
ANOMALIES = "sum by (severity) (alertron:anomalies:increase1m{JOBS})"
SHARE = "sum(alertron:anomalies:increase1m{JOBS}) / (sum(alertron:readings:increase1m{JOBS}) > 0)"
KAFKA_ERRORS = (
    "sum(rate(kafka_errors_total{INSTANCES}[$__rate_interval])) / "
    "(sum(rate(kafka_messages_consumed_total{INSTANCES}[$__rate_interval])) > 0)"
)
# The recorded minutes, one after another: unlike increase() over the whole range they have the first anomalies of a
# device that was not known before.
DEVICE_ANOMALIES = "sum by (device_id) (sum_over_time(alertron:device_anomalies:increase1m{JOBS}[$__range:1m]))"
DEVICE_READINGS = "sum by (device_id) (sum_over_time(alertron:device_readings:increase1m{JOBS}[$__range:1m]))"
TOP = f"topk(15, {DEVICE_ANOMALIES} > 0)"
LAST_FEATURE = (
    'max by (device_id, feature) (count_values by (job, device_id) ("index", alertrond_last_anomaly_feature{INSTANCES})'
    " * on (job, index) group_left (feature) max by (job, index, feature) (alertrond_feature_info{INSTANCES}))"
)
SCORES = "max by (device_id) (last_anomaly_score{INSTANCES})"


def quantile(share):
    return f"histogram_quantile({share}, sum by (le) (rate(inference_latency_seconds_bucket{{INSTANCES}}[$__rate_interval])))"


NOW = [
    stat("Anomalies", "Readings of the chosen time that are anomalies.", "short",
         "sum(increase(alertrond_anomalies_total{INSTANCES}[$__range]))"),
    stat("Share of anomalies", "Of the readings of the last minute; red from AlertronAnomalySpike's threshold on, as it is "
         "shipped.", "percentunit", SHARE, colors=steps((0.1, "orange"), (0.2, "red")), empty="no readings"),
    stat("Readings", "Readings scored a second.", "cps", READINGS, graph=True),
    stat("p95 latency", "From a reading's bytes at hand to its verdict; the objective is 10 ms.", "s", quantile(0.95),
         colors=steps((0.01, "red")), empty="no readings"),
    stat("Kafka errors now", "Errors of the Kafka clients as a share of the messages.", "percentunit", KAFKA_ERRORS,
         colors=steps((0.01, "orange"), (0.05, "red")), empty="no messages"),
    stat("Devices", "Devices that have series of their own; one whose partition has moved counts in both instances.", "short", "sum(alertrond_devices{INSTANCES})"),
]  # fmt: skip

ANOMALY_PANELS = [
    timeseries("Anomaly volume", "Anomalies of the last minute, by severity. Counted without devices, so that new devices are seen.",
               "short", [query(ANOMALIES, "{{severity}}")], stacked=True, limits=(0, None), overrides=colored(SEVERITIES)),
    timeseries("Severity trend", "Each severity's share of the readings of the last minute.", "percentunit",
               [query(f"{ANOMALIES} / ignoring (severity) group_left () (sum(alertron:readings:increase1m{{JOBS}}) > 0)", "{{severity}}"),
                threshold_line(threshold("anomaly_share"), "spike threshold")],
               stacked=True, limits=(0, None), overrides=colored(SEVERITIES)),
    timeseries("Which features cause the anomalies", "Anomalies a second by the feature that contributed most to each.", "cps",
               [query("sum by (feature) (rate(alertrond_anomaly_features_total{INSTANCES}[$__rate_interval]))", "{{feature}}")],
               stacked=True, limits=(0, None)),
]  # fmt: skip

DEVICE_PANELS = [
    table("Top devices", "Devices with most anomalies in the chosen time. A name leads to what that device does.", "short",
          [TOP,
           f"({DEVICE_ANOMALIES} / ({DEVICE_READINGS} > 0)) and on (device_id) {TOP}",
           f"{SCORES} and on (device_id) {TOP}",
           f"{LAST_FEATURE} and on (device_id) {TOP}"],
          {"device_id": "device_id", "Value #A": "anomalies", "Value #B": "share of readings", "Value #C": "last score",
           "feature": "feature of the last anomaly"},
          width=12, height=10, hidden=["Value #D"], sort="anomalies",
          overrides=[override("device_id", links=[device_link()]),
                     override("anomalies", decimals=0),
                     override("share of readings", unit="percentunit"),
                     override("last score", unit="none", decimals=3)]),
    bars("Last scores", "Score of the last reading of the devices that scored highest; where two instances have judged a device, "
         "the higher.", "none", f"topk(15, {SCORES})", "{{device_id}}", width=6, height=10,
         link=device_link("${__field.labels.device_id:percentencode}")),
    bars("Features of the chosen time", "Anomalies of the chosen time by the feature that contributed most.", "short",
         "sum by (feature) (increase(alertrond_anomaly_features_total{INSTANCES}[$__range]))", "{{feature}}", width=6, height=10),
]  # fmt: skip

FLOW = [
    timeseries("Throughput", "Readings scored and messages dealt with a second; dead letters are messages too.", "cps",
               [query(READINGS, "readings scored"),
                query("sum by (topic) (rate(kafka_messages_consumed_total{INSTANCES}[$__rate_interval]))", "messages of {{topic}}")],
               limits=(0, None)),
    timeseries("Latency", "From a reading's bytes at hand to its verdict; the time it waited in Kafka is not in it.", "s",
               [query(quantile(0.5), "p50"), query(quantile(0.95), "p95"), query(quantile(0.99), "p99")], limits=(0, None)),
    timeseries("Kafka errors", "Errors of the Kafka clients as a share of the messages.", "percentunit",
               [query(KAFKA_ERRORS, "share of messages"), threshold_line(threshold("kafka_error_ratio"))], limits=(0, None)),
]  # fmt: skip

DASHBOARD = dashboard(
    "alertron-fleet",
    "Alertron: fleet",
    "What the fleet does: anomalies, the devices and features behind them, and the flow of readings.",
    [
        row("Now", NOW),
        row("Anomalies", ANOMALY_PANELS),
        row("Devices", DEVICE_PANELS),
        row("Flow", FLOW),
        row("Alerts", [alerts(width=24)]),
    ],
)
