"""Apply deny policies to what identities hold."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from connectors.facts import Caveat, Effect, Grant, PermissionSet, Window
from connectors.gcp.catalog import Test, matcher
from connectors.gcp.grants.grants import Holding
from connectors.gcp.grants.members import Membership
from connectors.gcp.hierarchy import Hierarchy
from connectors.gcp.inventory import Inventory
from connectors.gcp.names import permission_name, principal_id, same
from connectors.gcp.policy.conditions import About, decide

_EVERYONE = ("principalSet://goog/public:all", "principalSet://goog/public:allUsers")
_ACCOUNT = "principal://iam.googleapis.com/projects/-/serviceAccounts/"
_UNREAD_KIND = "unread/denypolicies"
_SUBJECT = "principal://goog/subject/"


@dataclass(frozen=True, slots=True)
class Denial:
    """One rule of a deny policy, with the permissions it names expanded over the catalogue."""

    id: str
    name: str
    node: str
    principals: tuple[str, ...]
    exceptions: tuple[str, ...]
    permissions: PermissionSet
    condition: str
    holds: bool | None


def read_denials(inventory: Inventory, window: Window) -> list[Denial]:
    """Return every rule of every deny policy whose condition is not false at the end of the window.

    Names are `service.googleapis.com/resource.verb`, with `*` for groups of permissions.
    Source: docs.cloud.google.com/iam/docs/deny-overview.
    """
    found: dict[str, Denial] = {}
    known = inventory.permissions.names(inventory.permissions.known)
    for record in inventory.deny_policies:
        name = str(record.data.get("name") or "")
        rules = record.data.get("rules")
        for number, rule in enumerate(rules if isinstance(rules, list) else []):
            held = rule.get("denyRule", rule.get("deny_rule")) if isinstance(rule, Mapping) else None
            if isinstance(held, Mapping):
                denial = _denial(f"{name}|{number}", record.data, held, inventory, known, window)
                if denial.holds is not False:
                    found[denial.id] = denial
    return [found[key] for key in sorted(found)]


def unread_place(node: str) -> dict[str, Any]:
    """Return the record that says of a project, folder or organization that it was not asked."""
    return {"kind": _UNREAD_KIND, "attachmentPoint": node}


def unread_places(inventory: Inventory) -> frozenset[str]:
    """Return the nodes whose deny policies were not asked for."""
    return frozenset(
        inventory.hierarchy.node(str(record.data.get("attachmentPoint") or ""))
        for record in inventory.deny_policies
        if record.data.get("kind") == _UNREAD_KIND
    )


def unread_denials(inventory: Inventory) -> list[Caveat]:
    """Say which deny policies came without their rules (a plain `gcloud iam policies list`)."""
    return [
        Caveat(
            "a deny policy without its rules",
            str(record.data.get("name") or "deny policy"),
            "what it refuses is shown as granted: export it with `gcloud iam policies get`",
        )
        for record in inventory.deny_policies
        if not isinstance(record.data.get("rules"), list) and record.data.get("kind") != _UNREAD_KIND
    ]


def _denial(
    key: str,
    policy: Mapping[str, Any],
    rule: Mapping[str, Any],
    inventory: Inventory,
    known: Sequence[str],
    window: Window,
) -> Denial:
    denied = matcher(permission_name(one) for one in _texts(rule, "deniedPermissions", "denied_permissions"))
    spared = matcher(
        permission_name(one) for one in _texts(rule, "exceptionPermissions", "exception_permissions")
    )
    condition = rule.get("denialCondition", rule.get("denial_condition"))
    expression = str(condition.get("expression") or "") if isinstance(condition, Mapping) else ""
    about = About(window.end, (), "", "", narrow=False)
    return Denial(
        id=key,
        name=str(policy.get("displayName") or key),
        node=_attachment(key, inventory.hierarchy),
        principals=tuple(_texts(rule, "deniedPrincipals", "denied_principals")),
        exceptions=tuple(_texts(rule, "exceptionPrincipals", "exception_principals")),
        permissions=inventory.permissions.mask(_named(known, denied, spared, inventory.aliases)),
        condition=expression,
        holds=decide(expression, about) if expression else True,
    )


def _named(known: Sequence[str], denied: Test, spared: Test, aliases: Mapping[str, str]) -> Iterator[str]:
    """Yield the permissions that are denied and not spared under any of their names."""
    others: dict[str, list[str]] = {}
    for alias, name in aliases.items():
        others.setdefault(name, []).append(alias)
    for name in known:
        spelled = [name, *others.get(name, ())]
        if any(map(denied, spelled)) and not any(map(spared, spelled)):
            yield name


def _texts(rule: Mapping[str, Any], *keys: str) -> list[str]:
    value: list[Any] = next((rule[key] for key in keys if isinstance(rule.get(key), list)), [])
    return [one for one in value if isinstance(one, str)]


def _attachment(name: str, hierarchy: Hierarchy) -> str:
    """Return the node a deny policy is attached to: its name holds it, once or twice percent-encoded."""
    plain = unquote(unquote(name)).removeprefix("policies/")
    point = plain.partition("/denypolicies/")[0].partition("/")[2]
    return hierarchy.node(point)


@dataclass(frozen=True, slots=True)
class Effective:
    """What is left of an identity's grants after deny policies."""

    granted: PermissionSet
    conditional: PermissionSet
    reasons: tuple[str, ...]
    refusals: tuple[Grant, ...]


class Denials:
    """Applies deny rules to identities."""

    def __init__(
        self,
        denials: Sequence[Denial],
        membership: Membership,
        hierarchy: Hierarchy,
        unread: Collection[str] = (),
    ) -> None:
        self._denials = denials
        self._unread = frozenset(unread)
        self._membership = membership
        self._hierarchy = hierarchy
        self._undecided: dict[str, Denial] = {}

    def apply(self, identity: str, holdings: Iterable[Holding]) -> Effective:
        """Return what an identity holds after every rule that applies to it.

        A rule takes away what grants at or below its own place give; what is also granted elsewhere stays.
        A rule that cannot be decided for this identity makes what it covers conditional, and so does a place
        whose deny policies were not read.
        """
        granted = conditional = 0
        reasons: set[str] = set()
        rules = self.of(identity)
        for holding in holdings:
            if holding.holds is False:
                continue
            certain, perhaps = holding.sure, holding.open
            if perhaps:
                reasons.add(holding.doubt or f"{holding.grant.name} only if {holding.grant.conditions}")
            for rule, applies in rules:
                if not self._hierarchy.within(holding.node, rule.node):
                    continue
                if applies:
                    certain &= ~rule.permissions
                    perhaps &= ~rule.permissions
                elif certain & rule.permissions:
                    reasons.add(f"the deny policy {rule.name} may refuse it")
                    self._undecided[rule.id] = rule
                    perhaps |= certain & rule.permissions
                    certain &= ~rule.permissions
            if certain and (hidden := self.unread(holding.node)):
                reasons.add(f"the deny policies of {hidden}, which were not read, may refuse it")
                perhaps |= certain
                certain = 0
            granted |= certain
            conditional |= perhaps
        refusals = tuple(_refusal(rule, identity, applies) for rule, applies in rules)
        return Effective(granted, conditional & ~granted, tuple(sorted(reasons)), refusals)

    def of(self, identity: str) -> list[tuple[Denial, bool | None]]:
        """Return the rules that apply to an identity, or may."""
        found = [(one, self._applies(one, identity)) for one in self._denials]
        return [(one, applies) for one, applies in found if applies is not False]

    def unread(self, node: str) -> str:
        """Return the first place at or above a node whose deny policies were not read; empty for none."""
        if not self._unread:
            return ""
        return min({node, *self._hierarchy.above(node)} & self._unread, default="")

    def places(self) -> list[str]:
        """Return the deny policies that are asked, by name and place."""
        return sorted({f"deny policy {one.name} on {one.node}" for one in self._denials})

    def caveats(self) -> list[Caveat]:
        """Say which rules could not be decided."""
        return [
            Caveat(
                "a deny policy that could not be decided",
                f"{rule.name} on {rule.node}: {rule.condition or ', '.join(rule.principals)}",
                "what it covers is shown as conditional for the identities it may apply to",
            )
            for _, rule in sorted(self._undecided.items())
        ]

    def _applies(self, rule: Denial, identity: str) -> bool | None:
        named = _any(self._matches(identity, one) for one in rule.principals)
        spared = _any(self._matches(identity, one) for one in rule.exceptions)
        if named is False or spared is True:
            return False
        return None if None in (named, spared, rule.holds) else True

    def _matches(self, identity: str, written: str) -> bool | None:
        """Return whether a principal identifier of a deny policy is, or holds, an identity."""
        if written in _EVERYONE:
            return True
        for prefix in (_ACCOUNT, _SUBJECT):
            if written.startswith(prefix):
                return same(principal_id(written.removeprefix(prefix)), identity)
        if written.startswith("principal://"):
            return same(written, identity)
        return self._membership.holds(identity, written) if written.startswith("principalSet://") else False


def _any(values: Iterable[bool | None]) -> bool | None:
    found = list(values)
    return True if True in found else None if None in found else False


def _refusal(rule: Denial, identity: str, applies: bool | None) -> Grant:  # noqa: FBT001 - a truth value
    return Grant(
        id=rule.id,
        identity=identity,
        source=rule.id,
        name=rule.name,
        effect=Effect.DENY,
        scope=rule.node,
        permissions=rule.permissions,
        conditions=rule.condition,
        undecided=applies is None,
        shared=True,
    )
