"""Who the logs of an Azure tenant show at all is not unused and keeps what opens it (synthetic, judged by hand)."""

import json

import pytest

from tests.connectors.azure.grants.test_directory import GRAPH, MAIL, api, call, permission
from tests.connectors.azure.synthetic import sign_in_event, vault_event
from tests.scanner.test_azure_judged import assignment, scan, weeks

NAMES = (
    *("managed", "by-secret", "by-certificate", "refused", "mailer", "quiet-mailer"),
    *("graph", "graph-refused", "unmapped", "vault", "people", "delegated", "interface", "quiet"),
)
PRINCIPALS = {name: f"0a0000{at:02x}-0000-4000-8000-000000000001" for at, name in enumerate(NAMES, 16)}
APPLICATIONS = {name: f"0b0000{at:02x}-0000-4000-8000-000000000001" for at, name in enumerate(NAMES, 16)}
PERSON, OTHER = "0e000001-0000-4000-8000-000000000001", "0ffffff0-0000-4000-8000-000000000001"
SECRETS = {name: f"0c0000{at:02x}-0000-4000-8000-000000000001" for at, name in enumerate(NAMES, 16)}
AT = "2026-10-05T09:00:00Z"


def principal(name):
    managed = name in ("managed", "mailer", "quiet-mailer")
    keys = "keyCredentials" if name == "by-certificate" else "passwordCredentials"
    key = {
        "keyId": SECRETS[name],
        "startDateTime": "2025-01-01T00:00:00Z",
        "endDateTime": "2027-06-01T00:00:00Z",
    }
    return {
        "id": PRINCIPALS[name],
        "appId": APPLICATIONS[name],
        "displayName": name,
        "servicePrincipalType": "ManagedIdentity" if managed else "Application",
        "accountEnabled": True,
        **({} if managed else {keys: [key]}),
    }


def sign_in(name, code=0, target="", **more):
    made = sign_in_event(PRINCIPALS[name], time=AT, correlationId=f"in {name}", resultType=str(code), **more)
    made["properties"] |= {
        "appId": APPLICATIONS[name],
        "status": {"errorCode": code},
        "resourceServicePrincipalId": target,
    }
    return made


def with_key(name, code=0):
    made = sign_in(name, code)
    made["properties"]["servicePrincipalCredentialKeyId"] = SECRETS[name]
    return made


def by_person(name):
    made = sign_in(name, category="SignInLogs")
    made["properties"] |= {
        "servicePrincipalId": "",
        "userId": PERSON,
        "userPrincipalName": "ann@acme.example",
    }
    return made


def graph(name, **more):
    return call(servicePrincipalId=PRINCIPALS[name], appId=APPLICATIONS[name], **more) | {
        "time": AT,
        "correlationId": f"graph {name}",
    }


def others(category):
    """Return sign-ins of somebody else from one end of the window to the other."""
    return [
        sign_in_event(OTHER, time=f"{day}T10:00:00Z", correlationId=f"{category}{day}", category=category)
        for day in weeks()
    ]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Run the command on principals of whom the logs show something, though no use of a permission."""
    delegated = graph("delegated", userId=PERSON)
    delegated["properties"]["servicePrincipalId"] = ""
    sign_ins = [
        *others("ServicePrincipalSignInLogs"),
        *others("ManagedIdentitySignInLogs"),
        sign_in("managed", category="ManagedIdentitySignInLogs"),
        sign_in("mailer", category="ManagedIdentitySignInLogs"),
        with_key("by-secret"),
        with_key("by-certificate"),
        sign_in("refused", 53003),
        by_person("people"),
        sign_in_event(OTHER, time=AT, correlationId="asks for a token"),
    ]
    sign_ins[-1]["properties"]["resourceServicePrincipalId"] = PRINCIPALS["interface"]
    calls = [
        graph("graph"),
        graph("graph-refused", code=403),
        delegated,
        vault_event("SomethingNew", PRINCIPALS["unmapped"], time=AT, correlationId="new"),
        vault_event("Authentication", PRINCIPALS["vault"], time=AT, correlationId="log on"),
    ]
    return scan(
        tmp_path_factory.mktemp("active"),
        [assignment("sites", principal=one) for one in PRINCIPALS.values()],
        service_principals=[*map(principal, NAMES), api()],
        app_role_assignments=[
            permission(PRINCIPALS[name], MAIL, GRAPH) for name in ("mailer", "quiet-mailer")
        ],
        sign_in_logs=sign_ins,
        resource_logs=calls,
    )


def found(report, name, *rules):
    who = PRINCIPALS[name]
    return {one["rule"] for one in report["findings"] if one["identity"] == who and one["rule"] in rules}


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("quiet")])
def test_who_was_seen_at_all_is_not_unused(report, name):
    assert found(report, name, "ED103") == set()


@pytest.mark.parametrize("name", ["quiet", "quiet-mailer"])
def test_who_was_not_seen_is_unused(report, name):
    assert found(report, name, "ED103") == {"ED103"}


@pytest.mark.parametrize("name", ["by-secret", "by-certificate"])
def test_a_key_that_signed_in_is_used_and_stays(report, name):
    (one,) = [one for one in report["identities"] if one["name"] == name]
    assert [key["last_used"] for key in one["credentials"]] == [AT]
    assert one["reduction"]["removes_credentials"] == []


def test_a_key_that_got_no_token_is_unused(report):
    for name in ("quiet", "people", "interface"):
        assert found(report, name, "ED203") == {"ED203"}


def test_what_people_do_through_an_application_is_no_use_of_its_own_permissions(report):
    (one,) = [one for one in report["identities"] if one["name"] == "people"]
    assert "Microsoft.Web/sites/write" in json.dumps([service["unused"] for service in one["services"]])
