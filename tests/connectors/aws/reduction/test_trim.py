"""Trimming takes out just what is to go and leaves the rest of a document as it stands."""

import copy
import json

import pytest

from connectors.aws.catalog.actions import Catalogue
from connectors.aws.grants.binder import Binder
from connectors.aws.policy.compress import Compressor
from connectors.aws.policy.conditions import Context
from connectors.aws.policy.document import parse_document
from connectors.aws.policy.statements import hold
from connectors.aws.reduction.split import split
from connectors.aws.reduction.trim import Trimmer, size, trim

CONTEXT = Context({"aws:PrincipalAccount": ("111122223333",), "aws:CurrentTime": ("2026-11-23T00:00:00Z",)})


class Bench:
    """One catalogue and what is to be removed."""

    def __init__(self) -> None:
        self.catalogue = Catalogue()
        self.binder = Binder(self.catalogue)

    def trim(self, raw, *remove, seen=(), largest=None):
        held = [hold(clause, CONTEXT) for clause in self.binder.clauses(parse_document(raw))]
        mask = 0
        for pattern in remove:
            mask |= self.catalogue.expand(pattern)
        names = self.catalogue.permissions
        trimmer = Trimmer(mask & ~names.mask(seen), names.mask(seen), CONTEXT, Compressor(self.catalogue))
        return trim(raw, held, trimmer, largest=largest)

    def named(self, document):
        found = 0
        for clause in self.binder.clauses(parse_document(document)):
            found |= clause.named
        return found


@pytest.fixture
def bench():
    return Bench()


def policy(*statements, **more):
    return {"Version": "2012-10-17", **more, "Statement": list(statements)}


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def test_nothing_to_remove_leaves_every_byte(bench):
    raw = policy(allow(["s3:Get*", "S3:putobject"]), Id="mine")
    before = copy.deepcopy(raw)
    found = bench.trim(raw, "ec2:*")
    assert (False, before) == (found.changed, found.document)


def test_sid_resource_condition_and_their_order_stay(bench):
    raw = policy(
        {
            "Sid": "Mine",
            "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
            "Condition": {"StringEquals": {"aws:PrincipalAccount": "111122223333"}},
            "Action": ["s3:GetObject", "s3:DeleteBucket", "s3:ListBucket"],
            "Effect": "Allow",
        }
    )
    wanted = copy.deepcopy(raw)
    wanted["Statement"][0]["Action"] = ["s3:GetObject", "s3:ListBucket"]
    found = bench.trim(raw, "s3:DeleteBucket")
    assert json.dumps(wanted) == json.dumps(found.document)


def test_a_partly_removed_wildcard_becomes_the_exact_rest(bench):
    raw = policy(allow("sqs:*"))
    found = bench.trim(raw, "sqs:DeleteQueue", "sqs:PurgeQueue")
    assert bench.catalogue.expand("sqs:*") & ~bench.catalogue.expand(
        "sqs:DeleteQueue"
    ) & ~bench.catalogue.expand("sqs:PurgeQueue") == bench.named(found.document)


def test_untouched_entries_keep_place_and_spelling(bench):
    raw = policy(allow(["bedrock:InvokeModel*", "sqs:*", "S3:getobject"]))
    actions = bench.trim(raw, "sqs:DeleteQueue").document["Statement"][0]["Action"]
    assert ("bedrock:InvokeModel*", "S3:getobject") == (actions[0], actions[-1])
    assert all(action.startswith("sqs:") for action in actions[1:-1])


def test_a_statement_of_which_nothing_is_left_goes(bench):
    raw = policy(allow("sqs:*"), allow("s3:GetObject"))
    assert policy(allow("s3:GetObject")) == bench.trim(raw, "sqs:*").document


def test_a_document_of_which_nothing_is_left_is_none(bench):
    found = bench.trim({"Version": "2012-10-17", "Statement": allow("sqs:*")}, "sqs:*")
    assert (None, True) == (found.document, found.changed)


def test_single_statement_and_single_action_stay_single(bench):
    raw = {"Version": "2012-10-17", "Statement": allow("sqs:S*")}
    statement = bench.trim(raw, "sqs:SetQueueAttributes").document["Statement"]
    assert "sqs:SendMessage" in statement["Action"] or isinstance(statement["Action"], str)
    assert isinstance(statement, dict)


def test_deny_statements_stay_even_when_they_name_what_goes(bench):
    deny = {"Effect": "Deny", "Action": "sqs:*", "Resource": "*"}
    assert policy(deny) == bench.trim(policy(deny, allow("sqs:SendMessage")), "sqs:*").document


@pytest.mark.parametrize(
    ("condition", "changed"),
    [
        ({"StringEquals": {"aws:SourceVpc": "vpc-1"}}, False),
        ({"StringEquals": {"aws:PrincipalAccount": "111122223333"}}, True),
        ({"NoSuchOperator": {"aws:PrincipalAccount": "111122223333"}}, False),
    ],
)
def test_only_statements_with_a_decided_condition_change(bench, condition, changed):
    raw = policy(allow(["sqs:SendMessage", "sqs:DeleteQueue"], Condition=condition))
    found = bench.trim(raw, "sqs:DeleteQueue")
    assert changed == found.changed
    assert changed == (not found.stays)


def test_statements_that_make_no_sense_stay(bench):
    raw = policy({"Effect": "Perhaps", "Action": "sqs:*"}, allow(["sqs:SendMessage", "sqs:DeleteQueue"]))
    found = bench.trim(raw, "sqs:DeleteQueue").document
    assert raw["Statement"][0] == found["Statement"][0]


def test_an_opted_out_statement_stays_and_says_so(bench):
    found = bench.trim(policy(allow("sqs:*", Sid="EntdriftKeepQueues")), "sqs:*")
    assert not found.changed
    assert ["opted-out"] == [stay.code for stay in found.stays]


def test_notaction_grows_or_becomes_a_list_whichever_is_shorter(bench):
    raw = policy({"Effect": "Allow", "NotAction": ["iam:*", "organizations:*"], "Resource": "*"})
    few = bench.trim(raw, "sqs:DeleteQueue").document
    assert ["iam:*", "organizations:*", "sqs:DeleteQueue"] == few["Statement"][0]["NotAction"]
    everything_else = [
        f"{name}:*"
        for name in {n.partition(":")[0] for n in bench.catalogue.permissions.names(bench.catalogue.known)}
        if name not in ("iam", "organizations", "sqs")
    ]
    most = bench.trim(raw, *everything_else).document
    assert ["sqs:*"] == most["Statement"][0]["Action"]
    assert "NotAction" not in most["Statement"][0]


def test_a_used_name_that_the_catalogue_lacks_is_kept_out_of_a_wildcard(bench):
    found = bench.trim(policy(allow("sqs:*")), "sqs:DeleteQueue", seen=("sqs:BrandNewAction",))
    assert "sqs:BrandNewAction" in found.document["Statement"][0]["Action"]


def test_a_list_that_would_not_fit_is_grouped_until_it_does(bench):
    raw = policy(allow("*"))
    removed = bench.catalogue.permissions.names(bench.catalogue.known)[::2]
    found = bench.trim(raw, *removed, largest=6_144)
    assert size(found.document) <= 6_144
    kept = bench.catalogue.known & ~bench.catalogue.permissions.mask(removed)
    assert kept == bench.named(found.document) & kept


def test_where_no_list_fits_the_statement_stays_as_it_is(bench):
    raw = policy(allow("*"))
    removed = bench.catalogue.permissions.names(bench.catalogue.known)[::2]
    found = bench.trim(raw, *removed, largest=70)
    assert (False, raw) == (found.changed, found.document)


def test_size_is_counted_without_whitespace():
    spaced = json.loads('{ "Version" : "2012-10-17",\n "Statement" : [ ] }')
    assert len('{"Version":"2012-10-17","Statement":[]}') == size(spaced)


@pytest.mark.parametrize(("room", "pieces"), [(1, 1), (0, 1), (-1, 2)])
def test_splitting_is_exact_at_the_edge(bench, room, pieces):
    raw = policy(allow(["sqs:SendMessage", "sqs:ReceiveMessage"]), allow("s3:GetObject"))
    found = split(raw, size(raw) + room)
    assert pieces == len(found)
    assert all(size(piece) <= size(raw) + room for piece in found)
    assert bench.named(raw) == bench.named(policy(*(s for piece in found for s in piece["Statement"])))


def test_a_policy_of_4533_literal_actions_is_trimmed_split_and_says_the_same(bench):
    names = bench.catalogue.permissions.names(bench.catalogue.known)[:4_533]
    raw = policy(allow(names))
    found = bench.trim(raw, *names[::3]).document
    wanted = bench.catalogue.permissions.mask(names) & ~bench.catalogue.permissions.mask(names[::3])
    assert wanted == bench.named(found)
    pieces = split(found, 6_144)
    assert all(size(piece) <= 6_144 for piece in pieces)
    assert wanted == bench.named(policy(*(s for piece in pieces for s in piece["Statement"])))


def test_what_cannot_be_split_is_not_split():
    long = [f"sqs:{'A' * 60}{n}" for n in range(200)]
    assert [] == split(policy({"Effect": "Deny", "Action": long, "Resource": "*"}), 6_144)
