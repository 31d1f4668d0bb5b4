"""Find which resources run as which identity: system, user-assigned and agent identities."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from connectors.azure.catalog.tables import catalogue
from connectors.azure.ids import (
    fields,
    mappings,
    principal,
    resource_id,
    resource_type,
    strings,
    subscription,
    text,
)
from connectors.azure.inventory import Held, Inventory
from connectors.facts import Signal, SignalKind, Workload

SYSTEM, USER_ASSIGNED, AGENT, BLUEPRINT, APPLICATION = (
    "system-assigned",
    "user-assigned",
    "agent-identity",
    "agent-blueprint",
    "application",
)
_SERVICE_ACCOUNT = "system:serviceaccount:"
"""How Kubernetes names the service account in the token that AKS workload identity exchanges."""
_LINKER = "microsoft.servicelinker/linkers"
_FEDERATION = "microsoft.managedidentity/userassignedidentities/federatedidentitycredentials"


@dataclass(slots=True)
class Ties:
    """What resources say about one principal."""

    kind: str = ""
    application: str = ""
    resource: str = ""
    """The user-assigned identity's own resource."""
    name: str = ""
    source: str = ""
    created: str = ""
    accounts: set[str] = field(default_factory=set)
    tags: dict[str, str] = field(default_factory=dict)
    workloads: set[Workload] = field(default_factory=set)
    signals: set[Signal] = field(default_factory=set)
    trusted: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Tie:
    """One mention of a principal in a resource record."""

    principal: str
    kind: str
    application: str = ""
    name: str = ""
    blueprint: str = ""


def tie(inventory: Inventory) -> dict[str, Ties]:
    """Return what the resources say, by principal (object) id."""
    found: dict[str, Ties] = {}
    by_resource = _user_assigned(inventory)
    objects = {principal(held.data.get("appid")): who for who, held in inventory.principals.items()}
    linked = _linked(inventory)
    for identifier, held in sorted(inventory.resources.items()):
        for one in (*_ties(identifier, held.data, by_resource), *_bot(held.data, by_resource, objects)):
            ties = found.setdefault(one.principal, Ties())
            _add(ties, one, identifier, held)
            ties.signals |= linked.get(identifier, set())
    for who, data in (*federations(inventory), *_application_federations(inventory)):
        issuer, subject = text(data.get("issuer")), text(data.get("subject"))
        ties = found.setdefault(who, Ties())
        ties.trusted |= {f"{issuer} {subject}".strip()} - {""}
        if subject.startswith(_SERVICE_ACCOUNT):
            name = subject.removeprefix(_SERVICE_ACCOUNT).replace(":", "/")
            ties.workloads.add(Workload("kubernetes service account", f"{issuer}#{subject}", name))
    return found


def _linked(inventory: Inventory) -> dict[str, set[Signal]]:
    """Return for apps, functions and container apps which AI resources they are connected to.

    Service Connector keeps these beside the app, with the target and without its key: app settings are only
    handed out with their values, and are not asked for.
    """
    found: dict[str, set[Signal]] = {}
    declared = catalogue("ai_signals")["resources"]
    for identifier, held in sorted(inventory.resources.items()):
        if _type(identifier, held.data) != _LINKER:
            continue
        service = held.data.get("targetservice")
        target = resource_id(fields(service).get("id")) if isinstance(service, Mapping) else ""
        kind = resource_type(target)
        if kind in declared:
            signal = Signal(SignalKind.DECLARED, f"connection to {declared[kind]} {target}", identifier)
            found.setdefault(identifier.partition("/providers/microsoft.servicelinker/")[0], set()).add(
                signal
            )
    return found


def _application_federations(inventory: Inventory) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the federated credentials of applications, by service principal."""
    for who, held in sorted(inventory.principals.items()):
        application = inventory.applications.get(principal(held.data.get("appid")))
        for owner in (held, application):
            for raw in mappings(owner.data.get("federatedidentitycredentials")) if owner else ():
                yield who, fields(raw)


def federations(inventory: Inventory) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the federated credentials of user-assigned identities (AKS workload identity, pipelines)."""
    by_resource = _user_assigned(inventory)
    for identifier, held in sorted(inventory.resources.items()):
        owner = by_resource.get(identifier.partition("/federatedidentitycredentials/")[0], "")
        if owner and _type(identifier, held.data) == _FEDERATION:
            yield owner, held.data


def tags_of(data: Mapping[str, Any]) -> dict[str, str]:
    """Return a record's tags: a map on resources, a list of words on service principals."""
    tags = data.get("tags")
    if isinstance(tags, Mapping):
        return {str(key): text(value) for key, value in tags.items()}
    found = {}
    for tag in tags if isinstance(tags, list) else []:
        if isinstance(tag, str):
            key, _, value = tag.partition("=") if "=" in tag else tag.partition(":")
            found[key] = value
    return found


def _user_assigned(inventory: Inventory) -> dict[str, str]:
    """Return the principal id of each user-assigned identity resource that states it."""
    return {
        identifier: principal(held.data.get("principalid"))
        for identifier, held in inventory.resources.items()
        if _type(identifier, held.data) == "microsoft.managedidentity/userassignedidentities"
        and principal(held.data.get("principalid"))
    }


def _type(identifier: str, data: Mapping[str, Any]) -> str:
    return text(data.get("type")).lower() or resource_type(identifier)


def _ties(identifier: str, data: Mapping[str, Any], by_resource: Mapping[str, str]) -> Iterator[_Tie]:
    identity = fields(data["identity"]) if isinstance(data.get("identity"), Mapping) else {}
    name = text(data.get("name")) or identifier.rsplit("/", 1)[-1]
    if principal(identity.get("principalid")):
        yield _Tie(principal(identity.get("principalid")), SYSTEM, name=name)
    assigned = identity.get("userassignedidentities")
    for key, value in sorted(assigned.items()) if isinstance(assigned, Mapping) else ():
        detail = fields(value) if isinstance(value, Mapping) else {}
        who = principal(detail.get("principalid")) or by_resource.get(resource_id(key), "")
        if who:
            yield _Tie(
                who, USER_ASSIGNED, principal(detail.get("clientid")), resource_id(key).rsplit("/", 1)[-1]
            )
    if identifier in by_resource:
        yield _Tie(by_resource[identifier], USER_ASSIGNED, principal(data.get("clientid")), name)
    yield from _agents(data, name)


def _bot(
    data: Mapping[str, Any], by_resource: Mapping[str, str], objects: Mapping[str, str]
) -> Iterator[_Tie]:
    """Yield the identity that a bot runs as: a user-assigned identity, or an app registration."""
    application = principal(data.get("msaappid"))
    managed = by_resource.get(resource_id(data.get("msaappmsiresourceid")), "")
    if managed:
        yield _Tie(managed, USER_ASSIGNED, application)
    elif application and application in objects:
        yield _Tie(objects[application], APPLICATION, application)


def _agents(data: Mapping[str, Any], name: str) -> Iterator[_Tie]:
    """Yield the agent identities of a Foundry project (`agentIdentity`) or agent application."""
    blueprint = (
        fields(data["agentidentityblueprint"])
        if isinstance(data.get("agentidentityblueprint"), Mapping)
        else {}
    )
    instance = (
        fields(data["defaultinstanceidentity"])
        if isinstance(data.get("defaultinstanceidentity"), Mapping)
        else {}
    )
    project = fields(data["agentidentity"]) if isinstance(data.get("agentidentity"), Mapping) else {}
    made_of = principal(blueprint.get("principalid"))
    if made_of:
        yield _Tie(made_of, BLUEPRINT, principal(blueprint.get("clientid")), f"{name} blueprint")
    if principal(instance.get("principalid")):
        yield _Tie(
            principal(instance.get("principalid")), AGENT, principal(instance.get("clientid")), name, made_of
        )
    made_of = principal(project.get("agentidentityblueprintobjectid"))
    if made_of:
        yield _Tie(
            made_of, BLUEPRINT, principal(project.get("agentidentityblueprintid")), f"{name} blueprint"
        )
    if principal(project.get("agentidentityid")):
        yield _Tie(principal(project.get("agentidentityid")), AGENT, "", name, made_of)


def _environment(data: Mapping[str, Any]) -> list[str]:
    """Return the environment variables and app settings that name a model service; never their values."""
    template, site = data.get("template"), data.get("siteconfig")
    lists = [fields(site).get("appsettings")] if isinstance(site, Mapping) else []
    if isinstance(template, Mapping):
        held = fields(template)
        for part in ("containers", "initcontainers"):
            lists += [fields(container).get("env") for container in mappings(held.get(part))]
    names = {text(one.get("name")) for entries in lists for one in mappings(entries)}
    patterns = strings(catalogue("ai_signals")["environment"]["patterns"])
    return sorted(name for name in names if any(fnmatchcase(name.upper(), one) for one in patterns))


def _add(ties: Ties, one: _Tie, identifier: str, held: Held) -> None:
    kind = _type(identifier, held.data)
    ranked = (BLUEPRINT, AGENT, USER_ASSIGNED, SYSTEM, APPLICATION)
    if not ties.kind or ranked.index(one.kind) < ranked.index(ties.kind):
        ties.kind = one.kind
        ties.name = one.name or ties.name
    ties.application = ties.application or one.application
    ties.source = ties.source or held.source
    ties.accounts.add(subscription(identifier))
    if kind == "microsoft.managedidentity/userassignedidentities":
        ties.resource = identifier
        ties.tags.update(tags_of(held.data))
        return
    ties.workloads.add(
        Workload(kind, identifier, text(held.data.get("name")) or identifier.rsplit("/", 1)[-1])
    )
    for key, value in tags_of(held.data).items():
        ties.tags.setdefault(key, value)
    declared = catalogue("ai_signals")["resources"].get(kind)
    if declared:
        ties.signals.add(Signal(SignalKind.DECLARED, declared, f"identity of {identifier}"))
    for name in _environment(held.data):
        ties.signals.add(Signal(SignalKind.NAME, f"setting {name}", f"environment of {identifier}"))
    if not declared and one.kind in (AGENT, BLUEPRINT):
        ties.signals.add(Signal(SignalKind.DECLARED, "Entra agent identity", f"named by {identifier}"))
    if one.blueprint:
        ties.trusted.add(f"agent identity blueprint {one.blueprint}")
