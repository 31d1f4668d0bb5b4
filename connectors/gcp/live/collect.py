"""Collect a live source: SDK calls only, raw records out, under the names of the export parts."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import google.auth.exceptions

from connectors.facts import Window
from connectors.gcp.grants.testable import PART as TESTABLE
from connectors.gcp.live.access import access_table, part_names, quotas
from connectors.gcp.live.calls import Calls
from connectors.gcp.live.deny import deny_policies
from connectors.gcp.live.gathering import Finds, begin_gathering
from connectors.gcp.live.iam import api_keys, roles, service_account_keys, service_accounts, workload_identity
from connectors.gcp.live.inventory import resources
from connectors.gcp.live.logs import PART as LOG_ENTRIES
from connectors.gcp.live.logs import log_entries
from connectors.gcp.live.pace import Pace
from connectors.gcp.live.policies import access_boundaries, allow_policies
from connectors.gcp.live.scope import Scope, ancestry
from connectors.gcp.live.session import Session, log_in
from connectors.gcp.live.settings import LiveSettings
from connectors.gcp.live.testable import testable_permissions
from connectors.gcp.live.witnesses import activities, insights, log_buckets, request_counts
from connectors.gcp.logs.bigquery import ENGINE, query_logs
from connectors.gcp.logs.bigquery import PART as LOG_QUERY
from connectors.gcp.usage.events import AuditLogReader
from connectors.interface import Observer, Sink, Source
from connectors.live.failures import CallError
from connectors.live.gathering import Gathering
from connectors.logs.remember import remembering
from connectors.logs.seen import SeenEvents

MAIN = "iam_policies"
_NO_LOGIN = (
    "run `gcloud auth application-default login`, or name a key or workload file in"
    " GOOGLE_APPLICATION_CREDENTIALS"
)


@dataclass
class Reached:
    """What live collection got into: who it read as, its calls, and the scope as it turned out."""

    calls: Calls | None = None
    scope: Scope | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """How a source is read: the window, who hears of progress, and what the tests replace."""

    window: Window
    observe: Observer
    seen: SeenEvents
    sample: bool = False
    """Make every call once, on the first item of each list."""
    wait: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


def collect_live(source: Source, sink: Sink, way: Way) -> Reached:
    """Read everything of one live source; what cannot be read becomes outcomes.

    Raises SettingError for settings that contradict each other.
    """
    settings = LiveSettings.of(source)
    gathering = begin_gathering(source.name, sink, way.now())
    reached = Reached()
    try:
        session = _open(settings)
    except CallError as error:
        gathering.fail(MAIN, error)
        gathering.finish(())
        return reached
    try:
        # The quotas are Google's: what answers on this machine has none.
        pace = Pace({} if settings.local else quotas(), way.wait, way.clock)
        calls = Calls(session, pace, sample=way.sample)
        reached.calls, reached.scope = calls, Scope(settings.scope)
        _read(source, settings, reached.scope, calls, gathering, way)
    finally:
        session.close()
    if calls.dead is not None and not any(tally.worked for tally in calls.tallies.values()):
        # Every part failed of the one cause; it is said once, as where there is no login at all.
        gathering = begin_gathering(source.name, sink, way.now())
        gathering.fail(MAIN, calls.dead)
    gathering.finish({access_table()[name].part for name, tally in calls.tallies.items() if tally.worked})
    return reached


@contextlib.contextmanager
def opened_calls(source: Source) -> Iterator[Calls]:
    """Give the calls of a source, not only samples of them, and close the connections in the end."""
    settings = LiveSettings.of(source)
    session = _open(settings)
    try:
        yield Calls(session, Pace({} if settings.local else quotas()))
    finally:
        session.close()


def _open(settings: LiveSettings) -> Session:
    try:
        return Session(settings, log_in(settings))
    except (google.auth.exceptions.GoogleAuthError, OSError, ValueError) as error:
        why = " ".join(str(error).split())[:300]
        raise CallError(f"no Google credentials: {why}; {_NO_LOGIN}", "credentials", "credentials") from error


def _read(
    source: Source, settings: LiveSettings, scope: Scope, calls: Calls, gathering: Gathering, way: Way
) -> None:
    """Read all parts, those first from which the others learn what to ask for.

    What files of the source give is not asked for.
    """
    given = source.files
    accounts: list[str] = []
    parts: dict[str, Callable[[], Finds]] = {
        "ancestry": lambda: ancestry(calls, scope),
        MAIN: lambda: allow_policies(calls, scope),
        "resources": lambda: resources(calls, scope, settings.locations),
        "roles": lambda: roles(calls, scope),
        "service_accounts": lambda: service_accounts(calls, scope, accounts),
        "service_account_keys": lambda: service_account_keys(calls, accounts),
        "deny_policies": lambda: deny_policies(calls, scope, settings.deny_places),
        "access_boundaries": lambda: access_boundaries(calls, scope),
        "api_keys": lambda: api_keys(calls, scope),
        "workload_identity": lambda: workload_identity(calls, scope),
        "recommender_insights": lambda: insights(calls, scope),
        "activity": lambda: activities(calls, scope),
        "api_metrics": lambda: request_counts(calls, scope, way.window, way.now()),
        "log_buckets": lambda: log_buckets(calls, scope),
        TESTABLE: lambda: testable_permissions(calls, scope),
    }
    for name in part_names(settings):
        if name in parts and name not in given:
            way.observe("part", source=settings.source, part=name)
            gathering.take(name, parts[name]())
    if settings.log_entries:
        known = replace(source, state=None if calls.sample else source.state)
        with remembering(known, LOG_ENTRIES, AuditLogReader()) as ledger:
            found = log_entries(calls, scope, way.window, way.now(), way.seen, way.observe, ledger)
        gathering.logs(LOG_ENTRIES, found.read, found.errors)
    if settings.log_engine == ENGINE and not calls.sample:
        way.observe("part", source=settings.source, part=LOG_QUERY)
        _query(calls, gathering, way.window)


def _query(calls: Calls, gathering: Gathering, window: Window) -> None:
    """Have BigQuery count the entries; the queries themselves are evidence too."""
    plan, answers = query_logs(calls, window)
    for answer in answers:
        errors = [answer.error] if answer.error is not None else []
        gathering.logs(LOG_QUERY, answer.read, errors)
    gathering.queries(LOG_QUERY, [one.query.record() for one in answers if one.query.text], plan.notes)
