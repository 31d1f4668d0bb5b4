"""Narrow a role's trust to the services that were really seen to assume it."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from connectors.interface import Evidence

_SERVICE = "AWSService:"


def assumed_by_services(evidence: Iterable[Evidence]) -> dict[str, set[str]]:
    """Return by role which AWS services took it, as their AssumeRole records say."""
    found: dict[str, set[str]] = {}
    for one in evidence:
        for row in one.usage():
            taken = row.operation.endswith(":AssumeRole") and row.outcome != "denied"
            if taken and row.identity.startswith(_SERVICE) and row.resource.startswith("arn:"):
                found.setdefault(row.resource, set()).add(row.identity.removeprefix(_SERVICE))
    return found


def narrow_trust(text: str, seen: set[str]) -> str:
    """Return the trust policy without the service principals that never took the role; empty: leave it.

    Only lists of services in Allow statements get shorter, and only where one of the list was seen: that
    shows that such records are kept. Other principals, conditions and everything else stay.
    """
    try:
        raw = json.loads(text)
    except ValueError:
        return ""
    if not isinstance(raw, dict) or not seen:
        return ""
    written = raw.get("Statement", [])
    statements = written if isinstance(written, list) else [written]
    narrowed = [_narrowed(statement, seen) for statement in statements]
    if narrowed == statements:
        return ""
    held = narrowed if isinstance(written, list) else narrowed[0]
    return json.dumps({**raw, "Statement": held}, indent=2, ensure_ascii=False)


def _narrowed(statement: Any, seen: set[str]) -> Any:
    principal = statement.get("Principal") if isinstance(statement, Mapping) else None
    if not isinstance(principal, Mapping) or statement.get("Effect") != "Allow":
        return statement
    services = principal.get("Service")
    if not isinstance(services, list):
        return statement
    left = [service for service in services if service in seen]
    if not left or len(left) == len(services):
        return statement
    return {**statement, "Principal": {**principal, "Service": left[0] if len(left) == 1 else left}}
