"""Principal access boundaries take what their version blocks; what they may block is never called granted."""

import pytest

from connectors.gcp.catalog import matcher, table
from connectors.gcp.names import permission_name
from tests.connectors.gcp.records import AGENT, NUMBER, ORG, PROJECT, RAG, binding, exported, role

READER = role("roles/storage.objectViewer", "storage.objects.get")
POLICY = f"organizations/{ORG}/locations/global/principalAccessBoundaryPolicies/only-here"
CLOUD = "//cloudresourcemanager.googleapis.com"


def boundary(*resources, name=POLICY, version="latest"):
    rules = [{"effect": "ALLOW", "resources": list(resources)}]
    return {"name": name, "details": {"rules": rules, "enforcementVersion": version}}


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


def test_what_a_version_blocks_is_not_held_where_the_place_is_not_eligible(gcp):
    run = run_with(gcp, boundary(f"{CLOUD}/projects/222222222222"), bound(f"{CLOUD}/projects/{NUMBER}"))
    assert ([], []) == (run.granted(RAG), run.conditional(RAG))


# The page: storage.objects.create since 2, iam.serviceAccounts.actAs since 3, secrets since 4, logging.views never.
VERSIONED = [
    "iam.serviceAccounts.actAs", "logging.views.access", "pubsub.subscriptions.consume",
    "secretmanager.versions.access", "storage.objects.create", "storage.objects.get",
]  # fmt: skip


@pytest.mark.parametrize(
    ("version", "granted", "conditional"),
    [
        ("1", [0, 1, 2, 3, 4], []),
        ("2", [0, 1, 2, 3], []),
        ("3", [1, 3], []),
        ("4", [1], []),
        ("latest", [], [1, 3]),
        ("", [], [1, 3]),
        ("7", [], [1]),
    ],
)
def test_each_version_blocks_its_own_list(gcp, version, granted, conditional):
    policy = exported(binding("roles/all", f"serviceAccount:{RAG}"))
    run = gcp(
        {
            "iam_policies": [policy],
            "roles": [role("roles/all", *VERSIONED)],
            "access_boundaries": [
                boundary(f"{CLOUD}/projects/222222222222", version=version),
                bound(f"{CLOUD}/projects/{NUMBER}"),
            ],
        }
    )
    assert ([VERSIONED[at] for at in granted], [VERSIONED[at] for at in conditional]) == (
        run.granted(RAG),
        run.conditional(RAG),
    )
    assert bool(conditional) is bool(run.caveats("a principal access boundary that may block access"))


def test_the_table_names_permissions_that_roles_hold(predefined):
    known = {permission_name(one) for role in predefined for one in role["includedPermissions"]}
    for version in table("boundary_versions")["versions"]:
        stale = {one for one in version["permissions"] if not any(map(matcher([one]), known))}
        assert len(stale) * 8 < len(version["permissions"]), stale


def test_a_boundary_that_may_apply_leaves_what_it_blocks_conditional(gcp):
    run = run_with(
        gcp,
        boundary(f"{CLOUD}/projects/222222222222"),
        bound(f"{CLOUD}/projects/{NUMBER}", condition="principal.subject.endsWith('gserviceaccount.com')"),
    )
    assert ([], ["storage.objects.get"]) == (run.granted(RAG), run.conditional(RAG))
    assert (
        "only-here does not make projects/agents-prod eligible"
        in run.facts.entitlements[RAG].conditional_reason
    )


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
    assert ([], []) == (run.granted(AGENT), run.conditional(AGENT))


def test_an_export_without_any_says_that_there_are_none(gcp):
    policy = exported(binding(READER["name"], f"serviceAccount:{RAG}"))
    assert [] == gcp(
        {"iam_policies": [policy], "roles": [READER], "access_boundaries": [boundary("x")]}
    ).caveats("principal access boundaries are not")
    assert 1 == len(
        gcp({"iam_policies": [policy], "roles": [READER]}).caveats("principal access boundaries are not")
    )


@pytest.mark.parametrize("who", [AGENT, "user:dev@example.com"])
def test_one_bound_to_an_account_by_its_address_is_not_bound_to_others(gcp, who):
    run = run_with(
        gcp,
        boundary(f"{CLOUD}/projects/222222222222"),
        bound(f"{CLOUD}/organizations/{ORG}", condition=f"principal.subject == '{RAG}'"),
        who=who,
    )
    assert ["storage.objects.get"] == run.granted(who.removeprefix("user:"))


def test_persons_are_of_organizations_never_of_projects(gcp):
    place = boundary(f"{CLOUD}/projects/222222222222")
    person = "user:dev@example.com"
    run = run_with(gcp, place, bound(f"{CLOUD}/projects/{NUMBER}"), who=person)
    assert ["storage.objects.get"] == run.granted("dev@example.com")
    run = run_with(gcp, place, bound(f"{CLOUD}/organizations/{ORG}"), who=person)
    assert ["storage.objects.get"] == run.conditional("dev@example.com")
