"""Every summary starts from the same numbers."""

import msgspec
from report_sample import finding, identity

from reports import overview
from reports.document import PermissionCounts, VerdictReason


def reason(code, text, count, **changes):
    base = {"verdict": "unobservable", "fix": "", "services": ["s3"], "permissions": []}
    return VerdictReason(code=code, reason=text, count=count, **(base | changes))


def with_identities(report, *identities, findings=()):
    return msgspec.structs.replace(report, identities=list(identities), findings=list(findings))


def test_people_do_not_count_as_ai_identities(report):
    """With `--identities all` the report's own summary counts everyone."""
    everyone = msgspec.structs.replace(
        report.summary, permissions=PermissionCounts(granted=10_000, unused=9_000)
    )
    changed = msgspec.structs.replace(report, summary=everyone)
    assert overview.verdict_line(changed).startswith("3 AI identities: 6 of 11 granted permissions unused")


def test_nothing_found_in_broken_evidence_is_no_good_news(report):
    assert overview.verdict_line(with_identities(report)) == (
        "No AI identity was found, but 2 of 3 sources could not be read whole."
    )


def test_one_of_each_is_singular(report):
    one = identity(permissions=PermissionCounts(granted=1, unused=1))
    assert overview.verdict_line(with_identities(report, one)) == (
        "1 AI identity: 1 of 1 granted permission unused, 0 not observable, 0 used."
    )


def test_nothing_granted_is_said_as_not_known(report):
    assert overview.verdict_line(with_identities(report, identity())) == (
        "1 AI identity, no granted permission known."
    )


def test_reasons_of_one_kind_are_added_up_under_the_most_frequent(report):
    first = identity(
        id="a", reasons=[reason("off", "S3 off", 5), reason("off", "KMS off", 2, services=["kms"])]
    )
    second = identity(id="b", reasons=[reason("off", "S3 off", 1, services=["sqs"]), reason("never", "x", 3)])
    off, never = overview.unseen_reasons(with_identities(report, first, second))
    assert (off.reason, off.permissions, off.identities) == ("S3 off", 6, 2)
    assert off.places == ["s3", "sqs"], "places of another reason would be told a reason that is not theirs"
    assert off.rest == "2 more for 1 reason like it"
    assert (never.permissions, never.identities, never.rest) == (3, 1, "")


def test_reasons_of_other_verdicts_are_no_blind_spots(report):
    entry = identity(reasons=[reason("no-call", "not called", 5, verdict="unused")])
    assert overview.unseen_reasons(with_identities(report, entry)) == []


def test_findings_are_grouped_by_severity_and_type_with_each_identity_once(report):
    findings = [
        finding(rule="ED104", severity="low", identity="b"),
        finding(rule="ED104", severity="high", identity="a"),
        finding(rule="ED104", severity="high", identity="a"),
        finding(rule="ED104", severity="high", identity="unlisted"),
        finding(rule="ED105", severity="high", identity="a", status="waived"),
    ]
    changed = with_identities(report, identity(id="a", name="agent"), findings=findings)
    groups = overview.finding_groups(changed)
    assert [(g.severity, g.rule, g.count, g.identities) for g in groups] == [
        ("high", "ED104", 3, ["agent", "unlisted"]),
        ("low", "ED104", 1, ["b"]),
    ]
