"""Synthetic answers of a small tenant: one subscription, one agent, one group, something of everything."""

from typing import Any

from tests.connectors.azure.live.fake import Fake
from tests.connectors.azure.synthetic import (
    AGENT,
    AGENT_APP,
    BLOB_READER,
    FOUNDRY_PROJECT_MANAGER,
    GROUP,
    OPENAI_USER,
    OTHER_SUB,
    OWNER,
    PERSON,
    SUB,
    TENANT,
    ai_account,
    event,
    number,
    role,
    storage_account,
)

GRAPH_API = "96a00000-0000-4000-8000-000000000001"
MAIL_ROLE = "810c84a8-4a9e-49e6-bf7d-12d183f40d01"
KEY = "5ec0e700-0000-4000-8000-000000000009"
BLUEPRINT = "b10e0000-0000-4000-8000-000000000001"
WORKSPACE = (
    f"/subscriptions/{SUB}/resourceGroups/agents/providers/Microsoft.MachineLearningServices/workspaces/lab"
)
COSMOS = f"/subscriptions/{SUB}/resourceGroups/agents/providers/Microsoft.DocumentDB/databaseAccounts/memory"
VAULT = f"/subscriptions/{SUB}/resourceGroups/agents/providers/Microsoft.KeyVault/vaults/safe"
SEARCH = f"/subscriptions/{SUB}/resourceGroups/agents/providers/Microsoft.Search/searchServices/find"
RUNNER = f"/subscriptions/{SUB}/resourceGroups/agents/providers/Microsoft.ManagedIdentity/userAssignedIdentities/runner"
RUNNER_ID = "a9e07000-0000-4000-8000-000000000077"
CONTAINER_ONLY = (
    "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringEquals 'prompts'"
)
AUTHORIZATION = f"/subscriptions/{SUB}/providers/Microsoft.Authorization"


def rest_assignment(
    principal: str, role_id: str, scope: str, kind: str = "ServicePrincipal", **extra: Any
) -> Any:
    """Return a role assignment as Resource Manager writes it."""
    name = number("e")
    return {
        "id": f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}",
        "name": name,
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": {
            "roleDefinitionId": f"{AUTHORIZATION}/roleDefinitions/{role_id}",
            "principalId": principal,
            "principalType": kind,
            "scope": scope,
            "createdOn": "2026-01-02T03:04:05.0000000Z",
            **extra,
        },
    }


def rest_role(guid: str, name: str, *blocks: dict[str, Any]) -> dict[str, Any]:
    flat = role(guid, name, *blocks)
    identity = {key: flat.pop(key) for key in ("id", "name", "type")}
    return {**identity, "properties": flat}


def fill(fake: Fake) -> None:
    """Give the fake something of everything that live collection asks for."""
    scope = f"/subscriptions/{SUB}"
    for sub in (SUB,):
        fake.give(
            "/subscriptions", [{"id": f"/subscriptions/{sub}", "subscriptionId": sub, "state": "Enabled"}]
        )
    fill_authorization(fake, scope)
    fill_resources(fake, scope)
    fill_directory(fake)
    fake.give_events(
        f"{scope}/providers/Microsoft.Insights/eventtypes/management/values",
        [event("Microsoft.Storage/storageAccounts/write", scope=storage_account())],
    )


def fill_authorization(fake: Fake, scope: str) -> None:
    fake.give(
        f"{AUTHORIZATION}/roleAssignments",
        [
            rest_assignment(AGENT, OPENAI_USER, ai_account()),
            rest_assignment(AGENT, BLOB_READER, storage_account(), condition=CONTAINER_ONLY),
            rest_assignment(RUNNER_ID.replace("-", ""), BLOB_READER, f"{scope}/resourceGroups/agents"),
            rest_assignment(GROUP, OWNER, scope, "Group"),
            rest_assignment(AGENT, FOUNDRY_PROJECT_MANAGER, scope),
        ],
    )
    chat = "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action"
    blobs = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
    fake.give(
        f"{AUTHORIZATION}/roleDefinitions",
        [
            rest_role(OPENAI_USER, "Cognitive Services OpenAI User", {"dataActions": [chat]}),
            rest_role(BLOB_READER, "Storage Blob Data Reader", {"dataActions": [blobs]}),
            rest_role(OWNER, "Owner", {"actions": ["*"]}),
            rest_role(
                FOUNDRY_PROJECT_MANAGER,
                "Foundry Project Manager",
                {
                    "actions": ["Microsoft.Authorization/roleAssignments/write"],
                    "condition": "@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] "
                    f"ForAnyOfAnyValues:GuidEquals {{{BLOB_READER}}}",
                    "conditionVersion": "2.0",
                },
            ),
        ],
    )
    fake.give(f"{AUTHORIZATION}/denyAssignments", [deny("audit"), deny("enforced")])
    fake.give(
        f"{AUTHORIZATION}/roleAssignmentScheduleInstances", [schedule("Assignment", AGENT, BLOB_READER)]
    )
    fake.give(
        f"{AUTHORIZATION}/roleEligibilityScheduleInstances", [schedule("Eligibility", PERSON, OWNER, "User")]
    )
    fake.give(
        f"{AUTHORIZATION}/classicAdministrators",
        [
            {
                "id": f"{AUTHORIZATION}/classicAdministrators/1",
                "properties": {"emailAddress": "old@example.com", "role": "CoAdministrator"},
            }
        ],
    )
    fake.give(
        "/providers/Microsoft.Authorization/providerOperations",
        [
            {
                "id": "/providers/Microsoft.Authorization/providerOperations/Microsoft.Storage",
                "name": "Microsoft.Storage",
                "operations": [{"name": blobs, "isDataAction": True}],
                "resourceTypes": [],
            }
        ],
    )


def deny(effect: str) -> dict[str, Any]:
    return {
        "id": f"{AUTHORIZATION}/denyAssignments/{number('d')}",
        "type": "Microsoft.Authorization/denyAssignments",
        "properties": {
            "denyAssignmentName": f"{effect} deny",
            "denyAssignmentEffect": effect,
            "scope": f"/subscriptions/{SUB}",
            "permissions": [{"actions": ["Microsoft.Network/*"], "notActions": []}],
            "principals": [{"id": GROUP, "type": "Group"}],
            "excludePrincipals": [],
        },
    }


def schedule(kind: str, principal: str, role_id: str, who: str = "ServicePrincipal") -> dict[str, Any]:
    return {
        "id": f"{AUTHORIZATION}/role{kind}ScheduleInstances/{number('7')}",
        "properties": {
            "scope": f"/subscriptions/{SUB}",
            "roleDefinitionId": f"{AUTHORIZATION}/roleDefinitions/{role_id}",
            "principalId": principal,
            "principalType": who,
            "status": "Provisioned",
            "assignmentType": "Assigned",
            "memberType": "Direct",
            "endDateTime": "2027-01-01T00:00:00Z",
        },
    }


def fill_resources(fake: Fake, scope: str) -> None:
    project, application = f"{ai_account()}/projects/pilot", f"{ai_account()}/projects/pilot/applications/bot"
    account = {
        "id": ai_account(),
        "name": "brain",
        "type": "Microsoft.CognitiveServices/accounts",
        "kind": "AIServices",
        "identity": {"type": "SystemAssigned", "principalId": "5ee00000-0000-4000-8000-000000000001"},
        "properties": {"disableLocalAuth": False},
    }
    rows = [
        account,
        {
            "id": f"{scope}/resourceGroups/agents/providers/Microsoft.App/containerApps/front",
            "name": "front",
            "type": "microsoft.app/containerapps",
            "identity": {
                "type": "UserAssigned",
                "userAssignedIdentities": {RUNNER: {"principalId": RUNNER_ID}},
            },
            "properties": {
                "template": {"containers": [{"env": [{"name": "OPENAI_KEY", "value": "planted-secret"}]}]}
            },
        },
        {
            "id": storage_account(),
            "name": "agentdata",
            "type": "microsoft.storage/storageaccounts",
            "properties": {},
        },
    ]

    def graph(_: Any, body: Any) -> Any:
        at = int(body["options"].get("$skipToken", "0"))
        more = {"$skipToken": str(at + 2)} if at + 2 < len(rows) else {}
        return {
            "totalRecords": len(rows),
            "count": 2,
            "data": rows[at : at + 2],
            "resultTruncated": "false",
            **more,
        }

    fake.answer("/providers/Microsoft.ResourceGraph/resources", graph)
    provider = f"{scope}/providers"
    fake.give(f"{provider}/Microsoft.CognitiveServices/accounts", [account])
    fake.give(
        f"{ai_account()}/projects",
        [{"id": project, "name": "brain/pilot", "identity": {"principalId": AGENT}}],
    )
    fake.give(f"{ai_account()}/connections", [connection(f"{ai_account()}/connections/keyed")])
    fake.give(f"{project}/connections", [connection(f"{project}/connections/tool")])
    blueprint = {"clientId": BLUEPRINT, "principalId": BLUEPRINT}
    fake.give(
        f"{project}/applications", [{"id": application, "properties": {"agentIdentityBlueprint": blueprint}}]
    )
    fake.give(
        f"{application}/agentDeployments", [{"id": f"{application}/agentDeployments/one", "properties": {}}]
    )
    fake.give(
        f"{provider}/Microsoft.MachineLearningServices/workspaces",
        [{"id": WORKSPACE, "name": "lab", "type": "Microsoft.MachineLearningServices/workspaces"}],
    )
    for child in ("computes", "onlineEndpoints", "batchEndpoints", "connections"):
        fake.give(
            f"{WORKSPACE}/{child}", [{"id": f"{WORKSPACE}/{child}/one", "properties": {"authMode": "Key"}}]
        )
    fake.give(
        f"{provider}/Microsoft.Search/searchServices",
        [{"id": SEARCH, "name": "find", "properties": {"disableLocalAuth": False}}],
    )
    fake.give(f"{provider}/Microsoft.BotService/botServices", [])
    front = f"{scope}/resourceGroups/agents/providers/Microsoft.App/containerApps/front"
    linkers = f"{front}/providers/Microsoft.ServiceLinker/linkers"
    fake.give(linkers, [linker(f"{linkers}/model")])
    fake.give(
        f"{provider}/Microsoft.Storage/storageAccounts",
        [{"id": storage_account(), "name": "agentdata", "properties": {"allowSharedKeyAccess": True}}],
    )
    fake.give(
        f"{provider}/Microsoft.KeyVault/vaults",
        [
            {
                "id": VAULT,
                "name": "safe",
                "properties": {
                    "enableRbacAuthorization": False,
                    "accessPolicies": [
                        {"tenantId": TENANT, "objectId": AGENT, "permissions": {"secrets": ["get", "list"]}}
                    ],
                },
            }
        ],
    )
    fake.give(
        f"{provider}/Microsoft.DocumentDB/databaseAccounts",
        [{"id": COSMOS, "name": "memory", "properties": {"disableLocalAuth": True}}],
    )
    fake.give(
        f"{COSMOS}/sqlRoleDefinitions",
        [
            {
                "id": f"{COSMOS}/sqlRoleDefinitions/00000000-0000-0000-0000-000000000001",
                "properties": {
                    "roleName": "Cosmos DB Built-in Data Reader",
                    "type": "BuiltInRole",
                    "permissions": [
                        {
                            "dataActions": [
                                "Microsoft.DocumentDB/databaseAccounts/readMetadata",
                                "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/read",
                            ]
                        }
                    ],
                },
            }
        ],
    )
    fake.give(
        f"{COSMOS}/sqlRoleAssignments",
        [
            {
                "id": f"{COSMOS}/sqlRoleAssignments/c05a0000-0000-4000-8000-000000000001",
                "properties": {
                    "roleDefinitionId": f"{COSMOS}/sqlRoleDefinitions/00000000-0000-0000-0000-000000000001",
                    "principalId": AGENT,
                    "scope": COSMOS,
                },
            }
        ],
    )
    fake.give(
        f"{provider}/Microsoft.ManagedIdentity/userAssignedIdentities",
        [{"id": RUNNER, "name": "runner", "properties": {"principalId": RUNNER_ID, "clientId": number("a")}}],
    )
    fake.give(
        f"{RUNNER}/federatedIdentityCredentials",
        [
            {
                "id": f"{RUNNER}/federatedIdentityCredentials/aks",
                "name": "aks",
                "properties": {
                    "issuer": "https://oidc.example/1",
                    "subject": "system:serviceaccount:agents:front",
                    "audiences": ["api://AzureADTokenExchange"],
                },
            }
        ],
    )
    setting = "/providers/Microsoft.Insights/diagnosticSettings"
    fake.give(f"{scope}{setting}", [{"id": f"{scope}{setting}/all", "properties": {"logs": []}}])
    for service in ("blob", "queue", "table", "file"):
        fake.give(f"{storage_account()}/{service}Services/default{setting}", [])
    logs = [{"categoryGroup": "allLogs", "enabled": True}]
    for one in (VAULT, COSMOS, SEARCH):
        fake.give(f"{one}{setting}", [])
    fake.give(
        f"{ai_account()}{setting}", [{"id": f"{ai_account()}{setting}/all", "properties": {"logs": logs}}]
    )
    fake.give("/providers/microsoft.aadiam/diagnosticSettings", [])


def linker(identifier: str, kind: str = "userAssignedIdentity") -> dict[str, Any]:
    """Return a connection of an app to the AI account, as Service Connector writes it."""
    return {
        "id": identifier,
        "type": "microsoft.servicelinker/linkers",
        "properties": {
            "targetService": {"type": "AzureResource", "id": ai_account()},
            "authInfo": {"authType": kind, "clientId": number("a")},
        },
    }


def connection(identifier: str) -> dict[str, Any]:
    return {
        "id": identifier,
        "properties": {
            "authType": "ApiKey",
            "category": "AzureOpenAI",
            "credentials": {"key": "planted-secret"},
        },
    }


def sign_in(when: str, **extra: Any) -> dict[str, Any]:
    """Return a sign-in of the agent as Graph writes it."""
    return {
        "id": number("5"),
        "createdDateTime": when,
        "appId": AGENT_APP,
        "servicePrincipalId": AGENT,
        "resourceDisplayName": "Azure Key Vault",
        "signInEventTypes": ["servicePrincipal"],
        "servicePrincipalCredentialKeyId": KEY,
        "status": {"errorCode": 0},
        "correlationId": number("c"),
        **extra,
    }


def fill_directory(fake: Fake) -> None:
    def sign_ins(query: Any, _: Any) -> Any:
        mine = "'servicePrincipal'" in query["$filter"][0]
        return {"value": [sign_in("2026-10-21T10:00:00Z")] if mine else []}

    fake.answer("/beta/auditLogs/signIns", sign_ins)
    agent = {
        "id": AGENT,
        "appId": AGENT_APP,
        "displayName": "pilot-agent",
        "servicePrincipalType": "Application",
        "appOwnerOrganizationId": TENANT,
        "passwordCredentials": [{"keyId": KEY, "hint": "abc", "secretText": "planted-secret"}],
    }
    api = {
        "id": GRAPH_API,
        "appId": "00000003-0000-0000-c000-000000000000",
        "displayName": "Microsoft Graph",
        "servicePrincipalType": "Application",
        "appOwnerOrganizationId": "f8cdef31-a31e-4b4a-93e4-5f571e91255a",
    }
    runner = {
        "id": RUNNER_ID,
        "appId": number("a"),
        "displayName": "runner",
        "servicePrincipalType": "ManagedIdentity",
    }
    fake.give("/v1.0/servicePrincipals", [agent, api, runner])
    roles = [{"id": MAIL_ROLE, "value": "Mail.Read"}]
    fake.answer(f"/v1.0/servicePrincipals/{GRAPH_API}", lambda *_: {**api, "appRoles": roles})
    person = {"@odata.type": "#microsoft.graph.user", "id": PERSON, "userPrincipalName": "ada@example.com"}
    for one in (AGENT, RUNNER_ID):
        fake.give(f"/v1.0/servicePrincipals/{one}/owners", [person])
        fake.give(f"/v1.0/servicePrincipals/{one}/appRoleAssignments", [])
    fake.give(
        f"/v1.0/servicePrincipals/{AGENT}/appRoleAssignments",
        [
            {
                "id": "grant-1",
                "appRoleId": MAIL_ROLE,
                "principalId": AGENT,
                "principalType": "ServicePrincipal",
                "resourceId": GRAPH_API,
                "resourceDisplayName": "Microsoft Graph",
            }
        ],
    )
    fake.give("/v1.0/servicePrincipals/microsoft.graph.agentIdentity", [])
    fake.give("/v1.0/servicePrincipals/microsoft.graph.agentIdentityBlueprintPrincipal", [])
    blueprint = {"id": "blueprint-object", "appId": BLUEPRINT, "displayName": "maker"}
    fake.give("/v1.0/applications/microsoft.graph.agentIdentityBlueprint", [blueprint])
    fake.give(
        "/v1.0/applications/blueprint-object/microsoft.graph.agentIdentityBlueprint/inheritablePermissions",
        [
            {
                "resourceAppId": "00000003-0000-0000-c000-000000000000",
                "inheritableScopes": {"kind": "noScopes"},
            }
        ],
    )
    application = {
        "id": "app-object",
        "appId": AGENT_APP,
        "displayName": "pilot-agent",
        "publisherDomain": "x",
    }
    fake.give("/v1.0/applications", [application])
    fake.give("/v1.0/applications/app-object/owners", [person])
    fake.give("/v1.0/applications/app-object/federatedIdentityCredentials", [])
    fake.give(
        "/v1.0/oauth2PermissionGrants",
        [
            {
                "id": "consent-1",
                "clientId": AGENT,
                "consentType": "AllPrincipals",
                "resourceId": GRAPH_API,
                "scope": "User.Read Mail.Send",
            }
        ],
    )
    admin = "62e90394-69f5-4237-9190-012177145e10"
    fake.give(
        "/v1.0/roleManagement/directory/roleDefinitions",
        [{"id": admin, "displayName": "Global Administrator"}],
    )
    fake.give(
        "/v1.0/roleManagement/directory/roleAssignments",
        [{"id": "dir-1", "principalId": AGENT, "roleDefinitionId": admin, "directoryScopeId": "/"}],
    )
    fake.give(
        f"/v1.0/groups/{GROUP}/transitiveMembers",
        [{"@odata.type": "#microsoft.graph.servicePrincipal", "id": AGENT}, person, {"id": OTHER_SUB}],
    )
    fake.give(
        "/beta/reports/appCredentialSignInActivities",
        [
            {
                "id": "use-1",
                "keyId": KEY,
                "appId": AGENT_APP,
                "servicePrincipalObjectId": AGENT,
                "signInActivity": {"lastSignInDateTime": "2026-10-20T10:00:00Z"},
            }
        ],
    )
