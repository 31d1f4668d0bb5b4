"""All types of findings, and the one way to run them."""

from collections.abc import Iterable

from scanner.results import IdentityResult
from scanner.rules import (
    admin_grant,
    no_owner,
    static_credential,
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
    static_credential,
    unused_credential,
    no_owner,
    unobservable_access,
)
"""In the order of their ids."""


def find_all(results: Iterable[IdentityResult], context: RuleContext) -> list[Finding]:
    """Return the findings of every rule over the identities of one cloud, worst first."""
    findings = [finding for result in results for rule in RULES for finding in rule.find(result, context)]
    return sorted(findings, key=order)


def order(finding: Finding) -> tuple[int, str, str, str, str]:
    """Return the sort key of the report document: severity, rule, provider, identity, subject."""
    return (finding.severity.rank, finding.rule, finding.provider, finding.identity, finding.subject)
