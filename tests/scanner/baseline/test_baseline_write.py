"""Baseline files hold what is approved in the cloud's own terms, and what people wrote into them stays."""

import re
import tomllib

import pytest

from connectors.baselines import Allowance
from scanner.baseline.files import file_name
from scanner.baseline.model import Subject
from scanner.baseline.read import read, read_all
from scanner.baseline.render import MARK, Entry, generated_part, hand_part
from scanner.errors import ConfigError

HOSTILE = '../../etc/pass\x00wd\n[[allow]]\n"""x\u202e\ud800 \\u0041 # ${a} CON'


def file_of(folder, name):
    return next(folder.glob(f"*-{name}-*.toml"))


def test_a_baseline_holds_what_was_used_and_what_cannot_be_seen(entdrift, scanned, tmp_path):
    assert (
        0
        == entdrift(
            "baseline", "write", "--from", scanned, "--output", tmp_path, "--identity", "claims-tools-lambda"
        ).exit_code
    )
    document = tomllib.loads(file_of(tmp_path, "claims-tools-lambda").read_text("utf-8"))
    named = {name for entry in document["allow"] for name in entry["permissions"]}
    assert "used" == document["basis"]["allowed"]
    assert {"secretsmanager:GetSecretValue", "dynamodb:GetItem", "kms:Decrypt"} <= named
    assert not {"dynamodb:DeleteTable", "logs:CreateLogGroup"} & named
    assert ["lambda.amazonaws.com"] == document["identity"]["trusted"]


def test_granted_writes_statements_as_they_stand(granted):
    document = tomllib.loads(file_of(granted, "claims-tools-lambda").read_text("utf-8"))
    assert ["dynamodb:*"] in [entry["permissions"] for entry in document["allow"]]
    condition = next(entry["condition"] for entry in document["allow"] if "condition" in entry)
    assert '{"StringEquals": {"aws:ResourceTag/data-class": ["claims"]}}' == condition


def test_a_wildcard_that_nobody_can_list_is_left_out_and_named(entdrift, scanned, tmp_path):
    entdrift("baseline", "write", "--from", scanned, "--output", tmp_path, "--identity", "claims-pilot-app")
    document = tomllib.loads(file_of(tmp_path, "claims-pilot-app").read_text("utf-8"))
    assert ["*"] == document["basis"]["left_out"]
    assert not [n for entry in document["allow"] for n in entry["permissions"] if "*" in n]


def test_writing_again_changes_nothing_and_keeps_what_people_wrote(entdrift, scanned, tmp_path):
    arguments = ("baseline", "write", "--from", scanned, "--output", tmp_path, "--identity", "claims-rag")
    entdrift(*arguments)
    path = file_of(tmp_path, "claims-rag")
    mine = path.read_text("utf-8").replace('purpose = ""', 'purpose = "answers claims"  # agreed with Sam')
    below = mine.partition(MARK)[2]
    path.write_text(mine.replace(below, "\n[identity]\nid='old'\nprovider='gcp'\n"), "utf-8")
    moved = path.rename(tmp_path / "renamed.toml")
    moved.write_text(mine, "utf-8")
    assert 0 == entdrift(*arguments).exit_code
    assert mine == moved.read_text("utf-8")
    assert [moved] == list(tmp_path.iterdir())


def test_a_file_without_the_line_is_left_alone(entdrift, scanned, tmp_path):
    arguments = ("baseline", "write", "--from", scanned, "--output", tmp_path, "--identity", "claims-rag")
    entdrift(*arguments)
    path = file_of(tmp_path, "claims-rag")
    mine = path.read_text("utf-8").replace(MARK, "# mine")
    path.write_text(mine, "utf-8")
    result = entdrift(*arguments)
    assert 6 == result.exit_code
    assert "left alone" in result.stderr
    assert mine == path.read_text("utf-8")


def test_hostile_names_stay_in_the_folder_and_in_their_strings(tmp_path):
    subject = Subject(HOSTILE, "aws", HOSTILE, "role", HOSTILE, HOSTILE, (HOSTILE,), (HOSTILE, "b"))
    one = Allowance((HOSTILE,), (HOSTILE,), HOSTILE, source=HOSTILE)
    path = tmp_path / file_name(subject)
    text = hand_part(subject, HOSTILE, [HOSTILE], [HOSTILE]) + generated_part(
        subject, "used", [Entry(one, "used")], [HOSTILE]
    )
    path.write_text(text, "utf-8")
    assert tmp_path == path.resolve().parent
    found = read(path)
    assert (HOSTILE.replace("\ud800", "\ufffd"),) == found.allow[0].permissions
    assert 1 == len(found.allow)


def test_names_that_differ_only_in_what_is_left_out_get_different_files():
    names = [file_name(Subject(name, "aws", "1", "role", name)) for name in ("a/b", "a b", "A-b", "a-b", "…")]
    assert 5 == len(set(map(str.lower, names)))


WHOLE = "[identity]\nid = 'x'\nprovider = 'aws'\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("purpose = 1\n" + WHOLE, "'purpose' must be a string"),
        ("porpose = ''\n" + WHOLE, "did you mean 'purpose'"),
        ("", "no .identity. table"),
        ("[identity]\nid = 'x'\nprovider = 'oracle'\n", "unknown provider"),
        ("[identity]\nformat = 2\nid = 'x'\nprovider = 'aws'\n", "format 2"),
        (WHOLE + "[[allow]]\npermissions = ['s3:Get*']\n", "'scopes' must be a list"),
        (WHOLE + "[[allow]]\npermissions = 's3:Get*'\nscopes = ['*']\n", "'permissions' must be a list"),
        (WHOLE + "[[waiver]]\nrule = 'ED104'\nreason = 'r'\nowner = 'o'\n", "needs 'until'"),
        (
            WHOLE + "[[waiver]]\nrule = 'ED104'\nreason = 'r'\nowner = ''\nuntil = 2027-01-01\n",
            "'owner' must be",
        ),
        (WHOLE + "[[waiver]]\nreason = 'r'\nowner = 'o'\nuntil = 2027-01-01\n", "names a finding type"),
        ("a = [\n", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_an_error_that_names_it(tmp_path, text, message):
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert re.search(message, f"{caught.value} {caught.value.hint}")


def test_two_files_of_one_identity_are_an_error(tmp_path):
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(WHOLE)
    with pytest.raises(ConfigError, match="same identity"):
        read_all(tmp_path)
