"""Recognise AI workloads by what they are granted and what they call."""

from collections.abc import Iterable

from connectors.azure.catalog.tables import catalogue
from connectors.azure.grants.grants import Holding
from connectors.azure.ids import resource_type
from connectors.azure.inventory import Definition, Inventory
from connectors.azure.policy.patterns import Plane, matches
from connectors.azure.usage.sign_ins import AGENTS, SIGN_IN
from connectors.azure.usage.usage import Callers, Used
from connectors.facts import Signal, SignalKind
from connectors.logs.rows import UsageRow


def learned_signals(
    held: Iterable[Holding], inventory: Inventory, used: Used, rows: Iterable[UsageRow], callers: Callers
) -> dict[str, list[Signal]]:
    """Return the signals of grants, calls and tokens, by identity.

    A grant counts only when its role spells out an AI provider: the `*` of Owner or Contributor covers AI
    too, and says nothing. What people and groups hold or call makes them no workload.
    """
    people = _people(inventory, rows, callers)
    found: dict[str, set[Signal]] = {}
    spelled: dict[str, tuple[str, ...]] = {
        definition.guid: _ai_patterns(definition) for definition in inventory.definitions.values()
    }
    for holding in held:
        for pattern in spelled.get(holding.assignment.definition, ())[:1]:
            found.setdefault(holding.identity, set()).add(
                Signal(
                    SignalKind.GRANT,
                    f"{holding.role}: {pattern}",
                    f"role assignment {holding.assignment.guid}",
                )
            )
    for usage in used.usage:
        if usage.count > usage.denied and _is_ai_call(usage.permission):
            found.setdefault(usage.identity, set()).add(
                Signal(SignalKind.USAGE, usage.permission, f"called on {usage.resource or 'an AI resource'}")
            )
    for identity, operations in used.unmapped_by.items():
        for provider, operation in sorted(operations):
            if provider in ("microsoft.cognitiveservices", "microsoft.machinelearningservices"):
                found.setdefault(identity, set()).add(
                    Signal(SignalKind.USAGE, f"{provider}: {operation}", "named as caller in its log")
                )
    for row in rows:
        kind = resource_type(row.workload) if row.workload else ""
        if kind in catalogue("ai_signals")["resources"] and row.identity:
            found.setdefault(callers.resolve(row.identity), set()).add(
                Signal(SignalKind.LOG, kind, f"token issued to {row.workload}")
            )
        if row.operation == SIGN_IN and row.identity_type in AGENTS.values():
            made_of = f" of blueprint {row.grant}" if row.grant else ""
            signal = Signal(SignalKind.LOG, f"{row.identity_type}{made_of}", "named an agent by its sign-ins")
            found.setdefault(callers.resolve(row.identity), set()).add(signal)
    return {identity: sorted(signals) for identity, signals in found.items() if identity not in people}


def _people(inventory: Inventory, rows: Iterable[UsageRow], callers: Callers) -> set[str]:
    """Return the principals that are users or groups, as assignments and tokens call them."""
    found = {a.principal for a in inventory.rights if a.is_group or a.kind == "user"}
    return found | {callers.resolve(row.identity) for row in rows if row.identity_type == "user"}


def _ai_patterns(definition: Definition) -> tuple[str, ...]:
    """Return the patterns of a role that name an AI provider and give more than reading metadata."""
    table = catalogue("ai_signals")["grants"]
    found = [
        pattern
        for block in definition.blocks
        for plane, wanted in ((Plane.DATA, table["data"]), (Plane.CONTROL, table["control"]))
        for pattern in block.allowed(plane)
        if any(_names(pattern, want) for want in wanted)
    ]
    return tuple(sorted(found, key=lambda pattern: (pattern.lower().endswith("/read"), pattern)))


def _names(pattern: str, wanted: str) -> bool:
    """Return whether a role's pattern speaks of the wanted operations by provider name."""
    provider = wanted.partition("/")[0].lower()
    if pattern.partition("/")[0].lower() != provider:
        return False
    return matches(wanted, pattern) or (
        "*" in pattern and pattern.endswith("/*") and matches(pattern, wanted)
    )


def _is_ai_call(permission: str) -> bool:
    return any(matches(pattern, permission) for pattern in catalogue("ai_signals")["usage"]["operations"])
