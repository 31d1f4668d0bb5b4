"""Write one identity's policies anew: what it needs, on the resources it was seen to use.

A fresh document instead of small differences. A permission is narrowed to recorded resources only where the
catalogue lets it be authorised on one type of resource, every recorded call names one that the statement
covers, and no call could have gone unrecorded. What makes new things keeps its resources, because the next
thing has another name, and so do all other statements.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from connectors.aws.catalog.actions import Catalogue, fold_action
from connectors.aws.policy.globs import covers, matches
from connectors.aws.policy.statements import Held
from connectors.aws.reduction.trim import Trimmer, trim
from connectors.facts import Effect, Usage

_MOST_RESOURCES = 5
"""More resources that differ in their last segment alone are written as `…/*`."""
_UNQUALIFIED = 6
"""Colons in the ARN of a Lambda function that names no version or alias."""
_MAKES_NEW = re.compile("Create|Import|Register|Restore|Copy|Clone|Allocate")
"""First words of actions whose resource is what they make: the next one has another name."""
_OLD_VERSION = "2008-10-17"

Seen = Mapping[str, frozenset[str]]
"""Permission (lower case) → resources of its allowed calls."""


def seen_resources(usage: Iterable[Usage]) -> Seen:
    """Return on which resources each permission was used."""
    found: dict[str, set[str]] = {}
    for row in usage:
        if row.count > row.denied:
            found.setdefault(row.permission.lower(), set()).add(row.resource)
    return {name: frozenset(resources) for name, resources in found.items()}


def rebuild(
    documents: Sequence[tuple[Mapping[str, Any], Sequence[Held]]], trimmer: Trimmer, seen: Seen, blind: int
) -> list[Mapping[str, Any]]:
    """Return fresh documents, one per policy version, that take the place of these together.

    Each document comes with its understood statements. `blind` are permissions of which some calls leave no
    record.
    """
    by_version: dict[str, list[Mapping[str, Any]]] = {}
    for raw, held in documents:
        trimmed = trim(raw, held, trimmer)
        if trimmed.document is None:
            continue
        clauses = {one.clause.statement.sid: one for one in held}
        written = trimmed.document.get("Statement", [])
        statements = by_version.setdefault(str(raw.get("Version", _OLD_VERSION)), [])
        for item in written if isinstance(written, list) else [written]:
            for statement in _narrowed(item, clauses, trimmer, seen, blind):
                if statement not in statements:
                    statements.append(statement)
    return [
        {"Version": version, "Statement": _merged(found)} for version, found in sorted(by_version.items())
    ]


def _narrowed(
    item: Mapping[str, Any], clauses: Mapping[str, Held], trimmer: Trimmer, seen: Seen, blind: int
) -> Iterator[Mapping[str, Any]]:
    """Yield a statement, with the permissions that can be narrowed in statements of their own."""
    catalogue = next((held.clause.catalogue for held in clauses.values()), None)
    resources = item.get("Resource")
    listed = [str(text) for text in (resources if isinstance(resources, list) else [resources])]
    plain = not any("${" in text for text in listed)
    able = item.get("Effect") == "Allow" and "Action" in item and resources is not None and plain
    if catalogue is None or not able:
        yield item
        return
    written = item["Action"]
    actions = written if isinstance(written, list) else [written]
    named = 0
    for pattern in actions:
        named |= catalogue.expand_all(pattern)
    groups: dict[tuple[str, ...], int] = {}
    for name in catalogue.permissions.names(named & trimmer.seen & catalogue.known & ~blind):
        found = seen.get(name.lower(), frozenset())
        if _can_narrow(name, found, listed, catalogue):
            bit = 1 << catalogue.permissions.index(name)
            key = _with_versions(generalise(found), listed)
            groups[key] = groups.get(key, 0) | bit
    taken = 0
    for mask in groups.values():
        taken |= mask
    if not taken:
        yield item
        return
    rest = named & ~taken & ~trimmer.remove

    def covered(pattern: str) -> bool:
        return any(covers(fold_action(outer), fold_action(pattern)) for outer in actions)

    if rest:
        yield {**item, "Action": trimmer.compressor.shortest(rest, 0, covered)}
    for key, mask in sorted(groups.items()):
        narrowed = {**item, "Action": catalogue.permissions.names(mask), "Resource": list(key)}
        narrowed.pop("Sid", None)
        yield narrowed


def _can_narrow(name: str, found: frozenset[str], allowed: Sequence[str], catalogue: Catalogue) -> bool:
    if not found or catalogue.resource_types(name) != 1 or _MAKES_NEW.match(name.partition(":")[2]):
        return False
    bit = catalogue.permissions.index(name)
    return all(
        resource.startswith("arn:")
        and not set(resource) & set("*?$")
        and catalogue.reachable(resource) >> bit & 1
        and any(matches(pattern, resource) for pattern in allowed)
        for resource in found
    )


def generalise(resources: Iterable[str]) -> tuple[str, ...]:
    """Return resource patterns for recorded resources: many under one parent become `parent/*`.

    Only the last whole segment is given up, and account, region and parent stay.
    """
    by_parent: dict[str, list[str]] = {}
    for resource in resources:
        parent, slash, _ = resource.rpartition("/")
        by_parent.setdefault(parent + slash, []).append(resource)
    found: list[str] = []
    for parent, members in by_parent.items():
        found += [parent + "*"] if parent.endswith("/") and len(members) > _MOST_RESOURCES else members
    return tuple(sorted(found))


def _with_versions(resources: tuple[str, ...], allowed: Sequence[str]) -> tuple[str, ...]:
    """Return resources with the versions and aliases of each Lambda function, where they are held.

    Records name the function; a call of one of its aliases is authorised on that alias.
    """
    versions = (f"{one}:*" for one in resources if ":lambda:" in one and one.count(":") == _UNQUALIFIED)
    held = {one for one in versions if any(covers(pattern, one) for pattern in allowed)}
    return tuple(sorted({*resources, *held}))


def _merged(statements: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the statements with those joined that differ in their actions alone; names of statements go."""
    found: dict[str, dict[str, Any]] = {}
    for statement in statements:
        rest = {k: v for k, v in statement.items() if k not in ("Sid", "Action")}
        if statement.get("Effect") != Effect.ALLOW.value.title() or "Action" not in statement:
            found[json.dumps(statement, sort_keys=True)] = dict(statement)
            continue
        held = found.setdefault(json.dumps(rest, sort_keys=True), {**rest, "Action": []})
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        held["Action"] = sorted({*held["Action"], *actions}, key=str.lower)
    return list(found.values())
