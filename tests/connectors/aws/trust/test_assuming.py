"""Who may take which role is decided with the grants of the caller and the trust of the role, on every hop."""

import itertools
import json
import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors.aws.catalog.actions import Catalogue
from connectors.aws.connector import CONNECTOR
from connectors.aws.grants.organization import read_organization
from connectors.aws.trust.assuming import steps_of_all
from connectors.aws.trust.standing_trust import read_standing
from connectors.facts import Step, Window
from connectors.interface import Patterns

YEAR = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))

A, B = "111122223333", "444455556666"


def arn(name, account=A, kind="role"):
    return f"arn:aws:iam::{account}:{kind}/{name}"


def statement(effect, action, resource="*", **more):
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def trust(principal, condition=None, effect="Allow"):
    found = {"Effect": effect, "Principal": principal, "Action": "sts:AssumeRole"}
    return {**found, "Condition": condition} if condition else found


def role(name, *statements, trusts=(), account=A, path="/", **more):
    return {
        "Path": path,
        "RoleName": name,
        "RoleId": f"AROA{name.upper()}",
        "Arn": arn(f"{path[1:]}{name}", account),
        "CreateDate": "2025-01-01T00:00:00+00:00",
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": list(trusts)},
        "RolePolicyList": [
            {"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": list(statements)}}
        ]
        if statements
        else [],
        "AttachedManagedPolicies": [],
        **more,
    }


@pytest.fixture
def steps(interpret, tmp_path):
    """Return by identity the steps among some roles."""

    def steps(*roles, organization=None, policies=()):
        path = tmp_path / "gaad.json"
        path.write_text(json.dumps({"RoleDetailList": list(roles), "Policies": list(policies)}))
        files = {"authorization_details": [path]}
        if organization is not None:
            files["organization_policies"] = [tmp_path / "organization.json"]
            files["organization_policies"][0].write_text(json.dumps(organization))
        return interpret(files).steps

    return steps


MAY = statement("Allow", "sts:AssumeRole")
ROOT = {"AWS": f"arn:aws:iam::{A}:root"}


def test_an_account_in_the_trust_needs_the_callers_own_grant(steps):
    target = role("admin", trusts=[trust(ROOT)])
    assert steps(target, role("a", MAY), role("b")) == {arn("a"): (Step(arn("admin"), sure=True),)}


def test_a_role_named_in_the_trust_needs_no_grant_of_its_own(steps):
    target = role("admin", trusts=[trust({"AWS": arn("b")})])
    assert steps(target, role("a", MAY), role("b")) == {arn("b"): (Step(arn("admin"), sure=True),)}


def test_the_grant_must_name_the_role(steps):
    other = statement("Allow", "sts:AssumeRole", arn("other"))
    assert steps(role("admin", trusts=[trust(ROOT)]), role("a", other)) == {}


def test_a_role_with_a_path_is_found_by_its_whole_name(steps):
    target = role("admin", trusts=[trust(ROOT)], path="/ops/")
    mine = statement("Allow", "sts:AssumeRole", f"arn:aws:iam::{A}:role/ops/*")
    assert steps(target, role("a", mine)) == {arn("a"): (Step(arn("ops/admin"), sure=True),)}


@pytest.mark.parametrize("named", [arn("a"), f"arn:aws:iam::{A}:root"])
def test_across_accounts_both_sides_must_allow(steps, named):
    target = role("admin", trusts=[trust({"AWS": named})], account=B)
    assert steps(target, role("a")) == {}
    assert steps(target, role("a", MAY)) == {arn("a"): (Step(arn("admin", B), sure=True),)}


@pytest.mark.parametrize(
    ("condition", "sure"),
    [
        ({"StringEquals": {"sts:ExternalId": "4711"}}, False),
        ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, False),
        ({"StringEquals": {"aws:PrincipalAccount": A}}, True),
        ({"ArnLike": {"aws:PrincipalArn": arn("b*")}}, None),
    ],
)
def test_conditions_of_the_trust_are_decided_or_said_to_be_open(steps, condition, sure):
    found = steps(role("admin", trusts=[trust(ROOT, condition)]), role("a", MAY))
    assert found == ({} if sure is None else {arn("a"): (Step(arn("admin"), sure=sure),)})


def test_a_deny_on_either_side_closes_the_step(steps):
    target = role("admin", trusts=[trust(ROOT)])
    assert steps(target, role("a", MAY, statement("Deny", "sts:*", arn("admin")))) == {}
    refusing = role("admin", trusts=[trust(ROOT), trust({"AWS": arn("a")}, effect="Deny")])
    assert steps(refusing, role("a", MAY)) == {}


def test_a_boundary_limits_what_the_account_gives(steps):
    limit = {
        "Arn": arn("limit", kind="policy"),
        "PolicyName": "limit",
        "DefaultVersionId": "v1",
        "PolicyVersionList": [
            {
                "VersionId": "v1",
                "IsDefaultVersion": True,
                "Document": {"Version": "2012-10-17", "Statement": [statement("Allow", "s3:*")]},
            }
        ],
    }
    bounded = {"PermissionsBoundary": {"PermissionsBoundaryArn": limit["Arn"]}}
    target = role("admin", trusts=[trust(ROOT)])
    assert steps(target, role("a", MAY, **bounded), policies=[limit]) == {}
    unread = steps(target, role("a", MAY, **bounded))
    assert unread == {arn("a"): (Step(arn("admin"), sure=False),)}


def test_a_service_control_policy_closes_the_step(steps):
    document = {"Version": "2012-10-17", "Statement": [statement("Deny", "sts:AssumeRole", arn("admin"))]}
    tree = {
        "Id": "r-1",
        "Policies": [{"Id": "p-1", "Content": json.dumps(document)}],
        "Children": [{"Id": A}],
    }
    target = role("admin", trusts=[trust(ROOT)])
    assert steps(target, role("a", MAY), organization=tree) == {}


def test_everybody_in_the_trust_is_everybody_of_the_account(steps):
    target = role("admin", trusts=[trust({"AWS": "*"})])
    assert set(steps(target, role("a"), role("b", account=B), role("c", MAY, account=B))) == {
        arn("a"),
        arn("c", B),
    }


def test_services_and_federated_identities_are_no_steps(steps):
    target = role(
        "admin",
        trusts=[trust({"Service": "lambda.amazonaws.com"}), trust({"Federated": "accounts.google.com"})],
    )
    assert steps(target, role("a", MAY)) == {}


def test_callers_that_conditions_tell_apart_are_asked_one_by_one(steps):
    mine = statement("Allow", "sts:AssumeRole", Condition={"StringEquals": {"aws:PrincipalArn": arn("a")}})
    target = role("admin", trusts=[trust(ROOT)])
    assert set(steps(target, role("a", mine), role("b", mine))) == {arn("a")}


def test_callers_alike_get_the_same_answer_and_others_their_own(steps):
    deny = statement("Deny", "sts:AssumeRole", arn("admin"))
    target = role("admin", trusts=[trust(ROOT)])
    found = steps(target, role("a", MAY), role("b", MAY), role("c", MAY, deny), role("d", MAY, account=B))
    assert set(found) == {arn("a"), arn("b")}


TRUSTS = [
    trust(ROOT),
    trust({"AWS": [A, arn("r1"), "AROAR2"]}),
    trust({"AWS": "*"}, {"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
    trust({"AWS": f"arn:aws:iam::{B}:root"}, {"StringEquals": {"sts:ExternalId": "4711"}}),
    trust(ROOT, {"StringEquals": {"aws:PrincipalTag/team": "red"}}),
    trust(ROOT, {"StringEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}}),
    trust({"AWS": [arn("r3"), A]}, effect="Deny"),
    trust({"AWS": "*"}, {"StringNotEquals": {"aws:PrincipalAccount": A}}, effect="Deny"),
]
OWN = [
    MAY,
    statement("Allow", "sts:*", arn("r*")),
    statement("Allow", "sts:AssumeRole", [arn("r1"), arn("r4", B)]),
    statement("Allow", "sts:AssumeRole", Condition={"StringEquals": {"aws:PrincipalTag/team": "red"}}),
    statement("Allow", "sts:AssumeRole", f"arn:aws:iam::{A}:role/r${{aws:PrincipalTag/number}}"),
    statement("Deny", "sts:AssumeRole", arn("r2")),
    {"Effect": "Allow", "Action": "sts:AssumeRole", "NotResource": arn("r3")},
    statement("Deny", "sts:AssumeRole", Condition={"Bool": {"aws:ViaAWSService": "true"}}),
]


@pytest.mark.parametrize("seed", range(12))
def test_asked_about_together_roles_get_the_answers_they_get_alone(seed, collect, tmp_path):
    choice = random.Random(seed)  # noqa: S311 repeatable
    tags = [[], [{"Key": "team", "Value": "red"}], [{"Key": "number", "Value": "2"}]]
    roles = [
        role(
            f"r{number}",
            *choice.sample(OWN, choice.choice((0, 1, 1, 2))),
            trusts=choice.sample(TRUSTS, choice.choice((1, 1, 2))),
            account=choice.choice((A, A, B)),
            Tags=choice.choice(tags),
        )
        for number in range(9)
    ]
    path = tmp_path / "gaad.json"
    path.write_text(json.dumps({"RoleDetailList": roles, "Policies": []}))
    evidence = [collect({"authorization_details": [path]})]
    inventory = read_standing(evidence).inventory
    facts = CONNECTOR.interpret(evidence, YEAR, Patterns())
    catalogue = Catalogue()
    catalogue.permissions = facts.permissions

    def pairs(*roles):
        some = replace(inventory, roles={one.arn: one for one in roles})
        found = steps_of_all(some, read_organization(evidence), facts.entitlements, catalogue, YEAR)
        return [(caller, step) for caller, steps in found.items() for step in steps]

    alone = [pair for two in itertools.combinations(inventory.roles.values(), 2) for pair in pairs(*two)]
    assert pairs(*inventory.roles.values()) == sorted(alone)
