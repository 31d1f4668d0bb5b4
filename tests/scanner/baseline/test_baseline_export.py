"""Cedar and Rego exports answer as our own evaluation does, on many requests and on hostile names."""

import json
import random

import cedarpy
import pytest
import regopy

from connectors.baselines import ALLOWED, Allowance
from connectors.errors import SettingError
from connectors.registry import connector
from scanner.baseline.export import _cedar_text, condition_id, render
from scanner.baseline.model import Baseline, Subject
from scanner.baseline.read import read_all

HOSTILE = 'x"y\\z`$(a){b}[c]|^+.é \u202e;--//'

IDENTITY = 'role/x"y\\z [a] // ;'
"""Cedar's own parser of requests takes no escapes, so other alphabets are tried in resources."""
CONDITION = json.dumps({"StringEquals": {"aws:SourceVpc": [HOSTILE]}}, ensure_ascii=False)


def hashed(condition):
    return condition_id(Allowance((), (), condition))


def cedar(policy, wing, requests):
    """Ask Cedar all requests at once."""
    asked = [
        {
            "principal": f"Identity::{_cedar_text(identity)}",
            "action": 'Action::"use"',
            "resource": 'Resource::"any"',
            "context": {
                "permission": permission,
                "permission_folded": permission.lower(),
                "resource": resource,
                "resource_folded": resource.lower(),
                "plane": plane,
                "conditions": [hashed(text) for text in conditions],
            },
        }
        for identity, permission, resource, plane, conditions in requests
    ]
    found = cedarpy.is_authorized_batch(asked, policy, [])
    assert not [one.diagnostics.errors for one in found if one.diagnostics.errors]
    return [one.allowed for one in found]


def rego(policy, wing, requests):
    """Ask Rego each request."""
    engine = regopy.Interpreter()
    engine.add_module("baseline", policy)
    found = []
    for identity, permission, resource, plane, conditions in requests:
        engine.set_input(
            {
                "identity": identity,
                "permission": permission,
                "resource": resource,
                "plane": plane,
                "conditions": [hashed(text) for text in conditions],
            }
        )
        # This engine answers a query that comes to false with an empty result.
        (answer,) = engine.query("data.entdrift.baseline.allow").results
        found.append(answer.expressions == [True])
    return found


def ours(baseline, wing, requests):
    """Decide by the wing itself; a condition that the caller found to hold is taken away first."""
    found = []
    for identity, permission, resource, plane, conditions in requests:
        held = [
            Allowance(
                one.permissions, one.scopes, "", one.plane, one.not_permissions, one.not_scopes, one.refuse
            )
            for one in baseline.allow
            if one.plane == plane and (not one.condition or one.condition in conditions)
        ]
        ruling = wing.rule(held, identity, permission, resource)
        found.append(identity == baseline.subject.id and ruling.answer == ALLOWED)
    return found


def requests_of(baseline, seed, number):
    """Make requests around what the baseline names: it itself, its neighbours, and strangers."""
    chance = random.Random(seed)  # noqa: S311 repeatable, no secret
    permissions = [n for one in baseline.allow for n in one.permissions] + [
        "iam:PassRole",
        "a.b.c",
        "é{b}[c]|^+. ;--//",
    ]
    scopes = [n for one in baseline.allow for n in one.scopes] + [
        "arn:aws:s3:::other/x",
        "/subscriptions/x",
        HOSTILE,
    ]
    conditions = sorted({one.condition for one in baseline.allow if one.condition})
    planes = sorted({one.plane for one in baseline.allow}) or [""]
    for _ in range(number):
        permission, scope = chance.choice(permissions), chance.choice(scopes)
        permission = permission.replace("*", chance.choice(["", "Get", "List/x"]))
        scope = scope.replace("*", chance.choice(["", "abc", "a/b:c"])) + chance.choice(["", "/below", "x"])
        permission = chance.choice([permission, permission.upper(), permission + "x"])
        yield (
            chance.choice([baseline.subject.id] * 5 + ["somebody"]),
            permission,
            scope,
            chance.choice(planes),
            tuple(chance.sample(conditions, chance.randint(0, len(conditions)))),
        )


@pytest.mark.parametrize(("form", "engine"), [("cedar", cedar), ("rego", rego)])
@pytest.mark.parametrize(
    "name", ["claims-tools-lambda", "claims-agent-pilot", "id-claims-worker", "claims-adjuster-agent"]
)
def test_exports_answer_as_the_wing_does(granted, form, engine, name):
    baseline = next(one for one in read_all(granted) if one.subject.name == name)
    wing = connector(baseline.subject.provider).baselines
    sayable = tuple(one for one in baseline.allow if wing.globs(one) is not None)
    baseline = Baseline(baseline.path, "", baseline.subject, "", sayable)
    requests = list(requests_of(baseline, name, 150 if form == "cedar" else 50))
    expected = ours(baseline, wing, requests)
    assert expected == engine(render(baseline, wing, form), wing, requests)
    assert {True, False} == set(expected)


def made(tmp_path, *allow, identity=IDENTITY):
    subject = Subject(identity, "aws", "1", "role", "n")
    return Baseline(tmp_path / "b.toml", "d", subject, "used", tuple(allow))


@pytest.mark.parametrize(("form", "engine"), [("cedar", cedar), ("rego", rego)])
def test_hostile_names_stay_text(tmp_path, form, engine):
    # regopy compares strings with quotes and backslashes in their escaped form, so Rego is asked without.
    hostile = HOSTILE if form == "cedar" else HOSTILE.replace('"', "").replace("\\", "")
    identity = IDENTITY if form == "cedar" else IDENTITY.replace('"', "").replace("\\", "")
    wing = connector("aws").baselines
    refusal = Allowance(("s3:Delete*",), ("*",), refuse=True, source=HOSTILE)
    allow = Allowance(
        ("s3:*",), (f"arn:aws:s3:::{hostile}/*",), CONDITION, source='"}\npermit(principal,action,resource);'
    )
    baseline = made(tmp_path, allow, refusal, identity=identity)
    inside = f"arn:aws:s3:::{hostile}/a"
    requests = [
        (identity, "s3:GetObject", inside, "", (CONDITION,)),
        (identity, "s3:GetObject", inside, "", ()),
        (identity, "s3:DeleteObject", inside, "", (CONDITION,)),
        (identity, "s3:GetObject", inside.replace("é", "e"), "", (CONDITION,)),
        ("x", "s3:GetObject", inside, "", (CONDITION,)),
    ]
    assert [True, False, False, False, False] == engine(render(baseline, wing, form), wing, requests)


def test_cedar_leaves_out_what_it_cannot_say_and_refuses_to_lose_a_refusal(tmp_path):
    wing = connector("aws").baselines
    one = Allowance(("s3:Get?bject",), ("*",), source="x")
    assert "permit" not in render(made(tmp_path, one), wing, "cedar")
    with pytest.raises(SettingError, match="a refusal cannot be written in cedar"):
        render(made(tmp_path, Allowance(("s3:Get?bject",), ("*",), refuse=True)), wing, "cedar")


def test_the_verb_prints_a_policy(entdrift, granted):
    path = next(granted.glob("aws-claims-tools-lambda-*.toml"))
    result = entdrift("baseline", "export", path, "--form", "rego")
    assert (0, True) == (result.exit_code, "package entdrift.baseline" in result.stdout)
