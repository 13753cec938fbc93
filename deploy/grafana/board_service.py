"""board_service: whether the service does its work: objectives, requests, Kafka, the processes."""

from board import dashboard, row
from panels import alerts, colored, query, stat, state_timeline, steps, threshold, threshold_line, timeseries

OBJECTIVES = ("latency", "availability")
OUTCOMES = {"committed": "green", "aborted": "red"}
READY = [(0, "no", "red"), (1, "yes", "green")]


def errors(slo, window):
    return f'max(alertron:slo_errors:ratio_rate{window}{{JOBS,slo="{slo}"}})'


def allowed(slo):
    return f'scalar(1 - alertron:slo_objective:ratio{{slo="{slo}"}})'


def budget_left(slo):
    return f"1 - {errors(slo, '30d')} / {allowed(slo)}"


def burn(slo):
    """How fast the budget of an objective goes: 1 uses it up in 30 days."""
    lines = [query(f"{errors(slo, window)} / {allowed(slo)}", window) for window in ("5m", "1h", "6h", "3d")]
    lines += [threshold_line(threshold(f"burn_{window}"), f"{window} threshold") for window in ("1h", "6h", "3d")]
    return timeseries(
        f"Burn rate: {slo}",
        "How fast the budget goes: 1 uses it up in 30 days. The dashed lines are what the alerts allow over an hour, six hours and "
        "three days.",
        "none", lines, width=6, limits=(0, None),
    )  # fmt: skip


def objective(slo, about):
    return [
        stat(f"{slo.capitalize()}, 30 days", about, "percentunit", f"1 - {errors(slo, '30d')}", width=6,
             colors=steps((0.999, "green"), base="red"), empty="no data yet"),
        stat(f"Budget left: {slo}", "Share of the 30 days' error budget that is left; below 0 the objective is missed.", "percentunit",
             budget_left(slo), width=6, colors=steps((0, "orange"), (0.25, "green"), base="red"), empty="no data yet"),
    ]  # fmt: skip


SLO = [
    *objective("latency", "Share of readings judged within 10 ms; the objective is 99.9%."),
    *objective("availability", "Share of time that instances are up and ready; the objective is 99.9%."),
    *(burn(slo) for slo in OBJECTIVES),
    state_timeline("Ready", "Whether each instance answers Prometheus and is ready.", "none",
                   [query("alertron:available:bool{INSTANCES}", "{{instance}}")],
                   width=12, mappings=READY),
]  # fmt: skip


def quantile(share, family):
    return query(f"histogram_quantile({share}, sum by (le) (rate({family}_bucket{{INSTANCES}}[$__rate_interval])))", f"p{share * 100:g}")


RED = [
    timeseries("Rate", "Readings scored a second, by instance.", "cps",
               [query("sum by (instance) (rate(predictions_total{INSTANCES}[$__rate_interval]))", "{{instance}}")], limits=(0, None)),
    timeseries("Errors", "Dead letters by reason, and errors of the Kafka clients, a second.", "cps",
               [query("sum by (reason) (rate(alertrond_dead_letters_total{INSTANCES}[$__rate_interval])) > 0", "dead letter: {{reason}}"),
                query("sum(rate(kafka_errors_total{INSTANCES}[$__rate_interval]))", "Kafka errors")], limits=(0, None)),
    timeseries("Duration", "From a reading's bytes at hand to its verdict.", "s",
               [quantile(share, "inference_latency_seconds") for share in (0.5, 0.95, 0.99, 0.999)], limits=(0, None)),
    timeseries("Requests to /ingest", "By HTTP status, a second.", "reqps",
               [query("sum by (status) (rate(requests_total{INSTANCES}[$__rate_interval]))", "{{status}}")], limits=(0, None)),
    timeseries("Requests denied", "HTTP requests and connections denied, by reason, a second.", "reqps",
               [query("sum by (reason) (rate(alertrond_http_denied_total{INSTANCES}[$__rate_interval]))", "{{reason}}")], limits=(0, None)),
    stat("Dead letters", "Messages of the chosen time that could not be scored.", "short",
         "sum(increase(alertrond_dead_letters_total{INSTANCES}[$__range]))", height=8, colors=steps((1, "orange"))),
    stat("Readings of _other", "Readings of the chosen time from devices beyond limits.devices, which have no series of their own.",
         "short", "sum(increase(alertrond_devices_overflow_total{INSTANCES}[$__range]))", height=8, colors=steps((1, "orange"))),
]  # fmt: skip

KAFKA = [
    timeseries("Lag", "Messages behind the lowest offset that is safe to commit, by partition.", "short",
               [query("max by (topic, partition) (alertrond_consumer_lag_messages{INSTANCES})", "{{topic}} {{partition}}")],
               width=12, limits=(0, None), side=True),
    timeseries("Time since the last message", "By partition; it grows where nothing is written, too.", "s",
               [query("time() - max by (topic, partition) (alertrond_last_reading_timestamp_seconds{INSTANCES})", "{{topic}} {{partition}}")],
               width=12, limits=(0, None), side=True),
    state_timeline("Stalled", "Partitions in which messages wait and none has been dealt with for limits.stall_seconds.", "none",
                   [query("max by (topic, partition) (alertrond_partition_stalled{INSTANCES})", "{{topic}} {{partition}}")],
                   mappings=[(0, "flows", "green"), (1, "stalled", "red")]),
    timeseries("Queue", "Messages fetched ahead that wait to be scored, and outputs that the broker has not acknowledged.", "short",
               [query("sum(alertrond_fetched_messages{INSTANCES})", "fetched ahead"),
                query("sum(alertrond_outputs_waiting{INSTANCES})", "outputs waiting")], limits=(0, None)),
    timeseries("Partitions", "That each instance reads.", "short",
               [query("sum by (instance) (alertrond_partitions{INSTANCES})", "{{instance}}")], stacked=True, limits=(0, None)),
    timeseries("Rebalances", "Times a second that partitions came to a worker or were taken from it.", "cps",
               [query("sum by (instance) (rate(alertrond_rebalances_total{INSTANCES}[$__rate_interval]))", "{{instance}}")], limits=(0, None)),
    timeseries("Transactions", "Committed and aborted a second; only with kafka.delivery = exactly-once.", "cps",
               [query("sum by (outcome) (rate(alertrond_transactions_total{INSTANCES}[$__rate_interval]))", "{{outcome}}")],
               limits=(0, None), overrides=colored(OUTCOMES)),
    timeseries("Commit", "Time that a commit of outputs and offsets takes; only with kafka.delivery = exactly-once.", "s",
               [quantile(share, "alertrond_transaction_seconds") for share in (0.5, 0.99)], limits=(0, None)),
    timeseries("Block size", "Messages that were at hand when a worker looked: near 1,024 the service is at its limit.", "short",
               [quantile(share, "alertrond_block_readings") for share in (0.5, 0.99)], limits=(0, None)),
    timeseries("Kafka errors", "Errors of the Kafka clients a second, by instance.", "cps",
               [query("sum by (instance) (rate(kafka_errors_total{INSTANCES}[$__rate_interval]))", "{{instance}}")], limits=(0, None)),
    timeseries("Messages", "Messages dealt with a second, by topic; dead letters included.", "mps",
               [query("sum by (topic) (rate(kafka_messages_consumed_total{INSTANCES}[$__rate_interval]))", "{{topic}}")], limits=(0, None)),
]  # fmt: skip

PROCESS = [
    timeseries("CPU", "Cores in use; workers are the cores it could use.", "none",
               [query("sum by (instance) (rate(process_cpu_seconds_total{INSTANCES}[$__rate_interval]))", "{{instance}}"),
                query("sum by (instance) (alertrond_workers{INSTANCES})", "workers of {{instance}}")], limits=(0, None)),
    timeseries("Memory", "Resident.", "bytes",
               [query("sum by (instance) (process_resident_memory_bytes{INSTANCES})", "{{instance}}")], limits=(0, None)),
    timeseries("Open files", "File descriptors in use as a share of those allowed.", "percentunit",
               [query("sum by (instance) (process_open_fds{INSTANCES} / process_max_fds{INSTANCES})", "{{instance}}")], limits=(0, None)),
    timeseries("Uptime", "Since the process began: a fall is a restart.", "s",
               [query("time() - max by (instance) (process_start_time_seconds{INSTANCES})", "{{instance}}")], limits=(0, None)),
    timeseries("Devices", "Devices that have series of their own, by instance.", "short",
               [query("sum by (instance) (alertrond_devices{INSTANCES})", "{{instance}}")], limits=(0, None)),
    timeseries("Versions", "Instances by version of alertrond and librdkafka.", "short",
               [query("count by (version, librdkafka) (alertrond_build_info{INSTANCES})", "alertrond {{version}}, librdkafka {{librdkafka}}")],
               stacked=True, limits=(0, None)),
]  # fmt: skip

DASHBOARD = dashboard(
    "alertron-service",
    "Alertron: service",
    "Whether alertrond does its work: objectives and their budget, rate, errors and duration, Kafka, the processes.",
    [
        row("Objectives", SLO),
        row("Alerts", [alerts(width=24)]),
        row("Rate, errors, duration", RED),
        row("Kafka", KAFKA),
        row("Process", PROCESS),
    ],
)
