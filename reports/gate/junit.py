"""Write a gate decision as JUnit XML: a suite for each workload identity, a test for each condition."""

from xml.etree import ElementTree as ET

from reports import escape
from reports.gate.document import GateCheck, GateReport, GateWorkload
from reports.gate.words import numbers, title


def render(report: GateReport) -> bytes:
    """Give `gate.xml`: refused conditions fail, waived and exempt ones are skipped with their reason.

    What holds for the whole stage is a suite of its own, so that unread evidence never looks like a pass.
    """
    root = ET.Element("testsuites", {"name": escape.xml_text(f"{report.tool.name} gate {report.stage}")})
    stage = ET.SubElement(root, "testsuite", {"name": escape.xml_text(f"stage {report.stage}")})
    for reason in report.reasons:
        case = ET.SubElement(stage, "testcase", {"classname": "stage", "name": _short(reason)})
        ET.SubElement(case, "failure", {"message": _short(reason), "type": "evidence"})
    if not report.reasons:
        ET.SubElement(stage, "testcase", {"classname": "stage", "name": "evidence was read"})
    for workload in report.workloads:
        _suite(root, workload)
    for element in (*root, root):
        _count(element)
    ET.indent(root, " ")
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _suite(root: ET.Element, workload: GateWorkload) -> None:
    suite = ET.SubElement(root, "testsuite", {"name": _short(title(workload))})
    if workload.decision == "exempt":
        case = ET.SubElement(suite, "testcase", {"classname": _short(workload.id), "name": "exempt"})
        ET.SubElement(case, "skipped", {"message": _short(workload.reason)})
    for check in workload.checks:
        if check.standing != "not_asked":
            _case(suite, workload, check)


def _case(suite: ET.Element, workload: GateWorkload, check: GateCheck) -> None:
    case = ET.SubElement(suite, "testcase", {"classname": _short(workload.id), "name": check.name})
    match check.standing:
        case "refused":
            failure = ET.SubElement(case, "failure", {"message": _short(check.reason), "type": check.name})
            failure.text = escape.xml_text(escape.clip(f"{check.reason}\n{numbers(workload)}", 4_000))
        case "waived":
            ET.SubElement(case, "skipped", {"message": _short(f"waived: {check.reason}")})
        case _:
            ET.SubElement(case, "system-out").text = escape.xml_text(escape.clip(check.reason, 2_000))


def _count(element: ET.Element) -> None:
    cases = list(element.iter("testcase"))
    for name, number in (
        ("tests", len(cases)),
        ("failures", sum(case.find("failure") is not None for case in cases)),
        ("skipped", sum(case.find("skipped") is not None for case in cases)),
        ("errors", 0),
    ):
        element.set(name, str(number))


def _short(text: str) -> str:
    return escape.terminal(escape.clip(text, 300))
