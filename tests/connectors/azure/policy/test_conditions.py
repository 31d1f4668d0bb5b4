"""Conditions: decided by the operation and the window, everything else left open."""

from datetime import UTC, datetime

import pytest

from connectors.azure.policy.conditions import decide, decide_within
from connectors.azure.policy.patterns import matches
from connectors.facts import Window

WINDOW = Window(datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
READ = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
WRITE = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write"
ASSIGN = "Microsoft.Authorization/roleAssignments/write"
CONTAINER = (
    f"((!(ActionMatches{{'{READ}'}} AND NOT SubOperationMatches{{'Blob.List'}})) OR "
    "(@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringEquals 'prompts'))"
)


def test_a_condition_limits_only_the_operations_its_text_reaches():
    assert decide(CONTAINER, READ, WINDOW) is None
    assert decide(CONTAINER, WRITE, WINDOW) is True


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("", True),
        ("@Environment[UtcNow] DateTimeGreaterThan '2026-01-01T00:00:00.0Z'", True),
        ("@Environment[UtcNow] DateTimeGreaterThan '2026-09-01T00:00:00.0Z'", None),
        ("@Environment[UtcNow] DateTimeLessThan '2026-01-01T00:00:00.0Z'", False),
        ("@Environment[UtcNow] DateTimeLessThanEquals '2027-01-01'", True),
        ("@Environment[isPrivateLink] BoolEquals true", None),
        ("@Principal[Microsoft.Directory/CustomSecurityAttributes/Id:Eng_Project] StringEquals 'A'", None),
        ("NOT (ActionMatches{'*'})", False),
        ("!(ActionMatches{'Microsoft.X/*'})", True),
        ("Exists @Resource[Microsoft.Storage/x:tag]", None),
        ("true OR garbage garbage", None),
        ("this is (not a condition", None),
        ("ActionMatches{'a'} AND", None),
        ("@Resource[a] StringEquals", None),
        ("\x00\x01", None),
    ],
)
def test_what_the_evidence_cannot_say_is_undecided(condition, expected):
    assert decide(condition, READ, WINDOW) is expected


@pytest.mark.parametrize("condition", ["(" * 100_000, "!" * 50_000 + "true", "a" * 200_000])
def test_a_hostile_condition_is_undecided_not_a_crash(condition):
    assert decide(condition, READ, WINDOW) is None


def test_false_for_certain_removes_even_beside_something_undecided():
    condition = "ActionMatches{'nothing'} AND @Request[a:b] StringEquals 'c'"
    assert decide(condition, READ, WINDOW) is False


def test_25_of_28_built_in_roles_that_assign_roles_do_so_only_under_a_condition(built_in_roles):
    """Domain note 1.3, measured on the 928 roles: 3 unconditional, 25 conditional."""
    verdicts = {}
    for role in built_in_roles:
        for block in role["permissions"]:
            given = any(matches(pattern, ASSIGN) for pattern in block["actions"])
            if given and not any(matches(pattern, ASSIGN) for pattern in block["notActions"]):
                decided = decide(block["condition"] or "", ASSIGN, WINDOW)
                verdicts[role["name"]] = verdicts.get(role["name"]) or decided
    assert [list(verdicts.values()).count(answer) for answer in (True, None, False)] == [3, 25, 0]


NAME = "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name]"
ACCOUNT_NAME = "@Resource[Microsoft.Storage/storageAccounts:name]"
PATH = "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:path]"
TAG = "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs/tags:Project<$key_case_sensitive$>]"
ACCOUNT = "/subscriptions/s/resourcegroups/g/providers/microsoft.storage/storageaccounts/data"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (CONTAINER, True),
        (f"{NAME} StringEquals 'prompts'", True),
        (f"{NAME} StringLike 'agent-*'", True),
        (f"{NAME} StringNotEquals 'secrets'", True),
        (f"{NAME} ForAnyOfAnyValues:StringEquals {{'a', 'b'}}", True),
        (f"{NAME} StringStartsWith 'agent'", True),
        (f"{NAME} StringEquals 'a' AND {NAME} StringEquals 'b'", False),
        (f"{NAME} StringEquals 'a' AND {PATH} StringLike 'x/*'", None),
        (f"{NAME} StringEquals 'a' OR {PATH} StringLike 'x/*'", True),
        (f"{PATH} StringLike 'x/*'", None),
        (f"{TAG} StringEquals 'Cascade'", None),
        (f"{NAME} StringEquals 'a' AND @Environment[isPrivateLink] BoolEquals true", None),
        (f"{NAME} StringEqualsIgnoreCase 'A' AND @Principal[x:y] StringEquals 'z'", None),
        (f"{ACCOUNT_NAME} StringEquals 'data' AND {NAME} StringEquals 'a'", True),
        (f"{ACCOUNT_NAME} StringEquals 'other' AND {NAME} StringEquals 'a'", False),
    ],
)
def test_a_name_narrows_where_an_assignment_above_it_gives_something(condition, expected):
    assert decide_within(condition, READ, WINDOW, ACCOUNT) is expected


def test_a_name_is_no_answer_for_a_resource_that_is_not_named():
    assert decide(CONTAINER, READ, WINDOW, ACCOUNT) is None
    assert decide(CONTAINER, READ, WINDOW, f"{ACCOUNT}/blobservices/default/containers/prompts") is True
    assert decide(CONTAINER, READ, WINDOW, f"{ACCOUNT}/blobservices/default/containers/other") is None
    assert decide(f"{NAME} StringEquals 'prompts'", READ, WINDOW, f"{ACCOUNT}/containers/other") is False
