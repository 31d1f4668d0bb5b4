"""Trust in what is not there lets nobody in, and is said; what the evidence does not list counts as there."""

import json
import os

import pytest

from connectors.aws.connector import CONNECTOR
from connectors.interface import Patterns, Status
from tests.connectors.aws.conftest import YEAR

ACCOUNT = "111122223333"
GITHUB = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
EKS = f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABC"


def trust(*principals, **condition):
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Federated": list(principals)},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": condition,
            }
        ],
    }


@pytest.fixture
def facts_of(gaad, collect, tmp_path):
    """Interpret a role that trusts `policy`, with the provider files given."""

    def run(policy, *documents, age_days=0):
        dump = gaad(role={"AssumeRolePolicyDocument": policy})
        files = {"authorization_details": [dump]}
        if documents:
            path = tmp_path / "providers.json"
            path.write_text(json.dumps(list(documents)))
            time = dump.stat().st_mtime - age_days * 86_400
            os.utime(path, (time, time))
            files["oidc_providers"] = [path]
        memory = collect(files)
        assert all(one.status is Status.OK for one in memory.results)
        return CONNECTOR.interpret([memory], YEAR, Patterns())

    return run


def listed(*arns, **more):
    return {"OpenIDConnectProviderList": [{"Arn": arn} for arn in arns], **more}


def about_providers(facts):
    return [one for one in facts.caveats if "OIDC provider" in one.what or "nobody can use" in one.what]


def test_a_provider_that_its_account_lacks_lets_nobody_in(facts_of):
    facts = facts_of(
        trust(EKS, StringLike={f"{EKS.partition('/')[2]}:sub": "system:serviceaccount:ml:rag"}),
        listed(GITHUB),
    )
    (identity,) = facts.identities
    assert ((), (), ()) == (identity.trusted, identity.trust_gaps, identity.workloads)
    (caveat,) = about_providers(facts)
    assert EKS in caveat.what
    assert identity.id == caveat.where
    assert "nobody can take the role" in caveat.effect


def test_what_else_a_statement_trusts_stands(facts_of):
    facts = facts_of(trust(EKS, GITHUB), listed(GITHUB))
    (identity,) = facts.identities
    assert (GITHUB,) == identity.trusted
    assert {"any-subject", "any-audience"} == {gap.kind for gap in identity.trust_gaps}
    (caveat,) = about_providers(facts)
    assert "nobody can take the role" not in caveat.effect


def test_without_a_list_every_provider_counts_as_there(facts_of):
    facts = facts_of(trust(GITHUB))
    (identity,) = facts.identities
    assert (GITHUB,) == identity.trusted
    assert identity.trust_gaps
    (caveat,) = about_providers(facts)
    assert ACCOUNT == caveat.where
    assert "counts as being there" in caveat.effect


@pytest.mark.parametrize(
    ("document", "age_days"),
    [
        (listed(), 0),  # names no account
        (listed(GITHUB.replace(ACCOUNT, "999988887777")), 0),
        (listed(EKS), 2),  # written before the roles: the provider may be newer
    ],
)
def test_a_list_that_proves_nothing_takes_nothing_away(facts_of, document, age_days):
    facts = facts_of(trust(GITHUB), document, age_days=age_days)
    assert (GITHUB,) == facts.identities[0].trusted
    assert [ACCOUNT] == [one.where for one in about_providers(facts)]


def test_an_empty_list_with_its_account_is_one(facts_of):
    facts = facts_of(trust(GITHUB), listed(Account=ACCOUNT))
    assert () == facts.identities[0].trusted


def test_built_in_providers_need_no_object(facts_of):
    facts = facts_of(trust("cognito-identity.amazonaws.com"), listed(Account=ACCOUNT))
    (identity,) = facts.identities
    assert ("cognito-identity.amazonaws.com",) == identity.trusted
    assert ["anybody"] == [gap.kind for gap in identity.trust_gaps]
    assert [] == about_providers(facts)


def test_the_client_ids_of_a_provider_are_its_audiences(facts_of):
    """The API describes a provider by its URL; the list says which ARN that is."""
    described = {"Url": "token.actions.githubusercontent.com", "ClientIDList": ["sts.amazonaws.com"]}
    policy = trust(GITHUB, StringLike={"token.actions.githubusercontent.com:sub": "repo:acme/app:*"})
    assert ["any-audience"] == [gap.kind for gap in facts_of(policy).identities[0].trust_gaps]
    assert () == facts_of(policy, listed(GITHUB), described).identities[0].trust_gaps
    assert () == facts_of(policy, {**described, "Arn": GITHUB}).identities[0].trust_gaps
    several = {**described, "ClientIDList": ["sts.amazonaws.com", "https://github.com/acme"]}
    (gap,) = facts_of(policy, listed(GITHUB), several).identities[0].trust_gaps
    assert "https://github.com/acme, sts.amazonaws.com" in gap.who


@pytest.mark.parametrize(("audience", "refused"), [("sts.amazonaws.com", False), ("https://acme", True)])
def test_an_audience_that_the_provider_does_not_accept_is_said_and_the_trust_still_counts(
    facts_of, audience, refused
):
    described = {"Arn": GITHUB, "ClientIDList": ["sts.amazonaws.com"]}
    host = "token.actions.githubusercontent.com"
    facts = facts_of(trust(GITHUB, StringEquals={f"{host}:aud": audience}), listed(GITHUB), described)
    caveats = [one for one in facts.caveats if "meets the condition of the trust" in one.what]
    assert refused is bool(caveats)
    assert facts.identities[0].trusted


def test_a_file_of_another_kind_is_named(tmp_path, gaad, collect):
    path = tmp_path / "providers.json"
    path.write_text(json.dumps({"SAMLProviderList": []}))
    memory = collect({"authorization_details": [gaad()], "oidc_providers": [path]})
    (outcome,) = [one for one in memory.results if one.part == "oidc_providers"]
    assert (Status.FAILED, True) == (outcome.status, "list-open-id-connect-providers" in outcome.reason)
