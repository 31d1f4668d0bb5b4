"""Tell where the `_Default` sink leaves Data Access records out: then silence proves nothing.

Exclusions are how their cost is kept down; they drop records before they are stored, whatever the audit
configuration says. Source: docs.cloud.google.com/logging/docs/routing/overview (exclusion filters).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from connectors.gcp.inventory import Inventory

SINK = "logging.googleapis.com/LogSink"
_NAME = re.compile(
    r"(?:^|/)((?:projects|folders|organizations)/[^/]+)/(?:sinks/_Default|locations/[^/]+/buckets/)"
)
_OTHERS = re.compile(
    r'\b(?:logname\s*[:=]|log_id\s*\(|resource\.type\s*=\s*"?(?:k8s_container|k8s_pod|k8s_node|http_load_balancer)\b)'
)
_BROAD = re.compile(r"audit|protopayload|data_access|\bor\b|\bnot\b|!=|(?:^|\s)-")


def leaving_out(inventory: Inventory) -> dict[str, str]:
    """Return by node what of its `_Default` sink may drop Data Access records."""
    found: dict[str, str] = {}
    for name, data in _sinks(inventory):
        match = _NAME.search(name) or _NAME.search(str(data.get("destination") or ""))
        why = _dropped(data)
        if match and why:
            found[inventory.hierarchy.node(match[1])] = why
    return found


def _sinks(inventory: Inventory) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every `_Default` sink: its name as it stands, and its content."""
    for record in inventory.beside.get("log_buckets", ()):
        if (
            str(record.data.get("name") or "").rpartition("/")[2] == "_Default"
            and "destination" in record.data
        ):
            yield str(record.data.get("resourceName") or record.data["name"]), record.data
    for _, resource in inventory.resources:
        if resource.asset_type == SINK and resource.name.endswith("/sinks/_Default") and resource.described:
            yield resource.name, resource.data


def _dropped(sink: Mapping[str, Any]) -> str:
    """Return what drops Data Access records of a sink; empty where nothing does."""
    if sink.get("disabled") is True:
        return "the sink is switched off"
    if "data_access" in str(sink.get("filter") or ""):
        return "its filter"
    exclusions = sink.get("exclusions")
    for one in exclusions if isinstance(exclusions, list) else ():
        if (
            isinstance(one, Mapping)
            and one.get("disabled") is not True
            and _may_drop(str(one.get("filter") or ""))
        ):
            return f"its exclusion {one.get('name') or 'without a name'}"
    return ""


def _may_drop(written: str) -> bool:
    """Return whether an exclusion filter may match audit records: not one that plainly names other logs."""
    text = written.lower()
    return bool(_BROAD.search(text)) or not _OTHERS.search(text)
