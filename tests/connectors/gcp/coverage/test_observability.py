"""Nothing is unused where the logs could not have shown its use."""

import json

import pytest

from connectors.facts import CoverageState
from connectors.gcp.coverage.classes import types_of
from connectors.gcp.coverage.observability import Observability
from tests.connectors.gcp.records import (
    AGENT,
    EVER,
    NUMBER,
    ORG,
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

HELD = (
    "aiplatform.customJobs.create",
    "aiplatform.endpoints.get",
    "aiplatform.endpoints.predict",
    "bigquery.tables.getData",
    "pubsub.topics.publish",
    "iam.serviceAccounts.actAs",
    "storage.objects.create",
    "storage.objects.get",
)
ROLE = role("roles/custom", *HELD)
MEMBER = f"serviceAccount:{RAG}"
ALL_TYPES = ("ADMIN_READ", "DATA_READ", "DATA_WRITE")
SOMEONE = entry("storage.objects.get", who="other@example.com", method="read")


def everything(gcp, policies, logs, **more):
    return gcp({"iam_policies": policies, "roles": [ROLE], "audit_logs": logs, **more})


def test_without_logs_of_the_project_nothing_is_unused(gcp):
    run = everything(
        gcp,
        [searched(binding("roles/custom", MEMBER))],
        [entry("a.b.c", project="elsewhere", log="activity")],
    )
    assert run.unused(RAG) == []
    assert run.blind(RAG)["aiplatform.customJobs.create"] == "no-logs-for-account"
    [row] = [c for c in run.facts.coverage if (c.account, c.log_class) == (PROJECT, "ADMIN_WRITE")]
    assert row.state is CoverageState.UNKNOWN
    assert f"--project={PROJECT}" in row.fix


def test_logs_outside_of_the_window_show_nothing_in_it(gcp):
    old = activity()
    old["timestamp"] = "2026-01-01T00:00:00Z"
    run = everything(gcp, [searched(binding("roles/custom", MEMBER))], [old])
    assert run.blind(RAG)["aiplatform.customJobs.create"] == "no-logs-for-account"


def test_logs_before_and_after_the_window_show_nothing_in_it(gcp):
    policies = [exported(binding("roles/custom", MEMBER)), *above([audit("allServices", *ALL_TYPES)])]
    logs = [activity(), activity(), *(entry("storage.objects.get", who="x@example.com") for _ in range(2))]
    for record, day in zip(logs, ("2026-07-01", "2026-12-01") * 2, strict=True):
        record["timestamp"] = f"{day}T00:00:00Z"
    run = everything(gcp, policies, logs)
    assert (run.unused(RAG), run.blind(RAG)["storage.objects.get"]) == ([], "no-logs-for-account")
    run = everything(gcp, policies, [*logs, activity()])
    assert run.unused(RAG) == ["aiplatform.customJobs.create"]
    assert run.blind(RAG)["storage.objects.get"] == "data-access-logs-not-given"
    run = everything(gcp, policies, [*logs, activity(), SOMEONE])
    assert "storage.objects.get" in run.unused(RAG)


def test_only_configuration_writes_can_be_unused_while_data_access_logs_are_unknown(gcp):
    run = everything(gcp, [searched(binding("roles/custom", MEMBER))], [activity()])
    assert run.unused(RAG) == ["aiplatform.customJobs.create"]
    blind = run.blind(RAG)
    assert (
        blind["storage.objects.get"] == blind["aiplatform.endpoints.predict"] == "data-access-logs-not-known"
    )
    assert blind["bigquery.tables.getData"] == "data-access-logs-not-given"
    [fix] = {b.fix for b in run.facts.entitlements[RAG].blind if b.code == "data-access-logs-not-known"}
    assert '"auditConfigs":[{"service":"aiplatform.googleapis.com"' in fix
    assert f"projects/{PROJECT}" in fix


def test_data_access_known_to_be_off_is_off_and_not_unused(gcp):
    run = everything(gcp, [exported(binding("roles/custom", MEMBER)), *above()], [activity()])
    assert run.blind(RAG)["storage.objects.get"] == "data-access-logs-off"
    states = {c.log_class: c.state for c in run.facts.coverage if c.account == PROJECT}
    assert states == {
        "ADMIN_WRITE": CoverageState.ON,
        "ADMIN_READ": CoverageState.OFF,
        "DATA_READ": CoverageState.OFF,
        "DATA_WRITE": CoverageState.OFF,
    }


def test_an_unread_ancestor_means_unknown_never_off(gcp):
    run = everything(gcp, [exported(binding("roles/custom", MEMBER)), above()[0]], [activity()])
    assert run.blind(RAG)["storage.objects.get"] == "data-access-logs-not-known"


def test_an_ancestor_s_configuration_switches_on_what_is_below(gcp):
    policies = [exported(binding("roles/custom", MEMBER)), *above([audit("allServices", *ALL_TYPES)])]
    run = everything(gcp, policies, [activity(), SOMEONE])
    assert run.unused(RAG) == [
        "aiplatform.customJobs.create",
        "aiplatform.endpoints.get",
        "aiplatform.endpoints.predict",
        "bigquery.tables.getData",
        "storage.objects.create",
        "storage.objects.get",
    ]
    states = {(c.place, c.log_class): c.state for c in run.facts.coverage if c.account == PROJECT}
    assert states["", "DATA_READ"] is CoverageState.ON


def test_one_service_and_type_are_switched_on_alone(gcp):
    on = exported(binding("roles/custom", MEMBER), audit=[audit("storage.googleapis.com", "DATA_READ")])
    run = everything(gcp, [on, *above()], [activity(), SOMEONE])
    assert "storage.objects.get" in run.unused(RAG)
    blind = run.blind(RAG)
    assert (blind["storage.objects.create"], blind["aiplatform.endpoints.predict"]) == (
        "data-access-logs-off",
    ) * 2
    rows = {(c.place, c.log_class): c.state for c in run.facts.coverage if c.account == PROJECT}
    assert rows["storage.googleapis.com", "DATA_READ"] is CoverageState.ON
    assert rows["", "DATA_READ"] is CoverageState.PARTIAL


def test_numbers_for_log_types_are_read(gcp):
    config = {"service": "storage.googleapis.com", "audit_log_configs": [{"log_type": 3}]}
    run = everything(
        gcp, [exported(binding("roles/custom", MEMBER), audit=[config]), *above()], [activity(), SOMEONE]
    )
    assert "storage.objects.get" in run.unused(RAG)
    assert "storage.objects.create" not in run.unused(RAG)


def test_logs_that_are_on_but_not_given_show_nothing(gcp):
    policies = [exported(binding("roles/custom", MEMBER)), *above([audit("allServices", *ALL_TYPES)])]
    run = everything(gcp, policies, [activity()])
    assert run.unused(RAG) == ["aiplatform.customJobs.create"]
    assert run.blind(RAG)["storage.objects.get"] == "data-access-logs-not-given"


def test_data_access_records_alone_do_not_show_that_admin_activity_was_given(gcp):
    policies = [exported(binding("roles/custom", MEMBER)), *above([audit("allServices", *ALL_TYPES)])]
    run = everything(gcp, policies, [SOMEONE])
    assert run.blind(RAG)["aiplatform.customJobs.create"] == "admin-activity-not-given"
    assert "storage.objects.get" in run.unused(RAG)


def test_a_source_with_admin_activity_says_nothing_about_another_source(gcp, tmp_path):
    policies = [exported(binding("roles/custom", MEMBER)), *above([audit("allServices", *ALL_TYPES)])]
    other = tmp_path / "other.json"
    other.write_text(json.dumps([entry("a.b.c", who="x@example.com", log="activity", project="elsewhere")]))
    settings = {"iam_policies": policies, "roles": [ROLE], "audit_logs": [SOMEONE]}
    run = gcp(settings, beside={"audit_logs": (other,)})
    assert run.blind(RAG)["aiplatform.customJobs.create"] == "admin-activity-not-given"
    run = gcp({**settings, "audit_logs": [SOMEONE, *json.loads(other.read_text())]})
    assert "aiplatform.customJobs.create" in run.unused(RAG)


@pytest.mark.parametrize("exempted", [MEMBER, f"user:{RAG}", "group:unknown-members@example.com"])
def test_an_exempted_identity_is_invisible(gcp, exempted):
    config = [
        audit("allServices", *ALL_TYPES),
        audit("storage.googleapis.com", "DATA_READ", exempted=(exempted,)),
    ]
    run = everything(
        gcp, [exported(binding("roles/custom", MEMBER), audit=config), *above()], [activity(), SOMEONE]
    )
    blind = run.blind(RAG)
    assert blind["storage.objects.get"] == "exempted-from-audit"
    assert "storage.objects.create" not in blind
    rows = {(c.place, c.log_class): c.state for c in run.facts.coverage if c.account == PROJECT}
    assert rows["storage.googleapis.com", "DATA_READ"] is CoverageState.PARTIAL


def test_others_are_not_blind_for_an_exempted_one(gcp):
    config = [audit("allServices", *ALL_TYPES, exempted=("user:someone@example.com",))]
    run = everything(
        gcp, [exported(binding("roles/custom", MEMBER), audit=config), *above()], [activity(), SOMEONE]
    )
    assert "storage.objects.get" in run.unused(RAG)


def test_what_is_never_logged_is_never_unused(gcp):
    policies = [exported(binding("roles/custom", MEMBER)), *above([audit("allServices", *ALL_TYPES)])]
    run = everything(gcp, policies, [activity(), SOMEONE])
    blind = run.blind(RAG)
    assert blind["pubsub.topics.publish"] == blind["iam.serviceAccounts.actAs"] == "never-logged"


def test_public_resources_leave_no_data_records(gcp):
    policies = [exported(binding("roles/custom", MEMBER)), *above([audit("allServices", *ALL_TYPES)])]
    public = exported(
        binding("roles/storage.objectViewer", "allUsers"),
        resource="//storage.googleapis.com/open",
        kind="storage.googleapis.com/Bucket",
    )
    run = everything(gcp, [*policies, public], [activity(), SOMEONE])
    assert run.blind(RAG)["storage.objects.get"] == "public-resource-not-logged"
    assert "aiplatform.endpoints.predict" in run.unused(RAG)


def test_a_grant_above_is_judged_by_every_known_project_below(gcp):
    folder, organization = above([audit("allServices", *ALL_TYPES)])
    organization["iam_policy"]["bindings"] = [binding("roles/custom", MEMBER)]
    quiet = exported(
        resource="//cloudresourcemanager.googleapis.com/projects/quiet",
        ancestors=("projects/222", f"organizations/{ORG}"),
    )
    run = everything(gcp, [exported(), folder, organization, quiet], [activity(), SOMEONE])
    assert run.unused(RAG) == []
    assert run.blind(RAG)["aiplatform.customJobs.create"] == "no-logs-for-account"
    run = everything(gcp, [exported(), folder, organization], [activity(), SOMEONE])
    assert "aiplatform.customJobs.create" in run.unused(RAG)
    assert len(run.caveats(f"grants on organizations/{ORG} hold for every project below")) == 1


def test_a_grant_above_without_any_known_project_below_shows_nothing(gcp):
    _, organization = above([audit("allServices", *ALL_TYPES)])
    organization["iam_policy"]["bindings"] = [binding("roles/custom", MEMBER)]
    run = everything(gcp, [organization], [activity(), SOMEONE])
    assert run.unused(RAG) == []


def test_calls_on_the_organization_are_logged_there(gcp):
    _, organization = above()
    organization["iam_policy"]["bindings"] = [binding("roles/org", MEMBER)]
    made = role("roles/org", "resourcemanager.folders.create", "compute.instances.create")
    settings = {
        "iam_policies": [exported(), *above()[:1], organization],
        "roles": [made],
        "audit_logs": [activity()],
    }
    run = gcp(settings)
    assert run.unused(RAG) == ["compute.instances.create"]
    there = activity()
    there["logName"] = f"organizations/{ORG}/logs/cloudaudit.googleapis.com%2Factivity"
    there["insertId"] = "elsewhere"
    run = gcp({**settings, "audit_logs": [activity(), there]})
    assert run.unused(RAG) == ["compute.instances.create", "resourcemanager.folders.create"]


def test_a_resource_whose_project_no_record_tells_shows_nothing(gcp):
    policy = {
        "resource": "//storage.googleapis.com/b",
        "policy": {"bindings": [binding("roles/custom", MEMBER)]},
    }
    run = everything(gcp, [policy], [activity()])
    assert set(run.blind(RAG)) == set(HELD)


def test_permission_types_in_the_logs_go_before_the_table(gcp):
    made = role("roles/new", "newservice.things.frobnicate", "newservice.things.polish")
    policies = [exported(binding("roles/new", MEMBER)), *above()]
    shown = entry("newservice.things.frobnicate", who="x@example.com", log="activity", kind="ADMIN_WRITE")
    run = gcp({"iam_policies": policies, "roles": [made], "audit_logs": [shown]})
    assert run.unused(RAG) == ["newservice.things.frobnicate"]
    assert run.blind(RAG)["newservice.things.polish"] == "permission-class-unknown"


def test_calls_that_name_no_permission_may_be_any_use_of_their_service(gcp):
    odd = entry(
        "",
        service="aiplatform.googleapis.com",
        method="google.cloud.aiplatform.v1.JobService.Odd",
        log="activity",
    )
    run = everything(gcp, [searched(binding("roles/custom", MEMBER))], [activity(), odd])
    assert run.unused(RAG) == []
    assert run.blind(RAG)["aiplatform.customJobs.create"] == "unmapped-operation"
    assert [u.operation for u in run.facts.unmapped] == [
        "aiplatform.googleapis.com:google.cloud.aiplatform.v1.JobService.Odd"
    ]


def test_a_used_name_that_no_role_knows_may_be_another_name_of_a_granted_one(gcp):
    renamed = entry("aiplatform.customJobs.submit", service="aiplatform.googleapis.com", log="activity")
    run = everything(gcp, [searched(binding("roles/custom", MEMBER))], [renamed])
    assert run.blind(RAG)["aiplatform.customJobs.create"] == "not-in-catalogue"
    assert run.used(RAG) == ["aiplatform.customJobs.submit"]


def test_calls_without_a_caller_may_be_anyone_s(gcp):
    nameless = entry(
        "aiplatform.customJobs.create", who="", service="aiplatform.googleapis.com", log="activity"
    )
    run = everything(gcp, [searched(binding("roles/custom", MEMBER))], [nameless])
    assert run.blind(RAG)["aiplatform.customJobs.create"] == "caller-not-recorded"
    assert run.facts.unattributed == {"not-recorded": 1}


def test_a_log_file_that_is_cut_off_makes_its_project_unobservable(gcp, tmp_path):
    whole, cut = tmp_path / "logs" / "a.json", tmp_path / "logs" / "b.json"
    whole.parent.mkdir()
    whole.write_text(json.dumps([activity()]))
    cut.write_text(json.dumps([activity(), activity()])[:-200])
    run = everything(gcp, [searched(binding("roles/custom", MEMBER))], whole.parent)
    assert run.outcome("audit_logs").status == "partial"
    assert "b.json" in run.outcome("audit_logs").reason
    assert run.blind(RAG)["aiplatform.customJobs.create"] == "log-file-unreadable"


@pytest.mark.parametrize("name", ["downloaded-logs.csv", "logs.YAML", "part-000.avro", "bq-000.csv.gz"])
def test_log_entries_saved_as_anything_but_json_are_named_and_hide_what_they_may_hold(gcp, tmp_path, name):
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "a.json").write_text(json.dumps([activity()]))
    (logs / "README.txt").write_text("how these were exported")
    (logs / name).write_bytes(b"insertId,protoPayload.methodName\n1,CreateCustomJob\n")
    run = everything(gcp, [searched(binding("roles/custom", MEMBER))], logs)
    assert run.outcome("audit_logs").status == "partial"
    assert f"{name}: not JSON" in run.outcome("audit_logs").reason
    assert run.blind(RAG)["aiplatform.customJobs.create"] == "log-file-unreadable"


def test_a_cut_off_file_of_one_log_hides_only_what_that_log_records(gcp, tmp_path):
    policies = [exported(binding("roles/custom", MEMBER)), *above([audit("allServices", *ALL_TYPES)])]
    logs = tmp_path / "cloudaudit.googleapis.com"
    for log, content in (("activity", json.dumps(activity())), ("data_access", json.dumps(SOMEONE))):
        (logs / log).mkdir(parents=True)
        (logs / log / "10_11_S0.json").write_text(content)
    (logs / "data_access" / "11_12_S0.json").write_text(json.dumps(SOMEONE)[:-50])
    run = everything(gcp, policies, logs)
    assert run.unused(RAG) == ["aiplatform.customJobs.create"]
    assert run.blind(RAG)["storage.objects.get"] == "log-file-unreadable"


def test_used_wins_over_every_blindness(gcp):
    logs = [activity(), entry("storage.objects.get")]
    run = everything(gcp, [searched(binding("roles/custom", MEMBER))], logs)
    assert run.used(RAG) == ["storage.objects.get"]


@pytest.mark.parametrize(
    ("name", "types"),
    [
        ("storage.objects.get", {"DATA_READ"}),
        ("storage.buckets.delete", {"ADMIN_WRITE"}),
        ("storage.buckets.getIamPolicy", {"ADMIN_READ"}),
        ("secretmanager.versions.access", {"DATA_READ"}),
        ("secretmanager.versions.add", {"ADMIN_WRITE"}),
        ("iam.serviceAccounts.getAccessToken", {"ADMIN_READ"}),
        ("compute.instances.list", {"ADMIN_READ", "DATA_READ"}),
        ("compute.instances.setMetadata", {"ADMIN_WRITE"}),
        ("aiplatform.reasoningEngines.create", {"ADMIN_WRITE", "DATA_WRITE"}),
        ("aiplatform.reasoningEngines.query", {"DATA_READ", "DATA_WRITE"}),
        ("mcp.tools.call", {"DATA_READ"}),  # docs.cloud.google.com/mcp/audit-logging
        ("resourcemanager.projects.setIamPolicy", {"ADMIN_WRITE"}),
        ("dialogflow.testcases.create", {"ADMIN_WRITE", "DATA_WRITE"}),
    ],
)
def test_types_of_permissions(name, types):
    assert set(types_of(name)[0]) == types


def test_agents_are_judged_like_everyone(gcp):
    policies = [exported(binding("roles/custom", AGENT)), *above([audit("allServices", *ALL_TYPES)])]
    run = everything(gcp, policies, [activity(), entry("storage.objects.get", who="", subject=AGENT)])
    assert run.used(AGENT) == ["storage.objects.get"]
    assert "aiplatform.endpoints.predict" in run.unused(AGENT)


def test_the_project_is_one_by_number_and_id(gcp):
    by_number = activity()
    by_number["logName"] = f"projects/{NUMBER}/logs/cloudaudit.googleapis.com%2Factivity"
    run = gcp(
        {
            "iam_policies": [searched(binding("roles/custom", MEMBER))],
            "roles": [ROLE],
            "audit_logs": [by_number],
        },
        window=EVER,
    )
    assert run.unused(RAG) == ["aiplatform.customJobs.create"]


def test_the_plain_case_of_one_project_leaves_nothing_but_the_never_logged_unseen(gcp):
    policy = searched(binding("roles/custom", MEMBER))
    policy["policy"]["auditConfigs"] = [audit("allServices", *ALL_TYPES)]
    bare = {"bindings": [binding("roles/custom", MEMBER)], "auditConfigs": [audit("allServices", *ALL_TYPES)]}
    logs = [activity(), SOMEONE]
    for policies, texts in ((policy, None), (bare, {"scope": f"projects/{PROJECT}"})):
        settings = {"iam_policies": [policies], "roles": [ROLE], "audit_logs": logs}
        run = gcp(settings, texts=texts)
        assert set(run.blind(RAG).values()) <= {"never-logged"}
        assert {"aiplatform.customJobs.create", "storage.objects.get"} <= set(run.unused(RAG))


def test_a_write_of_unsettled_class_is_unseen_for_the_very_reason_its_data_log_is(gcp):
    policies = [exported(binding("roles/x", MEMBER)), *above([audit("allServices", *ALL_TYPES)])]
    roles = [role("roles/x", "aiplatform.reasoningEngines.create")]
    run = gcp({"iam_policies": policies, "roles": roles, "audit_logs": [activity()]})
    assert run.blind(RAG) == {"aiplatform.reasoningEngines.create": "data-access-logs-not-given"}


def test_exemptions_count_in_every_spelling_and_those_of_deleted_accounts_do_not(gcp):
    pool = f"{PROJECT}.svc.id.goog"
    account = f"serviceAccount:{pool}[ns/agent]"
    principal = (
        f"principal://iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/{pool}"
        "/subject/ns/ns/sa/agent"
    )
    short = AGENT.replace(f"org-{ORG}", f"project-{NUMBER}")
    exempted = (account, short.replace("project-", "proj-"), f"deleted:{MEMBER}?uid=1")
    configs = [audit("allServices", *ALL_TYPES, exempted=exempted)]
    policies = [exported(binding("roles/custom", principal, short, MEMBER)), *above(configs)]
    run = everything(gcp, policies, [activity(), SOMEONE])
    assert run.blind(principal)["storage.objects.get"] == "exempted-from-audit"
    assert run.blind(short)["storage.objects.get"] == "exempted-from-audit"
    assert "storage.objects.get" in run.unused(RAG)


def test_identities_with_like_exemptions_are_judged_once(gcp, monkeypatch):
    judged = []
    real = Observability._judge
    monkeypatch.setattr(
        Observability, "_judge", lambda self, situation: judged.append(situation) or real(self, situation)
    )
    configs = [audit("allServices", *ALL_TYPES, exempted=(MEMBER, "group:g@example.com"))]
    members = [f"serviceAccount:sa{number}@{PROJECT}.iam.gserviceaccount.com" for number in range(50)]
    policies = [exported(binding("roles/custom", MEMBER, *members)), *above(configs)]
    everything(gcp, policies, [activity(), SOMEONE])
    assert len(judged) == 1


def test_data_access_records_that_begin_late_are_said_with_their_first_day(gcp):
    policies = [exported(binding("roles/custom", MEMBER)), *above([audit("allServices", *ALL_TYPES)])]
    early = activity()
    early["timestamp"] = "2026-08-02T00:00:00Z"
    run = everything(gcp, policies, [early, SOMEONE])
    rows = {row.log_class: row.since for row in run.facts.coverage if row.account == PROJECT}
    assert (rows["ADMIN_WRITE"], rows["DATA_READ"]) == ("2026-08-02T00:00:00Z", "2026-09-01T10:00:00Z")
    [said] = run.caveats("Data Access records begin later")
    assert f"projects/{PROJECT} at 2026-09-01T10:00:00Z" in said


def test_listed_projects_and_folders_tell_what_bare_policies_stand_below(gcp, tmp_path):
    configs = [audit("allServices", *ALL_TYPES)]
    policies = {
        "projects/" + PROJECT: [binding("roles/custom", MEMBER)],
        "organizations/9": [],
        "folders/7": [],
    }
    for name, bindings in policies.items():
        path = tmp_path / "iam" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        more = {"auditConfigs": configs} if name == "organizations/9" else {}
        path.write_text(json.dumps({"bindings": bindings, "etag": "x", **more}))
    project = {"projectId": PROJECT, "projectNumber": NUMBER, "parent": {"type": "folder", "id": "7"}}
    folder = {"name": "folders/7", "parent": "organizations/9", "displayName": "AI"}
    settings = {"iam_policies": tmp_path / "iam", "roles": [ROLE], "audit_logs": [activity(), SOMEONE]}
    assert "storage.objects.get" not in gcp(settings).unused(RAG)
    assert "storage.objects.get" in gcp({**settings, "resources": [project, folder]}).unused(RAG)


def seen_with_all_on(gcp, held, *logs):
    """Run over a project that records everything, where `held` is given and others called something."""
    policies = [exported(binding("roles/held", MEMBER)), *above([audit("allServices", *ALL_TYPES)])]
    return gcp(
        {
            "iam_policies": policies,
            "roles": [role("roles/held", *held)],
            "audit_logs": [activity(), SOMEONE, *logs],
        }
    )


@pytest.mark.parametrize(
    "permission",
    [
        "bigquery.tables.get",  # every client reads a table's schema: TableService.GetTable writes no record
        "bigquery.datasets.get",
        "bigquery.jobs.get",
        "bigquery.routines.get",
        "bigquery.tables.updateData",  # TableDataService.InsertAll writes none
        "aiplatform.ragCorpora.query",  # nothing of RAG is in the list of audited operations
        "aiplatform.sessions.update",
        "bigquery.models.getData",  # ML.PREDICT in a query job
        "monitoring.metricDescriptors.create",  # made by the first point of a new metric
        "eventarc.events.receiveEvent",  # checked when a trigger delivers
        "dataflow.workItems.lease",
        "container.events.create",
    ],
)
def test_calls_that_write_no_record_are_never_unused(gcp, permission):
    run = seen_with_all_on(gcp, [permission, "storage.objects.list"])
    assert run.unused(RAG) == ["storage.objects.list"]
    assert run.blind(RAG)[permission] == "never-logged"


def test_a_record_that_names_a_permission_does_not_say_that_all_its_uses_are_recorded(gcp):
    load = {"service": "bigquery.googleapis.com", "method": "google.cloud.bigquery.v2.JobService.InsertJob"}
    run = seen_with_all_on(
        gcp,
        ["bigquery.tables.updateData", "iam.serviceAccounts.actAs", "storage.objects.list"],
        entry("bigquery.tables.updateData", who="x@example.com", kind="DATA_WRITE", **load),
        entry("iam.serviceAccounts.actAs", who="x@example.com", kind="ADMIN_WRITE", log="activity"),
    )
    assert run.unused(RAG) == ["storage.objects.list"]


def test_filling_a_vector_index_is_a_data_call(gcp):
    policies = [exported(binding("roles/held", MEMBER)), *above([])]
    held = ("aiplatform.indexes.update", "aiplatform.indexes.delete", "aiplatform.customJobs.create")
    run = gcp(
        {"iam_policies": policies, "roles": [role("roles/held", *held)], "audit_logs": [activity(), SOMEONE]}
    )
    assert run.unused(RAG) == ["aiplatform.customJobs.create"]
    assert run.blind(RAG)["aiplatform.indexes.update"] == "permission-class-unknown"


def test_calls_of_tools_are_seen_where_the_log_of_mcp_servers_is_on(gcp):
    policies = [
        exported(binding("roles/custom", MEMBER), audit=[audit("mcp.googleapis.com", "DATA_READ")]),
        *above(),
    ]
    roles = [role("roles/custom", "mcp.tools.call", "bigquery.datasets.update")]
    call = entry(
        who="other@example.com", service="bigquery.googleapis.com/mcp", method="tools/call", log="data_access"
    )
    run = gcp({"iam_policies": policies, "roles": roles, "audit_logs": [activity(), call]})
    assert "mcp.tools.call" in run.unused(RAG)
    own = entry(service="bigquery.googleapis.com/mcp", method="tools/call", log="data_access")
    again = gcp({"iam_policies": policies, "roles": roles, "audit_logs": [activity(), own]})
    assert again.used(RAG) == ["mcp.tools.call"]
    assert again.facts.unmapped == ()


def test_what_a_call_checks_without_naming_it_may_have_been_used(gcp):
    held = ("dns.changes.create", "dns.resourceRecordSets.create", "dns.managedZones.delete")
    call = entry(
        "dns.changes.create", log="activity", service="dns.googleapis.com", method="dns.changes.create"
    )
    run = seen_with_all_on(gcp, held, call)
    assert run.unused(RAG) == ["dns.managedZones.delete"]
    assert run.blind(RAG)["dns.resourceRecordSets.create"] == "checked-within"
    assert "dns.resourceRecordSets.create" in seen_with_all_on(gcp, held).unused(RAG)
    refused = entry("dns.changes.create", granted=False, log="activity", service="dns.googleapis.com")
    assert "dns.resourceRecordSets.create" in seen_with_all_on(gcp, held, refused).unused(RAG)
