"""Each part is read from its files or fails alone with a message that names the file and the way out."""

import base64
import gzip
import json
import time

import pytest

from connectors.interface import Status

REPORT = "user,arn,access_key_1_active\nann,arn:aws:iam::111122223333:user/ann,true\n"
DUMP = {
    "UserDetailList": [],
    "RoleDetailList": [{"RoleName": "a", "Arn": "arn:aws:iam::111122223333:role/a"}],
}
LOG = {
    "Records": [{"eventName": "X", "eventSource": "ec2.amazonaws.com", "eventTime": "2026-06-01T00:00:00Z"}]
}


@pytest.fixture
def file(tmp_path):
    """Write a file and return its path."""

    def file(content, name="file.json"):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return file


def outcome(memory):
    return memory.results[0]


@pytest.mark.parametrize(
    "content",
    [DUMP, [DUMP, {"UserDetailList": []}], json.dumps(DUMP) + "\n" + json.dumps({"Policies": []}), [[DUMP]]],
)
def test_dumps_are_read_as_one_document_as_pages_and_in_a_row(file, collect, content):
    memory = collect({"authorization_details": [file(content)]})
    assert (outcome(memory).status, outcome(memory).records) == (Status.OK, 1)
    record = memory.parts["authorization_details"][0]
    assert record == {"list": "RoleDetailList", "file": "file.json", "record": DUMP["RoleDetailList"][0]}


def test_gzip_and_the_utf_16_of_powershell_are_read(file, collect):
    for content in (gzip.compress(json.dumps(DUMP).encode()), json.dumps(DUMP).encode("utf-16")):
        assert outcome(collect({"authorization_details": [file(content)]})).status is Status.OK


def test_a_folder_is_searched(file, collect, tmp_path):
    file(DUMP)
    memory = collect({"authorization_details": [tmp_path]})
    assert outcome(memory).records == 1
    assert outcome(memory).data_as_of


@pytest.mark.parametrize(
    ("part", "content", "says"),
    [
        ("authorization_details", LOG, "is a CloudTrail log file"),
        ("authorization_details", {"trailList": []}, "is not an authorization-details dump"),
        ("authorization_details", {"Id": "r-1", "Policies": [{"Content": "{}"}]}, "organization policies"),
        ("authorization_details", "", "is empty"),
        ("authorization_details", '{"UserDetailList": [', "not JSON"),
        ("authorization_details", "[1, 2]", "not objects"),
        ("authorization_details", b"\x1f\x8b\x08\x00cut", "gzip"),
        ("authorization_details", b"\xff\xfe\x00", "text"),
        ("organization_policies", DUMP, "is an authorization-details dump"),
        ("trails", DUMP, "is an authorization-details dump"),
        ("credential_report", "a,b\n1,2\n", "no credential report"),
        ("credential_report", DUMP, "without Content"),
        ("access_keys", LOG, "is a CloudTrail log file"),
    ],
)
def test_a_wrong_or_broken_file_fails_its_part_with_a_clear_message(
    file, collect, interpret, part, content, says
):
    path = file(content)
    result = next(
        one for one in collect({part: [path]}).results if one.part == part and str(path) in one.reason
    )
    assert result.status is Status.FAILED
    assert str(path) in result.reason
    assert says in result.reason
    caveats = interpret({part: [path]}).caveats
    assert any(caveat.what.startswith(f"{part} could not be read whole") for caveat in caveats)


def test_one_bad_file_leaves_the_others(file, collect):
    good, bad = file(DUMP), file("{", "bad.json")
    result = outcome(collect({"authorization_details": [good, bad]}))
    assert (result.status, result.records) == (Status.PARTIAL, 1)
    assert str(bad) in result.reason


def test_a_missing_file_and_an_empty_folder_are_named(collect, tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        result = outcome(collect({"authorization_details": [path]}))
        assert result.status is Status.FAILED
        assert str(path) in result.reason


def test_a_source_without_dump_and_logs_says_so(file, collect):
    results = collect({"credential_report": [file(REPORT, "report.csv")]}).results
    assert (results[0].status, "nothing to analyse" in results[0].reason) == (Status.FAILED, True)
    assert results[1].status is Status.OK


def test_parts_that_are_not_named_have_no_outcome(file, collect):
    assert [one.part for one in collect({"authorization_details": [file(DUMP)]}).results] == [
        "authorization_details"
    ]


@pytest.mark.parametrize(
    "content",
    [
        REPORT,
        {"Content": base64.b64encode(REPORT.encode()).decode(), "ReportFormat": "text/csv"},
        {"Content": REPORT},
    ],
)
def test_a_credential_report_is_read_as_csv_and_as_the_apis_answer(file, collect, content):
    name = "report.csv" if isinstance(content, str) else "report.json"
    memory = collect({"authorization_details": [file(DUMP)], "credential_report": [file(content, name)]})
    assert memory.parts["credential_report"][0]["record"]["user"] == "ann"


def test_key_material_never_reaches_the_bundle(file, collect):
    keys = {
        "AccessKey": {"UserName": "ann"},
        "AccessKeyMetadata": [{"AccessKeyId": "AKIA1", "SecretAccessKey": "planted"}],
    }
    dump = {**DUMP, "UserDetailList": [{"Arn": "x", "AccessKeys": [{"SecretAccessKey": "planted"}]}]}
    memory = collect({"access_keys": [file(keys)], "authorization_details": [file(dump, "d.json")]})
    assert "planted" not in json.dumps(memory.parts)


def test_logs_are_read_with_their_outcome(file, collect):
    result = outcome(collect({"cloudtrail": [file(LOG)]}))
    assert (result.status, result.records, result.data_as_of) == (Status.OK, 1, "2026-06-01T00:00:00Z")


def test_a_dump_given_as_logs_is_refused(file, collect):
    result = outcome(collect({"cloudtrail": [file(DUMP)]}))
    assert result.status is Status.FAILED
    assert "cloudtrail takes AWSLogs trees" in result.reason


HOSTILE = {
    "wildcards": {"Effect": "Allow", "Action": "s3:" + "*?" * 5000, "Resource": "*" * 10_000},
    "many": {
        "Effect": "Allow",
        "Action": [f"s3:*{n}*" for n in range(2000)],
        "Resource": [f"arn:aws:s3:::*{n}*x" for n in range(2000)],
    },
    "deep": {
        "Effect": "Allow",
        "Action": "s3:*",
        "Resource": "*",
        "Condition": {"StringLike": {"k": ["*" * 2000] * 100}},
    },
    "odd": {"Effect": "Allow", "Action": [None, 3, {"a": 1}], "Resource": [True]},
    "none": {"Effect": None, "Action": None},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_policies_take_bounded_time(file, interpret, name):
    role = {
        "RoleName": "a",
        "Arn": "arn:aws:iam::111122223333:role/a",
        "RolePolicyList": [
            {"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": HOSTILE[name]}}
        ],
        "AssumeRolePolicyDocument": "%7Bnot json",
        "Tags": [{"Key": "k"}, "x"],
        "AttachedManagedPolicies": [{}, None],
    }
    path = file(
        {"RoleDetailList": [role, {"RoleName": "no arn"}, 5], "UserDetailList": None, "Policies": [{}]}
    )
    start = time.process_time()
    facts = interpret({"authorization_details": [path]})
    assert time.process_time() - start < 10
    assert [one.name for one in facts.identities] == ["a"]


def test_a_thousand_roles_are_interpreted_in_seconds(data, file, interpret):
    packed = data / "managed_policies" / "npm_latest.json.gz"
    managed = json.loads(gzip.decompress(packed.read_bytes()))
    names = sorted(managed)
    policies = [
        {
            "Arn": managed[name]["arn"],
            "PolicyVersionList": [{"Document": managed[name]["document"], "IsDefaultVersion": True}],
        }
        for name in names
    ]
    roles = [
        {
            "RoleName": f"r{number}",
            "Arn": f"arn:aws:iam::111122223333:role/r{number}",
            "AttachedManagedPolicies": [
                {"PolicyArn": managed[name]["arn"], "PolicyName": name}
                for name in (
                    "AdministratorAccess",
                    *(names[(number * 9 + step) % len(names)] for step in range(9)),
                )
            ],
        }
        for number in range(1000)
    ]
    path = file({"RoleDetailList": roles, "Policies": policies})
    start = time.process_time()
    facts = interpret({"authorization_details": [path]})
    assert time.process_time() - start < 10
    assert len(facts.identities) == 1000
