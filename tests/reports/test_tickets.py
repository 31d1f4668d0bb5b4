"""One honest, findable, bounded ticket per AI identity with something to remove or decide."""

import csv
import io
import json
import re
import shlex

import msgspec
import pytest
from markdown_it import MarkdownIt
from report_sample import AGENT, BUILDER, FOUNDRY, NOTHING, finding, hostile_report, identity

from reports import escape
from reports.document import Artifact, PermissionCounts, ReductionChange, ServiceEntry
from reports.tickets import csv as tickets_csv
from reports.tickets import json as tickets_json
from reports.tickets import markdown as tickets_markdown
from reports.tickets.body import BODY_LIMIT
from reports.tickets.plan import TITLE_LIMIT, plan, ticket_key

HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def with_identity(report, *identities, findings=()):
    return msgspec.structs.replace(report, identities=list(identities), findings=list(findings))


def wide(services, names):
    return [
        ServiceEntry(
            service=f"service{n:03}",
            granted=names,
            unused=[f"service{n:03}:DoSomethingWithALongName{k:04}" for k in range(names)],
        )
        for n in range(services)
    ]


def test_each_ai_identity_with_something_to_do_gets_one(report):
    tickets = plan(report)
    assert [(ticket.identity, ticket.priority) for ticket in tickets] == [
        (AGENT, "critical"),
        (BUILDER, "low"),
    ]


def test_people_and_identities_with_nothing_to_do_get_none(report):
    assert not any(ticket.identity == FOUNDRY or "user/ops" in ticket.identity for ticket in plan(report))


@pytest.mark.parametrize(
    ("severity", "status", "expected"),
    [
        ("low", "open", 1),
        ("high", "regressed", 1),
        ("info", "open", 0),
        ("critical", "waived", 0),
        ("critical", "fixed", 0),
    ],
)
def test_an_open_finding_from_low_up_is_enough(report, severity, status, expected):
    own = finding(identity="x", severity=severity, status=status)
    changed = with_identity(report, identity(id="x"), findings=[own])
    assert len(plan(changed)) == expected


def test_the_key_depends_on_who_it_is_and_on_nothing_else(report):
    renamed = msgspec.structs.replace(
        report,
        generated_at="2027-01-01T00:00:00Z",
        identities=[msgspec.structs.replace(i, name="new", stage="production") for i in report.identities],
    )
    assert [t.key for t in plan(renamed)] == [t.key for t in plan(report)]
    assert all(re.fullmatch("entdrift-[0-9a-f]{12}", ticket.key) for ticket in plan(report))
    assert all(ticket.key in ticket.labels for ticket in plan(report))


def test_keys_of_different_identities_cannot_meet():
    assert ticket_key("aws", "1", "23") != ticket_key("aws", "12", "3")


def test_the_machine_block_changes_only_with_the_work(report):
    """A second run over unchanged entitlements plans nothing, so no time of the run is inside."""
    later = msgspec.structs.replace(report, generated_at="2027-01-01T00:00:00Z")
    assert [ticket.body for ticket in plan(later)] == [ticket.body for ticket in plan(report)]


def test_the_body_says_what_goes_and_what_it_rests_on(report):
    body = plan(report)[0].body
    for sentence in (
        "The reduction removes **5 permissions** and keeps 4 (disposition review: S3 use cannot be seen).",
        "| `sqs` | 4 | 4 | `sqs:CreateQueue`, `sqs:DeleteQueue`, `sqs:ReceiveMessage`, `sqs:SendMessage` |",
        "other identities hold it too: detach it here, do not delete it",
        "**The evidence is incomplete.** pilot-aws partial: 1 of 12 log files could not be read.",
        "2026-08-24T00:00:00Z to 2026-11-22T00:00:00Z, 90 days",
        "4 of 5 claims are undecided: that is not a proof.",
        "132 recorded calls replayed, 0 refused.",
        "remove (disable first, delete later)",
        "replace by short-lived credentials",
        "waived until 2027-01-31",
        "nobody is named as owner",
        "To change that: Turn on S3 data events in trail main.",
        "aws iam put-role-policy --role-name invoice-agent",
    ):
        assert sentence in body, sentence


def test_the_commands_that_print_a_reduction_can_be_pasted(report):
    name = "arn:aws:iam::1:role/it's $(here)"
    step = ReductionChange(kind="put-inline-policy", holder=name, target="p")
    reduction = msgspec.structs.replace(
        NOTHING,
        disposition="safe",
        removes=1,
        changes=[step],
        artifacts=[Artifact(form="cli", name="apply", content="aws iam …", applies_to=name)],
    )
    (ticket,) = plan(with_identity(report, identity(id=name, reduction=reduction)))
    lines = [line for line in ticket.body.splitlines() if line.startswith("entdrift reduce ")]
    assert [shlex.split(line)[2] for line in lines] == [name, name, name]
    assert [shlex.split(line)[4] for line in lines] == ["cli", "rollback", "break-glass"]


def test_the_ticket_says_what_the_identity_does_and_what_a_wrong_cut_looks_like(report):
    body = plan(report)[0].body
    does = body.split("## What it does today")[1].split("## ")[0]
    assert "May act as it: `service:bedrock.amazonaws.com`." in does
    assert "| `s3:ListAllMyBuckets` | 12 | 0 | 2026-10-01T00:00:00Z | 2026-11-01T10:00:00Z |" in does
    assert "its calls fail with `AccessDenied` until the way back is run" in body


def test_what_was_not_called_was_not_called_while_logs_were_kept(report):
    """A window of 90 days of which the logs span 43 shows nothing about the other 47."""
    finding = next(finding for finding in report.findings if finding.rule == "ED101")
    evidence = {
        "observed_start": "2026-08-25T00:00:00Z",
        "observed_end": "2026-10-07T10:04:16Z",
        "observed_days": 43.42,
    }
    seen = msgspec.structs.replace(finding, evidence={**finding.evidence, **evidence})
    owner = next(one for one in report.identities if one.id == finding.identity)
    (ticket,) = plan(with_identity(report, owner, findings=[seen]))
    span = "2026-08-25T00:00:00Z to 2026-10-07T10:04:16Z, 43 days"
    assert f"; its logs span {span}" in ticket.body
    assert f"in the time in which a call would have been recorded ({span})" in ticket.body


def test_what_cannot_be_seen_is_never_on_the_list_to_remove(report):
    for ticket in plan(report):
        named = {name for removal in ticket.removes for name in removal.permissions}
        assert named & {"s3:GetObject", "s3:DeleteObject", "storage.objects.get"} == set()
        removal = ticket.body.partition("## What to remove")[2].partition("\n## ")[0]
        assert "GetObject" not in removal
        assert "objects.get" not in removal


def test_a_long_list_is_cut_and_says_where_the_rest_is(report):
    reduction = msgspec.structs.replace(NOTHING, disposition="safe", removes=60 * 40, keeps=0)
    changed = with_identity(
        report,
        identity(
            services=wide(60, 40),
            permissions=PermissionCounts(granted=2400, unused=2400),
            reduction=reduction,
        ),
    )
    (ticket,) = plan(changed)
    assert "and 32 more" in ticket.body
    assert "45 more services are in `report.json` under `services`." in ticket.body
    assert "The full list is in `report.json`" in ticket.body
    assert len(ticket.removes) == 60


def test_a_ticket_over_very_many_services_names_fewer_permissions_of_each(report):
    reduction = msgspec.structs.replace(NOTHING, disposition="safe", removes=4_000, keeps=0)
    wide_one = with_identity(report, identity(id="i", services=wide(400, 10), reduction=reduction))
    (ticket,) = plan(wide_one)
    assert {3} == {len(row.permissions) for row in ticket.removes}
    assert {10} == {row.count for row in ticket.removes}


def test_no_reduction_is_said_with_its_reason(report):
    own = finding(identity="x", severity="high")
    (ticket,) = plan(with_identity(report, identity(id="x"), findings=[own]))
    assert "No reduction is offered: nothing was granted that could be removed." in ticket.body
    assert "nothing to prove or to roll back" in ticket.body
    assert ticket.title == "Review access of name (aws 123456789012): 1 open finding"


def test_bodies_and_titles_stay_within_the_trackers_limits(hostile_text):
    for ticket in plan(hostile_report(hostile_text)):
        assert len(ticket.body) <= BODY_LIMIT
        assert len(ticket.title) <= TITLE_LIMIT
        assert all(re.fullmatch(r"[a-z0-9_.-]{1,50}", label) for label in ticket.labels)


def test_hostile_texts_stay_text_in_the_ticket_body(hostile_text):
    tickets = plan(hostile_report(hostile_text))
    assert len(tickets) == 2
    for ticket in tickets:
        rendered = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(ticket.body)
        (block,) = re.findall(r"<!-- entdrift (\{.*?\}) -->", rendered)
        assert json.loads(block)["key"] == ticket.key
        visible = rendered.replace(f"<!-- entdrift {block} -->", "")
        tags = set(re.findall(r"<\s*/?([a-zA-Z0-9!]+)", visible))
        assert tags <= {
            "p",
            "ul",
            "li",
            "h2",
            "strong",
            "code",
            "pre",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
        }
        assert HIDDEN.search(ticket.body + ticket.title) is None


def test_the_markdown_file_lists_and_holds_every_ticket(report):
    text = tickets_markdown.render(report)
    assert text.count("\n# Reduce access of ") == 2
    for ticket in plan(report):
        assert text.count(f"| {ticket.key} |") == 1
        assert ticket.body.rstrip("\n") in text


def test_the_json_file_reads_back(hostile_text):
    report = hostile_report(hostile_text)
    read = json.loads(tickets_json.render(report))
    assert [ticket["key"] for ticket in read] == [ticket.key for ticket in plan(report)]
    assert set(read[0]) >= {"key", "title", "body", "labels", "identity", "findings", "removes"}


@pytest.mark.parametrize(
    "title", ["plain", 'a "quoted" one', "a, b", "two\nlines", "cr\rlf", " led", "", "=1+1", "'"]
)
def test_the_csv_file_is_what_the_csv_module_writes(report, title):
    tickets = [msgspec.structs.replace(ticket, title=title) for ticket in plan(report)]
    written = tickets_csv.write(tickets)
    rows = list(csv.reader(io.StringIO(written, newline="")))
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    assert out.getvalue() == written
    assert len(tickets) + 1 == len(rows)
    assert escape.csv_cell(title) == rows[1][0]


def test_the_csv_file_has_one_inert_row_per_ticket(hostile_text):
    report = hostile_report(hostile_text)
    rows = list(csv.DictReader(io.StringIO(tickets_csv.render(report), newline="")))
    assert [row["External ID"] for row in rows] == [ticket.key for ticket in plan(report)]
    for row in rows:
        assert not any(cell[:1] in tuple("=+-@\t\r") for cell in row.values() if cell)
        assert len(row["Description"]) < 32_767


def test_no_tickets_is_an_answer(report):
    empty = with_identity(report)
    assert "0 AI identities need a change" in tickets_markdown.render(empty)
    assert json.loads(tickets_json.render(empty)) == []
    assert len(tickets_csv.render(empty).splitlines()) == 1


def test_a_reduction_that_is_not_offered_takes_nothing_away(report):
    """A role that the provider manages may hold unused grants; nobody is told to remove them."""
    held = report.identities[0]
    reduction = msgspec.structs.replace(held.reduction, disposition="none", reason="managed by the provider")
    changed = with_identity(report, msgspec.structs.replace(held, reduction=reduction))
    assert plan(changed) == []
    (ticket,) = plan(msgspec.structs.replace(changed, findings=report.findings))
    assert ticket.removes == []
    assert ticket.title.startswith("Review access of")
    assert "No reduction is offered: managed by the provider." in ticket.body
    assert "AmazonSQSFullAccess`" not in ticket.body.partition("## Credentials")[0]


def test_a_source_of_many_accounts_is_named_once(report):
    other = msgspec.structs.replace(report.sources[0], account="999999999999")
    body = plan(msgspec.structs.replace(report, sources=[*report.sources, other]))[0].body
    assert body.count("Source pilot-aws:") == 1
