"""Read what a proposed allow policy, role or Terraform plan would give to whom."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.baselines import Allowance, Holding
from connectors.gcp.exports import shapes
from connectors.gcp.exports.shapes import CLOUD
from connectors.gcp.inventory import Inventory
from connectors.gcp.names import parse_member, permission_name
from connectors.terraform_plan import Planned, is_plan, planned, referred

_IAM = re.compile(r"^google_(?P<kind>\w+?)_iam_(?P<way>member|binding|policy)$")
_CUSTOM_ROLE = ("google_project_iam_custom_role", "google_organization_iam_custom_role")
_NAME_KEYS = (
    "name",
    "dataset_id",
    "secret_id",
    "topic",
    "subscription",
    "location",
    "repository",
    "instance",
)


def read_proposals(document: Mapping[str, Any], inventory: Inventory, scope: str) -> list[Holding] | None:
    """Return the holdings a document proposes; None when it is no text of Google Cloud.

    A plain allow policy does not say of what resource it is: then `scope` does, or permissions alone are
    compared.
    """
    found = _Found(inventory)
    if is_plan(document):
        _Plan(planned(document), found).read()
        return found.holdings()
    if isinstance(document.get("includedPermissions", document.get("included_permissions")), list):
        names = document.get("includedPermissions", document.get("included_permissions"))
        permissions = _permissions(names, inventory.aliases)
        title = str(document.get("name") or document.get("title") or "the proposed role")
        places = (scope,) if scope else ()
        return [Holding("", "", (Allowance(permissions, places, source=title),))]
    if shapes.bare_policy(document):
        found.policy(document, scope, "the proposed policy")
        return found.holdings()
    written = list(shapes.policies(document))
    if not written:
        return None
    for policy in written:
        resource = policy.resource.removeprefix(CLOUD)
        found.policy({"bindings": policy.bindings}, resource or scope, "the proposed policy")
    return found.holdings()


def _permissions(names: Any, aliases: Mapping[str, str]) -> tuple[str, ...]:
    listed = names if isinstance(names, list) else []
    written = {permission_name(name) for name in listed if isinstance(name, str)}
    return tuple(sorted({aliases.get(name, name) for name in written}))


@dataclass
class _Found:
    """What is proposed so far, by member."""

    inventory: Inventory
    roles: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Permissions of the roles that a plan itself writes."""
    allowances: dict[str, list[Allowance]] = field(default_factory=dict)
    undecided: dict[str, list[str]] = field(default_factory=dict)
    credentials: dict[str, list[str]] = field(default_factory=dict)
    created: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)

    def holdings(self) -> list[Holding]:
        """Return what each member would hold."""
        keys = sorted({*self.allowances, *self.undecided, *self.credentials, *self.created})
        return [
            Holding(
                identity=key if key in self.names else "",
                name=self.names.get(key, key),
                allowances=tuple(self.allowances.get(key, ())),
                undecided=tuple(self.undecided.get(key, ())),
                new=key in self.created,
                credentials=tuple(self.credentials.get(key, ())),
            )
            for key in keys
        ]

    def member(self, written: str) -> str:
        """Return the key of a member: its identity's id, or the text itself for sets and unknown ones."""
        member = parse_member(written)
        key = member.id or written
        if member.id and member.kind in ("serviceAccount", "user", "principal", "kubernetes"):
            self.names[key] = key.partition("@")[0] if "@" in key else key.rpartition("/")[2]
            return key
        return written

    def bind(self, written: str, role: str, scope: str, condition: str, source: str) -> None:
        """Add one role of one member."""
        key = self.member(written)
        permissions = self.roles.get(role)
        if permissions is None:
            known = self.inventory.roles.find(role)
            if known is None:
                self.undecided.setdefault(key, []).append(
                    f"{source}: what {role or 'an unknown role'} gives is not in the evidence"
                )
                return
            permissions = tuple(self.inventory.permissions.names(known.permissions))
        places = (scope,) if scope else ()
        one = Allowance(permissions, places, condition, source=f"{source}: {role}")
        self.allowances.setdefault(key, []).append(one)

    def policy(self, policy: Mapping[str, Any], scope: str, source: str) -> None:
        """Add every binding of an allow policy."""
        bindings = policy.get("bindings")
        for binding in bindings if isinstance(bindings, list | tuple) else ():
            if not isinstance(binding, Mapping):
                continue
            members = binding.get("members")
            for member in members if isinstance(members, list) else ():
                if isinstance(member, str):
                    self.bind(member, str(binding.get("role") or ""), scope, _condition(binding), source)


def _condition(binding: Mapping[str, Any]) -> str:
    written = binding.get("condition")
    if isinstance(written, list):
        written = written[0] if written else None
    if not isinstance(written, Mapping):
        return ""
    return str(written.get("expression") or "(condition without an expression)")


class _Plan:
    """Reads the IAM resources that a plan changes."""

    def __init__(self, resources: list[Planned], found: _Found) -> None:
        self._resources = resources
        self._found = found

    def read(self) -> None:
        """Add what each changed resource gives; roles that the plan writes are known first."""
        for one in self._resources:
            if one.type in _CUSTOM_ROLE and not one.is_unknown("permissions"):
                for name in self._role_names(one):
                    self._found.roles[name] = _permissions(
                        one.values.get("permissions"), self._found.inventory.aliases
                    )
        changed_roles = {
            name
            for one in self._resources
            if one.type in _CUSTOM_ROLE and one.changed
            for name in self._role_names(one)
        }
        for one in self._resources:
            match = _IAM.match(one.type)
            if match and (one.changed or self._role(one) in changed_roles):
                self._iam(one, match["kind"], match["way"])
            elif one.type == "google_service_account" and one.created:
                self._found.created.add(self._found.member(_account(one)))
            elif one.type == "google_service_account_key" and one.created:
                for key in self._accounts(one):
                    self._found.credentials.setdefault(key, []).append(
                        f"{one.address}: a new long-lived service account key"
                    )

    @staticmethod
    def _role_names(one: Planned) -> list[str]:
        role = one.text("role_id")
        above = (
            f"projects/{one.text('project')}"
            if one.text("project")
            else f"organizations/{one.text('org_id')}"
        )
        return [name for name in (one.text("name"), f"{above}/roles/{role}", one.address) if name]

    def _role(self, one: Planned) -> str:
        """Return the role a resource binds; an unknown one by the address of the role it refers to."""
        if one.text("role"):
            return one.text("role")
        others = [other for other in referred(one, "role", self._resources) if other.type in _CUSTOM_ROLE]
        return others[0].address if len(others) == 1 else ""

    def _iam(self, one: Planned, kind: str, way: str) -> None:
        scope = _scope(one, kind)
        if way == "policy":
            try:
                policy = json.loads(one.text("policy_data") or "null")
            except ValueError:
                policy = None
            if isinstance(policy, Mapping):
                self._found.policy(policy, scope, one.address)
            else:
                self._found.undecided.setdefault(f"({one.address})", []).append(
                    f"{one.address}: policy_data is not known before the plan is applied"
                )
            return
        for member in self._members(one, way):
            self._found.bind(member, self._role(one), scope, _condition(one.values), one.address)

    def _members(self, one: Planned, way: str) -> Iterator[str]:
        key = "member" if way == "member" else "members"
        written = one.values.get(key)
        listed = [written] if isinstance(written, str) else written if isinstance(written, list) else []
        yield from (member for member in listed if isinstance(member, str))
        if one.is_unknown(key) or not listed:
            others = [o for o in referred(one, key, self._resources) if o.type == "google_service_account"]
            yield from map(_account, others)
            if not others:
                yield f"({one.address}: {key} not known before the plan is applied)"

    def _accounts(self, one: Planned) -> Iterator[str]:
        text = one.text("service_account_id")
        if text:
            yield self._found.member(f"serviceAccount:{text.rpartition('/')[2]}")
            return
        others = referred(one, "service_account_id", self._resources)
        yield from (self._found.member(_account(other)) for other in others)
        if not others:
            yield f"({one.address}: service_account_id not known before the plan is applied)"


def _account(one: Planned) -> str:
    """Return the member that a planned service account will be."""
    project = one.text("project") or "(project not known)"
    email = one.text("email") or f"{one.text('account_id')}@{project}.iam.gserviceaccount.com"
    return f"serviceAccount:{email}"


def _scope(one: Planned, kind: str) -> str:
    """Return the place an IAM resource binds on, as grants write it; at least in which project it is."""
    project = one.text("project")
    match kind:
        case "project":
            return f"projects/{project.removeprefix('projects/')}" if project else ""
        case "folder":
            folder = one.text("folder")
            return f"folders/{folder.removeprefix('folders/')}" if folder else ""
        case "organization":
            return f"organizations/{one.text('org_id')}" if one.text("org_id") else ""
        case "storage_bucket":
            return (
                f"//storage.googleapis.com/{one.text('bucket').removeprefix('b/')}"
                if one.text("bucket")
                else ""
            )
        case "service_account":
            account = one.text("service_account_id")
            return f"//iam.googleapis.com/{account}" if account else ""
    name = next((one.text(key) for key in _NAME_KEYS if one.text(key)), one.address)
    return f"projects/{project}/{kind}/{name.rpartition('/')[2]}" if project else ""
