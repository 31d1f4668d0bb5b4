"""Read the files that gcloud, Asset Inventory and log sinks write into raw records."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.errors import EvidenceError
from connectors.facts import Window
from connectors.files import expand, modified
from connectors.gcp.exports import shapes
from connectors.gcp.exports.bare import placed
from connectors.gcp.exports.one_file import read_export
from connectors.gcp.exports.scrub import scrub
from connectors.gcp.logs.address import GCS_ADDRESS, log_stores
from connectors.gcp.logs.spark import audit_lines
from connectors.gcp.usage.events import OTHER_FORMAT, AuditLogReader
from connectors.interface import Observer, Outcome, Record, Setting, Sink, Source, Status
from connectors.logs.engine import read_logs
from connectors.logs.lake_lines import collect_lake
from connectors.logs.lake_settings import SPARK, lake_settings
from connectors.logs.objects import ObjectStore
from connectors.logs.remember import remembering
from connectors.logs.rows import LogRead, gone_note
from connectors.logs.seen import SeenEvents

_SUFFIXES = (".json", ".jsonl", ".ndjson", ".dump", ".json.gz", ".jsonl.gz", ".ndjson.gz")
LOGS = "audit_logs"
_COUNTING = {"bigquery": "BigQuery", SPARK: "Spark"}


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of record: what it is called, where a file may hold it, how it is recognised."""

    name: str
    noun: str
    help: str
    containers: tuple[str, ...]
    accepts: Callable[[Record], bool]
    modes: tuple[str, ...] = ("export",)


_INVENTORY = ("assets", "results", "searchResults")
PARTS = (
    Part(
        "iam_policies",
        "IAM policies",
        "gcloud asset search-all-iam-policies, or an asset export of IAM policies",
        (*_INVENTORY,),
        lambda record: (
            any(True for _ in shapes.policies(record))
            or shapes.bare_policy(record)
            or shapes.chained_policy(record)
        ),
    ),
    Part(
        "roles",
        "role definitions",
        "roles with includedPermissions: gcloud iam roles describe, or an asset export of roles",
        ("roles", *_INVENTORY),
        lambda record: shapes.role(record) is not None,
    ),
    Part(
        "service_accounts",
        "service accounts",
        "gcloud iam service-accounts list",
        ("accounts", *_INVENTORY),
        lambda record: shapes.service_account(record) is not None,
    ),
    Part(
        "service_account_keys",
        "service-account keys",
        "gcloud iam service-accounts keys list",
        ("keys", *_INVENTORY),
        lambda record: shapes.service_account_key(record) is not None,
    ),
    Part(
        "resources",
        "resources",
        "gcloud asset search-all-resources --read-mask='*', or an asset export of resources",
        (
            *_INVENTORY,
            "resources",
            "services",
            "jobs",
            "functions",
            "endpoints",
            "reasoningEngines",
            "instances",
            "clusters",
            "agents",
            "customJobs",
            "pipelineJobs",
        ),
        lambda record: shapes.resource(record) is not None,
    ),
    Part(
        "deny_policies",
        "deny policies",
        "gcloud iam policies list --kind=denypolicies (with rules: gcloud iam policies get)",
        ("policies", *_INVENTORY),
        lambda record: shapes.deny_policy(record) is not None,
    ),
    Part(
        "api_keys",
        "API keys",
        "gcloud services api-keys list",
        ("keys", *_INVENTORY),
        lambda record: shapes.api_key(record) is not None,
    ),
    Part(
        "access_boundaries",
        "principal access boundaries",
        "gcloud iam principal-access-boundary-policies list, and gcloud iam policy-bindings list",
        ("principalAccessBoundaryPolicies", "policyBindings"),
        shapes.access_boundary,
    ),
    Part(
        "workload_identity",
        "workload identity pools",
        "gcloud iam workload-identity-pools list, and … providers list",
        ("workloadIdentityPools", "workloadIdentityPoolProviders"),
        shapes.identity_pool,
    ),
    Part(
        "recommender_insights",
        "Recommender insights",
        "second witness: gcloud recommender insights list --insight-type=google.iam.policy.Insight"
        " (or google.iam.serviceAccount.Insight)",
        ("insights",),
        shapes.insight,
    ),
    Part(
        "activity",
        "activities",
        "second witness: gcloud policy-intelligence query-activity"
        " --activity-type=serviceAccountLastAuthentication (or serviceAccountKeyLastAuthentication)",
        ("activities",),
        shapes.activity,
    ),
    Part(
        "api_metrics",
        "time series",
        "second witness: timeSeries.list of serviceruntime.googleapis.com/api/request_count",
        ("timeSeries",),
        shapes.time_series,
    ),
    Part(
        "log_buckets",
        "log buckets",
        "gcloud logging buckets list, gcloud logging sinks list: how long Data Access records are kept, and"
        " what is left out",
        ("buckets", "sinks"),
        shapes.log_bucket,
    ),
    Part(
        "testable_permissions",
        "testable permissions",
        "gcloud iam list-testable-permissions //cloudresourcemanager.googleapis.com/projects/ID",
        ("permissions",),
        shapes.testable_permission,
        modes=("export", "live"),
    ),
)

SETTINGS = (
    *(Setting(part.name, "files", part.help, modes=part.modes) for part in PARTS),
    Setting(
        LOGS,
        "files",
        "audit logs: gcloud logging read, JSON lines, a sink's folder tree, or `gs://bucket/prefix`",
        modes=("export", "live"),
        remote=GCS_ADDRESS,
        example='"gs://my-log-bucket/cloudaudit.googleapis.com"',
    ),
    Setting(
        "scope",
        "text",
        "live: the projects/ID, folders/N or organizations/N to read; export: of what a bare get-iam-policy"
        " file is (also projects/ID/secrets/NAME)",
        modes=("export", "live"),
    ),
)


def collect(
    sources: Sequence[Source], sink: Sink, window: Window, observe: Observer, seen: SeenEvents
) -> None:
    """Read every configured file of every source into the sink; a part that fails is an Outcome."""
    for source in sources:
        lake = lake_settings(source)
        named = source.files.get("iam_policies") or source.files.get(LOGS) or source.lists.get(LOGS) or lake
        if source.mode == "export" and not named:
            reason = "neither iam_policies nor audit_logs is set: there is nothing to compare"
            sink.outcome(Outcome(source.name, "iam_policies", Status.FAILED, reason=reason))
        for part in PARTS:
            if part.name in source.files:
                observe("part", source=source.name, part=part.name)
                sink.outcome(_read_part(source, part, sink))
        if lake:
            observe("part", source=source.name, part="log_query")
            collect_lake(source, sink, audit_lines(window), lake, window)
        counting = _COUNTING.get(source.texts.get("logs.engine", ""))
        if counting and _names_logs(source):
            reason = f"not read: logs.engine has {counting} count the entries, and these would count twice"
            sink.outcome(Outcome(source.name, LOGS, Status.SKIPPED, reason=reason))
        elif reads_logs(source):
            reader = AuditLogReader()
            with (
                log_stores(source, LOGS, window) as stores,
                remembering(source, LOGS, reader) as ledger,
            ):
                places: list[Path | ObjectStore] = [*source.files.get(LOGS, ()), *stores]
                read = read_logs(places, reader, window, seen=seen, ledger=ledger, observe=observe)
            sink.add_logs(source.name, read.rows, read.files, read.presence)
            sink.outcome(_log_outcome(source.name, read))


def reads_logs(source: Source) -> bool:
    """Return whether the logs of a source are read here, once."""
    return _names_logs(source) and source.texts.get("logs.engine", "") not in _COUNTING


def _names_logs(source: Source) -> bool:
    return LOGS in source.files or LOGS in source.lists


def _read_part(source: Source, part: Part, sink: Sink) -> Outcome:
    """Read the files of one part and say how it went."""
    stored, problems, read = 0, [], 0
    files = expand(source.files[part.name], _SUFFIXES)
    newest = ""
    for path in files:
        try:
            records, problem = read_export(path, part.containers)
            wanted = [scrub(record) for record in _wanted(records, part, path, source)]
            problem = problem or _shortfall(wanted, part, path)
        except EvidenceError as error:
            text = str(error) if str(path) in str(error) else f"{path}: {error}"
            problems.append(f"{text}; {error.hint}" if error.hint else text)
            continue
        stored += sink.add(source.name, part.name, wanted)
        read += 1
        newest = max(newest, modified(path))
        if problem:
            problems.append(problem)
    if not files:
        problems.append(f"no file with {part.noun} in {', '.join(map(str, source.files[part.name]))}")
    status = Status.OK if not problems else Status.PARTIAL if read else Status.FAILED
    return Outcome(source.name, part.name, status, stored, "; ".join(problems), newest)


def _wanted(records: Sequence[Record], part: Part, path: Path, source: Source) -> Iterator[Record]:
    """Yield the records of a part's kind; other assets of a mixed export are passed over.

    Raises EvidenceError when the file holds records, but none of this kind.
    """
    found = 0
    for at, record in enumerate(records):
        if part.accepts(record):
            found += 1
            yield placed(record, records[at + 1 :], path, source)
    if records and not found:
        kind = _kind_of(records[0])
        raise EvidenceError(
            f"{path}: holds {kind or 'records of another kind'}, not {part.noun}",
            hint=f"{part.name} takes the output of: {part.help}",
        )


def _kind_of(record: Record) -> str:
    if "logName" in record or "protoPayload" in record:
        return "log entries"
    return next((part.noun for part in PARTS if part.accepts(record)), "")


def _shortfall(records: Sequence[Record], part: Part, path: Path) -> str:
    """Return what is missing from every record of a file although its kind is right."""
    if part.name != "roles" or not records:
        return ""
    if any("includedPermissions" in (shapes.role(record) or {}) for record in records):
        return ""
    return (
        f"{path}: no role in it has includedPermissions (a plain `gcloud iam roles list`);"
        " use `gcloud iam roles describe`, or the REST call with view=FULL"
    )


def _log_outcome(source: str, read: LogRead) -> Outcome:
    bad = [file for file in read.files if file.status in ("failed", "partial") or file.reason == OTHER_FORMAT]
    good = [file for file in read.files if file.status == "ok"]
    reason = "; ".join(f"{file.path}: {file.reason}" for file in bad[:3])
    if len(bad) > 3:
        reason += f"; and {len(bad) - 3} more files"
    records = sum(file.records for file in read.files)
    if not bad and not records:
        reason = next(
            (f"{f.path}: {f.reason}" for f in read.files if f.reason), "no audit log entry was found"
        )
    if bad:
        status = Status.PARTIAL if good or records else Status.FAILED
    else:
        status = Status.OK if records else Status.FAILED
    reason = "; ".join(filter(None, (reason, gone_note(read.files))))
    newest = max((seen.last for seen in read.presence), default="")
    return Outcome(source, LOGS, status, records, reason, newest)
