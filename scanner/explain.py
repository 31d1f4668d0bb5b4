"""Say of one identity, or one permission of it, why it is allowed, whether it was used, and what goes."""

from collections.abc import Iterator
from pathlib import Path

from connectors.bundle import open_bundle
from connectors.facts import Facts, Grant
from connectors.interface import Patterns
from connectors.reduction import Ruling
from connectors.registry import connector
from reports.document import IdentityEntry, Report, Verdict
from scanner.errors import ConfigError
from scanner.offer import claim_lines

EVIDENCE = "evidence"
_MOST = 25
_VERDICTS: tuple[Verdict, ...] = ("used", "denied", "unused", "unobservable", "conditional")


def explain(
    report: Report, entry: IdentityEntry, folder: Path, permission: str = "", resource: str = ""
) -> list[str]:
    """Return the explanation line by line.

    Where a permission is written is derived from the evidence bundle beside the report; without it that part
    says so and the rest stands.
    """
    lines = [
        f"{entry.name}: {entry.kind} of {entry.provider} account {entry.account}"
        + (f", stage {entry.stage}" if entry.stage else ""),
        f"  id {entry.id}",
        f"  window {report.window.start} to {report.window.end}",
    ]
    if not permission:
        return [*lines, *_identity(entry)]
    name = _spelling(entry, permission)
    if set(name) & set("*?") and _place(entry, name)[0] is None:
        message = f"{permission}: is a pattern, and one permission at a time is explained"
        raise ConfigError(message, hint="name one permission, or none for a summary of the identity")
    lines += ["", *_verdict(entry, name), "", "Where it is written"]
    lines += _written(entry, folder, name, resource)
    lines += [
        "",
        "Use in the window",
        *_use(entry, name, resource),
        "",
        "Reduction",
        *_fate(entry, name),
    ]
    return lines


def _identity(entry: IdentityEntry) -> Iterator[str]:
    counts = entry.permissions
    yield ""
    yield "Permissions: " + ", ".join(f"{getattr(counts, v):,} {v}" for v in _VERDICTS)
    for reason in sorted(entry.reasons, key=lambda one: (_VERDICTS.index(one.verdict), -one.count)):
        yield f"  {reason.count:,} {reason.verdict}: {reason.reason}"
        if reason.fix:
            yield f"    what would show it: {reason.fix}"
    yield ""
    yield "Where they are written"
    for grant in entry.grants:
        scope = f"{grant.effect} {grant.permissions:,} permissions on {grant.scope}"
        condition = f" when {grant.conditions}" if grant.conditions else ""
        last = f", last used {grant.last_used}" if grant.last_used else ""
        yield f"  {grant.name or grant.id}: {scope}{condition}: {grant.verdict}{last}"
        yield f"    written in {grant.source}"
    yield ""
    yield "Credentials"
    for credential in entry.credentials:
        last = f", last used {credential.last_used}" if credential.last_used else ", no use seen or reported"
        yield f"  {credential.kind} {credential.id}: {credential.status}, {credential.uses:,} calls{last}"
    if not entry.credentials:
        yield "  none in the evidence"
    yield ""
    yield "Reduction"
    yield from (f"  {line}" for line in claim_lines(entry.reduction))
    left_out = entry.reduction.leaves_out
    yield f"  removes {entry.reduction.removes:,}, keeps {entry.reduction.keeps:,}" + (
        f", leaves out {len(left_out):,} without effect ({', '.join(left_out[:3])}"
        + (f" and {len(left_out) - 3:,} more)" if len(left_out) > 3 else ")")
        if left_out
        else ""
    )
    for stay in entry.reduction.stays:
        yield f"  stays although unused: {stay.count:,}: {stay.reason}"


def _spelling(entry: IdentityEntry, permission: str) -> str:
    """Return the permission as the report spells it; compared without case."""
    folded = permission.lower()
    for service in entry.services:
        for verdict in _VERDICTS:
            names: list[str] = getattr(service, verdict)
            for name in names:
                if name.lower() == folded:
                    return name
    return permission


def _place(entry: IdentityEntry, name: str) -> tuple[Verdict | None, str]:
    """Return the verdict of a permission and the service it is listed under."""
    for service in entry.services:
        for verdict in _VERDICTS:
            if name in getattr(service, verdict):
                return verdict, service.service
    return None, ""


def _verdict(entry: IdentityEntry, name: str) -> Iterator[str]:
    verdict, service = _place(entry, name)
    if verdict is None:
        yield f"{name}: neither granted nor called"
        return
    for reason in entry.reasons:
        if reason.verdict == verdict and (name in reason.permissions or service in reason.services):
            yield f"{name}: {verdict}, because {reason.reason}"
            if reason.fix:
                yield f"  what would change that: {reason.fix}"
            return
    yield f"{name}: {verdict}"


def _written(entry: IdentityEntry, folder: Path, name: str, resource: str) -> list[str]:
    if not (folder / EVIDENCE).is_dir():
        return [
            f"  not known here: {folder / EVIDENCE} is gone, and the report alone lists grants without names"
        ]
    bundle = open_bundle(folder / EVIDENCE)
    evidence = [source for source in bundle.sources if source.provider == entry.provider]
    wing = connector(entry.provider)
    facts = wing.interpret(evidence, bundle.window, Patterns())
    lines = list(_grants(facts, entry, name))
    if resource:
        ruling = wing.rule(evidence, entry.id, name, resource, bundle.window)
        lines += _ruled(ruling, name, resource)
    return lines


def _grants(facts: Facts, entry: IdentityEntry, name: str) -> Iterator[str]:
    number = facts.permissions.find(name)
    found = [
        grant
        for grant in facts.grants
        if grant.identity == entry.id and number is not None and grant.permissions >> number & 1
    ]
    for grant in found:
        yield f"  {entry.name} -> {grant.id}: {grant.name}: {_grant(grant)}; written in {grant.source}"
    if not found:
        yield "  no statement that was read names it"
    held = facts.entitlements.get(entry.id)
    if held is not None and number is not None and found:
        if held.granted >> number & 1:
            yield "  after Deny statements and limits: held"
        elif held.conditional >> number & 1:
            yield f"  after Deny statements and limits: conditional, {held.conditional_reason}"
        else:
            yield "  after Deny statements and limits: not held"


def _grant(grant: Grant) -> str:
    words = f"{grant.effect.value} on {grant.scope}"
    if grant.conditions:
        words += f" when {grant.conditions}" + (" (undecided)" if grant.undecided else "")
    return words + (" (others hold this document too)" if grant.shared else "")


def _ruled(ruling: Ruling | None, name: str, resource: str) -> Iterator[str]:
    if ruling is None:
        yield f"  {name} on {resource}: no decision: it cannot be asked about single requests"
        return
    by = f" by {ruling.layer}" if ruling.layer else ""
    by += f", statement {ruling.statement}" if ruling.statement else ""
    yield f"  {name} on {resource}: {ruling.answer}{by}" + (f" ({ruling.reason})" if ruling.reason else "")
    for limit in ruling.limits:
        yield f"  limit asked: {limit}"


def _use(entry: IdentityEntry, name: str, resource: str) -> Iterator[str]:
    every = [row for row in entry.usage if row.permission == name]
    rows = [row for row in every if _may_be_on(row.resource, resource)]
    for row in rows[:_MOST]:
        key = f" with {row.credential}" if row.credential else ""
        via = f" via {row.via}" if row.via else ""
        refused = f", {row.denied:,} refused" if row.denied else ""
        named = row.resource or "an unnamed resource"
        yield f"  {row.count:,} calls{refused} on {named}{key}{via}, last {row.last_seen}"
    if len(rows) > _MOST:
        yield f"  and {len(rows) - _MOST:,} more rows"
    if not rows:
        calls = sum(row.count for row in every)
        yield f"  none on {resource}; {calls:,} calls on other resources" if calls else "  none"


def _may_be_on(recorded: str, resource: str) -> bool:
    """Tell whether calls recorded on a resource may be on the one asked about.

    Records of objects are added up by what holds them (`bucket/*`); some name no resource.
    """
    if not resource or not recorded:
        return True
    return recorded == resource or (recorded.endswith("*") and resource.startswith(recorded[:-1]))


def _fate(entry: IdentityEntry, name: str) -> Iterator[str]:
    verdict, service = _place(entry, name)
    stay = next((s for s in entry.reduction.stays if name in s.permissions or service in s.services), None)
    if verdict is None:
        yield "  nothing to take away"
    elif name in entry.reduction.leaves_out:
        yield "  goes too: where it is granted it has no effect, and nobody used it"
    elif verdict != "unused":
        yield f"  stays: {verdict} permissions are never removed"
    elif stay is not None:
        yield f"  stays: {stay.reason}"
    elif entry.reduction.disposition == "none":
        yield f"  stays: {entry.reduction.reason}"
    else:
        yield "  goes: a call would have been logged and none was"
    yield from (f"  {line}" for line in claim_lines(entry.reduction))
