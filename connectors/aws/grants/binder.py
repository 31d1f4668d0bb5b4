"""Bind policy documents to the catalogue once, however many identities hold them."""

from connectors.aws.catalog.actions import Catalogue
from connectors.aws.policy.document import Document
from connectors.aws.policy.statements import Clause


class Binder:
    """Keeps the bound clauses of each document; documents are told apart by identity, not by content."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._clauses: dict[tuple[int, bool, bool], tuple[Document, tuple[Clause, ...]]] = {}

    def intern(self, document: Document) -> None:
        """Make every literal action of a document a permission, so that no wildcard Deny overlooks one."""
        for statement in document.statements:
            for action in statement.actions:
                self.catalogue.expand(action)

    def clauses(
        self, document: Document, *, limit: bool = False, within: int | None = None
    ) -> tuple[Clause, ...]:
        """Return a document's statements bound to the catalogue.

        `limit` for boundaries and SCPs; `within` for RCPs: the permissions they can be about.
        """
        key = (id(document), limit, within is not None)
        if key not in self._clauses:
            found = tuple(
                Clause(one, self.catalogue, limit=limit, within=within) for one in document.statements
            )
            self._clauses[key] = (document, found)
        return self._clauses[key][1]
