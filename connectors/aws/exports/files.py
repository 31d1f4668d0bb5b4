"""Read exported files into the evidence bundle: raw records and folded log rows, an outcome per part."""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from connectors.aws.exports.federation import oidc_providers, roles_anywhere
from connectors.aws.exports.kinds import (
    PAGE,
    Records,
    authorization_details,
    credential_report,
    key_lists,
    organization_policies,
    trails,
)
from connectors.aws.exports.resource_policies import resource_policies
from connectors.aws.exports.witnesses import last_accessed, unused_access
from connectors.aws.logs.address import S3_ADDRESS
from connectors.aws.logs.groups import Answer
from connectors.aws.usage.events import CloudTrailReader
from connectors.errors import EvidenceError
from connectors.facts import Window
from connectors.files import expand, modified
from connectors.interface import Observer, Outcome, Setting, Sink, Source, Status
from connectors.logs.engine import read_logs
from connectors.logs.objects import ObjectStore
from connectors.logs.remember import remembering
from connectors.logs.rows import LogFile, LogRead, gone_note
from connectors.logs.seen import SeenEvents

SETTINGS: tuple[Setting, ...] = (
    Setting("authorization_details", "files", "output of `aws iam get-account-authorization-details`"),
    Setting(
        "cloudtrail",
        "files",
        "CloudTrail log files or trees, event-history exports, or `s3://bucket/prefix`",
        modes=("export", "live"),
        remote=S3_ADDRESS,
        example='"s3://my-trail-bucket/AWSLogs"',
    ),
    Setting("credential_report", "files", "output of `aws iam get-credential-report`, CSV or JSON"),
    Setting("organization_policies", "files", "service and resource control policies with their targets"),
    Setting("trails", "files", "output of `describe-trails`, `get-event-selectors`, `get-trail-status`"),
    Setting("access_keys", "files", "output of `aws iam list-access-keys` for each user"),
    Setting("service_specific_credentials", "files", "output of `list-service-specific-credentials`"),
    Setting(
        "last_accessed", "files", "output of `aws iam get-service-last-accessed-details` for roles and users"
    ),
    Setting("resource_policies", "files", "policies of buckets, keys, secrets, queues …, and KMS grants"),
    Setting("oidc_providers", "files", "output of `list-` and `get-open-id-connect-provider`"),
    Setting("roles_anywhere", "files", "profiles and trust anchors of IAM Roles Anywhere, of all regions"),
    Setting("unused_access", "files", "unused-access findings of IAM Access Analyzer (`get-finding-v2`)"),
)

READERS: dict[str, tuple[Callable[[Path], Records], tuple[str, ...]]] = {
    "authorization_details": (authorization_details, (".json", ".json.gz")),
    "credential_report": (credential_report, (".csv", ".csv.gz", ".json")),
    "organization_policies": (organization_policies, (".json", ".json.gz")),
    "trails": (trails, (".json", ".json.gz")),
    "access_keys": (key_lists, (".json", ".json.gz")),
    "service_specific_credentials": (key_lists, (".json", ".json.gz")),
    "last_accessed": (last_accessed, (".json", ".json.gz")),
    "resource_policies": (resource_policies, (".json", ".json.gz")),
    "unused_access": (unused_access, (".json", ".json.gz")),
    "oidc_providers": (oidc_providers, (".json", ".json.gz")),
    "roles_anywhere": (roles_anywhere, (".json", ".json.gz")),
}
"""What reads each part, and which files of a folder it takes."""

QUERIES = "log_query"
"""Part that holds the text, digest, id and scanned bytes of each query that counted events."""

_COUNTING = ("athena", "spark")
"""Engines that count events where they lie."""

_NEEDED = ("authorization_details", "cloudtrail")
"""A source without either says nothing about access."""


def collect_exports(
    sources: Sequence[Source], sink: Sink, window: Window, observe: Observer, seen: SeenEvents
) -> None:
    """Read every part of every source; `seen` is shared so that an event in two sources counts once."""
    for source in sources:
        if (
            source.mode == "export"
            and not any(source.files.get(part) or source.lists.get(part) for part in _NEEDED)
            and source.texts.get("logs.engine") not in _COUNTING
        ):
            reason = f"the source names neither {' nor '.join(_NEEDED)}: there is nothing to analyse"
            sink.outcome(Outcome(source.name, _NEEDED[0], Status.FAILED, reason=reason))
        for part in READERS:
            if paths := source.files.get(part):
                _collect_part(source.name, part, paths, sink)
                observe("part", source=source.name, part=part)
        engine = source.texts.get("logs.engine")
        if engine in _COUNTING:
            _collect_query(source, sink, window)
            if _names_logs(source):
                reason = f"not read: logs.engine has {engine} count the events, and these would count twice"
                sink.outcome(Outcome(source.name, "cloudtrail", Status.SKIPPED, reason=reason))
        elif reads_logs(source):
            _collect_logs(source, sink, window, observe, seen)


def reads_logs(source: Source) -> bool:
    """Return whether the logs of a source are read here, once."""
    return _names_logs(source) and source.texts.get("logs.engine") not in _COUNTING


def _names_logs(source: Source) -> bool:
    return bool(source.files.get("cloudtrail") or source.lists.get("cloudtrail"))


def _collect_logs(source: Source, sink: Sink, window: Window, observe: Observer, seen: SeenEvents) -> None:
    """Read the log files and objects of one source."""
    reader = CloudTrailReader()
    places: list[Path | ObjectStore] = [*source.files.get("cloudtrail", ())]
    with contextlib.ExitStack() as stack:
        if source.lists.get("cloudtrail"):
            from connectors.aws.logs.objects import LogBuckets  # noqa: PLC0415 boto3 is slow to import

            places += stack.enter_context(LogBuckets(source, window)).stores()
        ledger = stack.enter_context(remembering(source, "cloudtrail", reader))
        read = read_logs(places, reader, window, seen=seen, ledger=ledger, observe=observe)
    sink.add_logs(source.name, read.rows, read.files, read.presence)
    sink.outcome(_log_outcome(source.name, read))


def _collect_query(source: Source, sink: Sink, window: Window) -> None:
    """Have an engine count the events; the query itself is evidence too."""
    answer = _answer(source, window)
    sink.add_logs(source.name, answer.read.rows, answer.read.files, answer.read.presence)
    sink.add(source.name, QUERIES, [answer.query.record()])
    events = sum(file.records for file in answer.read.files)
    newest = max((seen.last for seen in answer.read.presence), default="")
    status = Status.FAILED if answer.problem else Status.OK
    reason = "; ".join(filter(None, (answer.problem, *answer.notes)))
    sink.outcome(Outcome(source.name, QUERIES, status, events, reason, newest))


def _answer(source: Source, window: Window) -> Answer:
    if source.texts.get("logs.engine") == "spark":
        from connectors.aws.logs.spark import query_lake  # noqa: PLC0415 not needed otherwise

        return query_lake(source, window)
    from connectors.aws.logs.athena import query_log  # noqa: PLC0415 boto3 is slow to import

    return query_log(source, window)


def _collect_part(source: str, part: str, paths: Sequence[Path], sink: Sink) -> None:
    reader, suffixes = READERS[part]
    records: Records = []
    failures: list[str] = []
    ages: list[str] = []
    files = expand(paths, suffixes)
    for path in files:
        try:
            records += reader(path)
            ages.append(modified(path))
        except (EvidenceError, OSError) as error:
            hint = getattr(error, "hint", "")
            failures.append(f"{error}; {hint}" if hint else str(error))
    if not files:
        named = ", ".join(str(path) for path in paths)
        failures.append(f"{named}: no file ending in {' or '.join(suffixes)} in it; check the path")
    sink.add(source, part, records)
    status = Status.OK if not failures else Status.PARTIAL if ages else Status.FAILED
    entities = sum(record["list"] != PAGE for record in records)
    sink.outcome(Outcome(source, part, status, entities, "; ".join(failures), max(ages, default="")))


def _log_outcome(source: str, read: LogRead) -> Outcome:
    broken = [file for file in read.files if file.status in ("failed", "partial")]
    whole = any(file.status == "ok" for file in read.files)
    events = sum(file.records for file in read.files)
    newest = max((seen.last for seen in read.presence), default="")
    reason = _why(read.files, broken)
    if not read.presence and not (whole and events == 0 and not broken):
        reason = f"{reason or 'no log file found'}; cloudtrail takes AWSLogs trees and event-history exports"
        return Outcome(source, "cloudtrail", Status.FAILED, events, reason, newest)
    reason = "; ".join(filter(None, (reason, gone_note(read.files))))
    return Outcome(source, "cloudtrail", Status.PARTIAL if broken else Status.OK, events, reason, newest)


def _why(files: Sequence[LogFile], broken: Sequence[LogFile]) -> str:
    if not broken:
        skipped = [file for file in files if file.status == "skipped"]
        if files and len(skipped) == len(files):
            return f"no file is a log: {skipped[0].path}: {skipped[0].reason}"
        return ""
    first = f"{broken[0].path}: {broken[0].reason}"
    return (
        first
        if len(broken) == 1
        else f"{len(broken)} of {len(files)} log files could not be read whole: {first}"
    )
