"""Rows of the log engine become usage."""

import json

import pytest

from tests.connectors.gcp.records import AGENT, PROJECT, RAG, activity, binding, entry, role, searched

POLICY = [searched(binding("roles/x", f"serviceAccount:{RAG}"))]


def test_calls_are_summed_over_days_with_their_first_and_last_time(gcp):
    times = ("2026-09-01T10:00:00Z", "2026-09-03T11:00:00Z", "2026-09-02T12:00:00Z")
    logs = [entry("storage.objects.get", at=at) for at in times]
    logs.append(entry("storage.objects.get", at="2026-09-04T00:00:00Z", granted=False))
    [row] = gcp({"iam_policies": POLICY, "audit_logs": logs}).facts.usage
    assert (row.count, row.denied, row.first_seen, row.last_seen, row.last_allowed) == (
        4,
        1,
        "2026-09-01T10:00:00Z",
        "2026-09-04T00:00:00Z",
        "2026-09-03T11:00:00Z",
    )


def test_a_closing_entry_counts_only_where_the_opening_one_is_missing(gcp):
    opening = entry("compute.instances.create", log="activity", method="insert")
    closing = entry("compute.instances.create", log="activity", method="insert")
    opening["operation"], closing["operation"] = {"id": "1", "first": True}, {"id": "1", "last": True}
    [row] = gcp({"iam_policies": POLICY, "audit_logs": [opening, closing]}).facts.usage
    assert row.count == 1
    [row] = gcp({"iam_policies": POLICY, "audit_logs": [closing]}).facts.usage
    assert row.count == 1


def test_the_fallback_table_names_permissions_of_model_calls_and_says_so(gcp):
    call = entry(
        "",
        service="aiplatform.googleapis.com",
        method="google.cloud.aiplatform.v1beta1.PredictionService.GenerateContent",
    )
    run = gcp({"iam_policies": POLICY, "audit_logs": [call]})
    assert run.used(RAG) == ["aiplatform.endpoints.predict"]
    assert (run.facts.unmapped, len(run.caveats("taken from a table"))) == ((), 1)


@pytest.mark.parametrize(
    ("service", "method", "resource", "permission"),
    [
        (
            "storage.googleapis.com",
            "storage.objects.delete",
            "projects/_/buckets/b/objects/o",
            "storage.objects.delete",
        ),
        (
            "compute.googleapis.com",
            "v1.compute.instances.insert",
            f"projects/{PROJECT}",
            "compute.instances.create",
        ),
        ("dns.googleapis.com", "dns.managedZones.patch", f"projects/{PROJECT}", "dns.managedZones.update"),
        (
            "cloudkms.googleapis.com",
            "Encrypt",
            f"projects/{PROJECT}",
            "cloudkms.cryptoKeyVersions.useToEncrypt",
        ),
        ("iamcredentials.googleapis.com", "SignJwt", "projects/-/x/y", "iam.serviceAccounts.signJwt"),
    ],
)
def test_a_method_without_a_permission_in_the_log_gets_that_of_its_name(
    gcp, service, method, resource, permission
):
    call = entry("", service=service, method=method, resource=resource)
    made = role("roles/x", permission)
    run = gcp({"iam_policies": POLICY, "roles": [made], "audit_logs": [call]})
    assert run.used(RAG) == [permission]
    assert (run.facts.unmapped, len(run.caveats("taken from a table"))) == ((), 1)


@pytest.mark.parametrize(
    ("method", "resource", "permission"),
    [
        (
            "google.iam.admin.v1.CreateServiceAccountKey",
            "projects/-/serviceAccounts/1",
            "iam.serviceAccountKeys.create",
        ),
        ("SetIamPolicy", f"projects/{PROJECT}/serviceAccounts/1", "iam.serviceAccounts.setIamPolicy"),
    ],
)
def test_what_is_only_likely_leaves_the_service_unobservable(gcp, method, resource, permission):
    """The words of a method name a permission in 98 of 100 cases: a use, but no proof of what was not used."""
    call = entry("", service="iam.googleapis.com", method=method, resource=resource, log="activity")
    made = role("roles/x", permission, "iam.roles.create")
    run = gcp({"iam_policies": POLICY, "roles": [made], "audit_logs": [call, activity()]})
    assert run.used(RAG) == [permission]
    assert "iam.roles.create" not in run.unused(RAG)


def test_a_name_that_is_no_known_permission_stays_unmapped(gcp):
    calls = [
        entry("", service="iam.googleapis.com", method="google.iam.admin.v1.FrobnicateThing"),
        entry("", service="storage.googleapis.com", method="storage.objects.frobnicate"),
    ]
    made = role("roles/x", "storage.objects.get", "iam.roles.get")
    run = gcp({"iam_policies": POLICY, "roles": [made], "audit_logs": calls})
    assert len(run.facts.unmapped) == 2
    assert run.used(RAG) == []


def test_without_policies_every_service_account_that_called_is_listed(gcp):
    calls = [entry("storage.objects.get"), entry("storage.objects.get", who="ann@example.com")]
    alone = gcp({"audit_logs": calls})
    assert {RAG} == {one.id for one in alone.facts.identities}
    others = [searched(binding("roles/x", "serviceAccount:other@p.iam.gserviceaccount.com"))]
    beside = gcp({"iam_policies": others, "audit_logs": calls})
    assert RAG not in {one.id for one in beside.facts.identities}


def test_google_workspace_needs_no_permission(gcp):
    call = entry(
        "",
        service="login.googleapis.com",
        method="google.login.LoginService.loginSuccess",
        resource="organizations/1",
    )
    run = gcp({"iam_policies": POLICY, "audit_logs": [call, activity()]})
    assert (run.used(RAG), run.facts.unmapped) == ([], ())


def test_kubernetes_names_take_the_spelling_of_the_roles(gcp):
    made = role("roles/container.developer", "container.roleBindings.create")
    call = entry("io.k8s.authorization.rbac.v1.rolebindings.create", service="k8s.io", log="activity")
    run = gcp({"iam_policies": POLICY, "roles": [made], "audit_logs": [call]})
    assert run.used(RAG) == ["container.roleBindings.create"]


def test_the_same_event_from_two_exports_counts_once(gcp, tmp_path):
    record = entry("storage.objects.get")
    (tmp_path / "sink").mkdir()
    (tmp_path / "sink" / "10:00:00_10:59:59_S0.json").write_text(json.dumps(record) + "\n")
    (tmp_path / "read.json").write_text(json.dumps([record, activity()]))
    run = gcp({"iam_policies": POLICY, "audit_logs": (tmp_path / "sink", tmp_path / "read.json")})
    assert [row.count for row in run.facts.usage if row.identity == RAG] == [1]


def test_events_without_a_nameable_caller_are_counted_by_kind(gcp):
    logs = [
        entry("io.k8s.core.v1.pods.get", who="system:kube-scheduler", service="k8s.io"),
        entry("storage.objects.get", who=""),
        entry("storage.objects.get", who="", granted=False),
    ]
    run = gcp({"iam_policies": POLICY, "audit_logs": logs})
    assert (run.facts.unattributed, run.facts.usage) == ({"kubernetes": 1, "not-recorded": 2}, ())


def test_usage_names_the_chain_the_key_and_the_operation(gcp):
    call = entry("storage.objects.get")
    call["protoPayload"]["authenticationInfo"] |= {
        "serviceAccountKeyName": f"//iam.googleapis.com/projects/{PROJECT}/serviceAccounts/{RAG}/keys/k",
        "serviceAccountDelegationInfo": [{"firstPartyPrincipal": {"principalEmail": "ann@example.com"}}],
    }
    row, _ = gcp({"iam_policies": POLICY, "audit_logs": [call]}).facts.usage
    assert (row.via, row.credential, row.operation) == (
        "ann@example.com",
        f"projects/{PROJECT}/serviceAccounts/{RAG}/keys/k",
        "storage.googleapis.com:storage.objects.get",
    )


def test_who_acts_only_through_another_account_is_not_idle(gcp):
    one, two = (entry("storage.objects.get") for _ in range(2))
    pool = f"{PROJECT}.svc.id.goog[ns/planner]"
    for call in (one, two):
        call["protoPayload"]["authorizationInfo"].append(
            {"permission": "storage.objects.list", "granted": True}
        )
        call["protoPayload"]["authenticationInfo"]["serviceAccountDelegationInfo"] = [
            {"principalSubject": f"serviceAccount:{pool}"}
        ]
    run = gcp({"iam_policies": POLICY, "audit_logs": [one, two]})
    [row] = [row for row in run.facts.usage if row.identity != RAG]
    assert row.identity.endswith(f"/workloadIdentityPools/{PROJECT}.svc.id.goog/subject/ns/ns/sa/planner")
    assert (row.permission, row.resource, row.count, row.denied, row.operation) == (
        "iam.serviceAccounts.getAccessToken",
        f"projects/-/serviceAccounts/{RAG}",
        2,
        0,
        "serviceAccountDelegationInfo",
    )
    assert run.caveats("acting as a service account") != []


def test_a_recorded_token_is_counted_as_it_stands(gcp):
    hop = f"hop@{PROJECT}.iam.gserviceaccount.com"
    call = entry("storage.objects.get")
    delegation = [{"firstPartyPrincipal": {"principalEmail": hop}}]
    call["protoPayload"]["authenticationInfo"]["serviceAccountDelegationInfo"] = delegation
    token = entry(
        "iam.serviceAccounts.getAccessToken",
        who=hop,
        service="iamcredentials.googleapis.com",
        method="GenerateAccessToken",
        resource="projects/-/serviceAccounts/1",
    )
    run = gcp({"iam_policies": POLICY, "audit_logs": [call, token]})
    assert [(row.operation, row.count) for row in run.facts.usage if row.identity == hop] == [
        ("iamcredentials.googleapis.com:GenerateAccessToken", 1)
    ]


def test_googles_own_agents_and_agents_with_a_persons_consent_act_as_nobody(gcp):
    served = entry("storage.objects.get")
    served["protoPayload"]["authenticationInfo"]["serviceAccountDelegationInfo"] = [
        {"firstPartyPrincipal": {"principalEmail": "service-1@serverless-robot-prod.iam.gserviceaccount.com"}}
    ]
    consented = entry("storage.objects.get", who="ann@example.com", subject=AGENT)
    run = gcp({"iam_policies": POLICY, "audit_logs": [served, consented]})
    assert {row.permission for row in run.facts.usage} == {"storage.objects.get"}
