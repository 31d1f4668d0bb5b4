"""One log record in any of the shapes Azure exports it, read through one set of field names.

The same event reaches us as REST or `az` output (camelCase), SDK `as_dict()` (snake_case), a diagnostic
export (`time`, `resultType`), a Log Analytics table (PascalCase, `_s`/`_d`/`_g` columns) and lower-cased
copies of those (Sentinel, Panther). Sources: learn, azure-monitor/reference/tables and
platform/activity-log-schema; read 2026-11.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypedDict

SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "time": (
        *("time", "eventTimestamp", "event_timestamp", "eventtimestamp", "TimeGenerated", "timeGenerated"),
        *("timegenerated", "createdDateTime", "created_date_time", "CreatedDateTime"),
    ),
    "operation": ("operationName", "operation_name", "operationname", "OperationNameValue", "OperationName"),
    "category": ("category", "Category", "CategoryValue", "categoryvalue"),
    "table": ("Type", "type"),
    "status": (
        *("status", "Status", "ActivityStatusValue", "activityStatusValue", "activitystatusvalue"),
        *("resultType", "resulttype", "ResultType", "ActivityStatus"),
    ),
    "substatus": (
        *("subStatus", "sub_status", "ActivitySubstatusValue", "activitySubstatusValue"),
        *("resultSignature", "resultsignature", "ResultSignature"),
    ),
    "status_code": (
        *("statusCode", "status_code", "statuscode", "StatusCode", "HttpStatusCode", "httpStatusCode_d"),
        *("httpStatusCode_s", "statusCode_s"),
    ),
    "status_text": ("statusText", "status_text", "statustext", "StatusText"),
    "resource": ("resourceId", "resource_id", "resourceid", "_ResourceId", "ResourceId", "resourceUri"),
    "authorization": (
        *("authorization", "Authorization", "Authorization_d", "authorization_d"),
        *("AuthorizationDetails", "authorizationDetails", "authorizationdetails"),
    ),
    "claims": ("claims", "Claims", "Claims_d", "claims_d"),
    "identity": ("identity", "Identity"),
    "caller": ("caller", "Caller"),
    "correlation": ("correlationId", "correlation_id", "correlationid", "CorrelationId"),
    "event": ("eventDataId", "event_data_id", "eventdataid", "EventDataId"),
    "id": ("id", "Id"),
    "properties": ("properties", "Properties", "Properties_d", "properties_d", "properties_s"),
    "location": ("location", "Location", "region"),
    "subscription": ("subscriptionId", "subscription_id", "subscriptionid", "SubscriptionId"),
    "tenant": (
        "tenantId",
        "tenant_id",
        "tenantid",
        "AADTenantId",
        "AadTenantId",
        "TenantId",
        "resourceTenantId",
    ),
    "authentication": ("authenticationType", "AuthenticationType", "authenticationtype"),
    "key_hash": ("AuthenticationHash", "authenticationHash"),
    "object_id": (
        *("requesterObjectId", "RequesterObjectId", "AadPrincipalId", "aadPrincipalId_g", "aadPrincipalId_s"),
        *("identity_claim_oid_g", "objectId_s", "objectId_g", "CallerObjectId"),
        "identity_claim_http_schemas_microsoft_com_identity_claims_objectidentifier_g",
    ),
    "app_id": ("requesterAppId", "RequesterAppId", "identity_claim_appid_g", "appId", "AppId", "app_id"),
    "user_name": ("RequesterUpn", "identity_claim_http_schemas_xmlsoap_org_ws_2005_05_identity_claims_upn_s"),
    "assignment": (
        "AadAppliedRoleAssignmentId",
        "aadAppliedRoleAssignmentId_g",
        "aadAppliedRoleAssignmentId_s",
    ),
    "key_type": ("KeyType", "keyType_s", "AuthTokenType", "authTokenType_s"),
    "object_key": ("ObjectKey", "objectKey", "id_s", "requestUri_s", "RequestUri", "requestUri"),
    "tables": ("tables",),
    "uri": ("uri", "Uri"),
    "service": ("serviceType", "ServiceType"),
    "store": ("AccountName", "accountName", "DatabaseName", "databaseName_s"),
    "collection": ("CollectionName", "collectionName_s", "modelDeploymentName_s"),
    "request_type": ("RequestResourceType", "requestResourceType_s"),
    "method": ("RequestMethod", "requestMethod"),
    "response_code": ("ResponseStatusCode", "responseStatusCode"),
    "user_id": ("UserId", "userId"),
    "service_principal": ("servicePrincipalId", "service_principal_id", "ServicePrincipalId"),
    "credential": (
        *("servicePrincipalCredentialKeyId", "ServicePrincipalCredentialKeyId"),
        "service_principal_credential_key_id",
    ),
    "federated": ("federatedCredentialId", "FederatedCredentialId", "federated_credential_id"),
    "target": ("resourceDisplayName", "ResourceDisplayName", "resource_display_name"),
    "target_id": ("resourceServicePrincipalId", "ResourceServicePrincipalId", "ResourceIdentity"),
    "agent": ("agent", "Agent", "agent_s", "agent_d"),
    "registry": ("RegistryResourceId", "registryResourceId"),
    "user_object_id": ("UserObjectId", "userObjectId"),
    "identity_data": ("IdentityData", "identityData"),
    "auth_type": ("AuthType", "authType"),
    "endpoint_code": ("ResponseCode", "responseCode"),
    "managed_identity_type": ("managedIdentityType", "ManagedServiceIdentity"),
}
"""What each shape calls a field, most telling first."""

_typed: Any = TypedDict  # type checkers want it spelled out
Record: Any = _typed("Record", {name: Any for names in SPELLINGS.values() for name in names}, total=False)
"""Every field of every shape, all optional; other fields are skipped while decoding."""


def moment(value: Any) -> tuple[str, str] | None:
    """Return a time as `YYYY-MM-DDTHH:MM:SSZ` and its milliseconds, or None when it is no time.

    Fractions are cut to milliseconds: the SDK drops the seventh digit that the service writes, and
    copies of one event must agree. As the service writes a time, only its hour needs reading.
    """
    if isinstance(value, str) and (second := value[13:19]) in _IN_HOUR and value[-1] == "Z":
        fraction = value[20:-1]
        plain = len(value) == _TO_SECONDS or (value[19] == "." and fraction.isdigit() and fraction.isascii())
        if plain and (hour := _hour(value[:13])):
            return f"{hour}{second}Z", fraction[:3].ljust(3, "0")
    return _any_moment(value)


def _any_moment(value: Any) -> tuple[str, str] | None:
    if not isinstance(value, str) or len(value) < 19 or value[10] not in "T t":
        return None
    head, tail = f"{value[:10]}T{value[11:19]}", value[19:].strip()
    fraction = ""
    if tail.startswith("."):
        digits = len(tail) - len(tail[1:].lstrip("0123456789")) - 1
        fraction, tail = tail[1 : 1 + digits], tail[1 + digits :].strip()
    try:
        at = datetime.fromisoformat(head + (tail if tail not in ("", "Z", "z") else "+00:00"))
    except ValueError:
        return None
    if at.tzinfo is not None and at.utcoffset():
        at = at.astimezone(UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ"), fraction[:3].ljust(3, "0")


_TO_SECONDS = len("2026-11-22T00:00:00Z")
_IN_HOUR = frozenset(f":{at // 60:02}:{at % 60:02}" for at in range(3600))


@lru_cache(maxsize=50_000)
def _hour(hour: str) -> str:
    """Return an hour as `YYYY-MM-DDTHH`; "" for what is none."""
    found = _any_moment(f"{hour}:00:00Z")
    return found[0][:-7] if found else ""
