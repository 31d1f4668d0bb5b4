"""Say, once per cause, what in the grants could not be interpreted and what that does to the result."""

from collections.abc import Mapping, Sequence

from connectors.aws.catalog.actions import Catalogue
from connectors.aws.grants.entitlement import Ceiling, Effective
from connectors.aws.grants.holdings import Written
from connectors.aws.grants.organization import Organization
from connectors.aws.grants.resource_policies import ResourcePolicies
from connectors.aws.inventory import Holder
from connectors.aws.policy.document import Document
from connectors.aws.policy.operators import parse_operator
from connectors.aws.policy.statements import Clause, Held
from connectors.facts import Caveat

_ALWAYS = (
    Caveat(
        "a session may hold less than its role: session policies that its caller chooses are not applied",
        "aws",
        "what a role holds is shown as it is for a session without one",
    ),
)
_NO_RESOURCES = Caveat(
    "no resource policies in the evidence",
    "aws",
    "access they give or refuse is missing: a permission may be usable elsewhere, or not at all; name "
    "resource_policies",
)


_UNKNOWN = (
    Caveat(
        "no service control policies in the evidence: the ceiling of the organization is unknown",
        "aws",
        "permissions count as granted although an SCP may refuse them; name organization_policies",
    ),
)


_NAMED = 3
"""So many patterns of a document are named in its caveat."""


class GrantCaveats:
    """Collects causes while identities are read, so that a policy held by a thousand is named once."""

    def __init__(self, catalogue: Catalogue, resources: ResourcePolicies) -> None:
        self._catalogue = catalogue
        self._resources = resources
        self._holders: dict[tuple[str, str, str], list[str]] = {}
        self._checked: set[int] = set()
        self.opens: dict[str, list[str]] = {}
        """Account → identities that hold what opens collections of OpenSearch Serverless."""

    def policy(self, holder: Holder, written: Written) -> None:
        """Note what in one policy of an identity is not readable or not known."""
        where = written.source
        if written.document is None:
            what = (
                "the group is not in the dump"
                if written.name.startswith("group ")
                else "policy document not in the dump"
            )
            self._note(
                what, where, "what it gives or refuses is unknown: its permissions are not listed", holder
            )
            return
        for problem in written.document.problems:
            self._note(problem, where, "what it gives or refuses is unknown and not listed", holder)
        if id(written.document) not in self._checked:
            self._checked.add(id(written.document))
            self._statements(written.document, where, holder)

    def _statements(self, document: Document, where: str, holder: Holder) -> None:
        actions = dict.fromkeys(action for statement in document.statements for action in statement.actions)
        unknown = [action for action in actions if not self._catalogue.expand(action)]
        if unknown:
            more = f" and {len(unknown) - _NAMED} more patterns" if len(unknown) > _NAMED else ""
            named = ", ".join(f"{action:.200}" for action in unknown[:_NAMED])
            self._note(
                f"no known action matches {named}{more}", where, "they are counted as naming nothing", holder
            )
        for statement in document.statements:
            for test in statement.conditions:
                if parse_operator(test.operator) is None:
                    self._note(
                        f"unknown condition operator {test.operator}",
                        f"{where}, statement {statement.name}",
                        "the statement's permissions count as conditional",
                        holder,
                    )

    def outcome(
        self,
        holder: Holder,
        ceilings: Sequence[Ceiling],
        outcome: Effective,
        written: Sequence[tuple[str, Clause]],
    ) -> None:
        """Note what kept an identity's permissions from being certain; `written` places its statements."""
        places = {clause: place for place, clause in written}
        for ceiling in ceilings:
            places |= {held.clause: _in_ceiling(held, ceiling) for held in ceiling.clauses}
            limits = ceiling.name in outcome.reasons or not outcome.suspended.isdisjoint(ceiling.clauses)
            if ceiling.optional and limits:
                self._note(
                    "the evidence does not say whether this limit stands above the account",
                    ceiling.name,
                    "what it refuses counts as conditional",
                    holder,
                )
            if not ceiling.readable:
                self._note(
                    "policy document not in the dump",
                    ceiling.name,
                    "all permissions under it count as conditional",
                    holder,
                )
        for held in outcome.suspended:
            if not held.undecided:
                continue
            self._note(
                "a Deny with a condition the evidence cannot decide",
                self._place(held, places),
                "the permissions it names count as conditional",
                holder,
            )
        for held in outcome.narrowed:
            self._note(
                "a Deny on how the request is made (region, tags, encryption, …)",
                self._place(held, places, briefly=True),
                "the permissions stay granted; their reach is narrower than shown",
                holder,
            )

    def all(self, organization: Organization) -> list[Caveat]:
        """Return one caveat per cause, with how many identities it concerns."""
        found = [*_ALWAYS, *_organization(organization), *self._resources.caveats]
        found += [self._unread(), *self._resources.beside.caveats(self.opens)]
        if not self._resources.read:
            found.append(_NO_RESOURCES)
        for (what, where, effect), holders in self._holders.items():
            first = holders[0]
            more = f" and {len(holders) - 1} more" if len(holders) > 1 else ""
            found.append(Caveat(what, where, f"{effect} (held by {first}{more})"))
        return sorted(found)

    def _unread(self) -> Caveat:
        """Say which settings beside policies are not known."""
        parts = [
            *(["VPC endpoint policies"] if not self._resources.beside.endpoints_read else []),
            "access control lists of S3 objects" if self._resources.lists_read else "S3 access control lists",
            "policies of S3 access points",
            *(["block-public-access settings"] if not self._resources.public_access.read else []),
        ]
        return Caveat(
            f"{', '.join(parts[:-1])} and {parts[-1]} are not read",
            "aws",
            "access they give or refuse is missing: a permission may be usable elsewhere, or not at all",
        )

    def _place(self, held: Held, places: Mapping[Clause, str], *, briefly: bool = False) -> str:
        """Return where a statement stands; nearly every bucket demands TLS, which is named once for all."""
        place = places.get(held.clause, "")
        if not place and (arn := self._resources.place(held.clause)):
            place = "resource policies" if briefly else f"resource policy of {arn}"
        return f"{place}: {held.clause.statement.condition_text}"

    def _note(self, what: str, where: str, effect: str, holder: Holder) -> None:
        self._holders.setdefault((what, where, effect), []).append(holder.arn)


def _in_ceiling(held: Held, ceiling: Ceiling) -> str:
    return f"{ceiling.name}, statement {held.clause.statement.name}"


def _organization(organization: Organization) -> list[Caveat]:
    found = [
        Caveat(
            "organization policy listed without its document (Content)",
            name,
            "what it refuses is not applied; add the output of aws organizations describe-policy",
        )
        for name in sorted(organization.listed - organization.policies.keys())
    ]
    if not organization.known:
        return [*found, *_UNKNOWN]
    for _, policy in sorted(organization.policies.items()):
        found += [
            Caveat(problem, f"organization policy {policy.id}", "that statement is left out")
            for problem in policy.document.problems
        ]
        if policy.targets is None:
            found.append(
                Caveat(
                    "the dump does not say where this organization policy is attached",
                    policy.id,
                    "what it refuses counts as conditional everywhere",
                )
            )
    return found
