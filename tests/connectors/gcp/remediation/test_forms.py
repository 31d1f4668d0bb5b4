"""What is written to be applied is quoted for its context, parses, and is what the steps come to."""

import json
import os
import shlex
import shutil
import subprocess

import pytest

from connectors.gcp.reduction.standing import Bound, Kind, condition_text
from connectors.gcp.remediation.cli import commands, digest, restore_commands, writable
from connectors.gcp.remediation.forms import artifacts, render, rollback
from connectors.reduction import Change

hcl2 = pytest.importorskip("hcl2")
yaml = pytest.importorskip("yaml")

HOLDER = "rag@p.iam.gserviceaccount.com"
PROJECT = "//cloudresourcemanager.googleapis.com/projects/p"
HOSTILE = [
    "plain",
    'quote " back \\ slash',
    '${file("/etc/passwd")} %{ if true }x%{ endif }',
    "$(touch /tmp/owned) `id` $HOME",
    "line\nbreak\r\ttab",
    "nul\x00 esc\x1b[31m del\x7f",
    "\u202eright to left\u2066 zero\u200bwidth \u2028",
    "'; rm -rf / #",
    "*/ // # comment",
    "日本語 ü 🙂",
    "--impersonate-service-account=x",
    "a,b=c|d~e;;f::g#h",
]


def role(text):
    return json.dumps(
        {"title": text, "description": text, "stage": "GA", "includedPermissions": ["a.b.get", "a.b.list"]},
        indent=1,
    )


def every_kind(text="plain"):
    """Return a change of every kind, with a text of others' making wherever one can stand."""
    name = "projects/p/roles/rag_reduced_1"
    condition = condition_text({"title": text, "description": text, "expression": f"x == '{text}'"})
    member = f"user:{text}@example.com"
    places = [
        PROJECT,
        "//storage.googleapis.com/b",
        "//secretmanager.googleapis.com/projects/p/secrets/s",
        "//iam.googleapis.com/projects/p/serviceAccounts/x@p.iam.gserviceaccount.com",
    ]
    return [
        Change(Kind.CREATE_ROLE, HOLDER, name, "", role(text)),
        *(
            Change(Kind.ADD_BINDING, HOLDER, one, "", Bound(one, name, member, condition).text)
            for one in places
        ),
        Change(
            Kind.ADD_BINDING,
            HOLDER,
            "//pubsub.googleapis.com/projects/p/topics/t",
            "",
            Bound("", name, member).text,
        ),
        Change(Kind.REMOVE_BINDING, HOLDER, PROJECT, Bound(PROJECT, f"roles/{text}", member).text),
        Change(Kind.REMOVE_BINDING, HOLDER, PROJECT, Bound(PROJECT, "roles/x", member, condition).text),
        Change(Kind.DISABLE_ACCOUNT, HOLDER, HOLDER, "enabled", "disabled"),
        Change(
            Kind.DISABLE_KEY, HOLDER, f"projects/p/serviceAccounts/{HOLDER}/keys/0a1b", "enabled", "disabled"
        ),
    ]


def content(documents, form):
    return next(one.content for one in documents if one.form == form)


@pytest.mark.parametrize("text", HOSTILE)
def test_commands_come_back_from_the_shell_as_they_were_meant(text):
    if "\x00" in text:
        pytest.skip("no shell word holds a NUL")
    for made in (commands(every_kind(text)), restore_commands(every_kind(text))):
        script = content(artifacts(every_kind(text)), "cli") if made[0][3] == "create" else ""
        if script:
            lines = [list(words) for words in made]
            stubbed = "f() { printf '%s\\0' \"$@\" ';'; }\n" + script.replace(
                "gcloud ", "f gcloud ", 1
            ).replace("\\\ngcloud ", "\\\nf gcloud ").replace("\\\nsleep ", "\\\nf sleep ")
            done = subprocess.run(["bash", "-c", stubbed], capture_output=True, check=True)
            words = done.stdout.decode().split("\0")
            assert [word for line in lines for word in (*line, ";")] == words[:-1]
        assert all(words[0] in ("gcloud", "sleep") for words in made)


@pytest.mark.parametrize("text", HOSTILE)
def test_terraform_parses_and_means_the_same(text):
    parsed = hcl2.loads(content(artifacts(every_kind(text)), "terraform"))
    kinds = sorted(key.strip('"') for resource in parsed["resource"] for key in resource)
    assert [
        "google_project_iam_custom_role",
        "google_project_iam_member",
        "google_pubsub_topic_iam_member",
        "google_secret_manager_secret_iam_member",
        "google_service_account_iam_member",
        "google_storage_bucket_iam_member",
    ] == kinds
    assert not any(
        word in content(artifacts(every_kind(text)), "terraform") for word in ("iam_policy", "iam_binding ")
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_role_files_are_json_and_the_same_yaml_as_gcloud_reads_them(text):
    for document in artifacts(every_kind(text)):
        if document.form == "json":
            assert json.loads(document.content)
    written = content(artifacts(every_kind("plain")), "json")
    assert json.loads(written) == yaml.safe_load(written)


@pytest.mark.parametrize("text", ["plain", HOSTILE[2]])
def test_terraform_is_laid_out_as_terraform_fmt_does(text):
    binary = shutil.which("terraform")
    if binary is None:
        pytest.skip("terraform is not installed")
    done = subprocess.run(
        [binary, "fmt", "-check", "-"],
        input=content(artifacts(every_kind(text)), "terraform").encode(),
        capture_output=True,
        env={**os.environ, "CHECKPOINT_DISABLE": "1"},
        check=False,
    )
    assert (0, b"") == (done.returncode, done.stdout)


def test_nothing_is_taken_away_before_its_replacement_has_settled():
    words = [command[:4] for command in commands(every_kind())]
    first = next(at for at, one in enumerate(words) if "remove-iam-policy-binding" in one)
    assert ("sleep", "420") == words[first - 1]
    assert all("add-iam-policy-binding" not in command for command in commands(every_kind())[first:])


def test_the_rollback_holds_each_binding_with_its_digest():
    documents = [one for one in rollback(every_kind()) if one.form == "json"]
    assert 2 == len(documents)
    assert all(digest(one.content) in one.name for one in documents)


def test_a_condition_that_gcloud_cannot_name_is_not_written():
    assert writable("")
    assert writable(condition_text({"title": "t", "expression": "true"}))
    assert not writable(condition_text({"title": "t", "expression": "true", "location": "x"}))
    assert not writable(condition_text({"title": "|~;;::#@@+++<>_-_-_", "expression": "true"}))


@pytest.mark.parametrize("text", HOSTILE)
def test_no_form_shows_a_reader_characters_that_hide(text):
    hidden = [letter for letter in text if letter in "\x1b\x7f\u202e\u2066\u200b\u2028\r"]
    changes = every_kind(text)
    written = [one for form in ("cli", "terraform", "break-glass") for one in render(changes, form)]
    for one in [*written, *rollback(changes)]:
        assert not any(letter in one.content for letter in hidden)


def test_break_glass_binds_again_until_a_time_and_keeps_the_condition():
    text = content(render(every_kind(), "break-glass", "2026-12-01T00:00:00Z"), "break-glass")
    lines = [shlex.split(line) for line in text.splitlines()]
    assert any('timestamp("2026-12-01T00:00:00Z")' in word for word in lines[0])
    assert any("(x == 'plain') && request.time < " in word for word in lines[1])
    closed = content(render(every_kind(), "break-glass"), "break-glass")
    assert "1970-01-01" in closed


def test_a_basic_role_takes_no_condition_and_its_end_is_a_command():
    change = Change(
        Kind.REMOVE_BINDING, HOLDER, PROJECT, Bound(PROJECT, "roles/editor", f"user:{HOLDER}").text
    )
    text = content(render([change], "break-glass", "2026-12-01T00:00:00Z"), "break-glass")
    added, removed = text.splitlines()[1], text.splitlines()[3]
    assert added.startswith("gcloud projects add-iam-policy-binding p ")
    assert removed.startswith("# gcloud projects remove-iam-policy-binding p ")
    assert "--condition=None" in added


def test_forms_of_other_clouds_are_refused():
    with pytest.raises(KeyError):
        render(every_kind(), "cloudformation")


def test_no_artifact_comes_from_nothing():
    assert ((), ()) == (artifacts([]), rollback([]))


def test_very_long_roles_are_written_once():
    long = json.dumps({**json.loads(role("x")), "includedPermissions": [f"a.b.{n:020}" for n in range(2000)]})
    changes = [Change(Kind.CREATE_ROLE, HOLDER, "projects/p/roles/r", "", long)]
    assert ["json"] == [one.form for one in artifacts(changes)]
    assert "a.b.00000000000000000000" in render(changes, "cli")[0].content
