"""Credentials: every secret, certificate and federation, its age and its last use; never the secret."""

from connectors.facts import Credential
from tests.connectors.azure.synthetic import AGENT, AGENT_APP, number, service_principal, sign_in_event

SECRET = "5ec5e700-0000-4000-8000-000000000001"
CERTIFICATE = "ce570000-0000-4000-8000-000000000001"
SECRETS = [
    {
        "keyId": SECRET,
        "startDateTime": "2025-06-01T00:00:00Z",
        "endDateTime": "2027-06-01T00:00:00Z",
        "secretText": "VeRySeCrEt~1234567890",
        "hint": "VeR",
    }
]
CERTIFICATES = [
    {
        "keyId": CERTIFICATE.upper(),
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
        "key": "MIIDBTCCAe2gAwIBAgIQ",
        "startDateTime": "2025-01-01T00:00:00Z",
        "endDateTime": "2026-01-01T00:00:00Z",
    }
]


def secret(**fields):
    expected = {
        "identity": AGENT,
        "id": SECRET,
        "kind": "client-secret",
        "status": "active",
        "long_lived": True,
        "created": "2025-06-01T00:00:00Z",
        "expires": "2027-06-01T00:00:00Z",
    }
    return Credential(**expected | fields)


def test_secrets_and_certificates_are_listed_with_their_age(desk):
    desk.put(
        "service_principals", [service_principal(passwordCredentials=SECRETS, keyCredentials=CERTIFICATES)]
    )
    certificate = secret(
        id=CERTIFICATE,
        kind="certificate",
        status="expired",
        created="2025-01-01T00:00:00Z",
        expires="2026-01-01T00:00:00Z",
    )
    assert set(desk.facts().credentials) == {secret(), certificate}


def test_the_credentials_of_the_application_belong_to_its_service_principal(desk):
    application = {
        "id": number(),
        "appId": AGENT_APP,
        "displayName": "pilot",
        "publisherDomain": "example.com",
    }
    desk.put("service_principals", [service_principal(), application | {"passwordCredentials": SECRETS}])
    assert desk.facts().credentials == (secret(),)


def test_a_federated_credential_is_not_long_lived_and_says_whom_it_trusts(desk):
    federated = [
        {
            "id": number(),
            "name": "github",
            "issuer": "https://token.example",
            "subject": "repo:a/b",
            "audiences": [],
        }
    ]
    desk.put("service_principals", [service_principal(federatedIdentityCredentials=federated)])
    facts = desk.facts()
    (found,) = facts.credentials
    assert (found.kind, found.long_lived) == ("federated", False)
    assert facts.identities[0].trusted == ("https://token.example repo:a/b",)


def test_the_last_use_of_a_key_is_its_last_sign_in(desk):
    desk.put("service_principals", [service_principal(passwordCredentials=SECRETS)])
    failed = sign_in_event(key=SECRET, time="2026-10-01T00:00:00Z", resultType="7000215")
    failed["properties"]["status"] = {"errorCode": 7000215}
    desk.put("sign_in_logs", [sign_in_event(key=SECRET.upper()), failed])
    assert desk.facts().credentials == (secret(last_used="2026-09-10T10:00:00Z"),)


def test_never_used_is_known_only_where_sign_ins_reach_back_over_the_window(desk):
    desk.put("service_principals", [service_principal(passwordCredentials=SECRETS)])
    desk.put("sign_in_logs", [sign_in_event(number(), time="2026-08-02T00:00:00Z")])
    assert desk.facts().credentials == (secret(last_used_known=True),)


def test_an_application_without_its_service_principal_is_said(desk):
    application = {"id": number(), "appId": AGENT_APP, "displayName": "pilot", "identifierUris": []}
    desk.put("applications", [application | {"passwordCredentials": SECRETS}])
    assert any("service principal is not exported" in caveat.what for caveat in desk.facts().caveats)
