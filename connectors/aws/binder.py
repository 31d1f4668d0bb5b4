"""Bind policy documents to the catalogue once, however many identities hold them."""

from connectors.aws.catalogue import Catalogue
from connectors.aws.policy import Clause
from connectors.aws.policy_document import Document


class Binder:
    """Keeps the bound clauses of each document; documents are told apart by identity, not by content."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._clauses: dict[tuple[int, bool], tuple[Document, tuple[Clause, ...]]] = {}

    def intern(self, document: Document) -> None:
        """Make every literal action of a document a permission, so that no wildcard Deny overlooks one."""
        for statement in document.statements:
            for action in statement.actions:
                self.catalogue.expand(action)

    def clauses(self, document: Document, *, limit: bool = False) -> tuple[Clause, ...]:
        """Return a document's statements bound to the catalogue; `limit` for boundaries and SCPs."""
        key = (id(document), limit)
        if key not in self._clauses:
            found = tuple(Clause(one, self.catalogue, limit=limit) for one in document.statements)
            self._clauses[key] = (document, found)
        return self._clauses[key][1]
