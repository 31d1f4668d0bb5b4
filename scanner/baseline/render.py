"""Write a baseline as TOML: what people write on top, what the program writes below a line."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from connectors.baselines import Allowance
from scanner.baseline.model import FORMAT, Subject

MARK = "# --- written by entdrift baseline write: changes below this line are replaced ---"
BASIS = {
    "used": "what was used, and what today's logs cannot show; unused permissions are left out",
    "granted": "everything that is granted now",
}
_BARE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
_UNSAFE = re.compile(r"[\n\r\t]|" + _BARE.pattern)


@dataclass(frozen=True, slots=True)
class Entry:
    """One allowance with the reason why it stands there (`used`, `not seen`, `granted`)."""

    allowance: Allowance
    basis: str


def hand_part(subject: Subject, owner: str, may_reach: Sequence[str], admin: Sequence[str]) -> str:
    """Return the part that people edit, as it is written the first time."""
    where = f"{subject.provider} {subject.account}, {subject.kind}"
    return "\n".join(
        (
            f"# Baseline of {_comment(subject.name or subject.id)} ({_comment(where)}).",
            "# What stands above the line further down is yours and stays when the file is written again.",
            "# docs/baselines.md explains each key.",
            "",
            'purpose = ""',
            f"owner = {text(owner)}",
            f"may_reach = {inline(may_reach)}  # classes of reach it may hold; a new one is an expansion",
            "data_classes = []  # your words for the data it may touch",
            f"admin = {inline(admin)}  # administrator grants that are accepted, by name",
            "",
            "# [[allow]]  # beyond what is written below; permissions and scopes as the cloud writes them",
            '# permissions = ["…"]',
            '# scopes = ["…"]',
            "",
            "# [[must_allow]]  # entdrift baseline test asks these; [[must_not_allow]] likewise",
            '# permission = "…"',
            '# resource = "…"',
            "",
            '# [[waiver]]  # of permissions beyond the baseline, or of a finding type: rule = "ED104"',
            '# permissions = ["…"]',
            '# reason = "…"',
            '# owner = "…"',
            "# until = 2027-01-31",
            "",
            "",
        )
    )


def generated_part(
    subject: Subject, basis: str, entries: Iterable[Entry], left_out: Sequence[str] = ()
) -> str:
    """Return the part below the line, in stable order: one permission a line, so that diffs stay small."""
    lines = [
        MARK,
        "",
        "[identity]",
        f"format = {FORMAT}",
        f"id = {text(subject.id)}",
        f"provider = {text(subject.provider)}",
        f"account = {text(subject.account)}",
        f"kind = {text(subject.kind)}",
        f"name = {text(subject.name)}",
        f"stage = {text(subject.stage)}",
        *_list("workloads", subject.workloads),
        *_list("trusted", subject.trusted),
        *_list("credentials", subject.credentials),
        "",
        "[basis]",
        f"allowed = {text(basis)}  # {BASIS[basis]}",
    ]
    if left_out:
        lines += [
            "# Wildcards of the grants whose operations the evidence does not list; they are not allowed."
        ]
        lines += _list("left_out", left_out)
    for entry in sorted(entries, key=_order):
        lines += ["", *_entry(entry)]
    return "\n".join(lines) + "\n"


def _order(entry: Entry) -> tuple[bool, str, str, tuple[str, ...], str, str]:
    one = entry.allowance
    rank = str(("used", "not seen", "granted", "refused").index(entry.basis))
    return one.refuse, one.source, one.plane, one.scopes, one.condition, rank


def _entry(entry: Entry) -> Iterator[str]:
    one = entry.allowance
    yield "[[refuse]]" if one.refuse else "[[allow]]"
    yield f"source = {text(one.source)}"
    yield f"basis = {text(entry.basis)}"
    if one.plane:
        yield f"plane = {text(one.plane)}"
    yield from _list("permissions", one.permissions)
    if one.not_permissions:
        yield from _list("not_permissions", one.not_permissions)
    yield from _list("scopes", one.scopes)
    if one.not_scopes:
        yield from _list("not_scopes", one.not_scopes)
    if one.condition:
        yield f"condition = {text(one.condition)}"


def _list(key: str, values: Sequence[str]) -> Iterator[str]:
    if len(values) < 2:
        yield f"{key} = {inline(values)}"
        return
    yield f"{key} = ["
    yield from (f"    {text(value)}," for value in values)
    yield "]"


def inline(values: Sequence[str]) -> str:
    """Return a list on one line."""
    return f"[{', '.join(map(text, values))}]"


def text(value: str) -> str:
    """Return a TOML basic string; what cannot be seen is escaped, a lone surrogate replaced."""
    if '"' in value and "'" not in value and not _UNSAFE.search(value):
        return f"'{value}'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    for plain, written in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        escaped = escaped.replace(plain, written)
    return f'"{_BARE.sub(_escape, escaped)}"'


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return "\\uFFFD" if 0xD800 <= code <= 0xDFFF else f"\\u{code:04X}"


def _comment(value: str) -> str:
    return _BARE.sub("?", value.replace("\n", " ").replace("\r", " ").replace("\t", " "))
