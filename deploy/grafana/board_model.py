"""board_model: which models are in force, how often they call a reading an anomaly, how a candidate compares."""

from board import dashboard, row
from panels import ROLES, SEVERITIES, bars, colored, override, query, stat, steps, table, threshold, threshold_line, timeseries

BOTH = "sum(rate(alertrond_candidate_readings_total{INSTANCES}[$__rate_interval]))"
AGREED = 'sum(rate(alertrond_candidate_readings_total{INSTANCES,outcome=~"both_.*"}[$__rate_interval]))'
OUTCOMES = {"both_normal": "green", "both_anomalous": "blue", "primary_only": "orange", "candidate_only": "purple"}
RELOADS = {"done": "green", "unchanged": "blue", "refused": "red"}
# As AlertronModelStale counts it: a restart loads the model anew, which is no younger for that.
AGE = "time() - min by (model_version) (alertron:model_first_seen:timestamp_seconds{JOBS})"


def shift(direction):
    return f'sum(rate(alertrond_candidate_score_shift_sum{{INSTANCES,direction="{direction}"}}[$__rate_interval]))'


def shift_quantile(share):
    return query(
        f"histogram_quantile({share}, sum by (le, direction) (rate(alertrond_candidate_score_shift_bucket{{INSTANCES}}[$__rate_interval])))",
        f"p{share * 100:g} {{{{direction}}}}",
    )


IN_FORCE = [
    table("Models in force", "By role; each version should be the same in all instances once a reload has reached them.", "short",
          ["count by (role, model_version, kind, producer, kernel) (alertrond_model_info{INSTANCES})"],
          {"role": "role", "model_version": "version", "kind": "kind", "producer": "producer", "kernel": "kernel", "Value #A": "instances"},
          width=14, height=6),
    stat("Age of the model", "Since the primary model was first seen, by version; for an hour also that of the one before.", "s", AGE,
         legend="{{model_version}}", width=5, height=6),
    stat("Origin of the cuts", "Where the severity cuts come from: provisional, training, file or stream.", "none",
         "max by (origin) (alertrond_severity_cuts_origin{INSTANCES} == 1)", legend="{{origin}}", name=True, width=5, height=6),
]  # fmt: skip

ALARMS = [
    timeseries("Alarm rate by model", "Share of a model's readings that it calls anomalies, whether it decides or not.", "percentunit",
               [query("sum by (role, model_version) (rate(alertrond_model_anomalies_total{INSTANCES}[$__rate_interval])) / "
                      "(sum by (role, model_version) (rate(alertrond_model_predictions_total{INSTANCES}[$__rate_interval])) > 0)",
                      "{{role}} {{model_version}}")],
               limits=(0, None),
               overrides=[override(f"/^{role} /", regexp=True, color={"mode": "fixed", "fixedColor": color}) for role, color in ROLES.items()]),
    timeseries("Alarm rate of the primary by severity", "Share of the primary's readings, by severity.", "percentunit",
               [query('sum by (severity) (rate(alertrond_model_anomalies_total{INSTANCES,role="primary"}[$__rate_interval])) / ignoring (severity) '
                      'group_left () (sum(rate(alertrond_model_predictions_total{INSTANCES,role="primary"}[$__rate_interval])) > 0)',
                      "{{severity}}")],
               stacked=True, limits=(0, None), overrides=colored(SEVERITIES)),
    timeseries("Severity cuts", "Score from which on a reading is an anomaly of at least this severity.", "none",
               [query("max by (severity) (alertrond_severity_cut_score{INSTANCES})", "{{severity}}")],
               limits=(0, 1), overrides=colored(SEVERITIES)),
]  # fmt: skip

CANDIDATE = [
    timeseries("Agreement", "Share of readings that the candidate and the primary call the same.", "percentunit",
               [query(f"{AGREED} / ({BOTH} > 0)", "agreement")], limits=(None, 1), width=6),
    timeseries("Who calls it an anomaly", "Readings a second that both scored, by which of them called it an anomaly.", "cps",
               [query("sum by (outcome) (rate(alertrond_candidate_readings_total{INSTANCES}[$__rate_interval]))", "{{outcome}}")],
               stacked=True, limits=(0, None), width=6, overrides=colored(OUTCOMES)),
    timeseries("Mean shift of the score", "How much higher the candidate scores than the primary.", "none",
               [query(f"({shift('up')} - {shift('down')}) / "
                      "(sum(rate(alertrond_candidate_score_shift_count{INSTANCES}[$__rate_interval])) > 0)", "mean shift")], width=6),
    timeseries("Large shifts", "How far the candidate's score lies from the primary's, up and down.", "none",
               [shift_quantile(0.5), shift_quantile(0.99)], limits=(0, None), width=6),
]  # fmt: skip

CHANGES = [
    timeseries("Reloads", "Reloads of the models in each interval; refused: the old one goes on.", "short",
               [query("sum by (outcome) (increase(alertrond_model_reloads_total{INSTANCES}[$__rate_interval]))", "{{outcome}}")],
               limits=(0, None), overrides=colored(RELOADS)),
    bars("Reloads of the chosen time", "By outcome.", "short",
         "sum by (outcome) (increase(alertrond_model_reloads_total{INSTANCES}[$__range]))", "{{outcome}}", width=4, overrides=colored(RELOADS)),
    bars("Candidates decided", "Candidates of the chosen time that were promoted or dropped, by command or by rule.", "short",
         "sum by (decision, by) (increase(alertrond_candidate_decisions_total{INSTANCES}[$__range]))", "{{decision}} by {{by}}", width=4),
    timeseries("Drift", "How far the readings have moved from those that the model was trained on; empty where this alertrond does "
               "not measure it.", "none",
               [query("max by (instance) (alertrond_drift_score{INSTANCES})", "{{instance}}"), threshold_line(threshold("drift_score"))],
               limits=(0, None)),
]  # fmt: skip

AGES = [
    timeseries("Model age", "Since the primary model was first seen, by version; restarts don't matter.", "s",
               [query(AGE, "{{model_version}}"), threshold_line(threshold("model_age_seconds"))], width=12, limits=(0, None)),
    timeseries("Readings by model", "Readings a second that each model scored.", "cps",
               [query("sum by (role, model_version) (rate(alertrond_model_predictions_total{INSTANCES}[$__rate_interval]))",
                      "{{role}} {{model_version}}")], width=12, limits=(0, None)),
]  # fmt: skip

DASHBOARD = dashboard(
    "alertron-model",
    "Alertron: model",
    "Which models are in force, how often they call a reading an anomaly, and how a candidate compares with the primary.",
    [
        row("In force", IN_FORCE),
        row("Alarms", ALARMS),
        row("Candidate (shadow or canary)", CANDIDATE),
        row("Changes and drift", CHANGES),
        row("Age and use", AGES),
    ],
)
