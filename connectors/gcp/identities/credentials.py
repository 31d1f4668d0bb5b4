"""List the long-lived credentials of service accounts: keys, and API keys bound to an account."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from connectors.facts import Activity, Caveat, Credential, Usage, Window
from connectors.gcp.inventory import Inventory
from connectors.gcp.names import principal_id

KEY = "service-account-key"
_FOREVER = "9999"


class Keys:
    """Service-account keys of the exports, found again by what logs write about them."""

    def __init__(
        self,
        inventory: Inventory,
        emails: Mapping[str, str],
        window: Window,
        authenticated: Mapping[str, str] | None = None,
    ) -> None:
        self._window = window
        self._authenticated = authenticated or {}
        """By key id: when Google last saw it authenticate. Absence proves nothing."""
        self._known: dict[str, Credential] = {}
        self._system: set[str] = set()
        self._names: dict[str, str] = {}
        for found in inventory.keys:
            self._read(found.data, emails)

    def _read(self, data: Mapping[str, Any], emails: Mapping[str, str]) -> None:
        name = _text(data, "name")
        account, _, key = name.rpartition("/serviceAccounts/")[2].partition("/keys/")
        if not key:
            return
        if _text(data, "keyType", "key_type") == "SYSTEM_MANAGED":
            # Google makes and rotates these; nobody holds them.
            self._system.add(key)
            return
        credential = Credential(
            identity=principal_id(emails.get(account, account)),
            id=name,
            kind=KEY,
            status=self._status(data),
            long_lived=True,
            created=_time(_text(data, "validAfterTime", "valid_after_time")),
            expires=_time(_text(data, "validBeforeTime", "valid_before_time")),
        )
        self._known[name] = credential
        self._names.setdefault(key, name)

    def _status(self, data: Mapping[str, Any]) -> str:
        if data.get("disabled") is True:
            return "inactive"
        expires = _time(_text(data, "validBeforeTime", "valid_before_time"))
        end = self._window.end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return "expired" if expires and expires <= end else "active"

    def name(self, logged: str) -> str:
        """Return the export's name of a key for a log's, which may write the project differently."""
        return self._names.get(logged.rpartition("/keys/")[2], logged)

    def credentials(self, seen: Iterable[Usage | Activity]) -> list[Credential]:
        """Return the user-managed keys, and those only the logs know, whose state is unknown."""
        found = dict(self._known)
        for row in seen:
            name = row.credential
            if not name or name.rpartition("/keys/")[2] in self._system:
                continue
            held = found.get(name) or Credential(
                identity=_owner(name) or row.identity, id=name, kind=KEY, status="unknown", long_lived=True
            )
            if held.identity != row.identity and held.last_used < row.last_seen:
                # Exchanged for another account's token: the scanner joins only the holder's own calls.
                held = replace(held, last_used=row.last_seen)
            found[name] = held
        return [self._witnessed(found[name]) for name in sorted(found)]

    def _witnessed(self, key: Credential) -> Credential:
        time = self._authenticated.get(key.id.rpartition("/keys/")[2], "")
        return replace(key, last_used=time) if time > key.last_used else key


def _owner(key: str) -> str:
    """Return the service account whose key this is, when its name holds the e-mail."""
    account = key.rpartition("/serviceAccounts/")[2].partition("/keys/")[0]
    return principal_id(account) if "@" in account else ""


def api_keys(inventory: Inventory, caveats: list[Caveat]) -> list[Credential]:
    """Return API keys bound to a service account; others belong to a project and are only named."""
    found: dict[str, Credential] = {}
    for one in inventory.api_keys:
        data = one.data
        name, account = _text(data, "name"), _text(data, "serviceAccountEmail", "service_account_email")
        if account:
            found[name] = Credential(
                identity=principal_id(account),
                id=name,
                kind="api-key",
                status="inactive" if _text(data, "deleteTime", "delete_time") else "active",
                long_lived=True,
                created=_time(_text(data, "createTime", "create_time")),
                in_logs=False,
            )
        elif not _targets(data):
            caveats.append(
                Caveat(
                    "an API key without API restrictions",
                    name,
                    "it may call Gemini and other key-only APIs of its project without any identity",
                )
            )
    return [found[name] for name in sorted(found)]


def _targets(data: Mapping[str, Any]) -> bool:
    restrictions = data.get("restrictions")
    return isinstance(restrictions, Mapping) and bool(
        restrictions.get("apiTargets") or restrictions.get("api_targets")
    )


def _text(data: Mapping[str, Any], *keys: str) -> str:
    return next((value for key in keys if isinstance(value := data.get(key), str)), "")


def _time(text: str) -> str:
    """Return a time to the second in UTC; empty for none, for an unreadable one, and for "never" (9999)."""
    if not text or text.startswith(_FOREVER):
        return ""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return ""
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
