"""Read records one by one from text that is not one clean JSON document."""

import json
import math
import re
from collections.abc import Collection, Iterator
from typing import Any

CONTINUED = ("NextToken", "nextToken", "nextPageToken", "nextLink", "@odata.nextLink")
"""Keys beside a list of records that say that the list goes on elsewhere."""
MOST_LOST = 10_000
"""After this many unreadable records the rest of a text is given up."""

_LONGEST_RECORD = 1 << 18
_PATIENCE = 1 << 26
"""How many characters are looked through, all in all, for the ends of broken records."""

_DECODER = json.JSONDecoder(parse_constant=lambda _: None)
_SPACE = re.compile(r"[\s\ufeff\0]*")
_KEY = re.compile(r'\s*("(?:[^"\\]|\\.)*")\s*:\s*', re.DOTALL)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
_OPENING = re.compile(r'\{\s*("(?:[^"\\]|\\.)*")\s*:', re.DOTALL)


class Fate:
    """What became of a file's text on the way to records."""

    def __init__(self) -> None:
        self.lost = 0
        """Records that are there, but could not be read."""
        self.reason = ""
        """The first thing that went wrong; empty when nothing did."""
        self.foreign = ""
        """Why the file is no log at all; empty when it is one."""
        self.contained = False
        """True when a container was met, so that even no record at all is a proper log."""
        self.continued = False
        """True when the container met last says that its list goes on elsewhere."""

    def lose(self, reason: str) -> None:
        """Count one record as lost."""
        self.lost += 1
        self.note(reason)

    def note(self, reason: str) -> None:
        """Remember the first reason."""
        self.reason = self.reason or reason


class Salvage:
    """The objects of a text: JSON lines, arrays, container objects, pages, or several of these in a row.

    What cannot be parsed is stepped over and counted as lost.
    """

    def __init__(
        self,
        text: str,
        containers: Collection[str],
        fate: Fate,
        *,
        inside: bool = False,
        listed: bool = False,
        continued: bool = False,
    ) -> None:
        self.rest = ""
        """What stands after the last whole record of a text that is `continued` elsewhere."""
        self._continued = continued
        self._text = text
        self._good: re.Match[str] | None = None
        self._patience = _PATIENCE
        self._containers = containers
        self._fate = fate
        self._depth = int(inside)
        """Open arrays inside a container; at 0 an object may be a container."""
        self._arrays = int(listed)
        """Open arrays of records outside any container."""

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield every object that stands where a record may stand."""
        text = self._text
        fate = self._fate
        at = 0
        depth = self._depth
        most = fate.lost + MOST_LOST
        arrays = self._arrays
        while (at := _space(text, at)) < len(text) and fate.lost < most:
            mark = text[at]
            if mark == "[":
                arrays += depth == 0
                depth += depth > 0
                at += 1
            elif mark in "],}":
                arrays -= mark == "]" and depth == 0
                depth -= mark == "]" and depth > 0
                at += 1
            elif not depth and mark == "{" and self._opens_container(at):
                fate.continued = False
                at += 1
            elif not depth and (key := _KEY.match(text, at)):
                at = key.end()
                held = key[1][1:-1] in self._containers
                if held and text[at : at + 1] == "[":
                    fate.contained = True
                    depth = 1
                    at += 1
                else:
                    self._note(key[1][1:-1], at, held=held)
                    at = self._skip(at)
            else:
                start = at
                value, at = self._value(start)
                if isinstance(value, dict):
                    self._good = _OPENING.match(text, start) or self._good
                    yield value
                elif value is not None:
                    fate.lose("a record is no object")
        if not self._continued and (depth > 0 or arrays > 0) and not fate.lost:
            # Cut off exactly between two records: nothing is broken, and yet the rest is missing.
            fate.note("ends before its list of records does")
            fate.contained = True
        if fate.lost >= most:
            fate.reason = f"given up after {MOST_LOST}, the rest is not read; first: {fate.reason}"

    def _note(self, key: str, at: int, *, held: bool) -> None:
        """Learn from a key of a container that holds no list: there are no records, or more elsewhere."""
        if held and self._text.startswith("null", at):
            self._fate.contained = True
        if key in CONTINUED:
            self._fate.continued = not self._text.startswith(("null", '""'), at)

    def _opens_container(self, at: int) -> bool:
        """Return whether an object has a container key that holds a list, looking at its own keys only."""
        text = self._text
        at += 1
        while key := _KEY.match(text, at):
            at = key.end()
            if key[1][1:-1] in self._containers and text[at : at + 1] in ("[", "n"):
                return True
            try:
                _, at = _DECODER.raw_decode(text, at)
            except (ValueError, RecursionError):
                return False
            at = _space(text, at)
            if text[at : at + 1] != ",":
                return False
            at += 1
        return False

    def _value(self, at: int) -> tuple[Any, int]:
        """Return the value at a place and where it ends; None for one that cannot be parsed."""
        text = self._text
        try:
            return _DECODER.raw_decode(text, at)
        except RecursionError:
            self._fate.lose("nested too deeply")
            return None, _balanced_end(text, at, len(text))
        except ValueError as error:
            following = self._next_record(at)
            if self._continued and following == len(text):
                self.rest = text[at:]
            else:
                what = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
                self._fate.lose(f"not JSON after character {at} ({what})")
            return None, following

    def _skip(self, at: int) -> int:
        """Return the end of a value that holds no records."""
        try:
            return _DECODER.raw_decode(self._text, at)[1]
        except RecursionError:
            return _balanced_end(self._text, at, len(self._text))
        except ValueError:
            self._fate.lose(f"not JSON after character {at}")
            return self._next_record(at)

    def _next_record(self, at: int) -> int:
        """Return where to go on after a broken object: where its brackets close, or a record opens.

        Records open with one of the keys that the broken one or the last good one opens with.
        """
        text = self._text
        keys = {key[1] for key in (_OPENING.match(text, at), self._good) if key}
        opening = "|".join(sorted(re.escape(key) for key in keys))
        found = re.compile(r"\{\s*(?:" + opening + r")\s*:").search(text, at + 1) if keys else None
        following = found.start() if found else len(text)
        limit = min(following, at + _LONGEST_RECORD, at + self._patience)
        self._patience -= limit - at
        closed = _balanced_end(text, at, limit)
        return closed if closed < limit else following


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _balanced_end(text: str, at: int, limit: int) -> int:
    """Return where the brackets opened at a place are closed, or the limit."""
    depth = 0
    for token in _TOKEN.finditer(text, at, limit):
        mark = token[0]
        if mark in "{[":
            depth += 1
        elif mark in "}]":
            depth -= 1
            if depth == 0:
                return token.end()
    return limit


def as_json(value: Any) -> bytes:
    """Return a parsed value as strict JSON: lone surrogates become `?`, infinite numbers null."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), ensure_ascii=False)
    return text.encode("utf-8", "replace")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
