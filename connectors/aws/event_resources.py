"""Name the resource that a CloudTrail event acted on, as a policy would write it."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from connectors.aws.tables import table


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
        self.from_list = lru_cache(maxsize=65_536)(self._from_list)

    def reads_parameters(self, source: str) -> bool:
        """Return whether a request parameter of this event source may name the resource."""
        return source in self._parameters or source in self._s3

    def _from_list(self, source: str, operation: str, arns: tuple[str, ...]) -> str:
        """Return the resource among the ARNs that the event lists."""
        service = self._service(source)
        fitting = sorted(arn for arn in arns if arn.startswith("arn:") and _service_of(arn) == service)
        if not fitting:
            return ""
        if source in self._s3:
            bucket = fitting[0].split("/", 1)[0]
            return f"{bucket}/*" if operation in self._objects else bucket
        return self._folded(fitting[0])

    def from_parameters(
        self, source: str, operation: str, parameters: Any, *, region: str, account: str
    ) -> str:
        """Return the resource that the request parameters name, or an empty string."""
        if not isinstance(parameters, dict):
            return ""
        place = {"partition": _partition(region), "region": region, "account": account}
        if source in self._s3:
            bucket = parameters.get("bucketName")
            if not isinstance(bucket, str) or not bucket or bucket.startswith("arn:"):
                return ""
            arn = f"arn:{place['partition']}:s3:::{bucket}"
            return f"{arn}/*" if operation in self._objects else arn
        for rule in self._parameters.get(source, ()):
            if operation in rule.get("operations", (operation,)) and (
                found := self._named(rule, parameters, place)
            ):
                return self._folded(found)
        return self._only_arn(source, parameters)

    def _named(self, rule: Mapping[str, Any], parameters: Mapping[str, Any], place: Mapping[str, str]) -> str:
        value = parameters.get(rule["key"])
        if not isinstance(value, str) or not value:
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
        if isinstance(other, str) and other:
            return str(rule["with_arn"]).format(value=value, other=other, **place)
        return str(rule.get("arn", "")).format(value=value.removeprefix("/"), **place)

    def _only_arn(self, source: str, parameters: Mapping[str, Any]) -> str:
        """Return the one ARN of the event's own service among the parameters; none if there are several."""
        service = self._service(source)
        found = {
            value
            for value in parameters.values()
            if isinstance(value, str) and value.startswith("arn:") and _service_of(value) == service
        }
        return self._folded(found.pop()) if len(found) == 1 else ""

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


def resource_type(kinds: Sequence[str]) -> str:
    """Return the type that event selectors know a data event by: the object's, not its bucket's."""
    for kind in kinds:
        if not kind.endswith("Bucket"):
            return kind
    return kinds[0] if kinds else ""


def _service_of(arn: str) -> str:
    parts = arn.split(":", 3)
    return parts[2] if len(parts) == 4 else ""


def _partition(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def _fold(arn: str, beginning: str) -> str:
    if beginning == "log-group:":
        group, stream, _ = arn.partition(":log-stream:")
        return f"{group}{stream}*" if stream else arn
    separator = "/" if beginning.endswith("/") else ":"
    return arn[: arn.rindex(separator) + 1] + "*"
