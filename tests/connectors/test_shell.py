"""Commands reach a real bash word for word, and hold no character that a reader cannot see."""

import shutil
import subprocess
from unicodedata import category

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.shell import line, quote

HOSTILE = [
    *(
        "",
        "-x",
        "it's",
        '"$(id)"',
        "`id`",
        "$HOME",
        "\\",
        "\\'",
        "a\nrm -rf b",
        "a\tb",
        "\r\n",
        "!!",
        "*?[a]{b,c}~",
    ),
    *(
        "\x1b[31mred",
        "\x07\x7f",
        "right\u202eto left\u2066",
        "zero\u200bwidth",
        "\u2028",
        "é 漢字 🙂",
        "\u200b'\\$(id)",
    ),
]


def through_bash(words: list[str]) -> list[str]:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    told = subprocess.run(
        [bash, "-c", f"printf '%s\\0' {line(words)}"],
        check=True,
        capture_output=True,
        env={"LC_ALL": "C.UTF-8", "HOME": "/nobody"},
    ).stdout
    return told.decode("utf-8").split("\0")[:-1]


def test_hostile_words_arrive_as_they_are() -> None:
    assert through_bash(HOSTILE) == HOSTILE


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1, max_size=20
    )
)
def test_any_words_arrive_as_they_are(words: list[str]) -> None:
    assert through_bash(words) == words


@given(st.text())
def test_nothing_hides(word: str) -> None:
    assert not [letter for letter in quote(word) if category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


def test_usual_words_are_quoted_as_everywhere() -> None:
    assert line(["aws", "--role-name", "my role", "it's"]) == "aws --role-name 'my role' 'it'\"'\"'s'"
