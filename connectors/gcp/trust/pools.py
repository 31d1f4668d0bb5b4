"""Say who may become an identity of a workload identity pool: issuers, attribute mappings and conditions.

Whoever holds a token of a provider's issuer that meets its attribute condition is let into the pool; what the
mapping makes of the token's claims decides which members of policies stand for them.
Source: docs.cloud.google.com/iam/docs/workload-identity-federation.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.facts import Caveat, TrustGap
from connectors.gcp.catalog import table
from connectors.gcp.grants.grants import Binding
from connectors.gcp.hierarchy import Hierarchy
from connectors.gcp.inventory import Inventory
from connectors.gcp.names import project_in
from connectors.gcp.trust.attribute_conditions import claims_of, pins
from connectors.shell import line

_POOL = "/workloadIdentityPools/"
_MEMBER = re.compile(
    r"principal(?:Set)?://iam\.googleapis\.com/(?P<pool>projects/[^/]+/locations/global"
    r"/workloadIdentityPools/[^/]+)/(?P<rest>.+)"
)


@dataclass(frozen=True, slots=True)
class Provider:
    """One way into a pool."""

    name: str
    pool: tuple[str, str]
    """Project and id."""
    issuer: str
    """Without its scheme; `AWS account N` for AWS; empty for SAML and certificates."""
    mapping: Mapping[str, str]
    condition: str

    @property
    def entry(self) -> str:
        """How the trust of a federated identity names it."""
        return f"{self.issuer or 'an outside issuer'} through {self.name}"

    @property
    def identifying(self) -> frozenset[str]:
        """The claims that tell one customer of a shared issuer from another; empty for own issuers."""
        return frozenset(table("impersonation")["shared_issuers"].get(self.issuer, ()))

    @property
    def shared(self) -> bool:
        """Whether the issuer gives tokens to everybody who has an account there."""
        return bool(self.identifying)

    @property
    def pinned(self) -> bool | None:
        """Whether the condition lets in only tokens of some customers; None where it cannot be read."""
        return pins(self.condition, self.identifying, self.mapping) if self.condition else False

    def lets_in(self, rest: str) -> bool | None:
        """Return whether a member's part after the pool holds everybody of the issuer; None: nobody.

        `*`, `subject/S`, `group/G`, `attribute.NAME/VALUE`.
        """
        if rest == "*":
            return True
        target = rest.partition("/")[0]
        source = {"subject": "google.subject", "group": "google.groups"}.get(target, target)
        written = self.mapping.get(source)
        if written is None:
            return None
        return not claims_of(written, self.mapping) & self.identifying


class Pools:
    """The providers of every pool in the evidence."""

    def __init__(self, inventory: Inventory) -> None:
        self._hierarchy = inventory.hierarchy
        self._closed: set[tuple[str, str]] = set()
        self._providers: dict[tuple[str, str], list[Provider]] = {}
        self._known: set[tuple[str, str]] = set()
        self._gaps: dict[str, Sequence[TrustGap]] = {}
        for found in inventory.beside.get("workload_identity", ()):
            self._read(found.data)

    def _read(self, record: Mapping[str, Any]) -> None:
        name = str(record.get("name") or "")
        key = pool_key(name, self._hierarchy)
        gone = record.get("disabled") is True or record.get("state") == "DELETED"
        if not key[1]:
            return
        if "/providers/" not in name:
            if gone:
                self._closed.add(key)
            return
        self._known.add(key)
        if not gone:
            self._providers.setdefault(key, []).append(_provider(name, key, record))

    def of(self, member: str) -> Sequence[Provider]:
        """Return the providers through which somebody may become a member; none of closed pools."""
        match = _MEMBER.fullmatch(member)
        if match is None:
            return ()
        key = pool_key(match["pool"], self._hierarchy)
        return () if key in self._closed else self._providers.get(key, ())

    def gaps(self, member: str) -> Sequence[TrustGap]:
        """Return where a member or federated identity may be everybody of an issuer that serves everybody."""
        found = self._gaps.get(member)
        if found is None:
            found = self._gaps[member] = tuple(self._find(member))
        return found

    def _find(self, member: str) -> Iterator[TrustGap]:
        rest = _rest(member)
        for provider in self.of(member):
            if provider.shared and provider.pinned is False and provider.lets_in(rest) is True:
                yield TrustGap(
                    provider.entry if member.startswith("principal:") else member,
                    "any-subject",
                    f"everybody with an account at {provider.issuer}, through {provider.name}",
                    _fix(provider),
                )

    def belongs(self, identity: str, written: str) -> bool | None:
        """Return whether a federated identity is in a set by an attribute; None where its name does not tell.

        Some issuers write the attribute into the subject (`repo:ORG/REPO:…`).
        """
        own, wanted = _MEMBER.fullmatch(identity), _MEMBER.fullmatch(written)
        if own is None or wanted is None or not own["rest"].startswith("subject/"):
            return None
        attribute, _, value = wanted["rest"].partition("/")
        subject = own["rest"].removeprefix("subject/")
        answers = [_in_subject(one, attribute, value, subject) for one in self.of(written)]
        return answers[0] if answers and len(set(answers)) == 1 else None

    def caveats(self, bindings: Iterable[Binding]) -> Iterator[Caveat]:
        """Say which providers let everybody in or cannot be judged, and which members stand for nobody."""
        bound: dict[str, list[Binding]] = {}
        for binding in bindings:
            if _MEMBER.fullmatch(binding.member.written):
                bound.setdefault(binding.member.written, []).append(binding)
        seen: dict[str, Provider] = {}
        for member, held in sorted(bound.items()):
            seen.update({one.name: one for one in self.of(member)})
            yield from self._about(member, held)
        for _, provider in sorted(seen.items()):
            if provider.shared and provider.pinned is None:
                yield Caveat(
                    "an attribute condition that could not be judged",
                    f"{provider.name}: {provider.condition}",
                    f"whether it lets in everybody of {provider.issuer} is not known",
                )
            elif provider.shared and not provider.pinned:
                yield Caveat(
                    "an outside issuer that serves everybody, without an attribute condition that names one",
                    f"{provider.name}: {provider.issuer}",
                    "anyone with an account there may become an identity of the pool; the members of policies"
                    f" alone hold them back: {_fix(provider)}",
                )

    def _about(self, member: str, held: Sequence[Binding]) -> Iterator[Caveat]:
        where = f"{held[0].role} on {held[0].resource}" + (
            f" and {len(held) - 1} more" if len(held) > 1 else ""
        )
        for gap in self.gaps(member):
            yield Caveat(f"{gap.who}, holds what {member} is given", where, f"cut it down: {gap.fix}")
        key, rest = pool_key(member, self._hierarchy), _rest(member)
        providers = self.of(member)
        unmapped = bool(providers) and all(one.lets_in(rest) is None and one.mapping for one in providers)
        if key in self._closed or (key in self._known and not providers):
            yield Caveat(
                "a member of a workload identity pool that lets nobody in",
                member,
                "the pool or all its providers are disabled or deleted: the binding gives nothing today",
            )
        elif unmapped:
            yield Caveat(
                "a member that no provider of its pool maps to",
                member,
                "nobody can have this attribute: the binding gives nothing today",
            )


def pool_key(name: str, hierarchy: Hierarchy) -> tuple[str, str]:
    """Return (project, id) of the pool in a name: policies write a number, lists perhaps an id."""
    if _POOL not in name:
        return "", ""
    return hierarchy.project(project_in(name)), name.partition(_POOL)[2].partition("/")[0]


def _rest(member: str) -> str:
    match = _MEMBER.fullmatch(member)
    return match["rest"] if match is not None else ""


def _provider(name: str, key: tuple[str, str], record: Mapping[str, Any]) -> Provider:
    mapping = record.get("attributeMapping", record.get("attribute_mapping"))
    condition = record.get("attributeCondition", record.get("attribute_condition"))
    texts = mapping.items() if isinstance(mapping, Mapping) else ()
    return Provider(
        name=name,
        pool=key,
        issuer=_issuer(record),
        mapping={str(key): value for key, value in texts if isinstance(value, str)},
        condition=condition if isinstance(condition, str) else "",
    )


def _issuer(record: Mapping[str, Any]) -> str:
    oidc, aws = record.get("oidc"), record.get("aws")
    if isinstance(oidc, Mapping):
        written = str(oidc.get("issuerUri") or oidc.get("issuer_uri") or "")
        return written.removeprefix("https://").rstrip("/")
    if isinstance(aws, Mapping):
        return f"AWS account {aws.get('accountId') or aws.get('account_id')}"
    return ""


def _fix(provider: Provider) -> str:
    """Return the command that lets in one customer of a shared issuer only."""
    claim = table("impersonation")["owner_claims"][provider.issuer]
    project, pool = provider.pool
    named = line(
        (provider.name.rpartition("/")[2], f"--workload-identity-pool={pool}", f"--project={project}")
    )
    return (
        f"gcloud iam workload-identity-pools providers update-oidc {named} --location=global"
        f" --attribute-condition=\"assertion.{claim} == 'YOURS'\""
    )


def _in_subject(provider: Provider, attribute: str, value: str, subject: str) -> bool | None:
    """Return whether a subject says that an attribute has a value, if the mapping takes both as they are."""
    if provider.mapping.get("google.subject") != "assertion.sub":
        return None
    claim = provider.mapping.get(attribute, "").removeprefix("assertion.")
    for form in table("impersonation")["subjects"]:
        if form["issuer"] == provider.issuer and form["claim"] == claim and subject.startswith(form["start"]):
            return subject.startswith(form["start"] + value + form["end"])
    return None
