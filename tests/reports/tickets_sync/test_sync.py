"""The planner decides alone, from tickets wanted, tickets found and the evidence: nothing is guessed."""

import msgspec
import pytest
from report_sample import AGENT, BUILDER, finding, hostile_report, identity, sample_report

from reports.document import CoverageEntry, PermissionCounts, Reduction
from reports.identity_key import identity_key
from reports.tickets.completeness import Evidence
from reports.tickets.plan import plan, ticket_key
from reports.tickets.region import MARKDOWN, find_block, wrap
from reports.tickets.sync import Close, Create, Leave, Reopen, Update, changes_something, sync
from reports.tickets.tracker import Found

replace = msgspec.structs.replace


def found(ticket, **changes):
    """Give the ticket as a tracker would after we created it."""
    held = Found(
        id="7",
        url="https://tracker/7",
        title=ticket.title,
        created="2026-11-22T10:00:00Z",
        labels=ticket.labels,
        priority=ticket.priority,
        block=find_block(wrap(ticket.body, MARKDOWN), MARKDOWN),
    )
    return replace(held, **changes)


def complete(report):
    """Make all evidence of the sample complete."""
    coverage = [
        CoverageEntry(
            provider=source.provider,
            account=source.account,
            place="",
            log_class="management",
            state="on",
            since="",
            reason="",
            fix="",
        )
        for source in report.sources
    ]
    return replace(
        report,
        sources=[replace(source, status="ok", reason="") for source in report.sources],
        log_files=[],
        coverage=coverage,
        summary=replace(report.summary, identities=len(report.identities)),
    )


def without_work(report):
    """Fix everything: nothing to remove, no finding open."""
    nothing = Reduction(
        disposition="none",
        reason="nothing is unused",
        keeps=0,
        removes=0,
        proof=report.identities[0].reduction.proof,
    )
    identities = [
        replace(entry, reduction=nothing, permissions=PermissionCounts(granted=2, used=2))
        for entry in report.identities
    ]
    return replace(report, identities=identities, findings=[])


def act(report, *tickets):
    return sync(plan(report), list(tickets), Evidence(report))


def one(report, ticket):
    """Give the action for one found ticket."""
    return next(action for action in act(report, ticket) if getattr(action, "id", "") == ticket.id)


@pytest.fixture
def agent(report):
    return found(plan(report)[0])


def test_every_ticket_is_created_once(report):
    actions = act(report)
    assert [type(action) for action in actions] == [Create, Create]
    assert [action.key for action in actions] == [ticket.key for ticket in plan(report)]


def test_a_second_run_plans_nothing(report):
    held = [found(ticket, id=str(n)) for n, ticket in enumerate(plan(report))]
    assert not any(changes_something(action) for action in act(report, *held))


def test_another_window_or_time_alone_changes_nothing(report, agent):
    later = replace(
        report,
        generated_at="2026-12-22T10:00:00Z",
        window=replace(report.window, start="2026-09-24T00:00:00Z", end="2026-12-22T00:00:00Z"),
    )
    assert isinstance(one(later, agent), Leave)


def test_changed_work_updates_our_part_and_says_what_changed(report, agent):
    more = replace(report, findings=[*report.findings, finding(fingerprint="f" * 64, severity="low")])
    action = one(more, agent)
    assert isinstance(action, Update)
    assert action.reason == "1 new finding"
    assert action.comment == "entdrift updated its part of this ticket: 1 new finding."
    assert (action.changes.title, action.changes.priority) == ("", "")


def less_urgent(report):
    findings = [replace(f, severity="low") for f in report.findings]
    return replace(report, findings=findings)


def test_priority_and_label_follow_while_they_are_ours(report, agent):
    action = one(less_urgent(report), agent)
    assert action.changes.priority == "low"
    assert action.changes.add_labels == ["severity-low"]
    assert action.changes.remove_labels == ["severity-critical"]


def test_what_a_person_changed_stays(report, agent):
    """Title, priority and severity label that are no longer what we wrote are a person's decision."""
    theirs = replace(
        agent, title="Ask Ann first", priority="medium", labels=["entdrift", plan(report)[0].key, "team-a"]
    )
    report = replace(
        less_urgent(report),
        identities=[replace(i, reduction=replace(i.reduction, removes=3)) for i in report.identities],
    )
    changes = one(report, theirs).changes
    assert (changes.title, changes.priority, changes.add_labels, changes.remove_labels) == ("", "", [], [])
    assert changes.body


def test_nothing_left_and_complete_evidence_closes(report, agent):
    action = one(complete(without_work(report)), agent)
    assert isinstance(action, Close)
    assert "nothing is left to remove or to decide, shown by complete evidence" in action.reason


def break_source(report):
    return replace(report, sources=[replace(s, status="partial", reason="cut") for s in report.sources])


def break_files(report):
    return replace(report, log_files=sample_report().log_files)


def forget_coverage(report):
    return replace(report, coverage=[])


def turn_logs_off(report):
    return replace(report, coverage=[replace(entry, state="off") for entry in report.coverage])


def leave_out_source(report):
    return replace(report, sources=[s for s in report.sources if s.provider != "aws"])


def shorten_window(report):
    return replace(report, window=replace(report.window, days=7.0))


def blind(report):
    counts = PermissionCounts(granted=9, used=2, unobservable=7)
    return replace(report, identities=[replace(i, permissions=counts) for i in report.identities])


def forget_ai(report):
    """Drop the identity from a report that lists AI identities only."""
    identities = [entry for entry in report.identities if entry.id != AGENT]
    return replace(report, identities=identities)


def list_others(report):
    """Drop the identity from a report that names those who exist and are not listed."""
    key = identity_key("aws", "123456789012", AGENT)
    return replace(forget_ai(report), unlisted=["0" * 12, key])


def unrecognise(report):
    own = finding(identity=AGENT, severity="high")
    identities = [replace(i, ai_workload=replace(i.ai_workload, is_ai=False)) for i in report.identities]
    return replace(report, identities=identities, findings=[own])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (break_source, "source pilot-aws is partial: cut"),
        (break_files, "1 log file could not be read whole"),
        (forget_coverage, "it is not stated which logs were on in aws account 123456789012"),
        (turn_logs_off, "no log is known to have been on in aws account 123456789012"),
        (leave_out_source, "no source of this report covers aws account 123456789012"),
        (shorten_window, "the window is 7 days, the ticket's was 90"),
        (blind, "5 more permissions cannot be seen or decided than before"),
        (forget_ai, "deleted or is no longer recognised"),
        (list_others, "still exists but is no longer recognised as an AI workload"),
        (unrecognise, "still has work to do but is no longer recognised as an AI workload"),
    ],
)
def test_incomplete_evidence_never_closes_and_says_why(report, agent, damage, said):
    action = one(damage(complete(without_work(report))), agent)
    assert isinstance(action, Leave)
    assert said in action.reason


def test_an_identity_that_is_gone_for_certain_closes_its_ticket(report, agent):
    gone = complete(without_work(report))
    gone = replace(
        gone,
        identities=gone.identities[1:],
        summary=replace(gone.summary, identities=len(gone.identities) - 1),
    )
    assert "the identity does not exist any more" in one(gone, agent).reason


def test_an_identity_that_is_neither_listed_nor_among_the_others_closes_its_ticket(report, agent):
    gone = replace(forget_ai(complete(without_work(report))), unlisted=["0" * 12])
    assert len(gone.identities) < gone.summary.identities, "a report of AI identities only"
    action = one(gone, agent)
    assert isinstance(action, Close)
    assert "the identity does not exist any more" in action.reason


def test_work_that_is_back_reopens(report, agent):
    action = one(report, replace(agent, state="done", closed="2026-11-01T00:00:00Z"))
    assert isinstance(action, Reopen)
    assert "shows the work is not done" in action.reason


def test_a_ticket_closed_after_the_evidence_waits_for_the_next_scan(report, agent):
    action = one(report, replace(agent, state="done", closed="2027-01-01T00:00:00Z"))
    assert isinstance(action, Leave)
    assert "scan again" in action.reason


def test_a_refusal_is_respected_and_a_waiver_proposed(report, agent):
    action = one(report, replace(agent, state="rejected", closed="2026-11-01T00:00:00Z"))
    assert isinstance(action, Leave)
    assert action.waive == plan(report)[0].findings


def test_a_refusal_ends_when_the_grant_grows(report, agent):
    identities = [
        replace(i, permissions=replace(i.permissions, granted=i.permissions.granted + 3))
        for i in report.identities
    ]
    action = one(replace(report, identities=identities), replace(agent, state="rejected"))
    assert isinstance(action, Reopen)
    assert "9 to 12 permissions granted" in action.reason


def test_a_refusal_stands_when_the_work_shrinks(report, agent):
    fewer = replace(report, findings=report.findings[:1])
    assert isinstance(one(fewer, replace(agent, state="rejected")), Leave)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"block": None}, "edited away"),
        ({"labels": ["entdrift"]}, "its key label (missing) does not agree"),
        ({"labels": ["entdrift", "entdrift-000000000000"]}, "does not agree"),
    ],
)
def test_a_ticket_that_is_not_surely_ours_is_left(report, agent, changes, said):
    action = one(report, replace(agent, **changes))
    assert isinstance(action, Leave)
    assert said in action.reason
    fixed = one(complete(without_work(report)), replace(agent, **changes))
    assert isinstance(fixed, Leave)


def test_a_ticket_whose_block_is_gone_gets_no_twin(report, agent):
    keys = [action.key for action in act(report, replace(agent, block=None)) if isinstance(action, Create)]
    assert plan(report)[0].key not in keys


def test_somebody_elses_ticket_with_our_label_is_not_ours(report):
    assert all(isinstance(action, Create) for action in act(report, Found(id="9", labels=["entdrift"])))


def test_of_copies_the_oldest_open_one_counts(report, agent):
    copy = replace(agent, id="12", created="2026-11-25T00:00:00Z")
    shut = replace(agent, id="3", state="done", created="2026-10-01T00:00:00Z")
    actions = {action.id: action.reason for action in act(report, copy, shut, agent) if hasattr(action, "id")}
    assert actions["7"] == "nothing changed"
    assert "same key as 7" in actions["12"]
    assert "same key as 7" in actions["3"]


def test_the_plan_does_not_hang_on_the_order_found(report):
    held = [found(ticket, id=str(n)) for n, ticket in enumerate(plan(report))]
    held += [replace(held[0], id="8"), replace(held[1], id="9", state="done")]
    assert act(report, *held) == act(report, *reversed(held))


def test_hostile_accounts_and_sources_still_match(hostile_text):
    report = hostile_report(hostile_text)
    report = replace(report, generated_at="2026-11-22", window=sample_report().window)
    ticket = found(plan(report)[0])
    assert isinstance(one(report, ticket), Leave)
    assert isinstance(one(complete(without_work(report)), ticket), Close)


def test_tickets_of_accounts_that_were_not_scanned_are_left(report):
    other = identity(id="x", account="999999999999", source="elsewhere")
    elsewhere = replace(report, identities=[other], findings=[finding(identity="x", account="999999999999")])
    (ticket,) = plan(elsewhere)
    action = one(complete(report), found(ticket))
    assert "no source of this report covers aws account 999999999999" in action.reason
    assert ticket.key == ticket_key("aws", "999999999999", "x")
    assert BUILDER not in ticket.body
