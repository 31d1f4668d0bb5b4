"""Profiles, chains of roles, many accounts; and a real endpoint that throttles, refuses and pages."""

import json
import threading
from collections import Counter
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import boto3
import pytest
from botocore.utils import parse_timestamp
from hypothesis import given
from hypothesis import strategies as st

from connectors.aws.grants.organization import read_organization
from connectors.aws.live.session import open_session, read_time
from connectors.aws.live.settings import LiveSettings
from connectors.interface import Status

OWN, OTHER, THIRD = "123456789012", "111122223333", "444455556666"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}


def assumed(account, role="entdrift"):
    """Return a boto3 session inside another account of moto."""
    answer = boto3.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/{role}", RoleSessionName="test"
    )["Credentials"]
    return boto3.Session(
        aws_access_key_id=answer["AccessKeyId"],
        aws_secret_access_key=answer["SecretAccessKey"],
        aws_session_token=answer["SessionToken"],
        region_name="eu-west-1",
    )


@pytest.fixture
def accounts(cloud):
    """Make one role named after its account in each of two accounts, and note every role that is assumed."""
    cloud.assumed = []
    for account in (OTHER, THIRD):
        iam = assumed(account).client("iam")
        iam.create_role(RoleName=f"agent-{account}", AssumeRolePolicyDocument=json.dumps(TRUST))

    def note(RoleArn="", ExternalId="", **_):
        cloud.assumed.append((RoleArn, ExternalId))

    cloud.answer("sts", "AssumeRole", note)
    return cloud


def arns(found):
    return {role["Arn"] for role in found.records("authorization_details", "RoleDetailList")}


def test_a_chain_of_roles_is_followed_with_its_external_id(accounts, source, gather):
    chain = (f"arn:aws:iam::{OWN}:role/hub", f"arn:aws:iam::{OTHER}:role/entdrift")
    found = gather(source(role_arn=chain, external_id="entdrift-4711"))
    assert [(role, "entdrift-4711") for role in chain] == accounts.assumed
    assert {f"arn:aws:iam::{OTHER}:role/agent-{OTHER}"} == arns(found)


def test_each_listed_account_is_read_through_its_role(accounts, source, gather):
    found = gather(source(role_arn=("arn:aws:iam::{account}:role/entdrift",), accounts=(OTHER, THIRD)))
    assert {f"arn:aws:iam::{one}:role/agent-{one}" for one in (OTHER, THIRD)} == arns(found)
    pages = found.records("authorization_details", "Page")
    assert {OTHER, THIRD} == {page["Account"] for page in pages}


def test_one_account_that_refuses_leaves_the_others(accounts, source, gather):
    from botocore.exceptions import ClientError  # noqa: PLC0415

    def refuse(RoleArn="", **_):
        if OTHER in RoleArn:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not authorized"}}, "AssumeRole")

    accounts.answer("sts", "AssumeRole", refuse)
    found = gather(source(role_arn=("arn:aws:iam::{account}:role/entdrift",), accounts=(OTHER, THIRD)))
    assert {f"arn:aws:iam::{THIRD}:role/agent-{THIRD}"} == arns(found)
    outcome = found.outcomes["authorization_details"]
    assert Status.PARTIAL == outcome.status
    assert f"arn:aws:iam::{OTHER}:role/entdrift" in outcome.reason


def test_a_whole_organization_is_read_with_its_policies(cloud, source, gather):
    org = boto3.client("organizations")
    org.create_organization(FeatureSet="ALL")
    root = org.list_roots()["Roots"][0]["Id"]
    unit = org.create_organizational_unit(ParentId=root, Name="agents")["OrganizationalUnit"]["Id"]
    status = org.create_account(AccountName="pilot", Email="pilot@example.com")["CreateAccountStatus"]
    member = status["AccountId"]
    org.move_account(AccountId=member, SourceParentId=root, DestinationParentId=unit)
    deny = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}
    policy = org.create_policy(
        Content=json.dumps(deny), Description="no s3", Name="no-s3", Type="SERVICE_CONTROL_POLICY"
    )["Policy"]["PolicySummary"]["Id"]
    org.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    org.attach_policy(PolicyId=policy, TargetId=unit)
    assumed(member).client("iam").create_role(RoleName="agent", AssumeRolePolicyDocument=json.dumps(TRUST))

    found = gather(source(role_arn=("arn:aws:iam::{account}:role/entdrift",), organization="true"))
    assert Status.OK == found.outcomes["organization_policies"].status
    assert f"arn:aws:iam::{member}:role/agent" in arns(found)
    organization = read_organization([found.evidence])
    assert {OWN} == organization.management
    assert [] == organization.levels(OWN)
    assert policy in {p.id for level in organization.levels(member) for p in level.policies}
    assert (unit, root) == (organization.parents[member], organization.parents[unit])


def test_a_member_account_says_that_its_ceiling_is_unknown(cloud, source, gather):
    boto3.client("organizations").create_organization(FeatureSet="ALL")
    for operation in ("ListRoots", "ListPolicies"):
        cloud.refuse("organizations", operation)
    found = gather(source())
    outcome = found.outcomes["organization_policies"]
    assert Status.FAILED == outcome.status
    assert "only the management account" in outcome.reason
    assert Status.OK == found.outcomes["authorization_details"].status


def test_policies_of_kinds_that_are_no_permission_policies_are_not_asked_for(cloud, source, gather):
    boto3.client("organizations").create_organization(FeatureSet="ALL")
    gather(source())
    assert 2 == cloud.calls.count(("organizations", "ListPolicies"))


IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::123456789012:user/auditor</Arn><UserId>AIDA</UserId><Account>123456789012</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""
PAGE = """<GetAccountAuthorizationDetailsResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">
<GetAccountAuthorizationDetailsResult><IsTruncated>{more}</IsTruncated>{marker}<RoleDetailList><member>
<Path>/</Path><RoleName>role-{number}</RoleName><RoleId>AROA{number}</RoleId>
<Arn>arn:aws:iam::123456789012:role/role-{number}</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate>
<AssumeRolePolicyDocument>%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D</AssumeRolePolicyDocument>
</member></RoleDetailList></GetAccountAuthorizationDetailsResult></GetAccountAuthorizationDetailsResponse>"""
ERROR = """<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{code} of the test</Message></Error>
<RequestId>r</RequestId></ErrorResponse>"""


class Endpoint(BaseHTTPRequestHandler):
    """An endpoint of its own: throttles each page twice, serves three pages of roles, refuses the rest."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        form = {key: values[0] for key, values in parse_qs(body).items()}
        action = form.get("Action") or self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        self.server.seen[action] += 1
        match action:
            case "GetCallerIdentity":
                self._send(200, IDENTITY)
            case "GetAccountAuthorizationDetails":
                number = int(form.get("Marker", "0"))
                tries = self.server.tries[number] = self.server.tries[number] + 1
                if tries <= self.server.throttles:
                    self._send(400, ERROR.format(code="Throttling"))
                else:
                    marker = f"<Marker>{number + 1}</Marker>" if number < 2 else ""
                    more = str(number < 2).lower()
                    self._send(200, PAGE.format(more=more, marker=marker, number=number))
            case _ if form:
                self._send(403, ERROR.format(code="AccessDenied"))
            case _:
                self._send(400, '{"__type": "AccessDeniedException", "message": "no"}')

    do_GET = do_POST

    def _send(self, status, text):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def endpoint(monkeypatch):
    """Serve on the loopback address; waits between retries take no time."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-secret-key")
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    # Fifteen more clients in two tests take ten seconds and show nothing new.
    monkeypatch.setattr("connectors.aws.live.collect.ai_inventory", lambda *_: iter(()))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    server.seen, server.tries, server.throttles = Counter(), Counter(), 2
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_throttled_pages_are_asked_for_again(endpoint, source, gather):
    """Over a real connection: endpoint_url leads there, retries and pages work, refusals are named."""
    found = gather(source(endpoint_url=endpoint.url))
    assert {f"arn:aws:iam::123456789012:role/role-{number}" for number in range(3)} == arns(found)
    assert {0: 3, 1: 3, 2: 3} == dict(endpoint.tries)
    assert Status.OK == found.outcomes["authorization_details"].status
    assert "AccessDenied" in found.outcomes["oidc_providers"].reason


def test_throttling_without_end_is_a_part_with_a_reason(endpoint, source, gather):
    endpoint.throttles = 99
    found = gather(source(endpoint_url=endpoint.url))
    outcome = found.outcomes["authorization_details"]
    assert Status.FAILED == outcome.status
    assert "throttled until the retries were used up" in outcome.reason
    assert endpoint.tries[0] == 6


def test_an_address_where_nobody_listens_says_so(endpoint, source, gather):
    url = endpoint.url
    endpoint.shutdown()
    endpoint.server_close()
    found = gather(source(endpoint_url=url))
    (outcome,) = found.outcomes.values()
    assert "no connection" in outcome.reason
    assert "endpoint_url" in outcome.reason


def test_resources_that_another_account_of_the_source_names_are_asked_about(accounts, source, gather):
    """The second account's role names a queue of the first and a bucket of its own; each owner is asked."""
    queue, bucket = f"arn:aws:sqs:eu-west-1:{OTHER}:jobs", "arn:aws:s3:::shared"
    statement = {"Effect": "Allow", "Action": "*", "Resource": [queue, f"{bucket}/*"]}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    assumed(THIRD).client("iam").put_role_policy(
        RoleName=f"agent-{THIRD}", PolicyName="p", PolicyDocument=document
    )
    accounts.answer("sqs", "GetQueueAttributes", {"Attributes": {"Policy": json.dumps({"Statement": []})}})
    accounts.answer("s3", "ListBuckets", {"Buckets": []})
    found = gather(source(role_arn=("arn:aws:iam::{account}:role/entdrift",), accounts=(OTHER, THIRD)))
    held = [(one["ResourceArn"], one["Account"]) for one in found.records("resource_policies")]
    assert [(queue, OTHER)] == held
    assert 2 == accounts.calls.count(("s3", "ListBuckets"))


@pytest.mark.parametrize(
    ("settings", "region"),
    [
        ({}, "us-east-1"),
        ({"roles": ("arn:aws-us-gov:iam::111122223333:role/entdrift",)}, "us-gov-west-1"),
        ({"roles": ("arn:aws-cn:iam::{account}:role/entdrift",)}, "cn-north-1"),
        (
            {"roles": ("arn:aws-cn:iam::{account}:role/entdrift",), "regions": ("cn-northwest-1",)},
            "cn-northwest-1",
        ),
    ],
)
def test_a_session_without_a_region_begins_in_the_partition_of_its_role(monkeypatch, settings, region):
    """Credentials of GovCloud and China are unknown elsewhere."""
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    assert region == open_session(LiveSettings("live", **settings)).region


MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001 written as UTC


@given(
    st.one_of(
        MOMENTS.map(lambda at: f"{at.isoformat()}Z"),
        MOMENTS.map(lambda at: f"{at:%Y-%m-%dT%H:%M:%S}.000Z"),
        MOMENTS.map(lambda at: f"{at:%a, %d %b %Y %H:%M:%S} GMT"),
        st.integers(0, 2**31),
        st.sampled_from(["1700000000", "17e8", "2026-11-29T10:00:00+02:00", "20261129T100000Z", "Z", ""]),
    )
)
def test_times_are_read_as_botocore_reads_them(value):
    try:
        expected = parse_timestamp(value)
    except ValueError:
        with pytest.raises(ValueError, match="timestamp"):
            read_time(value)
        return
    found = read_time(value)
    assert expected == found
    assert expected.utcoffset() == found.utcoffset()
