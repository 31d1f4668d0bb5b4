"""Who the logs of a Google Cloud project show at all is neither unused nor disabled (synthetic, judged by hand)."""

import json

import pytest

from tests.scanner.test_gcp_judged import EVERYWHERE, PROJECT, call, days, member, on_project, others, scan

NAMES = (
    *("unmapped", "refused", "denied", "logs-in", "delegating", "middle", "taken", "taken-by-nobody"),
    *("with-key", "with-key-mixed", "lent-key", "tests", "closes", "asked-in-vain", "quiet"),
)
EMAILS = {name: f"{name}@{PROJECT}.iam.gserviceaccount.com" for name in NAMES}
UNIQUE = {name: str(7000 + at) for at, name in enumerate(NAMES)}
TARGET = "target@elsewhere.iam.gserviceaccount.com"
TOKEN = "iam.serviceAccounts.getAccessToken"
AT = days()[10]


def unmapped(who, **payload):
    """Return a call of which neither the log nor a table names the permission."""
    made = call(who, "nothing", AT, service="brandnew", **payload)
    made["protoPayload"]["methodName"] = "google.cloud.brandnew.v1.Thing.Mystify"
    made["protoPayload"].pop("authorizationInfo")
    made["insertId"] += json.dumps(payload)
    return made


def authenticated(who, key="", chain=()):
    return {
        "principalEmail": who,
        **({"serviceAccountKeyName": f"//iam.googleapis.com/{key}"} if key else {}),
        **(
            {
                "serviceAccountDelegationInfo": [
                    {"firstPartyPrincipal": {"principalEmail": one}} for one in chain
                ]
            }
            if chain
            else {}
        ),
    }


def key(name):
    return f"projects/{PROJECT}/serviceAccounts/{EMAILS[name]}/keys/{UNIQUE[name]:0>40}"


def token_for(account, caller, *, granted=True):
    resource = f"projects/-/serviceAccounts/{account}"
    check = {"permission": TOKEN, "granted": granted, "resource": resource, "permissionType": "ADMIN_READ"}
    made = call("x", TOKEN, AT, service="iamcredentials", authorizationInfo=[check], resourceName=resource)
    made["protoPayload"] |= {"methodName": "GenerateAccessToken", "authenticationInfo": caller}
    if not granted:
        made["protoPayload"]["status"] = {"code": 7}
    made["insertId"] = f"token {account}"
    return made


def asks_permissions(who):
    made = unmapped(who)
    made["protoPayload"]["methodName"] = "google.iam.v1.IAMPolicy.TestIamPermissions"
    return made


def closes(who):
    return unmapped(who) | {"operation": {"id": "of last year", "last": True}}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Run the command on accounts of whom the logs show something, though no use of a permission."""
    boss = {"principalEmail": "boss@acme.example"}
    log = [
        *others(days()),
        unmapped(EMAILS["unmapped"]),
        unmapped(EMAILS["refused"], status={"code": 7}),
        call(
            EMAILS["denied"],
            "storage.objects.get",
            AT,
            status={"code": 7},
            authorizationInfo=[{"permission": "storage.objects.get", "granted": False}],
        ),
        unmapped(EMAILS["logs-in"], serviceName="oauth2.googleapis.com"),
        unmapped(TARGET, authenticationInfo=authenticated(TARGET, chain=[EMAILS["delegating"]])),
        unmapped(
            "ann@acme.example",
            authenticationInfo=authenticated(
                "ann@acme.example", chain=["bob@acme.example", EMAILS["middle"]]
            ),
        ),
        token_for(EMAILS["taken"], boss),
        token_for(UNIQUE["taken-by-nobody"], {}),
        token_for(EMAILS["asked-in-vain"], boss, granted=False),
        *(
            unmapped(EMAILS[name], authenticationInfo=authenticated(EMAILS[name], key(name)), resourceName=at)
            for name in ("with-key", "with-key-mixed")
            for at in ("a/1", "b/2")
        ),
        call(
            EMAILS["with-key-mixed"],
            "compute.instances.create",
            AT,
            log="activity",
            kind="ADMIN_WRITE",
            service="compute",
            authenticationInfo=authenticated(EMAILS["with-key-mixed"], key("with-key-mixed")),
        ),
        unmapped(TARGET, authenticationInfo=authenticated(TARGET, key("lent-key"))),
        asks_permissions(EMAILS["tests"]),
        closes(EMAILS["closes"]),
    ]
    for at, one in enumerate(log):
        one["insertId"] = f"{at}"
    keys = [
        {
            "name": key(name),
            "keyType": "USER_MANAGED",
            "validAfterTime": "2025-01-01T00:00:00Z",
            "validBeforeTime": "9999-12-31T23:59:59Z",
        }
        for name in NAMES
    ]
    accounts = [
        {
            "email": EMAILS[name],
            "name": f"projects/{PROJECT}/serviceAccounts/{EMAILS[name]}",
            "projectId": PROJECT,
        }
        | {"uniqueId": UNIQUE[name]}
        for name in NAMES
    ]
    held = on_project(*(("roles/secretmanager.secretAccessor", member(email)) for email in EMAILS.values()))
    return scan(
        tmp_path_factory.mktemp("active"),
        [held],
        EVERYWHERE,
        log,
        accounts=accounts,
        service_account_keys=keys,
    )


def about(report, name):
    (one,) = [one for one in report["identities"] if one["id"] == EMAILS[name]]
    return one


def found(report, name, *rules):
    who = EMAILS[name]
    return {one["rule"] for one in report["findings"] if one["identity"] == who and one["rule"] in rules}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("asked-in-vain", "quiet")])
def test_who_was_seen_at_all_is_neither_unused_nor_disabled(report, name):
    assert found(report, name, "ED103") == set()
    assert "service-accounts disable" not in json.dumps(about(report, name)["reduction"])


@pytest.mark.parametrize("name", ["asked-in-vain", "quiet"])
def test_who_was_not_seen_is_unused(report, name):
    assert found(report, name, "ED103", "ED203") == {"ED103", "ED203"}
    assert "service-accounts disable" in json.dumps(about(report, name)["reduction"])


@pytest.mark.parametrize(("name", "uses"), [("with-key", 2), ("with-key-mixed", 3), ("quiet", 0)])
def test_uses_of_a_key_are_its_calls_whatever_permission_they_needed(report, name, uses):
    assert [one["uses"] for one in about(report, name)["credentials"]] == [uses]


@pytest.mark.parametrize("name", ["with-key", "with-key-mixed", "lent-key"])
def test_a_key_in_any_record_is_used(report, name):
    assert found(report, name, "ED203") == set()
    assert [one["last_used"] for one in about(report, name)["credentials"]] == [f"{AT}T09:00:00Z"]
