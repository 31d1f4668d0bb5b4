"""Try a live source on a small scale: who am I, which calls work, what is lost without the others."""

from collections.abc import Iterator, Sequence

from connectors.aws.catalog.tables import table
from connectors.aws.coverage.trails import Trail, read_trails
from connectors.aws.live.access import LOG_OBJECTS, LOG_QUERY, Access, access_table, lost
from connectors.aws.live.calls import Calls
from connectors.aws.live.collect import Reached, Way, collect_live, opened_calls
from connectors.aws.live.history import PACE_SECONDS, PAGE
from connectors.aws.live.session import Session
from connectors.aws.live.settings import LiveSettings
from connectors.aws.logs.athena import describe_table
from connectors.aws.logs.objects import LogBuckets
from connectors.aws.logs.spark import look
from connectors.facts import Window
from connectors.interface import Check, Evidence, Outcome, Source, silent
from connectors.live.failures import CallError
from connectors.live.first_look import first_look
from connectors.live.kept import Kept
from connectors.live.part_checks import Tried, part_checks
from connectors.logs.lake import Listing, lake_check, open_spark
from connectors.logs.seen import SeenEvents
from connectors.logs.try_store import examine_store


def examine(source: Source, window: Window) -> list[Check]:
    """Make each call once, on the first item of each list, in one account and region, and say how it went.

    Trails are looked for in all regions, since they decide what can be seen. Of a source of files, only its
    log objects are tried.
    """
    logs = examine_logs(source, window)
    if source.mode != "live":
        return logs
    kept = Kept(source.name, "aws")
    reached = collect_live(source, kept, Way(window, silent, SeenEvents(), sample=True))
    if reached.caller is None:
        reason = "; ".join(one.reason for one in kept.results if one.reason)
        return [Check("identity", "failed", reason, lost("session")), *logs]
    checks = [_caller(reached.caller, reached)]
    accounts = {id(calls): calls for calls in (reached.caller, *reached.accounts)}
    for part in table("access")["parts"]:
        checks += _part(part["name"], list(accounts.values()), kept.results)
    if reached.caller.session.settings.event_history:
        checks.append(_history(kept, window))
    return [*checks, *logs, *_trails(kept)]


def examine_logs(source: Source, window: Window) -> list[Check]:
    """List each address of log objects, fetch the first one, and say how it went."""
    engine = LiveSettings.of(source).log_engine
    if engine == "athena":
        return [_examine_table(source, window)]
    if engine == "spark":
        return [_examine_lake(source, window)]
    with LogBuckets(source, window) as buckets:
        return [examine_store(store, lost(LOG_OBJECTS)) for store in buckets.stores()]


def _examine_table(source: Source, window: Window) -> Check:
    """Look whether the table of a source is there and divided by day; no query is run."""
    settings = LiveSettings.of(source)
    opened: list[Session] = []
    subject = f"athena table {settings.log_table}"
    try:
        found = describe_table(opened_calls(settings, opened), settings, window)
    except CallError as error:
        return Check(subject, "failed", str(error), lost(LOG_QUERY), error.hint)
    finally:
        for session in opened:
            session.close()
    limit = f"{settings.log_max_scan_gb} GB" if settings.log_max_scan_gb else "no limit (logs.max_scan_gb)"
    detail = f"reads {found.predicate}; stopped at {limit}; Athena cannot say beforehand how much it scans"
    if found.missing:
        detail += f"; it lacks {', '.join(found.missing)} of userIdentity"
    return Check(subject, "ok", detail)


def _examine_lake(source: Source, window: Window) -> Check:
    """Look which files or partitions of a data lake hold the window, and how many bytes; no query is run."""
    settings = LiveSettings.of(source)

    def find() -> tuple[str, Listing, tuple[str, ...]]:
        lake = look(open_spark(), settings, window)
        return lake.place, lake.listing, lake.lacks

    return lake_check(find, settings.log_max_scan_gb, lost(LOG_QUERY))


def _history(kept: Kept, window: Window) -> Check:
    pace = first_look(kept.tried, "event-history/", window, page=PAGE, seconds_a_page=PACE_SECONDS)
    return Check(
        "event_history",
        "partial",
        "for small accounts: management events of 90 days, at most 100 a second in each account and region"
        + pace,
        "use in data events cannot be seen",
        "name the files of a trail under cloudtrail",
    )


def _caller(caller: Calls, reached: Reached) -> Check:
    accounts = ", ".join(sorted(calls.account for calls in reached.accounts))
    several = caller.session.settings.fans_out
    tried = f"; tried in account {accounts}, the others are alike" if several and accounts else ""
    regions = f"; {len(reached.regions)} regions" if reached.regions else ""
    return Check("identity", "ok", f"{caller.principal} in account {caller.account}{tried}{regions}")


def _part(name: str, accounts: Sequence[Calls], outcomes: Sequence[Outcome]) -> Iterator[Check]:
    """Yield how one part went; the session is told with the identity."""
    if name != "session":
        tried = {row.call: _tallies(row, accounts) for row in access_table().values() if row.part == name}
        yield from part_checks(name, tried, outcomes, lost(name), "calls")


def _tallies(row: Access, accounts: Sequence[Calls]) -> Tried:
    found = [
        tally
        for calls in accounts
        for (service, operation, _), tally in calls.tallies.items()
        if (service, operation) == (row.service, row.operation)
    ]
    errors = [t.error for t in found if t.error is not None and t.error.kind != "no endpoint"]
    return sum(tally.worked for tally in found), next(iter(errors), None)


def _trails(kept: Evidence) -> Iterator[Check]:
    found = read_trails([kept])
    if not found:
        yield Check(
            "logs",
            "failed",
            "no trail was found",
            "without a trail nothing is recorded for longer than 90 days, and no data events at all",
            "create a trail of all regions that delivers to a bucket",
        )
    for trail in found:
        yield _trail(trail)


def _trail(trail: Trail) -> Check:
    place = "all regions" if trail.multi_region else trail.home_region or "one region"
    if trail.logging is False:
        return Check(f"trail {trail.name}", "failed", f"{place}: stopped", "nothing is recorded by it")
    if trail.selection is None:
        return Check(f"trail {trail.name}", "unknown", f"{place}: its selectors could not be read")
    kinds = [
        word for word, on in (("reads", trail.selection.reads), ("writes", trail.selection.writes)) if on
    ]
    data = sorted(trail.selection.data)
    some = sorted(trail.selection.some_data)
    detail = (
        f"{place}: management {' and '.join(kinds) or 'nothing'}; data events: {', '.join(data) or 'none'}"
    )
    if some:
        detail += f"; in part: {', '.join(some)}"
    return Check(f"trail {trail.name}", "ok" if len(kinds) == 2 else "partial", detail)
