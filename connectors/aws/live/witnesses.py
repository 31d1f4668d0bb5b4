"""Ask IAM and Access Analyzer what they saw of use: last-accessed reports and unused-access findings."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from connectors.aws.exports.witnesses import LAST_ACCESSED, UNUSED_ACCESS
from connectors.aws.live.calls import Calls
from connectors.aws.live.gathering import Finds, Found
from connectors.aws.live.iam import Account
from connectors.live.failures import CallError

_POLLS = 60
_POLL_SECONDS = 1.0
_READ_CALL = "iam:GetServiceLastAccessedDetails"


def last_accessed(account: Account, start: datetime, wait: Callable[[float], None]) -> Finds:
    """Yield the last-accessed report of each user and role, down to actions where IAM tracks them.

    A report is a job that only its caller can read. Roles that IAM says were last used before the window
    are left out: what their reports name is older still. So are service-linked roles.
    """
    calls = account.calls
    since = start.strftime("%Y-%m-%dT%H:%M:%SZ")
    roles = [arn for arn, used in account.roles.items() if not used or used >= since]
    wanted = sorted({*account.users.values(), *roles})
    yield from calls.each(lambda arn: _report(calls, arn, wait), wanted)


def _report(calls: Calls, arn: str, wait: Callable[[float], None]) -> Found | CallError:
    try:
        started = calls.one("iam", "GenerateServiceLastAccessedDetails", Arn=arn, Granularity="ACTION_LEVEL")
        job = str(started.get("JobId") or "")
        answer: dict[str, Any] = {"JobStatus": "FAILED"}
        for _ in range(_POLLS if job else 0):
            answer = calls.one("iam", "GetServiceLastAccessedDetails", JobId=job)
            if answer.get("JobStatus") != "IN_PROGRESS":
                break
            wait(_POLL_SECONDS)
        services = list(answer.get("ServicesLastAccessed") or ())
        page = answer
        while page.get("IsTruncated") and page.get("Marker"):
            page = calls.one("iam", "GetServiceLastAccessedDetails", JobId=job, Marker=page["Marker"])
            services += page.get("ServicesLastAccessed") or ()
    except CallError as error:
        return error
    if answer.get("JobStatus") != "COMPLETED":
        problem = answer.get("Error") or {}
        text = f"the last-accessed report of {arn} was not made: {answer.get('JobStatus', 'no status')}"
        return CallError(f"{text} {problem.get('Message', '')}".strip(), "other", _READ_CALL)
    kept = {name: answer[name] for name in ("JobType", "JobCreationDate") if name in answer}
    return Found(LAST_ACCESSED, _READ_CALL, {"Arn": arn, **kept, "ServicesLastAccessed": services})


def unused_access(calls: Calls, regions: Sequence[str]) -> Finds:
    """Yield the unused-permission findings of every analyzer that looks for unused access; most have none."""

    def read(region: str) -> list[Found | CallError]:
        finds: list[Found | CallError] = []
        try:
            for page in calls.pages("accessanalyzer", "ListAnalyzers", region=region):
                for analyzer in page.get("analyzers") or ():
                    if str(analyzer.get("type", "")).endswith("UNUSED_ACCESS"):
                        finds += _findings(calls, region, str(analyzer["arn"]))
        except CallError as error:
            if error.kind != "no endpoint":
                finds.append(error)
        return finds

    for finds in calls.each(read, regions):
        yield from finds


def _findings(calls: Calls, region: str, analyzer: str) -> list[Found | CallError]:
    finds: list[Found | CallError] = []
    wanted = {"findingType": {"eq": ["UnusedPermission"]}, "status": {"eq": ["ACTIVE"]}}
    try:
        for page in calls.pages(
            "accessanalyzer", "ListFindingsV2", region=region, analyzerArn=analyzer, filter=wanted
        ):
            for summary in page.get("findings") or ():
                found = _finding(calls, region, analyzer, summary)
                finds.append(found)
    except CallError as error:
        finds.append(error)
    return finds


def _finding(calls: Calls, region: str, analyzer: str, summary: dict[str, Any]) -> Found | CallError:
    details: list[Any] = []
    try:
        for page in calls.pages(
            "accessanalyzer", "GetFindingV2", region=region, analyzerArn=analyzer, id=summary["id"]
        ):
            details += page.get("findingDetails") or ()
    except CallError as error:
        return error
    record = {**summary, "findingDetails": details}
    return Found(UNUSED_ACCESS, "access-analyzer:GetFinding", record, calls.account, region)
