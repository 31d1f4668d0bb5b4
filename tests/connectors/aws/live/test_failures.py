"""Each family of live calls goes on over pages, and through throttling, refusals and expired credentials."""

import json
from copy import deepcopy

import boto3
import pytest
from botocore.exceptions import ClientError, UnknownServiceError

from connectors.aws.live.access import access_table
from connectors.interface import Status
from tests.connectors.aws.live.conftest import LOADER

FAMILIES = {
    "authorization_details": ("iam", "GetAccountAuthorizationDetails"),
    "access_keys": ("iam", "ListAccessKeys"),
    "service_specific_credentials": ("iam", "ListServiceSpecificCredentials"),
    "credential_report": ("iam", "GetCredentialReport"),
    "last_accessed": ("iam", "GenerateServiceLastAccessedDetails"),
    "unused_access": ("accessanalyzer", "ListFindingsV2"),
    "oidc_providers": ("iam", "GetOpenIDConnectProvider"),
    "organization_policies": ("organizations", "ListRoots"),
    "resource_policies": ("kms", "GetKeyPolicy"),
    "trails": ("cloudtrail", "GetEventSelectors"),
    "roles_anywhere": ("rolesanywhere", "ListProfiles"),
    "ai_inventory": ("sagemaker", "ListDomains"),
    "event_history": ("cloudtrail", "LookupEvents"),
}
"""One call of each part that the access table has for a scan."""

NOT_BY_A_SCAN = {"session", "regions", "log_objects", "log_query"}


KEY = "arn:aws:kms:us-east-1:123456789012:key/1"
ALLOWED = {"Statement": [{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": KEY}]}
ACCOUNT_PAGE = {
    "RoleDetailList": [
        {
            "RoleName": "agent",
            "Arn": "arn:aws:iam::123456789012:role/agent",
            "RolePolicyList": [{"PolicyName": "p", "PolicyDocument": json.dumps(ALLOWED)}],
        }
    ],
    "UserDetailList": [{"UserName": "bot", "Arn": "arn:aws:iam::123456789012:user/bot"}],
}


def one_of_each(cloud):
    """Give each family something to ask about."""
    boto3.client("organizations").create_organization(FeatureSet="ALL")
    provider = {"Arn": "arn:aws:iam::123456789012:oidc-provider/t.example.com"}
    cloud.answer("iam", "ListOpenIDConnectProviders", {"OpenIDConnectProviderList": [provider]})
    analyzer = {"arn": "arn:aws:access-analyzer:us-east-1:123456789012:analyzer/a"}
    cloud.answer(
        "accessanalyzer", "ListAnalyzers", {"analyzers": [{**analyzer, "type": "ACCOUNT_UNUSED_ACCESS"}]}
    )
    trail = {"TrailARN": "arn:aws:cloudtrail:us-east-1:123456789012:trail/t", "HomeRegion": "us-east-1"}
    cloud.answer("cloudtrail", "DescribeTrails", {"trailList": [trail]})
    cloud.answer("cloudtrail", "GetTrailStatus", {})
    cloud.answer("bedrock-agent", "ListAgents", {"agentSummaries": [{"agentId": "AGENTID123"}]})
    cloud.answer("bedrock-agent", "GetAgent", {"agent": {"agentName": "helper"}})


def test_every_part_of_the_access_table_is_among_the_families():
    assert {row.part for row in access_table().values()} - NOT_BY_A_SCAN == {*FAMILIES}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ThrottlingException", "throttled until the retries were used up"),
        ("AccessDeniedException", "; grant "),
        ("ExpiredTokenException", "sign in again"),
    ],
)
def test_a_call_that_fails_costs_its_part_and_says_what_to_do(cloud, source, gather, code, words):
    """Every family fails at once, in the middle of a scan that began well; none stops another."""
    one_of_each(cloud)

    def first_page(Marker="", **_):
        if Marker:
            error = {"Error": {"Code": code, "Message": "no"}}
            raise ClientError(error, "GetAccountAuthorizationDetails")
        return {**deepcopy(ACCOUNT_PAGE), "IsTruncated": True, "Marker": "next"}

    for service, operation in FAMILIES.values():
        cloud.refuse(service, operation, code)
    cloud.answer("iam", "GetAccountAuthorizationDetails", first_page)
    found = gather(source(event_history="true", regions=("us-east-1",)))
    assert {*FAMILIES} == {*found.outcomes}
    well = [part for part, one in found.outcomes.items() if one.status is Status.OK]
    assert [] == well
    silent = [part for part, one in found.outcomes.items() if words not in one.reason]
    assert [] == silent
    assert Status.PARTIAL == found.outcomes["authorization_details"].status
    assert 1 == len(found.records("authorization_details", "RoleDetailList"))
    assert found.records("ai_inventory", "bedrock agent")


FOLLOWED_BY_HAND = {"iam.ListServiceSpecificCredentials", "iam.GetServiceLastAccessedDetails"}
"""Lists with a marker that no paginator follows: test_collect.py and test_witnesses.py hand them further pages."""


def test_no_list_of_the_access_table_ends_after_its_first_page():
    """Each is followed by a paginator of botocore, by the token that `Calls.pages` follows itself, or by hand."""
    cut = {row.call for row in access_table().values() if tokens_of(row.service, row.operation) is None}
    assert FOLLOWED_BY_HAND == cut


def tokens_of(service, operation):
    """Return what follows an operation's pages: empty for one page only, None when nothing does."""
    try:
        pagination = LOADER.load_service_model(service, "paginators-1")["pagination"]
    except UnknownServiceError:
        pagination = {}
    if operation in pagination:
        return "a paginator"
    model = LOADER.load_service_model(service, "service-2")
    shapes, described = model["shapes"], model["operations"][operation]
    sent = shapes[described["input"]["shape"]]["members"] if "input" in described else {}
    given = shapes[described["output"]["shape"]]["members"] if "output" in described else {}
    tokens = {name for name in sent.keys() & given.keys() if name.lower() in ("nexttoken", "marker")}
    return None if tokens - {"NextToken", "nextToken"} else "".join(tokens)
