"""Grafana's published types, asked by test_dashboards.py from an environment that has them.

    grafana_types.py FOLDER

Prints as JSON what became of the dashboards and the provisioning in deploy/grafana, which FOLDER names.
"""

import json
import pathlib
import sys

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import dashboard, units


def main(folder):
    register_default_plugins()  # the types of panels and queries
    dashboards = {}
    for path in sorted(folder.glob("dashboards/*.json")):
        understood = dashboard.Dashboard.from_json(json.loads(path.read_text()))
        dashboards[path.name] = json.loads(JSONEncoder(sort_keys=True).encode(understood))
    provisioning = {str(path.relative_to(folder)): yaml.safe_load(path.read_text()) for path in sorted(folder.glob("provisioning/*/*.yml"))}
    known = sorted({value for name, value in vars(units).items() if isinstance(value, str) and not name.startswith("__")})
    json.dump({"dashboards": dashboards, "provisioning": provisioning, "units": known}, sys.stdout)


main(pathlib.Path(sys.argv[1]))
