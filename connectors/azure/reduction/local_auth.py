"""Switch off the keys of accounts whose keys an identity may fetch, where logs show that nobody uses them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from connectors.azure.catalog.tables import catalogue
from connectors.azure.coverage.services import services
from connectors.azure.coverage.settings import settings_on
from connectors.azure.ids import fields, holds, resource_id, subscription, text
from connectors.azure.reduction.claims import short
from connectors.azure.reduction.desk import Desk
from connectors.azure.reduction.standing import Kind, document
from connectors.azure.remediation.cli import switch_words
from connectors.azure.trust.keys import keys_work, linked_with
from connectors.reduction import Change, Question
from connectors.shell import line

_MOST_ACCOUNTS = 3
_ONLY_KEYS = ("mongodb", "enablemongo", "enablecassandra", "enablegremlin", "enabletable")
"""Kinds and capabilities of Cosmos DB accounts whose API has nothing but keys."""


def local_auth_steps(question: Question, desk: Desk) -> tuple[list[Change], list[str]]:
    """Return the steps that switch keys off, and what is to be looked at first where logs do not allow them.

    A step needs that every call with a key would have been logged and none was, for the whole window: it
    takes the keys from everybody. What is left is said; what stays open about a step is `key_doubt`.
    """
    steps, said = [], []
    for account in _accounts():
        found = list(_open(question, account, desk))
        ready = [one for one in found if not _used(one, desk) and _watched(one, account, desk)]
        steps += [_step(question.identity, one, account, desk) for one in ready]
        left = [one for one in found if one not in ready]
        said += [_note(one, account, desk) for one in left[:_MOST_ACCOUNTS]]
        if len(left) > _MOST_ACCOUNTS:
            said.append(
                f"The keys of {len(left) - _MOST_ACCOUNTS} more accounts can be fetched with "
                f"{account['operation']}: the same goes for them."
            )
    if steps:
        names = ", ".join(short(step.target.lower()) for step in steps)
        said.append(
            f"Keys are switched off for everybody at {names}: no call with one is in the logs of the window."
        )
    return steps, said


def key_doubt(changes: Iterable[Change], desk: Desk) -> str:
    """Return why switching keys off may cut somebody who left no trace; "" where nothing may, or none are.

    It takes the keys from every caller. That nobody uses one takes logs of the whole window without such a
    call (no step is planned otherwise), and a list of who may have one stored.
    """
    accounts = [change.target.lower() for change in changes if change.kind == Kind.SWITCH_OFF_KEYS]
    missing = _unread_holders(desk) if accounts else ""
    fetched = max((when for resource, when in desk.fetched if resource in accounts), default="")
    if not missing and not fetched:
        return ""
    missing = missing or f"keys were fetched in the window, last on {fetched[:10]}"
    names = ", ".join(short(one) for one in accounts)
    return (
        f"switching off the keys of {names} affects every caller, not this identity alone, and who has a key "
        f"stored is not known: {missing}"
    )


_READ_WHOLE = ("resources", "resource_logs", "diagnostic_settings", "activity_logs")
_CONNECTED = (
    "microsoft.cognitiveservices/accounts",
    "microsoft.cognitiveservices/accounts/projects",
    "microsoft.machinelearningservices/workspaces",
)
_SETTINGS = ("appsettings", "environmentvariables")


def _unread_holders(desk: Desk) -> str:
    """Return in words which lists of connections and settings that may hold a key are not in the evidence."""
    unread = [part for part in _READ_WHOLE if part in desk.unread]
    if unread:
        return f"{', '.join(unread)} could not be read whole"
    resources = desk.inventory.resources
    kinds = {text(one.data.get("type")).lower() for one in resources.values()}
    found = []
    if kinds.intersection(_CONNECTED) and not any("/connections/" in one for one in resources):
        found.append("the evidence has no connection of AI accounts, projects and workspaces")
    apps = [
        short(identifier)
        for identifier, one in sorted(resources.items())
        if text(one.data.get("type")).lower() == "microsoft.web/sites" and not _shows_settings(one.data)
    ]
    if apps:
        more = ", …" if len(apps) > _MOST_ACCOUNTS else ""
        found.append(f"the settings of {', '.join(apps[:_MOST_ACCOUNTS])}{more} are not in the evidence")
    return "; ".join(found)


def _shows_settings(data: Mapping[str, Any]) -> bool:
    """Return whether a web app's record names its settings: Resource Manager's lists leave them out."""
    inner = fields(data["siteconfig"]) if isinstance(data.get("siteconfig"), Mapping) else {}
    return any(held.get(name) for held in (data, inner) for name in _SETTINGS)


def _accounts() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = catalogue("keys")["account"]
    return found


def _open(question: Question, account: Mapping[str, Any], desk: Desk) -> Iterator[str]:
    """Yield the accounts of one kind that accept keys and whose keys the identity may fetch."""
    operations = (account["operation"], *account.get("more", ()))
    lists = [
        one
        for one in desk.own.get(question.identity, ())
        if any(desk.roles.gives(one, operation) for operation in operations)
    ]
    for identifier in desk.typed.get(account["resource_type"], ()) if lists else ():
        data = desk.inventory.resources[identifier].data
        reached = any(holds(held.scope, identifier) is True for held in lists)
        if reached and keys_work(account, data) and not _needs_keys(data):
            yield identifier


def _needs_keys(data: Mapping[str, Any]) -> bool:
    told = f"{text(data.get('kind'))} {json.dumps(data.get('capabilities') or [])}".lower()
    return any(word in told for word in _ONLY_KEYS)


def _used(identifier: str, desk: Desk) -> str:
    """Return when a key of an account was last used; also "stored" where a connection holds one."""
    used = [when for resource, when in desk.keyed if f"{resource}/".startswith(identifier + "/")]
    if used:
        return max(used)
    links = (linked_with(one.data) for one in desk.inventory.resources.values() if "authinfo" in one.data)
    if any(
        f"{resource_id(target)}/".startswith(f"{identifier}/") and kind == "secret" for target, kind in links
    ):
        return "stored"
    name = identifier.rsplit("/", 1)[-1]
    targets = (
        text(one.data.get("target")).lower()
        for other, one in desk.inventory.resources.items()
        if "/connections/" in other and text(one.data.get("authtype")).lower() not in ("", "aad", "none")
    )
    return "stored" if any(f"//{name}." in target for target in targets) else ""


def _watched(identifier: str, account: Mapping[str, Any], desk: Desk) -> bool:
    """Return whether every call with a key of an account would stand in the logs given.

    Each category of each of its services has to be on and in the evidence for the whole window.
    """
    on = settings_on(desk.inventory)
    mine = [one for one in services() if one.resource_type == account["resource_type"]]
    for service in mine:
        target = identifier + service.setting_on
        enabled = on.get(identifier, set()) | on.get(target, set())
        for category in {name.lower() for name in service.categories.values()}:
            names = {category, "alllogs", *(("audit",) if service.in_audit_group else ())}
            seen = desk.logs.classes.get((subscription(identifier), category, target))
            changed = {identifier, target} & set(desk.changed)
            if not enabled & names or seen is None or desk.logs.gap(seen) or changed:
                return False
    return bool(mine) and any(service.names_caller for service in mine)


def _step(identity: str, identifier: str, account: Mapping[str, Any], desk: Desk) -> Change:
    written = desk.spelling.of(identifier)
    old = desk.inventory.resources[identifier].data.get(str(account["switch"]))
    held = {"id": written, "name": written.rsplit("/", 1)[-1], "type": account["type"]}
    before = {**held, "properties": {account["property"]: old}}
    after = {**held, "properties": {account["property"]: _off(account)}}
    return Change(
        Kind.SWITCH_OFF_KEYS, identity, written, document(before), document(after), account["version"]
    )


def _off(account: Mapping[str, Any]) -> bool:
    return not account["on"] if "on" in account else bool(account["off"])


def _note(identifier: str, account: Mapping[str, Any], desk: Desk) -> str:
    """Return what is known of the use of an account's keys, and the command that switches them off."""
    words = switch_words(desk.spelling.of(identifier), account["property"], _off(account))
    command = line(words)
    what = f"The keys of {short(identifier)} open it without any role, and this identity may fetch them"
    used = _used(identifier, desk)
    if used == "stored":
        return f"{what}. A connection signs in with a stored key: give its identity roles, then: {command}"
    if used:
        return f"{what}. They are in use (last {used}): move their users to roles, then: {command}"
    return (
        f"{what}. Review: logs cannot show whether keys are used today; switch on its diagnostic settings, "
        f"and when no call with a key appears: {command}"
    )
