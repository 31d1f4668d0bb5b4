"""Settings of a live source, and the sign-in."""

import subprocess
import sys

import pytest

from connectors.azure.live_settings import LiveSettings
from connectors.azure.session import TOKEN_VARIABLE, open_session
from connectors.errors import SettingError
from connectors.interface import Source


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
