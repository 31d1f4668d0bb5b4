"""Findings that need the past or another stage: crossing stages, expansion, waivers past their date."""

import pytest
from rule_builders import ROLE, World

from scanner.results import Confidence
from scanner.rules import expired_waiver, stage_crossing, unapproved_expansion
from scanner.rules.finding import Expanded, ExpiredWaiver, Severity

STAGES = {"account_stages": {"444455556666": "production"}, "stage_order": ("pilot", "production")}


def crossing(stage="pilot", scope="arn:aws:sqs:eu-west-1:444455556666:orders", trusted=(), **context):
    world = World()
    result = world.result(
        identity=world.identity(trusted=trusted),
        stage=stage,
        verdicts=world.verdicts(unused=["sqs:SendMessage"]),
        grants=(world.grant("sqs:SendMessage", scope=scope),),
    )
    return list(stage_crossing.find(result, world.context(**{**STAGES, **context})))


def test_a_pilot_grant_that_names_a_production_account_is_a_crossing():
    (finding,) = crossing()
    assert ("account 444455556666", Severity.MEDIUM) == (finding.subject, finding.severity)
    assert ["InvoicePolicy#0"] == finding.evidence["grants"]


@pytest.mark.parametrize(
    "case",
    [
        {"stage": "production"},
        {"stage": ""},
        {"scope": "*"},
        {"scope": "arn:aws:sqs:eu-west-1:44445555666677:orders"},
        {"account_stages": {}},
        {"stage_order": ("production", "pilot")},
    ],
    ids=["same stage", "no stage", "no account", "longer number", "unknown account", "other order"],
)
def test_what_does_not_surely_cross_is_no_finding(case):
    assert [] == crossing(**case)


def test_a_production_identity_that_trusts_a_pilot_account_is_a_crossing():
    (finding,) = crossing(
        stage="production",
        scope="*",
        trusted=("arn:aws:iam::999988887777:role/pilot-agent",),
        account_stages={"999988887777": "pilot"},
    )
    assert "trust in account 999988887777" == finding.subject


def test_what_goes_beyond_the_reference_is_named():
    world = World()
    result = world.result(
        verdicts=world.verdicts(unused=["iam:PutRolePolicy"]), reach={"identity": ["iam:PutRolePolicy"]}
    )
    beyond = Expanded(world.mask("iam:PutRolePolicy"), "its baseline agent.toml", approved=True)
    (finding,) = unapproved_expansion.find(result, world.context(expanded={ROLE: beyond}))
    assert (Severity.HIGH, Confidence.HIGH) == (finding.severity, finding.confidence)
    assert ["iam:PutRolePolicy"] == finding.evidence["permissions"]
    assert "its baseline agent.toml" in finding.message
    assert [] == list(unapproved_expansion.find(result, world.context()))


def test_a_waiver_past_its_date_is_a_finding_about_the_waived_one():
    world = World()
    ended = ExpiredWaiver(
        "ab" * 32, "ED105", "admin", Severity.CRITICAL, "team-a", "move", "2026-11-01T00:00:00Z"
    )
    (finding,) = expired_waiver.find(world.result(), world.context(expired={ROLE: (ended,)}))
    assert ("ab" * 32, Severity.MEDIUM) == (finding.subject, finding.severity)
    assert "team-a accepted ED105" in finding.message
