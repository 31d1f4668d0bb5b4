"""Settings of a live source, and the sign-in."""

import base64
import json
import os
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.azure.live.session import TOKEN_VARIABLE, open_session
from connectors.azure.live.settings import LiveSettings
from connectors.errors import SettingError
from connectors.interface import Source, Status
from tests.connectors.azure.live.fake import Fake
from tests.connectors.azure.live.tenant import fill
from tests.connectors.azure.synthetic import AGENT, TENANT


def settings(**texts):
    return LiveSettings.of(Source("live", "azure", "", "live", {}, texts, {}))


def test_graph_and_sign_in_follow_the_cloud():
    found = settings(endpoint_url="https://management.usgovcloudapi.net/")
    assert ("https://graph.microsoft.us", "login.microsoftonline.us") == (found.graph, found.authority)
    assert ("https://graph.microsoft.com", "login.microsoftonline.com") == (
        settings().graph,
        settings().authority,
    )


def test_an_unknown_address_is_asked_for_graph_too():
    assert "http://127.0.0.1:8080" == settings(endpoint_url="http://127.0.0.1:8080").graph
    two = settings(endpoint_url="http://127.0.0.1:8080", graph_endpoint_url="http://localhost:8081")
    assert "http://localhost:8081" == two.graph


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"endpoint_url": "http://management.example"}, "must be on this machine"),
        ({"graph_endpoint_url": "http://127.0.0.1:1"}, "one is a fake"),
        (
            {"endpoint_url": "http://127.0.0.1:1", "graph_endpoint_url": "https://graph.microsoft.com"},
            "one is a fake",
        ),
    ],
)
def test_addresses_that_would_show_a_token_are_refused(texts, said):
    with pytest.raises(SettingError, match=said):
        settings(**texts)


def test_files_of_the_activity_log_take_its_place(tmp_path):
    source = Source("live", "azure", "", "live", {"activity_logs": (tmp_path,)}, {}, {})
    assert (False, True) == (LiveSettings.of(source).activity_log, settings().activity_log)


def test_subscriptions_and_management_group_exclude_each_other():
    source = Source(
        "live", "azure", "", "live", {}, {"management_group": "g"}, {"subscriptions": ("1" * 32,)}
    )
    with pytest.raises(SettingError, match="exclude each other"):
        LiveSettings.of(source)


def test_a_fake_is_shown_the_token_of_its_variable_and_never_a_real_one(tenant, source, gather, monkeypatch):
    monkeypatch.setenv(TOKEN_VARIABLE, "a-test-token")
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "a-real-secret")
    gather(source())
    assert {"Bearer a-test-token"} == tenant.tokens


def test_tokens_are_asked_for_the_api_they_are_shown_to():
    """Each cloud has its own audience; an unknown address gets the public one."""
    for address, arm, graph in (
        (
            "https://management.azure.com",
            "https://management.azure.com/.default",
            "https://graph.microsoft.com/.default",
        ),
        (
            "https://management.chinacloudapi.cn",
            "https://management.chinacloudapi.cn/.default",
            "https://microsoftgraph.chinacloudapi.cn/.default",
        ),
    ):
        session = open_session(settings(endpoint_url=address))
        assert (arm, graph) == (session._scope("arm"), session._scope("graph"))
        session.close()


def test_the_sdks_are_loaded_only_when_something_is_asked():
    code = (
        "import sys, connectors.azure.connector as c; c.CONNECTOR.settings; "
        "print([m for m in sys.modules if m.startswith('azure')])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == found.stdout.strip()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Make a certificate for 127.0.0.1: its file, which is its own authority too, and a context."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(
            name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1)
        )
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return path, context


def token(**claims):
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"head.{middle}.planted-signature"


@pytest.fixture
def cloud(certificate, monkeypatch):
    """Open a fake that also signs in, over https, with nothing else to sign in with."""
    path, context = certificate
    server = Fake(context)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    for name in [one for one in os.environ if one.startswith(("AZURE_", "IDENTITY_", "MSI_"))]:
        monkeypatch.delenv(name)
    fill(server)
    place = f"/{TENANT}/v2.0/.well-known/openid-configuration"
    server.answer(
        place,
        lambda *_: {
            "issuer": f"{server.url}/{TENANT}/v2.0",
            "authorization_endpoint": f"{server.url}/{TENANT}/oauth2/v2.0/authorize",
            "token_endpoint": f"{server.url}/{TENANT}/oauth2/v2.0/token",
        },
    )
    answer = {
        "token_type": "Bearer",
        "expires_in": 3600,
        "access_token": token(oid=AGENT, appid="an-app", tid=TENANT),
    }
    server.answer(f"/{TENANT}/oauth2/v2.0/token", lambda *_: answer)
    yield server
    server.close()


def live(server):
    texts = {"endpoint_url": server.url, "authority": server.url, "tenant": TENANT}
    return Source("live", "azure", "", "live", {}, texts, {})


@pytest.mark.parametrize("way", ["secret", "workload identity"])
def test_signing_in_with_the_real_credential_chain(cloud, gather, monkeypatch, tmp_path, way):
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", "11111111-0000-4000-8000-000000000001")
    if way == "secret":
        monkeypatch.setenv("AZURE_CLIENT_SECRET", "planted-client-secret")
    else:
        (tmp_path / "token").write_text("a.kubernetes.token")
        monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "token"))
    found = gather(live(cloud))
    assert AGENT == found.reached.who["oid"]
    assert Status.OK is found.outcomes["role_assignments"].status
    assert f"Bearer {token(oid=AGENT, appid='an-app', tid=TENANT)}" in cloud.tokens


def test_a_refused_sign_in_is_one_failed_source_that_says_what_to_do(cloud, gather, monkeypatch):
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", "11111111-0000-4000-8000-000000000001")
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "planted-client-secret")
    cloud.answer(
        f"/{TENANT}/oauth2/v2.0/token",
        lambda *_: {"error": "invalid_client", "error_description": "AADSTS7000222: the secret has expired"},
    )
    found = gather(live(cloud))
    assert {"role_assignments"} == set(found.outcomes)
    assert "no sign-in to Azure" in found.reason("role_assignments")
    assert "AADSTS7000222" in found.reason("role_assignments")
    assert "planted" not in found.reason("role_assignments")


def test_a_server_whose_certificate_is_unknown_is_not_talked_to(cloud, gather, monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", "11111111-0000-4000-8000-000000000001")
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "planted-client-secret")
    found = gather(live(cloud))
    assert Status.FAILED is found.outcomes["role_assignments"].status
    assert set() == cloud.tokens
