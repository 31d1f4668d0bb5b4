"""The one place where text from clouds, logs and tags is made safe for the context it is shown in.

Every function takes untrusted text and returns text that stands for itself in its context: it cannot
move the cursor, start a formula, open a tag, end a string or hide part of a name.
"""

import re
from collections.abc import Callable

_UNSEEN = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0 and C1 controls, ESC and the 8-bit CSI and OSC among them
    "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"  # spaces that look like a space and are none
    "\u00ad\u034f\u061c\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f"  # zero width, line separators, bidi controls
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\ufdd0-\ufdef\ufffe\uffff"
    "\ud800-\udfff"  # lone surrogates, which no encoding can write
    "\ue000-\uf8ff"  # private use: each font shows something else
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"  # tag characters and variation selectors: invisible text in a name
    "\U000f0000-\U0010ffff"
    "]"
)
_FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_MARKDOWN = re.compile(
    # Every branch begins with a plain character: only then does `re` skip all others (18 times faster).
    r"\\|`|\*|_|\[|\]|\||~|\$|<|>"  # emphasis, code, links, tables, strike-through, mathematics, tags
    r"|&(?=[#\w])"  # entities
    r"|@(?<!\w@)(?=\w)"  # mentions
    r"|\#(?=\d)|-(?<=[Gg][Hh]-)(?=\d)"  # issue references
    r"|:(?=//)|\.(?<=[Ww][Ww][Ww]\.)"  # links that renderers make of plain text
)
_BLOCK_START = re.compile(r"^(\s*)(?:([#+=-])|(\d{1,9})([.)]))(?=[\s#=-]|$)")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_BACKTICKS = re.compile("`+")
_MARKDOWN_AS = {
    "<": "&lt;",
    ">": "&gt;",
    "&": "&amp;",
    "@": "@&#8203;",
    "#": "#&#8203;",
    "-": "-&#8203;",
}


def _mark(match: re.Match[str]) -> str:
    return f"<U+{ord(match[0]):04X}>"


def _keep(*kept: str) -> Callable[[re.Match[str]], str]:
    return lambda match: match[0] if match[0] in kept else _mark(match)


_mark_lines_kept = _keep("\n")
_mark_text_kept = _keep("\n", "\t")


def terminal(text: str) -> str:
    """Show every control, bidi and invisible character as `<U+XXXX>`; the result is one line.

    rich writes ESC, OSC 8 and C1 sequences inside `Text` through to the terminal (measured with
    rich 15.0.0), so this runs before anything reaches it.
    """
    # Most text is plain, and asking that is ten times faster than looking for what is not.
    return text if text.isascii() and text.isprintable() else _UNSEEN.sub(_mark, text)


def terminal_lines(text: str) -> str:
    """Do as `terminal`, but keep line feeds: for text of several lines that is written as such."""
    plain = text.isascii() and text.replace("\n", "").isprintable()
    return text if plain else _UNSEEN.sub(_mark_lines_kept, text)


def clip(text: str, limit: int) -> str:
    """Cut text longer than `limit` characters and say how much is missing."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}... ({len(text) - limit:,} more characters)"


def csv_cell(text: str) -> str:
    """Stop a spreadsheet from reading text as a formula, and show what it would hide.

    A cell that begins with = + - @, TAB, CR, LF or their full-width forms gets a leading apostrophe
    (OWASP, CSV Injection). Text is cut at 32,000 characters, because a spreadsheet cell holds 32,767.
    Quoting of commas and quotes is the csv module's part.
    """
    shown = clip(terminal_lines(text), 32_000)
    return f"'{shown}" if _FORMULA.match(text) else shown


def markdown(text: str) -> str:
    """Write text as one line of plain Markdown prose: no markup, HTML, link, mention or table edge."""

    def escaped(match: re.Match[str]) -> str:
        found = match[0]
        return _MARKDOWN_AS.get(found, f"\\{found}")

    line = _MARKDOWN.sub(escaped, _shown_line(text).strip())
    start = _BLOCK_START.match(line)
    if start is None:
        return line
    kept = f"{start[1]}\\{start[2]}" if start[2] else f"{start[1]}{start[3]}\\{start[4]}"
    return kept + line[start.end() :]


def markdown_code(text: str) -> str:
    """Write text as a code span: the fence is longer than any run of backticks inside (CommonMark 6.1).

    Text with a pipe becomes a `<code>` element with entities instead, because table parsers disagree
    on how to escape a pipe inside a code span.
    """
    shown = _shown_line(text)
    if not shown.strip():
        return "(empty)"
    if "|" in shown:
        return f"<code>{_PUNCTUATION.sub(lambda m: f'&#{ord(m[0])};', shown)}</code>"
    fence = "`" * (_longest_run(shown) + 1)
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def markdown_block(text: str, language: str = "") -> str:
    """Write text as a fenced code block whose fence no line of the text can close (CommonMark 4.5)."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}{language}\n{_UNSEEN.sub(_mark_text_kept, text)}\n{fence}"


def json_in_html(document: str) -> str:
    """Make a JSON text safe inside a `<script>` element or an HTML comment; it stays the same JSON."""
    for char in "<>&\u2028\u2029":
        document = document.replace(char, f"\\u{ord(char):04x}")
    return document


def xml_text(text: str) -> str:
    """Replace what XML 1.0 cannot hold (controls, lone surrogates, non-characters) and what hides.

    Angle brackets and ampersands are the XML writer's part.
    """
    return _UNSEEN.sub(_mark_text_kept, text)


def _shown_line(text: str) -> str:
    return terminal(text.replace("\r\n", " ").replace("\n", " "))


def _longest_run(text: str) -> int:
    return max(map(len, _BACKTICKS.findall(text))) if "`" in text else 0
