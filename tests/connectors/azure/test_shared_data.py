"""Recorded and real Azure data, read from end to end."""

import json
from datetime import UTC, datetime

import pytest

from connectors.facts import Window
from connectors.interface import Status
from tests.connectors.azure.harness import Desk, blind, collect, facts_of, held, replies, unused
from tests.connectors.azure.synthetic import OWNER, event

SUBSCRIPTION = "ea42f556-5106-4743-99b0-c129bfa71a47"
WINDOW = Window(datetime(2024, 11, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))


@pytest.fixture
def recorded(desk, shared):
    """74 role assignments and 128 definitions recorded by cloud-custodian, Apache-2.0."""
    folder = shared / "cloud-custodian"
    assignments = next(replies(folder / "AccessControlTest.test_find_assignments_by_role.json"))
    definitions = next(replies(folder / "AccessControlTest.test_find_definition_by_name.json"))
    desk.put("role_assignments", assignments)
    desk.put("role_definitions", definitions)
    return desk


def test_every_recorded_assignment_and_definition_is_read(recorded: Desk):
    memory = recorded.collect()
    facts = facts_of(memory)
    assert [(one.part, one.status, one.records) for one in memory.outcomes()] == [
        ("role_assignments", Status.OK, 74),
        ("role_definitions", Status.OK, 128),
    ]
    kinds = [identity.kind for identity in facts.identities]
    assert (kinds.count("service-principal"), kinds.count("user")) == (49, 13)
    assert len(facts.grants) == 74
    assert not any(grant.undecided for grant in facts.grants)
    assert sum(bool(grant.wide) for grant in facts.grants) == 74


def test_recorded_administrators_are_the_owners_and_contributors(recorded: Desk):
    admins = {grant.name for grant in recorded.facts().grants if grant.admin}
    plain = {grant.name for grant in recorded.facts().grants if not grant.admin}
    assert admins == {"Owner", "Contributor"}
    assert plain == {
        "AcrQuarantineReader",
        "Storage Blob Data Contributor",
        "Managed Application Operator Role",
        "Reader",
        "Logic App Contributor",
    } & plain | plain - {"Owner", "Contributor"}


def test_without_logs_nothing_recorded_is_unused(recorded: Desk):
    facts = recorded.facts()
    assert all(unused(facts, identity.id) == [] for identity in facts.identities)


def test_with_the_subscriptions_log_only_writes_become_unused(recorded: Desk):
    other = event("Microsoft.Other/z/write", scope=f"/subscriptions/{SUBSCRIPTION}")
    recorded.put("activity_logs", [other])
    facts = recorded.facts()
    owner = next(
        grant.identity for grant in facts.grants if grant.name == "Owner" and "subscriptions" in grant.scope
    )
    seen = unused(facts, owner)
    assert seen
    assert not any(name.lower().endswith("/read") or "*" in name for name in seen)
    assert blind(facts, owner)["*"] == "wildcard-not-expanded"


def test_owner_holds_no_data_action_of_the_recorded_roles(recorded: Desk):
    facts = recorded.facts()
    owner = next(grant for grant in facts.grants if grant.name == "Owner")
    assert owner.id.count("/") > 3
    assert not any("/blobs/read" in name for name in held(facts, owner.identity))
    assert OWNER in "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"


def test_detection_rule_events_are_read_to_the_last(shared):
    """panther-analysis, Apache-2.0: 107 activity and storage events, 24 sign-ins and directory audits."""
    memory = collect(
        {
            "activity_logs": shared / "panther" / "Azure_MonitorActivity_half.jsonl",
            "sign_in_logs": shared / "panther" / "Azure_Audit_half.jsonl",
        },
        window=WINDOW,
    )
    assert [(one.part, one.status, one.records) for one in memory.outcomes()] == [
        ("activity_logs", Status.OK, 107),
        ("sign_in_logs", Status.OK, 24),
    ]
    assert all(file.rejected == 0 for file in memory.log_files())
    facts = facts_of(memory, window=WINDOW)
    assert "6b6d44f0-b13a-46a0-bfde-161324d4c34d" in {row.identity for row in facts.usage}
    assert facts.unattributed["account-key"] == 1
    assert facts.unmapped == ()


def test_sdk_events_are_read(shared):
    """plaso, Apache-2.0: four begun calls in SDK snake_case shape, ids redacted."""
    window = Window(datetime(2022, 2, 1, tzinfo=UTC), datetime(2022, 3, 1, tzinfo=UTC))
    memory = collect({"activity_logs": shared / "plaso" / "azure_activity_log.jsonl"}, window=window)
    facts = facts_of(memory, window=window)
    assert [file.records for file in memory.log_files()] == [4]
    assert {row.permission.lower() for row in facts.usage} >= {
        "microsoft.compute/disks/delete",
        "microsoft.compute/virtualmachines/delete",
    }
    assert all(row.count == 1 for row in facts.usage)


def test_attack_events_are_read_where_they_carry_a_time(desk, shared):
    """stratus-red-team, Apache-2.0: excerpts from its documentation, most without a time."""
    lines = (shared / "stratus" / "azure_entra_detection_events.jsonl").read_text().splitlines()
    records = [json.loads(line)["event"] for line in lines]
    for record in records:
        if "evt" not in record and not {"time", "eventTimestamp"} & set(record):
            record["time"] = "2026-09-10T10:00:00Z"
    desk.put("activity_logs", records)
    memory = desk.collect()
    (file,) = memory.log_files()
    assert (file.records, file.rejected) == (11, 3)
    used = {row.permission for row in facts_of(memory).usage}
    assert "Microsoft.CognitiveServices/accounts/listKeys/action" in used


def test_recorded_diagnostic_settings_are_read(desk, shared):
    """cloud-custodian, Apache-2.0."""
    folder = shared / "cloud-custodian"
    records = [
        record
        for name in (
            "SubscriptionDiagnosticSettingsFilterTest.diag.json",
            "DiagnosticSettingsFilterTest.test_filter_diagnostic_settings_present.json",
        )
        for reply in replies(folder / name)
        for record in reply.get("value", [])
    ]
    desk.put("diagnostic_settings", [record for record in records if "diagnosticSettings" in record["id"]])
    desk.put("role_assignments", [])
    (found,) = [one for one in desk.collect().outcomes() if one.part == "diagnostic_settings"]
    assert (found.status, found.records) == (Status.OK, 2)


@pytest.mark.parametrize(
    "name",
    [
        "MachineLearningWorkspaceTest.test_machine_learning_workspace_policy_run.json",
        "AIFoundryApplicationTest.ai-foundry-applications.json",
        "AIFoundryAgentTest.ai-foundry-agents.json",
    ],
)
def test_recorded_ai_resources_declare_their_identities(desk, shared, name):
    """cloud-custodian, Apache-2.0."""
    records = [
        record for reply in replies(shared / "cloud-custodian" / name) for record in reply.get("value", [])
    ]
    desk.put("resources", records)
    facts = desk.facts()
    assert facts.identities
    assert all(identity.signals for identity in facts.identities)
