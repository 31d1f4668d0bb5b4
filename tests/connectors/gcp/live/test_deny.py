"""Deny policies are asked for at every place there is, highest first; what was not asked is conditional."""

from urllib.parse import quote, unquote

from connectors.interface import Status
from tests.connectors.gcp.live.fake import PROJECT_TYPE, error, paged
from tests.connectors.gcp.live.test_calls import troubled
from tests.connectors.gcp.records import AGENT, NUMBER, ORG, PROJECT, RAG, binding

SCOPE = f"organizations/{ORG}"
CLOUD = "//cloudresourcemanager.googleapis.com/"
FOLDER = {
    "resource": f"{CLOUD}folders/88",
    "assetType": "cloudresourcemanager.googleapis.com/Folder",
    "folders": ["folders/88"],
    "organization": SCOPE,
    "policy": {"bindings": [binding("roles/storage.objectViewer", "user:a@example.com")]},
}


def asked(google):
    """Return the places that were asked, in order."""
    lists = [path for path in google.paths("/denypolicies") if path.endswith("/denypolicies")]
    return [unquote(path).partition("googleapis.com/")[2].removesuffix("/denypolicies") for path in lists]


def rule(*permissions, place):
    name = f"policies/{quote(f'cloudresourcemanager.googleapis.com/{place}', safe='')}/denypolicies/d"
    held = {"deniedPrincipals": ["principalSet://goog/public:all"], "deniedPermissions": list(permissions)}
    return {"name": name, "rules": [{"denyRule": held}]}


def with_folder(google):
    pages = google.routes["GET /v1/[a-z]+/[^/]+:searchAllIamPolicies"]

    def give(query, body):
        found = pages(query, body)
        return {**found, "results": [*found["results"], FOLDER]} if not query.get("pageToken") else found

    google.route("GET .*:searchAllIamPolicies", give)


def test_folders_in_the_scope_are_asked_too(google, live):
    with_folder(google)
    live(scope=SCOPE)
    assert [SCOPE, "folders/77", "folders/88", f"projects/{PROJECT}"] == asked(google)


def test_what_stands_above_a_project_is_asked_highest_first(google, live):
    live()
    assert [SCOPE, "folders/77", f"projects/{PROJECT}"] == asked(google)


def test_a_rule_on_a_folder_between_holds_for_the_project_below(google, live):
    google.route(
        r"GET /v2/policies/.*folders%2F77/denypolicies",
        paged("policies", [rule("storage.googleapis.com/objects.list", place="folders/77")]),
    )
    assert ["storage.objects.get"] == live(scope=SCOPE).granted(RAG)


def test_places_beyond_the_bound_are_named_and_what_is_granted_there_is_conditional(google, live):
    run = live(scope=SCOPE, deny_places="2")
    assert [SCOPE, "folders/77"] == asked(google)
    outcome = troubled(run)["deny_policies"]
    assert Status.PARTIAL is outcome.status
    assert "1 of 3 places were not asked for deny policies (deny_places = 2" in outcome.reason
    assert "set deny_places = 3" in outcome.reason
    assert ([], ["storage.objects.get", "storage.objects.list"]) == (
        run.granted(RAG),
        [one for one in run.conditional(RAG) if one.startswith("storage.")],
    )
    assert f"the deny policies of projects/{PROJECT}, which were not read" in (
        run.facts.entitlements[RAG].conditional_reason
    )
    assert [] == run.granted(AGENT)


def test_what_a_place_above_the_bound_refuses_stays_refused(google, live):
    google.route(
        f"GET /v2/policies/.*organizations%2F{ORG}/denypolicies",
        paged("policies", [rule("storage.googleapis.com/objects.list", place=SCOPE)]),
    )
    run = live(scope=SCOPE, deny_places="1")
    assert ["storage.objects.get"] == [one for one in run.conditional(RAG) if one.startswith("storage.")]


def test_one_policy_that_cannot_be_read_does_not_hide_the_next(google, live):
    place = f"projects/{PROJECT}"
    names = [rule(place=place)["name"][:-1] + one for one in ("a", "b")]
    google.route(
        r"GET /v2/policies/.*projects.*/denypolicies", paged("policies", [{"name": one} for one in names])
    )
    google.route(r"GET /v2/policies/.*/denypolicies/a", error(403, "no"))
    google.route(
        r"GET /v2/policies/.*/denypolicies/b",
        {**rule("storage.googleapis.com/objects.list", place=place), "name": names[1]},
    )
    run = live()
    assert ["storage.objects.get"] == [one for one in run.granted(RAG) if one.startswith("storage.")]
    assert "iam.denypolicies.get was refused" in troubled(run)["deny_policies"].reason
    assert 1 == len(run.caveats("a deny policy without its rules"))


def test_a_project_by_its_number_is_the_project_that_was_left_out(google, live):
    nodes = google.routes["GET /v1/[a-z]+/[^/]+:searchAllResources"]
    project = {
        "name": f"{CLOUD}projects/{PROJECT}",
        "assetType": PROJECT_TYPE,
        "project": f"projects/{NUMBER}",
    }
    assert nodes is not None
    google.route("GET .*:searchAllResources", paged("results", [project]))
    run = live(scope=SCOPE, deny_places="1")
    assert [] == run.granted(RAG)
