"""A Terraform plan is followed to whom it gives what; what it does not know yet is named and never passes."""

import json

import pytest


def change(address, after, actions=("create",), unknown=None):
    return {
        "address": address,
        "mode": "managed",
        "type": address.split(".")[-2],
        "change": {"actions": list(actions), "before": None, "after": after, "after_unknown": unknown or {}},
    }


def plan(tmp_path, *changes, references=()):
    expressions = {}
    for address, key, to in references:
        expressions.setdefault(address, {})[key] = {"references": [f"{to}.id", to]}
    document = {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "resource_changes": list(changes),
        "configuration": {
            "root_module": {
                "resources": [
                    {"address": address, "expressions": found} for address, found in expressions.items()
                ]
            }
        },
    }
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(document))
    return path


def policy(action, resource="*"):
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]}
    )


@pytest.fixture
def compared(entdrift, scanned, granted):
    def check(path, *arguments):
        result = entdrift(
            "baseline",
            "check",
            "--baselines",
            granted,
            "--from",
            scanned,
            "--plan",
            path,
            "--format",
            "json",
            *arguments,
        )
        rows = json.loads(result.stdout)["compared"] if result.stdout else []
        found = {
            row["name"]: {(one["kind"], *one["permissions"][:1]) for one in row["expansions"]} for row in rows
        }
        return result.exit_code, found

    return check


LAMBDA = "claims-tools-lambda"


def test_an_inline_policy_within_the_baseline_passes(compared, tmp_path):
    path = plan(
        tmp_path,
        change("aws_iam_role_policy.p", {"role": LAMBDA, "policy": policy("secretsmanager:GetSecretValue")}),
    )
    assert (0, {LAMBDA: set()}) == compared(path)


def test_a_changed_policy_is_followed_through_its_attachment(compared, tmp_path):
    arn = "arn:aws:iam::444455556666:policy/claims-tools"
    path = plan(
        tmp_path,
        change("aws_iam_policy.p", {"arn": arn, "policy": policy("s3:GetObject")}, ["update"]),
        change("aws_iam_role_policy_attachment.a", {"role": LAMBDA, "policy_arn": arn}, ["no-op"]),
    )
    assert (1, {LAMBDA: {("permission", "s3:GetObject")}}) == compared(path)


def test_what_does_not_change_is_not_asked_about(compared, tmp_path):
    path = plan(tmp_path, change("aws_iam_role_policy.p", {"role": LAMBDA, "policy": policy("*")}, ["no-op"]))
    assert (0, {}) == compared(path)


def test_a_new_policy_for_a_new_role_is_followed_by_its_references(compared, tmp_path):
    path = plan(
        tmp_path,
        change("aws_iam_role.r", {"name": "new-agent"}),
        change("aws_iam_policy.p", {"policy": policy("s3:GetObject")}, unknown={"arn": True}),
        change("aws_iam_role_policy_attachment.a", {}, unknown={"role": True, "policy_arn": True}),
        references=[
            ("aws_iam_role_policy_attachment.a", "role", "aws_iam_role.r"),
            ("aws_iam_role_policy_attachment.a", "policy_arn", "aws_iam_policy.p"),
        ],
    )
    assert (1, {"new-agent": {("new-identity",), ("permission", "s3:GetObject")}}) == compared(path)


@pytest.mark.parametrize(
    ("resource", "name"),
    [
        (change("aws_iam_role_policy.p", {"role": LAMBDA}, unknown={"policy": True}), LAMBDA),
        (
            change("aws_iam_role_policy_attachment.a", {"role": LAMBDA}, unknown={"policy_arn": True}),
            LAMBDA,
        ),
        (
            change(
                "azurerm_role_assignment.r",
                {"principal_id": "cf632b2e-29a8-5907-8e44-ef742a924a06", "role_definition_name": "Reader"},
                unknown={"scope": True},
            ),
            "id-claims-worker",
        ),
        (
            change(
                "azurerm_role_assignment.r",
                {
                    "principal_id": "cf632b2e-29a8-5907-8e44-ef742a924a06",
                    "scope": "/subscriptions/aaaa0a0a-bb1b-cc2c-dd3d-eeeeee4e4e4e",
                    "role_definition_name": "No Such Role",
                },
            ),
            "id-claims-worker",
        ),
        (
            change(
                "google_project_iam_member.m",
                {
                    "project": "northwind-claims-prod",
                    "role": "roles/unknown.role",
                    "member": "serviceAccount:claims-rag@northwind-claims-prod.iam.gserviceaccount.com",
                },
            ),
            "claims-rag",
        ),
    ],
)
def test_unknown_values_are_named_and_do_not_pass(compared, tmp_path, resource, name):
    assert (1, {name: {("undecided",)}}) == compared(plan(tmp_path, resource))


def test_new_keys_are_expansions(compared, tmp_path):
    path = plan(
        tmp_path,
        change("aws_iam_access_key.k", {"user": "claims-pilot"}),
        change(
            "google_service_account_key.k",
            {
                "service_account_id": "projects/-/serviceAccounts/claims-rag@northwind-claims-prod.iam.gserviceaccount.com"
            },
        ),
    )
    assert (1, {"claims-pilot": {("credential",)}, "claims-rag": {("credential",)}}) == compared(path)


def test_a_plan_for_google_cloud_with_its_own_role_and_account(compared, tmp_path):
    path = plan(
        tmp_path,
        change("google_service_account.a", {"account_id": "new-bot", "project": "northwind-claims-prod"}),
        change(
            "google_project_iam_custom_role.r",
            {"role_id": "tools", "project": "northwind-claims-prod", "permissions": ["run.jobs.run"]},
        ),
        change(
            "google_project_iam_member.m",
            {"project": "northwind-claims-prod"},
            unknown={"member": True, "role": True},
        ),
        references=[
            ("google_project_iam_member.m", "member", "google_service_account.a"),
            ("google_project_iam_member.m", "role", "google_project_iam_custom_role.r"),
        ],
    )
    assert (1, {"new-bot": {("new-identity",), ("permission", "run.jobs.run")}}) == compared(path)


def test_a_plan_for_azure_with_its_own_role(compared, tmp_path):
    scope = "/subscriptions/aaaa0a0a-bb1b-cc2c-dd3d-eeeeee4e4e4e"
    path = plan(
        tmp_path,
        change(
            "azurerm_role_definition.d",
            {"name": "tools", "permissions": [{"actions": ["Microsoft.Web/sites/write"], "not_actions": []}]},
        ),
        change(
            "azurerm_role_assignment.r",
            {"scope": scope, "principal_id": "cf632b2e-29a8-5907-8e44-ef742a924a06"},
            unknown={"role_definition_id": True},
        ),
        references=[("azurerm_role_assignment.r", "role_definition_id", "azurerm_role_definition.d")],
    )
    assert (1, {"id-claims-worker": {("permission", "Microsoft.Web/sites/write")}}) == compared(path)


def test_a_file_that_is_no_plan_is_an_error(entdrift, granted, tmp_path):
    (tmp_path / "plan.json").write_text('{"Statement": []}')
    result = entdrift("baseline", "check", "--baselines", granted, "--plan", tmp_path / "plan.json")
    assert (2, True) == (result.exit_code, "terraform show -json" in result.stderr)
