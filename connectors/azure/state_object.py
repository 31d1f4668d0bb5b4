"""The state in Blob Storage: replaced only where its ETag is still the one that was read."""

from pathlib import Path
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobClient

from connectors.azure.logs.address import parsed
from connectors.azure.logs.objects import credential, plain
from connectors.errors import ConflictError, StateError

_CONNECT_SECONDS, _READ_SECONDS = 10, 120
_HINT = (
    "it takes Storage Blob Data Contributor on the container, and a way through its firewall;"
    " sign in with az login, or set AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN"
)
_ABSENT = "BlobNotFound"
_CHANGED = (ResourceExistsError, ResourceModifiedError)


class BlobState:
    """One state object in Blob Storage; signs in as reading logs does."""

    def __init__(self, address: str) -> None:
        found = parsed(address)
        if found is None or not found.prefix:
            raise StateError("no address of a blob", hint="azblob://account/container/key")
        self.address = address
        self._place = found
        self._client: BlobClient | None = None

    def read(self, target: Path) -> str:
        """Write the blob to a file and return its ETag; without a blob return "" and write nothing.

        Raises StateError that names the call and the role it takes.
        """
        try:
            blob = self._connected().download_blob(max_concurrency=1)
            content = blob.readall()
        except ResourceNotFoundError as error:
            if _code(error) == _ABSENT:
                return ""
            raise self._refused("Get Blob", error) from error
        except (AzureError, ValueError) as error:
            raise self._refused("Get Blob", error) from error
        target.write_bytes(content)
        target.chmod(0o600)
        return str(blob.properties.etag)

    def write(self, source: Path, version: str) -> str:
        """Put a file in the place of exactly that ETag and return the new one.

        Raises ConflictError when the blob is another one by now, StateError for everything else.
        """
        condition: dict[str, Any] = {"overwrite": False}  # sends If-None-Match: *
        if version:
            condition = {
                "overwrite": True,
                "etag": version,
                "match_condition": MatchConditions.IfNotModified,
            }
        try:
            answer = self._connected().upload_blob(source.read_bytes(), **condition)
        except _CHANGED as error:
            raise self._conflict() from error
        except ResourceNotFoundError as error:
            if version and _code(error) == _ABSENT:
                raise self._conflict() from error
            raise self._refused("Put Blob", error) from error
        except (AzureError, ValueError) as error:
            raise self._refused("Put Blob", error) from error
        return str(answer["etag"])

    def _connected(self) -> BlobClient:
        if self._client is None:
            self._client = BlobClient(
                self._place.account,
                self._place.container,
                self._place.prefix,
                credential=credential(self._place.account),
                connection_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retry_total=4,
            )
        return self._client

    def _conflict(self) -> ConflictError:
        return ConflictError(f"{self.address}: was written by another run meanwhile")

    def _refused(self, call: str, error: Exception) -> StateError:
        return StateError(f"{self.address}: {call}: {plain(error)}", hint=_HINT)


def _code(error: AzureError) -> str:
    code = getattr(error, "error_code", "")
    return str(getattr(code, "value", code))
