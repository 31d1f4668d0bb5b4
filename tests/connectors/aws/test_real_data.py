"""The shared real accounts and logs come out as they were worked out by others.

`pairs/stratus` (Apache-2.0) and `iam_dumps` (their licences stand in the data README), `generated_20k` (ours).
"""

import json
from datetime import UTC, datetime

import pytest

from connectors.facts import Window
from scanner.verdicts import judge


def verdicts_of(facts, identity):
    """Return {verdict: names} as the scanner judges it."""
    usage = [row for row in facts.usage if row.identity == identity]
    judged = judge(facts.entitlements.get(identity), usage, facts.permissions)
    names = facts.permissions.names
    return {
        "granted": set(names(judged.granted)),
        "used": set(names(judged.used)),
        "denied": set(names(judged.denied)),
        "unused": set(names(judged.unused)),
        "unobservable": set(names(judged.unobservable)),
        "conditional": set(names(judged.conditional)),
        "not_granted": set(names(judged.not_granted)),
    }


def calls(facts, identity, *, denied):
    """Return {permission: number of calls} that were refused, or were not."""
    found = {}
    for row in facts.usage:
        count = row.denied if denied else row.count - row.denied
        if row.identity == identity and count:
            found[row.permission] = found.get(row.permission, 0) + count
    return found


@pytest.fixture(scope="module")
def stratus(data, interpret):
    folder = data / "pairs" / "stratus"
    window = Window(datetime(2024, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
    facts = interpret(
        {
            "authorization_details": sorted(folder.glob("gaad_*.json")),
            "cloudtrail": [folder / "cloudtrail.json"],
        },
        window,
    )
    return facts, json.loads((folder / "expected.json").read_text())


UNUSED = {
    "457448411975": ("ec2:Describe", ()),
    "017622104382": ("ec2:Describe", ("ec2:DescribeInstances",)),
    "307578594326": ("ec2:Describe", ()),
}
"""How `expected.json` words the unused part of a wildcard: every action of a prefix but those used."""


@pytest.mark.parametrize("number", range(7))
def test_stratus_comes_out_as_expected(stratus, number):
    facts, expected = stratus
    entry = expected[number]
    identity = next(one for one in facts.identities if one.account == entry["account"])
    assert identity.name == entry["identity_name"]
    found = verdicts_of(facts, identity.id)
    assert calls(facts, identity.id, denied=False) == entry["used"]
    assert calls(facts, identity.id, denied=True) == entry["denied_attempts"]
    if entry["account"] in UNUSED:
        prefix, used = UNUSED[entry["account"]]
        known = facts.permissions.names(facts.permissions.known)
        assert found["unused"] == {name for name in known if name.startswith(prefix)} - set(used)
    else:
        assert found["unused"] == set(entry["unused_granted"])
    assert found["unobservable"] == found["conditional"] == set()


def test_the_unreadable_managed_policy_of_stratus_is_never_unused(stratus):
    facts, _ = stratus
    arn = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
    grant = next(grant for grant in facts.grants if grant.source == arn)
    assert (grant.permissions, grant.undecided) == (0, True)
    assert any(caveat.where == arn for caveat in facts.caveats)


@pytest.fixture(scope="module")
def generated(data, interpret):
    folder = data / "generated_20k"
    window = Window(datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 10, 30, tzinfo=UTC))
    facts = interpret(
        {"authorization_details": [folder / "grants"], "cloudtrail": [folder / "AWSLogs"]}, window
    )
    return facts, json.loads((folder / "expected" / "drift.json").read_text())


def test_generated_accounts_agree_with_their_plan(generated):
    """Granted must agree exactly. Used and unused may differ only where we say that the log cannot tell.

    The plan counts a permission as used or unused by event name alone. It takes ec2:CreateTags as used by
    calls that create something; we hold it for unseeable (tag-on-create). It takes data events and
    iam:PassRole as unused when absent; we hold them for unseeable.
    """
    facts, plan = generated
    folded = {name.lower(): name for name in facts.permissions.names(facts.permissions.known)}
    for entry in plan:
        found = verdicts_of(facts, entry["identity"])
        granted, used, unused = ({folded[n.lower()] for n in entry[k]} for k in ("granted", "used", "unused"))
        assert found["granted"] == granted
        assert found["used"] & granted <= used
        assert used - found["used"] <= {"ec2:CreateTags"} & found["unobservable"]
        assert found["unused"] <= unused
        assert unused - found["unused"] <= found["unobservable"]
        refused = {folded[name.lower()] for name in entry["denied_not_granted"]}
        assert found["denied"] - granted == refused


def test_generated_calls_are_counted_once_each(generated, data):
    """The plan's own table: calls by (identity, operation), service and foreign-account callers apart."""
    facts, _ = generated
    rows = (data / "generated_20k" / "expected" / "usage.csv").read_text().splitlines()
    columns = rows[0].split(",")
    expected, foreign = {}, 0
    for line in rows[1:]:
        row = dict(zip(columns, line.split(","), strict=True))
        if row["identity"].startswith("arn:"):
            key = (row["identity"], f"{row['eventSource']}:{row['eventName']}")
            count, denied = expected.get(key, (0, 0))
            expected[key] = (count + int(row["count"]), denied + int(row["denied"]))
        else:
            foreign += int(row["count"])
    found = {}
    for row in facts.usage:
        if row.permission in ("iam:PassRole", "bedrock:CallWithBearerToken"):
            continue
        count, denied = found.get((row.identity, row.operation), (0, 0))
        found[row.identity, row.operation] = (count + row.count, denied + row.denied)
    assert found == expected
    assert sum(facts.unattributed.values()) == foreign
    assert facts.unmapped == ()


def test_every_shared_dump_is_read(data, collect):
    """Files that are no dumps (resource policies, organization trees) are said to be none; nothing crashes."""
    others = ("batch-resource", "cross-account-rp", "resource-s3", "scp-")
    for path in sorted((data / "iam_dumps").rglob("*.json")):
        outcome = collect({"authorization_details": [path]}).results[0]
        assert (str(outcome.status) == "ok") is not path.name.startswith(others), path.name


def test_the_published_cloudsplaining_dump_is_interpreted(data, interpret):
    facts = interpret({"authorization_details": [data / "iam_dumps" / "gaad_cloudsplaining_authz.json"]})
    assert len(facts.identities) == len(facts.entitlements) == 6
    admins = {grant.identity.rpartition("/")[2] for grant in facts.grants if grant.admin}
    assert "obama" in admins


@pytest.mark.parametrize(
    ("name", "service", "granted"),
    [
        ("basic-allow", "lambda", True),
        ("role-boundary-allow", "lambda", True),
        ("role-boundary-deny", "lambda", False),
        ("role-boundary-no-policies", "lambda", False),
        ("user-boundary-allow", "lambda", True),
        ("user-boundary-deny", "lambda", False),
    ],
)
def test_iamspy_puzzles_are_solved(data, interpret, name, service, granted):
    """Expected answers from WithSecureLabs/IAMSpy tests (Apache-2.0)."""
    facts = interpret({"authorization_details": [data / "iam_dumps" / "iamspy_tests" / f"{name}.json"]})
    held = facts.entitlements[facts.identities[0].id]
    names = facts.permissions.names(held.granted)
    assert (f"{service}:InvokeFunction" in names) is granted


def test_iamspy_organization_trees_limit(data, interpret):
    folder = data / "iam_dumps" / "iamspy_tests"
    for tree, expected in (("scp-deny-lambda.json", False), ("scp-basic.json", True)):
        facts = interpret(
            {"authorization_details": [folder / "basic-allow.json"], "organization_policies": [folder / tree]}
        )
        held = facts.entitlements[facts.identities[0].id]
        assert ("lambda:InvokeFunction" in facts.permissions.names(held.granted)) is expected, tree


@pytest.mark.parametrize("folder", ["invictus_aws_dataset", "flaws_cloud_subset"])
def test_real_trails_show_their_principals(data, interpret, folder):
    window = Window(datetime(2020, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC))
    facts = interpret({"cloudtrail": [data / "cloudtrail" / folder]}, window)
    assert facts.identities
    assert facts.entitlements == {}
    mapped = sum(row.count for row in facts.usage)
    unmapped = sum(row.count for row in facts.unmapped)
    assert unmapped <= mapped * 0.01
