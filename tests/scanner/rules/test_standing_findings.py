"""What grants, credentials, gaps in the logs and missing owners say without regard to use."""

import pytest
from rule_builders import World, credential

from scanner.results import Confidence, GrantVerdict
from scanner.rules import admin_grant, no_owner, static_credential, unobservable_access, wide_scope
from scanner.rules.finding import Severity


class TestWideScope:
    def test_names_what_is_wide_and_the_resources_seen_in_use(self):
        world = World()
        wide = world.mask("s3:GetObject", "s3:PutObject")
        result = world.result(
            verdicts=world.verdicts(used=["s3:GetObject"], unused=["s3:PutObject", "s3:ListAllMyBuckets"]),
            grants=(world.grant("s3:GetObject", "s3:PutObject", "s3:ListAllMyBuckets", wide=wide),),
            usage=(world.usage("s3:GetObject"),),
            reach={"data": ["s3:GetObject", "s3:PutObject"]},
        )
        [finding] = wide_scope.find(result, world.context())
        assert finding.severity is Severity.MEDIUM
        assert finding.evidence["permissions"] == ["s3:GetObject", "s3:PutObject"]
        assert finding.evidence["resources_used"] == ["arn:aws:s3:::invoices"]
        assert finding.remediation.startswith(
            "Let InvoicePolicy, written in InvoicePolicy, statement 1, cover only the resources that "
            "invoice-agent needs, beginning with those it used: arn:aws:s3:::invoices."
        )

    def test_what_another_layer_takes_away_is_not_wide(self):
        world = World()
        wide = world.mask("s3:GetObject")
        result = world.result(
            verdicts=world.verdicts(unused=["sqs:CreateQueue"]),
            grants=(world.grant("s3:GetObject", "sqs:CreateQueue", wide=wide),),
        )
        assert list(wide_scope.find(result, world.context())) == []

    def test_a_condition_that_was_not_decided_lowers_confidence(self):
        world = World()
        wide = world.mask("s3:GetObject")
        result = world.result(
            verdicts=world.verdicts(conditional=["s3:GetObject"]),
            grants=(
                world.grant("s3:GetObject", wide=wide, undecided=True, verdict=GrantVerdict.CONDITIONAL),
            ),
        )
        [finding] = wide_scope.find(result, world.context())
        assert finding.confidence is Confidence.MEDIUM


class TestAdminGrant:
    NAMES = tuple(f"service{n}:Act" for n in range(10))

    def of(self, *, left=10, names=NAMES, **changes):
        world = World()
        undecided = changes.pop("undecided", False)
        grant = world.grant(*names, admin="Action * on Resource *", undecided=undecided)
        verdicts = world.verdicts(unused=names[:left])
        result = world.result(verdicts=verdicts, grants=(grant,), **changes)
        return [finding.severity for finding in admin_grant.find(result, world.context())]

    def test_critical_for_an_ai_workload_that_rules_its_scope(self):
        assert self.of() == [Severity.CRITICAL]

    def test_one_step_less_for_each_that_does_not_hold(self):
        assert self.of(is_ai=False) == [Severity.HIGH]
        assert self.of(left=4) == [Severity.HIGH]
        assert self.of(undecided=True) == [Severity.HIGH]
        assert self.of(names=("s3:GetObject", "s3:PutObject"), left=2) == [Severity.HIGH]
        assert self.of(left=4, is_ai=False) == [Severity.MEDIUM]

    def test_rewriting_policies_rules_the_scope_with_few_services(self):
        assert self.of(names=("iam:PutRolePolicy", "s3:GetObject"), left=2) == [Severity.CRITICAL]

    def test_a_grant_that_other_layers_empty_is_no_finding(self):
        assert self.of(left=0) == []

    def test_a_role_of_unknown_content_is_still_an_administrator_grant(self):
        world = World("gcp")
        grant = world.grant(name="roles/owner", admin="roles/owner")
        [finding] = admin_grant.find(world.result(grants=(grant,)), world.context())
        assert finding.severity is Severity.HIGH
        assert "does not hold the list of what it gives" in finding.message


class TestStaticCredential:
    def test_severity_follows_the_written_rule(self):
        world = World()
        held = {"credentials": (credential(),)}
        found = [
            finding.severity
            for result in (
                world.result(**held, **world.admin()),
                world.result(**held),
                world.result(**held, is_ai=False),
            )
            for finding in static_credential.find(result, world.context())
        ]
        assert found == [Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM]

    def test_tells_age_and_use(self):
        world = World()
        held = credential(uses=7, seen="2026-11-02T00:00:00Z")
        [finding] = static_credential.find(world.result(credentials=(held,)), world.context())
        assert finding.subject == "AKIAEXAMPLE"
        assert finding.message == (
            "access key AKIAEXAMPLE of invoice-agent is active; whoever holds it acts as invoice-agent from "
            "anywhere. It is 400 days old. The logs show 7 calls with it, the last at 2026-11-02T00:00:00Z."
        )

    @pytest.mark.parametrize("changes", [{"status": "inactive"}, {"long_lived": False}])
    def test_inactive_and_short_lived_ones_are_no_finding(self, changes):
        world = World()
        result = world.result(credentials=(credential(**changes),))
        assert list(static_credential.find(result, world.context())) == []

    @pytest.mark.parametrize("changes", [{"managed_by_provider": True}, {"enabled": False}])
    def test_keys_of_the_provider_and_of_disabled_identities_are_no_finding(self, changes):
        world = World()
        result = world.result(identity=world.identity(**changes), credentials=(credential(),))
        assert list(static_credential.find(result, world.context())) == []


class TestUnobservableAccess:
    def test_one_finding_for_each_reason_with_share_and_fix(self):
        world = World()
        verdicts = world.verdicts(
            used=["bedrock:InvokeModel"],
            unused=["sqs:CreateQueue"],
            unobservable={
                "data-events-not-logged": ["s3:GetObject", "s3:PutObject"],
                "never-logged": ["iam:PassRole"],
            },
        )
        result = world.result(
            verdicts=verdicts,
            reach={"data": ["s3:GetObject", "s3:PutObject"], "model": ["bedrock:InvokeModel"]},
        )
        found = list(unobservable_access.find(result, world.context()))
        assert [(finding.subject, finding.severity) for finding in found] == [
            ("data-events-not-logged", Severity.LOW),
            ("never-logged", Severity.INFO),
        ]
        assert found[0].message == (
            "Whether invoice-agent uses 2 of its 5 permissions (40 %) cannot be seen: "
            "data-events-not-logged is why. Services: s3."
        )
        assert "unused" not in found[0].message
        assert found[0].remediation.startswith("What to do: switch on what data-events-not-logged names.")

    def test_medium_when_all_data_and_model_access_is_invisible(self):
        world = World()
        verdicts = world.verdicts(used=["sqs:CreateQueue"], unobservable=["s3:GetObject"])
        result = world.result(verdicts=verdicts, reach={"data": ["s3:GetObject"]})
        [finding] = unobservable_access.find(result, world.context())
        assert finding.severity is Severity.MEDIUM

    def test_nothing_about_identities_of_the_provider(self):
        world = World()
        result = world.result(
            identity=world.identity(managed_by_provider=True),
            verdicts=world.verdicts(unobservable=["s3:GetObject"]),
        )
        assert list(unobservable_access.find(result, world.context())) == []


class TestNoOwner:
    @pytest.mark.parametrize(
        ("owner", "provided", "is_ai", "expected"),
        [
            ("", False, True, [Severity.MEDIUM]),
            ("", False, False, [Severity.LOW]),
            ("team-a", False, True, []),
            ("", True, True, []),
        ],
    )
    def test_only_where_the_evidence_names_nobody(self, owner, provided, is_ai, expected):
        world = World()
        identity = world.identity(owner=owner, managed_by_provider=provided)
        found = no_owner.find(world.result(identity=identity, is_ai=is_ai), world.context())
        assert [finding.severity for finding in found] == expected
