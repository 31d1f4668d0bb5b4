"""Make AWS calls whose failures are data: what was refused, what it costs, and how to go on."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from botocore import xform_name
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
    UnknownServiceError,
)
from botocore.exceptions import (
    ConnectionError as CannotConnectError,
)
from botocore.parsers import ResponseParserError

from connectors.aws.catalog.tables import table
from connectors.aws.live.access import access_table
from connectors.aws.live.session import Session
from connectors.live.failures import CallError, Tally
from connectors.live.side_by_side import side_by_side

_THREADS = 8

Kind = Literal[
    "denied", "credentials", "throttled", "unreachable", "no endpoint", "not offered", "absent", "other"
]
Item = TypeVar("Item")
Found = TypeVar("Found")


@dataclass
class Calls:
    """The calls of one account; remembers how each operation went in each region.

    With `sample` only the first page of every list and the first item of every loop are read: enough to
    learn what works (`entdrift doctor`).
    """

    session: Session
    account: str = ""
    principal: str = ""
    sample: bool = False
    tallies: dict[tuple[str, str, str], Tally] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def one(self, service: str, operation: str, *, region: str = "", **parameters: Any) -> dict[str, Any]:
        """Return the answer of one call; CallError when it did not work."""
        return next(self._run(service, operation, region, parameters, paged=False))

    def pages(
        self, service: str, operation: str, *, region: str = "", **parameters: Any
    ) -> Iterator[dict[str, Any]]:
        """Yield all pages of a list; CallError after those that could be read."""
        for page in self._run(service, operation, region, parameters, paged=True):
            yield page
            if self.sample:
                return

    def each(
        self, work: Callable[[Item], Found], items: Sequence[Item], *, always_all: bool = False
    ) -> list[Found]:
        """Return the results of some calls made side by side, in the order of their items."""
        wanted = items[:1] if self.sample and not always_all else items
        return side_by_side(work, wanted, _THREADS)

    def _run(
        self, service: str, operation: str, region: str, parameters: dict[str, Any], *, paged: bool
    ) -> Iterator[dict[str, Any]]:
        tally = self._tally(service, operation, region)
        if hopeless := tally.hopeless:
            raise hopeless
        try:
            client = self.session.client(service, region)
            method = xform_name(operation)
            if paged and client.can_paginate(method):
                for page in client.get_paginator(method).paginate(**parameters):
                    tally.worked += 1
                    yield page
            else:
                yield from _answers(client, method, parameters, tally, paged=paged)
        except _FAILURES as error:
            failed = self.explain(error, service, operation, region)
            if failed.kind != "absent":
                with self._lock:
                    tally.failed += 1
                    tally.error = failed
            raise failed from error

    def _tally(self, service: str, operation: str, region: str) -> Tally:
        with self._lock:
            return self.tallies.setdefault((service, operation, region), Tally())

    def explain(self, error: Exception, service: str, operation: str, region: str = "") -> CallError:
        """Say what an SDK error means for the scan and what to do about it."""
        row = access_table()[f"{service}.{operation}"]
        call = f"{table('access')['prefixes'].get(service, service)}:{operation}"
        place = f" in account {self.account}" if self.account else ""
        place += f" in {region}" if region else ""
        who = f" to {self.principal}" if self.principal else ""
        kind, why = classify(error)
        match kind:
            case "denied":
                text = f"{call} was refused{who}{place} ({why}); grant {', '.join(row.permissions) or call}"
                source = self.session.settings.source
                hint = f"`entdrift doctor --source {source} --print-policy` prints the whole policy"
            case "credentials":
                text = f"{call}{place}: {why}"
                hint = "sign in again, or check profile and role_arn of the source"
                if region and self.principal:
                    hint += "; a region that is not enabled for the account answers like this too"
            case "throttled":
                text, hint = f"{call}{place} was throttled until the retries were used up", "run again later"
            case "unreachable":
                text, hint = f"{call}{place}: no connection ({why})", "check network, proxy and endpoint_url"
            case "not offered" | "no endpoint":
                text, hint = f"{call} is not offered{place} ({why})", ""
            case _:
                text, hint = f"{call}{place} failed: {why}", ""
        return CallError(f"{text}; {hint}" if hint else text, kind, call, hint=hint)


def _answers(
    client: Any, method: str, parameters: Mapping[str, Any], tally: Tally, *, paged: bool
) -> Iterator[dict[str, Any]]:
    """Yield the answer of a call, or of all its pages where botocore has no paginator for them.

    Kendra, Lex, Transcribe and others hand a token on that the SDK does not follow by itself.
    """
    token: dict[str, str] = {}
    while True:
        answer = getattr(client, method)(**{**parameters, **token})
        tally.worked += 1
        yield answer
        following = {name: answer[name] for name in _TOKENS if answer.get(name)}
        if not paged or not following or following == token:
            return
        token = following


_TOKENS = ("NextToken", "nextToken")
"""Names that a token has in an answer and in the next request."""

_FAILURES = (BotoCoreError, ClientError, ResponseParserError, AttributeError, ValueError, EOFError)
"""What SDK calls raise when they do not work."""

_DENIED = ("AccessDenied", "Unauthorized", "NotAuthorized", "Forbidden", "AuthorizationError")
_CREDENTIALS = (
    "ExpiredToken",
    "InvalidClientTokenId",
    "UnrecognizedClient",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidSignature",
    "IncompleteSignature",
    "MissingAuthenticationToken",
    "RequestExpired",
    "AuthFailure",
    "InvalidToken",
)
_THROTTLED = (
    "Throttl",
    "TooManyRequests",
    "RequestLimitExceeded",
    "SlowDown",
    "BandwidthLimit",
    "LimitExceeded",
)
_NOT_OFFERED = (
    "OptInRequired",
    "SubscriptionRequired",
    "UnsupportedOperation",
    "UnknownOperation",
    "InvalidAction",
    "RegionDisabled",
    "NotSignedUp",
)
_ABSENT = ("NoSuch", "NotFound", "ReportNotPresent", "ReportInProgress", "AWSOrganizationsNotInUse")


def classify(error: Exception) -> tuple[Kind, str]:
    """Return what kind of failure an SDK error is, and its reason in one line without secrets."""
    if isinstance(error, ClientError):
        return _answered(error)
    why = str(error).split("\n")[0][:300] or type(error).__name__
    kind: Kind = "other"
    if isinstance(error, EOFError):
        kind, why = "credentials", "the profile asks for an MFA code and there is no terminal"
    elif isinstance(error, ResponseParserError):
        why = "the answer is none of AWS's; check proxy and endpoint_url"
    elif isinstance(error, _NO_CREDENTIALS):
        kind = "credentials"
    elif isinstance(error, (UnknownServiceError, AttributeError)):
        kind, why = "not offered", f"this version of boto3 does not know it: {why}"
    elif isinstance(error, (CannotConnectError, HTTPClientError)):
        cause = getattr(error, "kwargs", {}).get("error")
        kind = "no endpoint" if "NameResolution" in repr(cause) else "unreachable"
    return kind, why


_NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    ProfileNotFound,
    TokenRetrievalError,
    SSOError,
)


def _answered(error: Any) -> tuple[Kind, str]:
    """Classify an answer of AWS by its error code."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    message = str(error.response.get("Error", {}).get("Message", "")).split("\n")[0][:300]
    why = f"{code}: {message}" if message else code
    families: Sequence[tuple[Kind, tuple[str, ...]]] = (
        ("credentials", _CREDENTIALS),
        ("throttled", _THROTTLED),
        ("not offered", _NOT_OFFERED),
        ("denied", _DENIED),
        ("absent", _ABSENT),
    )
    for kind, marks in families:
        if any(mark in code for mark in marks):
            return kind, why
    return "other", why
