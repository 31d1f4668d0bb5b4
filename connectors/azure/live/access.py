"""Know every request that live collection may send, what it needs, and what is lost without it."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from connectors.azure.catalog.tables import catalogue
from connectors.azure.live.settings import LiveSettings
from connectors.azure.logs.tables import known_tables

ARM, GRAPH, LOG_ANALYTICS = "arm", "graph", "log_analytics"
GRAPH_APPLICATION = "00000003-0000-0000-c000-000000000000"
_HOLES = re.compile(r"\\\{(\w+)\\\}")
LOG_QUERY = "log_query"
"""Part that only a source has whose logs Log Analytics counts."""


@dataclass(frozen=True, slots=True)
class Access:
    """One row of the table: a request, what it needs, and the part of the evidence it serves."""

    name: str
    api: str
    """`arm`, `graph` or `log_analytics`."""
    method: str
    path: str
    version: str
    older: str
    """The version to send where the cloud does not know `version`; empty when there is none."""
    needs: tuple[str, ...]
    """Resource Manager actions or Graph permissions; empty where a directory role is needed."""
    part: str
    lost: str

    def fits(self, method: str, path: str) -> bool:
        """Return whether a request is this one."""
        return method == self.method and _pattern(self.path).fullmatch(path) is not None


@lru_cache(maxsize=256)
def _pattern(path: str) -> re.Pattern[str]:
    """Return a path with its holes: {scope} spans segments, every other hole is one segment."""
    written = _HOLES.sub(
        lambda hole: r"(?:[^/?#]+/)*[^/?#]+" if hole[1] == "scope" else r"[^/?#]+", re.escape(path)
    )
    return re.compile(written, re.IGNORECASE)


@lru_cache(maxsize=1)
def access_table() -> Mapping[str, Access]:
    """Return all requests by name (`catalog/access.toml`)."""
    return {
        call["name"]: Access(
            name=call["name"],
            api=call["api"],
            method=call.get("method", "GET"),
            path=call["path"],
            version=call.get("version", ""),
            older=call.get("older", ""),
            needs=tuple(call["needs"]),
            part=part["name"],
            lost=part["lost"],
        )
        for part in catalogue("access")["parts"]
        for call in part["calls"]
    }


def row_of(api: str, method: str, path: str) -> Access | None:
    """Return the row that allows a request, the one with fewest holes; None: then it may not be sent."""
    fitting = [row for row in access_table().values() if row.api == api and row.fits(method, path)]
    return min(fitting, key=lambda row: row.path.count("{"), default=None)


def climbs(path: str) -> bool:
    """Return whether a path leads out of where it seems to lead."""
    return any(segment in (".", "..") for segment in unquote(path).split("/"))


def lost(part: str) -> str:
    """Return what the analysis does without a part of the evidence."""
    return next((str(one["lost"]) for one in catalogue("access")["parts"] if one["name"] == part), "")


def needs_of(api: str, left_out: Iterable[str] = ()) -> list[str]:
    """Return the actions or permissions that the requests of one API need, sorted."""
    rows = access_table().values()
    without = set(left_out)
    return sorted({need for row in rows if row.api == api and row.part not in without for need in row.needs})


def policy_text(settings: LiveSettings) -> str:
    """Return what a live source needs as JSON: a custom role, and Graph application permissions.

    The custom role is what `az role definition create --role-definition` takes.
    """
    left_out = {
        part
        for part, wanted in (("activity_log", settings.activity_log), ("sign_in_logs", settings.sign_ins))
        if not wanted
    }
    scopes = [f"/subscriptions/{one}" for one in settings.subscriptions]
    if settings.management_group:
        scopes = [f"/providers/Microsoft.Management/managementGroups/{settings.management_group}"]
    ids = catalogue("access")["graph_permissions"]
    document = {
        "role_definition": {
            "Name": "entdrift reader",
            "IsCustom": True,
            "Description": "What entdrift reads: no keys, no secrets, no data.",
            "Actions": [*needs_of(ARM, left_out), *_query_needs(settings)],
            "NotActions": [],
            "DataActions": [],
            "NotDataActions": [],
            "AssignableScopes": scopes or ["/subscriptions/SUBSCRIPTION_ID"],
        },
        "graph_application_permissions": [
            {
                "resourceAppId": GRAPH_APPLICATION,
                "value": value,
                **({"id": ids[value]} if value in ids else {}),
            }
            for value in needs_of(GRAPH, left_out)
        ],
        "notes": [
            *_query_notes(settings),
            "tenant_diagnostic_settings needs the Entra role Security Reader; without it it is not evaluated",
            "the agent lists refuse tokens of the Azure CLI: sign in as an application or a managed identity",
        ],
    }
    return json.dumps(document, indent=2)


def _query_needs(settings: LiveSettings) -> list[str]:
    """Return what counting logs in a workspace needs: reading it, and the tables that are asked."""
    if not settings.asks_workspace:
        return []
    tables = (*(settings.log_tables or known_tables()), "Usage")
    each = [f"Microsoft.OperationalInsights/workspaces/query/{name}/read" for name in tables]
    return [*needs_of(LOG_ANALYTICS), *each]


def _query_notes(settings: LiveSettings) -> list[str]:
    if not settings.asks_workspace:
        return []
    text = (
        f"the workspace {settings.log_workspace} must be in an assignable scope; the built-in role Log "
        "Analytics Reader on it covers the queries. A condition on that assignment leaves rows out unsaid"
    )
    return [text]


def fix_of(row: Access, principal: str, scope: str) -> str:
    """Return the command that lets a refused request through."""
    who = principal or "OBJECT_ID"
    if row.api == LOG_ANALYTICS:
        return (
            f'az role assignment create --assignee-object-id {who} --role "Log Analytics Reader" '
            "--scope WORKSPACE_RESOURCE_ID"
        )
    if row.api == ARM and row.needs:
        where = scope or "/subscriptions/SUBSCRIPTION_ID"
        return f'az role assignment create --assignee-object-id {who} --role Reader --scope "{where}"'
    if row.api == ARM:
        return "assign the Entra role Security Reader to the scanner"
    need = row.needs[0]
    return (
        f"az ad app permission add --id APP_ID --api {GRAPH_APPLICATION} --api-permissions "
        f"$(az ad sp show --id {GRAPH_APPLICATION} --query \"appRoles[?value=='{need}'].id\" -o tsv)=Role && "
        "az ad app permission admin-consent --id APP_ID"
    )
