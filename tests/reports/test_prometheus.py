"""Prometheus: well-formed lines, no duplicate series, bounded labels, zeros written."""

import re

import msgspec
from report_sample import hostile_report, identity

from reports import prometheus

LINE = re.compile(
    r'(entdrift_[a-z_]+)(\{[a-z_]+="(?:[^"\\\n]|\\[\\"n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\[\\"n])*")*\})? -?\d+'
)


def samples(report):
    found = {}
    for line in prometheus.render(report).splitlines():
        if not line.startswith("# "):
            assert LINE.fullmatch(line), line
            series, _, number = line.rpartition(" ")
            assert series not in found, "Prometheus refuses a file with a series twice"
            found[series] = int(number)
    return found


def test_it_says_what_the_report_says(report):
    found = samples(report)
    aws = 'account="123456789012"'
    assert found[f'entdrift_permissions{{{aws},provider="aws",verdict="unused"}}'] == 5
    assert found[f'entdrift_findings{{{aws},provider="aws",severity="critical",status="open"}}'] == 1
    assert found[f'entdrift_findings{{{aws},provider="aws",severity="high",status="fixed"}}'] == 0
    assert found[f'entdrift_static_credentials{{{aws},provider="aws"}}'] == 2
    assert found['entdrift_sources{provider="azure",source="foundry-azure",status="failed"}'] == 1
    assert found['entdrift_findings_by_rule{rule="ED103"}'] == 0
    assert found["entdrift_last_success_timestamp_seconds"] == 1_795_348_800
    assert found["entdrift_waivers_expiring"] == 0


def test_every_metric_has_one_help_and_one_type(report):
    lines = prometheus.render(report).splitlines()
    helps = [line.split()[2] for line in lines if line.startswith("# HELP")]
    types = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert helps == types
    assert len(set(helps)) == len(helps)


def test_hostile_texts_stay_inside_their_label(hostile_text):
    assert samples(hostile_report(hostile_text))


def test_a_soon_ending_waiver_is_counted(report):
    soon = msgspec.structs.replace(report, generated_at="2027-01-15T00:00:00Z")
    assert samples(soon)["entdrift_waivers_expiring"] == 1


def test_no_label_grows_with_identities_and_accounts_are_bounded(report):
    many = msgspec.structs.replace(
        report, identities=[identity(id=f"i{n}", account=f"{n:012}") for n in range(3_000)]
    )
    found = samples(many)
    assert len(found) < 12_000
    other = [series for series in found if 'account="other"' in series and "_identities" in series]
    assert found[other[0]] == 3_000 - prometheus._ACCOUNTS


def test_equal_long_accounts_are_added_up_not_repeated(report):
    same = [identity(id=f"i{n}", account="a" * 5_000 + str(n)) for n in range(3)]
    found = samples(msgspec.structs.replace(report, identities=same))
    assert sum(number for series, number in found.items() if series.startswith("entdrift_identities")) == 3
