"""Open sessions with Resource Manager and Microsoft Graph that can only read.

Imported only when a source is collected live: the SDKs cost start-up time.
"""

import base64
import json
import logging
import os
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from azure.core import PipelineClient
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import (
    BearerTokenCredentialPolicy,
    ContentDecodePolicy,
    CustomHookPolicy,
    HeadersPolicy,
    RetryPolicy,
    SansIOHTTPPolicy,
    UserAgentPolicy,
)
from azure.identity import ChainedTokenCredential, DefaultAzureCredential, WorkloadIdentityCredential
from azure.mgmt.authorization import AuthorizationManagementClient

from connectors.azure.live.access import ARM, GRAPH, LOG_ANALYTICS, climbs, row_of
from connectors.azure.live.settings import LiveSettings
from connectors.azure.logs.tables import is_own
from connectors.live.failures import NotAllowedError

TOKEN_VARIABLE = "ENTDRIFT_FAKE_TOKEN"  # noqa: S105 the name of a variable
"""Environment variable with the token that a fake on this machine is shown; no other address ever is."""
_CONNECT_SECONDS = 10
_READ_SECONDS = 120
_QUERY_SECONDS = 660
"""A query of logs may take ten minutes (learn, azure-monitor/logs/api/timeouts)."""
_LONGEST_WAIT_SECONDS = 120
_SCOPES = {
    ARM: "https://management.azure.com/.default",
    GRAPH: "https://graph.microsoft.com/.default",
    LOG_ANALYTICS: "https://api.loganalytics.io/.default",
}
_WORKLOAD = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE")
_KEYS = ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH")
_OWN_SCOPES = (
    *("management.", "graph.", "microsoftgraph."),
    *("api.loganalytics.us", "api.loganalytics.azure.cn"),
)


class _Pin(SansIOHTTPPolicy):  # type: ignore[type-arg]
    """Sends every request to the configured address, with the api-version of the access table.

    The SDK follows the address of a next page wherever it leads, and with an api-version that may be
    another list's.
    """

    def __init__(self, api: str, base: str, versions: dict[str, str]) -> None:
        self._api = api
        self._base = urlsplit(base)
        self._versions = versions

    def on_request(self, request: PipelineRequest[Any]) -> None:
        """Rewrite address and version."""
        sent = request.http_request
        parts = urlsplit(sent.url)
        row = row_of(self._api, sent.method, parts.path)
        query = parts.query
        version = self._versions.get(row.name, row.version) if row else ""
        if version:
            kept = [
                (name, value)
                for name, value in parse_qsl(query, keep_blank_values=True)
                if name != "api-version"
            ]
            query = urlencode([*kept, ("api-version", version)])
        sent.url = urlunsplit((self._base.scheme, self._base.netloc, parts.path, query, ""))


class Guard(SansIOHTTPPolicy):  # type: ignore[type-arg]
    """Stops every request that the access table does not name; the last policy before the network.

    It stands after the retry policy, so that it also sees what other policies send by themselves (the SDK
    registers resource providers unasked).
    """

    def __init__(self, api: str, base: str) -> None:
        self._api = api
        self._base = urlsplit(base)

    def on_request(self, request: PipelineRequest[Any]) -> None:
        """Raise NotAllowedError unless the request may be sent."""
        sent = request.http_request
        parts = urlsplit(sent.url)
        elsewhere = (parts.scheme, parts.netloc) != (self._base.scheme, self._base.netloc)
        if climbs(parts.path) or elsewhere or row_of(self._api, sent.method, parts.path) is None:
            raise NotAllowedError(
                f"{sent.method} {parts.scheme}://{parts.netloc}{parts.path} is not in the table of requests "
                "that entdrift may send; nothing was sent",
                hint="this is a bug in entdrift, please report it",
            )
        if self._api == LOG_ANALYTICS and sent.method == "POST" and not _own_query(sent.content):
            raise NotAllowedError(
                "a query that is not entdrift's own was to be run; nothing was sent",
                hint="this is a bug in entdrift, please report it",
            )


def _own_query(content: Any) -> bool:
    """Return whether a body asks for nothing but one of entdrift's own queries over a time span."""
    try:
        body = json.loads(content)
    except (TypeError, ValueError):
        return False
    return isinstance(body, dict) and set(body) == {"query", "timespan"} and is_own(str(body["query"]))


class _Retry(RetryPolicy):  # type: ignore[type-arg]
    """Waits as long as the cloud asks, unless it asks for longer than a scan can wait."""

    _method_whitelist = frozenset({"GET", "POST"})  # the one POST is a query

    def is_retry(self, settings: dict[str, Any], response: Any) -> bool:
        """Return whether to try again."""
        wait = self.get_retry_after(response)
        if wait is not None and wait > _LONGEST_WAIT_SECONDS:
            return False
        return bool(super().is_retry(settings, response))


class _QueryRetry(_Retry):
    """Does not ask again for what took too long: it is asked for in parts instead."""

    def is_retry(self, settings: dict[str, Any], response: Any) -> bool:
        """Return whether to try again."""
        return response.http_response.status_code != 504 and super().is_retry(settings, response)


class _Token(SansIOHTTPPolicy):  # type: ignore[type-arg]
    """Shows a fake on this machine a token that is none."""

    def on_request(self, request: PipelineRequest[Any]) -> None:
        """Add the header."""
        token = os.environ.get(TOKEN_VARIABLE, "entdrift")
        request.http_request.headers["Authorization"] = f"Bearer {token}"


class _Tenant:
    """A credential that asks for tokens of one tenant."""

    def __init__(self, inner: Any, tenant: str) -> None:
        self._inner = inner
        self._tenant = tenant

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """Return a token of the tenant."""
        if self._tenant:
            options["tenant_id"] = self._tenant
        return self._inner.get_token(*scopes, **options)

    def close(self) -> None:
        """Close the connections of the credential."""
        self._inner.close()


@dataclass
class Session:
    """One credential with its clients; every request passes the guard."""

    settings: LiveSettings
    credential: Any
    versions: dict[str, str] = field(default_factory=dict)
    """Versions to send instead of the table's, by name of the request, where the cloud refused those."""
    _clients: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, api: str) -> PipelineClient[Any, Any]:
        """Return the client of Resource Manager, Graph or Log Analytics, made once."""
        with self._lock:
            found = self._clients.get(api)
            if found is None:
                base = self.base(api)
                found = self._clients[api] = PipelineClient(
                    base,
                    policies=self._policies(api),
                    connection_timeout=_CONNECT_SECONDS,
                    read_timeout=_QUERY_SECONDS if api == LOG_ANALYTICS else _READ_SECONDS,
                )
            return found

    def authorization(self, subscription: str, version: str = "") -> AuthorizationManagementClient:
        """Return a new client of the authorization SDK, for one list: its lists share a version."""
        return AuthorizationManagementClient(
            self.credential,
            subscription or "none",
            api_version=version or None,
            base_url=self.settings.arm,
            policies=self._policies(ARM),
            connection_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
        )

    def base(self, api: str) -> str:
        """Return the address of an API."""
        addresses = {ARM: self.settings.arm, GRAPH: self.settings.graph, LOG_ANALYTICS: self.settings.logs}
        return addresses[api]

    def _policies(self, api: str) -> list[Any]:
        base = self.base(api)
        retry = _QueryRetry if api == LOG_ANALYTICS else _Retry
        return [
            HeadersPolicy({"Accept": "application/json"}),
            UserAgentPolicy("entdrift"),
            CustomHookPolicy(),
            _Pin(api, base, self.versions),
            retry(
                retry_total=8, retry_status=5, retry_connect=2, retry_backoff_factor=0.4, retry_backoff_max=30
            ),
            _Token()
            if self.settings.plain
            else BearerTokenCredentialPolicy(self.credential, self._scope(api)),
            ContentDecodePolicy(),
            Guard(api, base),
        ]

    def _scope(self, api: str) -> str:
        host = urlsplit(self.base(api)).hostname or ""
        return f"https://{host}/.default" if host.startswith(_OWN_SCOPES) else _SCOPES[api]

    def whoami(self) -> dict[str, str]:
        """Return what the token says of its holder: object id, application, name, tenant.

        Raises what the credential raises when there is no token to be had.
        """
        if self.settings.plain:
            return {"name": "a token for a fake on this machine"}
        claims = _claims(self.credential.get_token(self._scope(ARM)).token)
        names = {"oid": "oid", "appid": "appid", "tid": "tid", "upn": "name", "unique_name": "name"}
        return {target: str(claims[claim]) for claim, target in names.items() if claims.get(claim)}

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        if self.credential is not None:
            self.credential.close()


def open_session(settings: LiveSettings) -> Session:
    """Return the session of a source: environment, workload identity, managed identity, then developer tools.

    Nothing is sent yet.
    """
    logging.getLogger("azure").addHandler(
        logging.NullHandler()
    )  # failures become outcomes, with their reason
    if settings.plain:
        return Session(settings, _Tenant(_Nothing(), ""))
    options: dict[str, Any] = {"authority": settings.authority, "additionally_allowed_tenants": ["*"]}
    if not settings.known_authority:
        options["disable_instance_discovery"] = True
    credential: Any = DefaultAzureCredential(**options)
    if _federated():
        # The default chain does not tell its own workload identity where to sign in.
        credential = ChainedTokenCredential(WorkloadIdentityCredential(**options), credential)
    return Session(settings, _Tenant(credential, settings.tenant))


def _federated() -> bool:
    """Return whether a federated token is all there is to sign in with; secrets come first."""
    given = {name for name in _WORKLOAD if os.environ.get(name)}
    return given == set(_WORKLOAD) and not any(os.environ.get(name) for name in _KEYS)


class _Nothing:
    """No credential: a fake on this machine is never shown a real one."""

    def close(self) -> None:
        """Do nothing."""


def _claims(token: str) -> dict[str, Any]:
    """Return the claims of a token without checking them: they are only shown."""
    try:
        middle = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    except (IndexError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
