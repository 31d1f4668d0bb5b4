"""Policy documents are read in every spelling AWS accepts; nonsense is named, and the rest stands."""

import json
from urllib.parse import quote

import pytest

from connectors.aws.policy.document import Principal, parse_document
from connectors.facts import Effect


def one(**statement):
    document = parse_document({"Version": "2012-10-17", "Statement": [statement]})
    assert document.problems == ()
    return document.statements[0]


def test_a_single_statement_and_single_strings_mean_lists_of_one():
    document = parse_document({"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}})
    statement = document.statements[0]
    assert statement.actions == ("s3:GetObject",)
    assert statement.resources == ("*",)
    assert statement.effect is Effect.ALLOW


@pytest.mark.parametrize("encode", [json.dumps, lambda raw: quote(json.dumps(raw))])
def test_text_documents_are_read_plain_and_url_encoded(encode):
    raw = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}
    assert parse_document(encode(raw)) == parse_document(raw)


def test_blanks_around_actions_are_ignored_and_missing_sids_are_numbered():
    statement = one(Effect="Allow", Action=[" s3:GetObject ", "s3:GetObject"], Resource="*")
    assert statement.actions == ("s3:GetObject",)
    assert statement.name == "0"


def test_not_elements_are_kept_apart():
    statement = one(Effect="Allow", NotAction="iam:*", NotResource="arn:aws:s3:::x")
    assert statement.not_actions
    assert statement.not_resources


def test_conditions_keep_operator_key_and_values_and_write_them_sorted():
    statement = one(
        Effect="Allow",
        Action="*",
        Resource="*",
        Condition={"Bool": {"aws:SecureTransport": True}, "NumericLessThan": {"s3:max-keys": 10}},
    )
    assert [(t.operator, t.key, t.values) for t in statement.conditions] == [
        ("Bool", "aws:SecureTransport", ("true",)),
        ("NumericLessThan", "s3:max-keys", ("10",)),
    ]
    assert statement.condition_text.startswith('{"Bool"')


def test_principals_are_read_in_all_three_forms():
    assert one(Effect="Allow", Action="*", Principal="*").principals == (Principal("*", "*"),)
    both = one(Effect="Allow", Action="*", Principal={"AWS": ["1", "2"], "Service": "ec2.amazonaws.com"})
    assert both.principals == (
        Principal("AWS", "1"),
        Principal("AWS", "2"),
        Principal("Service", "ec2.amazonaws.com"),
    )


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ({"Effect": "Maybe", "Action": "*"}, "Effect"),
        ({"Effect": "Allow"}, "neither Action"),
        ({"Effect": "Allow", "Action": "*", "Condition": ["x"]}, "Condition"),
        ("text", "no JSON object"),
    ],
)
def test_a_statement_that_makes_no_sense_is_named_and_the_others_stand(raw, problem):
    good = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    document = parse_document({"Statement": [raw, good]})
    assert [statement.actions for statement in document.statements] == [("s3:*",)]
    assert problem in document.problems[0]


@pytest.mark.parametrize("raw", [None, 3, "not json", "%7B", []])
def test_a_document_that_is_none_is_a_problem_not_an_exception(raw):
    assert parse_document(raw).problems


def test_variables_are_plain_text_in_the_older_version():
    old = parse_document({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "${aws:username}"}})
    assert not old.statements[0].variables
