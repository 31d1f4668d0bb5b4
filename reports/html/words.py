"""Numbers and times as the page writes them; the same rules as `script/text.js`."""

import re

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?Z")

PROVIDERS = {"aws": "AWS", "gcp": "GCP", "azure": "Azure"}
VERDICTS = {
    "used": "used",
    "denied": "denied",
    "unused": "unused",
    "unobservable": "not observable",
    "conditional": "conditional",
}


def count(number: int, one: str, many: str = "") -> str:
    """Return `1 key` or `2 keys`; `many` where an s does not make the plural."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def day(time: str) -> str:
    """Return the date of an RFC 3339 time; text that is no time comes back as it is."""
    match = _TIME.fullmatch(time)
    return match[1] if match else time


def minute(time: str) -> str:
    """Return date and minute of an RFC 3339 time; text that is no time comes back as it is."""
    match = _TIME.fullmatch(time)
    return f"{match[1]} {match[2]} UTC" if match else time


def listed(words: list[str]) -> str:
    """Return `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
