"""Have Spark group the CloudTrail events of a data lake, and read the groups as if they were log files.

The text is that of Athena in Spark's dialect; the lake holds raw files, or a table with Athena's columns.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from connectors.aws.live.settings import LiveSettings
from connectors.aws.logs.groups import Answer, group_of, missing_fields, partition_predicate, query_text
from connectors.aws.usage.events import CloudTrailReader
from connectors.errors import EvidenceError
from connectors.facts import Window
from connectors.interface import Source
from connectors.logs.lake import Listing, check_size, list_files, named, open_spark, told
from connectors.logs.pushdown import Group, Query, read_groups

ENGINE = "spark"
_VIEW = "entdrift_events"
_TORN = "torn"
_DIGESTS = "/CloudTrail-Digest/"
_ASKED = (
    "map_filter(from_json(requestparameters, 'MAP<STRING, STRING>'),"
    " (name, value) -> NOT (value LIKE '{%' OR value LIKE '[%'))"
)
"""Request parameters that are neither objects nor lists, read once: Athena gives nothing for those."""
_DIALECT = (
    # Literals take a backslash for the beginning of an escape.
    (re.compile(r"\\"), r"\\\\"),
    # A session policy is a text that holds JSON.
    (re.compile(r"json_extract_scalar\((\w+), ('\$\.policy')\)"), r"get_json_object(\1, \2)"),
    (re.compile(r"json_extract_scalar\(requestparameters, '\$\.(\w+)'\)"), r"asked['\1']"),
    (
        re.compile(r"json_extract_scalar\((\w+), ('[^']*')\)"),
        r"nullif(regexp_replace(get_json_object(\1, \2), '(?s)^[{\\\\[].*', ''), '')",
    ),
    (re.compile(r"json_format\(json_extract\((\w+), ('[^']*')\)\)"), r"get_json_object(\1, \2)"),
    (
        re.compile(r"json_format\(CAST\(resources AS JSON\)\)"),
        "to_json(transform(resources, one -> named_struct('arn', one.arn, 'type', one.type)))",
    ),
    (re.compile(r"\bVARCHAR\b"), "STRING"),
    (re.compile(r'"(\w+)" BETWEEN'), r"`\1` BETWEEN"),
)
"""What Spark writes otherwise than Athena."""
_SCHEMA = """
Records ARRAY<STRUCT<
  eventTime: STRING, eventSource: STRING, eventName: STRING, awsRegion: STRING, errorCode: STRING,
  errorMessage: STRING, eventType: STRING, eventCategory: STRING, readOnly: STRING,
  recipientAccountId: STRING, eventID: STRING, sharedEventID: STRING, requestParameters: STRING,
  additionalEventData: STRING,
  userIdentity: STRUCT<type: STRING, principalId: STRING, arn: STRING, accountId: STRING,
    invokedBy: STRING, accessKeyId: STRING, userName: STRING,
    sessionContext: STRUCT<sessionIssuer: STRUCT<arn: STRING>>,
    identityProvider: STRING, onBehalfOf: STRUCT<userId: STRING>,
    inScopeOf: STRUCT<credentialsIssuedTo: STRING, sourceArn: STRING>,
    invokedByDelegate: STRUCT<accountId: STRING>>,
  resources: ARRAY<STRUCT<ARN: STRING, type: STRING>>,
  addendum: STRUCT<originalEventID: STRING>
>>
"""
"""The fields of a CloudTrail file that the text names; a value that is no text stays as its JSON."""


@dataclass(frozen=True, slots=True)
class Lake:
    """What is there to be asked: where it lies, its text, and how much would be read."""

    place: str
    text: str
    listing: Listing
    missing: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what is no loss of calls, but good to know."""
        files = (f"{len(self.listing.paths)} files",) if self.listing.paths else ()
        return (*files, *self.lacks)

    @property
    def lacks(self) -> tuple[str, ...]:
        """Return what a table does not have."""
        return (f"the table lacks {', '.join(self.missing)} of userIdentity",) if self.missing else ()


def query_lake(source: Source, window: Window) -> Answer:
    """Run the query of one source over a window; what goes wrong is in the answer, never raised."""
    settings = LiveSettings.of(source)
    query = Query(ENGINE, _place(settings), "")
    try:
        spark = open_spark()
        lake = look(spark, settings, window)
        query = Query(ENGINE, lake.place, lake.text)
        if lake.listing.paths:
            _view(spark, lake.listing, window)
        rows = run(spark, lake.text, settings)
        size = lake.listing.size_bytes
        query = Query(ENGINE, lake.place, lake.text, str(spark.conf.get("spark.app.id", "")), size)
        torn = sorted(str(row["eventname"]) for row in rows if row["eventsource"] == _TORN)
        problem = _lost(torn, lake.listing)
        return Answer(
            read_groups(_groups(rows), CloudTrailReader(), query, problem), query, problem, lake.notes
        )
    except Exception as error:  # noqa: BLE001 Spark raises what Java raised; it costs these logs, not the scan
        problem = f"{error}; {error.hint}" if isinstance(error, EvidenceError) else told(error)
        return Answer(read_groups((), CloudTrailReader(), query, problem), query, problem)


def look(spark: Any, settings: LiveSettings, window: Window) -> Lake:
    """Say what would be read; EvidenceError where it is too much, or the days cannot be told apart."""
    if settings.log_table:
        lake = _table(spark, settings, window)
    else:
        listing = list_files(spark, settings.log_paths, window, _DIGESTS)
        if not listing.paths:
            raise EvidenceError(
                f"{_place(settings)}: no log file of the window", hint="check logs.path and the window"
            )
        lake = Lake(_place(settings), spark_text(_VIEW, "1 = 1", window), listing)
    check_size(lake.listing, settings.log_max_scan_gb)
    return lake


def spark_text(name: str, partition: str, window: Window, missing: tuple[str, ...] = ()) -> str:
    """Return the query in Spark's dialect."""
    text = query_text(name, partition, window, missing)
    for pattern, written in _DIALECT:
        text = pattern.sub(written, text)
    return text.replace(f"FROM {name}\n", f"FROM {_asking(name)}\n")


def _asking(name: str) -> str:
    return f"(SELECT *, {_ASKED} AS asked FROM {name})"


def run(spark: Any, text: str, settings: LiveSettings) -> list[dict[str, Any]]:
    """Return the rows of entdrift's own query; any other text is refused."""
    named = settings.log_table or _VIEW
    if not text.startswith("WITH events AS (") or _asking(named) not in text or ";" in text:
        raise EvidenceError("a query that is not entdrift's own was to be run", hint="please report it")
    return [row.asDict() for row in spark.sql(text).collect()]


def _place(settings: LiveSettings) -> str:
    return settings.log_table or ", ".join(settings.log_paths)


def _table(spark: Any, settings: LiveSettings, window: Window) -> Lake:
    """Return the query of a table, by its columns; Spark says from its files how much it would read."""
    name = settings.log_table
    columns = spark.catalog.listColumns(name)
    keys = [one.name for one in columns if one.isPartition]
    predicate = partition_predicate(keys, settings.log_partition_format, window)
    if not predicate:
        raise EvidenceError(
            f"{name} has no partition by day that is known, so a query would read all of it",
            hint="partition it by timestamp, day, date, or year, month and day",
        )
    identity = next((one.dataType for one in columns if one.name.lower() == "useridentity"), "")
    missing = tuple(missing_fields(identity))
    text = spark_text(name, predicate, window, missing)
    chosen = spark.sql(f"SELECT * FROM {name} WHERE {predicate.replace(chr(34), '`')}")
    plan = getattr(chosen, "_jdf", None)
    size = int(str(plan.queryExecution().optimizedPlan().stats().sizeInBytes())) if plan is not None else 0
    return Lake(name, text, Listing((), size, 0), missing)


def _view(spark: Any, listing: Listing, window: Window) -> None:
    """Lay the records of raw files out as a table; a file that is none becomes a record of its own."""
    read = spark.read.schema(_SCHEMA).option("multiLine", "true").json(list(listing.paths))
    files = read.selectExpr(
        "CASE WHEN Records IS NULL THEN _metadata.file_path END AS torn", "explode_outer(Records) AS one"
    )
    moment = window.start.strftime("%Y-%m-%dT%H:%M:%SZ")
    told_apart = {
        "eventTime": f"CASE WHEN torn IS NULL THEN eventTime ELSE '{moment}' END",
        "eventSource": f"CASE WHEN torn IS NULL THEN eventSource ELSE '{_TORN}' END",
        "eventName": "coalesce(torn, eventName)",
    }
    rows = files.selectExpr("torn", "one.*")
    names = [f"{told_apart.get(name, name)} AS {name.lower()}" for name in rows.columns if name != "torn"]
    rows.selectExpr(*names).createOrReplaceTempView(_VIEW)


def _groups(rows: list[dict[str, Any]]) -> Iterator[Group]:
    yield from (group_of(row) for row in rows if row["eventsource"] != _TORN)


def _lost(torn: list[str], listing: Listing) -> str:
    """Return which files could not be read: torn, or no CloudTrail document."""
    found = []
    if torn:
        found.append(f"no CloudTrail document, or torn: {named(torn)}")
    if listing.left_out:
        found.append(f"{listing.left_out} files are no JSON and were not read")
    return "; ".join(found)
