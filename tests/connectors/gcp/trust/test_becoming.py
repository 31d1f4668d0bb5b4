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


# --- code that runs under an account

CODE = [
    role("roles/run", "run.services.create"),
    role("roles/jobs", "run.jobs.create"),
    role("roles/runs-jobs", "run.jobs.run"),
    role("roles/update", "run.services.update", "run.services.create"),
    role("roles/editor", "iam.serviceAccounts.actAs", "run.services.create", "storage.buckets.delete"),
]
ACTS = on(BOSS, binding("roles/acts", sa(RAG)))
BY_RUN = "iam.serviceAccounts.actAs with run.services.create"


def coded(gcp, *policies, project=(), **more):
    return steps(gcp, *policies, project=project, roles=[OWNER, TOKEN, DELEGATE, *RULES, *CODE], **more)


def test_acting_as_an_account_where_code_may_run_is_becoming_it(gcp):
    found = coded(gcp, ACTS, project=[binding("roles/run", sa(RAG))])
    assert found == {RAG: (Step(BOSS, sure=True, how=BY_RUN),)}


def test_both_halves_of_running_a_job_are_needed(gcp):
    assert coded(gcp, ACTS, project=[binding("roles/jobs", sa(RAG))]) == {}
    found = coded(gcp, ACTS, project=[binding("roles/jobs", sa(RAG)), binding("roles/runs-jobs", sa(RAG))])
    assert [(one.target, one.sure) for one in found[RAG]] == [(BOSS, True)]


def test_a_token_says_more_than_code(gcp):
    token = on(BOSS, binding("roles/acts", sa(RAG)), binding("roles/token", sa(RAG)))
    found = coded(gcp, token, project=[binding("roles/run", sa(RAG))])
    assert found == {RAG: (Step(BOSS, sure=True),)}


def test_code_in_another_project_runs_as_it_only_where_an_organization_lets_it(gcp):
    other = "//cloudresourcemanager.googleapis.com/projects/elsewhere"
    there = exported(binding("roles/run", sa(RAG)), resource=other, ancestors=("projects/222222222222",))
    found = coded(gcp, ACTS, there)
    assert found == {RAG: (Step(BOSS, sure=False, how=BY_RUN),)}


def test_what_changes_one_service_counts_and_what_makes_new_ones_does_not(gcp):
    service = f"//run.googleapis.com/projects/{PROJECT}/locations/us/services/one"
    held = searched(binding("roles/update", sa(RAG)), resource=service, kind="run.googleapis.com/Service")
    found = coded(gcp, ACTS, held)
    how = "iam.serviceAccounts.actAs with run.services.update"
    assert found == {RAG: (Step(BOSS, sure=True, how=how),)}
    made = searched(binding("roles/run", sa(RAG)), resource=service, kind="run.googleapis.com/Service")
    assert coded(gcp, ACTS, made) == {}


def test_a_condition_on_either_half_leaves_the_step_open(gcp):
    found = coded(gcp, ACTS, project=[binding("roles/run", sa(RAG), condition=WEEKDAYS)])
    assert found == {RAG: (Step(BOSS, sure=False, how=BY_RUN),)}


def test_a_deny_policy_on_the_code_takes_the_step_away(gcp):
    rule = {
        "deniedPrincipals": ["principalSet://goog/public:all"],
        "deniedPermissions": ["run.googleapis.com/services.create"],
    }
    policy = {
        "name": f"policies/cloudresourcemanager.googleapis.com%2Fprojects%2F{PROJECT}/denypolicies/no-code",
        "rules": [{"denyRule": rule}],
    }
    found = coded(gcp, ACTS, project=[binding("roles/run", sa(RAG))], deny_policies=[policy])
    assert found == {}


def test_editors_are_administrators_and_need_no_step(gcp):
    assert RAG not in coded(gcp, project=[binding("roles/editor", sa(RAG))])
