"""Over random projects: a reduction applied by other code gives nothing new and refuses nothing that was to stay.

Commands are interpreted by `Cloud`, and access is decided here, binding by binding, without code of the wing.
"""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.reduction import Standing
from tests.connectors.gcp.records import (
    AGENT,
    NUMBER,
    ORG,
    PROJECT,
    PROJECT_NAME,
    RAG,
    activity,
    entry,
    exported,
    role,
)
from tests.connectors.gcp.reducing import Cloud, reduced

CLOUD = "//cloudresourcemanager.googleapis.com/"
ORGANIZATION, FOLDER = f"{CLOUD}organizations/{ORG}", f"{CLOUD}folders/77"
BUCKET = "//storage.googleapis.com/b"
SECRET = f"//secretmanager.googleapis.com/projects/{PROJECT}/secrets/s"
ABOVE = {
    ORGANIZATION: (),
    FOLDER: (ORGANIZATION,),
    PROJECT_NAME: (FOLDER, ORGANIZATION),
    BUCKET: (PROJECT_NAME, FOLDER, ORGANIZATION),
    SECRET: (PROJECT_NAME, FOLDER, ORGANIZATION),
}
KINDS = {
    ORGANIZATION: ("cloudresourcemanager.googleapis.com/Organization", (f"organizations/{ORG}",)),
    FOLDER: ("cloudresourcemanager.googleapis.com/Folder", ("folders/77", f"organizations/{ORG}")),
    PROJECT_NAME: ("cloudresourcemanager.googleapis.com/Project", None),
    BUCKET: ("storage.googleapis.com/Bucket", None),
    SECRET: ("secretmanager.googleapis.com/Secret", None),
}
NAMES = [
    "storage.objects.get", "storage.objects.list", "storage.objects.delete", "storage.buckets.create",
    "secretmanager.versions.access", "secretmanager.versions.list", "secretmanager.secrets.delete",
    "resourcemanager.projects.list", "run.jobs.run", "iam.serviceAccounts.actAs",
]  # fmt: skip
LOGGED = {
    "storage": ("projects/_/buckets/b/objects/o", BUCKET),
    "secretmanager": (f"projects/{NUMBER}/secrets/s/versions/1", SECRET),
}
LISTING = "resourcemanager.projects.list"
"""It has no effect on a project, where Google does not list it."""
OPEN = 'request.time < timestamp("2099-01-01T00:00:00Z")'
OVER = 'request.time < timestamp("2020-01-01T00:00:00Z")'
ODD = 'resource.name.extract("x/{y}") == "z"'
CONDITIONS = [("", ""), ("", ""), (OPEN, "open"), (OVER, "over"), (ODD, "odd, 1|2")]
SHARED = f"principalSet://agents.global.org-{ORG}.system.id.goog/*"
ME = {RAG: f"serviceAccount:{RAG}", AGENT: AGENT}

roles = st.lists(st.sets(st.sampled_from(NAMES), min_size=1, max_size=7), min_size=5, max_size=5)
bound = st.tuples(
    st.sampled_from(list(ABOVE)),
    st.sampled_from([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5]),
    st.sampled_from(["me", "me", "me", "me", SHARED, "user:someone@example.com"]),
    st.sampled_from(CONDITIONS),
)
worlds = st.fixed_dictionaries(
    {
        "roles": roles,
        "bindings": st.lists(bound, min_size=2, max_size=8),
        "used": st.sets(st.sampled_from(NAMES[:7]), max_size=3),
        "keep": st.sets(st.sampled_from(NAMES), max_size=4),
        "unsupported": st.sets(st.sampled_from(NAMES), max_size=2),
        "who": st.sampled_from([RAG, AGENT]),
        "rebuild": st.booleans(),
    }
)


def policies_of(world):
    """Return resource to bound (role, member, expression, title); a role number beyond the list has no definition."""
    found = {resource: set() for resource in ABOVE}
    for resource, number, member, (expression, title) in world["bindings"]:
        found[resource].add(
            (f"roles/r{number}", ME[world["who"]] if member == "me" else member, expression, title)
        )
    return found


def evidence_of(world, policies):
    records = []
    for resource, held in policies.items():
        kind, ancestors = KINDS[resource]
        made = [
            {"role": r, "members": [m], **({"condition": {"title": t, "expression": e}} if e else {})}
            for r, m, e, t in sorted(held)
        ]
        more = {"ancestors": ancestors} if ancestors else {}
        records.append(exported(*made, resource=resource, kind=kind, **more))
    logs = [activity()]
    for name in sorted(world["used"]):
        service = name.partition(".")[0]
        logs.append(
            entry(name, who="" if world["who"] == AGENT else RAG, subject=AGENT if world["who"] == AGENT else "",
                  service=f"{service}.googleapis.com", resource=LOGGED[service][0])
        )  # fmt: skip
    listed = [
        {
            "name": name,
            "stage": "GA",
            **({"customRolesSupportLevel": "NOT_SUPPORTED"} if name in world["unsupported"] else {}),
        }
        for name in NAMES
        if name != LISTING or name in world["unsupported"]
    ]
    return {
        "iam_policies": records,
        "roles": [role(f"roles/r{at}", *sorted(names)) for at, names in enumerate(world["roles"])],
        "resources": [{"name": BUCKET, "assetType": KINDS[BUCKET][0], "project": f"projects/{NUMBER}"}],
        "testable_permissions": listed,
        "audit_logs": logs,
    }


def allowed(cloud, members, truths):
    """Return every (permission, resource) that these members are allowed, where conditions are as `truths` says."""
    found = set()
    for resource, above in ABOVE.items():
        for place in (resource, *above):
            for name, member, expression, _ in cloud.policies.get(place, ()):
                if member in members and (not expression or truths[expression]):
                    found |= {(permission, resource) for permission in cloud.roles[name]}
    return found


def assignments():
    return [{OPEN: a, OVER: b, ODD: c} for a in (True, False) for b in (True, False) for c in (True, False)]


def cloud_of(world, policies):
    held = {f"roles/r{at}": set(names) for at, names in enumerate(world["roles"])}
    # Roles without a definition give something all the same: nothing that this analysis knows.
    return Cloud(policies, {**{f"roles/r{n}": {f"unknown.thing.{n}"} for n in range(7)}, **held})


def script_of(documents):
    return next(one.content for one in documents if one.form == "cli")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(world=worlds)
def test_nothing_new_is_allowed_and_nothing_that_stays_is_refused(gcp, world):
    policies = policies_of(world)
    who = world["who"]
    run = gcp(evidence_of(world, policies))
    entitled = run.facts.entitlements.get(who)
    held = set(run.names(entitled.granted)) if entitled else set()
    remove = sorted(held - world["keep"] - world["used"])
    found = reduced(run, who, remove, rebuild=world["rebuild"])
    if found is None:
        assert [] == remove
        return
    asked = set(remove)
    removed = set(run.names(found.removed))
    staying = {name for stay in found.stays for name in run.names(stay.permissions)}
    assert asked == removed | staying
    assert not removed & staying
    if not found.changes:
        assert set() == removed
        return
    assert Standing.PROVED is found.containment.standing
    assert Standing.PROVED is found.restore.standing
    above = any(change.target.startswith("organizations/") for change in found.changes)
    assert found.limits.standing in ((Standing.PROVED, Standing.UNDECIDED) if above else (Standing.PROVED,))
    assert Standing.REFUTED is not found.replay.standing

    members = {ME[who], *({SHARED} if who == AGENT else ())}
    others = {"user:someone@example.com", SHARED, *ME.values()} - {ME[who]}
    cloud = cloud_of(world, policies)
    cloud.run(script_of(found.artifacts))
    before = cloud_of(world, policies)
    for truths in assignments():
        old, new = allowed(before, members, truths), allowed(cloud, members, truths)
        assert set() == new - old
        assert allowed(before, others, truths) == allowed(cloud, others, truths)
        if not world["rebuild"]:
            idle = {(LISTING, resource) for resource in (PROJECT_NAME, BUCKET, SECRET)}
            assert set() == {(name, resource) for name, resource in old - new - idle if name not in asked}
    now = {OPEN: True, OVER: False, ODD: True}
    assert set() == {name for name, _ in allowed(cloud, members, now)} & removed
    for truths in ({**now, ODD: False}, now):
        for name in world["used"]:
            call = (name, LOGGED[name.partition(".")[0]][1])
            assert (call in allowed(before, members, truths)) == (call in allowed(cloud, members, truths))

    cloud.run(script_of(found.rollback))
    assert before.policies == {
        resource: held for resource, held in cloud.policies.items() if resource in ABOVE
    }
    assert before.roles == cloud.roles
