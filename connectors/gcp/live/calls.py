"""Make Google API calls whose failures are data: what was refused, and which command mends it."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import google.auth.exceptions
import requests
from google.api_core import exceptions as api_errors

from connectors.gcp.live.access import access_table, binding_command
from connectors.gcp.live.pace import Pace
from connectors.gcp.live.session import Session
from connectors.live.failures import CallError, NotAllowedError, Tally
from connectors.live.side_by_side import side_by_side

_THREADS = 4
_ATTEMPTS = 5
_WAITS_SECONDS = (1.0, 4.0, 15.0, 40.0)
"""Together a minute: Google's quotas are counted by the minute."""

Kind = Literal["denied", "disabled", "credentials", "throttled", "unreachable", "absent", "other"]
Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass
class Calls:
    """The calls of one source; remembers how each went.

    With `sample` only the first page of every list and the first item of every loop are read: enough to
    learn what works (`entdrift doctor`).
    """

    session: Session
    pace: Pace
    sample: bool = False
    tallies: dict[str, Tally] = field(default_factory=dict)
    _dead: CallError | None = None
    """Why no further call can work: the credentials were refused, or nothing ever answered."""
    _down: set[str] = field(default_factory=set)
    """Hosts that did not answer until the retries were used up: asked once more, but not waited for."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def dead(self) -> CallError | None:
        """Why no further call can work, or None."""
        return self._dead

    def pages(self, name: str, request: Mapping[str, Any], scope: str) -> Iterator[dict[str, Any]]:
        """Yield all pages of a list of a typed client; CallError after those that could be read."""
        token = ""
        while True:
            asked = {**request, "page_token": token} if token else request

            def ask(asked: Mapping[str, Any] = asked) -> dict[str, Any]:
                return self.session.ask(name, asked)

            page = self._try(name, scope, ask)
            yield page
            token = str(page.get("nextPageToken") or "")
            if not token or self.sample:
                return

    def listed(
        self, name: str, path: str, query: Mapping[str, Any], scope: str, region: str = ""
    ) -> Iterator[dict[str, Any]]:
        """Yield all pages of a REST list; CallError after those that could be read."""
        token = ""
        while True:
            asked = {**query, "pageToken": token} if token else query

            def ask(asked: Mapping[str, Any] = asked) -> dict[str, Any]:
                return self.session.get(name, path, asked, region)

            page = self._try(name, scope, ask)
            yield page
            token = str(page.get("nextPageToken") or "")
            if not token or self.sample:
                return

    def one(self, name: str, request: Mapping[str, Any], scope: str) -> dict[str, Any]:
        """Return the answer of one call of a typed client."""
        return self._try(name, scope, lambda: self.session.ask(name, request))

    def fetched(self, name: str, path: str, scope: str) -> dict[str, Any]:
        """Return the answer of one REST call."""
        return self._try(name, scope, lambda: self.session.get(name, path, {}))

    def posted(self, name: str, path: str, body: Mapping[str, Any], scope: str) -> dict[str, Any]:
        """Return the answer of one REST query."""
        return self._try(name, scope, lambda: self.session.post(name, path, body))

    def each(self, work: Callable[[Item], Made], items: Sequence[Item]) -> list[Made]:
        """Return the results of some calls made side by side, in the order of their items."""
        wanted = items[:1] if self.sample else items
        return side_by_side(work, wanted, _THREADS)

    def _try(self, name: str, scope: str, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return an answer; busy and overloaded services are asked again, everything else fails at once."""
        tally = self._tally(name)
        if self._dead is not None:
            raise self._dead
        if hopeless := tally.hopeless:
            raise hopeless
        row = access_table()[name]
        attempts = 1 if row.host in self._down else _ATTEMPTS
        for attempt in range(attempts):
            self.pace.take(row.quota)
            try:
                answer = ask()
            except _ERRORS as error:
                kind, why = classify(error)
                if kind in ("throttled", "unreachable") and attempt + 1 < attempts:
                    self.pace.wait(_delay(error, attempt))
                    continue
                failed = self.explain(name, scope, kind, why, error)
                self._failed(tally, failed, row.host)
                raise failed from error
            with self._lock:
                tally.worked += 1
            return answer
        raise AssertionError("the last attempt returns or raises")

    def _failed(self, tally: Tally, failed: CallError, host: str) -> None:
        with self._lock:
            nothing = not any(one.worked for one in self.tallies.values())
            if failed.kind == "credentials" or (failed.kind == "unreachable" and nothing):
                self._dead = failed
            if failed.kind == "unreachable":
                self._down.add(host)
            if failed.kind != "absent":
                tally.failed += 1
                tally.error = failed

    def _tally(self, name: str) -> Tally:
        with self._lock:
            return self.tallies.setdefault(name, Tally())

    def explain(self, name: str, scope: str, kind: Kind, why: str, error: Exception) -> CallError:
        """Say what an error means for the scan, with the command that would mend it."""
        row = access_table()[name]
        who = self.session.principal
        hint = ""
        match kind:
            case "denied":
                wanted = " and ".join(row.permissions) or "access"
                hint = binding_command(scope, who or "MEMBER", row.role)
                text = f"{name} was refused on {scope}{f' to {who}' if who else ''}: {why}; it needs {wanted}"
            case "disabled":
                service = _service(error) or row.host.removeprefix("*")
                project = _consumer(error) or self.session.settings.billed or "PROJECT"
                hint = f"gcloud services enable {service} --project={project}"
                text = f"{name}: the API {service} is not enabled in project {project}"
            case "credentials":
                hint = "gcloud auth application-default login (or name a key or workload file in"
                hint += " GOOGLE_APPLICATION_CREDENTIALS)"
                text = f"{name} on {scope}: the credentials do not work: {why}"
            case "throttled":
                text = f"{name} on {scope} was throttled until the retries were used up: {why}"
                hint = "run again later, or set quota_project to a project with more quota"
            case "unreachable":
                text, hint = f"{name} on {scope}: no answer ({why})", "check network, proxy and endpoint_url"
            case "absent":
                text = f"{name} on {scope}: {why}"
            case _:
                text = f"{name} on {scope} failed: {why}"
        return CallError(f"{text}; {hint}" if hint else text, kind, name, hint=hint)


_ERRORS = (
    api_errors.GoogleAPICallError,
    api_errors.RetryError,
    google.auth.exceptions.GoogleAuthError,
    requests.RequestException,
    NotAllowedError,
    ValueError,
)
"""A refused call too: a name in an answer may have made its URL another one."""


def _delay(error: Exception, attempt: int) -> float:
    """Return how long to wait: as long as the service says, else longer each time."""
    response = getattr(error, "response", None)
    told = str(getattr(response, "headers", {}).get("Retry-After", "")) if response is not None else ""
    return float(min(int(told), 60)) if told.isdigit() else _WAITS_SECONDS[attempt]


def classify(error: Exception) -> tuple[Kind, str]:
    """Return what kind of failure an error is, and its reason in one line."""
    by_login = isinstance(error, google.auth.exceptions.GoogleAuthError)
    told = error.args[0] if by_login and error.args else error
    why = _line(getattr(error, "message", "") or str(told)) or type(error).__name__
    if isinstance(error, api_errors.GoogleAPICallError):
        return _answered(error, why), why
    if isinstance(error, google.auth.exceptions.TransportError):
        return "unreachable", why
    if isinstance(error, google.auth.exceptions.GoogleAuthError):
        return "credentials", why
    if isinstance(error, requests.JSONDecodeError):
        return "other", f"the answer is no JSON: {why}"
    if isinstance(error, (requests.ConnectionError, requests.Timeout)):
        return "unreachable", why
    return "other", why


def _answered(error: api_errors.GoogleAPICallError, why: str) -> Kind:
    code = int(error.code or 0)
    reason = str(getattr(error, "reason", "") or "")
    if reason == "SERVICE_DISABLED" or "it is disabled" in why or "API has not been used" in why:
        return "disabled"
    if code == 403 and (reason in ("RATE_LIMIT_EXCEEDED", "QUOTA_EXCEEDED") or "uota exceeded" in why):
        return "throttled"
    return _KINDS.get(code, "unreachable" if code >= 500 else "other")


_KINDS: Mapping[int, Kind] = {401: "credentials", 403: "denied", 404: "absent", 429: "throttled"}


def _line(text: object) -> str:
    """Return a message in one line, without the URL that a REST error begins with."""
    line = " ".join(str(text).split())
    return re.sub(r"^(?:GET|POST) https?://\S+: ", "", line)[:300]


def _service(error: Exception) -> str:
    metadata = getattr(error, "metadata", None)
    return _word(metadata.get("service")) if isinstance(metadata, Mapping) else ""


def _consumer(error: Exception) -> str:
    """Return the project in which an API is not enabled, as the error names it."""
    metadata = getattr(error, "metadata", None)
    written = str(metadata.get("consumer") or "") if isinstance(metadata, Mapping) else ""
    found = re.search(r"in project (\S+) before", str(error))
    return _word(written.removeprefix("projects/") or (found[1] if found else ""))


def _word(text: object) -> str:
    """Return a name that may stand in a command; an answer's text is not trusted to be one."""
    return str(text) if re.fullmatch(r"[A-Za-z0-9][\w.:-]{0,200}", str(text or ""), re.ASCII) else ""
