"""Turn the results of one identity into its entry of the report document."""

from datetime import datetime
from functools import lru_cache

from connectors.facts import Signal, SignalKind, Window
from reports import document as doc
from scanner.proof import reduction
from scanner.results import CloudResult, CredentialResult, GrantResult, IdentityResult, Verdict

USAGE_ROWS = 2000
"""Usage rows kept per identity in the report; `usage_total` says how many there are."""
_RESOURCES = 50
_VERDICTS = (Verdict.USED, Verdict.DENIED, Verdict.UNUSED, Verdict.UNOBSERVABLE, Verdict.CONDITIONAL)
_NO_NAMES: list[str] = []

Rows = dict[tuple[str, int, tuple[int, ...]], doc.ServiceEntry]
"""Rows made so far, by service, number granted and the lists they hold: equal ones are one object."""


def identity_entry(entry: IdentityResult, cloud: CloudResult, rows: Rows) -> doc.IdentityEntry:
    """Return the entry of one identity; `rows` are those made for the others, and grow."""
    identity = entry.identity
    return doc.IdentityEntry(
        id=identity.id,
        provider=identity.provider,
        account=identity.account,
        kind=identity.kind,
        name=identity.name,
        stage=entry.stage,
        source=identity.source,
        owner=identity.owner,
        created=identity.created,
        enabled=identity.enabled,
        ai_workload=doc.AiWorkload(
            is_ai=entry.is_ai,
            confidence=entry.ai_confidence.value,
            signals=[
                doc.SignalEntry(kind=signal.kind.value, value=signal.value, evidence=signal.evidence)
                for signal in sorted(identity.signals, key=_strength)
            ],
        ),
        workloads=[
            doc.WorkloadEntry(kind=load.kind, id=load.id, name=load.name)
            for load in sorted(identity.workloads)
        ],
        trusted=sorted(identity.trusted),
        credentials=[_credential(credential) for credential in entry.credentials],
        grants=[_grant(grant) for grant in entry.grants],
        permissions=_counts(entry),
        services=_services(entry, cloud, rows),
        reasons=_reasons(entry, cloud),
        usage=_usage(entry),
        usage_total=len(entry.usage),
        first_seen=entry.first_seen,
        last_seen=entry.last_seen,
        reach={
            name: doc.ReachEntry(
                granted=reach.granted.bit_count(),
                used=reach.used.bit_count(),
                resources=list(reach.resources[:_RESOURCES]),
                resources_total=len(reach.resources),
            )
            for name, reach in entry.reach.items()
        },
        reduction=reduction(entry, cloud.reductions[entry.identity.id], cloud.permissions),
        grants_read=entry.readable,
        immutable_id=identity.immutable_id,
        not_granted=cloud.permissions.names(entry.verdicts.not_granted),
        managed_by_provider=identity.managed_by_provider,
        observed=_observed(entry.observed),
    )


def _observed(span: Window | None) -> doc.WindowSpan | None:
    return (
        None if span is None else doc.WindowSpan(start=_time(span.start), end=_time(span.end), days=span.days)
    )


@lru_cache(maxsize=1024)
def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _strength(signal: Signal) -> tuple[int, str, str]:
    """Return the sort key of a signal: strongest kind first."""
    return list(SignalKind).index(signal.kind), signal.value, signal.evidence


def _credential(entry: CredentialResult) -> doc.CredentialEntry:
    credential = entry.credential
    return doc.CredentialEntry(
        id=credential.id,
        kind=credential.kind,
        status=credential.status,
        created=credential.created,
        expires=credential.expires,
        last_used=entry.last_used,
        uses=entry.uses,
        long_lived=credential.long_lived,
        age_days=entry.age_days,
    )


def _grant(entry: GrantResult) -> doc.GrantEntry:
    grant = entry.grant
    return doc.GrantEntry(
        id=grant.id,
        name=grant.name,
        source=grant.source,
        effect=grant.effect.value,
        scope=grant.scope,
        conditions=grant.conditions,
        verdict=entry.verdict.value,
        last_used=entry.last_used,
        permissions=grant.permissions.bit_count(),
        admin=grant.admin,
        shared=grant.shared,
    )


def _counts(entry: IdentityResult) -> doc.PermissionCounts:
    verdicts = entry.verdicts
    return doc.PermissionCounts(
        granted=verdicts.granted.bit_count(),
        used=verdicts.used.bit_count(),
        denied=verdicts.denied.bit_count(),
        unused=verdicts.unused.bit_count(),
        unobservable=verdicts.unobservable.bit_count(),
        conditional=verdicts.conditional.bit_count(),
        not_granted=verdicts.not_granted.bit_count(),
    )


def _services(entry: IdentityResult, cloud: CloudResult, rows: Rows) -> list[doc.ServiceEntry]:
    verdicts, permissions = entry.verdicts, cloud.permissions
    named = [permissions.by_service(verdicts.of(verdict)) for verdict in _VERDICTS]
    granted = {name: part.bit_count() for name, part in permissions.services(verdicts.granted).items()}
    found = []
    for service in sorted({*granted, *(service for names in named for service in names)}):
        lists = [names.get(service, _NO_NAMES) for names in named]
        # A row keeps its lists alive, so no other list can take the identity of one.
        key = (service, granted.get(service, 0), tuple(map(id, lists)))
        row = rows.get(key)
        if row is None:
            used, denied, unused, unobservable, conditional = lists
            row = rows[key] = doc.ServiceEntry(
                service=service,
                granted=key[1],
                used=used,
                denied=denied,
                unused=unused,
                unobservable=unobservable,
                conditional=conditional,
            )
        found.append(row)
    return found


def _reasons(entry: IdentityResult, cloud: CloudResult) -> list[doc.VerdictReason]:
    """Name whole services where a reason holds for all their permissions of that verdict."""
    permissions = cloud.permissions
    rows = []
    for reason in entry.verdicts.reasons:
        services, single = permissions.whole(reason.permissions, entry.verdicts.of(reason.verdict))
        rows.append(
            doc.VerdictReason(
                verdict=reason.verdict.value,
                code=reason.code,
                reason=reason.text,
                fix=reason.fix,
                count=reason.permissions.bit_count(),
                services=services,
                permissions=single,
            )
        )
    return sorted(rows, key=lambda row: (row.verdict, row.code, row.reason))


def _usage(entry: IdentityResult) -> list[doc.UsageEntry]:
    rows = sorted(entry.usage, key=lambda row: (row.permission, row.resource, row.credential, row.via))
    return [
        doc.UsageEntry(
            permission=row.permission,
            resource=row.resource,
            credential=row.credential,
            count=row.count,
            denied=row.denied,
            first_seen=row.first_seen,
            last_seen=row.last_seen,
            via=row.via,
            operation=row.operation,
            grant=row.grant,
        )
        for row in rows[:USAGE_ROWS]
    ]
