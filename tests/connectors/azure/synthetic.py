"""Hand-made Azure records in the clouds' own shapes (synthetic: no public sample of these exists)."""

from itertools import count
from typing import Any

SUB = "11111111-2222-3333-4444-555555555555"
OTHER_SUB = "99999999-2222-3333-4444-555555555555"
TENANT = "aaaaaaaa-0000-4000-8000-000000000000"
AGENT = "a9e07000-0000-4000-8000-000000000001"
AGENT_APP = "a9e07000-0000-4000-8000-0000000000aa"
PERSON = "be09e000-0000-4000-8000-000000000002"
GROUP = "96096000-0000-4000-8000-000000000003"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
BLOB_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
OPENAI_USER = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd"
FOUNDRY_USER = "53ca6127-db72-4b80-b1b0-d745d6d5456d"
FOUNDRY_PROJECT_MANAGER = "eadc314b-1a2d-4efa-be10-5d325db5065e"
KEY_VAULT_SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
RBAC_ADMIN = "f58310d9-a9f6-439a-9e8d-f62e7b41a168"
OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
CUSTOM = "c0570000-0000-4000-8000-000000000001"

_numbers = count(1)


def number(prefix: str = "f") -> str:
    """Return a fresh GUID."""
    return f"{prefix * 8}-0000-4000-8000-{next(_numbers):012x}"


def subscription(sub: str = SUB) -> str:
    return f"/subscriptions/{sub}"


def storage_account(name: str = "agentdata", sub: str = SUB) -> str:
    return f"/subscriptions/{sub}/resourceGroups/agents/providers/Microsoft.Storage/storageAccounts/{name}"


def ai_account(name: str = "brain", sub: str = SUB) -> str:
    return f"/subscriptions/{sub}/resourceGroups/agents/providers/Microsoft.CognitiveServices/accounts/{name}"


def assignment(
    principal: str, role: str, scope: str = "", *, kind: str = "ServicePrincipal", **extra: Any
) -> dict[str, Any]:
    """Return a role assignment as `az role assignment list --all` writes it."""
    scope = scope or subscription()
    name = extra.pop("name", number("e"))
    return {
        "condition": None,
        "conditionVersion": None,
        "createdOn": "2026-01-02T03:04:05.678901+00:00",
        "id": f"{scope.rstrip('/')}/providers/Microsoft.Authorization/roleAssignments/{name}",
        "name": name,
        "principalId": principal,
        "principalName": "",
        "principalType": kind,
        "roleDefinitionId": f"/subscriptions/{SUB}/providers/Microsoft.Authorization/roleDefinitions/{role}",
        "scope": scope,
        "type": "Microsoft.Authorization/roleAssignments",
        **extra,
    }


def role(guid: str, name: str, *blocks: dict[str, Any], **lists: Any) -> dict[str, Any]:
    """Return a role definition as `az role definition list` writes it."""
    empty = {"actions": [], "notActions": [], "dataActions": [], "notDataActions": []}
    return {
        "assignableScopes": ["/"],
        "id": f"/subscriptions/{SUB}/providers/Microsoft.Authorization/roleDefinitions/{guid}",
        "name": guid,
        "permissions": [{**empty, **block} for block in (blocks or (lists,))],
        "roleName": name,
        "roleType": "CustomRole",
        "type": "Microsoft.Authorization/roleDefinitions",
    }


def event(
    operation: str,
    caller: str = AGENT,
    *,
    scope: str = "",
    status: str = "Succeeded",
    time: str = "2026-09-10T10:00:00.1234567Z",
    grant: dict[str, Any] | None = None,
    **extra: Any,
) -> dict[str, Any]:
    """Return an Activity Log record as REST and `az monitor activity-log list` write it."""
    scope = scope or f"{subscription()}/resourceGroups/agents"
    authorization: dict[str, Any] = {"action": operation, "scope": scope}
    if grant is not None:
        authorization["evidence"] = grant
    return {
        "authorization": authorization,
        "caller": caller,
        "category": {"value": "Administrative", "localizedValue": "Administrative"},
        "claims": {"appid": AGENT_APP, "appidacr": "2", OBJECT_ID: caller, "idtyp": "app"},
        "correlationId": number("c"),
        "eventDataId": number("d"),
        "eventTimestamp": time,
        "level": "Informational",
        "operationId": number("0"),
        "operationName": {"value": operation, "localizedValue": operation},
        "resourceId": scope,
        "status": {"value": status, "localizedValue": status},
        "subStatus": {"value": "", "localizedValue": ""},
        "subscriptionId": SUB,
        "tenantId": TENANT,
        **extra,
    }


def evidence(of: dict[str, Any]) -> dict[str, Any]:
    """Return the RBAC evidence that ARM writes for an assignment, ids without dashes as it does."""
    return {
        "role": "some role",
        "roleAssignmentScope": of["scope"],
        "roleAssignmentId": of["name"].replace("-", ""),
        "roleDefinitionId": of["roleDefinitionId"].rsplit("/", 1)[-1].replace("-", ""),
        "principalId": of["principalId"].replace("-", ""),
        "principalType": of["principalType"],
    }


def blob_event(
    operation: str = "GetBlob",
    caller: str = AGENT,
    *,
    action: str = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",
    grant: str = "",
    status: int = 200,
    result: str = "Granted",
    time: str = "2026-09-10T10:00:00.1234567Z",
    **extra: Any,
) -> dict[str, Any]:
    """Return a Storage resource log record (diagnostic export) of an OAuth request."""
    checks = [
        {
            "action": action,
            "roleAssignmentId": grant,
            "roleDefinitionId": BLOB_READER,
            "result": result,
            "type": "RBAC",
            "principals": [{"id": caller, "type": "ServicePrincipal"}],
            "denyAssignmentId": "",
        }
    ]
    return {
        "time": time,
        "resourceId": f"{storage_account()}/blobServices/default",
        "category": {"Get": "StorageRead", "Put": "StorageWrite"}.get(operation[:3], "StorageDelete"),
        "operationName": operation,
        "operationVersion": "2024-05-04",
        "schemaVersion": "1.0",
        "statusCode": status,
        "statusText": "Success" if status < 400 else "AuthorizationPermissionMismatch",
        "callerIpAddress": "10.0.0.1:4242",
        "correlationId": number("b"),
        "identity": {
            "type": "OAuth",
            "tokenHash": "B3CC9D5C64B3351573D806751312317FE4E910877E7CBAFA9D95E0BE923DD25C",
            "authorization": checks,
            "requester": {"appId": AGENT_APP, "objectId": caller, "tenantId": TENANT},
        },
        "location": "westeurope",
        "properties": {
            "accountName": "agentdata",
            "objectKey": "/agentdata/prompts/2026/a.json",
            "serviceType": "blob",
        },
        "uri": "https://agentdata.blob.core.windows.net/prompts/2026/a.json",
        **extra,
    }


def key_blob_event(key: str = "key1", **extra: Any) -> dict[str, Any]:
    """Return a Storage resource log record of a request made with an account key."""
    digest = "5RTE343A6FEB12342672AFD40072B70D4A91BGH5CDF797EC56BF82B2C3635CE"
    return blob_event(**extra) | {"identity": {"type": "AccountKey", "tokenHash": f"{key}({digest})"}}


def vault_event(operation: str = "SecretGet", caller: str = AGENT, **extra: Any) -> dict[str, Any]:
    """Return a Key Vault AuditEvent record (diagnostic export)."""
    vault = f"/SUBSCRIPTIONS/{SUB.upper()}/RESOURCEGROUPS/AGENTS/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/SAFE"
    return {
        "time": "2026-09-10T10:00:00.1234567Z",
        "category": "AuditEvent",
        "operationName": operation,
        "resultType": "Success",
        "resultSignature": "OK",
        "correlationId": number("b"),
        "identity": {"claim": {OBJECT_ID: caller, "appid": AGENT_APP}},
        "properties": {"id": "https://safe.vault.azure.net/secrets/token/0123", "httpStatusCode": 200},
        "resourceId": vault,
        **extra,
    }


def openai_event(
    operation: str = "ChatCompletions_Create", caller: str = AGENT, **extra: Any
) -> dict[str, Any]:
    """Return an Azure OpenAI RequestResponse record: its properties are JSON written as text."""
    return {
        "time": "2026-09-10T10:00:00.0000000Z",
        "resourceId": ai_account().upper(),
        "category": "RequestResponse",
        "operationName": operation,
        "resultSignature": "200",
        "correlationId": number("b"),
        "location": "westeurope",
        "properties": f'{{"objectId":"{caller}","modelDeploymentName":"gpt-5","apiName":"Azure OpenAI API"}}',
        **extra,
    }


def sign_in_event(principal: str = AGENT, key: str = "", **extra: Any) -> dict[str, Any]:
    """Return a service principal sign-in (diagnostic export)."""
    return {
        "time": "2026-09-10T10:00:00.0000000Z",
        "resourceId": f"/tenants/{TENANT}/providers/Microsoft.aadiam",
        "operationName": "Sign-in activity",
        "category": "ServicePrincipalSignInLogs",
        "tenantId": TENANT,
        "resultType": "0",
        "correlationId": number("b"),
        "properties": {
            "servicePrincipalId": principal,
            "appId": AGENT_APP,
            "servicePrincipalCredentialKeyId": key,
            "resourceDisplayName": "Azure Storage",
            "status": {"errorCode": 0},
        },
        **extra,
    }


def service_principal(identifier: str = AGENT, **extra: Any) -> dict[str, Any]:
    """Return a service principal as `az ad sp list` writes it."""
    return {
        "id": identifier,
        "appId": AGENT_APP,
        "displayName": "pilot-agent",
        "servicePrincipalType": "Application",
        "accountEnabled": True,
        "appOwnerOrganizationId": TENANT,
        "createdDateTime": "2026-01-01T00:00:00Z",
        "keyCredentials": [],
        "passwordCredentials": [],
        "tags": [],
        **extra,
    }


def setting(resource: str, *categories: str, group: str = "") -> dict[str, Any]:
    """Return a diagnostic setting as `az monitor diagnostic-settings list` writes it."""
    logs = [{"category": name, "categoryGroup": None, "enabled": True} for name in categories]
    if group:
        logs.append({"category": None, "categoryGroup": group, "enabled": True})
    return {
        "id": f"{resource}/providers/microsoft.insights/diagnosticSettings/all",
        "name": "all",
        "type": "Microsoft.Insights/diagnosticSettings",
        "logs": logs,
    }
