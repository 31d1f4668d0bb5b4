"""What large reports write once comes back in its place, to the byte."""

import msgspec
import pytest
from report_sample import AGENT, finding, identity, sample_report

from reports import json as report_json
from reports import sharing, sharing_findings
from reports.document import KeptPermissions, ServiceEntry, VerdictReason
from reports.errors import ReportError


def reason(names, services=()):
    return VerdictReason(
        verdict="unused",
        code="would-be-logged",
        reason="a call would have been logged",
        fix="",
        count=len(names),
        services=list(services),
        permissions=list(names),
    )


def twins(count):
    """Return a report of identities that differ in their id and in one service."""
    names = [f"service:Action{n}" for n in range(5)]
    entries = []
    for number in range(count):
        entry = identity(
            id=f"{AGENT}-{number}",
            services=[
                ServiceEntry(service="own", granted=number + 1, used=[f"own:Thing{number}"]),
                ServiceEntry(service="service", granted=5, unused=list(names)),
            ],
            reasons=[reason(names)],
        )
        stays = [
            KeptPermissions(code="grace-period", reason="young", count=5, services=[], permissions=names)
        ]
        entries.append(
            msgspec.structs.replace(entry, reduction=msgspec.structs.replace(entry.reduction, stays=stays))
        )
    evidence = {"data_source": "log records of account 111122223333", "days": 88.0, "used": True, "own": ""}
    found = [
        finding(
            identity=entry.id, subject=entry.id, evidence={**evidence, "own": entry.id, "flag": number == 1}
        )
        for number, entry in enumerate(entries)
    ]
    return msgspec.structs.replace(sample_report(), identities=entries, findings=found)


@pytest.fixture
def always(monkeypatch):
    monkeypatch.setattr(sharing, "SHARING_NAMES", 0)
    monkeypatch.setattr(sharing_findings, "SHARING_FINDINGS", 0)


def test_small_reports_share_nothing(report):
    assert sharing.share(report) is report


def test_what_two_identities_have_in_common_stands_once(always):
    shared = sharing.share(twins(2))
    assert [5] == [len(names) for names in shared.permission_sets.values()]
    assert ["service"] == [row.service for row in shared.service_rows.values()]
    assert [""] == [(row.permissions and "in place") or "" for row in shared.reason_rows.values()]
    assert [["own"], ["own"]] == [[row.service for row in entry.services] for entry in shared.identities]
    assert 1 == len(shared.framework_sets)
    assert all(not row.frameworks for row in shared.findings)
    assert [["data_source"]] == [list(part) for part in shared.evidence_parts.values()]
    assert all("data_source" not in row.evidence for row in shared.findings)


def test_names_are_shared_sooner_where_findings_are(monkeypatch):
    monkeypatch.setattr(sharing, "SHARING_NAMES_TOO", 10)
    assert {} == sharing.share(twins(2)).permission_sets
    monkeypatch.setattr(sharing_findings, "SHARING_FINDINGS", 1)
    shared = sharing.share(twins(2))
    assert shared.permission_sets
    assert shared.framework_sets
    monkeypatch.setattr(sharing, "SHARING_NAMES_TOO", 1_000)
    assert {} == sharing.share(twins(2)).permission_sets


def test_the_page_and_the_document_share_the_same_work(always):
    report = twins(2)
    assert sharing.share(report).identities is sharing.share_names(report, above=0).identities


def test_everything_comes_back_in_its_place(always):
    report = twins(3)
    assert report == sharing.spread(sharing.share(report))
    assert report == report_json.decode(report_json.encode(report))


def test_sharing_again_changes_nothing(always):
    shared = sharing.share(twins(2))
    assert sharing.share(shared) is shared


def test_what_only_one_identity_has_is_not_moved(always):
    shared = sharing.share(twins(1))
    assert {} == shared.service_rows
    assert ["own", "service"] == [row.service for row in shared.identities[0].services]


@pytest.mark.parametrize(
    "lost", ["permission_sets", "service_rows", "reason_rows", "framework_sets", "evidence_parts"]
)
def test_a_part_that_is_named_but_missing_is_an_error(always, lost):
    cut = msgspec.structs.replace(sharing.share(twins(2)), **{lost: {}})
    with pytest.raises(ReportError, match=r"names the shared part [0-9a-f]{12} but does not hold it"):
        sharing.spread(cut)


def test_names_beside_a_shared_list_are_kept(report):
    entry = identity(services=[ServiceEntry(service="s3", granted=2, unused=["s3:B"], sets={"unused": "x"})])
    cut = msgspec.structs.replace(report, identities=[entry], permission_sets={"x": ["s3:A", "s3:C"]})
    assert ["s3:A", "s3:B", "s3:C"] == sharing.spread(cut).identities[0].services[0].unused


def test_evidence_that_most_findings_of_a_rule_have_moves_as_one_part(always):
    shared = sharing.share(twins(40))
    one, other = (part for part in shared.evidence_parts.values() if len(part) > 1)
    assert {"data_source", "days", "used", "flag"} <= set(one) == set(other)
    assert all(1 == len(row.evidence_shared) for row in shared.findings)
    assert all({"own"} <= set(row.evidence) for row in shared.findings)


def test_true_and_one_are_told_apart(always):
    report = twins(40)
    values = [True, 1, 1.0, "1"]
    mixed = [
        msgspec.structs.replace(row, evidence={"value": values[number % 4]})
        for number, row in enumerate(report.findings)
    ]
    report = msgspec.structs.replace(report, findings=mixed)
    back = sharing.spread(sharing.share(report)).findings
    assert [repr(row.evidence) for row in mixed] == [repr(row.evidence) for row in back]
    assert 4 == len(sharing.share(report).evidence_parts)


def test_a_shared_report_reads_as_one_that_is_written_out(always, monkeypatch):
    report = twins(20)
    shared = report_json.decode(report_json.encode(report))
    monkeypatch.setattr(sharing, "SHARING_NAMES", 1_000_000)
    monkeypatch.setattr(sharing_findings, "SHARING_FINDINGS", 1_000_000)
    plain = report_json.decode(report_json.encode(report))
    assert msgspec.json.encode(plain) == msgspec.json.encode(shared)
