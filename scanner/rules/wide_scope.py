"""ED104 wide-scope: a grant over every resource of an account, project or subscription."""

from collections.abc import Iterator

from connectors.facts import PermissionSet
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
    """Yield one finding for each policy, binding or assignment that names no resources where it could.

    Statements of one policy are one finding: they are mended in one edit. Only what no other layer takes
    away again counts. Nothing for identities of the provider, whose scope is not the customer's to narrow.
    """
    if result.identity.managed_by_provider:
        return
    written: dict[str, list[GrantResult]] = {}
    for entry in allows(result):
        if entry.grant.wide & result.verdicts.granted:
            written.setdefault(entry.grant.document or entry.grant.source, []).append(entry)
    for source, entries in sorted(written.items()):
        yield _finding(source, entries, result, context)


def _finding(
    source: str, entries: list[GrantResult], result: IdentityResult, context: RuleContext
) -> Finding:
    wide = 0
    for entry in entries:
        wide |= entry.grant.wide
    reaching = wide & result.verdicts.granted
    names = context.permissions.names(reaching)
    resources = _resources(wide, result, context)
    undecided = all(entry.grant.undecided for entry in entries)
    called_grant = entries[0].grant.name
    scopes = sorted({entry.grant.scope for entry in entries})
    seen = f" The logs name {listed(resources, 3)} as used." if resources else ""
    narrowed = " A condition that was not decided may narrow it." if undecided else ""
    return Finding(
        rule=ID,
        title=f"{called_grant} gives {called(result)} access to every resource",
        severity=severity_of(reaching, result),
        confidence=Confidence.MEDIUM if undecided else Confidence.HIGH,
        **whose(result.identity),
        subject=source,
        message=f"{called_grant} gives {many(len(names), 'permission')} with scope {listed(scopes, 3)}, "
        f"although the cloud lets a narrower resource be named for {'it' if len(names) == 1 else 'them'}."
        f"{narrowed}{seen}",
        evidence={
            "grants": [entry.grant.id for entry in entries][:NAMES],
            "name": called_grant,
            "source": source,
            "scope": scopes[:NAMES],
            "conditions": sorted({e.grant.conditions for e in entries if e.grant.conditions})[:NAMES],
            "permissions": names[:NAMES],
            "permissions_total": len(names),
            "services": list(context.permissions.services(reaching))[:NAMES],
            "resources_used": resources[:NAMES],
            "resources_used_total": len(resources),
        },
        remediation=f"Let {called_grant}, written in {source}, cover only the resources that "
        f"{called(result)} needs"
        + (f", beginning with those it used: {listed(resources, _RESOURCES)}" if resources else "")
        + ". First ask the owner which further ones its tasks need; logs show only what was logged.",
    )


def _resources(wide: PermissionSet, result: IdentityResult, context: RuleContext) -> list[str]:
    """Return the resources that logs show used with these permissions, sorted."""
    found = set()
    for row in result.usage:
        bit = context.permissions.find(row.permission)
        if bit is not None and wide >> bit & 1 and row.count > row.denied and row.resource:
            found.add(row.resource)
    return sorted(found)
