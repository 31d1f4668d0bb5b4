"""Name the resource that a CloudTrail event acted on, as a policy would write it."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from connectors.aws.passed_roles import parsed, partition_of
from connectors.aws.tables import table

_LONGEST = 2048
"""The longest ARN that AWS allows; longer text is not taken for one."""
_REMEMBERED = 20_000


Named = str | tuple[str | None, ...]
"""A resource by its ARN, or the values of the request parameters that name it."""


class ResourceRef(msgspec.Struct, gc=False, rename={"capital_arn": "ARN"}):
    """One entry of an event's `resources`; older services write `arn` small."""

    type: str | None = None
    capital_arn: str | None = None
    arn: str | None = None


class EventResources:
    """Chooses one resource ARN per event, from data in `catalog/event_resources.toml`.

    An event has one row, so one resource: the first in sorted order of those whose service is the event
    source's. The rest of a call's resources (both keys of ReEncrypt, both buckets of CopyObject) is not in
    the row; the operation says that there were more. Nothing that does not fit the service is taken, because
    a grant narrowed to a wrong resource would break its holder; an empty resource is never narrowed to.
    """

    def __init__(self) -> None:
        data = table("event_resources")
        self._services: Mapping[str, str] = data["arn_services"]
        self._s3 = frozenset(data["s3"]["sources"])
        self._objects = frozenset(data["s3"]["object_operations"])
        self._ephemeral = {name: tuple(parts) for name, parts in data["ephemeral"].items()}
        self._parameters: dict[str, list[dict[str, Any]]] = {}
        for rule in data["parameter"]:
            self._parameters.setdefault(rule["source"], []).append(rule)
        self._decoders = {source: _decoder(rules) for source, rules in self._parameters.items()}
        for source in self._s3:
            self._decoders[source] = _decoder([{"key": "bucketName"}])
        self._chosen = lru_cache(maxsize=_REMEMBERED)(self._choose)

    def listed(self, source: str, operation: str, refs: Sequence[ResourceRef | None]) -> str:
        """Return the resource among those that an event lists."""
        if len(refs) == 1 and (ref := refs[0]) is not None:
            arn = ref.capital_arn or ref.arn
            return self._chosen(source, operation, arn) if arn else ""
        found = {
            self._chosen(source, operation, arn)
            for ref in refs
            if ref is not None and (arn := ref.capital_arn or ref.arn)
        }
        found.discard("")
        return min(found) if found else ""

    def _choose(self, source: str, operation: str, arn: str) -> str:
        """Return a listed ARN as a row names it; empty if it is of another service than the event."""
        if len(arn) > _LONGEST or not arn.startswith("arn:") or _service_of(arn) != self._service(source):
            return ""
        if source in self._s3:
            bucket = arn.split("/", 1)[0]
            return f"{bucket}/*" if operation in self._objects else bucket
        return self._folded(arn)

    def requested(self, source: str, parameters: bytes) -> Named:
        """Return the request parameters that may name the resource, or the one ARN among them."""
        decoder = self._decoders.get(source)
        if decoder is not None:
            try:
                values = msgspec.structs.astuple(decoder.decode(parameters))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                values = ()
            if any(values):
                return values
        return self._only_arn(source, parameters) if parameters.find(b'"arn:') >= 0 else ""

    def written(self, source: str, operation: str, named: Named, region: str, account: str) -> str:
        """Return the resource that `listed` or `requested` found, as a row names it."""
        if isinstance(named, str):
            return named
        place = {"partition": partition_of(region), "region": region, "account": account}
        if source in self._s3:
            bucket = named[0] or ""
            if ":" in bucket or len(bucket) > _LONGEST:
                return ""  # an access point, by ARN
            arn = f"arn:{place['partition']}:s3:::{bucket}"
            return f"{arn}/*" if operation in self._objects else arn
        rules = self._parameters[source]
        parameters = dict(zip(_keys(rules), named, strict=True))
        for rule in rules:
            if operation in rule.get("operations", (operation,)) and (
                found := self._named(rule, parameters, place)
            ):
                return self._folded(found) if len(found) <= _LONGEST else ""
        return ""

    def _named(
        self, rule: Mapping[str, Any], parameters: Mapping[str, str | None], place: Mapping[str, str]
    ) -> str:
        value = parameters.get(rule["key"])
        if not value:
            return ""
        if value.startswith(tuple(rule.get("unless_prefix", ()))):
            return str(rule["otherwise"]).format(value=value, **place)
        if value.startswith("arn:"):
            return value if _service_of(value) == self._service(rule["source"]) else ""
        if "url" in rule:
            account, _, name = value.rpartition("/")
            account = account.rpartition("/")[2]
            return str(rule["url"]).format(name=name, **{**place, "account": account}) if account else ""
        other = parameters.get(rule.get("with_key", ""))
        if other:
            return str(rule["with_arn"]).format(value=value, other=other, **place)
        value = value.removeprefix(rule.get("without", ""))
        return str(rule.get("arn", "")).format(value=value, **place)

    def _only_arn(self, source: str, parameters: bytes) -> str:
        """Return the one ARN of the event's own service among the parameters; none if there are several."""
        values = parsed(parameters)
        service = self._service(source)
        found = {
            value
            for value in (values.values() if isinstance(values, dict) else ())
            if isinstance(value, str) and value.startswith("arn:") and _service_of(value) == service
        }
        arn = found.pop() if len(found) == 1 else ""
        return self._folded(arn) if len(arn) <= _LONGEST else ""

    def _service(self, source: str) -> str:
        name = source.removesuffix(".amazonaws.com")
        return self._services.get(name, name)

    def _folded(self, arn: str) -> str:
        """Return an ARN with the name of a one-time run replaced by `*`."""
        parts = arn.split(":", 5)
        if len(parts) != 6:
            return arn
        for beginning in self._ephemeral.get(parts[2], ()):
            if parts[5].startswith(beginning):
                return _fold(arn, beginning)
        return arn


def resource_type(refs: Sequence[ResourceRef | None]) -> str:
    """Return the type that event selectors know a data event by: the object's, not its bucket's."""
    kinds = [ref.type for ref in refs if ref is not None and ref.type]
    for kind in kinds:
        if not kind.endswith("Bucket"):
            return kind
    return kinds[0] if kinds else ""


def _keys(rules: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the request parameters that rules read, each once."""
    return list(dict.fromkeys(key for rule in rules for key in (rule["key"], rule.get("with_key")) if key))


def _decoder(rules: Sequence[Mapping[str, Any]]) -> "msgspec.json.Decoder[Any]":
    """Return a decoder for just these parameters: large ones beside them are skipped, not parsed."""
    keys = _keys(rules)
    fields = [(f"field{at}", str | None, None) for at in range(len(keys))]
    names = {f"field{at}": key for at, key in enumerate(keys)}
    return msgspec.json.Decoder(msgspec.defstruct("Parameters", fields, rename=names, gc=False))


def _service_of(arn: str) -> str:
    parts = arn.split(":", 3)
    return parts[2] if len(parts) == 4 else ""


def _fold(arn: str, beginning: str) -> str:
    if beginning == "log-group:":
        group, stream, _ = arn.partition(":log-stream:")
        return f"{group}{stream}*" if stream else arn
    separator = "/" if beginning.endswith("/") else ":"
    return arn[: arn.rindex(separator) + 1] + "*"
