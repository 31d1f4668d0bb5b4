"""Read the parts of Amazon resource names that identify principals."""

import re
from typing import NamedTuple

_REGION = re.compile(r"\.[a-z]{2}(?:-[a-z]+)+-\d\.(?=amazonaws\.com$)")


class Arn(NamedTuple):
    """The six parts of an ARN (AWS general reference); `resource` keeps its own colons."""

    partition: str
    service: str
    region: str
    account: str
    resource: str


def parse_arn(text: str) -> Arn | None:
    """Return the parts of an ARN, or None when the text is none."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        return None
    return Arn(*parts[1:])


def account_of(text: str) -> str:
    """Return the account id in an ARN, or an empty string."""
    arn = parse_arn(text)
    return arn.account if arn else ""


def partition_in(text: str) -> str:
    """Return the partition in an ARN; that of the commercial regions where the text is none."""
    arn = parse_arn(text)
    return arn.partition if arn and arn.partition else "aws"


def without_path(text: str) -> str:
    """Return the ARN of a role without its path: names of roles are unique in an account whatever it is."""
    head, marker, name = text.partition(":role/")
    return f"{head}{marker}{name.rpartition('/')[2]}" if marker else text


def plain_service(name: str) -> str:
    """Return a service principal without region and the ending of another partition, other names as they are.

    Some services may be trusted in one region only (`states.eu-west-1.amazonaws.com`).
    """
    folded = name.lower().removesuffix(".cn")
    return _REGION.sub(".", folded) if folded.endswith(".amazonaws.com") else name
