"""Put the records of all sources into one inventory: policies, roles, accounts, keys, resources."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.facts import Caveat
from connectors.gcp.coverage.fixes import names
from connectors.gcp.exports import shapes
from connectors.gcp.exports.shapes import Policy, Resource
from connectors.gcp.grants.roles import Roles
from connectors.gcp.grants.testable import aliases, read_answers
from connectors.gcp.hierarchy import Hierarchy
from connectors.gcp.names import project_in
from connectors.interface import Evidence, Record
from connectors.permissions import Permissions


@dataclass(frozen=True, slots=True)
class Found:
    """One record's content, with the source it came from."""

    source: str
    data: Mapping[str, Any]
    created: str = ""


@dataclass
class Inventory:
    """Everything the exports of all sources hold, before it is interpreted."""

    permissions: Permissions
    hierarchy: Hierarchy
    roles: Roles
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Permissions that are another name of one, each with the preferred name, which stands for both."""
    policies: list[tuple[str, Policy]] = field(default_factory=list)
    accounts: list[Found] = field(default_factory=list)
    keys: list[Found] = field(default_factory=list)
    resources: list[tuple[str, Resource]] = field(default_factory=list)
    deny_policies: list[Found] = field(default_factory=list)
    api_keys: list[Found] = field(default_factory=list)
    beside: dict[str, list[Found]] = field(default_factory=dict)
    """By part: records that describe no resource (boundaries, second witnesses, log buckets)."""


def read_inventory(evidence: Sequence[Evidence], permissions: Permissions | None = None) -> Inventory:
    """Return the inventory of all sources; `permissions` are those of facts made from them before.

    Any export may hold any asset: an inventory dump named as `resources` also gives its roles, service
    accounts, keys and policies.
    """
    permissions = permissions or Permissions(
        source=_catalogue_name(evidence), date=_catalogue_date(evidence), service=service_of
    )
    role_records = []
    hierarchy = Hierarchy()
    other_names = aliases(read_answers(evidence))
    inventory = Inventory(permissions, hierarchy, Roles((), permissions, hierarchy), other_names)
    for source in evidence:
        for part in _PARTS:
            for record in source.records(part):
                role = shapes.role(record)
                if role is not None:
                    role_records.append(role)
                else:
                    _sort_in(inventory, source.source, part, record)
        for part in _BESIDE:
            inventory.beside.setdefault(part, []).extend(
                Found(source.source, record) for record in source.records(part)
            )
    _learn(inventory)
    inventory.roles = Roles(role_records, permissions, hierarchy, other_names)
    return inventory


_BESIDE = (
    "access_boundaries",
    "workload_identity",
    "recommender_insights",
    "activity",
    "api_metrics",
    "log_buckets",
)
_PARTS = (
    "ancestry",
    "roles",
    "iam_policies",
    "service_accounts",
    "service_account_keys",
    "resources",
    "deny_policies",
    "api_keys",
)


def alias_caveats(inventory: Inventory) -> Iterator[Caveat]:
    """Say which permissions are shown under another name."""
    known = inventory.permissions
    held = [one for one in inventory.aliases.items() if known.find(one[1]) is not None]
    if held:
        yield Caveat(
            "permissions with two names are shown under one",
            names([f"{name} is {primary}" for name, primary in held]),
            "whoever holds or used the one holds or used the other, as Google says",
        )


def service_of(permission: str) -> str:
    """Return the service of a permission name: the part before its first dot."""
    return permission.partition(".")[0]


def _catalogue_name(evidence: Sequence[Evidence]) -> str:
    count = sum(o.records for source in evidence for o in source.outcomes() if o.part == "roles")
    return f"role definitions in the evidence ({count})" if count else "no role definitions in the evidence"


def _catalogue_date(evidence: Sequence[Evidence]) -> str:
    dates = [o.data_as_of for source in evidence for o in source.outcomes() if o.part == "roles"]
    return max(dates, default="")[:10]


def _sort_in(inventory: Inventory, source: str, part: str, record: Record) -> None:
    """Put one record where it belongs, by its shape; the part decides only where shapes are alike."""
    for policy in shapes.policies(record):
        inventory.policies.append((source, policy))
    if part == "api_keys":
        key = shapes.api_key(record)
        if key is not None:
            inventory.api_keys.append(Found(source, key))
        return
    deny = shapes.deny_policy(record)
    if deny is not None:
        inventory.deny_policies.append(Found(source, deny))
        return
    resource = shapes.resource(record)
    created = resource.created if resource else ""
    key = shapes.service_account_key(record)
    account = None if key is not None else shapes.service_account(record)
    if key is not None:
        inventory.keys.append(Found(source, key))
    elif account is not None:
        inventory.accounts.append(Found(source, account, created))
    if resource is not None:
        inventory.resources.append((source, resource))


def _learn(inventory: Inventory) -> None:
    hierarchy = inventory.hierarchy
    for _, policy in inventory.policies:
        hierarchy.learn_resource(policy.resource, policy.place)
    for _, resource in inventory.resources:
        hierarchy.learn_resource(resource.name, resource.place)
        if resource.asset_type in (shapes.PROJECT, shapes.FOLDER):
            _learn_project(hierarchy, resource)
        number = resource.data.get("projectNumber")
        if resource.asset_type == "storage.googleapis.com/Bucket" and number:
            hierarchy.learn_resource(resource.name, shapes.Place(str(number)))
    for found in inventory.accounts:
        _learn_account(hierarchy, found.data)
    hierarchy.learn_projects(project_in(str(found.data.get("name") or "")) for found in inventory.keys)


def _learn_project(hierarchy: Hierarchy, resource: Resource) -> None:
    """Take a project's two names and its parent from its own resource."""
    data = resource.data
    identifier, number = data.get("projectId"), data.get("projectNumber")
    if isinstance(identifier, str) and number:
        hierarchy.learn_project(identifier, str(number), sure=True)
    parent = data.get("parent")
    above = ""
    if isinstance(parent, Mapping):
        above = f"{parent.get('type')}s/{parent.get('id')}"
    elif isinstance(parent, str):
        above = parent
    if above.startswith(("folders/", "organizations/")):
        hierarchy.learn_resource(resource.name, shapes.Place("", (above,)))


def _learn_account(hierarchy: Hierarchy, account: Mapping[str, Any]) -> None:
    """Take a project's number from its default compute account, whose record names the project by id."""
    email, project = str(account.get("email") or ""), str(account.get("projectId") or "")
    if project:
        hierarchy.learn_projects((project,))
        number, _, rest = email.partition("-")
        if rest == "compute@developer.gserviceaccount.com":
            hierarchy.learn_project(project, number)
