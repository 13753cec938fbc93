"""dashboards: Grafana's dashboards in deploy/grafana, for the tests that read them: their panels, queries and variables."""

import dataclasses
import json
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[1]
GRAFANA = ROOT / "deploy" / "grafana"

# `{...}` of PromQL, in which `${variable:format}` may stand.
SELECTOR = r"\{(?:\$\{[^{}]*\}|[^{}$]|\$(?!\{))*\}"


@dataclasses.dataclass(frozen=True)
class Query:
    """An expression of a dashboard, and where it stands."""

    dashboard: str
    place: str
    expression: str
    instant: bool = False
    legend: str = ""

    def __str__(self):
        return f"{self.dashboard}: {self.place}: {self.expression}"


def load(folder=GRAFANA / "dashboards"):
    """{uid: dashboard} of the JSON files."""
    made = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    return {one["uid"]: one for one in made}


def generate(folder):
    """Writes the dashboards as the generator makes them now."""
    subprocess.run([GRAFANA / "generate", folder], check=True, stdin=subprocess.DEVNULL, timeout=60)


def panels(dashboard):
    """Its panels, without the titles of rows."""
    return [one for one in dashboard["panels"] if one["type"] != "row"]


def queries(dashboard):
    """The queries of its panels and annotations."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield Query(dashboard["uid"], panel["title"], target["expr"], target["instant"], target["legendFormat"])
    for annotation in dashboard["annotations"]["list"]:
        yield Query(dashboard["uid"], f"annotation {annotation['name']}", annotation["expr"])


def variables(dashboard):
    """{name: variable}"""
    return {one["name"]: one for one in dashboard["templating"]["list"]}


def label_values(variable):
    """(selector, label) that a variable's query asks the values of."""
    return re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"], re.DOTALL).groups()


def _regexp(values):
    """Several values as Grafana's Prometheus data source writes them into a regular expression within quotes."""
    escaped = [re.sub(r"[$^*{}\[\]+?.()|]", r"\\\\\g<0>", value.replace("\\", "\\\\\\\\")) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def fill(expression, values, builtin):
    """An expression with the variables filled in as Grafana does: lists of values as a regular expression, ":raw" as it
    is. `builtin` are Grafana's own, such as __rate_interval."""

    def value(found):
        name, form = found[1] or found[3], found[2]
        if name in builtin:
            return builtin[name]
        assert form in (None, "raw"), f"the format {form} of {name} is not known here"
        return values[name] if form == "raw" else _regexp(values[name])

    return re.sub(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)", value, expression)
