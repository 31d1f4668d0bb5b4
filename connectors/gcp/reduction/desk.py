"""What is read once from the evidence and used for the reduction of every identity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors.facts import Blind, CoverageState, Effect, Facts, Grant, Identity, PermissionSet, Window
from connectors.gcp.exports.shapes import CLOUD
from connectors.gcp.grants.grants import Binding, read_bindings
from connectors.gcp.inventory import Inventory, read_inventory
from connectors.gcp.reduction.custom_roles import Support, permissions_of, role_id
from connectors.gcp.reduction.ready_made import ReadyMade
from connectors.gcp.reduction.standing import Access, Bound, Written, expression, read_written
from connectors.interface import Evidence
from connectors.permissions import Permissions

KEEP = "entdrift:keep"
"""In the description of a service account, or in the title of a condition: the owner's opt-out."""


@dataclass(frozen=True, slots=True)
class Held:
    """One grant of an identity with the binding it comes from; two when conditions differ in title alone."""

    grant: Grant
    binding: Binding
    bounds: tuple[Bound, ...]

    @property
    def permissions(self) -> PermissionSet:
        """What the grant gives."""
        return self.grant.permissions


@dataclass
class Desk:
    """The inventory with what a reduction asks of it."""

    inventory: Inventory
    support: Support
    ready: ReadyMade
    identities: Mapping[str, Identity]
    kinds: Mapping[tuple[str, str], str]
    """Kind of credential by identity and id."""
    blind: Mapping[str, Sequence[Blind]]
    """By identity: what today's logs cannot show, and what would."""
    opted_out: frozenset[str]
    """Accounts whose description asks to be left alone."""
    emails: Mapping[str, str]
    """Service accounts by their unique id."""
    _held: Mapping[str, Sequence[Held]]
    _taken: dict[str, set[str]] = field(default_factory=dict)
    middle: str = ""
    """The middle of the window (RFC 3339): what was in use before it has settled."""
    void: frozenset[Bound] = frozenset()
    """Bindings whose condition is not met any more: they give nothing."""
    members: Mapping[str, int] = field(default_factory=dict)
    """By resource: how many members its policy names, counted with repeats."""
    buckets_known: frozenset[str] = frozenset()
    """Projects of which the evidence has the policy of a bucket: searches and exports list them all."""
    storage_logged: frozenset[str] = frozenset()
    """Projects whose data calls of Cloud Storage are recorded and given."""

    @property
    def permissions(self) -> Permissions:
        """The names behind every set."""
        return self.inventory.permissions

    def member_of(self, identity: str) -> str:
        """Return an identity as bindings of its own name it; empty where it has none."""
        own = (one for one in self.held(identity) if not one.grant.shared)
        return next((one.binding.member.written for one in own), "")

    def held(self, identity: str) -> Sequence[Held]:
        """Return what an identity holds, sorted."""
        return self._held.get(identity, ())

    def access(self, identity: str) -> Access:
        """Return the present bindings of an identity, its own and those it shares."""
        return Access(frozenset(bound for one in self.held(identity) for bound in one.bounds))

    def node(self, resource: str) -> str:
        """Return the project, folder or organization a resource is or stands in; empty when nobody tells."""
        return self.inventory.hierarchy.node_of(resource)

    def level(self, resource: str) -> str:
        """Return where a custom role for a binding on a resource is made; empty where that is not known."""
        node = self.node(resource)
        if node.startswith(("projects/", "organizations/")):
            return node
        above = self.inventory.hierarchy.above(node) if node else frozenset()
        return min((one for one in above if one.startswith("organizations/")), default="")

    def inside(self, resource: str, scope: str) -> bool | None:
        """Return whether a resource is a scope or stands below it; None where the evidence does not tell."""
        if resource == scope or resource.startswith(f"{scope}/"):
            return True
        if not scope.startswith(CLOUD):
            return False
        node, outer = self.node(resource), scope.removeprefix(CLOUD)
        hierarchy = self.inventory.hierarchy
        if not node:
            return None
        if hierarchy.within(node, outer):
            return True
        if node.startswith("projects/") and outer.startswith("projects/") and _number(node) != _number(outer):
            # One is named by id, the other by number: perhaps the same project.
            return None
        return False if outer.startswith("projects/") or hierarchy.knows_ancestors(node) else None

    def new_role(self, level: str, stem: str, key: str) -> str:
        """Return the full name for a new custom role of a project or organization."""
        taken = self._taken.setdefault(level, set(self.support.taken(level)))
        found = role_id(stem, f"{level}|{key}", taken)
        taken.add(found)
        return f"{level}/roles/{found}"

    def roles_of(self, level: str) -> int:
        """Return how many custom roles a level has with all that were named here."""
        return len(self._taken.get(level, self.support.taken(level)))

    def names_of(self, access: Access, role: str) -> list[str]:
        """Return the permissions of a role by name; none of one without a definition."""
        return self.permissions.names(self.given(access, role) or 0)

    def given(self, access: Access, role: str) -> PermissionSet | None:
        """Return what a role holds, made ones included; None for a role without a definition."""
        made = access.roles.get(role)
        if made is not None:
            return self.permissions.mask(permissions_of(made))
        found = self.inventory.roles.find(role)
        return None if found is None else found.permissions


def open_desk(evidence: Sequence[Evidence], facts: Facts, window: Window) -> Desk:
    """Return the desk for facts that were made from this evidence about this window."""
    inventory = read_inventory(evidence, facts.permissions)
    bindings = {one.id: one for one in read_bindings(inventory)}
    written = read_written(inventory)
    held: dict[str, list[Held]] = {}
    for grant in facts.grants:
        binding = bindings.get(grant.id)
        if grant.effect is Effect.ALLOW and binding is not None:
            held.setdefault(grant.identity, []).append(Held(grant, binding, _bounds(binding, written)))
    members: dict[str, int] = {}
    for (resource, _, _), conditions in written.items():
        members[resource] = members.get(resource, 0) + len(conditions)
    return Desk(
        inventory=inventory,
        support=Support(evidence, inventory.hierarchy.project),
        ready=ReadyMade(inventory, facts.reach),
        identities={one.id: one for one in facts.identities},
        blind={name: one.blind for name, one in facts.entitlements.items()},
        kinds={(one.identity, one.id): one.kind for one in facts.credentials},
        opted_out=frozenset(
            str(found.data.get("email") or "").lower()
            for found in inventory.accounts
            if KEEP in str(found.data.get("description") or "")
        ),
        emails={
            str(found.data.get("uniqueId", found.data.get("unique_id")) or ""): str(
                found.data.get("email") or ""
            ).lower()
            for found in inventory.accounts
        },
        _held=held,
        middle=(window.start + (window.end - window.start) / 2).strftime("%Y-%m-%dT%H:%M:%SZ"),
        void=frozenset(bound for some in held.values() for one in some if _void(one) for bound in one.bounds),
        members=members,
        buckets_known=frozenset(
            one.node for one in bindings.values() if one.resource.startswith("//storage.googleapis.com/")
        ),
        storage_logged=_storage_logged(facts),
    )


def _storage_logged(facts: Facts) -> frozenset[str]:
    on: dict[str, set[str]] = {}
    for row in facts.coverage:
        if row.state is CoverageState.ON and row.place in ("", "storage.googleapis.com"):
            on.setdefault(row.account, set()).add(row.log_class)
    return frozenset(f"projects/{name}" for name, kinds in on.items() if {"DATA_READ", "DATA_WRITE"} <= kinds)


def _bounds(binding: Binding, written: Written) -> tuple[Bound, ...]:
    conditions = written.get((binding.resource, binding.role, binding.member.written), ())
    unread = "(condition without an expression)"
    return tuple(
        Bound(binding.resource, binding.role, binding.member.written, condition)
        for condition in conditions
        if expression(condition) == (binding.condition if binding.condition != unread else "")
        and bool(condition) == bool(binding.condition)
    )


def _number(node: str) -> bool:
    return node.removeprefix("projects/").isdigit()


def _void(held: Held) -> bool:
    """Return whether a binding gives nothing because its condition is false."""
    return bool(held.binding.condition) and not held.permissions and not held.grant.undecided
