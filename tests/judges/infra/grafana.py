"""Grafana's own types read the dashboard, and know every field and every value in it.

    python grafana.py FILE

The types ignore what they do not know. So the dashboard is written again from what they read: what is missing then is no
field of Grafana's. A value of another type than Grafana's is refused, and so is a query or a panel that no plugin of
Grafana knows.
"""
import enum
import json
import pathlib
import sys
import types
import typing

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.cog.runtime import Runtime
from grafana_foundation_sdk.models.azuremonitor import AzureMonitorQuery, AzureQueryType
from grafana_foundation_sdk.models.dashboard import Dashboard

faults = []


def lost(written, read, where):
    """What is in the file, and not in what was read from it."""
    if isinstance(written, dict) and isinstance(read, dict):
        for name, value in written.items():
            lost(value, read.get(name), f"{where}/{name}")
    elif isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        for number, (value, other) in enumerate(zip(written, read)):
            lost(value, other, f"{where}/{number}")
    elif written != read:
        faults.append(f"{where} is {written!r}, and Grafana reads {read!r}")


def fits(value, hint):
    """Whether a value has the type that Grafana gives its field."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, one) for one in inner)
    if origin is typing.Literal:
        return value in inner
    if origin is list:
        return isinstance(value, list) and all(fits(one, inner[0]) for one in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(one, inner[1]) for one in value.values())
    if hint in (typing.Any, object):
        return True
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return value in [one.value for one in hint]
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def typed(thing, where):
    """Every field of what was read has its type, all the way down."""
    if isinstance(thing, list):
        for number, one in enumerate(thing):
            typed(one, f"{where}/{number}")
    elif type(thing).__module__.startswith("grafana_foundation_sdk.models") and not isinstance(thing, enum.Enum):
        for name, hint in typing.get_type_hints(type(thing).__init__).items():
            if name == "return":
                continue
            value = getattr(thing, name)
            if value is not None and not fits(value, hint):
                faults.append(f"{where}/{name} is {value!r}, and not {hint}")
            typed(value, f"{where}/{name}")


def query(asked, title):
    """A query of Azure Monitor's data source, of a kind that it knows."""
    if not isinstance(asked, AzureMonitorQuery):
        faults.append(f"{title}: no query of Azure Monitor's data source")
    elif asked.query_type not in list(AzureQueryType):
        faults.append(f"{title}: no query is of the type {asked.query_type}")


register_default_plugins()
written = json.loads(pathlib.Path(sys.argv[1]).read_text())
dashboard = Dashboard.from_json(written)
lost(written, json.loads(JSONEncoder().encode(dashboard)), "")
typed(dashboard, "")
queries = 0
for panel in dashboard.panels:
    if not Runtime().panelcfg_config(panel.type_val):
        faults.append(f"no panel of Grafana is called {panel.type_val}")
    for target in panel.targets or []:
        queries += 1
        query(target, panel.title)
variables = {one.name for one in dashboard.templating.list_val}
for one in dashboard.templating.list_val:
    if isinstance(one.query, dict):
        asked = AzureMonitorQuery.from_json(one.query)
        lost(one.query, json.loads(JSONEncoder().encode(asked)), f"the variable {one.name}")
        query(asked, one.name)
for name in ("source", "subscription", "workspace"):
    if name not in variables:
        faults.append(f"no variable {name}")
for fault in faults:
    print(fault, file=sys.stderr)
print(f"Grafana's types read {len(dashboard.panels)} panels, {queries} queries and {len(variables)} variables; {len(faults)} faults")
sys.exit(1 if faults or not queries else 0)
