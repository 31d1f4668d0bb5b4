"""What unused permissions, grants, identities and credentials need before they are called unused."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rule_builders import DATA_PARTLY, LAMBDA, MANAGEMENT, OBSERVED, WINDOW, World, credential

from connectors.facts import CoverageState, Window
from scanner.results import Confidence, GrantVerdict, Verdicts
from scanner.rules import unused_credential, unused_grant, unused_identity, unused_permission
from scanner.rules.finding import Severity
from scanner.rules.recorded import recorded

S3 = ("s3:GetObject", "s3:PutObject", "s3:DeleteBucket")


def holding(world: World, **changes):
    """Build an agent that used one of three S3 permissions and cannot be seen using another."""
    fields = {
        "verdicts": world.verdicts(
            used=["s3:ListAllMyBuckets"],
            unused=["s3:DeleteBucket", "sqs:CreateQueue"],
            unobservable=["s3:GetObject"],
        ),
        "grants": (world.grant("s3:ListAllMyBuckets", *S3, "sqs:CreateQueue"),),
        "usage": (world.usage("s3:ListAllMyBuckets"),),
        "reach": {"destructive": ["s3:DeleteBucket"]},
    }
    return world.result(**{**fields, **changes})


class TestUnusedPermission:
    def test_one_finding_for_each_service_with_numbers_window_and_coverage(self):
        world = World()
        found = list(unused_permission.find(holding(world), world.context()))
        assert [finding.subject for finding in found] == ["s3", "sqs"]
        assert found[0].message == (
            "1 of 3 s3 permissions unused in 2026-08-25 to 2026-11-23, logs: management events on, "
            "88 days observed. These logs cannot show the use of 1 more."
        )
        assert found[0].severity is Severity.MEDIUM
        assert found[1].severity is Severity.LOW
        assert found[0].confidence is Confidence.HIGH
        assert found[0].evidence == {
            "service": "s3",
            "granted": 3,
            "used": 1,
            "unused": 1,
            "unobservable": 1,
            "permissions": ["s3:DeleteBucket"],
            "permissions_total": 1,
            "last_used": "2026-11-01T10:00:00Z",
            "written_in": ["InvoicePolicy (InvoicePolicy, statement 1)"],
            "window_start": "2026-08-25T00:00:00Z",
            "window_end": "2026-11-23T00:00:00Z",
            "window_days": 90.0,
            "observed_start": "2026-08-27T00:00:00Z",
            "observed_end": "2026-11-23T00:00:00Z",
            "observed_days": 88.0,
            "logs": "logs: management events on",
            "granularity": "permission",
            "data_source": "log records of account 111122223333; "
            "grants expanded with catalogue of 2026-10-27",
        }

    def test_at_most_fifty_names_are_listed_with_their_total(self):
        world = World()
        names = [f"ec2:Describe{n:03}" for n in range(120)]
        [finding] = unused_permission.find(
            world.result(verdicts=world.verdicts(unused=names)), world.context()
        )
        assert finding.evidence["permissions"] == names[:50]
        assert finding.evidence["permissions_total"] == 120

    def test_untouched_services_of_an_administrator_are_one_finding(self):
        world = World()
        names = [f"service{n}:Act" for n in range(12)]
        result = world.result(
            verdicts=world.verdicts(
                used=["service0:Read"], denied=["service1:Read"], unused=[*names, "sqs:CreateQueue"]
            ),
            grants=(
                world.grant(*names, "sqs:CreateQueue", id="admin", admin="Action * on Resource *"),
                world.grant("sqs:CreateQueue", id="queues"),
            ),
        )
        found = list(unused_permission.find(result, world.context()))
        assert [finding.subject for finding in found] == ["service0", "service1", "sqs", "*"]
        assert found[3].evidence["services_total"] == found[3].evidence["unused"] == 10
        assert found[3].message.startswith("10 of 10 permissions in 10 services (service10, ")

    @pytest.mark.parametrize(
        "changes",
        [
            {"managed_by_provider": True},
            {"enabled": False},
            {"created": "2026-11-15T00:00:00Z"},
        ],
    )
    def test_nothing_is_unused_for_the_provider_a_disabled_or_a_young_identity(self, changes):
        world = World()
        result = holding(world, identity=world.identity(**changes))
        assert list(unused_permission.find(result, world.context())) == []

    def test_what_only_a_young_grant_gives_is_not_yet_unused(self):
        world = World()
        grants = (
            world.grant("s3:DeleteBucket", created="2026-11-20T00:00:00Z"),
            world.grant("sqs:CreateQueue", id="old", created="2025-11-20T00:00:00Z"),
        )
        found = unused_permission.find(holding(world, grants=grants), world.context())
        assert [finding.subject for finding in found] == ["sqs"]

    def test_without_log_records_of_the_account_nothing_is_unused(self):
        world = World()
        assert list(unused_permission.find(holding(world, observed=None), world.context())) == []

    def test_a_shared_policy_is_not_to_be_changed_in_place(self):
        world = World()
        grants = (world.grant(*S3, name="AmazonS3FullAccess", shared=True),)
        found = next(iter(unused_permission.find(holding(world, grants=grants), world.context())))
        assert "Other identities hold AmazonS3FullAccess too" in found.remediation


class TestConfidence:
    @pytest.mark.parametrize(
        ("observed_from", "coverage", "expected"),
        [
            (datetime(2026, 8, 27, tzinfo=UTC), "complete", Confidence.HIGH),
            (datetime(2026, 8, 27, tzinfo=UTC), "partly", Confidence.MEDIUM),
            (datetime(2026, 8, 27, tzinfo=UTC), "unknown", Confidence.MEDIUM),
            (datetime(2026, 9, 10, tzinfo=UTC), "complete", Confidence.MEDIUM),
            (datetime(2026, 10, 24, tzinfo=UTC), "complete", Confidence.MEDIUM),
            (datetime(2026, 10, 25, tzinfo=UTC), "complete", Confidence.LOW),
        ],
    )
    def test_follows_complete_logs_and_the_share_of_the_window_observed(
        self, observed_from, coverage, expected
    ):
        world = World()
        context = world.context()
        if coverage == "partly":
            context = replace(context, recorded=recorded([replace(MANAGEMENT, state=CoverageState.PARTIAL)]))
        elif coverage == "complete":
            context = replace(context, recorded=recorded([MANAGEMENT, DATA_PARTLY]))
        elif coverage == "unknown":
            context = replace(context, recorded={})
        result = holding(world, observed=Window(observed_from, OBSERVED.end))
        assert {finding.confidence for finding in unused_permission.find(result, context)} == {expected}

    def test_days_that_nobody_watched_are_not_passed_over(self):
        """Logs that end weeks before the window say nothing about the rest of it."""
        world = World()
        result = holding(world, observed=Window(WINDOW.start, datetime(2026, 10, 7, tzinfo=UTC)))
        finding = next(iter(unused_permission.find(result, world.context())))
        assert "43 days observed (2026-08-25 to 2026-10-07). These logs" in finding.message

    def test_half_of_a_short_window_is_medium(self):
        world = World()
        window = Window(datetime(2026, 11, 13, tzinfo=UTC), WINDOW.end)
        result = holding(world, observed=Window(datetime(2026, 11, 18, tzinfo=UTC), WINDOW.end))
        found = unused_permission.find(result, world.context(window=window))
        assert {finding.confidence for finding in found} == {Confidence.MEDIUM}

    def test_an_identity_made_within_the_window_was_watched_only_since_then(self):
        world = World()
        result = holding(world, identity=world.identity(created="2026-11-01T00:00:00Z"))
        finding = next(iter(unused_permission.find(result, world.context())))
        assert finding.evidence["observed_days"] == 22.0
        assert finding.confidence is Confidence.LOW


class TestUnusedGrant:
    def test_a_grant_of_which_nothing_was_used(self):
        world = World()
        grants = (
            world.grant("s3:ListAllMyBuckets"),
            world.grant("sqs:CreateQueue", id="queues", name="Queues", verdict=GrantVerdict.UNUSED),
        )
        [finding] = unused_grant.find(holding(world, grants=grants), world.context())
        assert finding.subject == "queues"
        assert finding.severity is Severity.LOW
        assert finding.message == (
            "Queues gives 1 permission with scope *; none was used in 2026-08-25 to 2026-11-23, "
            "logs: management events on, 88 days observed."
        )

    @pytest.mark.parametrize(
        "verdict",
        [GrantVerdict.USED, GrantVerdict.UNOBSERVABLE, GrantVerdict.CONDITIONAL, GrantVerdict.NOT_APPLICABLE],
    )
    def test_no_other_verdict_makes_a_finding(self, verdict):
        world = World()
        grants = (world.grant("sqs:CreateQueue", verdict=verdict),)
        assert list(unused_grant.find(holding(world, grants=grants), world.context())) == []

    def test_an_unused_administrator_grant_is_high(self):
        world = World()
        grants = (
            world.grant("sqs:CreateQueue", verdict=GrantVerdict.UNUSED, admin="Action * on Resource *"),
        )
        [finding] = unused_grant.find(holding(world, grants=grants), world.context())
        assert finding.severity is Severity.HIGH

    def test_a_young_grant_is_left_alone(self):
        world = World()
        grants = (
            world.grant("sqs:CreateQueue", verdict=GrantVerdict.UNUSED, created="2026-11-10T00:00:00Z"),
        )
        assert list(unused_grant.find(holding(world, grants=grants), world.context())) == []


class TestUnusedIdentity:
    def silent(self, world: World, **changes):
        fields = {"usage": (), "verdicts": world.verdicts(unused=["sqs:CreateQueue"])}
        return world.result(**{**fields, **changes})

    def test_an_identity_without_any_call(self):
        world = World()
        [finding] = unused_identity.find(self.silent(world), world.context())
        assert finding.message == (
            "No call by invoice-agent was logged in 2026-08-25 to 2026-11-23, "
            "logs: management events on, 88 days observed."
        )
        assert (finding.severity, finding.confidence) == (Severity.MEDIUM, Confidence.HIGH)

    def test_what_cannot_be_seen_is_said_and_lowers_confidence(self):
        world = World()
        verdicts = world.verdicts(unused=["sqs:CreateQueue"], unobservable=["s3:GetObject"])
        [finding] = unused_identity.find(self.silent(world, verdicts=verdicts), world.context())
        assert "cannot show calls of 1 of its 2 permissions" in finding.message
        assert finding.confidence is Confidence.MEDIUM

    def test_nothing_observable_makes_no_finding(self):
        world = World()
        verdicts = world.verdicts(unobservable=["s3:GetObject"])
        assert list(unused_identity.find(self.silent(world, verdicts=verdicts), world.context())) == []
        assert list(unused_identity.find(self.silent(world, verdicts=Verdicts()), world.context())) == []

    def test_a_refused_call_shows_that_somebody_is_at_work(self):
        world = World()
        result = self.silent(world, usage=(world.usage("sqs:CreateQueue", denied=3),))
        assert list(unused_identity.find(result, world.context())) == []

    def test_a_credential_the_cloud_reports_as_used_in_the_window_proves_use(self):
        world = World()
        result = self.silent(world, credentials=(credential(last_used="2026-10-01T00:00:00Z"),))
        assert list(unused_identity.find(result, world.context())) == []

    @pytest.mark.parametrize(
        "changes",
        [
            {"identity": {"enabled": False}},
            {"identity": {"managed_by_provider": True}},
            {"identity": {"created": "2026-11-20T00:00:00Z"}},
            {"readable": False},
            {"observed": None},
        ],
    )
    def test_disabled_provided_young_unreadable_or_unwatched_is_not_unused(self, changes):
        world = World()
        fields = dict(changes)
        if "identity" in fields:
            fields["identity"] = world.identity(**fields["identity"])
        assert list(unused_identity.find(self.silent(world, **fields), world.context())) == []

    def test_an_unknown_age_is_not_young_and_a_standing_key_makes_it_high(self):
        world = World()
        result = self.silent(
            world, identity=world.identity(created="", workloads=(LAMBDA,)), credentials=(credential(),)
        )
        [finding] = unused_identity.find(result, world.context())
        assert finding.severity is Severity.HIGH
        assert "still attached to 1 workload (lambda)" in finding.message
        assert finding.evidence["active_credentials"] == ["AKIAEXAMPLE"]


class TestUnusedCredential:
    def of(self, held, *, admin=False, **changes):
        world = World()
        fields = {"verdicts": world.verdicts(unused=["sqs:CreateQueue"]), "credentials": (held,)}
        fields |= world.admin() if admin else {}
        result = world.result(**{**fields, **changes})
        return [
            (finding.severity, finding.confidence)
            for finding in unused_credential.find(result, world.context())
        ]

    def test_never_used_by_the_clouds_own_report(self):
        assert self.of(credential()) == [(Severity.MEDIUM, Confidence.HIGH)]

    def test_the_limit_is_exact(self):
        assert self.of(credential(last_used="2026-10-09T00:00:00Z")) == []
        assert self.of(credential(last_used="2026-10-08T23:59:59Z")) == [(Severity.MEDIUM, Confidence.MEDIUM)]

    def test_a_use_that_the_logs_do_not_show_lowers_confidence(self):
        assert self.of(credential(last_used="2026-08-01T00:00:00Z")) == [(Severity.MEDIUM, Confidence.HIGH)]
        assert self.of(credential(last_used="2026-09-01T00:00:00Z")) == [(Severity.MEDIUM, Confidence.MEDIUM)]

    def test_never_used_counts_from_its_making(self):
        assert self.of(credential(created="2026-10-09T00:00:00Z")) == []
        assert len(self.of(credential(created="2026-10-08T23:59:59Z"))) == 1
        assert len(self.of(credential(created=""))) == 1

    def test_the_clouds_report_counts_even_without_logs_but_less(self):
        assert self.of(credential(), observed=None) == [(Severity.MEDIUM, Confidence.MEDIUM)]

    def test_unknown_last_use_without_logs_is_not_unused(self):
        assert self.of(credential(last_used_known=False), observed=None) == []

    def test_unknown_last_use_is_unused_only_when_the_logs_show_everything(self):
        world = World()
        blind = world.verdicts(unused=["sqs:CreateQueue"], unobservable=["s3:GetObject"])
        assert self.of(credential(last_used_known=False)) == [(Severity.MEDIUM, Confidence.MEDIUM)]
        assert self.of(credential(last_used_known=False), verdicts=blind) == []
        assert self.of(credential(last_used_known=False, in_logs=False)) == []

    def test_a_call_in_the_log_is_use(self):
        assert self.of(credential(uses=1)) == []

    @pytest.mark.parametrize(
        "changes",
        [
            {"status": "inactive"},
            {"status": "unknown"},
            {"long_lived": False},
            {"created": "2026-11-20T00:00:00Z"},
        ],
    )
    def test_inactive_short_lived_and_young_ones_are_left_alone(self, changes):
        assert self.of(credential(**changes)) == []

    def test_a_forgotten_key_to_an_administrator_is_high(self):
        assert self.of(credential(), admin=True) == [(Severity.HIGH, Confidence.HIGH)]
