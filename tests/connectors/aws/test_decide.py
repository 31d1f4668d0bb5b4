"""One request is decided as the IAM user guide says, and left open where the request does not say enough.

Facts from "Policy evaluation logic", "Resource element", "SCP evaluation" of the AWS documentation; the
policies are synthetic.
"""

import pytest

from connectors.aws.conditions import Context
from connectors.aws.decide import Answer, Layer, LayerKind, Request, decide
from connectors.aws.policy_document import parse_document

USER = "arn:aws:iam::111122223333:user/ann"
ROLE = "arn:aws:iam::111122223333:role/agent"
SESSION = "arn:aws:sts::111122223333:assumed-role/agent/job"


def layer(kind, *statements):
    return Layer(kind, str(kind), (parse_document({"Version": "2012-10-17", "Statement": list(statements)}),))


def allow(action="*", resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action="*", resource="*", **more):
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def ask(action, resource, *layers, user=False, **more):
    caller = USER if user else ROLE
    context = {
        "aws:PrincipalArn": (caller,),
        "aws:PrincipalAccount": ("111122223333",),
        "aws:PrincipalType": ("User" if user else "AssumedRole",),
        **more.pop("context", {}),
    }
    return decide(Request(action, resource, Context(context), **more), layers)


IDENTITY, RESOURCE, BOUNDARY, SCP = LayerKind.IDENTITY, LayerKind.RESOURCE, LayerKind.BOUNDARY, LayerKind.SCP
OBJECT = "arn:aws:s3:::Bucket/key"


@pytest.mark.parametrize(
    ("statement", "action", "resource", "allowed"),
    [
        (allow("s3:GetObject", "arn:aws:s3:::Bucket/*"), "S3:getobject", OBJECT, True),
        (allow("s3:GetObject", "arn:aws:s3:::bucket/*"), "s3:GetObject", OBJECT, False),
        (allow("s3:Get?bject", "arn:aws:s3:::Bucket/k?y"), "s3:GetObject", OBJECT, True),
        (allow("s3:GetObject", "arn:aws:s3:*:*:B*"), "s3:GetObject", OBJECT, True),
        (allow("*", "*"), "s3:GetObject", OBJECT, True),
        (allow([" s3:GetObject "], OBJECT), "s3:GetObject", OBJECT, True),
        ({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}, "s3:GetObject", OBJECT, False),
        ({"Effect": "Allow", "NotAction": "s3:Put*", "Resource": "*"}, "s3:GetObject", OBJECT, True),
        (
            {"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::Bucket/*"},
            "s3:GetObject",
            OBJECT,
            False,
        ),
        (allow("s3:GetObject", []), "s3:GetObject", OBJECT, False),
        (allow("s3:GetObject", "arn:aws:s3:::${aws:username}/*"), "s3:GetObject", "arn:aws:s3:::ann/x", True),
    ],
)
def test_statements_match_actions_without_case_and_resources_with_case(statement, action, resource, allowed):
    decision = ask(
        action, resource, layer(IDENTITY, statement), user=True, context={"aws:username": ("ann",)}
    )
    assert (decision.answer is Answer.ALLOWED) is allowed


def test_nothing_allows_by_default():
    assert ask("s3:GetObject", OBJECT).answer is Answer.IMPLICITLY_DENIED


def test_an_explicit_deny_wins_wherever_it_stands_and_is_named():
    decision = ask(
        "s3:GetObject", OBJECT, layer(IDENTITY, allow()), layer(SCP, allow(), deny("s3:*", Sid="No"))
    )
    assert decision.answer is Answer.EXPLICITLY_DENIED
    assert (decision.layer, decision.statement) == ("scp", "No")


def test_a_boundary_never_gives():
    assert ask("s3:GetObject", OBJECT, layer(BOUNDARY, allow())).answer is Answer.IMPLICITLY_DENIED


def test_a_boundary_limits():
    decision = ask("s3:GetObject", OBJECT, layer(IDENTITY, allow()), layer(BOUNDARY, allow("sqs:*")))
    assert decision.answer is Answer.IMPLICITLY_DENIED
    assert decision.layer == "boundary"


def test_each_scp_level_must_allow():
    levels = (layer(SCP, allow()), layer(SCP, allow("sqs:*")))
    assert ask("s3:GetObject", OBJECT, layer(IDENTITY, allow()), *levels).answer is Answer.IMPLICITLY_DENIED
    assert ask("sqs:SendMessage", "*", layer(IDENTITY, allow()), *levels).answer is Answer.ALLOWED


@pytest.mark.parametrize("principal", ["*", {"AWS": "111122223333"}, {"AWS": ROLE}, {"AWS": SESSION}])
def test_within_one_account_a_resource_policy_is_enough(principal):
    decision = ask(
        "s3:GetObject", OBJECT, layer(RESOURCE, allow("s3:*", Principal=principal)), session=SESSION
    )
    assert decision.answer is Answer.ALLOWED
    assert decision.layer == "resource"


def test_across_accounts_both_sides_must_allow():
    resource = layer(RESOURCE, allow("s3:*", Principal={"AWS": ROLE}))
    assert ask("s3:GetObject", OBJECT, resource, other_account=True).answer is Answer.IMPLICITLY_DENIED
    both = ask("s3:GetObject", OBJECT, resource, layer(IDENTITY, allow()), other_account=True)
    assert both.answer is Answer.ALLOWED


@pytest.mark.parametrize(
    ("user", "principal", "answer"),
    [
        (True, USER, Answer.ALLOWED),
        (False, SESSION, Answer.ALLOWED),
        (False, ROLE, Answer.IMPLICITLY_DENIED),
        (True, "111122223333", Answer.IMPLICITLY_DENIED),
    ],
)
def test_a_resource_policy_naming_user_or_session_is_not_limited_by_the_boundary(user, principal, answer):
    decision = ask(
        "s3:GetObject",
        OBJECT,
        layer(RESOURCE, allow("s3:*", Principal={"AWS": principal})),
        layer(BOUNDARY, allow("sqs:*")),
        user=user,
        session="" if user else SESSION,
    )
    assert decision.answer is answer


def test_not_principal_denies_all_but_those_named():
    spared = {"NotPrincipal": {"AWS": [ROLE, SESSION, "111122223333"]}}
    give = layer(IDENTITY, allow())
    assert ask("s3:GetObject", OBJECT, give, layer(RESOURCE, deny(**spared))).answer is Answer.ALLOWED
    others = {"NotPrincipal": {"AWS": "arn:aws:iam::111122223333:role/other"}}
    assert (
        ask("s3:GetObject", OBJECT, give, layer(RESOURCE, deny(**others))).answer is Answer.EXPLICITLY_DENIED
    )


OPEN = {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}


def test_an_unknown_condition_leaves_the_answer_open_only_where_it_matters():
    assert ask("s3:GetObject", OBJECT, layer(IDENTITY, allow(**OPEN))).answer is Answer.UNDECIDED
    assert ask("s3:GetObject", OBJECT, layer(IDENTITY, allow(), allow(**OPEN))).answer is Answer.ALLOWED
    assert ask("s3:GetObject", OBJECT, layer(IDENTITY, allow(), deny(**OPEN))).answer is Answer.UNDECIDED
    assert ask("s3:GetObject", OBJECT, layer(IDENTITY, deny(**OPEN))).answer is Answer.IMPLICITLY_DENIED
    assert ask("sqs:X", "*", layer(IDENTITY, allow(), deny("s3:*", **OPEN))).answer is Answer.ALLOWED
    limited = ask("s3:GetObject", OBJECT, layer(IDENTITY, allow()), layer(BOUNDARY, allow(**OPEN)))
    assert (limited.answer, limited.layer) == (Answer.UNDECIDED, "boundary")


def test_get_caller_identity_needs_nothing():
    assert ask("sts:GetCallerIdentity", "*", layer(IDENTITY, deny())).answer is Answer.ALLOWED
