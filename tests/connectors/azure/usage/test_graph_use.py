"""Calls of Microsoft Graph are held against the app roles of their caller: used, one of several, unused."""

import json

import pytest

from connectors.azure.remediation.forms import render
from connectors.azure.usage.graph_paths import address, allowing, known_permissions, template
from connectors.reduction import Standing
from tests.connectors.azure.grants.test_directory import GRAPH, api, call, graph_sign_in, permission, sign_ins
from tests.connectors.azure.harness import SHARED, blind, unused
from tests.connectors.azure.reducing import ask, only
from tests.connectors.azure.synthetic import (
    AGENT,
    BLOB_READER,
    PERSON,
    assignment,
    number,
    role,
    service_principal,
)

QUIET = ("2026-08-02T10:00:00Z", "2026-10-30T10:00:00Z")
PREFIX = "Microsoft.Graph/appRoles/"
MESSAGES = "https://graph.microsoft.com/v1.0/users/0b1c/messages?$top=1"
USERS = "https://graph.microsoft.com/v1.0/users"


@pytest.fixture
def graph(desk):
    """Return a desk on which `hold` gives the agent app roles and `calls` logs calls that span the window."""
    desk.put("role_assignments", [assignment(AGENT, BLOB_READER)])
    desk.put("role_definitions", [role(BLOB_READER, "Storage writer", actions=["Microsoft.Storage/x/write"])])

    def hold(*values):
        ids = {value: number("5") for value in values}
        roles = [{"id": ids[value], "value": value} for value in values]
        desk.put("service_principals", [service_principal(), {**api(), "appRoles": roles}])
        desk.put("app_role_assignments", [permission(app_role=ids[value]) for value in values])

    def calls(*made):
        other = number("9")
        quiet = [{**call(servicePrincipalId=other, appId=number("8")), "time": at} for at in QUIET]
        desk.put("resource_logs", [*quiet, *made])

    desk.hold, desk.calls = hold, calls
    return desk


def short(names):
    return [name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)]


def used(facts):
    return {
        (row.permission.removeprefix(PREFIX), row.count, row.denied)
        for row in facts.usage
        if row.identity == AGENT and row.permission.startswith(PREFIX)
    }


def hidden(facts):
    return {
        name.removeprefix(PREFIX): code
        for name, code in blind(facts, AGENT).items()
        if name.startswith(PREFIX)
    }


@pytest.mark.parametrize("code", [200, 201, 202, 204])
def test_the_only_role_that_allows_a_call_was_used_and_the_others_were_not(graph, code):
    graph.hold("Mail.Read", "Files.ReadWrite.All")
    graph.calls(call("GET", MESSAGES, code))
    facts = graph.facts()
    assert used(facts) == {("Mail.Read", 1, 0)}
    assert short(unused(facts, AGENT)) == ["Files.ReadWrite.All"]
    (row,) = [one for one in facts.usage if one.permission == f"{PREFIX}Mail.Read"]
    assert (row.operation, row.grant in {one.id for one in facts.grants}) == (
        "get /users/{id}/messages",
        True,
    )
    assert sum(one.count for one in facts.unmapped) == len(QUIET)


def test_of_several_roles_that_allow_a_call_none_is_unused(graph):
    graph.hold("Mail.Read", "Mail.ReadWrite", "Sites.Read.All")
    graph.calls(call("GET", MESSAGES))
    facts = graph.facts()
    assert used(facts) == set()
    assert hidden(facts) == {
        "Mail.Read": "one-of-several-permissions",
        "Mail.ReadWrite": "one-of-several-permissions",
    }
    reasons = [one.reason for one in facts.entitlements[AGENT].blind]
    assert (
        "used: one of it and Mail.ReadWrite let GET /users/{id}/messages through; no log says which"
        in reasons
    )
    assert short(unused(facts, AGENT)) == ["Sites.Read.All"]


def test_a_write_tells_which_of_a_read_and_a_write_role_it_was(graph):
    graph.hold("Mail.Read", "Mail.ReadWrite")
    graph.calls(call("PATCH", f"{USERS}/0b1c/messages/AAMkAGI2="))
    facts = graph.facts()
    assert used(facts) == {("Mail.ReadWrite", 1, 0)}
    assert short(unused(facts, AGENT)) == ["Mail.Read"]


def test_a_log_that_does_not_span_the_window_rules_nothing_out(graph):
    graph.hold("Mail.Read", "Files.ReadWrite.All")
    graph.put("resource_logs", [call("GET", MESSAGES)])
    facts = graph.facts()
    assert used(facts) == {("Mail.Read", 1, 0)}
    assert hidden(facts)["Files.ReadWrite.All"] == "graph-activity-missing"
    (fix,) = {one.fix for one in facts.entitlements[AGENT].blind if one.code == "graph-activity-missing"}
    assert "MicrosoftGraphActivityLogs with a diagnostic setting of Entra" in fix


def test_a_token_for_graph_without_a_call_in_its_log_rules_nothing_out(graph):
    graph.hold("Mail.Read")
    graph.put("sign_in_logs", sign_ins(graph_sign_in()))
    graph.calls()
    assert hidden(graph.facts()) == {"Mail.Read": "graph-activity-missing"}


@pytest.mark.parametrize(
    "made",
    [
        call("GET", f"{USERS}/0b1c/somethingNew"),
        call("POST", "https://graph.microsoft.com/v1.0/subscriptions", 201),
        call("POST", "https://graph.microsoft.com/v1.0/search/query"),
        call("GET", "https://graph.microsoft.com/v1.0/drives/b1/items/01A/children"),
    ],
    ids=["unknown path", "watches by its body", "searches by its body", "allowed by none that is held"],
)
def test_a_call_nobody_can_explain_hides_every_role(graph, made):
    graph.hold("Mail.Read", "Group.ReadWrite.All")
    graph.calls(call("GET", MESSAGES), made)
    facts = graph.facts()
    assert short(unused(facts, AGENT)) == []
    assert hidden(facts)["Group.ReadWrite.All"] == "graph-call-not-explained"
    assert [one.count for one in facts.unmapped if one.source == "microsoft.graph:activity"]


def test_a_batch_is_only_an_envelope(graph):
    graph.hold("Mail.Read", "Files.Read.All")
    graph.calls(call("POST", "https://graph.microsoft.com/v1.0/$batch"), call("GET", MESSAGES))
    assert short(unused(graph.facts(), AGENT)) == ["Files.Read.All"]


@pytest.mark.parametrize(
    ("uri", "roles", "kept"),
    [
        (f"{USERS}?$select=id,signInActivity", ["User.Read.All", "AuditLog.Read.All"], ["AuditLog.Read.All"]),
        (f"{USERS}?$select=id", ["User.Read.All", "AuditLog.Read.All"], []),
        (
            f"{USERS}/0b1c?$expand=manager",
            ["User.Read.All", "Files.Read.All", "Mail.Send"],
            ["Files.Read.All"],
        ),
        (
            "https://graph.microsoft.com/v1.0/groups/0b1c/members",
            ["GroupMember.Read.All", "User.Read.All", "Mail.Read"],
            ["User.Read.All"],
        ),
    ],
    ids=["property of another log", "plain property", "expanded", "members show what the reader may see"],
)
def test_what_a_read_may_need_besides_is_not_unused(graph, uri, roles, kept):
    graph.hold(*roles)
    graph.calls(call("GET", uri))
    facts = graph.facts()
    assert used(facts) == {(roles[0], 1, 0)}
    assert [name for name, code in hidden(facts).items() if code == "may-be-needed-besides"] == kept
    assert sorted(short(unused(facts, AGENT))) == sorted(set(roles[1:]) - set(kept))


def test_a_write_of_a_directory_object_may_need_more_than_the_one_that_let_it_through(graph):
    graph.hold("Group.ReadWrite.All", "RoleManagement.ReadWrite.Directory", "Sites.ReadWrite.All")
    graph.calls(call("POST", "https://graph.microsoft.com/v1.0/groups", 201))
    facts = graph.facts()
    assert hidden(facts)["RoleManagement.ReadWrite.Directory"] == "may-be-needed-besides"
    assert short(unused(facts, AGENT)) == ["Sites.ReadWrite.All"]


def test_a_role_the_table_does_not_know_is_never_unused(graph):
    graph.hold("Mail.Read", "Brandnew.Read.All")
    graph.calls(call("GET", MESSAGES))
    assert hidden(graph.facts())["Brandnew.Read.All"] == "graph-permission-not-known"


def test_refused_calls_are_no_use(graph):
    graph.hold("Mail.Read", "Sites.Read.All")
    graph.calls(call("GET", MESSAGES, 403), call("POST", f"{USERS}/0b1c/sendMail", 403))
    assert used(graph.facts()) == {("Mail.Read", 1, 1), ("Mail.Send", 1, 1)}


def test_what_a_person_called_through_the_application_is_no_use_of_its_roles(graph):
    graph.hold("Mail.Read")
    graph.calls(call("GET", MESSAGES, userId=PERSON))
    assert used(graph.facts()) == set()


def test_a_caller_known_by_client_id_alone_may_be_any_application(graph):
    graph.hold("Mail.Read")
    graph.put("service_principals", [{**service_principal(), "appId": ""}, graph_api("Mail.Read")])
    graph.calls(call("GET", MESSAGES, servicePrincipalId="", appId=number("7")))
    assert hidden(graph.facts()) == {f"{one}": "caller-not-joined" for one in hidden(graph.facts())}


def graph_api(*values):
    return {**api(GRAPH), "appRoles": [{"id": number("5"), "value": value} for value in values]}


@pytest.mark.parametrize(
    ("uri", "written"),
    [
        (MESSAGES, "/users/{id}/messages"),
        ("/beta/Users/jane%40contoso.com/microsoft.graph.sendMail", "/users/{id}/microsoft.graph.sendmail"),
        ("/v1.0/users('0b1c')/messages", "/users/{id}/messages"),
        ("/v1.0/applications(appId='0b1c')", "/applications/{id}"),
        ("/v1.0/users/delta()", "/users/delta"),
        ("/v1.0/reports/getOffice365ActiveUserDetail(period='D7')", "/reports/getoffice365activeuserdetail"),
        ("/v1.0/drives/b!1/root:/a/Secret plan.docx:/content", "/drives/{id}/items/{id}/content"),
        ("/v1.0/sites/contoso.sharepoint.com:/sites/hr:/lists", "/sites/{id}/lists"),
        ("/v1.0/users/1/mailFolders/inbox/messages", "/users/{id}/mailfolders/inbox/messages"),
    ],
)
def test_addresses_are_written_as_parts_of_graph(uri, written):
    assert address(uri) == written


@pytest.mark.parametrize(
    ("method", "path", "needs"),
    [
        ("GET", "/sites/root/lists", "Sites.Read.All"),
        ("GET", "/drives/{id}/root/children", "Files.Read.All"),
        ("GET", "/users/{id}/mailfolders/inbox/messages", "Mail.Read"),
        ("POST", "/users/{id}/microsoft.graph.sendmail", "Mail.Send"),
        ("DELETE", "/groups/{id}/members/{id}/$ref", "GroupMember.ReadWrite.All"),
        ("GET", "/users/$count", "User.Read.All"),
    ],
)
def test_other_spellings_of_a_call_are_the_same_call(method, path, needs):
    found = allowing(method, path)
    assert found is not None
    assert needs in found.allow


def test_a_word_that_is_no_id_fits_no_template():
    assert allowing("GET", address("/v1.0/users/somethingNew")) is None


def test_the_table_says_what_microsofts_own_table_says_of_applications():
    source = SHARED / "msgraph-permissions" / "permissions.json"
    if not source.exists():
        pytest.skip("the shared data are not here")
    compared = 0
    for name, one in json.loads(source.read_text())["permissions"].items():
        if "Application" in one["schemes"]:
            assert name in known_permissions()
        for paths in one["pathSets"]:
            if "Application" not in paths["schemeKeys"] or "Application" not in one["schemes"]:
                continue
            for written in paths["paths"]:
                path = "/".join(template(written.split("?", 1)[0])).replace("...", "{id}")
                for method in paths["methods"]:
                    found = allowing(method, path)
                    assert found is not None, (method, path)
                    assert name in found.allow
                    compared += 1
    assert compared > 12_000


def test_an_app_role_that_no_call_needed_is_taken_away_in_every_form_and_given_back(graph):
    graph.hold("Mail.Read", "Files.ReadWrite.All")
    graph.calls(call("GET", MESSAGES))
    found = only(graph.collect(), AGENT)
    (change,) = [one for one in found.changes if one.kind == "remove-app-role"]
    place = f"https://graph.microsoft.com/v1.0/servicePrincipals/{AGENT}/appRoleAssignments"
    (script,) = [one.content for one in render(found.changes, "cli") if one.form == "cli"]
    assert f"az rest --method delete --url {place}/{change.target}" in script
    (code,) = render(found.changes, "terraform")
    assert 'resource "azuread_app_role_assignment" "old_app_role_' in code.content
    assert f'"/servicePrincipals/{GRAPH}/appRoleAssignedTo/{change.target}"' in code.content
    assert 'variable "keep_old_assignments"' in code.content
    assert f"az rest --method post --url {place} --body" in found.rollback[-1].content
    assert found.restore.standing is Standing.PROVED


def test_the_role_in_use_stays(graph):
    graph.hold("Mail.Read", "Files.ReadWrite.All")
    graph.calls(call("GET", MESSAGES))
    facts, answers = ask(graph.collect(), AGENT)
    kept = facts.permissions.mask([f"{PREFIX}Mail.Read"])
    assert not answers.found[AGENT].removed & kept
    assert answers.found[AGENT].removed == facts.permissions.mask([f"{PREFIX}Files.ReadWrite.All"])
