"""A basic role also makes its holder an editor, owner or viewer to buckets: that goes with it. Synthetic records."""

import pytest

from connectors.gcp.reduction.standing import Kind
from tests.connectors.gcp.records import (
    PROJECT,
    RAG,
    above,
    activity,
    audit,
    binding,
    entry,
    exported,
    role,
    searched,
)
from tests.connectors.gcp.reducing import claims, reduced, steps

MEMBER, BUCKET = f"serviceAccount:{RAG}", "//storage.googleapis.com/claims"
EDITORS = f"projectEditor:{PROJECT}"
EDITOR = role("roles/editor", "compute.instances.create", "compute.instances.delete")
OBJECTS = role("roles/storage.legacyObjectOwner", "storage.objects.get", "storage.objects.update")
WRITER = role("roles/storage.legacyBucketWriter", "storage.objects.create", "storage.objects.list")
GOES = ["compute.instances.delete"]
ON = audit("storage.googleapis.com", "DATA_READ", "DATA_WRITE")
READ = entry("storage.objects.get", kind="DATA_READ", resource="projects/_/buckets/claims/objects/a")
SOMEONE = entry("storage.objects.get", who="op@example.com", kind="DATA_READ")


def bucket(*bindings):
    return searched(*bindings, resource=BUCKET, kind="storage.googleapis.com/Bucket")


def cut(gcp, *policies, logs=(), on=(), remove=GOES, project=()):
    names = [one for r in (EDITOR, OBJECTS, WRITER) for one in r["includedPermissions"]]
    held = exported(binding("roles/editor", MEMBER), *project, audit=list(on))
    run = gcp(
        {
            "iam_policies": [held, *above(), *policies],
            "roles": [EDITOR, OBJECTS, WRITER],
            "testable_permissions": [{"name": one, "stage": "GA"} for one in names],
            "audit_logs": [activity(), entry("compute.instances.create", log="activity"), *logs],
        }
    )
    return reduced(run, RAG, remove)


def test_what_only_the_editors_of_a_project_get_of_a_bucket_is_bound_by_name(gcp):
    given = bucket(binding("roles/storage.legacyObjectOwner", EDITORS))
    found = cut(gcp, given, logs=[READ], on=[ON])
    added = {(name, place) for kind, name, place in steps(found) if kind == Kind.ADD_BINDING}
    assert ("roles/storage.legacyObjectOwner", BUCKET) in added
    assert claims(found) == ["proved"] * 4
    gone = [step for step in steps(found) if step[0] == Kind.REMOVE_BINDING]
    assert [name for _, name, _ in gone] == ["roles/editor"]


def test_only_what_is_kept_of_it_is_bound(gcp):
    given = bucket(binding("roles/storage.legacyObjectOwner", EDITORS))
    found = cut(gcp, given, logs=[READ], on=[ON], remove=[*GOES, "storage.objects.update"])
    assert not [name for _, name, place in steps(found) if place == BUCKET and "legacy" in name]
    assert claims(found) == ["proved"] * 4


def test_nothing_is_bound_where_the_role_stays_in_part_by_another_binding(gcp):
    """Owners are no editors: what only editors get is lost with the editor role, whatever else is held."""
    given = bucket(binding("roles/storage.legacyObjectOwner", f"projectViewer:{PROJECT}"))
    viewer = role("roles/viewer", "compute.instances.get")
    run = gcp(
        {
            "iam_policies": [
                exported(binding("roles/editor", MEMBER), binding("roles/viewer", MEMBER)),
                *above(),
                given,
            ],
            "roles": [EDITOR, viewer, OBJECTS],
            "testable_permissions": [
                {"name": one, "stage": "GA"}
                for r in (EDITOR, viewer, OBJECTS)
                for one in r["includedPermissions"]
            ],
            "audit_logs": [activity(), READ],
        }
    )
    found = reduced(run, RAG, GOES)
    assert not [step for step in steps(found) if step[2] == BUCKET]


@pytest.mark.parametrize(
    ("logs", "on", "known", "standing"),
    [
        ((READ,), (ON,), False, "undecided"),
        ((SOMEONE,), (ON,), False, "proved"),
        ((), (), False, "undecided"),
        ((), (), True, "proved"),
    ],
)
def test_unknown_policies_of_buckets_leave_replay_undecided_unless_logs_show_no_call(
    gcp, logs, on, known, standing
):
    policies = [bucket(binding("roles/storage.legacyObjectOwner", "user:op@example.com"))] if known else []
    found = cut(gcp, *policies, logs=logs, on=on)
    assert found.replay.standing.value == standing
    assert ("basic role" in found.replay.reason) == (standing == "undecided")
