"""Containment of policies is exact: never a wrong yes, and each no comes with a request that shows it."""

import gzip
import itertools
import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.aws.policy.atoms import classes
from connectors.aws.policy.containment import Answer, contains
from connectors.aws.policy.document import parse_document

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data"


def statements(*raw, version="2012-10-17"):
    document = parse_document({"Version": version, "Statement": list(raw)})
    assert () == document.problems
    return document.statements


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action, resource="*", **more):
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def answer(outer, inner):
    return contains(statements(*outer), statements(*inner)).answer


def test_equal_policies_contain_each_other():
    policy = [allow(["s3:Get*", "s3:PutObject"], "arn:aws:s3:::b/*"), deny("s3:*", "arn:aws:s3:::b/secret/*")]
    assert Answer.YES is answer(policy, policy)


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        ([allow("*")], [allow("s3:GetObject", "arn:aws:s3:::b/*")], Answer.YES),
        ([allow("s3:GetObject")], [allow("s3:Get*")], Answer.NO),
        ([allow("S3:GETOBJECT")], [allow("s3:getobject")], Answer.YES),
        ([allow("s3:*", "arn:aws:s3:::B")], [allow("s3:*", "arn:aws:s3:::b")], Answer.NO),
        ([allow(["s3:Get*", "s3:Put*"])], [allow("s3:?et*")], Answer.NO),
        ([allow("s3:?et*")], [allow(["s3:Get*", "s3:Setx"])], Answer.YES),
        # Only both statements together cover the inner one.
        (
            [allow("s3:*", "arn:a*"), allow("s3:*", "arn:b*")],
            [allow("s3:*", ["arn:ab", "arn:b?"])],
            Answer.YES,
        ),
        # NotAction and NotResource are complements, on either side.
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], [allow("s3:*")], Answer.YES),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], [allow("*")], Answer.NO),
        ([allow("s3:*")], [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], Answer.NO),
        (
            [allow("s3:*", "*")],
            [{"Effect": "Allow", "Action": "s3:Get*", "NotResource": "arn:x"}],
            Answer.YES,
        ),
        (
            [{"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:x*"}],
            [allow("s3:*", "arn:y")],
            Answer.YES,
        ),
        (
            [{"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:x*"}],
            [allow("s3:*", "arn:xy")],
            Answer.NO,
        ),
        # Deny cuts, wherever it stands.
        ([allow("*"), deny("iam:*")], [allow("iam:PassRole")], Answer.NO),
        ([allow("*"), deny("iam:*")], [allow("*"), deny("iam:*")], Answer.YES),
        ([allow("*"), deny("iam:*")], [allow("*")], Answer.NO),
        ([allow("*")], [allow("*"), deny("iam:*")], Answer.YES),
        ([allow("*"), deny("s3:*", "arn:b")], [allow("s3:*", "arn:a")], Answer.YES),
        # An inner Deny may be wider than the outer one.
        ([allow("*"), deny("s3:Delete*")], [allow("s3:*"), deny(["s3:Delete*", "s3:Put*"])], Answer.YES),
    ],
)
def test_hand_cases(outer, inner, expected):
    assert expected is answer(outer, inner)


MFA = {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}
REGION = {"Condition": {"StringEquals": {"aws:RequestedRegion": ["eu-west-1"]}}}
REGIONS = {"Condition": {"StringEquals": {"aws:requestedregion": ["eu-west-1", "eu-west-2"]}}}


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        ([allow("*", **MFA)], [allow("s3:*", **MFA)], Answer.YES),
        ([allow("*", **MFA)], [allow("s3:*")], Answer.NO),
        ([allow("*")], [allow("s3:*", **MFA)], Answer.YES),
        ([allow("*", **MFA)], [allow("s3:*", **REGION)], Answer.NO),
        ([allow("*", **REGIONS)], [allow("s3:*", **REGION)], Answer.YES),
        ([allow("*", **REGION)], [allow("s3:*", **REGIONS)], Answer.UNKNOWN),
        ([allow("*"), deny("s3:*", **MFA)], [allow("s3:Get*"), deny("s3:*", **MFA)], Answer.YES),
        ([allow("*"), deny("s3:*", **MFA)], [allow("s3:Get*")], Answer.NO),
        ([allow("*"), deny("s3:*", **MFA)], [allow("s3:Get*"), deny("s3:*")], Answer.YES),
        ([allow("*"), deny("s3:*", **REGION)], [allow("s3:Get*"), deny("s3:*", **REGIONS)], Answer.YES),
    ],
)
def test_conditions_are_opaque_but_the_same_words_mean_the_same(outer, inner, expected):
    assert expected is answer(outer, inner)


HOME = "arn:aws:s3:::home/${aws:username}/*"


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        ([allow("s3:*", HOME)], [allow("s3:Get*", HOME)], Answer.YES),
        ([allow("s3:*", "arn:aws:s3:::home/*")], [allow("s3:Get*", HOME)], Answer.YES),
        ([allow("s3:*", HOME)], [allow("s3:Get*", "arn:aws:s3:::home/bob/*")], Answer.UNKNOWN),
        ([allow("s3:*", HOME)], [allow("s3:Get*", "arn:aws:s3:::home/*")], Answer.NO),
        ([allow("s3:*", HOME)], [allow("s3:Get*", "arn:aws:s3:::other/*")], Answer.NO),
        # A variable in Deny or NotResource may cover any string, or none: never a wrong yes.
        ([allow("s3:*"), deny("s3:*", HOME)], [allow("s3:*", "arn:aws:s3:::home/bob/x")], Answer.UNKNOWN),
        ([allow("s3:*"), deny("s3:*", HOME)], [allow("s3:*"), deny("s3:*", HOME)], Answer.YES),
        ([allow("s3:*")], [allow("s3:*"), deny("s3:*", HOME)], Answer.YES),
        (
            [{"Effect": "Allow", "Action": "s3:*", "NotResource": HOME}],
            [allow("s3:*", "arn:aws:s3:::home/bob/x")],
            Answer.UNKNOWN,
        ),
        ([allow("s3:*", "a${*}b")], [allow("s3:*", "a*b")], Answer.NO),
        ([allow("s3:*", "a*b")], [allow("s3:*", "a${*}b")], Answer.YES),
    ],
)
def test_variables_in_every_position(outer, inner, expected):
    assert expected is answer(outer, inner)


def test_variables_are_plain_text_in_the_old_version():
    outer = statements(allow("s3:*", "arn:${aws:username}"), version="2008-10-17")
    inner = statements(allow("s3:*", "arn:${aws:username}"))
    assert Answer.YES is not contains(outer, inner).answer


def test_a_no_names_a_request():
    found = contains(statements(allow("s3:GetObject")), statements(allow("s3:Get*", "arn:aws:s3:::b/*")))
    action, _, resource = found.witness.partition(" on ")
    assert action.startswith("s3:get")
    assert "s3:getobject" != action
    assert resource.startswith("arn:aws:s3:::b/")


patterns = st.text(alphabet="ab*?", min_size=0, max_size=4)
tests = st.sets(st.sampled_from(["k1", "k2"]), max_size=2)


@st.composite
def policy(draw):
    made = []
    for _ in range(draw(st.integers(1, 3))):
        raw = {"Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"]))}
        raw[draw(st.sampled_from(["Action", "Action", "NotAction"]))] = draw(
            st.lists(patterns.filter(bool), min_size=1, max_size=2)
        )
        raw[draw(st.sampled_from(["Resource", "Resource", "NotResource"]))] = draw(
            st.lists(patterns.filter(bool), min_size=1, max_size=2)
        )
        keys = draw(tests)
        if keys:
            raw["Condition"] = {"Bool": dict.fromkeys(sorted(keys), "true")}
        made.append(raw)
    return made


def fits(pattern, text):
    return bool(re.fullmatch("".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern), text))


def element(raw, name, text):
    if name in raw:
        return any(fits(pattern, text) for pattern in raw[name])
    return not any(fits(pattern, text) for pattern in raw["Not" + name])


def allowed(raw_policy, action, resource, true):
    """Decide a request by the book, one statement after the other."""
    hit = {
        raw["Effect"]
        for raw in raw_policy
        if element(raw, "Action", action)
        and element(raw, "Resource", resource)
        and set(raw.get("Condition", {}).get("Bool", {})) <= true
    }
    return "Deny" not in hit and "Allow" in hit


WORDS = ["".join(p) for n in range(4) for p in itertools.product("abx", repeat=n)]
CONTEXTS = [set(), {"k1"}, {"k2"}, {"k1", "k2"}]


@settings(max_examples=150, deadline=None)
@given(policy(), policy())
def test_random_policies_agree_with_brute_force(outer, inner):
    """No request over a small string space refutes a yes, and each no's witness is a real request."""
    found = contains(statements(*outer), statements(*inner))
    refuting = next(
        (
            (action, resource, true)
            for action in WORDS
            for resource in WORDS
            for true in CONTEXTS
            if allowed(inner, action, resource, true) and not allowed(outer, action, resource, true)
        ),
        None,
    )
    if found.answer is Answer.YES:
        assert refuting is None
    if found.answer is Answer.NO:
        request, _, context = found.witness.partition(" when ")
        action, _, resource = request.partition(" on ")
        true = set(re.findall(r"bool (k\d)", context))
        assert allowed(inner, action, resource, true)
        assert not allowed(outer, action, resource, true)
    if refuting is not None:
        assert found.answer is not Answer.YES


@settings(max_examples=200, deadline=None)
@given(st.lists(patterns, min_size=1, max_size=4, unique=True))
def test_classes_find_every_signature_and_name_a_string_of_it(globs):
    found = classes(tuple(globs))
    for text in WORDS:
        signature = sum(1 << n for n, pattern in enumerate(globs) if fits(pattern, text))
        assert signature in found, text


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not on this machine")
def test_real_managed_policies_contain_themselves_and_their_parts():
    """Each policy contains itself and what is left when a statement's actions are halved."""
    with gzip.open(SHARED / "aws" / "managed_policies" / "npm_latest.json.gz") as file:
        documents = managed(json.load(file))
    assert len(documents) > 1000
    took = []
    for document in documents[::7]:
        parsed = parse_document(document)
        half = [s for n, s in enumerate(parsed.statements) if n % 2 == 0 or s.effect.value == "deny"]
        begin = time.perf_counter()
        assert Answer.YES is contains(parsed.statements, half).answer
        took.append(time.perf_counter() - begin)
        assert Answer.YES is contains(parsed.statements, parsed.statements).answer
    took.sort()
    print(f"median {took[len(took) // 2] * 1e3:.2f} ms, worst {took[-1] * 1e3:.1f} ms")


def managed(value):
    """Find policy documents in whatever nesting the shared file has."""
    if isinstance(value, dict) and "Statement" in value:
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [document for item in items for document in managed(item)]
