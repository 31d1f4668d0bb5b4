"""A reduction keeps what was used and what cannot be seen, gives nothing new, and touches nobody else's access."""

import json

import pytest

from connectors.bundle import BundleWriter, open_bundle
from connectors.gcp.catalog import table
from connectors.gcp.connector import CONNECTOR
from connectors.gcp.exports.files import collect
from connectors.gcp.reduction.standing import Kind
from connectors.interface import Source, silent
from connectors.logs.seen import SeenEvents
from connectors.reduction import Question, Standing
from tests.connectors.gcp.records import (
    AGENT,
    ORG,
    PROJECT,
    PROJECT_NAME,
    QUARTER,
    RAG,
    activity,
    binding,
    entry,
    exported,
    role,
    searched,
)
from tests.connectors.gcp.reducing import claims, reduced, stays, steps

MEMBER = f"serviceAccount:{RAG}"
STORAGE = ("storage.buckets.create", "storage.buckets.get", "storage.objects.delete", "storage.objects.get")
EVERYONE = "//cloudresourcemanager.googleapis.com/organizations/" + ORG


def listed(*names, **levels):
    """Return what `gcloud iam list-testable-permissions` prints."""
    return [{"name": name, "stage": "GA", "title": name} for name in names] + [
        {"name": name.replace("__", "."), "stage": "GA", "customRolesSupportLevel": level}
        for name, level in levels.items()
    ]


def evidence(*policies, roles=None, logs=None, permissions=STORAGE, **more):
    return {
        "iam_policies": list(policies),
        "roles": roles or [role("roles/storage.admin", *STORAGE)],
        "audit_logs": logs or [activity(), entry("storage.objects.get")],
        "testable_permissions": listed(*permissions),
        **more,
    }


def test_a_custom_role_with_what_is_kept_takes_the_place_of_a_role(gcp):
    run = gcp(evidence(searched(binding("roles/storage.admin", MEMBER))))
    found = reduced(run, RAG, ["storage.buckets.create", "storage.objects.delete"])
    made = found.changes[0].target
    assert [
        ("create-role", made, made),
        ("add-binding", made, PROJECT_NAME),
        ("remove-binding", "roles/storage.admin", PROJECT_NAME),
    ] == steps(found)
    written = json.loads(found.changes[0].after)
    assert ["storage.buckets.get", "storage.objects.get"] == written["includedPermissions"]
    assert ["storage.buckets.create", "storage.objects.delete"] == run.names(found.removed)
    assert ["proved"] * 4 == claims(found)
    assert 1 == found.replay.requests


def test_a_binding_of_which_nothing_is_left_goes_without_a_new_role(gcp):
    run = gcp(
        evidence(
            searched(binding("roles/storage.admin", MEMBER), binding("roles/deleter", MEMBER)),
            roles=[role("roles/storage.admin", *STORAGE), role("roles/deleter", "run.jobs.delete")],
        )
    )
    found = reduced(run, RAG, ["run.jobs.delete"])
    assert [("remove-binding", "roles/deleter", PROJECT_NAME)] == steps(found)
    assert ["proved"] * 4 == claims(found)


def test_a_predefined_role_with_just_what_is_kept_is_taken_instead_of_a_custom_one(gcp):
    viewer = role("roles/storage.someViewer", "storage.buckets.get", "storage.objects.get")
    run = gcp(
        evidence(
            searched(binding("roles/storage.admin", MEMBER)),
            roles=[role("roles/storage.admin", *STORAGE), viewer],
        )
    )
    found = reduced(run, RAG, ["storage.buckets.create", "storage.objects.delete"])
    assert ["add-binding", "remove-binding"] == [kind for kind, _, _ in steps(found)]
    assert "roles/storage.someViewer" == steps(found)[0][1]


def test_several_roles_on_one_project_become_one(gcp):
    run = gcp(
        evidence(
            searched(binding("roles/a", MEMBER), binding("roles/b", MEMBER)),
            roles=[role("roles/a", *STORAGE[:2]), role("roles/b", *STORAGE[2:])],
        )
    )
    found = reduced(run, RAG, ["storage.buckets.create", "storage.objects.delete"])
    assert ["create-role", "add-binding", "remove-binding", "remove-binding"] == [
        k for k, _, _ in steps(found)
    ]


def test_what_others_hold_too_is_never_edited_for_them(gcp):
    everyone = f"principalSet://agents.global.org-{ORG}.system.id.goog/*"
    run = gcp(
        evidence(
            searched(binding("roles/storage.admin", everyone), binding("roles/x", f"{AGENT}")),
            roles=[role("roles/storage.admin", *STORAGE), role("roles/x", "run.jobs.get")],
        )
    )
    found = reduced(run, AGENT, ["storage.objects.delete"])
    assert () == found.changes
    assert {"shared-grant": ["storage.objects.delete"]} == stays(run, found)
    assert everyone in found.stays[0].reason


def test_an_undecided_condition_stays_and_a_decided_one_is_kept_verbatim(gcp):
    until = 'request.time < timestamp("2099-01-01T00:00:00Z")'
    unknown = 'resource.name.extract("a/{x}") == "y"'
    run = gcp(
        evidence(
            searched(
                binding("roles/storage.admin", MEMBER, condition=until, title="contract"),
                binding("roles/b", MEMBER, condition=unknown),
                binding("roles/c", MEMBER),
            ),
            roles=[
                role("roles/storage.admin", *STORAGE),
                role("roles/b", "run.jobs.delete"),
                role("roles/c", "run.jobs.delete"),
            ],
        )
    )
    found = reduced(run, RAG, ["storage.objects.delete", "run.jobs.delete"])
    new = json.loads(found.changes[1].after)
    assert {"title": "contract", "expression": until} == new["condition"]
    assert {"condition-undecided": ["run.jobs.delete"]} == stays(run, found)
    assert "roles/b" not in [name for kind, name, _ in steps(found) if kind == "remove-binding"]
    assert ["proved"] * 4 == claims(found)


def test_a_role_without_a_definition_is_left_as_it_is(gcp):
    run = gcp(evidence(searched(binding("roles/storage.admin", MEMBER), binding("roles/unknown", MEMBER))))
    found = reduced(run, RAG, ["storage.objects.delete"])
    assert "roles/unknown" not in [name for _, name, _ in steps(found)]
    assert any("roles/unknown" in note for note in found.notes)


def test_a_permission_that_custom_roles_may_not_hold_comes_from_the_smallest_role_within_what_is_held(gcp):
    listing = "storage.intelligenceConfigs.get"
    run = gcp(
        evidence(
            searched(binding("roles/storage.admin", MEMBER)),
            testable_permissions=listed(*STORAGE, storage__intelligenceConfigs__get="NOT_SUPPORTED"),
            roles=[
                role("roles/storage.admin", *STORAGE, listing),
                role("roles/small", "storage.objects.delete", listing),
                role("roles/beyond", listing, "iam.roles.create"),
                role("roles/storage.serviceAgent", listing),
            ],
        )
    )
    found = reduced(run, RAG, ["storage.buckets.create", "storage.objects.delete"])
    assert ["roles/small"] == [
        name for kind, name, _ in steps(found) if kind == "add-binding" and "/" not in name[6:]
    ]
    assert {"not-in-custom-roles": ["storage.objects.delete"]} == stays(run, found)
    assert listing not in found.changes[0].after
    assert ["proved"] * 4 == claims(found)


def test_what_has_no_effect_on_a_project_is_left_out_and_named_unless_it_was_used(gcp):
    above = "resourcemanager.projects.list"
    settings = evidence(
        searched(binding("roles/storage.admin", MEMBER)), roles=[role("roles/storage.admin", *STORAGE, above)]
    )
    found = reduced(gcp(settings), RAG, ["storage.objects.delete"])
    assert above not in found.changes[0].after
    assert any(above in note for note in found.notes)
    assert ["proved"] * 4 == claims(found)
    used = [*settings["audit_logs"], entry(above, service="cloudresourcemanager.googleapis.com")]
    found = reduced(gcp({**settings, "audit_logs": used}), RAG, ["storage.objects.delete"])
    assert () == found.changes


def test_what_google_says_about_custom_roles_is_followed(gcp):
    records = listed(
        "storage.buckets.get", storage__objects__get="NOT_SUPPORTED", storage__objects__delete="TESTING"
    )
    run = gcp(evidence(searched(binding("roles/storage.admin", MEMBER)), testable_permissions=records))
    found = reduced(run, RAG, ["storage.buckets.create"])
    # Nothing smaller holds storage.objects.get: the role stays, and says why.
    assert () == found.changes
    assert {"not-in-custom-roles": ["storage.buckets.create"]} == stays(run, found)


def test_levels_written_as_numbers_mean_the_same(gcp):
    records = [
        {"name": "storage.buckets.get", "stage": 4, "customRolesSupportLevel": 1},
        {"name": "storage.objects.get", "stage": 4, "customRolesSupportLevel": 0},
        {"name": "storage.objects.delete", "stage": 4, "customRolesSupportLevel": 2},
    ]
    run = gcp(evidence(searched(binding("roles/storage.admin", MEMBER)), testable_permissions=records))
    found = reduced(run, RAG, ["storage.buckets.create", "storage.objects.delete"])
    assert ["proved"] * 4 == claims(found)
    assert any("storage.buckets.get in custom roles" in note for note in found.notes)
    assert () == reduced(run, RAG, ["storage.buckets.create"]).changes


ODD = [None, 7, [], {}, [[]], "x", {"expression": 3}, {"title": None, "expression": None}, {"a": {"b": []}}]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_odd_shapes_cost_nobody_else_their_reduction(gcp, odd):
    policy = searched(binding("roles/storage.admin", MEMBER))
    policy["policy"]["bindings"] += [
        {
            "role": "roles/storage.admin",
            "members": [f"serviceAccount:a@{PROJECT}.iam.gserviceaccount.com"],
            "condition": odd,
        },
        {"role": odd, "members": [MEMBER]},
        {"role": "roles/x", "members": odd},
        {"role": "roles/x", "members": [odd, MEMBER]},
    ]
    run = gcp(
        evidence(
            policy,
            service_accounts=[
                {"email": RAG, "uniqueId": odd, "projectId": PROJECT, "description": odd},
                {"email": f"b@{PROJECT}.iam.gserviceaccount.com", "projectId": PROJECT},
            ],
            testable_permissions=[
                *listed(*STORAGE),
                {"name": "a.b.c", "stage": odd, "customRolesSupportLevel": odd},
            ],
        )
    )
    found = reduced(run, RAG, ["storage.objects.delete"])
    assert "create-role" in [kind for kind, _, _ in steps(found)]
    assert "refuted" not in claims(found)


def test_without_that_list_the_limits_stay_undecided(gcp):
    settings = evidence(searched(binding("roles/storage.admin", MEMBER)))
    del settings["testable_permissions"]
    found = reduced(gcp(settings), RAG, ["storage.objects.delete"])
    assert ["proved", "proved", "undecided", "proved"] == claims(found)
    assert "list-testable-permissions" in found.limits.reason


def test_a_binding_above_the_project_is_reduced_where_it_stands_and_left_to_review(gcp):
    organization = exported(
        binding("roles/storage.admin", MEMBER),
        resource=EVERYONE,
        kind="cloudresourcemanager.googleapis.com/Organization",
        ancestors=(f"organizations/{ORG}",),
    )
    run = gcp(evidence(organization, searched()))
    found = reduced(run, RAG, ["storage.objects.delete"])
    assert f"organizations/{ORG}/roles/" in found.changes[0].target
    assert {EVERYONE} == {target for kind, _, target in steps(found) if "binding" in kind}
    assert Standing.UNDECIDED is found.replay.standing
    assert f"organizations/{ORG}" in found.replay.reason


def test_a_kind_of_resource_without_a_command_is_left_as_it_is(gcp):
    odd = searched(
        binding("roles/storage.admin", MEMBER),
        resource=f"//newthing.googleapis.com/projects/{PROJECT}/things/1",
        kind="newthing.googleapis.com/Thing",
    )
    run = gcp(evidence(odd))
    found = reduced(run, RAG, ["storage.objects.delete"])
    assert () == found.changes
    assert {"no-command": ["storage.objects.delete"]} == stays(run, found)


def test_the_owner_can_opt_out_by_the_accounts_description_or_a_conditions_title(gcp):
    account = {"email": RAG, "uniqueId": "1", "projectId": PROJECT, "description": "entdrift:keep until May"}
    run = gcp(evidence(searched(binding("roles/storage.admin", MEMBER)), service_accounts=[account]))
    found = reduced(run, RAG, ["storage.objects.delete"])
    assert () == found.changes
    assert {"opted-out": ["storage.objects.delete"]} == stays(run, found)

    until = 'request.time < timestamp("2099-01-01T00:00:00Z")'
    kept = binding("roles/storage.admin", MEMBER, condition=until, title="entdrift:keep")
    run = gcp(evidence(searched(kept)))
    assert {"opted-out": ["storage.objects.delete"]} == stays(
        run, reduced(run, RAG, ["storage.objects.delete"])
    )


def test_an_idle_account_is_disabled_where_nothing_can_hide_use(gcp):
    account = {"email": RAG, "uniqueId": "1", "projectId": PROJECT}
    run = gcp(
        evidence(
            searched(binding("roles/storage.admin", MEMBER)), service_accounts=[account], logs=[activity()]
        )
    )
    found = reduced(run, RAG, STORAGE, idle=True)
    assert [("disable-account", RAG, RAG)] == steps(found)
    assert list(STORAGE) == run.names(found.removed)
    hidden = reduced(run, RAG, STORAGE, idle=True, unseen=run.facts.permissions.mask(["run.jobs.get"]))
    assert ["remove-binding"] == [kind for kind, _, _ in steps(hidden)]


def test_an_idle_account_that_something_runs_as_is_not_disabled(gcp):
    job = {
        "name": f"//run.googleapis.com/projects/{PROJECT}/locations/us/jobs/nightly",
        "assetType": "run.googleapis.com/Job",
        "resource": {"data": {"template": {"template": {"serviceAccount": RAG}}}},
    }
    account = {"email": RAG, "uniqueId": "1", "projectId": PROJECT}
    run = gcp(
        evidence(
            searched(binding("roles/storage.admin", MEMBER)),
            service_accounts=[account],
            resources=[job],
            logs=[activity()],
        )
    )
    assert run.identity(RAG).workloads
    assert "disable-account" not in [kind for kind, _, _ in steps(reduced(run, RAG, STORAGE, idle=True))]


def test_unused_keys_are_disabled(gcp):
    key = f"projects/{PROJECT}/serviceAccounts/{RAG}/keys/0a1b"
    run = gcp(
        evidence(
            searched(binding("roles/storage.admin", MEMBER)),
            service_account_keys=[
                {"name": key, "keyType": "USER_MANAGED", "validAfterTime": "2026-01-01T00:00:00Z"}
            ],
        )
    )
    found = reduced(run, RAG, [], credentials=(key, "someone"))
    assert [("disable-key", key, key)] == steps(found)
    assert ["Disable someone by hand: this version writes no command for its kind."] == list(found.notes)


def test_service_agents_are_never_touched(gcp):
    agent = "service-111111111111@gcp-sa-aiplatform.iam.gserviceaccount.com"
    run = gcp(evidence(searched(binding("roles/storage.admin", f"serviceAccount:{agent}"))))
    assert () == reduced(run, agent, STORAGE).changes


def test_a_permission_is_written_as_roles_spell_it(gcp):
    written = "iam.googleapis.com/workloadIdentityPools.get"
    run = gcp(
        evidence(
            searched(binding("roles/iam.pools", MEMBER)),
            roles=[role("roles/iam.pools", written, "iam.googleapis.com/workloadIdentityPools.delete")],
            permissions=(written,),
        )
    )
    found = reduced(run, RAG, ["iam.workloadIdentityPools.delete"])
    assert [written] == json.loads(found.changes[0].after)["includedPermissions"]
    assert ["proved"] * 4 == claims(found)


@pytest.mark.parametrize("extra", [0, 1])
def test_a_role_holds_three_thousand_permissions_and_not_one_more(gcp, extra):
    limit = table("custom_roles")["permissions"]
    names = [f"a.b.{number:04}" for number in range(limit + extra)]
    run = gcp(
        evidence(
            searched(binding("roles/big", MEMBER)),
            roles=[role("roles/big", *names, "z.z.z")],
            permissions=names,
        )
    )
    found = reduced(run, RAG, ["z.z.z"])
    made = [change for change in found.changes if change.kind == Kind.CREATE_ROLE]
    counts = [len(json.loads(change.after)["includedPermissions"]) for change in made]
    assert ([limit] if not extra else [limit, 1]) == counts
    assert ["proved"] * 4 == claims(found)


def test_a_role_that_would_be_too_large_in_bytes_is_split(gcp):
    names = [f"a.{'b' * 60}.{number:04}" for number in range(1000)]
    run = gcp(
        evidence(
            searched(binding("roles/big", MEMBER)),
            roles=[role("roles/big", *names, "z.z.z")],
            permissions=names,
        )
    )
    found = reduced(run, RAG, ["z.z.z"])
    assert 2 == len([change for change in found.changes if change.kind == Kind.CREATE_ROLE])
    assert ["proved"] * 4 == claims(found)


def test_a_policy_that_is_full_refutes_the_limits(gcp):
    crowd = [f"user:u{number}@example.com" for number in range(table("custom_roles")["members"] - 1)]
    run = gcp(evidence(searched(binding("roles/storage.admin", MEMBER), binding("roles/other", *crowd))))
    found = reduced(run, RAG, ["storage.objects.delete"])
    assert Standing.REFUTED is found.limits.standing
    assert "1,500 members" in found.limits.reason


def test_the_nearest_predefined_roles_are_an_alternative_with_their_excess(gcp):
    run = gcp(
        evidence(
            searched(binding("roles/storage.admin", MEMBER)),
            roles=[
                role("roles/storage.admin", *STORAGE, "storage.buckets.setIamPolicy"),
                role(
                    "roles/storage.objectUser",
                    "storage.objects.get",
                    "storage.buckets.get",
                    "storage.buckets.list",
                ),
            ],
        )
    )
    gone = ["storage.buckets.create", "storage.objects.delete", "storage.buckets.setIamPolicy"]
    found = reduced(run, RAG, gone)
    alternative = next(one for one in found.artifacts if one.form == "alternative")
    assert (
        "predefined roles instead, not proved: 1 permissions too many, 1 of them new access"
        == alternative.name
    )
    said = json.loads(alternative.content)
    assert ["roles/storage.objectUser"] == [one["role"] for one in said["roles"]]
    assert ["storage.buckets.list"] == said["new_access"]


def test_an_alternative_that_is_wider_than_what_is_held_is_not_offered(gcp):
    run = gcp(
        evidence(
            searched(binding("roles/storage.admin", MEMBER)),
            roles=[
                role("roles/storage.admin", *STORAGE),
                role("roles/storage.more", *STORAGE, "storage.buckets.setIamPolicy"),
            ],
        )
    )
    found = reduced(run, RAG, ["storage.objects.delete"])
    assert "alternative" not in {one.form for one in found.artifacts}


def test_more_custom_roles_than_a_project_may_have_are_told_of_before_the_last_one_fails(gcp):
    held = [role(f"projects/{PROJECT}/roles/r{number}", "a.b.c") for number in range(299)]
    others = [f"other{number}@{PROJECT}.iam.gserviceaccount.com" for number in range(2)]
    run = gcp(
        evidence(
            searched(binding("roles/storage.admin", *(f"serviceAccount:{one}" for one in others))),
            roles=[role("roles/storage.admin", *STORAGE), *held],
        )
    )
    remove = run.facts.permissions.mask(["storage.objects.delete"])
    questions = [Question(one, remove, ()) for one in others]
    found = CONNECTOR.reduce(run.bundle.sources, run.facts, questions, run.bundle.window).found
    assert ["proved"] * 4 == claims(found[others[1]])
    assert all(any("more than 300 custom roles" in note for note in found[one].notes) for one in others)


def test_a_project_known_by_number_alone_is_not_taken_for_another(gcp):
    policy = searched(binding("roles/wide", MEMBER))
    del policy["project"]
    del policy["folders"]
    del policy["organization"]
    run = gcp(
        evidence(
            policy,
            roles=[role("roles/wide", "secretmanager.versions.access", "run.jobs.get")],
            permissions=("secretmanager.versions.access", "run.jobs.get"),
            logs=[
                activity(),
                entry(
                    "secretmanager.versions.access",
                    service="secretmanager.googleapis.com",
                    resource="projects/424242424242/secrets/s/versions/1",
                ),
            ],
        )
    )
    found = reduced(run, RAG, ["run.jobs.get"], rebuild=True)
    assert "secretmanager.versions.access" in "".join(change.after for change in found.changes)
    assert "refuted" not in claims(found)


def test_rebuilt_access_is_given_only_on_the_resources_used(gcp):
    secret = f"projects/{PROJECT}/secrets/token"
    bucket = {
        "name": "//storage.googleapis.com/b",
        "assetType": "storage.googleapis.com/Bucket",
        "project": "projects/111111111111",
    }
    account = f"reader@{PROJECT}.iam.gserviceaccount.com"
    run = gcp(
        evidence(
            searched(binding("roles/wide", MEMBER)),
            roles=[
                role(
                    "roles/wide",
                    "storage.objects.get",
                    "storage.objects.delete",
                    "secretmanager.versions.access",
                    "iam.serviceAccounts.getAccessToken",
                    "logging.logEntries.create",
                    "run.jobs.get",
                ),
            ],
            resources=[bucket],
            permissions=(
                "storage.objects.get",
                "secretmanager.versions.access",
                "iam.serviceAccounts.getAccessToken",
                "logging.logEntries.create",
                "run.jobs.get",
            ),
            service_accounts=[{"email": account, "uniqueId": "1234567", "projectId": PROJECT}],
            logs=[
                activity(),
                entry("storage.objects.get"),
                entry(
                    "secretmanager.versions.access",
                    service="secretmanager.googleapis.com",
                    method="AccessSecretVersion",
                    resource=f"{secret}/versions/1",
                ),
                entry(
                    "iam.serviceAccounts.getAccessToken",
                    service="iamcredentials.googleapis.com",
                    method="GenerateAccessToken",
                    resource="projects/-/serviceAccounts/1234567",
                ),
                entry(
                    "run.jobs.get",
                    service="run.googleapis.com",
                    method="GetJob",
                    resource=f"projects/{PROJECT}/locations/us/jobs/j",
                ),
            ],
        )
    )
    found = reduced(
        run,
        RAG,
        ["storage.objects.delete"],
        rebuild=True,
        unseen=run.facts.permissions.mask(["logging.logEntries.create"]),
    )
    given = {}
    roles = {
        c.target: json.loads(c.after)["includedPermissions"]
        for c in found.changes
        if c.kind == Kind.CREATE_ROLE
    }
    for change in found.changes:
        if change.kind == Kind.ADD_BINDING:
            given.setdefault(change.target, []).extend(roles[json.loads(change.after)["role"]])
    assert {
        PROJECT_NAME: ["logging.logEntries.create", "run.jobs.get"],
        "//storage.googleapis.com/b": ["storage.objects.get"],
        f"//secretmanager.googleapis.com/{secret}": ["secretmanager.versions.access"],
        f"//iam.googleapis.com/projects/{PROJECT}/serviceAccounts/{account}": [
            "iam.serviceAccounts.getAccessToken"
        ],
    } == given
    assert ["proved"] * 4 == claims(found)


def test_a_bucket_of_unknown_project_is_not_narrowed_to(gcp):
    run = gcp(evidence(searched(binding("roles/storage.admin", MEMBER))))
    found = reduced(run, RAG, ["storage.objects.delete"], rebuild=True)
    assert {PROJECT_NAME} == {target for kind, _, target in steps(found) if kind == "add-binding"}


def test_a_rebuilt_binding_of_a_resource_never_used_goes(gcp):
    used, idle = (
        f"//iam.googleapis.com/projects/{PROJECT}/serviceAccounts/{name}@{PROJECT}.iam.gserviceaccount.com"
        for name in ("used", "idle")
    )
    creator = binding("roles/iam.serviceAccountTokenCreator", MEMBER)
    run = gcp(
        evidence(
            searched(creator, resource=used, kind="iam.googleapis.com/ServiceAccount"),
            searched(creator, resource=idle, kind="iam.googleapis.com/ServiceAccount"),
            roles=[role("roles/iam.serviceAccountTokenCreator", "iam.serviceAccounts.getAccessToken")],
            logs=[
                activity(),
                entry(
                    "iam.serviceAccounts.getAccessToken",
                    service="iamcredentials.googleapis.com",
                    method="GenerateAccessToken",
                    resource=f"projects/-/serviceAccounts/used@{PROJECT}.iam.gserviceaccount.com",
                ),
            ],
        )
    )
    found = reduced(run, RAG, [], rebuild=True)
    assert [("remove-binding", "roles/iam.serviceAccountTokenCreator", idle)] == steps(found)
    assert "proved" == claims(found)[0]


def test_a_live_source_takes_the_list_of_what_custom_roles_may_hold_from_a_file(tmp_path):
    file = tmp_path / "testable.json"
    file.write_text(json.dumps(listed(*STORAGE)))
    source = Source(
        "live", "gcp", "", "live", {"testable_permissions": (file,)}, {"scope": f"projects/{PROJECT}"}
    )
    with BundleWriter(tmp_path / "bundle", [source], QUARTER, tool="test", now=QUARTER.end) as writer:
        collect([source], writer, QUARTER, silent, SeenEvents())
    (read,) = open_bundle(tmp_path / "bundle").sources
    assert sorted(STORAGE) == sorted(record["name"] for record in read.records("testable_permissions"))
    setting = next(one for one in CONNECTOR.settings if one.name == "testable_permissions")
    assert "live" in setting.modes


def test_what_has_no_effect_on_a_project_is_left_out_and_not_counted_as_kept(gcp):
    held = (*STORAGE, "resourcemanager.organizations.get")
    run = gcp(
        evidence(
            searched(binding("roles/storage.admin", MEMBER)),
            roles=[role("roles/storage.admin", *held)],
        )
    )
    found = reduced(run, RAG, ["storage.objects.delete"])
    assert ["resourcemanager.organizations.get"] == run.names(found.left_out)
    assert ["storage.objects.delete"] == run.names(found.removed)
    assert ["proved"] * 4 == claims(found)
    # Used once, it is a need: nothing that gives it goes.
    called = entry("resourcemanager.organizations.get", log="activity", resource=f"organizations/{ORG}")
    again = reduced(
        gcp(
            evidence(
                searched(binding("roles/storage.admin", MEMBER)),
                roles=[role("roles/storage.admin", *held)],
                logs=[activity(), called],
            )
        ),
        RAG,
        ["storage.objects.delete"],
    )
    assert ([], []) == (run.names(again.left_out), list(again.changes))


def test_a_plan_that_would_take_what_may_be_in_use_unseen_is_refuted(gcp, monkeypatch):
    monkeypatch.setattr("connectors.gcp.reduction.plan.definition", lambda name, names, support: json.dumps(
        {"title": "t", "description": "d", "stage": "GA", "includedPermissions": sorted(names)[1:]}
    ))  # fmt: skip
    found = reduced(gcp(evidence(searched(binding("roles/storage.admin", MEMBER)))), RAG, [STORAGE[2]])
    assert "refuted" == claims(found)[0]
    assert ("storage.buckets.create, which may be in use unseen",) == found.replay.refused


def test_nothing_is_changed_where_a_shared_grant_gives_the_same_anyway(gcp):
    everyone = f"principalSet://agents.global.org-{ORG}.system.id.goog/*"
    policy = exported(binding("roles/storage.admin", AGENT), binding("roles/storage.admin", everyone))
    found = reduced(gcp(evidence(policy)), AGENT, ["storage.objects.delete"])
    assert [] == list(found.changes)
    assert ["shared-grant"] == [stay.code for stay in found.stays]
