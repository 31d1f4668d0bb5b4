"""Turn the bindings of allow policies into grants, one for each member and binding."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectors.facts import Caveat, Effect, Grant, PermissionSet, Window
from connectors.gcp.catalog import matcher, services, table
from connectors.gcp.exports.shapes import CLOUD, Place, Policy
from connectors.gcp.hierarchy import Hierarchy
from connectors.gcp.inventory import Inventory
from connectors.gcp.names import Member, parse_member
from connectors.gcp.policy.conditions import About, decide, limits_resources, literals
from connectors.gcp.reduction.named import gives

_OBJECT = "storage.googleapis.com/Object"
_STORAGE = "//storage.googleapis.com/"


@dataclass(frozen=True, slots=True)
class Binding:
    """One role given to one member on one resource, as written."""

    resource: str
    node: str
    """The project, folder or organization it is on or in; empty when no record tells."""
    asset_type: str
    role: str
    member: Member
    title: str
    condition: str
    source: str

    @property
    def narrow(self) -> bool:
        """Whether it is on a resource below a project."""
        return not self.resource.startswith(CLOUD)

    @property
    def id(self) -> str:
        """The binding's stable name."""
        text = f"{self.resource}|{self.role}|{self.member.written}"
        return f"{text}|{self.title or self.condition}" if self.condition else text


@dataclass(frozen=True, slots=True)
class Holding:
    """One grant that an identity holds, and where it applies."""

    grant: Grant
    node: str
    holds: bool | None
    """True: held for certain. None: only if an undecided condition is met. False: gives nothing."""
    sure: PermissionSet
    """What it gives for certain."""
    open: PermissionSet
    """What it gives perhaps: under an undecided condition, or where a boundary may block it."""
    doubt: str = ""
    """Why it is not held for certain, where that is no condition of its own."""


def read_bindings(inventory: Inventory) -> list[Binding]:
    """Return every binding of every allow policy, each once, in a stable order."""
    hierarchy = inventory.hierarchy
    found: dict[tuple[str, ...], Binding] = {}
    for source, policy in inventory.policies:
        resource = hierarchy.resource(policy.resource)
        node = hierarchy.node_of(policy.resource, policy.place)
        for binding in policy.bindings:
            for one in _members(binding):
                made = _binding(resource, node, policy, binding, one, source)
                key = (resource, made.role, one, made.condition)
                held = found.get(key)
                found[key] = made if held is None else replace(held, node=held.node or made.node)
    return _distinct([found[key] for key in sorted(found)])


def _distinct(bindings: Iterable[Binding]) -> list[Binding]:
    """Give bindings of one title but different conditions their condition as title, so that ids differ."""
    by_id: dict[str, list[Binding]] = {}
    for binding in bindings:
        by_id.setdefault(binding.id, []).append(binding)
    return [
        one if len(group) == 1 else replace(one, title=f"{one.title} ({one.condition})")
        for group in by_id.values()
        for one in group
    ]


def _members(binding: Mapping[str, Any]) -> list[str]:
    members = binding.get("members")
    return [one for one in members if isinstance(one, str)] if isinstance(members, list) else []


def _binding(
    resource: str, node: str, policy: Policy, binding: Mapping[str, Any], member: str, source: str
) -> Binding:
    condition = binding.get("condition")
    written = condition if isinstance(condition, Mapping) else {}
    expression = written.get("expression")
    return Binding(
        resource=resource,
        node=node,
        asset_type=policy.asset_type,
        role=str(binding.get("role") or ""),
        member=parse_member(member),
        title=str(written.get("title") or ""),
        # A condition without an expression cannot be read: it is kept, and stays undecided.
        condition=str(expression) if expression else "(condition without an expression)" if written else "",
        source=source,
    )


class GrantBook:
    """Makes grants from bindings: expands roles, decides conditions, marks wide and admin ones."""

    def __init__(self, inventory: Inventory, window: Window) -> None:
        self._inventory = inventory
        self._window = window
        known = inventory.permissions.names(inventory.permissions.known)
        bindable = table("bindable")
        fits, excepted = matcher(bindable["permissions"]), matcher(bindable["except"])
        self._bindable = inventory.permissions.mask(n for n in known if fits(n) and not excepted(n))
        admin = table("admin")
        self._admin_role = matcher(admin["roles"])
        self._admin_permissions: Sequence[str] = admin["permissions"]
        self.unknown_roles: dict[str, list[str]] = {}
        """Roles without a definition, with the resources they are bound on."""
        self.void: list[Binding] = []
        """Bindings whose condition is false at the end of the window."""

    def holding(self, binding: Binding, identity: str, *, shared: bool = False) -> Holding:
        """Return what one identity holds through one binding."""
        role = self._inventory.roles.find(binding.role)
        known = 0 if role is None else role.permissions
        holds, known, sure = self._given(binding, known)
        if role is None:
            self.unknown_roles.setdefault(binding.role, []).append(binding.resource)
        if holds is False:
            self.void.append(binding)
        broad = not binding.narrow and not limits_resources(binding.condition)
        grant = Grant(
            id=binding.id,
            identity=identity,
            source=binding.resource,
            name=binding.role,
            effect=Effect.ALLOW,
            scope=binding.resource.removeprefix(CLOUD),
            permissions=known,
            conditions=binding.condition,
            undecided=role is None or holds is None,
            wide=known & self._bindable if broad and holds is not False else 0,
            admin=self._admin(binding, known) if holds is not False else "",
            shared=shared,
        )
        return Holding(grant, binding.node, holds, sure, known & ~sure if holds is None else 0)

    def _given(
        self, binding: Binding, known: PermissionSet
    ) -> tuple[bool | None, PermissionSet, PermissionSet]:
        """Return whether a condition holds, what a binding then gives, and what of it for certain.

        On a bucket it is asked twice: about the bucket, and about the objects in it, of other names and type.
        """
        holds = self._decide(binding)
        inner, objects = holds, 0
        if binding.resource.startswith(_STORAGE) and limits_resources(binding.condition):
            (bucket,) = relative_names(binding.resource, self._inventory.hierarchy)
            names = (f"{bucket}/objects", f"{bucket}/objects/")
            inner = decide(binding.condition, self._about(names, _OBJECT))
            test = gives(f"{bucket}/objects/any/")
            held = self._inventory.permissions.names(known)
            objects = self._inventory.permissions.mask(filter(test, held)) if test is not None else 0
        answers = {
            answer for answer, part in ((holds, known & ~objects), (inner, objects)) if part or not known
        }
        given = (known & ~objects if holds is not False else 0) | (objects if inner is not False else 0)
        if None in answers:
            sure = (known & ~objects if holds else 0) | (objects if inner else 0)
            return None, given, sure | self._named(binding, given)
        return True in answers, given, given

    def _named(self, binding: Binding, permissions: PermissionSet) -> PermissionSet:
        """Return what an undecided condition gives for certain: on a resource that it names itself.

        The condition is asked about a resource of just that name. Only permissions that are checked by such
        names count (`catalog/conditions.toml`), and only where the named resource stands there.
        """
        names = self._inventory.permissions.names(permissions)
        found: set[str] = set()
        for name in literals(binding.condition):
            checked = gives(name)
            if checked is None or not self._below(name, binding):
                continue
            about = About(self._window.end, (name,), "", "", narrow=True)
            if decide(binding.condition, about) is True:
                found.update(filter(checked, names))
        return self._inventory.permissions.mask(found)

    def _below(self, name: str, binding: Binding) -> bool:
        """Return whether a resource that a condition names stands where the binding does."""
        hierarchy = self._inventory.hierarchy
        bucket = name.removeprefix("projects/_/buckets/").partition("/")[0]
        if bucket != name.partition("/")[0]:
            full = f"{_STORAGE}{bucket}"
            own = relative_names(binding.resource, hierarchy) if binding.narrow else []
            if own:
                return own == [f"projects/_/buckets/{bucket}"]
        else:
            full = f"//x/{name}"
        node = hierarchy.node_of(full)
        return bool(node) and bool(binding.node) and hierarchy.within(node, binding.node)

    def _admin(self, binding: Binding, permissions: int) -> str:
        """Return why a grant makes an administrator: only on a project or above."""
        if binding.narrow:
            return ""
        scope = binding.resource.removeprefix(CLOUD)
        if self._admin_role(binding.role):
            return f"{binding.role} on {scope}"
        for name in self._admin_permissions:
            index = self._inventory.permissions.find(name)
            if index is not None and permissions >> index & 1:
                return f"{name} on {scope} through {binding.role}"
        return ""

    def _decide(self, binding: Binding) -> bool | None:
        """Return whether a binding's condition holds at the end of the window."""
        if not binding.condition:
            return True
        names = relative_names(binding.resource, self._inventory.hierarchy)
        return decide(binding.condition, self._about(names, binding.asset_type, narrow=binding.narrow))

    def _about(self, names: Iterable[str], kind: str, *, narrow: bool = True) -> About:
        return About(self._window.end, tuple(names), kind, kind.partition("/")[0], narrow)

    def caveats(self) -> Iterator[Caveat]:
        """Say which roles and bindings were not counted, and why."""
        for role, resources in sorted(self.unknown_roles.items()):
            yield Caveat(
                f"role {role} has no definition in the evidence",
                _some(resources),
                "its permissions are unknown and not counted: none of them is called unused; export the"
                f" role with `gcloud iam roles describe {role}` into roles",
            )
        for binding in self.void:
            yield Caveat(
                f"the condition of a binding of {binding.role} is false at the end of the window",
                f"{binding.resource}: {binding.condition}",
                "the binding gives nothing now and is not counted as granted",
            )


def public_services(bindings: Iterable[Binding]) -> set[tuple[str, str]]:
    """Return (node, permission prefix) of services with a resource open to everyone; "" is any service."""
    return {
        (one.node, services().prefix(one.resource.removeprefix("//").partition("/")[0]) if one.narrow else "")
        for one in bindings
        if one.member.kind in ("allUsers", "allAuthenticatedUsers")
    }


def _some(places: Iterable[str]) -> str:
    """Return the first of several places, and how many more there are."""
    names = sorted(set(places))
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def relative_names(resource: str, hierarchy: Hierarchy) -> list[str]:
    """Return the names that `resource.name` may have for a resource, for every spelling of its project."""
    if resource.startswith(_STORAGE):
        name = resource.removeprefix(_STORAGE)
        bucket = name.removeprefix("projects/_/").removeprefix("buckets/")
        return [f"projects/_/buckets/{bucket}"]
    name = resource.removeprefix("//").partition("/")[2]
    names = [name]
    node = hierarchy.node_of(resource, Place())
    project = node.removeprefix("projects/")
    number = hierarchy.number(project) if node.startswith("projects/") else ""
    if number and f"projects/{project}/" in f"{name}/":
        names.append(name.replace(f"projects/{project}", f"projects/{number}", 1))
    return names
