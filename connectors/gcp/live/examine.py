"""Try a live source on a small scale: who am I, which calls work, what is lost without the others."""

from collections.abc import Iterator, Sequence

from connectors.facts import Window
from connectors.gcp.coverage.auditing import ALL, Auditing
from connectors.gcp.coverage.classes import DATA_TYPES
from connectors.gcp.coverage.fixes import fix
from connectors.gcp.inventory import read_inventory
from connectors.gcp.live.access import LOG_QUERY, Access, access_table, lost, part_names
from connectors.gcp.live.calls import Calls
from connectors.gcp.live.collect import Way, collect_live, opened_calls
from connectors.gcp.live.logs import PAGE, SECONDS_A_PAGE
from connectors.gcp.live.scope import Scope
from connectors.gcp.logs.bigquery import ENGINE, plan_queries
from connectors.interface import Check, Evidence, Outcome, Source, Status, silent
from connectors.live.failures import Tally
from connectors.live.first_look import first_look
from connectors.live.kept import Kept
from connectors.logs.seen import SeenEvents


def examine(source: Source, window: Window) -> list[Check]:
    """Make each call once, on the first item of each list, and say how it went and which logs are on."""
    kept = Kept(source.name, "gcp")
    reached = collect_live(source, kept, Way(window, silent, SeenEvents(), sample=True))
    calls, scope = reached.calls, reached.scope
    if calls is None or scope is None or not any(tally.worked for tally in calls.tallies.values()):
        reason = "; ".join(dict.fromkeys(one.reason for one in kept.results if one.reason))
        return [Check("identity", "failed", reason, "nothing can be read")]
    checks = [_caller(calls, scope)]
    for part in part_names(calls.session.settings):
        checks += _part(part, calls, kept.results)
    if calls.session.settings.log_entries:
        checks.append(_entries(kept, window))
    if calls.session.settings.log_engine == ENGINE:
        checks += _queries(source, window)
    return [*checks, *_logs(kept, scope)]


def _entries(kept: Kept, window: Window) -> Check:
    pace = first_look(kept.tried, "log-entries/", window, page=PAGE, seconds_a_page=SECONDS_A_PAGE)
    return Check(
        "log_entries",
        "partial",
        f"for small projects: at most 55,000 entries a minute, all projects together{pace}",
        "a busy project takes hours, and what the log bucket no longer keeps is gone (30 days unless told)",
        "name the files of a sink under audit_logs",
    )


def _queries(source: Source, window: Window) -> list[Check]:
    """Look at the tables of a source and have their queries estimated; none is run."""
    with opened_calls(source) as calls:
        settings, plan = calls.session.settings, plan_queries(calls, window)
    failed = [
        Check(f"bigquery table {name}", "failed", str(error), lost(LOG_QUERY), error.hint)
        for name, error in plan.errors.items()
    ]
    if not plan.asked:
        return failed
    limit = settings.log_max_scan_gb
    over = bool(limit) and plan.scanned_bytes > limit * 10**9
    number = len(plan.asked)
    detail = (
        f"{number} {'query' if number == 1 else 'queries'} would scan {plan.scanned_bytes / 10**9:,.3f} GB"
    )
    detail += f"; at most {limit} GB may be scanned" if limit else "; no limit (logs.max_scan_gb)"
    detail = "; ".join((detail, *plan.notes))
    hint = "shorten the window, or raise logs.max_scan_gb" if over else ""
    check = Check(LOG_QUERY, "failed" if over else "ok", detail, lost(LOG_QUERY) if over else "", hint)
    return [check, *failed]


def _caller(calls: Calls, scope: Scope) -> Check:
    unnamed = "nobody (endpoint_url is this machine)" if calls.session.settings.local else "an unnamed caller"
    who = calls.session.principal or unnamed
    above = f" below {', '.join(scope.above)}" if scope.above else ""
    return Check("identity", "ok", f"{who} reads {scope.node}{above}; tried in one project")


def _part(name: str, calls: Calls, outcomes: Sequence[Outcome]) -> Iterator[Check]:
    """Yield one line for a part, and one for each of its calls that does not work."""
    rows = [row for row in access_table().values() if row.part == name]
    tried = {row.name: calls.tallies[row.name] for row in rows if row.name in calls.tallies}
    failed = {call: tally for call, tally in tried.items() if tally.error is not None and not tally.worked}
    worked = [call for call, tally in tried.items() if tally.worked]
    outcome = next((one for one in outcomes if one.part == name), None)
    if not failed and not worked:
        if outcome is not None and outcome.status is Status.FAILED:
            yield Check(name, "failed", outcome.reason, lost(name))
        return
    detail = f"{len(worked)} of {len(rows)} calls work" + _left(rows, tried)
    hurt = bool(failed) or (outcome is not None and outcome.status is not Status.OK)
    status = Check(name, "ok", detail) if not hurt else None
    if status is not None:
        yield status
        return
    said = "" if failed or outcome is None else f"; {outcome.reason}"
    yield Check(name, "partial" if worked else "failed", detail + said, lost(name))
    for call, tally in sorted(failed.items()):
        yield _failed(call, tally)


def _left(rows: Sequence[Access], tried: dict[str, Tally]) -> str:
    left = len(rows) - len(tried)
    return f", {left} had nothing to ask about" if left else ""


def _failed(call: str, tally: Tally) -> Check:
    error = tally.error
    return Check(call, "failed", str(error or ""), "", error.hint if error is not None else "")


def _logs(kept: Evidence, scope: Scope) -> Iterator[Check]:
    """Yield which Data Access logs are on in each project that was looked at."""
    inventory = read_inventory([kept])
    auditing = Auditing((policy for _, policy in inventory.policies), inventory.hierarchy)
    for project in scope.names():
        node = inventory.hierarchy.node(f"projects/{project}")
        view = auditing.view(node)
        on = [kind for kind in DATA_TYPES if any(s.type == kind and s.service == ALL for s in view.switches)]
        some = sorted({one.service for one in view.switches if one.service != ALL})
        detail = f"Data Access logs of all services: {', '.join(on) or 'none'}"
        if some:
            detail += f"; of some: {', '.join(some)}"
        if not view.told:
            detail += "; not everything above it could be read"
        state = "ok" if len(on) == len(DATA_TYPES) else "partial" if on or some else "unknown"
        yield Check(
            f"logs of {node}",
            "ok" if state == "ok" else "partial" if state == "partial" else "unknown",
            detail,
            "" if state == "ok" else "calls that are not recorded stay unobservable",
            "" if state == "ok" else fix("data-access-logs-off", [node], ()),
        )
