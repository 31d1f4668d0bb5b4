"""Hostile and broken records: survived, bounded, and never a crash."""

import json
import time

import pytest

from connectors.interface import Status
from tests.connectors.azure.harness import held
from tests.connectors.azure.synthetic import AGENT, CUSTOM, assignment, event, role, service_principal

ODD = [None, True, 5, "", "x", [], {}, [None], {"a": None}, "\x00", "😀", "\ud800", "a" * 10_000]


@pytest.mark.parametrize("odd", ODD)
def test_any_field_of_any_type_is_survived(desk, odd):
    def spoiled(record):
        return [record | {key: odd} for key in record]

    desk.put("role_assignments", [*spoiled(assignment(AGENT, CUSTOM)), assignment(AGENT, CUSTOM)])
    desk.put(
        "role_definitions",
        [role(CUSTOM, "R", actions=["M.X/y/write"]), *spoiled(role(CUSTOM, "Q", actions=["a"]))],
    )
    desk.put("service_principals", spoiled(service_principal()))
    desk.put(
        "resources", spoiled({"id": "/a/b", "type": "t", "identity": odd, "tags": odd, "properties": odd})
    )
    desk.put("deny_assignments", spoiled({"id": "/d", "principals": odd, "permissions": odd, "scope": "/"}))
    desk.put(
        "diagnostic_settings",
        spoiled({"id": "/x/providers/microsoft.insights/diagnosticsettings/a", "logs": odd}),
    )
    desk.put("provider_operations", spoiled({"name": "M.X", "operations": odd, "resourceTypes": odd}))
    desk.put("activity_logs", [*spoiled(event("M.X/y/write")), event("M.X/y/write")])
    facts = desk.facts()
    assert "M.X/y/write" in {row.permission for row in facts.usage}


def test_hostile_names_pass_through_as_text(desk):
    name = "=cmd|'/c calc'!A1 <script>alert(1)</script> \x1b[31m"
    desk.put("role_assignments", [assignment(AGENT, CUSTOM, principalName=name)])
    desk.put("role_definitions", [role(CUSTOM, name, actions=["M.X/y/write"])])
    facts = desk.facts()
    assert (facts.identities[0].name, facts.grants[0].name) == (name, name)


def test_a_huge_role_is_expanded_in_bounded_time(desk):
    started = time.process_time()
    actions = [f"M.X{n}/*/a*b*c*d*/write" for n in range(3_000)] + [f"M.Y/t{n}/write" for n in range(10_000)]
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    desk.put("role_definitions", [role(CUSTOM, "R", actions=[*actions, "*a" * 400 + "*"])])
    assert len(held(desk.facts(), AGENT)) == 13_001
    assert time.process_time() - started < 20


def test_a_deeply_nested_file_is_refused_with_its_name(desk, tmp_path):
    path = tmp_path / "deep.json"
    path.write_text("[" * 200_000)
    desk.files["role_assignments"] = path
    (found,) = desk.collect().outcomes()
    assert found.status is Status.FAILED
    assert "deep.json" in found.reason


def test_deep_resources_are_survived(desk):
    deep: object = "x"
    for _ in range(300):
        deep = {"a": [deep]}
    desk.put("resources", [{"id": "/a/b", "properties": deep}])
    assert json.dumps(desk.collect().parts["resources"])
