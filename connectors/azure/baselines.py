"""Answer for Azure what a baseline, a scan or a proposal allows, and what one allows beyond another."""

from collections.abc import Mapping, Sequence
from typing import Any

from connectors import covering
from connectors.azure.grants.operations import build_universe
from connectors.azure.ids import holds, resource_id
from connectors.azure.inventory import read_inventory
from connectors.azure.policy.patterns import Block, Plane, Universe, matches
from connectors.azure.proposals import of_blocks, read_proposals
from connectors.baselines import Allowance, Excess, Globs, Holding, Pair
from connectors.facts import Effect, Facts, PermissionSet
from connectors.interface import Evidence
from connectors.reduction import Ruling


class AzureBaselines:
    """Baselines as the actions and data actions of roles at scopes, with conditions word for word."""

    fold_permissions = True
    fold_scopes = True

    def held(
        self, evidence: Sequence[Evidence], facts: Facts, keep: Mapping[str, PermissionSet] | None = None
    ) -> Mapping[str, Holding]:
        """Return the role assignments of each identity, those of its groups included."""
        inventory = read_inventory(evidence)
        universe = _universe(evidence, ())
        data = set(map(str.lower, universe.permissions.names(universe.plane(Plane.DATA))))
        found: dict[str, tuple[str, list[Allowance], list[str]]] = {
            one.id: (one.name, [], []) for one in facts.identities if keep is None or one.id in keep
        }
        for grant in facts.grants:
            assignment = inventory.assignments.get(grant.id)
            if grant.identity not in found or grant.effect is Effect.DENY or assignment is None:
                continue
            _, own, undecided = found[grant.identity]
            definition = inventory.definitions.get(assignment.definition)
            source = f"{grant.name} on {assignment.scope}"
            if definition is None:
                undecided.append(f"{source}: what it gives is not in the evidence")
                continue
            whole = list(of_blocks(definition.blocks, (assignment.scope,), assignment.condition, source))
            if keep is None:
                own += whole
                continue
            names = facts.permissions.names(grant.permissions & keep[grant.identity])
            own += _narrowed(whole, names, data)
        return {
            key: Holding(key, name, tuple(own), tuple(undecided))
            for key, (name, own, undecided) in found.items()
        }

    def proposed(
        self, document: Mapping[str, Any], evidence: Sequence[Evidence], scope: str
    ) -> Sequence[Holding] | None:
        """Return what a role definition, an assignment or a Terraform plan would give."""
        return read_proposals(document, read_inventory(evidence), scope)

    def excess(self, pairs: Sequence[Pair], evidence: Sequence[Evidence]) -> Sequence[Sequence[Excess]]:
        """Return what is asked beyond what is allowed; wildcards are expanded over all operations known."""
        universe = _universe(evidence, [one for pair in pairs for one in (*pair.allowed, *pair.asked)])
        return [
            covering.excess(
                _canonical(pair.allowed),
                _canonical(pair.asked),
                covers=matches,
                holds=holds,
                expand=lambda one: _expanded(one, universe),
            )
            for pair in pairs
        ]

    def rule(self, allowances: Sequence[Allowance], identity: str, permission: str, resource: str) -> Ruling:
        """Decide one request by these allowances alone."""
        del identity
        return covering.rule(
            _canonical(allowances), permission, resource_id(resource), covers=matches, holds=holds
        )

    def globs(self, allowance: Allowance) -> Globs | None:
        """Return an allowance as patterns: a scope holds what is written below it."""
        (one,) = _canonical([allowance])
        return covering.below(one)


def _narrowed(whole: Sequence[Allowance], names: Sequence[str], data: set[str]) -> list[Allowance]:
    """Return the blocks of a role reduced to names; each name stands in the first block that gives it."""
    left = list(names)
    found = []
    for one in whole:
        mine = [
            name
            for name in left
            if any(matches(pattern, name) for pattern in one.permissions)
            and ("*" in name or (name.lower() in data) == (one.plane == "data"))
        ]
        if mine:
            taken = one.not_permissions if any("*" in name for name in mine) else ()
            found.append(
                Allowance(tuple(mine), one.scopes, one.condition, one.plane, taken, source=one.source)
            )
            if not one.condition:
                left = [name for name in left if name not in mine]
    return found


def _canonical(allowances: Sequence[Allowance]) -> list[Allowance]:
    """Return allowances with scopes in one spelling."""
    return [
        Allowance(
            one.permissions,
            tuple(resource_id(scope) or "/" for scope in one.scopes),
            one.condition,
            one.plane,
            one.not_permissions,
            refuse=one.refuse,
            source=one.source,
        )
        for one in allowances
    ]


def _universe(evidence: Sequence[Evidence], allowances: Sequence[Allowance]) -> Universe:
    rows = [row for one in evidence for row in one.usage()]
    universe = build_universe(read_inventory(evidence), rows, evidence)
    for plane in Plane:
        named = [a for a in allowances if (a.plane == "data") == (plane is Plane.DATA)]
        universe.add(plane, [name for one in named for name in (*one.permissions, *one.not_permissions)])
    return universe


def _expanded(one: Allowance, universe: Universe) -> list[str]:
    """Return the operations of one allowance; a pattern stands for itself where the list may be short."""
    data = one.plane == "data"
    block = Block(
        actions=() if data else one.permissions,
        not_actions=() if data else one.not_permissions,
        data_actions=one.permissions if data else (),
        not_data_actions=one.not_permissions if data else (),
    )
    plane = Plane.DATA if data else Plane.CONTROL
    return universe.permissions.names(universe.block(plane, block))
