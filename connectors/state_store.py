"""The state in S3 for runners without a disk: read it, work on a copy, put it back if nobody else did.

Writing is compare-and-swap: it succeeds only where the object is still the one that was read (`If-Match`), or
where there is still none (`If-None-Match`). Of two runs at once one learns that it has to do its work again.
"""

import re
from pathlib import Path
from typing import Any

from connectors.errors import StateError

_S3 = re.compile(r"s3://([^/]+)/(.+)")
_CONFLICTS = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
_ABSENT = {"NoSuchKey", "404"}


class ConflictError(StateError):
    """Somebody else wrote the object since it was read."""


def is_address(place: str) -> bool:
    """Tell whether a place is an address and no path."""
    return "://" in place


class ObjectState:
    """One state object in S3, or in a store that speaks S3 (by the SDK's own endpoint settings)."""

    def __init__(self, address: str) -> None:
        found = _S3.fullmatch(address)
        if found is None:
            raise StateError(
                f"{address}: no address of a state", hint="s3://bucket/key, or the path of a local file"
            )
        import boto3  # noqa: PLC0415 SDKs are slow to import

        self.address = address
        self._place = {"Bucket": found[1], "Key": found[2]}
        self._client: Any = boto3.client("s3")

    def read(self, target: Path) -> str:
        """Write the object to a file and return its version; without an object return "" and write nothing.

        Raises StateError that names the call and the permission it takes.
        """
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 as above

        try:
            answer = self._client.get_object(**self._place)
            content = answer["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return ""
            raise self._refused("GetObject", error, "s3:GetObject and s3:ListBucket") from error
        except BotoCoreError as error:
            raise self._refused("GetObject", error, "s3:GetObject and s3:ListBucket") from error
        target.write_bytes(content)
        target.chmod(0o600)
        return str(answer["ETag"])

    def write(self, source: Path, version: str) -> str:
        """Put a file in the place of exactly that version and return the new one.

        Raises ConflictError when the object is another one by now, StateError for everything else.
        """
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 as above

        condition = {"IfMatch": version} if version else {"IfNoneMatch": "*"}
        try:
            answer = self._client.put_object(**self._place, Body=source.read_bytes(), **condition)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _CONFLICTS or (version and code in _ABSENT):
                raise ConflictError(f"{self.address}: was written by another run meanwhile") from error
            raise self._refused("PutObject", error, "s3:PutObject") from error
        except BotoCoreError as error:
            raise self._refused("PutObject", error, "s3:PutObject") from error
        return str(answer["ETag"])

    def _refused(self, call: str, error: Exception, wanted: str) -> StateError:
        return StateError(f"{self.address}: {call}: {str(error)[:300]}", hint=f"it takes {wanted}")
