"""What fails costs its part, is named with the command that mends it, and takes nothing else along."""

import grpc
import pytest

from connectors.gcp.live.access import LOG_QUERY, access_table
from connectors.interface import Status
from tests.connectors.gcp.live.fake import disabled, error, paged
from tests.connectors.gcp.records import AGENT, NUMBER, ORG, PROJECT, RAG, binding

PARTS = {
    "cloudresourcemanager.folders.get": ("GET /v3/folders/77", "ancestry"),
    "cloudasset.searchAllIamPolicies": ("GET .*:searchAllIamPolicies", "iam_policies"),
    "cloudasset.assets.list": ("GET .*/assets", "iam_policies"),
    "cloudasset.searchAllResources": ("GET .*:searchAllResources", "resources"),
    "aiplatform.reasoningEngines.list": ("GET .*/reasoningEngines", "resources"),
    "iam.denypolicies.list": ("GET /v2/policies/.*/denypolicies", "deny_policies"),
    "iam.denypolicies.get": ("GET /v2/policies/.*/denypolicies/no-secrets", "deny_policies"),
    "iam.principalAccessBoundaryPolicies.list": (
        "GET .*/principalAccessBoundaryPolicies",
        "access_boundaries",
    ),
    "iam.principalAccessBoundaryPolicies.searchPolicyBindings": (
        "GET .*:searchPolicyBindings",
        "access_boundaries",
    ),
    "apikeys.keys.list": ("GET /v2/projects/.*/keys", "api_keys"),
    "iam.workloadIdentityPools.list": ("GET .*/workloadIdentityPools", "workload_identity"),
    "iam.workloadIdentityPoolProviders.list": ("GET .*/providers", "workload_identity"),
    "recommender.iamPolicyInsights.list": ("GET .*policy.Insight/insights", "recommender_insights"),
    "recommender.iamServiceAccountInsights.list": (
        "GET .*serviceAccount.Insight/insights",
        "recommender_insights",
    ),
    "policyanalyzer.serviceAccountActivities.query": (
        "GET .*serviceAccountLastAuthentication/activities:query",
        "activity",
    ),
    "monitoring.timeSeries.list": ("GET .*/timeSeries", "api_metrics"),
    "logging.buckets.list": ("GET .*/buckets", "log_buckets"),
    "logging.sinks.list": ("GET .*/sinks", "log_buckets"),
    "logging.entries.list": ("POST /v2/entries:list", "log_entries"),
}


def troubled(run):
    return {o.part: o for s in run.bundle.sources for o in s.outcomes() if o.status is not Status.OK}


@pytest.mark.parametrize("call", PARTS)
def test_a_refused_api_costs_its_part_and_names_the_command(google, live, call):
    pattern, part = PARTS[call]
    google.route(pattern, error(403, "Permission denied on resource"))
    run = live(log_entries="true")
    found = troubled(run)
    assert [part] == sorted(set(found) - ({"access_boundaries"} if part == "ancestry" else set()))
    assert f"{call} was refused on" in found[part].reason
    assert "add-iam-policy-binding" in found[part].reason
    assert "--condition=None" in found[part].reason


def test_a_refused_grpc_call_does_the_same(google, live):
    def refuse(request, context):
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "not yours")

    google.grpc["ListServiceAccounts"] = refuse
    found = troubled(live())
    assert ["service_accounts"] == sorted(found)
    assert "iam.serviceAccounts.list was refused on projects/agents-prod" in found["service_accounts"].reason
    assert "--role=roles/iam.serviceAccountViewer" in found["service_accounts"].reason


def test_an_api_that_is_not_enabled_names_the_command_that_enables_it(google, live):
    google.route("GET .*/insights", disabled("recommender.googleapis.com"))
    found = troubled(live())["recommender_insights"]
    assert Status.FAILED is found.status
    assert f"gcloud services enable recommender.googleapis.com --project={PROJECT}" in found.reason


def test_pages_before_a_failing_one_are_kept(google, live):
    pages = google.routes["GET /v1/[a-z]+/[^/]+:searchAllIamPolicies"]

    def give(query, body):
        return error(403, "token expired") if query.get("pageToken") else pages(query, body)

    google.route("GET .*:searchAllIamPolicies", give)
    run = live()
    found = troubled(run)["iam_policies"]
    assert (Status.PARTIAL, 4) == (found.status, found.records)
    assert ["storage.objects.get", "storage.objects.list"] == run.granted(RAG)


@pytest.mark.parametrize("code", [429, 503])
def test_a_busy_service_is_asked_again(google, live, waits, code):
    pages = google.routes["GET /v1/[a-z]+/[^/]+:searchAllIamPolicies"]
    left = [code, code]

    def give(query, body):
        return error(left.pop(), "busy") if left else pages(query, body)

    google.route("GET .*:searchAllIamPolicies", give)
    assert {} == troubled(live())
    assert [1.0, 4.0] == waits[:2]


def test_a_busy_service_is_given_the_time_it_asks_for(google, live, waits):
    left = [1]

    def give(query, body):
        return (
            (429, {"error": {"code": 429}, "_headers": {"Retry-After": "7"}}) if left and left.pop() else {}
        )

    google.route("GET .*/timeSeries", give)
    assert {} == troubled(live())
    assert [7.0] == waits


def test_a_service_that_stays_busy_leaves_a_partial_source(google, live, waits):
    google.route("GET .*:searchAllResources", error(429, "Quota exceeded for quota metric"))
    found = troubled(live())["resources"]
    assert "was throttled until the retries were used up" in found.reason
    assert "quota_project" in found.reason
    assert [1.0, 4.0, 15.0, 40.0] == waits


def test_refused_credentials_end_the_collection_at_once(google, live):
    google.route("GET .*:searchAllIamPolicies", error(401, "Request had invalid authentication credentials."))
    run = live()
    after = [path for path in google.paths("/") if "searchAllIamPolicies" not in path]
    assert all("/v3/" in path for path in after)  # only what was asked before
    assert "gcloud auth application-default login" in troubled(run)["iam_policies"].reason


@pytest.mark.parametrize("answer", [b"<html>sign in</html>", b"[1, 2]", b'"x"', b""])
def test_an_answer_that_is_no_google_answer_costs_its_part(google, live, answer):
    google.route("GET .*/timeSeries", (200, answer))
    run = live()
    assert ["api_metrics"] == sorted(troubled(run))
    assert ["storage.objects.get", "storage.objects.list"] == run.granted(RAG)


def test_a_record_of_a_shape_never_seen_costs_its_part(google, live):
    google.route("GET /v2/projects/.*/keys", {"keys": ["text", 7]})
    assert ["api_keys"] == sorted(troubled(live()))


def test_without_the_list_of_nodes_the_policies_are_read_one_by_one(google, live):
    google.route("GET .*/assets", error(403, "no"))
    google.route(
        f"POST /v3/projects/{PROJECT}:getIamPolicy",
        {
            "bindings": [
                binding("roles/storage.objectViewer", "serviceAccount:x@agents-prod.iam.gserviceaccount.com")
            ]
        },
    )
    run = live()
    assert ["storage.objects.get", "storage.objects.list"] == run.granted(
        f"x@{PROJECT}.iam.gserviceaccount.com"
    )
    bodies = [body for _, path, _, body in google.asked if path.endswith(":getIamPolicy")]
    assert {3} == {body["options"]["requestedPolicyVersion"] for body in bodies}


def test_a_policy_above_that_is_hidden_leaves_the_audit_configuration_unknown(google, live):
    google.route("POST /v3/folders/77:getIamPolicy", error(403, "no"))
    run = live(log_entries="true")
    states = {
        row.log_class: row.state.value
        for row in run.facts.coverage
        if row.account == PROJECT and not row.place
    }
    assert "unknown" == states["DATA_WRITE"]


def test_over_an_organization_every_project_is_asked(google, live):
    second = {
        "name": "//cloudresourcemanager.googleapis.com/projects/second",
        "assetType": "cloudresourcemanager.googleapis.com/Project",
        "project": "projects/222222222222",
        "organization": f"organizations/{ORG}",
        "versionedResources": [
            {"version": "v3", "resource": {"projectId": "second", "projectNumber": "222222222222"}}
        ],
    }
    google.route("GET .*:searchAllResources", paged("results", [second]))
    live(scope=f"organizations/{ORG}")
    asked = google.paths("/locations/global/keys")
    assert [
        f"GET /v2/projects/{PROJECT}/locations/global/keys",
        "GET /v2/projects/second/locations/global/keys",
    ] == asked


def test_types_that_asset_inventory_does_not_know_are_searched_one_by_one(google, live):
    pages = google.routes["GET /v1/[a-z]+/[^/]+:searchAllResources"]

    def give(query, body):
        kind = query.get("assetTypes", "")
        if "ces.googleapis.com/App" in kind or len(google.paths("searchAllResources")) == 1:
            return error(400, "invalid asset type")
        return pages(query, body) if "ReasoningEngine" in kind else {}

    google.route("GET .*:searchAllResources", give)
    run = live()
    assert {} == troubled(run)
    assert AGENT in {identity.id for identity in run.facts.identities}


def test_iam_is_asked_over_rest_where_only_one_address_is_given(google, live):
    google.route(
        "GET /v1/roles",
        paged(
            "roles",
            [{"name": "roles/storage.objectViewer", "includedPermissions": ["storage.objects.get"]}],
            [],
        ),
    )
    google.route(
        f"GET /v1/projects/{PROJECT}/roles/agentTools",
        {"name": f"projects/{PROJECT}/roles/agentTools", "includedPermissions": ["pubsub.topics.publish"]},
    )
    google.route("GET /v1/roles/[^/]+", error(404, "gone"))
    google.route(
        f"GET /v1/projects/{PROJECT}/serviceAccounts",
        {
            "accounts": [
                {
                    "name": f"projects/{PROJECT}/serviceAccounts/{RAG}",
                    "email": RAG,
                    "uniqueId": "1",
                    "projectId": PROJECT,
                }
            ]
        },
    )
    google.route(
        f"GET /v1/projects/{PROJECT}/serviceAccounts/{RAG}/keys",
        {"keys": [{"name": f"projects/{PROJECT}/serviceAccounts/{RAG}/keys/k"}]},
    )
    google.route("POST /v1/permissions:queryTestablePermissions", paged("permissions", [], []))
    run = live(iam_endpoint="")
    assert {} == troubled(run)
    assert [] == google.methods
    assert ["storage.objects.get"] == run.granted(RAG)
    assert 1 == len(run.records("service_account_keys"))
    assert {"keyTypes": "USER_MANAGED"} in [
        query for _, path, query, _ in google.asked if path.endswith("/keys")
    ]


def test_engines_are_known_by_the_identity_that_vertex_ai_names(live):
    """Asset Inventory writes the engine without it, under the same name."""
    run = live()
    agents = [(one.id, [w.name for w in one.workloads]) for one in run.facts.identities if one.workloads]
    assert [(AGENT, ["helper"]), (RAG, ["rag"])] == sorted(agents)
    assert NUMBER in AGENT


def test_without_role_definitions_nothing_is_called_unused(google, live):
    def refuse(request, context):
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "not yours")

    google.grpc["ListRoles"] = google.grpc["GetRole"] = refuse
    run = live(log_entries="true")
    assert Status.FAILED is troubled(run)["roles"].status
    assert ([], []) == (run.granted(RAG), run.unused(RAG))
    assert 3 == len(run.caveats("has no definition in the evidence"))


def test_projects_that_are_being_deleted_are_not_asked(google, live):
    gone = {
        "name": "//cloudresourcemanager.googleapis.com/projects/gone",
        "assetType": "cloudresourcemanager.googleapis.com/Project",
        "project": "projects/333333333333",
        "state": "DELETE_REQUESTED",
    }
    google.route("GET .*:searchAllResources", paged("results", [gone]))
    assert {} == troubled(live(scope=f"organizations/{ORG}"))
    assert [] == google.paths("/projects/gone/")


def test_a_name_in_an_answer_does_not_get_into_a_command(google, live):
    hostile = error(
        403,
        "API has not been used in project x;rm before",
        "SERVICE_DISABLED",
        service="$(id)",
        consumer="projects/`id`",
    )
    google.route("GET .*/insights", hostile)
    reason = troubled(live())["recommender_insights"].reason
    assert f"gcloud services enable recommender.googleapis.com --project={PROJECT}" in reason


def test_a_proxy_of_the_environment_is_not_used_for_this_machine(live, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert {} == troubled(live())


def test_hostile_names_in_answers_send_nothing_elsewhere_and_cost_their_part(google, live):
    """A location becomes part of a host, a role part of a path: the guard lets neither out."""
    pages = google.routes["GET /v1/[a-z]+/[^/]+:searchAllResources"]

    def give(query, body):
        answer = pages(query, body)
        engine = dict(answer["results"][0])
        engine["name"] = engine["name"].replace("us-central1", "evil.example#")
        return {**answer, "results": [*answer["results"], engine]}

    google.route("GET .*:searchAllResources", give)
    hostile = binding("roles/../../v2/secrets", f"serviceAccount:{RAG}")
    policy = {
        "resource": f"//cloudresourcemanager.googleapis.com/projects/{PROJECT}",
        "policy": {"bindings": [hostile]},
    }
    google.route("GET .*:searchAllIamPolicies", paged("results", [policy]))
    google.route("GET /v1/roles", paged("roles", [{"name": "roles/storage.objectViewer"}]))
    run = live(iam_endpoint="")
    assert [] == google.paths("/v2/secrets")
    assert {"resources", "roles"} <= set(troubled(run))
    assert "nothing was sent" in troubled(run)["roles"].reason


HIDDEN = {
    "cloudresourcemanager.projects.getIamPolicy": f"projects/{PROJECT}",
    "cloudresourcemanager.projects.testIamPermissions": "",
}
"""Calls that are only made where the list of nodes fails, and one that needs no permission."""


@pytest.mark.parametrize(
    "row", [row for row in access_table().values() if row.part != LOG_QUERY], ids=lambda r: r.name
)
def test_every_call_of_the_table_that_is_refused_is_named_with_its_command(google, live, row):
    """No call is left out: a new row of the table is refused here too."""

    def refuse(request, context):
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "not yours")

    if row.name in HIDDEN:
        google.route("GET .*/assets", error(403, "no"))
    if row.grpc:
        google.grpc[row.grpc.rpartition("/")[2]] = refuse
    else:
        google.route(f"{row.method} {row.path.pattern}", error(403, "Permission denied on resource"))
    found = troubled(live(log_entries="true"))
    if row.permissions:
        assert f"{row.name} was refused on" in found[row.part].reason
        assert f"--role={row.role} --condition=None" in found[row.part].reason
        assert "add-iam-policy-binding" in found[row.part].reason
    else:
        assert row.part not in found or row.name in found[row.part].reason


@pytest.mark.parametrize("status", ["RESOURCE_EXHAUSTED", "UNAVAILABLE"])
def test_a_busy_grpc_service_is_asked_again_and_its_pages_are_whole(google, live, waits, status):
    given, left = google.grpc["ListServiceAccounts"], [1, 1]

    def busy(request, context):
        if request.page_token and left:
            left.pop()
            context.abort(grpc.StatusCode[status], "busy")
        return given(request, context)

    google.grpc["ListServiceAccounts"] = busy
    run = live()
    assert {} == troubled(run)
    assert 2 == len(run.records("service_accounts"))
    assert [1.0, 4.0] == waits[:2]
