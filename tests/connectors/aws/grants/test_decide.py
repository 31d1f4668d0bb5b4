"""One request is decided as the IAM user guide says, and left open where the request does not say enough.

Facts from "Policy evaluation logic", "Resource element", "SCP evaluation" of the AWS documentation; the
policies are synthetic.
"""

import pytest

from connectors.aws.grants.decide import Answer, Layer, LayerKind, Request, decide
from connectors.aws.policy.conditions import Context, Missing
from connectors.aws.policy.document import Principal, parse_document

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


@pytest.mark.parametrize("principal", ["*", {"AWS": "*"}, {"AWS": ROLE}, {"AWS": SESSION}])
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
    refuse = layer(RESOURCE, deny(**spared))
    assert ask("s3:GetObject", OBJECT, give, refuse, session=SESSION).answer is Answer.ALLOWED
    assert ask("s3:GetObject", OBJECT, give, refuse).answer is Answer.UNDECIDED
    bounded = (give, refuse, layer(BOUNDARY, allow()))
    assert ask("s3:GetObject", OBJECT, *bounded, session=SESSION).answer is Answer.EXPLICITLY_DENIED
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


SESSION_POLICY, RCP, ENDPOINT = LayerKind.SESSION, LayerKind.RCP, LayerKind.ENDPOINT
ACCOUNT = {"AWS": "arn:aws:iam::111122223333:root"}
KEY = "arn:aws:kms:eu-west-1:111122223333:key/1"
OTHER_ROLE = "arn:aws:iam::111122223333:role/target"


def test_a_resource_policy_that_names_the_account_hands_the_decision_to_identity_policies():
    delegating = layer(RESOURCE, allow("s3:*", Principal=ACCOUNT))
    assert ask("s3:GetObject", OBJECT, delegating).answer is Answer.IMPLICITLY_DENIED
    assert ask("s3:GetObject", OBJECT, delegating, layer(IDENTITY, allow())).answer is Answer.ALLOWED
    denying = layer(RESOURCE, deny("s3:*", Principal=ACCOUNT))
    assert ask("s3:GetObject", OBJECT, denying, layer(IDENTITY, allow())).answer is Answer.EXPLICITLY_DENIED


@pytest.mark.parametrize(
    ("named", "answer"),
    [(ROLE, Answer.IMPLICITLY_DENIED), (SESSION, Answer.ALLOWED), ("*", Answer.ALLOWED)],
)
def test_a_session_policy_limits_what_a_role_is_given_but_not_what_a_session_is(named, answer):
    """User guide, session policies: access is the intersection, or what names the session beside it."""
    give = layer(RESOURCE, allow("s3:*", Principal={"AWS": named}))
    limit = layer(SESSION_POLICY, allow("sqs:*"))
    assert answer is ask("s3:GetObject", OBJECT, give, limit, session=SESSION).answer


def test_a_session_holds_the_intersection_of_its_policy_and_the_roles():
    give, limit = layer(IDENTITY, allow("s3:*")), layer(SESSION_POLICY, allow(["s3:GetObject", "sqs:*"]))
    assert Answer.ALLOWED is ask("s3:GetObject", OBJECT, give, limit).answer
    assert Answer.IMPLICITLY_DENIED is ask("s3:PutObject", OBJECT, give, limit).answer
    assert Answer.IMPLICITLY_DENIED is ask("sqs:SendMessage", "*", give, limit).answer


@pytest.mark.parametrize(
    ("who", "identity", "answer"),
    [
        (ROLE, None, Answer.ALLOWED),
        (ACCOUNT["AWS"], "kms:Decrypt", Answer.ALLOWED),
        (ACCOUNT["AWS"], None, Answer.IMPLICITLY_DENIED),
        ("arn:aws:iam::111122223333:role/other", "kms:Decrypt", Answer.IMPLICITLY_DENIED),
    ],
)
def test_a_key_policy_must_trust_the_account_before_identity_policies_count(who, identity, answer):
    layers = [layer(RESOURCE, allow("kms:*", Principal={"AWS": who}))]
    layers += [layer(IDENTITY, allow(identity))] if identity else []
    assert answer is ask("kms:Decrypt", KEY, *layers).answer


@pytest.mark.parametrize(
    ("trusted", "identity", "across", "answer"),
    [
        ({"AWS": ROLE}, False, False, Answer.ALLOWED),
        (ACCOUNT, False, False, Answer.IMPLICITLY_DENIED),
        (ACCOUNT, True, False, Answer.ALLOWED),
        ({"Service": "lambda.amazonaws.com"}, True, False, Answer.IMPLICITLY_DENIED),
        ({"AWS": ROLE}, False, True, Answer.IMPLICITLY_DENIED),
        ({"AWS": ROLE}, True, True, Answer.ALLOWED),
        (ACCOUNT, True, True, Answer.ALLOWED),
    ],
)
def test_a_role_is_assumed_only_as_its_trust_policy_says(trusted, identity, across, answer):
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": trusted}
    layers = [layer(RESOURCE, trust), *([layer(IDENTITY, allow("sts:AssumeRole"))] if identity else [])]
    assert answer is ask("sts:AssumeRole", OTHER_ROLE, *layers, other_account=across).answer


@pytest.mark.parametrize(
    ("outsider", "answer"),
    [
        (Principal("Service", "lambda.amazonaws.com"), Answer.ALLOWED),
        (Principal("Service", "ec2.amazonaws.com"), Answer.IMPLICITLY_DENIED),
        (Principal("Federated", "arn:aws:iam::111122223333:oidc-provider/x"), Answer.IMPLICITLY_DENIED),
    ],
)
def test_a_service_has_nothing_but_the_trust_policy(outsider, answer):
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    scp = layer(SCP, allow("s3:*"))
    assert answer is ask("sts:AssumeRole", OTHER_ROLE, layer(RESOURCE, trust), scp, outsider=outsider).answer


@pytest.mark.parametrize(("subject", "answer"), [("repo:acme/app", True), ("repo:evil/app", False)])
def test_a_federated_identity_is_let_in_by_its_subject(subject, answer):
    provider = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": provider},
        "Condition": {"StringLike": {"token.actions.githubusercontent.com:sub": "repo:acme/*"}},
    }
    decision = ask(
        "sts:AssumeRoleWithWebIdentity",
        OTHER_ROLE,
        layer(RESOURCE, trust),
        outsider=Principal("Federated", provider),
        context={"token.actions.githubusercontent.com:sub": (subject,)},
    )
    assert answer is (decision.answer is Answer.ALLOWED)


def test_rcps_refuse_and_never_limit_and_only_for_services_that_take_them():
    give = layer(IDENTITY, allow())
    assert Answer.ALLOWED is ask("s3:GetObject", OBJECT, give, layer(RCP, deny("kms:*"))).answer
    assert Answer.EXPLICITLY_DENIED is ask("s3:GetObject", OBJECT, give, layer(RCP, deny("s3:*"))).answer
    assert Answer.ALLOWED is ask("lambda:InvokeFunction", "*", give, layer(RCP, deny("*"))).answer


def test_the_policy_of_an_endpoint_limits_whatever_gave():
    give = layer(RESOURCE, allow("s3:*", Principal="*"))
    assert (
        Answer.IMPLICITLY_DENIED is ask("s3:GetObject", OBJECT, give, layer(ENDPOINT, allow("sqs:*"))).answer
    )


def test_a_principal_that_was_deleted_and_made_again_is_not_the_one_that_a_policy_names():
    give = layer(RESOURCE, allow("s3:*", Principal={"AWS": "AROAOLD"}))
    assert Answer.ALLOWED is ask("s3:GetObject", OBJECT, give, caller_id="AROAOLD").answer
    assert Answer.IMPLICITLY_DENIED is ask("s3:GetObject", OBJECT, give, caller_id="AROANEW").answer


BOUNDARY_EXAMPLE = layer(BOUNDARY, allow(["s3:*", "cloudwatch:*", "ec2:*"]))


@pytest.mark.parametrize(("action", "answer"), [("iam:CreateUser", False), ("s3:CreateBucket", False)])
def test_the_boundary_example_of_the_user_guide(action, answer):
    """A user with the boundary S3, CloudWatch, EC2 and a policy for iam:CreateUser can do neither."""
    decision = ask(action, "*", layer(IDENTITY, allow("iam:CreateUser")), BOUNDARY_EXAMPLE, user=True)
    assert answer is (decision.answer is Answer.ALLOWED)


SECRET_BUCKET = "arn:aws:s3:::amzn-s3-demo-bucket-production"


@pytest.mark.parametrize(
    ("action", "resource", "answer"),
    [
        ("s3:ListAllMyBuckets", "*", Answer.ALLOWED),
        ("s3:GetObject", f"{SECRET_BUCKET}/log", Answer.EXPLICITLY_DENIED),
        ("s3:PutObject", "arn:aws:s3:::carlos-bucket/x", Answer.ALLOWED),
        ("ec2:RunInstances", "*", Answer.IMPLICITLY_DENIED),
    ],
)
def test_the_identity_and_resource_example_of_the_user_guide(action, resource, answer):
    """CarlosSalazar: list and work in his bucket by his own policy; the logs bucket denies him."""
    own = layer(
        IDENTITY,
        allow(["s3:ListBucket*", "s3:ListAllMyBuckets"]),
        allow("s3:*", ["arn:aws:s3:::carlos-bucket", "arn:aws:s3:::carlos-bucket/*"]),
        allow("s3:*", f"{SECRET_BUCKET}/*"),
    )
    logs = layer(RESOURCE, deny("s3:*", f"{SECRET_BUCKET}/*", Principal={"AWS": USER}))
    assert answer is ask(action, resource, own, logs, user=True).answer


def test_the_decision_names_layer_and_statement_of_what_gave_it():
    give = layer(RESOURCE, allow("kms:*", Principal={"AWS": ROLE}, Sid="Agents"))
    decision = ask("kms:Decrypt", KEY, give)
    assert ("resource", "Agents") == (decision.layer, decision.statement)


FULL, DENY_S3, ONLY_EC2 = [allow()], [deny("s3:*")], [allow("ec2:*")]


@pytest.mark.parametrize(
    ("levels", "s3", "ec2", "sqs"),
    [
        ((FULL, FULL, FULL), True, True, True),
        ((FULL, [*FULL, *DENY_S3], FULL), False, True, True),
        (([*FULL, *DENY_S3], FULL, FULL), False, True, True),
        ((FULL, ONLY_EC2, ONLY_EC2), False, True, False),
        ((FULL, ONLY_EC2, FULL), False, True, False),
        ((FULL, FULL, ONLY_EC2), False, True, False),
        ((DENY_S3, ONLY_EC2, ONLY_EC2), False, False, False),
        ((FULL, [*ONLY_EC2, *DENY_S3], FULL), False, True, False),
        ((FULL, [allow("s3:*")], ONLY_EC2), False, False, False),
    ],
)
def test_the_levels_of_the_organizations_user_guide(levels, s3, ec2, sqs):
    """Page "SCP evaluation": root, unit and account must each allow; a Deny on any level is final."""
    own = layer(IDENTITY, allow())
    above = [layer(SCP, *statements) for statements in levels]
    found = [
        ask(action, "*", own, *above).answer is Answer.ALLOWED
        for action in ("s3:GetObject", "ec2:RunInstances", "sqs:SendMessage")
    ]
    assert found == [s3, ec2, sqs]


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        (("12345",), Answer.ALLOWED),
        (("54321",), Answer.IMPLICITLY_DENIED),
        (Missing.ABSENT, Answer.IMPLICITLY_DENIED),
        (Missing.UNKNOWN, Answer.UNDECIDED),
    ],
)
def test_the_external_id_example_of_the_user_guide(given, answer):
    """Page "The confused deputy problem": a third party's role is let in with the agreed id alone."""
    condition = {"StringEquals": {"sts:ExternalId": "12345"}}
    target = "arn:aws:iam::444455556666:role/customer"
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": ROLE},
        "Condition": condition,
    }
    context = {"sts:ExternalId": given}
    decision = ask(
        "sts:AssumeRole", target, layer(IDENTITY, allow("sts:AssumeRole")), layer(RESOURCE, trust),
        other_account=True, context=context,
    )  # fmt: skip
    assert decision.answer is answer


@pytest.mark.parametrize(
    ("source", "answer"),
    [(("111122223333",), Answer.ALLOWED), (("999988887777",), Answer.IMPLICITLY_DENIED)],
)
def test_the_cross_service_example_of_the_user_guide(source, answer):
    """Page "Cross-service confused deputy prevention": a service is let in on behalf of one account."""
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "bedrock.amazonaws.com"},
        "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}},
    }
    service = Principal("Service", "bedrock.amazonaws.com")
    decision = ask(
        "sts:AssumeRole",
        ROLE,
        layer(RESOURCE, trust),
        outsider=service,
        context={"aws:SourceAccount": source},
    )
    assert decision.answer is answer
