"""Read sign-ins of service principals and managed identities from Graph: who presented which credential.

Graph hands out the newest first, and as many days as the tenant keeps (30 with a licence). It allows five
such requests in ten seconds, so pages are asked for two seconds apart: this is for small tenants.
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from connectors.azure.calls import Calls
from connectors.azure.events import AzureLogs
from connectors.azure.sign_ins import LIVE_FILES
from connectors.facts import Window
from connectors.interface import Observer
from connectors.live.failures import CallError
from connectors.logs.engine import read_logs
from connectors.logs.rows import LogFile, LogRead
from connectors.logs.seen import SeenEvents

PART = "sign_in_logs"
_KINDS = {"servicePrincipal": "ServicePrincipalSignInLogs", "managedIdentity": "ManagedIdentitySignInLogs"}
_MOST_EVENTS = 50_000
_PAUSE_SECONDS = 2.0
_TIME = "%Y-%m-%dT%H:%M:%SZ"


def sign_in_logs(
    calls: Calls, window: Window, seen: SeenEvents, observe: Observer, pause: Callable[[float], None]
) -> tuple[LogRead, list[CallError]]:
    """Return the folded sign-ins, and what could not be read.

    A kind that was read in part is a log that lost records. One of which nothing was read is no log at all.
    """
    errors: dict[str, CallError] = {}
    with tempfile.TemporaryDirectory(prefix="entdrift-sign-ins-") as folder:
        for kind in _KINDS:
            observe("part", source=calls.session.settings.source, part=PART)
            path = Path(folder) / f"{kind}.jsonl"
            try:
                with path.open("w", encoding="utf-8") as file:
                    for record in _records(calls, kind, window, pause):
                        file.write(json.dumps(record) + "\n")
            except CallError as error:
                errors[kind] = error
        read = read_logs([Path(folder)], AzureLogs(), window, seen=seen, workers=1, observe=observe)
    files = [_named(file, errors.get(Path(file.path).stem)) for file in read.files]
    return read._replace(files=sorted(files)), list(errors.values())


def _records(
    calls: Calls, kind: str, window: Window, pause: Callable[[float], None]
) -> Iterator[dict[str, Any]]:
    name = "signIns.list"
    start, end = (at.strftime(_TIME) for at in (window.start, window.end))
    wanted = (
        f"createdDateTime ge {start} and createdDateTime lt {end} and signInEventTypes/any(t: t eq '{kind}')"
    )
    read = 0
    for page in calls.pages(name, calls.path(name), query={"$filter": wanted}):
        held = page.get("value")
        for record in held if isinstance(held, list) else ():
            if isinstance(record, dict):
                yield {**record, "category": _KINDS[kind]}
                read += 1
        if read > _MOST_EVENTS:
            raise CallError(
                f"there are more than {_MOST_EVENTS:,} sign-ins of the kind {kind}; the newest were read; "
                f"export {_KINDS[kind]} with a diagnostic setting of Entra and name the files under {PART}",
                "other",
                name,
            )
        if page.get("@odata.nextLink") and not calls.sample:
            pause(_PAUSE_SECONDS)


def _named(file: LogFile, error: CallError | None) -> LogFile:
    """Name a file by its kind instead of where it lay for a moment."""
    path = LIVE_FILES + Path(file.path).name
    named = msgspec.structs.replace(file, path=path, reason=file.reason.replace(file.path, path))
    if error is None or not file.records:
        return named
    return msgspec.structs.replace(named, status="partial", reason=str(error), lost=True)
