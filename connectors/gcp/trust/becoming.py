"""Tell which service accounts each identity may become: by a token, a signature, a key, its policy, or code.

A token may be asked through accounts on which the caller holds `implicitDelegation` (a chain of delegates):
the last of them must be allowed to make it. `actAs` alone makes nobody an account: it needs a place to run
code at (`trust/running.py`). Source: docs.cloud.google.com/iam/docs/service-account-impersonation and
/iam/docs/create-short-lived-credentials-delegated.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.facts import Identity, PermissionSet, Step
from connectors.gcp.catalog import services, table
from connectors.gcp.grants.denies import Denials
from connectors.gcp.grants.grants import Holding
from connectors.gcp.hierarchy import Hierarchy
from connectors.gcp.names import SERVICE_ACCOUNT_DOMAIN, principal_id
from connectors.gcp.trust.running import Rules, Running, left
from connectors.permissions import Permissions
from connectors.steps import StepGroup, Steps

_ACCOUNT = "/serviceAccounts/"


def steps_of_all(
    identities: Iterable[Identity],
    holdings: Mapping[str, Sequence[Holding]],
    denials: Denials,
    permissions: Permissions,
    emails: Mapping[str, str],
    hierarchy: Hierarchy,
) -> Steps:
    """Return by identity the service accounts that it may become, for certain or under something undecided.

    Only accounts from which it goes on: administrators, and those that may become others themselves. Worked
    out once for all who hold the same where it matters.
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
    alike: dict[_Signature, list[str]] = {}
    for who, held in sorted(holdings.items()):
        relevant = [one for one in held if one.grant.permissions & (powers | running.code)]
        if any(one.grant.permissions & powers for one in relevant):
            alike.setdefault(_signature(relevant, powers | running.code, finder.rules(who)), []).append(who)
    reached: list[tuple[list[str], Iterable[Step]]] = []
    handing: dict[str, Iterable[Step]] = {}
    for (_, rules, limited), callers in alike.items():
        held = holdings[callers[0]]
        through = {delegate(one): sure for one, sure in finder.reached(held, delegation, rules).items()}
        coded: dict[str, Step] = {}
        if limited:
            acting = finder.reached(held, running.acting, rules)
            coded = running.steps(acting, finder.targets.projects, held, rules)
        reached.append((callers, _steps(finder.reached(held, becoming, rules) | through, coded)))
        if any(who in finder.targets.projects for who in callers):
            steps = _steps(finder.reached(held, tokens, rules) | through, {})
            handing |= {delegate(who): steps for who in callers if who in finder.targets.projects}
    asked = {
        step.target for _, steps in (*reached, *(((), one) for one in handing.values())) for step in steps
    }
    reached += [([name], steps) for name, steps in handing.items() if name in asked]
    return Steps(group for callers, steps in reached for group in _groups(callers, steps))


_Signature = tuple[tuple[Any, ...], Rules, bool]


def _signature(held: Iterable[Holding], wanted: PermissionSet, rules: Rules) -> _Signature:
    """Return what decides whom the holders of some grants may become: many hold the same."""
    marks = {
        (
            one.node,
            one.grant.source,
            one.sure & wanted,
            one.open & wanted,
            one.holds,
            one.grant.permissions & wanted,
        )
        for one in held
    }
    return tuple(sorted(marks, key=repr)), tuple(rules), not _unlimited(held, rules)


def _groups(callers: Sequence[str], steps: Iterable[Step]) -> Iterator[StepGroup]:
    targets: dict[tuple[bool, str], list[str]] = {}
    for step in steps:
        targets.setdefault((step.sure, step.how), []).append(step.target)
    for (sure, how), found in sorted(targets.items()):
        yield StepGroup(tuple(callers), tuple(sorted(found)), sure, how=how)


def _steps(taken: Mapping[str, bool], coded: Mapping[str, Step]) -> list[Step]:
    """Return the steps of those who hold the same: by code only where a target is not taken for certain."""
    steps = dict(coded)
    for target, sure in taken.items():
        if sure or target not in coded or not coded[target].sure:
            steps[target] = Step(target, sure)
    return list(steps.values())


def _unlimited(held: Iterable[Holding], rules: Collection[object]) -> bool:
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
                if sure or perhaps:
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
