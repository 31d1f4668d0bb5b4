"""Read the parts of Amazon resource names that identify principals."""

from typing import NamedTuple


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
