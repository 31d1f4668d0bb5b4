"""What doctor says of a part of a live source."""

import pytest

from connectors.interface import Outcome, Status
from connectors.live.failures import CallError
from connectors.live.part_checks import part_checks


def lines(tried, *outcomes):
    found = part_checks("roles", tried, outcomes, "roles are not known", "calls")
    return [(one.subject, one.status, one.detail) for one in found]


def outcome(status, part="roles", reason="page 3 of ListRoles was no JSON"):
    return Outcome("source", part, status, 2, reason)


def test_calls_that_work_are_ok():
    assert lines({"ListRoles": (1, None)}, outcome(Status.OK)) == [("roles", "ok", "1 of 1 calls work")]


@pytest.mark.parametrize("status", [Status.PARTIAL, Status.FAILED])
def test_a_part_that_would_not_be_read_whole_is_partial_though_its_calls_work(status):
    told = "1 of 1 calls work; page 3 of ListRoles was no JSON"
    assert lines({"ListRoles": (1, None)}, outcome(status)) == [("roles", "partial", told)]


def test_the_outcome_of_another_part_says_nothing():
    found = lines({"ListRoles": (1, None)}, outcome(Status.PARTIAL, part="users"))
    assert found == [("roles", "ok", "1 of 1 calls work")]


def test_a_call_that_failed_is_told_by_itself():
    error = CallError("ListRoles was refused", "denied", "ListRoles")
    found = lines({"ListRoles": (0, error), "GetRole": (1, None)}, outcome(Status.PARTIAL))
    assert [(one, state) for one, state, _ in found] == [("roles", "partial"), ("ListRoles", "failed")]
