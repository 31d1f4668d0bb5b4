"""The wing's own tables: dated, sourced, and in the words Azure uses."""

import re
from importlib.resources import files

import pytest

from connectors.azure.catalog.tables import catalogue
from connectors.azure.policy.patterns import matches

NAMES = sorted(
    entry.name.removesuffix(".toml")
    for entry in (files("connectors.azure") / "catalog").iterdir()
    if entry.name.endswith(".toml")
)
OPERATION = re.compile(r"[A-Za-z]+\.[A-Za-z]+(/[A-Za-z0-9_.\-]+)+")


@pytest.mark.parametrize("name", NAMES)
def test_every_table_names_its_source_and_date(name):
    table = catalogue(name)
    assert table["source"]
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", table["date"])


def patterns(value):
    if isinstance(value, str):
        return [value] if "/" in value and " " not in value and value[0] in "M*" else []
    if isinstance(value, dict):
        value = [inner for key, inner in value.items() if key not in ("source", "reason", "fix")]
    return [found for inner in value for found in patterns(inner)] if isinstance(value, list) else []


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_is_written_as_azure_writes_it(name):
    for pattern in patterns(catalogue(name)):
        assert OPERATION.fullmatch(pattern.replace("*", "x", 1).replace("*", "x")) or pattern.startswith(
            "*/"
        ), pattern


def test_mapped_operations_are_lower_case_and_give_plain_actions():
    for name, table in catalogue("operations").items():
        if isinstance(table, dict):
            assert re.fullmatch(r"storage:\w+|microsoft\.\w+:\w+", name)
            for operation, action in table.items():
                assert operation == operation.lower()
                assert OPERATION.fullmatch(action)


def test_admin_roles_have_the_guids_of_the_built_in_roles(built_in_roles):
    names = {role["name"]: role["roleName"] for role in built_in_roles}
    assert {guid: names[guid] for guid in catalogue("admin_roles")["roles"]} == catalogue("admin_roles")[
        "roles"
    ]


def test_conditional_roles_are_those_of_the_built_in_roles(built_in_roles):
    found = {
        role["name"]: role["roleName"]
        for role in built_in_roles
        if any(block["condition"] for block in role["permissions"])
    }
    assert catalogue("conditional_roles")["roles"] == found


def test_most_mapped_actions_occur_in_built_in_roles(built_in_roles):
    """Roles spell out only a part of the operations, the rest by wildcard: each must be covered by one."""
    granted = [
        pattern
        for role in built_in_roles
        for block in role["permissions"]
        for pattern in (*block["actions"], *block["dataActions"])
        if not pattern.startswith("*")
    ]
    mapped = {
        action
        for table in catalogue("operations").values()
        if isinstance(table, dict)
        for action in table.values()
    }
    unknown = {action for action in mapped if not any(matches(pattern, action) for pattern in granted)}
    assert {action for action in unknown if "/sqlDatabases/" not in action} == set()


def test_reach_classes_are_the_shared_ones():
    classes = {name for name, table in catalogue("reach").items() if isinstance(table, dict)}
    assert classes == {
        "admin",
        "credential",
        "data",
        "destructive",
        "identity",
        "logging",
        "model",
        "network",
    }
