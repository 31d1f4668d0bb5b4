"""The demo: the whole way on the evidence that ships with the package, through the real command."""

import gzip
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reports.document import VERDICTS
from reports.schema import PATH as SCHEMA
from scanner.run import DEMO

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ("report.json", "report.html", "tickets.md", "tickets.json", "tickets.csv")
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
OPENAI = "Microsoft.CognitiveServices/accounts/OpenAI"


def entdrift(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    command = [sys.executable, "-c", "from scanner.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "first"
    done = entdrift("demo", "--output", folder)
    assert (done.returncode, done.stdout) == (0, "")
    assert "AI identities" in done.stderr
    return folder


@pytest.fixture(scope="module")
def report(output: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((output / "report.json").read_bytes())
    return document


@pytest.fixture(scope="module")
def identities(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in report["identities"]}


def verdicts(identity: Mapping[str, Any], verdict: str) -> set[str]:
    return {name for service in identity["services"] for name in service[verdict]}


def findings(report: Mapping[str, Any], name: str, identities: Mapping[str, Any]) -> set[str]:
    return {row["rule"] for row in report["findings"] if row["identity"] == identities[name]["id"]}


def test_writes_every_default_file_for_its_owner_only(output: Path) -> None:
    assert {path.name: path.stat().st_mode & 0o777 for path in output.iterdir()} == {
        **dict.fromkeys(RESULTS, 0o600),
        **dict.fromkeys(("state.sqlite", "state.sqlite.last-good", ".state.sqlite.lock"), 0o600),
        "evidence": 0o700,
    }


def test_report_validates_against_the_published_schema(report: dict[str, Any]) -> None:
    jsonschema.validate(report, json.loads(SCHEMA.read_bytes()))


def test_two_runs_write_the_same_bytes(output: Path, tmp_path: Path) -> None:
    assert entdrift("demo", "--output", tmp_path / "second").returncode == 0

    second = tmp_path / "second"
    assert [name for name in RESULTS if (output / name).read_bytes() != (second / name).read_bytes()] == []


def test_bundle_gives_the_same_report_without_the_originals(output: Path, tmp_path: Path) -> None:
    done = entdrift(
        *("scan", "--bundle", output / "evidence", "--output", tmp_path / "again"),
        *("--now", "2026-11-23T00:00:00Z", "--format", "json"),
    )

    assert done.returncode == 0
    assert (tmp_path / "again" / "report.json").read_bytes() == (output / "report.json").read_bytes()


def test_committed_evidence_is_what_the_script_writes(tmp_path: Path) -> None:
    """Compared unpacked: another version of zlib writes other bytes."""
    script = ROOT / "tests" / "fixtures" / "make_demo.py"
    subprocess.run([sys.executable, script, tmp_path], check=True, timeout=60)
    made = {path.relative_to(tmp_path): contents(path) for path in tmp_path.rglob("*") if path.is_file()}
    kept = {path.relative_to(DEMO): contents(path) for path in DEMO.rglob("*") if path.is_file()}

    assert {path: data for path, data in kept.items() if len(path.parts) > 1} == made


def contents(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


@dataclass(frozen=True)
class Planned:
    """What the story says about one identity: everything it called, and samples of what it did not."""

    stage: str
    kind: str
    owner: str = ""
    used: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()
    unused: frozenset[str] = frozenset()
    unobservable: frozenset[str] = frozenset()
    conditional: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    """Not held at all."""
    rules: frozenset[str] = frozenset()
    """Finding types that it must have."""


def names(*words: str) -> frozenset[str]:
    return frozenset(words)


PLAN = {
    "AmazonBedrockExecutionRoleForAgents_ClaimsTriage": Planned(
        "production",
        "role",
        "claims-platform@example.com",
        used=names(
            "bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream", "s3:GetObject", "s3:ListBucket"
        ),
        denied=names("s3:DeleteObject"),
        unused=names(
            "s3:PutBucketPolicy", "s3:DeleteBucket", "bedrock:CreateAgent", "bedrock:UpdateGuardrail"
        ),
        unobservable=names(
            "s3:PutObject", "bedrock:Retrieve", "bedrock:InvokeAgent", "bedrock:CallWithBearerToken"
        ),
        conditional=names("iam:PassRole"),
        absent=names("bedrock:DeleteGuardrail"),
        rules=names("ED101", "ED104", "ED109", "ED304", "ED305"),
    ),
    "claims-tools-lambda": Planned(
        "production",
        "role",
        used=names(
            "bedrock:InvokeModel", "kms:Decrypt", "logs:CreateLogStream", "secretsmanager:GetSecretValue"
        ),
        denied=names("lambda:GetFunction"),
        unused=names("dynamodb:DeleteTable", "logs:CreateLogGroup"),
        unobservable=names(
            *("dynamodb:GetItem", "dynamodb:DescribeTable", "sns:Publish"),
            *("logs:PutLogEvents", "bedrock:Retrieve"),
        ),
        conditional=names("kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"),
        absent=names("lambda:InvokeFunction"),
        rules=names("ED204", "ED303"),
    ),
    "claims-agentcore-runtime": Planned(
        "production",
        "role",
        "claims-platform@example.com",
        used=names(
            *("bedrock:InvokeModel", "ecr:BatchGetImage"),
            *("ecr:GetAuthorizationToken", "ecr:GetDownloadUrlForLayer"),
        ),
        unobservable=names(
            *("bedrock-agentcore:InvokeGateway", "bedrock-agentcore:GetResourceOauth2Token"),
        ),
        unused=names("s3:GetObject"),
        rules=names("ED304"),
    ),
    "claims-deploy-ci": Planned(
        "production",
        "role",
        "platform-engineering",
        used=names(
            *("bedrock:PrepareAgent", "bedrock:UpdateAgent", "cloudformation:CreateChangeSet"),
            *("cloudformation:DescribeChangeSet", "cloudformation:DescribeStacks"),
            *("cloudformation:ExecuteChangeSet", "iam:PassRole", "lambda:UpdateFunctionCode"),
        ),
        denied=names("iam:CreateRole"),
        unused=names("bedrock:GetAgent", "lambda:CreateFunction", "cloudformation:DeleteStack"),
        rules=names("ED101", "ED104", "ED106"),
    ),
    "claims-pilot": Planned(
        "pilot",
        "user",
        used=names("bedrock:CallWithBearerToken", "bedrock:InvokeModel", "sagemaker:ListModels"),
        unused=names("iam:CreateAccessKey", "bedrock:DeleteAgent"),
        unobservable=names("s3:GetObject", "s3:ListBucket", "s3:PutObject"),
        rules=names("ED102", "ED106", "ED201", "ED202", "ED203", "ED303"),
    ),
    "AmazonSageMaker-ExecutionRole-20260302T101530": Planned(
        "pilot",
        "role",
        "data-science@example.com",
        used=names("iam:PassRole", "sagemaker:CreateTrainingJob", "sagemaker:DescribeTrainingJob"),
        denied=names("ec2:DescribeVpcs"),
        unused=names("lambda:CreateFunction", "sagemaker:CreateModel", "s3:PutBucketAcl"),
        unobservable=names("lambda:InvokeFunction", "s3:GetObject", "s3:PutObject"),
        absent=names("s3:DeleteObject", "s3:PutBucketPolicy"),
        rules=names("ED101", "ED104", "ED106"),
    ),
    "claims-agent-pilot": Planned(
        "pilot",
        "role",
        unused=names("bedrock:CreateAgent"),
        # RetrieveAndGenerate needs it, and no trail of the pilot records that.
        unobservable=names("bedrock:InvokeModel"),
        rules=names("ED103", "ED303"),
    ),
    "claims-mcp-server": Planned(
        "pilot",
        "role",
        used=names("bedrock:InvokeModel", "dynamodb:DescribeTable", "s3:ListAllMyBuckets"),
        unused=names("iam:CreateUser", "secretsmanager:GetSecretValue"),
        unobservable=names("dynamodb:GetItem"),
        rules=names("ED104", "ED105", "ED108", "ED305"),
    ),
    "claims-pilot-ci": Planned("pilot", "role", unused=names("bedrock:CreateAgent"), rules=names("ED107")),
    "claims-adjuster-agent": Planned(
        "production",
        "agent-identity",
        "claims-platform",
        used=names("bigquery.jobs.create", "storage.objects.get", "storage.objects.list"),
        unused=names("aiplatform.endpoints.delete"),
        unobservable=names("aiplatform.endpoints.predict", "secretmanager.versions.access"),
        conditional=names("bigquery.tables.getData"),
        rules=names("ED104", "ED304"),
    ),
    "1123581321345": Planned(
        "production", "agent-identity", unused=names("bigquery.jobs.create"), rules=names("ED103", "ED303")
    ),
    "claims-rag": Planned(
        "production",
        "service-account",
        used=names("storage.buckets.update", "storage.objects.create", "storage.objects.get"),
        denied=names("resourcemanager.projects.setIamPolicy"),
        unused=names("storage.buckets.delete", "storage.objects.delete"),
        unobservable=names("iam.serviceAccounts.getAccessToken", "secretmanager.versions.access"),
        owner="claims-platform",
        rules=names("ED106", "ED201", "ED202"),
    ),
    "claims-batch-scoring": Planned(
        "production",
        "service-account",
        unused=names("aiplatform.endpoints.delete"),
        absent=names("storage.objects.get"),
        rules=names("ED202", "ED303"),
    ),
    "123456789012-compute": Planned(
        "production",
        "default-service-account",
        used=names("aiplatform.customJobs.create", "iam.serviceAccounts.actAs", "storage.objects.get"),
        unused=names("compute.instances.delete", "storage.objects.delete"),
        unobservable=names("aiplatform.endpoints.predict", "pubsub.topics.publish"),
        rules=names("ED105"),
    ),
    "claims-triage-agent": Planned(
        "production",
        "agent-identity",
        "sam@example.com",
        used=names(f"{BLOBS}/read", f"{BLOBS}/write"),
        unused=names(f"{BLOBS}/delete"),
        unobservable=names(
            "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            f"{OPENAI}/deployments/chat/completions/action",
        ),
        rules=names("ED104", "ED304"),
    ),
    "northwind-foundry/projects/claims": Planned(
        "production",
        "managed-identity",
        "claims-platform@example.com",
        used=names("Microsoft.CognitiveServices/accounts/deployments/write"),
        unused=names("Microsoft.KeyVault/vaults/delete"),
        unobservable=names("Microsoft.App/jobs/read"),
        rules=names("ED105"),
    ),
    "claims-pilot-app": Planned(
        "production",
        "service-principal",
        used=names("Microsoft.Authorization/roleAssignments/write", "Microsoft.Resources/deployments/write"),
        unused=names("Microsoft.Authorization/roleDefinitions/write"),
        rules=names("ED105", "ED201", "ED202", "ED203", "ED303"),
    ),
    "id-claims-worker": Planned(
        "production",
        "managed-identity",
        used=names("Microsoft.App/jobs/start/action", f"{BLOBS}/read"),
        denied=names("Microsoft.KeyVault/vaults/write"),
        unobservable=names("Microsoft.App/jobs/read"),
        rules=names("ED204", "ED303"),
    ),
}


@pytest.mark.parametrize("name", PLAN)
def test_identity_is_judged_as_planned(
    name: str, identities: dict[str, dict[str, Any]], report: dict[str, Any]
) -> None:
    plan, found = PLAN[name], identities[name]
    held = {verdict: verdicts(found, verdict) for verdict in VERDICTS}

    assert (found["stage"], found["kind"], found["owner"]) == (plan.stage, plan.kind, plan.owner)
    assert (held["used"], held["denied"]) == (plan.used, plan.denied)
    assert plan.unused - held["unused"] == set()
    assert plan.unobservable - held["unobservable"] == set()
    assert plan.conditional - held["conditional"] == set()
    assert plan.absent & {permission for verdict in held.values() for permission in verdict} == set()
    assert plan.rules - findings(report, name, identities) == set()


def test_people_and_plain_automation_are_no_ai_workloads(identities: dict[str, dict[str, Any]]) -> None:
    listed = set(identities)

    assert listed - set(PLAN) == {
        "AWSServiceRoleForBedrockAgentCoreRuntimeIdentity",
        "claims-triage-blueprint",
        "service-123456789012",
    }


def test_what_the_provider_manages_is_never_offered_for_removal(
    identities: dict[str, dict[str, Any]],
) -> None:
    for name in ("AWSServiceRoleForBedrockAgentCoreRuntimeIdentity", "service-123456789012"):
        assert (identities[name]["reduction"]["disposition"], identities[name]["reduction"]["removes"]) == (
            "none",
            0,
        )


def test_static_keys_are_listed_with_their_use(identities: dict[str, dict[str, Any]]) -> None:
    keys = {row["id"]: row for row in identities["claims-pilot"]["credentials"]}
    used, never = keys["AKIAIOSFODNN7EXAMPLE"], keys["AKIAI44QH8DHBEXAMPLE"]

    assert (used["uses"], used["last_used"], used["age_days"]) == (8, "2026-08-30T10:04:00Z", 446)
    assert (never["uses"], never["last_used"], never["age_days"]) == (0, "", 279)
    assert keys["ACCAEXAMPLE123EXAMPLE"]["expires"] == "2126-01-23T16:50:00Z"


def test_one_azure_assignment_is_used_and_the_other_is_not(identities: dict[str, dict[str, Any]]) -> None:
    """Azure's logs name the assignment that a call went through."""
    grants = {row["name"]: row["verdict"] for row in identities["claims-triage-agent"]["grants"]}

    assert grants == {
        "Storage Blob Data Contributor": "used",
        "Key Vault Secrets User": "unobservable",
        "Cognitive Services OpenAI User": "unobservable",
    }


def test_events_are_counted_once_and_bad_files_are_named(report: dict[str, Any]) -> None:
    counts = report["summary"]["log_events"]

    assert {key: counts[key] for key in ("duplicates", "outside_window", "unmapped", "rejected")} == {
        "duplicates": 7,
        "outside_window": 12,
        "unmapped": 2,
        "rejected": 0,
    }
    assert counts["unattributed_by_kind"] == {
        "aws:AWSService": 26,
        "aws:WebIdentityUser": 5,
        "azure:account-key": 4,
    }
    assert [(row["source"], row["status"]) for row in report["log_files"]] == [
        ("aws-production", "skipped"),
    ]
    assert [row["operation"] for row in report["unmapped_events"]] == ["ListConsoleRecentItems"]


def test_what_was_not_interpreted_is_said(report: dict[str, Any]) -> None:
    limits = " ".join(row["what"] for row in report["limits_of_analysis"])

    for word in ("roles/viewer", "claims-analysts@example.com", "how the request is made", "key1"):
        assert word in limits


def test_counts_add_up(report: dict[str, Any]) -> None:
    for entry in report["identities"]:
        counts = entry["permissions"]
        judged = sum(
            counts[verdict] for verdict in ("used", "denied", "unused", "unobservable", "conditional")
        )
        assert counts["granted"] == judged - counts["not_granted"]


PROVIDERS = {"AWS": "aws", "Google Cloud": "gcp", "Azure": "azure"}


def test_worked_examples_of_the_documentation_hold(report: dict[str, Any]) -> None:
    """Each row of the tables in docs/verdicts.md is true of some identity of that cloud in the demo."""
    found = {
        (entry["provider"], name, verdict)
        for entry in report["identities"]
        for verdict in VERDICTS
        for name in verdicts(entry, verdict)
    }
    provider, told = "", set()
    for line in (ROOT / "docs" / "verdicts.md").read_text("utf-8").splitlines():
        if line.startswith("### "):
            provider = PROVIDERS.get(line[4:], "")
        elif provider and (row := re.match(r"\| `…?([^`]+)`[^|]*\| (\w+) \|", line)):
            told.add((provider, row[1], row[2]))

    assert len(told) >= 12
    assert [
        (cloud, permission, verdict)
        for cloud, permission, verdict in sorted(told)
        if not any(
            entry[0] == cloud and entry[1].endswith(permission) and entry[2] == verdict for entry in found
        )
    ] == []


SECRET = "planted-b64d73f0"


def test_no_planted_secret_reaches_any_output(tmp_path: Path) -> None:
    """Secrets that a user's exports may hold stay in those exports."""
    evidence = tmp_path / "evidence"
    shutil.copytree(DEMO, evidence)
    edit(evidence / "aws-pilot/access-keys.json", "AccessKeyId", "SecretAccessKey")
    edit(evidence / "aws-pilot/service-specific-credentials.json", "ServiceName", "ServicePassword")
    edit(evidence / "aws-pilot/service-specific-credentials.json", "ServiceName", "ServiceCredentialSecret")
    edit(evidence / "gcp/service-account-keys.json", "keyType", "privateKeyData")
    edit(evidence / "azure/service-principals.json", "hint", "secretText")
    edit(evidence / "azure/resources.json", "location", "connectionString")
    resources = json.loads((evidence / "gcp/resources.json").read_text("utf-8"))
    container = {"image": "claims-rag", "env": [{"name": "OPENAI_API_KEY", "value": SECRET}]}
    resources[1]["resource"]["data"]["spec"]["template"]["spec"]["containers"] = [container]
    (evidence / "gcp/resources.json").write_text(json.dumps(resources), "utf-8")

    done = entdrift(
        *("--verbose", "scan", "--config", evidence / "config.toml", "--output", tmp_path / "out"),
        *("--now", "2026-11-23T00:00:00Z"),
    )

    assert done.returncode == 0
    assert SECRET not in done.stdout + done.stderr
    holding = [path for path in (tmp_path / "out").rglob("*") if path.is_file() and SECRET in text(path)]
    assert holding == []


def edit(path: Path, beside: str, field: str) -> None:
    """Plant the secret as `field` into every object that has the key `beside`."""

    def planted(value: Any) -> Any:
        if isinstance(value, dict):
            found = {key: planted(inner) for key, inner in value.items()}
            return found | {field: SECRET} if beside in found else found
        return [planted(item) for item in value] if isinstance(value, list) else value

    before = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(planted(before)), "utf-8")
    assert SECRET in path.read_text("utf-8")


def text(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8", "replace")
