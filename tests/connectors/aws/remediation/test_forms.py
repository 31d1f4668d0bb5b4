"""What is written to be applied is quoted for its context, parses, and is laid out as its own tools lay it out."""

import io
import json
import os
import shutil
import subprocess

import pytest

from connectors.aws.policy.containment import Answer, contains
from connectors.aws.policy.document import parse_document
from connectors.aws.reduction.standing import Kind
from connectors.aws.remediation.cli import commands, digest
from connectors.aws.remediation.forms import artifacts, render, rollback
from connectors.hcl import Encoded, block, comment, quote
from connectors.reduction import Change
from scanner.cli import cli

hcl2 = pytest.importorskip("hcl2")

ROLE = "arn:aws:iam::111122223333:role/ai/agent"
USER = "arn:aws:iam::111122223333:user/bob"
HOSTILE = [
    "plain",
    'quote " back \\ slash',
    '${file("/etc/passwd")} %{ if true }x%{ endif }',
    "$${already} %%{already}",
    "line\nbreak\r\ttab",
    "nul\x00 esc\x1b[31m del\x7f",
    "\u202eright to left\u2066 zero\u200bwidth \u2028",
    "'; rm -rf / #",
    "*/ // # comment",
    "日本語 ü 🙂",
    "-x",
]


def document(*actions, resource="*", **more):
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}],
        },
        indent=2,
    )


def every_kind(text="plain"):
    """Return a change of every kind for a role and a user, with a text of others' making in them."""
    policy = f"arn:aws:iam::111122223333:policy/team/{'own' if text == 'plain' else 'x'}"
    new = document("s3:GetObject", resource=f"arn:aws:s3:::{text}/*")
    old = document("s3:*", resource=f"arn:aws:s3:::{text}/*")
    role = [
        Change(Kind.NEW_VERSION, ROLE, policy, old, new, "v3"),
        Change(Kind.ATTACH_NEW, ROLE, "arn:aws:iam::111122223333:policy/made", "", new),
        Change(Kind.ATTACH, ROLE, "arn:aws:iam::aws:policy/ReadOnlyAccess", "", old),
        Change(Kind.PUT_INLINE, ROLE, text, old, new),
        Change(
            Kind.DETACH, ROLE, "arn:aws:iam::aws:policy/AmazonS3FullAccess", old, "", json.dumps([policy])
        ),
        Change(Kind.DELETE_INLINE, ROLE, text, old, "", json.dumps([text])),
        Change(Kind.SET_BOUNDARY, ROLE, "boundary", "", "arn:aws:iam::aws:policy/AWSDenyAll"),
        Change(Kind.NARROW_TRUST, ROLE, "trust", old, new),
    ]
    user = [
        Change(Kind.PUT_INLINE, USER, text, old, new),
        Change(Kind.LEAVE_GROUP, USER, text, json.dumps([json.loads(old)])),
        Change(Kind.SET_BOUNDARY, USER, "boundary", policy, "arn:aws:iam::aws:policy/AWSDenyAll"),
        Change(Kind.DEACTIVATE_KEY, USER, "AKIAEXAMPLE", "Active", "Inactive"),
        Change(
            Kind.DEACTIVATE_CREDENTIAL, USER, "ACCAEXAMPLE", "Active", "Inactive", "bedrock.amazonaws.com"
        ),
    ]
    return role, user


def terraform(changes):
    return next(one.content for one in artifacts(changes) if one.form == "terraform")


@pytest.mark.parametrize("text", HOSTILE)
def test_hcl_parses_and_no_text_becomes_code(text):
    for changes in every_kind(text):
        parsed = hcl2.load(io.StringIO(terraform(changes)))
        assert {"resource", "import"} <= set(parsed)
        assert not {"provider", "locals", "output", "module"} & set(parsed)


@pytest.mark.skipif(not shutil.which("terraform"), reason="terraform is not on this machine")
@pytest.mark.parametrize("text", HOSTILE)
def test_terraform_finds_nothing_to_lay_out_otherwise(tmp_path, text):
    for number, changes in enumerate(every_kind(text)):
        (tmp_path / f"{number}.tf").write_text(terraform(changes))
    found = subprocess.run(
        ["terraform", "fmt", "-check", "-diff", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"},
    )
    assert ("", 0) == (found.stdout, found.returncode), found.stderr


@pytest.mark.skipif(not shutil.which("terraform"), reason="terraform is not on this machine")
def test_terraform_reads_every_text_as_it_was(tmp_path):
    texts = [text for text in HOSTILE if "\x00" not in text]
    (tmp_path / "main.tf").write_text(
        "\n\n".join(block(["output", f"o{n}"], {"value": text}) for n, text in enumerate(texts)) + "\n"
    )
    environment = {
        **os.environ,
        "TF_CLI_CONFIG_FILE": os.devnull,
        "CHECKPOINT_DISABLE": "1",
        "TF_DATA_DIR": str(tmp_path / ".t"),
    }
    for words in (["init", "-backend=false"], ["apply", "-auto-approve"]):
        subprocess.run(
            ["terraform", f"-chdir={tmp_path}", *words, "-no-color"],
            check=True,
            capture_output=True,
            env=environment,
        )
    state = json.loads((tmp_path / "terraform.tfstate").read_text())
    assert texts == [state["outputs"][f"o{n}"]["value"] for n in range(len(texts))]


def test_comments_stay_on_their_line():
    assert all("\n" not in comment(text) and "\x1b" not in comment(text) for text in HOSTILE)


def test_quotes_close_and_templates_stay_shut():
    assert '"a\\"b"' == quote('a"b')
    assert '"$${x} %%{y}"' == quote("${x} %{y}")


def test_nested_values_are_laid_out():
    text = block(
        ["resource", "a", "b"], {"policy": Encoded({"List": [], "Map": {}, "N": 1, "T": True, "Z": None})}
    )
    assert "List = []" in text
    assert "Z    = null" in text


@pytest.mark.parametrize("text", HOSTILE)
def test_cloudformation_is_json_with_a_resource_per_document(text):
    role, user = every_kind(text)
    for changes, kinds in (
        (role, ["AWS::IAM::ManagedPolicy"] * 2 + ["AWS::IAM::RolePolicy"]),
        (user, ["AWS::IAM::UserPolicy"]),
    ):
        (found,) = render(changes, "cloudformation")
        template = json.loads(found.content)
        assert sorted(kinds) == sorted(one["Type"] for one in template["Resources"].values())
        assert all(name.isalnum() and name.isascii() for name in template["Resources"])
        assert template["Metadata"]["RunAfterwards"]


def test_rollback_documents_carry_their_digest():
    role, _ = every_kind()
    for one in rollback(role):
        if one.form == "json":
            assert one.name.endswith(f"sha256 {digest(one.content)}")


def test_nothing_is_detached_before_its_replacement_is_attached():
    role, user = every_kind()
    for changes in (role, user):
        text = next(one.content for one in artifacts(changes) if one.form == "cli")
        assert all(line.endswith(" && \\") for line in text.rstrip("\n").split("\n")[:-1])
    resource = terraform(role)
    assert "depends_on" in resource[resource.index("attachments_exclusive") :]


def test_break_glass_gives_what_was_removed_until_a_time_and_no_more():
    for held in every_kind():
        # What is attached as it stands is not removed.
        changes = [change for change in held if change.kind != Kind.ATTACH]
        before = [s for change in changes for s in _parsed(change.before)]
        found, *_ = render(changes, "break-glass", "2026-12-01T00:00:00Z")
        statements = parse_document(found.content).statements
        assert Answer.YES is contains(before, statements).answer
        assert statements
        for statement in statements:
            assert "DateLessThan" in statement.condition_text
            assert "s3:GetObject" not in statement.actions


def test_a_break_glass_document_is_closed_until_somebody_opens_it():
    (found,) = render(every_kind()[1], "break-glass")
    assert "1970-01-01T00:00:00Z" in found.content


def test_a_disabled_identity_is_opened_by_a_boundary_that_ends_by_itself():
    change = Change(Kind.SET_BOUNDARY, ROLE, "boundary", "", "arn:aws:iam::aws:policy/AWSDenyAll")
    (found,) = render([change], "break-glass", "2026-12-01T00:00:00Z")
    (statement,) = json.loads(found.content)["Statement"]
    assert ("Allow", "*", "*") == (statement["Effect"], statement["Action"], statement["Resource"])
    assert {"DateLessThan": {"aws:CurrentTime": "2026-12-01T00:00:00Z"}} == statement["Condition"]
    (closed,) = render([change], "break-glass")
    assert "1970-01-01T00:00:00Z" in closed.content


def test_where_another_boundary_stood_nothing_is_opened_for_a_time():
    policy = "arn:aws:iam::111122223333:policy/ceiling"
    change = Change(Kind.SET_BOUNDARY, ROLE, "boundary", policy, "arn:aws:iam::aws:policy/AWSDenyAll")
    assert () == render([change], "break-glass", "2026-12-01T00:00:00Z")


def test_a_name_that_looks_like_an_option_is_none():
    (words,) = commands([Change(Kind.DELETE_INLINE, ROLE, "-x", document("s3:*"), "", "[]")])
    assert ("--role-name", "agent", "--policy-name=-x") == words[3:]


def test_an_unknown_form_is_refused():
    with pytest.raises(KeyError):
        render(every_kind()[0], "pulumi")


def _parsed(text):
    if text.startswith("["):
        return [s for one in json.loads(text) for s in parse_document(one).statements]
    return parse_document(text).statements if text.startswith("{") else ()


def test_forms_are_listed_where_people_choose_them():
    listed = set(cli.commands["reduce"].params[1].type.choices)
    assert {"json", "terraform", "cli", "cloudformation", "rollback", "break-glass"} <= listed
