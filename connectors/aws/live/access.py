"""Know every AWS call that live collection may make, the permission it needs, and what is lost without it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from connectors.aws.catalog.tables import table
from connectors.aws.live.settings import LiveSettings
from connectors.aws.logs.address import resources
from connectors.aws.usage.passed_roles import partition_of

_VERSION = "2012-10-17"
ORGANIZATION = "organization_policies"
LOG_OBJECTS = "log_objects"
LOG_QUERY = "log_query"


@dataclass(frozen=True, slots=True)
class Access:
    """One row of the table: a call, the permissions it needs, and the part of the evidence it serves."""

    service: str
    """Name of the boto3 client."""
    operation: str
    permissions: tuple[str, ...]
    """Empty where no permission is needed, or where it is written with a resource of its own."""
    part: str
    lost: str

    @property
    def call(self) -> str:
        """The call as it is written in the table."""
        return f"{self.service}.{self.operation}"


@lru_cache(maxsize=1)
def access_table() -> Mapping[str, Access]:
    """Return all calls by `<client>.<Operation>` (`catalog/access.toml`)."""
    data = table("access")
    rows: dict[str, Access] = {}
    for part in data["parts"]:
        elsewhere = set(part.get("granted_elsewhere", ()))
        for call in part["calls"]:
            service, _, operation = call.partition(".")
            usual = [f"{data['prefixes'].get(service, service)}:{operation}"]
            named = [] if call in elsewhere else data["permissions"].get(call, usual)
            rows[call] = Access(service, operation, tuple(named), part["name"], part["lost"])
    return rows


@lru_cache(maxsize=1)
def event_names() -> frozenset[str]:
    """Return `<client id>.<Operation>` of all calls, as botocore names them in its events."""
    ids = table("access")["event_ids"]
    return frozenset(
        f"{ids.get(row.service, row.service)}.{row.operation}" for row in access_table().values()
    )


def lost(part: str) -> str:
    """Return what the analysis does without a part of the evidence."""
    return next((str(one["lost"]) for one in table("access")["parts"] if one["name"] == part), "")


def permissions_of(parts: Iterable[str] | None = None) -> list[str]:
    """Return the permissions that these parts (default: all) need, sorted."""
    wanted = None if parts is None else set(parts)
    rows = access_table().values()
    return sorted({name for row in rows if wanted is None or row.part in wanted for name in row.permissions})


def policy_text(settings: LiveSettings) -> str:
    """Return the minimal read-only policy of a live source as JSON.

    One account or one role: one policy. With a role in each account there are two: `accounts` for that role,
    and `caller` for the principal that assumes it and reads the organization.
    """
    if settings.source_of_files:
        return json.dumps(_policy(*_log_statements(settings)), indent=2)
    unneeded = {ORGANIZATION, LOG_OBJECTS, LOG_QUERY}
    if not settings.event_history:
        unneeded |= {"event_history", *([] if "all" in settings.regions else ["regions"])}
    parts = [part["name"] for part in table("access")["parts"] if part["name"] not in unneeded]
    read = _statement("EntdriftRead", permissions_of(parts))
    organization = _statement("EntdriftOrganization", permissions_of([ORGANIZATION]))
    logs = _log_statements(settings)
    document: object = _policy(read, organization, *logs)
    if settings.fans_out:
        roles = [settings.roles[-1].replace("{account}", one) for one in settings.accounts or ("*",)]
        assume = {"Sid": "EntdriftAssume", "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": roles}
        document = {"accounts": _policy(read), "caller": _policy(organization, assume, *logs)}
    return json.dumps(document, indent=2)


def _log_statements(settings: LiveSettings) -> list[dict[str, object]]:
    """Return what reading log objects and querying a table of them needs."""
    queried = _query_statements(settings) if settings.log_engine == "athena" else []
    return [*(_object_statements(settings) if settings.log_addresses else []), *queried]


def _query_statements(settings: LiveSettings) -> list[dict[str, object]]:
    """Return what a query in Athena needs, which reads catalog and objects with the caller's rights."""
    through = {"ForAnyValue:StringEquals": {"aws:CalledVia": "athena.amazonaws.com"}}
    read = ["glue:GetDatabase", "glue:GetPartitions", "kms:Decrypt", "s3:GetBucketLocation", "s3:GetObject"]
    allow = {"Effect": "Allow"}
    results = settings.log_output.removeprefix("s3://").rstrip("/") or "RESULTS-OF-THE-WORKGROUP"
    partition = partition_of(settings.log_region)
    return [
        _statement("EntdriftQuery", permissions_of([LOG_QUERY])),
        {
            "Sid": "EntdriftQueryReads",
            **allow,
            "Action": [*read, "s3:ListBucket"],
            "Resource": "*",
            "Condition": through,
        },
        {
            "Sid": "EntdriftQueryResults",
            **allow,
            "Action": ["s3:AbortMultipartUpload", "s3:PutObject"],
            "Resource": f"arn:{partition}:s3:::{results}/*",
            "Condition": through,
        },
    ]


def _object_statements(settings: LiveSettings) -> list[dict[str, object]]:
    """Return what reading log objects needs: the buckets, what is below the prefixes, and their keys."""
    region = next((name for name in settings.regions if name != "all"), "")
    buckets, objects = resources(settings.log_addresses, region)
    through_s3 = {"StringLike": {"kms:ViaService": "s3.*.amazonaws.com"}}
    allow = {"Effect": "Allow"}
    return [
        {"Sid": "EntdriftListLogs", **allow, "Action": "s3:ListBucket", "Resource": buckets},
        {"Sid": "EntdriftReadLogs", **allow, "Action": "s3:GetObject", "Resource": objects},
        {
            "Sid": "EntdriftDecryptLogs",
            **allow,
            "Action": "kms:Decrypt",
            "Resource": "*",
            "Condition": through_s3,
        },
    ]


def _statement(sid: str, actions: list[str]) -> dict[str, object]:
    # None of these calls takes a narrower resource that is known before the scan.
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": "*"}


def _policy(*statements: Mapping[str, object]) -> dict[str, object]:
    return {"Version": _VERSION, "Statement": list(statements)}
