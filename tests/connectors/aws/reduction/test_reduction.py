"""Every replacement passes its claims and an independent re-evaluation, on all shared dumps.

What may go is drawn at random here: the claims must hold for any choice. The re-evaluation applies the
changes to the raw documents by itself, expands both sides over the whole catalogue with plain regular
expressions, and compares statement by statement which conditions allow each action on each resource.
"""

import json
import random
import re
from datetime import UTC, datetime
from functools import cache
from itertools import groupby
from urllib.parse import unquote

import pytest

from connectors.aws.catalog.actions import Catalogue
from connectors.aws.connector import CONNECTOR
from connectors.facts import Usage, Window
from connectors.interface import Patterns
from connectors.reduction import Question, Standing

CATALOGUE = Catalogue()
NAMES = CATALOGUE.permissions.names(CATALOGUE.known)
PLACES = {name.lower(): place for place, name in enumerate(NAMES)}
BY_SERVICE = {
    service: list(names)
    for service, names in groupby(enumerate(NAMES), lambda one: one[1].partition(":")[0].lower())
}
CLAIMS = ("replay", "containment", "limits", "restore")


def dumps(data):
    return sorted(
        [
            *data.joinpath("iam_dumps").rglob("*.json"),
            *data.joinpath("generated_20k", "grants").glob("*.json"),
        ]
    )


def document(raw):
    return json.loads(unquote(raw)) if isinstance(raw, str) else raw


def listed(value):
    return value if isinstance(value, list) else [value]


@cache
def named(pattern):
    """Return the places in NAMES that a pattern matches, worked out with `re` alone.

    Only names of the pattern's service can match it, where it has no wildcard before the colon.
    """
    pattern = "".join(pattern.split())
    wild = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    match = re.compile(wild, re.IGNORECASE | re.DOTALL).fullmatch
    service, colon, _ = pattern.lower().partition(":")
    some = BY_SERVICE.get(service, []) if colon and not set("*?") & set(service) else enumerate(NAMES)
    return sum(1 << place for place, name in some if match(name))


@cache
def glob(pattern):
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def actions(statement):
    every = (1 << len(NAMES)) - 1
    found = 0
    for pattern in listed(statement.get("Action", statement.get("NotAction"))):
        found |= named(pattern)
    return every & ~found if "NotAction" in statement else found


def on(statement, resource):
    key = "NotResource" if "NotResource" in statement else "Resource"
    if key not in statement:
        return False
    hit = any(glob(pattern).fullmatch(resource) for pattern in listed(statement[key]))
    return hit != (key == "NotResource")


def expanded(documents):
    """Return (statement, effect and condition text, set of actions) of all statements that make sense."""
    return [
        (one, (one["Effect"], json.dumps(one.get("Condition"), sort_keys=True)), actions(one))
        for document_ in documents
        for one in listed(document_.get("Statement", []))
        if isinstance(one, dict) and one.get("Effect") in ("Allow", "Deny")
    ]


def evaluate(statements, resource):
    """Return, by effect and condition text, the set of actions on a resource."""
    found = {}
    for statement, key, named_ in statements:
        if on(statement, resource):
            found[key] = found.get(key, 0) | named_
    return found


def samples(documents):
    found = {"*"}
    for one in documents:
        for statement in listed(one.get("Statement", [])):
            for text in (
                listed(statement.get("Resource", statement.get("NotResource", [])))
                if isinstance(statement, dict)
                else []
            ):
                found |= {text.replace("*", fill).replace("?", "q") for fill in ("x", "")}
    return sorted(found)


class Account:
    """The raw documents of a dump, before and after changes that are applied here by hand."""

    def __init__(self, memory):
        records = [wrapped["record"] for wrapped in memory.parts["authorization_details"]]
        self.records = {record["Arn"]: record for record in records if record.get("Arn")}
        self.groups = {
            (record["Arn"].split(":")[4], record["GroupName"]): record
            for record in records
            if "GroupName" in record and "GroupId" in record
        }

    def managed(self, arn):
        record = self.records.get(arn)
        for version in (record or {}).get("PolicyVersionList", []):
            if version.get("IsDefaultVersion") or version.get("VersionId") == record.get("DefaultVersionId"):
                return document(version["Document"])
        return None

    def before(self, arn):
        record = self.records[arn]
        kind = "User" if "UserName" in record else "Role"
        inline = {p["PolicyName"]: document(p["PolicyDocument"]) for p in record.get(f"{kind}PolicyList", [])}
        attached = {
            p["PolicyArn"]: self.managed(p["PolicyArn"]) for p in record.get("AttachedManagedPolicies", [])
        }
        groups = {}
        for name in record.get("GroupList", []) if kind == "User" else []:
            group = self.groups.get((arn.split(":")[4], name), {})
            groups[name] = [document(p["PolicyDocument"]) for p in group.get("GroupPolicyList", [])] + [
                self.managed(p["PolicyArn"]) for p in group.get("AttachedManagedPolicies", [])
            ]
        return inline, attached, groups

    def after(self, arn, changes):
        inline, attached, groups = self.before(arn)
        for change in changes:
            match change.kind:
                case "put-inline-policy":
                    assert change.target in inline
                    inline[change.target] = json.loads(change.after)
                case "delete-inline-policy":
                    del inline[change.target]
                case "new-policy-version":
                    assert change.target in attached
                    attached[change.target] = json.loads(change.after)
                case "attach-new-policy":
                    assert change.target not in self.records
                    attached[change.target] = json.loads(change.after)
                case "attach-policy":
                    attached[change.target] = self.managed(change.target)
                case "detach-policy":
                    del attached[change.target]
                case "leave-group":
                    del groups[change.target]
                case other:
                    raise AssertionError(other)
        return inline, attached, groups


def flat(held):
    inline, attached, groups = held
    every = [*inline.values(), *attached.values(), *(one for group in groups.values() for one in group)]
    return [one for one in every if isinstance(one, dict)]


def ask(facts, seed, *, rebuild=False):
    """Ask for a random part of each identity's known permissions, with use of some of the rest."""
    choice = random.Random(seed)  # noqa: S311 a repeatable sample
    questions = []
    for identity in facts.identities:
        held = facts.entitlements.get(identity.id)
        names = facts.permissions.names(held.granted & facts.permissions.known) if held else []
        share = choice.choice([0.05, 0.5, 0.95, 1.0])
        gone = {name for name in names if choice.random() < share}
        used = [name for name in names if name not in gone][:30]
        questions.append(
            Question(
                identity.id,
                facts.permissions.mask(gone),
                tuple(
                    Usage(
                        identity.id,
                        name,
                        choice.choice(["", "*", "arn:aws:s3:::b/k"]),
                        "",
                        1,
                        0,
                        "2026-02-01T00:00:00Z",
                        "2026-02-01T00:00:00Z",
                    )
                    for name in used
                ),
                rebuild=rebuild,
            )
        )
    return questions


def check(account, question, found, facts):
    """Compare both sides over the whole catalogue: kept permissions alike, removed ones gone."""
    removed = places(facts.permissions.names(found.removed))
    asked = places(facts.permissions.names(question.remove))
    used = places(row.permission for row in question.usage)
    before, after = (
        flat(account.before(question.identity)),
        flat(account.after(question.identity, found.changes)),
    )
    was_written, is_written = expanded(before), expanded(after)
    for resource in samples([*before, *after])[:60]:
        old, new = evaluate(was_written, resource), evaluate(is_written, resource)
        reachable = reachable_on(resource)
        for key in {*old, *new}:
            was, now = old.get(key, 0), new.get(key, 0)
            if key[0] == "Deny":
                assert was == now, (question.identity, resource, key)
                continue
            assert not now & ~was, (question.identity, resource, key)
            assert not now & removed & reachable or "null" != key[1], (question.identity, resource, key)
            lost = was & ~now & ~asked & reachable
            assert not lost, (
                question.identity,
                resource,
                [NAMES[n] for n in range(len(NAMES)) if lost >> n & 1][:5],
            )
            assert not was & ~now & used & reachable


@cache
def reachable_on(resource):
    """Return the places in NAMES of the actions that a request for a resource may be about."""
    return places(CATALOGUE.permissions.names(CATALOGUE.reachable(resource)))


def places(names):
    packed = bytearray(len(NAMES) // 8 + 1)
    for name in names:
        place = PLACES[name.lower()]
        packed[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(packed, "little")


@pytest.mark.parametrize("seed", [1])
def test_replacements_of_all_shared_accounts_hold(data, collect, seed):
    offered = reviewed = 0
    window = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    for path in dumps(data):
        memory = collect({"authorization_details": [path]})
        if "authorization_details" not in memory.parts:
            continue
        facts = CONNECTOR.interpret([memory], window, Patterns())
        questions = ask(facts, f"{path.name} {seed}")
        answers = CONNECTOR.reduce([memory], facts, questions, window).found
        account = Account(memory)
        for question in questions:
            found = answers.get(question.identity)
            if found is None:
                continue
            standing = {name: getattr(found, name).standing for name in CLAIMS}
            assert Standing.REFUTED not in standing.values(), (question.identity, found)
            assert standing["replay"] is standing["containment"] is standing["restore"] is Standing.PROVED
            if standing["limits"] is Standing.UNDECIDED:
                reviewed += 1
                assert found.limits.reason
            else:
                offered += 1
            assert not found.removed & ~question.remove
            check(account, question, found, facts)
    assert offered > 150
    assert reviewed > 10


def test_rebuilt_policies_of_shared_accounts_hold(data, collect):
    """A rebuild writes fresh documents, so the re-evaluation asks that nothing is new and no use is lost."""
    offered = 0
    window = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    for path in dumps(data)[::3]:
        memory = collect({"authorization_details": [path]})
        if "authorization_details" not in memory.parts:
            continue
        facts = CONNECTOR.interpret([memory], window, Patterns())
        questions = ask(facts, f"{path.name} rebuild", rebuild=True)
        answers = CONNECTOR.reduce([memory], facts, questions, window).found
        account = Account(memory)
        for question in questions:
            found = answers.get(question.identity)
            if found is None:
                continue
            offered += 1
            standing = {name: getattr(found, name).standing for name in CLAIMS}
            assert Standing.REFUTED not in standing.values(), (question.identity, found)
            assert standing["containment"] is standing["restore"] is Standing.PROVED
            before = flat(account.before(question.identity))
            after = flat(account.after(question.identity, found.changes))
            was_written, is_written = expanded(before), expanded(after)
            for resource in samples([*before, *after])[:15]:
                old, new = evaluate(was_written, resource), evaluate(is_written, resource)
                denied = {key: found_ for key, found_ in old.items() if key[0] == "Deny"}
                assert denied == {key: found_ for key, found_ in new.items() if key[0] == "Deny"}
                for key in new.keys() - denied.keys():
                    assert not new[key] & ~old.get(key, 0), (question.identity, resource, key)
    assert offered > 30


def test_what_stays_without_a_replacement_says_why(tmp_path, collect):
    """No change is planned for either: one is tagged, of the other a fresh document would be too large."""
    statement = {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
    policy = {"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
    roles = [
        {
            "RoleName": name,
            "Arn": f"arn:aws:iam::111122223333:role/{name}",
            "CreateDate": "2025-01-01T00:00:00Z",
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []},
            "RolePolicyList": [policy],
            "Tags": [{"Key": key, "Value": "true"} for key in tags],
        }
        for name, tags in (("large", []), ("tagged", ["entdrift:keep"]))
    ]
    (tmp_path / "gaad.json").write_text(json.dumps({"RoleDetailList": roles}))
    window = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    memory = collect({"authorization_details": [tmp_path / "gaad.json"]})
    facts = CONNECTOR.interpret([memory], window, Patterns())
    gone = facts.permissions.mask(NAMES[::3]) & facts.entitlements[roles[0]["Arn"]].granted
    asked = [Question(role["Arn"], gone, (), rebuild=True) for role in roles]
    answers = CONNECTOR.reduce([memory], facts, asked, window)
    assert {} == answers.found
    assert {"large": "no-room", "tagged": "opted-out"} == {
        name.rpartition("/")[2]: stay.code for name, stays in answers.stays.items() for stay in stays
    }
    assert all(stay.permissions == gone for stays in answers.stays.values() for stay in stays)
    assert "cannot be split" in answers.stays[roles[0]["Arn"]][0].reason
