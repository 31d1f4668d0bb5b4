"""Hear second witnesses of use: what Google saw and the logs do not show is never called unused.

None of them proves a use. Activity Analyzer counts refused calls and lists of keys, the Recommender counts
`testIamPermissions` and browsing in the console, request counts name methods, not permissions. And none of
them disproves one: accounts used through impersonation or bound API keys may be missing in all of them.
Sources: docs.cloud.google.com/policy-intelligence (activity analyzer, insights about policies and service
accounts), docs.cloud.google.com/monitoring/api/metrics_gcp (serviceruntime).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from connectors.facts import Blind, Usage, Window
from connectors.gcp.catalog import services
from connectors.gcp.grants.members import Aliases
from connectors.gcp.inventory import Inventory
from connectors.gcp.names import (
    SERVICE_ACCOUNT_DOMAIN,
    agent,
    parse_member,
    permission_name,
    principal_id,
)
from connectors.permissions import Permissions

AUTHENTICATED, EXERCISED, COUNTED, CONSENT = (
    "authenticated-without-record",
    "exercised-without-record",
    "counted-without-record",
    "acted-with-consent",
)
_FEW = 3


@dataclass
class _Account:
    """What witnesses say of one identity."""

    authenticated: str = ""
    """Latest authentication that Google reports; it names the day, and that day's first hour."""
    exercised: set[str] = field(default_factory=set)
    methods: dict[str, dict[str, str]] = field(default_factory=dict)
    """By service: methods that were called, with the time of the newest count."""


class Witnesses:
    """What second witnesses say of each identity, set against its calls in the logs."""

    def __init__(
        self, inventory: Inventory, emails: Mapping[str, str], aliases: Aliases, window: Window
    ) -> None:
        self._emails = emails
        self._aliases = aliases
        self._start, self._end = _stamp(window.start), _stamp(window.end)
        self._accounts: dict[str, _Account] = {}
        self.keys: dict[str, str] = {}
        """By key id: the latest authentication that Google reports."""
        self._seen: dict[str, tuple[str, set[str], set[str]]] = {}
        self._consent: dict[str, str] = {}
        """Agents that acted with a person's permissions, with the last time."""
        self._other_names = inventory.aliases
        for found in inventory.beside.get("activity", ()):
            self._activity(found.data)
        for found in inventory.beside.get("recommender_insights", ()):
            self._insight(found.data)
        for found in inventory.beside.get("api_metrics", ()):
            self._series(found.data)

    def _account(self, written: str) -> _Account:
        return self._accounts.setdefault(self._aliases.of(self._identity(written)), _Account())

    def _identity(self, written: str) -> str:
        """Return the identity of an account that is written by name, e-mail or unique id."""
        name = written.rpartition("/serviceAccounts/")[2].partition("/")[0]
        return principal_id(self._emails.get(name, name))

    def _activity(self, record: Mapping[str, Any]) -> None:
        held = record.get("activity")
        if not isinstance(held, Mapping):
            return
        time = _time(held.get("lastAuthenticatedTime", held.get("last_authenticated_time")))
        for field_name in ("serviceAccount", "service_account", "serviceAccountKey", "service_account_key"):
            subject = held.get(field_name)
            if not time or not isinstance(subject, Mapping):
                continue
            name = str(subject.get("fullResourceName") or subject.get("full_resource_name") or "")
            account, _, key = name.partition("/keys/")
            if key:
                self.keys[key] = max(self.keys.get(key, ""), time)
            unique = str(subject.get("serviceAccountId") or subject.get("service_account_id") or "")
            self._authenticated(unique if unique in self._emails else account or unique, time)

    def _authenticated(self, written: str, time: str) -> None:
        if written and time:
            account = self._account(written)
            account.authenticated = max(account.authenticated, time)

    def _insight(self, record: Mapping[str, Any]) -> None:
        content = record.get("content")
        if not isinstance(content, Mapping):
            return
        time = _time(content.get("lastAuthenticatedTime"))
        self._authenticated(str(content.get("email") or ""), time)
        member, used = content.get("member"), content.get("exercisedPermissions")
        if not isinstance(member, str) or not isinstance(used, list):
            return
        found = parse_member(member).id
        written = {
            permission_name(str(one.get("permission") if isinstance(one, Mapping) else one)) for one in used
        }
        if found:
            names = {self._other_names.get(one, one) for one in written - {"None", ""}}
            self._account(found).exercised |= names

    def _series(self, record: Mapping[str, Any]) -> None:
        resource = record.get("resource")
        labels = resource.get("labels") if isinstance(resource, Mapping) else None
        if not isinstance(labels, Mapping):
            return
        kind, _, unique = str(labels.get("credential_id") or "").partition(":")
        service, method = str(labels.get("service") or ""), str(labels.get("method") or "")
        newest = max(self._counts(record.get("points")), default="")
        if kind.lower() != "serviceaccount" or not service or not newest:
            return
        methods = self._account(unique).methods.setdefault(service, {})
        methods[method] = max(methods.get(method, ""), newest)

    def _counts(self, points: Any) -> Iterator[str]:
        """Yield the end of each span of the window in which something was counted."""
        for point in points if isinstance(points, list) else ():
            if not isinstance(point, Mapping):
                continue
            span, value = point.get("interval"), point.get("value")
            time = _time(span.get("endTime")) if isinstance(span, Mapping) else ""
            if isinstance(value, Mapping) and _number(value) > 0 and self._start < time <= self._end:
                yield time

    def hear_logs(self, usage: Iterable[Usage]) -> None:
        """Note what the logs themselves show of each identity."""
        for row in usage:
            last, permissions, operations = self._seen.get(row.identity, ("", set(), set()))
            permissions.add(row.permission)
            operations.add(_plain(row.operation.partition(":")[2] or row.operation))
            self._seen[row.identity] = (max(last, row.last_seen), permissions, operations)
            acting = self._aliases.of(row.via)
            if agent(acting) and not row.identity.endswith(SERVICE_ACCOUNT_DOMAIN):
                self._consent[acting] = max(self._consent.get(acting, ""), row.last_seen)

    def blind(self, identity: str, permissions: Permissions, held: int) -> Iterator[Blind]:
        """Yield what an identity may have used of `held`, as witnesses say, without a record in the logs."""
        last, recorded, operations = self._seen.get(identity, ("", set(), set()))
        if identity in self._consent and not last:
            yield Blind(
                held,
                CONSENT,
                f"it acted with persons' own permissions until {self._consent[identity]}, and in its own name"
                " in no call that was logged: it is in use",
                "ask its owner whether it needs permissions of its own",
            )
        account = self._accounts.get(identity)
        if account is None:
            return
        if self._start <= account.authenticated < self._end and last < account.authenticated:
            since = f"after {last}" if last else "at all"
            yield Blind(
                held,
                AUTHENTICATED,
                f"Google saw it authenticate on {account.authenticated[:10]};"
                f" the logs given hold no call of it {since}",
                "give the logs of that day, of every project it may call; Data Access logs may be off there",
            )
        unexplained = permissions.mask(
            name for name in account.exercised - recorded if permissions.find(name) is not None
        )
        if unexplained & held:
            yield Blind(
                unexplained & held,
                EXERCISED,
                "the Recommender counts it as exercised within its 90 days; the logs given hold no call",
                "it also counts tests and console pages: look for the call in Data Access logs",
            )
        yield from self._counted(account, operations, permissions, held)

    def _counted(
        self, account: _Account, operations: set[str], permissions: Permissions, held: int
    ) -> Iterator[Blind]:
        by_service = permissions.by_service(held)
        for service, methods in sorted(account.methods.items()):
            missing = sorted(one for one in methods if _plain(one) not in operations)
            mask = permissions.mask(by_service.get(services().prefix(service), ()))
            if missing and mask:
                shown = ", ".join(missing[:_FEW]) + (" …" if len(missing) > _FEW else "")
                newest = max(methods[one] for one in missing)
                yield Blind(
                    mask,
                    COUNTED,
                    f"{service} counted calls of {shown} by it until {newest[:10]};"
                    " the logs given hold none of them",
                    f"switch on and give the Data Access logs of {service}",
                )


def _plain(method: str) -> str:
    """Return the last two parts of a method's name: logs and counts write package and version differently."""
    return ".".join(method.lower().split(".")[-2:])


def _number(value: Mapping[str, Any]) -> float:
    held = next((value[key] for key in ("int64Value", "doubleValue", "int64_value") if key in value), 0)
    try:
        return float(held)
    except (TypeError, ValueError):
        return 1.0


def _time(text: Any) -> str:
    """Return a time to the second in UTC, or an empty string."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return ""
    return _stamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC)) if moment else ""


def _stamp(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
