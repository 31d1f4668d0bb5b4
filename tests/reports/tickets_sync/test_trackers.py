"""Every adapter, through its real library, keeps the same promises against its tracker's API."""

import logging

import msgspec
import pytest
from report_sample import finding, hostile_report, sample_report
from tickets_sync.conftest import connect
from tickets_sync.fake_server import TOKEN, Answer, Refuse
from tickets_sync.test_sync import complete, less_urgent, without_work

from reports.tickets.apply import apply
from reports.tickets.completeness import Evidence
from reports.tickets.patience import Patience
from reports.tickets.plan import plan
from reports.tickets.sync import Leave, changes_something, sync
from reports.tickets.tracker import TrackerDownError, TrackerError

replace = msgspec.structs.replace
RATE_LIMIT = Answer(429, {"message": "too many"}, {"Retry-After": "7"})


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.now = 0.0
        self.slept = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def patient(clock=None):
    clock = clock or Clock()
    return Patience(sleep=clock.sleep, clock=clock)


def planned(report, tracker):
    return sync(plan(report), patient().ask(tracker.find), Evidence(report))


def run(report, tracker, patience=None):
    return list(apply(planned(report, tracker), tracker, patience or patient()))


def statuses(results):
    return [result.status for result in results]


def test_tickets_are_created_with_all_that_finds_them_again(report, fake, tracker):
    results = run(report, tracker)
    assert statuses(results) == ["done", "done"]
    assert len(fake.tickets) == 2
    assert [found.block.key for found in tracker.find()] == [ticket.key for ticket in plan(report)]
    for ticket, held in zip(plan(report), fake.tickets, strict=True):
        assert [found.id for found in tracker.find(ticket.key)] == [
            result.id for result in results if result.action.key == ticket.key
        ]
        assert "What to remove and why".casefold() in fake.description(held).casefold()
        assert fake.title(held) == ticket.title[:160]


def test_a_second_run_writes_nothing(report, fake, tracker):
    run(report, tracker)
    fake.asked.clear()
    again = connect(fake.kind, fake.url)
    assert not any(changes_something(action) for action in planned(report, again))
    assert statuses(run(report, again)) == ["left", "left"]
    assert fake.writes() == []


def test_all_pages_are_read(fake, tracker):
    """The fakes give two tickets a page."""
    base = sample_report()
    agent = base.identities[0]
    many = replace(base, identities=[replace(agent, id=f"{agent.id}-{n}") for n in range(5)], findings=[])
    run(many, tracker)
    assert len(tracker.find()) == 5
    assert not any(changes_something(action) for action in planned(many, tracker))


def test_an_update_keeps_what_people_wrote(report, fake, tracker):
    run(report, tracker)
    held = fake.tickets[0]
    fake.write_around(held, "Ann: I look into this.", "Bob: ask the vendor first.")
    fake.title(held, "Ann's own title")
    changed = replace(report, findings=[*report.findings, finding(fingerprint="f" * 64, severity="low")])
    assert statuses(run(changed, tracker)) == ["done", "left"]
    text = fake.description(held)
    assert text.strip().startswith("Ann: I look into this.")
    assert text.strip().endswith("Bob: ask the vendor first.")
    assert text.count("entdrift:begin") == 1
    assert fake.title(held) == "Ann's own title"
    (said,) = fake.comments(held)
    assert "1 new finding" in said
    fake.asked.clear()
    run(changed, tracker)
    assert fake.writes() == []


def test_a_human_edit_alone_plans_nothing(report, fake, tracker):
    run(report, tracker)
    fake.write_around(fake.tickets[0], "before", "after")
    assert not any(changes_something(action) for action in planned(report, tracker))


def test_title_and_severity_follow_the_work(report, fake, tracker):
    run(report, tracker)
    fewer = replace(
        less_urgent(report),
        identities=[replace(i, reduction=replace(i.reduction, removes=3)) for i in report.identities],
    )
    run(fewer, tracker)
    first = plan(fewer)[0]
    held = next(t for t in tracker.find(first.key))
    assert held.title == first.title[:160]
    if fake.kind != "servicenow":
        assert "severity-low" in held.labels
        assert "severity-critical" not in held.labels
    assert not any(changes_something(action) for action in planned(fewer, tracker))


def test_fixed_work_closes_and_says_so(report, fake, tracker):
    run(report, tracker)
    done = complete(without_work(report))
    assert statuses(run(done, tracker)) == ["done", "done"]
    assert not any(fake.is_open(held) for held in fake.tickets)
    assert "shown by complete evidence" in fake.comments(fake.tickets[0])[0].replace("\\", "")
    fake.asked.clear()
    run(done, tracker)
    assert fake.writes() == []


def test_incomplete_evidence_leaves_open(report, fake, tracker):
    run(report, tracker)
    gone = without_work(report)
    assert statuses(run(gone, tracker)) == ["left", "left"]
    assert all(fake.is_open(held) for held in fake.tickets)


def test_a_regression_reopens(report, fake, tracker):
    run(report, tracker)
    fake.shut(fake.tickets[0], refused=False, when="2026-11-01T00:00:00Z")
    assert "done" in statuses(run(report, tracker))
    assert fake.is_open(fake.tickets[0])
    assert "reopens this" in fake.comments(fake.tickets[0])[0]
    fake.asked.clear()
    run(report, tracker)
    assert fake.writes() == []


def test_a_refusal_by_a_person_stands(report, fake, tracker):
    run(report, tracker)
    fake.shut(fake.tickets[0], refused=True, when="2026-11-01T00:00:00Z")
    fake.asked.clear()
    action = planned(report, tracker)[0]
    assert isinstance(action, Leave)
    assert action.waive
    run(report, tracker)
    assert fake.writes() == []


def test_broken_marks_are_never_written_over(report, fake, tracker):
    run(report, tracker)
    fake.break_marks(fake.tickets[0])
    fake.asked.clear()
    assert "edited away" in planned(less_urgent(report), tracker)[0].reason
    run(less_urgent(report), tracker)
    assert [asked for asked in fake.writes() if asked.method == "POST" and "comment" not in asked.path] == []
    assert len(fake.tickets) == 2


def test_marks_broken_after_the_plan_fail_that_ticket_alone(report, fake, tracker):
    run(report, tracker)
    actions = planned(less_urgent(report), tracker)
    fake.break_marks(fake.tickets[0])
    before = fake.description(fake.tickets[0])
    results = list(apply(actions, tracker, patient()))
    assert results[0].status == "failed"
    assert fake.description(fake.tickets[0]) == before


def test_a_rate_limit_is_waited_for(report, fake, tracker):
    clock = Clock()
    tracker.find()
    fake.refusals = [Refuse(RATE_LIMIT, "POST"), Refuse(RATE_LIMIT, "GET")]
    assert statuses(run(report, tracker, patient(clock))) == ["done", "done"]
    assert 7.0 in clock.slept
    assert len(fake.tickets) == 2


def test_a_limit_longer_than_we_wait_ends_the_run(report, fake, tracker):
    tracker.find()
    actions = planned(report, tracker)
    fake.refusals = [Refuse(Answer(429, {"message": "slow"}, {"Retry-After": "3600"}), "POST")]
    results = list(apply(actions, tracker, patient()))
    assert statuses(results) == ["failed", "skipped"]
    assert "3,600 seconds" in results[0].message
    assert statuses(run(report, tracker)) == ["done", "done"]


def test_a_server_error_is_tried_again_with_growing_waits(report, fake, tracker):
    clock = Clock()
    tracker.find()
    fake.refusals = [Refuse(Answer(503, {"message": "down"}), "GET")] * 3
    patient(clock).ask(tracker.find)
    assert clock.slept == [1.0, 2.0, 4.0]


def test_a_ticket_is_not_created_twice_when_the_answer_is_lost(report, fake, tracker):
    """The tracker creates the ticket but answers 502: look before trying again."""
    tracker.find()
    fake.refusals = [Refuse(Answer(502, {"message": "bad gateway"}), "POST", after=True)]
    assert statuses(run(report, tracker)) == ["done", "done"]
    assert len(fake.tickets) == 2


def test_another_run_that_was_quicker_gets_no_twin(report, fake, tracker):
    actions = planned(report, tracker)
    run(report, connect(fake.kind, fake.url))
    assert statuses(apply(actions, tracker, patient())) == ["left", "left"]
    assert len(fake.tickets) == 2


def test_a_run_that_was_cut_off_is_finished_by_the_next(report, fake, tracker):
    results = apply(planned(report, tracker), tracker, patient())
    next(results)
    results.close()
    assert len(fake.tickets) == 1
    assert sorted(statuses(run(report, tracker))) == ["done", "left"]
    assert len(fake.tickets) == 2


def test_a_bad_token_ends_the_run_and_is_never_told(fake, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    wrong = "wr0ng-" + TOKEN
    with pytest.raises(TrackerDownError, match="not allowed") as failure:
        patient().ask(connect(fake.kind, fake.url, wrong).find)
    assert "HTTP 401" in str(failure.value)
    assert failure.value.__cause__ is None
    assert failure.value.__suppress_context__
    told = capfd.readouterr()
    heard = f"{failure.value!r} {failure.value.hint} {told.out} {told.err}"
    assert wrong not in heard


def test_a_token_that_the_tracker_echoes_is_masked(fake, tracker):
    tracker.find()
    fake.refusals = [Refuse(Answer(400, {"message": f"bad {TOKEN}", "error": {"message": TOKEN}, "errorMessages": [TOKEN]}))]  # fmt: skip
    with pytest.raises(TrackerError) as failure:
        tracker.find()
    assert TOKEN not in f"{failure.value} {failure.value!r}"


def test_no_answer_is_told_with_a_hint(fake):
    url = "https://127.0.0.1:9" if fake.kind == "servicenow" else "http://127.0.0.1:9"
    with pytest.raises(TrackerDownError, match="no answer from") as failure:
        patient().ask(connect(fake.kind, url).find)
    assert "network" in failure.value.hint


def test_a_page_of_html_is_no_tracker(fake, tracker, capfd):
    fake.refusals = [Refuse(Answer(200, "<html>login</html>"))] * 9
    with pytest.raises(TrackerError):
        patient().ask(tracker.find)
    capfd.readouterr()


def test_hostile_names_arrive_as_text_and_are_found_again(fake, tracker, hostile_text):
    report = hostile_report(hostile_text)
    report = replace(report, generated_at="2026-11-22T00:00:00Z", window=sample_report().window)
    assert statuses(run(report, tracker)) == ["done", "done"]
    assert not any(changes_something(action) for action in planned(report, tracker))
    for held in fake.tickets:
        lines = fake.description(held).splitlines()
        assert sum("entdrift:begin" in line for line in lines) == 1
        assert not any(line.startswith("/") for line in lines)
    done = replace(complete(without_work(report)), window=report.window)
    assert statuses(run(done, tracker)) == ["done", "done"]
