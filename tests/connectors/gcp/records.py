"""Synthetic records in the shapes that gcloud, Asset Inventory and Cloud Logging write."""

from datetime import UTC, datetime
from typing import Any

from connectors.facts import Window

QUARTER = Window(datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
EVER = Window(datetime(2010, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
NUMBER, PROJECT, ORG = "111111111111", "agents-prod", "999999999999"
PROJECT_NAME = f"//cloudresourcemanager.googleapis.com/projects/{PROJECT}"
AGENT = (
    f"principal://agents.global.org-{ORG}.system.id.goog/resources/aiplatform"
    f"/projects/{NUMBER}/locations/us-central1/reasoningEngines/42"
)
RAG = f"rag@{PROJECT}.iam.gserviceaccount.com"


def role(name: str, *permissions: str, **more: Any) -> dict[str, Any]:
    """Return a role as `gcloud iam roles describe` prints it."""
    return {"name": name, "title": name, "includedPermissions": list(permissions), **more}


def binding(role: str, *members: str, condition: str = "", title: str = "") -> dict[str, Any]:
    made: dict[str, Any] = {"role": role, "members": list(members)}
    if condition:
        made["condition"] = {"title": title or "condition", "expression": condition}
    return made


def searched(*bindings: dict[str, Any], resource: str = PROJECT_NAME, kind: str = "") -> dict[str, Any]:
    """Return a policy as `gcloud asset search-all-iam-policies` prints it: never with auditConfigs."""
    return {
        "resource": resource,
        "assetType": kind or "cloudresourcemanager.googleapis.com/Project",
        "project": f"projects/{NUMBER}",
        "folders": ["folders/77"],
        "organization": f"organizations/{ORG}",
        "policy": {"bindings": list(bindings)},
    }


def exported(
    *bindings: dict[str, Any],
    audit: list[Any] | None = None,
    resource: str = PROJECT_NAME,
    kind: str = "cloudresourcemanager.googleapis.com/Project",
    ancestors: tuple[str, ...] = (f"projects/{NUMBER}", "folders/77", f"organizations/{ORG}"),
) -> dict[str, Any]:
    """Return a policy as an Asset Inventory export of IAM policies writes it."""
    policy: dict[str, Any] = {"bindings": list(bindings)}
    if audit is not None:
        policy["audit_configs"] = audit
    return {"name": resource, "asset_type": kind, "iam_policy": policy, "ancestors": list(ancestors)}


def above(audit: list[Any] | None = None) -> list[dict[str, Any]]:
    """Return the policies of the folder and organization above the project."""
    cloud = "//cloudresourcemanager.googleapis.com/"
    return [
        exported(
            resource=f"{cloud}folders/77",
            kind="cloudresourcemanager.googleapis.com/Folder",
            ancestors=("folders/77", f"organizations/{ORG}"),
        ),
        exported(
            audit=audit,
            resource=f"{cloud}organizations/{ORG}",
            kind="cloudresourcemanager.googleapis.com/Organization",
            ancestors=(f"organizations/{ORG}",),
        ),
    ]


def audit(service: str, *types: str, exempted: tuple[str, ...] = ()) -> dict[str, Any]:
    configs = [{"logType": one, **({"exemptedMembers": list(exempted)} if exempted else {})} for one in types]
    return {"service": service, "auditLogConfigs": configs}


_COUNT = iter(range(10**9))


def entry(
    permission: str = "",
    *,
    who: str = RAG,
    granted: Any = True,
    log: str = "data_access",
    service: str = "storage.googleapis.com",
    method: str = "storage.objects.get",
    resource: str = "projects/_/buckets/b/objects/o",
    project: str = PROJECT,
    at: str = "2026-09-01T10:00:00.123456Z",
    subject: str = "",
    kind: str = "",
    **payload: Any,
) -> dict[str, Any]:
    """Return one synthetic audit log entry in the shape `gcloud logging read --format=json` prints."""
    authentication: dict[str, Any] = {}
    if who:
        authentication["principalEmail"] = who
    if subject:
        authentication["principalSubject"] = subject
    authorization = {"permission": permission, "resource": resource}
    if granted is not None:
        authorization["granted"] = granted
    if kind:
        authorization["permissionType"] = kind
    return {
        "insertId": f"i{next(_COUNT)}",
        "logName": f"projects/{project}/logs/cloudaudit.googleapis.com%2F{log}",
        "timestamp": at,
        "resource": {"type": "audited_resource", "labels": {"project_id": project, "location": "us"}},
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": service,
            "methodName": method,
            "resourceName": resource,
            "authenticationInfo": authentication,
            **({"authorizationInfo": [authorization]} if permission else {}),
            **payload,
        },
    }


def activity(who: str = "admin@example.com") -> dict[str, Any]:
    """Return an Admin Activity entry of someone else: it shows that the project's logs were given."""
    return entry(
        "resourcemanager.projects.setIamPolicy",
        who=who,
        log="activity",
        service="cloudresourcemanager.googleapis.com",
        method="SetIamPolicy",
        resource=f"projects/{PROJECT}",
    )
