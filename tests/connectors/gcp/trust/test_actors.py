"""Who acts as a service account is read from tokens made; outsiders are accounts of other projects."""

from connectors.facts import Actor, Identity, Usage
from connectors.gcp.trust.actors import with_actors

EMAIL = "agent@claims.iam.gserviceaccount.com"
TOKEN = "iam.serviceAccounts.getAccessToken"


def identity(**changes):
    return Identity(EMAIL, "gcp", "claims", "service-account", EMAIL, "s", **changes)


def made(by, *, denied=0, resource=f"projects/-/serviceAccounts/{EMAIL}"):
    return Usage(by, TOKEN, resource, "", 3, denied, "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z")


def test_people_and_accounts_that_make_tokens_act_as_it():
    (found,) = with_actors([identity()], [made("ada@example.com"), made("ci@claims.iam.gserviceaccount.com")])
    assert (
        Actor("ada@example.com", True, TOKEN, 3, "2026-11-02T00:00:00Z"),
        Actor("ci@claims.iam.gserviceaccount.com", False, TOKEN, 3, "2026-11-02T00:00:00Z"),
    ) == found.actors


def test_refused_tokens_and_other_resources_are_nobodys():
    rows = [made("ada@example.com", denied=3), made("ada@example.com", resource="projects/claims")]
    (found,) = with_actors([identity()], rows)
    assert () == found.actors


def test_accounts_of_other_projects_are_outsiders_and_googles_own_are_not():
    trusted = (
        "serviceAccount:vendor@other-project.iam.gserviceaccount.com",
        "serviceAccount:ci@claims.iam.gserviceaccount.com",
        "serviceAccount:service-1@gcp-sa-aiplatform.iam.gserviceaccount.com",
        "user:ada@example.com",
    )
    (found,) = with_actors([identity(trusted=trusted)], [])
    assert trusted[:1] == found.outsiders
