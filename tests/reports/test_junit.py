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
    assert root.attrib == {"name": "entdrift", "tests": "9", "failures": "3", "errors": "1"}
    for name in ("tests", "failures", "errors"):
        assert sum(int(suite.get(name)) for suite in root) == int(root.get(name))
    assert sum(int(suite.get("skipped")) for suite in root) == 2


GRAMMAR = {
    # element: (attributes required, attributes allowed beside them, children)
    "testsuites": (set(), {"name", "tests", "failures", "errors", "time"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"skipped", "time", "timestamp", "hostname", "id", "package"},
        {"testcase", "properties", "system-out", "system-err"},
    ),
    "testcase": (
        {"name"},
        {"classname", "time"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": (set(), {"message", "type"}, set()),
    "error": (set(), {"message", "type"}, set()),
    "skipped": (set(), {"message", "type"}, set()),
    "system-out": (set(), set(), set()),
}
"""What the schemas of Jenkins' xUnit plugin (junit-10.xsd) and Maven Surefire both take."""


def test_elements_and_attributes_are_those_of_the_common_schemas(report, hostile_text):
    for document in (report, hostile_report(hostile_text)):
        for element in parsed(document).iter():
            required, allowed, children = GRAMMAR[element.tag]
            assert required <= set(element.attrib) <= required | allowed, element.tag
            assert {child.tag for child in element} <= children, element.tag
            if element.tag == "testcase":
                assert len([child for child in element if child.tag != "system-out"]) <= 1


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
