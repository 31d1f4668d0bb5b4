"""A reduction of Azure access takes what was not used, keeps all else, and moves nothing it cannot vouch for."""

import json

import pytest

from connectors.reduction import Standing
from tests.connectors.azure.reducing import Store, ask, nothing_changes, only
from tests.connectors.azure.synthetic import (
    AGENT,
    CONTRIBUTOR,
    CUSTOM,
    GROUP,
    OWNER,
    SUB,
    assignment,
    event,
    evidence,
    role,
    service_principal,
    subscription,
)

WRITE = "Microsoft.Storage/storageAccounts/write"
DELETE = "Microsoft.Storage/storageAccounts/delete"
READ = "Microsoft.Storage/storageAccounts/read"
ACCOUNT = f"/subscriptions/{SUB}/resourceGroups/agents/providers/Microsoft.Storage/storageAccounts/one"
OTHER = f"/subscriptions/{SUB}/resourceGroups/other/providers/Microsoft.Storage/storageAccounts/two"
STORAGE_ROLE = role(CUSTOM, "Storage Keeper", actions=[READ, WRITE, DELETE])


def told(desk, assignments, events, *roles):
    """Put role assignments, roles and an Activity Log that spans the window."""
    desk.put("role_assignments", assignments)
    desk.put("role_definitions", list(roles or [STORAGE_ROLE]))
    desk.put("service_principals", [service_principal()])
    edges = [
        event("Microsoft.Resources/tags/write", "someone-else", time=f"2026-{day}T00:00:00Z")
        for day in ("08-01", "10-31")
    ]
    desk.put("activity_logs", [*edges, *events])
    return desk.collect()


def lists(replacement):
    """Return the permission blocks of the roles that are made."""
    return [
        json.loads(change.after)["properties"]["permissions"][0]
        for change in replacement.changes
        if change.kind == "create-role-definition"
    ]


def kinds(replacement):
    return [change.kind for change in replacement.changes]


def proved(replacement):
    claims = (replacement.replay, replacement.containment, replacement.limits, replacement.restore)
    return [claim.standing for claim in claims] == [Standing.PROVED] * 4


def test_what_was_used_and_what_cannot_be_seen_stays_and_the_rest_goes(desk):
    held = assignment(AGENT, CUSTOM, f"{subscription()}/resourceGroups/agents")
    memory = told(desk, [held], [event(WRITE, scope=ACCOUNT)])
    found = only(memory, AGENT)
    assert lists(found) == [
        {"actions": [READ, WRITE], "notActions": [], "dataActions": [], "notDataActions": []}
    ]
    assert kinds(found) == ["create-role-definition", "create-role-assignment", "delete-role-assignment"]
    assert proved(found)


def test_an_assignment_of_which_nothing_is_needed_is_deleted_without_a_replacement(desk):
    spare = assignment(AGENT, OWNER, f"{subscription()}/resourceGroups/agents")
    memory = told(
        desk,
        [assignment(AGENT, CUSTOM, f"{subscription()}/resourceGroups/agents"), spare],
        [event(WRITE, scope=ACCOUNT)],
        role(CUSTOM, "Writer", actions=[WRITE]),
        role(OWNER, "Deleter", actions=[DELETE]),
    )
    found = only(memory, AGENT)
    assert [(change.kind, change.target) for change in found.changes] == [
        ("delete-role-assignment", spare["id"])
    ]
    assert proved(found)


def test_a_wildcard_that_nobody_can_list_stays_and_what_goes_is_subtracted(desk):
    memory = told(
        desk,
        [assignment(AGENT, CONTRIBUTOR, f"{subscription()}/resourceGroups/agents")],
        [event(WRITE, scope=ACCOUNT)],
        role(CONTRIBUTOR, "Contributor", actions=["*"], notActions=["Microsoft.Authorization/*/Write"]),
        STORAGE_ROLE,
    )
    [made] = lists(only(memory, AGENT))
    assert made["actions"] == ["*"]
    assert DELETE in made["notActions"]
    assert "Microsoft.Authorization/*/Write" in made["notActions"]
    assert WRITE not in made["notActions"]
    assert READ not in made["notActions"]


def test_use_that_settled_in_a_resource_group_moves_the_assignment_there(desk):
    events = [event(WRITE, scope=ACCOUNT, time=f"2026-{month}-02T10:00:00Z") for month in ("08", "10")]
    memory = told(desk, [assignment(AGENT, CUSTOM)], events, role(CUSTOM, "Writer", actions=[WRITE]))
    found = only(memory, AGENT)
    [new] = [json.loads(c.after) for c in found.changes if c.kind == "create-role-assignment"]
    assert new["properties"]["scope"] == f"/subscriptions/{SUB}/resourceGroups/agents"
    assert new["properties"]["roleDefinitionId"].endswith(CUSTOM)
    assert "create-role-definition" not in kinds(found)
    assert proved(found)
    assert "Writer" in found.notes[0]


def test_use_that_reached_a_new_resource_group_of_late_moves_nothing(desk):
    events = [
        event(WRITE, scope=ACCOUNT, time="2026-08-02T10:00:00Z"),
        event(WRITE, scope=OTHER, time="2026-10-20T10:00:00Z"),
    ]
    memory = told(desk, [assignment(AGENT, CUSTOM)], events, role(CUSTOM, "Writer", actions=[WRITE]))
    _, answers = ask(memory, AGENT)
    assert nothing_changes(answers)


def test_a_young_assignment_is_not_moved(desk):
    events = [event(WRITE, scope=ACCOUNT, time=f"2026-{month}-02T10:00:00Z") for month in ("08", "10")]
    held = assignment(AGENT, CUSTOM, createdOn="2026-09-20T00:00:00+00:00")
    memory = told(desk, [held], events, role(CUSTOM, "Writer", actions=[WRITE]))
    _, answers = ask(memory, AGENT)
    assert nothing_changes(answers)


def test_the_right_to_make_resource_groups_stays_above_them(desk):
    make = "Microsoft.Resources/subscriptions/resourceGroups/write"
    group = f"/subscriptions/{SUB}/resourceGroups/agents"
    events = [event(make, scope=group, time=f"2026-{month}-02T10:00:00Z") for month in ("08", "10")]
    memory = told(desk, [assignment(AGENT, CUSTOM)], events, role(CUSTOM, "Maker", actions=[make]))
    _, answers = ask(memory, AGENT)
    assert nothing_changes(answers)


def test_what_only_a_group_gives_is_left_alone_and_said(desk):
    through = assignment(GROUP, CUSTOM, kind="Group")
    own = assignment(AGENT, "c0570000-0000-4000-8000-00000000000b")
    memory = told(
        desk,
        [through, own],
        [event(WRITE, scope=ACCOUNT, grant=evidence(through)), event(WRITE, scope=ACCOUNT)],
        STORAGE_ROLE,
        role("c0570000-0000-4000-8000-00000000000b", "Both", actions=[WRITE, DELETE]),
    )
    found = only(memory, AGENT)
    assert GROUP not in " ".join(change.before for change in found.changes)
    assert [stay.code for stay in found.stays] == ["through-group"]
    assert any("Storage Keeper" in note and "group" in note for note in found.notes)


def test_a_duplicate_that_no_call_went_through_is_deleted_and_nothing_else_changes(desk):
    used, spare = (
        assignment(AGENT, CUSTOM),
        assignment(AGENT, OWNER, f"{subscription()}/resourceGroups/agents"),
    )
    writer = role(CUSTOM, "Writer", actions=["Microsoft.Storage/*"])
    narrow = role(OWNER, "Narrow", actions=[WRITE])
    memory = told(desk, [used, spare], [event(WRITE, scope=ACCOUNT, grant=evidence(used))], writer, narrow)
    found = only(memory, AGENT)
    assert spare["id"] in [
        change.target for change in found.changes if change.kind == "delete-role-assignment"
    ]
    assert proved(found)


@pytest.mark.parametrize("spelling", [lambda name: name, lambda name: name.replace("-", "").upper()])
def test_ids_in_either_spelling_join(desk, spelling):
    held = assignment(AGENT, CUSTOM, f"{subscription()}/resourceGroups/agents")
    held["principalId"] = spelling(AGENT)
    memory = told(desk, [held], [event(WRITE, spelling(AGENT), scope=ACCOUNT)])
    found = only(memory, AGENT)
    assert lists(found)[0]["actions"] == [READ, WRITE]
    [new] = [json.loads(c.after) for c in found.changes if c.kind == "create-role-assignment"]
    assert new["properties"]["principalId"] == AGENT  # as az takes it, however it was exported


def test_an_unknown_role_is_never_touched(desk):
    unknown = assignment(AGENT, "dead0000-0000-4000-8000-000000000001")
    memory = told(
        desk,
        [unknown, assignment(AGENT, CUSTOM, f"{subscription()}/resourceGroups/agents")],
        [event(WRITE, scope=ACCOUNT)],
    )
    found = only(memory, AGENT)
    assert unknown["id"] not in [change.target for change in found.changes]
    assert found.containment.standing is Standing.PROVED


def test_a_condition_is_kept_word_for_word(desk):
    text = "(!(ActionMatches{'Microsoft.X/y/write'})) OR (@Resource[a:b] StringEquals 'it \\' is')"
    held = assignment(
        AGENT, CUSTOM, f"{subscription()}/resourceGroups/agents", condition=text, conditionVersion="2.0"
    )
    memory = told(desk, [held], [event(WRITE, scope=ACCOUNT)])
    found = only(memory, AGENT)
    [new] = [json.loads(c.after) for c in found.changes if c.kind == "create-role-assignment"]
    assert (new["properties"]["condition"], new["properties"]["conditionVersion"]) == (text, "2.0")


def test_nothing_at_the_tenant_root_is_replaced_by_a_custom_role(desk):
    memory = told(desk, [assignment(AGENT, CUSTOM, "/")], [event(WRITE, scope=ACCOUNT)])
    _, answers = ask(memory, AGENT)
    assert nothing_changes(answers)


def test_the_reduced_store_allows_what_was_called_and_nothing_new(desk):
    assignments = [
        assignment(AGENT, CONTRIBUTOR),
        assignment(AGENT, CUSTOM, f"{subscription()}/resourceGroups/agents"),
    ]
    roles = [
        role(CONTRIBUTOR, "Contributor", actions=["*"], notActions=["Microsoft.Authorization/*/Write"]),
        STORAGE_ROLE,
    ]
    events = [event(WRITE, scope=ACCOUNT, time=f"2026-{month}-02T10:00:00Z") for month in ("08", "10")]
    found = only(told(desk, assignments, events, *roles), AGENT)
    before, after = Store(assignments, roles), Store(assignments, roles)
    after.apply(found.changes)
    assert after.allows(AGENT, WRITE, ACCOUNT) == {""}
    assert after.allows(AGENT, DELETE, ACCOUNT) == set()
    for operation in (READ, WRITE, DELETE, "Microsoft.Authorization/roleAssignments/write"):
        for resource in (ACCOUNT, OTHER):
            assert after.allows(AGENT, operation, resource) <= before.allows(AGENT, operation, resource)
