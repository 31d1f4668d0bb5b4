"""Write a baseline as a Cedar or Rego policy, for engines that decide elsewhere; it never allows more.

Both ask about the same request: `identity`, `permission`, `resource`, `plane` (`data` or empty), and in
`conditions` those that the caller found to hold, each as the SHA-256 of its text in the baseline. What a
language cannot say is left out where it would allow, and refuses the whole export where it would deny.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence

from connectors.baselines import Allowance, BaselineWing, Globs
from connectors.errors import SettingError
from scanner.baseline.model import Baseline

_MARK = "#"
_WILD = frozenset("*?")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")


def render(baseline: Baseline, wing: BaselineWing, form: str) -> str:
    """Return the policy of one baseline in one form (`cedar` or `rego`).

    Raises SettingError for a refusal that the form cannot say.
    """
    entries = [(one, wing.globs(one)) for one in baseline.allow]
    for one, globs in entries:
        if one.refuse and (globs is None or (form == "cedar" and not _cedar_can(globs))):
            raise SettingError(
                f"{baseline.path}: a refusal cannot be written in {form}: {one.source}",
                hint="without it the policy would allow more than the baseline",
            )
    return _cedar(baseline, wing, entries) if form == "cedar" else _rego(baseline, wing, entries)


_Entries = Sequence[tuple[Allowance, Globs | None]]


def _head(mark: str, baseline: Baseline) -> list[str]:
    subject = baseline.subject
    about = json.dumps({"id": subject.id, "provider": subject.provider, "sha256": baseline.digest})
    return [
        f"{mark} Written by entdrift baseline export; change the baseline, not this file.",
        f"{mark} {about}",
    ]


def _left_out(mark: str, one: Allowance) -> str:
    return f"{mark} left out, this language cannot say it: {json.dumps(one.source)}"


def condition_id(one: Allowance) -> str:
    """Return what stands for the condition of an entry in a request: no engine has to unescape it."""
    return hashlib.sha256(one.condition.encode("utf-8", "replace")).hexdigest()


def _condition_note(mark: str, one: Allowance) -> str:
    return f"{mark} {condition_id(one)} is the condition {json.dumps(one.condition)}"


def _cedar_can(globs: Globs) -> bool:
    """Tell whether Cedar's `like`, which has `*` alone, can say every pattern."""
    texts = (*globs.permissions, *globs.scopes, *globs.not_permissions, *globs.not_scopes)
    return not any("?" in text for text in texts)


def _cedar(baseline: Baseline, wing: BaselineWing, entries: _Entries) -> str:
    lines = _head("//", baseline)
    for one, globs in entries:
        if globs is None or not _cedar_can(globs):
            lines += ["", _left_out("//", one)]
            continue
        tests = [
            f'context.plane == "{one.plane}"',
            _cedar_any("context.permission", globs.permissions, fold=wing.fold_permissions),
            _cedar_any("context.resource", globs.scopes, fold=wing.fold_scopes),
        ]
        for field, patterns, fold in (
            ("context.permission", globs.not_permissions, wing.fold_permissions),
            ("context.resource", globs.not_scopes, wing.fold_scopes),
        ):
            if patterns:
                tests.append(f"!{_cedar_any(field, patterns, fold=fold)}")
        if one.condition:
            lines.append(_condition_note("//", one))
            tests.append(f'context.conditions.contains("{condition_id(one)}")')
        lines += [
            "",
            "forbid (" if one.refuse else "permit (",
            f"  principal == Identity::{_cedar_text(baseline.subject.id)},",
            '  action == Action::"use",',
            "  resource",
            ") when {",
            "  " + " &&\n  ".join(tests),
            "};",
        ]
    return "\n".join(lines) + "\n"


def _cedar_any(field: str, patterns: Sequence[str], *, fold: bool) -> str:
    texts = [text.lower() if fold else text for text in patterns]
    folded = f"{field}_folded" if fold else field
    return "(" + " || ".join(f"{folded} like {_cedar_text(text)}" for text in texts) + ")"


def _cedar_text(text: str) -> str:
    """Return a Cedar string; in a pattern `*` is the wildcard as it stands."""
    return '"' + "".join(_cedar_character(character) for character in text) + '"'


def _cedar_character(character: str) -> str:
    if character in ('"', "\\"):
        return f"\\{character}"
    if character.isprintable() and character.isascii():
        return character
    code = ord(character)
    return f"\\u{{{0xFFFD if 0xD800 <= code <= 0xDFFF else code:x}}}"


def _rego(baseline: Baseline, wing: BaselineWing, entries: _Entries) -> str:
    lines = [
        *_head(_MARK, baseline),
        "package entdrift.baseline",
        "",
        "import rego.v1",
        "",
        "default allow := false",
        "",
        "allow if {",
        "\tgiven",
        "\tnot refused",
        "}",
        "",
        "default given := false",
        "",
        "default refused := false",
    ]
    for number, (one, globs) in enumerate(entries, 1):
        if globs is None:
            lines += ["", _left_out(_MARK, one)]
            continue
        rules = list(_rego_rules(wing, globs, number))
        lines += ["", *(line for _, rule in rules for line in rule)]
        lines += ["", "refused if {" if one.refuse else "given if {"]
        lines += [
            f"\tinput.identity == {_rego_text(baseline.subject.id)}",
            f"\tinput.plane == {_rego_text(one.plane)}",
            *dict.fromkeys(f"\t{test}" for test, _ in rules),
        ]
        if one.condition:
            lines.append(_condition_note("\t#", one))
            lines.append(f'\t"{condition_id(one)}" in input.conditions')
        lines.append("}")
    return "\n".join(lines) + "\n"


def _rego_rules(wing: BaselineWing, globs: Globs, number: int) -> Iterator[tuple[str, list[str]]]:
    """Yield, for each list of patterns, the test that asks for it and a rule that says it."""
    for field, patterns, fold, negated in (
        ("permission", globs.permissions, wing.fold_permissions, False),
        ("resource", globs.scopes, wing.fold_scopes, False),
        ("permission", globs.not_permissions, wing.fold_permissions, True),
        ("resource", globs.not_scopes, wing.fold_scopes, True),
    ):
        asked = f"lower(input.{field})" if fold else f"input.{field}"
        name = f"{'not_' if negated else ''}{field}_{number}"
        for test in _rego_any(asked, [text.lower() if fold else text for text in patterns]):
            yield (f"not {name}" if negated else name), [f"{name} if {test}"]


def _rego_any(asked: str, patterns: Sequence[str]) -> Iterator[str]:
    """Yield tests of which one must hold: plain texts, beginnings, and the rest as regular expressions."""
    if "*" in patterns:
        yield f"is_string({asked})"
        return
    plain = [text for text in patterns if not _WILD & set(text)]
    begun = [text[:-1] for text in patterns if text.endswith("*") and not _WILD & set(text[:-1])]
    if plain:
        yield f"{asked} in {_rego_list(plain)}"
    for text in begun:
        yield f"startswith({asked}, {_rego_text(text)})"
    other = [text for text in patterns if text not in plain and text[:-1] not in begun]
    if other:
        expression = "|".join(f"({_expression(text)})" for text in other)
        yield f"regex.match({_rego_text(f'^({expression})$')}, {asked})"


def _rego_list(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(_rego_text, texts))}]"


def _expression(pattern: str) -> str:
    """Return a pattern as a regular expression that Rego engines share; line ends are characters, too."""
    parts = re.split(r"([*?])", re.sub(r"\*+", "*", pattern))
    special = {"*": "(.|\n)*", "?": "(.|\n)"}
    return "".join(special.get(part) or _PUNCTUATION.sub(r"\\\g<0>", part) for part in parts)


def _rego_text(text: str) -> str:
    return json.dumps(text.encode("utf-8", "replace").decode(), ensure_ascii=False)
