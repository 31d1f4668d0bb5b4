"""Trust that lets in more than it names is told from trust that pins its parties down, party by party."""

import pytest

from connectors.aws.catalog.tables import table
from connectors.aws.identities.workloads import trusted_by
from connectors.aws.inventory import Holder
from connectors.aws.policy.document import parse_document
from connectors.aws.trust.oidc_providers import OidcProviders
from connectors.aws.trust.trust_gaps import gaps_of

HERE = "arn:aws:iam::111122223333"
GITHUB = "token.actions.githubusercontent.com"
EKS = "oidc.eks.eu-west-1.amazonaws.com/id/ABCDEF"
VENDOR = "arn:aws:iam::999988887777:root"


def gaps(principal, condition=None, *, outside=False, effect="Allow", audiences=()):
    statement = {"Effect": effect, "Principal": principal, "Action": "sts:AssumeRole"}
    if condition is not None:
        statement["Condition"] = condition
    trust = parse_document({"Version": "2012-10-17", "Statement": statement})
    holder = Holder(f"{HERE}:role/agent", "111122223333", "role", "agent", "/", "s", trust=trust)
    outsiders = frozenset(trusted_by(holder)) if outside else frozenset()
    names = principal.get("Federated", "").lower()
    providers = OidcProviders({names: frozenset(audiences)}, {"111122223333"})
    found = gaps_of(holder, outsiders, providers)
    assert {gap.entry for gap in found} <= set(trusted_by(holder))
    assert all(gap.who and gap.fix for gap in found)
    return [gap.kind for gap in found]


def issuer(name, sub=None, *, operator="StringLike", aud=True, audiences=(), **more):
    condition = dict(more)
    if aud:
        condition["StringEquals"] = {f"{name}:aud": "sts.amazonaws.com"}
    if sub is not None:
        condition.setdefault(operator, {})[f"{name}:sub"] = sub
    provider = {"Federated": f"{HERE}:oidc-provider/{name}"}
    return gaps(provider, condition or None, audiences=audiences)


@pytest.mark.parametrize(
    ("sub", "expected"),
    [
        (None, ["any-subject"]),
        ("*", ["any-subject"]),
        ("repo:*", ["any-subject"]),
        ("repo:*/app:*", ["any-subject"]),
        ("repo:acme*", ["any-subject"]),  # acme-evil is another owner
        ("repo:ac?e/app:*", ["any-subject"]),
        (["repo:acme/app:*", "repo:*/*:*"], ["any-subject"]),
        ("repo:acme/*", ["many-subjects"]),
        ("repo:acme/app*", ["many-subjects"]),
        ("repo:acme/app:*", []),
        ("repo:acme/app:ref:refs/heads/main", []),
        ("repo:acme@42/app@43:environment:prod", []),
        ("job_workflow_ref:acme/flows/deploy.yml@*", []),
    ],
)
def test_a_subject_of_github_must_name_owner_and_repository(sub, expected):
    assert issuer(GITHUB, sub) == expected


@pytest.mark.parametrize(
    ("name", "sub", "expected"),
    [
        (EKS, None, ["any-subject"]),
        (EKS, "system:serviceaccount:*:*", ["any-subject"]),
        (EKS, "system:serviceaccount:agents:*", ["many-subjects"]),
        (EKS, "system:serviceaccount:agents-*:x", ["many-subjects"]),
        (EKS, "system:serviceaccount:agents:invoices", []),
        (EKS, "system:serviceaccount:agents:invoices-*", []),
        ("gitlab.com", "project_path:*", ["any-subject"]),
        ("gitlab.com", "project_path:acme*", ["any-subject"]),
        ("gitlab.com", "project_path:acme/*", ["many-subjects"]),
        ("gitlab.com", "project_path:acme/infra/app:ref_type:branch:ref:*", []),
        ("app.terraform.io", "organization:*:project:*", ["any-subject"]),
        ("app.terraform.io", "organization:acme:*", ["many-subjects"]),
        ("idp.example.com", "team-*", []),
        ("idp.example.com", "*", ["any-subject"]),
    ],
)
def test_other_issuers_have_their_own_subjects(name, sub, expected):
    assert issuer(name, sub) == expected


def test_a_condition_that_keeps_nobody_out_is_none():
    assert issuer(GITHUB, "repo:evil/x:*", operator="StringNotLike") == ["any-subject"]
    assert issuer(GITHUB, None, Null={f"{GITHUB}:sub": "false"}) == ["any-subject"]
    assert issuer(GITHUB, "*", operator="StringEquals") == []  # a literal star, which no token has


def test_two_tests_of_the_subject_must_both_hold():
    narrow = {f"{GITHUB}:sub": "repo:acme/app:*"}
    assert issuer(GITHUB, "repo:acme/*", **{"ForAnyValue:StringLike": narrow}) == []


def test_another_claim_may_narrow_instead_of_the_subject():
    assert issuer(GITHUB, "*", StringEqualsIgnoreCase={f"{GITHUB}:repository_owner": "acme"}) == []


def test_a_missing_audience_is_told_beside_a_missing_subject():
    assert issuer(GITHUB, "repo:acme/app:*", aud=False) == ["any-audience"]
    assert issuer(GITHUB, None, aud=False) == ["any-audience", "any-subject"]


def test_the_only_audience_of_a_provider_is_pinned_without_a_condition():
    """STS refuses tokens for an audience that is not among the provider's client ids."""
    assert issuer(GITHUB, "repo:acme/app:*", aud=False, audiences=["sts.amazonaws.com"]) == []
    assert issuer(GITHUB, None, aud=False, audiences=["sts.amazonaws.com"]) == ["any-subject"]
    several = ["sts.amazonaws.com", "https://github.com/acme"]
    assert issuer(GITHUB, "repo:acme/app:*", aud=False, audiences=several) == ["any-audience"]


@pytest.mark.parametrize(
    ("host", "condition", "expected"),
    [
        ("cognito-identity.amazonaws.com", None, ["anybody"]),
        ("accounts.google.com", None, ["anybody"]),
        ("accounts.google.com", {"StringEquals": {"accounts.google.com:sub": "1"}}, ["any-audience"]),
        ("accounts.google.com", {"StringEquals": {"accounts.google.com:aud": "app"}}, []),
        (
            "cognito-identity.amazonaws.com",
            {"StringEquals": {"cognito-identity.amazonaws.com:aud": "eu-west-1:pool"}},
            ["many-subjects"],
        ),
        (
            "cognito-identity.amazonaws.com",
            {
                "StringEquals": {"cognito-identity.amazonaws.com:aud": "eu-west-1:pool"},
                "ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "authenticated"},
            },
            [],
        ),
    ],
)
def test_providers_open_to_everybody_need_an_application(host, condition, expected):
    assert gaps({"Federated": host}, condition) == expected


def test_saml_needs_an_audience():
    provider = {"Federated": f"{HERE}:saml-provider/corp"}
    assert gaps(provider) == ["any-audience"]
    assert gaps(provider, {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}}) == []


@pytest.mark.parametrize(
    ("service", "condition", "expected"),
    [
        ("bedrock", None, ["any-source"]),
        ("bedrock-agentcore", None, ["any-source"]),
        ("sagemaker", {"StringLike": {"aws:SourceAccount": "*"}}, ["any-source"]),
        ("sagemaker", {"StringNotEquals": {"aws:SourceAccount": "1"}}, ["any-source"]),
        ("bedrock", {"ArnLike": {"aws:SourceArn": "arn:aws:bedrock:*:*:agent/*"}}, ["any-source"]),
        ("bedrock", {"ArnLike": {"aws:SourceArn": "arn:aws:bedrock:*:111122223333:agent/*"}}, []),
        ("bedrock", {"StringEquals": {"aws:SourceAccount": "111122223333"}}, []),
        ("bedrock", {"StringEquals": {"aws:SourceOrgID": "o-1"}}, []),
        ("textract", None, ["any-source"]),
        ("transcribe.streaming", None, ["any-source"]),
        ("lexv2", None, []),  # its guide asks for it in the policies of bots, the other way round
        ("lambda", None, []),
        ("rolesanywhere", None, ["any-source"]),
        ("rolesanywhere", {"StringEquals": {"aws:PrincipalTag/x509Subject/CN": "press"}}, []),
        ("rolesanywhere", {"StringLike": {"aws:PrincipalTag/x509Subject/CN": "*"}}, ["any-source"]),
        ("rolesanywhere", {"ArnEquals": {"aws:SourceArn": "arn:aws:rolesanywhere:r:1:trust-anchor/a"}}, []),
        ("ec2", None, []),
    ],
)
def test_services_that_act_for_many_accounts_must_be_held_to_one(service, condition, expected):
    assert gaps({"Service": f"{service}.amazonaws.com"}, condition) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (None, ["no-external-id"]),
        ({"StringEquals": {"sts:ExternalId": "4711"}}, []),
        ({"StringLike": {"sts:ExternalId": "acme-*"}}, []),
        ({"StringLike": {"sts:ExternalId": "*"}}, ["no-external-id"]),
        ({"StringEqualsIfExists": {"sts:ExternalId": "4711"}}, ["no-external-id"]),
        ({"ForAllValues:StringEquals": {"sts:ExternalId": "4711"}}, ["no-external-id"]),
        ({"StringNotEquals": {"sts:ExternalId": "4711"}}, ["no-external-id"]),
        ({"Null": {"sts:ExternalId": "false"}}, ["no-external-id"]),
    ],
)
def test_another_owner_must_be_asked_for_an_external_id(condition, expected):
    assert gaps({"AWS": VENDOR}, condition, outside=True) == expected
    assert gaps({"AWS": VENDOR}, condition) == []


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"Bool": {"aws:SecureTransport": "true"}}, ["anybody"]),
        ({"StringLike": {"aws:PrincipalArn": "*"}}, ["anybody"]),
        ({"StringNotEquals": {"aws:PrincipalAccount": "1"}}, ["anybody"]),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, []),
        ({"SomethingNew": {"aws:PrincipalOrgID": "o-1"}}, []),
    ],
)
def test_everybody_with_a_condition_that_says_nothing_is_everybody(condition, expected):
    assert gaps({"AWS": "*"}, condition) == expected


def test_a_deny_trusts_nobody():
    assert gaps({"Service": "bedrock.amazonaws.com"}, effect="Deny") == []


def test_every_row_of_the_table_says_where_it_was_read_and_when():
    data = table("trust")
    rows = [*data["deputy"], *data["open_provider"], *data["subject"], data["saml"], data["anywhere"], data]
    assert all(len(row["source"]) > 20 and "2026-11" <= row["date"] < "2027" for row in rows)
    services = [name for row in data["deputy"] for name in row["services"]]
    assert len(services) == len(set(services)) >= 20


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        # Everybody can have a role of that name, that tag, that session name, or any address.
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/ci"}}, ["anybody"]),
        ({"StringLike": {"aws:PrincipalArn": [f"{HERE}:role/ci", "arn:aws:iam::*:role/ci"]}}, ["anybody"]),
        ({"ArnLike": {"aws:PrincipalArn": f"{HERE}:role/*"}}, []),
        ({"StringEquals": {"aws:PrincipalArn": "arn:aws:iam::*:role/ci"}}, []),
        ({"StringEquals": {"aws:PrincipalTag/team": "ml"}}, ["anybody"]),
        ({"StringEquals": {"aws:PrincipalType": "AssumedRole"}}, ["anybody"]),
        ({"StringLike": {"aws:userid": "*:job"}}, ["anybody"]),
        ({"StringLike": {"aws:userid": "AROAEXAMPLE:*"}}, []),
        ({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}, ["anybody"]),
        ({"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "::/0"]}}, ["anybody"]),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, []),
        # An external id is no secret of AWS, and it names nobody.
        ({"StringEquals": {"sts:ExternalId": "agreed"}}, ["any-subject"]),
        ({"StringLike": {"sts:ExternalId": "*"}}, ["anybody"]),
        ({"StringEquals": {"sts:ExternalId": "agreed", "aws:PrincipalOrgID": "o-1"}}, []),
    ],
)
def test_a_condition_beside_everybody_must_name_somebody(condition, expected):
    assert gaps({"AWS": "*"}, condition) == expected


@pytest.mark.parametrize(
    ("amr", "expected"),
    [
        ("unauthenticated", ["many-subjects"]),
        ("authenticated", []),
        (["authenticated", "unauthenticated"], ["many-subjects"]),
    ],
)
def test_guests_of_cognito_are_named_where_the_trust_lets_them_in(amr, expected):
    host = "cognito-identity.amazonaws.com"
    condition = {
        "StringEquals": {f"{host}:aud": "eu-west-1:pool"},
        "ForAnyValue:StringLike": {f"{host}:amr": amr},
    }
    assert gaps({"Federated": host}, condition) == expected
