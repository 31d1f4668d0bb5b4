"""Read the objects of log sinks out of Cloud Storage: listed by day, fetched, nothing else.

Imported only when a source names a bucket: the SDK is an extra and costs start-up time.
"""

import os
import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import google.auth
import requests
from google.api_core.exceptions import GoogleAPIError
from google.auth import impersonated_credentials
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from google.cloud.storage import Client
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse

from connectors.errors import EvidenceError, SettingError
from connectors.facts import Window
from connectors.gcp.logs.address import GCS_ADDRESS
from connectors.interface import Source
from connectors.logs.dated import Days, Layout, Level, walk
from connectors.logs.objects import ObjectError, below
from connectors.logs.walk import Found

_SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"
_FIELDS = "items(name,size,generation),prefixes,nextPageToken"
_PAGE = 1000
_PATIENCE = (10, 120)
"""Seconds to connect, and between two pieces of an answer."""
_EMULATOR = "STORAGE_EMULATOR_HOST"
_REQUEST = re.compile(r"^GET \S+: ")
"""What the SDK puts before what the service said."""
_LAYOUT = Layout(r"cloudaudit\.googleapis\.com/[^/]+/")
"""A log's folder. Source: Cloud Logging, "Cloud Storage: organization of log entries"."""
_SIGN_IN = "sign in: gcloud auth application-default login"
ERRORS = (
    GoogleAPIError,
    GoogleAuthError,
    InvalidResponse,
    DataCorruption,
    requests.RequestException,
    ConnectionError,
)


def _reading_session(credentials: Any) -> Any:
    """Return a session that sends only requests that read."""
    make: Any = AuthorizedSession
    session = make(credentials)
    send = session.request

    def read(method: str, *rest: Any, **named: Any) -> Any:
        if method != "GET":
            raise EvidenceError(f"{method}: only GET is sent to Cloud Storage; nothing was sent")
        return send(method, *rest, **named)

    session.request = read
    return session


def ask_nothing_else(client: Any) -> None:
    """Keep a client from asking for each bucket in the background, which needs a permission of its own.

    google-cloud-storage 3.17 does so to name its traces (`_bucket_metadata_cache.py`); older ones do not.
    """
    client._bucket_metadata_cache = None  # noqa: SLF001 its public switch is an environment variable


class GcsLogs:
    """All objects below one prefix of one bucket."""

    def __init__(self, address: str, source: Source, window: Window) -> None:
        named = re.fullmatch(GCS_ADDRESS, address)
        if named is None:
            raise SettingError(f"{address!r} is no address in Cloud Storage", hint="gs://bucket/prefix")
        self.address = address
        self._bucket = named["bucket"]
        self._prefix = (named["prefix"] or "").lstrip("/")
        self._root = f"gs://{self._bucket}/"
        self._days = Days.of(window, _LAYOUT)
        self._source = source
        self._client: Any = None

    def objects(self) -> Iterator[Found]:
        """Yield the objects of the days that may hold events of the window."""
        try:
            yield from walk(self._prefix, self._days, self._level, self._between, skip=self._outside)
        except ERRORS as error:
            why = _why(error, "storage.objects.list", self._bucket)
            yield Found(f"{self._root}{self._prefix}", 0, f"cannot be listed: {why}")

    def covers(self, path: str) -> bool:
        """Return whether an object of this path is below the prefix, and of these days."""
        key = path.removeprefix(self._root)
        return key != path and below(self._prefix, key) and self._days.hold(key)

    def names(self, path: str) -> bool:
        """Return whether an object of this path is below the prefix, and of a day that is remembered."""
        key = path.removeprefix(self._root)
        return key != path and below(self._prefix, key) and self._days.remember(key)

    def fetch(self, found: Found, target: BinaryIO) -> None:
        """Write an object into a file as it is stored."""
        try:
            blob = self._connected().bucket(self._bucket).blob(found.path.removeprefix(self._root))
            blob.download_to_file(target, raw_download=True, timeout=_PATIENCE)
        except ERRORS as error:
            why = _why(error, "storage.objects.get", self._bucket)
            raise ObjectError(f"cannot be fetched: {why}") from error

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()

    def _connected(self) -> Any:
        if self._client is None:
            endpoint = self._source.texts.get("endpoint_url", "").rstrip("/") or os.environ.get(_EMULATOR, "")
            credentials: Any = self._credentials(anonymous=bool(endpoint) and _unencrypted(endpoint))
            self._client = Client(
                project="entdrift",  # names no resource: reading objects needs no project
                credentials=credentials,
                _http=_reading_session(credentials),
                client_options={"api_endpoint": endpoint} if endpoint else None,
            )
            ask_nothing_else(self._client)
        return self._client

    def _credentials(self, *, anonymous: bool) -> Any:
        """Return the default credentials, or those of the service account that the source names.

        No real token is sent to an address without encryption.
        """
        make: Any = AnonymousCredentials if anonymous else impersonated_credentials.Credentials
        if anonymous:
            return make()
        own, _ = google.auth.default(scopes=[_SCOPE])
        chain: Sequence[str] = self._source.lists.get("impersonate", ())
        if not chain:
            return own
        return make(own, target_principal=chain[-1], target_scopes=[_SCOPE], delegates=list(chain[:-1]))

    def _outside(self, folder: str) -> bool:
        return not below(self._prefix, folder)

    def _level(self, prefix: str) -> Level:
        listing = self._list(prefix, delimiter="/")
        objects = tuple(self._found(listing))
        return Level(tuple(sorted(listing.prefixes)), objects)

    def _between(self, prefix: str, start: str, end: str) -> Iterator[Found]:
        yield from self._found(self._list(prefix, start_offset=start or None, end_offset=end or None))

    def _list(self, prefix: str, **named: Any) -> Any:
        return self._connected().list_blobs(
            self._bucket,
            prefix=prefix or None,
            page_size=_PAGE,
            fields=_FIELDS,
            timeout=_PATIENCE,
            **named,
        )

    def _found(self, listing: Any) -> Iterator[Found]:
        for blob in listing:
            if below(self._prefix, blob.name) and not blob.name.endswith("/"):
                stamp = f"generation:{blob.generation}"
                yield Found(f"{self._root}{blob.name}", int(blob.size or 0), stamp=stamp)


def _unencrypted(endpoint: str) -> bool:
    """Tell whether an address is an emulator's; STORAGE_EMULATOR_HOST may be without a scheme."""
    return not endpoint.startswith("https:")


def _why(error: Exception, permission: str, bucket: str) -> str:
    """Return what an error means and what to do about it, in one line."""
    text = _REQUEST.sub("", str(getattr(error, "message", "") or error).split("\n")[0])[:300]
    code = getattr(error, "code", None) or getattr(getattr(error, "response", None), "status_code", None)
    match code:
        case 403:
            command = f"gcloud storage buckets add-iam-policy-binding gs://{bucket} --member=MEMBER"
            return f"{permission} was refused ({text}); {command} --role=roles/storage.objectViewer"
        case 401:
            return (
                f"the credentials were refused ({text}); sign in again: gcloud auth application-default login"
            )
        case 404:
            return f"there is no such bucket or object ({text})"
        case 429 | 503:
            return f"throttled until the retries were used up ({text}); run again later"
        case _ if isinstance(error, GoogleAuthError):
            return f"no valid credentials ({text}); {_SIGN_IN}"
        case _:
            return f"{text or type(error).__name__}; check network and address"
