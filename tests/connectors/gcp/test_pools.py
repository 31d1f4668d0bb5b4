"""A pool that anyone may join through a shared issuer is named, where something is bound to it."""

import pytest

from tests.connectors.gcp.records import NUMBER, binding, searched

POOL = f"projects/{NUMBER}/locations/global/workloadIdentityPools/ci"
MEMBER = f"principalSet://iam.googleapis.com/{POOL}/attribute.repository/org/repo"


def provider(issuer="https://token.actions.githubusercontent.com", pool=POOL, **more):
    return {"name": f"{pool}/providers/github", "oidc": {"issuerUri": issuer}, **more}


def caveats(gcp, record):
    policy = searched(binding("roles/storage.admin", MEMBER))
    return gcp({"iam_policies": [policy], "workload_identity": [{"name": POOL}, record]}).caveats(
        "an outside issuer"
    )


def test_a_shared_issuer_without_a_condition_is_named(gcp):
    [found] = caveats(gcp, provider())
    assert f"{POOL}/providers/github: https://token.actions.githubusercontent.com" in found


@pytest.mark.parametrize(
    "record",
    [
        provider(attributeCondition="assertion.repository_owner == 'org'"),
        provider("https://login.example.com"),
        provider(disabled=True),
        provider(pool=POOL.replace("/ci", "/unbound")),
    ],
)
def test_one_that_is_held_back_or_binds_nothing_is_not(gcp, record):
    assert [] == caveats(gcp, record)
