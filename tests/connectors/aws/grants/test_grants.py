"""What an identity holds is Allow minus Deny within its limits, and what is not certain is never claimed.

The policies are synthetic; the rules are those of the IAM user guide ("Policy evaluation logic").
"""

import json
import os
from dataclasses import replace

import pytest

from connectors.aws.connector import CONNECTOR
from connectors.facts import Effect
from connectors.interface import Patterns
from tests.connectors.aws.conftest import YEAR

AGENT = "arn:aws:iam::111122223333:role/agent"
BOUNDARY = "arn:aws:iam::111122223333:policy/limit"


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action, resource="*", **more):
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def policy(arn, *statements):
    return {
        "Arn": arn,
        "PolicyName": arn.rpartition("/")[2],
        "DefaultVersionId": "v2",
        "PolicyVersionList": [
            {"VersionId": "v1", "IsDefaultVersion": False, "Document": {"Statement": [allow("old:Thing")]}},
            {
                "VersionId": "v2",
                "IsDefaultVersion": True,
                "CreateDate": "2025-05-05T00:00:00+00:00",
                "Document": {"Version": "2012-10-17", "Statement": list(statements)},
            },
        ],
    }


@pytest.fixture
def hold(gaad, interpret):
    """Return (granted names, conditional names, facts) of one role."""

    def hold(*statements, **lists):
        facts = interpret({"authorization_details": [gaad(*statements, **lists)]})
        held = facts.entitlements[AGENT]
        return (
            set(facts.permissions.names(held.granted)),
            set(facts.permissions.names(held.conditional)),
            facts,
        )

    return hold


def test_a_wildcard_is_expanded_over_the_catalogue_without_case(hold):
    granted, conditional, _ = hold(allow("SQS:send*"))
    assert granted == {"sqs:SendMessage"}
    assert conditional == set()


def test_not_action_gives_everything_else(hold):
    granted, _, facts = hold({"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "Resource": "*"})
    assert "s3:GetObject" in granted
    assert not any(name.startswith(("iam:", "sts:")) for name in granted)
    assert facts.grants[0].admin == ""


def test_a_name_the_catalogue_lacks_is_kept_and_marked_unseeable(hold):
    granted, _, facts = hold(allow("bedrock:BrandNewThing"))
    assert granted == {"bedrock:BrandNewThing"}
    assert facts.entitlements[AGENT].blind[0].code == "not-in-catalogue"


def test_an_unknown_name_is_also_refused_by_a_wildcard_deny(hold):
    granted, _, _ = hold(allow("bedrock:BrandNewThing"), deny("bedrock:*"))
    assert granted == set()


def test_many_patterns_that_match_nothing_are_one_caveat(hold):
    _, _, facts = hold(allow([f"s{number}:X*" for number in range(500)]))
    said = [caveat.what for caveat in facts.caveats if "no known action" in caveat.what]
    assert said == ["no known action matches s0:X*, s1:X*, s2:X* and 497 more patterns"]


def test_a_pattern_that_matches_nothing_is_a_caveat(hold):
    _, _, facts = hold(allow("nosuchservice:*"))
    assert "no known action matches nosuchservice:*" in {caveat.what for caveat in facts.caveats}


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("arn:aws:s3:::bucket", {"s3:ListBucket"}),
        ("arn:aws:s3:::bucket/*", {"s3:GetObject"}),
        ("arn:aws:s3:::bucket*", {"s3:GetObject", "s3:ListBucket"}),
        ("*", {"s3:GetObject", "s3:ListBucket", "s3:ListAllMyBuckets"}),
        ("arn:aws:sqs:*:*:q", set()),
    ],
)
def test_an_action_is_given_only_on_resources_it_can_be_asked_on(hold, resource, expected):
    granted, _, _ = hold(allow(["s3:GetObject", "s3:ListBucket", "s3:ListAllMyBuckets"], resource))
    assert granted == expected


def test_an_explicit_deny_wins(hold):
    granted, conditional, _ = hold(allow("s3:*"), deny("s3:Delete*"))
    assert "s3:GetObject" in granted
    assert not any(name.startswith("s3:Delete") for name in granted | conditional)


def test_a_deny_on_some_resources_leaves_the_permission(hold):
    granted, _, _ = hold(allow("s3:GetObject"), deny("s3:GetObject", "arn:aws:s3:::secret/*"))
    assert granted == {"s3:GetObject"}


def test_a_deny_that_covers_what_is_allowed_takes_it(hold):
    granted, conditional, _ = hold(
        allow("s3:GetObject", ["arn:aws:s3:::secret/a/*", "arn:aws:s3:::secret/b"]),
        deny("s3:GetObject", "arn:aws:s3:::secret/*"),
    )
    assert granted | conditional == set()


def test_a_deny_on_every_resource_of_a_type_takes_it_from_a_star(hold):
    granted, _, _ = hold(allow("iam:*"), deny("iam:*", "arn:aws:iam::*:role/*"))
    assert "iam:UpdateAssumeRolePolicy" not in granted
    assert "iam:CreateUser" in granted


def test_a_deny_with_not_resource_spares_only_what_it_names(hold):
    granted, _, _ = hold(
        allow(["s3:GetObject", "sqs:SendMessage", "s3:ListAllMyBuckets"]),
        {"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::mine/*"},
    )
    assert granted == {"s3:GetObject"}


def test_an_undecided_condition_makes_an_allow_conditional_with_its_key_as_reason(hold):
    granted, conditional, facts = hold(
        allow("s3:GetObject", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}), allow("s3:ListBucket")
    )
    assert granted == {"s3:ListBucket"}
    assert conditional == {"s3:GetObject"}
    assert "aws:SourceIp" in facts.entitlements[AGENT].conditional_reason
    assert [grant.undecided for grant in facts.grants] == [True, False]


@pytest.mark.parametrize(
    ("condition", "held"),
    [
        ({"DateGreaterThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}, False),
        ({"DateLessThan": {"aws:CurrentTime": "2026-06-01T00:00:00Z"}}, False),
        ({"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/ag*"}}, True),
        ({"StringEquals": {"aws:PrincipalAccount": "999999999999"}}, False),
        ({"StringEquals": {"aws:PrincipalTag/team": "blue"}}, True),
        ({"StringEquals": {"aws:PrincipalTag/team": "red"}}, False),
        ({"StringEquals": {"aws:PrincipalTag/other": "x"}}, False),
        ({"StringEquals": {"aws:username": "agent"}}, False),
        ({"StringLike": {"aws:userid": "AROAEXAMPLE:*"}}, True),
        ({"Bool": {"aws:PrincipalIsAWSService": "false"}}, True),
        ({"StringEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}}, True),
        ({"StringEquals": {"aws:PrincipalType": "AssumedRole"}}, True),
        ({"StringLike": {"aws:PrincipalArn": "*other*"}, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, False),
    ],
)
def test_conditions_on_the_identity_itself_and_on_time_are_decided(hold, condition, held):
    granted, conditional, _ = hold(
        allow("s3:GetObject", Condition=condition), role={"Tags": [{"Key": "team", "Value": "blue"}]}
    )
    assert granted == ({"s3:GetObject"} if held else set())
    assert conditional == set()


def test_tags_of_a_role_stay_open_where_a_session_may_replace_them(hold):
    trust = {
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["sts:AssumeRole", "sts:TagSession"],
                "Principal": {"Service": "pods.eks.amazonaws.com"},
            }
        ]
    }
    granted, conditional, _ = hold(
        allow("s3:GetObject", Condition={"StringEquals": {"aws:PrincipalTag/team": "blue"}}),
        role={"Tags": [{"Key": "team", "Value": "blue"}], "AssumeRolePolicyDocument": trust},
    )
    assert granted == set()
    assert conditional == {"s3:GetObject"}


def test_an_undecided_deny_on_everything_makes_conditional_and_says_so(hold):
    granted, conditional, facts = hold(
        allow(["s3:GetObject", "sqs:SendMessage"]),
        deny("s3:*", Condition={"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}),
    )
    assert granted == {"sqs:SendMessage"}
    assert conditional == {"s3:GetObject"}
    assert any("count as conditional" in caveat.effect for caveat in facts.caveats)


@pytest.mark.parametrize(
    "condition",
    [
        {"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}},
        {"Bool": {"aws:SecureTransport": "false"}},
        {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}},
        {"Null": {"aws:RequestTag/owner": "true"}},
    ],
)
def test_a_deny_the_caller_can_avoid_only_narrows_the_reach(hold, condition):
    granted, _, facts = hold(allow("s3:PutObject"), deny("s3:*", Condition=condition))
    assert granted == {"s3:PutObject"}
    assert any("narrower than shown" in caveat.effect for caveat in facts.caveats)


def test_a_dump_that_lists_no_tags_does_not_say_that_there_are_none(hold):
    """Tools before 2019 leave the field out; an empty list is an answer."""
    tagged = allow("s3:GetObject", Condition={"StringEquals": {"aws:PrincipalTag/team": "x"}})
    _, conditional, _ = hold(tagged)
    assert conditional == {"s3:GetObject"}
    granted, conditional, _ = hold(tagged, role={"Tags": []})
    assert (granted, conditional) == (set(), set())


def test_sessions_revoked_once_do_not_make_a_role_doubtful_for_ever(hold):
    """The inline policy that the console's "Revoke sessions" leaves behind."""
    older = {"DateLessThan": {"aws:TokenIssueTime": "2025-05-01T00:00:00.000Z"}}
    granted, conditional, _ = hold(allow("s3:GetObject"), deny("*", Condition=older))
    assert (granted, conditional) == ({"s3:GetObject"}, set())


@pytest.mark.parametrize("key", ["aws:ResourceAccount", "s3:ResourceAccount"])
def test_the_own_account_as_the_resources_is_decided(hold, key):
    own = allow("s3:GetObject", Condition={"StringEquals": {key: ["111122223333"]}})
    granted, conditional, _ = hold(own)
    assert (granted, conditional) == ({"s3:GetObject"}, set())


def test_a_resource_with_a_known_variable_is_filled_in(hold):
    granted, _, _ = hold(
        allow("s3:GetObject", "arn:aws:s3:::${aws:PrincipalAccount}-data/*"),
        deny("s3:GetObject", "arn:aws:s3:::111122223333-data/*"),
    )
    assert granted == set()


def test_a_resource_that_depends_on_the_session_is_conditional(hold):
    granted, conditional, _ = hold(
        allow("s3:GetObject", "arn:aws:s3:::data/${cognito-identity.amazonaws.com:sub}/*")
    )
    assert granted == set()
    assert conditional == {"s3:GetObject"}


def test_the_boundary_limits_and_never_gives(hold):
    granted, _, _ = hold(
        allow(["s3:GetObject", "sqs:SendMessage"]),
        role={"PermissionsBoundary": {"PermissionsBoundaryArn": BOUNDARY}},
        Policies=[policy(BOUNDARY, allow(["s3:*", "iam:*"]))],
    )
    assert granted == {"s3:GetObject"}


def test_a_boundary_on_other_resources_leaves_nothing(hold):
    granted, _, _ = hold(
        allow("s3:GetObject", "arn:aws:s3:::a/*"),
        role={"PermissionsBoundary": {"PermissionsBoundaryArn": BOUNDARY}},
        Policies=[policy(BOUNDARY, allow("s3:GetObject", "arn:aws:s3:::b/*"))],
    )
    assert granted == set()


def test_a_boundary_that_is_not_in_the_dump_makes_everything_conditional(hold):
    granted, conditional, facts = hold(
        allow("s3:GetObject"), role={"PermissionsBoundary": {"PermissionsBoundaryArn": BOUNDARY}}
    )
    assert granted == set()
    assert conditional == {"s3:GetObject"}
    assert any(BOUNDARY in caveat.where for caveat in facts.caveats)


def test_an_attached_policy_without_a_document_is_an_undecided_grant_and_a_caveat(hold):
    arn = "arn:aws:iam::aws:policy/AmazonBedrockFullAccess"
    granted, _, facts = hold(
        allow("s3:GetObject"),
        role={"AttachedManagedPolicies": [{"PolicyArn": arn, "PolicyName": "AmazonBedrockFullAccess"}]},
    )
    assert granted == {"s3:GetObject"}
    unread = next(grant for grant in facts.grants if grant.id == f"{arn}#unread")
    assert (unread.undecided, unread.permissions) == (True, 0)
    assert any(caveat.where == arn for caveat in facts.caveats)


def test_the_default_version_counts_and_dates_the_grant(hold):
    arn = "arn:aws:iam::111122223333:policy/mine"
    granted, _, facts = hold(
        role={"AttachedManagedPolicies": [{"PolicyArn": arn, "PolicyName": "mine"}]},
        Policies=[policy(arn, allow("s3:GetObject", Sid="Read"))],
    )
    assert granted == {"s3:GetObject"}
    grant = facts.grants[0]
    assert (grant.id, grant.name, grant.created, grant.shared) == (
        f"{arn}#Read",
        "mine",
        "2025-05-05T00:00:00Z",
        False,
    )


def test_a_group_gives_to_its_users_and_is_shared(gaad, interpret):
    group = "arn:aws:iam::111122223333:group/ops"
    user = "arn:aws:iam::111122223333:user/ann"
    path = gaad(
        UserDetailList=[{"UserName": "ann", "UserId": "AIDA1", "Arn": user, "GroupList": ["ops", "gone"]}],
        GroupDetailList=[
            {
                "GroupName": "ops",
                "Arn": group,
                "GroupPolicyList": [
                    {"PolicyName": "p", "PolicyDocument": {"Statement": allow("sqs:SendMessage", Sid="S")}}
                ],
            }
        ],
    )
    facts = interpret({"authorization_details": [path]})
    assert facts.permissions.names(facts.entitlements[user].granted) == ["sqs:SendMessage"]
    ids = {grant.id: grant for grant in facts.grants}
    assert ids["group/ops/inline/p#S"].shared
    assert ids["group/gone#unread"].undecided


def test_wide_and_admin_say_why(hold):
    _, _, facts = hold(
        allow(["s3:GetObject", "s3:ListAllMyBuckets"], Sid="Wide"),
        allow("s3:GetObject", "arn:aws:s3:::b/*", Sid="Narrow"),
        allow("*", Sid="Admin"),
        allow("iam:*", Sid="Iam"),
        allow("s3:GetObject", "arn:aws:s3:::*", Sid="All"),
    )
    grants = {grant.id.rpartition("#")[2]: grant for grant in facts.grants}
    names = facts.permissions.names
    assert names(grants["Wide"].wide) == ["s3:GetObject"]
    assert grants["Narrow"].wide == 0
    assert names(grants["All"].wide) == ["s3:GetObject"]
    assert grants["Admin"].admin == "Action * on Resource *"
    assert grants["Iam"].admin == "Action iam:* on Resource *"
    assert grants["Wide"].admin == ""


def test_a_broken_statement_is_a_caveat_and_the_others_stand(hold):
    granted, _, facts = hold({"Effect": "Perhaps", "Action": "*", "Resource": "*"}, allow("s3:GetObject"))
    assert granted == {"s3:GetObject"}
    assert any("Effect is neither" in caveat.what for caveat in facts.caveats)
    assert any(grant.undecided and grant.permissions == 0 for grant in facts.grants)


def test_repeated_sids_get_distinct_grant_ids_and_deny_grants_are_listed(hold):
    _, _, facts = hold(allow("s3:GetObject", Sid="A"), deny("s3:GetObject", "arn:aws:s3:::x/*", Sid="A"))
    assert [(grant.id, grant.effect) for grant in facts.grants] == [
        ("inline/inline#A-0", Effect.ALLOW),
        ("inline/inline#A-1", Effect.DENY),
    ]


def test_two_runs_give_the_same_facts(gaad, interpret):
    path = gaad(allow("s3:*"), deny("s3:Put*", Condition={"Bool": {"aws:MultiFactorAuthPresent": "false"}}))
    first, second = (interpret({"authorization_details": [path]}) for _ in range(2))
    assert first.grants == second.grants
    assert first.entitlements == second.entitlements
    assert first.caveats == second.caveats


def scp(document, targets=None, kind="SERVICE_CONTROL_POLICY", number=1):
    found = {
        "Id": f"p-{number}",
        "Arn": f"arn:aws:organizations::999999999999:policy/o-1/x/p-{number}",
        "Type": kind,
        "Content": json.dumps({"Version": "2012-10-17", "Statement": document}),
    }
    return found if targets is None else {**found, "Targets": [{"TargetId": target} for target in targets]}


@pytest.fixture
def under(gaad, interpret, tmp_path):
    """Return (granted, conditional, facts) of a role that holds s3 and sqs under organization policies."""

    def under(*documents, account="111122223333", held=("s3:GetObject", "sqs:SendMessage")):
        path = tmp_path / "org.json"
        path.write_text(json.dumps(list(documents)))
        arn = f"arn:aws:iam::{account}:role/agent"
        dump = gaad(allow(list(held)), role={"Arn": arn})
        facts = interpret({"authorization_details": [dump], "organization_policies": [path]})
        found = facts.entitlements[arn]
        return (
            set(facts.permissions.names(found.granted)),
            set(facts.permissions.names(found.conditional)),
            facts,
        )

    return under


FULL = allow("*")


def test_every_level_must_allow(under):
    granted, _, _ = under(
        scp([FULL], ["r-1"]),
        scp([allow("s3:*")], ["111122223333"], number=2),
    )
    assert granted == {"s3:GetObject"}


def test_a_deny_at_the_root_refuses(under):
    granted, _, _ = under(scp([FULL, deny("sqs:*")], ["r-1"]))
    assert granted == {"s3:GetObject"}


def test_policies_of_another_account_do_not_count(under):
    granted, _, _ = under(scp([FULL], ["r-1"]), scp([deny("*")], ["222222222222"], number=2))
    assert granted == {"s3:GetObject", "sqs:SendMessage"}


def test_a_level_without_any_allow_is_taken_to_have_full_access_besides(under):
    granted, _, _ = under(scp([deny("sqs:*")], ["r-1"]))
    assert granted == {"s3:GetObject"}


def test_a_data_perimeter_leaves_what_can_be_used_in_the_own_organization(under):
    outside = {"StringNotEqualsIfExists": {"aws:ResourceOrgID": "${aws:PrincipalOrgID}"}}
    granted, _, _ = under(scp([FULL, deny("*", Condition=outside)], ["r-1"]))
    assert granted == {"s3:GetObject", "sqs:SendMessage"}


def test_a_unit_that_may_or_may_not_be_above_makes_conditional(under):
    granted, conditional, _ = under(scp([FULL], ["r-1"]), scp([deny("sqs:*")], ["ou-1"], number=2))
    assert granted == {"s3:GetObject"}
    assert conditional == {"sqs:SendMessage"}


def test_a_unit_that_the_dump_places_above_the_account_counts(under):
    place = {
        "Accounts": [{"Id": "111122223333", "ParentId": "ou-1"}],
        "OrganizationalUnits": [{"Id": "ou-1", "ParentId": "r-1"}],
    }
    granted, conditional, _ = under(
        scp([FULL], ["r-1"]), scp([FULL, deny("sqs:*")], ["ou-1"], number=2), place
    )
    assert granted == {"s3:GetObject"}
    assert conditional == set()


def test_an_allow_list_that_may_or_may_not_stand_above_leaves_the_rest_conditional(under):
    granted, conditional, facts = under(scp([FULL], ["r-1"]), scp([allow("s3:*")], ["ou-1"], number=2))
    assert (granted, conditional) == ({"s3:GetObject"}, {"sqs:SendMessage"})
    said = [c.where for c in facts.caveats if "whether this limit stands above" in c.what]
    assert len(said) == 1
    assert "p-2 on ou-1" in said[0]


@pytest.mark.parametrize(
    "listing",
    [
        {"Accounts": [{"Id": "222222222222", "ParentId": "r-1"}]},
        {
            "Id": "p-FullAWSAccess",
            "Type": "SERVICE_CONTROL_POLICY",
            "Content": {"Statement": [FULL]},
            "Targets": ["r-1", "222222222222"],
        },
    ],
)
def test_an_account_that_the_organization_does_not_list_may_be_of_another_one(under, listing):
    granted, conditional, _ = under(scp([FULL, deny("sqs:*")], ["r-1"]), listing)
    assert (granted, conditional) == ({"s3:GetObject"}, {"sqs:SendMessage"})


def test_under_two_organizations_an_account_of_unknown_place_may_stand_under_either(under):
    granted, conditional, _ = under(
        scp([FULL, deny("sqs:*")], ["r-1"]), scp([FULL, deny("s3:*")], ["r-2"], number=2)
    )
    assert (granted, conditional) == (set(), {"s3:GetObject", "sqs:SendMessage"})


def test_policies_listed_without_their_documents_are_said(under):
    summary = {"Id": "p-9", "Type": "SERVICE_CONTROL_POLICY", "Name": "x"}
    granted, _, facts = under({"Policies": [summary, {"Id": "p-FullAWSAccess"}]})
    assert granted == {"s3:GetObject", "sqs:SendMessage"}
    assert [c.where for c in facts.caveats if "without its document" in c.what] == ["p-9"]


def test_the_commands_own_answers_are_read(under):
    """`describe-policy` joined with `list-targets-for-policy`, as docs/aws.md writes them."""
    summary = {
        "Id": "p-1",
        "Arn": "arn:aws:organizations::999999999999:policy/o-1/service_control_policy/p-1",
        "Type": "SERVICE_CONTROL_POLICY",
    }
    policy = {"PolicySummary": summary, "Content": json.dumps({"Statement": [FULL, deny("sqs:*")]})}
    granted, _, _ = under({"Policy": policy, "Targets": [{"TargetId": "r-1", "Type": "ROOT"}]})
    assert granted == {"s3:GetObject"}


def test_a_tree_is_read_too(under):
    tree = {
        "Id": "r-1",
        "Arn": "arn:aws:organizations::999999999999:root/o-1/r-1",
        "Policies": [scp([FULL])],
        "Children": [
            {
                "Id": "ou-1",
                "Policies": [scp([allow("sqs:*")], number=2)],
                "Children": [{"Id": "111122223333"}],
            }
        ],
    }
    granted, _, _ = under(tree)
    assert granted == {"sqs:SendMessage"}


def test_the_management_account_is_exempt(under):
    granted, _, _ = under(scp([deny("*")], ["r-1"]), account="999999999999")
    assert granted == {"s3:GetObject", "sqs:SendMessage"}


def rcp(*statements, targets=("r-1",)):
    return scp(list(statements), list(targets), kind="RESOURCE_CONTROL_POLICY", number=2)


def test_a_resource_control_policy_takes_away_and_never_limits(under):
    """RCPFullAWSAccess cannot be detached, so an RCP that allows nothing refuses only what it denies."""
    granted, _, _ = under(scp([FULL], ["r-1"]), rcp(deny("s3:*")))
    assert granted == {"sqs:SendMessage"}


def test_services_without_resource_control_policies_are_not_touched_by_one(under):
    granted, _, _ = under(scp([FULL], ["r-1"]), rcp(deny("*")), held=["lambda:InvokeFunction"])
    assert granted == {"lambda:InvokeFunction"}


@pytest.mark.parametrize(
    ("condition", "granted"),
    [
        ({"StringNotEqualsIfExists": {"aws:PrincipalAccount": "111122223333"}}, True),
        ({"Bool": {"aws:PrincipalIsAWSService": "true"}}, True),
        ({"StringNotEqualsIfExists": {"aws:PrincipalAccount": "444455556666"}}, False),
    ],
)
def test_a_resource_control_policy_against_strangers_spares_the_account(under, condition, granted):
    found, _, _ = under(scp([FULL], ["r-1"]), rcp(deny("s3:*", Condition=condition, Principal="*")))
    assert ("s3:GetObject" in found) is granted


def test_a_resource_control_policy_of_an_unknown_place_leaves_what_it_refuses_open(under):
    granted, conditional, facts = under(scp([FULL], ["r-1"]), rcp(deny("s3:*"), targets=["ou-9"]))
    assert (granted, conditional) == ({"sqs:SendMessage"}, {"s3:GetObject"})
    assert any("resource control policies" in caveat.where for caveat in facts.caveats)


def test_without_organization_policies_the_unknown_ceiling_is_said_once(hold):
    _, _, facts = hold(allow("s3:GetObject"))
    assert sum("ceiling" in caveat.what for caveat in facts.caveats) == 1


def test_what_two_sources_describe_is_taken_from_the_newer_whatever_their_order(gaad, collect):
    """The age of a dump is that of its file; live evidence is as old as its collection."""
    old = gaad(allow("sqs:SendMessage"), name="old.json")
    new = gaad(allow("s3:GetObject"), name="new.json")
    os.utime(old, (1_700_000_000, 1_700_000_000))
    sources = [replace(collect({"authorization_details": [path]}), source=path.stem) for path in (new, old)]
    facts = CONNECTOR.interpret(sources, YEAR, Patterns())
    assert ["s3:GetObject"] == list(facts.permissions.names(facts.entitlements[AGENT].granted))
    assert ["new"] == [one.source for one in facts.identities]
    assert any("the newer description (of source new)" in caveat.what for caveat in facts.caveats)


def test_two_sources_that_say_the_same_are_no_caveat(gaad, collect):
    path = gaad(allow("s3:GetObject"))
    sources = [replace(collect({"authorization_details": [path]}), source=name) for name in ("a", "b")]
    facts = CONNECTOR.interpret(sources, YEAR, Patterns())
    assert not any("twice" in caveat.what for caveat in facts.caveats)
