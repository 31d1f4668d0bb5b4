"""Open the evidence beside a report, cloud by cloud, once for a verb."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from connectors.baselines import BaselineWing, Holding
from connectors.bundle import Bundle, SourceEvidence, open_bundle
from connectors.facts import Facts, PermissionSet, Window
from connectors.interface import Patterns
from connectors.reduction import Ruling
from connectors.registry import connector
from reports.document import VERDICTS, IdentityEntry, Verdict
from scanner.errors import ConfigError
from scanner.explain import EVIDENCE


@dataclass
class Clouds:
    """The wings with the evidence they answer from; without a bundle they answer from the text alone."""

    bundle: Bundle | None = None
    _facts: dict[str, Facts] = field(default_factory=dict)
    _held: dict[str, Mapping[str, Holding]] = field(default_factory=dict)

    @classmethod
    def beside(cls, folder: Path, *, required: bool) -> "Clouds":
        """Open the bundle that a scan left beside its report.

        Raises ConfigError when it is gone and needed, BundleError when it was changed.
        """
        path = folder / EVIDENCE
        if path.is_dir():
            return cls(open_bundle(path))
        if required:
            raise ConfigError(
                f"{path}: the evidence of the scan is not there; the report alone does not hold the grants",
                hint="give the folder that `entdrift scan --output` wrote",
            )
        return cls()

    def wing(self, provider: str) -> BaselineWing:
        """Return what a cloud answers about baselines."""
        return connector(provider).baselines

    def evidence(self, provider: str) -> Sequence[SourceEvidence]:
        """Return the evidence of one cloud."""
        return [one for one in self.bundle.sources if one.provider == provider] if self.bundle else []

    def facts(self, provider: str) -> Facts:
        """Return the facts of one cloud; interpreted once."""
        if provider not in self._facts:
            self._facts[provider] = connector(provider).interpret(
                self.evidence(provider), self._window(), Patterns()
            )
        return self._facts[provider]

    def held(self, provider: str, keep: Mapping[str, PermissionSet] | None = None) -> Mapping[str, Holding]:
        """Return what the identities of one cloud hold; all of it is worked out once."""
        if keep is not None:
            return self.wing(provider).held(self.evidence(provider), self.facts(provider), keep)
        if provider not in self._held:
            self._held[provider] = self.wing(provider).held(self.evidence(provider), self.facts(provider))
        return self._held[provider]

    def rule(self, provider: str, identity: str, permission: str, resource: str) -> Ruling | None:
        """Decide one request by everything the evidence holds; None where the wing cannot."""
        return connector(provider).rule(
            self.evidence(provider), identity, permission, resource, self._window()
        )

    def _window(self) -> Window:
        if self.bundle is None:
            raise ConfigError("there is no evidence to read", hint="give --from with the folder of a scan")
        return self.bundle.window


def names(entry: IdentityEntry, *verdicts: Verdict) -> list[str]:
    """Return the permissions of an identity with one of these verdicts (all, when none is named)."""
    return [
        name
        for service in entry.services
        for verdict in verdicts or VERDICTS
        for name in getattr(service, verdict)
    ]
