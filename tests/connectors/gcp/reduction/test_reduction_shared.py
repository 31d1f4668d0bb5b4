"""Reductions over exports and roles that nobody here wrote."""

import random

import pytest

from connectors.gcp.connector import CONNECTOR
from connectors.gcp.reduction.custom_roles import permissions_of, size
from connectors.gcp.reduction.standing import Kind
from connectors.reduction import Question, Standing
from tests.connectors.gcp.records import EVER, RAG, above, activity, binding, entry, exported, searched
from tests.connectors.gcp.reducing import claims, reduced

FORSETI = (
    "mock_cai_iam_policies",
    "additional_cai_iam_policies",
    "mock_cai_project3_iam_policies",
    "mock_cai_project4_iam_policies",
)
LIBRARY = (
    "iam_audit_log",
    "iam_allow_ban_roles",
    "iam_allowed_bindings",
    "iam_allowed_policy_member_domains",
)


def everyones(run, share):
    """Ask for each identity, of what it holds, for a share: chosen by chance, the same every time."""
    choice = random.Random(20261122)  # noqa: S311 a repeatable sample
    asked = []
    for identity, entitlement in sorted(run.facts.entitlements.items()):
        names = run.names(entitlement.granted)
        go = [name for name in names if choice.random() < share]
        usage = tuple(row for row in run.facts.usage if row.identity == identity)
        asked.append(Question(identity, run.facts.permissions.mask(go), usage))
    return asked


@pytest.mark.parametrize("share", [0.1, 0.95])
def test_reductions_of_real_exports_give_nothing_new_and_can_be_taken_back(gcp, shared, predefined, share):
    folder, library = shared / "forseti_cai", shared / "policy_library"
    run = gcp(
        {
            "iam_policies": (
                *(folder / f"{name}.dump" for name in FORSETI),
                *(library / f"{name}.json" for name in LIBRARY),
            ),
            "resources": folder / "mock_cai_resources.dump",
            "roles": predefined,
        },
        window=EVER,
    )
    asked = everyones(run, share)
    answer = CONNECTOR.reduce(run.bundle.sources, run.facts, asked, run.bundle.window)
    assert {} == answer.failed
    changed = [one for one in answer.found.values() if one.changes]
    assert changed
    for one in changed:
        assert Standing.REFUTED not in (one.containment.standing, one.restore.standing, one.replay.standing)
        assert not one.removed & ~next(q.remove for q in asked if q.identity == one.identity)
        agents = ("serviceAgent", "roles/owner", "roles/editor", "roles/viewer")
        added = [change.after for change in one.changes if change.kind == Kind.ADD_BINDING]
        assert not any(f'{name}"' in text for name in agents for text in added)


def test_custom_roles_hold_just_what_is_kept_of_a_role_in_googles_index(gcp, predefined):
    by_name = {one["name"]: one["includedPermissions"] for one in predefined}
    for name in ("roles/aiplatform.user", "roles/iam.workloadIdentityPoolAdmin", "roles/dialogflow.admin"):
        held = sorted(set(by_name[name]) - {"resourcemanager.projects.list"})
        run = gcp(
            {
                "iam_policies": [searched(binding(name, f"serviceAccount:{RAG}"))],
                "roles": [one for one in predefined if one["name"] == name],
                "testable_permissions": [{"name": one, "stage": "GA"} for one in held],
                "audit_logs": [activity(), entry("storage.objects.get")],
            }
        )
        gone = held[0].replace("iam.googleapis.com/", "iam.")
        found = reduced(run, RAG, [gone])
        made = [change for change in found.changes if change.kind == Kind.CREATE_ROLE]
        kept = [one for change in made for one in permissions_of(change.after)]
        assert sorted(one.replace("iam.googleapis.com/", "iam.") for one in held[1:]) == sorted(kept)
        assert not any(f'"{gone}"' in change.after for change in made)


def test_editor_without_data_access_logs_is_split_over_roles_and_the_first_step_is_named(gcp, predefined):
    """What no log could show stays: thousands of permissions, in as few roles as fit, all claims proved.

    That the project's bucket lets no editors in has to be in the evidence: else the role gives more than it says.
    """
    names = sorted({one for role in predefined for one in role["includedPermissions"]})
    above_projects = ("resourcemanager.organizations.", "resourcemanager.folders.")
    called = entry("storage.buckets.create", log="activity", method="storage.buckets.create")
    bucket = exported(
        binding("roles/storage.admin", "user:owner@example.com"),
        resource="//storage.googleapis.com/claims",
        kind="storage.googleapis.com/Bucket",
    )
    run = gcp(
        {
            "iam_policies": [exported(binding("roles/editor", f"serviceAccount:{RAG}")), *above(), bucket],
            "roles": predefined,
            "testable_permissions": [
                {"name": one, "stage": "GA"} for one in names if not one.startswith(above_projects)
            ],
            "audit_logs": [activity(), called],
        }
    )
    unused = run.unused(RAG)
    found = reduced(run, RAG, unused)
    assert len(unused) > 500
    assert unused == run.names(found.removed)
    assert ["proved"] * 4 == claims(found)
    made = [change.after for change in found.changes if change.kind == Kind.CREATE_ROLE]
    assert 1 < len(made) <= 8
    assert all(len(permissions_of(one)) <= 3000 and size(one) <= 65536 for one in made)
    (note,) = [one for one in found.notes if "custom roles, because" in one]
    assert '"logType":"DATA_READ"' in note
    assert "resourcemanager.folders.searchPolicyBindings" in run.names(found.left_out)
