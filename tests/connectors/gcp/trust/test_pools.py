"""Who may join a workload identity pool: shared issuers, mappings and conditions decide, and are named."""

import pytest

from connectors.gcp.trust.attribute_conditions import pins
from tests.connectors.gcp.records import NUMBER, PROJECT, RAG, binding, exported, role, searched

POOL = f"projects/{NUMBER}/locations/global/workloadIdentityPools/ci"
SET = f"principalSet://iam.googleapis.com/{POOL}"
MEMBER = f"{SET}/attribute.repository/org/repo"
SUBJECT = f"principal://iam.googleapis.com/{POOL}/subject/repo:org/repo:ref:refs/heads/main"
GITHUB, GITLAB = "https://token.actions.githubusercontent.com", "https://gitlab.com"
MAPPING = {
    "google.subject": "assertion.sub",
    "attribute.repository": "assertion.repository",
    "attribute.ref": "assertion.ref",
}
ACCOUNT = f"//iam.googleapis.com/projects/{PROJECT}/serviceAccounts/{RAG}"
USER = role("roles/iam.workloadIdentityUser", "iam.serviceAccounts.getAccessToken")
READER = role("roles/storage.objectViewer", "storage.objects.get")


def provider(issuer=GITHUB, pool=POOL, **more):
    name = f"{pool}/providers/github"
    return {"name": name, "oidc": {"issuerUri": issuer}, "attributeMapping": MAPPING, **more}


def run_with(gcp, member, *records, resource=ACCOUNT):
    kind = "iam.googleapis.com/ServiceAccount" if resource == ACCOUNT else ""
    policy = searched(binding(USER["name"], member), resource=resource, kind=kind)
    return gcp(
        {
            "iam_policies": [policy],
            "roles": [USER],
            "service_accounts": [{"email": RAG, "projectId": PROJECT, "uniqueId": "1"}],
            "workload_identity": [{"name": POOL}, *records],
        }
    )


def gaps(run, identity=RAG):
    return [(gap.kind, gap.entry) for gap in run.identity(identity).trust_gaps]


def caveats(gcp, record):
    return run_with(gcp, MEMBER, record).caveats("an outside issuer")


def test_a_shared_issuer_without_a_condition_is_named_with_the_command(gcp):
    [found] = caveats(gcp, provider())
    assert f"{POOL}/providers/github: token.actions.githubusercontent.com" in found
    assert f"update-oidc github --workload-identity-pool=ci --project={PROJECT} --location=global" in found
    assert "assertion.repository_owner_id == 'YOURS'" in found


@pytest.mark.parametrize(
    "record",
    [
        provider(attributeCondition="assertion.repository_owner == 'org'"),
        provider("https://login.example.com"),
        provider(f"{GITHUB}/my-enterprise"),
        provider("https://oidc.circleci.com/org/0a1b"),
        provider(disabled=True),
        provider(state="DELETED"),
        provider(pool=POOL.replace("/ci", "/unbound")),
    ],
)
def test_one_that_is_held_back_or_binds_nothing_is_not(gcp, record):
    assert [] == caveats(gcp, record)


@pytest.mark.parametrize(
    ("member", "open_to_all"),
    [
        (MEMBER, False),
        (f"{SET}/*", True),
        (f"{SET}/attribute.ref/refs/heads/main", True),
        (f"{SET}/attribute.unmapped/x", False),
        (SUBJECT, False),
    ],
)
def test_a_member_that_every_customer_of_the_issuer_meets_is_a_gap_in_the_trust(gcp, member, open_to_all):
    run = run_with(gcp, member, provider())
    assert ([("any-subject", member)] if open_to_all else []) == gaps(run)
    assert member in run.identity(RAG).trusted


def test_a_condition_that_names_the_owner_closes_the_gap(gcp):
    closed = provider(attributeCondition="assertion.repository_owner == 'org'")
    assert [] == gaps(run_with(gcp, f"{SET}/attribute.ref/refs/heads/main", closed))


def test_a_subject_that_is_no_subject_of_the_issuer_is_a_gap(gcp):
    mapped = provider(attributeMapping={"google.subject": "assertion.ref"})
    member = f"principal://iam.googleapis.com/{POOL}/subject/refs/heads/main"
    run = run_with(gcp, member, mapped)
    assert [("any-subject", f"token.actions.githubusercontent.com through {POOL}/providers/github")] == gaps(
        run, member
    )


def test_a_condition_that_is_not_understood_is_said_and_no_gap(gcp):
    record = provider(attributeCondition="assertion.repository_owner.matches('^org$')")
    run = run_with(gcp, f"{SET}/*", record)
    assert [] == gaps(run)
    assert 1 == len(run.caveats("an attribute condition that could not be judged"))


@pytest.mark.parametrize(
    ("condition", "pinned"),
    [
        ("assertion.repository_owner == 'org'", True),
        ("'org' == assertion.repository_owner", True),
        ("(assertion.repository_owner=='org' && assertion.ref=='refs/heads/main')", True),
        ("assertion.ref == 'refs/heads/main'", False),
        ("assertion.repository_owner == 'org' || assertion.ref == 'refs/heads/main'", False),
        ("assertion.repository_owner in ['a', \"b\"]", True),
        ("assertion.sub.startsWith('repo:org/')", True),
        ("assertion.sub.startsWith('repo:')", False),
        ("google.subject.startsWith('repo:org')", False),
        ("attribute.repository == 'org/repo'", True),
        ("attribute.ref == 'x'", False),
        ("assertion.repository_owner != 'evil'", False),
        ("assertion.repository_owner != ''", False),
        ("true", False),
        ("assertion.x.matches('y') && assertion.repository_id == '7'", True),
        ("assertion.x.matches('y') || assertion.repository_id == '7'", None),
        ("assertion.repository == assertion.repository", None),
        ("assertion.note == 'a || b' && assertion.repository_id == '7'", True),
        ("((", None),
    ],
)
def test_conditions_are_judged_by_what_they_name(condition, pinned):
    claims = frozenset({"sub", "repository", "repository_id", "repository_owner"})
    assert pinned is pins(condition, claims, MAPPING)


def test_members_that_stand_for_nobody_are_said(gcp):
    run = run_with(gcp, f"{SET}/attribute.unmapped/x", provider())
    assert 1 == len(run.caveats("a member that no provider of its pool maps to"))
    assert 1 == len(run_with(gcp, MEMBER, provider(disabled=True)).caveats("lets nobody in"))
    closed = run_with(gcp, MEMBER, {"name": POOL, "state": "DELETED"}, provider())
    assert 1 == len(closed.caveats("lets nobody in"))


def test_an_open_set_that_holds_a_role_directly_is_named_with_it(gcp):
    run = run_with(
        gcp, f"{SET}/*", provider(), resource=f"//cloudresourcemanager.googleapis.com/projects/{PROJECT}"
    )
    [found] = run.caveats("everybody with an account at token.actions")
    assert "roles/iam.workloadIdentityUser on //cloudresourcemanager" in found


@pytest.mark.parametrize(
    ("attribute", "held"),
    [
        ("attribute.repository/org/repo", True),
        ("attribute.repository/org/other", False),
        ("attribute.ref/x", None),
    ],
)
def test_a_subject_that_says_its_repository_is_in_the_set_of_it(gcp, attribute, held):
    policy = exported(
        binding(READER["name"], f"{SET}/{attribute}"),
        binding("roles/unknown", SUBJECT),
    )
    settings = {
        "iam_policies": [policy],
        "roles": [READER, role("roles/unknown")],
        "workload_identity": [{"name": POOL}, provider()],
    }
    run = gcp(settings)
    assert (["storage.objects.get"] if held else []) == run.granted(SUBJECT)
    assert all(grant.shared for grant in run.facts.grants if grant.name == READER["name"])
    assert f"token.actions.githubusercontent.com through {POOL}/providers/github" in (
        run.identity(SUBJECT).trusted
    )


def test_a_gitlab_project_is_told_by_its_path(gcp):
    mapped = provider(
        GITLAB, attributeMapping={"google.subject": "assertion.sub", "attribute.p": "assertion.project_path"}
    )
    subject = f"principal://iam.googleapis.com/{POOL}/subject/project_path:g/p:ref_type:branch:ref:main"
    policy = exported(binding(READER["name"], f"{SET}/attribute.p/g/p"), binding("roles/x", subject))
    run = gcp({"iam_policies": [policy], "roles": [READER], "workload_identity": [{"name": POOL}, mapped]})
    assert ["storage.objects.get"] == run.granted(subject)
