"""What only Jira asks for: transitions, resolutions, lengths, two kinds of deployment."""

import pytest
from report_sample import sample_report
from tickets_sync.fake_jira import EMAIL, text_of
from tickets_sync.fake_server import TOKEN
from tickets_sync.test_sync import complete, less_urgent, without_work
from tickets_sync.test_trackers import patient, planned, run, statuses

from reports.tickets import jira, settings
from reports.tickets.tracker import TrackerDownError, TrackerError


def connect(fake, **more):
    cloud = {"email": EMAIL, "deployment": "cloud"} if fake.version == "3" else {}
    return jira.Issues(settings.Jira(url=fake.url, project="OPS", **(cloud | more)), TOKEN)


@pytest.fixture
def cloud(start):
    return start("jira-cloud")


@pytest.fixture
def held(cloud, report):
    """Give a Jira Cloud that holds the tickets of the sample."""
    run(report, connect(cloud))
    return cloud


def test_closing_takes_done_and_not_a_refusal(held, report):
    run(complete(without_work(report)), connect(held))
    assert {ticket["fields"]["status"]["name"] for ticket in held.tickets} == {"Done"}


def test_a_resolution_that_is_asked_for_is_given_and_is_no_refusal(held, report):
    held.asks_resolution = True
    run(complete(without_work(report)), connect(held))
    assert {ticket["fields"]["resolution"]["name"] for ticket in held.tickets} == {"Done"}


def test_reopening_goes_to_the_first_status(held, report):
    held.shut(held.tickets[0], refused=False, when="2026-11-01T00:00:00Z")
    run(report, connect(held))
    assert held.tickets[0]["fields"]["status"]["name"] == "To Do"


def test_the_configured_transition_is_taken(held, report):
    held.shut(held.tickets[0], refused=False, when="2026-11-01T00:00:00Z")
    run(report, connect(held, reopen_transition="in progress"))
    assert held.tickets[0]["fields"]["status"]["name"] == "In Progress"


def test_without_a_sure_transition_nothing_moves_and_the_key_is_named(held, report):
    results = run(complete(without_work(report)), connect(held, close_transition="Finish"))
    assert statuses(results) == ["failed", "failed"]
    assert "Done, In Progress, Rejected, To Do" in results[0].message
    assert "close_transition" in results[0].hint
    assert all(held.is_open(ticket) for ticket in held.tickets)


def test_closing_what_somebody_closed_meanwhile_is_no_error(held):
    held.shut(held.tickets[0], refused=False, when="2026-11-01T00:00:00Z")
    connect(held).close("OPS-1")
    assert not [asked for asked in held.writes() if asked.path.endswith("transitions")]


@pytest.mark.parametrize("kind", ["jira-cloud", "jira-data-center"])
def test_a_description_that_is_too_long_is_written_shorter(start, report, kind, monkeypatch):
    monkeypatch.setattr("reports.tickets.jira_text.LIMITS", (30_000, 4_500, 2_000))
    fake = start(kind)
    fake.longest = 2_500
    tracker = connect(fake)
    assert statuses(run(report, tracker)) == ["done", "done"]
    assert any("parts left out here" in fake.description(ticket) for ticket in fake.tickets)
    assert statuses(run(less_urgent(report), tracker)) == ["done", "left"]
    assert not any(type(action).__name__ != "Leave" for action in planned(less_urgent(report), tracker))


def test_the_wrong_deployment_is_told(cloud):
    cloud.version = "2"
    with pytest.raises(TrackerDownError, match="says that it is Jira Cloud") as error:
        patient().ask(connect(cloud).find)
    assert "deployment" in error.value.hint


def test_ticked_tasks_stay_ticked(held, report):
    nodes = held.tickets[0]["fields"]["description"]["content"]
    task = next(node for node in nodes if node["type"] == "taskList")["content"][0]
    task["attrs"]["state"] = "DONE"
    run(less_urgent(report), connect(held))
    after = [
        item
        for node in held.tickets[0]["fields"]["description"]["content"]
        if node["type"] == "taskList"
        for item in node["content"]
    ]
    done = [text_of({"content": [item]}) for item in after if item["attrs"]["state"] == "DONE"]
    assert done == [text_of({"content": [task]})]


def test_priority_that_a_person_set_stays(held, report):
    held.tickets[0]["fields"]["priority"] = {"name": "Medium"}
    run(less_urgent(report), connect(held))
    assert held.tickets[0]["fields"]["priority"] == {"name": "Medium"}


def test_a_project_without_priority_can_be_told(cloud, report):
    run(report, connect(cloud, set_priority=False))
    assert all("priority" not in ticket["fields"] for ticket in cloud.tickets)
    assert statuses(run(less_urgent(report), connect(cloud, set_priority=False))) == ["done", "left"]


def test_a_project_name_cannot_change_the_query(cloud):
    tracker = jira.Issues(
        settings.Jira(url=cloud.url, project='OPS" OR "x', email=EMAIL, deployment="cloud"), TOKEN
    )
    with pytest.raises((TrackerError, AssertionError)):
        tracker.find()
    asked = [asked for asked in cloud.asked if asked.path.endswith("search/jql")]
    assert asked == [] or asked[0].query["jql"].startswith('project = "OPS\\" OR \\"x" AND ')


def test_data_center_speaks_version_2_and_wiki(start):
    fake = start("jira-data-center")
    run(sample_report(), connect(fake))
    assert {asked.path.split("/")[3] for asked in fake.asked} == {"2"}
    text = fake.tickets[0]["fields"]["description"]
    assert "h3. What to remove and why" in text
    assert "||Service||Unused||Granted||Permissions||" in text
