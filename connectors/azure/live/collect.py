"""Collect a live source: requests only, raw records out, under the names of the export parts."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError

from connectors.azure.ids import guid, last_segment, mappings, principal, text
from connectors.azure.live.activity import PART as ACTIVITY
from connectors.azure.live.activity import activity_logs
from connectors.azure.live.authorization import (
    authorization,
    descendants,
    group_authorization,
    provider_operations,
    subscriptions_of,
)
from connectors.azure.live.calls import Calls, classify
from connectors.azure.live.directory import (
    agents,
    apis,
    app_role_assignments,
    applications,
    credential_activity,
    delegated_grants,
    directory_roles,
    group_members,
    owned,
    owners_of,
    service_principals,
)
from connectors.azure.live.gathering import Finds, begin_gathering, keeping
from connectors.azure.live.resources import (
    COSMOS,
    cosmos_roles,
    diagnostic_settings,
    of_type,
    resources,
    tenant_settings,
)
from connectors.azure.live.session import Session, open_session
from connectors.azure.live.settings import LiveSettings
from connectors.azure.live.sign_ins import PART as SIGN_INS
from connectors.azure.live.sign_ins import sign_in_logs
from connectors.azure.logs.analytics import PART as LOG_QUERY
from connectors.azure.logs.analytics import count_logs
from connectors.azure.usage.events import AzureLogs
from connectors.facts import Window
from connectors.interface import Observer, Sink, Source
from connectors.live.failures import CallError
from connectors.live.gathering import Gathering
from connectors.logs.remember import remembering
from connectors.logs.seen import SeenEvents

if TYPE_CHECKING:
    from connectors.logs.ledger import Ledger

MAIN = "role_assignments"
_GROUP_TYPE = "microsoft.management/managementgroups"

Records = list[Mapping[str, Any]]


@dataclass
class Reached:
    """What live collection got into: who asked, and which subscriptions were read."""

    calls: Calls | None = None
    who: dict[str, str] = field(default_factory=dict)
    subscriptions: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Way:
    """How a source is read: the window, who hears of progress, and what the tests replace."""

    window: Window
    observe: Observer
    seen: SeenEvents
    sample: bool = False
    """Send every request once, on the first item of each list."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    pause: Callable[[float], None] = time.sleep
    """Waits some seconds, where the cloud asks to be asked slowly."""


def collect_live(source: Source, sink: Sink, way: Way) -> Reached:
    """Read everything of one live source; what cannot be read becomes outcomes.

    Raises SettingError for settings that contradict each other.
    """
    settings = LiveSettings.of(source)
    reached = Reached()
    gathering = begin_gathering(source.name, sink, way.now())
    session = open_session(settings)
    try:
        reached.who = _signed_in(session)
        calls = reached.calls = Calls(session, reached.who.get("oid", ""), sample=way.sample)
        _Reading(source, calls, gathering, way, reached).all()
    except CallError as error:
        gathering.fail(MAIN, error)
    finally:
        session.close()
    gathering.finish()
    return reached


@contextlib.contextmanager
def opened_calls(source: Source) -> Iterator[Calls]:
    """Give the calls of a source, not only samples of them, and close the connections in the end."""
    session = open_session(LiveSettings.of(source))
    try:
        yield Calls(session)
    finally:
        session.close()


def _signed_in(session: Session) -> dict[str, str]:
    """Return who we are; CallError when there is no token to be had, before anything else is tried."""
    try:
        return session.whoami()
    except (AzureError, ValueError) as error:
        _, why = classify(error)
        text_ = (
            f"no sign-in to Azure: {why}; run: az login, or give AZURE_TENANT_ID and AZURE_CLIENT_ID with "
            "AZURE_CLIENT_SECRET, a certificate or AZURE_FEDERATED_TOKEN_FILE; check tenant and authority"
        )
        raise CallError(text_, "credentials", "sign-in", hint="az login") from error


@dataclass
class _Reading:
    """One pass over everything; later parts need what earlier ones found."""

    source: Source
    calls: Calls
    gathering: Gathering
    way: Way
    reached: Reached

    def all(self) -> None:
        """Read all parts."""
        groups = self._subscriptions()
        subscriptions = self.reached.subscriptions
        assigned: Records = []
        denied: Records = []
        for one in subscriptions[:1] if self.calls.sample else subscriptions:
            for part, finds in authorization(self.calls, one).items():
                found = self._take(part, finds, one)
                assigned += found if part == MAIN else []
                denied += found if part == "deny_assignments" else []
                if self.calls.shut_out:
                    return
        for group in groups[:1] if self.calls.sample else groups:
            for part, finds in group_authorization(self.calls, group).items():
                found = self._take(part, finds, group)
                assigned += found if part == MAIN else []
        self._take("provider_operations", provider_operations(self.calls))
        things = self._take("resources", resources(self.calls, subscriptions))
        for part, finds in cosmos_roles(self.calls, things).items():
            blocked = self._blocked(
                part, "the Cosmos DB accounts", "resourceGraph.query", "cosmosAccounts.list"
            )
            if not blocked or of_type(things, COSMOS):
                self._take(part, finds)
        self._take("diagnostic_settings", diagnostic_settings(self.calls, subscriptions, things))
        self._blocked("diagnostic_settings", "the resources", "resourceGraph.query", "storageAccounts.list")
        self._take("tenant_diagnostic_settings", tenant_settings(self.calls))
        self._directory(assigned, denied, things)
        settings = self.calls.session.settings
        if settings.asks_workspace and not self.calls.sample:
            self.way.observe("part", source=settings.source, part=LOG_QUERY)
            counted = count_logs(self.calls, self.way.window)
            for answer in counted.answers:
                errors = [answer.error] if answer.error is not None else []
                self.gathering.logs(LOG_QUERY, answer.read, errors)
            queries = [one.query.record() for one in counted.answers if one.query.text]
            self.gathering.queries(LOG_QUERY, queries, counted.notes)
        if settings.activity_log:
            way = self.way
            with self._remembering(f"{ACTIVITY}/live") as ledger:
                history = activity_logs(
                    self.calls, subscriptions, way.window, way.now(), way.seen, way.observe, ledger
                )
            self.gathering.logs(ACTIVITY, history.read, history.errors)
        if self.calls.session.settings.sign_ins:
            way = self.way
            with self._remembering(f"{SIGN_INS}/live") as ledger:
                read, errors = sign_in_logs(
                    self.calls, way.window, way.now(), way.seen, way.observe, way.pause, ledger
                )
            self.gathering.logs(SIGN_INS, read, errors)

    def _remembering(self, part: str) -> "contextlib.AbstractContextManager[Ledger | None]":
        """Give the ledger of one part; what a mere sample gives is not remembered."""
        source = replace(self.source, state=None) if self.calls.sample else self.source
        return remembering(source, part, AzureLogs())

    def _take(self, part: str, finds: Finds, account: str = "", *, into: str = "") -> Records:
        named = {"account": account} if account else {}
        self.way.observe("part", source=self.calls.session.settings.source, part=part, **named)
        kept: Records = []
        self.gathering.take(part, keeping(finds, kept), into=into)
        return kept

    def _blocked(self, part: str, what: str, *names: str) -> bool:
        """Say that a part is not evaluated when none of the lists it needs was answered."""
        blocked = self.calls.unanswered(*names)
        if blocked:
            error = CallError(f"not evaluated whole: {what} could not all be listed", "other", names[-1])
            self.gathering.fail(part, error)
        return blocked

    def _subscriptions(self) -> list[str]:
        """Find the subscriptions to read; return the management groups to read too.

        Raises CallError when there is none.
        """
        settings = self.calls.session.settings
        groups: list[str] = []
        if settings.management_group:
            group = settings.management_group
            below = self._take("management_groups", _tree(descendants(self.calls, group), group))
            wanted = [guid(one.get("name")) for one in below if not _is_group(one)]
            groups = [
                group,
                *(text(one.get("name")) for one in below if _is_group(one) and one.get("name") != group),
            ]
        elif settings.subscriptions:
            wanted = list(settings.subscriptions)
        else:
            wanted = [
                guid(one.get("subscriptionId")) or last_segment(one.get("id"))
                for one in subscriptions_of(self.calls)
                if text(one.get("state")).lower() not in ("disabled", "deleted")
            ]
        self.reached.subscriptions = sorted({one for one in wanted if one})
        if not self.reached.subscriptions:
            raise CallError(
                "no subscription to read: the credential sees none; assign it Reader on one, or name "
                "subscriptions or management_group in the config file",
                "other",
                "subscriptions.list",
            )
        return groups

    def _directory(self, assigned: Records, denied: Records, things: Records) -> None:
        calls = self.calls
        everyone = self._take("service_principals", service_principals(calls))
        typed = self._take("agent_identities", agents(calls), into="service_principals")
        holders = {principal(_of(one, "principalId")) for one in assigned}
        mine = owned([*everyone, *typed], holders, things)
        roles: Records = []
        listed = not self._blocked("app_role_assignments", "the service principals", "servicePrincipals.list")
        if mine:
            self._take("service_principals", owners_of(calls, mine))
        if mine or listed:
            roles = self._take("app_role_assignments", app_role_assignments(calls, mine))
        self._take("applications", applications(calls))
        consents = self._take("delegated_grants", delegated_grants(calls))
        if roles or consents:
            self._take("service_principals", apis(calls, [*roles, *consents]))
        self._take("directory_roles", directory_roles(calls))
        groups = _groups(assigned, denied)
        if groups or not self._blocked(
            "group_members", "the role assignments", "roleAssignments.subscription"
        ):
            self._take("group_members", group_members(calls, groups))
        self._take("credential_activity", credential_activity(calls))


def _tree(below: Iterable[Mapping[str, Any]], group: str) -> Finds:
    """Yield a management group and what stands below it."""
    yield {
        "id": f"/providers/Microsoft.Management/managementGroups/{group}",
        "type": "Microsoft.Management/managementGroups",
        "name": group,
    }
    yield from below


def _is_group(record: Mapping[str, Any]) -> bool:
    return text(record.get("type")).lower() == _GROUP_TYPE


def _of(record: Mapping[str, Any], name: str) -> Any:
    inner = record.get("properties")
    return inner.get(name) if isinstance(inner, Mapping) else record.get(name)


def _groups(assigned: Records, denied: Records) -> list[str]:
    """Return the groups that hold a role assignment or that a deny assignment names."""
    found = {
        principal(_of(one, "principalId"))
        for one in assigned
        if "group" in text(_of(one, "principalType")).lower()
    }
    for deny in denied:
        for part in ("principals", "excludePrincipals"):
            found |= {
                principal(one.get("id"))
                for one in mappings(_of(deny, part))
                if "group" in text(one.get("type")).lower()
            }
    return sorted(found - {""})
