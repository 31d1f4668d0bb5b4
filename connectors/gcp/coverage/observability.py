"""Decide for each permission of an identity whether a call of it would have been seen."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from connectors.facts import Blind, Caveat, PermissionSet
from connectors.gcp.catalog import services
from connectors.gcp.coverage.auditing import ALL, Auditing, View
from connectors.gcp.coverage.classes import ADMIN_WRITE, DATA_TYPES, Classes, Group
from connectors.gcp.coverage.coverage import Given
from connectors.gcp.coverage.fixes import fix, names, reason
from connectors.gcp.coverage.witnesses import AUTHENTICATED, CONSENT, COUNTED, EXERCISED, Witnesses
from connectors.gcp.inventory import Inventory

_ORDER = (
    "unmapped-operation",
    "not-in-catalogue",
    "checked-within",
    "caller-not-recorded",
    AUTHENTICATED,
    EXERCISED,
    COUNTED,
    CONSENT,
    "never-logged",
    "no-logs-for-account",
    "admin-activity-not-given",
    "exempted-from-audit",
    "public-resource-not-logged",
    "data-access-logs-off",
    "data-access-logs-not-known",
    "data-access-logs-not-given",
    "data-access-logs-excluded",
    "data-access-logs-not-kept",
    "data-access-logs-switched-on",
    "data-access-logs-partial",
    "permission-class-unknown",
    "recording-not-proved",
    "log-file-unreadable",
)
"""Most specific first: the first that names a permission is its reason."""


@dataclass
class _Hidden:
    """Permissions hidden for one reason, with where."""

    permissions: PermissionSet = 0
    nodes: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Situation:
    """What decides which calls in one project are seen; many projects share one."""

    view: View
    present: bool
    """Whether any record of the project was given."""
    admin: bool
    """Whether what was given of it did not leave out the always-on log."""
    data: bool
    """Whether data access records of it were given."""
    unreadable: frozenset[str]
    """Logs with files that could not be read whole; "" for a file that may hold any."""
    public: frozenset[str]
    """Services (permission prefixes) with a resource open to everyone; "" stands for all."""
    exempted: frozenset[tuple[str, str]]
    """(service, type) pairs that the identity is exempted from."""
    excluded: bool
    """Whether the log's sink leaves Data Access records out."""
    proved: PermissionSet
    """Permissions of which only a record shows that they are recorded, and such a record was given."""
    cut: bool
    """Whether Data Access records of the first part of the window were thrown away."""
    short: bool
    """Whether Data Access records fall short of the project's other logs."""

    def open(self, service: str) -> bool:
        return service in self.public or "" in self.public

    def hides(self, service: str, kind: str) -> str:
        """Return why calls of a service and type are not seen, or an empty string."""
        state = self.view.state(service, kind)
        if state is None:
            return "data-access-logs-not-known"
        if not state:
            return "data-access-logs-off"
        if kind != "ADMIN_READ" and self.open(service):
            return "public-resource-not-logged"
        if self.exempted and any((one, kind) in self.exempted for one in (ALL, *services().audited(service))):
            return "exempted-from-audit"
        return self._shortens(service, kind)

    def _shortens(self, service: str, kind: str) -> str:
        """Return why records of a type that is on do not reach over the whole window."""
        if not self.data:
            return "data-access-logs-not-given"
        if self.excluded:
            return "data-access-logs-excluded"
        if self.cut:
            return "data-access-logs-not-kept"
        if self.view.late(service, kind):
            return "data-access-logs-switched-on"
        return "data-access-logs-partial" if self.short else ""


@dataclass(frozen=True, slots=True)
class Doubts:
    """What the logs leave open about the use of permissions."""

    unmapped: Mapping[str, Collection[str]]
    """By identity: services (permission prefixes) of calls that name no permission."""
    foreign: Mapping[str, Collection[str]]
    """By identity: permissions used that no role in the evidence holds, perhaps under another name."""
    within: Mapping[str, Mapping[str, PermissionSet]]
    """By identity and by permission it used: what the same calls check, perhaps without naming it."""
    nameless: PermissionSet
    """Permissions called by a caller that the record does not name."""
    recorded: Mapping[str, Collection[str]]
    """By node: permissions that its records name."""
    public: Collection[tuple[str, str]]
    """(node, service) of resources open to everyone, whose data calls are not recorded."""
    witnesses: Witnesses


class Observability:
    """Which permissions a call of would have been seen, by project and identity."""

    def __init__(
        self, classes: Classes, auditing: Auditing, given: Given, doubts: Doubts, inventory: Inventory
    ) -> None:
        self._classes = classes
        self._auditing = auditing
        self._given = given
        self._doubts = doubts
        self._hierarchy = inventory.hierarchy
        self._permissions = inventory.permissions
        self._cache: dict[_Situation, dict[str, PermissionSet]] = {}
        self._by_node: dict[tuple[str, str], dict[str, PermissionSet]] = {}
        self._prefixes: dict[str, PermissionSet] = {}
        self._broad: dict[str, list[str]] = {}

    def blind(self, identity: str, held: Iterable[tuple[str, PermissionSet]]) -> tuple[Blind, ...]:
        """Return what calls could not have been seen; `held` is (node, permissions) of each grant.

        A permission is seen only where it would be in every project it is held for: a grant on a folder or
        organization is judged by each project below it that the evidence knows.
        """
        hidden: dict[str, _Hidden] = {}
        everything = 0
        for node, permissions in held:
            everything |= permissions
            for place, codes in self._places(node, identity):
                for code, mask in codes.items():
                    if mask & permissions:
                        one = hidden.setdefault(code, _Hidden())
                        one.permissions |= mask & permissions
                        one.nodes.add(place)
        found = [*self._doubtful(everything, identity), *self._unlogged(everything)]
        found += [self._blind(code, one, identity) for code, one in hidden.items()]
        return tuple(sorted(found, key=lambda blind: (_ORDER.index(blind.code), blind.reason)))

    def caveats(self) -> list[Caveat]:
        """Say by which projects grants on folders and organizations were judged."""
        return [
            Caveat(
                f"grants on {node} hold for every project below it",
                names([f"projects/{project}" for project in below]) if below else node,
                "their use is judged by the projects the evidence knows; calls in others would not be seen",
            )
            for node, below in sorted(self._broad.items())
        ]

    def _places(self, node: str, identity: str) -> Iterable[tuple[str, Mapping[str, PermissionSet]]]:
        """Yield every place whose logs would show the use of a grant on a node."""
        if not node:
            yield "", self._no_logs()
            return
        if node.startswith("projects/"):
            yield node, self._codes(node, identity)
            return
        below = [f"projects/{project}" for project in self._hierarchy.projects_below(node)]
        self._broad[node] = [project.removeprefix("projects/") for project in below]
        above = self._classes.above_project
        own = {code: mask & above for code, mask in self._codes(node, identity).items()}
        yield node, own
        if not below:
            yield node, {code: mask & ~above for code, mask in self._no_logs().items()}
        for project in below:
            yield project, {code: mask & ~above for code, mask in self._codes(project, identity).items()}

    def _no_logs(self) -> dict[str, PermissionSet]:
        return {"no-logs-for-account": (1 << len(self._permissions)) - 1}

    def _codes(self, node: str, identity: str) -> Mapping[str, PermissionSet]:
        """Return for one project the permissions that its logs hide, by reason."""
        known = self._by_node.get((node, ""))
        if known is None:
            known = self._by_node.get((node, identity))
        return self._look(node, identity) if known is None else known

    def _look(self, node: str, identity: str) -> Mapping[str, PermissionSet]:
        view = self._auditing.view(node)
        situation = _Situation(
            view=view,
            present=node in self._given.first,
            admin=node in self._given.admin,
            data=node in self._given.data,
            unreadable=self._given.unreadable.get(node, frozenset()),
            public=frozenset(service for place, service in self._doubts.public if place == node),
            exempted=view.exempts(identity),
            excluded=node in self._given.excluded,
            proved=self._proved(node),
            cut=node in self._given.cut,
            short=node in self._given.short,
        )
        codes = self._cache.get(situation)
        if codes is None:
            codes = self._cache[situation] = self._judge(situation)
        self._by_node[node, identity if view.exemptions else ""] = codes
        return codes

    def _proved(self, node: str) -> PermissionSet:
        names = self._doubts.recorded.get(node, ())
        return self._permissions.present(tuple(names)) & self._classes.unproved

    def _judge(self, situation: _Situation) -> dict[str, PermissionSet]:
        if not situation.present:
            return self._no_logs()
        codes: dict[str, PermissionSet] = {}
        for group in self._classes.groups:
            for code, mask in self._group(situation, group):
                if mask:
                    codes[code] = codes.get(code, 0) | mask
        if unproved := self._classes.unproved & ~situation.proved:
            codes["recording-not-proved"] = unproved
        if lost := self._lost(situation.unreadable):
            codes["log-file-unreadable"] = lost
        return codes

    def _lost(self, unreadable: frozenset[str]) -> PermissionSet:
        """Return the permissions whose calls may stand in files that could not be read."""
        types: set[str] = set()
        if unreadable & {"", "activity"}:
            types.add(ADMIN_WRITE)
        if unreadable & {"", "data_access"}:
            types |= set(DATA_TYPES)
        found = 0
        for group in self._classes.groups:
            if group.types & types:
                found |= group.permissions
        return found

    def _group(self, situation: _Situation, group: Group) -> Iterable[tuple[str, PermissionSet]]:
        """Yield what hides the permissions of one group in one situation."""
        unsure = ADMIN_WRITE in group.types
        if unsure and not situation.admin:
            # Data access records alone: the always-on log was left out of what was given.
            yield "admin-activity-not-given", group.permissions
        default = group.permissions & self._classes.default_on
        if default and group.types & set(DATA_TYPES):
            if not situation.data:
                yield "data-access-logs-not-given", default
            if situation.excluded:
                yield "data-access-logs-excluded", default
            if situation.cut:
                yield "data-access-logs-not-kept", default
            elif situation.short:
                yield "data-access-logs-partial", default
            if situation.open(group.service):
                yield "public-resource-not-logged", default
        for kind in DATA_TYPES:
            code = situation.hides(group.service, kind) if kind in group.types else ""
            if code:
                yield (_unsure(code) if unsure else code), group.permissions & ~default

    def _doubtful(self, permissions: PermissionSet, identity: str) -> Iterable[Blind]:
        """Yield what the identity may have used in calls that do not say so."""
        for prefix in sorted(self._doubts.unmapped.get(identity, ())):
            mask = self._of(f"{prefix}.") & permissions
            if mask:
                yield Blind(
                    mask,
                    "unmapped-operation",
                    f"it made calls of {prefix} whose log records name no permission",
                    "see the unmapped operations in the report: each may be a use of these permissions",
                )
        for foreign in sorted(self._doubts.foreign.get(identity, ())):
            mask = self._of(f"{foreign.rpartition('.')[0]}.") & permissions
            if mask:
                yield Blind(
                    mask,
                    "not-in-catalogue",
                    f"it used {foreign}, which no role in the evidence holds: perhaps another name of these",
                    "export the role that gives it, or all predefined roles, into roles",
                )
        for call, mask in sorted(self._doubts.within.get(identity, {}).items()):
            if mask & permissions:
                yield Blind(
                    mask & permissions,
                    "checked-within",
                    f"calls of {call}, which it made, check this too and need not name it in their record",
                    f"keep it while the identity uses {call}",
                )
        yield from self._doubts.witnesses.blind(identity, self._permissions, permissions)
        if self._doubts.nameless & permissions:
            yield Blind(
                self._doubts.nameless & permissions,
                "caller-not-recorded",
                "calls were recorded without their caller, which may have been this identity",
                "see the events without a caller in the report",
            )

    def _of(self, prefix: str) -> PermissionSet:
        """Return every permission whose name starts with a service or resource."""
        found = self._prefixes.get(prefix)
        if found is None:
            service = prefix.partition(".")[0]
            held = 0
            for group in self._classes.groups:
                if group.service == service:
                    held |= group.permissions
            members = self._permissions.names(held)
            found = self._permissions.mask(name for name in members if name.startswith(prefix))
            self._prefixes[prefix] = found
        return found

    def _unlogged(self, permissions: PermissionSet) -> Iterable[Blind]:
        for why, mask in self._classes.unlogged:
            if mask & permissions:
                yield Blind(mask & permissions, "never-logged", why, "no log setting shows these calls")

    def _blind(self, code: str, hidden: _Hidden, identity: str) -> Blind:
        places = sorted(hidden.nodes)
        where = names(places) if any(places) else "the resource's unknown project"
        prefixes = list(self._permissions.services(hidden.permissions)) if _fixed_by_config(code) else []
        return Blind(hidden.permissions, code, reason(code, where, identity), fix(code, places, prefixes))


def _unsure(code: str) -> str:
    """Return the code for a permission that may be an admin write or a data call: only that may hide it."""
    doubtful = ("data-access-logs-off", "data-access-logs-not-known")
    return "permission-class-unknown" if code in doubtful else code


def _fixed_by_config(code: str) -> bool:
    return code in ("data-access-logs-off", "data-access-logs-not-known", "permission-class-unknown")
