"""Text from outside never breaks the readers."""

import msgspec
from hypothesis import given
from hypothesis import strategies as some

from connectors.gcp.names import parse_member, permission_name, principal_id
from connectors.gcp.policy.conditions import About, decide
from connectors.gcp.usage.entry import LogEntry
from connectors.gcp.usage.events import AuditLogReader
from connectors.logs.rows import Folded
from tests.connectors.gcp.records import QUARTER, entry

ABOUT = About(
    QUARTER.end,
    ("projects/_/buckets/b",),
    "storage.googleapis.com/Bucket",
    "storage.googleapis.com",
    narrow=True,
)
TOKENS = some.sampled_from(
    ["request", ".", "time", "resource", "name", "type", "startsWith", "(", ")", "<", ">=", "==", "!=", "&&", "||", "!",
     "timestamp", "'2026-01-01T00:00:00Z'", "'projects/_/buckets/b'", "'x'", "true", "1", "?", ":", "[", "]", "in", "+"]
)  # fmt: skip
PAST = "request.time > timestamp('2026-01-01T00:00:00Z')"
FUTURE = "request.time > timestamp('2027-01-01T00:00:00Z')"
UNKNOWN = "resource.matchTag('a', 'b')"


def _join(case):
    operator, (left, one), (right, other) = case
    if operator == "&&":
        truth = False if False in (one, other) else None if None in (one, other) else True
    else:
        truth = True if True in (one, other) else None if None in (one, other) else False
    return f"({left}) {operator} ({right})", truth


@given(some.lists(TOKENS, max_size=30).map(" ".join) | some.text(max_size=80))
def test_any_condition_text_gives_an_answer(expression):
    assert decide(expression, ABOUT) in (True, False, None)


@given(some.recursive(
    some.sampled_from([(PAST, True), (FUTURE, False), (UNKNOWN, None)]),
    lambda inner: some.tuples(some.sampled_from(["&&", "||"]), inner, inner).map(_join)
    | inner.map(lambda one: (f"!({one[0]})", None if one[1] is None else not one[1])),
    max_leaves=12,
))  # fmt: skip
def test_conditions_follow_three_valued_logic(case):
    expression, truth = case
    assert decide(expression, ABOUT) is truth


def test_brackets_beyond_reason_are_undecided():
    assert decide("(" * 10_000 + PAST + ")" * 10_000, ABOUT) is None
    assert decide("!" * 10_000 + PAST, ABOUT) is None


@given(some.text(max_size=60))
def test_any_name_has_a_canonical_form(text):
    assert principal_id(principal_id(text)) == principal_id(text)
    assert parse_member(text).written == text
    assert isinstance(permission_name(text), str)


SCALARS = some.none() | some.booleans() | some.text(max_size=20)


@given(some.fixed_dictionaries({}, optional={
    "logName": SCALARS, "insertId": SCALARS, "timestamp": SCALARS | some.just("2026-09-01T00:00:00Z"),
    "who": SCALARS, "subject": SCALARS, "key": SCALARS, "permission": SCALARS, "granted": SCALARS, "resource": SCALARS,
}))  # fmt: skip
def test_any_entry_is_read_or_refused(fields):
    record = entry("storage.objects.get")
    payload = record["protoPayload"]
    text = {name: value for name, value in fields.items() if value is None or isinstance(value, str)}
    record |= {name: text[name] for name in ("logName", "insertId", "timestamp") if name in text}
    payload["authenticationInfo"] = {
        "principalEmail": text.get("who"),
        "principalSubject": text.get("subject"),
        "serviceAccountKeyName": text.get("key"),
    }
    payload["authorizationInfo"] = [
        {
            "permission": text.get("permission"),
            "granted": fields.get("granted"),
            "resource": text.get("resource"),
        }
    ]
    folded = AuditLogReader().fold(msgspec.convert(record, LogEntry))
    if isinstance(folded, Folded):
        assert len(folded.event_id) in (0, 16)
        assert all(isinstance(column, str) for key in folded.keys for column in key)
    else:
        assert folded
