"""Ask the requests that baselines name, and say which are not answered as they ask."""

from collections.abc import Callable, Iterator, Sequence

from connectors.baselines import ALLOWED, NOT_ALLOWED, REFUSED, Holding
from connectors.reduction import Ruling
from reports.baseline.document import RequestResult
from scanner.baseline.evidence import Clouds
from scanner.baseline.model import AccessRequest, Baseline

Decide = Callable[[Baseline, AccessRequest], Ruling | None]


def ask(baselines: Sequence[Baseline], decide: Decide) -> Iterator[RequestResult]:
    """Yield the result of each request; one that cannot be decided has not passed."""
    for baseline in baselines:
        for request in baseline.requests:
            ruling = decide(baseline, request)
            answer = ruling.answer if ruling else "the evidence does not decide it"
            passed = answer == ALLOWED if request.allow else answer in (NOT_ALLOWED, REFUSED)
            yield RequestResult(
                identity=baseline.subject.id,
                name=baseline.subject.name,
                baseline=str(baseline.path),
                wanted="allow" if request.allow else "not allow",
                permission=request.permission,
                resource=request.resource,
                answer=answer,
                decided_by=f"{ruling.layer} {ruling.statement}".strip() if ruling else "",
                passed=passed,
            )


def by_evidence(clouds: Clouds) -> Decide:
    """Return the judge that asks the evidence of a scan, with everything it holds above the grants."""

    def decide(baseline: Baseline, request: AccessRequest) -> Ruling | None:
        subject = baseline.subject
        if not clouds.evidence(subject.provider):
            return None
        found = clouds.rule(subject.provider, subject.id, request.permission, request.resource)
        if found is not None:
            return found
        holding = clouds.held(subject.provider).get(subject.id)
        return _by_grants(clouds, baseline, request, holding) if holding else None

    return decide


def by_proposal(clouds: Clouds, holdings: Sequence[tuple[Baseline, Holding]]) -> Decide:
    """Return the judge that asks what is proposed for each baseline, and nothing else."""

    def decide(baseline: Baseline, request: AccessRequest) -> Ruling | None:
        own = [holding for other, holding in holdings if other.path == baseline.path]
        if not own:
            return None
        whole = Holding(
            baseline.subject.id,
            baseline.subject.name,
            tuple(one for holding in own for one in holding.allowances),
            tuple(words for holding in own for words in holding.undecided),
        )
        return _by_grants(clouds, baseline, request, whole)

    return decide


def by_baseline(clouds: Clouds) -> Decide:
    """Return the judge that asks the baseline itself."""

    def decide(baseline: Baseline, request: AccessRequest) -> Ruling | None:
        whole = Holding(baseline.subject.id, baseline.subject.name, baseline.allow)
        return _by_grants(clouds, baseline, request, whole)

    return decide


def _by_grants(clouds: Clouds, baseline: Baseline, request: AccessRequest, holding: Holding) -> Ruling:
    """Decide by written grants; what could not be read may allow what nothing else does."""
    subject = baseline.subject
    wing = clouds.wing(subject.provider)
    ruling = wing.rule(holding.allowances, subject.id, request.permission, request.resource)
    if ruling.answer == NOT_ALLOWED and holding.undecided:
        return Ruling("undecided", "grants", "", holding.undecided[0])
    return ruling
