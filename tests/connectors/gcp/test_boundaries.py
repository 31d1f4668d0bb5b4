"""Principal access boundaries limit what is certain; nothing they may block is called granted."""

import pytest

from tests.connectors.gcp.records import AGENT, NUMBER, ORG, PROJECT, RAG, binding, exported, role

READER = role("roles/storage.objectViewer", "storage.objects.get")
POLICY = f"organizations/{ORG}/locations/global/principalAccessBoundaryPolicies/only-here"
CLOUD = "//cloudresourcemanager.googleapis.com"


def boundary(*resources, name=POLICY):
    rules = [{"effect": "ALLOW", "resources": list(resources)}]
    return {"name": name, "details": {"rules": rules, "enforcementVersion": "latest"}}


def bound(target, *, name=POLICY, condition=""):
    made = {
        "name": f"organizations/{ORG}/locations/global/policyBindings/{target.rpartition('/')[2]}-{name.rpartition('/')[2]}",
        "policyKind": "PRINCIPAL_ACCESS_BOUNDARY",
        "policy": name,
        "target": {"principalSet": target},
    }
    return {**made, "condition": {"expression": condition}} if condition else made


def run_with(gcp, *records, who=f"serviceAccount:{RAG}"):
    policy = exported(binding(READER["name"], who))
    return gcp({"iam_policies": [policy], "roles": [READER], "access_boundaries": list(records)})


@pytest.mark.parametrize(
    "place",
    [
        f"{CLOUD}/projects/{NUMBER}",
        f"{CLOUD}/projects/{PROJECT}",
        f"{CLOUD}/folders/77",
        f"{CLOUD}/organizations/{ORG}",
    ],
)
def test_what_a_boundary_makes_eligible_stays_granted(gcp, place):
    run = run_with(gcp, boundary(place), bound(f"{CLOUD}/organizations/{ORG}"))
    assert ["storage.objects.get"] == run.granted(RAG)
    assert [] == run.caveats("principal access boundar")


def test_what_it_does_not_make_eligible_is_conditional(gcp):
    run = run_with(gcp, boundary(f"{CLOUD}/projects/222222222222"), bound(f"{CLOUD}/projects/{NUMBER}"))
    assert ([], ["storage.objects.get"]) == (run.granted(RAG), run.conditional(RAG))
    assert (
        "only-here does not make projects/agents-prod eligible"
        in run.facts.entitlements[RAG].conditional_reason
    )
    assert 1 == len(run.caveats("a principal access boundary that may block access"))


def test_two_boundaries_add_up(gcp):
    other = POLICY.replace("only-here", "and-here")
    run = run_with(
        gcp,
        boundary(f"{CLOUD}/projects/222222222222"),
        bound(f"{CLOUD}/projects/{NUMBER}"),
        boundary(f"{CLOUD}/folders/77", name=other),
        bound(f"{CLOUD}/organizations/{ORG}", name=other),
    )
    assert ["storage.objects.get"] == run.granted(RAG)


def test_one_bound_to_others_changes_nothing(gcp):
    pool = f"//iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/ci"
    run = run_with(
        gcp,
        boundary(f"{CLOUD}/projects/222222222222"),
        bound(pool),
        bound(f"{CLOUD}/projects/333333333333"),
        bound("//iam.googleapis.com/locations/global/workspace/C0123"),
    )
    assert ["storage.objects.get"] == run.granted(RAG)


def test_one_without_its_rules_leaves_all_conditional(gcp):
    run = run_with(gcp, bound(f"{CLOUD}/projects/{NUMBER}"))
    assert ["storage.objects.get"] == run.conditional(RAG)


@pytest.mark.parametrize(
    ("condition", "granted"),
    [
        ("principal.type == 'iam.googleapis.com/AgentPoolIdentity'", True),
        ("principal.type == 'iam.googleapis.com/ServiceAccount'", False),
        (f"principal.subject == '{RAG}'", False),
        ("principal.subject == 'other@agents-prod.iam.gserviceaccount.com'", True),
        ("principal.subject.endsWith('gserviceaccount.com')", False),
    ],
)
def test_conditions_of_a_binding_are_decided_where_they_are_simple(gcp, condition, granted):
    run = run_with(
        gcp,
        boundary(f"{CLOUD}/projects/222222222222"),
        bound(f"{CLOUD}/projects/{NUMBER}", condition=condition),
    )
    assert granted is bool(run.granted(RAG))


def test_an_agent_is_of_its_project(gcp):
    run = run_with(gcp, boundary(f"{CLOUD}/projects/2"), bound(f"{CLOUD}/projects/{NUMBER}"), who=AGENT)
    assert ["storage.objects.get"] == run.conditional(AGENT)


def test_an_export_without_any_says_that_there_are_none(gcp):
    policy = exported(binding(READER["name"], f"serviceAccount:{RAG}"))
    assert [] == gcp(
        {"iam_policies": [policy], "roles": [READER], "access_boundaries": [boundary("x")]}
    ).caveats("principal access boundaries are not")
    assert 1 == len(
        gcp({"iam_policies": [policy], "roles": [READER]}).caveats("principal access boundaries are not")
    )
