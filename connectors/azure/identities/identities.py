"""List the principals of a tenant: service principals, managed and agent identities, users, groups."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from connectors.azure.catalog.tables import catalogue
from connectors.azure.identities.workloads import AGENT, APPLICATION, BLUEPRINT, Ties, tags_of
from connectors.azure.ids import guid, mappings, principal, subscription, text
from connectors.azure.inventory import Assignment, Held, Inventory, utc
from connectors.facts import Identity, Signal, SignalKind
from connectors.interface import Patterns

PROVIDER = "azure"
MICROSOFT_TENANTS = {"f8cdef31-a31e-4b4a-93e4-5f571e91255a", "72f988bf-86f1-41af-91ab-2d7cd011db47"}
"""Owners of first-party applications: Microsoft Services and Microsoft.

Source: learn, entra identity, verify-first-party-apps-sign-in.
"""
_KINDS = {"serviceprincipal": "service-principal", "user": "user", "group": "group", "foreigngroup": "group"}


class Seen(NamedTuple):
    """Where logs first named a caller."""

    source: str
    account: str


@dataclass(frozen=True, slots=True)
class _Told:
    """What the evidence says of one principal, by where it says so."""

    directory: Held | None
    application: Mapping[str, Any]
    assigned: Sequence[Assignment]
    ties: Ties
    learned: Sequence[Signal]
    seen: Seen


def identities(
    inventory: Inventory,
    ties: Mapping[str, Ties],
    signals: Mapping[str, Sequence[Signal]],
    patterns: Patterns,
    seen: Mapping[str, Seen],
    watched: Container[str],
) -> tuple[Identity, ...]:
    """Return every principal that an export, an assignment or a resource names, sorted by id.

    `signals` holds what other rooms learned (grants, usage); what is told by the service principal, its
    resources, its name and its tags is added here. A caller that only logs name is listed when it shows
    itself to be an AI workload, or where no assignments were read; `seen` says where. `watched` are the
    subscriptions with an Activity Log.
    """
    assigned: dict[str, list[Assignment]] = {}
    for assignment in sorted(inventory.rights, key=lambda one: one.id):
        assigned.setdefault(assignment.principal, []).append(assignment)
    names = sorted({*inventory.principals, *assigned, *ties, *signals})
    objects = {one.application: who for who, one in ties.items() if one.application}
    objects |= {principal(held.data.get("appid")): who for who, held in inventory.principals.items()}
    found = []
    for name in names:
        held = inventory.principals.get(name)
        application = inventory.applications.get(principal(held.data.get("appid"))) if held else None
        told = _Told(
            held,
            application.data if application else {},
            assigned.get(name, []),
            ties.get(name, Ties()),
            signals.get(name, ()),
            seen.get(name, Seen("", "")),
        )
        found.append(_identity(name, told, patterns, objects, watched))
    return tuple(found)


def _identity(
    identifier: str, told: _Told, patterns: Patterns, objects: Mapping[str, str], watched: Container[str]
) -> Identity:
    """Return one principal; `objects` are object ids by application id."""
    held, assigned, ties = told.directory, told.assigned, told.ties
    data = held.data if held else {}
    tags = {**ties.tags, **tags_of(data)}
    name = (
        text(data.get("displayname"))
        or ties.name
        or next((a.name for a in assigned if a.name), "")
        or identifier
    )
    signals = {*told.learned, *ties.signals, *_typed(data, identifier), *_configured(name, tags, patterns)}
    return Identity(
        id=identifier,
        provider=PROVIDER,
        account=_account(told, watched),
        kind=_kind(data, assigned, ties),
        name=name,
        source=held.source if held else ties.source or next((a.source for a in assigned), told.seen.source),
        immutable_id=guid(identifier),
        owner=_owner(data, tags, patterns),
        created=utc(data.get("createddatetime")) or ties.created,
        enabled=data.get("accountenabled") is not False,
        managed_by_provider=guid(data.get("appownerorganizationid")) in MICROSOFT_TENANTS,
        signals=tuple(sorted(signals)),
        workloads=tuple(sorted(ties.workloads)),
        trusted=tuple(
            sorted({*ties.trusted, *_trusted(data, objects), *_trusted(told.application, objects)})
        ),
    )


def _account(told: _Told, watched: Container[str]) -> str:
    """Return the subscription a principal belongs to: its resource's, else one in which it has a role.

    Of several the first that has logs is taken: by them statements about its use are made.
    """
    places = (
        {subscription(told.ties.resource)},
        told.ties.accounts,
        {subscription(one.scope) for one in told.assigned},
        {told.seen.account},
    )
    found = next((place - {""} for place in places if place - {""}), set())
    return min(found, key=lambda one: (one not in watched, one), default="")


def _kind(data: Mapping[str, object], assigned: Sequence[Assignment], ties: Ties) -> str:
    """Return the kind: what the directory says, then what resources say, then the assignment's word."""
    odata = text(data.get("@odata.type")).lower()
    kind = text(data.get("serviceprincipaltype")).lower()
    if "blueprint" in odata or ties.kind == BLUEPRINT:
        return BLUEPRINT
    if kind == "serviceidentity" or odata.endswith(".agentidentity") or ties.kind == AGENT:
        return AGENT
    if kind == "managedidentity" or (ties.kind not in ("", APPLICATION) and not kind):
        return "managed-identity"
    if kind or data:
        return "service-principal"
    written = next((a.kind for a in assigned if a.kind), "")
    return _KINDS.get(written, written or "service-principal")


def _typed(data: Mapping[str, object], identifier: str) -> list[Signal]:
    """Return the signals of what Entra itself calls the principal, and of the marks agent builders leave."""
    table = catalogue("ai_signals")
    words = {text(data.get("serviceprincipaltype")).lower(), text(data.get("@odata.type")).lower()}
    found = [
        Signal(SignalKind.DECLARED, value, f"service principal {identifier}")
        for word, value in table["kinds"].items()
        if word in words
    ]
    tags = data.get("tags")
    patterns = [pattern.lower() for pattern in table["tags"]["patterns"]]
    return found + [
        Signal(SignalKind.TAG, tag, f"tags of service principal {identifier}")
        for tag in (tags if isinstance(tags, list) else [])
        if isinstance(tag, str) and any(fnmatchcase(tag.lower(), pattern) for pattern in patterns)
    ]


def _configured(name: str, tags: Mapping[str, str], patterns: Patterns) -> list[Signal]:
    found = [
        Signal(SignalKind.NAME, name, f"name matches {pattern}")
        for pattern in patterns.names
        if fnmatchcase(name.lower(), pattern.lower())
    ]
    for key, value in tags.items():
        written = f"{key}={value}"
        found += [
            Signal(SignalKind.TAG, written, f"tag matches {pattern}")
            for pattern in patterns.tags
            if fnmatchcase(written.lower(), pattern.lower())
        ]
    return found


def _owner(data: Mapping[str, object], tags: Mapping[str, str], patterns: Patterns) -> str:
    """Return who answers for a principal: an owner tag, its directory owners, or an agent's sponsors."""
    folded = {key.lower(): value for key, value in tags.items()}
    tagged = next((folded[key.lower()] for key in patterns.owners if folded.get(key.lower())), "")
    if tagged:
        return tagged
    for people in ("owners", "sponsors"):
        named = [
            text(person.get("userPrincipalName"))
            or text(person.get("mail"))
            or text(person.get("displayName"))
            for person in mappings(data.get(people))
        ]
        if any(named):
            return ", ".join(sorted(filter(None, named)))
    return ""


def _trusted(data: Mapping[str, object], objects: Mapping[str, str]) -> list[str]:
    """Return who may act as a principal without a secret: federated subjects and the agent's blueprint.

    Entra names the blueprint by its application id, resources by its object id: the latter is kept.
    """
    found = [
        f"{text(one.get('issuer'))} {text(one.get('subject'))}".strip()
        for one in mappings(data.get("federatedidentitycredentials"))
    ]
    blueprint = principal(data.get("agentidentityblueprintid")) or principal(data.get("agentappid"))
    if blueprint:
        found.append(f"agent identity blueprint {objects.get(blueprint, blueprint)}")
    return [one for one in found if one]
