"""What every cloud's wing promises, asked of all of them with the evidence that ships as the demo."""

import dataclasses
import json
import re
import shutil
from datetime import UTC, datetime

import pytest

from connectors.bundle import BundleWriter, open_bundle
from connectors.facts import Facts, Window
from connectors.interface import Patterns, Status, silent
from connectors.registry import PROVIDERS, connector
from scanner.config import load
from scanner.run import DEMO

NOW = datetime(2026, 11, 22, tzinfo=UTC)
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
PLANTED = "Sup3rS3cretValue-do-not-keep"
SECRETS = {
    "aws": ("SecretAccessKey", "ServicePassword", "ServiceCredentialSecret"),
    "gcp": ("privateKeyData", "keyString"),
    "azure": ("secretText", "connectionString"),
}
"""Names under which each cloud's API hands out a secret when a credential is made."""


def sources_of(provider, config=DEMO / "config.toml"):
    return [source for source in load(config).sources if source.provider == provider]


def exports_of(provider):
    """Give the settings that name exported files."""
    return [s for s in connector(provider).settings if s.kind in {"file", "files"} and "export" in s.modes]


def gather(provider, path, sources, window):
    with BundleWriter(path, sources, window, tool="test", now=NOW) as writer:
        connector(provider).collect(sources, writer, window, silent)
    return open_bundle(path)


@pytest.fixture(scope="module", params=PROVIDERS)
def provider(request):
    return request.param


@pytest.fixture(scope="module")
def bundle(provider, tmp_path_factory):
    window = load(DEMO / "config.toml").window(NOW)
    return gather(provider, tmp_path_factory.mktemp(provider) / "evidence", sources_of(provider), window)


@pytest.fixture(scope="module")
def facts(provider, bundle) -> Facts:
    return connector(provider).interpret(bundle.sources, bundle.window, Patterns())


def test_the_wing_names_itself_and_its_settings(provider):
    wing = connector(provider)
    assert provider == wing.name
    assert len({setting.name for setting in wing.settings}) == len(wing.settings)
    assert all(setting.help for setting in wing.settings)


def test_every_file_that_was_named_has_an_outcome(bundle):
    for source in bundle.sources:
        parts = {outcome.part for outcome in source.outcomes()}
        named = next(s for s in load(DEMO / "config.toml").sources if s.name == source.source).files
        assert set(named) <= parts
        assert all(outcome.reason for outcome in source.outcomes() if outcome.status is not Status.OK)


def test_identities_have_one_id_an_account_and_a_source(facts, provider, bundle):
    ids = [identity.id for identity in facts.identities]
    assert ids
    assert len(set(ids)) == len(ids)
    names = {source.source for source in bundle.sources}
    for identity in facts.identities:
        assert provider == identity.provider
        assert identity.kind
        assert identity.name
        assert identity.source in names
        assert not identity.created or STAMP.fullmatch(identity.created)


def test_ai_workloads_are_told_from_the_others_with_evidence(facts):
    signals = [signal for identity in facts.identities for signal in identity.signals]
    assert signals
    assert all(signal.value and signal.evidence for signal in signals)
    assert any(not identity.signals for identity in facts.identities)


def test_entitlements_are_disjoint_and_blind_spots_say_why(facts):
    ids = {identity.id for identity in facts.identities}
    assert set(facts.entitlements) <= ids
    for entitlement in facts.entitlements.values():
        assert 0 == entitlement.granted & entitlement.conditional
        for blind in entitlement.blind:
            assert blind.code
            assert blind.reason
            # Some calls no setting shows; where one would, the fix says which.
            assert blind.fix or "data-events" not in blind.code


def test_grants_belong_to_identities_and_say_where_they_are_written(facts):
    ids = {identity.id for identity in facts.identities}
    assert facts.grants
    for grant in facts.grants:
        assert grant.identity in ids
        assert grant.id
        assert grant.source
        assert grant.name
        assert 0 == grant.wide & ~grant.permissions
    assert len({(grant.identity, grant.id) for grant in facts.grants}) == len(facts.grants)


def test_what_is_granted_is_written_in_some_grant(facts):
    """No permission appears from nowhere: each stands in a grant of the identity."""
    written = {}
    for grant in facts.grants:
        written[grant.identity] = written.get(grant.identity, 0) | grant.permissions
    for identity, entitlement in facts.entitlements.items():
        held = entitlement.granted | entitlement.conditional
        assert [] == facts.permissions.names(held & ~written.get(identity, 0))


def test_usage_counts_and_times_make_sense(facts):
    assert facts.usage
    for row in facts.usage:
        assert row.identity
        assert row.permission
        assert 0 <= row.denied <= row.count
        assert row.count > 0
        assert row.first_seen <= row.last_seen
        assert STAMP.fullmatch(row.first_seen)
        assert STAMP.fullmatch(row.last_seen)


def test_use_stays_inside_the_window(facts, bundle):
    start, end = bundle.manifest.window_start, bundle.manifest.window_end
    assert all(start <= row.first_seen and row.last_seen < end for row in facts.usage)


def test_coverage_names_a_place_and_a_way_to_see_more(facts, provider):
    assert facts.coverage
    for row in facts.coverage:
        assert provider == row.provider
        assert row.log_class
        if row.state.value != "on":
            assert row.reason
        if row.state.value == "off":
            assert row.fix


def test_reach_classes_are_those_the_report_shows(facts):
    assert {"data", "model", "admin", "identity", "network"} <= set(facts.reach)


def test_two_readings_say_the_same(provider, bundle, facts):
    again = connector(provider).interpret(bundle.sources, bundle.window, Patterns())
    assert facts.identities == again.identities
    assert facts.grants == again.grants
    assert facts.usage == again.usage
    assert facts.coverage == again.coverage
    assert facts.caveats == again.caveats


def test_without_logs_nothing_could_have_been_seen(provider, tmp_path):
    """Take the logs away: everything that is held is blind, so nothing can be called unused."""
    logs = {"cloudtrail", "audit_logs", "activity_logs", "resource_logs", "sign_in_logs"}
    config = (DEMO / "config.toml").read_text()
    file = shutil.copytree(DEMO, tmp_path / "demo") / "config.toml"
    file.write_text(
        "".join(f"{line}\n" for line in config.splitlines() if line.split("=")[0].strip() not in logs)
    )
    sources = sources_of(provider, file)
    bundle = gather(provider, tmp_path / "evidence", sources, Window(datetime(2026, 8, 24, tzinfo=UTC), NOW))
    facts = connector(provider).interpret(bundle.sources, bundle.window, Patterns())
    assert facts.entitlements
    for entitlement in facts.entitlements.values():
        seen = entitlement.granted
        for blind in entitlement.blind:
            seen &= ~blind.permissions
        assert [] == facts.permissions.names(seen)[:3]


@pytest.mark.parametrize(
    "content",
    [None, b"", b"{", b"[1, 2]", b'{"hello": "world"}', b"\x1f\x8b\x08broken", b"\x89PNG", b"[" * 5000],
)
def test_files_of_the_wrong_kind_are_named_and_nothing_is_raised(provider, content, tmp_path):
    """Put the same bad file in the place of each export in turn."""
    bad = tmp_path / "bad.json"
    if content is not None:
        bad.write_bytes(content)
    window = Window(datetime(2026, 8, 24, tzinfo=UTC), NOW)
    for number, setting in enumerate(exports_of(provider)):
        config = tmp_path / f"{number}.toml"
        config.write_text(f'[[source]]\nname = "s"\nprovider = "{provider}"\n{setting.name} = "bad.json"\n')
        bundle = gather(provider, tmp_path / f"evidence-{number}", sources_of(provider, config), window)
        (source,) = bundle.sources
        (outcome,) = (outcome for outcome in source.outcomes() if outcome.part == setting.name)
        assert outcome.status in {Status.FAILED, Status.PARTIAL, Status.SKIPPED}, (setting.name, outcome)
        assert "bad.json" in outcome.reason, (setting.name, outcome)
        connector(provider).interpret(bundle.sources, bundle.window, Patterns())


def test_planted_secrets_never_reach_a_bundle(provider, tmp_path):
    """Plant a secret under every name that this cloud gives one, in every record of a credential."""
    secrets = dict.fromkeys(SECRETS[provider], PLANTED)
    folder = shutil.copytree(DEMO, tmp_path / "demo")
    for file in folder.rglob("*.json"):
        file.write_text(json.dumps(planted(json.loads(file.read_text()), secrets)))
    bundle = gather(
        provider,
        tmp_path / "evidence",
        sources_of(provider, folder / "config.toml"),
        load(folder / "config.toml").window(NOW),
    )
    for source in bundle.sources:
        for setting in connector(provider).settings:
            assert PLANTED not in json.dumps(list(source.records(setting.name)))
        assert PLANTED not in repr(list(source.usage()))


def planted(value, secrets):
    """Return a JSON value with the secrets added to every object that describes a credential."""
    if isinstance(value, list):
        return [planted(item, secrets) for item in value]
    if not isinstance(value, dict):
        return value
    grown = {key: planted(item, secrets) for key, item in value.items()}
    holds = {"keyId", "keyAlgorithm", "AccessKeyId", "ServiceSpecificCredentialId"} & set(value)
    return {**grown, **secrets} if holds else grown


class _ByDay:
    """A source whose rows come day by day, so that none follows another that differs in its day alone."""

    def __init__(self, source):
        self._source = source

    def __getattr__(self, name):
        return getattr(self._source, name)

    def usage(self):
        return iter(sorted(self._source.usage(), key=lambda row: (row.day, row)))


def test_facts_do_not_hang_on_the_order_of_rows(provider, bundle, facts):
    apart = connector(provider).interpret([_ByDay(one) for one in bundle.sources], bundle.window, Patterns())
    assert len(apart.usage) == len(facts.usage)
    for field in dataclasses.fields(Facts):
        if field.name not in ("permissions", "reach"):  # tables, made anew for each
            assert getattr(apart, field.name) == getattr(facts, field.name), field.name
