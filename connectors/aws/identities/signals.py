"""Find the signs that an identity belongs to an AI workload (`catalog/ai_signals.toml`)."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from connectors.aws.arns import parse_arn
from connectors.aws.catalog.actions import Catalogue, fold_action
from connectors.aws.catalog.tables import table
from connectors.aws.coverage.observability import union
from connectors.aws.inventory import Holder
from connectors.aws.policy.globs import matches, regex
from connectors.aws.policy.statements import Clause
from connectors.facts import Effect, Signal, SignalKind, Usage
from connectors.interface import Patterns

_NAMED = 3
"""So many actions of a statement are named in its signal."""
_READS = re.compile("(?:batch)?(?:describe|get|list|search|tag|untag|view)", re.IGNORECASE)
_HOST = re.compile(r"\.amazonaws\.com(\.cn)?$")


class AiSignals:
    """Recognises AI workloads. A bare `*` is no AI grant: it would make every administrator one."""

    def __init__(self, catalogue: Catalogue, patterns: Patterns) -> None:
        data = table("ai_signals")
        self._catalogue = catalogue
        self._patterns = patterns
        self._trusted = frozenset(data["trust"]["services"])
        self._prefixes: tuple[str, ...] = tuple(data["grants"]["prefixes"])
        self._services = frozenset(data["workloads"]["services"])
        everything = union(catalogue.expand(f"{prefix}:*") for prefix in self._prefixes)
        changes = catalogue.level("Write") & ~catalogue.level("Tagging")
        uses = union(catalogue.expand(pattern) for pattern in data["grants"]["uses"])
        self._telling = everything & (changes | uses)
        self._usage = union(catalogue.expand(pattern) for pattern in data["usage"]["permissions"])
        self._told: dict[str, bool] = {}
        self._clauses: dict[int, tuple[Clause, tuple[str, ...]]] = {}

    def of_trust(self, holder: Holder) -> Iterator[Signal]:
        """Yield a signal for each AI service that may assume a role."""
        for statement in holder.trust.statements:
            if statement.effect is Effect.DENY or statement.not_principals:
                continue
            for principal in statement.principals:
                service = _HOST.sub("", principal.value.lower())
                if principal.kind == "Service" and service in self._trusted:
                    yield Signal(
                        SignalKind.TRUST, principal.value, f"trust policy, statement {statement.name}"
                    )

    def of_grants(self, clauses: Iterable[tuple[str, Clause]]) -> Iterator[Signal]:
        """Yield a signal for each policy statement that names AI services; the text says where it stands."""
        for place, clause in clauses:
            if patterns := self._ai_patterns(clause):
                more = f" and {len(patterns) - _NAMED} more" if len(patterns) > _NAMED else ""
                yield Signal(SignalKind.GRANT, ", ".join(patterns[:_NAMED]) + more, place)

    def _ai_patterns(self, clause: Clause) -> tuple[str, ...]:
        found = self._clauses.get(id(clause))
        if found is None:
            statement = clause.statement
            patterns: tuple[str, ...] = ()
            if statement.effect is Effect.ALLOW and not statement.not_actions:
                patterns = tuple(pattern for pattern in statement.actions if self._tells(pattern))
            found = self._clauses[id(clause)] = (clause, patterns)
        return found[1]

    def _tells(self, pattern: str) -> bool:
        found = self._told.get(pattern)
        if found is None:
            found = self._told[pattern] = self._names_ai(pattern)
        return found

    def _names_ai(self, pattern: str) -> bool:
        service = fold_action(pattern).partition(":")[0]
        named = any(matches(service, prefix) for prefix in self._prefixes) and service.strip("*?") != ""
        if not named:
            return False
        meant = self._catalogue.expand(pattern) & self._catalogue.known
        # A name that the catalogue lacks is retired or newer; what it does, its first word says.
        return bool(meant & self._telling) if meant else not _READS.match(pattern.partition(":")[2])

    def of_policies(self, names: Iterable[tuple[str, str]]) -> Iterator[Signal]:
        """Yield a signal for each attached AWS managed policy (name, ARN) made for AI services."""
        for name, arn in names:
            if ":iam::aws:policy/" in arn and _is_ai_policy(name):
                yield Signal(SignalKind.GRANT, f"managed policy {name}", arn)

    def of_usage(self, usage: Sequence[Usage]) -> Iterator[Signal]:
        """Yield a signal for each model or agent permission that was used."""
        permissions = self._catalogue.permissions
        calls: dict[str, int] = {}
        for row in usage:
            if row.count > row.denied and self._usage >> permissions.index(row.permission) & 1:
                calls[row.permission] = calls.get(row.permission, 0) + row.count - row.denied
        for permission, count in sorted(calls.items()):
            yield Signal(SignalKind.USAGE, permission, f"{count} calls in the logs")

    def of_workloads(self, arns: Iterable[str], evidence: str) -> Iterator[Signal]:
        """Yield a signal for each AI resource that credentials were issued to, else for a telling name."""
        for text in sorted(arns):
            arn = parse_arn(text)
            if arn and arn.service in self._services:
                yield Signal(SignalKind.LOG, text, evidence)
            elif arn:
                yield from self.of_name(re.split("[:/]", arn.resource)[-1])

    def of_name(self, name: str) -> Iterator[Signal]:
        """Yield a signal when the short name fits a built-in or configured pattern."""
        for glob in (*table("ai_signals")["names"]["globs"], *self._patterns.names):
            if regex(glob.lower()).fullmatch(name.lower()):
                yield Signal(SignalKind.NAME, name, f"matches {glob}")
                return

    def of_tags(self, holder: Holder) -> Iterator[Signal]:
        """Yield a signal for each tag that fits a configured `key=value` pattern."""
        for key, value in sorted(holder.tags.items()):
            text = f"{key}={value}".lower()
            for glob in self._patterns.tags:
                if regex(glob.lower()).fullmatch(text):
                    yield Signal(SignalKind.TAG, f"{key}={value}", f"matches {glob}")
                    break


@lru_cache(maxsize=4096)
def _is_ai_policy(name: str) -> bool:
    data = table("ai_signals")["policies"]
    wanted = any(matches(glob, name) for glob in data["names"])
    return wanted and not any(matches(glob, name) for glob in data["except"])
