"""The state in S3: replaced only where it is still the one that was read (`If-Match`, `If-None-Match`)."""

import re
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from connectors.errors import ConflictError, StateError

_S3 = re.compile(r"s3://([^/]+)/(.+)")
_CONFLICTS = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
_ABSENT = {"NoSuchKey", "404"}


class S3State:
    """One state object in S3, or in a store that speaks S3 (by the SDK's own endpoint settings)."""

    def __init__(self, address: str) -> None:
        found = _S3.fullmatch(address)
        if found is None:
            raise StateError(f"{address}: no address of an object in S3", hint="s3://bucket/key")

        self.address = address
        self._place = {"Bucket": found[1], "Key": found[2]}
        self._client: Any = boto3.client("s3")

    def read(self, target: Path) -> str:
        """Write the object to a file and return its version; without an object return "" and write nothing.

        Raises StateError that names the call and the permission it takes.
        """
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
