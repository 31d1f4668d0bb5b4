"""Name what runs as a role: from records, instance profiles, and trust that names one source."""

from collections.abc import Iterable, Iterator

from connectors.aws.arns import parse_arn
from connectors.aws.inventory import Holder
from connectors.aws.policy.document import Principal, Statement
from connectors.facts import Effect, Workload

_SOURCE_KEYS = {"aws:sourcearn"}
_EXACT = {"stringequals", "arnequals", "stringlike", "arnlike"}


def workloads_of(holder: Holder, issued_to: Iterable[str]) -> tuple[Workload, ...]:
    """Return the workloads of an identity.

    What records name (`inScopeOf`) is exact. An instance profile stands for the instances behind it and is
    listed only where no record names one. A trust policy names a workload when it pins `aws:SourceArn` to
    one resource, or a federated subject to one service account.
    """
    found = {_workload(arn) for arn in issued_to} | set(_of_trust(holder))
    if not any(load.kind == "ec2 instance" for load in found):
        found |= {
            Workload("ec2 instance profile", arn, arn.rpartition("/")[2]) for arn in holder.instance_profiles
        }
    return tuple(sorted(found))


def _workload(text: str) -> Workload:
    arn = parse_arn(text)
    if arn is None:
        return Workload("workload", text, text)
    kind, _, name = arn.resource.replace(":", "/", 1).partition("/")
    return Workload(f"{arn.service} {kind}" if name else arn.service, text, name or kind)


def _of_trust(holder: Holder) -> Iterator[Workload]:
    for statement in holder.trust.statements:
        if statement.effect is Effect.DENY or not statement.principals:
            continue
        for test in statement.conditions:
            if test.operator.lower() not in _EXACT:
                continue
            for value in test.values:
                if "*" in value or "?" in value or "${" in value:
                    continue
                if test.key.lower() in _SOURCE_KEYS and parse_arn(value):
                    yield _workload(value)
                if test.key.lower().endswith(":sub") and value.startswith("system:serviceaccount:"):
                    yield Workload("kubernetes service account", value, value.rpartition(":")[2])


def trusted_by(holder: Holder) -> tuple[str, ...]:
    """Return who may assume a role, as its trust policy writes it, with the conditions beside them."""
    found = set()
    for statement in holder.trust.statements:
        if statement.effect is Effect.DENY:
            continue
        if statement.not_principals:
            excepted = ", ".join(principal.value for principal in statement.principals)
            found.add(f"everybody but {excepted}{_if(statement)}")
            continue
        found |= {trust_entry(statement, principal) for principal in statement.principals}
    return tuple(sorted(found))


def trust_entry(statement: Statement, principal: Principal) -> str:
    """Return one trusted principal as text, with the condition that stands beside it."""
    return principal.value + _if(statement)


def _if(statement: Statement) -> str:
    return f" if {statement.condition_text}" if statement.conditions else ""
