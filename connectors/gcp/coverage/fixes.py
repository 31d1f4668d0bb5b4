"""Say what the logs do not show, and the exact change that would make them show it."""

import json
from collections.abc import Sequence

from connectors.gcp.catalog import services
from connectors.gcp.coverage.auditing import ALL
from connectors.gcp.coverage.classes import DATA_TYPES

_FEW = 5


def names(places: Sequence[str]) -> str:
    """Return the first few of several places, and how many more there are."""
    shown = ", ".join(places[:_FEW])
    return shown if len(places) <= _FEW else f"{shown} and {len(places) - _FEW} more"


_REASONS = {
    "no-logs-for-account": "the evidence holds no audit log of {where} that would show these calls",
    "admin-activity-not-given": (
        "the Admin Activity log of {where}, which always records these calls, is not among the logs given:"
        " what was given of it holds other audit logs only"
    ),
    "exempted-from-audit": "{who} is, or may be through a group, exempted from these logs in {where}",
    "public-resource-not-logged": (
        "a resource in {where} is open to everyone: data calls on such resources leave no record"
    ),
    "data-access-logs-off": "these calls are written only to Data Access logs, which are off in {where}",
    "data-access-logs-not-known": (
        "these calls are written only to Data Access logs; whether {where} records them is not known"
    ),
    "data-access-logs-not-given": (
        "Data Access logs are on in {where}, but no such record is among the logs given"
    ),
    "data-access-logs-excluded": (
        "these calls are written only to Data Access logs, and the _Default sink of {where} leaves some of"
        " them out: by an exclusion, its filter, or because it is switched off"
    ),
    "data-access-logs-not-kept": (
        "these calls are written only to Data Access logs, whose bucket in {where} keeps them for less than"
        " the window: earlier ones are gone"
    ),
    "data-access-logs-switched-on": (
        "these calls are written only to Data Access logs, which were switched on in {where} within the"
        " window: earlier ones were not recorded"
    ),
    "data-access-logs-partial": (
        "these calls are written only to Data Access logs, and those given of {where} begin later or"
        " end earlier than those of its other logs"
    ),
    "permission-class-unknown": (
        "these calls may be written to Data Access logs, which {where} is not known to record"
    ),
    "recording-not-proved": (
        "no source says that these calls are recorded, and no record among the logs of {where} shows one"
    ),
    "log-file-unreadable": "log files that may hold calls in {where} could not be read whole",
}


_FIXES = {
    "data-access-logs-excluded": (
        "look at gcloud logging sinks describe _Default, take the exclusion off, and scan a window after that"
    ),
    "exempted-from-audit": "remove it from exemptedMembers of the audit configuration",
    "data-access-logs-not-given": (
        "give the logs cloudaudit.googleapis.com%2Fdata_access too; reading them needs"
        " roles/logging.privateLogViewer"
    ),
    "data-access-logs-switched-on": "scan a window that begins after that: coverage says when",
    "public-resource-not-logged": (
        "take allUsers and allAuthenticatedUsers off its policy, then their use is recorded"
    ),
    "data-access-logs-partial": (
        "give Data Access records of the whole window, or scan the part that they span; where the log was"
        " only quiet, name the buckets in log_buckets: gcloud logging buckets list"
    ),
    "recording-not-proved": (
        "make one such call with Data Access logs on: silence counts where the logs given hold its record"
    ),
    "log-file-unreadable": "replace the log files that the report lists as unreadable",
}


def reason(code: str, where: str, who: str) -> str:
    """Return why calls are not seen, for a blind code, the places it is about and the caller."""
    return _REASONS[code].format(where=where, who=who)


def fix(code: str, places: Sequence[str], prefixes: Sequence[str]) -> str:
    """Return what would make the calls visible; `prefixes` are the services (permission prefixes) hidden."""
    scope = next((place for place in places if place), "projects/ID")
    match code:
        case "no-logs-for-account" | "admin-activity-not-given":
            kind, _, name = scope.partition("/")
            return (
                "add its logs: gcloud logging read 'logName:cloudaudit.googleapis.com'"
                f" --{kind.removesuffix('s')}={name} --freshness=90d --format=json"
            )
        case "data-access-logs-not-kept":
            project = scope.removeprefix("projects/")
            return (
                "scan a shorter window, or keep them longer: gcloud logging buckets update _Default"
                f" --location=global --retention-days=90 --project={project}"
            )
        case _ if code in _FIXES:
            return _FIXES[code]
        case _:
            where = names([place for place in places if place]) or scope
            return f"add to the policy of {where}: {snippet(prefixes)}"


def snippet(prefixes: Sequence[str]) -> str:
    """Return the audit configuration that records all calls of these services (permission prefixes)."""
    named = sorted({one for prefix in prefixes for one in services().audited(prefix)})
    kinds = [{"logType": kind} for kind in DATA_TYPES]
    chosen = named if 0 < len(named) <= _FEW else [ALL]
    configs = [{"service": one, "auditLogConfigs": kinds} for one in chosen]
    return json.dumps({"auditConfigs": configs}, separators=(",", ":"))
