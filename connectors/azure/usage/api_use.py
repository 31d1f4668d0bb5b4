"""Say whether the use of a right on an API could have been seen: by sign-ins, and by calls of Graph."""

from collections.abc import Iterable
from dataclasses import dataclass

from connectors.azure.coverage.presence import Logs
from connectors.azure.ids import principal, text
from connectors.azure.stock import Inventory
from connectors.azure.usage.graph_activity import GRAPH_ACTIVITY
from connectors.azure.usage.graph_use import GRAPH_ROLE, GraphUse
from connectors.azure.usage.sign_ins import MANAGED_IDENTITY, SERVICE_PRINCIPAL, SIGN_IN
from connectors.azure.usage.usage import Callers
from connectors.logs.rows import UsageRow

GRAPH = "Microsoft.Graph"
GRAPH_APPLICATION = "00000003-0000-0000-c000-000000000000"
APP_ROLE, CONSENT, DIRECTORY_ROLE = "app role assignment", "delegated permission", "Entra directory role"
_NO_SIGN_INS = "the evidence holds none of this kind of principal for the whole window"
_EXPORT_SIGN_INS = (
    "export ManagedIdentitySignInLogs and ServicePrincipalSignInLogs with a diagnostic setting of Entra, and "
    "name the files under sign_in_logs"
)
_EXPORT_GRAPH = (
    "export MicrosoftGraphActivityLogs with a diagnostic setting of Entra for the whole window, and name the "
    "files under resource_logs"
)
_NEVER_SEEN = {
    CONSENT: (
        "delegated-permission",
        "it is used in the name of people: logs name them and not the application's own identity",
        "look at the application's users in the interactive sign-in logs before removing the consent",
    ),
    DIRECTORY_ROLE: (
        "directory-role-use-not-read",
        "what a directory role is used for stands in Entra's audit log, which is not interpreted",
        "look at the audit log of the directory before removing it",
    ),
}
_INHERITED = (
    "inherited-from-blueprint",
    "it is inherited from the agent identity blueprint, whose other agents hold it by the same grant",
    "take it out of the blueprint's inheritable permissions, and give the agents that need it their own",
)
_SHARED = (
    "group-members-unknown",
    "it is held through a group, and other members hold it by the same assignment",
    "give the workload's own principal the permission instead of the group",
)

Reason = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Right:
    """One right on an API or on the directory as held by one principal."""

    identity: str
    id: str
    form: str
    api: str
    names: tuple[str, ...]
    scope: str
    condition: str = ""
    admin: str = ""
    created: str = ""
    shared: bool = False
    blueprint: str = ""
    """The agent identity blueprint that it is inherited from."""


class ApiUse:
    """What sign-ins and calls of Graph say of the use of APIs: who asked for tokens, and for what."""

    def __init__(
        self, rows: Iterable[UsageRow], callers: Callers, logs: Logs, graph: GraphUse, *, lost: bool
    ) -> None:
        self._graph = graph
        self._asked: dict[str, set[str]] = {}
        for row in rows:
            if row.operation == SIGN_IN:
                targets = self._asked.setdefault(callers.resolve(row.identity), set())
                targets |= {row.resource.lower(), row.workload.lower()} - {""}
        self._whole = {
            kind: not lost
            and any(not logs.gap(span) for (_, seen, _), span in logs.classes.items() if seen == kind)
            for kind in (SERVICE_PRINCIPAL, MANAGED_IDENTITY, GRAPH_ACTIVITY)
        }

    def blind(self, inventory: Inventory, right: Right) -> Reason | None:
        """Return why use of a right could not have been seen; None when its absence is told for certain.

        Without a token for an API nothing can be called there: a principal that signed in to others only,
        or never, in a log that spans the window did not use its permissions. Where it called Graph, and the
        log of those calls spans the window, it used none but those that let them through.
        """
        shared = _INHERITED if right.blueprint else _SHARED if right.shared else None
        never = shared if right.form == APP_ROLE else _NEVER_SEEN.get(right.form)
        if never is not None:
            return never
        asked = _asked_for(right, inventory, self._asked.get(right.identity, set()))
        if right.api == GRAPH:
            called = self._graph.called(right.identity)
            told = self._by_calls(right, asked=asked, called=called)
            if told is not None or called:
                return told
        elif asked:
            return (
                "api-permission-not-told",
                f"it asked for tokens of {right.api} in the window, and no log says which permission it used",
                "ask the owner of the API which calls its permissions are for",
            )
        if self._whole[_sign_ins_of(right.identity, inventory)]:
            return None
        reason = f"only sign-in logs say whether it asked for tokens of {right.api}; {_NO_SIGN_INS}"
        return "sign-ins-missing", reason, _EXPORT_SIGN_INS

    def _by_calls(self, right: Right, *, asked: bool, called: bool) -> Reason | None:
        """Return why the calls of Graph leave a role open; None where they rule it out, or there are none."""
        told = self._graph.hidden(right.identity, right.names[0].removeprefix(GRAPH_ROLE))
        if told is not None:
            return told
        reason = ""
        if (called or asked) and not self._whole[GRAPH_ACTIVITY]:
            how = "called" if called else "asked for tokens of"
            reason = f"it {how} Microsoft Graph in the window, and the log of such calls does not span it"
        elif asked and not called:
            reason = "it asked for tokens of Microsoft Graph, and the log of calls of Graph shows none by it"
        return ("graph-activity-missing", reason, _EXPORT_GRAPH) if reason else None


def _asked_for(right: Right, inventory: Inventory, asked: set[str]) -> bool:
    """Return whether a principal asked for tokens of an API, by whatever the log calls it."""
    api = inventory.principals.get(right.scope)
    names = {right.scope, right.api.removeprefix("api:").lower()}
    if api is not None:
        names |= {text(api.data.get("displayname")).lower(), principal(api.data.get("appid"))}
    if right.api == GRAPH:
        names |= {"microsoft graph", GRAPH_APPLICATION}
    return bool(asked & (names - {""}))


def _sign_ins_of(identity: str, inventory: Inventory) -> str:
    """Return in which sign-in log a principal stands."""
    known = inventory.principals.get(identity)
    kind = text(known.data.get("serviceprincipaltype")).lower() if known is not None else ""
    return MANAGED_IDENTITY if kind == "managedidentity" else SERVICE_PRINCIPAL
