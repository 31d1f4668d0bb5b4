"""The sentences that every rendering of a comparison with baselines shares."""

from collections.abc import Sequence

from reports.baseline.document import CheckReport, Compared, Expansion
from reports.overview import counted

_SERVICES, _NAMES = 6, 4


def headline(report: CheckReport) -> str:
    """Say in one sentence whether access stays within the baselines."""
    wider = [one for one in report.compared if any(not e.waived for e in one.expansions)]
    number = counted(len(report.compared), "identity", "identities")
    if not wider:
        waived = sum(e.waived for one in report.compared for e in one.expansions)
        aside = f" ({counted(waived, 'expansion')} waived)" if waived else ""
        return f"Within the baselines: {number} compared{aside}"
    return f"Beyond the baselines: {len(wider):,} of {number}"


def title(one: Compared) -> str:
    """Name an identity and where it is."""
    return f"{one.name or one.identity} ({f'{one.provider} {one.account}'.strip()})"


def permissions(names: Sequence[str]) -> str:
    """Name permissions, by service where there are many."""
    if len(names) <= _NAMES:
        return ", ".join(names)
    services: dict[str, list[str]] = {}
    for name in names:
        services.setdefault(_service(name), []).append(name)
    if len(services) == 1:
        return f"{len(names):,} permissions: {', '.join(names[:_NAMES])} and {len(names) - _NAMES:,} more"
    ranked = sorted(services.items(), key=lambda item: (-len(item[1]), item[0]))
    words = [f"{len(own):,} of {service}" if len(own) > 1 else own[0] for service, own in ranked[:_SERVICES]]
    more = f" and {len(ranked) - _SERVICES:,} more services" if len(ranked) > _SERVICES else ""
    return f"{len(names):,} permissions: {', '.join(words)}{more}"


def _service(name: str) -> str:
    for mark in (":", "/", "."):
        if mark in name:
            return name.partition(mark)[0]
    return name


def sentence(expansion: Expansion) -> str:
    """Say what one expansion gives, where, under which condition, and by which text."""
    parts = [expansion.message]
    if expansion.example:
        parts.append(
            f"for example {expansion.example}" if expansion.kind != "undecided" else expansion.example
        )
    if expansion.source:
        parts.append(f"by {expansion.source}")
    return "; ".join(parts)
