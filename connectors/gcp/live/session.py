"""Open Google Cloud clients that can only read: application default credentials, impersonation, guards.

Imported only when a source is collected live: the client libraries cost start-up time.
"""

import json
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import google.auth
import google.auth.impersonated_credentials
import grpc
from google.api_core import exceptions as api_errors
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession
from google.cloud.asset_v1 import AssetServiceClient
from google.cloud.asset_v1.services.asset_service.transports import AssetServiceRestTransport
from google.cloud.iam_admin_v1 import IAMClient
from google.cloud.iam_admin_v1.services.iam.transports import IAMGrpcTransport
from google.cloud.iam_v3 import PrincipalAccessBoundaryPoliciesClient
from google.cloud.iam_v3.services.principal_access_boundary_policies.transports import (
    PrincipalAccessBoundaryPoliciesRestTransport,
)
from google.protobuf.json_format import MessageToDict
from requests.adapters import HTTPAdapter

from connectors.gcp.live.access import Access, access_table, grpc_methods, http_call
from connectors.gcp.live.settings import LiveSettings
from connectors.gcp.logs.groups import is_own
from connectors.live.failures import NotAllowedError

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
"""IAM accepts no read-only scope; the guards and the permissions keep the scan from writing."""
_IAM = "iam.googleapis.com:443"
_TIMEOUT_SECONDS = 60.0
_RUNS_QUERY = "bigquery.jobs.query"
_QUERY_KEYS = {
    "query",
    "useLegacySql",
    "dryRun",
    "location",
    "maximumBytesBilled",
    "requestId",
    "timeoutMs",
    "maxResults",
}
"""What a query may be sent with: nothing that writes a result or changes a session."""
_ADC = "GOOGLE_APPLICATION_CREDENTIALS"


@dataclass(frozen=True, slots=True)
class Login:
    """Who a source is read as."""

    credentials: Any
    principal: str
    """As a member of a policy (`serviceAccount:…`, `user:…`); empty where the credentials do not say."""


def log_in(settings: LiveSettings) -> Login:
    """Return the credentials of a source.

    Those of the environment, unless all calls stay on this machine and none are named there: then none are
    sent. Raises what google-auth raises when there are none.
    """
    if settings.local and not os.environ.get(_ADC):
        found: Any = AnonymousCredentials()
    else:
        with warnings.catch_warnings():
            # A quota project is set below; the library warns before it can know.
            warnings.simplefilter("ignore")
            found, _ = google.auth.default(scopes=SCOPES)
    if settings.impersonate:
        found = google.auth.impersonated_credentials.Credentials(
            source_credentials=found,
            target_principal=settings.impersonate[-1],
            target_scopes=list(SCOPES),
            delegates=[f"projects/-/serviceAccounts/{one}" for one in settings.impersonate[:-1]],
            iam_endpoint_override=_token_url(settings),
        )
    return Login(_billed(found, settings), _member(found))


def _token_url(settings: LiveSettings) -> str | None:
    if not settings.endpoint_url:
        return None
    account = settings.impersonate[-1]
    return f"{settings.endpoint_url}/v1/projects/-/serviceAccounts/{account}:generateAccessToken"


def _billed(credentials: Any, settings: LiveSettings) -> Any:
    """Return credentials whose calls count against the quota project.

    A person's credentials need one; a service account's calls count against its own project.
    """
    person = hasattr(credentials, "refresh_token") and not getattr(credentials, "quota_project_id", None)
    wanted = settings.quota_project or (settings.project if person else "")
    if not wanted or not hasattr(credentials, "with_quota_project"):
        return credentials
    return credentials.with_quota_project(wanted)


def _member(credentials: Any) -> str:
    email = str(getattr(credentials, "service_account_email", "") or "")
    if "@" in email:
        return f"serviceAccount:{email}"
    person = str(getattr(credentials, "account", "") or "")
    return f"user:{person}" if "@" in person else ""


class HttpGuard(HTTPAdapter):  # type: ignore[misc]  # seen by mypy without its types
    """Sends nothing over HTTP but what the access table names, also after a redirect."""

    def __init__(self, settings: LiveSettings) -> None:
        self._endpoint = urlsplit(settings.endpoint_url).netloc
        self._tables = settings.log_tables
        super().__init__()

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Send a request that is allowed; NotAllowedError for any other."""
        url = urlsplit(request.url)
        ours = bool(self._endpoint) and url.netloc == self._endpoint
        if url.scheme != "https" and not ours:
            raise _refused(f"{request.method} {url.scheme}://{url.netloc}{url.path}")
        row = http_call(request.method, url.hostname or "", url.path, any_host=ours)
        if row is None:
            raise _refused(f"{request.method} {url.netloc}{url.path}")
        if row.name == _RUNS_QUERY and not self._own_query(request.body):
            raise _refused("a query that is not entdrift's own")
        return super().send(request, *args, **kwargs)

    def _own_query(self, body: bytes | str | None) -> bool:
        """Return whether a request runs entdrift's own text on a table of the source, and no more."""
        try:
            asked = json.loads(body or b"")
        except ValueError:
            return False
        if (
            not isinstance(asked, dict)
            or not asked.keys() <= _QUERY_KEYS
            or asked.get("useLegacySql") is not False
        ):
            return False
        return is_own(str(asked.get("query")), self._tables)


class GrpcGuard(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]  # grpc has no types
    """Sends nothing over gRPC but the methods that the access table names."""

    def intercept_unary_unary(self, continuation: Callable[..., Any], details: Any, request: Any) -> Any:
        """Go on with a method that is allowed; NotAllowedError for any other."""
        method = details.method.decode() if isinstance(details.method, bytes) else details.method
        if method not in grpc_methods():
            raise _refused(method)
        return continuation(details, request)


def _refused(call: str) -> NotAllowedError:
    return NotAllowedError(
        f"{call} is not in the table of calls that entdrift may make; nothing was sent",
        hint="this is a bug in entdrift, please report it",
    )


class Session:
    """The clients of one source; every call passes a guard."""

    def __init__(self, settings: LiveSettings, login: Login) -> None:
        self.settings = settings
        self.principal = login.principal
        self._login = login
        self._endpoint = settings.endpoint_url
        self._channel: Any = None
        self.http = AuthorizedSession(login.credentials)
        self._guard(self.http)
        self._typed = self._clients()

    def _clients(self) -> Mapping[str, Callable[..., Any]]:
        """Return the client methods behind the calls of the table that have a typed client."""
        asset = AssetServiceClient(transport=self._rest(AssetServiceRestTransport))
        bounds = PrincipalAccessBoundaryPoliciesClient(
            transport=self._rest(PrincipalAccessBoundaryPoliciesRestTransport)
        )
        found: dict[str, Callable[..., Any]] = {
            "cloudasset.searchAllIamPolicies": asset.search_all_iam_policies,
            "cloudasset.searchAllResources": asset.search_all_resources,
            "cloudasset.assets.list": asset.list_assets,
            "iam.principalAccessBoundaryPolicies.list": bounds.list_principal_access_boundary_policies,
            "iam.principalAccessBoundaryPolicies.searchPolicyBindings": (
                bounds.search_principal_access_boundary_policy_bindings
            ),
        }
        if self.settings.iam_endpoint or not self._endpoint:
            iam = IAMClient(transport=IAMGrpcTransport(channel=self._iam_channel()))
            found |= {
                "iam.roles.list": iam.list_roles,
                "iam.roles.get": iam.get_role,
                "iam.serviceAccounts.list": iam.list_service_accounts,
                "iam.serviceAccountKeys.list": iam.list_service_account_keys,
                "iam.permissions.queryTestablePermissions": iam.query_testable_permissions,
            }
        return found

    def _rest(self, transport: type[Any]) -> Any:
        parts = urlsplit(self._endpoint)
        place = {"host": parts.netloc, "url_scheme": parts.scheme} if self._endpoint else {}
        made = transport(credentials=self._login.credentials, **place)
        self._guard(made._session)  # noqa: SLF001 the transport has no other way in
        return made

    def _guard(self, session: Any) -> None:
        guard = HttpGuard(self.settings)
        if self.settings.local:
            session.trust_env = False  # a proxy of the environment cannot reach this machine's own servers
        session.mount("https://", guard)
        session.mount("http://", guard)

    def _iam_channel(self) -> Any:
        """Return the guarded channel of the IAM service, which has no REST client."""
        options = (("grpc.max_receive_message_length", -1),)
        if self.settings.local_iam:
            direct = (*options, ("grpc.enable_http_proxy", 0))
            channel = grpc.insecure_channel(self.settings.iam_endpoint, options=direct)
        else:
            channel = IAMGrpcTransport.create_channel(
                self.settings.iam_endpoint or _IAM,
                credentials=self._login.credentials,
                scopes=SCOPES,
                options=options,
            )
        self._channel = channel
        return grpc.intercept_channel(channel, GrpcGuard())

    def typed(self, name: str) -> bool:
        """Return whether a call goes through a typed client."""
        return name in self._typed

    def ask(self, name: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer of a typed client's call, or one page of it, as the API writes it in JSON."""
        answer = self._typed[name](request=dict(request), retry=None, timeout=_TIMEOUT_SECONDS)
        pages = getattr(type(answer), "pages", None)
        message = next(iter(answer.pages)) if pages is not None else answer
        written: dict[str, Any] = MessageToDict(getattr(message, "_pb", message))
        return written

    def get(self, name: str, path: str, query: Mapping[str, Any], region: str = "") -> dict[str, Any]:
        """Return the answer of a REST call that only has a URL."""
        return self._rest_call(access_table()[name], path, region, params=dict(query))

    def post(self, name: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer of a REST query whose question is a document."""
        return self._rest_call(access_table()[name], path, "", json=dict(body))

    def _rest_call(self, row: Access, path: str, region: str, **content: Any) -> dict[str, Any]:
        prefix = f"{region}-" if region and region != "global" else ""
        base = self._endpoint or f"https://{row.host.replace('*', prefix)}"
        response = self.http.request(row.method, f"{base}/{path}", timeout=_TIMEOUT_SECONDS, **content)
        if response.status_code != 200:
            raise api_errors.from_http_response(response)
        answer = response.json()
        if not isinstance(answer, dict):
            raise ValueError("the answer is no JSON object")  # noqa: TRY004 told apart by nobody
        return answer

    def close(self) -> None:
        """Close the connections."""
        self.http.close()
        if self._channel is not None:
            self._channel.close()
