"""board: a whole dashboard: its variables, its links, and its panels laid out in rows."""

import panels

TAG = "alertron"


def row(title, members):
    """A row of a dashboard: panels from left to right, in as many lines as they need."""
    return title, members


def _query_variable(name, label, description, values, **kind):
    return {
        "type": "query",
        "name": name,
        "label": label,
        "description": description,
        "datasource": panels.DATASOURCE,
        "query": {"query": values, "refId": name},
        "refresh": 2,  # whenever the time range changes
        "regex": "",
        "sort": 1,
        "hide": 0,
        "options": [],
        "skipUrlSync": False,
        **kind,
    }


def _several(name, label, description, values):
    """A variable that begins at All, which Grafana spells out: nothing but alertrond has these jobs and instances."""
    everything = {"selected": True, "text": ["All"], "value": ["$__all"]}
    return _query_variable(name, label, description, values, multi=True, includeAll=True, current=everything)


def _variables(device):
    datasource = {
        "type": "datasource",
        "name": "datasource",
        "label": "Prometheus",
        "description": "The Prometheus that scrapes alertrond.",
        "query": "prometheus",
        "current": {"selected": True, "text": "Alertron", "value": "alertron-prometheus"},
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": [],
        "refresh": 1,
        "regex": "",
        "skipUrlSync": False,
    }
    made = [
        datasource,
        _several("job", "Job", "The fleets, by job of Prometheus.", "label_values(alertrond_build_info, job)"),
        _several("instance", "Instance", "The instances of alertrond.", 'label_values(alertrond_build_info{job=~"$job"}, instance)'),
    ]
    if device:
        devices = 'label_values(alertrond_device_readings_total{job=~"$job",instance=~"$instance"}, device_id)'
        about = "The device; _other stands for all those beyond limits.devices."
        made.append(_query_variable("device_id", "Device", about, devices, multi=False, includeAll=False))
    return made


def _place(rows):
    """Panels with an id and a place in the grid, below a title for each row."""
    placed, y = [], 0
    for title, members in rows:
        placed.append({"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"x": 0, "y": y, "w": panels.COLUMNS, "h": 1}})
        x, y, line = 0, y + 1, 0
        for one in members:
            size = one["gridPos"]
            if x + size["w"] > panels.COLUMNS:
                x, y, line = 0, y + line, 0
            placed.append({**one, "gridPos": {**size, "x": x, "y": y}})
            x, line = x + size["w"], max(line, size["h"])
        y += line
    return [{"id": number, **one} for number, one in enumerate(placed, start=1)]


def dashboard(uid, title, description, rows, *, device=False):
    alerts = {
        "name": "Alerts",
        "datasource": panels.DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": "red",
        "expr": 'ALERTS{alertstate="firing",alertname!="Watchdog"}' if not device else 'ALERTS{alertstate="firing",device_id=`${device_id:raw}`}',
        "step": "15s",
        "titleFormat": "{{alertname}}",
        "textFormat": "{{device_id}} {{instance}}",
        "tagKeys": "severity",
    }
    others = {
        "type": "dashboards",
        "title": "Alertron",
        "tooltip": "",
        "icon": "external link",
        "tags": [TAG],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "url": "",
    }
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": [TAG],
        "editable": False,
        "graphTooltip": 1,
        "schemaVersion": 36,
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "refresh": "30s",
        "annotations": {"list": [alerts]},
        "templating": {"list": _variables(device)},
        "links": [others],
        "panels": _place(rows),
    }
