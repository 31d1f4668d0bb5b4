"""Take permissions on APIs (app role assignments) away that were certainly not used."""

from collections.abc import Iterator

from connectors.azure.ids import guid, text
from connectors.azure.reduction.desk import Desk
from connectors.azure.reduction.standing import Kind, document
from connectors.azure.usage.api_use import APP_ROLE
from connectors.reduction import Change, Question


def app_role_steps(question: Question, desk: Desk) -> Iterator[Change]:
    """Yield a step for each app role of the identity's own that may go as a whole.

    Logs of the whole window make one unused: no token was asked for its API, or no call of Graph needed it.
    """
    records = {
        text(held.data.get("id")): held.data
        for held in desk.inventory.directory.get("app_role_assignments", ())
    }
    for grant in desk.beside.get(question.identity, ()):
        held = records.get(grant.id)
        if held is None or grant.shared or not grant.source.startswith(APP_ROLE):
            continue
        if not grant.permissions or grant.permissions & ~question.remove:
            continue
        who, api, role = (text(held.get(key)) for key in ("principalid", "resourceid", "approleid"))
        if not (guid(who) and guid(api) and guid(role)):
            continue
        body = {"principalId": who, "resourceId": api, "appRoleId": role}
        before = document({"id": grant.id, "name": grant.name, "properties": body})
        yield Change(Kind.REMOVE_APP_ROLE, question.identity, grant.id, before)
