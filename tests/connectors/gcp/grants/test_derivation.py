"""One request of one identity is decided by the layers, or said to be undecided, with the reason."""

import pytest

from connectors.gcp.connector import CONNECTOR
from tests.connectors.gcp.grants.test_boundaries import bound, boundary
from tests.connectors.gcp.records import (
    AGENT,
    NUMBER,
    ORG,
    PROJECT,
    PROJECT_NAME,
    RAG,
    above,
    binding,
    exported,
    role,
)

READER = role("roles/storage.objectViewer", "storage.objects.get")
SECRETS = role("roles/secretmanager.secretAccessor", "secretmanager.versions.access")
ACT = role("roles/iam.serviceAccountTokenCreator", "iam.serviceAccounts.getAccessToken")
BUCKET = exported(
    binding(READER["name"], f"serviceAccount:{RAG}"),
    resource="//storage.googleapis.com/claims",
    kind="storage.googleapis.com/Bucket",
)
OBJECT = "projects/_/buckets/claims/objects/2026/a.pdf"
OWN = [exported(), *above()]


@pytest.fixture
def ask(gcp):
    def run(policies, permission, resource, who=RAG, **more):
        made = gcp({"iam_policies": policies, "roles": [READER, SECRETS, ACT], **more})
        bundle = made.bundle
        return CONNECTOR.rule(bundle.sources, who, permission, resource, bundle.window)

    return run


@pytest.mark.parametrize(
    ("resource", "answer"),
    [
        (OBJECT, "allowed"),
        ("//storage.googleapis.com/claims", "allowed"),
        ("projects/_/buckets/claims-2/objects/a", "undecided"),  # nobody says whose bucket that is
        (f"projects/{PROJECT}", "not allowed by any statement"),
    ],
)
def test_a_binding_on_a_resource_covers_what_is_in_it_alone(ask, resource, answer):
    ruling = ask([BUCKET, *OWN], "storage.objects.get", resource)
    assert answer == ruling.answer


def test_a_binding_above_covers_the_project(ask):
    top = exported(
        binding(SECRETS["name"], f"serviceAccount:{RAG}"),
        resource=f"//cloudresourcemanager.googleapis.com/organizations/{ORG}",
        kind="cloudresourcemanager.googleapis.com/Organization",
        ancestors=(f"organizations/{ORG}",),
    )
    ruling = ask(
        [exported(), top, above()[0]], "secretmanager.versions.access", f"projects/{NUMBER}/secrets/db"
    )
    assert ("allowed", "allow policies") == (ruling.answer, ruling.layer)
    assert "roles/secretmanager.secretAccessor" in ruling.statement


def test_a_deny_policy_goes_before_every_binding(ask):
    rule = {
        "deniedPrincipals": ["principalSet://goog/public:all"],
        "deniedPermissions": ["storage.googleapis.com/objects.get"],
    }
    name = f"policies/cloudresourcemanager.googleapis.com%2Fprojects%2F{PROJECT}/denypolicies/no"
    ruling = ask(
        [BUCKET, *OWN],
        "storage.objects.get",
        OBJECT,
        deny_policies=[{"name": name, "rules": [{"denyRule": rule}]}],
    )
    assert ("denied by a Deny statement", "deny policies") == (ruling.answer, ruling.layer)


def test_a_boundary_refuses_what_its_version_blocks(ask):
    records = [boundary("//cloudresourcemanager.googleapis.com/projects/2"), bound(PROJECT_NAME)]
    ruling = ask([BUCKET, *OWN], "storage.objects.get", OBJECT, access_boundaries=records)
    assert ("denied by a Deny statement", "principal access boundaries") == (ruling.answer, ruling.layer)
    assert "only-here" in ruling.reason


def test_a_boundary_whose_rules_are_not_known_leaves_it_undecided(ask):
    ruling = ask([BUCKET, *OWN], "storage.objects.get", OBJECT, access_boundaries=[bound(PROJECT_NAME)])
    assert ("undecided", "principal access boundaries") == (ruling.answer, ruling.layer)


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        ('request.time < timestamp("2026-01-01T00:00:00Z")', "not allowed by any statement"),
        ('request.time < timestamp("2027-01-01T00:00:00Z")', "allowed"),
        ('resource.name.startsWith("projects/_/buckets/claims/objects/2026/")', "allowed"),
        (
            'resource.name.startsWith("projects/_/buckets/claims/objects/2025/")',
            "not allowed by any statement",
        ),
        ('resource.matchTag("env", "prod")', "undecided"),
    ],
)
def test_a_condition_is_decided_for_the_resource_that_is_asked_about(ask, condition, answer):
    policy = exported(
        binding(READER["name"], f"serviceAccount:{RAG}", condition=condition),
        resource="//storage.googleapis.com/claims",
        kind="storage.googleapis.com/Bucket",
    )
    assert answer == ask([policy, *OWN], "storage.objects.get", OBJECT).answer


@pytest.mark.parametrize(
    ("member", "answer"),
    [
        ("allUsers", "allowed"),
        ("group:all@example.com", "undecided"),
        (
            "deleted:serviceAccount:x@agents-prod.iam.gserviceaccount.com?uid=1",
            "not allowed by any statement",
        ),
        (AGENT, "not allowed by any statement"),
    ],
)
def test_members_that_stand_for_many_are_held_or_undecided(ask, member, answer):
    policy = exported(binding(SECRETS["name"], member), binding(READER["name"], f"serviceAccount:{RAG}"))
    ruling = ask([policy, *above()], "secretmanager.versions.access", f"projects/{PROJECT}/secrets/db")
    assert answer == ruling.answer


def test_a_role_without_a_definition_may_give_it(ask):
    policy = exported(binding("roles/unknown", f"serviceAccount:{RAG}"))
    ruling = ask([policy, *above()], "storage.objects.get", f"projects/{PROJECT}")
    assert ("undecided", "role roles/unknown has no definition in the evidence") == (
        ruling.answer,
        ruling.reason,
    )


def test_a_policy_above_that_was_not_read_may_give_it(ask):
    policy = exported(binding(READER["name"], f"serviceAccount:{RAG}"))
    ruling = ask([policy], "secretmanager.versions.access", f"projects/{PROJECT}/secrets/db")
    assert "undecided" == ruling.answer
    assert "is not in the evidence" in ruling.reason


def test_a_token_of_an_account_is_asked_for_by_any_of_its_names(ask):
    other = f"tool@{PROJECT}.iam.gserviceaccount.com"
    policy = exported(
        binding(ACT["name"], f"serviceAccount:{RAG}"),
        resource=f"//iam.googleapis.com/projects/{PROJECT}/serviceAccounts/{other}",
        kind="iam.googleapis.com/ServiceAccount",
    )
    ruling = ask([policy, *OWN], "iam.serviceAccounts.getAccessToken", f"projects/-/serviceAccounts/{other}")
    assert "allowed" == ruling.answer


def test_an_identity_that_is_not_in_the_evidence_is_not_ruled_about(ask):
    assert ask([BUCKET, *OWN], "storage.objects.get", OBJECT, who="nobody@example.com") is None
