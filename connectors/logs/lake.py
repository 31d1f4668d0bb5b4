"""Open Spark, and say which files a query would read: with how many bytes, and of which days."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from connectors.errors import EvidenceError
from connectors.facts import Window

_DAY = re.compile(r"/(?:year=)?(\d{4})/(?:month=)?(\d{1,2})/(?:day=)?(\d{1,2})/")
_EARLY, _LATE = timedelta(days=1), timedelta(days=3)
"""How far the folder of a day may lie before and after its events, as for objects read one by one."""
_ENDINGS = (".json", ".json.gz")


@dataclass(frozen=True, slots=True)
class Listing:
    """The log files below some paths that may hold events of a window."""

    paths: tuple[str, ...]
    size_bytes: int
    left_out: int
    """Files that are no JSON: what they hold is not known."""


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
        session = named.getOrCreate()
        session.conf.set("spark.sql.caseSensitive", "false")
    except Exception as error:
        raise EvidenceError(
            f"Spark could not be started: {told(error)}", hint="it needs Java 17; see spark-defaults.conf"
        ) from error
    return session


def told(error: Exception) -> str:
    """Return what an error of Spark says, in one line."""
    text = " ".join(str(error).split("\nJVM stacktrace")[0].split())
    return text[:400] or type(error).__name__


def list_files(spark: Any, paths: Iterable[str], window: Window, skip: str = "") -> Listing:
    """Return the files below some paths whose folder names a day of the window, or none at all.

    `skip` is part of the paths of files that hold no events. Only names and sizes are read.
    """
    found = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(list(paths))
    taken: list[str] = []
    size = left_out = 0
    for path, length in sorted((row[0], row[1]) for row in found.select("path", "length").collect()):
        if (skip and skip in path) or not _within(path, window):
            continue
        if not path.endswith(_ENDINGS):
            left_out += 1
            continue
        taken.append(path)
        size += int(length)
    return Listing(tuple(taken), size, left_out)


def _within(path: str, window: Window) -> bool:
    named = _DAY.search(path)
    if named is None:
        return True
    try:
        day = date(*(int(part) for part in named.groups()))
    except ValueError:
        return True
    return (window.start - _EARLY).date() <= day <= (window.end + _LATE).date()
