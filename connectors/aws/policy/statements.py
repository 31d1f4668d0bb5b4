"""Apply one policy statement to the catalogue: what it names, on which resources, and how surely.

A *path* is one resource pattern of an Allow with the permissions it gives there. A Deny takes a path's
permission away when it covers the whole path; a ceiling (boundary, service control policy) keeps it when it
allows any part of the path. What is left of a path can still be exercised somewhere, and that is what
"granted" means.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from connectors.aws.catalog.actions import Catalogue
from connectors.aws.catalog.tables import table
from connectors.aws.policy.conditions import Context, Missing, substitute, undecided_tests
from connectors.aws.policy.document import ConditionTest, Statement
from connectors.aws.policy.globs import covers, overlaps, regex
from connectors.facts import Effect


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource pattern; not `sure` when it holds a variable that only a request would tell."""

    pattern: str
    sure: bool = True


class Clause:
    """A statement bound to a catalogue, with what it names worked out once for all its holders."""

    def __init__(
        self, statement: Statement, catalogue: Catalogue, *, limit: bool = False, within: int | None = None
    ) -> None:
        self.statement = statement
        self._only = within
        self._limit = limit or statement.effect is Effect.DENY
        self.catalogue = catalogue
        self._named: int | None = None
        self._permissions: dict[tuple[Resource, ...], int] = {}
        self._wide: dict[tuple[Resource, ...], int] = {}
        self._allowed: dict[tuple[Resource, Resource], int] = {}
        self._denied: dict[tuple[tuple[Resource, ...], Resource], tuple[int, int]] = {}
        self._fixed = None if _has_variables(statement) else tuple(Resource(r) for r in statement.resources)

    @property
    def fixed(self) -> bool:
        """Tell whether its resources are the same whoever asks."""
        return self._fixed is not None

    @property
    def named(self) -> int:
        """The permissions of Action or NotAction, whatever the resources.

        A wildcard in a grant means what the catalogue knows; in a Deny, a boundary or a service control
        policy (`limit`) also the names that only policies and logs mention. `within` narrows it to what the
        kind of policy can be about.
        """
        if self._named is None:
            statement, catalogue = self.statement, self.catalogue
            expand = catalogue.expand_all if self._limit or statement.not_actions else catalogue.expand
            found = 0
            for pattern in statement.actions:
                found |= expand(pattern)
            if statement.not_actions:
                found = (catalogue.everything if self._limit else catalogue.known) & ~found
            self._named = found if self._only is None else found & self._only
        return self._named

    def resources(self, context: Context) -> tuple[Resource, ...]:
        """Return the resource patterns with policy variables filled in for one identity.

        A variable that certainly has no value makes its pattern match nothing, so the pattern goes.
        """
        if self._fixed is not None:
            return self._fixed
        found = []
        for pattern in self.statement.resources:
            filled = substitute(pattern, context)
            if isinstance(filled, str):
                found.append(Resource(filled))
            elif filled is Missing.UNKNOWN:
                found.append(Resource(_wildcards_for_variables(pattern, context), sure=False))
        return tuple(found)

    def paths(self, context: Context) -> Iterator[tuple[Resource, int]]:
        """Yield for an Allow each resource pattern with the permissions it gives there."""
        if self.statement.not_resources:
            everything = any(r.pattern == "*" and r.sure for r in self.resources(context))
            if not everything:
                yield Resource("*"), self.named
            return
        for resource in self.resources(context):
            permissions = self.named & self.catalogue.reachable(resource.pattern)
            if permissions:
                yield resource, permissions

    def permissions(self, context: Context) -> int:
        """Return everything the statement gives or refuses on any of its resources."""
        resources = self.resources(context)
        found = self._permissions.get(resources)
        if found is None:
            found = 0
            for _, permissions in self.paths(context):
                found |= permissions
            self._permissions[resources] = found
        return found

    def wide(self, context: Context) -> int:
        """Return what an Allow gives on every resource although a narrower one could be named."""
        if self.statement.not_resources:
            return self.named & self.catalogue.on_resources
        resources = self.resources(context)
        found = self._wide.get(resources)
        if found is None:
            found = 0
            for resource in resources:
                found |= self.catalogue.whole(resource.pattern)
            found = self._wide[resources] = found & self.named
        return found

    @cached_property
    def conditions(self) -> str:
        """The Condition block as text, made once for all holders."""
        return self.statement.condition_text

    def allows_on(self, path: Resource, context: Context) -> int:
        """Return the permissions that this Allow, as part of a ceiling, leaves on some part of a path."""
        found = 0
        for resource in self.resources(context):
            key = (resource, path)
            here = self._allowed.get(key)
            if here is None:
                here = self._allowed[key] = self._leaves(resource, path)
            if self.statement.not_resources:
                if not here:
                    return 0
                continue
            found |= here
        return self.named if self.statement.not_resources else found

    def _leaves(self, resource: Resource, path: Resource) -> int:
        if self.statement.not_resources:
            return 0 if resource.sure and covers(resource.pattern, path.pattern) else self.named
        if path.pattern == "*" or resource.pattern == "*" or overlaps(resource.pattern, path.pattern):
            return self.named & self.catalogue.reachable(resource.pattern)
        return 0

    def denies_on(self, path: Resource, context: Context) -> tuple[int, int]:
        """Return the permissions this Deny takes away on the whole of a path: for certain, and perhaps."""
        resources = self.resources(context)
        key = (resources, path)
        found = self._denied.get(key)
        if found is None:
            found = self._denied[key] = (
                self._refused(resources, path, sure=True),
                self._refused(resources, path, sure=False),
            )
        return found

    def _refused(self, resources: Iterable[Resource], path: Resource, *, sure: bool) -> int:
        if self.statement.not_resources:
            spared = 0
            for resource in resources:
                if overlaps(resource.pattern, path.pattern) and (sure or resource.sure):
                    spared |= self.catalogue.reachable(resource.pattern)
            return self.named & ~spared
        found = 0
        for resource in resources:
            if resource.sure or not sure:
                if covers(resource.pattern, path.pattern):
                    return self.named
                if path.pattern == "*":
                    found |= self.named & self.catalogue.entire(resource.pattern)
        return found


def _has_variables(statement: Statement) -> bool:
    return statement.variables and any("${" in resource for resource in statement.resources)


def _wildcards_for_variables(pattern: str, context: Context) -> str:
    """Return a pattern in which each variable that is not known stands as `*`."""
    parts = []
    for at, part in enumerate(pattern.replace("}", "${").split("${")):
        if at % 2 == 0:
            parts.append(part)
        else:
            filled = substitute("${" + part + "}", context)
            parts.append(filled if isinstance(filled, str) else "*")
    return "".join(parts)


@dataclass(frozen=True, slots=True)
class Held:
    """A clause as it stands for one identity: `applies` is None when its condition is undecided."""

    clause: Clause
    applies: bool | None
    undecided: tuple[ConditionTest, ...] = ()

    @property
    def avoidable(self) -> bool:
        """Tell whether the caller can keep an undecided Deny from applying by how it makes the call."""
        return any(caller_chooses(test.key) for test in self.undecided)


def hold(clause: Clause, context: Context) -> Held:
    """Return a clause with its condition evaluated for one identity."""
    statement = clause.statement
    if not statement.conditions:
        return Held(clause, applies=True)
    applies, undecided = undecided_tests(statement.conditions, context, variables=statement.variables)
    return Held(clause, applies, undecided)


@lru_cache(maxsize=4096)
def caller_chooses(key: str) -> bool:
    """Tell whether a condition key is a property of the request that the caller picks freely."""
    folded = key.lower()
    return any(regex(pattern.lower()).fullmatch(folded) for pattern in table("caller_keys")["keys"])
