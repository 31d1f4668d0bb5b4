"""Read baseline files; every error names the file, the table and what to write instead."""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.baselines import Allowance
from connectors.registry import PROVIDERS
from scanner.baseline.model import FORMAT, AccessRequest, Baseline, Subject, Waiver
from scanner.config_document import near
from scanner.errors import ConfigError
from scanner.moments import moment

_TOP = ("purpose", "owner", "may_reach", "data_classes", "admin")
_TABLES = ("identity", "basis", "allow", "refuse", "waiver", "must_allow", "must_not_allow")
_IDENTITY = (
    "format",
    "id",
    "provider",
    "account",
    "kind",
    "name",
    "stage",
    "workloads",
    "trusted",
    "credentials",
)
_ALLOW = (
    "permissions",
    "scopes",
    "condition",
    "plane",
    "not_permissions",
    "not_scopes",
    "source",
    "basis",
    "reason",
)
_WAIVER = ("rule", "subject", "permissions", "scopes", "reason", "owner", "until")
_REQUEST = ("permission", "resource", "reason")


def read_all(folder: Path) -> list[Baseline]:
    """Return every baseline of a folder, sorted by file name, or the one of a file.

    Raises ConfigError for a folder without any, a file that makes no sense, or two files for one identity.
    """
    if folder.is_file():
        return [read(folder)]
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder", hint="entdrift baseline write makes baseline files")
    found = [read(path) for path in sorted(folder.rglob("*.toml"))]
    seen: dict[tuple[str, str], Baseline] = {}
    for one in found:
        other = seen.setdefault((one.subject.provider, one.subject.id), one)
        if other is not one:
            raise ConfigError(
                f"{one.path}: is of the same identity as {other.path}", hint="remove one of the two"
            )
    return found


def read(path: Path) -> Baseline:
    """Return the baseline of one file."""
    try:
        data = path.read_bytes()
        document = tomllib.loads(data.decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text", hint="save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{path}: not valid TOML: {error}", hint="docs/baselines.md shows the form"
        ) from error
    place = _Place(path, "")
    place.known(document, (*_TOP, *_TABLES))
    return Baseline(
        path=path,
        digest=hashlib.sha256(data).hexdigest(),
        subject=_subject(place, document.get("identity")),
        basis=_basis(document.get("basis")),
        allow=(*_allowances(place, document, "allow"), *_allowances(place, document, "refuse")),
        purpose=place.text(document, "purpose"),
        owner=place.text(document, "owner"),
        may_reach=place.texts(document, "may_reach") if "may_reach" in document else None,
        data_classes=place.texts(document, "data_classes"),
        admin=place.texts(document, "admin") if "admin" in document else None,
        waivers=tuple(_waiver(at, table) for at, table in place.tables(document, "waiver")),
        requests=tuple(
            _request(at, table, allow=name == "must_allow")
            for name in ("must_allow", "must_not_allow")
            for at, table in place.tables(document, name)
        ),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """A table of a file, for messages."""

    path: Path
    table: str

    def fail(self, message: str, hint: str = "") -> ConfigError:
        where = f"{self.path}: [{self.table}]" if self.table else f"{self.path}"
        return ConfigError(f"{where}: {message}", hint=hint or "docs/baselines.md shows the form")

    def known(self, table: Mapping[str, Any], keys: Sequence[str]) -> None:
        for key in table:
            if key not in keys:
                raise self.fail(f"unknown key {key!r}", near(key, keys))

    def text(self, table: Mapping[str, Any], key: str, *, required: bool = False) -> str:
        value = table.get(key, "")
        if not isinstance(value, str) or (required and not value.strip()):
            raise self.fail(f"{key!r} must be a string" + (" and not empty" if required else ""))
        return value

    def texts(self, table: Mapping[str, Any], key: str, *, required: bool = False) -> tuple[str, ...]:
        value = table.get(key, [])
        listed = isinstance(value, list) and all(isinstance(item, str) and item for item in value)
        if not listed or (required and not value):
            raise self.fail(f"{key!r} must be a list of strings" + (" and not empty" if required else ""))
        return tuple(value)

    def tables(self, document: Mapping[str, Any], name: str) -> list[tuple["_Place", Mapping[str, Any]]]:
        value = document.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.fail(f"{name!r} must be tables", f"write [[{name}]] on its own line")
        return [(_Place(self.path, f"{name} {number}"), table) for number, table in enumerate(value, 1)]


def _subject(place: _Place, table: Any) -> Subject:
    if not isinstance(table, dict):
        raise place.fail("has no [identity] table", "entdrift baseline write makes baseline files")
    own = _Place(place.path, "identity")
    own.known(table, _IDENTITY)
    version = table.get("format", FORMAT)
    if version != FORMAT:
        raise own.fail(f"format {version!r} is not known to this version, which reads {FORMAT}")
    provider = own.text(table, "provider", required=True)
    if provider not in PROVIDERS:
        raise own.fail(f"unknown provider {provider!r}", f"one of {', '.join(PROVIDERS)}")
    return Subject(
        id=own.text(table, "id", required=True),
        provider=provider,
        account=own.text(table, "account"),
        kind=own.text(table, "kind"),
        name=own.text(table, "name"),
        stage=own.text(table, "stage"),
        workloads=own.texts(table, "workloads"),
        trusted=own.texts(table, "trusted"),
        credentials=own.texts(table, "credentials"),
    )


def _basis(table: Any) -> str:
    return str(table.get("allowed", "")) if isinstance(table, dict) else ""


def _allowances(place: _Place, document: Mapping[str, Any], name: str) -> list[Allowance]:
    found = []
    for own, table in place.tables(document, name):
        own.known(table, _ALLOW)
        plane = own.text(table, "plane")
        if plane not in ("", "data"):
            raise own.fail(f"unknown plane {plane!r}", 'leave it out, or write plane = "data"')
        found.append(
            Allowance(
                permissions=own.texts(table, "permissions", required=True),
                scopes=own.texts(table, "scopes", required=True),
                condition=own.text(table, "condition"),
                plane=plane,
                not_permissions=own.texts(table, "not_permissions"),
                not_scopes=own.texts(table, "not_scopes"),
                refuse=name == "refuse",
                source=own.text(table, "source") or f"{place.path.name}: {own.table}",
            )
        )
    return found


def _waiver(place: _Place, table: Mapping[str, Any]) -> Waiver:
    place.known(table, _WAIVER)
    rule, permissions = place.text(table, "rule"), place.texts(table, "permissions")
    if not rule and not permissions:
        raise place.fail("a waiver names a finding type (rule) or permissions")
    if "until" not in table:
        raise place.fail("a waiver needs 'until'", "for example until = 2027-01-31")
    try:
        until = moment(table["until"], whole_day=True)
    except ValueError as error:
        raise place.fail(f"'until': {error}") from error
    return Waiver(
        reason=place.text(table, "reason", required=True),
        owner=place.text(table, "owner", required=True),
        until=until,
        until_text=str(table["until"]),
        rule=rule,
        subject=place.text(table, "subject"),
        permissions=permissions,
        scopes=place.texts(table, "scopes"),
    )


def _request(place: _Place, table: Mapping[str, Any], *, allow: bool) -> AccessRequest:
    place.known(table, _REQUEST)
    return AccessRequest(
        place.text(table, "permission", required=True), place.text(table, "resource", required=True), allow
    )
