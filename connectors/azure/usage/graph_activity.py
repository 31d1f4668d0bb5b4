"""Read Microsoft Graph activity logs: which principal called which part of Graph.

A record names the caller and the address, not the permission that let the call through: its token lists all
that the application holds (see graph_use.py). Source: learn,
azure-monitor/reference/tables/microsoftgraphactivitylogs.
"""

from typing import Any
from urllib.parse import unquote_plus, urlsplit

from connectors.azure.catalog.tables import catalogue
from connectors.azure.ids import guid, principal
from connectors.azure.usage.graph_paths import address
from connectors.azure.usage.noted import Fields, word
from connectors.logs.rows import RowKey

GRAPH_ACTIVITY = "microsoftgraphactivitylogs"
GRAPH_OPERATION = "microsoft.graph:activity:"


def is_graph_activity(record: Fields, category: str) -> bool:
    """Return whether a record is of the Graph activity log."""
    return GRAPH_ACTIVITY in (category, record.word("table").lower())


def graph_activity(record: Fields) -> tuple[list[RowKey], tuple[str, str, str, str]] | str:
    """Return the row of a call: its principal, its verb and the part of Graph it was for.

    A call in the name of a person counts for the person. Every 2xx is success.
    """
    properties = record.inside("properties")
    method = properties.word("requestmethod") or record.word("method")
    called = method and (properties.brief("requesturi", _called) or record.brief("object_key", _called))
    if not called:
        return "no request address"
    tenant = guid(record.word("tenant") or properties.word("tenantid"))
    place = (tenant, "", GRAPH_ACTIVITY, "microsoft.graph")
    user = principal(properties.word("userid") or record.word("user_id"))
    own = principal(properties.word("serviceprincipalid") or record.word("service_principal"))
    application = principal(properties.word("appid") or record.word("app_id"))
    via = f"app:{application}" if application else ""
    identity = user or own or via
    row = RowKey(
        account=tenant,
        identity=identity,
        identity_type="user" if user else "app",
        credential="",
        operation=f"{GRAPH_OPERATION}{method.lower()} {called}",
        permission="",
        resource="",
        region="",
        via=via if user else "",
        grant="",
        outcome=_outcome(properties.word("responsestatuscode") or record.word("response_code")),
        workload="",
        detail="",
    )
    return [row], place


def _called(uri: Any) -> str:
    """Return what is kept of an address: the part of Graph, and what in its query may need more."""
    uri = word(uri)
    if not uri:
        return ""
    query = unquote_plus(urlsplit(uri).query).lower()
    asked = [name for name in sorted(catalogue("graph_calls")["properties"]) if name in query]
    marks = [*(["expand"] if "$expand" in query else []), *asked]
    return " ".join([address(uri), *(f"?{mark}" for mark in marks)])


def _outcome(code: str) -> str:
    if code in ("401", "403"):
        return "denied"
    return "allowed" if not code or (code.isdigit() and int(code) < 400) else "error"
