"""Azure log records of every kind and shape, and what exports, versions and faults make of them."""

import copy
import json
from random import Random
from typing import Any

from connectors.azure.usage.record import SPELLINGS
from tests.connectors.azure.harness import SHARED
from tests.connectors.azure.logs.tables import table_row
from tests.connectors.azure.logs.test_tables import COSMOS, DENIED, UPN, VAULT, graph
from tests.connectors.azure.synthetic import (
    AGENT,
    AGENT_APP,
    GROUP,
    OBJECT_ID,
    PERSON,
    SUB,
    TENANT,
    blob_event,
    event,
    key_blob_event,
    openai_event,
    sign_in_event,
    vault_event,
)
from tests.connectors.azure.usage.test_activity_shapes import SHAPES

SETS = (
    "panther/Azure_MonitorActivity_half.jsonl",
    "panther/Azure_Audit_half.jsonl",
    "plaso/azure_activity_log.jsonl",
    "stratus/azure_entra_detection_events.jsonl",
)
WRITE = "Microsoft.Storage/storageAccounts/write"
LISTED_SIGN_IN = {
    "id": "66666666-0000-4000-8000-000000000001",
    "createdDateTime": "2026-09-10T10:00:00Z",
    "appId": AGENT_APP,
    "servicePrincipalId": AGENT,
    "servicePrincipalCredentialKeyId": "55555555-0000-4000-8000-000000000001",
    "resourceDisplayName": "Azure Key Vault",
    "resourceServicePrincipalId": GROUP,
    "resourceTenantId": TENANT,
    "status": {"errorCode": 0},
    "agent": {"agentType": "agenticAppInstance", "agentSubjectParentId": AGENT_APP},
    "managedIdentityType": "none",
}
ENDPOINT = {
    "TimeGenerated": "2026-09-10T10:00:00Z",
    "Type": "AmlOnlineEndpointTrafficLog",
    "_ResourceId": f"/subscriptions/{SUB}/resourcegroups/a/providers/microsoft.machinelearningservices/workspaces/w",
    "IdentityData": AGENT,
    "AuthType": "aad_token",
    "ResponseCode": "200",
    "Location": "westeurope",
}
ASSET = {
    "time": "2026-09-10T10:00:00Z",
    "resourceId": f"/SUBSCRIPTIONS/{SUB}/RESOURCEGROUPS/A/PROVIDERS/MICROSOFT.MACHINELEARNINGSERVICES/WORKSPACES/W",
    "category": "DataSetReadEvent",
    "operationName": "MICROSOFT.MACHINELEARNINGSERVICES/WORKSPACES/DATASETS/REGISTERED/READ",
    "correlationId": "44444444-0000-4000-8000-000000000001",
    "identity": {"UserObjectId": AGENT, "UserName": "pilot-agent", "ApplicationId": AGENT_APP},
    "resultSignature": "200",
    "properties": {},
}
REGISTRY = {
    "TimeGenerated": "2026-09-10T10:00:00Z",
    "Type": "AmlRegistryReadEventsLog",
    "RegistryResourceId": f"/subscriptions/{SUB}/x/registries/r",
    "UserObjectId": AGENT,
}


def kinds() -> list[dict[str, Any]]:
    """Return records of every kind of log that is read."""
    person = {OBJECT_ID: PERSON, UPN: "Ann@Example.com", "appid": AGENT_APP, "scp": "user_impersonation"}
    exported = [
        event(WRITE),
        event(WRITE, status="Started"),
        event(WRITE, claims={**person, "uti": "a", "iat": 1}),
        event(WRITE, claims={}, caller="Bob@Example.com"),
        event(WRITE, status="Failed", properties={"statusCode": "Forbidden", "statusMessage": DENIED}),
        event(WRITE, status="Failed", properties={"statusMessage": json.loads(DENIED)}),
        event(WRITE, category={"value": "Policy"}),
        blob_event(),
        blob_event("PutBlob", status=403),
        key_blob_event(),
        {
            **key_blob_event(),
            "identity": {"type": "DelegationSas"},
            "uri": f"https://agentdata.blob.core.windows.net/docs/a?skoid={AGENT}",
        },
        vault_event(),
        vault_event("KeySign", properties={"requestUri": f"{VAULT}/keys/k/sign?api-version=7"}),
        vault_event("Authentication", identity={}, properties={"httpStatusCode": 401}),
        openai_event(),
        openai_event(caller=""),
        COSMOS,
        graph(uri=f"https://graph.microsoft.com/v1.0/users/{PERSON}/messages?$expand=x"),
        graph("PATCH", code=403, userId=PERSON),
        sign_in_event(),
        ASSET,
    ]
    tables = [
        {**row, "Type": name}
        for mode in ("resource-specific", "shared table")
        for name, row in (table_row(one, mode) for one in exported)
        if name
    ]
    return [*SHAPES.values(), *exported, *tables, LISTED_SIGN_IN, ENDPOINT, REGISTRY]


def published() -> list[dict[str, Any]]:
    """Return the public sample records, none where they are not beside the checkout."""
    texts = [(SHARED / name).read_text() for name in SETS if (SHARED / name).is_file()]
    lines = [line for text in texts for line in text.splitlines()]
    return [record.get("event", record) for record in map(json.loads, lines)]


SPELLED = {key: keys for keys in SPELLINGS.values() for key in keys}
ODD = (
    *(
        None,
        True,
        False,
        0,
        1,
        1.0,
        200,
        403,
        "",
        " ",
        "0",
        "200",
        "403",
        "Failed",
        "Forbidden",
        "x",
        "/",
        "{",
        "{}",
    ),
    *("[]", "[1]", '{"value":"Failed"}', '{"a":', [], {}, [{}], ["a"], {"value": "Started"}, {"Value": "x"}),
    *("2026-09-10T10:00:00+02:00", "http://[", AGENT, f"{{{AGENT.upper()}}}", "Ann@Example.com", "a/b", "²"),
    *(
        10**30,
        -1,
        1e300,
        {"code": "Forbidden"},
        {"appid": AGENT_APP, "oid": PERSON},
        "AuditLogs",
        "Administrative",
    ),
)


def varied(record: dict[str, Any], other: dict[str, Any], random: Random) -> dict[str, Any]:
    """Return a record with some of its fields spelled otherwise, lost, torn, of other types or another's."""
    record = copy.deepcopy(record)
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        inside: dict[str, Any] = record
        while held := [value for value in inside.values() if isinstance(value, dict) and value]:
            if random.random() < 0.4:
                break
            inside = random.choice(held)
        if inside:
            _change(inside, random.choice(list(inside)), other, random)
    return record


def _change(inside: dict[str, Any], key: str, other: dict[str, Any], random: Random) -> None:
    value = inside[key]
    match random.randrange(9):
        case 0:
            del inside[key]
        case 1 | 2:
            inside[random.choice(SPELLED.get(key, (key.upper(), key.lower(), f"_{key}")))] = inside.pop(key)
        case 3:
            inside[random.choice(SPELLED.get(key, (key.upper(), key.lower(), f"{key}_")))] = copy.deepcopy(
                random.choice(ODD)
            )
        case 4:
            inside[key] = copy.deepcopy(random.choice(ODD))
        case 5:
            inside[key] = json.dumps(value)[: random.choice((None, None, -1))]
        case 6:
            inside[key] = {"value": value} if random.random() < 0.5 else [value]
        case 7:
            borrowed = random.choice(list(other))
            inside[borrowed] = copy.deepcopy(other[borrowed])
        case 8 if isinstance(value, str):
            inside[key] = random.choice((value.upper(), value.lower(), f" {value} ", value[:-1], value + "é"))
        case _:
            inside.update({key: value})
