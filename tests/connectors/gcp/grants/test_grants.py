"""Bindings become grants: members, roles, inheritance, conditions, deny policies."""

import pytest

from connectors.facts import Effect
from tests.connectors.gcp.records import (
    AGENT,
    NUMBER,
    ORG,
    PROJECT,
    PROJECT_NAME,
    RAG,
    above,
    binding,
    entry,
    exported,
    role,
    searched,
)

READER = role("roles/storage.objectViewer", "storage.objects.get", "storage.objects.list")
SECRETS = role("roles/secretmanager.secretAccessor", "secretmanager.versions.access")
BUCKET = "//storage.googleapis.com/claims"


def test_a_role_is_expanded_by_its_definition_in_the_evidence(gcp):
    run = gcp(
        {"iam_policies": [searched(binding(READER["name"], f"serviceAccount:{RAG}"))], "roles": [READER]}
    )
    assert run.granted(RAG) == ["storage.objects.get", "storage.objects.list"]
    [grant] = run.facts.grants
    assert (grant.id, grant.name, grant.scope, grant.effect) == (
        f"{PROJECT_NAME}|roles/storage.objectViewer|serviceAccount:{RAG}",
        "roles/storage.objectViewer",
        f"projects/{PROJECT}",
        Effect.ALLOW,
    )
    assert run.names(grant.wide) == ["storage.objects.get", "storage.objects.list"]


def test_an_unknown_role_gives_no_permission_and_is_never_unused(gcp):
    run = gcp(
        {"iam_policies": [searched(binding("roles/owner", f"serviceAccount:{RAG}"))], "roles": [READER]}
    )
    [grant] = run.facts.grants
    assert (grant.permissions, grant.undecided, grant.admin) == (
        0,
        True,
        f"roles/owner on projects/{PROJECT}",
    )
    assert (run.granted(RAG), run.unused(RAG)) == ([], [])
    assert len(run.caveats("role roles/owner has no definition")) == 1


def test_a_role_listed_without_its_permissions_is_unknown(gcp):
    listed = {"name": READER["name"], "title": "Viewer", "stage": "GA"}
    run = gcp(
        {"iam_policies": [searched(binding(READER["name"], f"serviceAccount:{RAG}"))], "roles": [listed]}
    )
    assert run.facts.grants[0].undecided


def test_a_deleted_custom_role_gives_nothing(gcp):
    gone = role(f"projects/{PROJECT}/roles/gone", "storage.objects.get", deleted=True)
    run = gcp({"iam_policies": [searched(binding(gone["name"], f"serviceAccount:{RAG}"))], "roles": [gone]})
    assert (run.granted(RAG), run.facts.grants[0].undecided) == ([], False)


def test_a_custom_role_is_found_by_project_number_or_id(gcp):
    custom = role(f"projects/{PROJECT}/roles/tool", "pubsub.topics.publish")
    run = gcp(
        {
            "iam_policies": [searched(binding(f"projects/{NUMBER}/roles/tool", f"serviceAccount:{RAG}"))],
            "roles": [custom],
        }
    )
    assert run.granted(RAG) == ["pubsub.topics.publish"]


def test_a_binding_on_an_ancestor_and_one_on_a_resource_are_both_held(gcp):
    folder, organization = above()
    folder["iam_policy"]["bindings"] = [binding(READER["name"], f"serviceAccount:{RAG}")]
    narrow = exported(
        binding(SECRETS["name"], f"serviceAccount:{RAG}"),
        resource=BUCKET,
        kind="storage.googleapis.com/Bucket",
    )
    run = gcp({"iam_policies": [folder, organization, narrow], "roles": [READER, SECRETS]})
    assert run.granted(RAG) == [
        "secretmanager.versions.access",
        "storage.objects.get",
        "storage.objects.list",
    ]
    wide = {grant.scope: grant.wide.bit_count() for grant in run.facts.grants}
    assert wide == {"folders/77": 2, BUCKET: 0}


def test_the_same_binding_from_two_exports_counts_once(gcp):
    one = binding(READER["name"], f"serviceAccount:{RAG}")
    by_number = exported(one, resource=f"//cloudresourcemanager.googleapis.com/projects/{NUMBER}")
    run = gcp({"iam_policies": [searched(one), by_number], "roles": [READER]})
    assert [grant.scope for grant in run.facts.grants] == [f"projects/{PROJECT}"]


@pytest.mark.parametrize(
    ("expression", "held", "conditional"),
    [
        ("request.time < timestamp('2027-01-01T00:00:00Z')", 2, 0),
        ("request.time < timestamp('2026-06-30T00:00:00Z')", 0, 0),
        (
            'request.time > timestamp("2026-01-01T00:00:00Z") && request.time < timestamp("2027-01-01T00:00:00Z")',
            2,
            0,
        ),
        ("resource.name.startsWith('projects/_/buckets/claims')", 0, 2),
        ("resource.matchTag('1/env', 'prod')", 0, 2),
        ("request.time < timestamp('2026-06-30T00:00:00Z') || resource.matchTag('1/env', 'prod')", 0, 2),
        ("this is not CEL", 0, 2),
    ],
)
def test_conditions_on_a_project(gcp, expression, held, conditional):
    bound = binding(READER["name"], f"serviceAccount:{RAG}", condition=expression)
    run = gcp({"iam_policies": [searched(bound)], "roles": [READER]})
    assert (len(run.granted(RAG)), len(run.conditional(RAG))) == (held, conditional)
    [grant] = run.facts.grants
    assert (grant.conditions, grant.undecided) == (expression, bool(conditional))


@pytest.mark.parametrize(
    ("expression", "held", "conditional"),
    [
        ("resource.name.startsWith('projects/_/buckets/claims')", 2, 0),
        ("resource.name.startsWith('projects/_/buckets/claims/objects/2026/')", 1, 1),
        ("resource.name.startsWith('projects/_/buckets/other')", 0, 0),
        # Of the two, objects.get is checked on the object, objects.list on the bucket.
        ("resource.name == 'projects/_/buckets/claims'", 1, 0),
        ("resource.type == 'storage.googleapis.com/Bucket'", 1, 1),
        ("resource.type == 'storage.googleapis.com/Object'", 1, 1),
        ("resource.name.startsWith('projects/_/buckets/claims/objects/')", 1, 1),
        ("resource.type == 'compute.googleapis.com/Instance'", 0, 0),
        ("resource.service == 'storage.googleapis.com'", 2, 0),
        ("resource.service != 'storage.googleapis.com'", 0, 0),
    ],
)
def test_conditions_about_the_binding_s_own_resource(gcp, expression, held, conditional):
    bound = binding(READER["name"], f"serviceAccount:{RAG}", condition=expression)
    policy = exported(bound, resource=BUCKET, kind="storage.googleapis.com/Bucket")
    run = gcp({"iam_policies": [policy], "roles": [READER]})
    assert (len(run.granted(RAG)), len(run.conditional(RAG))) == (held, conditional)


def test_an_unconditional_grant_of_the_same_permission_outweighs_a_conditional_one(gcp):
    open_door = binding(READER["name"], f"serviceAccount:{RAG}")
    closed = binding(
        READER["name"], f"serviceAccount:{RAG}", condition="resource.matchTag('a','b')", title="tag"
    )
    run = gcp({"iam_policies": [searched(open_door, closed)], "roles": [READER]})
    assert (len(run.granted(RAG)), run.conditional(RAG)) == (2, [])
    assert len({grant.id for grant in run.facts.grants}) == 2


def test_an_expired_binding_gives_nothing_and_says_so(gcp):
    bound = binding(
        "roles/owner", f"serviceAccount:{RAG}", condition="request.time < timestamp('2020-01-01T00:00:00Z')"
    )
    run = gcp({"iam_policies": [searched(bound)], "roles": [role("roles/owner", "storage.objects.get")]})
    [grant] = run.facts.grants
    assert (grant.permissions, grant.wide, grant.admin, run.granted(RAG)) == (0, 0, "", [])
    assert len(run.caveats("is false at the end of the window")) == 1


def test_groups_domains_and_everyone_make_no_identity_but_a_caveat(gcp):
    members = ("group:g@example.com", "domain:example.com", "allUsers", "allAuthenticatedUsers", "newkind:x")
    run = gcp({"iam_policies": [searched(binding(READER["name"], *members))], "roles": [READER]})
    assert (run.facts.identities, run.facts.grants) == ((), ())
    named = {caveat.what.partition(": ")[2] for caveat in run.facts.caveats}
    assert named >= set(members)


def test_a_deleted_member_is_no_identity(gcp):
    gone = f"deleted:serviceAccount:{RAG}?uid=123"
    run = gcp({"iam_policies": [searched(binding(READER["name"], gone))], "roles": [READER]})
    assert run.facts.identities == ()
    assert len(run.caveats("deleted principal")) == 1


def test_agents_hold_what_a_set_they_provably_belong_to_holds(gcp):
    trust = f"principalSet://agents.global.org-{ORG}.system.id.goog"
    other = AGENT.replace(f"/{NUMBER}/", "/222222222222/")
    policy = searched(
        binding(READER["name"], f"{trust}/attribute.platformContainer/aiplatform/projects/{NUMBER}"),
        binding(SECRETS["name"], f"{trust}/*", AGENT, other),
    )
    run = gcp({"iam_policies": [policy], "roles": [READER, SECRETS]})
    assert run.granted(AGENT) == [
        "secretmanager.versions.access",
        "storage.objects.get",
        "storage.objects.list",
    ]
    assert run.granted(other) == ["secretmanager.versions.access"]
    shared = {(g.identity == AGENT, g.name, g.shared) for g in run.facts.grants}
    assert (True, READER["name"], True) in shared
    assert (False, READER["name"], True) not in shared


def test_an_agent_only_the_logs_know_holds_its_set_s_grants(gcp):
    trust = f"principalSet://agents.global.org-{ORG}.system.id.goog/*"
    run = gcp(
        {
            "iam_policies": [searched(binding(READER["name"], trust))],
            "roles": [READER],
            "audit_logs": [entry("storage.objects.get", who="", subject=AGENT)],
        }
    )
    assert (run.identity(AGENT).kind, run.granted(AGENT)) == (
        "agent-identity",
        ["storage.objects.get", "storage.objects.list"],
    )
    assert run.used(AGENT) == ["storage.objects.get"]


def test_attributes_of_a_token_prove_nothing(gcp):
    pool = "iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/gh"
    subject = f"principal://{pool}/subject/repo:o/r:ref:refs/heads/main"
    policy = searched(
        binding(READER["name"], f"principalSet://{pool}/attribute.repository/o/r"),
        binding(SECRETS["name"], subject, f"principalSet://{pool}/*"),
    )
    run = gcp({"iam_policies": [policy], "roles": [READER, SECRETS]})
    assert (run.identity(subject).kind, run.granted(subject)) == (
        "federated",
        ["secretmanager.versions.access"],
    )
    assert len(run.caveats("set of principals")) == 2


def test_kubernetes_accounts_are_one_identity_in_both_spellings(gcp):
    full = (
        f"principal://iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/"
        f"{PROJECT}.svc.id.goog/subject/ns/tools/sa/runner"
    )
    short = f"serviceAccount:{PROJECT}.svc.id.goog[tools/runner]"
    run = gcp({"iam_policies": [searched(binding(READER["name"], short))], "roles": [READER]})
    assert [one.id for one in run.facts.identities] == [full]
    run = gcp(
        {
            "iam_policies": [searched(binding(READER["name"], short), binding(SECRETS["name"], full))],
            "roles": [READER, SECRETS],
        }
    )
    assert len(run.granted(full)) == 3


def test_editors_of_a_project_hold_what_a_bucket_gives_to_its_editors(gcp):
    project = searched(binding("roles/editor", f"serviceAccount:{RAG}"))
    bucket = exported(
        binding(READER["name"], f"projectEditor:{PROJECT}"),
        resource=BUCKET,
        kind="storage.googleapis.com/Bucket",
    )
    run = gcp({"iam_policies": [project, bucket], "roles": [READER]})
    assert run.granted(RAG) == ["storage.objects.get", "storage.objects.list"]
    assert [grant.shared for grant in run.facts.grants if grant.scope == BUCKET] == [True]


@pytest.mark.parametrize(
    ("name", "permissions", "resource", "admin"),
    [
        ("roles/editor", ("storage.objects.get",), PROJECT_NAME, f"roles/editor on projects/{PROJECT}"),
        (
            "roles/storage.admin",
            ("storage.buckets.create",),
            PROJECT_NAME,
            f"roles/storage.admin on projects/{PROJECT}",
        ),
        ("roles/storage.admin", ("storage.buckets.create",), BUCKET, ""),
        (
            "projects/x/roles/deployer",
            ("resourcemanager.projects.setIamPolicy",),
            PROJECT_NAME,
            f"resourcemanager.projects.setIamPolicy on projects/{PROJECT} through projects/x/roles/deployer",
        ),
        ("roles/storage.objectViewer", ("storage.objects.get",), PROJECT_NAME, ""),
    ],
)
def test_administrator_grants_are_named_on_a_project_or_above_only(gcp, name, permissions, resource, admin):
    policy = exported(binding(name, f"serviceAccount:{RAG}"), resource=resource, kind="")
    run = gcp({"iam_policies": [policy], "roles": [role(name, *permissions)]})
    assert run.facts.grants[0].admin == admin


def test_creating_and_listing_need_the_project_and_are_not_wide(gcp):
    made = role(
        "roles/x",
        "storage.buckets.create",
        "storage.buckets.list",
        "storage.objects.create",
        "bigquery.jobs.create",
    )
    run = gcp({"iam_policies": [searched(binding("roles/x", f"serviceAccount:{RAG}"))], "roles": [made]})
    assert run.names(run.facts.grants[0].wide) == ["storage.objects.create"]


def deny(*permissions, principals=(), exceptions=(), condition="", node=f"projects%2F{NUMBER}"):
    rule = {"deniedPrincipals": list(principals), "deniedPermissions": list(permissions)}
    if exceptions:
        rule["exceptionPrincipals"] = list(exceptions)
    if condition:
        rule["denialCondition"] = {"expression": condition}
    name = f"policies/cloudresourcemanager.googleapis.com%2F{node}/denypolicies/guard"
    return {"name": name, "kind": "denypolicies", "displayName": "guard", "rules": [{"denyRule": rule}]}


ACCOUNT = f"principal://iam.googleapis.com/projects/-/serviceAccounts/{RAG}"
EVERYONE = "principalSet://goog/public:all"


@pytest.mark.parametrize(
    ("policy", "granted", "conditional"),
    [
        (deny("storage.googleapis.com/objects.get", principals=[ACCOUNT]), ["storage.objects.list"], []),
        (deny("storage.googleapis.com/objects.*", principals=[EVERYONE]), [], []),
        (
            deny("storage.googleapis.com/objects.get", principals=[EVERYONE], exceptions=[ACCOUNT]),
            ["storage.objects.get", "storage.objects.list"],
            [],
        ),
        (
            deny(
                "storage.googleapis.com/objects.get",
                principals=[EVERYONE],
                condition="resource.matchTag('a','b')",
            ),
            ["storage.objects.list"],
            ["storage.objects.get"],
        ),
        (
            deny(
                "storage.googleapis.com/objects.get", principals=["principalSet://goog/group/g@example.com"]
            ),
            ["storage.objects.list"],
            ["storage.objects.get"],
        ),
        (
            deny(
                "storage.googleapis.com/objects.get", principals=["principal://goog/subject/ann@example.com"]
            ),
            ["storage.objects.get", "storage.objects.list"],
            [],
        ),
        (
            deny(
                "storage.googleapis.com/objects.get", principals=[EVERYONE], node=f"organizations%252F{ORG}"
            ),
            ["storage.objects.list"],
            [],
        ),
        (
            deny("storage.googleapis.com/objects.get", principals=[EVERYONE], node="projects%2Fother"),
            ["storage.objects.get", "storage.objects.list"],
            [],
        ),
    ],
)
def test_deny_policies_take_away_what_they_certainly_cover(gcp, policy, granted, conditional):
    run = gcp(
        {
            "iam_policies": [searched(binding(READER["name"], f"serviceAccount:{RAG}"))],
            "roles": [READER],
            "deny_policies": [policy],
        }
    )
    assert (run.granted(RAG), run.conditional(RAG)) == (granted, conditional)


POOL = f"principalSet://iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/gh/*"
AGENTS = f"principalSet://agents.global.org-{ORG}.system.id.goog/attribute.platform/aiplatform"


@pytest.mark.parametrize(
    ("written", "refused"),
    [
        (POOL, False),
        (AGENTS, False),
        ("principalSet://cloudresourcemanager.googleapis.com/projects/elsewhere", False),
        (f"principalSet://cloudresourcemanager.googleapis.com/projects/{NUMBER}", True),
        ("principalSet://cloudresourcemanager.googleapis.com/organizations/1", False),
        ("principalSet://goog/cloudIdentityCustomerId/C1", None),
    ],
)
def test_a_set_that_certainly_leaves_an_identity_out_refuses_it_nothing(gcp, written, refused):
    run = gcp(
        {
            "iam_policies": [searched(binding(READER["name"], f"serviceAccount:{RAG}"))],
            "roles": [READER],
            "deny_policies": [deny("storage.googleapis.com/objects.get", principals=[written])],
        }
    )
    granted, conditional = "storage.objects.get" in run.granted(RAG), run.conditional(RAG) != []
    assert (granted, conditional) == (refused is False, refused is None)


def test_deny_policies_and_roles_name_the_same_permission_differently(gcp):
    made = role(
        "roles/x",
        "resourcemanager.projects.delete",
        "iam.googleapis.com/workloadIdentityPools.delete",
        "iam.roles.get",
    )
    rules = deny(
        "cloudresourcemanager.googleapis.com/projects.delete",
        "iam.googleapis.com/workloadIdentityPools.*",
        principals=[EVERYONE],
    )
    run = gcp(
        {
            "iam_policies": [searched(binding("roles/x", f"serviceAccount:{RAG}"))],
            "roles": [made],
            "deny_policies": [rules],
        }
    )
    assert run.granted(RAG) == ["iam.roles.get"]
    refused = next(grant for grant in run.facts.grants if grant.effect is Effect.DENY)
    assert (refused.name, refused.scope, refused.permissions.bit_count()) == (
        "guard",
        f"projects/{PROJECT}",
        2,
    )


def test_what_is_also_granted_outside_of_the_deny_policy_s_place_stays(gcp):
    elsewhere = exported(
        binding(READER["name"], f"serviceAccount:{RAG}"),
        resource="//storage.googleapis.com/elsewhere",
        kind="storage.googleapis.com/Bucket",
        ancestors=("projects/333", f"organizations/{ORG}"),
    )
    here = searched(binding(READER["name"], f"serviceAccount:{RAG}"))
    policy = deny("storage.googleapis.com/objects.get", principals=[EVERYONE])
    run = gcp({"iam_policies": [here, elsewhere], "roles": [READER], "deny_policies": [policy]})
    assert run.granted(RAG) == ["storage.objects.get", "storage.objects.list"]


def test_a_deny_policy_listed_without_rules_is_said(gcp):
    bare = deny("x.googleapis.com/y.z")
    del bare["rules"]
    run = gcp(
        {
            "iam_policies": [searched(binding(READER["name"], f"serviceAccount:{RAG}"))],
            "roles": [READER],
            "deny_policies": [bare],
        }
    )
    assert len(run.caveats("deny policy without its rules")) == 1


def test_layers_that_are_not_read_are_always_said(gcp):
    run = gcp(
        {"iam_policies": [searched(binding(READER["name"], f"serviceAccount:{RAG}"))], "roles": [READER]}
    )
    assert len(run.caveats("principal access boundaries")) == 1
    assert len(run.caveats("deny policies are not in the evidence")) == 1


def test_agents_of_a_project_without_organization_belong_to_its_sets_in_both_spellings(gcp):
    domain = f"agents.global.proj-{NUMBER}.system.id.goog"
    agent = f"principal://{domain}/resources/aiplatform/projects/{NUMBER}/locations/l/reasoningEngines/1"
    made = role("roles/r", "a.b.c")
    everyone = f"principalSet://{domain.replace('proj-', 'project-')}/*"
    run = gcp(
        {
            "iam_policies": [searched(binding("roles/r", everyone), binding("roles/none", agent))],
            "roles": [made],
        }
    )
    assert run.granted(agent) == ["a.b.c"]


def test_a_federated_caller_that_only_the_logs_name_is_listed_where_its_pool_is_let_in(gcp):
    pool = f"iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/ci"
    caller = f"principal://{pool}/subject/repo:acme/app:ref:refs/heads/main"
    other = caller.replace("/ci/", "/unknown/")
    calls = [entry("storage.objects.get", who="", subject=one) for one in (caller, other)]
    policy = searched(binding(READER["name"], f"principalSet://{pool}/attribute.repository/acme/app"))
    run = gcp({"iam_policies": [policy], "roles": [READER], "audit_logs": calls})
    listed = {one.id for one in run.facts.identities}
    assert (caller in listed, other in listed) == (True, False)
    assert run.used(caller) == ["storage.objects.get"]
    assert run.granted(caller) == []
    everyone = searched(binding(READER["name"], f"principalSet://{pool}/*"))
    again = gcp({"iam_policies": [everyone], "roles": [READER], "audit_logs": calls})
    assert again.granted(caller) == sorted(READER["includedPermissions"])
