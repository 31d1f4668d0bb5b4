"""The state in Cloud Storage: replaced only where its generation is still the one that was read."""

import os
import re
from pathlib import Path
from typing import Any

import google.auth
from google.api_core.exceptions import GoogleAPIError, NotFound, PreconditionFailed
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client

from connectors.errors import ConflictError, StateError
from connectors.gcp.logs.address import GCS_ADDRESS
from connectors.gcp.logs.objects import ERRORS, ask_nothing_else

_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
_EMULATOR = "STORAGE_EMULATOR_HOST"
_PATIENCE = (10, 120)
"""Seconds to connect, and between two pieces of an answer."""
_READS = "storage.objects.get and storage.objects.list (roles/storage.objectViewer)"
_WRITES = "storage.objects.create and storage.objects.delete (roles/storage.objectUser)"
_TRIES = 3


class GcsState:
    """One state object in Cloud Storage, with the default credentials."""

    def __init__(self, address: str) -> None:
        found = re.fullmatch(GCS_ADDRESS, address)
        if found is None or not found["prefix"]:
            raise StateError(f"{address}: no address of an object in Cloud Storage", hint="gs://bucket/key")
        self.address = address
        self._bucket, self._key = found["bucket"], found["prefix"]
        self._client: Any = None

    def read(self, target: Path) -> str:
        """Write the object to a file and return its generation; without one return "" and write nothing.

        Raises StateError that names the call and the permission it takes.
        """
        for left in reversed(range(_TRIES)):
            try:
                blob = self._connected().bucket(self._bucket).get_blob(self._key, timeout=_PATIENCE)
                if blob is None:
                    return ""
                version = int(blob.generation)
                content = blob.download_as_bytes(if_generation_match=version, timeout=_PATIENCE)
            except (NotFound, PreconditionFailed) as error:
                if not left:  # each time replaced between looking and fetching
                    raise self._refused("objects.get", error, _READS) from error
            except ERRORS as error:
                raise self._refused("objects.get", error, _READS) from error
            else:
                break
        target.write_bytes(content)
        target.chmod(0o600)
        return str(version)

    def write(self, source: Path, version: str) -> str:
        """Put a file in the place of exactly that generation and return the new one.

        Raises ConflictError when the object is another one by now, StateError for everything else.
        """
        try:
            blob = self._connected().bucket(self._bucket).blob(self._key)
            blob.upload_from_string(
                source.read_bytes(),
                content_type="application/vnd.sqlite3",
                if_generation_match=int(version or 0),
                timeout=_PATIENCE,
            )
        except PreconditionFailed as error:
            raise ConflictError(f"{self.address}: was written by another run meanwhile") from error
        except ERRORS as error:
            raise self._refused("objects.insert", error, _WRITES) from error
        return str(blob.generation)

    def _connected(self) -> Any:
        if self._client is None:
            endpoint = os.environ.get(_EMULATOR, "")
            make: Any = AnonymousCredentials
            credentials = make() if endpoint else google.auth.default(scopes=[_SCOPE])[0]
            self._client = Client(
                project="entdrift",  # names no resource: objects need no project
                credentials=credentials,
                client_options={"api_endpoint": endpoint} if endpoint else None,
            )
            ask_nothing_else(self._client)
        return self._client

    def _refused(self, call: str, error: Exception, wanted: str) -> StateError:
        text = str(
            error.message if isinstance(error, GoogleAPIError) and hasattr(error, "message") else error
        )
        return StateError(
            f"{self.address}: {call}: {text.splitlines()[0][:300] if text else type(error).__name__}",
            hint=f"it takes {wanted} on the bucket",
        )
