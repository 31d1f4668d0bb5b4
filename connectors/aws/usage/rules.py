"""Name a resource by one rule of `catalog/event_resources.toml` about request parameters."""

import re
from collections.abc import Mapping
from typing import Any

_UNQUALIFIED = 6
"""Colons in the ARN of a function that names no version or alias."""


def named_by(
    rule: Mapping[str, Any], parameters: Mapping[str, str | None], place: Mapping[str, str], service: str
) -> str:
    """Return the ARN that a rule makes of an event's parameters; empty where it makes none.

    `place` holds partition, region and account of the event, `service` is what its ARNs name.
    """
    value = parameters.get(rule["key"])
    if not value or (rule.get("small_letters") and value != value.lower()):
        return ""
    owner = parameters.get(rule.get("owner_key", ""))
    place = {**place, "account": owner} if owner else place
    other = parameters.get(rule.get("with_key", ""))
    if value.startswith(tuple(rule.get("unless_prefix", ()))):
        return str(rule["otherwise"]).format(value=value, **place)
    if value.startswith("arn:"):
        return _given(value, other, rule, service)
    return _made(value, other, rule, place)


def _given(arn: str, other: str | None, rule: Mapping[str, Any], service: str) -> str:
    """Return an ARN as it stands; one of a function without its version gets the version asked for.

    Where a rule says what a whole ARN looks like, another one gets the pattern of what it lacks.
    """
    if service_of(arn) != service:
        return ""
    if "whole_arn" in rule and not re.fullmatch(rule["whole_arn"], arn):
        return "" if re.fullmatch(rule["perhaps_whole_arn"], arn) else arn + str(rule["rest_of_arn"])
    ending = str(rule.get("arn_ending", "")) if other and arn.count(":") == _UNQUALIFIED else ""
    return arn + ending.format(other=other)


def _made(value: str, other: str | None, rule: Mapping[str, Any], place: Mapping[str, str]) -> str:
    if "plain" in rule and not re.fullmatch(rule["plain"], value):
        return ""
    if "url" in rule:
        account, _, name = value.rpartition("/")
        account = account.rpartition("/")[2]
        return str(rule["url"]).format(name=name, **{**place, "account": account}) if account else ""
    if other:
        return str(rule["with_arn"]).format(value=value, other=other, **place)
    return str(rule.get("arn", "")).format(value=value.removeprefix(rule.get("without", "")), **place)


def service_of(arn: str) -> str:
    """Return the service that an ARN names; empty when the text is no ARN."""
    parts = arn.split(":", 3)
    return parts[2] if len(parts) == 4 else ""
