"""The registry, its documentation and the findings of every type keep the same promises."""

import re
from collections import Counter
from pathlib import Path

import pytest
from rule_builders import DATA_PARTLY, LAMBDA, ROLE, RUNTIME, World, credential

from connectors.facts import Actor
from scanner.results import Confidence, GrantVerdict
from scanner.rules.finding import Expanded, ExpiredWaiver, Severity
from scanner.rules.frameworks import references
from scanner.rules.registry import RULES, find_all

DOCS = (Path(__file__).resolve().parents[3] / "docs" / "findings.md").read_text("utf-8")
SECTIONS = {
    match["id"]: match["text"]
    for match in re.finditer(r"^## (?P<id>ED\d+) (?P<text>.*?)(?=^## |\Z)", DOCS, re.MULTILINE | re.DOTALL)
}
IDS = [rule.ID for rule in RULES]


def crowded(world: World, **changes):
    """Build an identity that gives every type of finding something to find."""
    silent = changes.pop("silent", False)
    names = ["dynamodb:Scan", "dynamodb:DeleteTable", "iam:PutRolePolicy", "bedrock:UpdateGuardrail"]
    return world.result(
        identity=world.identity(
            owner="",
            trusted=("*",),
            workloads=(LAMBDA, RUNTIME),
            actors=() if silent else (Actor("ada", True, "AssumeRole", 1, "2026-11-02T00:00:00Z"),),
            outsiders=("arn:aws:iam::999988887777:root",),
            **changes,
        ),
        verdicts=world.verdicts(
            used=[] if silent else ["sqs:SendMessage"], unused=names, unobservable=["s3:GetObject"]
        ),
        usage=() if silent else (world.usage("sqs:SendMessage"),),
        grants=(
            world.grant(
                "sqs:SendMessage",
                id="queue",
                scope="arn:aws:sqs:eu-west-1:444455556666:*",
                admin="SQS administrator",
            ),
            world.grant(*names, id="tables", verdict=GrantVerdict.UNUSED, wide=world.mask(*names)),
        ),
        credentials=(credential(),),
        reach={"data": ["dynamodb:Scan", "s3:GetObject"], "destructive": ["dynamodb:DeleteTable"]},
    )


def full_context(world: World, **changes):
    """Build a context in which something was added, a waiver ended, and an account of a later stage is known."""
    later = "444455556666"
    ended = ExpiredWaiver(
        "ab" * 32, "ED101", "too much", Severity.HIGH, "team", "soon", "2026-11-01T00:00:00Z"
    )
    fields = {
        "expanded": dict.fromkeys(
            (ROLE, f"{ROLE}-2"), Expanded(world.mask("iam:PutRolePolicy"), "its baseline", approved=True)
        ),
        "expired": {ROLE: (ended,)},
        "account_stages": {later: "production"},
        "stage_order": ("pilot", "production"),
    }
    return world.context(**{**fields, **changes})


def references_text(rule: str) -> str:
    """Return the line of docs/findings.md that lists the references of a type."""
    cited: dict[str, list[str]] = {}
    for provider in ("aws", "gcp", "azure"):
        for row in references(rule, provider):
            control = row.control + (" (direct)" if row.relation == "direct" else "")
            controls = cited.setdefault(f"{row.framework} {row.version}", [])
            if control not in controls:
                controls.append(control)
    return "**Frameworks.** " + " · ".join(f"{name}: {', '.join(ids)}" for name, ids in cited.items()) + "."


def test_ids_and_names_are_unique_and_in_order():
    assert sorted(IDS) == IDS
    assert len({rule.NAME for rule in RULES}) == len(RULES)


def test_every_type_is_documented_and_every_documented_type_exists():
    assert sorted(SECTIONS) == IDS


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_documentation_names_the_type_and_its_severities_worst_first(rule):
    text = SECTIONS[rule.ID]
    assert text.splitlines()[0] == rule.NAME
    assert re.findall(r"^- \*\*(\w+)\*\*:", text, re.MULTILINE) == [s.value for s in rule.SEVERITIES]


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_documentation_has_every_part(rule):
    text = SECTIONS[rule.ID]
    parts = (
        "**Why it matters.**",
        "**How it is decided.**",
        "**Severity**",
        "**Remediation.**",
        "before  ",
        "after   ",
    )
    assert [part for part in parts if part not in text] == []


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_documentation_cites_exactly_the_references_of_the_data(rule):
    assert references_text(rule.ID) in SECTIONS[rule.ID].splitlines()


def test_every_type_is_found_on_an_identity_that_has_it_all():
    world = World()
    results = [
        crowded(world),
        crowded(world, silent=True, id=f"{ROLE}-2", name="silent", immutable_id="AROA2"),
    ]
    assert sorted({finding.rule for finding in find_all(results, full_context(world))}) == IDS


def test_findings_keep_within_their_documented_severities():
    world = World()
    found = find_all([crowded(world), crowded(world, silent=True, immutable_id="AROA2")], full_context(world))
    allowed = {rule.ID: set(rule.SEVERITIES) for rule in RULES}
    assert [finding for finding in found if finding.severity not in allowed[finding.rule]] == []
    assert Confidence.NONE not in {finding.confidence for finding in found}


def test_findings_are_sorted_worst_first_and_do_not_depend_on_the_order_of_identities():
    world = World()
    results = [crowded(world), crowded(world, id=f"{ROLE}-2", name="second", immutable_id="AROA2")]
    found = find_all(results, world.context())
    assert found == find_all(results[::-1], world.context())
    keys = [(f.severity.rank, f.rule, f.provider, f.identity, f.subject) for f in found]
    assert keys == sorted(keys)
    assert found[0].severity is Severity.CRITICAL


def test_fingerprints_are_unique_and_do_not_change_with_numbers_or_names():
    world = World()
    before = find_all([crowded(world)], full_context(world))
    after = find_all([crowded(world, name="renamed")], full_context(world, coverage=(DATA_PARTLY,)))
    assert [count for count in Counter(f.fingerprint for f in before).values() if count > 1] == []
    assert {f.fingerprint for f in before} == {f.fingerprint for f in after}
    assert [f.message for f in before] != [f.message for f in after]


def test_every_finding_says_what_to_check_first():
    world = World()
    found = find_all([crowded(world), crowded(world, silent=True, immutable_id="AROA2")], full_context(world))
    words = ("First ", "first ", "Ask the owner", "ask the owner")
    assert [f.remediation for f in found if not any(word in f.remediation for word in words)] == []


def test_an_identity_without_anything_has_no_findings():
    world = World()
    assert find_all([world.result()], world.context()) == []


def test_an_identity_that_could_not_be_read_is_never_called_unused():
    world = World()
    result = world.result(readable=False, usage=(world.usage("s3:GetObject"),))
    assert find_all([result], world.context()) == []
