"""One small organization full of traps, with the verdict of every identity worked out by hand.

Everything in it is synthetic. organization → folder 77 → project agents-prod, and a second project beside it.
"""

import pytest

from tests.connectors.gcp.records import (
    AGENT,
    NUMBER,
    ORG,
    PROJECT,
    activity,
    audit,
    binding,
    entry,
    exported,
    role,
)  # fmt: skip

CLOUD = "//cloudresourcemanager.googleapis.com/"
LAB, LAB_NUMBER = "lab", "222222222222"
CHAIN = (f"projects/{NUMBER}", "folders/77", f"organizations/{ORG}")
POOL = f"projects/{NUMBER}/locations/global/workloadIdentityPools"
GITHUB = f"principal://iam.googleapis.com/{POOL}/ci/subject/repo:acme/app:ref:refs/heads/main"
POD = f"principal://iam.googleapis.com/{POOL}/{PROJECT}.svc.id.goog/subject/ns/prod/sa/web"
AGENTS = f"principalSet://agents.global.org-{ORG}.system.id.goog/*"
COMPUTE = f"{NUMBER}-compute@developer.gserviceaccount.com"
ALL = ("ADMIN_READ", "DATA_READ", "DATA_WRITE")
GET, CREATE, DELETE = (f"storage.objects.{verb}" for verb in ("get", "create", "delete"))
SECRET, PREDICT = "secretmanager.versions.access", "aiplatform.endpoints.predict"
ACT, TOKEN = "iam.serviceAccounts.actAs", "iam.serviceAccounts.getAccessToken"


def account(name):
    return f"{name}@{PROJECT}.iam.gserviceaccount.com"


def sa(*names):
    return [f"serviceAccount:{account(name)}" for name in names]


def node(path, kind, chain, *bindings, **more):
    full = CLOUD + path
    return exported(
        *bindings,
        resource=full,
        kind=f"cloudresourcemanager.googleapis.com/{kind}",
        ancestors=chain,
        **more,
    )


POLICIES = [
    node(
        f"organizations/{ORG}",
        "Organization",
        CHAIN[2:],
        binding("roles/inventory", *sa("inherits")),
        binding("roles/model", "group:ml@example.com"),
        audit=[audit("allServices", *ALL)],
    ),
    node("folders/77", "Folder", CHAIN[1:], binding("roles/secrets", *sa("denied", "spared"))),
    node(
        f"projects/{NUMBER}",
        "Project",
        CHAIN,
        binding(
            "roles/objects", *sa("expired"), condition='request.time < timestamp("2026-09-01T00:00:00Z")'
        ),
        binding("roles/objects", *sa("until"), condition='request.time < timestamp("2027-09-01T00:00:00Z")'),
        binding("roles/objects", *sa("tagged"), condition="resource.matchTag('1/env', 'prod')"),
        binding(
            "roles/objects",
            *sa("named"),
            condition='resource.name.startsWith("projects/_/buckets/orders/objects/in/")',
        ),
        binding("roles/objects", *sa("exempt", "refused", "unnamed", "long", "keyed")),
        binding(f"projects/{PROJECT}/roles/gone", *sa("dead")),
        binding("roles/unknown", *sa("unknown")),
        binding("roles/objects", f"deleted:serviceAccount:{account('was')}?uid=1"),
        binding("roles/tokens", *sa("boss")),
        binding("roles/model", *sa("worker"), AGENTS, POD, GITHUB),
        binding("roles/pools", *sa("domains")),
        binding("roles/editor", f"serviceAccount:{COMPUTE}"),
        binding("roles/inventory", f"projectEditor:{PROJECT}"),
        audit=[audit("storage.googleapis.com", "DATA_READ", exempted=tuple(sa("exempt")))],
    ),
    node(
        f"projects/{LAB_NUMBER}",
        "Project",
        (f"projects/{LAB_NUMBER}", f"organizations/{ORG}"),
        binding("roles/objects", *sa("inherits")),
    ),
    exported(
        binding("roles/objects", "allUsers"),
        resource="//storage.googleapis.com/open",
        kind="storage.googleapis.com/Bucket",
        ancestors=(f"projects/{LAB_NUMBER}", f"organizations/{ORG}"),
    ),
]
ROLES = [
    role("roles/inventory", "compute.instances.list", "pubsub.topics.delete"),
    role("roles/objects", GET, CREATE, DELETE),
    role("roles/secrets", SECRET),
    role("roles/tokens", TOKEN),
    role("roles/model", PREDICT, "aiplatform.models.delete"),
    role("roles/editor", ACT, "pubsub.topics.create"),
    # Roles write some names with their domain, logs without.
    role("roles/pools", *(f"iam.googleapis.com/workloadIdentityPools.{verb}" for verb in ("get", "delete"))),
    role(f"projects/{PROJECT}/roles/gone", GET, deleted=True),
]
DENIAL = {
    "name": "policies/cloudresourcemanager.googleapis.com%2Ffolders%2F77/denypolicies/secrets",
    "rules": [
        {
            "denyRule": {
                "deniedPrincipals": ["principalSet://goog/public:all"],
                "exceptionPrincipals": [
                    f"principal://iam.googleapis.com/projects/-/serviceAccounts/{account('spared')}"
                ],
                "deniedPermissions": ["secretmanager.googleapis.com/versions.access"],
            }
        }
    ],
}
PROJECTS = [
    {
        "name": f"{CLOUD}projects/{name}",
        "assetType": "cloudresourcemanager.googleapis.com/Project",
        "resource": {"data": {"projectId": name, "projectNumber": number}},
    }
    for name, number in ((PROJECT, NUMBER), (LAB, LAB_NUMBER))
]
ORDERS = {
    "name": "//storage.googleapis.com/orders",
    "assetType": "storage.googleapis.com/Bucket",
    "project": f"projects/{NUMBER}",
}
KEY = f"//iam.googleapis.com/projects/{PROJECT}/serviceAccounts/{account('keyed')}/keys/k1"
MODEL = {
    "service": "aiplatform.googleapis.com",
    "resource": f"projects/{PROJECT}/locations/l/publishers/google/models/m",
}


def authentication(name, **more):
    return {"authenticationInfo": {"principalEmail": account(name), **more}}


def without_resource(permission, name, where):
    """Return an entry whose check names its resource only in the attributes."""
    made = entry(permission, who=account(name), resource=where)
    [check] = made["protoPayload"]["authorizationInfo"]
    del check["resource"]
    return {
        **made,
        "protoPayload": {
            **made["protoPayload"],
            "authorizationInfo": [{**check, "resourceAttributes": {"name": where}}],
        },
    }


def lasting(place, **more):
    return {**entry(CREATE, who=account("long"), **more), "operation": {"id": "o", place: True}}


LOGS = [
    activity(),
    {**activity(), "logName": f"projects/{LAB}/logs/cloudaudit.googleapis.com%2Factivity"},
    entry(GET, who="admin@example.com", project=LAB),
    entry("compute.instances.list", who=account("inherits"), service="compute.googleapis.com", project=LAB),
    entry(SECRET, who=account("spared"), service="secretmanager.googleapis.com"),
    entry(GET, who=account("until")),
    entry(DELETE, who=account("refused"), granted=None),
    without_resource(CREATE, "unnamed", "projects/_/buckets/b/objects/x"),
    lasting("first"),
    lasting("last"),
    entry(GET, **authentication("keyed", serviceAccountKeyName=KEY)),
    entry(PREDICT, **MODEL, **authentication("worker", serviceAccountDelegationInfo=[
        {"firstPartyPrincipal": {"principalEmail": account("boss")}}
    ])),
    entry(PREDICT, who="", subject=AGENT.removeprefix("principal://"), **MODEL),
    entry("iam.workloadIdentityPools.get", who=account("domains"), service="iam.googleapis.com"),
    entry(GET, who=account("named"), method="storage.objects.testIamPermissions"),
]  # fmt: skip
# identity: used, unused, unobservable, conditional
EXPECTED = {
    account("inherits"): (["compute.instances.list"], ["pubsub.topics.delete"], [CREATE, DELETE, GET], []),
    account("denied"): ([], [], [], []),
    account("spared"): ([SECRET], [], [], []),
    account("expired"): ([], [], [], []),
    account("until"): ([GET], [CREATE, DELETE], [], []),
    account("tagged"): ([], [], [], [CREATE, DELETE, GET]),
    account("named"): ([], [CREATE, DELETE, GET], [], []),
    account("exempt"): ([], [CREATE, DELETE], [GET], []),
    account("refused"): ([], [CREATE, GET], [], []),
    account("unnamed"): ([CREATE], [DELETE, GET], [], []),
    account("long"): ([CREATE], [DELETE, GET], [], []),
    account("keyed"): ([GET], [CREATE, DELETE], [], []),
    account("dead"): ([], [], [], []),
    account("unknown"): ([], [], [], []),
    account("boss"): ([TOKEN], [], [], []),
    account("worker"): ([PREDICT], ["aiplatform.models.delete"], [], []),
    account("domains"): (["iam.workloadIdentityPools.get"], ["iam.workloadIdentityPools.delete"], [], []),
    AGENT: ([PREDICT], ["aiplatform.models.delete"], [], []),
    POD: ([], [PREDICT, "aiplatform.models.delete"], [], []),
    GITHUB: ([], [PREDICT, "aiplatform.models.delete"], [], []),
    COMPUTE: ([], ["compute.instances.list", "pubsub.topics.create", "pubsub.topics.delete"], [ACT], []),
}


@pytest.fixture
def organization(gcp):
    return gcp(
        {
            "iam_policies": POLICIES,
            "roles": ROLES,
            "resources": [*PROJECTS, ORDERS],
            "deny_policies": [DENIAL],
            "audit_logs": LOGS,
        }
    )


def test_every_verdict_is_the_one_worked_out_by_hand(organization):
    run, found = organization, {}
    for identity in EXPECTED:
        used = run.used(identity)
        hidden = sorted(set(run.blind(identity)) & set(run.granted(identity)) - set(used))
        found[identity] = (used, run.unused(identity), hidden, run.conditional(identity))
    # A permission that was only tried in vain is neither used nor unused.
    assert EXPECTED == found
    refused = [row for row in run.facts.usage if row.identity == account("refused")]
    assert [(DELETE, 1, 1)] == [(row.permission, row.count, row.denied) for row in refused]


def test_one_long_operation_is_one_call_and_a_check_without_resource_has_one(organization):
    rows = {row.identity: row for row in organization.facts.usage if row.permission == CREATE}
    assert 1 == rows[account("long")].count
    assert "projects/_/buckets/b/objects/*" == rows[account("unnamed")].resource


def test_the_key_and_the_chain_are_attributed(organization):
    row = next(row for row in organization.facts.usage if row.identity == account("keyed"))
    assert KEY.removeprefix("//iam.googleapis.com/") == row.credential
    boss = next(row for row in organization.facts.usage if row.identity == account("boss"))
    assert (TOKEN, f"projects/-/serviceAccounts/{account('worker')}") == (boss.permission, boss.resource)


def test_what_gives_nothing_or_cannot_be_told_is_named(organization):
    for words in (
        "deleted principal",
        "members of a group",
        "roles/unknown has no definition",
        "everyone on the internet",
    ):
        assert organization.caveats(words), words
