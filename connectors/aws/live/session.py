"""Open AWS sessions that can only read: profile, chain of roles, and a role in each account.

Imported only when a source is collected live: boto3 costs start-up time.
"""

import contextlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import CredentialProvider, CredentialResolver, RefreshableCredentials
from botocore.utils import parse_timestamp

from connectors.aws.arns import partition_in
from connectors.aws.live.access import event_names
from connectors.aws.live.settings import LiveSettings
from connectors.aws.logs.address import inside
from connectors.live.failures import NotAllowedError

_ATTEMPTS = 6
_CONNECT_SECONDS = 5
_READ_SECONDS = 60
_FIRST_REGIONS = {"aws": "us-east-1", "aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1"}
"""Where a session begins that neither settings nor profile give a region: by the partition of its role."""
_SESSION_NAME = "entdrift"


_ABOUT_BUCKETS = (
    "ListBuckets",
    "GetBucketPolicy",
    "GetBucketOwnershipControls",
    "GetPublicAccessBlock",
    "GetBucketAcl",
)
"""Calls of S3 that say nothing about what is in a bucket."""


@dataclass
class Session:
    """One set of credentials, with its clients; every call passes the guard."""

    settings: LiveSettings
    boto: boto3.Session
    region: str
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, service: str, region: str = "") -> Any:
        """Return the client of a service in a region (default: the session's), made once."""
        key = (service, region or self.region)
        with self._lock:  # boto3 sessions are not safe to share between threads, clients are
            found = self._clients.get(key)
            if found is None:
                found = self._clients[key] = self.boto.client(
                    service,
                    region_name=key[1],
                    endpoint_url=self.settings.endpoint_url or None,
                    config=Config(
                        retries={"mode": "adaptive", "total_max_attempts": _ATTEMPTS},
                        connect_timeout=_CONNECT_SECONDS,
                        read_timeout=_READ_SECONDS,
                        user_agent_extra="entdrift",
                        s3={"addressing_style": "path" if self.settings.endpoint_url else "auto"},
                        inject_host_prefix=not self.settings.endpoint_url,
                    ),
                )
                if service == "s3":
                    found.meta.events.register_first("before-parameter-build.s3", self._logs_only)
                if service == "athena":
                    started = "before-parameter-build.athena.StartQueryExecution"
                    found.meta.events.register_first(started, self._queries_only)
            return found

    def _queries_only(self, params: Mapping[str, Any], **_: Any) -> None:
        """Refuse to run any query but the one that reads the source's table."""
        text = str(params.get("QueryString", ""))
        reads = text.startswith("WITH events AS (") and f"FROM {self.settings.log_table}\n" in text
        if not reads or ";" in text:
            raise NotAllowedError(
                "a query that is not entdrift's own was to be run; nothing was sent",
                hint="this is a bug in entdrift, please report it",
            )

    def _logs_only(self, params: Mapping[str, Any], model: Any = None, **_: Any) -> None:
        """Refuse to read anything from S3 but log objects that the source names, and settings of buckets."""
        if getattr(model, "name", "") in _ABOUT_BUCKETS:
            return
        key = params.get("Key")
        for address in self.settings.log_addresses:
            if inside(address, str(params.get("Bucket")), None if key is None else str(key)):
                return
        raise NotAllowedError(
            f"s3://{params.get('Bucket')}/{key or ''} is not named by the source; nothing was sent",
            hint="this is a bug in entdrift, please report it",
        )

    def close(self) -> None:
        """Close the connections of all clients."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def assume(self, role: str) -> "Session":
        """Return a session of a role; its credentials are renewed for as long as the scan runs.

        Raises what boto3 raises when the role cannot be assumed.
        """
        client = self.client("sts")

        def renew() -> Mapping[str, str]:
            wanted = {"RoleArn": role, "RoleSessionName": _SESSION_NAME}
            if self.settings.external_id:
                wanted["ExternalId"] = self.settings.external_id
            given = client.assume_role(**wanted)["Credentials"]
            return {
                "access_key": given["AccessKeyId"],
                "secret_key": given["SecretAccessKey"],
                "token": given["SessionToken"],
                "expiry_time": given["Expiration"].isoformat(),
            }

        credentials = RefreshableCredentials.create_from_metadata(renew(), renew, "sts-assume-role")
        core = _core()
        core.register_component("credential_provider", CredentialResolver([_Given(credentials)]))
        return Session(self.settings, _guarded(boto3.Session(botocore_session=core)), self.region)


class _Given(CredentialProvider):  # type: ignore[misc]  # botocore has no types
    """Hands out credentials that are already there."""

    METHOD = CANONICAL_NAME = "entdrift-assume-role"

    def __init__(self, credentials: RefreshableCredentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> RefreshableCredentials:
        """Return the credentials."""
        return self._credentials


def open_session(settings: LiveSettings) -> Session:
    """Return the session of a source's profile, or of the environment, before any role is assumed.

    Raises what boto3 raises for a profile that does not exist.
    """
    boto = _guarded(boto3.Session(botocore_session=_core(), profile_name=settings.profile or None))
    named = next((region for region in settings.regions if region != "all"), "")
    partition = partition_in(settings.roles[0]) if settings.roles else "aws"
    first = _FIRST_REGIONS.get(partition, _FIRST_REGIONS["aws"])
    return Session(settings, boto, named or boto.region_name or first)


def _core() -> botocore.session.Session:
    """Return a session of botocore that reads times quickly: half of listing a bucket was spent on them."""
    core = botocore.session.get_session()
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=read_time)
    return core


def read_time(value: Any) -> datetime:
    """Return a time of an answer as botocore does, which asks dateutil about each."""
    if isinstance(value, str) and value.endswith("Z"):
        with contextlib.suppress(ValueError):
            return datetime.fromisoformat(value)
    found: datetime = parse_timestamp(value)
    return found


def _guarded(boto: boto3.Session) -> boto3.Session:
    """Refuse every operation that the access table does not name, before it is signed or sent.

    `before-call` sees all requests of clients, `before-sign` also presigned ones.
    """
    boto.events.register_first("before-call.*.*", _guard)
    boto.events.register_first("before-sign.*.*", _guard)
    return boto


def _guard(event_name: str = "", **_: Any) -> None:
    called = event_name.partition(".")[2]
    if called not in event_names():
        raise NotAllowedError(
            f"{called} is not in the table of calls that entdrift may make; nothing was sent",
            hint="this is a bug in entdrift, please report it",
        )
