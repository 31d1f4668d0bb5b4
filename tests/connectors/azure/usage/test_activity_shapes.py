"""One Activity Log event in the five shapes Azure exports it: one row, one event id."""

import json
from typing import Any

import msgspec
import pytest

from connectors.azure.usage.events import AzureLogs
from connectors.logs.rows import Folded
from tests.connectors.azure.synthetic import AGENT, AGENT_APP, OBJECT_ID, SUB, TENANT

OPERATION = "Microsoft.CognitiveServices/accounts/listKeys/action"
RESOURCE = f"/subscriptions/{SUB}/resourceGroups/Agents/providers/Microsoft.CognitiveServices/accounts/brain"
ASSIGNMENT = "e0000000-0000-4000-8000-000000000001"
EVIDENCE = {
    "role": "Foundry User",
    "roleAssignmentId": ASSIGNMENT.replace("-", ""),
    "roleAssignmentScope": f"/subscriptions/{SUB}",
    "roleDefinitionId": "53ca6127db724b80b1b0d745d6d5456d",
    "principalId": AGENT.replace("-", ""),
    "principalType": "ServicePrincipal",
}
AUTHORIZATION = {"action": OPERATION, "scope": RESOURCE, "evidence": EVIDENCE}
CLAIMS = {OBJECT_ID: AGENT, "appid": AGENT_APP, "idtyp": "app"}
CORRELATION = "cccccccc-0000-4000-8000-000000000001"

REST = {
    "authorization": AUTHORIZATION,
    "caller": AGENT,
    "category": {"value": "Administrative"},
    "claims": CLAIMS,
    "correlationId": CORRELATION,
    "eventDataId": "dddddddd-0000-4000-8000-000000000001",
    "eventTimestamp": "2026-09-10T10:00:00.1234567Z",
    "operationName": {"value": OPERATION, "localizedValue": "List Keys"},
    "resourceId": RESOURCE,
    "status": {"value": "Succeeded"},
    "subscriptionId": SUB,
}
SDK = {
    "authorization": AUTHORIZATION,
    "caller": AGENT,
    "category": {"value": "Administrative", "localized_value": "Administrative"},
    "claims": CLAIMS,
    "correlation_id": CORRELATION,
    "event_data_id": "dddddddd-0000-4000-8000-000000000001",
    "event_timestamp": "2026-09-10T10:00:00.123456Z",
    "operation_name": {"value": OPERATION, "localized_value": "List Keys"},
    "resource_id": RESOURCE,
    "status": {"value": "Succeeded", "localized_value": "Succeeded"},
    "subscription_id": SUB,
}
DIAGNOSTIC = {
    "time": "2026-09-10T10:00:00.1234567Z",
    "resourceId": RESOURCE.upper(),
    "operationName": OPERATION.upper(),
    "category": "Administrative",
    "resultType": "Success",
    "resultSignature": "Succeeded.OK",
    "correlationId": CORRELATION,
    "identity": {"authorization": AUTHORIZATION, "claims": CLAIMS},
    "level": "Information",
    "tenantId": TENANT,
    "properties": {"statusCode": "OK", "message": OPERATION},
}
ANALYTICS = {
    "TenantId": "5e5e5e5e-0000-4000-8000-000000000001",
    "TimeGenerated": "2026-09-10T10:00:00.1234567Z",
    "OperationNameValue": OPERATION.upper(),
    "CategoryValue": "Administrative",
    "ActivityStatusValue": "Success",
    "Caller": AGENT,
    "Authorization": json.dumps(AUTHORIZATION),
    "Claims": json.dumps(CLAIMS),
    "CorrelationId": CORRELATION,
    "EventDataId": "dddddddd-0000-4000-8000-000000000001",
    "SubscriptionId": SUB,
    "_ResourceId": RESOURCE.lower(),
    "Type": "AzureActivity",
}
LOWERED = {
    "time": "2026-09-10 10:00:00.123",
    "resourceid": RESOURCE.upper(),
    "operationname": OPERATION.lower(),
    "category": "Administrative",
    "resulttype": "Success",
    "correlationid": CORRELATION,
    "identity": {"authorization": AUTHORIZATION, "claims": CLAIMS},
    "tenantid": TENANT,
}
SHAPES = {"rest": REST, "sdk": SDK, "diagnostic": DIAGNOSTIC, "analytics": ANALYTICS, "lowered": LOWERED}


def fold(record: dict[str, Any]) -> Folded:
    reader = AzureLogs()
    decoded = msgspec.json.decode(msgspec.json.encode(record), type=reader.record_type)
    found = reader.fold(decoded)
    assert isinstance(found, Folded), found
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_the_same_row(shape):
    (row,) = fold(SHAPES[shape]).keys
    assert (row.account, row.identity, row.identity_type) == (SUB, AGENT, "app")
    assert (row.operation, row.permission.lower()) == (OPERATION.lower(), OPERATION.lower())
    assert (row.grant, row.outcome, row.detail) == (ASSIGNMENT, "allowed", "")
    assert row.resource == RESOURCE.lower()


def test_copies_of_one_event_share_their_id_across_shapes():
    assert len({fold(record).event_id for record in SHAPES.values()}) == 1


def test_the_begin_and_the_end_of_a_call_are_two_events():
    started = REST | {"status": {"value": "Started"}}
    assert fold(started).event_id != fold(REST).event_id


def test_the_place_is_the_subscription_the_class_and_the_resource_type():
    assert fold(DIAGNOSTIC).place == (SUB, "", "administrative", "microsoft.cognitiveservices/accounts")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"resultType": "Success", "resultSignature": "Succeeded.Created"}, "allowed"),
        ({"resultType": "Success", "resultSignature": "Succeeded.NoContent"}, "allowed"),
        ({"resultType": "Succeeded"}, "allowed"),
        ({"resultType": "Failure", "resultSignature": "Failed.Forbidden"}, "denied"),
        ({"resultType": "Failed", "resultSignature": "403"}, "denied"),
        (
            {
                "resultType": "Failure",
                "resultSignature": "Failed.",
                "properties": {"statusMessage": '{"error":{"code":"AuthorizationFailed"}}'},
            },
            "denied",
        ),
        ({"resultType": "Failure", "resultSignature": "Failed.Conflict"}, "error"),
        (
            {
                "resultType": "Failure",
                "resultSignature": "Failed.Forbidden",
                "properties": {"statusMessage": '{"error":{"code":"RequestDisallowedByPolicy"}}'},
            },
            "error",
        ),
        (
            {
                "resultType": "Failure",
                "resultSignature": "Failed.Forbidden",
                "properties": {"statusMessage": '{"error":{"code":"LinkedAuthorizationFailed"}}'},
            },
            "error",
        ),
        (
            {
                "resultType": "Failure",
                "resultSignature": "Failed.Conflict",
                "properties": {"statusMessage": '{"error":{"code":"Conflict","message":"see call 1403"}}'},
            },
            "error",
        ),
        (
            {
                "resultType": "Failure",
                "resultSignature": "Failed.",
                "properties": {
                    "statusMessage": {
                        "error": {"code": "DeploymentFailed", "details": [{"code": "Forbidden"}]}
                    }
                },
            },
            "error",
        ),
    ],
)
def test_only_a_refused_authorisation_is_denied(change, expected):
    """Azure Policy refuses after the authorisation has passed: that is an error, and a use."""
    (row,) = fold(DIAGNOSTIC | change).keys
    assert row.outcome == expected


@pytest.mark.parametrize(
    ("status", "detail"), [("Start", "started"), ("Accept", "accepted"), ("Accepted", "accepted")]
)
def test_a_record_of_a_call_under_way_says_so(status, detail):
    (row,) = fold(DIAGNOSTIC | {"resultType": status}).keys
    assert (row.detail, row.outcome) == (detail, "error")


@pytest.mark.parametrize("category", ["Policy", "Recommendation", "Alert", "ServiceHealth", "Autoscale"])
def test_other_categories_are_seen_but_are_no_calls(category):
    found = fold(DIAGNOSTIC | {"category": category})
    assert list(found.keys) == []
    assert found.place[2] == category.lower()


@pytest.mark.parametrize("category", ["Write", "Delete", "Action"])
def test_the_categories_of_the_first_export_schema_are_administrative(category):
    """The vendor's own sample of an exported record says `"category": "Write"`."""
    found = fold(DIAGNOSTIC | {"category": category})
    assert (found.place[2], [row.identity for row in found.keys]) == ("administrative", [AGENT])


def caller(**fields: Any) -> tuple[str, str, str]:
    bare = {key: value for key, value in REST.items() if key not in ("claims", "caller", "authorization")}
    (row,) = fold(bare | fields).keys
    return row.identity, row.identity_type, row.via


def test_the_object_id_claim_names_the_caller():
    assert caller(claims={OBJECT_ID: AGENT.upper().replace("-", "")})[0] == AGENT


def test_an_application_without_object_id_is_named_by_its_application():
    assert caller(claims={"appid": AGENT_APP}) == (f"app:{AGENT_APP}", "app", "")


def test_a_user_keeps_the_application_it_called_through():
    claims = {OBJECT_ID: AGENT, "appid": AGENT_APP, "http://schemas.microsoft.com/identity/claims/scope": "x"}
    assert caller(claims=claims) == (AGENT, "user", f"app:{AGENT_APP}")


def test_a_user_without_object_id_is_named_by_its_name():
    assert caller(caller="Someone@Example.com") == ("user:someone@example.com", "user", "")


def test_the_principal_of_the_evidence_stands_in_for_the_caller_unless_it_is_a_group():
    assert caller(authorization=AUTHORIZATION) == (AGENT, "app", "")
    group = AUTHORIZATION | {"evidence": EVIDENCE | {"principalType": "Group"}}
    assert caller(authorization=group)[0] == ""


def test_the_resource_of_a_managed_identity_is_kept():
    vm = f"/subscriptions/{SUB}/resourcegroups/agents/providers/microsoft.compute/virtualmachines/box"
    (row,) = fold(REST | {"claims": CLAIMS | {"xms_mirid": vm}}).keys
    assert row.workload == vm


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"time": "yesterday", "operationName": OPERATION},
        {"time": "2026-13-40T99:99:99Z", "operationName": OPERATION},
        {"time": "2026-09-10T10:00:00Z"},
        {"time": "2026-09-10T10:00:00Z", "operationName": "no slash here"},
        {"time": 17, "operationName": ["x"], "claims": "{", "properties": "[", "identity": 5},
    ],
)
def test_a_record_without_time_or_operation_gives_its_reason(broken):
    reader = AzureLogs()
    decoded = msgspec.json.decode(msgspec.json.encode(broken), type=reader.record_type)
    assert isinstance(reader.fold(decoded), str)


def test_fields_of_surprising_types_are_survived():
    odd = DIAGNOSTIC | {"identity": "someone", "properties": "not json {", "location": 5, "resultType": 0}
    (row,) = fold(odd).keys
    assert row.identity == ""


def test_without_role_assignments_the_applications_of_the_logs_are_listed(desk):
    """A person's calls do not list the person; an application known by its claim alone stands under that."""
    person = {**REST, "claims": {"upn": "ann@example.com", "idtyp": "user"}, "caller": "ann@example.com"}
    nameless = {**REST, "claims": {"appid": AGENT_APP, "idtyp": "app"}, "caller": "", "authorization": {}}
    desk.put(
        "activity_logs",
        [
            REST,
            {**person, "eventDataId": "1", "correlationId": "1"},
            {**nameless, "eventDataId": "2", "correlationId": "2"},
        ],
    )
    facts = desk.facts()
    assert {AGENT, f"app:{AGENT_APP}"} == {one.id for one in facts.identities}
