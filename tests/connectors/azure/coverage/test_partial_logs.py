"""Logs that end early, begin late, lost records or lie above a subscription hide; they never prove silence."""

import gzip
import json

import pytest

from connectors.facts import CoverageState
from tests.connectors.azure.harness import blind, collect, facts_of, unused
from tests.connectors.azure.synthetic import (
    AGENT,
    CUSTOM,
    OTHER_SUB,
    PERSON,
    SUB,
    assignment,
    blob_event,
    event,
    role,
    setting,
    storage_account,
    subscription,
)

WRITE = "Microsoft.X/y/write"
ASSIGN = "Microsoft.Authorization/roleAssignments/write"
STORAGE = "Microsoft.Storage/storageAccounts"
READ = f"{STORAGE}/blobServices/containers/blobs/read"
ROOT = "/providers/Microsoft.Management/managementGroups/all"
START, END = "2026-08-01T06:00:00Z", "2026-10-31T20:00:00Z"


def scene(desk, *logs, scope="", **lists):
    desk.put("role_assignments", [assignment(AGENT, CUSTOM, scope)])
    desk.put("role_definitions", [role(CUSTOM, "R", **lists)])
    desk.put("activity_logs", list(logs))


def other(time, sub=SUB):
    return event("Microsoft.Other/z/write", PERSON, time=time, scope=f"{subscription(sub)}/resourceGroups/x")


def six_hours():
    return [other(f"2026-10-31T{hour:02}:10:00Z") for hour in range(14, 20)]


def reads(*times):
    return [blob_event("GetBlob", PERSON, time=time) for time in times]


def administrative(facts):
    return next(one for one in facts.coverage if one.log_class == "administrative")


def test_the_default_six_hours_of_the_cli_are_partial_coverage(desk):
    scene(desk, *six_hours(), actions=[WRITE])
    found = administrative(desk.facts())
    assert (found.state, found.since) == (CoverageState.PARTIAL, "2026-10-31T14:10:00Z")
    assert found.reason == "the first record is of 2026-10-31, the window starts 2026-08-01"
    assert "--offset 90d" in found.fix


def test_an_export_that_ends_long_before_the_window_is_partial_coverage(desk):
    scene(desk, other(START), other("2026-09-10T10:00:00Z"), actions=[WRITE])
    found = administrative(desk.facts())
    assert found.state is CoverageState.PARTIAL
    assert found.reason == "the last record is of 2026-09-10, the window ends 2026-11-01"


def test_an_export_of_the_whole_window_is_on(desk):
    scene(desk, other(START), other(END), actions=[WRITE])
    assert administrative(desk.facts()).state is CoverageState.ON


def test_six_hours_beside_a_long_storage_log_hide_the_control_plane(desk):
    """How long an account was seen is one span; a shorter Activity Log may not borrow the longer one."""
    scene(desk, *six_hours(), actions=[WRITE])
    desk.put("resource_logs", reads(START, END))
    facts = desk.facts()
    assert blind(facts, AGENT) == {WRITE: "activity-log-partial"}


def test_six_hours_of_storage_log_beside_a_long_activity_log_hide_the_data_plane(desk):
    scene(desk, other(START), other(END), scope=storage_account(), dataActions=[READ])
    desk.put("diagnostic_settings", [setting(storage_account(), group="allLogs")])
    desk.put("resource_logs", reads(*(f"2026-10-31T{hour}:10:00Z" for hour in range(14, 20))))
    facts = desk.facts()
    assert blind(facts, AGENT) == {READ: "resource-logs-partial"}


def test_a_quiet_storage_log_is_not_taken_for_a_partial_one(desk):
    scene(desk, other(START), other(END), scope=storage_account(), dataActions=[READ])
    desk.put("diagnostic_settings", [setting(storage_account(), group="allLogs")])
    desk.put("resource_logs", reads("2026-09-01T10:00:00Z", "2026-10-10T10:00:00Z"))
    assert unused(desk.facts(), AGENT) == [READ]


def test_a_second_subscription_with_a_short_log_hides_what_is_granted_there(desk):
    delete = "Microsoft.X/y/delete"
    mine = assignment(AGENT, CUSTOM)
    there = assignment(AGENT, "c0570000-0000-4000-8000-000000000002", subscription(OTHER_SUB))
    desk.put("role_assignments", [mine, there])
    desk.put(
        "role_definitions",
        [
            role(CUSTOM, "A", actions=[WRITE]),
            role("c0570000-0000-4000-8000-000000000002", "B", actions=[delete]),
        ],
    )
    short = [other(f"2026-10-31T{hour}:10:00Z", OTHER_SUB) for hour in range(14, 20)]
    desk.put("activity_logs", [other(START), other(END), *short])
    facts = desk.facts()
    assert (unused(facts, AGENT), blind(facts, AGENT)) == ([WRITE], {delete: "activity-log-partial"})


def test_calls_above_subscriptions_are_in_no_subscriptions_log(desk):
    """A role assignment made on a management group is recorded in the management group's own log."""
    scene(desk, other(START), other(END), scope=ROOT, actions=[ASSIGN, WRITE])
    desk.put("resources", [{"id": subscription(), "type": "Microsoft.Resources/subscriptions"}])
    facts = desk.facts()
    assert (unused(facts, AGENT), blind(facts, AGENT)) == ([WRITE], {ASSIGN: "above-subscriptions"})


def test_on_a_subscription_the_same_permission_is_observable(desk):
    scene(desk, other(START), other(END), actions=[ASSIGN])
    assert unused(desk.facts(), AGENT) == [ASSIGN]


@pytest.mark.parametrize(("place", "hidden"), [(SUB, True), (SUB.upper(), True), (OTHER_SUB, False)])
def test_a_log_file_that_lost_records_hides_the_subscription_it_names(desk, tmp_path, place, hidden):
    """Diagnostic exports name the subscription in the path, in capitals."""
    scene(desk, other(START), other(END), actions=[WRITE])
    folder = tmp_path / f"resourceId=_SUBSCRIPTIONS_{place}"
    folder.mkdir()
    whole = gzip.compress(json.dumps([other(END, OTHER_SUB)] * 50).encode())
    (folder / "PT1H.json.gz").write_bytes(whole[: len(whole) // 2])
    files = desk.files | {"activity_logs": [desk.files["activity_logs"], folder]}
    found = blind(facts_of(collect(files)), AGENT)
    assert found == ({WRITE: "log-files-unreadable"} if hidden else {})


@pytest.mark.parametrize("verb", ["write", "delete"])
@pytest.mark.parametrize("service", ["queue", "table"])
def test_a_changed_setting_of_every_storage_service_counts(desk, service, verb):
    target = f"{storage_account()}/{service}Services/default"
    part = {"queue": "queues/messages", "table": "tables/entities"}[service]
    action = f"{STORAGE}/{service}Services/{part}/read"
    changed = event(
        f"Microsoft.Insights/diagnosticSettings/{verb}",
        PERSON,
        scope=f"{target}/providers/Microsoft.Insights/diagnosticSettings/all",
    )
    scene(desk, changed, scope=storage_account(), dataActions=[action])
    desk.put("diagnostic_settings", [setting(target, group="allLogs")])
    desk.put("resource_logs", [blob_event("GetBlob", PERSON, resourceId=target)])
    assert blind(desk.facts(), AGENT) == {action: "diagnostic-setting-new"}


def test_an_action_that_reads_and_deletes_needs_both_categories(desk):
    """`messages/process/action` allows getting a message and deleting it."""
    target = f"{storage_account()}/queueServices/default"
    action = f"{STORAGE}/queueServices/queues/messages/process/action"
    scene(desk, other(START), scope=storage_account(), dataActions=[action])
    records = [blob_event(name, PERSON, resourceId=target) for name in ("GetX", "PutX", "DeleteX")]
    desk.put("resource_logs", records)
    desk.put("diagnostic_settings", [setting(target, "StorageRead", "StorageWrite")])
    assert blind(desk.facts(), AGENT) == {action: "diagnostic-setting-off"}
    desk.put("diagnostic_settings", [setting(target, "StorageRead", "StorageWrite", "StorageDelete")])
    assert unused(desk.facts(), AGENT) == [action]


def test_an_account_that_only_a_log_mentions_shows_the_inventory_to_be_short(desk):
    made = event(f"{STORAGE}/write", PERSON, scope=storage_account("forgotten"))
    desk.put("resources", [{"id": storage_account(), "type": STORAGE}])
    desk.put("diagnostic_settings", [setting(storage_account(), group="allLogs")])
    desk.put("resource_logs", reads("2026-09-10T10:00:00Z"))
    scene(desk, other(START), dataActions=[READ])
    assert unused(desk.facts(), AGENT) == [READ]
    scene(desk, other(START), made, dataActions=[READ])
    assert blind(desk.facts(), AGENT) == {READ: "diagnostic-setting-unknown"}


def test_one_page_of_resources_is_no_inventory(desk):
    page = {"data": [{"id": storage_account(), "type": STORAGE}], "skip_token": "more"}
    desk.put("resources", page)
    desk.put("diagnostic_settings", [setting(storage_account(), group="allLogs")])
    desk.put("resource_logs", reads("2026-09-10T10:00:00Z"))
    scene(desk, other(START), dataActions=[READ])
    assert blind(desk.facts(), AGENT) == {READ: "diagnostic-setting-unknown"}


@pytest.mark.parametrize("silent", [True, False])
def test_silent_days_between_days_with_records_are_said(desk, silent):
    days = [day for day in range(1, 31) if not (silent and 9 < day < 20)]
    scene(desk, *(other(f"2026-09-{day:02}T10:00:00Z") for day in days), actions=[WRITE])
    found = [one for one in desk.facts().caveats if "days without any log record" in one.what]
    assert [one.where for one in found] == (
        [f"subscription {SUB}: 2026-09-10 to 2026-09-19"] if silent else []
    )
