"""A Log Analytics workspace in DuckDB: exported records as the tables hold them, asked in KQL."""

import json
from functools import lru_cache
from typing import Any

import duckdb
import duckdb_kql

in_sql = lru_cache(duckdb_kql.to_sql)
DYNAMIC = {
    "Authorization_d", "Claims_d", "Properties_d", "AuthorizationDetails", "Identity", "AdditionalFields"
}  # fmt: skip
SHARED = ("CorrelationId", "_ResourceId", "OperationName", "Category")
COLUMNS = {
    "AzureActivity": (
        *("OperationNameValue", "OperationName", "CategoryValue", "Category", "ActivityStatusValue"),
        *("ActivityStatus", "ActivitySubstatusValue", "ActivitySubstatus", "_ResourceId", "ResourceId"),
        *("SubscriptionId", "Caller", "Claims", "Claims_d", "Authorization", "Authorization_d"),
        *("Properties", "Properties_d", "CorrelationId", "EventDataId"),
    ),
    "Storage": (
        *SHARED,
        *("Location", "ServiceType", "AccountName", "StatusCode", "StatusText", "MetricResponseType"),
        *("AuthenticationType", "AuthenticationHash", "RequesterObjectId", "RequesterAppId", "RequesterUpn"),
        *("AuthorizationDetails", "ObjectKey", "Uri"),
    ),
    "AZKVAuditLogs": (
        *("CorrelationId", "_ResourceId", "OperationName", "ResultType", "ResultSignature"),
        *("HttpStatusCode", "Id", "RequestUri", "Identity"),
    ),
    "CDBDataPlaneRequests": (
        *("ActivityId", "_ResourceId", "OperationName", "RegionName", "StatusCode", "AadPrincipalId"),
        *("AadAppliedRoleAssignmentId", "AuthTokenType", "KeyType", "DatabaseName", "CollectionName"),
    ),
    "AzureDiagnostics": (*SHARED, "ResourceId", "ResultType", "ResultSignature"),
    "SignInLogs": (
        *("CorrelationId", "Id", "OperationName", "Category", "ResultType", "AADTenantId"),
        *("ServicePrincipalId", "AppId", "ServicePrincipalCredentialKeyId", "FederatedCredentialId"),
        *("ResourceDisplayName", "ResourceServicePrincipalId", "ResourceIdentity"),
    ),
    "MicrosoftGraphActivityLogs": (
        *("RequestId", "RequestMethod", "RequestUri", "ResponseStatusCode", "AadTenantId", "UserId"),
        *("ServicePrincipalId", "AppId"),
    ),
}


def columns_of(table: str) -> tuple[str, ...]:
    """Return the columns of a table, as far as a query may name them; of the shared one those it always has."""
    kind = "Storage" if table.startswith("Storage") else "SignInLogs" if "SignIn" in table else table
    return COLUMNS[kind]


def text(value: Any) -> str:
    """Return a value as a column of text holds it: never null."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


class Workspace:
    """Tables that are asked in KQL by an engine that was measured against Kusto itself."""

    def __init__(self) -> None:
        self.database = duckdb.connect()
        self.database.execute("SET threads = 1")
        self.columns: dict[str, list[str]] = {}

    def fill(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Make a table with its columns, and those that its rows have beside them."""
        names = list(dict.fromkeys([*columns_of(table), *(name for row in rows for name in row)]))
        names = [name for name in names if name != "TimeGenerated"]
        kinds = ", ".join(f'"{name}" {"JSON" if name in DYNAMIC else "VARCHAR"}' for name in names)
        self.database.execute(f'CREATE TABLE "{table}" (TimeGenerated TIMESTAMP, {kinds})')
        self.columns[table] = ["TimeGenerated", *names]
        marks = ", ".join("?" * (len(names) + 1))
        held = [
            [row["TimeGenerated"].rstrip("Zz"), *(self._cell(name, row.get(name)) for name in names)]
            for row in rows
        ]
        if held:
            self.database.executemany(f'INSERT INTO "{table}" VALUES ({marks})', held)

    @staticmethod
    def _cell(name: str, value: Any) -> Any:
        if name in DYNAMIC:
            return None if value is None else json.dumps(value)
        return text(value)

    def ask(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of an answer, times as the API writes them."""
        answer = self.database.execute(in_sql(query))
        names = [one[0] for one in answer.description]
        return [
            {
                name: value.strftime("%Y-%m-%dT%H:%M:%S.%f0Z") if hasattr(value, "strftime") else value
                for name, value in zip(names, row, strict=True)
            }
            for row in answer.fetchall()
        ]
