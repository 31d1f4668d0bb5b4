"""Read the files that `az`, ARM REST, the SDKs and log exports write, as raw records for the bundle."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.azure.exports.scrub import scrubbed
from connectors.azure.exports.tables import read_answers
from connectors.azure.ids import fields, guid, text
from connectors.azure.logs.address import BLOB_ADDRESS, log_stores
from connectors.azure.logs.settings import LOG_ANALYTICS
from connectors.azure.logs.spark import exported_lines
from connectors.azure.usage.events import REFUSED, AzureLogs
from connectors.errors import EvidenceError
from connectors.facts import Window
from connectors.files import expand, modified, read_records
from connectors.interface import Observer, Outcome, Record, Setting, Sink, Source, Status
from connectors.logs.engine import read_logs
from connectors.logs.lake_lines import collect_lake
from connectors.logs.lake_settings import SPARK, lake_settings
from connectors.logs.objects import ObjectStore
from connectors.logs.remember import remembering
from connectors.logs.rows import LogFile, Presence, gone_note
from connectors.logs.seen import SeenEvents

_WRAPPERS = ("value", "data", "body", "response", "interactions")
_COUNTING = {LOG_ANALYTICS: "Log Analytics", SPARK: "Spark"}
_SUFFIXES = (".json", ".json.gz", ".jsonl", ".jsonl.gz", ".ndjson")


@dataclass(frozen=True, slots=True)
class Dump:
    """One kind of inventory file: how its records are recognised and which command writes it."""

    part: str
    what: str
    command: str
    fits: Callable[[Mapping[str, Any]], bool]


def _typed(word: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda flat: word in text(flat.get("type")).lower() or word in text(flat.get("id")).lower()


def _has(*names: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda flat: bool(set(names) & set(flat))


def _is_assignment(flat: Mapping[str, Any]) -> bool:
    return "roledefinitionid" in flat and ("principalid" in flat or "objectid" in flat)


def _is_definition(flat: Mapping[str, Any]) -> bool:
    lists = {"actions", "dataactions"} & set(flat)
    return "principals" not in flat and ("permissions" in flat or bool(lists and "assignablescopes" in flat))


def _is_principal(flat: Mapping[str, Any]) -> bool:
    person = {"userprincipalname", "mailenabled", "securityenabled"} & set(flat)
    named = {"appid", "applicationid", "serviceprincipaltype", "displayname"} & set(flat)
    return not person and bool({"id", "objectid"} & set(flat)) and bool(named)


def _is_deny(flat: Mapping[str, Any]) -> bool:
    return "principals" in flat and bool({"permissions", "actions", "dataactions"} & set(flat))


def _is_resource(flat: Mapping[str, Any]) -> bool:
    identifier = text(flat.get("id")).lower()
    return identifier.startswith("/") and "/providers/microsoft.authorization/" not in identifier


def _is_operation(flat: Mapping[str, Any]) -> bool:
    return "operations" in flat or "resourcetypes" in flat or "isdataaction" in flat


DUMPS: tuple[Dump, ...] = (
    Dump("role_assignments", "role assignments", "az role assignment list --all", _is_assignment),
    Dump("role_definitions", "role definitions", "az role definition list", _is_definition),
    Dump("deny_assignments", "deny assignments", "GET …/denyAssignments", _is_deny),
    Dump("service_principals", "service principals", "az ad sp list --all", _is_principal),
    Dump("applications", "applications", "az ad app list --all", _is_principal),
    Dump("resources", "resources", "az resource list", _is_resource),
    Dump(
        "diagnostic_settings",
        "diagnostic settings",
        "az monitor diagnostic-settings list --resource ID",
        _typed("diagnosticsettings"),
    ),
    Dump("provider_operations", "provider operations", "az provider operation list", _is_operation),
    Dump(
        "role_assignment_schedules",
        "PIM role assignment schedule instances",
        "GET …/roleAssignmentScheduleInstances",
        _is_assignment,
    ),
    Dump(
        "role_eligibility_schedules",
        "PIM role eligibility schedule instances",
        "GET …/roleEligibilityScheduleInstances",
        _is_assignment,
    ),
    Dump(
        "classic_administrators",
        "classic administrators",
        "az role assignment list --include-classic-administrators, or GET …/classicAdministrators",
        _has("emailaddress"),
    ),
    Dump(
        "management_groups",
        "subscriptions or groups below a management group",
        "GET …/managementGroups/ID/descendants",
        _typed("managementgroups"),
    ),
    Dump(
        "cosmos_role_definitions",
        "Cosmos DB role definitions",
        "az cosmosdb sql role definition list",
        _is_definition,
    ),
    Dump(
        "cosmos_role_assignments",
        "Cosmos DB role assignments",
        "az cosmosdb sql role assignment list",
        _is_assignment,
    ),
    Dump(
        "group_members",
        "members of groups, a file named by the id of its group",
        "az ad group member list --group ID > ID.json",
        _has("members", "transitivemembers"),
    ),
    Dump(
        "app_role_assignments",
        "permissions for APIs",
        "GET …/servicePrincipals/ID/appRoleAssignments",
        _has("approleid"),
    ),
    Dump("delegated_grants", "delegated permissions", "GET …/oauth2PermissionGrants", _has("clientid")),
    Dump(
        "directory_roles",
        "Entra directory roles, definitions and assignments",
        "GET …/roleManagement/directory/roleAssignments and …/roleDefinitions",
        _has("roledefinitionid", "rolepermissions", "isbuiltin", "templateid"),
    ),
    Dump(
        "tenant_diagnostic_settings",
        "diagnostic settings of the tenant",
        "GET /providers/microsoft.aadiam/diagnosticSettings",
        _typed("diagnosticsettings"),
    ),
    Dump(
        "credential_activity",
        "last use of credentials",
        "GET …/beta/reports/appCredentialSignInActivities",
        _has("signinactivity"),
    ),
)

LOGS: Mapping[str, str] = {
    "activity_logs": "Activity Log: az monitor activity-log list, diagnostic export, or Log Analytics rows",
    "resource_logs": "resource logs of Storage, Key Vault, Cosmos DB, Azure OpenAI",
    "sign_in_logs": "sign-ins of service principals and managed identities",
}

_HINTS = {
    "activity_logs": " (az monitor activity-log list gives the last 6 hours unless told: --offset 90d)",
}

SETTINGS: tuple[Setting, ...] = (
    *(Setting(dump.part, "files", f"{dump.what}: {dump.command}") for dump in DUMPS),
    *(
        Setting(
            name,
            "files",
            f"{help_text}; or `https://ACCOUNT.blob.core.windows.net/CONTAINER/PREFIX`",
            modes=("export", "live"),
            remote=BLOB_ADDRESS,
            example='"https://mylogs.blob.core.windows.net/insights-activity-logs"',
        )
        for name, help_text in LOGS.items()
    ),
)
"""All are optional by themselves; a source needs `role_assignments` or `activity_logs`."""


def collect_exports(source: Source, sink: Sink, window: Window, observe: Observer, seen: SeenEvents) -> None:
    """Store what the files of one source hold, with an outcome for each part."""
    for dump in DUMPS:
        paths = source.files.get(dump.part, ())
        if paths:
            observe("part", source=source.name, part=dump.part)
            sink.outcome(_collect_dump(source, dump, paths, sink))
    if lake := lake_settings(source):
        observe("part", source=source.name, part="log_query")
        collect_lake(source, sink, exported_lines(window), lake, window)
    counting = _COUNTING.get(source.texts.get("logs.engine", ""))
    for part in LOGS:
        named = source.files.get(part) or source.lists.get(part)
        if named and counting:
            reason = f"not read: logs.engine has {counting} count the events, and these would count twice"
            sink.outcome(Outcome(source.name, part, Status.SKIPPED, reason=reason))
        elif named:
            reader = AzureLogs()
            with (
                log_stores(source, part, window) as stores,
                remembering(source, part, reader) as ledger,
            ):
                places: list[Path | ObjectStore] = [*source.files.get(part, ()), *stores]
                read = read_logs(places, reader, window, seen=seen, ledger=ledger, observe=observe)
            answers = read_answers(read.files, window, seen)
            names = {file.path for file in answers.files} if answers else set()
            files = [file for file in read.files if file.path not in names]
            sink.add_logs(source.name, read.rows, files, read.presence)
            presence = list(read.presence)
            if answers:
                sink.add_logs(source.name, answers.rows, answers.files, answers.presence)
                files, presence = [*files, *answers.files], [*presence, *answers.presence]
            sink.outcome(_log_outcome(source, part, files, presence))


def _collect_dump(source: Source, dump: Dump, paths: Sequence[Path], sink: Sink) -> Outcome:
    files = expand(paths, _SUFFIXES)
    problems = [] if files else ["no .json or .jsonl file found in the folder named"]
    stored = readable = 0
    as_of = ""
    for path in files:
        try:
            records, missing = _records(path, dump)
            as_of = max(as_of, modified(path))
        except EvidenceError as error:
            problems.append(f"{error} ({error.hint})" if error.hint else str(error))
            continue
        except OSError as error:
            problems.append(f"{path}: cannot be read ({error.strerror})")
            continue
        readable += 1
        problems += [missing] if missing else []
        stored += sink.add(source.name, dump.part, records)
    status = Status.OK if not problems else Status.PARTIAL if readable else Status.FAILED
    return Outcome(source.name, dump.part, status, stored, "; ".join(problems), as_of)


def _records(path: Path, dump: Dump) -> tuple[list[Record], str]:
    """Return the scrubbed records of one file and what is missing from it.

    EvidenceError when it holds another kind of record, or the error that a failed call answered.
    """
    values = read_records(path)
    records = list(_unwrapped(values))
    if dump.part == "group_members":
        records = _of_group(path, records)
    if len(records) == 1 and isinstance(records[0].get("error"), dict):
        error = records[0]["error"]
        said = (text(error.get("message")) or text(error.get("code")))[:200]
        raise EvidenceError(f"{path}: holds an error answer ({said})", hint=f"run {dump.command} again")
    fitting = [record for record in records if dump.fits(fields(record))]
    if records and not fitting:
        raise EvidenceError(
            f"{path}: holds no {dump.what}", hint=f"it should be the output of {dump.command}"
        )
    missing = []
    if len(fitting) < len(records):
        missing.append(f"{len(records) - len(fitting)} of {len(records)} records are no {dump.what}")
    if values and (_goes_on(values[-1]) or (len(values) == 1 and _is_short(values[0]))):
        missing.append("holds one page of several: export with all pages")
    return [scrubbed(record) for record in fitting], f"{path}: {'; '.join(missing)}" if missing else ""


def _of_group(path: Path, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the members of a group as one record of the group that the file is named by.

    Graph and `az` list members without saying whose they are.
    """
    bare = [record for record in records if not {"members", "transitivemembers"} & set(fields(record))]
    group = guid(path.name.split(".")[0])
    if not (bare or not records) or "error" in (records[0] if records else {}):
        return records
    if not group:
        raise EvidenceError(
            f"{path}: lists members without their group", hint="name the file by the group's id: ID.json"
        )
    return [*(record for record in records if record not in bare), {"id": group, "members": bare}]


def _unwrapped(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the records of pages, recorded replies and lists of them: objects that only wrap others."""
    for record in value if isinstance(value, list) else [value]:
        if not isinstance(record, dict):
            continue
        held = next((key for key in _WRAPPERS if isinstance(record.get(key), list | dict)), None)
        if held is None or "id" in record or "properties" in record:
            yield record
        else:
            yield from _unwrapped(record[held])


def _goes_on(page: Mapping[str, Any]) -> bool:
    return any(page.get(key) for key in ("nextLink", "@odata.nextLink", "skip_token", "$skipToken"))


def _is_short(page: Mapping[str, Any]) -> bool:
    """Return whether Resource Graph says that it found more than it returned."""
    count, total = page.get("count"), page.get("total_records", page.get("totalRecords"))
    return isinstance(count, int) and isinstance(total, int) and count < total


def _log_outcome(
    source: Source, part: str, files: Sequence[LogFile], presence: Sequence[Presence]
) -> Outcome:
    """Return how a set of log files was read: a file without any event is no evidence of silence."""
    events = sum(file.records for file in files)
    bad = [file for file in files if file.status not in ("ok", "skipped") or file.reason in REFUSED]
    reasons = [f"{file.path}: {file.reason}" for file in bad[:3]]
    if len(bad) > 3:
        reasons.append(f"and {len(bad) - 3} more files")
    if not files:
        reasons.append("no log file found")
    elif not events and not bad:
        skipped = next((file for file in files if file.reason), files[0])
        reasons.append(f"{skipped.path}: {skipped.reason or 'holds no log events'}{_HINTS.get(part, '')}")
    status = Status.OK if not reasons else Status.PARTIAL if events else Status.FAILED
    reasons += filter(None, [gone_note(files)])
    newest = max((seen.last for seen in presence), default="")
    return Outcome(source.name, part, status, events, "; ".join(reasons), newest)
