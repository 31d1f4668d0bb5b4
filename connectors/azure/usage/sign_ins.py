"""Read Entra sign-ins of service principals and managed identities: when each credential was last used.

Source: learn, azure-monitor/reference/tables/aadserviceprincipalsigninlogs, Graph `signIn`.
"""

from collections.abc import Mapping

from connectors.azure.ids import guid
from connectors.azure.ids import principal as canonical
from connectors.azure.usage.noted import Fields, word
from connectors.logs.rows import RowKey

SIGN_IN, SIGN_IN_THROUGH = "sign-in", "sign-in-through"
"""The operations of the rows made here; a sign-in is no use of a permission."""
SERVICE_PRINCIPAL, MANAGED_IDENTITY, USER = (
    "service-principal-sign-ins",
    "managed-identity-sign-ins",
    "user-sign-ins",
)
LIVE_FILES = "sign-ins/"
"""What the names of logs read from Graph begin with: they hold sign-ins, and no calls of any subscription."""
FEDERATED = "federated:"
"""What a federated credential's id starts with in a row."""


Place = tuple[str, str, str, str]
"""Tenant, region, class of log, resource type."""


def is_sign_in(record: Fields, category: str) -> bool:
    """Return whether a record is a sign-in: by its category, its table, or its Graph fields."""
    if category.endswith("signinlogs") or record.word("table").lower().endswith("signinlogs"):
        return True
    of_graph = record.holds("createdDateTime") or record.holds("created_date_time")
    named = record.get("service_principal") or (of_graph and record.get("app_id"))
    return bool(named) and record.get("operation") is None


def sign_in(record: Fields) -> tuple[list[RowKey], Place] | str:
    """Return the row of a sign-in: the principal, its application and the credential it presented.

    Sign-ins of users tell which application people use, and not who they are. Of an agent the kind stands in
    `identity_type` and the blueprint in `grant`.
    """
    properties = record.inside("properties")
    principal = canonical(properties.word("serviceprincipalid") or record.word("service_principal"))
    log_class = _class(record, properties, principal)
    tenant = guid(record.word("tenant") or properties.word("resourcetenantid"))
    place = (tenant, "", log_class, "microsoft.aadiam")
    application = canonical(properties.word("appid") or record.word("app_id"))
    if log_class == USER or not principal:
        row = _of_application(record, properties, application, place)
        return [row] if application else [], place
    agent, blueprint = _agent(record, properties)
    row = RowKey(
        account=tenant,
        identity=principal,
        identity_type=agent or ("managed-identity" if log_class == MANAGED_IDENTITY else "app"),
        credential=_credential(record, properties),
        operation=SIGN_IN,
        permission="",
        resource=properties.word("resourcedisplayname") or record.word("target"),
        region="",
        via=f"app:{application}" if application else "",
        grant=blueprint,
        outcome=_outcome(record, properties),
        workload=_target(record, properties),
        detail=log_class,
    )
    return [row], place


def _of_application(record: Fields, properties: Fields, application: str, place: Place) -> RowKey:
    """Return the row of sign-ins of people to an application, or of its own that name no principal."""
    return RowKey(
        account=place[0],
        identity="",
        identity_type="user" if place[2] == USER else "app",
        credential="",
        operation=SIGN_IN_THROUGH,
        permission="",
        resource="",
        region="",
        via=f"app:{application}",
        grant="",
        outcome=_outcome(record, properties),
        workload=_target(record, properties),
        detail=place[2],
    )


AGENTS: Mapping[str, str] = {
    "agenticappinstance": "agent-identity",
    "agenticapp": "agent-blueprint",
    "agentidentityblueprintprincipal": "agent-blueprint",
}
"""What Entra calls an agent that signs in (`signIn.agent`, beta), and what we call it.

An agent's user account (`agentIDuser`) signs in as a user. Source: learn, Graph signIn; 2026-11.
"""


def _agent(record: Fields, properties: Fields) -> tuple[str, str]:
    """Return the kind of agent that signed in and the id of its blueprint, "" and "" for what is none."""
    agent = properties.inside("agent") or record.inside("agent")
    kind = AGENTS.get(agent.word("agenttype").lower(), "")
    return kind, canonical(agent.word("agentsubjectparentid")) if kind else ""


def _class(record: Fields, properties: Fields, principal: str) -> str:
    named = (record.word("category") + record.word("table")).lower()
    if "managedidentity" in named:
        return MANAGED_IDENTITY
    if "serviceprincipal" in named:
        return SERVICE_PRINCIPAL
    managed = word(properties.get("managedidentitytype") or record.get("managed_identity_type")).lower()
    if principal and managed not in ("", "none"):
        return MANAGED_IDENTITY
    return SERVICE_PRINCIPAL if principal else USER


def _target(record: Fields, properties: Fields) -> str:
    """Return the principal of what was signed in to, or its application id."""
    named = properties.word("resourceserviceprincipalid") or properties.word("resourceid")
    return canonical(named or record.word("target_id"))


def _credential(record: Fields, properties: Fields) -> str:
    key = properties.get("serviceprincipalcredentialkeyid") or record.get("credential")
    if canonical(word(key)).strip("0-"):
        return canonical(word(key))
    federated = word(properties.get("federatedcredentialid") or record.get("federated"))
    return f"{FEDERATED}{guid(federated) or federated.lower()}" if federated.strip("0-") else ""


def _outcome(record: Fields, properties: Fields) -> str:
    status = properties.inside("status") or record.inside("status")
    code = status.word("errorcode") or (record.word("status") if not status else "")
    return "allowed" if code.lower() in ("", "0", "success") else "denied"
