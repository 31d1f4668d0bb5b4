"""The few facts that every summary opens with, computed in one place so that all say the same."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from reports.document import (
    SEVERITIES,
    DriftChange,
    FindingEntry,
    IdentityEntry,
    PermissionCounts,
    Report,
    Severity,
    Verdict,
)

_Kind = tuple[str, str]
_Text = tuple[str, str]
_Holder = tuple[str, str]


class ReasonGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Why permissions of one cloud have a verdict, added up over reasons of one kind.

    `reason`, `fix`, `permissions` and `places` are those of the kind's most frequent reason. `places` names
    services, and permissions where a service has more than one reason. The other reasons of the kind are
    counted: `like` is how many there are, `like_permissions` how many permissions they hold for.
    """

    provider: str
    reason: str
    fix: str
    permissions: int
    places: list[str]
    identities: int
    like: int
    like_permissions: int

    @property
    def rest(self) -> str:
        """Say how many more permissions have reasons of the same kind; empty when there are none."""
        if not self.like:
            return ""
        return f"{self.like_permissions:,} more for {counted(self.like, 'reason')} like it"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """An identity, or several of different accounts that are written alike, told once by the first."""

    identity: IdentityEntry
    identities: list[IdentityEntry]
    name: str

    @property
    def accounts(self) -> int:
        """In how many accounts it stands."""
        return len({entry.account for entry in self.identities})


class FindingGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Open findings of one severity and type, with the names of their identities and a first example."""

    severity: Severity
    rule: str
    count: int
    identities: list[str]
    example: str


def ai_identities(report: Report) -> list[IdentityEntry]:
    """Give the AI identities, those with the most unused permissions first."""
    ai = [identity for identity in report.identities if identity.ai_workload.is_ai]
    return sorted(ai, key=lambda entry: (-entry.permissions.unused, -entry.permissions.granted))


def ai_rows(report: Report) -> list[Row]:
    """Give the AI identities, those of one group together, in the order of what they leave unused in all."""
    names = {group.id: group.name for group in report.groups}
    rows: dict[str | int, list[IdentityEntry]] = {}
    for number, entry in enumerate(ai_identities(report)):
        rows.setdefault(entry.group or number, []).append(entry)
    found = [
        Row(identity=same[0], identities=same, name=names.get(same[0].group) or same[0].name or same[0].id)
        for same in rows.values()
    ]
    return sorted(found, key=lambda row: -sum(entry.permissions.unused for entry in row.identities))


def groups_line(report: Report) -> str:
    """Say how much is written alike in several accounts; empty where nothing is."""
    if not report.groups:
        return ""
    number = sum(group.identities for group in report.groups)
    found = [row for row in report.findings if is_open(row)]
    once = len({row.group for row in found if row.group}) + sum(not row.group for row in found)
    return (
        f"Written alike in several accounts: {counted(number, 'identity', 'identities')} in "
        f"{counted(len(report.groups), 'group')}; "
        f"counted once, {counted(len(found), 'open finding')} are {once:,}"
    )


def pattern_lines(report: Report) -> list[str]:
    """Say of each waiver by pattern what it covers, and what goes beyond the number that was accepted."""
    lines = []
    for one in report.history.patterns if report.history else ():
        about = f"rule {one.rule}, identity {one.identity}, account {one.account}"
        until = one.until.removesuffix("T23:59:59Z")
        if not one.active:
            lines.append(f"The waiver by pattern of {one.owner} ended with {until}: {about}")
            continue
        line = f"Waived by pattern until {until}: {counted(one.covers, 'finding')} ({about}; {one.owner})"
        beyond = f"; {one.over:,} more match than the {one.at_most:,} accepted, and stay open"
        lines.append(line + (beyond if one.over else ""))
    return lines


def spread(values: Iterable[int]) -> str:
    """Write a number that may differ within a group: the one, or the least and the most."""
    held = list(values)
    least, most = min(held), max(held)
    return f"{least:,}" if least == most else f"{least:,}-{most:,}"


def ai_permissions(report: Report) -> PermissionCounts:
    """Add up the permissions of the AI identities; the report's own summary counts all listed ones."""
    counts = [msgspec.structs.asdict(identity.permissions) for identity in ai_identities(report)]
    return PermissionCounts(
        **{name: sum(count[name] for count in counts) for name in PermissionCounts.__struct_fields__}
    )


def verdict_line(report: Report) -> str:
    """Say in one sentence how much of what AI identities may do was used."""
    number = len(ai_identities(report))
    if not number:
        broken = sum(source.status != "ok" for source in report.sources)
        if broken:
            sources = counted(len(report.sources), "source")
            return f"No AI identity was found, but {broken:,} of {sources} could not be read whole."
        return "No AI identity was found in this evidence."
    counts = ai_permissions(report)
    who = counted(number, "AI identity", "AI identities")
    if not counts.granted:
        return f"{who}, no granted permission known."
    return (
        f"{who}: {counts.unused:,} of {counted(counts.granted, 'granted permission')} unused, "
        f"{counts.unobservable:,} not observable, {counts.used:,} used."
    )


def scope_line(report: Report) -> str:
    """Say which clouds and which window the report speaks about."""
    clouds = ", ".join(sorted({source.provider for source in report.sources})) or "no cloud"
    window = report.window
    return f"{clouds}; {window.days:g} days, {window.start[:10]} to {window.end[:10]}"


def findings_line(report: Report) -> str:
    """Count the open findings by severity, and beside them the waived and the fixed."""
    counts = report.summary.findings
    found = [f"{number:,} {name}" for name in SEVERITIES if (number := getattr(counts, name))]
    aside = [f"{number:,} {name}" for name in ("waived", "fixed") if (number := getattr(counts, name))]
    return f"Findings: {', '.join(found) or 'none open'}" + (f" ({', '.join(aside)})" if aside else "")


def is_open(finding: FindingEntry) -> bool:
    """Tell whether a finding still asks for a decision."""
    return finding.status in {"open", "regressed"}


def open_findings(report: Report) -> list[FindingEntry]:
    """Give the findings that still ask for a decision, the most severe first."""
    found = [finding for finding in report.findings if is_open(finding)]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def finding_groups(report: Report) -> list[FindingGroup]:
    """Group the open findings by severity and type, the most severe first."""
    names = {(entry.provider, entry.account, entry.id): entry.name for entry in report.identities}
    groups: dict[tuple[Severity, str], list[FindingEntry]] = {}
    for finding in open_findings(report):
        groups.setdefault((finding.severity, finding.rule), []).append(finding)
    return [
        FindingGroup(
            severity=severity,
            rule=rule,
            count=len(found),
            identities=_named(
                [(names.get((f.provider, f.account, f.identity)) or f.identity, f.account) for f in found],
                many=bool(report.groups),
            ),
            example=found[0].message,
        )
        for (severity, rule), found in groups.items()
    ]


def _named(whose: list[tuple[str, str]], *, many: bool) -> list[str]:
    """Give names once; where accounts hold the like, those of most accounts first, with how many."""
    accounts: dict[str, set[str]] = {}
    for name, account in whose:
        accounts.setdefault(name, set()).add(account)
    if not many:
        return list(accounts)
    ordered = sorted(accounts, key=lambda name: -len(accounts[name]))
    return [
        f"{name} ({len(accounts[name]):,} accounts)" if len(accounts[name]) > 1 else name for name in ordered
    ]


def unseen_reasons(report: Report) -> list[ReasonGroup]:
    """Group why permissions of AI identities could not be seen, the most frequent kind first."""
    return reason_groups(ai_identities(report), "unobservable")


def reason_groups(identities: Iterable[IdentityEntry], verdict: Verdict) -> list[ReasonGroup]:
    """Group the reasons of a verdict by cloud and reason code, the most frequent kind first."""
    texts: dict[_Kind, Counter[_Text]] = {}
    holders: dict[_Kind, set[_Holder]] = {}
    places: dict[tuple[_Kind, _Text], dict[str, None]] = {}
    for identity in identities:
        for reason in identity.reasons:
            if reason.verdict == verdict:
                kind, text = (identity.provider, reason.code), (reason.reason, reason.fix)
                texts.setdefault(kind, Counter())[text] += reason.count
                holders.setdefault(kind, set()).add((identity.account, identity.id))
                named = dict.fromkeys([*reason.services, *reason.permissions])
                places.setdefault((kind, text), {}).update(named)
    groups = []
    for kind, counts in texts.items():
        first = min(counts, key=lambda text: (-counts[text], text))
        groups.append(
            ReasonGroup(
                provider=kind[0],
                reason=first[0],
                fix=first[1],
                permissions=counts[first],
                places=list(places[kind, first]),
                identities=len(holders[kind]),
                like=len(counts) - 1,
                like_permissions=counts.total() - counts[first],
            )
        )
    return sorted(groups, key=lambda g: (-g.permissions - g.like_permissions, g.provider, g.reason))


def first_of(names: list[str], number: int) -> tuple[list[str], str]:
    """Give the first names, and the words that say how many were left out."""
    left = len(names) - number
    return names[:number], f" and {left:,} more" if left > 0 else ""


def counted(number: int, noun: str, plural: str = "") -> str:
    """Write a number with its noun in the right form."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def drift_line(report: Report) -> str:
    """Say in one sentence what drifted since the older scans; empty without any to compare with."""
    drift = report.drift
    if drift is None or not any(row.scan for row in drift.compared_with):
        return ""
    since = max(row.at for row in drift.compared_with)
    more = sum(change.attention for change in drift.changes)
    counts = drift.findings
    parts = {
        "new": counts.new,
        "fixed": counts.fixed,
        "regressed": counts.regressed,
        "open but not looked at again": counts.carried,
    }
    found = ", ".join(f"{number:,} {words}" for words, number in parts.items() if number)
    return (
        f"Since {since[:16].replace('T', ' ')} UTC: {counted(drift.changes_total, 'change')}, {more:,} of "
        f"them more access than before; findings: {found or 'the same'}"
    )


def drift_first(report: Report, number: int) -> list[DriftChange]:
    """Give the first changes, those that gave more than before in front."""
    changes = report.drift.changes if report.drift else []
    return sorted(changes, key=lambda change: not change.attention)[:number]
