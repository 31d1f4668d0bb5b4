"""Collect a live source: SDK calls only, raw records out, under the names of the export parts."""

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from connectors.aws.live.anywhere import roles_anywhere
from connectors.aws.live.calls import Calls
from connectors.aws.live.gathering import Finds, begin_gathering
from connectors.aws.live.history import PART as HISTORY
from connectors.aws.live.history import event_history
from connectors.aws.live.iam import (
    Account,
    access_keys,
    authorization_details,
    credential_report,
    oidc_providers,
    service_specific_credentials,
)
from connectors.aws.live.inventory import ai_inventory
from connectors.aws.live.organization import Members, organization_policies
from connectors.aws.live.resources import resource_policies
from connectors.aws.live.session import Session, open_session
from connectors.aws.live.settings import LiveSettings
from connectors.aws.live.trails import enabled_regions, trails
from connectors.aws.live.witnesses import last_accessed, unused_access
from connectors.aws.usage.events import CloudTrailReader
from connectors.facts import Window
from connectors.interface import Observer, Sink, Source
from connectors.live.failures import CallError
from connectors.live.gathering import Gathering
from connectors.logs.remember import remembering
from connectors.logs.seen import SeenEvents

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from connectors.logs.ledger import Ledger

MAIN = "authorization_details"


@dataclass
class Reached:
    """What live collection got into: the calls of the first session and of each account."""

    caller: Calls | None = None
    accounts: list[Calls] = field(default_factory=list)
    regions: list[str] = field(default_factory=list)
    members: Members = field(default_factory=Members)


@dataclass(frozen=True, slots=True)
class Way:
    """How a source is read: the window, who hears of progress, and what the tests replace."""

    window: Window
    observe: Observer
    seen: SeenEvents
    sample: bool = False
    """Make every call once, on the first item of each list."""
    touched: Collection[str] = ()
    """Resources that the logs of the source name."""
    wait: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


def collect_live(source: Source, sink: Sink, way: Way) -> Reached:
    """Read everything of one live source; what cannot be read becomes outcomes.

    Raises SettingError for settings that contradict each other.
    """
    settings = LiveSettings.of(source)
    gathering = begin_gathering(source.name, sink, way.now())
    reached = Reached()
    opened: list[Session] = []
    try:
        caller = _caller(settings, opened, sample=way.sample)
        reached.caller = caller
        way.observe("part", source=source.name, part="organization_policies")
        gathering.take("organization_policies", organization_policies(caller, reached.members))
        named: set[str] = set()
        looked: list[list[str]] = []
        for account in _accounts(caller, reached.members, opened, gathering):
            reached.accounts.append(account)
            reached.regions = _read_account(source, account, named, gathering, way)
            looked.append(reached.regions[:1] if way.sample else reached.regions)
            if account is not caller:
                account.session.close()
        # Policies of one account name resources of another: those of all are known only now.
        for account, regions in zip(reached.accounts, looked, strict=True):
            way.observe("part", source=source.name, account=account.account, part="resource_policies")
            gathering.take("resource_policies", resource_policies(account, named, way.touched, regions))
            if account is not caller:
                account.session.close()
    except CallError as error:
        gathering.fail(MAIN, error)
    finally:
        for session in opened:
            session.close()
    gathering.finish()
    return reached


def _caller(settings: LiveSettings, opened: list[Session], *, sample: bool) -> Calls:
    """Return the calls of the session that reads the organization, and who makes them."""
    return _known(opened_calls(settings, opened, sample=sample))


def opened_calls(settings: LiveSettings, opened: list[Session], *, sample: bool = False) -> Calls:
    """Return the calls of a source's profile, after the fixed roles of its chain.

    Sessions are added to those opened, for the caller to close. CallError where none can be had.
    """
    try:
        session = open_session(settings)
    except (BotoCoreError, ValueError) as error:
        raise CallError(
            f"no AWS session: {error}; check profile and the AWS config files", "credentials", "session"
        ) from error
    opened.append(session)
    calls = Calls(session, sample=sample)
    for role in settings.roles[:-1] if settings.fans_out else settings.roles:
        calls = assumed(calls, role, opened)
    return calls


def _known(calls: Calls) -> Calls:
    answer = calls.one("sts", "GetCallerIdentity")
    calls.account, calls.principal = str(answer["Account"]), str(answer["Arn"])
    return calls


def assumed(calls: Calls, role: str, opened: list[Session]) -> Calls:
    """Return the calls of a role, whose session is added to those opened; CallError when it is refused."""
    try:
        session = calls.session.assume(role)
    except (BotoCoreError, ClientError, ValueError) as error:
        failed = calls.explain(error, "sts", "AssumeRole")
        text = f"{failed}; role {role} could not be assumed"
        raise CallError(text, failed.kind, f"sts:AssumeRole {role}", hint=failed.hint) from error
    opened.append(session)
    return Calls(session, sample=calls.sample)


def _accounts(
    caller: Calls, members: Members, opened: list[Session], gathering: Gathering
) -> Iterator[Calls]:
    """Yield the calls of each account; the caller's own may be without the role."""
    settings = caller.session.settings
    if not settings.fans_out:
        yield caller
        return
    wanted = list(settings.accounts) or sorted(members.active)
    if not wanted:
        text = "the accounts of the organization could not be listed: only the caller's own account is read"
        gathering.fail(MAIN, CallError(text, "other", "organizations:ListAccountsForParent"))
        wanted = [caller.account]
    for account in wanted[:1] if caller.sample else wanted:
        try:
            yield _known(assumed(caller, settings.roles[-1].replace("{account}", account), opened))
        except CallError as error:
            if account == caller.account:
                yield caller
            else:
                gathering.fail(MAIN, error)


def _read_account(source: Source, calls: Calls, named: set[str], gathering: Gathering, way: Way) -> list[str]:
    """Read one account but its resource policies; return the regions looked in, add the resources named."""
    settings = calls.session.settings
    account = Account(calls)
    regions, problem = enabled_regions(calls, settings.regions)
    looked = regions[:1] if calls.sample else regions
    everywhere = "all" in settings.regions and problem is None
    if problem is not None:
        gathering.fail("trails", problem)
        gathering.fail("ai_inventory", problem)
    parts: dict[str, Callable[[], Finds]] = {
        MAIN: lambda: authorization_details(account),
        "access_keys": lambda: access_keys(account),
        "service_specific_credentials": lambda: service_specific_credentials(account),
        "credential_report": lambda: credential_report(account, way.wait),
        "last_accessed": lambda: last_accessed(account, way.window.start, way.wait),
        "unused_access": lambda: unused_access(calls, looked),
        "oidc_providers": lambda: oidc_providers(account),
        "trails": lambda: trails(calls, regions),
        "roles_anywhere": lambda: roles_anywhere(account, looked, everywhere=everywhere),
        "ai_inventory": lambda: ai_inventory(calls, looked, way.window.start),
    }
    for name, gather in parts.items():
        way.observe("part", source=settings.source, account=calls.account, part=name)
        gathering.take(name, gather())
    if settings.event_history:
        way.observe("part", source=settings.source, account=calls.account, part=HISTORY)
        with _remembering(source, calls) as ledger:
            history = event_history(calls, way.window, way.now(), way.seen, way.wait, ledger)
        gathering.logs(HISTORY, history.read, history.errors)
    named |= account.resources
    return regions


def _remembering(source: Source, calls: Calls) -> "AbstractContextManager[Ledger | None]":
    """Give the ledger of an account's event history; what a mere sample gives is not remembered."""
    state = None if calls.sample else source.state
    return remembering(replace(source, state=state), f"{HISTORY}/{calls.account}", CloudTrailReader())
