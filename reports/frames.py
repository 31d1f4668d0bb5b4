"""Turn a report into typed pandas frames, one for each of its tables."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd

from reports import finding_types
from reports.document import SEVERITIES, VERDICTS, FindingEntry, IdentityEntry, Report
from reports.frame_columns import Column, category, count, flag, number, one_of, text, time
from reports.overview import open_findings
from reports.permission_frame import permission_frame, whose

_SEVERITY = one_of(*reversed(SEVERITIES), ordered=True)
_Kind = Callable[[Iterable[Any]], Column]
_Columns = Mapping[str, _Kind | tuple[_Kind, Callable[[Any], Any]]]
"""The type of each column, and how a row gives its value where it is not the field of that name."""


class Frames:
    """The tables of one report, each built when it is first asked for and then kept.

    Rows stand in the order of the report and names as the cloud writes them. Times are UTC, text that
    repeats is categorical, severity and confidence are ordered, numbers that may be unknown are nullable.
    """

    def __init__(self, report: Report) -> None:
        self._report = report

    @cached_property
    def identities(self) -> pd.DataFrame:
        """One row per identity, with its permissions counted by verdict."""
        return _identities(self._report)

    @cached_property
    def permissions(self) -> pd.DataFrame:
        """One row per identity and permission: verdict, reason and calls (`permission_frame`)."""
        return permission_frame(self._report)

    @cached_property
    def usage(self) -> pd.DataFrame:
        """One row per identity, permission, resource and credential; `calls` includes `denied_calls`.

        A report keeps a limited number of rows per identity; `usage_rows` of `identities` counts all.
        """
        return _children(
            self._report.identities,
            attrgetter("usage"),
            {
                "permission": category,
                "resource": text,
                "credential": category,
                "via": category,
                "operation": category,
                "grant": category,
                "calls": (count, attrgetter("count")),
                "denied_calls": (count, attrgetter("denied")),
                "first_seen": time,
                "last_seen": time,
            },
        )

    @cached_property
    def findings(self) -> pd.DataFrame:
        """One row per finding, waived and fixed ones among them; `evidence` is JSON."""
        return _findings(self._report)

    @cached_property
    def credentials(self) -> pd.DataFrame:
        """One row per key, secret or certificate; `uses` counts its calls in the window."""
        return _children(
            self._report.identities,
            attrgetter("credentials"),
            {
                "id": text,
                "kind": category,
                "status": category,
                "long_lived": flag,
                "created": time,
                "expires": time,
                "last_used": time,
                "uses": count,
                "age_days": number,
            },
        )

    @cached_property
    def grants(self) -> pd.DataFrame:
        """One row per written grant; `permissions` counts what it names."""
        return _children(
            self._report.identities,
            attrgetter("grants"),
            {
                "id": text,
                "name": category,
                "source": text,
                "effect": one_of("allow", "deny"),
                "scope": category,
                "conditions": text,
                "verdict": one_of("used", "unused", "unobservable", "conditional", "not_applicable"),
                "last_used": time,
                "permissions": count,
                "admin": text,
                "shared": flag,
            },
        )

    @cached_property
    def coverage(self) -> pd.DataFrame:
        """One row per place and class of log: whether it was recorded, and what would switch it on."""
        return _table(
            self._report.coverage,
            {
                "provider": category,
                "account": category,
                "place": category,
                "log_class": category,
                "state": one_of("on", "partial", "off", "unknown"),
                "since": time,
                "reason": text,
                "fix": text,
            },
        )

    @cached_property
    def sources(self) -> pd.DataFrame:
        """One row per source and account: whether its evidence was read whole, and why not."""
        return _table(
            self._report.sources,
            {
                "name": category,
                "provider": category,
                "account": category,
                "stage": category,
                "status": one_of("ok", "partial", "failed", "skipped"),
                "reason": text,
                "records": count,
                "data_as_of": time,
            },
        )


def _table(rows: Sequence[Any], columns: _Columns) -> pd.DataFrame:
    """Build a frame with one row for each entry."""
    frame = {}
    for name, column in columns.items():
        kind, value = column if isinstance(column, tuple) else (column, attrgetter(name))
        frame[name] = kind(map(value, rows))
    return pd.DataFrame(frame)


def _children(
    identities: Sequence[IdentityEntry],
    children: Callable[[IdentityEntry], Sequence[Any]],
    columns: _Columns,
) -> pd.DataFrame:
    """Build a frame of the rows that identities hold; each begins with whose it is."""
    lists = [children(identity) for identity in identities]
    frame = _table([row for rows in lists for row in rows], columns)
    who = np.repeat(np.arange(len(lists)), [len(rows) for rows in lists])
    for place, (name, values) in enumerate(whose(identities).items()):
        frame.insert(place, name, values.take(who))
    return frame


def _identities(report: Report) -> pd.DataFrame:
    severities: dict[tuple[str, str, str], list[str]] = {}
    for finding in open_findings(report):
        key = (finding.provider, finding.account, finding.identity)
        severities.setdefault(key, []).append(finding.severity)

    def of(identity: IdentityEntry) -> list[str]:
        return severities.get((identity.provider, identity.account, identity.id), [])

    return _table(
        report.identities,
        {
            "provider": category,
            "account": category,
            "id": text,
            "name": text,
            "kind": category,
            "stage": category,
            "source": category,
            "owner": category,
            "created": time,
            "enabled": flag,
            "is_ai": (flag, attrgetter("ai_workload.is_ai")),
            "ai_confidence": (
                one_of("none", "low", "medium", "high", ordered=True),
                attrgetter("ai_workload.confidence"),
            ),
            "ai_signals": (
                text,
                lambda row: "; ".join(f"{one.kind}: {one.value}" for one in row.ai_workload.signals),
            ),
            "workloads": (
                text,
                lambda row: "; ".join(f"{one.kind}: {one.name or one.id}" for one in row.workloads),
            ),
            "granted": (count, attrgetter("permissions.granted")),
            **{name: (count, attrgetter(f"permissions.{name}")) for name in VERDICTS},
            "not_granted": (count, attrgetter("permissions.not_granted")),
            "grants": (count, lambda row: len(row.grants)),
            "credentials": (count, lambda row: len(row.credentials)),
            "long_lived_credentials": (count, lambda row: sum(one.long_lived for one in row.credentials)),
            "usage_rows": (count, attrgetter("usage_total")),
            "first_seen": time,
            "last_seen": time,
            "disposition": (
                one_of("safe", "review", "none"),
                attrgetter("reduction.disposition"),
            ),
            "removes": (count, attrgetter("reduction.removes")),
            "keeps": (count, attrgetter("reduction.keeps")),
            "open_findings": (count, lambda row: len(of(row))),
            "highest_severity": (
                _SEVERITY,
                lambda row: next(iter(of(row)), ""),
            ),
        },
    )


def _findings(report: Report) -> pd.DataFrame:
    identities = {(entry.provider, entry.account, entry.id): entry for entry in report.identities}

    def holder(field: str) -> Callable[[FindingEntry], str]:
        def read(row: FindingEntry) -> str:
            identity = identities.get((row.provider, row.account, row.identity))
            return str(getattr(identity, field)) if identity else ""

        return read

    def waiver(field: str) -> Callable[[FindingEntry], str]:
        return lambda row: str(getattr(row.waiver, field)) if row.waiver else ""

    return _table(
        report.findings,
        {
            "fingerprint": text,
            "rule": category,
            "type": (category, lambda row: finding_types.name(row.rule)),
            "title": category,
            "severity": _SEVERITY,
            "confidence": one_of("low", "medium", "high", ordered=True),
            "status": one_of("open", "regressed", "waived", "fixed"),
            "provider": category,
            "account": category,
            "identity": category,
            "identity_name": (category, holder("name")),
            "stage": (category, holder("stage")),
            "owner": (category, holder("owner")),
            "subject": text,
            "message": text,
            "remediation": text,
            "frameworks": (
                text,
                lambda row: "; ".join(
                    f"{one.framework} {one.version} {one.control} ({one.relation})" for one in row.frameworks
                ),
            ),
            "evidence": (text, lambda row: json.dumps(row.evidence, sort_keys=True, ensure_ascii=False)),
            "first_seen": time,
            "window_start": (time, lambda _: report.window.start),
            "window_end": (time, lambda _: report.window.end),
            "waiver_reason": (text, waiver("reason")),
            "waiver_owner": (category, waiver("owner")),
            "waiver_until": (time, waiver("until")),
            "waiver_pattern": (category, waiver("pattern")),
            "group": category,
        },
    )
