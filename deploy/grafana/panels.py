"""panels: what Grafana's dashboards are made of, as plain dictionaries of its JSON model.

A dashboard is a list of rows, a row a title and a list of panels; place() lays them out. In queries three words stand
for matchers of labels: INSTANCES for the chosen jobs and instances, JOBS for the chosen jobs (recorded series and
alerts have no instance), DEVICE for the chosen device.
"""

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
SEVERITIES = {"low": "yellow", "medium": "orange", "high": "red"}
ROLES = {"primary": "blue", "shadow": "purple", "canary": "orange"}
ALERT_SEVERITIES = {"warning": "orange", "critical": "red"}

_MATCHERS = {
    "INSTANCES": 'job=~"$job",instance=~"$instance"',
    "JOBS": 'job=~"$job"',
    # A raw string of PromQL: of a device's name only a backtick would need an escape. In "..." Grafana leaves quotes
    # as they are unless a feature toggle is set.
    "DEVICE": "device_id=`${device_id:raw}`",
}


def query(expression, legend="__auto", *, instant=False):
    """A query of a panel; `legend` names its series. Instant: one number a series, at the end of the time range."""
    for word, matchers in _MATCHERS.items():
        expression = expression.replace(word, matchers)
    kind = {"instant": True, "range": False} if instant else {"instant": False, "range": True}
    return {"expr": expression, "legendFormat": legend, "editorMode": "code", **kind}


def threshold(name):
    """What the alerts compare with, as deploy/prometheus/alertron.thresholds.yml records it."""
    return f'alertron:threshold{{name="{name}"}}'


def threshold_line(expression, legend="alert threshold"):
    """A threshold of the alerts as a dashed red line; its legend has to end in "threshold"."""
    return query(expression, legend)


def steps(*later, base="green"):
    """Colours from values on: steps((0.2, "red")) is green below 0.2."""
    return [{"color": base, "value": None}] + [{"color": color, "value": value} for value, color in later]


def override(name, *, regexp=False, **properties):
    """Properties of the series of one name; a dot in a property's name is written as two underscores."""
    matcher = {"id": "byRegexp" if regexp else "byName", "options": name}
    return {"matcher": matcher, "properties": [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]}


def colored(colors):
    """The series of these names in these colours, everywhere the same."""
    return [override(name, color={"mode": "fixed", "fixedColor": color}) for name, color in colors.items()]


_THRESHOLD_LINE = override(
    "/threshold$/",
    regexp=True,
    color={"mode": "fixed", "fixedColor": "red"},
    custom__lineStyle={"fill": "dash", "dash": [10, 10]},
    custom__fillOpacity=0,
    custom__stacking={"mode": "none", "group": "A"},
)


def panel(kind, title, description, unit, queries, *, width, height, options, defaults=None, overrides=(), transformations=()):
    made = {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "gridPos": {"x": 0, "y": 0, "w": width, "h": height},
        "targets": [{"refId": chr(ord("A") + number), "datasource": DATASOURCE, **one} for number, one in enumerate(queries)],
        "fieldConfig": {"defaults": {"unit": unit, **(defaults or {})}, "overrides": list(overrides)},
        "options": options,
    }
    if transformations:
        made["transformations"] = list(transformations)
    return made


def timeseries(title, description, unit, queries, *, width=8, height=8, stacked=False, limits=(None, None), overrides=(), side=False):
    """Lines over time; `stacked` fills and adds them up. `side`: the legend is a table beside it, for many series."""
    low, high = limits
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
    if side:
        legend.update(displayMode="table", placement="right", calcs=["lastNotNull", "max"])
    custom = {
        "drawStyle": "line",
        "lineInterpolation": "linear",
        "lineWidth": 1 if stacked else 2,
        "fillOpacity": 40 if stacked else 8,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
    }
    defaults = {"custom": custom, "color": {"mode": "palette-classic"}}
    defaults.update({key: value for key, value in (("min", low), ("max", high)) if value is not None})
    options = {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
    return panel(
        "timeseries", title, description, unit, queries,
        width=width, height=height, options=options, defaults=defaults, overrides=[*overrides, _THRESHOLD_LINE],
    )  # fmt: skip


def _reduced():
    return {"calcs": ["lastNotNull"], "fields": "", "values": False}


def stat(title, description, unit, expression, *, width=4, height=4, colors=None, legend="__auto", name=False, empty="none", graph=False):
    """One number, or the name of a series; `colors` are steps(). `empty` stands where there is no series."""
    options = {
        "reduceOptions": _reduced(),
        "colorMode": "value",
        "graphMode": "area" if graph else "none",
        "textMode": "name" if name else "auto",
        "justifyMode": "auto",
        "orientation": "auto",
    }
    defaults = {"noValue": empty, "color": {"mode": "thresholds"}, "thresholds": {"mode": "absolute", "steps": colors or steps(base="text")}}
    made = [query(expression, legend, instant=not graph)]
    return panel("stat", title, description, unit, made, width=width, height=height, options=options, defaults=defaults)


def bars(title, description, unit, expression, legend, *, width=8, height=8, overrides=(), link=None):
    """A bar for each series, of its value at the end of the time range."""
    options = {"reduceOptions": _reduced(), "displayMode": "basic", "orientation": "horizontal", "showUnfilled": True, "valueMode": "color"}
    defaults = {"min": 0, "color": {"mode": "palette-classic"}, **({"links": [link]} if link else {})}
    made = [query(expression, legend, instant=True)]
    return panel("bargauge", title, description, unit, made, width=width, height=height, options=options, defaults=defaults, overrides=overrides)


def state_timeline(title, description, unit, queries, *, width=8, height=8, colors=None, mappings=()):
    """What state each series was in, over time; `mappings` is [(value, text, colour)]."""
    options = {"showValue": "never", "mergeValues": True, "rowHeight": 0.8, "alignValue": "left"}
    options["legend"] = {"displayMode": "list", "placement": "bottom", "showLegend": bool(mappings), "calcs": []}
    options["tooltip"] = {"mode": "single", "sort": "none"}
    texts = {str(value): {"text": text, "color": color, "index": index} for index, (value, text, color) in enumerate(mappings)}
    defaults = {"color": {"mode": "thresholds"}, "thresholds": {"mode": "absolute", "steps": colors or steps(base="blue")}}
    defaults["mappings"] = [{"type": "value", "options": texts}] if texts else []
    defaults["custom"] = {"fillOpacity": 80, "lineWidth": 0}
    return panel("state-timeline", title, description, unit, queries, width=width, height=height, options=options, defaults=defaults)


def table(title, description, unit, queries, columns, *, width=8, height=8, hidden=(), overrides=(), sort=None):
    """Rows of labels and values. `queries` are [(expression)], instant; `columns` renames {label or "Value #A": name},
    in this order; labels that are not in it come after, but for the `hidden`."""
    made = [{**query(one, "", instant=True), "format": "table"} for one in queries]
    if len(made) == 1:
        # Grafana calls the value of a lone query "Value", of several "Value #A" and so on.
        columns = {old.replace("Value #A", "Value"): new for old, new in columns.items()}
        hidden = [old.replace("Value #A", "Value") for old in hidden]
    organize = {
        "excludeByName": {name: True for name in ("Time", *hidden)},
        "indexByName": {name: place for place, name in enumerate(columns)},
        "renameByName": {old: new for old, new in columns.items() if new != old},
    }
    transformations = [{"id": "merge", "options": {}}, {"id": "organize", "options": organize}]
    options = {"showHeader": True, "cellHeight": "sm"}
    if sort:
        options["sortBy"] = [{"displayName": sort, "desc": True}]
    defaults = {"custom": {"align": "auto", "filterable": False}, "noValue": "none"}
    return panel(
        "table", title, description, unit, made,
        width=width, height=height, options=options, defaults=defaults, overrides=overrides, transformations=transformations,
    )  # fmt: skip


def device_link(device="${__data.fields.device_id:percentencode}"):
    """From a device's name to its dashboard, at the same time and of the same jobs."""
    url = f"/d/alertron-device?${{__url_time_range}}&${{datasource:queryparam}}&${{job:queryparam}}&${{instance:queryparam}}&var-device_id={device}"
    return {"title": "What this device does", "url": url, "targetBlank": False}


def alerts(extra="", *, title="Alerts firing", width=12, height=7):
    """The alerts that fire now, the dead-man's switch aside."""
    shown = {name: name for name in ("alertname", "severity", "team", "device_id", "instance", "reason", "window")}
    colors = {text: {"text": text, "color": color, "index": index} for index, (text, color) in enumerate(ALERT_SEVERITIES.items())}
    severity = override(
        "severity", mappings=[{"type": "value", "options": colors}], custom__cellOptions={"type": "color-background", "mode": "basic"}
    )
    return table(
        title,
        "Alerts that fire at the end of the time range. Each has a runbook: docs/runbooks.",
        "none",
        [f'ALERTS{{alertstate="firing",alertname!="Watchdog"{extra}}}'],
        shown,
        width=width,
        height=height,
        hidden=("Value #A", "__name__", "alertstate", "job"),
        overrides=[severity],
    )
