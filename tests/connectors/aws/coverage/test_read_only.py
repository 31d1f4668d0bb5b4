"""What CloudTrail marks `readOnly` is known from records: the rule and its exceptions are held against them."""

import json

import pytest

from connectors.aws.catalog.actions import Catalogue
from connectors.aws.catalog.tables import table
from connectors.aws.coverage.read_only import EITHER, READ, WRITE, events_of, marks_of, permissions_by_mark
from connectors.aws.usage.actions import EventActions, Sureness

MADE_UP = {
    ("cloudtrail.amazonaws.com", "StartLogging"),
    ("wafv2.amazonaws.com", "ListWebACLs"),
    ("cloudtrail.amazonaws.com", "DescribeTrail"),
    ("iam.amazonaws.com", "DetachUserGroup"),
}
"""Events of the tests of detection rules: they say the contrary of all real records, or do not exist."""


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("s3:GetObject", READ),
        ("s3:HeadObject", READ),
        ("s3:PutObject", WRITE),
        ("s3:CopyObject", WRITE),
        ("ec2:RunInstances", WRITE),
        ("kms:Decrypt", READ),
        ("sts:AssumeRole", READ),
        ("dynamodb:BatchGetItem", READ),
        ("dynamodb:BatchWriteItem", WRITE),
        ("dynamodb:ExecuteStatement", WRITE),
        ("lambda:InvokeFunction", EITHER),
        ("bedrock:InvokeAgent", EITHER),
        ("sagemaker:GetRecord", READ),
        ("x:Gettysburg", EITHER),
        ("iam:GetMade", READ),
    ],
)
def test_an_event_is_a_read_or_a_write_where_name_and_access_level_agree(event, expected):
    assert expected == marks_of(event)


def test_a_permission_shows_in_every_event_that_may_need_it():
    assert {"s3:CopyObject", "s3:HeadObject", "s3:GetObject"} <= set(events_of("s3:GetObject"))
    assert ("ec2:RunInstances",) == events_of("ec2:RunInstances")
    catalogue = Catalogue()
    reads, writes = permissions_by_mark()
    assert reads | writes == catalogue.known
    either = set(catalogue.permissions.names(reads & writes))
    assert {"s3:GetObject", "lambda:InvokeFunction", "bedrock:InvokeModel"} <= either
    assert "s3:ListBucket" not in either


def test_the_table_names_actions_or_operations_that_exist():
    catalogue = Catalogue()
    actions = EventActions(catalogue)
    data = table("read_only")
    for kind in ("reads", "writes", "unsure"):
        assert sorted(set(data[kind])) == data[kind]
        assert [] == [one for one in data[kind] if actions.needed(one).sureness is Sureness.UNKNOWN]
    for kind in ("read_verbs", "write_verbs"):
        assert sorted(set(data[kind])) == data[kind]


def records(folder):
    for path in sorted(folder.rglob("*.json")):
        try:
            document = json.loads(path.read_text("utf-8"))
        except ValueError:
            continue
        held = document.get("Records") if isinstance(document, dict) else None
        yield from (one for one in held or () if isinstance(one, dict))


def test_no_real_record_is_marked_otherwise(data):
    """Of each record with `readOnly`, what it says is among what its event may be."""
    actions = EventActions(Catalogue())
    wrong, checked = set(), set()
    for one in records(data / "cloudtrail"):
        source, name, mark = (str(one.get(key)) for key in ("eventSource", "eventName", "readOnly"))
        needed = actions.needed(f"{source}:{name}")
        if one.get("eventType", "AwsApiCall") != "AwsApiCall" or mark not in ("True", "False"):
            continue
        for prefix in needed.prefixes:
            plain = name.rstrip("v0123456789_") if name[-1].isdigit() else name
            marks = marks_of(f"{prefix}:{plain}")
            checked.add((source, name))
            if not (marks.read if mark == "True" else marks.write):
                wrong.add((source, name))
    assert wrong <= MADE_UP
    assert len(checked) > 500
