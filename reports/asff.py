"""Write the findings of AWS accounts for AWS Security Hub, in the AWS Security Finding Format 2018-10-08.

Shape and limits: Security Hub API reference, AwsSecurityFinding and BatchImportFindings (botocore 1.44,
securityhub 2018-10-26). The file is one list; a call takes at most 100 findings and only those of the
account that calls, so the list is sorted by account.
"""

import re
from collections.abc import Iterable
from typing import Any

from reports import escape, finding_types, json
from reports.document import CredentialEntry, FindingEntry, IdentityEntry, Report, Severity
from reports.moments import epoch_seconds

BATCH = 100
"""Most findings that one call of BatchImportFindings takes."""
REGION = "AWS_REGION"
"""Stands in every ProductArn for the region to import into, which a report cannot know."""
FIELDS = 28
"""Most product fields of a finding; 50 are allowed, but the finding as a whole must stay below 240 KB."""

_SEVERITY: dict[Severity, tuple[str, int]] = {
    "info": ("INFORMATIONAL", 0),
    "low": ("LOW", 1),
    "medium": ("MEDIUM", 40),
    "high": ("HIGH", 70),
    "critical": ("CRITICAL", 90),
}
"""Label and number as Security Hub itself pairs them."""
_TYPES = "Software and Configuration Checks/AWS Security Best Practices"
_ACCOUNT = re.compile(r"[0-9]{12}")
_PRINCIPAL = re.compile(r"arn:(aws[a-z-]*):iam::[0-9]{12}:(role|user)/(?:.*/)?([^/]+)")
_PARTITIONS = frozenset({"aws", "aws-cn", "aws-us-gov", "aws-us-iso", "aws-us-iso-b"})
_REST = " Whole text: ProductFields, entdrift/remediation."
_KEY_STATUS = {"active": "Active", "inactive": "Inactive"}
_Fields = dict[str, Any]


def render(report: Report) -> bytes:
    """Give `report.asff.json`: the findings of AWS accounts, waived and fixed ones among them.

    Findings of other clouds cannot be imported and are left out. `AWS_REGION` in the ProductArn is to be
    replaced by the region to import into.
    """
    identities = {(entry.provider, entry.account, entry.id): entry for entry in report.identities}
    rows = [row for row in report.findings if row.provider == "aws" and _ACCOUNT.fullmatch(row.account)]
    return json.write(
        [
            _finding(report, row, identities.get((row.provider, row.account, row.identity)))
            for row in sorted(rows, key=lambda row: row.account)
        ]
    )


def _finding(report: Report, finding: FindingEntry, identity: IdentityEntry | None) -> _Fields:
    label, normalized = _SEVERITY[finding.severity]
    types = [f"{_TYPES}/{_shown(finding_types.name(finding.rule), 100)}"]
    since = finding.first_seen if epoch_seconds(finding.first_seen) is not None else report.generated_at
    return {
        "SchemaVersion": "2018-10-08",
        "Id": f"entdrift/{_shown(finding.fingerprint, 500)}",
        "ProductArn": _product(finding),
        "ProductName": "entdrift",
        "CompanyName": "entdrift",
        "GeneratorId": f"entdrift/{_shown(finding.rule, 500)}",
        "AwsAccountId": finding.account,
        "CreatedAt": since,
        "FirstObservedAt": since,
        "UpdatedAt": report.generated_at,
        "LastObservedAt": report.generated_at,
        "Title": _shown(finding.title, 256, otherwise=finding.rule),
        "Description": _shown(finding.message, 1024, otherwise=finding.rule),
        "Severity": {"Label": label, "Normalized": normalized, "Original": finding.severity},
        "Types": types,
        "FindingProviderFields": {
            "Severity": {"Label": label, "Original": finding.severity},
            "Types": types,
        },
        "Remediation": {"Recommendation": {"Text": _advice(finding)[0]}},
        "Resources": _resources(finding, identity),
        "ProductFields": _product_fields(report, finding, identity),
        "RecordState": "ARCHIVED" if finding.status == "fixed" else "ACTIVE",
        **({"Workflow": {"Status": "SUPPRESSED"}} if finding.status == "waived" else {}),
    }


def _product(finding: FindingEntry) -> str:
    """Name the account's own default product, which needs no registration."""
    account = finding.account
    return f"arn:{_partition(finding)}:securityhub:{REGION}:{account}:product/{account}/default"


def _partition(finding: FindingEntry) -> str:
    found = _PRINCIPAL.fullmatch(finding.identity)
    return found[1] if found and found[1] in _PARTITIONS else "aws"


def _resources(finding: FindingEntry, identity: IdentityEntry | None) -> list[_Fields]:
    """Name the principal, and the access key when the finding is about one."""
    principal = _PRINCIPAL.fullmatch(finding.identity)
    kind, name = (principal[2], principal[3]) if principal else ("", "")
    details: _Fields = {}
    created = _time("CreateDate", identity.created) if identity else {}
    if kind == "role":
        details["AwsIamRole"] = {"RoleName": name} | created
    elif kind == "user":
        details["AwsIamUser"] = {"UserName": name} | created
    if identity:
        details["Other"] = _named(_standing(identity))
    resources: list[_Fields] = [
        {
            "Type": {"role": "AwsIamRole", "user": "AwsIamUser"}.get(kind, "Other"),
            "Id": finding.identity if finding.identity.strip() else "unknown",
            "Partition": _partition(finding),
            "Details": details,
        }
    ]
    keys = [key for key in identity.credentials if key.kind == "access-key"] if identity else []
    named = [key for key in keys if key.id == finding.subject and key.id.strip()]
    return resources + [_access_key(finding, key, name) for key in named]


def _access_key(finding: FindingEntry, credential: CredentialEntry, user: str) -> _Fields:
    status = _KEY_STATUS.get(credential.status)
    return {
        "Type": "AwsIamAccessKey",
        "Id": f"AWS::IAM::AccessKey:{credential.id}",
        "Partition": _partition(finding),
        "Details": {
            "AwsIamAccessKey": {
                "AccessKeyId": credential.id,
                "AccountId": finding.account,
                **({"PrincipalName": user} if user else {}),
                **({"Status": status} if status else {}),
                **_time("CreatedAt", credential.created),
            }
        },
    }


def _standing(identity: IdentityEntry) -> Iterable[tuple[str, str]]:
    counts = identity.permissions
    yield "kind", identity.kind
    yield "stage", identity.stage
    yield "owner", identity.owner
    yield "ai_workload", identity.ai_workload.confidence if identity.ai_workload.is_ai else "no"
    yield "granted", str(counts.granted)
    yield "used", str(counts.used)
    yield "unused", str(counts.unused)
    yield "unobservable", str(counts.unobservable)
    yield "conditional", str(counts.conditional)


def _advice(finding: FindingEntry) -> tuple[str, str]:
    """Say what to do in 512 characters, and give the whole text when that is not all."""
    whole = _shown(finding.remediation, 2048, otherwise="none given")
    if whole == _shown(whole, 512):
        return whole, ""
    return _shown(whole, 512 - len(_REST)) + _REST, whole


def _product_fields(report: Report, finding: FindingEntry, identity: IdentityEntry | None) -> dict[str, str]:
    """Keep what the format has no field for; the most needed first, because the number is limited.

    Our confidence is a word: a percentage would be made up.
    """
    fields = {
        "entdrift/status": finding.status,
        "entdrift/confidence": finding.confidence,
        "entdrift/subject": finding.subject,
        "entdrift/identity_name": identity.name if identity else "",
        "entdrift/window": f"{report.window.start}/{report.window.end}",
        "entdrift/frameworks": "; ".join(
            f"{one.framework} {one.version} {one.control} ({one.relation})" for one in finding.frameworks
        ),
    }
    if finding.waiver:
        waiver = finding.waiver
        fields["entdrift/waiver"] = f"{waiver.reason} ({waiver.owner}, until {waiver.until})"
    for key, value in sorted(finding.evidence.items()):
        fields[f"entdrift/evidence/{key}"] = _told(value)
    whole = _advice(finding)[1]
    return _named(fields.items()) | ({"entdrift/remediation": whole} if whole else {})


def _told(value: str | float | list[str]) -> str:
    match value:
        case list():
            return ", ".join(value)
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def _named(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Write a map of the format: keys up to 128 characters, no empty value, a limited number."""
    told = [(_shown(key, 128), _shown(value, 1024)) for key, value in fields if value.strip()]
    return dict(told[:FIELDS])


def _time(name: str, time: str) -> dict[str, str]:
    return {name: time} if epoch_seconds(time) is not None else {}


def _shown(text: str, limit: int, *, otherwise: str = "-") -> str:
    """Make hidden characters visible and cut by UTF-16 units, as the service counts; never blank."""
    shown = escape.terminal(text.strip()) or escape.terminal(otherwise.strip()) or "-"
    units = shown.encode("utf-16-le")
    return shown if len(units) <= 2 * limit else units[: 2 * limit - 2].decode("utf-16-le", "ignore") + "…"
