"""Read CloudTrail objects out of S3: listed by day, fetched with the credentials of the source.

Imported only when a source names a bucket: boto3 costs start-up time.
"""

import re
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, BinaryIO, Self

from botocore.exceptions import BotoCoreError, ClientError

from connectors.aws.live.calls import Calls
from connectors.aws.live.collect import assumed
from connectors.aws.live.session import Session, open_session
from connectors.aws.live.settings import LiveSettings
from connectors.aws.logs.address import S3_ADDRESS, inside, other_service
from connectors.errors import SettingError
from connectors.facts import Window
from connectors.interface import Source
from connectors.live.failures import CallError
from connectors.logs.dated import Days, Layout, Level, walk
from connectors.logs.objects import ObjectError
from connectors.logs.walk import Found

_CHUNK_BYTES = 1 << 20
_TRIES = 3
_BESIDE = re.compile(r"(?:^|/)CloudTrail-(?:Digest|Insight)/$")
"""Folders that CloudTrail writes beside those of its events."""
_LAYOUT = Layout(r"CloudTrail/[^/]+/")
"""A region's folder. Source: CloudTrail user guide, "CloudTrail log file name format"."""


class LogBuckets:
    """The buckets of one source, reached through one session that is opened when it is needed."""

    def __init__(self, source: Source, window: Window) -> None:
        self._source = source
        self._days = Days.of(window, _LAYOUT)
        self._opened: list[Session] = []
        self._calls: Calls | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        for session in self._opened:
            session.close()

    def stores(self) -> list["S3Logs"]:
        """Return a store for each address that the source names."""
        return [
            S3Logs(address, self._days, self._connect) for address in self._source.lists.get("cloudtrail", ())
        ]

    def _connect(self) -> Calls:
        """Return the calls of the source's profile and roles; CallError when they cannot be had."""
        if self._calls is None:
            settings = LiveSettings.of(self._source)
            try:
                session = open_session(settings)
            except (BotoCoreError, ValueError) as error:
                raise CallError(f"no AWS session: {error}", "credentials", "session") from error
            self._opened.append(session)
            calls = Calls(session)
            for role in settings.roles[:-1] if settings.fans_out else settings.roles:
                calls = assumed(calls, role, self._opened)
            self._calls = calls
        return self._calls


class S3Logs:
    """All objects below one prefix of one bucket."""

    def __init__(self, address: str, days: Days, connect: Callable[[], Calls]) -> None:
        named = re.fullmatch(S3_ADDRESS, address)
        if named is None:
            raise SettingError(f"{address!r} is no address in S3", hint="s3://bucket/AWSLogs")
        self.address = address
        self._bucket = named["bucket"]
        self._prefix = (named["prefix"] or "").lstrip("/")
        self._root = f"s3://{self._bucket}/"
        self._days = days
        self._connect = connect

    def objects(self) -> Iterator[Found]:
        """Yield the objects of the days that may hold events of the window."""
        try:
            yield from walk(self._prefix, self._days, self._level, self._between, skip=self._skipped)
        except CallError as error:
            yield Found(f"{self._root}{self._prefix}", 0, f"cannot be listed: {error}")

    def covers(self, path: str) -> bool:
        """Return whether an object of this path is below the prefix, and of these days."""
        key = path.removeprefix(self._root)
        return key != path and self._below(key) and self._days.hold(key)

    def names(self, path: str) -> bool:
        """Return whether an object of this path is below the prefix, and of a day that is remembered."""
        key = path.removeprefix(self._root)
        return key != path and self._below(key) and self._days.remember(key)

    def fetch(self, found: Found, target: BinaryIO) -> None:
        """Write an object into a file, trying again where the connection breaks."""
        calls = self._connect()
        key = found.path.removeprefix(self._root)
        for left in reversed(range(_TRIES)):
            try:
                answer = calls.one("s3", "GetObject", Bucket=self._bucket, Key=key)
                target.writelines(answer["Body"].iter_chunks(_CHUNK_BYTES))
            except CallError as error:
                raise ObjectError(f"cannot be fetched: {error}{_advice(str(error))}") from error
            except (BotoCoreError, ClientError) as error:
                if not left:
                    failed = calls.explain(error, "s3", "GetObject")
                    raise ObjectError(f"cannot be fetched: {failed}") from error
                target.seek(0)
                target.truncate()
            else:
                return

    def _below(self, key: str) -> bool:
        return inside(self.address, self._bucket, key)

    def _skipped(self, folder: str) -> bool:
        inside = self._below(folder) or folder == f"{self._prefix}/"
        return bool(_BESIDE.search(folder) or other_service(folder)) or not inside

    def _level(self, prefix: str) -> Level:
        folders: list[str] = []
        objects: list[Found] = []
        for page in self._pages(Prefix=prefix, Delimiter="/"):
            folders += [str(one["Prefix"]) for one in page.get("CommonPrefixes", ())]
            objects += self._found(page)
        return Level(tuple(folders), tuple(objects))

    def _between(self, prefix: str, start: str, end: str) -> Iterator[Found]:
        after = {"StartAfter": start} if start else {}
        for page in self._pages(Prefix=prefix, **after):
            for one in self._found(page):
                if end and one.path.removeprefix(self._root) >= end:
                    return
                yield one

    def _pages(self, **parameters: Any) -> Iterator[dict[str, Any]]:
        return self._connect().pages("s3", "ListObjectsV2", Bucket=self._bucket, **parameters)

    def _found(self, page: dict[str, Any]) -> Iterator[Found]:
        for one in page.get("Contents", ()):
            key = str(one["Key"])
            if self._below(key) and not key.endswith("/"):
                yield Found(f"{self._root}{key}", int(one.get("Size", 0)), stamp=_stamp(one))


def _stamp(answer: Any) -> str:
    return f"etag:{str(answer.get('ETag', '')).strip(chr(34))}"


def _advice(text: str) -> str:
    """Return what else to do about a refusal that has another cause than the bucket.

    What to grant is our own advice and names the key of any log.
    """
    if "kms" in text.partition("; grant ")[0].lower():
        return "; the log is encrypted: the key's policy must let this principal decrypt, too"
    if "InvalidObjectState" in text:
        return "; the object is archived: restore it first"
    return ""
