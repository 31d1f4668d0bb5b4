"""AWS in the process: real boto3 clients against moto, and answers put in front of what moto lacks."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from botocore.loaders import create_loader
from moto import mock_aws

from connectors.aws.live import session as live_session
from connectors.aws.live.collect import Way, collect_live
from connectors.bundle import BundleWriter, open_bundle
from connectors.facts import Window
from connectors.interface import Source, silent
from connectors.logs.seen import SeenEvents

YEAR = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))

IMPLEMENTED = {
    "iam": {
        "GetAccountAuthorizationDetails",
        "GetPolicy",
        "GetPolicyVersion",
        "ListAccessKeys",
        "GetAccessKeyLastUsed",
        "GenerateCredentialReport",
        "GetCredentialReport",
        "ListOpenIDConnectProviders",
        "GetOpenIDConnectProvider",
    },
    "sts": {"GetCallerIdentity", "AssumeRole"},
    "ec2": {"DescribeRegions", "DescribeInstances"},
    "organizations": {
        "DescribeOrganization",
        "ListRoots",
        "ListOrganizationalUnitsForParent",
        "ListAccountsForParent",
        "ListPolicies",
        "ListTargetsForPolicy",
        "DescribePolicy",
    },
    "cloudtrail": {"DescribeTrails", "GetEventSelectors", "GetTrailStatus"},
    "bedrock-agent": {"ListAgents", "GetAgent", "ListKnowledgeBases", "GetKnowledgeBase"},
    "bedrock-agentcore-control": {
        "ListAgentRuntimes",
        "GetAgentRuntime",
        "ListGateways",
        "GetGateway",
        "ListGatewayTargets",
        "GetGatewayTarget",
        "ListMemories",
        "GetMemory",
    },
    "sagemaker": {"ListNotebookInstances", "DescribeNotebookInstance", "ListModels", "DescribeModel"},
    "ecs": {"ListTaskDefinitionFamilies", "DescribeTaskDefinition"},
    "eks": {"ListClusters"},
}
"""What moto 5.2.5 answers itself; everything else gets an empty answer of the right shape, or the test's own.

Hosts on `*.api.aws` are among the rest: moto would let them out to the network.
"""


LOADER = create_loader()
"""Reads the models of the services once for all tests."""


class Cloud:
    """What the tests put in front of moto, and the calls that were made."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.answers: dict[tuple[str, str], Callable[..., Any]] = {}
        self.answer("iam", "GenerateServiceLastAccessedDetails", {"JobId": "j" * 36})
        report = {"JobStatus": "COMPLETED", "ServicesLastAccessed": []}
        self.answer("iam", "GetServiceLastAccessedDetails", report)

    def answer(self, service: str, operation: str, give: Any) -> None:
        """Answer an operation with a value, a function of its parameters, or an error."""
        self.answers[service, operation] = give if callable(give) else lambda **_: give

    def refuse(self, service: str, operation: str, code: str = "AccessDenied", message: str = "no") -> None:
        """Answer an operation with an error code."""

        def raise_it(**_: Any) -> None:
            raise ClientError({"Error": {"Code": code, "Message": message}}, operation)

        self.answers[service, operation] = raise_it

    def watch(self, boto: boto3.Session) -> boto3.Session:
        """Return the session with a hook behind its guard."""
        boto.events.register("before-call.*.*", self._before_call)
        boto._session.register_component("data_loader", LOADER)
        return boto

    def _before_call(self, model: Any, params: Any, **_: Any) -> Any:
        service, operation = model.service_model.service_name, model.name
        self.calls.append((service, operation))
        give = self.answers.get((service, operation))
        if give is not None:
            found = give(**_sent(params))
            return None if found is None else (AWSResponse("http://fake", 200, {}, None), found)
        if operation in IMPLEMENTED.get(service, ()):
            return None
        members = model.output_shape.members if model.output_shape else {}
        empty = {name: [] for name, shape in members.items() if shape.type_name == "list"}
        return AWSResponse("http://fake", 200, {}, None), empty


def _sent(params: Any) -> dict[str, Any]:
    """Return the parameters of a request as the protocol wrote them: query fields, or the JSON body."""
    body = params.get("body") or {}
    if isinstance(body, str | bytes):
        body = json.loads(body or "{}")
    return {"query": params.get("query_string") or {}, **body}


@pytest.fixture
def cloud(monkeypatch):
    """Open an empty account in moto; sessions of the code under test are watched."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "planted-secret-key",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    }.items():
        monkeypatch.setenv(name, value)
    found = Cloud()
    guarded = live_session._guarded
    monkeypatch.setattr(live_session, "_guarded", lambda boto: found.watch(guarded(boto)))
    with mock_aws():
        yield found


@pytest.fixture
def source():
    """Make a live source; keyword arguments are its settings."""

    def make(name: str = "live", **settings: Any) -> Source:
        settings.setdefault("regions", ("eu-west-1",))
        texts = {key: value for key, value in settings.items() if isinstance(value, str)}
        lists = {key: tuple(value) for key, value in settings.items() if not isinstance(value, str)}
        return Source(name, "aws", "pilot", "live", {}, texts, lists)

    return make


class Gathered:
    """What a live collection left in the bundle."""

    def __init__(self, bundle: Any) -> None:
        (self.evidence,) = bundle.sources
        self.outcomes = {one.part: one for one in self.evidence.outcomes()}

    def records(self, part: str, name: str | None = None) -> list[Any]:
        """Return the raw records of a part, or of one list in it."""
        return [one["record"] for one in self.evidence.records(part) if name in (None, one["list"])]


@pytest.fixture
def gather(tmp_path):
    """Collect a live source into a real bundle."""

    def run(source: Source) -> Gathered:
        path = tmp_path / "bundle"
        with BundleWriter(path, [source], YEAR, tool="test", now=YEAR.end) as writer:
            way = Way(YEAR, silent, SeenEvents(), wait=lambda _: None, now=lambda: YEAR.end)
            collect_live(source, writer, way)
        return Gathered(open_bundle(path))

    return run
