"""Make the same cut some days earlier, from the log before that, and count what it would refuse since."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from connectors.facts import Effect, Entitlement, PermissionSet, Window
from connectors.logs.rows import UsageRow
from connectors.permissions import Permissions
from connectors.reduction import Standing
from scanner.results import Backtest, IdentityResult

DAYS = 30
"""How far before the window's end the earlier cut is made."""
LEAST_DAYS_BEFORE = 30
"""Shorter logs before the cut cannot have seen a monthly job; they prove nothing."""
LEAST_DAYS_AFTER = 7
"""Shorter logs after the cut cannot have seen a weekly job; a cut that nothing could meet is not tested."""
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_CYCLES = (("weekly", 7), ("monthly", 31), ("quarterly", 92))


def calls_since(rows: Iterable[UsageRow], moment: datetime) -> Mapping[str, int]:
    """Return by identity how many calls were allowed on the days from `moment` on."""
    day = moment.strftime("%Y-%m-%d")
    found: Counter[str] = Counter()
    for row in rows:
        if row.day >= day and row.outcome != "denied":
            found[row.identity] += row.count
    return found


def cut_moment(window: Window) -> datetime:
    """Return when the earlier cut is made: at the start of a day, since logs are folded by day."""
    moment = window.end - timedelta(days=DAYS)
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def backtest(
    entry: IdentityResult,
    entitlement: Entitlement | None,
    permissions: Permissions,
    *,
    window: Window,
    grace_days: int,
    requests: int,
) -> Backtest:
    """Return what the cut made `DAYS` before the window's end would have refused since.

    The cut takes what was granted, seen by the logs, and not called before it; grants within the grace
    period then stay. Grants are those of today: the evidence does not say what stood earlier.
    """
    cut = cut_moment(window)
    observed = entry.observed
    start = max([window.start, *([observed.start] if observed else [])])
    born = entry.identity.created
    if born:
        start = max(start, datetime.strptime(born, _TIME).replace(tzinfo=window.end.tzinfo))
    known = min(cut, observed.end) if observed else cut
    before = (known - start).total_seconds() / 86_400
    if observed is None or entitlement is None:
        return Backtest(Standing.UNDECIDED, reason="its account has no log records in the window")
    if before < LEAST_DAYS_BEFORE:
        return Backtest(
            Standing.UNDECIDED,
            days=DAYS,
            reason=f"the log before the cut spans {max(before, 0):.0f} days; {LEAST_DAYS_BEFORE} are needed",
        )
    refused, example = _refused(entry, entitlement, permissions, cut, grace_days)
    if not refused and (short := _ends_early(observed.end, cut)):
        return Backtest(Standing.UNDECIDED, days=DAYS, reason=short)
    covers = ", ".join(f"{name} {'yes' if before >= days else 'no'}" for name, days in _CYCLES)
    reason = f"the log before the cut spans {before:.0f} days; it covers cycles: {covers}"
    if refused:
        reason = f"{example} would have been refused; {reason}"
    return Backtest(
        Standing.REFUTED if refused else Standing.PROVED,
        days=DAYS,
        requests=max(requests, refused),
        refused=refused,
        broken=1 if refused else 0,
        reason=reason,
    )


def _ends_early(end: datetime, cut: datetime) -> str:
    """Say that the logs hold too little of the time after the cut to have met it, or nothing."""
    after = (end - cut).total_seconds() / 86_400
    if after >= LEAST_DAYS_AFTER:
        return ""
    held = f"{after:.0f} days after the cut" if after > 0 else "nothing after the cut"
    return f"the logs end on {end:%Y-%m-%d} and hold {held}; {LEAST_DAYS_AFTER} days are needed"


def _refused(
    entry: IdentityResult,
    entitlement: Entitlement,
    permissions: Permissions,
    cut: datetime,
    grace_days: int,
) -> tuple[int, str]:
    """Return how many calls since the cut needed something it would have taken, and one of them."""
    moment = cut.strftime(_TIME)
    first: dict[str, str] = {}
    for row in entry.usage:
        first[row.permission] = min(first.get(row.permission, row.first_seen), row.first_seen)
    blind = 0
    for spot in entitlement.blind:
        blind |= spot.permissions
    would = entitlement.granted & ~blind & ~_young_then(entry, cut, grace_days)
    count, example = 0, ""
    for row in entry.usage:
        bit = 1 << permissions.index(row.permission)
        if first[row.permission] >= moment and row.count > row.denied and bit & would:
            count += row.count - row.denied
            example = example or f"{row.permission} on {row.resource or 'an unnamed resource'}"
    return count, example


def _young_then(entry: IdentityResult, cut: datetime, grace_days: int) -> PermissionSet:
    """Return what only grants gave that were younger than the grace period at the cut."""
    limit = (cut - timedelta(days=grace_days)).strftime(_TIME)
    young = old = 0
    for row in entry.grants:
        if row.grant.effect is Effect.ALLOW:
            if row.grant.created > limit:
                young |= row.grant.permissions
            else:
                old |= row.grant.permissions
    return young & ~old
