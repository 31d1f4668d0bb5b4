"""Make up the labels of Terraform blocks from names of the cloud: valid, short, each one once in a file."""

import re

_NOT_IN_LABELS = re.compile(r"[^a-z0-9]+")
_LONGEST = 60


class Labels:
    """The labels that one Terraform file has so far."""

    def __init__(self, unnamed: str) -> None:
        """Label with `unnamed` what has no letter or digit in its name."""
        self._unnamed = unnamed
        self._taken: set[str] = set()

    def label(self, text: str) -> str:
        """Return a new label for a name; a number is added where the file has it already."""
        wanted = _NOT_IN_LABELS.sub("_", text.lower()).strip("_")[:_LONGEST] or self._unnamed
        wanted = f"_{wanted}" if wanted[0].isdigit() else wanted
        found, number = wanted, 1
        while found in self._taken:
            number += 1
            found = f"{wanted}_{number}"
        self._taken.add(found)
        return found
