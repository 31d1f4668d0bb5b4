"""Try a live source on a small scale: who am I, which requests work, what is lost without the others."""

from collections.abc import Iterator, Mapping, Sequence

from connectors.azure.catalog.tables import catalogue
from connectors.azure.coverage.settings import settings_on
from connectors.azure.ids import fields, resource_id
from connectors.azure.live.access import LOG_QUERY, Access, access_table, lost
from connectors.azure.live.calls import Calls
from connectors.azure.live.collect import Reached, Way, collect_live, opened_calls
from connectors.azure.live.settings import LiveSettings
from connectors.azure.live.sign_ins import PAUSE_SECONDS
from connectors.azure.logs.analytics import over_limit, plan_logs
from connectors.azure.stock import Held, Inventory
from connectors.azure.usage.sign_ins import LIVE_FILES
from connectors.facts import Window
from connectors.interface import Check, Outcome, Source, silent
from connectors.live.first_look import first_look
from connectors.live.kept import Kept
from connectors.live.part_checks import Tried, part_checks
from connectors.logs.seen import SeenEvents

_NAMED = 5
_ACTIVITY_PAGE = 100
"""Fewer events are no full page of the Activity Log: it holds some 200."""
_SIGN_INS_PAGE = 500
"""As much of the sign-ins: a page holds 1,000."""


def examine(source: Source, window: Window) -> list[Check]:
    """Send each request once, on the first item of each list, and say how it went."""
    kept = Kept(source.name, "azure")
    reached = collect_live(source, kept, Way(window, silent, SeenEvents(), sample=True))
    if reached.calls is None or not reached.subscriptions:
        reason = "; ".join(one.reason for one in kept.results if one.reason)
        who = [_caller(reached)] if reached.who else []
        return [*who, Check("identity" if not who else "subscriptions", "failed", reason, lost("session"))]
    checks = [_caller(reached)]
    for part in catalogue("access")["parts"]:
        if part["name"] != LOG_QUERY:
            checks += _part(part["name"], reached.calls, kept.results)
    settings = LiveSettings.of(source)
    if settings.asks_workspace:
        checks += _workspace(source, window)
    checks += [_activity(settings, kept, window), _sign_ins(settings, kept, window)]
    return [*checks, *_data_logs(_logs_on(kept))]


def _workspace(source: Source, window: Window) -> Iterator[Check]:
    """Look which tables a workspace has and how much its queries would scan; no events are read."""
    with opened_calls(source) as calls:
        settings, plan = calls.session.settings, plan_logs(calls, window)
        refused = over_limit(calls, plan)
    for name, error in plan.errors.items():
        subject = f"log analytics {'workspace' if name == settings.log_workspace else 'table'} {name}"
        yield Check(subject, "failed", str(error), lost(LOG_QUERY), error.hint)
    if not plan.columns:
        return
    sizes = ", ".join(f"{name} {plan.sizes.get(name, 0) / 10**9:,.3f} GB" for name in plan.columns)
    limit = settings.log_max_scan_gb
    told = f"at most {limit} GB may be scanned" if limit else "no limit (logs.max_scan_gb)"
    detail = "; ".join((f"asks {sizes}", told, *plan.notes))
    if refused:
        yield Check(LOG_QUERY, "failed", f"{refused}; {detail}", lost(LOG_QUERY), refused.hint)
    else:
        yield Check(LOG_QUERY, "partial" if plan.absent else "ok", detail)


def _activity(settings: LiveSettings, kept: Kept, window: Window) -> Check:
    if settings.activity_log:
        pace = first_look(kept.tried, "activity-log/", window, page=_ACTIVITY_PAGE, seconds_a_page=1.0)
        return Check(
            "activity_log",
            "partial",
            "read over REST, for small accounts: writes, deletes and actions of 90 days, some 200 to a page"
            + pace,
            "reads of the control plane are never in it, and data actions need resource_logs",
            "export it with a diagnostic setting and name the files under activity_logs",
        )
    if settings.asks_workspace:
        return Check("activity_log", "ok", "counted in the table AzureActivity of the workspace")
    return Check("activity_log", "ok", "read from the files named under activity_logs")


def _sign_ins(settings: LiveSettings, kept: Kept, window: Window) -> Check:
    if settings.sign_ins:
        pace = first_look(kept.tried, LIVE_FILES, window, page=_SIGN_INS_PAGE, seconds_a_page=PAUSE_SECONDS)
        return Check(
            "sign_in_logs",
            "partial",
            "read from Graph, for small tenants: 30 days at most, 50,000 of a kind, a page in two seconds"
            + pace,
            "older use of a credential is known from its own report only",
            "export the sign-ins with a diagnostic setting of Entra and name the files under sign_in_logs",
        )
    if settings.asks_workspace:
        return Check("sign_in_logs", "ok", "counted in the tables of the workspace")
    return Check("sign_in_logs", "ok", "read from the files named under sign_in_logs")


def _logs_on(kept: Kept) -> dict[str, set[str]]:
    """Return the log categories that diagnostic settings switch on, by resource."""
    flat = [fields(one) for one in kept.records("diagnostic_settings")]
    return settings_on(Inventory(settings={resource_id(one.get("id")): Held("", one) for one in flat}))


def _data_logs(settings: Mapping[str, set[str]]) -> Iterator[Check]:
    """Yield which data logs are on, of the resources that were asked."""
    resources = {place: on for place, on in settings.items() if "/providers/" in place}
    off = sorted(place for place, on in resources.items() if not on)
    if not resources:
        return
    detail = f"on for {len(resources) - len(off)} of {len(resources)} resources asked"
    if not off:
        yield Check("data logs", "ok", detail)
        return
    named = ", ".join(place.split("/providers/", 1)[1] for place in off[:_NAMED])
    more = f" and {len(off) - _NAMED} more" if len(off) > _NAMED else ""
    yield Check(
        "data logs",
        "partial" if len(off) < len(resources) else "failed",
        f"{detail}; off for {named}{more}",
        "use of their data actions cannot be seen",
        f"az monitor diagnostic-settings create --name entdrift --resource {off[0]} "
        '--logs \'[{"categoryGroup":"allLogs","enabled":true}]\' --workspace WORKSPACE_ID',
    )


def _caller(reached: Reached) -> Check:
    who = reached.who
    named = who.get("name") or who.get("appid") or "an unnamed token"
    detail = f"{named} (object {who['oid']})" if who.get("oid") else named
    detail += f" in tenant {who['tid']}" if who.get("tid") else ""
    return Check("identity", "ok", f"{detail}; {len(reached.subscriptions)} subscriptions")


def _part(name: str, calls: Calls, outcomes: Sequence[Outcome]) -> Iterator[Check]:
    """Yield how one part went; the session is told with the identity."""
    if name != "session":
        tried = {row.name: _tally(row, calls) for row in access_table().values() if row.part == name}
        yield from part_checks(name, tried, outcomes, lost(name), "requests")


def _tally(row: Access, calls: Calls) -> Tried:
    found = [tally for (name, _), tally in calls.tallies.items() if name == row.name]
    return sum(one.worked for one in found), next((one.error for one in found if one.error is not None), None)
