"""A made-up Azure subscription judged by hand before the command was run: what roles give and logs show (synthetic).

Files are written as `az` prints them, and logs as diagnostic settings, Event Hubs and Log Analytics write them.
"""

import json
from datetime import date, timedelta

import pytest
from click.testing import CliRunner

from scanner.cli import cli

SUB = "/subscriptions/11111111-2222-3333-4444-555555555555"
GROUP = f"{SUB}/resourceGroups/rg-ai"
STORE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/docs"
BLOBS = f"{STORE}/blobServices/default"
ME, OTHER = "0a000001-0000-4000-8000-000000000001", "0ffffff0-0000-4000-8000-000000000001"
BLOB = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/"
KEYS = "Microsoft.Storage/storageAccounts/listKeys/action"
SITE, RESTART = "Microsoft.Web/sites/write", "Microsoft.Web/sites/restart/action"
ASSIGN = "Microsoft.Authorization/roleAssignments/write"
READERS_ONLY = (
    f"((!(ActionMatches{{'{ASSIGN}'}})) OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] "
    "ForAnyOfAnyValues:GuidEquals{2a2b9908-6ea1-4ae2-8e65-a410df84e7d1}))"
)
OPERATIONS = {
    "Microsoft.Authorization": [ASSIGN, "Microsoft.Authorization/roleAssignments/delete"],
    "Microsoft.Storage": [
        KEYS,
        "Microsoft.Storage/storageAccounts/write",
        "Microsoft.Storage/storageAccounts/read",
    ],
    "Microsoft.Web": [SITE, RESTART, "Microsoft.Web/sites/read"],
}


def block(*actions, data=(), not_actions=(), condition=None):
    return {
        "actions": list(actions),
        "notActions": list(not_actions),
        "dataActions": list(data),
        "notDataActions": [],
        "condition": condition,
        "conditionVersion": "2.0" if condition else None,
    }


def role(number, *blocks):
    name = f"c0000000-0000-4000-8000-{number:012d}"
    return {
        "id": f"{SUB}/providers/Microsoft.Authorization/roleDefinitions/{name}",
        "name": name,
        "roleName": f"custom {number}",
        "roleType": "CustomRole",
        "assignableScopes": [SUB],
        "permissions": list(blocks),
        "type": "Microsoft.Authorization/roleDefinitions",
    }


ROLES = {
    "wildcard in the middle": role(
        1,
        block(
            "Microsoft.*/*/read",
            "Microsoft.Storage/storageAccounts/*",
            not_actions=["Microsoft.Storage/*/action"],
        ),
    ),
    "two blocks": role(2, block(ASSIGN, condition=READERS_ONLY), block(SITE)),
    "nearly all": role(3, block("*", not_actions=["Microsoft.Authorization/*/write"])),
    "assigns": role(4, block(ASSIGN)),
    "blobs": role(5, block(data=[f"{BLOB}{verb}" for verb in ("read", "write", "delete")])),
    "sites": role(6, block("Microsoft.Web/sites/*")),
}


def assignment(name, scope=SUB, principal=ME):
    found = ROLES[name]
    key = f"aaaa0000-0000-4000-8000-{found['name'][-12:]}"
    key = key if principal == ME else f"{principal[:8]}{key[8:]}"
    return {
        "id": f"{scope}/providers/Microsoft.Authorization/roleAssignments/{key}",
        "name": key,
        "principalId": principal,
        "principalType": "ServicePrincipal",
        "roleDefinitionId": found["id"],
        "scope": scope,
        "condition": None,
        "type": "Microsoft.Authorization/roleAssignments",
    }


def deny(**more):
    return {
        "id": f"{GROUP}/providers/Microsoft.Authorization/denyAssignments/de000000-0000-4000-8000-000000000001",
        "properties": {
            "denyAssignmentName": "no sites",
            "permissions": [
                {"actions": ["Microsoft.Web/sites/*"], "notActions": ["*/read"], "dataActions": []}
            ],
            "scope": GROUP,
            "principals": [{"id": "00000000-0000-0000-0000-000000000000", "type": "SystemDefined"}],
            "excludePrincipals": [],
            **more,
        },
    }


def activity(who, action, day, *, status="Success"):
    """Return an event as a diagnostic setting exports it: names and ids in capitals."""
    place = f"{GROUP}/providers/Microsoft.Web/sites/app"
    return {
        "time": f"{day}T09:00:00Z",
        "resourceId": place.upper(),
        "operationName": action.upper(),
        "category": "Administrative",
        "resultType": status,
        "resultSignature": "Succeeded." if status == "Success" else "Forbidden",
        "correlationId": f"{who}{action}{day}",
        "identity": {
            "authorization": {"scope": place, "action": action},
            "claims": {"http://schemas.microsoft.com/identity/claims/objectidentifier": who, "idtyp": "app"},
        },
    }


def blob(who, verb, day):
    """Return a record of the blob log, with the check that let the call in."""
    return {
        "time": f"{day}T10:00:00Z",
        "resourceId": BLOBS,
        "category": "StorageRead" if verb == "read" else "StorageWrite",
        "operationName": "GetBlob" if verb == "read" else "PutBlob",
        "statusCode": 200,
        "correlationId": f"{who}{verb}{day}",
        "identity": {
            "type": "OAuth",
            "requester": {"objectId": who, "appId": who},
            "authorization": [{"action": f"{BLOB}{verb}", "result": "Granted", "principals": [{"id": who}]}],
        },
        "properties": {"accountName": "docs", "objectKey": "/docs/c/a"},
        "uri": "https://docs.blob.core.windows.net/c/a",
    }


def weeks():
    return [date(2026, 9, 1) + timedelta(days=number) for number in range(0, 88, 7)]


def others():
    return [activity(OTHER, "Microsoft.Compute/virtualMachines/start/action", day) for day in weeks()]


def setting(*categories, **destination):
    return {
        "id": f"{BLOBS}/providers/microsoft.insights/diagnosticSettings/d",
        "logs": [{"category": name, "enabled": True} for name in categories],
        **destination,
    }


def scan(place, held, log=None, **files):
    """Run the command and return the report."""
    listed = [
        {
            "name": name,
            "resourceTypes": [],
            "operations": [{"name": one, "isDataAction": False} for one in held_],
        }
        for name, held_ in OPERATIONS.items()
    ]
    content = {
        "role_assignments": held,
        "role_definitions": list(ROLES.values()),
        "service_principals": [
            {"id": ME, "appId": ME, "displayName": "agent", "servicePrincipalType": "Application"}
        ],
        "resources": [
            {"id": SUB, "type": "Microsoft.Resources/subscriptions", "name": "s"},
            {"id": STORE, "type": "Microsoft.Storage/storageAccounts", "name": "docs", "properties": {}},
        ],
        "provider_operations": listed,
        "activity_logs": others() if log is None else log,
        **files,
    }
    lines = ["[scan]", 'start = "2026-09-01"', 'end = "2026-11-28"', 'identities = "all"', "[[source]]"]
    lines += ['name = "z"', 'provider = "azure"', 'mode = "export"']
    for name, records in content.items():
        (place / f"{name}.json").write_text(json.dumps(records))
        lines.append(f'{name} = "{name}.json"')
    (place / "config.toml").write_text("\n".join(lines))
    arguments = ["scan", "--config", str(place / "config.toml"), "--output", str(place / "out")]
    arguments += ["--now", "2026-11-29T00:00:00Z", "--no-history"]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads((place / "out" / "report.json").read_text())


def verdicts(place, held, log=None, **files):
    """Run the command and return the verdict of each permission."""
    report = scan(place, held, log, **files)
    (me,) = [one for one in report["identities"] if one["id"] == ME]
    kinds = ("used", "denied", "unused", "unobservable", "conditional")
    return {name.lower(): kind for service in me["services"] for kind in kinds for name in service[kind]}


@pytest.mark.parametrize(
    ("held", "files", "expected"),
    [
        (
            [assignment("wildcard in the middle")],
            {},
            {
                "Microsoft.Storage/storageAccounts/write": "unused",
                KEYS: "",
                SITE: "",
                "Microsoft.Web/sites/read": "unobservable",
            },
        ),
        ([assignment("two blocks")], {}, {ASSIGN: "conditional", SITE: "unused"}),
        ([assignment("nearly all")], {}, {ASSIGN: "", KEYS: "unused", f"{BLOB}read": ""}),
        # What one role leaves out another one gives: notActions refuse nothing.
        ([assignment("nearly all"), assignment("assigns", GROUP)], {}, {ASSIGN: "unused"}),
        (
            [assignment("sites", GROUP)],
            {"deny_assignments": [deny()]},
            {SITE: "", "Microsoft.Web/sites/read": "unobservable"},
        ),
        (
            [assignment("sites", GROUP)],
            {"deny_assignments": [deny(excludePrincipals=[{"id": ME, "type": "ServicePrincipal"}])]},
            {SITE: "unused"},
        ),
        ([assignment("sites")], {"deny_assignments": [deny()]}, {SITE: "unused"}),
        (
            [assignment("sites", GROUP)],
            {"deny_assignments": [deny(denyAssignmentEffect="audit")]},
            {SITE: "unused"},
        ),
    ],
)
def test_what_roles_and_denies_leave(tmp_path, held, files, expected):
    found = verdicts(tmp_path, held, **files)
    assert {name: found.get(name.lower(), "") for name in expected} == expected


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda records: records,
        lambda records: {"records": records},
        lambda records: [{"body": {"records": records}, "enqueuedTimeUtc": "2026-10-06T00:00:00Z"}],
        lambda records: [{"Body": json.dumps({"records": records}), "PartitionId": "0"}],
    ],
)
def test_exported_events_are_read_in_every_wrapping(tmp_path, wrapped):
    log = [
        *others(),
        activity(ME, RESTART, date(2026, 10, 5)),
        activity(ME, SITE, date(2026, 10, 6), status="Failure"),
    ]
    found = verdicts(tmp_path, [assignment("sites", GROUP)], wrapped(log))
    assert (found[RESTART.lower()], found[SITE.lower()]) == ("used", "denied")


@pytest.mark.parametrize(
    ("settings", "writes", "expected"),
    [
        ([], False, {"read": "used", "write": "unobservable", "delete": "unobservable"}),
        ([setting("StorageRead", workspaceId="/w")], False, {"read": "used", "write": "unobservable"}),
        (
            [setting("StorageRead", "StorageWrite", workspaceId="/w")],
            False,
            {"write": "unused", "delete": "unobservable"},
        ),
        # A storage account keeps each category in a container of its own: the other one may not have been downloaded.
        ([setting("StorageRead", "StorageWrite", storageAccountId="/s")], False, {"write": "unobservable"}),
        ([setting("StorageRead", "StorageWrite", storageAccountId="/s")], True, {"write": "unused"}),
    ],
)
def test_what_the_blob_log_can_show(tmp_path, settings, writes, expected):
    log = [blob(OTHER, "read", day) for day in weeks()] + [blob(ME, "read", date(2026, 10, 5))]
    log += [blob(OTHER, "write", day) for day in weeks()] if writes else []
    found = verdicts(tmp_path, [assignment("blobs", STORE)], diagnostic_settings=settings, resource_logs=log)
    assert {verb: found[f"{BLOB}{verb}".lower()] for verb in expected} == expected
