"""Keys of service accounts, from their export and from the logs."""

from tests.connectors.gcp.records import PROJECT, RAG, binding, entry, searched

POLICY = [searched(binding("roles/x", f"serviceAccount:{RAG}"))]


def key(name="k1", **more):
    return {
        "name": f"projects/{PROJECT}/serviceAccounts/{RAG}/keys/{name}",
        "keyType": "USER_MANAGED",
        "validAfterTime": "2025-01-02T03:04:05Z",
        "validBeforeTime": "9999-12-31T23:59:59Z",
        **more,
    }


def test_a_user_managed_key_is_long_lived_and_dated(gcp):
    run = gcp({"iam_policies": POLICY, "service_account_keys": [key()]})
    [one] = run.facts.credentials
    assert (one.identity, one.kind, one.status, one.long_lived, one.created, one.expires) == (
        RAG,
        "service-account-key",
        "active",
        True,
        "2025-01-02T03:04:05Z",
        "",
    )
    assert (one.last_used, one.last_used_known) == ("", False)


def test_disabled_and_expired_keys(gcp):
    keys = [key("off", disabled=True), key("old", validBeforeTime="2026-01-01T00:00:00Z")]
    run = gcp({"iam_policies": POLICY, "service_account_keys": keys})
    assert {one.id[-3:]: one.status for one in run.facts.credentials} == {"off": "inactive", "old": "expired"}


def test_keys_that_google_manages_are_nobody_s(gcp):
    call = entry("storage.objects.get")
    name = f"//iam.googleapis.com/projects/{PROJECT}/serviceAccounts/{RAG}/keys/k1"
    call["protoPayload"]["authenticationInfo"]["serviceAccountKeyName"] = name
    keys = [key(keyType="SYSTEM_MANAGED")]
    run = gcp({"iam_policies": POLICY, "service_account_keys": keys, "audit_logs": [call]})
    assert run.facts.credentials == ()


def test_use_is_joined_to_the_export_s_name_of_the_key(gcp):
    call = entry("storage.objects.get")
    name = "//iam.googleapis.com/projects/-/serviceAccounts/1001/keys/k1"
    call["protoPayload"]["authenticationInfo"]["serviceAccountKeyName"] = name
    run = gcp({"iam_policies": POLICY, "service_account_keys": [key()], "audit_logs": [call]})
    assert [row.credential for row in run.facts.usage] == [one.id for one in run.facts.credentials]


def test_a_key_only_the_log_knows_is_listed_with_unknown_state(gcp):
    call = entry("storage.objects.get")
    name = f"projects/{PROJECT}/serviceAccounts/{RAG}/keys/gone"
    call["protoPayload"]["authenticationInfo"]["serviceAccountKeyName"] = f"//iam.googleapis.com/{name}"
    run = gcp({"iam_policies": POLICY, "service_account_keys": [key()], "audit_logs": [call]})
    assert {one.id: one.status for one in run.facts.credentials}[name] == "unknown"


def test_a_key_exchanged_for_another_account_s_token_was_used(gcp):
    other = f"target@{PROJECT}.iam.gserviceaccount.com"
    call = entry("storage.objects.get", who=other)
    name = f"//iam.googleapis.com/projects/{PROJECT}/serviceAccounts/{RAG}/keys/k1"
    call["protoPayload"]["authenticationInfo"]["serviceAccountKeyName"] = name
    run = gcp({"iam_policies": POLICY, "service_account_keys": [key()], "audit_logs": [call]})
    [one] = run.facts.credentials
    assert (one.identity, one.last_used) == (RAG, "2026-09-01T10:00:00Z")


def test_api_keys_bound_to_an_account_are_its_credentials(gcp):
    bound = {
        "name": f"projects/{PROJECT}/locations/global/keys/b",
        "serviceAccountEmail": RAG,
        "createTime": "2026-01-01T00:00:00Z",
    }
    free = {"name": f"projects/{PROJECT}/locations/global/keys/f", "keyString": "AIza-secret"}
    run = gcp({"iam_policies": POLICY, "api_keys": [bound, free]})
    # Audit logs name the account of a call, never the API key.
    assert [(one.kind, one.identity, one.in_logs) for one in run.facts.credentials] == [
        ("api-key", RAG, False)
    ]
    assert len(run.caveats("API key without API restrictions")) == 1
