"""Each fake tracker with the adapter that talks to it through its real library."""

import datetime as dt
import ipaddress
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tickets_sync.fake_github import FakeGitHub
from tickets_sync.fake_gitlab import FakeGitLab
from tickets_sync.fake_jira import EMAIL, FakeJira, FakeJiraDataCenter
from tickets_sync.fake_server import TOKEN, serve
from tickets_sync.fake_servicenow import USER, FakeServiceNow
from tickets_sync.fake_webhook import SECRET, FakeWebhook

from reports.tickets import github, gitlab, jira, servicenow, settings, webhook

KINDS = ("github", "gitlab", "jira-cloud", "jira-data-center", "servicenow", "webhook")
FAKES = dict(
    zip(
        KINDS,
        (FakeGitHub, FakeGitLab, FakeJira, FakeJiraDataCenter, FakeServiceNow, FakeWebhook),
        strict=True,
    )
)


def connect(kind, url, token=TOKEN):
    """Make the adapter of a tracker."""
    match kind:
        case "github":
            return github.Issues(settings.GitHub(repository="acme/platform", url=url), token)
        case "gitlab":
            return gitlab.Issues(settings.GitLab(project="acme/platform", url=url), token)
        case "jira-cloud":
            chosen = settings.Jira(url=url, project="OPS", email=EMAIL, deployment="cloud")
            return jira.Issues(chosen, token)
        case "jira-data-center":
            return jira.Issues(settings.Jira(url=url, project="OPS"), token)
        case "servicenow":
            chosen = settings.ServiceNow(url=url, user=USER, set_priority=True)
            return servicenow.Records(chosen, token)
        case _:
            return webhook.Receiver(settings.Webhook(url=f"{url}/hook"), token, SECRET)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """Make a certificate for 127.0.0.1; ServiceNow's library speaks https only."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fake tracker")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "fake.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + secret)
    return file


@pytest.fixture
def start(certificate, monkeypatch):
    """Start fakes; they are shut down after the test."""
    servers = []

    def begin(kind):
        fake = FAKES[kind]()
        context = None
        if kind == "servicenow":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        servers.append(serve(fake, context))
        fake.kind = kind
        return fake

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(params=KINDS)
def fake(request, start):
    """Give each fake tracker in turn."""
    return start(request.param)


@pytest.fixture
def tracker(fake):
    """Give the adapter for the fake."""
    return connect(fake.kind, fake.url)
