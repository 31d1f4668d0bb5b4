"""Identities: what each principal is, what runs as it, and why it is called an AI workload."""

import json

import pytest

from connectors.facts import SignalKind
from connectors.interface import Patterns
from tests.connectors.azure.harness import facts_of
from tests.connectors.azure.synthetic import (
    AGENT,
    AGENT_APP,
    BLOB_READER,
    CONTRIBUTOR,
    CUSTOM,
    FOUNDRY_USER,
    GROUP,
    OPENAI_USER,
    OTHER_SUB,
    OWNER,
    PERSON,
    READER,
    SUB,
    ai_account,
    assignment,
    event,
    openai_event,
    role,
    service_principal,
    storage_account,
    subscription,
)

OTHER = "a9e07000-0000-4000-8000-000000000009"


def the(facts, identifier=AGENT):
    (found,) = [identity for identity in facts.identities if identity.id == identifier]
    return found


def kinds(facts, identifier=AGENT):
    return {signal.kind for signal in the(facts, identifier).signals}


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, "service-principal"),
        ({"servicePrincipalType": "ManagedIdentity"}, "managed-identity"),
        ({"servicePrincipalType": "ServiceIdentity"}, "agent-identity"),
        ({"@odata.type": "#microsoft.graph.agentIdentity"}, "agent-identity"),
        ({"@odata.type": "#microsoft.graph.agentIdentityBlueprintPrincipal"}, "agent-blueprint"),
    ],
)
def test_the_directory_says_what_a_principal_is(desk, fields, kind):
    desk.put("service_principals", [service_principal(**fields)])
    assert the(desk.facts()).kind == kind


@pytest.mark.parametrize(
    ("written", "kind"), [("ServicePrincipal", "service-principal"), ("User", "user"), ("Group", "group")]
)
def test_without_the_directory_the_assignment_says_it(desk, written, kind):
    desk.put("role_assignments", [assignment(AGENT, READER, kind=written, principalName="somebody")])
    found = the(desk.facts())
    assert (found.kind, found.name, found.account) == (kind, "somebody", SUB)


def test_the_facts_of_a_service_principal(desk):
    owners = [{"userPrincipalName": "zoe@example.com"}, {"userPrincipalName": "adam@example.com"}]
    desk.put("service_principals", [service_principal(accountEnabled=False, owners=owners)])
    found = the(desk.facts())
    assert (found.name, found.enabled, found.created) == ("pilot-agent", False, "2026-01-01T00:00:00Z")
    assert (found.owner, found.source, found.provider) == (
        "adam@example.com, zoe@example.com",
        "azure",
        "azure",
    )


def test_microsofts_own_applications_are_managed_by_the_provider(desk):
    first_party = service_principal(appOwnerOrganizationId="f8cdef31-a31e-4b4a-93e4-5f571e91255a")
    desk.put("service_principals", [first_party])
    assert the(desk.facts()).managed_by_provider


def test_resources_say_which_managed_identity_they_run_as(desk):
    mine = f"/subscriptions/{SUB}/resourceGroups/agents/providers/Microsoft.ManagedIdentity/userAssignedIdentities/mind"
    app = {
        "id": f"/subscriptions/{SUB}/resourceGroups/agents/providers/Microsoft.App/containerApps/chat",
        "name": "chat",
        "type": "Microsoft.App/containerApps",
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {mine: {"clientId": AGENT_APP}}},
        "tags": {"owner": "team-a"},
    }
    identity = {
        "id": mine,
        "name": "mind",
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
        "principalId": AGENT,
        "clientId": AGENT_APP,
        "tags": {"team": "team-b"},
    }
    desk.put("resources", [app, identity])
    found = the(desk.facts())
    assert (found.kind, found.name, found.account, found.owner) == ("managed-identity", "mind", SUB, "team-a")
    assert [workload.name for workload in found.workloads] == ["chat"]
    assert found.signals == ()


@pytest.mark.parametrize(
    "kind",
    [
        "Microsoft.CognitiveServices/accounts",
        "Microsoft.CognitiveServices/accounts/projects",
        "Microsoft.MachineLearningServices/workspaces/onlineEndpoints",
        "Microsoft.Search/searchServices",
        "Microsoft.BotService/botServices",
    ],
)
def test_the_identity_of_an_ai_resource_is_declared(desk, kind):
    resource = {"id": ai_account(), "type": kind, "name": "brain", "identity": {"principalId": AGENT}}
    desk.put("resources", [resource])
    assert kinds(desk.facts()) == {SignalKind.DECLARED}


@pytest.mark.parametrize(
    ("guid", "expected"),
    [
        (OPENAI_USER, {SignalKind.GRANT}),
        (FOUNDRY_USER, {SignalKind.GRANT}),
        (OWNER, set()),
        (CONTRIBUTOR, set()),
        (READER, set()),
        (BLOB_READER, set()),
    ],
)
def test_a_role_that_names_an_ai_provider_is_a_signal_and_a_bare_star_is_none(
    desk, built_in_roles, guid, expected
):
    desk.put("role_assignments", [assignment(AGENT, guid)])
    desk.put("role_definitions", built_in_roles)
    assert kinds(desk.facts()) == expected


def test_people_and_groups_with_ai_roles_are_no_workloads(desk, built_in_roles):
    roles = [assignment(PERSON, OPENAI_USER, kind="User"), assignment(GROUP, OPENAI_USER, kind="Group")]
    desk.put("role_assignments", roles)
    desk.put("role_definitions", built_in_roles)
    facts = desk.facts()
    assert kinds(facts, PERSON) == kinds(facts, GROUP) == set()


def test_calling_a_model_is_a_signal_even_for_a_principal_nothing_else_names(desk):
    desk.put("role_assignments", [])
    desk.put("resource_logs", [openai_event()])
    found = the(desk.facts())
    assert (found.kind, found.account, found.source) == ("service-principal", SUB, "azure")
    assert {signal.kind for signal in found.signals} == {SignalKind.USAGE}


def test_a_token_issued_to_an_ai_resource_is_a_signal(desk):
    record = event("Microsoft.X/y/write")
    record["claims"]["xms_mirid"] = ai_account()
    desk.put("activity_logs", [record])
    assert kinds(desk.facts()) == {SignalKind.LOG}


def test_names_and_tags_are_signals_where_the_config_says_so(desk):
    desk.put("service_principals", [service_principal(tags=["purpose=agent", "HideApp"])])
    memory = desk.collect()
    patterns = Patterns(names=("*AGENT*",), tags=("purpose=*",))
    assert kinds(facts_of(memory, patterns=patterns)) == {SignalKind.NAME, SignalKind.TAG}
    assert kinds(facts_of(memory)) == set()


def test_tags_of_agent_builders_are_known(desk):
    desk.put("service_principals", [service_principal(tags=["AgentCreatedBy:CopilotStudio"])])
    assert kinds(desk.facts()) == {SignalKind.TAG}


def test_foundry_names_both_agent_identities_and_what_they_are_made_of(desk, shared):
    """Recorded ARM replies of 2026-06, cloud-custodian, Apache-2.0."""
    replies = json.loads((shared / "foundry" / "foundry_arm_responses_trimmed.json").read_text())
    desk.put("resources", [record for reply in replies for record in reply["body"]["value"]])
    facts = desk.facts()
    application = "97121558-92b9-4af9-906e-bdb8cddec805"
    assert the(facts, application).kind == "agent-blueprint"
    instance = the(facts, "b1881f37-65ec-41b3-931c-9ee559dec898")
    assert (instance.kind, instance.trusted) == (
        "agent-identity",
        (f"agent identity blueprint {application}",),
    )
    assert the(facts, "7b486210-a94a-4be2-89c6-fe9a0862b281").kind == "agent-identity"
    assert len(facts.identities) == 20
    assert all(SignalKind.DECLARED in kinds(facts, identity.id) for identity in facts.identities)


def test_whose_keys_can_be_fetched_is_said(desk, built_in_roles):
    """Domain note 1.8: absent `disableLocalAuth` means keys work."""
    desk.put("role_assignments", [assignment(AGENT, FOUNDRY_USER)])
    desk.put("role_definitions", built_in_roles)
    account = {
        "id": ai_account(),
        "type": "Microsoft.CognitiveServices/accounts",
        "name": "brain",
        "properties": {},
    }
    desk.put("resources", [account, {"id": storage_account(), "type": "Microsoft.Storage/storageAccounts"}])
    said = [caveat for caveat in desk.facts().caveats if "can fetch account keys" in caveat.what]
    assert [(AGENT in one.what, one.where) for one in said] == [(True, "accounts that accept keys: brain")]
    desk.put("resources", [account | {"properties": {"disableLocalAuth": True}}])
    assert not [caveat for caveat in desk.facts().caveats if "can fetch account keys" in caveat.what]


def ai_resource(name, **properties):
    return {
        "id": ai_account(name),
        "type": "Microsoft.CognitiveServices/accounts",
        "name": name,
        "properties": properties,
    }


def test_only_those_whose_scope_holds_an_account_are_said_to_fetch_its_keys(desk, built_in_roles):
    everywhere = assignment(AGENT, FOUNDRY_USER)
    above = assignment(OTHER, FOUNDRY_USER, "/providers/Microsoft.Management/managementGroups/all")
    desk.put("role_assignments", [everywhere, above, assignment(PERSON, FOUNDRY_USER, ai_account("one"))])
    desk.put("role_definitions", built_in_roles)
    desk.put("resources", [ai_resource("one"), ai_resource("two"), ai_resource("three")])
    said = {
        caveat.where.removeprefix("accounts that accept keys: "): caveat.what.partition(" can fetch")[0]
        for caveat in desk.facts().caveats
        if "can fetch account keys" in caveat.what
    }
    assert said == {"one": "3 identities", "three, two": "2 identities"}


def test_an_agents_blueprint_is_named_once_by_its_object_id(desk):
    """Entra names it by application id, a Foundry project by both."""
    blueprint, application = "b1000000-0000-4000-8000-000000000001", "b1000000-0000-4000-8000-0000000000aa"
    agent = {"@odata.type": "#microsoft.graph.agentIdentity", "servicePrincipalType": "ServiceIdentity"}
    desk.put("service_principals", [service_principal(**agent, agentIdentityBlueprintId=application)])
    named = {
        "agentIdentityId": AGENT,
        "agentIdentityBlueprintId": application,
        "agentIdentityBlueprintObjectId": blueprint,
    }
    project = {
        "id": f"{ai_account()}/projects/claims",
        "type": "Microsoft.CognitiveServices/accounts/projects",
        "properties": {"agentIdentity": named},
    }
    assert the(desk.facts()).trusted == (f"agent identity blueprint {application}",)
    desk.put("resources", [project])
    assert the(desk.facts()).trusted == (f"agent identity blueprint {blueprint}",)


def test_an_identity_belongs_to_the_subscription_of_its_resource(desk):
    """Of several subscriptions in which it only has roles the first with logs is taken."""
    desk.put("role_definitions", [role(CUSTOM, "R", actions=["Microsoft.X/y/write"])])
    desk.put(
        "role_assignments", [assignment(AGENT, CUSTOM), assignment(AGENT, CUSTOM, subscription(OTHER_SUB))]
    )
    assert the(desk.facts()).account == SUB
    desk.put("activity_logs", [event("Microsoft.X/y/write", scope=subscription(OTHER_SUB))])
    assert the(desk.facts()).account == OTHER_SUB
    function = f"{subscription(OTHER_SUB)}/resourceGroups/g/providers/Microsoft.Web/sites/f"
    desk.put("activity_logs", [event("Microsoft.X/y/write")])
    desk.put("resources", [{"id": function, "identity": {"principalId": AGENT}}])
    assert the(desk.facts()).account == OTHER_SUB


def user_assigned(name="runner", who=AGENT):
    return {
        "id": f"{subscription()}/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}",
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
        "name": name,
        "properties": {"principalId": who, "clientId": AGENT_APP, "tenantId": CUSTOM},
    }


def bot(**properties):
    where = f"{subscription()}/resourceGroups/g/providers/Microsoft.BotService/botServices/helper"
    kind = "Microsoft.BotService/botServices"
    return {"id": where, "type": kind, "name": "helper", "kind": "azurebot", "properties": properties}


def test_a_bot_is_declared_by_the_app_registration_or_identity_it_runs_as(desk):
    """A bot has no identity of its own: it names an application, and the user-assigned identity if it is one."""
    desk.put("service_principals", [service_principal()])
    desk.put("resources", [bot(msaAppId=AGENT_APP, msaAppType="SingleTenant")])
    found = the(desk.facts())
    assert (found.kind, [load.name for load in found.workloads]) == ("service-principal", ["helper"])
    assert kinds(desk.facts()) == {SignalKind.DECLARED}
    identity = user_assigned()
    desk.put("service_principals", [service_principal(OTHER, appId=CUSTOM)])
    desk.put("resources", [identity, bot(msaAppId=AGENT_APP, msaAppMSIResourceId=identity["id"])])
    found = the(desk.facts())
    assert (found.kind, kinds(desk.facts())) == ("managed-identity", {SignalKind.DECLARED})


def test_an_ordinary_app_registration_is_no_ai_workload(desk, built_in_roles):
    desk.put("service_principals", [service_principal(), service_principal(OTHER, appId=CUSTOM)])
    roles = (READER, CONTRIBUTOR, BLOB_READER, "4633458b-17de-408a-b874-0445c86b69e6")
    desk.put("role_assignments", [assignment(AGENT, one) for one in roles])
    desk.put("role_definitions", built_in_roles)
    desk.put(
        "activity_logs",
        [event("Microsoft.Web/sites/write"), event("Microsoft.Storage/storageAccounts/write")],
    )
    assert (kinds(desk.facts()), kinds(desk.facts(), OTHER)) == (set(), set())


@pytest.mark.parametrize("kind", ["Microsoft.App/containerApps", "Microsoft.Web/sites"])
def test_an_app_with_a_model_role_is_a_workload_by_its_grant(desk, built_in_roles, kind):
    app = {
        "id": f"{subscription()}/resourceGroups/g/providers/{kind}/answers",
        "type": kind,
        "name": "answers",
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {user_assigned()["id"]: {}}},
    }
    desk.put("resources", [app, user_assigned()])
    desk.put("role_assignments", [assignment(AGENT, OPENAI_USER, ai_account())])
    desk.put("role_definitions", built_in_roles)
    found = the(desk.facts())
    assert (found.kind, [load.kind for load in found.workloads]) == ("managed-identity", [kind.lower()])
    (signal,) = found.signals
    assert (signal.kind, "Cognitive Services OpenAI User" in signal.value) == (SignalKind.GRANT, True)


def test_the_federation_of_a_user_assigned_identity_is_trust_and_credential(desk):
    """AKS workload identity: the subject is a Kubernetes service account."""
    identity = user_assigned()
    federation = {
        "id": f"{identity['id']}/federatedIdentityCredentials/aks",
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
        "name": "aks",
        "properties": {
            "issuer": "https://oidc.example.com/cluster/",
            "subject": "system:serviceaccount:agents:claims",
            "audiences": ["api://AzureADTokenExchange"],
        },
    }
    desk.put("resources", [identity, federation])
    facts = desk.facts()
    assert the(facts).trusted == ("https://oidc.example.com/cluster/ system:serviceaccount:agents:claims",)
    assert [(one.identity, one.kind, one.long_lived, one.last_used_known) for one in facts.credentials] == [
        (AGENT, "federated", False, False)
    ]


def test_operations_that_hand_out_keys_are_reach_while_some_account_accepts_keys(desk):
    """Domain note 1.8: a key gives everything, whatever the role says."""
    operation = "Microsoft.CognitiveServices/accounts/listKeys/action"
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    desk.put("role_definitions", [role(CUSTOM, "Keys", actions=[operation])])
    account = {"id": ai_account(), "type": "Microsoft.CognitiveServices/accounts", "properties": {}}
    desk.put("resources", [account])
    facts = desk.facts()
    assert operation in facts.permissions.names(facts.reach["model"])
    desk.put("resources", [{**account, "properties": {"disableLocalAuth": True}}])
    facts = desk.facts()
    assert operation not in facts.permissions.names(facts.reach["model"])


def test_connections_with_a_stored_key_are_said(desk):
    desk.put("role_assignments", [])
    desk.put(
        "resources",
        [
            {
                "id": f"{ai_account()}/projects/p/connections/search",
                "properties": {"authType": "ApiKey", "target": "https://find.example"},
            },
            {"id": f"{ai_account()}/projects/p/connections/own", "properties": {"authType": "AAD"}},
        ],
    )
    (said,) = [one for one in desk.facts().caveats if "stored key" in one.what]
    assert "1 connections sign in with a stored key: search (ApiKey) to https://find.example" == said.what


def test_settings_of_containers_name_model_services_by_name_only(desk):
    app = {
        "id": f"{subscription()}/resourceGroups/agents/providers/Microsoft.App/containerApps/front",
        "type": "Microsoft.App/containerApps",
        "identity": {"type": "SystemAssigned", "principalId": AGENT},
        "properties": {
            "template": {
                "containers": [
                    {"env": [{"name": "AZURE_OPENAI_ENDPOINT", "value": "planted"}, {"name": "TZ"}]}
                ]
            }
        },
    }
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    desk.put("resources", [app])
    (identity,) = desk.facts().identities
    assert [(SignalKind.NAME, "setting AZURE_OPENAI_ENDPOINT")] == [
        (s.kind, s.value) for s in identity.signals
    ]


@pytest.mark.parametrize("owner", ["application", "managed identity"])
def test_aks_workload_identity_is_a_workload_of_its_identity(desk, owner):
    federation = {
        "name": "aks",
        "issuer": "https://oidc.example/1",
        "subject": "system:serviceaccount:agents:front",
    }
    desk.put("role_assignments", [assignment(AGENT, CUSTOM)])
    if owner == "application":
        desk.put("service_principals", [service_principal()])
        desk.put(
            "applications", [{"id": "app", "appId": AGENT_APP, "federatedIdentityCredentials": [federation]}]
        )
    else:
        runner = f"{subscription()}/resourceGroups/a/providers/Microsoft.ManagedIdentity/userAssignedIdentities/runner"
        desk.put(
            "resources",
            [
                {"id": runner, "properties": {"principalId": AGENT}},
                {"id": f"{runner}/federatedIdentityCredentials/aks", "properties": federation},
            ],
        )
    (identity,) = [one for one in desk.facts().identities if one.id == AGENT]
    assert [("kubernetes service account", "agents/front")] == [(w.kind, w.name) for w in identity.workloads]
    assert ("https://oidc.example/1 system:serviceaccount:agents:front",) == identity.trusted


def test_an_app_that_is_connected_with_a_key_is_said(desk):
    app = f"{ai_account().partition('/providers/')[0]}/providers/Microsoft.Web/sites/front"
    linker = {
        "id": f"{app}/providers/Microsoft.ServiceLinker/linkers/model",
        "type": "microsoft.servicelinker/linkers",
        "properties": {"targetService": {"id": ai_account()}, "authInfo": {"authType": "secret"}},
    }
    site = {"id": app, "type": "Microsoft.Web/sites", "identity": {"principalId": AGENT}}
    desk.put("role_assignments", [])
    desk.put("resources", [site, linker])
    facts = desk.facts()
    assert [one.kind for one in the(facts, AGENT).signals] == [SignalKind.DECLARED]
    (said,) = [one for one in facts.caveats if "sign in with a stored key" in one.what]
    assert (f"model (secret) to {ai_account()}" in said.what, said.where) == (
        True,
        "microsoft.web/sites/front",
    )


@pytest.mark.parametrize(
    ("scopes", "short"),
    [
        ([storage_account()], True),
        ([storage_account(), f"/subscriptions/{SUB}"], False),
        ([storage_account(), "/"], False),
        ([storage_account(), "/providers/Microsoft.Management/managementGroups/top"], False),
    ],
)
def test_a_list_of_assignments_read_from_below_is_said(desk, scopes, short):
    desk.put("role_assignments", [assignment(AGENT, CUSTOM, scope) for scope in scopes])
    desk.put("role_definitions", [role(CUSTOM, "R", actions=["Microsoft.X/y/write"])])
    said = [one for one in desk.facts().caveats if "read at a narrower scope" in one.what]
    assert bool(said) is short


def test_assignments_of_principals_that_no_list_names_are_said(desk):
    gone = "dead0000-0000-4000-8000-000000000001"
    desk.put("role_assignments", [assignment(one, CUSTOM) for one in (AGENT, gone)])
    desk.put("role_definitions", [role(CUSTOM, "R", actions=["Microsoft.X/y/write"])])
    assert not [one for one in desk.facts().caveats if "no list names" in one.what]
    desk.put("service_principals", [service_principal()])
    (said,) = [one for one in desk.facts().caveats if "no list names" in one.what]
    assert said.where == gone
    desk.put("resources", [{"id": ai_account(), "identity": {"principalId": gone}}])
    assert not [one for one in desk.facts().caveats if "no list names" in one.what]
