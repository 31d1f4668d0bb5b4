"""The `[notify]` table: who is told about a scan, and where its numbers go."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from scanner.errors import ConfigError
from scanner.tickets_config import address_problem

KEYS = ("webhook", "webhook_env", "token_env", "form", "when", "textfile")
FORMS = ("json", "slack", "teams")
WHEN = ("always", "not-ok")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


class Document(Protocol):
    """A config file that can say where a key of it stands."""

    def fail(self, message: str, table: str, key: str = "", *, index: int = 0, hint: str = "") -> ConfigError:
        """Return an error that points at a key."""


@dataclass(frozen=True, slots=True)
class Notify:
    """Where a summary is sent, and where gauges for Prometheus are written; empty: nowhere."""

    webhook: str = ""
    webhook_env: str = ""
    """Name of the environment variable that holds the address: for many receivers it is the secret."""
    token_env: str = ""
    """Name of the environment variable that holds a bearer token."""
    form: str = "json"
    when: str = "always"
    textfile: Path | None = None

    @property
    def asked(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.webhook or self.webhook_env or self.textfile)


def check(document: Document, table: Mapping[str, Any], base: Path) -> Notify:
    """Return the settings; the keys of the table are known to be among KEYS."""
    for key in ("webhook", "webhook_env", "token_env", "form", "when", "textfile"):
        if not isinstance(table.get(key, ""), str):
            raise document.fail(f"{key!r} must be a string", "notify", key)
    for key in ("webhook_env", "token_env"):
        if key in table and not _VARIABLE.fullmatch(table[key]):
            raise document.fail(
                f"{key!r} must be the name of an environment variable, in capitals",
                "notify",
                key,
                hint="never write the secret itself into the file; revoke it if it stands there",
            )
    if "webhook" in table and "webhook_env" in table:
        raise document.fail("give 'webhook' or 'webhook_env', not both", "notify", "webhook")
    if "webhook" in table and (problem := address_problem(table["webhook"])):
        raise document.fail(f"'webhook' {problem}", "notify", "webhook")
    for key, words in (("form", FORMS), ("when", WHEN)):
        if table.get(key, words[0]) not in words:
            raise document.fail(f"{key!r} must be one of {', '.join(words)}", "notify", key)
    return Notify(
        webhook=table.get("webhook", ""),
        webhook_env=table.get("webhook_env", ""),
        token_env=table.get("token_env", ""),
        form=table.get("form", FORMS[0]),
        when=table.get("when", WHEN[0]),
        textfile=base / Path(table["textfile"]).expanduser() if table.get("textfile") else None,
    )
