"""Replay decides recorded requests as IAM would, leaves out what is not the policies' doing, and guesses nothing."""

import itertools

import pytest

from connectors.aws.grants.decide import Answer, Layer, LayerKind, Request, decide
from connectors.aws.policy.conditions import Context, Missing
from connectors.aws.policy.document import parse_document
from connectors.aws.reduction.replay import Compiled, Outcome, replay
from connectors.facts import Usage
from connectors.reduction import Standing

CONTEXT = Context(
    {"aws:username": ("bob",), "aws:PrincipalAccount": ("111122223333",)},
    {"aws:PrincipalTag/": Missing.ABSENT},
)


def statements(*raw):
    return parse_document({"Version": "2012-10-17", "Statement": list(raw)}).statements


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action, resource="*", **more):
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def called(permission, resource="arn:aws:s3:::b/k", count=1, denied=0):
    return Usage(
        "me", permission, resource, "", count, denied, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
    )


def claim(before, after, *usage):
    return replay(Compiled(statements(*before), CONTEXT), Compiled(statements(*after), CONTEXT), usage)


OPEN = {"StringEquals": {"aws:SourceVpc": "vpc-1"}}


@pytest.mark.parametrize(
    ("before", "after", "usage", "expected"),
    [
        ([allow("s3:*")], [allow("s3:GetObject")], called("s3:GetObject"), Standing.PROVED),
        ([allow("s3:*")], [allow("s3:PutObject")], called("s3:GetObject"), Standing.REFUTED),
        ([allow("s3:*")], [], called("s3:GetObject", denied=1), Standing.PROVED),
        ([allow("s3:*")], [allow("s3:*", "arn:aws:s3:::b/*")], called("s3:GetObject"), Standing.PROVED),
        ([allow("s3:*")], [allow("s3:*", "arn:aws:s3:::c/*")], called("s3:GetObject"), Standing.REFUTED),
        # The log names no resource: only the same statement on both sides decides.
        (
            [allow("s3:*")],
            [allow("s3:*", "arn:aws:s3:::b/*")],
            called("s3:GetObject", ""),
            Standing.UNDECIDED,
        ),
        ([allow("s3:*")], [allow("s3:Get*")], called("s3:GetObject", ""), Standing.PROVED),
        # A condition that the log does not hold.
        ([allow("s3:*")], [allow("s3:*", Condition=OPEN)], called("s3:GetObject"), Standing.UNDECIDED),
        (
            [allow("s3:*", Condition=OPEN)],
            [allow("s3:Get*", Condition=OPEN)],
            called("s3:GetObject"),
            Standing.PROVED,
        ),
        (
            [allow("s3:*")],
            [allow("s3:*"), deny("s3:*", Condition=OPEN)],
            called("s3:GetObject"),
            Standing.UNDECIDED,
        ),
        ([allow("s3:*")], [allow("s3:*"), deny("s3:*")], called("s3:GetObject"), Standing.REFUTED),
        # Not the identity's own policies allowed the call: nothing to keep.
        ([allow("sqs:*")], [], called("s3:GetObject"), Standing.PROVED),
    ],
)
def test_standing(before, after, usage, expected):
    assert expected is claim(before, after, usage).standing


def test_a_refuted_claim_names_the_request():
    found = claim([allow("s3:*")], [], called("s3:GetObject"))
    assert ("s3:GetObject on arn:aws:s3:::b/k",) == found.refused


def test_requests_left_out_are_counted():
    found = claim([allow("sqs:*")], [], called("s3:GetObject"), called("sqs:SendMessage", denied=1))
    assert found.reason.startswith("1 recorded request class")
    assert 0 == found.requests


def test_compiled_decisions_are_those_of_the_evaluator():
    policy = [
        allow(["s3:Get*", "S3:put?bject"], ["arn:aws:s3:::b/*", "arn:aws:s3:::${aws:username}/x?"]),
        allow("sqs:*", "arn:aws:sqs:*:*:q-*-dead"),
        {"Effect": "Allow", "NotAction": ["s3:*", "iam:*"], "Resource": "arn:aws:ec2:*:*:instance/*"},
        {"Effect": "Allow", "Action": "s3:ListBucket", "NotResource": "arn:aws:s3:::secret*"},
        allow("kms:Decrypt", Condition=OPEN),
        deny("s3:GetObject", "arn:aws:s3:::b/secret/*"),
        {"Effect": "Deny", "Action": "s3:PutObject", "NotResource": "arn:aws:s3:::b/in/*"},
        deny("sqs:DeleteQueue", Condition=OPEN),
    ]
    document = parse_document({"Version": "2012-10-17", "Statement": policy})
    compiled = Compiled(document.statements, CONTEXT)
    layer = Layer(LayerKind.IDENTITY, "own", (document,))
    actions = [
        "s3:GetObject",
        "s3:PutObject",
        "s3:ListBucket",
        "sqs:SendMessage",
        "sqs:DeleteQueue",
        "kms:Decrypt",
        "iam:PassRole",
        "ec2:StartInstances",
    ]
    resources = [
        "arn:aws:s3:::b/k",
        "arn:aws:s3:::b/secret/k",
        "arn:aws:s3:::b/in/k",
        "arn:aws:s3:::bob/x1",
        "arn:aws:s3:::bob/x",
        "arn:aws:s3:::secret1",
        "arn:aws:sqs:us-east-1:1:q-a-dead",
        "arn:aws:ec2:us-east-1:1:instance/i-1",
        "*",
    ]
    wanted = {
        Answer.ALLOWED: Outcome.ALLOWED,
        Answer.UNDECIDED: Outcome.OPEN,
        Answer.EXPLICITLY_DENIED: Outcome.REFUSED,
        Answer.IMPLICITLY_DENIED: Outcome.REFUSED,
    }
    for action, resource in itertools.product(actions, resources):
        answer = decide(Request(action, resource, CONTEXT), [layer]).answer
        assert wanted[answer] is compiled.decide(action, resource), (action, resource)
