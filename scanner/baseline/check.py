"""Compare a scan, or what is proposed, with baselines: what goes beyond them, and whether it is waived."""

import fnmatch
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from connectors.baselines import Excess, Growth, Holding, Pair
from reports.baseline.document import SCHEMA_VERSION, CheckReport, Compared, Expansion
from reports.baseline.words import permissions as permission_words
from reports.document import IdentityEntry
from reports.overview import counted, first_of
from scanner.baseline.evidence import Clouds, names
from scanner.baseline.model import Baseline, Waiver

_KINDS = {
    Growth.PERMISSION: "permission",
    Growth.SCOPE: "scope",
    Growth.CONDITION: "condition",
    Growth.UNDECIDED: "undecided",
}
_ORDER = (
    "new-identity",
    "approval",
    "admin",
    "permission",
    "scope",
    "condition",
    "reach",
    "credential",
    "trust",
    "undecided",
)


@dataclass(frozen=True, slots=True)
class ApprovalState:
    """Whether a baseline file, exactly as it is, is approved."""

    approved: bool
    words: str


@dataclass(frozen=True, slots=True)
class Check:
    """What a comparison needs to know."""

    clouds: Clouds
    baselines: Sequence[Baseline]
    now: datetime
    approvals: Mapping[str, ApprovalState] = field(default_factory=dict)
    """By digest of the file; empty when nobody asked."""
    require_approval: bool = False


def check_scan(check: Check, entries: Sequence[IdentityEntry], against: str) -> CheckReport:
    """Compare what identities hold now with their baselines; one without a baseline is an expansion."""
    compared = []
    by_id = {(b.subject.provider, b.subject.id): b for b in check.baselines}
    for provider in sorted({entry.provider for entry in entries}):
        own = [entry for entry in entries if entry.provider == provider]
        held = check.clouds.held(provider)
        holdings = [held.get(entry.id, Holding(entry.id, entry.name, (), (_UNREAD,))) for entry in own]
        baselines = [by_id.get((provider, entry.id)) for entry in own]
        pairs = [Pair(b.allow if b else (), h.allowances) for b, h in zip(baselines, holdings, strict=True)]
        excess = check.clouds.wing(provider).excess(pairs, check.clouds.evidence(provider))
        for entry, baseline, holding, found in zip(own, baselines, holdings, excess, strict=True):
            expansions = list(_of_scan(entry, baseline, holding, found))
            compared.append(_compared(check, baseline, expansions, entry=entry))
    known = {(entry.provider, entry.id) for entry in entries}
    gone = [b.path.name for key, b in by_id.items() if key not in known]
    named, more = first_of(sorted(gone), 5)
    note = f"{counted(len(gone), 'baseline')} of identities that were not compared: {', '.join(named)}{more}"
    return _report(check, against, compared, [note] if gone else [])


_UNREAD = "the evidence holds no readable grants for it: what it may do is not known"


def _of_scan(
    entry: IdentityEntry,
    baseline: Baseline | None,
    holding: Holding,
    excess: Sequence[Excess],
) -> Iterator[Expansion]:
    if baseline is None:
        counts = f"{entry.permissions.granted:,} permissions granted"
        yield Expansion(kind="new-identity", message=f"it has no baseline file; {counts}")
        return
    effective = {name.lower() for name in names(entry)}
    for one in excess:
        # What limits above the grants refuse is not held, and a wildcard adds nothing that exists today.
        left = tuple(name for name in one.permissions if name.lower() in effective)
        if left:
            yield _expansion(_only(one, left))
    yield from _undecided(holding)
    yield from _of_facts(entry, baseline)


def _only(one: Excess, left: tuple[str, ...]) -> Excess:
    """Return an excess with fewer permissions."""
    return Excess(one.growth, left, one.scopes, one.condition, one.source, one.reason, one.plane)


def _of_facts(entry: IdentityEntry, baseline: Baseline) -> Iterator[Expansion]:
    """Yield new reach, administrator grants, trust and credentials."""
    if baseline.may_reach is not None:
        for name, reach in sorted(entry.reach.items()):
            if reach.granted and name not in baseline.may_reach:
                numbers = f"{counted(reach.granted, 'permission')}, {reach.used:,} used"
                yield Expansion(kind="reach", message=f"{name}: {numbers}; may_reach does not name it")
    if baseline.admin is not None:
        for grant in entry.grants:
            if grant.admin and grant.effect == "allow" and grant.name not in baseline.admin:
                yield Expansion(
                    kind="admin",
                    message=f"{grant.name} on {grant.scope}: {grant.admin}",
                    scopes=[grant.scope],
                    source=grant.source,
                )
    for who in sorted(set(entry.trusted) - set(baseline.subject.trusted)):
        yield Expansion(kind="trust", message=f"{who} may act as it")
    for one in entry.credentials:
        if (
            one.long_lived
            and one.status not in ("inactive", "expired")
            and one.id not in baseline.subject.credentials
        ):
            yield Expansion(kind="credential", message=f"{one.kind} {one.id} ({one.status}) is new")


_NOBODY: tuple[None] = (None,)


def check_proposal(
    check: Check, holdings: Iterable[tuple[str, Holding]], against: str, chosen: Baseline | None
) -> CheckReport:
    """Compare proposed access with baselines; `chosen` is whose it is where the text does not say."""
    compared: dict[tuple[str, str], tuple[Baseline | None, Holding, list[Expansion]]] = {}
    notes: list[str] = []
    for provider, holding in holdings:
        baselines, note = _baselines_of(check, provider, holding, chosen)
        notes += [note] if note else []
        for baseline in baselines or _NOBODY:
            key = (provider, baseline.subject.id if baseline else holding.identity or holding.name)
            found = compared.setdefault(key, (baseline, holding, []))[2]
            found += _of_proposal(check, provider, baseline, holding)
    rows = [
        _compared(check, baseline, found, holding=holding, provider=provider)
        for (provider, _), (baseline, holding, found) in compared.items()
    ]
    if not rows:
        notes.append("the text gives nobody anything: no identity or access resource changes in it")
    return _report(check, against, rows, notes)


def _baselines_of(
    check: Check, provider: str, holding: Holding, chosen: Baseline | None
) -> tuple[list[Baseline], str]:
    own = [b for b in check.baselines if b.subject.provider == provider]
    if not holding.identity and not holding.name:
        return ([chosen] if chosen else own[:1]), ""
    found = [b for b in own if holding.identity and b.subject.id == holding.identity]
    found = found or [b for b in own if b.subject.name == holding.name and not holding.identity]
    if len(found) > 1:
        return (
            found,
            f"{len(found)} baselines are of the name {holding.name}: each is compared (--stage chooses)",
        )
    return found, ""


def _of_proposal(
    check: Check, provider: str, baseline: Baseline | None, holding: Holding
) -> Iterator[Expansion]:
    if baseline is None and (holding.allowances or holding.new or holding.credentials):
        what = "a new identity" if holding.new else "an identity"
        yield Expansion(kind="new-identity", message=f"{what} without a baseline file")
    allowed = baseline.allow if baseline else ()
    evidence = check.clouds.evidence(provider)
    (excess,) = check.clouds.wing(provider).excess([Pair(allowed, holding.allowances)], evidence)
    yield from map(_expansion, excess)
    yield from _undecided(holding)
    for words in holding.credentials:
        yield Expansion(kind="credential", message=words)


def _undecided(holding: Holding) -> Iterator[Expansion]:
    for words in holding.undecided:
        yield Expansion(kind="undecided", message=words)


def _expansion(one: Excess) -> Expansion:
    where = f" on {', '.join(one.scopes[:4])}" + (" …" if len(one.scopes) > 4 else "") if one.scopes else ""
    when = f" when {one.condition}" if one.condition else ""
    plane = " (data plane)" if one.plane else ""
    return Expansion(
        kind=_KINDS[one.growth],  # type: ignore[arg-type]
        message=f"{permission_words(one.permissions)}{plane}{where}{when}",
        permissions=list(one.permissions),
        scopes=list(one.scopes),
        condition=one.condition,
        plane=one.plane,
        source=one.source,
        example=one.reason,
    )


def _compared(
    check: Check,
    baseline: Baseline | None,
    found: Sequence[Expansion],
    *,
    entry: IdentityEntry | None = None,
    holding: Holding | None = None,
    provider: str = "",
) -> Compared:
    subject = baseline.subject if baseline else None
    approval = check.approvals.get(baseline.digest) if baseline else None
    judged = [part for one in found for part in _waived(one, baseline, check.now)]
    if check.require_approval and baseline and not (approval and approval.approved):
        judged.append(Expansion(kind="approval", message=approval.words if approval else "not approved"))
    expired = [w for w in (baseline.waivers if baseline else ()) if w.permissions and w.until <= check.now]
    notes = [f"a waiver of {w.owner} ended on {w.until_text}: {w.reason}" for w in expired]
    return Compared(
        identity=entry.id if entry else subject.id if subject else holding.identity if holding else "",
        name=entry.name if entry else subject.name if subject else holding.name if holding else "",
        provider=entry.provider if entry else provider,
        account=entry.account if entry else subject.account if subject else "",
        stage=entry.stage if entry else subject.stage if subject else "",
        baseline=str(baseline.path) if baseline else "",
        digest=baseline.digest if baseline else "",
        approval=approval.words if approval else "",
        approved=approval.approved if approval else None,
        expansions=sorted(judged, key=_rank),
        notes=notes,
    )


def _rank(one: Expansion) -> tuple[bool, int, str, str]:
    return one.waived, _ORDER.index(one.kind), one.source, one.message


def _waived(one: Expansion, baseline: Baseline | None, now: datetime) -> Iterator[Expansion]:
    """Split an expansion by the waivers of a baseline that hold now."""
    left = list(one.permissions)
    for waiver in baseline.waivers if baseline else ():
        if waiver.until <= now or not waiver.permissions or not left or not _in_scope(waiver, one):
            continue
        mine = [name for name in left if _matches(waiver.permissions, name)]
        if mine:
            left = [name for name in left if name not in mine]
            yield _part(one, mine, waiver.words)
    if left or not one.permissions:
        yield one if len(left) == len(one.permissions) else _part(one, left, "")


def _in_scope(waiver: Waiver, one: Expansion) -> bool:
    return not waiver.scopes or all(_matches(waiver.scopes, scope) for scope in one.scopes)


def _matches(patterns: Sequence[str], name: str) -> bool:
    """Tell whether one of these patterns covers a name; `*` in the name itself is only covered by a `*`."""
    return any(fnmatch.fnmatchcase(name.lower(), _glob(pattern)) for pattern in patterns)


def _glob(pattern: str) -> str:
    return pattern.lower().replace("[", "[[]").replace("?", "[?]")


def _part(one: Expansion, kept: list[str], waiver: str) -> Expansion:
    where = f" on {', '.join(one.scopes[:4])}" if one.scopes else ""
    return msgspec.structs.replace(
        one,
        permissions=kept,
        message=f"{permission_words(kept)}{where}",
        waived=bool(waiver),
        waiver=waiver,
    )


def _report(check: Check, against: str, compared: list[Compared], notes: list[str]) -> CheckReport:
    expands = any(not one.waived for row in compared for one in row.expansions)
    return CheckReport(
        schema_version=SCHEMA_VERSION,
        against=against,
        checked_at=check.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        decision="expands" if expands else "contained",
        compared=sorted(compared, key=lambda row: (row.provider, row.account, row.identity, row.name)),
        notes=notes,
    )
