"""All types of findings, and the one way to run them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from connectors.forked import in_halves
from scanner.results import IdentityResult
from scanner.rules import (
    admin_grant,
    broad_trust,
    destructive_reach,
    escalation_path,
    expired_waiver,
    human_use,
    no_owner,
    self_modification,
    sensitive_reach,
    shared_identity,
    stage_crossing,
    stale_credential,
    static_credential,
    third_party_access,
    unapproved_expansion,
    unobservable_access,
    unused_credential,
    unused_grant,
    unused_identity,
    unused_permission,
    wide_scope,
)
from scanner.rules.finding import Finding, Rule, RuleContext

RULES: tuple[Rule, ...] = (
    unused_permission,
    unused_grant,
    unused_identity,
    wide_scope,
    admin_grant,
    escalation_path,
    broad_trust,
    destructive_reach,
    self_modification,
    static_credential,
    stale_credential,
    unused_credential,
    shared_identity,
    human_use,
    stage_crossing,
    third_party_access,
    unapproved_expansion,
    expired_waiver,
    no_owner,
    unobservable_access,
    sensitive_reach,
)
"""In the order of their ids."""

_WORTH_HALVING = 200
"""Identities from which on a second process saves more than it costs: one takes two or three milliseconds."""


def find_all(results: Sequence[IdentityResult], context: RuleContext) -> list[Finding]:
    """Return the findings of every rule over the identities of one cloud, worst first."""

    def found(some: Iterable[IdentityResult]) -> list[Finding]:
        return [finding for result in some for rule in RULES for finding in _told(rule, result, context)]

    parts = in_halves(results, found, from_items=_WORTH_HALVING)
    return sorted(chain.from_iterable(parts), key=order)


def _told(rule: Rule, result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield a rule's findings, each with where its remedy is carried out when that is not at the identity."""
    place = result.identity.managed_at
    for finding in rule.find(result, context):
        if place:
            remedy = f"{finding.remediation} Do it in the {place}: the identity itself cannot be changed."
            yield replace(finding, remediation=remedy)
        else:
            yield finding


def order(finding: Finding) -> tuple[int, str, str, str, str]:
    """Return the sort key of the report document: severity, rule, provider, identity, subject."""
    return (finding.severity.rank, finding.rule, finding.provider, finding.identity, finding.subject)
