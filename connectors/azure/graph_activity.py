"""Read Microsoft Graph activity logs: which principal called which part of Graph.

A record names the caller and the address, not the permission that let the call through: its token lists all
that the application holds (see graph_use.py). Source: learn,
azure-monitor/reference/tables/microsoftgraphactivitylogs.
"""

from typing import Any
from urllib.parse import unquote_plus, urlsplit

from connectors.azure.catalogue import catalogue
from connectors.azure.graph_paths import address
from connectors.azure.ids import guid, principal
from connectors.azure.record import folded, pick, word
from connectors.logs.rows import RowKey

GRAPH_ACTIVITY = "microsoftgraphactivitylogs"
GRAPH_OPERATION = "microsoft.graph:activity:"


def is_graph_activity(record: Any, category: str) -> bool:
    """Return whether a record is of the Graph activity log."""
    return GRAPH_ACTIVITY in (category, word(pick(record, "table")).lower())


def graph_activity(record: Any) -> tuple[list[RowKey], tuple[str, str, str, str]] | str:
    """Return the row of a call: its principal, its verb and the part of Graph it was for.

    A call in the name of a person counts for the person. Every 2xx is success.
    """
    properties = folded(pick(record, "properties"))
    uri = word(properties.get("requesturi")) or word(pick(record, "object_key"))
    method = word(properties.get("requestmethod")) or word(pick(record, "method"))
    if not uri or not method:
        return "no request address"
    tenant = guid(word(pick(record, "tenant")) or word(properties.get("tenantid")))
    place = (tenant, "", GRAPH_ACTIVITY, "microsoft.graph")
    user = principal(word(properties.get("userid")) or word(pick(record, "user_id")))
    own = principal(word(properties.get("serviceprincipalid")) or word(pick(record, "service_principal")))
    application = principal(word(properties.get("appid")) or word(pick(record, "app_id")))
    via = f"app:{application}" if application else ""
    identity = user or own or via
    row = RowKey(
        account=tenant,
        identity=identity,
        identity_type="user" if user else "app",
        credential="",
        operation=GRAPH_OPERATION + _call(method, uri),
        permission="",
        resource="",
        region="",
        via=via if user else "",
        grant="",
        outcome=_outcome(word(properties.get("responsestatuscode")) or word(pick(record, "response_code"))),
        workload="",
        detail="",
    )
    return [row], place


def _call(method: str, uri: str) -> str:
    """Return what is kept of a call: its verb, the part of Graph, and what in its query may need more."""
    query = unquote_plus(urlsplit(uri).query).lower()
    asked = [name for name in sorted(catalogue("graph_calls")["properties"]) if name in query]
    marks = [*(["expand"] if "$expand" in query else []), *asked]
    return " ".join([method.lower(), address(uri), *(f"?{mark}" for mark in marks)])


def _outcome(code: str) -> str:
    if code in ("401", "403"):
        return "denied"
    return "allowed" if not code or (code.isdigit() and int(code) < 400) else "error"
