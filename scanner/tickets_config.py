"""Read the `[tickets.NAME]` tables of the config file and find the tokens in the environment."""

import os
import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import msgspec

from reports.tickets.settings import TRACKERS, Settings
from reports.tickets.units import WAYS, By
from scanner.config_document import Document, near
from scanner.errors import ConfigError

_GROUP_BY = "group_by"
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
_FLAG_KEYS = {"jira": "project", "gitlab": "project", "github": "repository"}
"""Which key the flag `--project` stands for."""


def check(document: Document, data: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """Check all tracker tables: names, keys and kinds of values; what is required may come from flags."""
    grouping(document, data)
    tables = data.get("tickets", {})
    if isinstance(tables, dict):
        tables = {name: table for name, table in tables.items() if name != _GROUP_BY}
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise document.fail("'tickets' must hold tables", "", "tickets", hint="write [tickets.jira]")
    for name, table in tables.items():
        if name not in TRACKERS:
            raise document.fail(
                f"unknown tracker {name!r}", f"tickets.{name}", hint=f"one of {', '.join(TRACKERS)}"
            )
        kinds = {field.name: field.type for field in msgspec.structs.fields(TRACKERS[name])}
        for key, value in table.items():
            _check_key(document, name, key, value, kinds)
    return tables


def grouping(document: Document, data: Mapping[str, Any]) -> By:
    """Return what one ticket is about, from `group_by` of the `[tickets]` table."""
    table = data.get("tickets", {})
    value = table.get(_GROUP_BY, WAYS[0]) if isinstance(table, dict) else WAYS[0]
    for way in WAYS:
        if value == way:
            return way
    raise document.fail(f"'group_by' must be one of {', '.join(WAYS)}", "tickets", _GROUP_BY)


def settings(name: str, table: Mapping[str, Any], *, url: str | None, project: str | None) -> Settings:
    """Give the settings of a tracker from its table and the flags, which outrank it."""
    given = dict(table)
    if url is not None:
        given["url"] = url
    if project is not None:
        key = _FLAG_KEYS.get(name)
        if key is None:
            raise ConfigError(f"--project has no meaning for {name}")
        given[key] = project
    kind = TRACKERS[name]
    missing = [
        field.name for field in msgspec.structs.fields(kind) if field.required and not given.get(field.name)
    ]
    if missing:
        raise ConfigError(
            f"{name} needs {' and '.join(missing)}",
            hint=f"set it in [tickets.{name}] of the file given with --config, or with --url and --project",
        )
    found = msgspec.convert(given, type=kind)
    problem = address_problem(found.url)
    if problem:
        raise ConfigError(f"url of {name}: {problem}")
    return found


def token(variable: str) -> str:
    """Read a secret from the environment; its value is in no message."""
    value = os.environ.get(variable, "").strip()
    if not value:
        raise ConfigError(
            f"the environment variable {variable} is not set",
            hint="it must hold the token; docs/tickets.md says what the token needs to be allowed",
        )
    if not value.isascii() or not value.isprintable():
        raise ConfigError(f"the environment variable {variable} holds characters that no token has")
    return value


def _check_key(document: Document, name: str, key: str, value: object, kinds: Mapping[str, Any]) -> None:
    table = f"tickets.{name}"
    if key not in kinds:
        raise document.fail(f"unknown key {key!r} in [{table}]", table, key, hint=_near(key, [*kinds]))
    try:
        msgspec.convert(value, type=kinds[key])
    except msgspec.ValidationError as error:
        raise document.fail(f"{key!r}: {error}", table, key) from error
    if key.endswith("_env") and value and not _VARIABLE.fullmatch(str(value)):
        raise document.fail(
            f"{key!r} must be the name of an environment variable, in capitals",
            table,
            key,
            hint="never write the token itself into the file; revoke it if it stands there",
        )
    if key == "url" and (problem := address_problem(str(value))):
        raise document.fail(f"'url' {problem}", table, key)
    if key == "deployment" and value not in {"", "cloud", "data-center"}:
        raise document.fail("'deployment' must be cloud or data-center", table, key)


def address_problem(url: str) -> str:
    """Say what is wrong with an address that a token is sent to; empty when nothing is."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "is no web address"
    if parts.username or parts.password:
        return "must hold no user name or password"
    if parts.scheme == "https" and host:
        return ""
    if parts.scheme == "http" and _is_loopback(host):
        return ""
    return "must begin with https://, so that the token does not travel in the open"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _near(key: str, keys: Sequence[str]) -> str:
    if key in {"token", "password", "api_token", "secret"}:
        return "tokens are only read from the environment: token_env names the variable"
    return near(key, keys)
