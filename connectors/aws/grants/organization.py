"""Read organization policies: which service control policies stand above each account, level by level.

Two shapes are read, also mixed. A tree: `{"Id": "r-…", "Policies": […], "Children": […]}` with accounts as
leaves. A list: policies with `Content` and `Targets` (`describe-policy` joined with
`list-targets-for-policy`), and optionally `Accounts`/`OrganizationalUnits` entries with their `ParentId`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.aws.arns import account_of
from connectors.aws.policy.document import Document, parse_document
from connectors.interface import Evidence

SCP = "SERVICE_CONTROL_POLICY"
RCP = "RESOURCE_CONTROL_POLICY"
_FULL_ACCESS = "p-FullAWSAccess"


@dataclass(frozen=True, slots=True)
class OrganizationPolicy:
    """One service or resource control policy; `targets` is None when the dump does not say."""

    id: str
    name: str
    kind: str
    document: Document
    targets: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Level:
    """The policies attached at one level above an account: the root, a unit, or the account itself."""

    target: str
    policies: tuple[OrganizationPolicy, ...]


@dataclass
class Organization:
    """What is known of the organization: policies by id, what hangs where, and the management account."""

    policies: dict[str, OrganizationPolicy] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    management: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    """Organization ids (`o-…`) that ARNs in the dump name."""
    members: set[str] = field(default_factory=set)
    """Accounts that a listing or a tree in the dump holds."""
    listed: set[str] = field(default_factory=set)
    """Policies of which the dump has no more than their summary somewhere."""

    @property
    def known(self) -> bool:
        """Tell whether any service control policy was read."""
        return any(policy.kind == SCP for policy in self.policies.values())

    def foreign(self, account: str) -> bool:
        """Tell whether the dump lists the organization's accounts, and this one is not among them.

        A listing, a tree, or the targets of FullAWSAccess, which is attached to every account.
        """
        full = self.policies.get(_FULL_ACCESS)
        listed = self.members | {t for t in (full.targets if full else None) or () if _is_account(t)}
        named = {t for policy in self.policies.values() for t in policy.targets or ()}
        return bool(listed) and account not in listed | named | self.management

    def levels(self, account: str, kind: str = SCP) -> list[Level]:
        """Return the levels that certainly stand above an account and have a policy of a kind we know.

        Each level must allow a request (Organizations user guide, "SCP evaluation"). The management account
        is exempt. Where only one root is known, and nothing says that the account is of another
        organization, it stands under that root.
        """
        if account in self.management:
            return []
        chain = self._chain(account)
        if not chain[-1].startswith("r-") and not self._astray(account):
            chain += self._targets("r-", kind)
        return [level for target in chain if (level := self._level(target, kind)).policies]

    def doubtful(self, account: str, kind: str = SCP) -> list[Level]:
        """Return levels that may or may not stand above an account.

        Policies without targets in the dump, each by itself; units when the account's place is not known;
        roots when even its organization is not.
        """
        if account in self.management:
            return []
        found = [Level(p.id, (p,)) for p in self._of(kind) if p.targets is None]
        if account not in self.parents:
            found += [self._level(target, kind) for target in self._targets("ou-", kind)]
        if self._astray(account) and not self._chain(account)[-1].startswith("r-"):
            found += [self._level(target, kind) for target in self._targets("r-", kind)]
        return found

    def _astray(self, account: str) -> bool:
        roots = {*self._targets("r-", SCP), *self._targets("r-", RCP)}
        return self.foreign(account) or len(roots) > 1

    def _chain(self, account: str) -> list[str]:
        chain = [account]
        while (parent := self.parents.get(chain[-1])) and parent not in chain:
            chain.append(parent)
        return chain

    def _level(self, target: str, kind: str) -> Level:
        return Level(target, tuple(p for p in self._of(kind) if target in (p.targets or ())))

    def _targets(self, place: str, kind: str) -> list[str]:
        return sorted({t for p in self._of(kind) for t in p.targets or () if t.startswith(place)})

    def _of(self, kind: str) -> list[OrganizationPolicy]:
        return [policy for _, policy in sorted(self.policies.items()) if policy.kind == kind]


def read_organization(evidence: Iterable[Evidence]) -> Organization:
    """Return the organization as all sources together describe it."""
    organization = Organization()
    for one in evidence:
        for wrapped in one.records("organization_policies"):
            _read(wrapped.get("record"), organization)
    return organization


def _read(document: Any, organization: Organization) -> None:
    if not isinstance(document, Mapping):
        return
    node = document.get("Id")
    if isinstance(node, str) and ("Children" in document or _is_place(node)) and "Content" not in document:
        _read_node(document, node, organization)
        return
    if _content(document) is not None:
        _add(document, organization, targets=_targets(document))
        return
    if isinstance(node, str) and node.startswith("p-") and node != _FULL_ACCESS:
        organization.listed.add(node)
    for item in _dicts(document.get("Policies")):
        _read(item, organization)
    for name in ("Accounts", "OrganizationalUnits"):
        for item in _dicts(document.get(name)):
            parent = item.get("ParentId") or document.get("ParentId") or _first_parent(item)
            if isinstance(item.get("Id"), str) and isinstance(parent, str):
                organization.parents[item["Id"]] = parent
            if name == "Accounts" and isinstance(item.get("Id"), str):
                organization.members.add(item["Id"])
                _note_id(str(item.get("Arn", "")), organization)
                if owner := account_of(str(item.get("Arn", ""))):
                    organization.management.add(owner)


def _note_id(arn: str, organization: Organization) -> None:
    organization.ids |= {part for part in arn.split("/") if part.startswith("o-")}


def _read_node(document: Mapping[str, Any], node: str, organization: Organization) -> None:
    _note_id(str(document.get("Arn", "")), organization)
    if node.startswith("r-") and (management := account_of(str(document.get("Arn", "")))):
        organization.management.add(management)
    for item in _dicts(document.get("Policies")):
        _add(item, organization, targets=(node,))
    for child in _dicts(document.get("Children")):
        if isinstance(child.get("Id"), str):
            organization.parents[child["Id"]] = node
            organization.members |= {child["Id"]} if _is_account(child["Id"]) else set()
            _read_node(child, child["Id"], organization)


def _add(raw: Mapping[str, Any], organization: Organization, *, targets: tuple[str, ...] | None) -> None:
    summary = dict(_layers(raw))
    arn = str(summary.get("Arn", ""))
    kind = str(summary.get("Type") or (RCP if "/resource_control_policy/" in arn else SCP)).upper()
    if kind not in (SCP, RCP):
        return
    found = OrganizationPolicy(
        id=str(summary.get("Id") or arn.rpartition("/")[2] or summary.get("Name") or "policy"),
        name=str(summary.get("Name") or ""),
        kind=kind,
        document=parse_document(_content(raw)),
        targets=targets,
    )
    _note_id(arn, organization)
    if (account := account_of(arn)) and account != "aws":
        organization.management.add(account)
    before = organization.policies.get(found.id)
    if before is not None and (before.targets is not None or targets is not None):
        merged = tuple(sorted({*(before.targets or ()), *(targets or ())}))
        found = OrganizationPolicy(found.id, found.name, found.kind, found.document, merged)
    organization.policies[found.id] = found


def _layers(raw: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a policy wherever the API puts them: `Policy`, `PolicySummary`, or flat."""
    for layer in (raw, raw.get("PolicySummary"), policy := raw.get("Policy")):
        if isinstance(layer, Mapping):
            yield from layer.items()
    if isinstance(policy, Mapping) and isinstance(policy.get("PolicySummary"), Mapping):
        yield from policy["PolicySummary"].items()


def _content(raw: Mapping[str, Any]) -> Any:
    policy = raw.get("Policy")
    return raw.get("Content") if not isinstance(policy, Mapping) else policy.get("Content")


def _targets(raw: Mapping[str, Any]) -> tuple[str, ...] | None:
    listed = raw.get("Targets")
    if not isinstance(listed, list):
        return None
    ids = [item.get("TargetId") or item.get("Id") if isinstance(item, Mapping) else item for item in listed]
    return tuple(sorted({target for target in ids if isinstance(target, str)}))


def _first_parent(item: Mapping[str, Any]) -> Any:
    parents = item.get("Parents")
    first = parents[0] if isinstance(parents, list) and parents else None
    return first.get("Id") if isinstance(first, Mapping) else first


def _is_place(node: str) -> bool:
    return node.startswith(("r-", "ou-")) or _is_account(node)


def _is_account(node: str) -> bool:
    return node.isdigit() and len(node) == 12


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
