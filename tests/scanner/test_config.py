"""The config file: every error names file, line and key."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from scanner.config import load
from scanner.errors import ConfigError
from scanner.moments import moment

GOOD = """
[scan]
window_days = 30
start = 2026-08-01
end = "2026-10-30"
identities = "all"
output = "out"
fail_on = "high"

[ai]
names = ["bot-*"]

[limits]
grace_days = 0

[[source]]
name = "pilot"
provider = "aws"
stage = "pilot"
authorization_details = "iam/gaad.json"
cloudtrail = ["logs/AWSLogs", "more/*.json"]
"""


def config(tmp_path, text):
    file = tmp_path / "config.toml"
    file.write_text(text)
    return file


def test_a_good_file_is_read_with_paths_relative_to_it(tmp_path):
    loaded = load(config(tmp_path, GOOD))
    (source,) = loaded.sources
    assert (tmp_path / "iam/gaad.json",) == source.files["authorization_details"]
    assert (tmp_path / "logs/AWSLogs", tmp_path / "more/*.json") == source.files["cloudtrail"]
    assert tmp_path / "out" == loaded.output
    assert loaded.everyone
    assert loaded.patterns.names == ("bot-*",)
    assert loaded.limits.grace_days == 0


def test_a_glob_becomes_the_files_it_matches(tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.json").write_text("{}")
    (tmp_path / "more" / "a.json").write_text("{}")
    (source,) = load(config(tmp_path, GOOD)).sources
    assert [path.name for path in source.files["cloudtrail"]] == ["AWSLogs", "a.json", "b.json"]


def test_a_bare_end_date_includes_that_day(tmp_path):
    window = load(config(tmp_path, GOOD)).window(datetime(2026, 11, 22, tzinfo=UTC))
    assert datetime(2026, 8, 1, tzinfo=UTC) == window.start
    assert datetime(2026, 10, 31, tzinfo=UTC) == window.end


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("window_days", "windw_days", 3, "unknown key 'windw_days' in [scan]"),
        ("[ai]", "[ia]", 10, "unknown key 'ia' at the top level"),
        ("cloudtrail =", "cloud_trail =", 21, "unknown key 'cloud_trail' in [source]"),
        ("window_days = 30", "window_days = -1", 3, "'window_days' must be a whole number"),
        ("window_days = 30", "window_days = true", 3, "'window_days' must be a whole number"),
        ('identities = "all"', 'identities = "some"', 6, "'identities' must be one of ai, all"),
        ('provider = "aws"', 'provider = "alibaba"', 18, "unknown provider 'alibaba'"),
        ('stage = "pilot"', 'mode = "life"', 19, "mode 'life' is not available"),
        ('stage = "pilot"', 'mode = "live"', 20, "'authorization_details' needs mode = \"export\""),
        ('stage = "pilot"', 'regions = "all"', 19, "'regions' needs mode = \"live\""),
        ('"iam/gaad.json"', '"s3://bucket/gaad.json"', 20, "is no address that can be read here"),
        (
            'cloudtrail = ["logs/AWSLogs", "more/*.json"]',
            'cloudtrail = ["gs://bucket"]',
            21,
            "is no address that can be read here",
        ),
        ('end = "2026-10-30"', 'end = "soon"', 5, "'end': 'soon' is no date"),
        ('"iam/gaad.json"', "7", 20, "'authorization_details' must be"),
    ],
)
def test_errors_name_file_line_and_key(tmp_path, old, new, line, words):
    with pytest.raises(ConfigError) as caught:
        load(config(tmp_path, GOOD.replace(old, new)))
    assert f"config.toml:{line}: " in str(caught.value)
    assert words in str(caught.value)


LIVE = """
[[source]]
name = "pilot"
provider = "aws"
mode = "live"
profile = "audit"
role_arn = "arn:aws:iam::111122223333:role/path/entdrift"
regions = ["eu-west-1", "us-gov-west-1"]
organization = false
"""


def test_a_live_source_needs_no_file(tmp_path):
    (source,) = load(config(tmp_path, LIVE)).sources
    assert "live" == source.mode
    assert {"profile": "audit", "organization": "false"} == source.texts
    assert ("eu-west-1", "us-gov-west-1") == source.lists["regions"]
    assert ("arn:aws:iam::111122223333:role/path/entdrift",) == source.lists["role_arn"]
    assert {} == source.files


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("111122223333:role", "1111:role", 7, "has not the right form"),
        ('"eu-west-1"', '"Ireland"', 8, "'regions': 'Ireland' has not the right form"),
        ("organization = false", 'organization = "no"', 9, "'organization' must be true or false"),
        ("organization = false", 'accounts = ["12"]', 9, "'accounts': '12' has not the right form"),
        ("organization = false", "accounts = []", 9, "'accounts' must be a string or a list of strings"),
        ('"audit"', '["audit"]', 6, "'profile' must be a string"),
        ("organization = false", 'endpoint_url = "here"', 9, "'endpoint_url': 'here' has not"),
        ("organization = false", 'region = "eu-west-1"', 9, "unknown key 'region'"),
    ],
)
def test_live_settings_must_have_their_form(tmp_path, old, new, line, words):
    with pytest.raises(ConfigError) as caught:
        load(config(tmp_path, LIVE.replace(old, new)))
    assert f"config.toml:{line}: " in str(caught.value)
    assert words in str(caught.value)


def test_the_second_source_is_told_from_the_first(tmp_path):
    second = '\n[[source]]\nname = "two"\nprovider = "aws"\ncloudtail = "x"\n'
    with pytest.raises(ConfigError) as caught:
        load(config(tmp_path, GOOD + second))
    assert "config.toml:26: " in str(caught.value)
    assert "cloudtrail" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[scan", "not valid TOML"),
        ("", r"no \[\[source\]\] table"),
        ('[source]\nname="x"', r"no \[\[source\]\] table"),
        ('[[source]]\nname="x"', "needs 'provider'"),
        ('[[source]]\nname="x"\nprovider="aws"', "names no evidence file"),
    ],
)
def test_files_without_sense_are_refused(tmp_path, text, words):
    with pytest.raises(ConfigError, match=words):
        load(config(tmp_path, text))


def test_two_sources_of_one_name_are_refused(tmp_path):
    again = GOOD[GOOD.index("[[source]]") :]
    with pytest.raises(ConfigError, match="two sources are named"):
        load(config(tmp_path, GOOD + again))


def test_a_missing_config_file_says_so(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.toml")


@pytest.mark.parametrize("value", [3, 1.5, [], {}, "2026-13-01", ""])
def test_what_is_no_time_is_refused(value):
    with pytest.raises(ValueError, match="date or"):
        moment(value)


def test_a_window_begins_and_ends_with_a_full_second(tmp_path):
    """Events are told to the second: a fraction would be drawn differently by each engine."""
    found = replace(
        load(config(tmp_path, GOOD)),
        start=datetime(2026, 3, 1, 10, 0, 0, 1, tzinfo=UTC),
        end=datetime(2026, 3, 1, 10, 0, 5, 999_999, tzinfo=UTC),
    ).window(datetime(2026, 11, 22, tzinfo=UTC))
    assert (1, 6) == (found.start.second, found.end.second)
    assert (0, 0) == (found.start.microsecond, found.end.microsecond)
