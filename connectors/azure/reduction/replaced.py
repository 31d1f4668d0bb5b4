"""Plan the removal of secrets in whose place a workload already proves itself by federation.

A managed identity that stands for an application is a federation too: the subject of its token is the
identity.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from connectors.azure.ids import fields, guid, mappings, principal, text
from connectors.azure.reduction.by_hand import KINDS, key_holder, lasting
from connectors.azure.reduction.desk import Desk
from connectors.azure.remediation.cli import new_credential
from connectors.azure.usage.sign_ins import SERVICE_PRINCIPAL
from connectors.facts import Credential
from connectors.reduction import Change, Question

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_SETTLED = timedelta(days=30)
"""A workload that was moved to federation is taken to have left its secret behind after so long."""


def replaced_steps(question: Question, desk: Desk) -> tuple[list[Change], list[str]]:
    """Return the steps that remove secrets and certificates which a federation replaced, and what to look at.

    Only where the federation is in the evidence and signed in. A secret that was used within thirty days, or
    after the last sign-in by federation, stays: the document with the commands of both ways is for that one.
    """
    trusted = list(_federations(question.identity, desk))
    ways = [one for one in desk.credentials.get(question.identity, ()) if one.kind == "federated"]
    since = max((one.last_used for one in ways), default="")
    if not question.trust or not trusted or not since:
        return [], []
    steps, said = [], []
    for one in lasting(question, desk):
        holder = key_holder(question.identity, one.id, desk)
        if not guid(one.id) or not guid(holder.partition(":")[2]) or not _is_replaced(one, since, desk):
            continue
        step = Change(KINDS[one.kind], question.identity, one.id, "", "", holder)
        steps.append(step)
        said.append(
            f"The {one.kind} {one.id} is removed, because {' and '.join(trusted)} can stand in its place: "
            f"{_seen(one, since)}. Look that the workload no longer has it; it cannot be brought back, only "
            f"replaced by a new one ({new_credential(step)})."
        )
    return steps, said


def proven_unused(question: Question, desk: Desk) -> frozenset[str]:
    """Return the credentials to be removed of which sign-ins of the whole window show that nobody used them.

    Sign-ins of users name no secret of the application through which they came: nothing is proved of an
    application that users sign in to, or that acts for them.
    """
    spans = [span for (_, kind, _), span in desk.logs.classes.items() if kind == SERVICE_PRINCIPAL]
    whole = bool(spans) and not any(desk.logs.gap(span) for span in spans)
    if not whole or "sign_in_logs" in desk.unread or _acts_for_users(question.identity, desk):
        return frozenset()
    return frozenset(question.credentials)


def _is_replaced(one: Credential, since: str, desk: Desk) -> bool:
    settled = (desk.window.end - _SETTLED).strftime(_TIME)
    if one.created >= settled:
        return False
    return not one.last_used or one.last_used < min(since, settled)


def _seen(one: Credential, since: str) -> str:
    last = one.last_used[:10]
    used = f"last sign-in with it {last}" if last else "no sign-in with it is on record"
    return f"{used}, the last by federation {since[:10]}"


def _federations(identity: str, desk: Desk) -> Iterator[str]:
    """Yield the federations of an application and its service principal in words."""
    for data in _records(identity, desk):
        for raw in mappings(data.get("federatedidentitycredentials")):
            one = fields(raw)
            subject = text(one.get("subject"))
            managed = desk.inventory.principals.get(principal(subject))
            if managed is not None:
                name = text(managed.data.get("displayname")) or subject
                yield f"the managed identity {name}"
            elif subject and text(one.get("issuer")):
                yield f"the federation with {text(one.get('issuer'))} {subject}"


def _records(identity: str, desk: Desk) -> Iterator[Mapping[str, Any]]:
    """Yield the records of a service principal and of its application, as far as the evidence has them."""
    held = desk.inventory.principals.get(identity)
    if held is None:
        return
    yield held.data
    application = desk.inventory.applications.get(principal(held.data.get("appid")))
    if application is not None:
        yield application.data


def _acts_for_users(identity: str, desk: Desk) -> bool:
    """Return whether an application has addresses to send users back to, or permissions to act for them."""
    for data in _records(identity, desk):
        places = [data, *(fields(data[key]) for key in _CLIENTS if isinstance(data.get(key), Mapping))]
        if any(place.get(key) for place in places for key in ("replyurls", "redirecturis")):
            return True
    grants = desk.inventory.directory.get("delegated_grants", ())
    return any(principal(one.data.get("clientid")) == identity for one in grants)


_CLIENTS = ("web", "spa", "publicclient")
