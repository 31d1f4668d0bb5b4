"""Send requests to Azure whose failures are data: what was refused, what it costs, and how to go on."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    DeserializationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.rest import HttpRequest

from connectors.azure.ids import subscription
from connectors.azure.live.access import Access, access_table, climbs, fix_of
from connectors.azure.live.session import Session
from connectors.live.failures import CallError, NotAllowedError, Tally
from connectors.live.side_by_side import side_by_side

_THREADS = 8
_NEXT = ("nextLink", "@odata.nextLink", "next_link")
_SAFE = "/:@!$&'()*+,;=~-._"
_IDS = ("x-ms-request-id", "x-ms-correlation-request-id", "request-id", "x-ms-client-request-id")
"""Headers with the id by which a service knows a request, most telling first."""

Kind = Literal["denied", "credentials", "throttled", "unreachable", "absent", "nothing", "version", "other"]
Item = TypeVar("Item")
Found = TypeVar("Found")


@dataclass
class Calls:
    """The requests of one source; remembers how each went in each subscription.

    With `sample` only the first page of every list and the first item of every loop are read: enough to
    learn what works (`entdrift doctor`).
    """

    session: Session
    principal: str = ""
    """Object id of the caller; empty when the token does not say."""
    sample: bool = False
    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def path(self, name: str, **holes: str) -> str:
        """Return the path of a request with its holes filled."""
        return access_table()[name].path.format(**{key: value.strip("/") for key, value in holes.items()})

    def values(
        self, name: str, path: str, *, query: Mapping[str, str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the records of all pages of a list; CallError after those that could be read."""
        for page in self.pages(name, path, query=query):
            held = page.get("value")
            if not isinstance(held, list):
                raise self._fail(
                    name, path, CallError(f"{_shown(path)}: the answer holds no list", "other", name)
                )
            yield from (record for record in held if isinstance(record, dict))

    def pages(
        self, name: str, path: str, *, query: Mapping[str, str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the pages of a list; CallError after those that could be read."""
        row = access_table()[name]
        written = quote(path, safe=_SAFE)
        if not row.fits(row.method, written) or climbs(path):
            text = f"{_shown(path)} is not the form of an id, and was not asked for"
            raise self._fail(name, path, CallError(text, "other", name))
        url = f"{self.session.base(row.api)}{written}"
        url += f"?{urlencode(query)}" if query else ""
        been: set[str] = set()
        while url:
            been.add(url)
            page = self._send(row, path, url)
            yield page
            following = next((page[key] for key in _NEXT if isinstance(page.get(key), str) and page[key]), "")
            if following in been:
                text = f"{_shown(path)}: the next page is one that was read already"
                raise self._fail(name, path, CallError(text, "other", name))
            url = "" if self.sample else following

    def ask(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer of a query that is sent as POST."""
        row = access_table()[name]
        return self._send(row, row.path, f"{self.session.base(row.api)}{row.path}", body)

    def query(
        self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> tuple[dict[str, Any], str]:
        """Return the answer of a query of logs and its id; an empty one where a workspace holds nothing."""
        row = access_table()["logAnalytics.query"]

        def run() -> tuple[dict[str, Any], str]:
            request = HttpRequest(
                row.method, f"{self.session.base(row.api)}{path}", json=dict(body), headers=dict(headers)
            )
            response = self.session.client(row.api).send_request(request)
            identifier = next((response.headers[one] for one in _IDS if one in response.headers), "")
            if response.status_code == 204:
                return {}, identifier
            return _object(response), identifier

        return self._tried(row, path, run)

    def _send(
        self, row: Access, path: str, url: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        def run() -> dict[str, Any]:
            request = HttpRequest(row.method, url, json=dict(body) if body is not None else None)
            response = self.session.client(row.api).send_request(request)
            return _object(response)

        return self._tried(row, path, run)

    def typed(
        self, name: str, path: str, start: Callable[[Any, Callable[[Any], None]], Any], version: str = ""
    ) -> Iterator[dict[str, Any]]:
        """Yield the raw records of a list that the authorization SDK reads and pages through.

        `start` begins the list with a client and the hook that keeps each page as it came: the SDK's own
        models drop the fields they do not know. `version` names the SDK's model version where that is not
        its default.
        """
        row = access_table()[name]
        raw: list[dict[str, Any]] = []
        been: set[str] = set()
        client = self.session.authorization(subscription("/" + path.strip("/")), version)
        try:
            pages = start(client, lambda response: raw.append(_body(response))).by_page()
            while True:
                failed = None
                try:
                    more = self._tried(row, path, lambda: next(pages, None) is not None)
                except CallError as error:
                    more, failed = False, error
                while raw:
                    page = raw.pop(0)
                    yield from (one for one in page.get("value") or () if isinstance(one, dict))
                    following = page.get("nextLink")
                    if following in been:
                        more = False
                    been |= {following} if isinstance(following, str) else set()
                if failed is not None:
                    raise failed
                if not more or self.sample:
                    return
        finally:
            client.close()  # type: ignore[no-untyped-call]

    def each(self, work: Callable[[Item], Found], items: Sequence[Item], *, sampled: int = 1) -> list[Found]:
        """Return the results of some calls made side by side, in the order of their items."""
        wanted = items[:sampled] if self.sample else items
        return side_by_side(work, wanted, _THREADS)

    def _tried(self, row: Access, path: str, run: Callable[[], Found]) -> Found:
        """Run one request and remember how it went; with the older version where the cloud knows no newer."""
        tally = self._tally(row.name, path)
        if hopeless := tally.hopeless:
            raise hopeless
        try:
            try:
                found = run()
            except HttpResponseError as error:
                if not row.older or row.name in self.session.versions or classify(error)[0] != "version":
                    raise
                self.session.versions[row.name] = row.older
                found = run()
        except (AzureError, ValueError, NotAllowedError) as error:
            raise self._fail(row.name, path, self.explain(error, row, path)) from error
        with self._lock:
            tally.worked += 1
        return found

    @property
    def shut_out(self) -> bool:
        """Whether nothing was answered yet, for want of a valid sign-in or a connection."""
        errors = [one.error for one in self.tallies.values() if one.error is not None]
        worked = any(one.worked for one in self.tallies.values())
        return not worked and any(error.kind in ("credentials", "unreachable") for error in errors)

    def unanswered(self, *names: str) -> bool:
        """Return whether none of these requests was answered everywhere it was sent."""
        return all(
            any(not one.worked or one.failed for (sent, _), one in self.tallies.items() if sent == name)
            or not any(sent == name for sent, _ in self.tallies)
            for name in names
        )

    def _tally(self, name: str, path: str) -> Tally:
        with self._lock:
            return self.tallies.setdefault((name, subscription(path)), Tally())

    def _fail(self, name: str, path: str, error: CallError) -> CallError:
        tally = self._tally(name, path)
        with self._lock:
            if error.kind in ("absent", "nothing"):
                tally.absent += 1
            else:
                tally.failed += 1
                tally.error = error
        return error

    def explain(self, error: Exception, row: Access, path: str) -> CallError:
        """Say what an SDK error means for the scan and what to do about it."""
        kind, why = classify(error)
        what = f"{row.method} {_shown(path)}"
        match kind:
            case "denied":
                need = ", ".join(row.needs) or "a directory role that may read it"
                who = f" to {self.principal}" if self.principal else ""
                text = f"{what} was refused{who} ({why}); needs {need}"
                inside = subscription(path)
                hint = fix_of(row, self.principal, f"/subscriptions/{inside}" if inside else "")
            case "credentials":
                text = f"{what}: no valid sign-in ({why})"
                hint = (
                    "sign in again (az login), or give AZURE_TENANT_ID, AZURE_CLIENT_ID and a secret, "
                    "certificate or federated token file; check tenant and authority of the source"
                )
            case "throttled":
                text, hint = f"{what} was throttled until the retries were used up ({why})", "run again later"
            case "unreachable":
                text, hint = f"{what}: no connection ({why})", "check network, proxy and endpoint_url"
            case "absent":
                text, hint = f"{what}: is not there ({why})", ""
            case _:
                text, hint = f"{what} failed: {why}", ""
        if hint:
            text += f"; run: {hint}" if hint.startswith("az ") and kind == "denied" else f"; {hint}"
        return CallError(text, kind, row.name, hint=hint)


def _body(response: Any) -> dict[str, Any]:
    """Return the JSON object of a response that a hook was given; errors are the SDK's to raise."""
    http = response.http_response
    try:
        found = http.json() if hasattr(http, "json") else response.context.get("deserialized_data")
    except (ValueError, AzureError):
        return {}
    return found if isinstance(found, dict) and http.status_code == 200 else {}


def _object(response: Any) -> dict[str, Any]:
    """Return the JSON object that a request was answered with."""
    if response.status_code != 200:
        raise HttpResponseError(response=response)
    found = response.json()
    if not isinstance(found, dict):
        raise DecodeError("the answer is no JSON object")
    return found


def _shown(path: str) -> str:
    return urlsplit(path).path[:300]


_LINE = re.compile(r"\s+")


def classify(error: Exception) -> tuple[Kind, str]:
    """Return what kind of failure an SDK error is, and its reason in one line without secrets."""
    why = _LINE.sub(" ", str(getattr(error, "message", "") or error)).strip()[:300] or type(error).__name__
    if isinstance(error, HttpResponseError) and error.status_code:
        return _answered(error)
    if isinstance(error, NotAllowedError):
        return "other", f"it led to another request: {why}"
    if isinstance(error, ClientAuthenticationError):
        return "credentials", why
    if isinstance(error, (ServiceRequestError, ServiceResponseError)):
        return "unreachable", why
    if isinstance(error, (DecodeError, DeserializationError, ValueError)):
        return "other", f"the answer could not be read: {why}"
    return "other", why


_BY_STATUS: Mapping[int, Kind] = {
    401: "credentials",
    403: "denied",
    404: "absent",
    410: "absent",
    429: "throttled",
}
_NO_LICENCE = "AadPremiumLicenseRequired"
_VERSION = ("InvalidApiVersion", "NoRegisteredProviderFound", "UnsupportedApiVersion", "InvalidResourceType")


def _answered(error: HttpResponseError) -> tuple[Kind, str]:
    """Classify an answer by its status and error code."""
    status = int(error.status_code or 0)
    code, message = _said(error)
    text = ": ".join(filter(None, (code, message)))[:300]
    why = f"HTTP {status} {text}".strip()
    if status == 400 and any(mark in code for mark in _VERSION):
        return "version", why
    # A tenant without the licence for PIM has no PIM.
    return "nothing" if code == _NO_LICENCE else _BY_STATUS.get(status, "other"), why


def _said(error: HttpResponseError) -> tuple[str, str]:
    """Return the code and the message of an error answer, as the SDK read them."""
    told = error.error
    if told is None:
        return "", _LINE.sub(" ", str(error.reason or ""))[:200]
    message = _LINE.sub(" ", str(told.message or "")).strip()
    inner = _innermost(told.innererror)
    return str(told.code or ""), f"{message} ({inner})" if inner else message


def _innermost(told: Any) -> str:
    """Return what the innermost of nested errors says: the outer ones of a query say only that it failed."""
    while isinstance(told, Mapping) and isinstance(told.get("innererror"), Mapping):
        told = told["innererror"]
    if not isinstance(told, Mapping):
        return ""
    said = (str(told.get(key) or "") for key in ("code", "message"))
    return _LINE.sub(" ", ": ".join(filter(None, said))).strip()[:200]
