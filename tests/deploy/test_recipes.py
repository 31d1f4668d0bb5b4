"""Every recipe under deploy/ parses, names verbs and flags that exist, runs without root, and holds no secret."""

import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import botocore.session
import click
import pytest
import yaml

from connectors.aws.catalog.actions import Catalogue
from scanner.cli import cli
from scanner.run import DEMO

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
YAML = [path for path in FILES if path.suffix in (".yaml", ".yml")]
TEMPLATES = [path for path in YAML if path.parent.name == "aws"]


class _Loader(yaml.SafeLoader):
    """Read CloudFormation's short forms: `!Ref X` becomes {"Ref": X}."""


def _short_form(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    return {suffix: loader.construct_sequence(node, deep=True)}


_Loader.add_multi_constructor("!", _short_form)


def documents(path):
    return list(yaml.load_all(path.read_text("utf-8"), Loader=_Loader))


def walk(value):
    """Yield every mapping of a document."""
    if isinstance(value, dict):
        yield value
        for one in value.values():
            yield from walk(one)
    elif isinstance(value, list):
        for one in value:
            yield from walk(one)


def test_each_recipe_of_the_issue_is_there():
    assert {"cron", "systemd", "github", "container", "kubernetes", "aws", "gcp", "azure"} == {
        path.parent.name for path in FILES
    }


@pytest.mark.parametrize("path", YAML, ids=lambda path: path.name)
def test_yaml_parses(path):
    assert all(isinstance(document, dict) for document in documents(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_recipe_holds_a_secret(path):
    text = path.read_text("utf-8")
    assert not re.search(r"AKIA[0-9A-Z]{16}|hooks\.slack\.com|BEGIN [A-Z ]*PRIVATE KEY|password\s*[:=]", text)


def _commands():
    for path in FILES:
        text = path.read_text("utf-8").replace("\\\n", " ")
        for found in re.finditer(
            r"(?:^|[\s/])entdrift ((?:--quiet )?(?:scan|gate|baseline|doctor) [^#`\n>|]*)", text
        ):
            yield path.name, found[1].strip()
        for found in re.finditer(r"(?:args|Command): \[(scan[^\]]*)\]", text):
            yield path.name, found[1].replace(",", " ")


@pytest.mark.parametrize(("name", "command"), sorted(set(_commands())))
def test_verbs_and_flags_exist(name, command):
    words = [word for word in shlex.split(command) if word != "--quiet"]
    verb = cli
    while isinstance(verb, click.Group):
        verb = verb.commands[words.pop(0)]
    known = {flag for parameter in verb.params for flag in parameter.opts}
    assert [] == [word for word in words if word.startswith("--") and word not in known], name


def test_the_timer_and_the_service_are_accepted_by_systemd(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    for unit in ("entdrift.service", "entdrift.timer"):
        text = (DEPLOY / "systemd" / unit).read_text("utf-8")
        (tmp_path / unit).write_text(text.replace("/opt/entdrift/bin/entdrift", "/bin/true"))
    answer = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / "entdrift.service", tmp_path / "entdrift.timer"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    own = [line for line in answer.stderr.splitlines() if "entdrift" in line]
    assert [] == own


def test_units_are_sections_of_known_keys():
    for unit, wanted in (
        ("entdrift.service", {"Unit", "Service", "Install"}),
        ("entdrift.timer", {"Unit", "Timer", "Install"}),
    ):
        text = (DEPLOY / "systemd" / unit).read_text("utf-8")
        assert wanted == set(re.findall(r"^\[(\w+)\]$", text, re.MULTILINE))
        lines = [line for line in text.splitlines() if line and not line.startswith(("#", "["))]
        assert [] == [line for line in lines if not re.match(r"^[A-Z]\w+=", line)]
    assert "DynamicUser=yes" in (DEPLOY / "systemd" / "entdrift.service").read_text()


def test_the_crontab_has_a_user_and_an_absolute_program():
    lines = [
        line
        for line in (DEPLOY / "cron" / "entdrift.cron").read_text().splitlines()
        if re.match(r"^[\d*]", line)
    ]
    assert [("entdrift", True)] * 2 == [(line.split()[5], line.split()[6].startswith("/")) for line in lines]


def test_the_workflow_asks_for_no_more_than_it_needs():
    (workflow,) = documents(DEPLOY / "github" / "entitlements.yml")
    jobs = workflow["jobs"]
    assert {} == workflow["permissions"]
    assert {"contents": "read", "id-token": "write", "security-events": "write"} == jobs["scan"][
        "permissions"
    ]
    assert {"contents": "read"} == jobs["baseline"]["permissions"]
    uses = [step["uses"] for job in jobs.values() for step in job["steps"] if "uses" in step]
    assert [] == [one for one in uses if "@" not in one]
    scripts = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert not any("${{" in script for script in scripts), "an expression in a script is an injection"


def test_the_image_ends_as_a_user_without_shell():
    lines = (DEPLOY / "container" / "Containerfile").read_text().splitlines()
    last = [line for line in lines if line.startswith("FROM")][-1]
    assert "distroless" in last
    assert [line for line in lines if line.startswith("USER")] == ["USER 65532:65532"]
    assert not [line for line in lines if re.match(r"ARG|ENV.*(TOKEN|KEY|SECRET)", line)]


def test_the_module_of_the_image_starts_the_program():
    answer = subprocess.run(
        [sys.executable, "-m", "scanner", "--version"],
        capture_output=True, text=True, check=False, cwd=DEPLOY.parent,
    )  # fmt: skip
    assert answer.stdout.startswith("entdrift ")


def test_the_pod_is_confined():
    job = next(d for d in documents(DEPLOY / "kubernetes" / "cronjob.yaml") if d["kind"] == "CronJob")
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert ("Forbid", True) == (job["spec"]["concurrencyPolicy"], pod["securityContext"]["runAsNonRoot"])
    assert {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    } == (container["securityContext"])
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_refer_only_to_what_they_have(path):
    (template,) = documents(path)
    known = {*template["Parameters"], *template["Resources"]}
    named = set()
    for mapping in walk(template):
        if "Ref" in mapping:
            named.add(mapping["Ref"])
        if "GetAtt" in mapping:
            named.add(mapping["GetAtt"].split(".")[0])
        if "Sub" in mapping:
            named.update(re.findall(r"\$\{([\w:]+)\}", mapping["Sub"]))
    assert set() == {name for name in named if not name.startswith("AWS::")} - known


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_grant_known_actions_without_wildcards(path):
    known = {name.lower() for name in Catalogue().permissions.names(Catalogue().known)}
    (template,) = documents(path)
    statements = [one for one in walk(template) if "Effect" in one and "Principal" not in one]
    actions = [
        a for s in statements for a in (s["Action"] if isinstance(s["Action"], list) else [s["Action"]])
    ]
    assert actions
    assert [] == [action for action in actions if action.lower() not in known]
    assert "*" not in [statement["Resource"] for statement in statements]


_SHAPES = {
    "AWS::Lambda::Function": ("lambda", "CreateFunction"),
    "AWS::ECS::TaskDefinition": ("ecs", "RegisterTaskDefinition"),
    "AWS::Scheduler::Schedule": ("scheduler", "CreateSchedule"),
    "AWS::IAM::Role": ("iam", "CreateRole"),
    "AWS::Logs::LogGroup": ("logs", "CreateLogGroup"),
}
_OF_THE_TEMPLATE = {"ManagedPolicyArns", "Policies", "RetentionInDays", "ReservedConcurrentExecutions"}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_properties_are_those_of_the_services(path):
    """Names of properties are compared with the API that each resource stands for, as botocore has it."""
    session = botocore.session.get_session()
    (template,) = documents(path)
    strange = []
    for name, resource in template["Resources"].items():
        service, operation = _SHAPES[resource["Type"]]
        shape = session.get_service_model(service).operation_model(operation).input_shape
        known = {member[:1].upper() + member[1:] for member in shape.members}
        strange += [f"{name}.{key}" for key in resource["Properties"] if key not in known | _OF_THE_TEMPLATE]
    assert [] == strange


def test_the_lambda_handler_uploads_the_report_and_fails_with_the_scan(tmp_path, monkeypatch):
    module = runpy.run_path(str(DEPLOY / "aws" / "lambda_handler.py"))
    handler = module["handler"]
    uploaded = []

    class Client:
        def upload_file(self, name, bucket, key):
            uploaded.append((bucket, key))

    handler.__globals__["OUTPUT"] = tmp_path / "out"
    monkeypatch.setattr(handler.__globals__["boto3"], "client", lambda service: Client())
    monkeypatch.setenv("ENTDRIFT_BUCKET", "reports")
    monkeypatch.setenv("ENTDRIFT_CONFIG", str(DEMO / "config.toml"))
    assert 0 == handler({}, None)["exit_code"]
    assert [
        ("reports", f"entdrift/{name}") for name in ("report.json", "report.html", "summary.md")
    ] == uploaded
    empty = tmp_path / "empty.toml"
    empty.write_text('[[source]]\nname = "a"\nprovider = "aws"\nauthorization_details = "none.json"\n')
    monkeypatch.setenv("ENTDRIFT_CONFIG", str(empty))
    with pytest.raises(RuntimeError, match="NO_SOURCE"):
        handler({}, None)
