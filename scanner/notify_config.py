"""The `[notify]` table: who is told about a scan, and where its numbers go."""

import re
from dataclasses import dataclass
from pathlib import Path

from scanner.config_document import Table
from scanner.tickets_config import address_problem

KEYS = ("webhook", "webhook_env", "token_env", "form", "when", "textfile")
FORMS = ("json", "slack", "teams")
WHEN = ("always", "not-ok")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


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


def check(table: Table, base: Path) -> Notify:
    """Return the settings; the keys of the table are known to be among KEYS."""
    values = table.values
    for key in KEYS:
        if not isinstance(values.get(key, ""), str):
            raise table.fail(key, f"{key!r} must be a string")
    for key in ("webhook_env", "token_env"):
        if key in values and not _VARIABLE.fullmatch(values[key]):
            raise table.fail(
                key,
                f"{key!r} must be the name of an environment variable, in capitals",
                hint="never write the secret itself into the file; revoke it if it stands there",
            )
    if "webhook" in values and "webhook_env" in values:
        raise table.fail("webhook", "give 'webhook' or 'webhook_env', not both")
    if "webhook" in values and (problem := address_problem(values["webhook"])):
        raise table.fail("webhook", f"'webhook' {problem}")
    for key, words in (("form", FORMS), ("when", WHEN)):
        if values.get(key, words[0]) not in words:
            raise table.fail(key, f"{key!r} must be one of {', '.join(words)}")
    return Notify(
        webhook=values.get("webhook", ""),
        webhook_env=values.get("webhook_env", ""),
        token_env=values.get("token_env", ""),
        form=values.get("form", FORMS[0]),
        when=values.get("when", WHEN[0]),
        textfile=base / Path(values["textfile"]).expanduser() if values.get("textfile") else None,
    )
