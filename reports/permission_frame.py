"""Build the table of all permissions of all identities: millions of rows, no Python object for any.

500 administrators of 22,000 permissions are 11 million rows. Each list of names becomes an array of
positions, a list that many identities share only once. What holds for a whole list (identity, service,
verdict, reason) is repeated by numpy. Only calls are set row by row.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from reports.document import VERDICTS, IdentityEntry, Report, Verdict
from reports.frame_columns import (
    UNKNOWN_TIME,
    Column,
    categorical,
    category,
    codes_of,
    numbers,
    seconds_of,
    times,
)

_Codes = npt.NDArray[np.int32]
_CALLED: tuple[Verdict, ...] = ("used", "denied")
_UNTOLD = [VERDICTS.index("unobservable"), VERDICTS.index("conditional")]
"""Verdicts that say nothing of how often a permission was used."""


@dataclass(slots=True)
class _Calls:
    """Calls of one permission by one identity, added up over resources and credentials."""

    total: int = 0
    denied: int = 0
    seen: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Rows:
    """The rows so far: runs of permissions that share everything else, and what some rows have alone."""

    runs: list[_Codes] = field(default_factory=list)
    identity: list[int] = field(default_factory=list)
    service: list[int] = field(default_factory=list)
    verdict: list[int] = field(default_factory=list)
    reason: list[int] = field(default_factory=list)
    single_reasons: list[tuple[npt.NDArray[np.intp], int]] = field(default_factory=list)
    called: dict[int, _Calls] = field(default_factory=dict)
    untold: list[int] = field(default_factory=list)
    """Rows of used permissions whose calls the report does not hold: its list of usage was cut."""
    length: int = 0


def permission_frame(report: Report) -> pd.DataFrame:
    """One row per identity and permission, with its verdict, why, and the calls seen.

    `calls` is missing where the report cannot tell: unobservable and conditional permissions, and used ones
    past the usage rows that a report keeps per identity. It is 0 only where a call would have been seen.
    """
    names = _Names(report)
    rows = _Rows()
    for number, identity in enumerate(report.identities):
        _add(rows, number, identity, names)
    lengths = [len(run) for run in rows.runs]

    def repeated(values: Sequence[int]) -> _Codes:
        return np.repeat(np.array(values, np.int32), lengths)

    who = repeated(rows.identity)
    verdict = repeated(rows.verdict)
    reason = repeated(rows.reason)
    for where, code in rows.single_reasons:
        reason[where] = code
    permissions = np.concatenate([np.empty(0, np.int32), *rows.runs])
    return pd.DataFrame(
        {
            **{name: values.take(who) for name, values in whose(report.identities).items()},
            "service": categorical(repeated(rows.service), names.services),
            "permission": categorical(permissions, names.permissions),
            "verdict": categorical(verdict, VERDICTS),
            "reason_code": categorical(reason, names.reasons),
            **_call_columns(rows, np.isin(verdict, _UNTOLD)),
        },
        copy=False,
    )


def whose(identities: Sequence[IdentityEntry]) -> dict[str, Column]:
    """Give the columns that say whose a row is, with one value for each identity."""
    return {
        "provider": category(entry.provider for entry in identities),
        "account": category(entry.account for entry in identities),
        "identity": category(entry.id for entry in identities),
        "identity_name": category(entry.name for entry in identities),
        "stage": category(entry.stage for entry in identities),
    }


class _Names:
    """The categories of the columns, and the lists of permissions as positions among them."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.permissions, self.code = codes_of(set().union(*_lists(report)))
        entries = [entry for identity in report.identities for entry in identity.services]
        self.services, self.service = codes_of({entry.service for entry in entries})
        reasons = {reason.code for identity in report.identities for reason in identity.reasons}
        self.reasons, self.reason = codes_of(reasons | {""})
        self._known: dict[int, _Codes] = {}

    def codes(self, names: Sequence[str]) -> _Codes:
        """Give a list of permissions as positions; a list that many identities share is looked up once."""
        found = self._known.get(id(names))
        if found is None:
            found = np.fromiter(map(self.code.__getitem__, names), np.int32, len(names))
            self._known[id(names)] = found
        return found


def _lists(report: Report) -> Iterator[Sequence[str]]:
    for identity in report.identities:
        for entry in identity.services:
            for verdict in VERDICTS:
                yield getattr(entry, verdict)
        for reason in identity.reasons:
            yield reason.permissions


def _add(rows: _Rows, number: int, identity: IdentityEntry, names: _Names) -> None:
    """Add the rows of one identity: a run for each service and verdict."""
    start, first_run = rows.length, len(rows.runs)
    whole = {
        (reason.verdict, service): names.reason[reason.code]
        for reason in identity.reasons
        for service in reason.services
    }
    calls = _calls(identity)
    for entry in identity.services:
        for code, verdict in enumerate(VERDICTS):
            own: list[str] = getattr(entry, verdict)
            run = names.codes(own)
            if not len(run):
                continue
            if verdict in _CALLED:
                _add_calls(rows, own, calls)
            rows.runs.append(run)
            rows.identity.append(number)
            rows.service.append(names.service[entry.service])
            rows.verdict.append(code)
            rows.reason.append(whole.get((verdict, entry.service), names.reason[""]))
            rows.length += len(run)
    single = [reason for reason in identity.reasons if reason.permissions]
    if not single or rows.length == start:
        return
    runs = rows.runs[first_run:]
    permissions = np.concatenate(runs)
    verdicts = np.repeat(np.array(rows.verdict[first_run:]), [len(run) for run in runs])
    for reason in single:
        named = np.isin(permissions, names.codes(reason.permissions))
        where = np.flatnonzero(named & (verdicts == VERDICTS.index(reason.verdict)))
        rows.single_reasons.append((where + start, names.reason[reason.code]))


def _calls(identity: IdentityEntry) -> Mapping[str, _Calls]:
    """Add up the usage rows by permission; the last one is left out of a cut list, it may go on."""
    calls: dict[str, _Calls] = {}
    for usage in identity.usage:
        found = calls.setdefault(usage.permission, _Calls())
        found.total += usage.count
        found.denied += usage.denied
        found.seen += [seconds_of(usage.first_seen), seconds_of(usage.last_seen)]
    if identity.usage and identity.usage_total > len(identity.usage):
        del calls[identity.usage[-1].permission]
    return calls


def _add_calls(rows: _Rows, names: Sequence[str], calls: Mapping[str, _Calls]) -> None:
    for row, name in enumerate(names, rows.length):
        if name in calls:
            rows.called[row] = calls[name]
        else:
            rows.untold.append(row)


def _call_columns(rows: _Rows, untold: npt.NDArray[np.bool_]) -> dict[str, Column]:
    total, denied = np.zeros(rows.length, np.int64), np.zeros(rows.length, np.int64)
    first, last = (np.full(rows.length, UNKNOWN_TIME, np.int64) for _ in range(2))
    untold[rows.untold] = True
    for row, calls in rows.called.items():
        total[row], denied[row] = calls.total, calls.denied
        seen = [second for second in calls.seen if second != UNKNOWN_TIME]
        if seen:
            first[row], last[row] = min(seen), max(seen)
    return {
        "calls": numbers(total, untold),
        "denied_calls": numbers(denied, untold.copy()),
        "first_seen": times(first),
        "last_seen": times(last),
    }
