"""JUnit: open findings fail, waived are skipped, missing evidence never passes, and it always parses."""

from xml.etree import ElementTree as ET

from report_sample import hostile_report

from reports import junit


def parsed(report):
    return ET.fromstring(junit.render(report))  # noqa: S314 -- our own output, without entities


def outcomes(root):
    return {
        (case.get("classname"), case.get("name")): [child.tag for child in case]
        for case in root.iter("testcase")
    }


def test_each_finding_has_its_outcome(report):
    assert outcomes(parsed(report)) == {
        ("evidence", "pilot-aws"): ["skipped"],
        ("evidence", "foundry-azure"): ["error"],
        ("evidence", "agents-gcp"): [],
        ("ED101 unused-permission", "invoice-agent"): ["failure"],
        ("ED105 admin-grant", "invoice-agent"): ["failure"],
        ("ED201 static-credential", "invoice-agent"): ["skipped"],
        ("ED303 no-owner", "invoice-agent"): ["failure"],
        ("ED304 unobservable-access", "report-builder"): ["system-out"],
        ("no finding", "foundry-agent"): [],
    }


def test_the_counts_add_up(report):
    root = parsed(report)
    assert root.attrib == {"name": "entdrift", "tests": "9", "failures": "3", "skipped": "2", "errors": "1"}
    for name in ("tests", "failures", "skipped", "errors"):
        assert sum(int(suite.get(name)) for suite in root) == int(root.get(name))


def test_hostile_texts_parse_and_add_no_element(hostile_text):
    root = parsed(hostile_report(hostile_text))
    assert {element.tag for element in root.iter()} == {
        "testsuites",
        "testsuite",
        "testcase",
        "failure",
        "skipped",
        "error",
        "system-out",
    }


def test_no_entity_is_declared(hostile_text):
    assert b"<!" not in junit.render(hostile_report(hostile_text))
