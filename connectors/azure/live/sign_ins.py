"""Read sign-ins of service principals and managed identities from Graph: who presented which credential.

Graph hands out the newest first, and as many days as the tenant keeps (30 with a licence). It allows five
such requests in ten seconds, so pages are asked for two seconds apart: this is for small tenants.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from connectors.azure.live.calls import Calls
from connectors.azure.usage.events import AzureLogs
from connectors.azure.usage.sign_ins import LIVE_FILES
from connectors.facts import Window
from connectors.interface import Observer
from connectors.live.event_days import Event, History, Place, read_days
from connectors.live.failures import CallError
from connectors.logs.rows import LogRead
from connectors.logs.seen import SeenEvents

if TYPE_CHECKING:
    from connectors.logs.ledger import Ledger

PART = "sign_in_logs"
_KINDS = {"servicePrincipal": "ServicePrincipalSignInLogs", "managedIdentity": "ManagedIdentitySignInLogs"}
_MOST_EVENTS = 50_000
_CHUNK_DAYS = 400
_ASKED = timedelta(days=400)
"""Longer ago is not asked for; a tenant keeps 30 days."""
PAUSE_SECONDS = 2.0
_TIME = "%Y-%m-%dT%H:%M:%SZ"


def sign_in_logs(
    calls: Calls,
    window: Window,
    now: datetime,
    seen: SeenEvents,
    observe: Observer,
    pause: Callable[[float], None],
    ledger: "Ledger | None" = None,
) -> tuple[LogRead, list[CallError]]:
    """Return the folded sign-ins, and what could not be read.

    A kind that was read in part is a log that lost records. One of which nothing was read is no log at all.
    """
    places = [Place(_path(kind), _Kind(calls, kind, observe, pause).events) for kind in _KINDS]
    settings = calls.session.settings
    asked = json.dumps([settings.tenant, settings.graph, settings.authority])
    history = History(AzureLogs(), asked, __file__, now - _ASKED, _CHUNK_DAYS, sample=calls.sample)

    def each(work: Callable[[Place], None], places: Sequence[Place]) -> None:
        for place in places:
            work(place)

    found = read_days(places, history, window, now, seen=seen, ledger=ledger, each=each, observe=observe)
    files = [file for file in found.read.files if file.records or file.path not in found.errors]
    return found.read._replace(files=files), list(found.errors.values())


@dataclass
class _Kind:
    """Asks for one kind of sign-ins, slowly, up to a number of them."""

    calls: Calls
    kind: str
    observe: Observer
    pause: Callable[[float], None]
    count: int = 0
    asked: bool = False

    def events(self, start: datetime, end: datetime) -> Iterator[Event]:
        """Yield the sign-ins of a span."""
        name = "signIns.list"
        self.observe("part", source=self.calls.session.settings.source, part=PART)
        begun, ended = (at.astimezone(UTC).strftime(_TIME) for at in (start, end))
        wanted = (
            f"createdDateTime ge {begun} and createdDateTime lt {ended}"
            f" and signInEventTypes/any(t: t eq '{self.kind}')"
        )
        if self.asked:
            self.pause(PAUSE_SECONDS)
        self.asked = True
        for page in self.calls.pages(name, self.calls.path(name), query={"$filter": wanted}):
            held = page.get("value")
            for record in held if isinstance(held, list) else ():
                if isinstance(record, dict):
                    self.count += 1
                    line = json.dumps({**record, "category": _KINDS[self.kind]})
                    yield Event(str(record.get("createdDateTime", "")), line)
            if self.count > _MOST_EVENTS:
                raise self._too_many(name)
            if page.get("@odata.nextLink") and not self.calls.sample:
                self.pause(PAUSE_SECONDS)

    def _too_many(self, name: str) -> CallError:
        return CallError(
            f"there are more than {_MOST_EVENTS:,} sign-ins of the kind {self.kind}; the newest were read; "
            f"export {_KINDS[self.kind]} with a diagnostic setting of Entra and name the files under {PART}",
            "other",
            name,
        )


def _path(kind: str) -> str:
    return f"{LIVE_FILES}{kind}.jsonl"
