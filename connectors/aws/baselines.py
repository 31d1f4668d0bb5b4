"""Answer for AWS what a baseline, a scan or a proposed policy allows, and what one allows beyond another."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.aws.catalog.actions import Catalogue
from connectors.aws.grants.decide import Answer, Layer, LayerKind, Request, decide
from connectors.aws.grants.holdings import Written, policies_of_all
from connectors.aws.inventory import read_inventory
from connectors.aws.policy.allowances import allowance, statements
from connectors.aws.policy.conditions import Context, Missing
from connectors.aws.policy.cover import is_opaque
from connectors.aws.policy.document import Document, Statement
from connectors.aws.policy.excess import excess
from connectors.aws.proposals import read_proposals
from connectors.baselines import (
    ALLOWED,
    NOT_ALLOWED,
    REFUSED,
    UNDECIDED,
    Allowance,
    Excess,
    Globs,
    Holding,
    Pair,
)
from connectors.facts import Effect, Facts, PermissionSet
from connectors.interface import Evidence
from connectors.reduction import Ruling

_WORDS = {
    Answer.ALLOWED: ALLOWED,
    Answer.EXPLICITLY_DENIED: REFUSED,
    Answer.IMPLICITLY_DENIED: NOT_ALLOWED,
    Answer.UNDECIDED: UNDECIDED,
}


class AwsBaselines:
    """Baselines in IAM's own terms: actions, resources, Condition blocks."""

    fold_permissions = True
    fold_scopes = False

    def held(
        self, evidence: Sequence[Evidence], facts: Facts, keep: Mapping[str, PermissionSet] | None = None
    ) -> Mapping[str, Holding]:
        """Return the identity policies of each user and role, those of groups included.

        Boundaries and organization policies only limit them and are no part of what is approved.
        """
        inventory = read_inventory(evidence)
        written = policies_of_all(inventory)
        catalogue = Catalogue()
        found: dict[str, Holding] = {}
        for holder in inventory.holders:
            kept = None if keep is None else keep.get(holder.arn)
            if keep is not None and kept is None:
                continue
            wanted = None if kept is None else {name.lower() for name in facts.permissions.names(kept)}
            policies = written[holder.arn]
            own = tuple(
                one
                for policy in policies
                for statement in (policy.document.statements if policy.document else ())
                if (one := _own(policy, statement, wanted, catalogue)) is not None
            )
            found[holder.arn] = Holding(holder.arn, holder.name, own, tuple(_unread(policies)))
        return found

    def proposed(
        self, document: Mapping[str, Any], evidence: Sequence[Evidence], scope: str
    ) -> Sequence[Holding] | None:
        """Return what a policy document or a Terraform plan would give."""
        del scope
        return read_proposals(document, evidence)

    def excess(self, pairs: Sequence[Pair], evidence: Sequence[Evidence]) -> Sequence[Sequence[Excess]]:
        """Return what is asked beyond what is allowed, by exact containment."""
        del evidence
        catalogue = Catalogue()
        found = []
        for pair in pairs:
            wanted = [
                (one, asking.source) for one, asking in zip(statements(pair.asked), pair.asked, strict=True)
            ]
            found.append(sorted(set(excess(statements(pair.allowed), wanted, catalogue))))
        return found

    def rule(self, allowances: Sequence[Allowance], identity: str, permission: str, resource: str) -> Ruling:
        """Decide one request by the identity policies alone; of the caller only its ARN is known."""
        layer = Layer(LayerKind.IDENTITY, "baseline", (Document(tuple(statements(allowances))),))
        known = {"aws:PrincipalArn": (identity,)} if identity else {}
        context = Context(known, {"aws:PrincipalTag/": Missing.UNKNOWN})
        found = decide(Request(permission, resource, context), [layer])
        number = int(found.statement) if found.statement.isdigit() else -1
        source = allowances[number].source if 0 <= number < len(allowances) else ""
        return Ruling(_WORDS[found.answer], "baseline", source, found.reason)

    def globs(self, allowance: Allowance) -> Globs | None:
        """Return an allowance as patterns; None where a resource holds a policy variable."""
        (statement,) = statements([allowance])
        if any(is_opaque(text, statement) for text in statement.resources):
            return None
        if any("${" in text for text in statement.resources):
            return None
        return Globs(allowance.permissions, allowance.scopes, allowance.not_permissions, allowance.not_scopes)


def _own(
    policy: Written, statement: Statement, wanted: set[str] | None, catalogue: Catalogue
) -> Allowance | None:
    """Return a statement as an allowance; with `wanted`, an Allow reduced to the names among these."""
    one = allowance(statement, f"{policy.source}, statement {statement.name}")
    if wanted is None or statement.effect is Effect.DENY:
        return one
    names = 0
    for action in statement.actions:
        names |= catalogue.expand_all(action)
    if statement.not_actions:
        names = catalogue.everything & ~names
    kept = tuple(name for name in catalogue.permissions.names(names) if name.lower() in wanted)
    if not kept:
        return None
    return Allowance(kept, one.scopes, one.condition, not_scopes=one.not_scopes, source=one.source)


def _unread(policies: Sequence[Written]) -> Iterator[str]:
    for policy in policies:
        if policy.document is None:
            yield f"{policy.source}: the policy document is not in the evidence"
        else:
            yield from (f"{policy.source}: {problem}" for problem in policy.document.problems)
