"""Say what people have to do themselves: secrets that can go or be replaced, access through groups."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from connectors.azure.ids import fields as flat
from connectors.azure.ids import guid, mappings, principal
from connectors.azure.reduction.claims import counted, short
from connectors.azure.reduction.desk import Desk
from connectors.azure.reduction.standing import Kind
from connectors.facts import Credential
from connectors.reduction import Change, Question
from connectors.shell import quote

KINDS = {"client-secret": Kind.REMOVE_SECRET, "certificate": Kind.REMOVE_CERTIFICATE}


def credential_steps(question: Question, desk: Desk) -> tuple[list[Change], list[str]]:
    """Return the steps that remove unused secrets and certificates, and what to do by hand about others."""
    steps, said = [], []
    kinds = {one.id: one.kind for one in desk.credentials.get(question.identity, ())}
    for name in question.credentials:
        kind = KINDS.get(kinds.get(name, ""))
        holder = key_holder(question.identity, name, desk)
        if kind is None or not guid(holder.partition(":")[2]) or not guid(name):
            said.append(f"Remove {name} by hand: the evidence does not say where it is kept.")
            continue
        steps.append(Change(kind, question.identity, name, "", "", holder))
    if steps:
        said.append(
            "A removed secret or certificate cannot be brought back. In doubt let it expire, or make a new "
            "one first: az ad app credential reset --append."
        )
    return steps, said


def key_holder(identity: str, key: str, desk: Desk) -> str:
    """Return `app:<application id>` or `sp:<object id>`: where a key is kept; "" when that is unknown."""
    held = desk.inventory.principals.get(identity)
    if held is None:
        return ""
    application = principal(held.data.get("appid"))
    kept = desk.inventory.applications.get(application)
    if kept is not None and key in _keys(kept.data):
        return f"app:{application}"
    return f"sp:{identity}" if key in _keys(held.data) else ""


def _keys(data: Mapping[str, Any]) -> set[str]:
    return {
        guid(flat(raw).get("keyid"))
        for part in ("passwordcredentials", "keycredentials")
        for raw in mappings(data.get(part))
    }


def notes(question: Question, desk: Desk, steps: Iterable[Change]) -> Iterator[str]:
    """Yield what a reviewer has to know or to do by hand beside the steps."""
    yield from _through_groups(question, desk)
    yield from _secrets(question, desk, steps)


def _through_groups(question: Question, desk: Desk) -> Iterator[str]:
    held = desk.through.get(question.identity, ())
    if held:
        roles = sorted(
            {
                f"{definition.name if definition else one.role or one.definition} on {short(one.scope)}"
                for one in held
                for definition in [desk.roles.definition(one)]
            }
        )
        yield (
            f"Left as it is, because other members hold it too: {', '.join(roles)} through groups. To end "
            "that, take the identity out of the group."
        )


def lasting(question: Question, desk: Desk, steps: Iterable[Change] = ()) -> list[Credential]:
    """Return the secrets and certificates that work, are neither asked to go nor gone with the steps."""
    gone = {*question.credentials, *(change.target for change in steps)}
    return [
        one
        for one in desk.credentials.get(question.identity, ())
        if one.long_lived and one.kind in KINDS and one.status != "expired" and one.id not in gone
    ]


def _secrets(question: Question, desk: Desk, steps: Iterable[Change]) -> Iterator[str]:
    """Yield how secrets and certificates that stay are replaced by something that nobody can carry away."""
    stays = lasting(question, desk, steps)
    if not stays:
        return
    held = desk.inventory.principals.get(question.identity)
    application = principal(held.data.get("appid")) if held else ""
    named = quote(application or "APPLICATION_ID")
    kept = counted(len(stays), "secret or certificate")
    yield (
        f"{kept} in use or not known to be unused. On Azure a workload needs none: a managed identity with "
        "these roles (az identity create, then --assign-identity on the resource). One that runs "
        "elsewhere proves itself by federation: az ad app federated-credential create --id "
        f'{named} --parameters \'{{"name": "workload", "issuer": "ISSUER", "subject": "SUBJECT", '
        '"audiences": ["api://AzureADTokenExchange"]}\'. '
        f"When sign-ins use it, remove the old one: az ad app credential delete --id {named} --key-id KEY_ID."
    )
