"""Security Hub: every finding passes botocore's own check of BatchImportFindings and the limits in its text."""

import json
import re

import msgspec
import pytest
from report_sample import AGENT, finding, hostile_report, identity

from reports import asff
from reports.document import CredentialEntry

session = pytest.importorskip("botocore.session", reason="needs the package botocore")


@pytest.fixture(scope="module")
def operation():
    """Give the published shape of the import call."""
    return session.get_session().get_service_model("securityhub").operation_model("BatchImportFindings")


def findings(report):
    return json.loads(asff.render(report))


def problems(operation, found):
    """List what the service would refuse: shape, patterns, enums, lengths, sizes."""
    from botocore.validate import ParamValidator  # noqa: PLC0415 -- the module skips without botocore

    said = []
    for start in range(0, len(found), asff.BATCH):
        batch = {"Findings": found[start : start + asff.BATCH]}
        said += [ParamValidator().validate(batch, operation.input_shape).generate_report()]
    said += [
        line for row in found for line in _constraints(row, operation.input_shape.members["Findings"].member)
    ]
    said += [f"{row['Id']}: 240 KB" for row in found if len(json.dumps(row).encode()) > 240_000]
    return [line for line in said if line]


def _constraints(value, shape, where=""):
    """Check what ParamValidator leaves to the service: patterns and enumerations."""
    if shape.type_name == "structure":
        for name, member in value.items():
            yield from _constraints(member, shape.members[name], f"{where}.{name}")
    elif shape.type_name == "list":
        for member in value:
            yield from _constraints(member, shape.member, f"{where}[]")
    elif shape.type_name == "map":
        for key, member in value.items():
            yield from _constraints(key, shape.key, f"{where} key")
            yield from _constraints(member, shape.value, f"{where}[{key}]")
    elif shape.type_name == "string":
        if shape.enum and value not in shape.enum:
            yield f"{where}: {value!r} is not one of {shape.enum}"
        if not re.search(shape.metadata.get("pattern", ""), value):
            yield f"{where}: {value!r} does not match"


LENGTHS = {"Title": 256, "Description": 1024, "Id": 512, "GeneratorId": 512, "ProductArn": 2048}
"""Written in the descriptions of the fields, AwsSecurityFinding."""


def too_long(found):
    def units(text):
        return len(text.encode("utf-16-le", "surrogatepass")) // 2

    for row in found:
        yield from (name for name, limit in LENGTHS.items() if units(row[name]) > limit)
        if units(row["Remediation"]["Recommendation"]["Text"]) > 512:
            yield "Remediation"
        if len(row["ProductFields"]) > 50 or len(row["Types"]) > 50 or len(row["Resources"]) > 32:
            yield "too many"
        for key, value in row["ProductFields"].items():
            if units(key) > 128 or units(value) > 2048:
                yield key


def test_every_finding_passes_the_published_shape(operation, report):
    assert problems(operation, findings(report)) == []


def test_hostile_texts_pass_too(operation, hostile_text):
    hostile = hostile_report(hostile_text)
    accounts = [msgspec.structs.replace(row, account="123456789012") for row in hostile.findings]
    people = [msgspec.structs.replace(row, account="123456789012") for row in hostile.identities]
    times = {"generated_at": "2026-11-22T12:00:00Z", "findings": accounts, "identities": people}
    found = findings(msgspec.structs.replace(hostile, **times))
    assert len(found) == 5
    assert problems(operation, found) == []
    assert list(too_long(found)) == []


def test_the_largest_finding_stays_below_the_limits(operation, report):
    huge = {f"{number:03d}{'種' * 200}": "種類" * 5_000 for number in range(80)}
    wide = finding(evidence=huge, message="種" * 5_000, remediation="種" * 5_000, title="🤖" * 5_000)
    found = findings(msgspec.structs.replace(report, findings=[wide]))
    assert problems(operation, found) == []
    assert list(too_long(found)) == []
    assert found[0]["Title"].endswith("🤖…")


def test_only_findings_of_aws_accounts_are_written(report):
    rows = [
        finding(fingerprint="1" * 64),
        finding(fingerprint="2" * 64, provider="gcp", account="agents-prod"),
        finding(fingerprint="3" * 64, provider="azure", account="123456789012"),
        finding(fingerprint="4" * 64, account=""),
    ]
    found = findings(msgspec.structs.replace(report, findings=rows))
    assert [row["Id"] for row in found] == ["entdrift/" + "1" * 64]
    assert findings(msgspec.structs.replace(report, findings=[])) == []


def test_findings_stand_together_by_account(report):
    """One call takes findings of one account only: those of the caller."""
    rows = [
        finding(fingerprint=mark * 64, account=account)
        for mark, account in (("1", "222222222222"), ("2", "111111111111"), ("3", "222222222222"))
    ]
    found = findings(msgspec.structs.replace(report, findings=rows))
    assert [(row["AwsAccountId"], row["Id"][-1]) for row in found] == [
        ("111111111111", "2"),
        ("222222222222", "1"),
        ("222222222222", "3"),
    ]


@pytest.mark.parametrize(
    ("partition", "expected"), [("aws", "aws"), ("aws-us-gov", "aws-us-gov"), ("aws-new", "aws")]
)
def test_the_product_is_the_accounts_own_with_a_place_for_the_region(report, partition, expected):
    rows = [finding(identity=f"arn:{partition}:iam::123456789012:role/agents/x")]
    (found,) = findings(msgspec.structs.replace(report, findings=rows))
    assert (
        found["ProductArn"]
        == f"arn:{expected}:securityhub:AWS_REGION:123456789012:product/123456789012/default"
    )
    assert found["Resources"][0]["Partition"] == expected


@pytest.mark.parametrize(
    ("severity", "label", "number"),
    [
        ("info", "INFORMATIONAL", 0),
        ("low", "LOW", 1),
        ("medium", "MEDIUM", 40),
        ("high", "HIGH", 70),
        ("critical", "CRITICAL", 90),
    ],
)
def test_severity_is_paired_as_the_service_pairs_it(report, severity, label, number):
    (found,) = findings(msgspec.structs.replace(report, findings=[finding(severity=severity)]))
    assert found["Severity"] == {"Label": label, "Normalized": number, "Original": severity}
    assert found["FindingProviderFields"]["Severity"] == {"Label": label, "Original": severity}


@pytest.mark.parametrize(
    ("status", "state", "workflow"),
    [
        ("open", "ACTIVE", None),
        ("regressed", "ACTIVE", None),
        ("waived", "ACTIVE", {"Status": "SUPPRESSED"}),
        ("fixed", "ARCHIVED", None),
    ],
)
def test_the_state_follows_the_status(report, status, state, workflow):
    (found,) = findings(msgspec.structs.replace(report, findings=[finding(status=status)]))
    assert (found["RecordState"], found.get("Workflow")) == (state, workflow)


def test_times_begin_with_the_first_sight_and_end_with_the_report(report):
    rows = [finding(first_seen="2026-11-01T00:00:00Z"), finding(first_seen="")]
    old, new = findings(msgspec.structs.replace(report, findings=rows))
    assert (old["CreatedAt"], old["UpdatedAt"]) == ("2026-11-01T00:00:00Z", "2026-11-22T12:00:00Z")
    assert (new["CreatedAt"], new["UpdatedAt"]) == ("2026-11-22T12:00:00Z", "2026-11-22T12:00:00Z")


def test_the_key_that_a_finding_is_about_is_a_resource(report):
    found = {row["ProductFields"]["entdrift/subject"]: row for row in findings(report)}
    role, key = found["AKIAEXAMPLEINVOICE01"]["Resources"]
    assert (role["Type"], role["Id"]) == ("AwsIamRole", AGENT)
    assert role["Details"]["AwsIamRole"] == {
        "RoleName": "invoice-agent",
        "CreateDate": "2026-01-10T09:00:00Z",
    }
    assert role["Details"]["Other"]["unobservable"] == "1"
    assert (key["Type"], key["Id"]) == ("AwsIamAccessKey", "AWS::IAM::AccessKey:AKIAEXAMPLEINVOICE01")
    assert key["Details"]["AwsIamAccessKey"]["Status"] == "Active"
    assert len(found["permissions"]["Resources"]) == 1


def test_users_and_others_are_named_as_what_they_are(operation, report):
    user, root = "arn:aws:iam::123456789012:user/bots/ci", "arn:aws:iam::123456789012:root"
    key = CredentialEntry(
        id="AKIAEXAMPLECI",
        kind="access-key",
        status="unknown",
        created="",
        expires="",
        last_used="",
        uses=0,
        long_lived=True,
    )
    changed = msgspec.structs.replace(
        report,
        identities=[identity(id=user, kind="user", name="ci", credentials=[key])],
        findings=[finding(identity=user, subject="AKIAEXAMPLECI"), finding(identity=root)],
    )
    ci, account = findings(changed)
    assert [row["Type"] for row in ci["Resources"]] == ["AwsIamUser", "AwsIamAccessKey"]
    assert ci["Resources"][1]["Details"]["AwsIamAccessKey"] == {
        "AccessKeyId": "AKIAEXAMPLECI",
        "AccountId": "123456789012",
        "PrincipalName": "ci",
    }
    assert account["Resources"][0]["Type"] == "Other"
    assert problems(operation, [ci, account]) == []


def test_no_compliance_and_no_percentage_is_claimed(report):
    for row in findings(report):
        assert "Compliance" not in row
        assert "Confidence" not in row
        assert row["Types"] == row["FindingProviderFields"]["Types"]
        assert row["Types"][0].startswith("Software and Configuration Checks/")


def test_ids_do_not_change_with_numbers_and_words(report):
    other = finding(message="other", evidence={"unused": 1}, severity="low", title="other")
    ids = {row["Id"] for row in findings(msgspec.structs.replace(report, findings=[finding(), other]))}
    assert len(ids) == 1


def test_the_batch_is_the_services_own_limit(operation):
    assert operation.input_shape.members["Findings"].metadata["max"] == asff.BATCH


def test_what_the_format_has_no_field_for_is_kept(report):
    fields = {row["ProductFields"]["entdrift/subject"]: row["ProductFields"] for row in findings(report)}
    assert fields["owner"] == {
        "entdrift/status": "open",
        "entdrift/confidence": "high",
        "entdrift/subject": "owner",
        "entdrift/identity_name": "invoice-agent",
        "entdrift/window": "2026-08-24T00:00:00Z/2026-11-22T00:00:00Z",
        "entdrift/frameworks": "NIST SP 800-53 r5 AC-6(7) (direct)",
        "entdrift/evidence/checked": "true",
        "entdrift/evidence/ratio": "0.5",
        "entdrift/evidence/tags": "team, stage",
    }
    waived = fields["AKIAEXAMPLEINVOICE01"]["entdrift/waiver"]
    assert waived == "moves to roles in Q1 (sec@example.com, until 2027-01-31)"


def test_advice_that_is_too_long_stands_whole_elsewhere(report):
    long, short = finding(remediation="Replace the grant. " * 60), finding(remediation="Replace the grant.")
    cut, whole = findings(msgspec.structs.replace(report, findings=[long, short]))
    text = cut["Remediation"]["Recommendation"]["Text"]
    assert text.endswith("… Whole text: ProductFields, entdrift/remediation.")
    assert len(text) == 512
    assert cut["ProductFields"]["entdrift/remediation"] == ("Replace the grant. " * 60).strip()
    assert whole["Remediation"]["Recommendation"]["Text"] == "Replace the grant."
    assert "entdrift/remediation" not in whole["ProductFields"]
