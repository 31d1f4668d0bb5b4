"""Write the findings as JUnit XML, so that a pipeline shows them as failed tests."""

from xml.etree import ElementTree as ET

from reports import escape, finding_types
from reports.document import FindingEntry, IdentityEntry, Report, SourceEntry
from reports.overview import is_open

_Key = tuple[str, str, str]


def render(report: Report) -> bytes:
    """Give `junit.xml`: a suite per account, a test case per rule and identity.

    Open findings from low up fail, waived ones are skipped with their reason, and those of severity info
    pass with their text as output. An AI identity without any has one passing case. A source that failed
    is an error and a partial one is skipped, so that missing evidence never looks like a pass.
    """
    root = ET.Element("testsuites", {"name": escape.xml_text(report.tool.name)})
    by_identity: dict[_Key, list[FindingEntry]] = {}
    for finding in report.findings:
        if finding.status != "fixed":
            key = (finding.provider, finding.account, finding.identity)
            by_identity.setdefault(key, []).append(finding)
    entries = {(entry.provider, entry.account, entry.id): entry for entry in report.identities}
    clean = {key for key, entry in entries.items() if entry.ai_workload.is_ai}
    keys = sorted(by_identity.keys() | clean)
    accounts = {key[:2] for key in keys} | {(s.provider, s.account) for s in report.sources}
    for provider, account in sorted(accounts):
        suite = ET.SubElement(root, "testsuite", {"name": escape.xml_text(f"{provider} {account}")})
        for source in report.sources:
            if (source.provider, source.account) == (provider, account):
                _source(suite, source)
        for key in keys:
            if key[:2] == (provider, account):
                _cases(suite, key, entries.get(key), by_identity.get(key, []))
        _count(suite, skipped=True)
    _count(root)
    ET.indent(root, " ")
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _source(suite: ET.Element, source: SourceEntry) -> None:
    case = ET.SubElement(suite, "testcase", {"classname": "evidence", "name": _short(source.name)})
    attributes = {"message": _short(f"{source.status}: {source.reason}")}
    if source.status == "failed":
        ET.SubElement(case, "error", attributes)
    elif source.status != "ok":
        ET.SubElement(case, "skipped", attributes)


def _cases(
    suite: ET.Element, key: _Key, identity: IdentityEntry | None, findings: list[FindingEntry]
) -> None:
    name = identity.name if identity and identity.name else key[2]
    if not findings:
        ET.SubElement(suite, "testcase", {"classname": "no finding", "name": _short(name)})
    for rule in sorted({finding.rule for finding in findings}):
        own = [finding for finding in findings if finding.rule == rule]
        attributes = {"classname": _short(f"{rule} {finding_types.name(rule)}"), "name": _short(name)}
        _judge(ET.SubElement(suite, "testcase", attributes), key[2], own)


def _judge(case: ET.Element, identity: str, findings: list[FindingEntry]) -> None:
    """Fail, skip or pass one case; the worst finding names the failure."""
    still_open = [finding for finding in findings if is_open(finding)]
    failing = [finding for finding in still_open if finding.severity != "info"]
    if failing:
        attributes = {"message": _short(failing[0].message), "type": failing[0].severity}
        ET.SubElement(case, "failure", attributes).text = _text(identity, failing)
    elif still_open:
        ET.SubElement(case, "system-out").text = _text(identity, still_open)
    else:
        waivers = [finding.waiver for finding in findings if finding.waiver]
        why = "; ".join(f"{waiver.reason} ({waiver.owner}, until {waiver.until})" for waiver in waivers)
        ET.SubElement(case, "skipped", {"message": _short(f"waived: {why}")})


def _text(identity: str, findings: list[FindingEntry]) -> str:
    lines = [f"identity: {identity}"]
    for finding in findings:
        lines += [
            f"{finding.severity} (confidence {finding.confidence}): {finding.message}",
            f"subject: {finding.subject}",
            f"remediation: {finding.remediation}",
            f"fingerprint: {finding.fingerprint}",
        ]
    return "\n".join(escape.xml_text(escape.clip(escape.terminal(line), 2_000)) for line in lines)


def _count(element: ET.Element, *, skipped: bool = False) -> None:
    """Set the counts of an element; the common schemas know skipped cases of a suite, not of all suites."""
    cases = list(element.iter("testcase"))
    element.set("tests", str(len(cases)))
    for name, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        if kind != "skipped" or skipped:
            element.set(name, str(sum(case.find(kind) is not None for case in cases)))


def _short(text: str) -> str:
    return escape.terminal(escape.clip(text, 300))
