"""Name the permission that an API method needed, for log entries that name none."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from connectors.gcp.catalog import MCP, services, table
from connectors.gcp.names import permission_name

_REST = re.compile(r"(?:google\.)?(?:(?:v\d+\w*|alpha|beta)\.)?([a-z]\w*)\.([a-z]\w*)\.([a-z]\w*)")
"""A method's REST name, with the version that Compute Engine and others put before it."""
_MCP_CALL = re.compile(r"call_?tool|tools?[/.]call", re.IGNORECASE)
_POLICY = {"setiampolicy": "setIamPolicy", "getiampolicy": "getIamPolicy"}
_WORDS = re.compile(r"([A-Z][a-z]+)([A-Z]\w*)")


@dataclass(frozen=True, slots=True)
class Needed:
    """The permission of a method."""

    permission: str
    sure: bool
    """False where it is only the likely name: then nothing of the service may be called unused."""


def needs_none(service: str) -> bool:
    """Return whether calls of a service need no IAM permission at all."""
    return service in table("methods")["no_permission"]["services"]


@dataclass(frozen=True, slots=True)
class Known:
    """The permissions that the evidence knows, and the services they are of."""

    names: frozenset[str]
    prefixes: frozenset[str]

    @classmethod
    def of(cls, names: Iterable[str]) -> "Known":
        """Gather names."""
        every = frozenset(names)
        return cls(every, frozenset(name.partition(".")[0] for name in every))


def needed(service: str, method: str, resource: str, known: Known) -> Needed | None:
    """Return the permission of a method by the tables, by its REST name or by its words; None for any other.

    What is built from a name counts where it is a permission in the evidence; by a REST name also where the
    evidence has none of that service.
    """
    key = ".".join(method.split(".")[-2:])
    for name in ("ai_methods", "methods"):
        methods = table(name).get(service, {})
        found = methods.get(key) or methods.get(key.rpartition(".")[2])
        if found:
            return Needed(found, sure=True)
    if service.endswith(MCP):
        return Needed("mcp.tools.call", sure=True) if _MCP_CALL.search(method) else None
    if method.startswith("io.k8s."):
        return Needed(permission_name(method), sure=False)
    if rest := _REST.fullmatch(method):
        return _by_rest_name(rest[1], rest[2], rest[3], known)
    built = _by_words(service, key.rpartition(".")[2], resource)
    return Needed(built, sure=False) if built in known.names else None


def _by_rest_name(api: str, collection: str, verb: str, known: Known) -> Needed | None:
    verb = table("methods")["verbs"].get(verb, verb)
    prefix = services().prefix(f"{api}.googleapis.com")
    permission = f"{prefix}.{collection}.{verb}"
    if permission in known.names:
        return Needed(permission, sure=True)
    return None if prefix in known.prefixes else Needed(permission, sure=False)


def _by_words(service: str, name: str, resource: str) -> str:
    """Return `prefix.nouns.verb` of `VerbNoun`; the collection of a policy is that of its resource."""
    prefix = services().prefix(service)
    if verb := _POLICY.get(name.lower()):
        parts = resource.removeprefix(f"//{service}/").split("/")
        return f"{prefix}.{parts[-2]}.{verb}" if len(parts) > 1 else ""
    words = _WORDS.fullmatch(name)
    if words is None:
        return ""
    noun = words[2][0].lower() + words[2][1:]
    if not noun.endswith("s"):
        noun = f"{noun[:-1]}ies" if re.search("[^aeiou]y$", noun) else f"{noun}s"
    return f"{prefix}.{noun}.{words[1].lower()}"
