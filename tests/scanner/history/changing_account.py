"""One AWS account on disk that changes from scan to scan."""

import copy
import gzip
import json

from click.testing import CliRunner

from scanner.cli import cli

ACCOUNT = "111122223333"
ROLE = {
    "Path": "/",
    "RoleName": "rag-agent",
    "RoleId": "AROAEXAMPLE",
    "Arn": f"arn:aws:iam::{ACCOUNT}:role/rag-agent",
    "CreateDate": "2026-01-01T00:00:00+00:00",
    "AssumeRolePolicyDocument": {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    },
    "RolePolicyList": [],
    "AttachedManagedPolicies": [],
    "InstanceProfileList": [],
    "Tags": [{"Key": "owner", "Value": "team-rag"}],
    "RoleLastUsed": {},
}


def event(action, day="2026-11-01", number=1, service="ec2"):
    """One call of the role, as CloudTrail writes it."""
    return {
        "eventVersion": "1.08",
        "eventID": f"{service}-{action}-{day}-{number}",
        "eventTime": f"{day}T10:00:00Z",
        "eventSource": f"{service}.amazonaws.com",
        "eventName": action,
        "awsRegion": "eu-west-1",
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "eventCategory": "Management",
        "readOnly": True,
        "recipientAccountId": ACCOUNT,
        "userIdentity": {
            "type": "AssumedRole",
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/rag-agent/session",
            "accountId": ACCOUNT,
            "accessKeyId": "ASIAEXAMPLE",
            "sessionContext": {
                "sessionIssuer": {"type": "Role", "arn": ROLE["Arn"], "userName": "rag-agent"}
            },
        },
    }


class Account:
    """The evidence files of one account and the command that scans them."""

    def __init__(self, folder):
        self.folder, self.out = folder, folder / "out"
        (folder / "logs").mkdir()
        self.role = copy.deepcopy(ROLE)
        self.grant("ec2:DescribeInstances", "ec2:RunInstances")
        self.calls(event("DescribeInstances"))
        self.config("")

    def config(self, more):
        (self.folder / "config.toml").write_text(
            '[[source]]\nname = "pilot"\nprovider = "aws"\nstage = "pilot"\n'
            f'authorization_details = "gaad.json"\ncloudtrail = ["logs"]\n{more}'
        )

    def grant(self, *actions, resource="*", name="pilot"):
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        self.role["RolePolicyList"] = [{"PolicyName": name, "PolicyDocument": document}]
        self.roles(self.role)

    def roles(self, *roles):
        dump = {"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": list(roles), "Policies": []}
        (self.folder / "gaad.json").write_text(json.dumps(dump))

    def calls(self, *events):
        data = json.dumps({"Records": list(events)}).encode()
        (self.folder / "logs" / "one.json.gz").write_bytes(gzip.compress(data))

    def run(self, *arguments):
        return CliRunner().invoke(cli, [str(argument) for argument in arguments])

    def scan(self, now, *flags, code=0):
        result = self.run(
            "scan", "--config", self.folder / "config.toml", "--output", self.out, "--now", now,
            "--format", "json", *flags,
        )  # fmt: skip
        assert code == result.exit_code, result.stderr
        return json.loads((self.out / "report.json").read_text())


def changes(report):
    return [(change["kind"], change["name"], change["permissions"]) for change in report["drift"]["changes"]]


def states(report, rule):
    return [finding["status"] for finding in report["findings"] if finding["rule"] == rule]
