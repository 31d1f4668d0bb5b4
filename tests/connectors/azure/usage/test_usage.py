"""Usage: a call counts once, for the right caller, through the assignment the log names."""

from tests.connectors.azure.harness import collect, facts_of
from tests.connectors.azure.synthetic import (
    AGENT,
    AGENT_APP,
    CUSTOM,
    PERSON,
    assignment,
    blob_event,
    event,
    evidence,
    number,
    role,
    service_principal,
    sign_in_event,
    storage_account,
)

WRITE = "Microsoft.X/y/write"
READ = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"


def calls(facts, identity=AGENT):
    return [(row.permission, row.count, row.denied) for row in facts.usage if row.identity == identity]


def test_a_call_that_begins_and_ends_counts_once(desk):
    same = number()
    records = [
        event(WRITE, status=status, correlationId=same) for status in ("Started", "Accepted", "Succeeded")
    ]
    desk.put("activity_logs", records)
    assert calls(desk.facts()) == [(WRITE, 1, 0)]


def test_two_calls_of_which_one_ended_are_two(desk):
    desk.put("activity_logs", [event(WRITE, status=status) for status in ("Started", "Started", "Succeeded")])
    assert calls(desk.facts()) == [(WRITE, 2, 0)]


def test_a_call_whose_end_is_missing_is_a_use_of_unknown_result(desk):
    desk.put("activity_logs", [event(WRITE, status="Started")])
    (row,) = desk.facts().usage
    assert (row.count, row.denied, row.last_allowed) == (1, 0, "2026-09-10T10:00:00Z")


def test_a_refused_call_that_also_began_is_only_refused(desk):
    failed = {"subStatus": {"value": "Forbidden"}}
    desk.put("activity_logs", [event(WRITE, status="Started"), event(WRITE, status="Failed", **failed)])
    assert calls(desk.facts()) == [(WRITE, 1, 1)]


def test_a_failed_call_that_was_authorised_is_a_use(desk):
    desk.put("activity_logs", [event(WRITE, status="Failed", subStatus={"value": "Conflict"})])
    assert calls(desk.facts()) == [(WRITE, 1, 0)]


def test_copies_of_an_event_count_once_across_files_shapes_and_sources(desk, tmp_path):
    record = event(WRITE)
    copy = {
        "time": record["eventTimestamp"],
        "resourceId": record["resourceId"].upper(),
        "operationName": WRITE.upper(),
        "category": "Administrative",
        "resultType": "Success",
        "correlationId": record["correlationId"],
        "identity": {"claims": record["claims"], "authorization": record["authorization"]},
    }
    one, two = (
        desk.put("activity_logs", {"value": [record]}),
        desk.put("other", [copy], name="copy.json", lines=True),
    )
    memory = collect({"activity_logs": [one, two], "resource_logs": [one]})
    assert calls(facts_of(memory)) == [(WRITE, 1, 0)]


def test_the_assignment_in_the_evidence_is_the_grant_used(desk):
    """Ids in the evidence have no dashes and no path; the usage names the assignment's full id."""
    used, idle = assignment(AGENT, CUSTOM), assignment(AGENT, CUSTOM, f"{storage_account()}")
    desk.put("role_assignments", [used, idle])
    desk.put("role_definitions", [role(CUSTOM, "R", actions=[WRITE])])
    desk.put("activity_logs", [event(WRITE, grant=evidence(used))])
    (row,) = desk.facts().usage
    assert row.grant == used["id"].lower()


def test_storage_logs_name_the_assignment_too(desk):
    used = assignment(AGENT, CUSTOM, storage_account())
    desk.put("role_assignments", [used])
    desk.put("role_definitions", [role(CUSTOM, "R", dataActions=[READ])])
    desk.put("resource_logs", [blob_event(grant=used["name"])], lines=True)
    (row,) = desk.facts().usage
    assert (row.permission, row.grant) == (READ, used["id"].lower())


def test_an_assignment_that_is_gone_keeps_its_id(desk):
    gone = assignment(AGENT, CUSTOM)
    desk.put("role_assignments", [])
    desk.put("activity_logs", [event(WRITE, grant=evidence(gone))])
    (row,) = desk.facts().usage
    assert row.grant == gone["name"]


def test_a_caller_known_only_by_its_assignment_is_that_assignments_principal(desk):
    one = assignment(AGENT, CUSTOM)
    desk.put("role_assignments", [one])
    desk.put("role_definitions", [role(CUSTOM, "R", actions=[WRITE])])
    proof = evidence(one) | {"principalType": "Group"}
    desk.put("activity_logs", [event(WRITE, grant=proof, claims={}, caller="")])
    assert calls(desk.facts()) == [(WRITE, 1, 0)]


def test_an_application_id_becomes_its_service_principal(desk):
    desk.put("service_principals", [service_principal()])
    desk.put("activity_logs", [event(WRITE, claims={"appid": AGENT_APP}, caller=AGENT_APP)])
    assert calls(desk.facts()) == [(WRITE, 1, 0)]


def test_sign_ins_tell_which_service_principal_an_application_is(desk):
    desk.put("sign_in_logs", [sign_in_event()], lines=True)
    desk.put("activity_logs", [event(WRITE, claims={}, caller=AGENT_APP)])
    assert calls(desk.facts()) == [(WRITE, 1, 0)]


def test_an_unknown_application_keeps_its_name(desk):
    desk.put("activity_logs", [event(WRITE, claims={"appid": AGENT_APP}, caller="")])
    assert calls(desk.facts(), f"app:{AGENT_APP}") == [(WRITE, 1, 0)]


def test_principals_outside_the_inventory_have_their_usage_too(desk):
    desk.put("role_assignments", [])
    desk.put("activity_logs", [event(WRITE, PERSON)])
    facts = desk.facts()
    assert calls(facts, PERSON) == [(WRITE, 1, 0)]
    assert facts.identities == ()


def test_calls_by_nobody_are_counted_apart(desk):
    desk.put("activity_logs", [event(WRITE, claims={}, caller="")])
    facts = desk.facts()
    assert (facts.usage, facts.unattributed) == ((), {"unknown": 1})


def test_a_sign_in_is_no_use_of_a_permission(desk):
    desk.put("sign_in_logs", [sign_in_event()])
    facts = desk.facts()
    assert (facts.usage, facts.unattributed) == ((), {})
