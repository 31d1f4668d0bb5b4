"""Azure's ids: one canonical form whatever the export wrote."""

import pytest

from connectors.azure.ids import Level, fields, guid, holds, level, principal, resource_type, subscription

DASHED = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"


@pytest.mark.parametrize(
    "written",
    [
        DASHED,
        DASHED.upper(),
        DASHED.replace("-", ""),
        f"{{{DASHED}}}",
        f"/providers/Microsoft.Authorization/roleDefinitions/{DASHED}",
        f" {DASHED} ",
    ],
)
def test_a_guid_is_one_guid_however_it_is_written(written):
    assert guid(written) == DASHED


@pytest.mark.parametrize(
    "written", ["", "Owner", None, 5, "8e3af657-a8ff", "zz3af657a8ff443ca75c2fe8c4bcb635"]
)
def test_what_is_no_guid_is_no_guid(written):
    assert guid(written) == ""


def test_a_principal_that_is_no_guid_keeps_its_text():
    assert principal("Agent@Example.com") == "agent@example.com"


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        ("/", "/subscriptions/a", True),
        ("/subscriptions/a", "/subscriptions/a/resourcegroups/g", True),
        ("/subscriptions/a", "/subscriptions/ab", False),
        ("/subscriptions/a/resourcegroups/g", "/subscriptions/a", False),
        ("/providers/microsoft.management/managementgroups/m", "/subscriptions/a", None),
        ("/providers/microsoft.management/managementgroups/m", "/", False),
    ],
)
def test_a_scope_holds_what_stands_below_it_by_whole_segments(outer, inner, expected):
    assert holds(outer, inner) is expected


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("/", Level.ROOT),
        ("/providers/microsoft.management/managementgroups/m", Level.MANAGEMENT_GROUP),
        ("/subscriptions/a", Level.SUBSCRIPTION),
        ("/subscriptions/a/resourcegroups/g", Level.RESOURCE_GROUP),
        ("/subscriptions/a/resourcegroups/g/providers/microsoft.x/y/z", Level.RESOURCE),
    ],
)
def test_a_scope_has_a_level(scope, expected):
    assert level(scope) == expected


def test_type_and_subscription_are_read_from_a_resource_id():
    one = (
        "/subscriptions/S/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a/blobServices/default"
    )
    assert resource_type(one) == "microsoft.storage/storageaccounts/blobservices"
    assert subscription(one) == "s"


@pytest.mark.parametrize(
    "record",
    [
        {"roleDefinitionId": "r", "principalId": "p"},
        {"id": "x", "properties": {"roleDefinitionId": "r", "principalId": "p"}},
        {"role_definition_id": "r", "principal_id": "p"},
        {"RoleDefinitionId": "r", "PrincipalId": "p"},
    ],
)
def test_the_four_spellings_of_a_record_are_one(record):
    flat = fields(record)
    assert (flat["roledefinitionid"], flat["principalid"]) == ("r", "p")
