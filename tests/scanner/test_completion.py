"""Shell completion prints a script for each shell and completes verbs, flags and choices."""

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from scanner.cli import cli


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script(shell):
    result = CliRunner().invoke(cli, ["completion", shell])
    assert 0 == result.exit_code
    assert f"_ENTDRIFT_COMPLETE={shell}_complete" in result.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [("entdrift base", "baseline"), ("entdrift baseline che", "check"), ("entdrift gate --st", "--stage")],
)
def test_verbs_and_flags_are_completed(words, expected):
    variables = {
        "_ENTDRIFT_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    command = [sys.executable, "-c", "from scanner.cli import main; main()"]
    answer = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=False)
    assert f"plain,{expected}" in answer.stdout.splitlines()
