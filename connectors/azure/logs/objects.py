"""Read exported logs out of Blob Storage: listed, chosen by day, fetched, nothing else.

Imported only when a source names a container: the SDK is an extra and costs start-up time.
"""

import os
import re
from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError, ResourceModifiedError, ServiceRequestError
from azure.identity import DefaultAzureCredential
from azure.storage.blob import ContainerClient

from connectors.azure.logs.address import parsed, served
from connectors.errors import EvidenceError, SettingError
from connectors.facts import Window
from connectors.interface import Source
from connectors.logs.dated import Days, Layout
from connectors.logs.objects import ObjectError, below
from connectors.logs.walk import Found

KEY, SAS = "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN"
"""Environment variables that the Azure CLI reads, too; without them the default credential signs in."""
_PAGE = 5000
_TRIES = 3
_CONNECT_SECONDS, _READ_SECONDS = 10, 120
_LAYOUT = Layout("", r"(?i:y=(\d{4})/m=(\d\d)/d=(\d\d))/")
"""Source: learn, "Azure resource logs: send to Azure Storage"."""
_SIGNATURE = re.compile(r"(?i)\b(sig|AccountKey)=[^&\s\"']+")


class BlobLogs:
    """All blobs below one prefix of one container."""

    def __init__(self, address: str, source: Source, window: Window) -> None:
        found = parsed(address)
        if found is None:
            raise SettingError(
                "a storage address has not the right form",
                hint="https://ACCOUNT.blob.core.windows.net/CONTAINER/PREFIX, without a SAS token",
            )
        self.address = address
        self._account, self._container, self._prefix = found
        self._account = served(address, self._account, source.texts.get("endpoint_url", ""))
        self._root = f"{self._account}/{self._container}/"
        self._days = Days.of(window, _LAYOUT)
        self._client: ContainerClient | None = None

    def objects(self) -> Iterator[Found]:
        """Yield the blobs of the days that may hold events of the window."""
        try:
            pages = self._connected().list_blobs(name_starts_with=self._prefix, results_per_page=_PAGE)
            for blob in pages:
                if self._wanted(blob) and self._days.hold(blob.name):
                    stamp = f"etag:{str(blob.etag).strip(chr(34))}"
                    yield Found(f"{self._root}{blob.name}", int(blob.size or 0), stamp=stamp)
        except (AzureError, ValueError) as error:
            yield Found(f"{self._root}{self._prefix}", 0, f"cannot be listed: {_why(error)}")

    def covers(self, path: str) -> bool:
        """Return whether a blob of this path is below the prefix, and of these days."""
        name = path.removeprefix(self._root)
        return name != path and below(self._prefix, name) and self._days.hold(name)

    def names(self, path: str) -> bool:
        """Return whether a blob of this path is below the prefix, and of a day that is remembered."""
        name = path.removeprefix(self._root)
        return name != path and below(self._prefix, name) and self._days.remember(name)

    def fetch(self, found: Found, target: BinaryIO) -> None:
        """Write a blob into a file; one that is being appended to is begun again."""
        name = found.path.removeprefix(self._root)
        for left in reversed(range(_TRIES)):
            target.seek(0)
            target.truncate()
            try:
                self._connected().download_blob(name, max_concurrency=1).readinto(target)
            except ResourceModifiedError as error:
                if not left:
                    raise ObjectError("changed while it was read: read it again") from error
            except (AzureError, ValueError) as error:
                raise ObjectError(f"cannot be fetched: {_why(error)}") from error
            else:
                return

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()

    def _connected(self) -> ContainerClient:
        if self._client is None:
            self._client = ContainerClient(
                self._account,
                self._container,
                credential=credential(self._account),
                raw_request_hook=_reading_only,
                connection_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retry_total=4,
            )
        return self._client

    def _wanted(self, blob: Any) -> bool:
        folder = (blob.metadata or {}).get("hdi_isfolder") == "true"
        return below(self._prefix, blob.name) and not folder and not blob.name.endswith("/")


def credential(account: str) -> Any:
    """Return how to sign in to an account: its key or a SAS token of the environment, or the default."""
    key, sas = os.environ.get(KEY), os.environ.get(SAS)
    if key:
        address = urlsplit(account)
        name = address.path.strip("/") or str(address.hostname).partition(".")[0]
        return {"account_name": name, "account_key": key}
    return sas.lstrip("?") if sas else DefaultAzureCredential()


def _reading_only(request: Any) -> None:
    """Stop every request that does not read, before it is signed or sent."""
    method = request.http_request.method
    if method not in ("GET", "HEAD"):
        raise EvidenceError(
            f"{method} is no request that entdrift may send to Blob Storage; nothing was sent"
        )


def plain(error: Exception) -> str:
    """Return what the service said, in one line without secrets."""
    text = _SIGNATURE.sub(r"\1=…", (str(getattr(error, "message", "") or error)).split("\n")[0][:300])
    code = getattr(error, "error_code", None)
    return f"{getattr(code, 'value', code)}: {text}" if code else text


def _why(error: Exception) -> str:
    """Return what an error means and what to do about it, in one line without secrets."""
    named = plain(error)
    match getattr(error, "status_code", None):
        case 401 | 403:
            return (
                f"refused ({named}); assign Storage Blob Data Reader on the container, and see its firewall"
            )
        case 404:
            return f"there is no such container or blob ({named})"
        case 409:
            return f"{named}; an archived blob must be brought back first"
        case 429 | 503:
            return f"throttled until the retries were used up ({named}); run again later"
        case _ if isinstance(error, ServiceRequestError):
            return f"no connection ({named}); check network and address"
        case _:
            return f"{named}; sign in again (az login), or set {SAS} or {KEY}"
