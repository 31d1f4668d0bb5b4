"""The framework data is whole: every id resolves, every type is mapped, nothing is said twice."""

import tomllib
from collections import Counter
from importlib.resources import files

import pytest

from scanner.rules.frameworks import Reference, references
from scanner.rules.registry import RULES

DATA = tomllib.loads(files("scanner.rules").joinpath("frameworks.toml").read_text("utf-8"))
PROVIDERS = ("aws", "gcp", "azure")
TYPES = [f"ED{n}" for n in (*range(101, 110), *range(201, 208), *range(301, 306))]


def test_every_row_names_a_control_that_exists():
    unknown = [
        row for row in DATA["map"] if row["control"] not in DATA["framework"][row["framework"]]["control"]
    ]
    assert unknown == []


def test_no_row_stands_twice():
    counted = Counter((row["finding"], row["framework"], row["control"]) for row in DATA["map"])
    assert [key for key, count in counted.items() if count > 1] == []


def test_every_framework_has_name_version_source_and_named_controls():
    for key, framework in DATA["framework"].items():
        assert framework["name"], key
        assert framework["version"], key
        assert framework["source"], key
        assert framework["confidence"] in {"high", "medium", "low"}, key
        assert all(control["name"].strip() for control in framework["control"].values()), key


def test_names_and_versions_are_unique():
    counted = Counter((framework["name"], framework["version"]) for framework in DATA["framework"].values())
    assert set(counted.values()) == {1}


def test_relations_are_direct_or_supports():
    assert {row["relation"] for row in DATA["map"]} == {"direct", "supports"}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_type_of_the_mapping_has_a_reference_in_every_cloud(provider):
    assert [rule for rule in TYPES if not references(rule, provider)] == []


def test_every_registered_rule_is_in_the_mapping():
    assert [rule.ID for rule in RULES if rule.ID not in TYPES] == []


def test_a_benchmark_of_one_cloud_is_cited_for_that_cloud_only():
    cited = {
        provider: {row.framework for row in references("ED105", provider) if row.framework.startswith("CIS")}
        for provider in PROVIDERS
    }
    assert cited == {
        "aws": {"CIS AWS Foundations Benchmark"},
        "gcp": {"CIS GCP Foundations Benchmark"},
        "azure": {"CIS Azure Foundations Benchmark"},
    }


def test_a_reference_carries_name_version_and_relation():
    assert Reference(
        "OWASP Non-Human Identities Top 10",
        "2025",
        "NHI5",
        "Overprivileged NHI",
        "direct",
    ) in references("ED101", "aws")


def test_an_unknown_rule_has_no_references():
    assert references("ED999", "aws") == ()
