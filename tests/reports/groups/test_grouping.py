"""What one template left in several accounts is one group, and what differs keeps apart."""

import msgspec
import pytest
from report_sample import finding, identity, sample_report

from reports import json as report_json
from reports import markdown, terminal
from reports.document import CredentialEntry, GrantEntry, PermissionCounts, ServiceEntry
from reports.groups.grouping import grouped
from reports.groups.shapes import Shapes, named

ACCOUNTS = ("111122223333", "444455556666", "777788889999")


def role(account, name="pilot-agent", unused=("s3:DeleteObject", "s3:PutObject"), scope="*", **more):
    arn = f"arn:aws:iam::{account}:role/stackset/{name}"
    used = sorted({"s3:DeleteObject", "s3:GetObject", "s3:PutObject"} - set(unused))
    grant = GrantEntry(
        id=f"arn:aws:iam::{account}:policy/access#0",
        name="access",
        source=f"arn:aws:iam::{account}:policy/access, statement 0",
        effect="allow",
        scope=scope.replace("ACCOUNT", account),
        conditions="",
        verdict="used",
        last_used="",
        permissions=3,
    )
    fields = {
        "id": arn,
        "account": account,
        "name": name,
        "grants": [grant],
        "services": [ServiceEntry(service="s3", granted=3, used=used, unused=list(unused))],
        "permissions": PermissionCounts(granted=3, used=len(used), unused=len(unused)),
        "immutable_id": f"AROA{account}",
    }
    return identity(**(fields | more))


def about(entry, **more):
    return finding(
        identity=entry.id, account=entry.account, provider="aws", fingerprint=entry.account, **more
    )


def report_of(*entries, findings=()):
    report = msgspec.structs.replace(sample_report(), identities=list(entries), findings=list(findings))
    return grouped(report)


def test_the_same_role_in_several_accounts_is_one_group():
    entries = [role(account, scope="arn:aws:s3:::docs-ACCOUNT/*") for account in ACCOUNTS]
    (group,) = report_of(*entries).groups
    assert (list(ACCOUNTS), 3) == (group.accounts, group.identities)
    assert ("pilot-agent", "arn:aws:iam::{account}:role/stackset/pilot-agent") == (group.name, group.identity)


@pytest.mark.parametrize(
    "other",
    [
        {"scope": "arn:aws:s3:::docs/*"},
        {"name": "pilot-agent-2"},
        {"kind": "user"},
        {
            "services": [
                ServiceEntry(service="s3", granted=3, used=["s3:GetObject", "s3:List", "s3:PutObject"])
            ]
        },
    ],
)
def test_what_is_not_the_same_keeps_apart(other):
    report = report_of(role(ACCOUNTS[0]), role(ACCOUNTS[1], **other))
    assert ([], {""}) == (report.groups, {entry.group for entry in report.identities})


def test_two_of_one_account_are_no_group():
    assert [] == report_of(role(ACCOUNTS[0]), role(ACCOUNTS[0], id="other")).groups


def test_use_may_differ_within_a_group_and_is_told_apart():
    entries = [role(ACCOUNTS[0]), role(ACCOUNTS[1], unused=("s3:DeleteObject",))]
    used_of_none = msgspec.structs.replace(
        entries[1], not_granted=["sts:GetCallerIdentity"],
        services=[*entries[1].services, ServiceEntry(service="sts", granted=0, used=["sts:GetCallerIdentity"])],
    )  # fmt: skip
    (group,) = report_of(entries[0], used_of_none).groups
    assert (1, 0, 1) == (group.unused_everywhere, group.unused_where_seen, group.unused_somewhere)


def test_an_account_whose_logs_are_missing_hides_nothing_and_shows_nothing():
    names = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    blind = role(ACCOUNTS[2], services=[ServiceEntry(service="s3", granted=3, unobservable=names)])
    (group,) = report_of(role(ACCOUNTS[0]), role(ACCOUNTS[1], unused=("s3:DeleteObject",)), blind).groups
    assert (0, 1, 1) == (group.unused_everywhere, group.unused_where_seen, group.unused_somewhere)


def test_findings_that_say_the_same_share_a_group_and_others_do_not():
    entries = [role(account) for account in ACCOUNTS[:2]]
    findings = [
        about(entry, rule="ED104", severity=severity, subject=f"{entry.grants[0].source}")
        for entry, severity in zip(entries, ("high", "high"), strict=True)
    ]
    findings += [about(entries[0], rule="ED108", severity="high", subject="")]
    findings += [about(entries[1], rule="ED108", severity="low", subject="")]
    report = report_of(*entries, findings=findings)
    same, too, high, low = [row.group for row in report.findings]
    assert same == too
    assert len({same, high, low}) == 3
    assert {"high": 3, "low": 1} == report.groups[0].findings


def test_ids_of_keys_do_not_keep_findings_apart():
    def holder(account):
        key = CredentialEntry(
            id=f"AKIA{account}", kind="access-key", status="active", created="", expires="", last_used="",
            uses=0, long_lived=True,
        )  # fmt: skip
        return role(account, credentials=[key])

    entries = [holder(account) for account in ACCOUNTS[:2]]
    findings = [about(e, rule="ED201", severity="high", subject=e.credentials[0].id) for e in entries]
    first, second = report_of(*entries, findings=findings).findings
    assert first.group == second.group != ""


def test_the_role_of_a_group_stays_when_its_grants_change():
    before = report_of(*(role(account) for account in ACCOUNTS)).groups[0]
    after = report_of(*(role(account, scope="arn:aws:s3:::docs/*") for account in ACCOUNTS)).groups[0]
    assert (before.role, True) == (after.role, before.id != after.id)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("AmazonBedrockExecutionRoleForAgents_7N2KQ0XJ4AB", "AmazonBedrockExecutionRoleForAgents_{…}"),
        (
            "StackSet-pilot-3f0c1b2a-1111-4222-8333-444455556666-Agent-1A2B3C4D5E6F",
            "StackSet-pilot-{…}-Agent-{…}",
        ),
        ("app-AgentRole-aB3dEfGhIj9K", "app-AgentRole-{…}"),
        ("agent-20260302101530123400000001", "agent-{…}"),
        ("AmazonSageMaker-ExecutionRole-20260302T101530", "AmazonSageMaker-ExecutionRole-{…}"),
        ("pilot-agent-2", "pilot-agent-2"),
        ("claims-PRODUCTION", "claims-PRODUCTION"),
        ("agent-eu-west-1", "agent-eu-west-1"),
        ("data-pipeline2026", "data-pipeline2026"),
    ],
)
def test_only_what_tools_make_up_leaves_a_name(name, shape):
    assert shape == named(name)


def test_an_account_that_is_a_word_is_no_part_of_a_longer_one():
    shapes = Shapes.of(identity(account="agents", id="bot@agents.iam", name="bot"))
    assert "aide@{account}.iam and gs://agents-data" == shapes.text("aide@agents.iam and gs://agents-data")


def test_summaries_tell_a_group_once_and_reports_without_any_as_before():
    many = report_of(*(role(account) for account in ACCOUNTS))
    assert "pilot-agent (3 accounts)" in terminal.render(many)
    assert "| `pilot-agent` | aws 3 accounts | 3 | 1 | 2 |" in markdown.render(many)
    one = report_of(role(ACCOUNTS[0]))
    assert "alike" not in terminal.render(one) + markdown.render(one)


def test_groups_survive_the_wire():
    report = report_of(*(role(account) for account in ACCOUNTS))
    assert report.groups == report_json.decode(report_json.encode(report)).groups


def google(project, number):
    member = f"{number}-compute@developer.gserviceaccount.com"
    node = f"//cloudresourcemanager.googleapis.com/projects/{project}"
    grant = GrantEntry(
        id=f"{node}|roles/editor|serviceAccount:{member}", name="roles/editor", source=f"policy of {node}",
        effect="allow", scope=f"projects/{project}", conditions="", verdict="used", last_used="", permissions=9,
    )  # fmt: skip
    return identity(
        provider="gcp", account=project, id=member, name=f"{number}-compute", grants=[grant],
        kind="default-service-account", immutable_id=f"1039876543210987{number[-4:]}",
    )  # fmt: skip


def azure(subscription, own, assignment):
    grant = GrantEntry(
        id=f"/subscriptions/{subscription}/providers/microsoft.authorization/roleassignments/{assignment}",
        name="Contributor", source=f"role assignment {assignment}", effect="allow",
        scope=f"/subscriptions/{subscription}", conditions="", verdict="used", last_used="", permissions=9,
    )  # fmt: skip
    return identity(
        provider="azure", account=subscription, id=own, name="id-agent", grants=[grant],
        kind="managed-identity", immutable_id=own,
    )  # fmt: skip


def uuid(digit):
    return f"{digit * 8}-{digit * 4}-4{digit * 3}-8{digit * 3}-{digit * 12}"


def test_google_and_azure_name_the_like_otherwise_and_are_grouped_too():
    accounts = google("agents-one", "111122223333"), google("agents-two", "444455556666")
    managed = azure(uuid("a"), uuid("b"), uuid("c")), azure(uuid("d"), uuid("e"), uuid("f"))
    findings = [
        finding(
            provider=one.provider, account=one.account, identity=one.id, fingerprint=one.id, rule="ED105",
            severity="high", subject=one.grants[0].id,
        )
        for one in (*accounts, *managed)
    ]  # fmt: skip
    report = report_of(*accounts, *managed, findings=findings)
    assert [("azure", "id-agent"), ("gcp", "{number}-compute")] == [
        (g.provider, g.name) for g in report.groups
    ]
    assert 2 == len({row.group for row in report.findings})
