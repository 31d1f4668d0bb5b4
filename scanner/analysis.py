"""Turn one cloud's facts into results per identity."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import PurePath
from types import MappingProxyType

from connectors.facts import (
    Activity,
    Blind,
    Credential,
    Entitlement,
    Facts,
    Grant,
    Identity,
    Signal,
    SignalKind,
    Usage,
    Window,
)
from connectors.logs.rows import LogFile, Presence
from connectors.steps import grouped
from scanner.reach import map_reach
from scanner.results import CloudResult, Confidence, CredentialResult, IdentityResult
from scanner.verdicts import judge, judge_grants

_SURE = {SignalKind.DECLARED, SignalKind.LOG, SignalKind.TRUST}
_LIKELY = {SignalKind.GRANT, SignalKind.USAGE}


def analyse_cloud(
    facts: Facts,
    *,
    stages: Mapping[str, str],
    presence: Iterable[Presence],
    everyone: bool,
    window: Window,
    now: datetime,
    unread: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> CloudResult:
    """Return results for the AI identities of one cloud, or for everyone.

    `stages` maps source name to stage; `presence` is what the logs of all its sources held; `unread` names
    by account the log files that lost calls.
    """
    joined = _join(facts, observed_spans(presence, window), stages, unread)
    identities = {identity.id: identity for identity in reversed(facts.identities)}
    results = [
        _analyse(identity, facts, joined, now)
        for identity in sorted(identities.values(), key=lambda i: (i.account, i.id))
        if everyone or identity.signals
    ]
    return CloudResult(
        provider=facts.provider,
        permissions=facts.permissions,
        identities=tuple(results),
        known_identities=len(identities),
        ai_identities=sum(bool(identity.signals) for identity in identities.values()),
        coverage=tuple(sorted(set(facts.coverage))),
        unmapped=tuple(sorted(set(facts.unmapped))),
        caveats=tuple(sorted(set(facts.caveats))),
        unattributed=dict(sorted(facts.unattributed.items())),
        steps=facts.steps,
        beyond=_beyond(facts, joined, identities, results, now),
        inventory=frozenset((i.account, i.id, i.immutable_id) for i in identities.values()),
    )


def _beyond(
    facts: Facts,
    joined: "_Joined",
    identities: Mapping[str, Identity],
    results: Iterable[IdentityResult],
    now: datetime,
) -> dict[str, IdentityResult]:
    """Return results of the other identities that steps lead to and that hold an administrator grant."""
    targets = {target for group in grouped(facts.steps) for target in group.targets}
    targets -= {result.identity.id for result in results}
    strong = [
        target
        for target in sorted(targets & identities.keys())
        if any(grant.admin for grant in joined.grants.get(target, ()))
    ]
    return {target: _analyse(identities[target], facts, joined, now) for target in strong}


@dataclass(frozen=True, slots=True)
class _Joined:
    """What the facts say about each identity, by its id; `spans` and `stages` by account and source."""

    usage: Mapping[str, Sequence[Usage]]
    activity: Mapping[str, Sequence[Activity]]
    grants: Mapping[str, Sequence[Grant]]
    credentials: Mapping[str, Sequence[Credential]]
    spans: Mapping[str, Window]
    stages: Mapping[str, str]
    unread: Mapping[str, Sequence[str]]


def _join(
    facts: Facts,
    spans: Mapping[str, Window],
    stages: Mapping[str, str],
    unread: Mapping[str, Sequence[str]],
) -> _Joined:
    """Index facts by identity; what two sources both list counts once."""
    grants: dict[str, list[Grant]] = {}
    for grant in {(grant.identity, grant.id): grant for grant in facts.grants}.values():
        grants.setdefault(grant.identity, []).append(grant)
    credentials: dict[str, list[Credential]] = {}
    for credential in {(c.identity, c.id): c for c in facts.credentials}.values():
        credentials.setdefault(credential.identity, []).append(credential)
    activity: dict[str, list[Activity]] = {}
    for seen in sorted(facts.activity):
        activity.setdefault(seen.identity, []).append(seen)
    return _Joined(_grouped(facts.usage), activity, grants, credentials, spans, stages, unread)


def _analyse(identity: Identity, facts: Facts, joined: _Joined, now: datetime) -> IdentityResult:
    entitlement = _doubted(facts.entitlements.get(identity.id), joined.unread.get(identity.account, ()))
    usage = joined.usage.get(identity.id, ())
    activity = joined.activity.get(identity.id, ())
    verdicts = judge(entitlement, usage, facts.permissions)
    sees = bool(verdicts.used | verdicts.denied | verdicts.unused)
    return IdentityResult(
        identity=identity,
        stage=joined.stages.get(identity.source, ""),
        is_ai=bool(identity.signals),
        ai_confidence=ai_confidence(identity.signals),
        readable=entitlement is not None,
        verdicts=verdicts,
        usage=tuple(usage),
        grants=judge_grants(joined.grants.get(identity.id, ()), verdicts, usage, facts.permissions),
        credentials=_credentials(joined.credentials.get(identity.id, ()), usage, activity, now),
        reach=map_reach(verdicts, usage, facts.reach, facts.permissions),
        observed=facts.watched.get(identity.id)
        or joined.spans.get(identity.account)
        or (joined.spans.get("") if sees else None),
        handovers=entitlement.handovers if entitlement is not None else (),
        only_on_itself=entitlement.only_on_itself if entitlement is not None else 0,
        on_itself=entitlement.on_itself if entitlement is not None else 0,
        activity=tuple(activity),
    )


def _doubted(entitlement: Entitlement | None, unread: Sequence[str]) -> Entitlement | None:
    """Return what an identity holds, blind where log files of its account lost calls.

    A call may stand in the part that could not be read, so nothing of the account is called unused until
    the files are whole again. This reason comes last: a more specific one tells more.
    """
    if entitlement is None or not unread:
        return entitlement
    files = f"{len(unread)} log files" if len(unread) > 1 else "a log file"
    blind = Blind(
        entitlement.granted,
        "log-files-unreadable",
        f"{files} of this account could not be read whole ({unread[0]}); a call may stand in what is missing",
        "export or download the files that log_files names again, then scan again",
    )
    return replace(entitlement, blind=(*entitlement.blind, blind))


def unread_logs(
    files: Iterable[LogFile], accounts: Collection[str], found: Mapping[str, list[str]] | None = None
) -> dict[str, list[str]]:
    """Return by account the log files of one source that lost calls, added to what is `found` already.

    A file belongs to the accounts whose id stands in its path (as a folder, or before an underscore, as
    log deliveries write it); one that names none may belong to any account of its source.
    """
    unread = {account: list(paths) for account, paths in (found or {}).items()}
    for file in sorted(files):
        if file.lost:
            words = {part.partition("_")[0] for part in PurePath(file.path).parts}
            for account in sorted(words & set(accounts)) or sorted(accounts):
                unread.setdefault(account, []).append(file.path)
    return unread


def ai_confidence(signals: Iterable[Signal]) -> Confidence:
    """Return how sure the strongest signal makes us that this is an AI workload.

    Declared by a service, named in a log's issued-to field, or trusted by an AI service: high. Granted or
    used AI permissions: medium. A name or tag: low.
    """
    kinds = {signal.kind for signal in signals}
    if kinds & _SURE:
        return Confidence.HIGH
    if kinds & _LIKELY:
        return Confidence.MEDIUM
    return Confidence.LOW if kinds else Confidence.NONE


def observed_spans(presence: Iterable[Presence], window: Window) -> dict[str, Window]:
    """Return for each account the part of the window its log records span; "" is all accounts together."""
    spans: dict[str, tuple[str, str]] = {}
    for seen in presence:
        for account in (seen.account, ""):
            first, last = spans.get(account, (seen.first, seen.last))
            spans[account] = (min(first, seen.first), max(last, seen.last))
    found = {}
    for account, (first, last) in spans.items():
        start = max(_moment(first), window.start)
        end = min(_moment(last), window.end)
        if start <= end:
            found[account] = Window(start, end)
    return found


def _grouped(usage: Iterable[Usage]) -> dict[str, list[Usage]]:
    """Merge usage rows that differ only in what a report does not tell apart, per identity, sorted."""
    merged: dict[tuple[str, ...], Usage] = {}
    for row in usage:
        key = (row.identity, row.permission, row.resource, row.credential, row.via, row.operation, row.grant)
        held = merged.get(key)
        merged[key] = row if held is None else _merge(held, row)
    grouped: dict[str, list[Usage]] = {}
    for _, row in sorted(merged.items()):
        grouped.setdefault(row.identity, []).append(row)
    return grouped


def _merge(one: Usage, other: Usage) -> Usage:
    return Usage(
        identity=one.identity,
        permission=one.permission,
        resource=one.resource,
        credential=one.credential,
        count=one.count + other.count,
        denied=one.denied + other.denied,
        first_seen=min(one.first_seen, other.first_seen),
        last_seen=max(one.last_seen, other.last_seen),
        via=one.via,
        grant=one.grant,
        operation=one.operation,
        last_allowed=max(one.last_allowed, other.last_allowed),
    )


def _credentials(
    credentials: Sequence[Credential], usage: Sequence[Usage], activity: Sequence[Activity], now: datetime
) -> tuple[CredentialResult, ...]:
    uses = _calls(usage)
    for seen in activity:  # exact, where the wing counts calls: a call may need several permissions, or none
        uses[seen.credential] = 0
    for seen in activity:
        uses[seen.credential] += seen.calls
    last: dict[str, str] = {}
    for credential, time in chain(
        ((row.credential, row.last_seen) for row in usage),
        ((seen.credential, seen.last_seen) for seen in activity),
    ):
        last[credential] = max(last.get(credential, ""), time)
    return tuple(
        CredentialResult(
            credential=credential,
            uses=uses.get(credential.id, 0),
            last_used=max(credential.last_used, last.get(credential.id, "")),
            age_days=(now - _moment(credential.created)).days if credential.created else None,
        )
        for credential in sorted(credentials, key=lambda credential: (credential.kind, credential.id))
    )


def _calls(usage: Sequence[Usage]) -> dict[str, int]:
    """Return the calls made with each credential; one that several permissions were checked for counts once.

    A row holds the calls of one permission. Those of one operation are taken for the same calls: exact where
    it always needs the same permissions, else the number of its most frequent one.
    """
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for row in usage:
        if row.credential:
            of_operation = counts.setdefault((row.credential, row.operation), {})
            of_operation[row.permission] = of_operation.get(row.permission, 0) + row.count
    calls: dict[str, int] = {}
    for (credential, _), of_operation in counts.items():
        calls[credential] = calls.get(credential, 0) + max(of_operation.values())
    return calls


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
