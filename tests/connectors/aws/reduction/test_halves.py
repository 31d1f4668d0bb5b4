"""Reductions that are worked out in two halves are those worked out in one piece."""

import json
import pickle
from datetime import UTC, datetime

import pytest

from connectors.aws.connector import CONNECTOR
from connectors.aws.reduction import reduction as module
from connectors.facts import Window
from connectors.interface import Patterns
from connectors.reduction import Question

YEAR = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def in_two(items, work, *, from_items):
    """Do what `in_halves` does, without a second process."""
    del from_items
    middle = len(items) // 2
    return tuple(pickle.loads(pickle.dumps(work(half))) for half in (items[:middle], items[middle:]))  # noqa: S301


def holder(name, *policies):
    attached = [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in policies]
    return {
        "Path": "/",
        "RoleName": name,
        "RoleId": f"AROA{name.upper()}",
        "Arn": f"arn:aws:iam::111122223333:role/{name}",
        "CreateDate": "2025-01-01T00:00:00+00:00",
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []},
        "RolePolicyList": [],
        "AttachedManagedPolicies": attached,
    }


def reduced(collect, tmp_path, names):
    shared = [f"arn:aws:iam::111122223333:policy/{name}" for name in ("data", "admin")]
    statement = {"Effect": "Allow", "Action": ["s3:Get*", "s3:Delete*", "sqs:*"], "Resource": "*"}
    path = tmp_path / "gaad.json"
    details = {
        "RoleDetailList": [holder(name, *shared) for name in names],
        "Policies": [
            {
                "PolicyName": arn.rpartition("/")[2],
                "Arn": arn,
                "DefaultVersionId": "v1",
                "PolicyVersionList": [
                    {
                        "VersionId": "v1",
                        "IsDefaultVersion": True,
                        "Document": {"Version": "2012-10-17", "Statement": [statement]},
                    }
                ],
            }
            for arn in shared
        ],
    }
    path.write_text(json.dumps(details))
    evidence = [collect({"authorization_details": [path]}, YEAR)]
    facts = CONNECTOR.interpret(evidence, YEAR, Patterns())
    remove = facts.permissions.mask(["s3:DeleteBucket", "sqs:DeleteQueue"])
    questions = [Question(identity.id, remove, ()) for identity in facts.identities]
    return CONNECTOR.reduce(evidence, facts, questions, YEAR)


@pytest.mark.parametrize(
    "names",
    [
        [f"agent-{number}" for number in range(7)],
        # The new policies of two roles would have one name: each is given in the order of the roles.
        ["agent x", "agent-x", "agent~x"],
    ],
)
def test_two_halves_are_the_whole(names, collect, tmp_path, monkeypatch):
    whole = reduced(collect, tmp_path, names)
    monkeypatch.setattr(module, "in_halves", in_two)
    assert reduced(collect, tmp_path, names) == whole
    assert len(whole.found) == len(names)
    made = [change.target for one in whole.found.values() for change in one.changes if change.after]
    assert len(set(made)) == len(made) == 2 * len(names)
