"""What a Terraform plan gives one holder, gathered resource by resource."""

from dataclasses import dataclass, field

from connectors.baselines import Allowance, Holding


@dataclass
class Proposed:
    """What was found so far; `identity` is empty where the plan does not name one that is known."""

    identity: str = ""
    allowances: list[Allowance] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    credentials: list[str] = field(default_factory=list)
    new: bool = False

    def holding(self, name: str) -> Holding:
        """Return all of it under the name of the holder."""
        return Holding(
            self.identity,
            name,
            tuple(self.allowances),
            tuple(self.undecided),
            self.new,
            tuple(self.credentials),
        )
