"""Who may become which service account: tokens, keys, signatures, own policies, and chains of delegates."""

import pytest

from connectors.facts import Step
from tests.connectors.gcp.records import (
    AGENT,
    NUMBER,
    PROJECT,
    RAG,
    activity,
    binding,
    exported,
    role,
    searched,
)

BOSS, RELAY = f"boss@{PROJECT}.iam.gserviceaccount.com", f"relay@{PROJECT}.iam.gserviceaccount.com"
OWNER = role("roles/owner", "resourcemanager.projects.setIamPolicy", "storage.buckets.delete")
TOKEN = role("roles/token", "iam.serviceAccounts.getAccessToken")
DELEGATE = role("roles/delegate", "iam.serviceAccounts.implicitDelegation")
RULES = [
    role("roles/acts", "iam.serviceAccounts.actAs", "iam.serviceAccounts.getOpenIdToken"),
    role("roles/keys", "iam.serviceAccountKeys.create"),
    role("roles/policy", "iam.serviceAccounts.setIamPolicy"),
    role("roles/signs", "iam.serviceAccounts.signBlob"),
]
WEEKDAYS = "request.time.getDayOfWeek() < 5"


def sa(email):
    return f"serviceAccount:{email}"


def on(account, *bindings):
    """Return the own policy of a service account."""
    name = f"//iam.googleapis.com/projects/{PROJECT}/serviceAccounts/{account}"
    return searched(*bindings, resource=name, kind="iam.googleapis.com/ServiceAccount")


def steps(gcp, *policies, disabled=(), **more):
    accounts = [
        {"email": email, "projectId": PROJECT, "uniqueId": str(500 + at), "disabled": email in disabled}
        for at, email in enumerate((RAG, BOSS, RELAY))
    ]
    project = exported(binding("roles/owner", sa(BOSS)), *more.pop("project", ()))
    run = gcp(
        {
            "iam_policies": [project, *policies],
            "roles": [OWNER, TOKEN, DELEGATE, *RULES],
            "service_accounts": accounts,
            "audit_logs": [activity()],
            **more,
        }
    )
    return run.facts.steps


@pytest.mark.parametrize("given", ["roles/token", "roles/keys", "roles/policy", "roles/signs"])
def test_who_gets_tokens_keys_or_signatures_of_an_account_may_become_it(gcp, given):
    assert steps(gcp, on(BOSS, binding(given, sa(RAG)))) == {RAG: (Step(BOSS, sure=True),)}


def test_acting_as_an_account_alone_makes_nobody_it(gcp):
    assert steps(gcp, on(BOSS, binding("roles/acts", sa(RAG)))) == {}


def test_a_grant_on_the_project_is_one_on_all_its_accounts_worth_becoming(gcp):
    found = steps(gcp, project=[binding("roles/token", sa(RAG), AGENT)])
    assert found == {
        AGENT: (Step(BOSS, sure=True), Step(RAG, sure=True)),
        RAG: (Step(BOSS, sure=True),),
    }


def test_an_account_is_named_by_its_unique_id_too(gcp):
    assert steps(gcp, on("501", binding("roles/token", sa(RAG)))) == {RAG: (Step(BOSS, sure=True),)}


def test_a_condition_that_is_not_decided_leaves_a_step_open(gcp):
    held = on(BOSS, binding("roles/token", sa(RAG), condition=WEEKDAYS))
    assert steps(gcp, held) == {RAG: (Step(BOSS, sure=False),)}


def test_a_delegate_hands_on_tokens_and_nothing_else(gcp):
    through = on(RELAY, binding("roles/delegate", sa(RAG)))
    found = steps(gcp, through, on(BOSS, binding("roles/token", sa(RELAY))))
    assert found[RAG] == (Step(f"{RELAY} (as a delegate)", sure=True),)
    assert found[f"{RELAY} (as a delegate)"] == (Step(BOSS, sure=True),)
    by_key = steps(gcp, through, on(BOSS, binding("roles/keys", sa(RELAY))))
    assert f"{RELAY} (as a delegate)" not in by_key
    assert by_key[RELAY] == (Step(BOSS, sure=True),)


def test_delegates_may_stand_in_a_row(gcp):
    second = f"second@{PROJECT}.iam.gserviceaccount.com"
    found = steps(
        gcp,
        on(RELAY, binding("roles/delegate", sa(RAG))),
        on(second, binding("roles/delegate", sa(RELAY))),
        on(BOSS, binding("roles/token", sa(second))),
    )
    assert found[f"{RELAY} (as a delegate)"] == (Step(f"{second} (as a delegate)", sure=True),)
    assert found[f"{second} (as a delegate)"] == (Step(BOSS, sure=True),)


def test_a_disabled_account_is_nobodys_next_step(gcp):
    held = on(BOSS, binding("roles/token", sa(RAG)))
    assert steps(gcp, held, disabled=[BOSS]) == {}


def test_a_deny_policy_on_the_accounts_project_takes_the_step_away(gcp):
    denied = {
        "name": f"policies/cloudresourcemanager.googleapis.com%2Fprojects%2F{NUMBER}/denypolicies/no-tokens",
        "rules": [
            {
                "denyRule": {
                    "deniedPrincipals": ["principalSet://goog/public:all"],
                    "deniedPermissions": ["iam.googleapis.com/serviceAccounts.getAccessToken"],
                }
            }
        ],
    }
    held = on(BOSS, binding("roles/token", sa(RAG)))
    assert steps(gcp, held, deny_policies=[denied]) == {}
    denied["rules"][0]["denyRule"]["denialCondition"] = {"expression": "resource.matchTag('1/env', 'prod')"}
    assert steps(gcp, held, deny_policies=[denied]) == {RAG: (Step(BOSS, sure=False),)}
