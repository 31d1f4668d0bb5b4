"""A made-up Google Cloud organization judged by hand before the command was run: what its logs can show (synthetic).

Files are written as gcloud prints them: searches of policies, one project's chain of policies, entries, buckets.
"""

import json
from datetime import date, timedelta

import pytest
from click.testing import CliRunner

from scanner.cli import cli

ORG, FOLDER, NUMBER, PROJECT = "111222333444", "777888999000", "555001000001", "acme-agents"
CLOUD = "//cloudresourcemanager.googleapis.com/"
RAG, BOSS, TOOL = (f"{name}@{PROJECT}.iam.gserviceaccount.com" for name in ("rag", "boss", "tool"))
ALL = ("ADMIN_READ", "DATA_READ", "DATA_WRITE")
FIRST, LAST = date(2026, 9, 1), date(2026, 11, 28)
ROLES = {
    "roles/aiplatform.user": [
        "aiplatform.customJobs.create",
        "aiplatform.endpoints.explain",
        "aiplatform.endpoints.predict",
        "aiplatform.reasoningEngines.query",
    ],
    "roles/secretmanager.secretAccessor": ["secretmanager.versions.access"],
    "roles/storage.objectViewer": ["storage.objects.get", "storage.objects.list"],
    "roles/editor": ["compute.instances.create", "compute.instances.delete", "iam.serviceAccounts.actAs"],
    "roles/owner": ["resourcemanager.projects.setIamPolicy", "compute.instances.create"],
    "roles/iam.serviceAccountUser": ["iam.serviceAccounts.actAs"],
    "roles/run.developer": ["run.services.create"],
    "roles/storage.legacyObjectReader": ["storage.objects.get"],
}
READ = "storage.objects.get"


def member(email):
    return f"serviceAccount:{email}"


def search(resource, kind, *bindings):
    """Return a policy as `gcloud asset search-all-iam-policies` prints it."""
    return {
        "assetType": kind,
        "folders": [f"folders/{FOLDER}"],
        "organization": f"organizations/{ORG}",
        "project": f"projects/{NUMBER}",
        "policy": {"bindings": [{"role": role, "members": [who]} for role, who in bindings]},
        "resource": resource,
    }


def on_project(*bindings):
    return search(f"{CLOUD}projects/{PROJECT}", "cloudresourcemanager.googleapis.com/Project", *bindings)


def chain(**audits):
    """Return what `gcloud projects get-ancestors-iam-policy` prints, with audit configurations by level."""
    places = (("project", PROJECT), ("folder", FOLDER), ("organization", ORG))
    return [
        {"id": name, "type": kind, "policy": {"bindings": [], **_audit(audits.get(kind))}}
        for kind, name in places
    ]


def _audit(configs):
    return {"auditConfigs": configs} if configs else {}


def on(service, *types, exempted=()):
    logs = [{"logType": kind, **({"exemptedMembers": list(exempted)} if exempted else {})} for kind in types]
    return {"service": service, "auditLogConfigs": logs}


def call(who, permission, day, *, kind="DATA_READ", log="data_access", service="storage", **payload):
    """Return an entry as `gcloud logging read --format=json` prints it."""
    resource = "projects/_/buckets/docs/objects/a"
    return {
        "insertId": f"{who}{permission}{day}",
        "logName": f"projects/{PROJECT}/logs/cloudaudit.googleapis.com%2F{log}",
        "resource": {"type": "audited_resource", "labels": {"project_id": PROJECT}},
        "timestamp": f"{day}T09:00:00Z",
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": f"{service}.googleapis.com",
            "methodName": permission,
            "resourceName": resource,
            "authenticationInfo": {"principalEmail": who},
            "authorizationInfo": [
                {"permission": permission, "granted": True, "resource": resource, "permissionType": kind}
            ],
            **payload,
        },
    }


def days(every=7, first=FIRST, last=LAST):
    return [first + timedelta(days=number) for number in range(0, (last - first).days + 1, every)]


def others(data=()):
    """Return what others do: it shows which logs were given, and of when."""
    return [
        *(
            call("op@acme.example", "compute.instances.start", day, kind="ADMIN_WRITE", log="activity")
            for day in days()
        ),
        *(call("op@acme.example", READ, day) for day in data),
    ]


def scan(place, policies, audits, log, **more):
    """Run the command and return the report."""
    listed = sorted({name for names in ROLES.values() for name in names})
    files = {
        "search": policies,
        "chain": chain(**audits),
        "roles": [{"name": name, "title": name, "includedPermissions": held} for name, held in ROLES.items()],
        "accounts": [
            {"email": email, "projectId": PROJECT, "uniqueId": str(900 + at)}
            for at, email in enumerate((RAG, BOSS, TOOL))
        ],
        "testable": [{"name": name, "stage": "GA"} for name in listed],
        "log": log,
        **more,
    }
    for name, content in files.items():
        (place / f"{name}.json").write_text(json.dumps(content))
    lines = ["[scan]", 'start = "2026-09-01"', 'end = "2026-11-28"', 'identities = "all"', "[[source]]"]
    lines += ['name = "g"', 'provider = "gcp"', 'mode = "export"', f'scope = "projects/{PROJECT}"']
    lines += [
        'iam_policies = ["search.json", "chain.json"]',
        'roles = "roles.json"',
        'audit_logs = "log.json"',
    ]
    lines += ['service_accounts = "accounts.json"', 'testable_permissions = "testable.json"']
    lines += ['log_buckets = "buckets.json"'] if "buckets" in more else []
    lines += ['service_account_keys = "service_account_keys.json"'] if "service_account_keys" in more else []
    (place / "config.toml").write_text("\n".join(lines))
    arguments = ["scan", "--config", str(place / "config.toml"), "--output", str(place / "out")]
    arguments += ["--now", "2026-11-29T00:00:00Z", "--no-history"]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads((place / "out" / "report.json").read_text())


def about(report, email):
    return next(one for one in report["identities"] if one["id"] == email)


def verdicts(report, email):
    """Return the verdict of each permission."""
    kinds = ("used", "denied", "unused", "unobservable", "conditional")
    services = about(report, email)["services"]
    return {name: kind for service in services for kind in kinds for name in service[kind]}


HELD = [
    on_project(("roles/aiplatform.user", member(RAG)), ("roles/secretmanager.secretAccessor", member(RAG)))
]
PREDICT, EXPLAIN, QUERY = (
    f"aiplatform.{name}" for name in ("endpoints.predict", "endpoints.explain", "reasoningEngines.query")
)
TRAIN, SECRET = "aiplatform.customJobs.create", "secretmanager.versions.access"
MODEL = call(RAG, PREDICT, date(2026, 11, 20), service="aiplatform")
SWITCHED = call(
    "admin@acme.example",
    "resourcemanager.projects.setIamPolicy",
    date(2026, 10, 20),
    kind="ADMIN_WRITE",
    log="activity",
    methodName="SetIamPolicy",
    resourceName=f"projects/{PROJECT}",
    serviceData={
        "policyDelta": {
            "auditConfigDeltas": [
                {"action": "ADD", "service": "allServices", "logType": kind} for kind in ALL
            ]
        }
    },
)
EVERYWHERE = {"project": [on("allServices", *ALL)]}
NO, SEEN = "unobservable", "unused"


@pytest.mark.parametrize(
    ("audits", "log", "expected"),
    [
        # Nothing is recorded but writes of configuration.
        ({}, others(), {TRAIN: SEEN, PREDICT: NO, SECRET: NO, QUERY: NO}),
        # One service, by the folder above; that a query is recorded nobody says.
        (
            {"folder": [on("aiplatform.googleapis.com", *ALL)]},
            [*others(days()), MODEL],
            {TRAIN: SEEN, PREDICT: "used", EXPLAIN: SEEN, SECRET: NO, QUERY: NO},
        ),
        # Everything, but not of this account; or not of a group that it may belong to.
        (
            {"project": [on("allServices", *ALL, exempted=[member(RAG)])]},
            others(days()),
            {PREDICT: NO, TRAIN: SEEN},
        ),
        (
            {"organization": [on("allServices", *ALL, exempted=["group:a@acme.example"])]},
            others(days()),
            {SECRET: NO},
        ),
        # Everything, since the middle of the window.
        (
            EVERYWHERE,
            [*others(days()), SWITCHED, MODEL],
            {PREDICT: "used", EXPLAIN: NO, SECRET: NO, TRAIN: SEEN},
        ),
        # Everything; the records end where a bucket of 30 days lets them begin.
        (EVERYWHERE, others(days(first=date(2026, 10, 31))), {SECRET: NO, EXPLAIN: NO, TRAIN: SEEN}),
        # Everything, all the time; one query of somebody else is on record.
        (EVERYWHERE, others(days()), {SECRET: SEEN, EXPLAIN: SEEN, QUERY: NO}),
        (
            EVERYWHERE,
            [*others(days()), call("user@acme.example", QUERY, FIRST, service="aiplatform")],
            {QUERY: SEEN},
        ),
        # Daily data records that stop a month before the others do.
        (EVERYWHERE, others(days(1, last=date(2026, 10, 25))), {SECRET: NO, TRAIN: SEEN}),
    ],
)
def test_what_the_logs_can_show(tmp_path, audits, log, expected):
    found = verdicts(scan(tmp_path, HELD, audits, log), RAG)
    assert {name: found[name] for name in expected} == expected


def test_a_bucket_that_keeps_a_year_makes_late_records_a_quiet_log(tmp_path):
    bucket = {"name": f"projects/{NUMBER}/locations/global/buckets/_Default", "retentionDays": 365}
    log = others(days(first=date(2026, 10, 31)))
    found = verdicts(scan(tmp_path, HELD, EVERYWHERE, log, buckets=[bucket]), RAG)
    assert found[SECRET] == SEEN


def test_records_that_begin_late_are_no_statement_about_the_whole_window(tmp_path):
    report = scan(tmp_path, HELD, EVERYWHERE, others(days(first=date(2026, 10, 1))))
    (finding,) = [
        one for one in report["findings"] if one["rule"] == "ED101" and one["subject"] == "secretmanager"
    ]
    assert finding["confidence"] == "medium"
    assert "56 days observed (2026-10-01 to " in finding["message"]


def test_leave_to_act_as_an_owner_where_code_can_run_is_a_chain(tmp_path):
    held = on_project(
        ("roles/owner", member(BOSS)),
        ("roles/iam.serviceAccountUser", member(RAG)),
        ("roles/run.developer", member(RAG)),
        ("roles/iam.serviceAccountUser", member(TOOL)),
    )
    report = scan(tmp_path, [held], {}, others())
    found = [one for one in report["findings"] if one["subject"] == f"become:{BOSS}"]
    assert [(one["identity"], one["severity"]) for one in found] == [(RAG, "high")]
    assert found[0]["evidence"]["by_running_code"] == [
        f"{BOSS} by iam.serviceAccounts.actAs with run.services.create"
    ]


@pytest.mark.parametrize("known", [True, False])
def test_an_editor_is_not_cut_off_from_the_buckets_that_let_editors_in(tmp_path, known):
    bucket = search(
        "//storage.googleapis.com/docs",
        "storage.googleapis.com/Bucket",
        ("roles/storage.legacyObjectReader", f"projectEditor:{PROJECT}"),
    )
    log = others(days())
    log += [call(TOOL, READ, day) for day in days(2)]
    log += [
        call(TOOL, "compute.instances.create", day, kind="ADMIN_WRITE", log="activity") for day in days(2)
    ]
    policies = [on_project(("roles/editor", member(TOOL))), *([bucket] if known else [])]
    reduction = about(scan(tmp_path, policies, EVERYWHERE, log), TOOL)["reduction"]
    assert reduction["disposition"] == ("safe" if known else "review")
    added = [one["target"] for one in reduction["changes"] if one["kind"] == "add-binding"]
    assert ("//storage.googleapis.com/docs" in added) == known
