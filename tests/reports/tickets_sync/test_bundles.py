"""Tickets for a role of many accounts, or for an owner: one key that stays, and nothing closed on a guess."""

import json
import shlex

import msgspec
import pytest
from markdown_it import MarkdownIt
from report_sample import finding, identity, sample_report
from test_tickets import HIDDEN
from tickets_sync.test_sync import complete, found

from reports.document import GrantEntry, PermissionCounts, Reduction, ServiceEntry
from reports.groups.grouping import grouped
from reports.tickets import csv, markdown
from reports.tickets.block import read, without_members, write
from reports.tickets.bundle import plan_by
from reports.tickets.completeness import Evidence
from reports.tickets.plan import TITLE_LIMIT
from reports.tickets.sync import Close, Create, Leave, Reopen, Update, sync

ACCOUNTS = ("111122223333", "444455556666", "777788889999")
replace = msgspec.structs.replace


def role(account, name="pilot-agent", removes=2, unused=("s3:DeleteObject", "s3:PutObject"), **more):
    grant = GrantEntry(
        id="inline/access#0", name="access", source="inline", effect="allow", scope="*", conditions="",
        verdict="used", last_used="", permissions=3,
    )  # fmt: skip
    reduction = Reduction(
        disposition="safe" if removes else "none", reason="", keeps=3 - removes, removes=removes,
        proof=identity().reduction.proof,
    )  # fmt: skip
    used = sorted({"s3:GetObject", "s3:DeleteObject", "s3:PutObject"} - set(unused))
    fields = {
        "id": f"arn:aws:iam::{account}:role/{name}",
        "account": account,
        "name": name,
        "source": account,
        "owner": "team-a",
        "grants": [grant],
        "services": [ServiceEntry(service="s3", granted=3, used=used, unused=list(unused))],
        "permissions": PermissionCounts(granted=3, used=len(used), unused=len(unused)),
        "reduction": reduction,
    }
    return identity(**(fields | more))


def report_of(*entries, findings=(), accounts=ACCOUNTS):
    source = next(one for one in sample_report().sources if one.provider == "aws")
    base = replace(
        sample_report(),
        identities=list(entries),
        findings=list(findings),
        sources=[replace(source, name=account, account=account) for account in accounts],
        unlisted=[],
    )
    return grouped(complete(base))


def fleet(accounts=ACCOUNTS, **more):
    entries = [role(account, **more) for account in accounts]
    rows = [
        finding(
            fingerprint=f"{account:0>64}", rule="ED101", severity="high", provider="aws", account=account,
            identity=entry.id, subject="s3",
        )
        for account, entry in zip(accounts, entries, strict=True)
    ]  # fmt: skip
    return report_of(*entries, findings=rows)


def planned(report, held, by="role"):
    return sync(plan_by(report, by), held, Evidence(report))


def test_a_role_of_many_accounts_is_one_ticket_with_its_accounts():
    (ticket,) = plan_by(fleet(), "role")
    assert "Reduce access of pilot-agent (aws, 3 accounts): 2 of 3 permissions unused in all" in ticket.title
    assert (list(ACCOUNTS), 3, "high") == (ticket.accounts, len(ticket.findings), ticket.priority)
    for account in ACCOUNTS:
        assert account in ticket.body
        assert (
            f"entdrift reduce arn:aws:iam::{account}:role/pilot-agent --form cli --from out"
            in ticket.commands
        )
    assert "ED101" in ticket.body
    assert " in 3 accounts" in ticket.body


def test_the_loop_of_commands_names_each_identity():
    (ticket,) = plan_by(fleet(), "role")
    loop = ticket.body.split("for account in ")[1].split("\ndone")[0]
    accounts, command = loop.split("; do\n")
    assert list(ACCOUNTS) == shlex.split(accounts)
    assert 'arn:aws:iam::"$account":role/pilot-agent' in command


def test_only_what_is_unused_in_all_is_named_for_the_template():
    """The account that uses one of them has no work, and still counts."""
    other = role(ACCOUNTS[2], removes=0, unused=("s3:DeleteObject",))
    report = report_of(role(ACCOUNTS[0]), role(ACCOUNTS[1]), other)
    (ticket,) = plan_by(report, "role")
    assert [["s3:DeleteObject"]] == [removal.permissions for removal in ticket.removes]
    assert list(ACCOUNTS[:2]) == ticket.accounts
    assert "**1 of 3 permissions**. 0 more are unused wherever" in ticket.body


def test_a_reduction_that_fits_all_accounts_is_named_as_a_draft_for_the_template():
    fits = role(ACCOUNTS[1], removes=1, unused=("s3:DeleteObject",))
    (ticket,) = plan_by(report_of(role(ACCOUNTS[0]), fits), "role")
    command = f"entdrift reduce {fits.id} --form json --from out"
    assert f"A draft for the template: the reduction of account `{ACCOUNTS[1]}`" in ticket.body
    assert command in ticket.body
    other = role(ACCOUNTS[1], removes=1, unused=("s3:GetObject",))
    (apart,) = plan_by(report_of(role(ACCOUNTS[0]), other), "role")
    assert "A draft for the template" not in apart.body


def test_accounts_without_an_offer_are_told_before_the_template_is_changed():
    broken = role(ACCOUNTS[1], removes=0)
    rows = [finding(rule="ED101", severity="high", provider="aws", account=ACCOUNTS[1], identity=broken.id)]
    (ticket,) = plan_by(report_of(role(ACCOUNTS[0]), broken, findings=rows), "role")
    assert f"**In 1 account no reduction is offered**, as in `{ACCOUNTS[1]}`" in ticket.body


def test_an_account_without_logs_is_named_before_the_template_is_changed():
    names = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    blind = role(ACCOUNTS[2], removes=0, services=[ServiceEntry(service="s3", granted=3, unobservable=names)])
    (ticket,) = plan_by(report_of(role(ACCOUNTS[0]), role(ACCOUNTS[1]), blind), "role")
    assert "2 of 3 permissions unused wherever that can be seen" in ticket.title
    assert f"It cannot be seen in 1 account ({ACCOUNTS[2]}): bring their logs" in ticket.body
    assert [] == ticket.removes


def test_a_second_run_changes_nothing_and_use_in_one_account_does_not_either():
    (ticket,) = plan_by(fleet(), "role")
    (again,) = planned(fleet(), [found(ticket)])
    assert (Leave, "nothing changed") == (type(again), again.reason)


def test_accounts_that_join_or_leave_keep_the_ticket():
    two = fleet(ACCOUNTS[:2])
    (ticket,) = plan_by(two, "role")
    (joined,) = planned(fleet(), [found(ticket)])
    assert (Update, ticket.key) == (type(joined), joined.key)
    assert "1 account joined" in joined.reason
    (left,) = planned(two, [found(plan_by(fleet(), "role")[0])])
    assert "1 account left" in left.reason


def test_other_grants_keep_the_ticket_and_are_a_part_of_their_own():
    other = ServiceEntry(service="sqs", granted=1, unused=["sqs:SendMessage"])

    def wider(account):
        one = role(account)
        return replace(
            one, services=[*one.services, other], permissions=PermissionCounts(granted=4, unused=3)
        )

    report = report_of(*(role(a) for a in ACCOUNTS[:2]), *(wider(a) for a in ("1" * 12, "2" * 12)))
    (ticket,) = plan_by(report, "role")
    assert plan_by(fleet(), "role")[0].key == ticket.key
    assert "## 2 accounts, 3 permissions each" in ticket.body
    assert "## 2 accounts, 4 permissions each" in ticket.body


def test_identities_that_stand_alone_keep_their_own_ticket():
    report = report_of(*(role(a) for a in ACCOUNTS), role(ACCOUNTS[0], name="lonely"))
    by_role = {ticket.name: ticket.key for ticket in plan_by(report, "role")}
    own = {ticket.name: ticket.key for ticket in plan_by(report, "identity")}
    assert {"pilot-agent", "lonely"} == set(by_role)
    assert own["lonely"] == by_role["lonely"]


def test_grouping_otherwise_moves_the_work_and_closes_the_old_tickets():
    own = [found(ticket, id=str(at)) for at, ticket in enumerate(plan_by(fleet(), "identity"))]
    create, *closed = planned(fleet(), own)
    assert (Create, [Close] * 3) == (type(create), [type(one) for one in closed])
    assert all(create.key in one.reason for one in closed)
    role_ticket = found(plan_by(fleet(), "role")[0])
    *made, last = planned(fleet(), [role_ticket], by="identity")
    assert ([Create] * 3, Close) == ([type(one) for one in made], type(last))


def test_a_ticket_of_many_accounts_is_not_closed_for_those_that_were_not_read():
    ticket = found(plan_by(fleet(), "role")[0])
    part = fleet(ACCOUNTS[:2])
    part = replace(part, sources=[one for one in part.sources if one.account != ACCOUNTS[2]])
    last = planned(part, [ticket], by="identity")[-1]
    assert Leave is type(last)
    assert "1 of the 3 accounts of the ticket are not in this report" in last.reason


@pytest.mark.parametrize("by", ["role", "owner"])
def test_it_is_closed_when_nothing_is_left_in_any_account(by):
    ticket = found(plan_by(fleet(), by)[0])
    fixed = report_of(*(role(account, removes=0, unused=()) for account in ACCOUNTS))
    (action,) = planned(fixed, [ticket], by=by)
    assert Close is type(action)
    partial = replace(fixed, sources=[replace(fixed.sources[0], status="partial"), *fixed.sources[1:]])
    (left,) = planned(partial, [ticket], by=by)
    assert (Leave, True) == (type(left), f"the evidence of {ACCOUNTS[0]} is not complete" in left.reason)
    gone = report_of(*(role(account, removes=0, unused=()) for account in ACCOUNTS[:2]))
    assert Close is type(planned(gone, [ticket], by=by)[0])
    unsure = replace(gone, unlisted=["0" * 12])
    assert Leave is type(planned(unsure, [ticket], by=by)[0])


def test_a_refusal_holds_when_accounts_join_and_ends_when_more_is_granted():
    refused = found(plan_by(fleet(ACCOUNTS[:2]), "role")[0], state="rejected")
    assert Leave is type(planned(fleet(), [refused])[0])
    grown = fleet(permissions=PermissionCounts(granted=9, unused=8))
    assert Reopen is type(planned(grown, [refused])[0])


def test_one_ticket_for_an_owner_holds_roles_and_single_identities():
    report = report_of(*(role(a) for a in ACCOUNTS), role(ACCOUNTS[0], name="lonely"))
    (ticket,) = plan_by(report, "owner")
    assert ("team-a", "Reduce access of 4 identities of team-a in 3 accounts: 0 open findings") == (
        ticket.owner,
        ticket.title,
    )
    assert "pilot-agent in 3 accounts" in ticket.body
    assert "lonely" in ticket.body


def test_a_field_of_few_characters_holds_the_block_without_its_accounts():
    accounts = [f"{number:012d}" for number in range(1_000)]
    (ticket,) = plan_by(replace(fleet(accounts), sources=[]), "role")
    block = found(ticket).block
    short = read(without_members(write(block)))
    assert (2_000 > len(write(short)), block.work) == (True, short.work)
    done = report_of(*(role(account, removes=0, unused=()) for account in ACCOUNTS))
    (left,) = planned(done, [replace(found(ticket), block=short)])
    assert "does not say which accounts" in left.reason


def test_a_thousand_accounts_fit_and_every_file_holds_the_ticket():
    accounts = [f"{number:012d}" for number in range(1_000)]
    report = replace(fleet(accounts), sources=[])
    (ticket,) = plan_by(report, "role")
    assert len(ticket.body) <= 30_000
    assert len(ticket.title) <= TITLE_LIMIT
    assert ticket.key in csv.write([ticket])
    assert ticket.key in markdown.write([ticket], report)
    assert 1_000 == len(json.loads(msgspec.json.encode(ticket))["commands"])


@pytest.mark.parametrize("by", ["role", "owner"])
def test_names_of_others_making_stay_text(by):
    name = "x`</code><script>alert(1)</script>\n$(id)';|#\u202e"
    entries = [role(account, name=name, owner="o`<b>\n$(id)\u202e") for account in ACCOUNTS]
    (ticket,) = plan_by(report_of(*entries), by)
    assert not HIDDEN.search(ticket.body + ticket.title)
    assert "<script>" not in MarkdownIt("commonmark").enable("table").render(ticket.body)
    for command, entry in zip(ticket.commands, entries, strict=True):
        assert entry.id == shlex.split(command)[2]
