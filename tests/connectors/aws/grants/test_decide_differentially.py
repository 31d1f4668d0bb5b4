"""Requests are decided as two evaluators that others wrote decide them, over seeded random policies.

iamprover (Apache-2.0) states the evaluation logic as formulas; with everything known they come to true or false. moto (Apache-2.0)
knows Action, NotAction, Resource and Deny. What either does not model is left out of the policies.
"""

import json
import random
from collections import Counter

import pytest
import z3
from iamprover.engine.context import Context as ProverContext
from iamprover.engine.encoder import allowed
from iamprover.model import Policy, Principal
from iamprover.parsers.iam import parse_statement
from moto.iam.access_control import IAMPolicy, PermissionResult

from connectors.aws.grants.decide import Answer, Layer, LayerKind, Request, decide
from connectors.aws.policy.conditions import Context
from connectors.aws.policy.document import parse_document

USER = "arn:aws:iam::111122223333:user/ann"
ACTIONS = ["s3:GetObject", "s3:PutObject", "s3:ListBucket", "dynamodb:GetItem", "bedrock:InvokeModel"]
ACTION_PATTERNS = [
    *ACTIONS,
    "*",
    "s3:*",
    "s3:*Object",
    "S3:get*",
    "dynamodb:?etItem",
    "bedrock:Invoke*",
    "s3:??tObject",
]
RESOURCES = [
    "arn:aws:s3:::b/k",
    "arn:aws:s3:::b/k/deep",
    "arn:aws:s3:::b",
    "arn:aws:s3:::B/k",
    "arn:aws:dynamodb:eu-west-1:111122223333:table/t",
]
RESOURCE_PATTERNS = [
    *RESOURCES,
    "*",
    "arn:aws:s3:::*",
    "arn:aws:s3:::b/*",
    "arn:aws:s3:::?/k",
    "arn:*:table/*",
    "arn:aws:s3:*:*:b*",
]
CONTEXT = {"aws:RequestedRegion": ["eu-west-1", "us-east-1"], "aws:SecureTransport": ["true", "false"],
           "aws:PrincipalTag/team": ["a", "ab", "b"], "aws:SourceIp": ["10.0.0.7", "192.0.2.9"]}  # fmt: skip
CONDITIONS = [
    ("StringEquals", "aws:RequestedRegion", ["eu-west-1"]),
    ("StringNotEquals", "aws:requestedregion", ["eu-west-1", "eu-north-1"]),
    ("StringLike", "aws:PrincipalTag/team", ["a*"]),
    ("StringNotLike", "aws:PrincipalTag/team", ["?", "x*"]),
    ("Bool", "aws:SecureTransport", ["true"]),
    ("IpAddress", "aws:SourceIp", ["10.0.0.0/8"]),
    ("NotIpAddress", "aws:SourceIp", ["10.0.0.0/8", "203.0.113.0/24"]),
]


def statement(rng, *, conditions=True, simple=False):
    """Return a random statement; `simple` leaves out what moto does not know."""
    plain = [one for one in ACTION_PATTERNS if "?" not in one and one != "S3:get*"]
    found = {"Effect": rng.choice(["Allow", "Allow", "Allow", "Deny"])}
    found["NotAction" if rng.random() < 0.2 else "Action"] = some(rng, plain if simple else ACTION_PATTERNS)
    negated = not simple and rng.random() < 0.2
    patterns = [one for one in RESOURCE_PATTERNS if "?" not in one] if simple else RESOURCE_PATTERNS
    found["NotResource" if negated else "Resource"] = some(rng, patterns)
    if conditions and rng.random() < 0.4:
        block = {}
        for operator, key, values in rng.sample(CONDITIONS, rng.randint(1, 2)):
            block.setdefault(operator, {})[key] = values
        found["Condition"] = block
    return found


def some(rng, patterns):
    chosen = rng.sample(patterns, rng.randint(1, 3))
    return chosen[0] if len(chosen) == 1 else chosen


def policy(rng, **more):
    return [statement(rng, **more) for _ in range(rng.randint(1, 4))]


def ours(request, **layers):
    """Return whether a request is allowed; every key is known, so nothing may stay undecided."""
    found = [
        Layer(LayerKind(kind.rstrip("0123456789")), kind, (document(statements),))
        for kind, statements in layers.items()
    ]
    answer = decide(request, found).answer
    assert answer is not Answer.UNDECIDED
    return answer is Answer.ALLOWED


def document(statements):
    return parse_document({"Version": "2012-10-17", "Statement": statements})


def theirs(action, resource, context, identity, boundary, scps, resource_policy):
    """Return what the formulas come to when every variable has its value."""
    wrapped = {
        name: Policy(name, [parse_statement(one) for one in statements])
        for name, statements in {"i": identity, "b": boundary, "r": resource_policy}.items()
    }
    caps = [Policy("scp", [parse_statement(one) for one in statements]) for statements in scps]
    principal = Principal(USER, [wrapped["i"]], permission_boundary=wrapped["b"] if boundary else None)
    request = ProverContext()
    formula = allowed(
        principal,
        z3.StringVal(action.lower()),
        z3.StringVal(resource),
        request,
        resource_policies=[wrapped["r"]],
        scps=caps,
    )
    values = {key.lower(): value for key, value in context.items()}
    known = [(variable, z3.StringVal(values[key])) for key, variable in request.string_vars.items()]
    if request.ip_var is not None:
        number = sum(
            int(part) << shift
            for part, shift in zip(values["aws:sourceip"].split("."), (24, 16, 8, 0), strict=True)
        )
        known.append((request.ip_var, z3.BitVecVal(number, 32)))
    result = z3.simplify(z3.substitute(formula, *known))
    assert z3.is_true(result) or z3.is_false(result)
    return z3.is_true(result)


@pytest.mark.parametrize("seed", range(4))
def test_random_requests_through_all_layers_are_decided_alike(seed):
    rng = random.Random(seed)  # noqa: S311 - reproducible, no secret
    seen = Counter()
    for number in range(120):
        identity = policy(rng)
        boundary = policy(rng) if rng.random() < 0.4 else []
        scps = [policy(rng, conditions=False) for _ in range(rng.choice([0, 0, 1, 2]))]
        named = [{**one, "Principal": {"AWS": USER}} for one in policy(rng)] if rng.random() < 0.4 else []
        action, resource = rng.choice(ACTIONS), rng.choice(RESOURCES)
        context = {key: rng.choice(values) for key, values in CONTEXT.items()}
        known = {
            **context,
            "aws:PrincipalArn": USER,
            "aws:PrincipalAccount": USER.split(":")[4],
            "aws:PrincipalType": "User",
        }
        layers = {
            "identity": identity,
            **({"boundary": boundary} if boundary else {}),
            **({"resource": named} if named else {}),
        }
        layers |= {f"scp{level}": statements for level, statements in enumerate(scps)}
        request = Request(action, resource, Context({key: (value,) for key, value in known.items()}))
        expected = theirs(action, resource, context, identity, boundary, scps, named)
        case = json.dumps([seed, number, action, resource, context, layers])
        assert ours(request, **layers) is expected, case
        seen[expected] += 1
    assert min(seen[True], seen[False]) > 15, "the policies must not all say the same"


@pytest.mark.parametrize("seed", range(4))
def test_moto_decides_identity_policies_alike(seed):
    rng = random.Random(1000 + seed)  # noqa: S311 - reproducible, no secret
    for _ in range(250):
        statements = [statement(rng, conditions=False, simple=True) for _ in range(rng.randint(2, 4))]
        action, resource = rng.choice(ACTIONS), rng.choice(RESOURCES)
        text = json.dumps({"Version": "2012-10-17", "Statement": statements})
        expected = IAMPolicy(text).is_action_permitted(action, resource) is PermissionResult.PERMITTED
        assert ours(Request(action, resource, Context({})), identity=statements) is expected, text
