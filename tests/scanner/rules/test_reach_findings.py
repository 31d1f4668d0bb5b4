"""What power within reach, trust, sharing and age need before they become findings."""

import itertools
import random
from dataclasses import replace

import pytest
from rule_builders import LAMBDA, ROLE, RUNTIME, World, credential

from connectors.facts import Handover, Step, TrustGap
from connectors.steps import StepGroup, Steps
from scanner.results import Confidence
from scanner.rules import (
    broad_trust,
    destructive_reach,
    escalation_path,
    self_modification,
    sensitive_reach,
    shared_identity,
    stale_credential,
)
from scanner.rules.becoming import chains_to_administrators
from scanner.rules.finding import Severity

OIDC = "arn:aws:iam::111122223333:oidc-provider/gitlab.com"
PASS_LAMBDA = ("iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction")


class TestEscalationPath:
    def of(self, world, names, *, conditional=(), **changes):
        wide = world.mask(*changes.pop("wide", ()))
        admin = changes.pop("admin", "")
        verdicts = world.verdicts(unused=names, conditional=conditional)
        grant = world.grant(*names, *conditional, wide=wide, admin=admin)
        result = world.result(identity=world.identity(), verdicts=verdicts, grants=(grant,), **changes)
        return list(escalation_path.find(result, world.context()))

    def test_a_complete_path_is_named_with_its_permissions_and_place(self):
        [finding] = self.of(World(), PASS_LAMBDA, wide=["iam:PassRole"])
        assert finding.subject == "aws-pass-role-lambda"
        assert finding.severity is Severity.HIGH
        assert finding.evidence["permissions"] == list(PASS_LAMBDA)
        assert finding.message == (
            "With iam:PassRole, lambda:CreateFunction, lambda:InvokeFunction, invoice-agent can run code as a "
            "role that it passes to a new Lambda function. Every resource is a target, so the "
            "strongest one decides. None of them was seen in use."
        )

    def test_a_path_that_lacks_one_permission_is_none(self):
        assert self.of(World(), PASS_LAMBDA[:2]) == []
        assert self.of(World(), PASS_LAMBDA[1:]) == []

    def test_a_permission_under_an_undecided_condition_completes_a_path_of_low_confidence(self):
        [finding] = self.of(World(), PASS_LAMBDA[1:], wide=PASS_LAMBDA, conditional=PASS_LAMBDA[:1])
        assert (finding.severity, finding.confidence) == (Severity.MEDIUM, Confidence.LOW)
        assert finding.evidence["undecided"] == ["iam:PassRole"]
        assert finding.title == "invoice-agent may run code as a role that it passes to a new Lambda function"
        assert "It hangs on iam:PassRole: granted, but under a condition" in finding.message

    @pytest.mark.parametrize(
        ("held", "wide", "expected"),
        [
            (True, True, (Severity.HIGH, Confidence.HIGH)),
            (True, False, (Severity.MEDIUM, Confidence.MEDIUM)),
            (None, False, (Severity.MEDIUM, Confidence.LOW)),
            (False, False, None),
        ],
    )
    def test_where_grants_name_services_each_path_asks_for_its_own(self, held, wide, expected):
        handovers = (
            Handover("iam:PassRole", "lambda.amazonaws.com", held, wide),
            Handover("iam:PassRole", "glue.amazonaws.com", held=True, wide=True),
        )
        found = self.of(World(), PASS_LAMBDA[1:], conditional=PASS_LAMBDA[:1], handovers=handovers)
        assert [(one.severity, one.confidence) for one in found] == ([expected] if expected else [])
        assert all(one.evidence["passed_to"] == ["lambda.amazonaws.com"] for one in found)

    def test_a_named_target_is_medium_in_severity_and_confidence(self):
        [finding] = self.of(World(), PASS_LAMBDA)
        assert (finding.severity, finding.confidence) == (Severity.MEDIUM, Confidence.MEDIUM)

    def test_letter_case_of_the_evidence_does_not_matter_on_aws(self):
        [finding] = self.of(World(), ["iam:putrolepolicy"])
        assert finding.subject == "aws-role-policy"

    def test_what_an_administrator_grant_gives_whole_is_left_to_that_finding(self):
        assert self.of(World(), PASS_LAMBDA, admin="Action * on Resource *") == []
        limited = {"conditional": PASS_LAMBDA[:1], "admin": "Action * on Resource *"}
        assert self.of(World(), PASS_LAMBDA[1:], **limited) == []

    def test_a_refused_call_takes_no_grant_away_and_is_said(self):
        world = World()
        verdicts = world.verdicts(denied=["iam:PutRolePolicy"])
        grant = world.grant("iam:PutRolePolicy")
        result = world.result(identity=world.identity(), verdicts=verdicts, grants=(grant,))
        [finding] = escalation_path.find(result, world.context())
        assert (finding.subject, finding.evidence["refused"]) == ("aws-role-policy", ["iam:PutRolePolicy"])
        assert "was refused; the grant stands all the same" in finding.message

    def test_a_call_that_was_refused_without_any_grant_is_no_path(self):
        world = World()
        names = ["iam:PutRolePolicy"]
        result = world.result(
            identity=world.identity(), verdicts=world.verdicts(denied=names, not_granted=names)
        )
        assert list(escalation_path.find(result, world.context())) == []

    def test_paths_of_google_cloud_and_azure(self):
        gcp = self.of(World("gcp"), ["iam.serviceAccounts.actAs", "run.jobs.create"])
        azure = self.of(World("azure"), ["Microsoft.CognitiveServices/accounts/listKeys/action"])
        assert [finding.subject for finding in gcp] == ["gcp-act-as-run"]
        assert [finding.subject for finding in azure] == ["azure-ai-keys"]

    @pytest.mark.parametrize(
        ("provider", "names", "subject"),
        [
            ("gcp", ["cloudbuild.builds.create"], "gcp-cloud-build"),
            ("gcp", ["dataproc.jobs.create"], "gcp-dataproc-job"),
            ("gcp", ["iam.serviceAccounts.getOpenIdToken"], "gcp-impersonation"),
            ("gcp", ["iam.serviceAccounts.actAs", "compute.instances.osAdminLogin"], "gcp-act-as-compute"),
            ("gcp", ["iam.googleapis.com/workloadIdentityPoolProviders.update"], "gcp-identity-provider"),
            ("azure", ["Microsoft.Storage/storageAccounts/regeneratekey/action"], "azure-storage-keys"),
            ("azure", ["Microsoft.Storage/storageAccounts/listAccountSas/action"], "azure-storage-keys"),
            ("azure", ["Microsoft.KeyVault/vaults/write"], "azure-vault-policy"),
            ("azure", ["Microsoft.Web/sites/publishxml/action"], "azure-site-publishing"),
            (
                "azure",
                ["Microsoft.ContainerService/managedClusters/runCommand/action"],
                "azure-cluster-command",
            ),
        ],
    )
    def test_ways_beside_the_usual_one_are_paths_too(self, provider, names, subject):
        assert [finding.subject for finding in self.of(World(provider), names)] == [subject]

    def test_looking_for_paths_adds_no_names_to_the_evidence(self):
        world = World()
        self.of(world, ["s3:GetObject"])
        assert len(world.permissions) == 1


class TestSelfModification:
    def test_one_finding_for_each_kind_of_limit(self):
        world = World()
        names = ["bedrock:UpdateGuardrail", "cloudtrail:StopLogging", "s3:GetObject"]
        grant = world.grant(*names, wide=world.mask("cloudtrail:StopLogging"))
        result = world.result(verdicts=world.verdicts(unused=names), grants=(grant,))
        found = list(self_modification.find(result, world.context()))
        assert [(finding.subject, finding.severity) for finding in found] == [
            ("guardrail", Severity.MEDIUM),
            ("logging", Severity.HIGH),
        ]
        assert "whether its own are among them was not worked out" in found[0].message

    def test_low_for_other_identities(self):
        world = World()
        verdicts = world.verdicts(used=["cloudtrail:StopLogging"])
        result = world.result(verdicts=verdicts, is_ai=False)
        [finding] = self_modification.find(result, world.context())
        assert finding.severity is Severity.LOW
        assert finding.evidence["used"] == ["cloudtrail:StopLogging"]


class TestBroadTrust:
    @pytest.mark.parametrize(
        ("trusted", "severity"),
        [
            ("*", Severity.CRITICAL),
            ("AWS:*", Severity.CRITICAL),
            ("allUsers", Severity.CRITICAL),
            ("allAuthenticatedUsers", Severity.CRITICAL),
            (
                "principalSet://iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/ci/*",
                Severity.HIGH,
            ),
            ("principalSet://iam.googleapis.com/locations/global/workforcePools/staff/*", Severity.MEDIUM),
            ("principalSet://agents.global.org-9.system.id.goog/*", Severity.MEDIUM),
            (
                "principalSet://agents.global.org-9.system.id.goog/attribute.platform/aiplatform",
                Severity.MEDIUM,
            ),
            ("everybody but arn:aws:iam::111122223333:root", Severity.CRITICAL),
        ],
    )
    def test_everybody_is_broad(self, trusted, severity):
        world = World()
        result = world.result(identity=world.identity(trusted=(trusted, "lambda.amazonaws.com")))
        [finding] = broad_trust.find(result, world.context())
        assert (finding.subject, finding.severity) == (trusted, severity)

    @pytest.mark.parametrize(
        "trusted",
        [
            "lambda.amazonaws.com",
            "arn:aws:iam::111122223333:root",
            "arn:aws:iam::111122223333:role/*",
            "* if aws:PrincipalOrgID is o-1",
            "principalSet://iam.googleapis.com/projects/4/locations/global/workloadIdentityPools/p/attribute.a/b",
            "serviceAccount:ci@project.iam.gserviceaccount.com",
            'everybody but arn:aws:iam::111122223333:root if {"Bool": {"aws:SecureTransport": ["true"]}}',
            OIDC,
            "",
        ],
    )
    def test_a_named_party_or_a_condition_is_not(self, trusted):
        world = World()
        result = world.result(identity=world.identity(trusted=(trusted,)))
        assert list(broad_trust.find(result, world.context())) == []

    @pytest.mark.parametrize(
        ("kinds", "severity"),
        [
            (["anybody"], Severity.CRITICAL),
            (["any-audience", "any-subject"], Severity.HIGH),
            (["many-subjects"], Severity.MEDIUM),
            (["any-audience"], Severity.LOW),
            (["any-source"], Severity.LOW),
        ],
    )
    def test_the_worst_gap_of_an_entry_decides(self, kinds, severity):
        world = World()
        gaps = tuple(TrustGap(OIDC, kind, f"{kind} in words", f"{kind} condition") for kind in kinds)
        result = world.result(identity=world.identity(trusted=(OIDC,), trust_gaps=gaps))
        [finding] = broad_trust.find(result, world.context())
        assert (finding.subject, finding.severity) == (OIDC, severity)
        assert set(finding.evidence["gaps"]) == set(kinds)
        assert all(f"{kind} condition" in finding.remediation for kind in kinds)

    def test_a_missing_external_id_is_another_types_matter(self):
        world = World()
        gap = TrustGap("arn:aws:iam::999988887777:root", "no-external-id", "a deputy", "a condition")
        result = world.result(identity=world.identity(trusted=(gap.entry,), trust_gaps=(gap,)))
        assert list(broad_trust.find(result, world.context())) == []


class TestDestructiveReach:
    def test_only_what_would_have_been_seen_is_called_without_use(self):
        world = World()
        names = ["s3:DeleteBucket", "s3:DeleteObject", "sqs:DeleteQueue"]
        result = world.result(
            verdicts=world.verdicts(
                used=["sqs:DeleteQueue"], unused=["s3:DeleteBucket"], unobservable=["s3:DeleteObject"]
            ),
            grants=(world.grant(*names, wide=world.mask("s3:DeleteBucket")),),
            reach={"destructive": names},
        )
        [finding] = destructive_reach.find(result, world.context())
        assert finding.severity is Severity.HIGH
        assert finding.evidence["permissions"] == ["s3:DeleteBucket"]
        assert finding.evidence["unobservable"] == 1
        assert finding.message.endswith("On every resource: 1. These logs cannot show the use of 1 more.")

    def test_nothing_when_the_logs_could_not_show_it(self):
        world = World()
        result = world.result(
            verdicts=world.verdicts(unobservable=["s3:DeleteObject"]),
            reach={"destructive": ["s3:DeleteObject"]},
        )
        assert list(destructive_reach.find(result, world.context())) == []


class TestSensitiveReach:
    def test_data_and_credentials_of_everything_without_use(self):
        world = World()
        names = ["dynamodb:Scan", "secretsmanager:GetSecretValue", "s3:GetObject"]
        result = world.result(
            verdicts=world.verdicts(
                unused=["dynamodb:Scan", "secretsmanager:GetSecretValue"], unobservable=["s3:GetObject"]
            ),
            grants=(world.grant(*names, wide=world.mask(*names)),),
            reach={
                "data": ["dynamodb:Scan", "s3:GetObject"],
                "credential": ["secretsmanager:GetSecretValue"],
            },
        )
        found = list(sensitive_reach.find(result, world.context()))
        assert [finding.subject for finding in found] == ["data", "credential"]
        assert found[0].evidence["permissions"] == ["dynamodb:Scan"]
        assert found[0].evidence["unobservable"] == 1
        assert {finding.severity for finding in found} == {Severity.HIGH}

    def test_named_resources_are_not_everything(self):
        world = World()
        result = world.result(
            verdicts=world.verdicts(unused=["dynamodb:Scan"]),
            grants=(world.grant("dynamodb:Scan"),),
            reach={"data": ["dynamodb:Scan"]},
        )
        assert list(sensitive_reach.find(result, world.context())) == []


class TestStaleCredential:
    @pytest.mark.parametrize(
        ("age", "expected"),
        [(None, []), (90, []), (91, [Severity.MEDIUM]), (365, [Severity.MEDIUM]), (366, [Severity.HIGH])],
    )
    def test_severity_follows_age(self, age, expected):
        world = World()
        result = world.result(credentials=(credential(age_days=age),))
        found = stale_credential.find(result, world.context())
        assert [finding.severity for finding in found] == expected


class TestSharedIdentity:
    def of(self, workloads, *, admin=False, **changes):
        world = World()
        changes |= world.admin() if admin else {}
        result = world.result(identity=world.identity(workloads=workloads), **changes)
        return [finding.severity for finding in shared_identity.find(result, world.context())]

    def test_two_workloads_share(self):
        assert self.of((LAMBDA, RUNTIME)) == [Severity.MEDIUM]
        assert self.of((LAMBDA, RUNTIME), is_ai=False) == [Severity.LOW]

    def test_one_workload_named_twice_does_not(self):
        assert self.of((LAMBDA, LAMBDA)) == []

    def test_high_when_they_share_administration(self):
        assert self.of((LAMBDA, RUNTIME), admin=True) == [Severity.HIGH]


class TestChains:
    """Chains of identities that end in an administrator are ED106, with the whole path as evidence."""

    MIDDLE, ADMIN = "arn:aws:iam::111122223333:role/middle", "arn:aws:iam::111122223333:role/admin"

    def of(self, steps, *, here=True, **changes):
        world = World()
        me = world.result(identity=world.identity(), **changes)
        admin = world.result(
            identity=world.identity(id=self.ADMIN, name="admin", immutable_id="AROA2"), **world.admin()
        )
        known = {me.identity.id: me, **({self.ADMIN: admin} if here else {})}
        context = world.context(
            identities=known,
            beyond={} if here else {self.ADMIN: admin},
            steps={name: tuple(Step(*step) for step in found) for name, found in steps.items()},
        )
        context = replace(context, chains=chains_to_administrators(context))
        return [one for one in escalation_path.find(me, context) if one.subject.startswith("become:")]

    @pytest.mark.parametrize("here", [True, False])
    def test_several_hops_are_followed_and_named(self, here):
        steps = {ROLE: [(self.MIDDLE, True)], self.MIDDLE: [(self.ADMIN, True), (ROLE, True)]}
        [finding] = self.of(steps, here=here)
        assert (finding.severity, finding.confidence) == (Severity.HIGH, Confidence.HIGH)
        assert finding.subject == f"become:{self.ADMIN}"
        assert finding.evidence["chain"] == [ROLE, self.MIDDLE, self.ADMIN]
        assert finding.message == (
            f"invoice-agent can become {self.ADMIN}, an administrator, through {self.MIDDLE}. Grants and trust "
            "were decided on every step. The first step was not seen in use."
        )
        assert f"take {self.MIDDLE} out of the trust of admin" in finding.remediation

    def test_a_sure_chain_is_preferred_to_a_shorter_doubtful_one(self):
        steps = {ROLE: [(self.ADMIN, False), (self.MIDDLE, True)], self.MIDDLE: [(self.ADMIN, True)]}
        [finding] = self.of(steps)
        assert (finding.evidence["hops"], finding.severity) == (2, Severity.HIGH)

    def test_chains_end_after_six_hops_and_never_run_in_circles(self):
        names = [ROLE, *(f"{self.MIDDLE}{number}" for number in range(6)), self.ADMIN]
        ring = {name: [(other, True), (ROLE, True)] for name, other in itertools.pairwise(names)}
        assert self.of(ring) == []
        shorter = {**ring, ROLE: [(names[2], True)]}
        [finding] = self.of(shorter)
        assert finding.evidence["hops"] == 6

    def test_an_undecided_step_makes_it_medium_with_low_confidence(self):
        [finding] = self.of({ROLE: [(self.ADMIN, False)]})
        assert (finding.severity, finding.confidence) == (Severity.MEDIUM, Confidence.LOW)
        assert finding.evidence["undecided"] == [self.ADMIN]
        assert finding.title == "invoice-agent may become the administrator admin"

    def test_a_step_by_running_code_says_by_what(self):
        how = "iam.serviceAccounts.actAs with run.services.create"
        [finding] = self.of({ROLE: [(self.ADMIN, True, False, how)]})
        assert finding.evidence["by_running_code"] == [f"{self.ADMIN} by {how}"]
        assert f"By running code under it: {self.ADMIN} by {how}." in finding.message
        assert "or take away what runs code under it" in finding.remediation

    def test_the_last_use_of_the_first_step_is_told(self):
        row = World().usage("sts:AssumeRole", resource=self.ADMIN)
        [finding] = self.of({ROLE: [(self.ADMIN, True)]}, usage=(row,))
        assert "The first step was last seen on 2026-11-01T10:00:00Z." in finding.message

    @pytest.mark.parametrize("seed", range(20))
    def test_groups_of_steps_give_the_chains_of_their_steps_one_by_one(self, seed):
        choice, world = random.Random(seed), World()  # noqa: S311 repeatable
        names = [f"{self.MIDDLE}{number}" for number in range(12)]
        admins = {name: world.result(identity=world.identity(id=name), **world.admin()) for name in names[:3]}
        taken: dict[tuple[str, str], bool] = {}
        groups = []
        for _ in range(choice.randint(1, 6)):
            callers = sorted(choice.sample(names, choice.randint(1, 4)))
            targets = sorted(choice.sample(names, choice.randint(1, 4)))
            pairs = list(itertools.product(callers, targets))
            if not taken.keys() & pairs:
                sure = choice.random() < 0.7
                taken |= dict.fromkeys(pairs, sure)
                groups.append(StepGroup(tuple(callers), tuple(targets), sure))
        together = Steps(groups)
        context = world.context(identities=admins, steps=together)
        assert chains_to_administrators(context) == chains_to_administrators(
            replace(context, steps=dict(together))
        )

    def test_steps_to_others_and_steps_of_administrators_are_no_finding(self):
        assert self.of({ROLE: [(self.MIDDLE, True)]}) == []
        world = World()
        assert self.of({ROLE: [(self.ADMIN, True)]}, **world.admin()) == []
