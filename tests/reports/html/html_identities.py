"""Build the twelve identities of the sample report from `sample_identities.toml`. All synthetic."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from reports.document import VERDICTS, IdentityEntry, ServiceEntry

HERE = Path(__file__).parent
FRAME = tomllib.loads((HERE / "sample_frame.toml").read_text(encoding="utf-8"))

_S3_NOUNS = [
    "AccelerateConfiguration",
    "AccessPoint",
    "AccessPointPolicy",
    "AnalyticsConfiguration",
    "BucketAcl",
    "BucketCORS",
    "BucketLogging",
    "BucketNotification",
    "BucketOwnershipControls",
    "BucketPolicy",
    "BucketTagging",
    "BucketVersioning",
    "BucketWebsite",
    "EncryptionConfiguration",
    "IntelligentTieringConfiguration",
    "InventoryConfiguration",
    "JobTagging",
    "LifecycleConfiguration",
    "MetricsConfiguration",
    "MultiRegionAccessPoint",
    "ReplicationConfiguration",
]
_BEDROCK_NOUNS = [
    "Agent",
    "AgentActionGroup",
    "AgentAlias",
    "DataSource",
    "Flow",
    "Guardrail",
    "KnowledgeBase",
    "Prompt",
]
SETS = {
    "aws-1": sorted(f"s3:{verb}{noun}" for verb in ("Delete", "Get", "List", "Put") for noun in _S3_NOUNS),
    "aws-2": sorted(
        f"bedrock:{verb}{noun}"
        for verb in ("Create", "Delete", "Get", "List", "Update")
        for noun in _BEDROCK_NOUNS
    ),
}
_MANY_SERVICES = [
    "account",
    "acm",
    "athena",
    "autoscaling",
    "backup",
    "batch",
    "cloudformation",
    "cloudfront",
    "cloudtrail",
    "cloudwatch",
    "codebuild",
    "config",
    "ec2",
    "ecr",
    "ecs",
    "eks",
    "elasticache",
    "events",
    "firehose",
    "glue",
    "guardduty",
    "kinesis",
    "kms",
    "lambda",
    "organizations",
    "rds",
    "redshift",
    "route53",
    "sns",
    "sqs",
    "ssm",
    "states",
    "sts",
    "waf",
]
_CREDENTIAL = {
    "status": "active",
    "created": "2024-02-11T10:00:00Z",
    "expires": "",
    "last_used": "",
    "uses": 0,
    "long_lived": True,
    "age_days": 1015,
}
_GRANT = {
    "effect": "allow",
    "scope": "*",
    "conditions": "",
    "verdict": "used",
    "last_used": "2026-11-20T06:00:00Z",
    "permissions": 40,
}
_REDUCTION_REASONS = {
    "safe": "All five checks are proved and the window covers weekly and monthly cycles.",
    "review": "One statement hangs on a condition that the log does not hold.",
    "none": "Nothing that could be seen is unused.",
}


def identities() -> list[IdentityEntry]:
    """Return the twelve identities in the document's order."""
    listed = tomllib.loads((HERE / "sample_identities.toml").read_text(encoding="utf-8"))["identity"]
    return sorted(map(_identity, listed), key=lambda one: (one.provider, one.account, one.id))


def _identity(written: dict[str, Any]) -> IdentityEntry:
    services = _services(written)
    permissions = _counts(services)
    credentials = [_CREDENTIAL | one for one in written.get("credentials", [])]
    usage = _usage(written, services, credentials[0]["id"] if credentials else "")
    is_ai = written.get("is_ai", True)
    signals = written.get("signals", [])
    confidence = ("high" if signals else "low") if is_ai else "none"
    name = written.get("name", written["id"])
    return msgspec.convert(
        {
            "id": written["id"],
            "provider": written["provider"],
            "account": written["account"],
            "kind": written["kind"],
            "name": name,
            "stage": written["stage"],
            "source": f"{written['stage']}-{written['provider']}",
            "owner": written.get("owner", ""),
            "created": "2025-11-03T09:20:00Z",
            "enabled": True,
            "ai_workload": {"is_ai": is_ai, "confidence": confidence, "signals": signals},
            "workloads": written.get("workloads", []),
            "trusted": written.get("trusted", []),
            "credentials": credentials,
            "grants": [_GRANT | {"source": one["id"]} | one for one in written.get("grants", [])],
            "permissions": permissions,
            "services": msgspec.to_builtins(services),
            "reasons": _reasons(services),
            "usage": usage,
            "usage_total": len(usage),
            "first_seen": min((row["first_seen"] for row in usage), default=""),
            "last_seen": max((row["last_seen"] for row in usage), default=""),
            "reach": {
                key: one | {"resources_total": len(one["resources"])}
                for key, one in written.get("reach", {}).items()
            },
            "reduction": _reduction(written["disposition"], permissions, name),
        },
        IdentityEntry,
    )


def _services(written: dict[str, Any]) -> list[ServiceEntry]:
    lists: dict[str, Any] = dict(written["services"])
    if written.get("many_services"):
        for number, prefix in enumerate(_MANY_SERVICES):
            verbs = [f"{prefix}:{verb}Thing" for verb in ("Create", "Delete", "Get")]
            lists[prefix] = {
                "unused": sorted(f"{verb}{index}" for verb in verbs for index in range(1 + number % 9)),
                "unobservable": [f"{prefix}:ReadData"],
            }
    services = [
        msgspec.convert({"service": name, "granted": 0} | names, ServiceEntry)
        for name, names in sorted(lists.items())
    ]
    return [
        msgspec.structs.replace(one, granted=sum(len(names_of(one, verdict)) for verdict in VERDICTS))
        for one in services
    ]


def names_of(entry: ServiceEntry, verdict: str) -> list[str]:
    """Return the permission names of one verdict, shared sets written out."""
    return sorted([*getattr(entry, verdict), *SETS.get(entry.sets.get(verdict, ""), [])])


def _counts(services: list[ServiceEntry]) -> dict[str, int]:
    by_verdict = {verdict: sum(len(names_of(one, verdict)) for one in services) for verdict in VERDICTS}
    return {"granted": sum(by_verdict.values())} | by_verdict


def _reasons(services: list[ServiceEntry]) -> list[dict[str, Any]]:
    return [
        FRAME["reason"][verdict]
        | {
            "verdict": verdict,
            "count": sum(len(names_of(one, verdict)) for one in services),
            "services": [one.service for one in services if names_of(one, verdict)],
            "permissions": [],
        }
        for verdict in sorted(VERDICTS)
        if any(names_of(one, verdict) for one in services)
    ]


def _usage(written: dict[str, Any], services: list[ServiceEntry], credential: str) -> list[dict[str, Any]]:
    resources = written.get("reach", {}).get("data", {}).get("resources") or [
        f"{written['provider']}://thing"
    ]
    seen = sorted(
        (name, verdict)
        for one in services
        for verdict in ("used", "denied")
        for name in names_of(one, verdict)
    )
    return [
        {
            "permission": name,
            "resource": resources[index % len(resources)],
            "credential": credential,
            "count": 7 + 131 * index % 4021,
            "denied": 7 + 131 * index % 4021 if verdict == "denied" else index % 2,
            "first_seen": f"2026-{9 + index % 2:02d}-{1 + index % 28:02d}T08:15:00Z",
            "last_seen": f"2026-11-{1 + index * 5 % 21:02d}T17:42:10Z",
            "operation": name.rsplit(":", 1)[-1].rsplit("/", 1)[-1],
        }
        for index, (name, verdict) in enumerate(seen)
    ]


_ALTERNATIVE = {
    "form": "alternative",
    "name": "ready-made roles instead, not proved: 37 permissions too many",
    "content": "{}\n",
    "applies_to": "projects/p",
}
_STAYS = {
    "code": "shared-grant",
    "reason": "given through a set that others hold too",
    "count": 2,
    "services": [],
    "permissions": ["s3:PutObject", "s3:DeleteObject"],
}


def _reduction(disposition: str, permissions: dict[str, int], subject: str) -> dict[str, Any]:
    offered = disposition != "none"
    status = {"safe": "proved", "review": "undecided", "none": "undecided"}[disposition]
    certain = {"status": "proved" if offered else "undecided"}
    smaller = _policy(
        ["bedrock:InvokeModel", "s3:GetObject", "s3:ListBucket"], "arn:aws:s3:::support-knowledge/*"
    )
    command = f"aws iam put-role-policy --role-name {subject} \\\n  --policy-document file://policy.json\n"
    replacement = [
        {"form": "json", "name": f"{subject}-policy.json", "content": smaller, "applies_to": subject},
        {"form": "cli", "name": f"{subject}.sh", "content": command, "applies_to": subject},
    ]
    present = _policy(["bedrock:*", "s3:*", "dynamodb:*", "logs:*"], "*")
    rollback = [
        {"form": "json", "name": f"{subject}-present.json", "content": present, "applies_to": subject}
    ]
    return {
        "disposition": disposition,
        "reason": _REDUCTION_REASONS[disposition],
        "keeps": permissions["granted"] - permissions["unused"],
        "removes": permissions["unused"] if offered else 0,
        "removes_grants": [f"policy/{subject}-FullAccess"] if disposition == "safe" else [],
        "artifacts": [*replacement, _ALTERNATIVE] if offered else [],
        "stays": [_STAYS] if offered else [],
        "notes": ["Several workloads run as this role."] if offered else [],
        "rollback": rollback if offered else [],
        "proof": {
            "replay": {"status": status, "requests": 18_204 if offered else 0},
            "containment": certain,
            "limits": certain,
            "backtest": {"status": status, "days": 30, "requests": 6_120},
            "restore": certain,
        },
    }


def _policy(actions: list[str], resource: str) -> str:
    statements = [
        {"Sid": "Agent", "Effect": "Allow", "Action": actions, "Resource": resource},
        {
            "Sid": "Logs",
            "Effect": "Allow",
            "Action": [f"logs:{verb}LogEvents" for verb in ("Filter", "Get", "Put")],
            "Resource": "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/bedrock/*",
        },
    ]
    document = msgspec.json.encode({"Version": "2012-10-17", "Statement": statements})
    return msgspec.json.format(document, indent=2).decode() + "\n"
