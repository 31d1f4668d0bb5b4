"""List the identities of the evidence, with what runs as them and why they belong to an AI workload."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cache

from connectors.facts import Identity, Signal, SignalKind, TrustGap, Usage, Workload
from connectors.gcp.catalog import Test, matcher, services, table
from connectors.gcp.grants.grants import Holding
from connectors.gcp.grants.members import Aliases, account_of
from connectors.gcp.grants.roles import is_custom
from connectors.gcp.identities.workloads import Runtime
from connectors.gcp.inventory import Inventory
from connectors.gcp.names import SERVICE_ACCOUNT_DOMAIN, agent, principal_id
from connectors.interface import Patterns
from connectors.permissions import Permissions

PROVIDER = "gcp"


@dataclass
class _Draft:
    """What is known of one identity so far."""

    source: str
    account: str
    immutable_id: str = ""
    created: str = ""
    title: str = ""
    enabled: bool = True
    listed: bool = False
    """True when a service-account export names it."""
    signals: set[Signal] = field(default_factory=set)
    workloads: set[Workload] = field(default_factory=set)
    labels: list[Mapping[str, str]] = field(default_factory=list)


class Register:
    """Collects identities from every kind of record, and the signals about them."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._drafts: dict[str, _Draft] = {}
        self.emails: dict[str, str] = {}
        """Service accounts by unique id."""

    def accounts(self) -> Mapping[str, str]:
        """Return every identity with the project that owns it."""
        return {identity: draft.account for identity, draft in self._drafts.items()}

    def add(self, identity: str, source: str) -> None:
        """Note an identity that a record names."""
        if identity and identity not in self._drafts:
            self._drafts[identity] = _Draft(source, account_of(identity, self._inventory.hierarchy))

    def add_service_accounts(self) -> None:
        """Note the service accounts of the exports; these know most about an account."""
        for found in self._inventory.accounts:
            data = found.data
            email = principal_id(str(data.get("email") or ""))
            if not email:
                continue
            self.add(email, found.source)
            draft = self._drafts[email]
            unique = str(data.get("uniqueId") or data.get("unique_id") or "")
            project = str(data.get("projectId") or data.get("project_id") or "")
            draft.listed = True
            draft.account = self._inventory.hierarchy.project(project) if project else draft.account
            draft.immutable_id = draft.immutable_id or unique
            draft.created = draft.created or _stamp(found.created)
            draft.title = str(data.get("displayName") or data.get("display_name") or "")
            draft.enabled = data.get("disabled") is not True
            if unique:
                self.emails[unique] = email

    def add_runtimes(self, runtimes: Iterable[Runtime], aliases: Aliases) -> None:
        """Note what runs as which identity."""
        for runtime in runtimes:
            identity = aliases.of(runtime.identity)
            self.add(identity, runtime.source)
            draft = self._drafts[identity]
            draft.workloads.add(runtime.workload)
            draft.labels.append(runtime.labels)
            if runtime.signal is not None:
                draft.signals.add(runtime.signal)

    def signal(self, identity: str, signal: Signal) -> None:
        """Note one reason to call a known identity an AI workload."""
        if identity in self._drafts:
            self._drafts[identity].signals.add(signal)

    def read_grants(self, holdings: Iterable[Holding]) -> None:
        """Note identities that hold roles or permissions of AI services.

        A person's grant says nothing about a workload; a basic role says nothing about anyone.
        """
        for holding in holdings:
            grant = holding.grant
            kind = _kind(grant.identity, self._drafts.get(grant.identity))
            if holding.holds is False or kind == "user" or "/workforcePools/" in grant.identity:
                continue
            found = _ai_grant(grant.name, grant.permissions, self._inventory.permissions)
            if found:
                self.signal(grant.identity, Signal(SignalKind.GRANT, found, grant.source))

    def read_usage(self, usage: Iterable[Usage]) -> None:
        """Note identities that called models and agents; a person who did is no workload."""
        for row in usage:
            person = _kind(row.identity, self._drafts.get(row.identity)) == "user"
            if row.count > row.denied and not person and is_ai_permission(row.permission):
                signal = Signal(SignalKind.USAGE, row.permission, row.operation or "audit log")
                self.signal(row.identity, signal)

    def identities(
        self,
        patterns: Patterns,
        trusted: Mapping[str, Sequence[str]],
        gaps: Callable[[str], Iterable[TrustGap]],
    ) -> tuple[Identity, ...]:
        """Return the identities, sorted by account and id; `gaps` tells where a member lets in everybody."""
        made = [
            replace(
                _identity(identity, draft, patterns, trusted.get(identity, ())),
                trust_gaps=tuple(
                    sorted({gap for one in (identity, *trusted.get(identity, ())) for gap in gaps(one)})
                ),
            )
            for identity, draft in self._drafts.items()
        ]
        return tuple(sorted(made, key=lambda one: (one.account, one.id)))


def _identity(identity: str, draft: _Draft, patterns: Patterns, trusted: Sequence[str]) -> Identity:
    kind, name = _kind(identity, draft), _name(identity, draft)
    signals = draft.signals | set(_own_signals(identity, name, draft, patterns))
    return Identity(
        id=identity,
        provider=PROVIDER,
        account=draft.account,
        kind=kind,
        name=name,
        source=draft.source,
        immutable_id=draft.immutable_id or (identity if kind == "agent-identity" else ""),
        owner=_owner(draft.labels, patterns.owners),
        created=draft.created,
        enabled=draft.enabled,
        managed_by_provider=kind == "service-agent",
        signals=tuple(sorted(signals)),
        workloads=tuple(sorted(draft.workloads)),
        trusted=tuple(trusted),
    )


def _kind(identity: str, draft: _Draft | None) -> str:
    """Return the kind word of an identity, by the form of its name."""
    if agent(identity):
        return "agent-identity"
    if identity.startswith("principal://") or not identity.endswith(SERVICE_ACCOUNT_DOMAIN):
        person = "@" in identity and not identity.startswith("principal://")
        return "user" if person else "federated"
    domain = identity.partition("@")[2]
    if services().is_default_domain(domain):
        return "default-service-account"
    listed = draft is not None and draft.listed
    agents = services().is_agent_domain(domain) or services().is_internal_domain(domain)
    return "service-agent" if agents and not listed else "service-account"


def _name(identity: str, draft: _Draft) -> str:
    """Return the short name of an identity: what a person would look for."""
    found = agent(identity)
    if found:
        shown = min((one.name for one in draft.workloads), default="")
        return shown or found.resource.rpartition("/")[2]
    if identity.endswith(SERVICE_ACCOUNT_DOMAIN):
        return identity.partition("@")[0]
    return identity.rpartition("/subject/")[2] if "/subject/" in identity else identity


def _own_signals(identity: str, name: str, draft: _Draft, patterns: Patterns) -> Iterable[Signal]:
    """Yield the signals that the identity's own name and the labels of what runs as it give."""
    if agent(identity):
        yield Signal(SignalKind.DECLARED, "agent identity", identity)
    domain = identity.partition("@")[2]
    if domain and _ai_agents()(domain):
        yield Signal(SignalKind.DECLARED, "service agent of an AI service", domain)
    for pattern in patterns.names:
        if fnmatchcase(name.lower(), pattern.lower()):
            yield Signal(SignalKind.NAME, pattern, name)
    pairs = {f"{key}={value}" for labels in draft.labels for key, value in labels.items()}
    for pattern in patterns.tags:
        for pair in sorted(pairs):
            if fnmatchcase(pair.lower(), pattern.lower()):
                yield Signal(SignalKind.TAG, pattern, pair)


def _owner(labels: Iterable[Mapping[str, str]], keys: Sequence[str]) -> str:
    """Return the owner that the labels of what runs as an identity name, by the first key that does."""
    wanted = [key.lower() for key in keys]
    found = {(wanted.index(k.lower()), v) for one in labels for k, v in one.items() if k.lower() in wanted}
    return min(found, default=(0, ""))[1]


_LOOKING = ("viewer", "reader")
"""Ends the names of roles that mostly look at things, as inventories and scanners hold them."""


def _ai_grant(role: str, permissions: int, catalogue: Permissions) -> str:
    """Return why a grant points to an AI workload, or an empty string."""
    service = role.startswith(tuple(table("ai_signals")["grants"]["role_prefixes"]))
    if service and not role.lower().endswith(_LOOKING):
        return role
    if not (service or is_custom(role)) or not permissions:
        return ""
    found = next(filter(is_ai_permission, catalogue.names(permissions)), "")
    return f"{role} ({found})" if found else ""


@cache
def _ai_permissions() -> Test:
    return matcher(table("ai_signals")["grants"]["permissions"])


def is_ai_permission(name: str) -> bool:
    """Return whether using a permission is calling, training or running a model or an agent."""
    return _ai_permissions()(name)


@cache
def _ai_agents() -> Test:
    return matcher(table("ai_signals")["service_agents"]["domains"])


def is_ai_agent(identity: str) -> bool:
    """Return whether an identity is an agent or the service agent of an AI service."""
    return agent(identity) is not None or _ai_agents()(identity.partition("@")[2])


def _stamp(time: str) -> str:
    """Return a time of an export cut to the second."""
    return f"{time[:19]}Z" if len(time) >= 20 and time.endswith("Z") else ""
