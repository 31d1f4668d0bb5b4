"""Decide one request of one identity from the gathered policies, and say what decided it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from connectors.baselines import ALLOWED, NOT_ALLOWED, REFUSED, UNDECIDED
from connectors.facts import Window
from connectors.gcp.exports.shapes import CLOUD
from connectors.gcp.grants.boundaries import Boundaries
from connectors.gcp.grants.denies import Denials, read_denials, unread_places
from connectors.gcp.grants.grants import Binding, relative_names
from connectors.gcp.grants.members import SINGLE, Membership
from connectors.gcp.hierarchy import Hierarchy
from connectors.gcp.interpret import Ground, survey
from connectors.gcp.names import permission_name, principal_id
from connectors.gcp.policy.conditions import About, decide
from connectors.interface import Evidence
from connectors.reduction import Ruling

_EVERYONE = ("allUsers", "allAuthenticatedUsers")
_ACCOUNT = "/serviceAccounts/"
_BUCKET = "projects/_/buckets/"
_BINDINGS, _DENY, _BOUNDARY = "allow policies", "deny policies", "principal access boundaries"


@dataclass(frozen=True, slots=True)
class _Place:
    """The resource of a request: its relative names, and the node it is or stands in."""

    names: tuple[str, ...]
    node: str
    service: str

    @classmethod
    def of(cls, resource: str, hierarchy: Hierarchy, own: str) -> "_Place":
        """Read a resource as a policy or a log writes it; `*` stands for the identity's own project."""
        if resource in ("", "*"):
            resource = f"projects/{own}" if own else resource
        service = resource.removeprefix("//").partition("/")[0] if resource.startswith("//") else ""
        relative = resource.removeprefix("//").partition("/")[2] if service else resource
        if service == "storage.googleapis.com" and not relative.startswith("projects/"):
            relative = _BUCKET + relative.removeprefix("buckets/")
        if relative.startswith(_BUCKET):
            bucket = relative.removeprefix(_BUCKET).partition("/")[0]
            node = hierarchy.node_of(f"//storage.googleapis.com/{bucket}")
            return cls((relative,), node, "storage.googleapis.com")
        parts = relative.split("/")
        if len(parts) == 2 and parts[0] in ("projects", "folders", "organizations"):
            return cls((relative,), hierarchy.node(relative), "cloudresourcemanager.googleapis.com")
        full = f"//{service or 'x'}/{relative}"
        return cls(
            tuple(relative_names(hierarchy.resource(full), hierarchy)), hierarchy.node_of(full), service
        )


def rule(
    evidence: Sequence[Evidence], identity: str, permission: str, resource: str, window: Window
) -> Ruling | None:
    """Return what allow policies, deny policies and boundaries say to one request.

    What is not in the evidence (a role's definition, a group's members, a policy above) leaves it undecided,
    never refused.
    """
    ground = survey(evidence, window)
    who = ground.aliases.of(principal_id(identity))
    if not ground.inventory.policies or who not in ground.register.accounts():
        return None
    name = permission_name(permission)
    return _Case(ground, who, ground.inventory.aliases.get(name, name), window).decide(resource)


class _Case:
    """One identity and one permission, with everything that is asked about them."""

    def __init__(self, ground: Ground, identity: str, permission: str, window: Window) -> None:
        self._ground = ground
        self._identity = identity
        self._permission = permission
        self._window = window
        self._hierarchy = ground.inventory.hierarchy
        accounts = ground.register.accounts()
        self._own = accounts.get(identity, "")
        self._membership = Membership(
            accounts, ground.bindings, ground.aliases, self._hierarchy, ground.pools
        )
        self._denials = Denials(
            read_denials(ground.inventory, window),
            self._membership,
            self._hierarchy,
            unread_places(ground.inventory),
        )
        self._boundaries = Boundaries(ground.inventory, self._membership)

    def decide(self, resource: str) -> Ruling:
        """Ask the layers in the order in which Google Cloud asks them: boundary, deny, allow."""
        place = _Place.of(resource, self._hierarchy, self._own)
        refused, doubted = self._denied(place)
        if refused:
            return Ruling(REFUSED, _DENY, refused, f"it refuses {self._permission}", self._limits())
        sure, perhaps = self._bound(place)
        if not sure and not perhaps:
            unread = self._unread(place)
            answer = UNDECIDED if unread else NOT_ALLOWED
            reason = unread or f"no binding that was read gives {self._permission} there"
            return Ruling(answer, _BINDINGS, "", reason, self._limits())
        if not sure:
            binding, why = perhaps[0]
            return Ruling(UNDECIDED, _BINDINGS, binding.id, why, self._limits())
        if doubted:
            return Ruling(UNDECIDED, _DENY, doubted, "it may refuse it", self._limits())
        blocked, why = self._boundaries.blocked(self._identity, place.node)
        index = self._ground.inventory.permissions.find(self._permission)
        for answer, held in ((REFUSED, blocked.certain), (UNDECIDED, blocked.perhaps)):
            if index is not None and held >> index & 1:
                return Ruling(answer, _BOUNDARY, "", why, self._limits())
        return Ruling(ALLOWED, _BINDINGS, sure[0].id, f"{sure[0].role} gives it", self._limits())

    def _limits(self) -> tuple[str, ...]:
        return (*self._denials.places(), *self._boundaries.names())

    def _denied(self, place: _Place) -> tuple[str, str]:
        """Return the deny rule that refuses the request, and one that may."""
        permissions = self._ground.inventory.permissions
        index = permissions.find(self._permission)
        refused = doubted = ""
        for denial, applies in self._denials.of(self._identity):
            named = index is not None and bool(denial.permissions >> index & 1)
            within = bool(place.node) and self._hierarchy.within(place.node, denial.node)
            if named and within and applies:
                refused = refused or denial.id
            elif named and (within or not place.node):
                doubted = doubted or denial.id
        hidden = self._denials.unread(place.node)
        return refused, doubted or (f"deny policies of {hidden} (not read)" if hidden else "")

    def _bound(self, place: _Place) -> tuple[list[Binding], list[tuple[Binding, str]]]:
        """Return the bindings that give the request for certain, and those that may, with the reason."""
        sure: list[Binding] = []
        perhaps: list[tuple[Binding, str]] = []
        for binding in self._ground.bindings:
            for why in self._gives(binding, place):
                if why:
                    perhaps.append((binding, why))
                else:
                    sure.append(binding)
        return sure, perhaps

    def _gives(self, binding: Binding, place: _Place) -> Iterator[str]:
        """Yield once, if a binding gives the request: an empty text, or why that is not certain."""
        held = self._holds(binding)
        role = self._ground.inventory.roles.find(binding.role)
        index = self._ground.inventory.permissions.find(self._permission)
        gives = role is None or (index is not None and bool(role.permissions >> index & 1))
        covers = self._covers(binding, place) if held is not False and gives else False
        if held is False or not gives or covers is False:
            return
        met = self._met(binding, place)
        if met is False:
            return
        if role is None:
            yield f"role {binding.role} has no definition in the evidence"
        elif held is None:
            yield f"whether {binding.member.written} holds this identity is not in the evidence"
        elif covers is None:
            yield f"whether {binding.resource} holds the resource is not in the evidence"
        elif met is None:
            yield f"only if {binding.condition}"
        else:
            yield ""

    def _holds(self, binding: Binding) -> bool | None:
        """Return whether the identity is a member of a binding; None for groups and the like."""
        member = binding.member
        if member.kind in _EVERYONE:
            return True
        if member.kind in SINGLE:
            return self._ground.aliases.of(member.id) == self._identity
        if member.kind == "deleted":
            return False
        if member.kind == "principalSet":
            return self._membership.holds(self._identity, member.written)
        if any(held.identity == self._identity for held in self._membership.expand(binding)):
            return True
        return None if member.kind in ("group", "domain", "unknown") else False

    def _covers(self, binding: Binding, place: _Place) -> bool | None:
        if not binding.narrow:
            outer = self._hierarchy.node(binding.resource.removeprefix(CLOUD))
            if place.node and self._hierarchy.within(place.node, outer):
                return True
            known = outer.startswith("projects/") or self._hierarchy.knows_ancestors(place.node)
            return False if place.node and known else None
        if _ACCOUNT in binding.resource:
            account = self._account(binding.resource)
            return any(self._account(name) == account for name in place.names if _ACCOUNT in name)
        wide = relative_names(binding.resource, self._hierarchy)
        return any(name == one or name.startswith(f"{one}/") for name in place.names for one in wide)

    def _account(self, name: str) -> str:
        """Return the e-mail of the service account that a resource name holds."""
        written = name.rpartition(_ACCOUNT)[2].partition("/")[0]
        return principal_id(self._ground.register.emails.get(written, written))

    def _met(self, binding: Binding, place: _Place) -> bool | None:
        if not binding.condition:
            return True
        about = About(self._window.end, place.names, "", place.service, narrow=True)
        return decide(binding.condition, about)

    def _unread(self, place: _Place) -> str:
        """Return what that could give the request is not in the evidence; empty when all of it was read."""
        if not place.node:
            return "the project of the resource is not in the evidence"
        given = {
            self._hierarchy.node_of(policy.resource)
            for _, policy in self._ground.inventory.policies
            if policy.resource.startswith(CLOUD)
        }
        top = [one for one in self._hierarchy.above(place.node) if one.startswith("organizations/")]
        if top and set(top) <= given:
            return ""
        missing = sorted({place.node, *self._hierarchy.above(place.node)} - given)
        if missing:
            return f"the policy of {missing[0]} is not in the evidence"
        if not self._hierarchy.knows_ancestors(place.node):
            return f"what stands above {place.node} is not in the evidence"
        return ""
