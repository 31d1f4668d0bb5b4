"""Two names of one permission are one: held, used, denied and written under the name Google prefers."""

from connectors.gcp.grants.testable import Answer, Holdable, aliases
from tests.connectors.gcp.records import PROJECT, RAG, activity, binding, entry, role, searched

OLD, NEW = "serviceusage.apiKeys.get", "apikeys.keys.get"
NAMES = [
    {"name": OLD, "stage": "GA", "primaryPermission": NEW},
    {"name": NEW, "stage": "GA"},
]
MEMBER = f"serviceAccount:{RAG}"


def evidence(*logs, **more):
    return {
        "iam_policies": [searched(binding("roles/keys", MEMBER))],
        "roles": [role("roles/keys", OLD, "storage.objects.get")],
        "audit_logs": [activity(), *logs],
        "testable_permissions": NAMES,
        **more,
    }


def test_use_of_one_name_is_use_of_the_other(gcp):
    called = entry(NEW, log="activity", service="apikeys.googleapis.com", method="GetKey")
    run = gcp(evidence(called))
    assert [NEW, "storage.objects.get"] == run.granted(RAG)
    assert {NEW} == {row.permission for row in run.facts.usage if row.identity == RAG}
    assert 1 == len(run.caveats("permissions with two names"))


def test_a_denial_of_one_name_takes_the_other(gcp):
    rule = {
        "deniedPrincipals": ["principalSet://goog/public:all"],
        "deniedPermissions": ["serviceusage.googleapis.com/apiKeys.get"],
    }
    policy = {
        "name": f"policies/cloudresourcemanager.googleapis.com%2Fprojects%2F{PROJECT}/denypolicies/d",
        "rules": [{"denyRule": rule}],
    }
    assert ["storage.objects.get"] == gcp(evidence(deny_policies=[policy])).granted(RAG)


def test_an_exception_under_one_name_spares_the_other(gcp):
    rule = {
        "deniedPrincipals": ["principalSet://goog/public:all"],
        "deniedPermissions": ["apikeys.googleapis.com/keys.*", "serviceusage.googleapis.com/*"],
        "exceptionPermissions": ["serviceusage.googleapis.com/apiKeys.get"],
    }
    policy = {
        "name": f"policies/cloudresourcemanager.googleapis.com%2Fprojects%2F{PROJECT}/denypolicies/d",
        "rules": [{"denyRule": rule}],
    }
    assert [NEW, "storage.objects.get"] == gcp(evidence(deny_policies=[policy])).granted(RAG)


def test_chains_are_followed_to_their_end_and_circles_end():
    def known(**primary):
        held = {
            name: Holdable("SUPPORTED", "GA", api_disabled=False, primary=p) for name, p in primary.items()
        }
        return aliases({"projects/p": Answer(held)})

    assert {"a": "c", "b": "c"} == known(a="b", b="c", c="")
    assert {"a": "a", "b": "a"} == known(a="b", b="a")
