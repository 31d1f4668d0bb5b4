"""Plan the steps from what one identity holds to what it needs, in an order that never cuts too early.

What is new is attached before what it replaces is detached. A document that others hold too is never edited:
the identity gets a trimmed one of its own.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from connectors.aws.arns import parse_arn
from connectors.aws.identities.credentials import ACCESS_KEY, API_KEY
from connectors.aws.inventory import Holder
from connectors.aws.policy.conditions import Context
from connectors.aws.policy.document import parse_document
from connectors.aws.policy.statements import Held, hold
from connectors.aws.reduction.desk import Desk
from connectors.aws.reduction.quotas import ATTACHED, MANAGED_SIZE, inline_room
from connectors.aws.reduction.rebuild import rebuild, seen_resources
from connectors.aws.reduction.split import split
from connectors.aws.reduction.standing import Access, Kind, access_of, apply, deny_all
from connectors.aws.reduction.trim import Trimmed, Trimmer, trim
from connectors.aws.reduction.trust import narrow_trust
from connectors.aws.trust.principal import principal_context
from connectors.aws.usage.events import LONG_TERM_API_KEY
from connectors.facts import Window
from connectors.reduction import Change, Question, Stay

KEEP_TAG = "entdrift:keep"
"""An identity with this tag (any value but `false`) is never reduced: the owner's opt-out."""


@dataclass
class Plan:
    """The steps for one identity, the reasons for what stays, and notes for people."""

    holder: Holder
    access: Access
    context: Context
    changes: list[Change] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def plan(holder: Holder, question: Question, desk: Desk) -> Plan:
    """Return the steps that take the removable permissions and credentials from one identity."""
    access = access_of(holder, desk.originals, desk.groups)
    found = Plan(holder, access, principal_context(holder, desk.window))
    if holder.tags.get(KEEP_TAG, "false").lower() != "false":
        found.stays.append(Stay(question.remove, "opted-out", f"the identity is tagged {KEEP_TAG}"))
        return found
    if question.idle and _may_be_disabled(holder, question, desk.window):
        _disable(found)
    elif question.rebuild:
        _Planner(found, question, desk).rebuilt()
    elif question.remove:
        _Planner(found, question, desk).policies()
    if question.trust and not question.idle and holder.kind == "role":
        narrowed = narrow_trust(access.trust, desk.taken.get(holder.arn, set()))
        if narrowed:
            found.changes.append(
                Change(Kind.NARROW_TRUST, holder.arn, "trust policy", access.trust, narrowed)
            )
    _credentials(found, question, desk.kinds)
    found.changes = _with_what_is_left(access, found.changes)
    return found


def _with_what_is_left(access: Access, changes: Sequence[Change]) -> list[Change]:
    """Note on each step that takes something away what is left of its kind when all steps are made."""
    for change in changes:
        access = apply(access, change)
    left = {
        Kind.DETACH: json.dumps(sorted(access.attached)),
        Kind.DELETE_INLINE: json.dumps(sorted(access.inline)),
    }
    return [
        replace(change, note=left[Kind(change.kind)]) if Kind(change.kind) in left else change
        for change in changes
    ]


def _may_be_disabled(holder: Holder, question: Question, window: Window) -> bool:
    """Tell whether nothing can hide use: all it holds would be seen, or IAM itself saw no use for as long."""
    if not question.unseen:
        return True
    return holder.kind == "role" and "" < holder.last_used < window.start.strftime("%Y-%m-%dT%H:%M:%SZ")


def _disable(found: Plan) -> None:
    arn = parse_arn(found.holder.arn)
    boundary = deny_all(arn.partition if arn else "aws")
    if found.access.boundary == boundary:
        return
    found.changes.append(
        Change(Kind.SET_BOUNDARY, found.holder.arn, "boundary", found.access.boundary, boundary)
    )
    found.notes.append(
        f"Disabled, not deleted: when nobody has missed this {found.holder.kind} for a full business cycle, "
        f"delete it with its policies and credentials."
    )


def _credentials(found: Plan, question: Question, kinds: Mapping[tuple[str, str], str]) -> None:
    for name in question.credentials:
        kind = kinds.get((found.holder.arn, name), "")
        note = ""
        if kind == ACCESS_KEY and not name.startswith("access-key-"):
            step = Kind.DEACTIVATE_KEY
        elif (kind == API_KEY and name != LONG_TERM_API_KEY) or kind.endswith("-credential"):
            step = Kind.DEACTIVATE_CREDENTIAL
            service = "bedrock" if kind == API_KEY else kind.removesuffix("-credential")
            note = f"{service}.amazonaws.com"
        else:
            found.notes.append(f"Deactivate {name} by hand: the evidence does not hold its id.")
            continue
        found.changes.append(Change(step, found.holder.arn, name, "Active", "Inactive", note))


class _Planner:
    """Works through the policies of one identity."""

    def __init__(self, found: Plan, question: Question, desk: Desk) -> None:
        self._found, self._desk, self._question = found, desk, question
        self._holder, self._access = found.holder, found.access
        seen = desk.catalogue.permissions.mask(row.permission for row in question.usage)
        self._trimmer = Trimmer(question.remove, seen, found.context, desk.compressor)
        self._first: list[Change] = []
        self._then: list[Change] = []
        self._room = ATTACHED - len(found.access.attached)

    def policies(self) -> None:
        """Plan own inline policies, attached ones and group memberships, in this order."""
        self._inline()
        for policy in dict.fromkeys(self._holder.attached):
            text = self._access.attached.get(policy.arn)
            if text is not None:
                self._attached(policy.arn, policy.name or policy.arn.rpartition("/")[2], text)
        for name in self._access.groups:
            self._group(name)
        self._found.changes += [*self._first, *self._then]

    def rebuilt(self) -> None:
        """Plan fresh documents in the place of all that can be read; what cannot be read stays."""
        trimmer, question = self._trimmer, self._question
        texts: list[str] = []
        for name, text in self._access.inline.items():
            texts.append(text)
            self._then.append(Change(Kind.DELETE_INLINE, self._holder.arn, name, text))
        for arn, held in self._access.attached.items():
            if held is not None:
                texts.append(held)
                self._then.append(Change(Kind.DETACH, self._holder.arn, arn, held))
        for name, group in self._access.groups.items():
            readable = [text for text in group if text is not None]
            if len(readable) == len(group):
                texts += readable
                listed = json.dumps([_json(text) for text in readable], ensure_ascii=False)
                self._then.append(Change(Kind.LEAVE_GROUP, self._holder.arn, name, listed))
        if any(parse_document(text).problems for text in texts):
            reason = "a document has a statement that is not understood, so it cannot be written anew"
            self._found.stays.append(Stay(question.remove, "not-understood", reason))
            return
        documents = [(json.loads(text), self._held(text)) for text in texts]
        fresh = rebuild(documents, trimmer, seen_resources(question.usage), question.blind)
        pieces = [piece for one in fresh for piece in split(one, MANAGED_SIZE)]
        fits = all(split(one, MANAGED_SIZE) for one in fresh)
        if not fits or len(pieces) > self._room:
            reason = f"written anew it needs {len(pieces)} policies and there is room for {self._room}"
            if not fits:
                reason = (
                    f"written anew one statement (NotAction or Deny, which cannot be split) is larger than "
                    f"the {MANAGED_SIZE:,} characters of a managed policy; without --rebuild it may fit"
                )
            self._found.stays.append(Stay(question.remove, "no-room", reason))
            return
        for piece in pieces:
            self._attach_new("rebuilt", json.dumps(piece, indent=2, ensure_ascii=False))
        self._found.changes += [*self._first, *self._then]

    def _held(self, text: str) -> list[Held]:
        clauses = self._desk.binder.clauses(parse_document(text))
        return [hold(clause, self._found.context) for clause in clauses]

    def _inline(self) -> None:
        present = dict(self._access.inline)
        for name, text in self._access.inline.items():
            trimmed = self._trim(text, inline_room(self._holder.kind, present, name))
            if not trimmed.changed:
                continue
            after = trimmed.text
            kind = Kind.PUT_INLINE if after else Kind.DELETE_INLINE
            present = {**present, name: after} if after else {n: t for n, t in present.items() if n != name}
            self._then.append(Change(kind, self._holder.arn, name, text, after))

    def _attached(self, arn: str, name: str, text: str) -> None:
        exact = self._trim(text, None)
        if not exact.changed:
            return
        if exact.document is None:
            self._then.append(Change(Kind.DETACH, self._holder.arn, arn, text))
            return
        pieces = self._fitting(exact, text)
        if not pieces:
            return
        own = self._desk.is_own(arn)
        for number, piece in enumerate(pieces):
            whole = piece is exact.document
            after = exact.text if whole else json.dumps(piece, indent=2, ensure_ascii=False)
            if own and number == 0:
                version = self._desk.originals.managed[arn].versions[0]
                self._first.append(Change(Kind.NEW_VERSION, self._holder.arn, arn, text, after, version))
            else:
                self._attach_new(name, after)
        if not own:
            self._then.append(Change(Kind.DETACH, self._holder.arn, arn, text))

    def _fitting(self, exact: Trimmed, text: str) -> Sequence[Mapping[str, object]]:
        """Return the document, split into several or grouped where one would be too large; none: leave it."""
        if exact.document is None or exact.size <= MANAGED_SIZE:
            return [exact.document] if exact.document is not None else []
        pieces = split(exact.document, MANAGED_SIZE)
        if pieces and len(pieces) <= self._room:
            return pieces
        grouped = self._trim(text, MANAGED_SIZE)
        if not grouped.changed or grouped.document is None or grouped.size > MANAGED_SIZE:
            return []
        return [grouped.document]

    def _attach_new(self, name: str, text: str) -> None:
        arn = self._desk.new_policy(self._holder, name)
        self._first.append(Change(Kind.ATTACH_NEW, self._holder.arn, arn, "", text))
        self._room -= 1

    def _group(self, name: str) -> None:
        """Replace a membership by trimmed policies of the user's own, when the group gives what goes."""
        group = self._desk.groups.get((self._holder.account, name))
        if group is None or None in self._access.groups[name]:
            return
        documents = list(self._of_group(group))
        trimmed = [(policy, arn, text, self._trim(text, MANAGED_SIZE)) for policy, arn, text in documents]
        if not any(one.changed for *_, one in trimmed):
            return
        wanted = [
            (policy, arn, text, one)
            for policy, arn, text, one in trimmed
            if one.document is not None and arn not in self._access.attached
        ]
        if len(wanted) > self._room:
            reason = f"group {name} gives it; {len(wanted)} policies in its place would not fit the user"
            self._found.stays.append(Stay(self._trimmer.remove, "no-room", reason))
            return
        for policy, arn, text, one in wanted:
            if arn and not one.changed:
                self._first.append(Change(Kind.ATTACH, self._holder.arn, arn, "", text))
                self._room -= 1
            else:
                self._attach_new(policy, one.text)
        held = json.dumps([_json(text) for _, _, text in documents], ensure_ascii=False)
        self._then.append(Change(Kind.LEAVE_GROUP, self._holder.arn, name, held))
        self._found.notes.append(
            f"Out of group {name}: later changes to the group's policies no longer reach this user."
        )

    def _of_group(self, group: Holder) -> Iterator[tuple[str, str, str]]:
        for policy, text in self._desk.originals.inline.get(group.arn, {}).items():
            yield policy, "", text
        for attached in dict.fromkeys(group.attached):
            original = self._desk.originals.managed[attached.arn]
            yield attached.name or attached.arn.rpartition("/")[2], attached.arn, original.text

    def _trim(self, text: str, largest: int | None) -> Trimmed:
        held = self._held(text)
        named = 0
        for one in held:
            named |= one.clause.named
        trimmer = self._trimmer
        key = (
            text,
            trimmer.remove & named,
            trimmer.seen & named,
            largest,
            tuple(one.applies for one in held),
        )
        # Policy variables make a document mean something else for each identity.
        trimmed = self._desk.trimmed.get(key) if "${" not in text else None
        if trimmed is None:
            try:
                raw = json.loads(text)
            except ValueError:
                return Trimmed({}, changed=False)
            trimmed = self._desk.trimmed[key] = trim(raw, held, trimmer, largest=largest)
        self._found.stays += trimmed.stays
        return trimmed


def _json(text: str) -> object:
    """Return a document's value; a text that is no JSON stays a text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
