"""Waivers: who accepted a finding, why and until when; entries of the chain of approvals."""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.state import State
from scanner.history.approvals import entries
from scanner.moments import inclusive

WAIVER, REVOKED = "waiver", "waiver-revoked"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The waiver of one finding that was made last and not revoked."""

    fingerprint: str
    reason: str
    owner: str
    until: str
    """Its last second."""
    pattern: str = ""
    """In words, where a pattern accepts it and nobody named the finding itself."""

    def active(self, now: str) -> bool:
        """Tell whether it still holds; its last second counts."""
        return now <= self.until


def waivers(state: State) -> Mapping[str, Accepted]:
    """Return by fingerprint the waivers that were not revoked; expired ones too."""
    found: dict[str, Accepted] = {}
    for entry in entries(state, (WAIVER, REVOKED)):
        made = entry.approval
        if made.kind == REVOKED:
            found.pop(made.subject, None)
        else:
            found[made.subject] = Accepted(made.subject, made.why, made.who, inclusive(made.until))
    return found
