"""Write what many findings have in common once: framework references, and most of their evidence.

Of a thousand findings of one rule most evidence is the same (the window, the logs, the data source), and much
of the rest stands a few times (where a grant is written, a list of permissions). The first kind moves
together into one part, the second key by key into parts of their own.
"""

from collections import Counter
from collections.abc import Sequence

import msgspec

from reports.document import EvidenceValue, FindingEntry, FrameworkReference, Report
from reports.shared_parts import digest, find_shared, written

SHARING_FINDINGS = 5_000
"""Findings from which on this is worth it: each has about 2 kB of references and 1 kB of evidence."""

_LONG = 32
"""Characters from which on a key and value that stand twice are named instead: an id takes 15."""

_COMMON = 8
"""Findings per part of common evidence, at least, on average."""

_SAMPLE = 1_000
"""Findings of a rule that are looked at to learn which keys of its evidence are common."""

_Key = str | tuple[str, ...] | tuple[type, int | float]
"""A value as it is compared: 1, 1.0 and true are three values."""


def are_many(findings: Sequence[FindingEntry]) -> bool:
    """Tell whether a document has so many findings that they share what they have in common."""
    return len(findings) > SHARING_FINDINGS


def share_findings(report: Report) -> Report:
    """Move shared references and evidence to the top of a document with more than 5,000 findings."""
    if not are_many(report.findings):
        return report
    by_rule: dict[str, list[FindingEntry]] = {}
    for finding in report.findings:
        by_rule.setdefault(finding.rule, []).append(finding)
    common = {rule: _common_keys(found) for rule, found in by_rule.items()}
    writer = _Writer(report.findings, common)
    findings = [writer.refer(finding) for finding in report.findings]
    return msgspec.structs.replace(
        report,
        findings=findings,
        framework_sets=dict(sorted(writer.frameworks.items())),
        evidence_parts=dict(sorted(writer.parts.items())),
    )


def spread_findings(report: Report) -> Report:
    """Put references and evidence back; ReportError where the document names a part it does not hold."""
    return msgspec.structs.replace(
        report,
        findings=[_spread(finding, report) for finding in report.findings],
        framework_sets={},
        evidence_parts={},
    )


def findings_are_shared(report: Report) -> bool:
    """Tell whether findings of a document name parts at its top."""
    return bool(report.framework_sets or report.evidence_parts)


def _spread(finding: FindingEntry, report: Report) -> FindingEntry:
    if not (finding.evidence_shared or finding.framework_set):
        return finding
    evidence = dict(finding.evidence)
    for name in finding.evidence_shared:
        evidence |= find_shared(report.evidence_parts, name)
    references = finding.frameworks
    if finding.framework_set:
        references = find_shared(report.framework_sets, finding.framework_set)
    return msgspec.structs.replace(
        finding,
        evidence=dict(sorted(evidence.items())),
        evidence_shared=[],
        frameworks=references,
        framework_set="",
    )


class _Writer:
    """Refers findings to shared parts, and holds these by id."""

    def __init__(self, findings: Sequence[FindingEntry], common: dict[str, frozenset[str]]) -> None:
        self.frameworks: dict[str, list[FrameworkReference]] = {}
        self.parts: dict[str, dict[str, EvidenceValue]] = {}
        self._common = common
        self._names: dict[object, str] = {}
        """Ids given so far: by the object of a list of references, by the content of a part."""
        self._by_objects: dict[tuple[object, ...], str] = {}
        self._seen: Counter[tuple[str, _Key]] = Counter()
        for finding in findings:
            known = common[finding.rule]
            self._seen.update(
                [
                    (key, _key(value))
                    for key, value in finding.evidence.items()
                    if key not in known and _is_long(key, value)
                ]
            )

    def refer(self, finding: FindingEntry) -> FindingEntry:
        """Return a finding that names what it shares with others."""
        common, seen = self._common[finding.rule], self._seen
        together: list[object] = []
        own: dict[str, EvidenceValue] = {}
        named = []
        for key, value in finding.evidence.items():
            if key in common:
                together += (key, id(value))
            elif seen.get(pair := (key, _key(value)), 0) > 1:
                named.append(self._names.get(pair) or self._named(pair, {key: value}))
            else:
                own[key] = value
        return msgspec.structs.replace(
            finding,
            frameworks=[],
            framework_set=self._references(finding.frameworks),
            evidence=own,
            evidence_shared=[*([self._together(finding, together)] if together else []), *named],
        )

    def _references(self, references: list[FrameworkReference]) -> str:
        if not references:
            return ""
        name = self._names.get(id(references))
        if name is None:
            name = self._names[id(references)] = digest(written(references))
            self.frameworks.setdefault(name, references)
        return name

    def _together(self, finding: FindingEntry, content: list[object]) -> str:
        """Return the id of what a finding has in common with others, told by its objects: most are one."""
        objects = tuple(content)
        name = self._by_objects.get(objects)
        if name is None:
            evidence = {str(key): finding.evidence[str(key)] for key in content[::2]}
            name = self._by_objects[objects] = self._part(evidence)
        return name

    def _part(self, evidence: dict[str, EvidenceValue]) -> str:
        content = tuple([(key, _key(value)) for key, value in evidence.items()])
        return self._names.get(content) or self._named(content, evidence)

    def _named(self, content: object, evidence: dict[str, EvidenceValue]) -> str:
        name = self._names[content] = digest(written(evidence))
        self.parts[name] = evidence
        return name


def _common_keys(findings: Sequence[FindingEntry]) -> frozenset[str]:
    """Return the keys of evidence that together have few values in one rule's findings."""
    sample = findings[:: -(-len(findings) // _SAMPLE)]
    values: dict[str, Counter[_Key]] = {}
    for finding in sample:
        for key, value in finding.evidence.items():
            values.setdefault(key, Counter())[_key(value)] += 1
    chosen: list[str] = []
    together: list[tuple[object, ...]] = [()] * len(sample)
    for key in sorted(values, key=lambda one: (len(values[one]), one)):
        if len(values[key]) * _COMMON > len(sample):
            break
        tried = [(known, _key(f.evidence.get(key, ""))) for known, f in zip(together, sample, strict=True)]
        numbers = {one: number for number, one in enumerate(dict.fromkeys(tried))}
        if len(numbers) * _COMMON <= len(sample):
            chosen.append(key)
            together = [(numbers[one],) for one in tried]
    return frozenset(chosen)


def _key(value: EvidenceValue) -> _Key:
    if isinstance(value, str):
        return value
    return tuple(value) if isinstance(value, list) else (type(value), value)


def _is_long(key: str, value: EvidenceValue) -> bool:
    if isinstance(value, list):
        length = len(key) + 3 * len(value)
        return length >= _LONG or length + sum(map(len, value)) >= _LONG
    return isinstance(value, str) and len(key) + len(value) >= _LONG
