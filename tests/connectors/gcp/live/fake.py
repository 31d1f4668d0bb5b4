"""Google Cloud on this machine: one HTTP server for all REST services, one gRPC server for IAM.

Everything in it is synthetic. The real client libraries talk to it.
"""

import json
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import grpc
from google.cloud import iam_admin_v1 as iam

from tests.connectors.gcp.records import AGENT, NUMBER, ORG, PROJECT, RAG, activity, audit, binding, entry

CLOUD = "//cloudresourcemanager.googleapis.com"
ACCOUNT = f"projects/{PROJECT}/serviceAccounts/{RAG}"
ENGINE = f"projects/{NUMBER}/locations/us-central1/reasoningEngines/42"
UNIQUE = "100000000000000000001"
PLACE = {
    "project": f"projects/{NUMBER}",
    "folders": ["folders/77"],
    "organization": f"organizations/{ORG}",
}
PROJECT_TYPE = "cloudresourcemanager.googleapis.com/Project"

_LEVEL = iam.Permission.CustomRolesSupportLevel
_STAGE = iam.Permission.PermissionLaunchStage
TESTABLE = [
    iam.Permission(name="storage.objects.get", stage=_STAGE.GA),
    iam.Permission(name="storage.objects.list", stage=_STAGE.GA),
    iam.Permission(name="secretmanager.versions.access", stage=_STAGE.GA),
    iam.Permission(name="pubsub.topics.publish", stage=_STAGE.GA, api_disabled=True),
    iam.Permission(name="aiplatform.endpoints.predict", custom_roles_support_level=_LEVEL.TESTING),
    iam.Permission(
        name="storage.buckets.createTagBinding",
        custom_roles_support_level=_LEVEL.NOT_SUPPORTED,
        stage=_STAGE.BETA,
    ),
    iam.Permission(name="serviceusage.apiKeys.get", stage=_STAGE.GA, primary_permission="apikeys.keys.get"),
]
ABOVE = [iam.Permission(name="resourcemanager.organizations.get", stage=_STAGE.GA)]

Answer = dict[str, Any] | tuple[int, dict[str, Any]]


def error(code: int, message: str, reason: str = "", **metadata: str) -> tuple[int, dict[str, Any]]:
    """Return an error as Google's REST services write it."""
    status = {403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
    body: dict[str, Any] = {"code": code, "message": message, "status": status.get(code, "UNKNOWN")}
    if reason:
        info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "metadata": metadata}
        body["details"] = [info]
    return code, {"error": body}


def disabled(service: str) -> tuple[int, dict[str, Any]]:
    text = f"{service} API has not been used in project {PROJECT} before or it is disabled."
    return error(403, text, "SERVICE_DISABLED", service=service, consumer=f"projects/{PROJECT}")


def paged(name: str, *pages: list[Any]) -> Callable[[dict[str, str], Any], Answer]:
    """Answer a list in pages; the token is the number of the next page."""

    def give(query: dict[str, str], body: Any) -> Answer:
        token = query.get("pageToken") or (body or {}).get("pageToken") or "0"
        at = int(token)
        answer: dict[str, Any] = {name: pages[at]} if at < len(pages) else {}
        if at + 1 < len(pages):
            answer["nextPageToken"] = str(at + 1)
        return answer

    return give


class Google:
    """What the servers answer, and what they were asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        self.headers: list[dict[str, str]] = []
        self.methods: list[str] = []
        self.routes: dict[str, Any] = {}
        self.grpc: dict[str, Callable[[Any, Any], Any]] = {}
        _fill(self)

    def route(self, pattern: str, answer: Any) -> None:
        """Answer `METHOD /path` (a regular expression); an answer is a dict, a pair, or a function."""
        self.routes = {pattern: answer, **{key: one for key, one in self.routes.items() if key != pattern}}

    def paths(self, part: str) -> list[str]:
        return [f"{method} {path}" for method, path, _, _ in self.asked if part in path]

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        self.asked.append((method, path, query, body))
        for pattern, given in self.routes.items():
            if re.fullmatch(pattern, f"{method} {path}"):
                found = given(query, body) if callable(given) else given
                return found if isinstance(found, tuple) else (200, found)
        return error(404, f"nothing at {path}")


def _fill(google: Google) -> None:
    """Put one project with a RAG account and an agent into the servers."""
    project = {
        "name": f"projects/{NUMBER}",
        "projectId": PROJECT,
        "parent": "folders/77",
        "state": "ACTIVE",
    }
    google.route(f"GET /v3/projects/({PROJECT}|{NUMBER})", project)
    google.route(
        "GET /v3/folders/77", {"name": "folders/77", "parent": f"organizations/{ORG}", "displayName": "ai"}
    )
    google.route(f"GET /v3/organizations/{ORG}", {"name": f"organizations/{ORG}", "displayName": "example"})
    google.route("POST /v3/(folders|organizations)/[0-9]+:getIamPolicy", {"bindings": [], "version": 3})
    google.route(f"POST /v3/projects/{PROJECT}:getIamPolicy", {"bindings": [], "version": 3})
    google.route(
        f"POST /v3/projects/{PROJECT}:testIamPermissions", {"permissions": ["logging.privateLogEntries.list"]}
    )
    bindings = [
        binding("roles/storage.objectViewer", f"serviceAccount:{RAG}"),
        binding(f"projects/{PROJECT}/roles/agentTools", AGENT),
    ]
    policy = {"resource": f"{CLOUD}/projects/{PROJECT}", "assetType": PROJECT_TYPE, **PLACE}
    secret = {
        "resource": f"//secretmanager.googleapis.com/projects/{PROJECT}/secrets/db",
        "assetType": "secretmanager.googleapis.com/Secret",
        **PLACE,
        "policy": {"bindings": [binding("roles/secretmanager.secretAccessor", f"serviceAccount:{RAG}")]},
    }
    google.route(
        "GET /v1/[a-z]+/[^/]+:searchAllIamPolicies",
        paged("results", [{**policy, "policy": {"bindings": bindings}}], [secret]),
    )
    node = {
        "name": f"{CLOUD}/projects/{PROJECT}",
        "assetType": PROJECT_TYPE,
        "iamPolicy": {"bindings": bindings, "auditConfigs": [audit("allServices", "DATA_READ")]},
        "ancestors": [f"projects/{NUMBER}", "folders/77", f"organizations/{ORG}"],
    }
    google.route("GET /v1/[a-z]+/[^/]+/assets", paged("assets", [node]))
    engine = {
        "name": f"//aiplatform.googleapis.com/{ENGINE}",
        "assetType": "aiplatform.googleapis.com/ReasoningEngine",
        **PLACE,
        "versionedResources": [{"version": "v1", "resource": {"displayName": "helper", "spec": {}}}],
    }
    run = {
        "name": f"//run.googleapis.com/projects/{PROJECT}/locations/us-central1/services/rag",
        "assetType": "run.googleapis.com/Service",
        **PLACE,
        "labels": {"team": "search"},
        "versionedResources": [{"version": "v2", "resource": {"template": {"serviceAccount": RAG}}}],
    }
    google.route("GET /v1/[a-z]+/[^/]+:searchAllResources", paged("results", [engine], [run]))
    spec = {"identityType": "AGENT_IDENTITY", "effectiveIdentity": AGENT.removeprefix("principal://")}
    google.route(
        f"GET /v1/projects/{PROJECT}/locations/us-central1/reasoningEngines",
        paged("reasoningEngines", [{"name": ENGINE, "displayName": "helper", "spec": spec}]),
    )
    _fill_iam(google)
    _fill_witnesses(google)


def _fill_iam(google: Google) -> None:
    denied = f"policies/{unquote('cloudresourcemanager.googleapis.com%2Fprojects%2F')}{PROJECT}"
    name = f"{denied.replace('/', '%2F').replace('policies%2F', 'policies/')}/denypolicies/no-secrets"
    google.route(
        r"GET /v2/policies/.*projects.*/denypolicies",
        paged("policies", [{"name": name, "displayName": "no-secrets"}]),
    )
    rule = {
        "deniedPrincipals": ["principalSet://goog/public:all"],
        "deniedPermissions": ["secretmanager.googleapis.com/versions.access"],
    }
    google.route(
        r"GET /v2/policies/.*/denypolicies/no-secrets", {"name": name, "rules": [{"denyRule": rule}]}
    )
    google.route(r"GET /v2/policies/.*(folders|organizations).*/denypolicies", {})
    bounds = f"organizations/{ORG}/locations/global/principalAccessBoundaryPolicies"
    boundary = {
        "name": f"{bounds}/here",
        "details": {
            "enforcementVersion": "latest",
            "rules": [{"effect": "ALLOW", "resources": [f"{CLOUD}/organizations/{ORG}"]}],
        },
    }
    google.route(f"GET /v3/{bounds}", paged("principalAccessBoundaryPolicies", [boundary]))
    bound = {
        "name": f"organizations/{ORG}/locations/global/policyBindings/all",
        "target": {"principalSet": f"{CLOUD}/organizations/{ORG}"},
        "policyKind": "PRINCIPAL_ACCESS_BOUNDARY",
        "policy": f"{bounds}/here",
    }
    google.route(f"GET /v3/{bounds}/here:searchPolicyBindings", paged("policyBindings", [bound]))
    google.route(
        f"GET /v2/projects/{PROJECT}/locations/global/keys",
        paged(
            "keys",
            [
                {
                    "name": f"projects/{NUMBER}/locations/global/keys/k1",
                    "serviceAccountEmail": RAG,
                    "createTime": "2026-08-02T00:00:00Z",
                }
            ],
        ),
    )
    pools = f"projects/{PROJECT}/locations/global/workloadIdentityPools"
    google.route(
        f"GET /v1/{pools}",
        paged(
            "workloadIdentityPools",
            [{"name": f"projects/{NUMBER}/locations/global/workloadIdentityPools/ci"}],
        ),
    )
    google.route(
        r"GET /v1/projects/[^/]+/locations/global/workloadIdentityPools/ci/providers",
        paged(
            "workloadIdentityPoolProviders",
            [
                {
                    "name": f"projects/{NUMBER}/locations/global/workloadIdentityPools/ci/providers/github",
                    "oidc": {"issuerUri": "https://token.actions.githubusercontent.com"},
                }
            ],
        ),
    )
    roles = [
        iam.Role(
            name="roles/storage.objectViewer",
            included_permissions=["storage.objects.get", "storage.objects.list"],
            etag=b"AA==",
        ),
        iam.Role(
            name="roles/secretmanager.secretAccessor", included_permissions=["secretmanager.versions.access"]
        ),
    ]
    tools = iam.Role(
        name=f"projects/{PROJECT}/roles/agentTools",
        included_permissions=["pubsub.topics.publish", "aiplatform.endpoints.predict"],
    )

    def list_roles(request: Any, context: Any) -> Any:
        if request.page_token:
            return iam.ListRolesResponse(roles=roles[1:])
        return iam.ListRolesResponse(roles=roles[:1], next_page_token="next")

    def get_role(request: Any, context: Any) -> Any:
        if request.name == tools.name:
            return tools
        context.abort(grpc.StatusCode.NOT_FOUND, "no such role")
        raise AssertionError

    account = iam.ServiceAccount(name=ACCOUNT, project_id=PROJECT, email=RAG, unique_id=UNIQUE)
    other = iam.ServiceAccount(
        name=ACCOUNT.replace("rag@", "old@"),
        project_id=PROJECT,
        email=RAG.replace("rag@", "old@"),
        unique_id="100000000000000000002",
        disabled=True,
    )

    def list_accounts(request: Any, context: Any) -> Any:
        if request.page_token:
            return iam.ListServiceAccountsResponse(accounts=[other])
        return iam.ListServiceAccountsResponse(accounts=[account], next_page_token="next")

    def list_keys(request: Any, context: Any) -> Any:
        kind = iam.ListServiceAccountKeysRequest.KeyType.USER_MANAGED
        assert [kind] == list(request.key_types)
        held = [iam.ServiceAccountKey(name=f"{ACCOUNT}/keys/abc")] if request.name == ACCOUNT else []
        return iam.ListServiceAccountKeysResponse(keys=held)

    def testable(request: Any, context: Any) -> Any:
        """Answer like Google: what may be tested differs between organizations and projects."""
        listed = [*TESTABLE, *(ABOVE if "organizations" in request.full_resource_name else ())]
        at = int(request.page_token or 0)
        following = str(at + 2) if at + 2 < len(listed) else ""
        return iam.QueryTestablePermissionsResponse(
            permissions=listed[at : at + 2], next_page_token=following
        )

    google.grpc = {
        "QueryTestablePermissions": testable,
        "ListRoles": list_roles,
        "GetRole": get_role,
        "ListServiceAccounts": list_accounts,
        "ListServiceAccountKeys": list_keys,
    }


def _fill_witnesses(google: Google) -> None:
    google.route(
        r"GET /v1/projects/[^/]+/locations/global/insightTypes/google.iam.policy.Insight/insights",
        paged("insights", []),
    )
    google.route(
        r"GET /v1/projects/[^/]+/locations/global/insightTypes/google.iam.serviceAccount.Insight/insights",
        paged("insights", []),
    )
    google.route(
        r"GET /v1/projects/[^/]+/locations/global/activityTypes/[A-Za-z]+/activities:query",
        paged("activities", []),
    )
    google.route(r"GET /v3/projects/[^/]+/timeSeries", paged("timeSeries", []))
    google.route(
        r"GET /v2/projects/[^/]+/locations/-/buckets",
        paged(
            "buckets",
            [{"name": f"projects/{PROJECT}/locations/global/buckets/_Default", "retentionDays": 90}],
        ),
    )
    sink = {
        "name": "_Default",
        "destination": f"logging.googleapis.com/projects/{PROJECT}/locations/global/buckets/_Default",
    }
    google.route(r"GET /v2/projects/[^/]+/sinks", paged("sinks", [sink]))
    google.route("POST /v2/entries:list", entries([[activity()], [entry("storage.objects.get")]]))


def entries(pages: list[list[Any]]) -> Callable[[dict[str, str], Any], Answer]:
    """Answer entries.list for the project only; nodes above it have none."""
    give = paged("entries", *pages)
    return lambda query, body: give(query, body) if body["resourceNames"] == [f"projects/{PROJECT}"] else {}


class Servers:
    """Both servers, running on free ports of this machine."""

    def __init__(self, google: Google) -> None:
        handler = type("Handler", (_Handler,), {"google": google})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self.endpoint_url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self._pool = ThreadPoolExecutor(4)
        self._grpc = grpc.server(self._pool)
        self._grpc.add_generic_rpc_handlers((_Rpc(google),))
        self.iam_endpoint = f"127.0.0.1:{self._grpc.add_insecure_port('127.0.0.1:0')}"
        self._grpc.start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        self._grpc.stop(0).wait()
        self._pool.shutdown()


class _Handler(BaseHTTPRequestHandler):
    google: Google
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length)
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        body = json.loads(text) if text[:1] == b"{" else text.decode()
        self.google.headers.append(dict(self.headers.items()))
        status, answer = self.google.answer(self.command, url.path, query, body)
        extra = answer.pop("_headers", {}) if isinstance(answer, dict) else {}
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in extra.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _serve

    def log_message(self, *args: Any) -> None:
        pass


class _Rpc(grpc.GenericRpcHandler):
    """Serves the methods of `google.iam.admin.v1.IAM` that the test gives an answer for."""

    def __init__(self, google: Google) -> None:
        self._google = google

    def service(self, details: Any) -> Any:
        self._google.methods.append(details.method)
        name = details.method.rpartition("/")[2]
        given = self._google.grpc.get(name)
        if given is None:
            return None
        request = getattr(iam, f"{name}Request")
        return grpc.unary_unary_rpc_method_handler(
            given,
            request_deserializer=request.deserialize,
            response_serializer=lambda answer: type(answer).serialize(answer),
        )
