"""Tell which service accounts each identity may become: by a token, a signature, a key, its policy, or code.

A token may be asked through accounts on which the caller holds `implicitDelegation` (a chain of delegates):
the last of them must be allowed to make it. `actAs` alone makes nobody an account: it needs a place to run
code at (`trust/running.py`). Source: docs.cloud.google.com/iam/docs/service-account-impersonation and
/iam/docs/create-short-lived-credentials-delegated.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from connectors.facts import Identity, PermissionSet, Step
from connectors.gcp.catalog import services, table
from connectors.gcp.grants.denies import Denials
from connectors.gcp.grants.grants import Holding
from connectors.gcp.hierarchy import Hierarchy
from connectors.gcp.names import SERVICE_ACCOUNT_DOMAIN, principal_id
from connectors.gcp.trust.running import Running, left
from connectors.permissions import Permissions

_ACCOUNT = "/serviceAccounts/"


def steps_of_all(
    identities: Iterable[Identity],
    holdings: Mapping[str, Sequence[Holding]],
    denials: Denials,
    permissions: Permissions,
    emails: Mapping[str, str],
    hierarchy: Hierarchy,
) -> dict[str, tuple[Step, ...]]:
    """Return by identity the service accounts that it may become, for certain or under something undecided.

    Only accounts from which it goes on: administrators, and those that may become others themselves.
    """
    data = table("impersonation")["becoming"]
    becoming, tokens, delegation = (
        permissions.present(tuple(data[key])) for key in ("permissions", "token", "through")
    )
    running = Running(permissions, denials, hierarchy)
    powers = becoming | delegation | running.acting
    worth = {
        who
        for who, held in holdings.items()
        if any(one.holds is not False and (one.grant.admin or one.grant.permissions & powers) for one in held)
    }
    accounts = [one for one in identities if one.enabled and one.id in worth and _is_own(one.id)]
    finder = _Finder(_Targets.of(accounts, emails), denials, permissions, hierarchy)
    found: dict[str, dict[str, bool]] = {}
    coded: dict[str, dict[str, Step]] = {}
    handing: dict[str, dict[str, bool]] = {}
    for who, held in sorted(holdings.items()):
        if not any(one.grant.permissions & powers for one in held):
            continue
        rules = finder.rules(who)
        through = {delegate(one): sure for one, sure in finder.reached(who, held, delegation, rules).items()}
        found[who] = finder.reached(who, held, becoming, rules) | through
        if not _rules_already(held, rules):
            acting = finder.reached(who, held, running.acting, rules)
            coded[who] = running.steps(acting, finder.targets.projects, held, rules)
        if who in finder.targets.projects:
            handing[delegate(who)] = finder.reached(who, held, tokens, rules) | through
    asked = {target for reached in (*found.values(), *handing.values()) for target in reached}
    found |= {who: reached for who, reached in handing.items() if who in asked}
    return {who: steps for who, reached in found.items() if (steps := _steps(reached, coded.get(who, {})))}


def _steps(taken: Mapping[str, bool], coded: Mapping[str, Step]) -> tuple[Step, ...]:
    """Return the steps of one identity: by code only where it is not taken for certain."""
    steps = dict(coded)
    for target, sure in taken.items():
        if sure or target not in coded or not coded[target].sure:
            steps[target] = Step(target, sure)
    return tuple(steps[target] for target in sorted(steps))


def _rules_already(held: Iterable[Holding], rules: Collection[object]) -> bool:
    """Return whether an identity is an administrator whom nothing limits: chains end there.

    Editors may act as every account of their project: an organization may have thousands of both.
    """
    return not rules and any(one.grant.admin and one.sure == one.grant.permissions for one in held)


def delegate(account: str) -> str:
    """Return what stands in a chain for an account that hands on a token of the next, without being taken."""
    return f"{account} (as a delegate)"


def _is_own(identity: str) -> bool:
    """Return whether an identity is a service account of a customer: nobody becomes one of Google's."""
    domain = identity.partition("@")[2]
    return identity.endswith(SERVICE_ACCOUNT_DOMAIN) and not services().is_agent_domain(domain)


@dataclass(frozen=True)
class _Targets:
    """The accounts worth becoming, by e-mail and unique id, and by project."""

    names: Mapping[str, str]
    by_project: Mapping[str, Sequence[str]] = field(default_factory=dict)
    projects: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, accounts: Sequence[Identity], emails: Mapping[str, str]) -> "_Targets":
        """Index accounts."""
        by_project: dict[str, list[str]] = {}
        for one in accounts:
            by_project.setdefault(one.account, []).append(one.id)
        known = {one.id for one in accounts}
        unique = {name: principal_id(email) for name, email in emails.items()}
        names = {**{one: one for one in known}, **{n: e for n, e in unique.items() if e in known}}
        return cls(names, by_project, {one.id: one.account for one in accounts})


@dataclass
class _Finder:
    """Finds the accounts that the grants of an identity reach."""

    targets: _Targets
    denials: Denials
    permissions: Permissions
    hierarchy: Hierarchy
    _below: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def rules(self, who: str) -> Sequence[tuple[str, PermissionSet, bool]]:
        """Return the deny rules that apply to an identity, or may: place, permissions, whether it is sure."""
        return [(rule.node, rule.permissions, applies is True) for rule, applies in self.denials.of(who)]

    def reached(
        self,
        who: str,
        held: Iterable[Holding],
        wanted: PermissionSet,
        rules: Collection[tuple[str, PermissionSet, bool]],
    ) -> dict[str, bool]:
        """Return the accounts on which an identity holds one of the wanted permissions; sure or not."""
        found: dict[str, bool] = {}
        for holding in held:
            given = (holding.sure | holding.open) & wanted if holding.holds is not False else 0
            for target in self._on(holding) if given else ():
                node = f"projects/{self.targets.projects[target]}"
                sure, perhaps = left(holding, wanted, node, rules, self.denials, self.hierarchy)
                if target != who and (sure or perhaps):
                    found[target] = found.get(target, False) or bool(sure)
        return found

    def _on(self, holding: Holding) -> Iterator[str]:
        """Yield the accounts that a grant is on, or stands above."""
        source = holding.grant.source
        if _ACCOUNT in source:
            written = source.rpartition(_ACCOUNT)[2]
            target = self.targets.names.get(written) or self.targets.names.get(principal_id(written))
            if target:
                yield target
        elif source.startswith("//cloudresourcemanager."):
            yield from self._in(holding.node)

    def _in(self, node: str) -> tuple[str, ...]:
        found = self._below.get(node)
        if found is None:
            projects = self.hierarchy.projects_below(node) if node else ()
            found = tuple(one for name in projects for one in self.targets.by_project.get(name, ()))
            self._below[node] = found
        return found
