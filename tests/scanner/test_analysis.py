"""Facts become results: unreadable logs make nothing unused, and signals tell how sure we are."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors.facts import Credential, Entitlement, Facts, Identity, Signal, SignalKind, Usage, Window
from connectors.logs.rows import LogFile, Presence
from connectors.permissions import Permissions
from scanner.analysis import ai_confidence, analyse_cloud, observed_spans, unread_logs
from scanner.results import Confidence

WINDOW = Window(datetime(2026, 8, 24, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC))


def log_file(path, *, lost):
    return LogFile(path, 10, "partial", "cut off", 0, 0, 0, 0, lost=lost)


def test_a_log_file_belongs_to_the_account_its_path_names():
    accounts = {"111122223333", "444455556666"}
    files = [
        log_file("logs/AWSLogs/111122223333/CloudTrail/x.json.gz", lost=True),
        log_file("flat/444455556666_CloudTrail_eu-west-1.json.gz", lost=True),
        log_file("logs/AWSLogs/444455556666/README.md", lost=False),
    ]
    assert {
        "111122223333": [files[0].path],
        "444455556666": [files[1].path],
    } == unread_logs(files, accounts)


def test_a_file_that_names_no_account_may_belong_to_any():
    assert {"a": ["export.json"], "b": ["export.json"]} == unread_logs(
        [log_file("export.json", lost=True)], {"a", "b"}
    )


def facts(permissions):
    granted = permissions.mask(["svc:Used", "svc:Idle"])
    identity = Identity("i", "aws", "1", "role", "i", "s", signals=(Signal(SignalKind.TRUST, "x", "y"),))
    usage = Usage("i", "svc:Used", "", "", 1, 0, "2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z")
    return Facts(
        provider="aws",
        permissions=permissions,
        identities=(identity,),
        credentials=(),
        grants=(),
        entitlements={"i": Entitlement("i", granted)},
        usage=(usage,),
        coverage=(),
    )


@pytest.mark.parametrize(
    ("unread", "unused"), [({}, ["svc:Idle"]), ({"1": ["x"]}, []), ({"2": ["x"]}, ["svc:Idle"])]
)
def test_nothing_is_unused_in_an_account_whose_logs_lost_calls(unread, unused):
    permissions = Permissions(source="t", date="", service=lambda name: name.partition(":")[0])
    cloud = analyse_cloud(
        facts(permissions),
        stages={},
        presence=(),
        everyone=False,
        window=WINDOW,
        now=WINDOW.end,
        unread=unread,
    )
    (result,) = cloud.identities
    assert unused == permissions.names(result.verdicts.unused)
    assert ["svc:Used"] == permissions.names(result.verdicts.used)


def test_a_call_that_needs_several_permissions_is_one_use_of_its_key():
    permissions = Permissions(source="t", date="", service=lambda name: name.partition(":")[0])
    given = facts(permissions)
    calls = [
        ("bedrock:InvokeModel", "bedrock:InvokeModel", 3),
        ("bedrock:CallWithBearerToken", "bedrock:InvokeModel", 3),
        ("s3:GetObject", "s3:CopyObject", 2),
        ("s3:PutObject", "s3:CopyObject", 2),
        ("s3:GetObject", "s3:GetObject", 5),
    ]
    usage = [
        Usage("i", permission, "", "KEY", count, 0, WINDOW.start.isoformat(), "", operation=operation)
        for permission, operation, count in calls
    ]
    key = Credential("i", "KEY", "access-key", "active", long_lived=True)
    cloud = analyse_cloud(
        replace(given, usage=tuple(usage), credentials=(key,)),
        stages={},
        presence=(),
        everyone=False,
        window=WINDOW,
        now=WINDOW.end,
        unread={},
    )
    (result,) = cloud.identities
    assert [3 + 2 + 5] == [one.uses for one in result.credentials]


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ([], Confidence.NONE),
        ([SignalKind.NAME], Confidence.LOW),
        ([SignalKind.NAME, SignalKind.USAGE], Confidence.MEDIUM),
        ([SignalKind.GRANT, SignalKind.DECLARED], Confidence.HIGH),
    ],
)
def test_the_strongest_signal_tells_how_sure_we_are(kinds, expected):
    assert expected is ai_confidence([Signal(kind, "", "") for kind in kinds])


def test_the_observed_span_is_the_part_of_the_window_that_logs_cover():
    presence = [
        Presence("1", "r", "management", "", 5, "2026-01-01T00:00:00Z", "2026-09-01T00:00:00Z"),
        Presence("2", "r", "management", "", 5, "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        Presence("3", "r", "management", "", 5, "2025-01-01T00:00:00Z", "2025-02-01T00:00:00Z"),
    ]
    spans = observed_spans(presence, WINDOW)
    assert Window(WINDOW.start, datetime(2026, 9, 1, tzinfo=UTC)) == spans["1"]
    assert Window(datetime(2026, 10, 1, tzinfo=UTC), WINDOW.end) == spans["2"]
    assert "3" not in spans
    assert WINDOW == spans[""]
