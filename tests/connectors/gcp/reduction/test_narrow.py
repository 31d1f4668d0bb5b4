"""A rebuild gives each permission where it was used: on its own resource, or under a condition that names it."""

import json

import pytest

from connectors.gcp.policy.conditions import About, decide
from connectors.gcp.reduction.named import checked_name, gives, named
from tests.connectors.gcp.records import (
    AGENT,
    NUMBER,
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
)  # fmt: skip
from tests.connectors.gcp.reducing import claims, reduced

MEMBER = f"serviceAccount:{RAG}"
BUCKET = "//storage.googleapis.com/claims"
OBJECTS = "projects/_/buckets/claims/objects/"
DATASETS = f"projects/{PROJECT}/datasets/"
DATABASE = f"projects/{PROJECT}/databases/(default)"
OWN_BUCKET = {
    "name": BUCKET,
    "assetType": "storage.googleapis.com/Bucket",
    "project": f"projects/{NUMBER}",
}


def run_with(gcp, name, permissions, *logs, member=MEMBER, **more):
    return gcp(
        {
            "iam_policies": [searched(binding(name, member))],
            "roles": [role(name, *permissions)],
            "resources": [OWN_BUCKET],
            "audit_logs": [activity(), *logs],
            "testable_permissions": [{"name": one, "stage": "GA"} for one in permissions],
            **more,
        }
    )


def got(permission, resource, at="2026-08-02T10:00:00.000000Z", **more):
    return entry(permission, resource=resource, at=at, **more)


def bindings(found):
    """Return where each new binding stands, with its condition."""
    return [
        (change.target, json.loads(change.after).get("condition", {}).get("expression", ""))
        for change in found.changes
        if change.kind == "add-binding"
    ]


def text(found, form="cli"):
    return next(one.content for one in found.artifacts if one.form == form)


def test_objects_are_given_by_their_folder_where_its_use_has_settled(gcp):
    run = run_with(
        gcp,
        "roles/storage.objectUser",
        ["storage.objects.get", "storage.objects.list"],
        got("storage.objects.get", f"{OBJECTS}policies/home/a.pdf"),
        got("storage.objects.get", f"{OBJECTS}policies/home/b.pdf", at="2026-10-30T10:00:00.000000Z"),
        got("storage.objects.list", "projects/_/buckets/claims"),
    )
    found = reduced(run, RAG, [], rebuild=True)
    assert [
        (BUCKET, ""),
        (BUCKET, f'resource.name.startsWith("{OBJECTS}policies/home/")'),
    ] == sorted(bindings(found))
    assert ["proved"] * 4 == claims(found)
    assert f'expression=resource.name.startsWith("{OBJECTS}policies/home/")' in text(found)
    assert "policies/home/" in text(found, "terraform")


@pytest.mark.parametrize(
    "used",
    [
        [got("storage.objects.get", f"{OBJECTS}policies/home/a.pdf", at="2026-10-30T10:00:00.000000Z")],
        [got("storage.objects.get", f"{OBJECTS}2026/10/a.pdf")],
        [got("storage.objects.get", f"{OBJECTS}a.pdf"), got("storage.objects.get", f"{OBJECTS}x/a.pdf")],
        [got("storage.objects.get", f"{OBJECTS}{one}/a.pdf") for one in "abcdef"],
    ],
    ids=["new", "dates", "root", "many"],
)
def test_folders_that_change_are_not_written_into_conditions(gcp, used):
    run = run_with(gcp, "roles/storage.objectViewer", ["storage.objects.get"], *used)
    found = reduced(run, RAG, [], rebuild=True)
    assert [(BUCKET, "")] == bindings(found)


def test_the_folder_ends_at_the_first_part_with_a_digit(gcp):
    run = run_with(
        gcp,
        "roles/storage.objectViewer",
        ["storage.objects.get"],
        got("storage.objects.get", f"{OBJECTS}reports/2026/a.pdf"),
    )
    found = reduced(run, RAG, [], rebuild=True)
    assert [(BUCKET, f'resource.name.startsWith("{OBJECTS}reports/")')] == bindings(found)


def test_tables_and_datasets_are_given_by_bq_and_sql(gcp):
    run = run_with(
        gcp,
        "roles/bigquery.dataEditor",
        ["bigquery.tables.getData", "bigquery.tables.create"],
        got("bigquery.tables.getData", f"{DATASETS}sales/tables/orders", service="bigquery.googleapis.com"),
        got("bigquery.tables.create", f"{DATASETS}sales", log="activity", service="bigquery.googleapis.com"),
    )
    found = reduced(run, RAG, [], rebuild=True)
    full = f"//bigquery.googleapis.com/{DATASETS}sales"
    assert [(full, ""), (f"{full}/tables/orders", "")] == sorted(bindings(found))
    assert ["proved"] * 4 == claims(found)
    script = text(found)
    assert f"--table=true {PROJECT}:sales.orders" in script
    assert f"bq add-iam-policy-binding --member={MEMBER}" in script
    assert f'`{PROJECT}`.`sales` TO "{MEMBER}"' in script
    assert "REVOKE" in next(one.content for one in found.rollback if one.form == "cli")
    assert 'resource "google_bigquery_table_iam_member"' in text(found, "terraform")


def test_more_tables_than_can_be_read_are_given_by_their_dataset(gcp):
    logs = [
        got("bigquery.tables.getData", f"{DATASETS}sales/tables/t{number}", service="bigquery.googleapis.com")
        for number in range(6)
    ]
    run = run_with(gcp, "roles/bigquery.dataViewer", ["bigquery.tables.getData"], *logs)
    assert [(f"//bigquery.googleapis.com/{DATASETS}sales", "")] == bindings(
        reduced(run, RAG, [], rebuild=True)
    )


@pytest.mark.parametrize(
    ("table", "at"),
    [("events_20261001", "2026-08-02T10:00:00.000000Z"), ("orders", "2026-10-30T10:00:00.000000Z")],
)
def test_a_table_of_a_day_or_a_new_one_is_given_by_its_dataset(gcp, table, at):
    """Tomorrow's table has another name."""
    used = got(
        "bigquery.tables.getData", f"{DATASETS}sales/tables/{table}", at, service="bigquery.googleapis.com"
    )
    run = run_with(gcp, "roles/bigquery.dataViewer", ["bigquery.tables.getData"], used)
    assert [(f"//bigquery.googleapis.com/{DATASETS}sales", "")] == bindings(
        reduced(run, RAG, [], rebuild=True)
    )


def test_who_has_no_address_keeps_what_bq_cannot_give(gcp):
    used = got("bigquery.tables.getData", f"{DATASETS}sales/tables/orders", who="", subject=AGENT)
    run = run_with(gcp, "roles/bigquery.dataViewer", ["bigquery.tables.getData"], used, member=AGENT)
    assert reduced(run, AGENT, [], rebuild=True) is None


def test_a_database_is_named_by_a_condition_of_the_project(gcp):
    run = run_with(
        gcp,
        "roles/datastore.user",
        ["datastore.entities.get", "datastore.databases.list"],
        got("datastore.entities.get", DATABASE, service="firestore.googleapis.com"),
    )
    found = reduced(run, RAG, ["datastore.databases.list"], rebuild=True)
    assert [(PROJECT_NAME, f'resource.name == "{DATABASE}"')] == bindings(found)
    assert ["proved"] * 4 == claims(found)


def test_a_replacement_that_names_another_folder_is_refuted(gcp, monkeypatch):
    """Replay asks the written condition about what the log holds, not the plan about itself."""
    wrong = named("storage.objects.get", f"{OBJECTS}other/a.pdf")
    monkeypatch.setattr("connectors.gcp.reduction.narrow.named", lambda permission, logged: wrong)
    run = run_with(
        gcp,
        "roles/storage.objectViewer",
        ["storage.objects.get"],
        got("storage.objects.get", f"{OBJECTS}policies/home/a.pdf"),
    )
    found = reduced(run, RAG, [], rebuild=True)
    assert "refuted" == claims(found)[0]
    assert (f"storage.objects.get on {OBJECTS}policies/home/*",) == found.replay.refused


def test_a_condition_deeper_than_the_log_tells_is_undecided(gcp, monkeypatch):
    """The log keeps two folders: whether a call was below the third, nobody can tell."""
    deep = named("storage.objects.get", f"{OBJECTS}policies/home/north/a.pdf")
    monkeypatch.setattr("connectors.gcp.reduction.narrow.named", lambda permission, logged: deep)
    run = run_with(
        gcp,
        "roles/storage.objectViewer",
        ["storage.objects.get"],
        got("storage.objects.get", f"{OBJECTS}policies/home/north/a.pdf"),
    )
    assert "undecided" == claims(reduced(run, RAG, [], rebuild=True))[0]


def test_lists_of_objects_are_checked_on_the_bucket_and_never_named(gcp):
    assert named("storage.objects.list", f"{OBJECTS}a/b") is None
    assert checked_name("datastore.entities.get", f"{DATABASE}/documents/x") == DATABASE
    assert checked_name("storage.objects.get", f"{OBJECTS}a/*") == f"{OBJECTS}a/"
    assert gives(f"{OBJECTS}a/")("storage.objects.get")
    assert not gives(f"{OBJECTS}a/")("storage.objects.list")


@pytest.mark.parametrize("folder", ['a"b', "a\\b", "a'b", "a)b", "ä", "a\nb"])
def test_odd_names_are_not_written(folder):
    assert named("storage.objects.get", f"{OBJECTS}{folder}/x") is None


def test_what_is_written_is_what_conditions_decide():
    written = json.loads(named("storage.objects.get", f"{OBJECTS}a b/c.d/x").condition)
    about = About(QUARTER.end, (f"{OBJECTS}a b/c.d/y",), "", "", narrow=True)
    assert decide(written["expression"], about) is True


@pytest.mark.parametrize(
    ("condition", "sure"),
    [
        (f'resource.name.startsWith("{OBJECTS}a/")', ["storage.objects.get"]),
        (f'resource.name.startsWith("{OBJECTS}a/") || resource.name == "{DATABASE}"',
         ["datastore.entities.get", "storage.objects.get"]),
        (f'resource.name == "{DATABASE}" && request.time < timestamp("2027-01-01T00:00:00Z")', ["datastore.entities.get"]),
        (f'resource.name == "{DATABASE}" && request.time < timestamp("2026-01-01T00:00:00Z")', []),
        (f'resource.name == "{DATABASE}" && resource.matchTag("a/b", "c")', []),
        (f'!resource.name.startsWith("{OBJECTS}a/")', []),
        ('resource.name.startsWith("projects/_/buckets/elsewhere/objects/a/")', []),
    ],
)  # fmt: skip
def test_a_condition_gives_for_certain_what_it_names(gcp, condition, sure):
    """On the resource it names itself; what is checked by other names stays conditional."""
    held = ["datastore.entities.get", "run.jobs.run", "storage.objects.get", "storage.objects.list"]
    policy = exported(binding("roles/mixed", MEMBER, condition=condition))
    run = gcp({"iam_policies": [policy], "roles": [role("roles/mixed", *held)], "resources": [OWN_BUCKET]})
    assert sure == run.granted(RAG)
    expired = "2026-01-01" in condition
    assert ([] if expired else sorted(set(held) - set(sure))) == run.conditional(RAG)


def test_after_the_narrowed_binding_is_made_the_next_scan_still_knows_what_is_held(gcp):
    condition = f'resource.name.startsWith("{OBJECTS}a/")'
    policy = searched(
        binding("roles/x", MEMBER, condition=condition), resource=BUCKET, kind="storage.googleapis.com/Bucket"
    )
    run = gcp({"iam_policies": [policy], "roles": [role("roles/x", "storage.objects.get")]})
    assert (["storage.objects.get"], []) == (run.granted(RAG), run.conditional(RAG))
