"""The table of calls is what is called, and what the printed role holds; nothing else gets out."""

import json

import pytest
from google.cloud.asset_v1 import AssetServiceClient
from google.cloud.asset_v1.services.asset_service.transports import AssetServiceRestTransport
from google.cloud.iam_admin_v1 import IAMClient
from google.cloud.iam_admin_v1.services.iam.transports import IAMGrpcTransport

from connectors.gcp.live.access import (
    LOG_QUERY,
    access_table,
    http_call,
    part_names,
    permissions_of,
    role_text,
)
from connectors.gcp.live.collect import Way, collect_live
from connectors.gcp.live.session import Session, log_in
from connectors.gcp.live.settings import LiveSettings
from connectors.interface import silent
from connectors.live.failures import NotAllowedError
from connectors.live.kept import Kept
from connectors.logs.seen import SeenEvents
from tests.connectors.gcp.live.fake import error
from tests.connectors.gcp.records import ORG, PROJECT, QUARTER


@pytest.fixture
def session(source):
    settings = LiveSettings.of(source())
    opened = Session(settings, log_in(settings))
    yield opened
    opened.close()


def called(google):
    rest = {http_call(method, "", path, any_host=True).name for method, path, _, _ in google.asked}
    return rest | {row.name for row in access_table().values() if row.grpc in google.methods}


def test_every_call_of_the_table_is_made_and_no_other(google, source):
    """Once as all works, once without the list that makes single policies needless."""

    def collect():
        chosen = source(log_entries="true")
        way = Way(QUARTER, silent, SeenEvents(), now=lambda: QUARTER.end)
        collect_live(chosen, Kept(chosen.name, "gcp"), way)

    collect()
    google.route("GET /v1/[a-z]+/[^/]+/assets", error(403, "no"))
    collect()
    # Queries are made where a source asks for them (tests/connectors/gcp/pushdown).
    assert {row.name for row in access_table().values() if row.part != LOG_QUERY} == called(google)


def test_every_permission_and_role_exists_and_the_role_holds_it(predefined):
    roles = {role["name"]: set(role["includedPermissions"]) for role in predefined}
    lacking = {
        row.name: row.role for row in access_table().values() if not set(row.permissions) <= roles[row.role]
    }
    assert {} == lacking


def test_the_printed_role_holds_exactly_the_permissions_of_the_calls(source):
    text = role_text(LiveSettings.of(source(scope=f"organizations/{ORG}", log_entries="true")))
    listed = [line.removeprefix("- ") for line in text.splitlines() if line.startswith("- ")]
    rows = [row for row in access_table().values() if row.part != LOG_QUERY]
    assert sorted({name for row in rows for name in row.permissions}) == listed
    assert "# gcloud iam roles create entdrift --organization=999999999999 --file=THIS_FILE" in text


def test_a_projects_role_leaves_what_is_of_use_above_projects_to_a_second_one(source):
    settings = LiveSettings.of(source())
    text = role_text(settings)
    listed = [line.removeprefix("- ") for line in text.splitlines() if line.startswith("- ")]
    above = permissions_of(part_names(settings), above_project=True)
    assert "resourcemanager.organizations.getIamPolicy" in above
    assert [] == sorted(set(listed) & set(above))
    assert f"--permissions={','.join(above)}" in text
    assert "logging.privateLogEntries.list" not in text  # log_entries is not set


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_no_write_leaves_over_http(google, servers, session, method):
    with pytest.raises(NotAllowedError, match="not in the table"):
        session.http.request(method, f"{servers.endpoint_url}/v1/projects/{PROJECT}/serviceAccounts")
    assert [] == google.asked


@pytest.mark.parametrize(
    "url",
    [
        "https://storage.googleapis.com/storage/v1/b/secret/o/x",
        "https://iam.googleapis.com.evil.example/v1/roles",
        "http://iam.googleapis.com/v1/roles",
        "https://evil-aiplatform.googleapis.com.example/v1/projects/p/locations/l/reasoningEngines",
    ],
)
def test_no_read_leaves_to_a_place_outside_of_the_table(session, url):
    with pytest.raises(NotAllowedError):
        session.http.get(url)


def test_a_redirect_does_not_lead_around_the_guard(google, servers, session):
    google.route("GET /v1/roles", (302, {"_headers": {"Location": f"{servers.endpoint_url}/v1/secrets"}}))
    with pytest.raises(NotAllowedError):
        session.http.get(f"{servers.endpoint_url}/v1/roles")
    assert ["GET /v1/roles"] == google.paths("/v1/")


def test_typed_clients_cannot_write(google, session):
    client = AssetServiceClient(transport=session._rest(AssetServiceRestTransport))
    with pytest.raises(NotAllowedError):
        client.delete_feed(request={"name": f"projects/{PROJECT}/feeds/x"})
    assert [] == google.asked


def test_no_grpc_method_but_those_of_the_table_is_sent(google, session):
    iam = IAMClient(transport=IAMGrpcTransport(channel=session._iam_channel()))
    with pytest.raises(NotAllowedError, match="CreateServiceAccountKey"):
        iam.create_service_account_key(request={"name": f"projects/{PROJECT}/serviceAccounts/x"})
    assert [] == google.methods


def test_the_guard_tells_paths_apart():
    assert http_call("GET", "iam.googleapis.com", "/v1/roles/viewer").name == "iam.roles.get"
    assert http_call(
        "GET", "us-central1-aiplatform.googleapis.com", "/v1/projects/p/locations/l/reasoningEngines"
    )
    assert http_call("POST", "cloudresourcemanager.googleapis.com", "/v3/projects/p:setIamPolicy") is None
    assert (
        http_call("GET", "apikeys.googleapis.com", "/v2/projects/p/locations/global/keys/k/keyString") is None
    )
    assert http_call("POST", "logging.googleapis.com", "/v2/entries:write") is None


def test_nothing_secret_reaches_the_bundle(google, live):
    google.route(
        f"GET /v2/projects/{PROJECT}/locations/global/keys",
        {"keys": [{"name": f"projects/{PROJECT}/locations/global/keys/k", "keyString": "AIza-planted"}]},
    )
    run = live()
    assert "AIza-planted" not in json.dumps(run.records("api_keys"))
    assert 1 == len(run.records("api_keys"))
