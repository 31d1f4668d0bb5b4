"""Name the resource that a CloudTrail event acted on, as a policy would write it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from connectors.aws.catalog.tables import table
from connectors.aws.usage.actions import service_name
from connectors.aws.usage.passed_roles import parsed, partition_of
from connectors.aws.usage.rules import named_by, service_of
from connectors.aws.usage.templates import Shape, as_name, filled, keys_of, shapes_of

_LONGEST = 2048
"""The longest ARN that AWS allows; longer text is not taken for one."""
_REMEMBERED = 20_000


_ANYWHERE = {"partition": "aws", "region": "-", "account": "-"}
"""A place for trying whether templates are filled at all."""

AN_ARN = '"arn:'
"""Stands in request parameters that hold an ARN."""

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
        self._plans: dict[tuple[str, str], Plan | None] = {}
        self._shared: dict[object, Plan] = {}
        self.chosen = lru_cache(maxsize=_REMEMBERED)(self._choose)

    def listed(self, source: str, operation: str, refs: Sequence[ResourceRef | None]) -> str:
        """Return the resource among those that an event lists."""
        if len(refs) == 1 and (ref := refs[0]) is not None:
            arn = ref.capital_arn or ref.arn
            return self.chosen(source, operation, arn) if arn else ""
        found = {
            self.chosen(source, operation, arn)
            for ref in refs
            if ref is not None and (arn := ref.capital_arn or ref.arn)
        }
        found.discard("")
        return min(found) if found else ""

    def _choose(self, source: str, operation: str, arn: str) -> str:
        """Return a listed ARN as a row names it; empty if it is of another service than the event."""
        if len(arn) > _LONGEST or not arn.startswith("arn:") or service_of(arn) != self._service(source):
            return ""
        if source in self._s3:
            bucket = arn.split("/", 1)[0]
            return f"{bucket}/*" if operation in self._objects else bucket
        return self._folded(arn)

    def requested(self, plan: "Plan | None", source: str, parameters: bytes | msgspec.Raw) -> Named:
        """Return the request parameters that may name the resource by a plan, or the one ARN among them."""
        if plan is not None:
            values = plan.values(parameters)
            own = any(values[: plan.own])
            if own or (any(values) and filled(plan.shapes, plan.named(values), _ANYWHERE)):
                return values
        return self._only_arn(source, parameters) if AN_ARN in letters(parameters) else ""

    def plan(self, source: str, operation: str) -> "Plan | None":
        """Return what to read of an operation's parameters, worked out when it is met for the first time."""
        key = (source, operation)
        if key not in self._plans:
            if len(self._plans) >= _REMEMBERED:
                self._plans.clear()
            rules = [] if source in self._s3 else self._rules(source, operation)
            keys = ["bucketName"] if source in self._s3 else _keys(rules)
            shapes = shapes_of(source, operation)
            self._plans[key] = self._made(rules, keys, shapes) if keys or shapes else None
        return self._plans[key]

    def _made(self, rules: Sequence[Mapping[str, Any]], keys: list[str], shapes: tuple[Shape, ...]) -> "Plan":
        """Return the plan for these rules and templates; most operations of a service share one."""
        key = (tuple(map(id, rules)), tuple(keys), shapes)
        plan = self._shared.get(key)
        if plan is None:
            plan = self._shared[key] = Plan.of(rules, keys, shapes)
        return plan

    def _rules(self, source: str, operation: str) -> list[dict[str, Any]]:
        return [
            rule
            for rule in self._parameters.get(source, ())
            if operation in rule.get("operations", (operation,)) and operation not in rule.get("except", ())
        ]

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
        plan = self.plan(source, operation)
        if plan is None:
            return ""
        parameters = plan.named(named)
        service = self._service(source)
        by_rule = (named_by(rule, parameters, place, service) for rule in plan.rules)
        found = next(filter(None, by_rule), "") or filled(plan.shapes, parameters, place)
        return self._folded(found) if len(found) <= _LONGEST else ""

    def _only_arn(self, source: str, parameters: bytes | msgspec.Raw) -> str:
        """Return the one ARN of the event's own service among the parameters; none if there are several."""
        values = parsed(parameters)
        service = self._service(source)
        found = {
            value
            for value in (values.values() if isinstance(values, dict) else ())
            if isinstance(value, str) and value.startswith("arn:") and service_of(value) == service
        }
        arn = found.pop() if len(found) == 1 else ""
        return self._folded(arn) if len(arn) <= _LONGEST else ""

    def _service(self, source: str) -> str:
        name = service_name(source)
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


def letters(parameters: bytes | msgspec.Raw) -> str:
    """Return JSON with one letter for each byte, to look for ASCII in: text is searched faster than bytes."""
    return str(parameters, "latin-1")


def resource_type(refs: Sequence[ResourceRef | None]) -> str:
    """Return the type that event selectors know a data event by: the object's, not its bucket's."""
    kinds = [ref.type for ref in refs if ref is not None and ref.type]
    for kind in kinds:
        if not kind.endswith("Bucket"):
            return kind
    return kinds[0] if kinds else ""


def _keys(rules: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the request parameters that rules read, each once."""
    parts = ("key", "with_key", "owner_key")
    return list(dict.fromkeys(rule[part] for rule in rules for part in parts if rule.get(part)))


@dataclass(frozen=True, slots=True)
class Plan:
    """Which request parameters of one operation are read, and what is made of them."""

    rules: Sequence[Mapping[str, Any]]
    shapes: tuple[Shape, ...]
    keys: tuple[str, ...]
    own: int
    """So many of the keys, from the first, are those of the rules."""
    decoder: "msgspec.json.Decoder[Any]"

    @classmethod
    def of(cls, rules: Sequence[Mapping[str, Any]], keys: list[str], shapes: tuple[Shape, ...]) -> "Plan":
        """Make a plan; large parameters beside the named ones are skipped, not parsed."""
        every = tuple(dict.fromkeys((*keys, *keys_of(shapes))))
        fields = [(f"field{at}", str | None if at < len(keys) else Any, None) for at in range(len(every))]
        names = {f"field{at}": key for at, key in enumerate(every)}
        struct = msgspec.defstruct("Parameters", fields, rename=names, gc=False)
        return cls(rules, shapes, every, len(keys), msgspec.json.Decoder(struct))

    def values(self, parameters: bytes | msgspec.Raw) -> tuple[str | None, ...]:
        """Return the named parameters; nothing where they cannot be read."""
        try:
            found = msgspec.structs.astuple(self.decoder.decode(parameters))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return ()
        return (*found[: self.own], *map(as_name, found[self.own :])) if self.shapes else found

    def named(self, values: Sequence[str | None]) -> dict[str, str | None]:
        """Return values by the parameters that they are of."""
        return dict(zip(self.keys, values, strict=True))


def _fold(arn: str, beginning: str) -> str:
    if beginning == "log-group:":
        group, stream, _ = arn.partition(":log-stream:")
        return f"{group}{stream}*" if stream else arn
    separator = "/" if beginning.endswith("/") else ":"
    return arn[: arn.rindex(separator) + 1] + "*"
