"""Write the tables of the AWS wing that the native reference needs into one JSON file."""

import json
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

from connectors.aws.catalog.service_actions import service_actions
from connectors.aws.catalog.tables import table
from connectors.aws.usage.actions import _HOST, service_name
from connectors.aws.usage.events import _BEARER_PERMISSION, _LOG_CLASS
from connectors.aws.usage.outcomes import DeniedCodes
from connectors.aws.usage.passed_roles import _NO_PASSING, _PARTITIONS, _TAKES_AWAY
from connectors.aws.usage.templates import shapes_of


def write_tables(path: Path) -> None:
    """Write what names resources, tells outcomes and may pass roles; nothing in it is of a certain tree."""
    data = table("event_resources")
    denied = DeniedCodes()
    tables = {
        "hosts": _HOST,
        "services": data["arn_services"],
        "s3": data["s3"],
        "ephemeral": data["ephemeral"],
        "parameters": data["parameter"],
        "shapes": _shapes(data["templates"]["services"]),
        "partitions": _PARTITIONS,
        "denied_parts": denied._parts,
        "outcomes": denied._known,
        "no_passing": _NO_PASSING,
        "takes_away": _TAKES_AWAY,
        "bearer": list(_BEARER_PERMISSION),
        "log_classes": _LOG_CLASS,
    }
    path.write_text(json.dumps(tables), encoding="utf-8")


def _shapes(services: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
    """Return the ARN templates of each operation (`source:name`) of the services that have some."""
    found = {}
    for source, prefix in services.items():
        for name in sorted(_operations(source, prefix)):
            if shapes := shapes_of(source, name):
                found[f"{source}:{name}"] = [asdict(shape) for shape in shapes]
    return found


def _operations(source: str, prefix: str) -> set[str]:
    """Return the names of operations that need one permission for certain: actions, and the tables' own."""
    known = table("event_actions")
    prefixes = {prefix, *known["sources"].get(service_name(source), ())}
    actions = (one.name.partition(":")[2] for each in prefixes for one in service_actions(each).values())
    tabled = (name for each in prefixes for name in known["operations"].get(each, {}))
    return {*chain(actions, tabled)}
