"""Identities: kinds, accounts, owners, what runs as them, and why they are AI workloads."""

import json

import pytest

from connectors.facts import SignalKind
from connectors.interface import Patterns
from tests.connectors.gcp.records import (
    AGENT,
    NUMBER,
    ORG,
    PROJECT,
    RAG,
    activity,
    binding,
    entry,
    exported,
    role,
    searched,
)

ANCESTORS = [f"projects/{NUMBER}", "folders/77", f"organizations/{ORG}"]
AI = role("roles/aiplatform.user", "aiplatform.endpoints.predict", "aiplatform.models.list")


def asset(kind, name, data, **more):
    return {
        "name": name,
        "assetType": kind,
        "resource": {"version": "v1", "data": data},
        "ancestors": ANCESTORS,
        **more,
    }


def account(email=RAG, **more):
    name = f"projects/{PROJECT}/serviceAccounts/{email}"
    return {
        "name": name,
        "email": email,
        "projectId": PROJECT,
        "uniqueId": "1001",
        "displayName": "RAG",
        **more,
    }


def signals(run, identity):
    return {(s.kind.value, s.value) for s in run.identity(identity).signals}


@pytest.mark.parametrize(
    ("member", "kind", "owner"),
    [
        (f"serviceAccount:{RAG}", "service-account", PROJECT),
        (
            f"serviceAccount:{NUMBER}-compute@developer.gserviceaccount.com",
            "default-service-account",
            PROJECT,
        ),
        (f"serviceAccount:{PROJECT}@appspot.gserviceaccount.com", "default-service-account", PROJECT),
        (
            f"serviceAccount:service-{NUMBER}@gcp-sa-aiplatform-re.iam.gserviceaccount.com",
            "service-agent",
            PROJECT,
        ),
        (f"serviceAccount:{NUMBER}@cloudservices.gserviceaccount.com", "service-agent", PROJECT),
        (
            "serviceAccount:service-7@their-project.iam.gserviceaccount.com",
            "service-account",
            "their-project",
        ),
        ("serviceAccount:x@web.example.com.iam.gserviceaccount.com", "service-account", "example.com:web"),
        ("user:Ann@Example.com", "user", ""),
        (AGENT, "agent-identity", PROJECT),
        (
            f"principal://iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/p/subject/s",
            "federated",
            PROJECT,
        ),
        (
            "principal://iam.googleapis.com/locations/global/workforcePools/p/subject/ann@x.com",
            "federated",
            "",
        ),
    ],
)
def test_kind_and_account_follow_from_the_name(gcp, member, kind, owner):
    run = gcp({"iam_policies": [searched(binding("roles/x", member))], "roles": [AI]})
    [identity] = run.facts.identities
    assert (identity.kind, identity.account, identity.provider) == (kind, owner, "gcp")
    assert identity.managed_by_provider is (kind == "service-agent")


def test_an_exported_account_tells_its_own_facts(gcp):
    run = gcp({"iam_policies": [searched()], "service_accounts": [account(disabled=True)]})
    identity = run.identity(RAG)
    assert (identity.immutable_id, identity.enabled, identity.account, identity.name) == (
        "1001",
        False,
        PROJECT,
        "rag",
    )
    assert run.granted(RAG) == []


def test_an_agent_engine_runs_as_its_agent_identity(gcp):
    engine = asset(
        "aiplatform.googleapis.com/ReasoningEngine",
        f"//aiplatform.googleapis.com/projects/{NUMBER}/locations/us-central1/reasoningEngines/42",
        {
            "displayName": "claims-agent",
            "labels": {"Team": "claims"},
            "spec": {
                "identityType": "AGENT_IDENTITY",
                "effectiveIdentity": AGENT.removeprefix("principal://"),
            },
        },
    )
    run = gcp({"iam_policies": [searched(binding(AI["name"], AGENT))], "roles": [AI], "resources": [engine]})
    identity = run.identity(AGENT)
    assert (identity.name, identity.owner, identity.immutable_id) == ("claims-agent", "claims", AGENT)
    [workload] = identity.workloads
    assert (workload.kind, workload.name) == ("agent", "claims-agent")
    assert ("declared", "runs aiplatform.googleapis.com/ReasoningEngine") in signals(run, AGENT)


def test_an_agent_identity_not_written_out_is_named_from_its_engine(gcp):
    engine = asset(
        "aiplatform.googleapis.com/ReasoningEngine",
        f"//aiplatform.googleapis.com/projects/{NUMBER}/locations/us-central1/reasoningEngines/42",
        {"spec": {"identityType": "AGENT_IDENTITY"}},
    )
    run = gcp({"iam_policies": [searched()], "resources": [engine]})
    assert [one.id for one in run.facts.identities] == [AGENT]


def test_an_engine_without_an_identity_runs_as_its_service_agent(gcp):
    engine = asset(
        "aiplatform.googleapis.com/ReasoningEngine",
        f"//aiplatform.googleapis.com/projects/{NUMBER}/locations/us-central1/reasoningEngines/42",
        {"spec": {"agentFramework": "google-adk"}},
    )
    run = gcp({"iam_policies": [searched()], "resources": [engine]})
    [identity] = run.facts.identities
    assert identity.id == f"service-{NUMBER}@gcp-sa-aiplatform-re.iam.gserviceaccount.com"


@pytest.mark.parametrize(
    ("kind", "name", "data", "declared"),
    [
        (
            "aiplatform.googleapis.com/Endpoint",
            "endpoints/1",
            {"deployedModels": [{"serviceAccount": RAG}]},
            True,
        ),
        ("aiplatform.googleapis.com/CustomJob", "customJobs/1", {"jobSpec": {"serviceAccount": RAG}}, True),
        ("aiplatform.googleapis.com/PipelineJob", "pipelineJobs/1", {"serviceAccount": RAG}, True),
        (
            "notebooks.googleapis.com/Instance",
            "instances/1",
            {"gceSetup": {"serviceAccounts": [{"email": RAG}]}},
            True,
        ),
        ("dialogflow.googleapis.com/Agent", "agents/1", {"serviceAccount": RAG}, True),
        ("run.googleapis.com/Service", "services/1", {"template": {"serviceAccount": RAG}}, False),
        (
            "run.googleapis.com/Service",
            "services/2",
            {"spec": {"template": {"spec": {"serviceAccountName": RAG}}}},
            False,
        ),
        ("cloudfunctions.googleapis.com/CloudFunction", "functions/1", {"serviceAccountEmail": RAG}, False),
        ("compute.googleapis.com/Instance", "instances/2", {"serviceAccounts": [{"email": RAG}]}, False),
        (
            "cloudbuild.googleapis.com/BuildTrigger",
            "triggers/1",
            {"serviceAccount": f"projects/p/serviceAccounts/{RAG}"},
            False,
        ),
    ],
)
def test_resources_declare_what_they_run_as_and_only_ai_services_declare_ai(gcp, kind, name, data, declared):
    made = asset(kind, f"//x.googleapis.com/projects/{PROJECT}/locations/us/{name}", data)
    run = gcp({"iam_policies": [searched()], "resources": [made]})
    assert len(run.identity(RAG).workloads) == 1
    assert bool(signals(run, RAG)) is declared


def test_search_results_and_plain_lists_of_resources_are_read(gcp):
    found = {
        "name": f"//aiplatform.googleapis.com/projects/{PROJECT}/locations/us/customJobs/1",
        "assetType": "aiplatform.googleapis.com/CustomJob",
        "project": f"projects/{NUMBER}",
        "labels": {"owner": "ml-team"},
        "versionedResources": [{"version": "v1", "resource": {"jobSpec": {"serviceAccount": RAG}}}],
    }
    plain = {"name": f"projects/{PROJECT}/locations/us/pipelineJobs/9", "serviceAccount": RAG}
    bare = {**found, "name": found["name"] + "2"}
    del bare["versionedResources"]
    run = gcp({"iam_policies": [searched()], "resources": [found, plain, bare]})
    identity = run.identity(RAG)
    assert ({w.kind for w in identity.workloads}, identity.owner) == ({"training-job", "pipeline"}, "ml-team")
    assert len(run.caveats("without its own content")) == 1


@pytest.mark.parametrize(
    ("name", "permissions", "expected"),
    [
        ("roles/aiplatform.user", ("aiplatform.endpoints.predict",), True),
        ("roles/dialogflow.client", ("dialogflow.sessions.detectIntent",), True),
        ("roles/notebooks.viewer", ("notebooks.instances.get",), False),
        ("roles/aiplatform.viewer", ("aiplatform.reasoningEngines.query",), True),
        ("roles/owner", ("aiplatform.endpoints.predict",), False),
        ("roles/viewer", ("aiplatform.endpoints.predict",), False),
        (f"projects/{PROJECT}/roles/tool", ("aiplatform.endpoints.predict",), True),
        (f"projects/{PROJECT}/roles/tool", ("storage.objects.get",), False),
    ],
)
def test_roles_of_ai_services_and_custom_roles_with_their_permissions_are_signals(
    gcp, name, permissions, expected
):
    run = gcp(
        {
            "iam_policies": [searched(binding(name, f"serviceAccount:{RAG}"))],
            "roles": [role(name, *permissions)],
        }
    )
    assert bool(signals(run, RAG)) is expected


def test_a_person_s_grants_and_calls_of_models_are_no_signal(gcp):
    settings = {"iam_policies": [searched(binding(AI["name"], "user:ann@example.com"))], "roles": [AI]}
    assert signals(gcp(settings), "ann@example.com") == set()
    call = entry("aiplatform.endpoints.predict", who="ann@example.com")
    run = gcp({**settings, "audit_logs": [call]})
    assert signals(run, "ann@example.com") == set()
    assert run.used("ann@example.com") == ["aiplatform.endpoints.predict"]


def test_refused_calls_of_models_are_no_signal(gcp):
    call = entry("aiplatform.endpoints.predict", granted=False)
    run = gcp({"iam_policies": [searched(binding("roles/x", f"serviceAccount:{RAG}"))], "audit_logs": [call]})
    assert signals(run, RAG) == set()


def test_configured_names_and_labels_are_signals(gcp):
    service = asset(
        "run.googleapis.com/Service",
        f"//run.googleapis.com/projects/{PROJECT}/locations/us/services/s",
        {"template": {"serviceAccount": RAG}, "labels": {"workload": "LLM"}},
    )
    patterns = Patterns(names=("RAG*",), tags=("workload=llm",))
    run = gcp({"iam_policies": [searched()], "resources": [service]}, patterns=patterns)
    assert signals(run, RAG) == {("name", "RAG*"), ("tag", "workload=llm")}


def test_who_may_act_as_an_account_is_listed_from_its_policy_and_its_project(gcp):
    token = role("roles/iam.serviceAccountTokenCreator", "iam.serviceAccounts.getAccessToken")
    own = exported(
        binding(token["name"], "user:bob@example.com", AGENT),
        resource=f"//iam.googleapis.com/projects/{PROJECT}/serviceAccounts/1001",
        kind="iam.googleapis.com/ServiceAccount",
    )
    project = searched(
        binding("roles/iam.serviceAccountUser", "group:deployers@example.com"),
        binding("roles/storage.objectViewer", "user:reader@example.com"),
    )
    run = gcp({"iam_policies": [own, project], "roles": [token], "service_accounts": [account()]})
    assert run.identity(RAG).trusted == (
        "group:deployers@example.com",
        AGENT,
        "user:bob@example.com",
    )
    assert ("trust", AGENT) in signals(run, RAG)


def test_editors_may_act_as_every_account_of_their_project_but_not_as_service_agents(gcp):
    editor = role("roles/editor", "iam.serviceAccounts.actAs", "compute.instances.create")
    service_agent = f"service-{NUMBER}@gcp-sa-aiplatform.iam.gserviceaccount.com"
    policy = searched(
        binding("roles/editor", "user:ann@example.com"),
        binding("roles/aiplatform.serviceAgent", f"serviceAccount:{service_agent}"),
    )
    run = gcp({"iam_policies": [policy], "roles": [editor], "service_accounts": [account()]})
    assert run.identity(RAG).trusted == ("user:ann@example.com",)
    assert run.identity(service_agent).trusted == ()


def test_an_agent_seen_only_in_the_log_is_an_identity_and_a_person_is_not(gcp):
    logs = [entry("storage.objects.get", who="", subject=AGENT), activity("ann@example.com")]
    run = gcp({"audit_logs": logs})
    assert [one.id for one in run.facts.identities] == [AGENT]
    assert SignalKind.LOG in {signal.kind for signal in run.identity(AGENT).signals}
    assert run.facts.entitlements == {}
    assert {row.identity for row in run.facts.usage} == {AGENT, "ann@example.com"}


def test_whoever_called_a_model_is_an_identity_even_if_no_export_names_it(gcp):
    call = entry("aiplatform.endpoints.predict", service="aiplatform.googleapis.com")
    run = gcp({"audit_logs": [call, activity()]})
    assert [one.id for one in run.facts.identities] == [RAG]
    assert signals(run, RAG) == {("usage", "aiplatform.endpoints.predict")}
    assert RAG not in run.facts.entitlements


def test_the_first_source_that_names_an_identity_is_its_source(gcp):
    run = gcp({"iam_policies": [searched(binding("roles/x", f"serviceAccount:{RAG}"))], "roles": [AI]})
    assert run.identity(RAG).source == "pilot"


def test_what_list_commands_of_services_print_is_read(gcp):
    service = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {
            "name": "chat",
            "namespace": NUMBER,
            "labels": {"cloud.googleapis.com/location": "us-central1", "owner": "team-chat"},
            "annotations": {"last-applied": "TOKEN=hunter2"},
        },
        "spec": {"template": {"spec": {"serviceAccountName": RAG}}},
    }
    machine = {
        "kind": "compute#instance",
        "name": "vm",
        "selfLink": f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/zones/z/instances/vm",
        "serviceAccounts": [{"email": RAG, "scopes": []}],
    }
    project = {"projectId": PROJECT, "projectNumber": NUMBER, "name": "Agents", "lifecycleState": "ACTIVE"}
    run = gcp({"resources": [service, machine, project], "iam_policies": [searched()]})
    rag = run.identity(RAG)
    assert rag.owner == "team-chat"
    assert [(load.kind, load.id) for load in rag.workloads] == [
        ("cloud-run-service", f"projects/{NUMBER}/locations/us-central1/services/chat"),
        ("machine", f"projects/{PROJECT}/zones/z/instances/vm"),
    ]
    assert "hunter2" not in json.dumps(
        [dict(one) for s in run.bundle.sources for one in s.records("resources")]
    )


def test_labels_of_a_cloud_run_asset_name_the_owner(gcp):
    data = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "chat", "namespace": NUMBER, "labels": {"team": "chat"}},
        "spec": {"template": {"spec": {"serviceAccountName": RAG}}},
    }
    asset = {
        "name": f"//run.googleapis.com/projects/{PROJECT}/locations/us-central1/services/chat",
        "assetType": "run.googleapis.com/Service",
        "resource": {"data": data},
    }
    run = gcp({"resources": [asset], "iam_policies": [searched()]})
    assert run.identity(RAG).owner == "chat"


@pytest.mark.parametrize(
    ("kind", "data", "identity"),
    [
        ("CustomJob", {"jobSpec": {}}, "service-{number}@gcp-sa-aiplatform-cc.iam.gserviceaccount.com"),
        ("TuningJob", {}, "service-{number}@gcp-sa-vertex-tune.iam.gserviceaccount.com"),
        ("PipelineJob", {}, "{number}-compute@developer.gserviceaccount.com"),
    ],
)
def test_a_job_that_names_no_account_runs_as_the_documented_default(gcp, kind, data, identity):
    asset = {
        "name": f"//aiplatform.googleapis.com/projects/{PROJECT}/locations/us-central1/jobs/1",
        "assetType": f"aiplatform.googleapis.com/{kind}",
        "resource": {"data": {"displayName": "nightly", **data}},
    }
    run = gcp({"resources": [asset], "iam_policies": [searched()]})
    found = run.identity(identity.format(number=NUMBER))
    assert [load.name for load in found.workloads] == ["nightly"]
    assert found.signals[0].value == f"runs aiplatform.googleapis.com/{kind}"


def test_an_agent_identity_not_written_out_is_the_one_that_bindings_or_logs_name(gcp):
    asset = {
        "name": f"//aiplatform.googleapis.com/projects/{PROJECT}/locations/us-central1/reasoningEngines/42",
        "assetType": "aiplatform.googleapis.com/ReasoningEngine",
        "resource": {
            "data": {
                "name": f"projects/{NUMBER}/locations/us-central1/reasoningEngines/42",
                "displayName": "planner",
                "spec": {"identityType": "AGENT_IDENTITY"},
            }
        },
    }
    policy = {"bindings": [binding("roles/r", AGENT)]}
    run = gcp({"resources": [asset], "iam_policies": policy}, texts={"scope": f"projects/{PROJECT}"})
    assert run.identity(AGENT).name == "planner"
    run = gcp(
        {"resources": [asset], "iam_policies": {"bindings": []}}, texts={"scope": f"projects/{PROJECT}"}
    )
    assert (run.facts.identities, len(run.caveats("an AI resource that names no identity"))) == ((), 1)


def test_an_agent_of_a_project_without_organization_is_named_by_the_project(gcp):
    asset = {
        "name": f"//aiplatform.googleapis.com/projects/{PROJECT}/locations/us-central1/reasoningEngines/42",
        "assetType": "aiplatform.googleapis.com/ReasoningEngine",
        "resource": {"data": {"spec": {"identityType": "AGENT_IDENTITY"}}},
        "ancestors": [f"projects/{NUMBER}"],
    }
    run = gcp({"resources": [asset], "iam_policies": [exported(ancestors=(f"projects/{NUMBER}",))]})
    [found] = run.facts.identities
    assert found.id == AGENT.replace(f"org-{ORG}", f"project-{NUMBER}")


def test_a_grant_to_a_person_of_a_workforce_pool_is_no_signal(gcp):
    member = "principal://iam.googleapis.com/locations/global/workforcePools/staff/subject/ann"
    policies = [searched(binding("roles/aiplatform.user", member))]
    run = gcp(
        {"iam_policies": policies, "roles": [role("roles/aiplatform.user", "aiplatform.endpoints.predict")]}
    )
    ann = run.identity(member)
    assert (ann.name, ann.signals) == ("ann", ())


def test_of_very_many_who_may_act_as_an_account_the_first_and_all_sets_are_listed(gcp):
    editors = [f"user:u{number:04}@example.com" for number in range(250)]
    bound = binding("roles/editor", *editors, "group:ops@example.com", "domain:example.com")
    policy = searched(bound, binding("roles/x", f"serviceAccount:{RAG}"))
    trusted = gcp({"iam_policies": [policy]}).identity(RAG).trusted
    assert ("domain:example.com", "group:ops@example.com", "user:u0000@example.com") == trusted[:3]
    assert 103 == len(trusted)
    assert "150 more users and service accounts by roles on projects/agents-prod or above it" == trusted[-1]


def test_an_agent_that_no_resource_is_while_others_are_listed_is_named(gcp):
    other = {
        "name": f"//aiplatform.googleapis.com/projects/{PROJECT}/locations/us-central1/reasoningEngines/43",
        "assetType": "aiplatform.googleapis.com/ReasoningEngine",
        "project": f"projects/{NUMBER}",
    }
    own = {**other, "name": other["name"].replace("/43", "/42")}
    policy = searched(binding(AI["name"], AGENT))

    def stale(*resources, **more):
        run = gcp({"iam_policies": [policy], "roles": [AI], "resources": list(resources), **more})
        return run.caveats("no resource of the evidence is")

    assert len(stale(other)) == 1
    assert stale(other, own) == []
    assert stale() == []
    assert stale(other, audit_logs=[entry("aiplatform.endpoints.predict", who="", subject=AGENT)]) == []
