"""`baseline check` says exactly what goes beyond a baseline, in a scan and in what is proposed."""

import json

import pytest

from scanner.baseline.render import MARK


def check(entdrift, *arguments):
    result = entdrift("baseline", "check", *arguments, "--format", "json")
    assert result.stdout, result.stderr
    found = json.loads(result.stdout)
    return result.exit_code, {row["name"]: row for row in found["compared"]}, found


def kinds(row):
    return {(one["kind"], *one["permissions"][:1]) for one in row["expansions"] if not one["waived"]}


def edited(granted, tmp_path, name, hand="", *, drop=""):
    """Copy one baseline with a hand-written part added, or a line dropped."""
    path = next(granted.glob(f"*-{name}-*.toml"))
    text = path.read_text("utf-8")
    text = text.replace(MARK, f"{hand}\n{MARK}")
    text = "\n".join(line for line in text.split("\n") if not drop or drop not in line)
    (tmp_path / path.name).write_text(text, "utf-8")
    return tmp_path / path.name


def test_what_is_granted_is_within_a_baseline_of_what_is_granted(entdrift, scanned, granted):
    code, rows, _ = check(entdrift, "--baselines", granted, "--from", scanned)
    wider = {name: kinds(row) for name, row in rows.items() if row["expansions"]}
    assert (1, {"claims-batch-scoring": {("undecided",)}}) == (code, wider)


def test_unused_access_goes_beyond_a_baseline_of_what_was_used(entdrift, scanned, tmp_path):
    entdrift(
        "baseline", "write", "--from", scanned, "--output", tmp_path, "--identity", "claims-tools-lambda"
    )
    code, rows, _ = check(
        entdrift, "--baselines", tmp_path, "--from", scanned, "--identity", "claims-tools-lambda"
    )
    found = {name for one in rows["claims-tools-lambda"]["expansions"] for name in one["permissions"]}
    assert 1 == code
    assert {"dynamodb:DeleteTable", "logs:CreateLogGroup"} <= found
    assert not {"dynamodb:GetItem", "secretsmanager:GetSecretValue"} & found


def test_an_identity_without_a_baseline_is_an_expansion(entdrift, scanned, granted, tmp_path):
    edited(granted, tmp_path, "claims-rag")
    code, rows, _ = check(entdrift, "--baselines", tmp_path, "--from", scanned, "--stage", "pilot")
    assert (1, {("new-identity",)}) == (code, kinds(rows["claims-mcp-server"]))


@pytest.mark.parametrize(
    ("name", "drop", "expected"),
    [
        ("claims-tools-lambda", '"kms:Decrypt"', ("permission", "kms:Decrypt")),
        ("claims-rag", '"storage.objects.get"', ("permission", "storage.objects.get")),
        ("claims-tools-lambda", "trusted =", ("trust",)),
    ],
)
def test_what_is_missing_in_the_file_is_named(entdrift, scanned, granted, tmp_path, name, drop, expected):
    path = edited(granted, tmp_path, name, drop=drop)
    rows = check(entdrift, "--baselines", path, "--from", scanned, "--identity", name)[1]
    assert expected in kinds(rows[name])


def test_a_new_key_is_an_expansion(entdrift, scanned, granted, tmp_path):
    path = edited(granted, tmp_path, "claims-rag", drop="00000001")
    rows = check(entdrift, "--baselines", path, "--from", scanned, "--identity", "claims-rag")[1]
    assert {("credential",)} == kinds(rows["claims-rag"])


def test_reach_and_admin_grants_are_asked_for(entdrift, scanned, granted, tmp_path):
    path = edited(granted, tmp_path, "claims-rag")
    text = path.read_text("utf-8")
    lines = [
        'may_reach = ["data"]'
        if line.startswith("may_reach")
        else "admin = []"
        if line.startswith("admin =")
        else line
        for line in text.split("\n")
    ]
    path.write_text("\n".join(lines), "utf-8")
    rows = check(entdrift, "--baselines", path, "--from", scanned, "--identity", "claims-rag")[1]
    assert {"admin", "reach"} == {one["kind"] for one in rows["claims-rag"]["expansions"]}


WAIVER = """
[[waiver]]
permissions = ["kms:*"]
reason = "moves to its own role"
owner = "sam"
until = 2026-12-31
"""


def test_a_waiver_is_shown_and_holds_until_its_day(entdrift, scanned, granted, tmp_path):
    path = edited(granted, tmp_path, "claims-tools-lambda", WAIVER, drop='"kms:Decrypt"')
    arguments = ("--baselines", path, "--from", scanned, "--identity", "claims-tools-lambda")
    code, rows, _ = check(entdrift, *arguments, "--now", "2026-12-31T23:00:00Z")
    (one,) = rows["claims-tools-lambda"]["expansions"]
    assert (0, True, "waived by sam until 2026-12-31: moves to its own role") == (
        code,
        one["waived"],
        one["waiver"],
    )
    code, rows, _ = check(entdrift, *arguments, "--now", "2027-01-01")
    assert (1, {("permission", "kms:Decrypt")}) == (code, kinds(rows["claims-tools-lambda"]))
    assert ["a waiver of sam ended on 2026-12-31: moves to its own role"] == rows["claims-tools-lambda"][
        "notes"
    ]


def aws_policy(tmp_path, *statements):
    path = tmp_path / "policy.json"
    path.write_text(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
    return path


def allow(action, resource, **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource} | more


TABLE = "arn:aws:dynamodb:us-east-1:444455556666:table/claims*"
KEYS = {"Condition": {"StringEquals": {"aws:ResourceTag/data-class": ["claims"]}}}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (allow("dynamodb:GetItem", TABLE.replace("claims*", "claims-x")), set()),
        (allow(["dynamodb:Get*", "kms:Decrypt"], TABLE, **KEYS), set()),
        (allow("kms:Decrypt", "*", **KEYS), set()),
        (allow("dynamodb:GetItem", TABLE.replace("claims*", "*")), {("scope", "dynamodb:GetItem")}),
        (allow("kms:Decrypt", "*"), {("condition", "kms:Decrypt")}),
        (allow("s3:GetObject", "*"), {("permission", "s3:GetObject")}),
        (allow("bedrock:Inv*Model", "*"), {("permission", "bedrock:Inv*Model")}),
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, None),
        ({"Effect": "Deny", "Action": "*", "Resource": "*"}, set()),
        ({"Effect": "Allow", "Resource": "*"}, {("undecided",)}),
    ],
)
def test_a_proposed_aws_policy_is_compared_exactly(entdrift, granted, tmp_path, statement, expected):
    path = aws_policy(tmp_path, statement)
    code, rows, _ = check(
        entdrift, "--baselines", granted, "--policy", path, "--identity", "claims-tools-lambda"
    )
    found = kinds(rows["claims-tools-lambda"])
    if expected is None:
        assert 1 == code
        assert {"permission", "scope", "condition"} <= {one[0] for one in found}
    else:
        assert (int(bool(expected)), expected) == (code, found)


def test_a_proposed_allow_policy_of_google_cloud_names_its_members(entdrift, scanned, granted, tmp_path):
    member = "serviceAccount:claims-rag@northwind-claims-prod.iam.gserviceaccount.com"
    policy = {
        "bindings": [
            {"role": "roles/storage.admin", "members": [member]},
            {"role": "roles/editor", "members": [member, "group:all@example.com"]},
            {"role": "roles/unknown.role", "members": [member]},
        ]
    }
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(policy))
    arguments = ("--baselines", granted, "--policy", path, "--from", scanned)
    code, rows, _ = check(entdrift, *arguments, "--scope", "projects/northwind-claims-prod")
    assert 1 == code
    assert {"permission", "undecided"} == {one[0] for one in kinds(rows["claims-rag"])}
    assert "new-identity" in {one[0] for one in kinds(rows["group:all@example.com"])}
    policy["bindings"] = policy["bindings"][:1]
    path.write_text(json.dumps(policy))
    assert 0 == check(entdrift, *arguments, "--scope", "projects/northwind-claims-prod")[0]
    code, rows, _ = check(entdrift, *arguments, "--scope", "organizations/1")
    assert {"scope"} == {one[0] for one in kinds(rows["claims-rag"])}


def test_a_proposed_role_of_google_cloud_is_compared_by_its_permissions(entdrift, granted, tmp_path):
    path = tmp_path / "role.json"
    path.write_text(
        json.dumps({"title": "tools", "includedPermissions": ["storage.objects.get", "iam.roles.create"]})
    )
    code, rows, _ = check(entdrift, "--baselines", granted, "--policy", path, "--identity", "claims-rag")
    assert (1, {("permission", "iam.roles.create")}) == (code, kinds(rows["claims-rag"]))


@pytest.mark.parametrize(
    ("actions", "taken", "data", "expected"),
    [
        (["*"], ["Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write", "Microsoft.Authorization/elevateAccess/Action", "Microsoft.Blueprint/blueprintAssignments/write", "Microsoft.Blueprint/blueprintAssignments/delete", "Microsoft.Compute/galleries/share/action", "Microsoft.Purview/consents/write", "Microsoft.Purview/consents/delete"], [], False),
        (["Microsoft.Storage/storageAccounts/write"], [], [], False),
        (["Microsoft.Authorization/roleAssignments/write"], [], [], True),
        (["*"], [], [], True),
        ([], [], ["*"], True),
    ],
)  # fmt: skip
def test_a_proposed_azure_role_is_compared_plane_by_plane(
    entdrift, granted, tmp_path, actions, taken, data, expected
):
    role = {"Name": "r", "Actions": actions, "NotActions": taken, "DataActions": data, "NotDataActions": []}
    path = tmp_path / "role.json"
    path.write_text(json.dumps(role))
    name = "northwind-foundry/projects/claims"
    code, _, _ = check(entdrift, "--baselines", granted, "--policy", path, "--identity", name)
    assert int(expected) == code


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "no JSON object"),
        ("{}", "no policy, role or plan"),
        ('{"Statement": []}', "does not say whose it is"),
    ],
)
def test_a_proposal_that_makes_no_sense_is_an_error(entdrift, granted, tmp_path, content, message):
    path = tmp_path / "policy.json"
    path.write_text(content)
    result = entdrift("baseline", "check", "--baselines", granted, "--policy", path)
    assert (2, True) == (result.exit_code, message in result.stderr)


def test_without_evidence_a_scan_cannot_be_compared(entdrift, scanned, granted, tmp_path):
    (tmp_path / "report.json").write_bytes((scanned / "report.json").read_bytes())
    result = entdrift("baseline", "check", "--baselines", granted, "--from", tmp_path)
    assert (2, True) == (result.exit_code, "evidence of the scan is not there" in result.stderr)


def test_the_markdown_form_escapes_what_the_text_says(entdrift, granted, tmp_path):
    path = aws_policy(tmp_path, allow("s3:GetObject|<script>alert(1)</script>", "arn:aws:s3:::`x`|"))
    result = entdrift(
        "baseline",
        "check",
        "--baselines",
        granted,
        "--policy",
        path,
        "--identity",
        "claims-rag",
        "--format",
        "markdown",
    )
    assert "<script>" not in result.stdout
