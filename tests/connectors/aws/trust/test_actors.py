"""Who acts as a role is read from the log's own words, and who is an outsider from what the evidence holds."""

import json

import pytest

from connectors.aws.grants.organization import Organization
from connectors.aws.inventory import read_inventory
from connectors.aws.trust.actors import with_actors
from connectors.aws.trust.oidc_providers import OidcProviders
from connectors.facts import Actor, Identity
from connectors.logs.rows import UsageRow

ACCOUNT, VENDOR = "111122223333", "arn:aws:iam::999988887777:root"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/agent"


def row(identity, identity_type="AssumedRole", operation="sts.amazonaws.com:AssumeRole", **changes):
    fields = dict.fromkeys(UsageRow.__struct_fields__, "") | {
        "account": ACCOUNT,
        "identity": identity,
        "identity_type": identity_type,
        "operation": operation,
        "resource": ROLE,
        "outcome": "allowed",
        "day": "2026-11-02",
        "count": 2,
        "first": "2026-11-02T01:00:00Z",
        "last": "2026-11-02T02:00:00Z",
    }
    return UsageRow(**(fields | changes))


class Log:
    def __init__(self, *rows):
        self.rows = rows

    def usage(self):
        return iter(self.rows)


def identity():
    return Identity(ROLE, "aws", ACCOUNT, "role", "agent", "s")


def actors(*rows, inventory):
    (found,) = with_actors([identity()], [Log(*rows)], inventory, Organization(), OidcProviders())
    return found.actors


@pytest.fixture
def inventory(collect, tmp_path):
    return read_inventory([collect({})])


@pytest.mark.parametrize(
    ("taken", "person"),
    [
        (row("AWSService:lambda.amazonaws.com", "AWSService"), False),
        (row(f"arn:aws:iam::{ACCOUNT}:user/ada", "IAMUser"), True),
        (row(f"arn:aws:iam::{ACCOUNT}:user/robot", "IAMUser", credential="AKIAIOSFODNN7EXAMPLE"), False),
        (row(f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Dev_1"), True),
        (row("SAMLUser:idp:ada", "SAMLUser", "sts.amazonaws.com:AssumeRoleWithSAML"), True),
        (row(f"arn:aws:iam::{ACCOUNT}:role/other"), False),
    ],
)
def test_people_are_told_from_programs(inventory, taken, person):
    (found,) = actors(taken, inventory=inventory)
    assert Actor(taken.identity, person, taken.operation.rpartition(":")[2], 2, taken.last) == found


def test_refused_calls_are_nobodys(inventory):
    assert () == actors(
        row(f"arn:aws:iam::{ACCOUNT}:user/ada", "IAMUser", outcome="denied"), inventory=inventory
    )


def test_a_console_sign_in_is_a_persons(inventory):
    signed_in = row(ROLE, operation="signin.amazonaws.com:ConsoleLogin", resource="")
    assert ["console sign-in"] == [one.id for one in actors(signed_in, inventory=inventory)]


def test_trusted_accounts_outside_the_evidence_are_outsiders(interpret, tmp_path):
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": [VENDOR, f"arn:aws:iam::{ACCOUNT}:root"]},
                "Action": "sts:AssumeRole",
            },
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
            {
                "Effect": "Deny",
                "Principal": {"AWS": "arn:aws:iam::222233334444:root"},
                "Action": "sts:AssumeRole",
            },
        ],
    }
    role = {"RoleName": "agent", "Arn": ROLE, "RoleId": "AROA1", "AssumeRolePolicyDocument": trust}
    dump = tmp_path / "gaad.json"
    dump.write_text(json.dumps({"RoleDetailList": [role]}))
    (found,) = interpret({"authorization_details": [dump]}).identities
    assert ((VENDOR,), False) == (found.outsiders, found.outsiders_sure)
