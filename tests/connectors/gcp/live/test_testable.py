"""What custom roles may hold is asked of Google itself, project by project, and decides reductions."""

import grpc
from google.cloud import iam_admin_v1 as iam

from connectors.gcp.grants.testable import aliases, read_answers
from connectors.gcp.live.testable import MOST_PROJECTS
from connectors.gcp.reduction.custom_roles import Support
from connectors.interface import Status
from tests.connectors.gcp.live.fake import TESTABLE, disabled, paged
from tests.connectors.gcp.live.test_calls import troubled
from tests.connectors.gcp.records import ORG, PROJECT, RAG
from tests.connectors.gcp.reducing import reduced

PROJECT_LEVEL, ORG_LEVEL = f"projects/{PROJECT}", f"organizations/{ORG}"
CLOUD = "//cloudresourcemanager.googleapis.com/"


def support(run):
    return Support(run.bundle.sources)


def another(name, number):
    return {
        "name": f"{CLOUD}projects/{name}",
        "assetType": "cloudresourcemanager.googleapis.com/Project",
        "project": f"projects/{number}",
        "organization": ORG_LEVEL,
        "versionedResources": [
            {"version": "v3", "resource": {"projectId": name, "projectNumber": number}},
        ],
    }


def test_the_answer_is_read_to_its_last_page_and_decides_each_level(live):
    run = live()
    assert {} == troubled(run)
    held = support(run)
    assert {"storage.objects.get": True, "storage.buckets.createTagBinding": False} == {
        name: held.allows(name, PROJECT_LEVEL)
        for name in ("storage.objects.get", "storage.buckets.createTagBinding")
    }
    assert held.allows("aiplatform.endpoints.predict", PROJECT_LEVEL)
    assert "TESTING" == held.unsteady("aiplatform.endpoints.predict", PROJECT_LEVEL)
    # The whole answer does not name it: it cannot be held there.
    assert held.allows("run.jobs.run", PROJECT_LEVEL) is False
    assert held.allows("resourcemanager.organizations.get", ORG_LEVEL)
    assert held.allows("resourcemanager.organizations.get", PROJECT_LEVEL) is False
    assert held.off("pubsub.topics.publish", PROJECT_LEVEL)
    assert not held.off("storage.objects.get", PROJECT_LEVEL)


def test_over_rest_the_page_token_goes_into_the_question(google, live):
    name = "permissions:queryTestablePermissions"
    google.route(
        f"POST /v1/{name}",
        paged(
            "permissions",
            [{"name": "storage.objects.get", "stage": "GA"}],
            [{"name": "a.b.c", "customRolesSupportLevel": "NOT_SUPPORTED"}],
        ),
    )
    run = live(iam_endpoint="")
    asked = [body for _, path, _, body in google.asked if path.endswith(name)]
    assert [(f"{CLOUD}{node}", token) for node in (PROJECT_LEVEL, ORG_LEVEL) for token in (None, "1")] == [
        (body["fullResourceName"], body.get("pageToken")) for body in asked
    ]
    assert {1000} == {body["pageSize"] for body in asked}
    assert (True, False) == tuple(
        support(run).allows(one, PROJECT_LEVEL) for one in ("storage.objects.get", "a.b.c")
    )


def test_an_answer_that_breaks_off_says_nothing_of_what_it_lacks(google, live):
    given = google.grpc["QueryTestablePermissions"]

    def broken(request, context):
        if request.page_token == "2":
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "no longer")
        return given(request, context)

    google.grpc["QueryTestablePermissions"] = broken
    run = live()
    assert Status.PARTIAL is troubled(run)["testable_permissions"].status
    assert support(run).allows("storage.objects.get", PROJECT_LEVEL)
    assert support(run).allows("run.jobs.run", PROJECT_LEVEL) is None


def test_a_refusal_leaves_reductions_undecided_and_names_the_command(google, live):
    def refuse(request, context):
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "not yours")

    google.grpc["QueryTestablePermissions"] = refuse
    run = live(log_entries="true")
    outcome = troubled(run)["testable_permissions"]
    assert Status.FAILED is outcome.status
    assert "gcloud projects add-iam-policy-binding agents-prod" in outcome.reason
    assert support(run).allows("run.jobs.run", PROJECT_LEVEL) is None


def test_of_further_projects_only_what_differs_is_kept(google, live):
    google.route(
        "GET .*:searchAllResources",
        paged("results", [another("second", "222222222222"), another("third", "333333333333")]),
    )
    given = google.grpc["QueryTestablePermissions"]

    def testable(request, context):
        if not request.full_resource_name.endswith("projects/second"):
            return given(request, context)
        return iam.QueryTestablePermissionsResponse(
            permissions=[
                *TESTABLE[1:3],
                iam.Permission(name="pubsub.topics.publish", stage=2),
                iam.Permission(name="run.jobs.run", stage=2),
            ]
        )

    google.grpc["QueryTestablePermissions"] = testable
    run = live(scope=ORG_LEVEL)
    held = support(run)
    second = "projects/second"
    assert held.allows("storage.objects.get", PROJECT_LEVEL)
    assert held.allows("storage.objects.get", second) is False
    assert (True, False) == (held.allows("run.jobs.run", second), held.off("pubsub.topics.publish", second))
    assert held.allows("storage.objects.get", "projects/third")
    records = run.records("testable_permissions")
    stored = {(one.get("like", ""), len(one["permissions"])) for one in records if "like" in one}
    assert {(f"{CLOUD}{PROJECT_LEVEL}", 2), (f"{CLOUD}{PROJECT_LEVEL}", 0)} == stored


def test_beyond_the_most_projects_the_report_says_how_many_are_left(google, live):
    projects = [another(f"p{number:03}", f"9{number:011}") for number in range(MOST_PROJECTS + 2)]
    google.route("GET .*:searchAllResources", paged("results", projects))
    run = live(scope=ORG_LEVEL)
    reason = troubled(run)["testable_permissions"].reason
    assert f"was asked in {MOST_PROJECTS} projects; in 3 more" in reason
    assert "gcloud iam list-testable-permissions" in reason


def test_a_disabled_api_is_named(google, live):
    google.route("POST /v1/permissions:queryTestablePermissions", disabled("iam.googleapis.com"))
    reason = troubled(live(iam_endpoint=""))["testable_permissions"].reason
    assert f"gcloud services enable iam.googleapis.com --project={PROJECT}" in reason


def test_a_reduction_of_a_live_source_is_proved_and_says_what_is_off(live):
    run = live(log_entries="true")
    agent = next(one.id for one in run.facts.identities if one.kind == "agent-identity")
    found = reduced(run, agent, ["aiplatform.endpoints.predict"])
    assert "proved" == found.limits.standing.value
    assert any("until somebody enables their services" in note and "pubsub" in note for note in found.notes)
    assert "proved" == reduced(run, RAG, ["storage.objects.list"]).limits.standing.value


def test_names_that_are_another_name_of_one_are_followed(live):
    run = live()
    assert {"serviceusage.apiKeys.get": "apikeys.keys.get"} == aliases(read_answers(run.bundle.sources))
