"""Data-plane logs: who called what, with which credential, through which assignment."""

import json
from typing import Any

import msgspec
import pytest

from connectors.azure.usage.events import AzureLogs
from connectors.azure.usage.usage import permission_of
from connectors.logs.rows import Folded, RowKey, UsageRow
from tests.connectors.azure.harness import blind, unused
from tests.connectors.azure.synthetic import (
    AGENT,
    AGENT_APP,
    SUB,
    TENANT,
    ai_account,
    blob_event,
    key_blob_event,
    number,
    openai_event,
    setting,
    sign_in_event,
    storage_account,
    vault_event,
)

BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
ASSIGNMENT = "e0000000-0000-4000-8000-000000000001"


def fold(record: dict[str, Any]) -> Folded:
    reader = AzureLogs()
    found = reader.fold(msgspec.json.decode(msgspec.json.encode(record), type=reader.record_type))
    assert isinstance(found, Folded), found
    return found


def row(record: dict[str, Any]) -> RowKey:
    (found,) = fold(record).keys
    return found


def permission(found: RowKey) -> str:
    return permission_of(UsageRow(*found, "2026-09-10", 1, "", ""))


def test_a_storage_request_names_the_action_and_the_assignment():
    found = row(blob_event(grant=ASSIGNMENT))
    assert (found.identity, found.permission, found.grant) == (AGENT, f"{BLOBS}/read", ASSIGNMENT)
    assert (found.account, found.outcome, found.credential) == (SUB, "allowed", "")


def test_blobs_fold_into_their_container():
    assert (
        row(blob_event()).resource == f"{storage_account()}/blobservices/default/containers/prompts".lower()
    )


def test_a_request_checked_for_two_actions_uses_both():
    record = blob_event()
    record["identity"]["authorization"].append(
        {"action": f"{BLOBS}/tags/read", "roleAssignmentId": ASSIGNMENT, "result": "Granted"}
    )
    assert [key.permission for key in fold(record).keys] == [f"{BLOBS}/read", f"{BLOBS}/tags/read"]


def test_a_refused_check_is_denied_and_a_granted_one_beside_it_is_not():
    record = blob_event(status=403, result="Denied")
    record["identity"]["authorization"].append({"action": f"{BLOBS}/tags/read", "result": "Granted"})
    assert [key.outcome for key in fold(record).keys] == ["denied", "error"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [(200, "allowed"), (201, "allowed"), (206, "allowed"), (304, "allowed"), (404, "error"), (409, "error")],
)
def test_every_answer_but_a_refusal_is_use(status, expected):
    assert row(blob_event(status=status, result="")).outcome == expected


def test_an_account_key_names_the_key_and_nobody():
    found = row(key_blob_event("key2"))
    assert (found.identity, found.identity_type) == ("", "account-key")
    assert found.credential == f"{storage_account().lower()}#key2"


def test_a_sas_names_the_key_that_signed_it_and_its_hash_is_not_kept():
    record = blob_event() | {"identity": {"type": "SAS", "tokenHash": "key1(AAAA),SasSignature(BBBB)"}}
    found = row(record)
    assert (found.identity_type, found.credential) == ("sas", f"{storage_account().lower()}#key1")
    assert "BBBB" not in str(fold(record))


def test_storage_columns_of_log_analytics_give_the_same_row():
    record = blob_event(grant=ASSIGNMENT)
    columns = {
        "TimeGenerated": record["time"],
        "_ResourceId": record["resourceId"].lower(),
        "Category": "StorageRead",
        "OperationName": "GetBlob",
        "StatusCode": "200",
        "StatusText": "Success",
        "CorrelationId": record["correlationId"],
        "AuthenticationType": "OAuth",
        "AuthorizationDetails": json.dumps(record["identity"]["authorization"]),
        "RequesterObjectId": AGENT,
        "RequesterAppId": AGENT_APP,
        "AccountName": "agentdata",
        "ObjectKey": "/agentdata/prompts/2026/a.json",
        "Location": "westeurope",
        "Type": "StorageBlobLogs",
    }
    assert row(columns) == row(record)


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("PutBlob", f"{BLOBS}/write"),
        ("deleteblob", f"{BLOBS}/delete"),
        ("GetBlobTags", f"{BLOBS}/tags/read"),
        ("ListContainers", "Microsoft.Storage/storageAccounts/blobServices/containers/read"),
        ("SomethingNew", ""),
    ],
)
def test_without_details_the_operation_is_mapped(operation, expected):
    record = blob_event(operation)
    record["identity"]["authorization"] = []
    assert permission(row(record)) == expected


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("SecretGet", "Microsoft.KeyVault/vaults/secrets/getSecret/action"),
        ("KeyUnwrap", "Microsoft.KeyVault/vaults/keys/unwrap/action"),
        ("CertificateList", "Microsoft.KeyVault/vaults/certificates/read"),
    ],
)
def test_key_vault_operations_are_mapped(operation, expected):
    found = row(vault_event(operation))
    assert (found.identity, permission(found), found.outcome) == (AGENT, expected, "allowed")
    assert found.resource.endswith("/vaults/safe/secrets/token")


def test_a_refused_secret_is_denied():
    refused = {"resultSignature": "Forbidden", "properties": {"httpStatusCode": 403}}
    assert row(vault_event() | refused).outcome == "denied"


def test_key_vault_columns_of_azure_diagnostics_name_the_caller():
    columns = {
        "TimeGenerated": "2026-09-10T10:00:00Z",
        "ResourceId": vault_event()["resourceId"],
        "Category": "AuditEvent",
        "OperationName": "SecretGet",
        "ResultType": "Success",
        "httpStatusCode_d": 200.0,
        "identity_claim_http_schemas_microsoft_com_identity_claims_objectidentifier_g": AGENT,
        "id_s": "https://safe.vault.azure.net/secrets/token",
        "CorrelationId": "x",
    }
    found = row(columns)
    assert (found.identity, found.outcome, permission(found)) == (
        AGENT,
        "allowed",
        "Microsoft.KeyVault/vaults/secrets/getSecret/action",
    )


def test_openai_calls_name_the_caller_the_deployment_and_the_action():
    found = row(openai_event())
    action = "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action"
    assert (found.identity, permission(found)) == (AGENT, action)
    assert found.resource == f"{ai_account().lower()}/deployments/gpt-5"


def test_an_openai_call_without_object_id_was_made_with_a_key():
    found = row(openai_event(caller=""))
    assert (found.identity, found.identity_type) == ("", "key")


def test_openai_answers_a_missing_data_action_with_401():
    assert row(openai_event() | {"resultSignature": "401"}).outcome == "denied"


@pytest.mark.parametrize("category", ["Audit", "Trace", "AzureOpenAIRequestUsage"])
def test_openai_classes_that_repeat_calls_are_not_counted_again(category):
    assert list(fold(openai_event() | {"category": category}).keys) == []


def test_cosmos_names_the_principal_and_its_own_assignment():
    record = {
        "time": "2026-09-10T10:00:00Z",
        "resourceId": f"/subscriptions/{SUB}/resourceGroups/a/providers/Microsoft.DocumentDB/databaseAccounts/mem",
        "category": "DataPlaneRequests",
        "operationName": "Query",
        "properties": {
            "aadPrincipalId": AGENT,
            "aadAppliedRoleAssignmentId": ASSIGNMENT.upper(),
            "statusCode": "200",
            "databaseName": "agents",
            "collectionName": "memory",
        },
    }
    found = row(record)
    assert (found.identity, found.grant, found.outcome) == (AGENT, ASSIGNMENT, "allowed")
    assert permission(found).endswith("/sqlDatabases/containers/executeQuery")
    assert found.resource.endswith("/sqldatabases/agents/containers/memory")


def test_a_sign_in_names_the_principal_its_application_and_the_credential():
    found = row(sign_in_event(key="0a0a0a0a-0000-4000-8000-000000000001"))
    assert (found.identity, found.via, found.outcome) == (AGENT, f"app:{AGENT_APP}", "allowed")
    assert found.credential == "0a0a0a0a-0000-4000-8000-000000000001"
    assert fold(sign_in_event()).place == (TENANT, "", "service-principal-sign-ins", "microsoft.aadiam")


@pytest.mark.parametrize(
    "columns",
    [
        {
            "TimeGenerated": "2026-09-10T10:00:00Z",
            "ServicePrincipalId": AGENT,
            "AppId": AGENT_APP,
            "ServicePrincipalCredentialKeyId": "0a0a0a0a-0000-4000-8000-000000000001",
            "ResultType": "0",
            "Type": "AADServicePrincipalSignInLogs",
            "OperationName": "Sign-in activity",
        },
        {
            "createdDateTime": "2026-09-10T10:00:00Z",
            "id": "x",
            "servicePrincipalId": AGENT,
            "appId": AGENT_APP,
            "servicePrincipalCredentialKeyId": "0a0a0a0a-0000-4000-8000-000000000001",
            "status": {"errorCode": 0},
        },
    ],
)
def test_sign_ins_of_log_analytics_and_graph_are_read_too(columns):
    found = row(columns)
    assert (found.identity, found.credential, found.outcome) == (
        AGENT,
        "0a0a0a0a-0000-4000-8000-000000000001",
        "allowed",
    )


def test_a_failed_sign_in_is_no_use_of_the_credential():
    failed = sign_in_event()
    failed["resultType"] = 7000215
    failed["properties"]["status"] = {"errorCode": 7000215}
    assert row(failed).outcome == "denied"


def test_user_sign_ins_and_directory_audits_give_no_rows():
    user = sign_in_event() | {"category": "SignInLogs", "properties": {"userId": "u"}}
    audit = {
        "time": "2026-09-10T10:00:00Z",
        "category": "AuditLogs",
        "operationName": "Add member to role",
    } | {"properties": {"loggedByService": "Core Directory"}}
    assert list(fold(user).keys) == [] == list(fold(audit).keys)


def test_a_service_nobody_has_mapped_keeps_its_operation_and_caller():
    record = {
        "time": "2026-09-10T10:00:00Z",
        "resourceId": f"/subscriptions/{SUB}/resourceGroups/a/providers/Microsoft.Novel/things/x",
        "category": "Requests",
        "operationName": "DoThing",
        "identity": {"claims": {"oid": AGENT}},
    }
    found = row(record)
    assert (found.identity, found.operation, permission(found)) == (
        AGENT,
        "microsoft.novel:requests:dothing",
        "",
    )


def test_a_user_delegation_sas_is_a_use_by_who_made_it():
    """Its address keeps the object id of the maker (`skoid`), by whose role assignments it is checked."""
    address = (
        f"https://agentdata.blob.core.windows.net/prompts/a.json?sp=r&sv=2024-05-04&skoid={AGENT}&sig=XX"
    )
    found = row(blob_event(uri=address) | {"identity": {"type": "SAS"}})
    assert (found.identity, found.identity_type, permission(found)) == (
        AGENT,
        "delegation-sas",
        f"{BLOBS}/read",
    )


def test_a_table_of_queue_logs_is_not_read_as_blobs():
    columns = {
        "TimeGenerated": "2026-09-10T10:00:00Z",
        "_ResourceId": storage_account().lower(),
        "Category": "StorageRead",
        "OperationName": "PeekMessages",
        "StatusCode": 200,
        "AuthenticationType": "OAuth",
        "RequesterObjectId": AGENT,
        "Type": "StorageQueueLogs",
    }
    read = "Microsoft.Storage/storageAccounts/queueServices/queues/messages/read"
    assert permission(row(columns)) == read


def test_sign_ins_of_users_as_graph_lists_them_tell_the_application_and_not_the_person():
    record = {
        "id": "66ea54eb-6301-4ee5-be62-ff5a759b0100",
        "createdDateTime": "2026-09-10T10:00:00Z",
        "userPrincipalName": "ann@example.com",
        "appId": AGENT_APP,
        "servicePrincipalId": "",
        "status": {"errorCode": 0},
    }
    found = fold(record)
    [row] = found.keys
    assert (row.identity, row.via, row.operation) == ("", f"app:{AGENT_APP}", "sign-in-through")
    assert found.place[2] == "user-sign-ins"


COSMOS_PLACE = f"/subscriptions/{SUB}/resourceGroups/a/providers/Microsoft.DocumentDB/databaseAccounts/mem"
CONTAINERS = "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers"


def cosmos_event(operation, kind="Document", **columns):
    return {
        "time": "2026-09-10T10:00:00Z",
        "resourceId": COSMOS_PLACE,
        "category": "DataPlaneRequests",
        "operationName": operation,
        "correlationId": number("b"),
        "properties": {"aadPrincipalId": AGENT, "requestResourceType": kind, "statusCode": "200"},
        **columns,
    }


@pytest.mark.parametrize(
    ("operation", "kind", "needs"),
    [
        ("Read", "Document", f"{CONTAINERS}/items/read"),
        ("Read", "Collection", "Microsoft.DocumentDB/databaseAccounts/readMetadata"),
        ("Read", "DatabaseAccount", "Microsoft.DocumentDB/databaseAccounts/readMetadata"),
        ("ReadFeed", "PartitionKeyRange", "Microsoft.DocumentDB/databaseAccounts/readMetadata"),
        ("SqlQuery", "Document", f"{CONTAINERS}/executeQuery"),
        ("Batch", "Document", ""),
        ("Patch", "Document", ""),
    ],
)
def test_cosmos_reads_items_and_what_holds_them_with_different_permissions(operation, kind, needs):
    assert permission(row(cosmos_event(operation, kind))) == needs


def test_a_query_of_cosmos_may_have_needed_its_feed_and_always_needs_metadata(desk):
    given = ["executeQuery", "readChangeFeed", "items/read", "items/delete"]
    place = f"{COSMOS_PLACE}/sqlRoleDefinitions/1"
    desk.put("role_assignments", [])
    blocks = [
        {
            "dataActions": [
                "Microsoft.DocumentDB/databaseAccounts/readMetadata",
                *(f"{CONTAINERS}/{one}" for one in given),
            ]
        }
    ]
    desk.put(
        "cosmos_role_definitions", [{"id": place, "properties": {"roleName": "R", "permissions": blocks}}]
    )
    assignment_ = {
        "id": f"{COSMOS_PLACE}/sqlRoleAssignments/1",
        "properties": {"roleDefinitionId": place, "principalId": AGENT, "scope": COSMOS_PLACE},
    }
    desk.put("cosmos_role_assignments", [assignment_])
    desk.put("resources", [{"id": COSMOS_PLACE, "type": "Microsoft.DocumentDB/databaseAccounts"}])
    desk.put("diagnostic_settings", [setting(COSMOS_PLACE, "DataPlaneRequests")])
    ends = [cosmos_event("SqlQuery", time=at) for at in ("2026-08-02T10:00:00Z", "2026-10-30T10:00:00Z")]
    desk.put("resource_logs", ends)
    facts = desk.facts()
    assert unused(facts, AGENT) == [f"{CONTAINERS}/items/delete"]
    assert (
        blind(facts, AGENT)["Microsoft.DocumentDB/databaseAccounts/readMetadata"]
        == "checked-inside-another-call"
    )


def test_notices_that_a_vault_writes_by_itself_are_no_calls(desk):
    desk.put("role_assignments", [])
    desk.put("resource_logs", [vault_event("SecretNearExpiryEventGridNotification", caller="")])
    facts = desk.facts()
    assert (facts.unmapped, facts.usage) == ((), ())
