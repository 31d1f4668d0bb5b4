"""Gather every operation the evidence names: the catalogue that wildcards are expanded over."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from connectors.azure.catalog.tables import catalogue
from connectors.azure.ids import fields, mappings, text
from connectors.azure.inventory import Inventory
from connectors.azure.policy.patterns import ALL_PROVIDERS, Plane, Universe, matches
from connectors.azure.usage.usage import permission_of, plane_of
from connectors.interface import Evidence
from connectors.logs.rows import UsageRow
from connectors.permissions import Permissions

_MOST_PROVIDERS = 100
"""An unfiltered `az provider operation list` names over 200 providers; fewer means it was filtered."""


def build_universe(
    inventory: Inventory,
    rows: Sequence[UsageRow],
    evidence: Sequence[Evidence],
    permissions: Permissions | None = None,
) -> Universe:
    """Return the operations of role definitions, logs and the optional provider catalogue.

    `permissions` are those of facts made from the same evidence: sets then mean what they mean there.
    """
    named: dict[Plane, set[str]] = {Plane.CONTROL: set(), Plane.DATA: set()}
    for definition in inventory.definitions.values():
        for block in definition.blocks:
            for plane in Plane:
                named[plane].update(
                    name.strip() for name in (*block.allowed(plane), *block.subtracted(plane))
                )
    listed, providers = _catalogue(inventory)
    for plane in Plane:
        named[plane] |= listed[plane] | _escalating(plane, inventory, providers)
    for row in rows:
        permission = permission_of(row)
        if permission:
            named[plane_of(row, permission)].add(permission)
    spelling = _providers((*named[Plane.CONTROL], *named[Plane.DATA]))
    if permissions is None:
        permissions = Permissions(
            source="role definitions, operations seen in logs"
            + (", provider operations" if providers else ""),
            date=_date(evidence),
            service=lambda name: spelling.get(name.partition("/")[0].lower(), name.partition("/")[0]),
            fold=str.lower,
        )
    universe = Universe(permissions)
    for plane in Plane:
        universe.add(plane, _spelled(named[plane], spelling))
    universe.complete([*providers, ALL_PROVIDERS] if len(providers) >= _MOST_PROVIDERS else providers)
    return universe


def _escalating(plane: Plane, inventory: Inventory, providers: Collection[str]) -> set[str]:
    """Return the operations of escalation paths that a wildcard of some role gives and nothing else may name.

    What the catalogue of a provider lists whole is left to it. The others exist whether the evidence names
    them or not, and a path that a wildcard hides would be missed.
    """
    if len(providers) >= _MOST_PROVIDERS:
        return set()
    wide = {
        pattern
        for definition in inventory.definitions.values()
        for block in definition.blocks
        for pattern in block.allowed(plane)
        if "*" in pattern
    }
    return {
        name
        for name in catalogue("escalation")[plane.value]
        if name.partition("/")[0].lower() not in providers and any(matches(one, name) for one in wide)
    }


def _providers(names: Iterable[str]) -> dict[str, str]:
    """Return one spelling for each provider: the one with most capitals, then the first by sort."""
    found: dict[str, str] = {}
    for provider in sorted(
        {name.partition("/")[0] for name in names}, key=lambda one: (-_capitals(one), one)
    ):
        found.setdefault(provider.lower(), provider)
    return {
        folded: spelled.replace("microsoft.", "Microsoft.", 1)
        if spelled.startswith("microsoft.")
        else spelled
        for folded, spelled in found.items()
    }


def _capitals(text_: str) -> int:
    """Count capitals; a name in capitals alone (a diagnostic export's) ranks last."""
    return 0 if text_.isupper() else sum(letter.isupper() for letter in text_)


def _spelled(names: Iterable[str], spelling: Mapping[str, str]) -> list[str]:
    """Return the names, one spelling each, under their provider's one spelling."""
    best: dict[str, str] = {}
    for name in sorted(names, key=lambda one: (-_capitals(one), one)):
        provider, slash, rest = name.partition("/")
        best.setdefault(name.lower(), spelling.get(provider.lower(), provider) + slash + rest)
    return sorted(best.values())


def _catalogue(inventory: Inventory) -> tuple[dict[Plane, set[str]], set[str]]:
    """Return the operations of a `provider_operations` export by plane, and its providers.

    `az provider operation list` nests them: provider, its operations, its resource types with theirs.
    """
    found: dict[Plane, set[str]] = {Plane.CONTROL: set(), Plane.DATA: set()}
    providers = set()
    for held in inventory.operations:
        data = held.data
        nested = [data, *(fields(kind) for kind in mappings(data.get("resourcetypes")))]
        if "isdataaction" in data:
            nested = [{"operations": [data]}]
        for part in nested:
            for raw in mappings(part.get("operations")):
                operation: Mapping[str, Any] = fields(raw)
                name = text(operation.get("name"))
                if "/" in name:
                    plane = Plane.DATA if operation.get("isdataaction") is True else Plane.CONTROL
                    found[plane].add(name)
                    providers.add(name.partition("/")[0].lower())
    return found, providers


def _date(evidence: Iterable[Evidence]) -> str:
    return max(
        (
            outcome.data_as_of
            for one in evidence
            for outcome in one.outcomes()
            if outcome.part == "role_definitions"
        ),
        default="",
    )[:10]
