"""Open Spark, and say which files a query would read: with how many bytes, and of which days."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from connectors.errors import EvidenceError
from connectors.facts import Window
from connectors.interface import Check
from connectors.logs.dated import EARLY, LATE

_DAY = re.compile(r"/(?:y(?:ear)?=)?(\d{4})/(?:m(?:onth)?=)?(\d{1,2})/(?:d(?:ay)?=)?(\d{1,2})/")
_ENDINGS = (".json", ".json.gz")
_GB = 1_000_000_000
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Listing:
    """The log files below some paths that may hold events of a window."""

    paths: tuple[str, ...]
    size_bytes: int
    left_out: int
    """Files that are no JSON: what they hold is not known."""


COLONS = ("spark.hadoop.fs.file.impl", "org.apache.hadoop.fs.RawLocalFileSystem")
"""Hadoop looks for a check sum beside each local file, and cannot name that of `09:00:00_S0.json`."""


def open_spark() -> Any:
    """Return a session of Spark as its own settings say (spark-defaults.conf, SPARK_REMOTE); local without.

    EvidenceError where pyspark or Java is missing.
    """
    try:
        from pyspark.sql import SparkSession  # noqa: PLC0415 an extra, and slow to import
    except ImportError as error:
        raise EvidenceError(
            "logs.engine is spark, but pyspark is not installed", hint="pip install 'entdrift[spark]'"
        ) from error
    try:
        named = SparkSession.builder.appName("entdrift").config("spark.ui.showConsoleProgress", "false")
        session = named.config(*COLONS).getOrCreate()
        session.conf.set("spark.sql.caseSensitive", "false")
        # A file that breaks off must fail the query, whatever spark-defaults.conf says.
        session.conf.set("spark.sql.files.ignoreCorruptFiles", "false")
        session.conf.set("spark.sql.files.ignoreMissingFiles", "false")
    except Exception as error:
        raise EvidenceError(
            f"Spark could not be started: {told(error)}", hint="it needs Java 17; see spark-defaults.conf"
        ) from error
    return session


def told(error: Exception) -> str:
    """Return what an error of Spark says, in one line."""
    text = " ".join(str(error).split("\nJVM stacktrace")[0].split())
    return text[:400] or type(error).__name__


def list_files(
    spark: Any,
    paths: Iterable[str],
    window: Window,
    skip: str = "",
    endings: tuple[str, ...] = _ENDINGS,
) -> Listing:
    """Return the files below some paths whose folder names a day of the window, or none at all.

    `skip` is part of the paths of files that hold no events. Only names and sizes are read.
    """
    found = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(list(paths))
    taken: list[str] = []
    size = left_out = 0
    for path, length in sorted((row[0], row[1]) for row in found.select("path", "length").collect()):
        if (skip and skip in path) or not _within(path, window):
            continue
        if not path.endswith(endings):
            left_out += 1
            continue
        taken.append(path)
        size += int(length)
    return Listing(tuple(taken), size, left_out)


def check_size(listing: Listing, max_scan_gb: int) -> None:
    """Raise EvidenceError where more would be read than may be (0: no limit)."""
    if max_scan_gb and listing.size_bytes > max_scan_gb * _GB:
        raise EvidenceError(
            f"no query was run: it would read {listing.size_bytes / _GB:.1f} GB",
            hint="shorten the window, or raise logs.max_scan_gb",
        )


def named(paths: Sequence[str]) -> str:
    """Return the first few of some paths, and how many more there are."""
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return f"{', '.join(paths[:_NAMED])}{more}"


def lake_check(find: Callable[[], tuple[str, Listing, Iterable[str]]], max_scan_gb: int, loss: str) -> Check:
    """Say for doctor how much would be read; `find` looks, and gives the place, its files and notes."""
    try:
        place, listing, notes = find()
    except Exception as error:  # noqa: BLE001 Spark raises what Java raised
        hint = error.hint if isinstance(error, EvidenceError) else ""
        return Check("spark", "failed", told(error), loss, hint)
    limit = f"at most {max_scan_gb} GB" if max_scan_gb else "no limit"
    size = f"{listing.size_bytes / _GB:,.3f} GB would be read ({limit}, logs.max_scan_gb)"
    left = f"{listing.left_out} files are no JSON and are not read" if listing.left_out else ""
    files = f"{len(listing.paths)} files" if listing.paths else ""
    detail = "; ".join(filter(None, (f"{place}: {size}", files, *notes, left)))
    return Check("spark", "partial" if left else "ok", detail, loss if left else "")


def _within(path: str, window: Window) -> bool:
    named = _DAY.search(path)
    if named is None:
        return True
    try:
        day = date(*(int(part) for part in named.groups()))
    except ValueError:
        return True
    return (window.start - EARLY).date() <= day <= (window.end + LATE).date()
