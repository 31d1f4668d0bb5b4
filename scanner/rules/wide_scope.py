"""ED104 wide-scope: a grant over every resource of an account, project or subscription."""

from collections.abc import Iterator

from scanner.results import Confidence, GrantResult, IdentityResult
from scanner.rules.finding import Finding, RuleContext, Severity, whose
from scanner.rules.power import allows, severity_of
from scanner.rules.wording import NAMES, called, listed, many

ID = "ED104"
NAME = "wide-scope"
TITLE = "Grant on every resource"
SEVERITIES: tuple[Severity, ...] = (Severity.HIGH, Severity.MEDIUM, Severity.LOW)

_RESOURCES = 10


def find(result: IdentityResult, context: RuleContext) -> Iterator[Finding]:
    """Yield one finding for each grant that could name narrower resources and does not.

    Only what no other layer takes away again counts. Nothing for identities of the provider, whose scope
    is not the customer's to narrow.
    """
    identity = result.identity
    if identity.managed_by_provider:
        return
    for entry in allows(result):
        grant = entry.grant
        reaching = grant.wide & result.verdicts.granted
        if not reaching:
            continue
        names = context.permissions.names(reaching)
        resources = _resources(entry, result, context)
        seen = f" The logs name {listed(resources, 3)} as used." if resources else ""
        yield Finding(
            rule=ID,
            title=f"{grant.name} gives {called(result)} access to every resource",
            severity=severity_of(reaching, result),
            confidence=Confidence.MEDIUM if grant.undecided else Confidence.HIGH,
            **whose(identity),
            subject=grant.id,
            message=f"{grant.name} gives {many(len(names), 'permission')} with scope {grant.scope}, although "
            f"the cloud lets a narrower resource be named for {'it' if len(names) == 1 else 'them'}."
            f"{_condition(entry)}{seen}",
            evidence={
                "grant": grant.id,
                "name": grant.name,
                "source": grant.source,
                "scope": grant.scope,
                "conditions": grant.conditions,
                "permissions": names[:NAMES],
                "permissions_total": len(names),
                "services": list(context.permissions.by_service(reaching))[:NAMES],
                "resources_used": resources[:NAMES],
                "resources_used_total": len(resources),
            },
            remediation=f"Let {grant.name}, written in {grant.source}, cover only the resources that "
            f"{called(result)} needs"
            + (f", beginning with those it used: {listed(resources, _RESOURCES)}" if resources else "")
            + ". First ask the owner which further ones its tasks need; logs show only what was logged.",
        )


def _condition(entry: GrantResult) -> str:
    return " A condition that was not decided may narrow it." if entry.grant.undecided else ""


def _resources(entry: GrantResult, result: IdentityResult, context: RuleContext) -> list[str]:
    """Return the resources that logs show used with the grant's wide permissions, sorted."""
    found = set()
    for row in result.usage:
        bit = context.permissions.find(row.permission)
        if bit is not None and entry.grant.wide >> bit & 1 and row.count > row.denied and row.resource:
            found.add(row.resource)
    return sorted(found)
