"""Certificates reach a role by an enabled profile and anchor alone, and their sessions hold what both allow."""

import json
import os

import pytest

from connectors.aws.connector import CONNECTOR
from connectors.interface import Patterns, Status
from tests.connectors.aws.conftest import YEAR

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/agent"
ANCHOR = f"arn:aws:rolesanywhere:eu-west-1:{ACCOUNT}:trust-anchor/a"
OTHER_ANCHOR = f"{ANCHOR}b"
READ = f"arn:aws:iam::{ACCOUNT}:policy/read"
EVERYTHING = {
    "Effect": "Allow",
    "Action": ["s3:GetObject", "s3:PutObject", "sqs:SendMessage"],
    "Resource": "*",
}
ALL_REGIONS = {"Regions": [{"RegionName": "eu-west-1"}, {"RegionName": "us-east-1"}]}


def statement(principal=None, **more):
    principals = principal or {"Service": "rolesanywhere.amazonaws.com"}
    actions = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
    return {"Effect": "Allow", "Principal": principals, "Action": actions, **more}


def policy(*actions, effect="Allow"):
    found = {"Effect": effect, "Action": list(actions), "Resource": "*"}
    allow = [] if effect == "Allow" else [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    return json.dumps({"Version": "2012-10-17", "Statement": [found, *allow]})


def profile(number=1, **more):
    arn = f"arn:aws:rolesanywhere:eu-west-1:{ACCOUNT}:profile/{number}"
    return {"profileArn": arn, "name": f"plant-{number}", "enabled": True, "roleArns": [ROLE], **more}


def anchor(arn=ANCHOR, *, enabled=True):
    return {"trustAnchorArn": arn, "enabled": enabled}


def lists(profiles, anchors):
    """Return the lists of both regions, of which one has nothing."""
    nothing = {"profiles": [], "trustAnchors": [], "crls": [], "Account": ACCOUNT, "Region": "us-east-1"}
    here = {"Account": ACCOUNT, "Region": "eu-west-1"}
    return [ALL_REGIONS, nothing, {"profiles": profiles, **here}, {"trustAnchors": anchors, **here}]


@pytest.fixture
def facts_of(gaad, collect, tmp_path):
    """Interpret a role with one inline policy and the trust given, and lists of Roles Anywhere."""

    def run(documents, *statements, age_days=0):
        trust = {"Version": "2012-10-17", "Statement": list(statements or [statement()])}
        readable = {
            "Arn": READ,
            "PolicyName": "read",
            "DefaultVersionId": "v1",
            "PolicyVersionList": [{"VersionId": "v1", "Document": json.loads(policy("s3:GetObject"))}],
        }
        dump = gaad(EVERYTHING, role={"AssumeRolePolicyDocument": trust}, Policies=[readable])
        path = tmp_path / "anywhere.json"
        path.write_text(json.dumps(documents))
        time = dump.stat().st_mtime - age_days * 86_400
        os.utime(path, (time, time))
        memory = collect({"authorization_details": [dump], "roles_anywhere": [path]})
        assert all(one.status is Status.OK for one in memory.results)
        return CONNECTOR.interpret([memory], YEAR, Patterns())

    return run


def held(facts):
    found = facts.entitlements[ROLE]
    return set(facts.permissions.names(found.granted)), set(facts.permissions.names(found.conditional))


def said(facts, words):
    return [one for one in facts.caveats if words in one.what or words in one.effect]


ALL = {"s3:GetObject", "s3:PutObject", "sqs:SendMessage"}


@pytest.mark.parametrize(
    ("profiles", "expected"),
    [
        ([profile()], ALL),
        ([profile(sessionPolicy=policy("s3:*"))], {"s3:GetObject", "s3:PutObject"}),
        ([profile(managedPolicyArns=[READ])], {"s3:GetObject"}),
        (
            [profile(sessionPolicy=policy("sqs:*"), managedPolicyArns=[READ])],
            {"s3:GetObject", "sqs:SendMessage"},
        ),
        ([profile(sessionPolicy=policy("s3:PutObject", effect="Deny"))], {"s3:GetObject", "sqs:SendMessage"}),
        (  # several profiles: what any of them lets through
            [profile(1, sessionPolicy=policy("sqs:*")), profile(2, managedPolicyArns=[READ])],
            {"s3:GetObject", "sqs:SendMessage"},
        ),
        (  # a Deny of one says nothing of sessions by the other
            [
                profile(1, sessionPolicy=policy("s3:GetObject", effect="Deny")),
                profile(2, managedPolicyArns=[READ]),
            ],
            ALL,
        ),
        ([profile(1, managedPolicyArns=[READ]), profile(2)], ALL),
        ([profile(1, managedPolicyArns=[READ]), profile(2, enabled=False)], {"s3:GetObject"}),
    ],
)
def test_a_role_that_only_certificates_may_take_holds_what_its_profiles_let_through(
    facts_of, profiles, expected
):
    facts = facts_of(lists(profiles, [anchor()]))
    assert (expected, set()) == held(facts)
    usable = [one for one in profiles if one["enabled"]]
    bounded = all("sessionPolicy" in one or "managedPolicyArns" in one for one in usable)
    assert bounded is bool(said(facts, "all sessions of this role are bounded"))


def test_a_session_policy_that_is_not_in_the_evidence_makes_everything_conditional(facts_of):
    facts = facts_of(lists([profile(managedPolicyArns=[f"{READ}-not-there"])], [anchor()]))
    assert (set(), ALL) == held(facts)
    assert said(facts, "counts as conditional")


@pytest.mark.parametrize(
    "other",
    [
        statement({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        statement({"Service": ["rolesanywhere.amazonaws.com", "ec2.amazonaws.com"]}),
        {**statement(), "Principal": "*"},
    ],
)
def test_another_way_into_the_role_leaves_it_all_it_holds(facts_of, other):
    facts = facts_of(lists([profile(managedPolicyArns=[READ])], [anchor()]), statement(), other)
    assert ALL <= held(facts)[0]
    (caveat,) = said(facts, "hold less than this role")
    assert "other ways" in caveat.effect


@pytest.mark.parametrize(
    ("documents", "age_days"),
    [
        (lists([profile(managedPolicyArns=[READ])], [anchor()])[1:], 0),  # which regions are there?
        (lists([profile(managedPolicyArns=[READ])], [anchor()])[:1] + lists([profile()], [anchor()])[2:], 0),
        ([*lists([], []), {"nextToken": "more", "profiles": [profile()]}][1:], 0),
        (lists([], []), 2),  # written before the roles
    ],
)
def test_lists_that_are_not_whole_narrow_nothing_and_say_so(facts_of, documents, age_days):
    facts = facts_of(documents, age_days=age_days)
    (identity,) = facts.identities
    assert ("rolesanywhere.amazonaws.com",) == identity.trusted
    assert (ALL, set()) == held(facts)
    assert said(facts, "no whole list of the profiles and trust anchors")


@pytest.mark.parametrize(
    ("profiles", "anchors", "condition", "why"),
    [
        ([profile()], [anchor()], {}, ""),
        ([], [anchor()], {}, "no enabled profile lists the role"),
        ([profile(roleArns=[f"{ROLE}-other"])], [anchor()], {}, "no enabled profile lists the role"),
        ([profile(enabled=False)], [anchor()], {}, "no enabled profile lists the role"),
        ([profile()], [], {}, "no enabled trust anchor"),
        ([profile()], [anchor(enabled=False)], {}, "no enabled trust anchor"),
        ([profile()], [anchor()], {"ArnEquals": {"aws:SourceArn": ANCHOR}}, ""),
        ([profile()], [anchor()], {"ArnEquals": {"aws:SourceArn": OTHER_ANCHOR}}, "meets the condition"),
        (
            [profile()],
            [anchor(), anchor(OTHER_ANCHOR, enabled=False)],
            {"ArnEquals": {"aws:SourceArn": OTHER_ANCHOR}},
            "meets the condition",
        ),
        ([profile()], [anchor()], {"StringEquals": {"aws:PrincipalTag/x509Subject/CN": "press"}}, ""),
    ],
)
def test_certificates_need_a_profile_and_an_anchor(facts_of, profiles, anchors, condition, why):
    facts = facts_of(lists(profiles, anchors), statement(Condition=condition))
    (identity,) = facts.identities
    assert bool(identity.trusted) is not bool(why)
    assert bool(identity.workloads) is not (bool(why) and "condition" not in why)
    caveats = said(facts, "trust that nobody can use")
    assert [bool(why)] * bool(why) == [why in one.what and "nobody can take" in one.effect for one in caveats]


def test_without_any_list_everything_stands(gaad, interpret):
    trust = {"Version": "2012-10-17", "Statement": [statement()]}
    dump = gaad(EVERYTHING, role={"AssumeRolePolicyDocument": trust})
    facts = interpret({"authorization_details": [dump]})
    assert (ALL, set()) == held(facts)
    (caveat,) = said(facts, "no whole list of the profiles")
    assert ACCOUNT == caveat.where


def test_a_request_beyond_the_session_policies_is_ruled_out(gaad, collect, tmp_path):
    """`explain` names the profile whose session policy decides."""
    trust = {"Version": "2012-10-17", "Statement": [statement()]}
    path = tmp_path / "anywhere.json"
    path.write_text(json.dumps(lists([profile(sessionPolicy=policy("s3:*"))], [anchor()])))
    dump = gaad(EVERYTHING, role={"AssumeRolePolicyDocument": trust})
    memory = collect({"authorization_details": [dump], "roles_anywhere": [path]})

    def rule(permission, resource):
        return CONNECTOR.rule([memory], ROLE, permission, resource, YEAR)

    assert "allowed" == rule("s3:GetObject", "arn:aws:s3:::b/k").answer
    refused = rule("sqs:SendMessage", f"arn:aws:sqs:eu-west-1:{ACCOUNT}:q")
    assert ("not allowed by any statement", True) == (refused.answer, "plant-1" in refused.layer)


def test_revoked_certificates_are_not_kept_and_other_files_are_named(tmp_path, gaad, collect):
    path = tmp_path / "anywhere.json"
    path.write_text(json.dumps([{"crls": [{"crlArn": "arn:aws:x", "crlData": "A" * 100}]}, {"subjects": []}]))
    memory = collect({"authorization_details": [gaad()], "roles_anywhere": [path]})
    (outcome,) = [one for one in memory.results if one.part == "roles_anywhere"]
    assert (Status.FAILED, True) == (outcome.status, "list-profiles" in outcome.reason)
    path.write_text(json.dumps({"crls": [{"crlArn": "arn:aws:x", "crlData": "A" * 100}]}))
    memory = collect({"authorization_details": [gaad()], "roles_anywhere": [path]})
    assert "AAA" not in json.dumps(memory.parts["roles_anywhere"])
