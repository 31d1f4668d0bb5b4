"""What very large reports say twice stands once in report.json, and comes back in its place."""

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest
from report_sample import AGENT, finding, identity, sample_report

from reports import json as report_json
from reports import sharing, sharing_findings, sharing_texts
from reports.document import Artifact, GrantEntry, Reduction, ReductionChange
from reports.errors import ReportError
from reports.sharing_texts import share_texts

SCHEMA = Path(sharing.__file__).parent / "schema" / "report-v1.schema.json"
DOCUMENT = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*"}]})
FIX = "aws cloudtrail put-event-selectors --trail-name one --advanced-event-selectors with this entry added"
TAIL = " First ask the owner about work that runs less often than every 88 days, and keep the present text."


def grant(name):
    return GrantEntry(
        id=name,
        name=name,
        source=f"{name}, statement 0",
        effect="allow",
        scope="*",
        conditions="",
        verdict="unused",
        last_used="",
        permissions=3,
        admin="",
        shared=True,
    )


def one_of_many(number):
    """Return an identity that holds a policy of its own between two that others hold too."""
    entry = identity(id=f"{AGENT}-{number}", grants=[grant("a"), grant(f"own-{number}"), grant("z")])
    reduction = Reduction(
        disposition="safe",
        reason="all claims hold",
        keeps=1,
        removes=2,
        artifacts=[
            Artifact(form="json", name="shared", content=DOCUMENT, applies_to=AGENT),
            Artifact(form="json", name="own", content=f"{DOCUMENT} {number}", applies_to=AGENT),
        ],
        rollback=[Artifact(form="json", name="old", content=DOCUMENT, applies_to=AGENT)],
        proof=entry.reduction.proof,
        changes=[
            ReductionChange(kind="put", holder=entry.id, target="shared", document=0, note=FIX),
            ReductionChange(kind="put", holder=entry.id, target="own", document=1, note="short"),
        ],
    )
    return msgspec.structs.replace(entry, reduction=reduction)


def many(count=4):
    entries = [one_of_many(number) for number in range(count)]
    said = [
        finding(
            identity=entry.id,
            subject=kind,
            message="Nothing of it was used. These logs show nothing more of it.",
            remediation=f"Take it away{'' if kind == 'alike' else f' from {entry.id}'}.{TAIL}",
            evidence={"fixes": [FIX, FIX[::-1]], "none": [], "number": 3 if kind == "alike" else index},
        )
        for index, entry in enumerate(entries)
        for kind in ("alike", "own")
    ]
    return msgspec.structs.replace(sample_report(), identities=entries, findings=said)


@pytest.fixture
def always(monkeypatch):
    monkeypatch.setattr(sharing_texts, "SHARING_TEXT", 0)


def wire(report):
    return json.loads(report_json.encode(report))


def test_other_reports_know_nothing_of_it():
    written = report_json.encode(many())
    for name in (
        b"texts",
        b"_text",
        b"grant_rows",
        b"grants_shared",
        b"finding_bodies",
        b"body",
        b"on_demand",
    ):
        assert b'"' + name + b'"' not in written
    assert share_texts(many()) == many()


def test_everything_comes_back_in_its_place(always):
    assert report_json.decode(report_json.encode(many())) == many()


def test_it_comes_back_beside_all_else_that_is_shared(always, monkeypatch):
    monkeypatch.setattr(sharing, "SHARING_NAMES", 0)
    monkeypatch.setattr(sharing_findings, "SHARING_FINDINGS", 0)
    assert report_json.decode(report_json.encode(many())) == many()


def test_findings_that_say_the_same_name_one_body(always):
    found = [row for row in wire(many())["findings"] if row["subject"] == "alike"]
    assert {(row["message"], row["remediation"], str(row["evidence"])) for row in found} == {("", "", "{}")}
    [name] = {row["body"] for row in found}
    assert wire(many())["finding_bodies"][name]["remediation"] == f"Take it away.{TAIL}"


def test_findings_of_their_own_name_the_texts_they_end_in(always):
    document = wire(many())
    for row in (row for row in document["findings"] if row["subject"] == "own"):
        assert row["remediation"] == f"Take it away from {row['identity']}."
        assert document["texts"][row["remediation_text"]] == TAIL
        assert row["evidence"]["fixes"] == row["evidence"]["none"] == []
        assert [document["texts"][name] for name in row["evidence_texts"]["fixes"]] == [FIX, FIX[::-1]]
        assert "waiver" not in row


def test_documents_notes_and_grants_stand_once(always):
    document = wire(many())
    for number, row in enumerate(document["identities"]):
        shared, own = row["reduction"]["artifacts"]
        assert (document["texts"][shared["content_text"]], own["content"]) == (
            DOCUMENT,
            f"{DOCUMENT} {number}",
        )
        assert [one["id"] for one in row["grants"]] == [f"own-{number}"]
        assert [document["grant_rows"][name]["id"] for name in row["grants_shared"]] == ["a", "z"]
        first, second = row["reduction"]["changes"]
        assert document["texts"][first["note_text"]] == FIX
        assert second == {"kind": "put", "holder": row["id"], "target": "own", "document": 1, "note": "short"}


def test_grants_that_stand_in_another_order_stay(always):
    report = many()
    entry = msgspec.structs.replace(report.identities[0], grants=[grant("z"), grant("a")])
    report = msgspec.structs.replace(report, identities=[entry, *report.identities[1:]])
    assert report_json.decode(report_json.encode(report)) == report


@pytest.mark.parametrize("lost", ["texts", "grant_rows", "finding_bodies"])
def test_a_part_that_is_named_but_missing_is_an_error(always, lost):
    document = {**wire(many()), lost: {}}
    with pytest.raises(ReportError, match=r"names the shared part [0-9a-f]{12} but does not hold it"):
        report_json.decode(json.dumps(document).encode())


def test_it_follows_the_published_schema(always):
    jsonschema.validate(wire(many()), json.loads(SCHEMA.read_bytes()))


def test_equal_reports_give_equal_bytes(always):
    assert report_json.encode(many()) == report_json.encode(many())
