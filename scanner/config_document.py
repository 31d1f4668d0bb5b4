"""The tables of a TOML config file; every error names file, line and key."""

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanner.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Document:
    """The text of a file with what is needed to say where something stands."""

    path: Path
    text: str

    def fail(self, message: str, table: str, key: str = "", *, index: int = 0, hint: str = "") -> ConfigError:
        """Return an error that points at a key of the index-th table of that name."""
        return ConfigError(f"{self.path}:{self._line(table, key, index)}: {message}", hint=hint)

    def _line(self, table: str, key: str, index: int) -> int:
        current, seen, at_table = "", -1, 0
        for number, line in enumerate(self.text.splitlines(), 1):
            if header := re.match(r"\s*\[{1,2}\s*([^\]]+?)\s*\]{1,2}", line):
                current = header[1]
                seen += current == table
                if current == table and seen == index:
                    at_table = number
            elif (
                current == table and seen == index and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line)
            ):
                return number
        if not table:
            found = re.search(rf"^[ \t]*\[*[ \t]*[\"']?{re.escape(key)}\b", self.text, re.MULTILINE)
            return self.text[: found.start()].count("\n") + 1 if found else 1
        return at_table or 1


def parse(path: Path) -> tuple[Document, dict[str, Any]]:
    """Return a TOML file and what is in it; ConfigError where it cannot be read or is no TOML."""
    try:
        text = path.read_text("utf-8-sig")
        data = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror})", hint="entdrift init writes a commented config.toml"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text", hint="save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}", hint="see config.example.toml") from error
    return Document(path, text), data


def near(key: str, keys: Sequence[str]) -> str:
    """Return a hint for an unknown key: the one that was meant, or all there are."""
    found = difflib.get_close_matches(key, keys, 1)
    return f"did you mean {found[0]!r}?" if found else f"known keys: {', '.join(keys)}"


@dataclass(frozen=True, slots=True)
class Table:
    """One table, and where it stands; an empty name is that of the file itself."""

    document: Document
    name: str
    values: Mapping[str, Any]
    index: int = 0

    def fail(self, key: str, message: str, hint: str = "") -> ConfigError:
        """Return an error that points at a key."""
        return self.document.fail(message, self.name, key, index=self.index, hint=hint)

    def known(self, keys: Sequence[str]) -> None:
        """Raise ConfigError for a key that is none of these."""
        where = f"in [{self.name}]" if self.name else "at the top level"
        for key in self.values:
            if key not in keys:
                raise self.fail(key, f"unknown key {key!r} {where}", near(key, keys))

    def text(self, key: str) -> str:
        """Return a string, which may be missing but not empty."""
        value = self.values.get(key, "")
        if not isinstance(value, str) or (not value and key in self.values):
            raise self.fail(key, f"{key!r} must be a string")
        return value

    def texts(self, key: str, default: Sequence[str]) -> tuple[str, ...]:
        """Return a list of strings."""
        value = self.values.get(key, list(default))
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.fail(key, f"{key!r} must be a list of strings")
        return tuple(value)

    def whole(self, key: str, default: int, most: int, *, least: int = 1) -> int:
        """Return a whole number."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.fail(key, f"{key!r} must be a whole number from {least} to {most}")
        return value

    def choice(self, key: str, choices: Sequence[str], default: str) -> str:
        """Return one of some words."""
        value = self.values.get(key, default)
        if value not in choices:
            raise self.fail(key, f"{key!r} must be one of {', '.join(choices)}")
        return str(value)


def table(document: Document, data: Mapping[str, Any], name: str, keys: Sequence[str]) -> Table:
    """Return a table of a file, empty where it is not there; ConfigError for other keys than these."""
    values = data.get(name, {})
    if not isinstance(values, dict):
        raise document.fail(f"{name!r} must be a table", "", name, hint=f"write [{name}] on its own line")
    found = Table(document, name, values)
    found.known(keys)
    return found
