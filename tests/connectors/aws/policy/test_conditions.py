"""Conditions are evaluated by the rules of the IAM user guide, and left open where a key is not known."""

import pytest

from connectors.aws.policy.conditions import Context, Missing, Shape, evaluate, substitute
from connectors.aws.policy.document import ConditionTest

KNOWN = Context(
    {
        "aws:username": ("alice",),
        "aws:PrincipalArn": ("arn:aws:iam::111122223333:role/team/agent",),
        "aws:userid": Shape("AROAEXAMPLE:*"),
        "aws:PrincipalTag/team": ("blue",),
        "aws:TagKeys": ("a", "b"),
        "aws:CurrentTime": ("2026-06-01T00:00:00Z",),
        "aws:EpochTime": ("1780272000",),
        "aws:SourceIp": ("203.0.113.9",),
        "aws:SecureTransport": ("true",),
        "s3:max-keys": ("10",),
        "aws:Gone": Missing.ABSENT,
        "v6": ("2001:db8::1",),
    },
    {"aws:PrincipalTag/": Missing.ABSENT},
)


def test_of(operator, key, *values):
    return evaluate(ConditionTest(operator, key, values), KNOWN)


test_of.__test__ = False


@pytest.mark.parametrize(
    ("operator", "key", "values", "expected"),
    [
        ("StringEquals", "aws:username", ["bob", "alice"], True),
        ("StringEquals", "AWS:USERNAME", ["alice"], True),
        ("StringEquals", "aws:username", ["Alice"], False),
        ("StringEqualsIgnoreCase", "aws:username", ["ALICE"], True),
        ("StringNotEquals", "aws:username", ["bob", "alice"], False),
        ("StringNotEqualsIgnoreCase", "aws:username", ["bob"], True),
        ("StringLike", "aws:username", ["al*"], True),
        ("StringLike", "aws:username", ["ali?e"], True),
        ("StringNotLike", "aws:username", ["al*"], False),
        ("StringEquals", "aws:username", ["al*"], False),
        ("NumericEquals", "s3:max-keys", ["10.0"], True),
        ("NumericNotEquals", "s3:max-keys", ["10"], False),
        ("NumericLessThan", "s3:max-keys", ["10"], False),
        ("NumericLessThanEquals", "s3:max-keys", ["10"], True),
        ("NumericGreaterThan", "s3:max-keys", ["9"], True),
        ("NumericGreaterThanEquals", "s3:max-keys", ["11"], False),
        ("NumericEquals", "s3:max-keys", ["ten"], False),
        ("DateLessThan", "aws:CurrentTime", ["2026-06-02T00:00:00Z"], True),
        ("DateGreaterThan", "aws:CurrentTime", ["2026-06-02"], False),
        ("DateGreaterThanEquals", "aws:CurrentTime", ["2026-06-01T00:00:00Z"], True),
        ("DateLessThanEquals", "aws:EpochTime", ["2026-06-01T00:00:00Z"], True),
        ("DateEquals", "aws:CurrentTime", ["1780272000"], True),
        ("DateNotEquals", "aws:CurrentTime", ["1780272000"], False),
        ("Bool", "aws:SecureTransport", ["TRUE"], True),
        ("Bool", "aws:SecureTransport", ["false"], False),
        ("BinaryEquals", "aws:username", ["alice"], True),
        ("IpAddress", "aws:SourceIp", ["203.0.113.0/24"], True),
        ("IpAddress", "aws:SourceIp", ["203.0.113.10"], False),
        ("NotIpAddress", "aws:SourceIp", ["10.0.0.0/8"], True),
        ("IpAddress", "v6", ["2001:db8::/32"], True),
        ("IpAddress", "v6", ["10.0.0.0/8"], False),
        ("ArnLike", "aws:PrincipalArn", ["arn:aws:iam::*:role/team/*"], True),
        ("ArnEquals", "aws:PrincipalArn", ["arn:aws:iam::111122223333:role/*"], True),
        ("ArnLike", "aws:PrincipalArn", ["arn:aws:iam::*"], False),
        ("ArnLike", "aws:PrincipalArn", ["arn:*:role/team/agent"], False),
        ("StringLike", "aws:PrincipalArn", ["arn:*:role/team/agent"], True),
        ("ArnNotLike", "aws:PrincipalArn", ["arn:aws:iam::*:role/other"], True),
        ("ArnNotEquals", "aws:PrincipalArn", ["arn:aws:iam::111122223333:role/team/agent"], False),
        ("Null", "aws:Gone", ["true"], True),
        ("Null", "aws:Gone", ["false"], False),
        ("Null", "aws:username", ["false"], True),
    ],
)
def test_every_operator_against_a_known_key(operator, key, values, expected):
    assert test_of(operator, key, *values) is expected


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("StringEquals", False),
        ("StringNotEquals", True),
        ("StringEqualsIfExists", True),
        ("StringNotEqualsIfExists", True),
        ("ForAllValues:StringEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
        ("NumericLessThan", False),
        ("ArnNotLike", True),
        ("NotIpAddress", True),
        ("Bool", False),
        ("BoolIfExists", True),
    ],
)
def test_a_missing_key_makes_positive_operators_false_and_negated_ones_true(operator, expected):
    assert test_of(operator, "aws:Gone", "x") is expected


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("ForAllValues:StringEquals", ["a", "b", "c"], True),
        ("ForAllValues:StringEquals", ["a"], False),
        ("ForAnyValue:StringEquals", ["b"], True),
        ("ForAnyValue:StringEquals", ["c"], False),
        ("ForAllValues:StringNotEquals", ["c"], True),
        ("ForAllValues:StringNotEquals", ["a"], False),
        ("ForAnyValue:StringNotEquals", ["a"], True),
        ("ForAnyValue:StringNotLike", ["?"], False),
    ],
)
def test_set_operators_compare_each_value_of_the_request(operator, values, expected):
    assert test_of(operator, "aws:TagKeys", *values) is expected


@pytest.mark.parametrize("operator", ["StringEquals", "StringNotLike", "Null", "BoolIfExists", "StringLikes"])
def test_what_is_not_known_is_left_open(operator):
    assert test_of(operator, "aws:SourceVpce", "vpce-1") is None


def test_a_value_known_in_part_decides_what_it_can():
    assert test_of("StringLike", "aws:userid", "AROAEXAMPLE:*") is True
    assert test_of("StringLike", "aws:userid", "AROAOTHER:*") is False
    assert test_of("StringNotLike", "aws:userid", "AROAOTHER:*") is True
    assert test_of("StringEquals", "aws:userid", "AROAEXAMPLE:job") is None
    assert test_of("StringEquals", "aws:userid", "AIDA") is False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("home/${aws:username}/*", "home/alice/*"),
        ("${aws:PrincipalTag/team}", "blue"),
        ("${aws:PrincipalTag/none, 'any'}", "any"),
        ("${aws:PrincipalTag/none}", Missing.ABSENT),
        ("${aws:SourceVpc}", Missing.UNKNOWN),
        ("${aws:TagKeys}", Missing.ABSENT),
        ("plain", "plain"),
        ("cost${$}", "cost$"),
    ],
)
def test_policy_variables_are_filled_in(text, expected):
    assert substitute(text, KNOWN) == expected


def test_wildcards_that_come_from_a_variable_are_plain_characters():
    context = Context({"aws:PrincipalTag/p": ("*",)})
    like = ConditionTest("StringLike", "aws:PrincipalTag/p", ("${aws:PrincipalTag/p}",))
    assert evaluate(like, context) is True
    assert (
        evaluate(ConditionTest("StringLike", "k", ("${aws:PrincipalTag/p}",)), Context({"k": ("x",)})) is None
    )
    both = Context({"aws:PrincipalTag/p": ("*",), "k": ("x",)})
    assert evaluate(ConditionTest("StringLike", "k", ("${aws:PrincipalTag/p}",)), both) is False
    assert evaluate(ConditionTest("StringLike", "k", ("${*}",)), both) is False
