"""Write the body of a ticket for many identities: the one change that mends most, then what differs."""

import shlex
from collections.abc import Sequence

from reports import escape
from reports.document import SEVERITIES, FindingEntry, GroupEntry, GroupVariant, IdentityEntry, SourceEntry
from reports.groups.grouping import unused_everywhere, unused_somewhere, unused_where_seen
from reports.groups.shapes import ACCOUNT, MADE_UP
from reports.overview import counted, first_of, is_open, spread
from reports.tickets.block import Block, write
from reports.tickets.body import BODY_LIMIT, assemble
from reports.tickets.changes import services_table
from reports.tickets.evidence import sources
from reports.tickets.removals import Removal, offers_removal
from reports.tickets.units import Part, Plan, Unit, everywhere
from reports.tickets.wording import ROWS, code, left_out, text, window

_ACCOUNTS = 400
"""Account ids that one list in a ticket names."""
_OWNERS, _LOOP, _SENTENCE = 8, 12, 240
_CHECKED = "Put the account's own id in its place; its claims were checked in that account alone."
_SEE_FIRST = "bring their logs, or switch them on, before you take these out of the template."
_SETTLE = "Settle that before the template is changed."
_NOBODY = "nobody is named as owner: find one before you change anything"
_CHECK = "Check what is missing before you remove anything."
_TEMPLATE = (
    "Where one template writes it (a StackSet, a Terraform module), change the template, and only by what is "
    "unused in all: a change in one account alone is undone by its next deployment. Otherwise apply the "
    "reductions below, account by account."
)
_ONE_FIRST = (
    "The same commands with `--form rollback` print the way back: do that before the change. Begin with one "
    "account whose owner watches the workload, and go on when nothing is refused there."
)
_IDENTITIES = 60


def write_bundle(
    found: Plan, unit: Unit, rows: list[FindingEntry], removes: list[Removal], block: Block
) -> str:
    """Write the body; what does not fit is left out and said to be."""
    sections = [("", _introduction(found, unit))]
    sections += [
        (_heading(unit, part.group, part), _alike(found, unit, part.group, part))
        for part in unit.parts
        if part.group is not None
    ]
    taken = [one for one in removes if one.kind != "permissions"] if unit.by == "role" else []
    sections.append(("Grants and credentials that can go", _taken(taken)))
    alone = [part.working[0] for part in unit.parts if part.group is None]
    if alone:
        sections.append(("Each for itself", _alone(alone)))
    sections += [("Way back", _way_back(unit)), ("Findings", _findings(rows))]
    machine = f"\n<!-- entdrift {write(block)} -->\n"
    return assemble(sections, BODY_LIMIT - len(machine)) + machine


def _introduction(found: Plan, unit: Unit) -> list[str]:
    working = [entry for part in unit.parts for entry in part.working]
    accounts = {entry.account for entry in working}
    owners, more = first_of(sorted({text(entry.owner) for entry in working if entry.owner}), _OWNERS)
    stages = sorted({entry.stage for entry in working if entry.stage})
    group = unit.parts[0].group
    named = code(group.identity if unit.by == "role" and group else unit.name)
    lines = [
        f"- {'Owner' if unit.by == 'owner' else 'Identity'}: {named}",
        f"- Where: {counted(len(working), 'identity', 'identities')} in {counted(len(accounts), 'account')}",
        f"- Stages: {text(', '.join(stages)) or '-'}",
        f"- Owners: {', '.join(owners) + more or _NOBODY}",
        f"- Window: {window(found.report)}",
    ]
    broken: dict[str, SourceEntry] = {}
    for entry in working:
        broken.update({one.name: one for one in sources(found.report, entry) if one.status != "ok"})
    if broken:
        told, left = first_of([f"{text(one.name)} {one.status}" for one in broken.values()], _OWNERS)
        lines += [
            "",
            f"**The evidence is incomplete.** {', '.join(told)}{left}. {_CHECK}",
        ]
    return lines


def _heading(unit: Unit, group: GroupEntry, part: Part) -> str:
    accounts = counted(len({entry.account for entry in part.working}), "account")
    held = f"{accounts}, {group.granted:,} permissions each"
    return held if unit.by == "role" else f"{text(group.name, 80)} in {held}"


def _alike(found: Plan, unit: Unit, group: GroupEntry, part: Part) -> list[str]:
    written = (
        f"Unused in all {counted(len(part.every), 'identity', 'identities')} that are written like this: "
        f"**{group.unused_everywhere:,} of {group.granted:,} permissions**. {group.unused_where_seen:,} more "
        f"are unused wherever their use can be seen, {group.unused_somewhere:,} in some accounts only."
    )
    lines = [written, "", _TEMPLATE]
    if unit.by == "role":
        gone = everywhere(part)
        lines += ["", *services_table(gone, window(found.report))] if gone else []
        lines += [*_where_seen(part), *_somewhere(part), *_fits_all(part), *_without_offer(part)]
    working = {entry.account for entry in part.working}
    lines += ["", "| Accounts | Reduction | Takes away | Keeps |", "| --- | --- | ---: | ---: |"]
    lines += [_variant(variant) for variant in group.variants[:ROWS]]
    lines += left_out(len(group.variants) - ROWS, "kinds of reductions", "groups")
    for variant in group.variants[:ROWS]:
        named, more = first_of([account for account in variant.accounts if account in working], _ACCOUNTS)
        if named:
            what = "no reduction" if variant.disposition == "none" else f"takes {variant.removes:,}"
            lines += ["", f"{what} ({variant.disposition}): {', '.join(map(text, named))}{more}"]
    return [*lines, "", *_commands(part)]


def _fits_all(part: Part) -> list[str]:
    """Name an account whose reduction takes nothing but what is unused in all: a draft of the template."""
    everywhere_unused = {(service, *names) for service, names in unused_everywhere(part.every).items()}
    for entry in part.working:
        own = {(row.service, *sorted(row.unused)) for row in entry.services if row.unused}
        if own == everywhere_unused and offers_removal(entry.reduction):
            command = f"entdrift reduce {shlex.quote(entry.id)} --form json --from out"
            where, told = code(entry.account), code(command)
            draft = f"A draft for the template: the reduction of account {where} takes no permission that "
            return ["", f"{draft}another account uses. {told} prints it. {_CHECKED}"]
    return []


def _without_offer(part: Part) -> list[str]:
    """Say in how many accounts nothing is offered, and why: a template is changed there too."""
    without = [entry for entry in part.working if entry.reduction.disposition == "none"]
    if not without:
        return []
    why = text(without[0].reduction.reason)
    accounts = counted(len({entry.account for entry in without}), "account")
    return [
        "",
        f"**In {accounts} no reduction is offered**, as in {code(without[0].account)}: {why}. {_SETTLE}",
    ]


def _taken(others: list[Removal]) -> list[str]:
    lines = [
        f"- [ ] {one.kind} {code(one.name)}{f' {text(one.note)}' if one.note else ''}"
        for one in others[: 2 * ROWS]
    ]
    return lines + left_out(len(others) - 2 * ROWS, "grants and credentials", "identities")


def _variant(variant: GroupVariant) -> str:
    takes, keeps = (f"{number:,}" for number in (variant.removes, variant.keeps))
    return f"| {len(variant.accounts):,} | {variant.disposition} | {takes} | {keeps} |"


def _somewhere(part: Part) -> list[str]:
    """Say which services lose more in some accounts than a template may lose in all."""
    more = unused_somewhere(part.every)
    if not more:
        return []
    named = [f"{code(service)} {len(names):,}" for service, names in more.items()]
    shown, left = first_of(named, ROWS)
    return ["", f"Unused in some accounts, and used or tried in others: {', '.join(shown)}{left}."]


def _where_seen(part: Part) -> list[str]:
    """Say what would be unused in all if its use could be seen in all, and where it cannot."""
    hidden = unused_where_seen(part.every)
    if not hidden:
        return []
    names = {name for held in hidden.values() for name in held}
    blind = {e.account for e in part.every if any(names.intersection(row.unobservable) for row in e.services)}
    services, more = first_of([f"{code(service)} {len(held):,}" for service, held in hidden.items()], ROWS)
    accounts, left = first_of([text(account) for account in sorted(blind)], _OWNERS)
    told = f"Unused wherever their use can be seen: {', '.join(services)}{more}."
    where = f"{counted(len(blind), 'account')} ({', '.join(accounts)}{left})"
    return ["", f"{told} It cannot be seen in {where}: {_SEE_FIRST}"]


def _commands(part: Part) -> list[str]:
    """Give the commands for all accounts, as a loop where the ids differ by their account alone."""
    offered = [entry for entry in part.working if entry.reduction.disposition != "none"]
    if not offered:
        return ["No reduction is offered."]
    shape = part.group.identity if part.group else ""
    if (
        ACCOUNT in shape
        and MADE_UP not in shape
        and "{" not in shape.replace(ACCOUNT, "")
        and len(offered) > 1
    ):
        accounts = " ".join(shlex.quote(entry.account) for entry in offered[:_ACCOUNTS])
        identity = '"$account"'.join(shlex.quote(piece) for piece in shape.split(ACCOUNT))
        block = (
            f"for account in {accounts}; do\n"
            f'  entdrift reduce {identity} --form cli --from out > "$account.sh"\ndone'
        )
    else:
        block = "\n".join(
            f"entdrift reduce {shlex.quote(entry.id)} --form cli --from out" for entry in offered[:_LOOP]
        )
    left = len(offered) - (_ACCOUNTS if block.startswith("for ") else _LOOP)
    return [
        "Print each reduction with its claims:",
        "",
        escape.markdown_block(block),
        *left_out(left, "identities", "identities"),
    ]


def _alone(entries: Sequence[IdentityEntry]) -> list[str]:
    lines = ["| Identity | Account | Unused | Granted | Reduction |", "| --- | --- | ---: | ---: | --- |"]
    for entry in entries[:_IDENTITIES]:
        counts, offer = entry.permissions, entry.reduction
        takes = (
            "none offered" if offer.disposition == "none" else f"{offer.disposition}, takes {offer.removes:,}"
        )
        lines.append(
            f"| {code(entry.id)} | {code(entry.account)} | {counts.unused:,} | {counts.granted:,} | {takes} |"
        )
    lines += left_out(len(entries) - _IDENTITIES, "identities", "identities")
    part = Part(group=None, working=list(entries), every=list(entries))
    return [*lines, "", *_commands(part)]


def _findings(rows: Sequence[FindingEntry]) -> list[str]:
    """List open findings that say the same once, with in how many accounts."""
    alike: dict[str, list[FindingEntry]] = {}
    for row in rows:
        if is_open(row):
            alike.setdefault(row.group or row.fingerprint, []).append(row)
    lines = []
    ordered = sorted(alike.values(), key=lambda same: SEVERITIES.index(same[0].severity))
    for same in ordered[: 2 * ROWS]:
        first = same[0]
        where = (
            f" in {counted(len(same), 'account')}" if len(same) > 1 else f" in account {code(first.account)}"
        )
        lines.append(
            f"- [ ] **{first.severity}** {text(first.rule)} {text(first.title)}{where}. "
            + ("For example: " if len(same) > 1 else "")
            + f"{text(first.message, _SENTENCE)}. {text(first.remediation, _SENTENCE)}"
        )
    lines += left_out(len(alike) - 2 * ROWS, "findings, alike ones counted once,", "findings")
    waived = sum(row.status == "waived" for row in rows)
    return [*lines, *(["", f"{counted(waived, 'finding')} waived."] if waived else [])]


def _way_back(unit: Unit) -> list[str]:
    removes = [
        entry.reduction.removes
        for part in unit.parts
        for entry in part.working
        if entry.reduction.disposition != "none"
    ]
    if not removes:
        return ["No replacement is offered, so there is nothing to roll back."]
    told = f"Each reduction takes {spread(removes)} permissions, with its own five claims and its way back."
    return [f"{told} {_ONE_FIRST}"]
