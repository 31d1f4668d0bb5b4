"""List the keys and passwords of users: from key lists, the credential report, and use seen in logs."""

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from connectors.aws.inventory import Inventory
from connectors.aws.times import stamp
from connectors.aws.usage.events import LONG_TERM_API_KEY, SHORT_TERM_API_KEY
from connectors.facts import Activity, Caveat, Credential, Usage, Window

ACCESS_KEY = "access-key"
API_KEY = "bedrock-api-key"
_NO_CREDENTIAL = {"", SHORT_TERM_API_KEY}
_KEY_ACCOUNT_MASK = 0x7FFFFFFFFF80


@dataclass
class Credentials:
    """Credentials of users, and what in the lists could not be joined to one."""

    credentials: list[Credential]
    caveats: list[Caveat]


def read_credentials(inventory: Inventory, usage: Iterable[Usage], window: Window) -> Credentials:
    """Return every credential the evidence knows of; never key material.

    Roles have no keys to list. A key that only the logs show counts as active: it opened the account within
    the window, and no list says that it is gone.
    """
    found: dict[tuple[str, str], Credential] = {}
    caveats: list[Caveat] = []
    rows = list(usage)
    signed = {row.credential: row.identity for row in rows if row.credential.startswith("AKIA")}
    for source, name, record in inventory.keys:
        users = users_of(inventory, source, record, signed)
        identity = users[0] if len(users) == 1 else None
        if identity is None:
            key = str(record.get("AccessKeyId") or record.get("ServiceSpecificCredentialId") or "a key")
            whose = (
                "names a user that several accounts have" if users else "names a user that no dump describes"
            )
            caveats.append(Caveat(f"{key} {whose}", source, "it is not listed with an identity"))
            continue
        credential = _listed(name, identity, record, window)
        if credential.id:
            found[identity, credential.id] = credential
    for _, row in inventory.report:
        _add_report(row, inventory, found)
        caveats += _root_keys(row)
    _add_seen(rows, inventory, found)
    return Credentials([found[key] for key in sorted(found)], sorted(set(caveats)))


_Seen = TypeVar("_Seen", Usage, Activity)


def with_key_ids(seen: Iterable[_Seen], credentials: Iterable[Credential]) -> tuple[_Seen, ...]:
    """Return use or activity in which calls with a Bedrock API key name the key, where it can only be one.

    Records say that a long-term key was used, never which; one that had expired by then was not.
    """
    keys: dict[str, list[Credential]] = {}
    for credential in credentials:
        if credential.kind == API_KEY and credential.id != LONG_TERM_API_KEY:
            keys.setdefault(credential.identity, []).append(credential)

    def named(row: _Seen) -> _Seen:
        if row.credential != LONG_TERM_API_KEY:
            return row
        alive = [
            key
            for key in keys.get(row.identity, ())
            if (not key.expires or key.expires > row.first_seen) and key.created <= row.last_seen
        ]
        return replace(row, credential=alive[0].id) if len(alive) == 1 else row

    return tuple(map(named, seen))


def users_of(
    inventory: Inventory, source: str, record: Mapping[str, Any], signed: Mapping[str, str]
) -> list[str]:
    """Return the ARNs of the users that a key may belong to.

    Named by ARN; by the log, which shows who signs with it; or by name. Where several accounts have a user of
    that name, the account in the key's id tells, or the source that the list came with.
    """
    arn = record.get("UserArn") or record.get("Arn")
    key = str(record.get("AccessKeyId", ""))
    for known in (arn, signed.get(key)):
        if isinstance(known, str) and known in inventory.users:
            return [known]
    named = [user for user in inventory.users.values() if user.name == record.get("UserName")]
    if len(named) > 1:
        account = account_of_key(key)
        own = [user for user in named if user.account == account]
        named = own or [user for user in named if user.source == source] or named
    return [user.arn for user in named]


def account_of_key(key: str) -> str:
    """Return the account that an access key id encodes, or an empty string.

    The characters after the four-letter prefix are base 32; bits 7 to 46 of the first six bytes are the
    account (in key ids issued since about 2019).
    """
    try:
        packed = int.from_bytes(base64.b32decode(key[4:])[:6], "big")
    except (binascii.Error, ValueError):
        return ""
    return f"{(packed & _KEY_ACCOUNT_MASK) >> 7:012d}"


def _listed(name: str, identity: str, record: Mapping[str, Any], window: Window) -> Credential:
    status = str(record.get("Status", "")).lower()
    expires = stamp(record.get("ExpirationDate"))
    if expires and expires <= window.end.strftime("%Y-%m-%dT%H:%M:%SZ"):
        status = "expired"
    if name == "ServiceSpecificCredentials":
        service = str(record.get("ServiceName", "")).removesuffix(".amazonaws.com")
        return Credential(
            identity=identity,
            id=str(record.get("ServiceSpecificCredentialId") or ""),
            kind=API_KEY if service == "bedrock" else f"{service or 'service-specific'}-credential",
            status=status if status in ("active", "inactive", "expired") else "unknown",
            long_lived=True,
            created=stamp(record.get("CreateDate")),
            expires=expires,
            in_logs=False,
        )
    used = record.get("AccessKeyLastUsed")
    return Credential(
        identity=identity,
        id=str(record.get("AccessKeyId") or ""),
        kind=ACCESS_KEY,
        status=status if status in ("active", "inactive", "expired") else "unknown",
        long_lived=True,
        created=stamp(record.get("CreateDate")),
        last_used=stamp(used.get("LastUsedDate")) if isinstance(used, Mapping) else "",
        last_used_known=isinstance(used, Mapping),
    )


def _add_report(
    row: Mapping[str, Any], inventory: Inventory, found: dict[tuple[str, str], Credential]
) -> None:
    """Add the passwords, keys and certificates of a credential report's row.

    The report gives no key ids: a key already listed is told by the day it was made.
    """
    identity = str(row.get("arn", ""))
    if identity not in inventory.users:
        return
    for credential in (*_password(row, identity), *_certificates(row, identity)):
        found.setdefault((identity, credential.id), credential)
    for reported in _reported_keys(row, identity):
        same = [
            key
            for key, known in found.items()
            if key[0] == identity and known.kind == ACCESS_KEY and known.created[:16] == reported.created[:16]
        ]
        if len(same) == 1 and reported.created:
            known = found[same[0]]
            found[same[0]] = replace(
                known,
                status=reported.status if known.status == "unknown" else known.status,
                last_used=max(known.last_used, reported.last_used),
                last_used_known=True,
            )
        else:
            found[identity, reported.id] = reported


def _root_keys(row: Mapping[str, Any]) -> Iterator[Caveat]:
    """Yield a word on keys of the root user, who is no identity that policies give or refuse anything."""
    arn = str(row.get("arn", ""))
    keys = list(_reported_keys(row, arn)) if arn.endswith(":root") else []
    for key in keys:
        if key.status == "active":
            used = f"last used on {key.last_used}" if key.last_used else "no use is reported"
            yield Caveat(
                f"the root user has an active {key.id} made on {key.created or 'an unknown day'}, {used}",
                arn,
                "it may do everything in the account and no policy limits it: delete the key",
            )


def _password(row: Mapping[str, Any], identity: str) -> Iterator[Credential]:
    if row.get("password_enabled") == "true":
        yield Credential(
            identity=identity,
            id="console-password",
            kind="console-password",
            status="active",
            long_lived=False,
            created=stamp(row.get("password_last_changed")) or stamp(row.get("user_creation_time")),
            last_used=stamp(row.get("password_last_used")),
            last_used_known=row.get("password_last_used") not in (None, "", "N/A"),
        )


def _certificates(row: Mapping[str, Any], identity: str) -> Iterator[Credential]:
    for number in ("1", "2"):
        if row.get(f"cert_{number}_active") == "true":
            yield Credential(
                identity=identity,
                id=f"signing-certificate-{number}",
                kind="signing-certificate",
                status="active",
                long_lived=True,
                created=stamp(row.get(f"cert_{number}_last_rotated")),
            )


def _reported_keys(row: Mapping[str, Any], identity: str) -> Iterator[Credential]:
    """Yield the two key slots that hold a key; a slot that never held one has no rotation date."""
    for number in ("1", "2"):
        active = row.get(f"access_key_{number}_active")
        rotated = stamp(row.get(f"access_key_{number}_last_rotated"))
        if active == "true" or rotated:
            yield Credential(
                identity=identity,
                id=f"access-key-{number}",
                kind=ACCESS_KEY,
                status="active" if active == "true" else "inactive",
                long_lived=True,
                created=rotated,
                last_used=stamp(row.get(f"access_key_{number}_last_used_date")),
                last_used_known=True,
            )


def _add_seen(usage: Iterable[Usage], inventory: Inventory, found: dict[tuple[str, str], Credential]) -> None:
    """Add the keys that logs show in use; one that must be the only reported key takes its place."""
    seen: dict[str, set[str]] = {}
    for row in usage:
        if row.credential not in _NO_CREDENTIAL and row.identity in inventory.users:
            seen.setdefault(row.identity, set()).add(row.credential)
    for identity, credentials in sorted(seen.items()):
        unknown = sorted(one for one in credentials if (identity, one) not in found)
        slots = sorted(
            key for key, one in found.items() if key[0] == identity and one.id.startswith("access-key-")
        )
        if len(unknown) == len(slots) == 1 and unknown[0] != LONG_TERM_API_KEY:
            found[identity, unknown[0]] = replace(found.pop(slots[0]), id=unknown[0])
            continue
        for one in unknown:
            listed = any(key[0] == identity and known.kind == API_KEY for key, known in found.items())
            if one == LONG_TERM_API_KEY and listed:
                continue
            kind = API_KEY if one == LONG_TERM_API_KEY else ACCESS_KEY
            found[identity, one] = Credential(identity, one, kind, status="active", long_lived=True)
