"""Exported Azure log records as Azure Monitor puts them into the tables of a workspace."""

from typing import Any

from connectors.azure.usage.noted import word


def table_row(record: dict[str, Any], mode: str) -> tuple[str, dict[str, Any]]:
    """Return the table of an exported record and its row there; "" for what goes to no table that is asked."""
    category = word(record.get("category")).lower()
    resource = str(record.get("resourceId") or record.get("resource_id") or "").lower()
    operation = word(record.get("operationName"))
    plain = operation and "/" not in operation
    own = mode == "resource-specific"
    kinds = [
        (category.startswith("storage") or ("/microsoft.storage/" in resource and plain), _storage),
        (category in ("serviceprincipalsigninlogs", "managedidentitysigninlogs"), _sign_in),
        (category == "microsoftgraphactivitylogs", _graph),
        ("microsoft.aadiam" in resource or category == "auditlogs", None),
        (not operation and "operation_name" not in record, None),
        (own and "/microsoft.keyvault/" in resource and category == "auditevent", _vault),
        (own and "/microsoft.documentdb/" in resource and category == "dataplanerequests", _cosmos),
        (category in ("auditevent", "dataplanerequests"), _diagnostics),
        ("/microsoft.cognitiveservices/" in resource and plain, _diagnostics),
        (True, _activity),
    ]
    kind = next(kind for fits, kind in kinds if fits)
    return kind(record) if kind else ("", {})


def _time(record: dict[str, Any]) -> str:
    time = next(
        str(record[name])
        for name in ("time", "eventTimestamp", "event_timestamp", "createdDateTime")
        if record.get(name)
    )
    return time.replace("+00:00", "Z")


def _activity(record: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    identity = record.get("identity") or {}
    pick = lambda *names: next((record[one] for one in names if record.get(one) is not None), None)  # noqa: E731
    return "AzureActivity", {
        "TimeGenerated": _time(record),
        "OperationNameValue": word(pick("operationName", "operation_name")),
        "CategoryValue": word(pick("category")),
        "ActivityStatusValue": word(pick("status", "resultType")),
        "ActivitySubstatusValue": word(pick("subStatus", "sub_status", "resultSignature")),
        "_ResourceId": str(pick("resourceId", "resource_id") or "").lower(),
        "SubscriptionId": pick("subscriptionId", "subscription_id"),
        "Caller": pick("caller"),
        "Claims_d": pick("claims") or identity.get("claims") or identity.get("claim"),
        "Authorization_d": pick("authorization") or identity.get("authorization"),
        "Properties_d": pick("properties"),
        "CorrelationId": pick("correlationId", "correlation_id"),
        "EventDataId": pick("eventDataId", "event_data_id"),
    }


def _storage(record: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    identity, properties = record.get("identity") or {}, record.get("properties") or {}
    requester = identity.get("requester") or {}
    service = str(properties.get("serviceType") or "blob")
    return f"Storage{service.capitalize()}Logs", {
        "TimeGenerated": _time(record),
        "CorrelationId": record.get("correlationId"),
        "_ResourceId": str(record.get("resourceId") or "").lower(),
        "OperationName": record.get("operationName"),
        "Category": record.get("category"),
        "Location": record.get("location"),
        "ServiceType": properties.get("serviceType"),
        "AccountName": properties.get("accountName"),
        "StatusCode": record.get("statusCode"),
        "StatusText": record.get("statusText"),
        "MetricResponseType": properties.get("metricResponseType"),
        "AuthenticationType": identity.get("type"),
        "AuthenticationHash": identity.get("tokenHash"),
        "RequesterObjectId": requester.get("objectId"),
        "RequesterAppId": requester.get("appId"),
        "RequesterUpn": requester.get("upn"),
        "AuthorizationDetails": identity.get("authorization"),
        "ObjectKey": properties.get("objectKey"),
        "Uri": record.get("uri"),
    }


def _vault(record: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    properties = record["properties"]
    return "AZKVAuditLogs", {
        "TimeGenerated": _time(record),
        "CorrelationId": record.get("correlationId"),
        "_ResourceId": record["resourceId"].lower(),
        "OperationName": record["operationName"],
        "ResultType": record.get("resultType"),
        "ResultSignature": record.get("resultSignature"),
        "HttpStatusCode": properties.get("httpStatusCode"),
        "Id": properties.get("id"),
        "RequestUri": properties.get("requestUri"),
        "Identity": record.get("identity"),
    }


def _cosmos(record: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    held = record["properties"]
    return "CDBDataPlaneRequests", {
        "TimeGenerated": _time(record),
        "ActivityId": held.get("activityId"),
        "_ResourceId": record["resourceId"].lower(),
        "OperationName": record["operationName"],
        "RegionName": held.get("region"),
        "StatusCode": held.get("statusCode"),
        "AadPrincipalId": held.get("aadPrincipalId"),
        "AadAppliedRoleAssignmentId": held.get("aadAppliedRoleAssignmentId"),
        "KeyType": held.get("keyType"),
        "DatabaseName": held.get("databaseName"),
        "CollectionName": held.get("collectionName"),
    }


_CLAIMS = {
    "http://schemas.microsoft.com/identity/claims/objectidentifier": (
        "identity_claim_http_schemas_microsoft_com_identity_claims_objectidentifier_g"
    ),
    "appid": "identity_claim_appid_g",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": (
        "identity_claim_http_schemas_xmlsoap_org_ws_2005_05_identity_claims_upn_s"
    ),
}
_GUIDS = ("aadPrincipalId", "aadAppliedRoleAssignmentId")


def _diagnostics(record: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return a row of the shared table, which names a column by the field and its type."""
    properties = record.get("properties") or {}
    claims = (record.get("identity") or {}).get("claim") or {}
    row = {
        "TimeGenerated": _time(record),
        "CorrelationId": record.get("correlationId"),
        "_ResourceId": str(record.get("resourceId") or "").lower(),
        "OperationName": record["operationName"],
        "Category": record["category"],
        "ResultType": record.get("resultType"),
        "ResultSignature": record.get("resultSignature"),
    }
    if isinstance(properties, str):
        row["properties_s"] = properties
        properties = {}
    for name, value in properties.items():
        kind = "d" if isinstance(value, int | float) else "g" if name in _GUIDS else "s"
        row[f"{name}_{kind}"] = value
    return "AzureDiagnostics", row | {_CLAIMS[name]: value for name, value in claims.items()}


def _sign_in(record: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    record = {{"tenantid": "tenantId", "operationname": "operationName", "correlationid": "correlationId",
               "resulttype": "resultType"}.get(name, name): value for name, value in record.items()}  # fmt: skip
    held = record["properties"]
    managed = "managedidentity" in record["category"].lower()
    return f"AAD{'ManagedIdentity' if managed else 'ServicePrincipal'}SignInLogs", {
        "TimeGenerated": _time(record),
        "CorrelationId": record.get("correlationId"),
        "Id": held.get("id"),
        "OperationName": record["operationName"],
        "Category": record["category"],
        "ResultType": record.get("resultType"),
        "AADTenantId": record["tenantId"],
        "ServicePrincipalId": held.get("servicePrincipalId"),
        "AppId": held.get("appId"),
        "ServicePrincipalCredentialKeyId": held.get("servicePrincipalCredentialKeyId"),
        "FederatedCredentialId": held.get("federatedCredentialId"),
        "ResourceDisplayName": held.get("resourceDisplayName"),
        "ResourceServicePrincipalId": held.get("resourceServicePrincipalId"),
        "ResourceIdentity": held.get("resourceId"),
        "Agent": held.get("agent"),
    }


def _graph(record: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    held = record["properties"]
    return "MicrosoftGraphActivityLogs", {
        "TimeGenerated": _time(record),
        "RequestId": held.get("requestId"),
        "RequestMethod": held.get("requestMethod"),
        "RequestUri": held.get("requestUri"),
        "ResponseStatusCode": held.get("responseStatusCode"),
        "AadTenantId": record["tenantId"],
        "UserId": held.get("userId"),
        "ServicePrincipalId": held.get("servicePrincipalId"),
        "AppId": held.get("appId"),
        "TenantId": "99999999-0000-4000-8000-00000000000f",
    }
