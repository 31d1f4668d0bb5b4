"""Answer for Google Cloud what a baseline, a scan or a proposal allows, and what one adds to another."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from connectors import covering
from connectors.baselines import Allowance, Excess, Globs, Holding, Pair
from connectors.facts import Effect, Facts, Grant, PermissionSet
from connectors.gcp.inventory import read_inventory
from connectors.gcp.policy.scopes import holds
from connectors.gcp.proposals import read_proposals
from connectors.interface import Evidence
from connectors.reduction import Ruling


class GcpBaselines:
    """Baselines as permissions at places of the resource hierarchy, with conditions word for word."""

    fold_permissions = False
    fold_scopes = False

    def held(
        self, evidence: Sequence[Evidence], facts: Facts, keep: Mapping[str, PermissionSet] | None = None
    ) -> Mapping[str, Holding]:
        """Return the bindings of each identity; roles are written out, since Google changes its own."""
        del evidence
        found: dict[str, tuple[str, list[Allowance], list[str]]] = {
            one.id: (one.name, [], []) for one in facts.identities if keep is None or one.id in keep
        }
        for grant in facts.grants:
            if grant.identity not in found or grant.effect is Effect.DENY:
                continue
            _, own, undecided = found[grant.identity]
            if not grant.permissions:
                if grant.undecided:
                    undecided.append(f"{grant.name} on {grant.scope}: what it gives is not in the evidence")
                continue
            wanted = grant.permissions if keep is None else grant.permissions & keep[grant.identity]
            if wanted:
                own.append(_allowance(grant, facts.permissions.names(wanted)))
        return {
            key: Holding(key, name, tuple(own), tuple(undecided))
            for key, (name, own, undecided) in found.items()
        }

    def proposed(
        self, document: Mapping[str, Any], evidence: Sequence[Evidence], scope: str
    ) -> Sequence[Holding] | None:
        """Return what an allow policy, a role or a Terraform plan would give."""
        return read_proposals(document, read_inventory(evidence), scope)

    def excess(self, pairs: Sequence[Pair], evidence: Sequence[Evidence]) -> Sequence[Sequence[Excess]]:
        """Return what is asked beyond what is allowed."""
        hierarchy = read_inventory(evidence).hierarchy
        return [
            covering.excess(
                pair.allowed,
                pair.asked,
                covers=covers,
                holds=lambda outer, inner: holds(hierarchy, outer, inner),
                expand=lambda one: one.permissions,
            )
            for pair in pairs
        ]

    def rule(self, allowances: Sequence[Allowance], identity: str, permission: str, resource: str) -> Ruling:
        """Decide one request by these allowances alone."""
        del identity
        hierarchy = read_inventory(()).hierarchy
        return covering.rule(
            allowances,
            permission,
            resource,
            covers=covers,
            holds=lambda outer, inner: holds(hierarchy, outer, inner),
        )

    def globs(self, allowance: Allowance) -> Globs | None:
        """Return an allowance as patterns: a place holds what is written below it."""
        return covering.below(allowance)


def _allowance(grant: Grant, names: Sequence[str]) -> Allowance:
    return Allowance(tuple(names), (grant.scope,), grant.conditions, source=f"{grant.name} on {grant.scope}")


def covers(pattern: str, name: str) -> bool:
    """Tell whether a permission, or a pattern with `*` that a person wrote, covers a name."""
    if "*" not in pattern:
        return pattern == name
    return _regex(pattern).fullmatch(name) is not None


@lru_cache(maxsize=4096)
def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile(
        ".*".join(re.escape(part) for part in re.sub(r"\*+", "*", pattern).split("*")), re.DOTALL
    )
