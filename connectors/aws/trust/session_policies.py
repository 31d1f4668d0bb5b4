"""Read the policies that sessions were issued with, and say which roles were taken with less than they hold.

A session policy limits one session and gives nothing (IAM user guide, "Session policies"). What a role holds
is not narrowed by it: whoever takes the role may leave it out. But a call refused in such a session says
nothing about the role.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from connectors.aws.arns import account_of
from connectors.aws.policy.document import Document, parse_document
from connectors.aws.usage.passed_roles import parsed
from connectors.facts import Caveat
from connectors.logs.rows import UsageRow

ISSUING = (":AssumeRole", ":AssumeRoleWithSAML", ":AssumeRoleWithWebIdentity", ":GetFederationToken")
"""Operations that issue sessions and can be given a policy for them."""
_SHOWN = 120
_NAMED = 3
_SERVICE_ROLES = ":role/aws-service-role/"


def session_policy(parameters: bytes) -> str:
    """Return what a session was limited to, in words that are equal for policies of one shape.

    Empty without a session policy. The shape are the actions of the inline policy and the managed policies.
    Resources and conditions are left out: they often name the tenant or the job, and rows would never repeat.
    """
    if b'"policy' not in parameters:
        return ""
    values = parsed(parameters)
    if not isinstance(values, Mapping):
        return ""
    inline, listed = values.get("policy"), values.get("policyArns")
    parts = sorted(_actions(parse_document(inline))) if isinstance(inline, str | Mapping) and inline else []
    parts += sorted(_arns(listed))
    if not parts:
        return ""
    text = "; ".join(parts)
    if len(text) <= _SHOWN:
        return text
    digest = blake2b(text.encode("utf-8", "replace"), digest_size=4).hexdigest()
    return f"{text[:_SHOWN]}… ({len(parts)} parts, {digest})"


def _actions(document: Document) -> set[str]:
    if document.problems or not document.statements:
        return {"a policy that could not be read"}
    return {
        f"{one.effect.value} {'all but ' if one.not_actions else ''}{', '.join(sorted(one.actions))}"
        for one in document.statements
    }


def _arns(listed: Any) -> set[str]:
    items = listed if isinstance(listed, list) else []
    found = (one.get("arn") if isinstance(one, Mapping) else one for one in items)
    return {one for one in found if isinstance(one, str)}


@dataclass
class Sessions:
    """The sessions of one identity: how many were issued, and how many of them with which policy."""

    issued: int = 0
    limited: Counter[str] = field(default_factory=Counter)

    def add(self, policy: str, count: int) -> None:
        """Count sessions issued with a policy, or with none."""
        self.issued += count
        if policy:
            self.limited[policy] += count


def issued_for(row: UsageRow) -> str:
    """Return the identity whose sessions a row issued; empty for other rows.

    A call from another account is recorded in both; it counts where the role is.
    """
    if row.outcome == "denied" or row.permission or not row.operation.endswith(ISSUING):
        return ""
    if row.operation.endswith(":GetFederationToken"):
        return row.identity
    return row.resource if account_of(row.resource) == row.account else ""


def session_caveats(
    sessions: Mapping[str, Sessions], refused: Mapping[str, Counter[str]]
) -> Iterator[Caveat]:
    """Yield for each identity what session policies its sessions had, and what they refused."""
    for identity, held in sorted(sessions.items()):
        limited = held.limited.total()
        if not limited or _SERVICE_ROLES in identity:
            continue
        whole = limited == held.issued and len(held.limited) == 1
        count = "all" if limited == held.issued else f"{limited:,} of"
        what = f"{count} {held.issued:,} sessions seen of this identity were limited by session policies"
        shapes = ", ".join(f"[{text}]" for text, _ in _ranked(held.limited)[:_NAMED])
        more = f" and {len(held.limited) - _NAMED} others" if len(held.limited) > _NAMED else ""
        effect = (
            "they held less than the role: a call refused in one of them does not show that the role lacks "
            f"it, and nothing is narrowed for them. They were limited to {shapes}{more}"
        )
        if whole:
            effect += ". All by one: what the role holds beyond it, no session seen could use"
        yield Caveat(what, identity, effect)
    for identity, names in sorted(refused.items()):
        shown = ", ".join(name for name, _ in _ranked(names)[:_NAMED])
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield Caveat(
            f"{names.total():,} calls were refused by a session policy, as the log says ({shown}{more})",
            identity,
            "the session was limited, not the identity: it may hold these permissions all the same",
        )


def _ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    """Return counts from the largest, by name where equal."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
