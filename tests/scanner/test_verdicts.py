"""One verdict per permission; nothing is unused that the logs could not have shown."""

from hypothesis import given
from hypothesis import strategies as st

from connectors.facts import Blind, Effect, Entitlement, Grant, Usage
from connectors.permissions import Permissions
from scanner.results import GrantVerdict, Verdict
from scanner.verdicts import judge, judge_grants

NAMES = [f"svc:P{n}" for n in range(8)]


def catalogue():
    permissions = Permissions(source="t", date="", service=lambda n: n.partition(":")[0])
    permissions.load(NAMES)
    return permissions


def use(permission, count=1, denied=0, grant="", last="2026-11-01T00:00:00Z"):
    return Usage(
        identity="i",
        permission=permission,
        resource="",
        credential="",
        count=count,
        denied=denied,
        first_seen=last,
        last_seen=last,
        grant=grant,
        last_allowed=last if count > denied else "",
    )


def test_each_verdict():
    permissions = catalogue()
    entitlement = Entitlement(
        "i",
        granted=permissions.mask(NAMES[:4]),
        conditional=permissions.mask([NAMES[4]]),
        blind=(Blind(permissions.mask([NAMES[3], NAMES[0]]), "off", "not logged", "switch it on"),),
    )
    verdicts = judge(entitlement, [use(NAMES[0]), use(NAMES[1], 2, 2), use(NAMES[6], 1, 1)], permissions)
    assert [NAMES[0]] == permissions.names(verdicts.used)
    assert [NAMES[1], NAMES[6]] == permissions.names(verdicts.denied)
    assert [NAMES[2]] == permissions.names(verdicts.unused)
    assert [NAMES[3]] == permissions.names(verdicts.unobservable)
    assert [NAMES[4]] == permissions.names(verdicts.conditional)
    assert [NAMES[6]] == permissions.names(verdicts.not_granted)
    assert {"call-logged", "only-refused-calls", "would-be-logged", "off", "condition-undecided"} == {
        reason.code for reason in verdicts.reasons
    }


def test_without_readable_grants_nothing_is_unused():
    permissions = catalogue()
    verdicts = judge(None, [use(NAMES[0])], permissions)
    assert 0 == verdicts.unused == verdicts.granted
    assert permissions.mask([NAMES[0]]) == verdicts.used == verdicts.not_granted


def test_the_first_reason_that_names_a_permission_is_the_one_given():
    permissions = catalogue()
    both = permissions.mask(NAMES[:2])
    entitlement = Entitlement(
        "i",
        granted=both,
        blind=(
            Blind(permissions.mask([NAMES[0]]), "specific", "this one", ""),
            Blind(both, "general", "all", ""),
        ),
    )
    reasons = {reason.code: reason.permissions for reason in judge(entitlement, [], permissions).reasons}
    assert {"specific": permissions.mask([NAMES[0]]), "general": permissions.mask([NAMES[1]])} == reasons


sets = st.integers(min_value=0, max_value=2 ** len(NAMES) - 1)


@given(
    sets,
    sets,
    st.lists(sets, max_size=3),
    st.lists(st.tuples(st.sampled_from(NAMES), st.booleans()), max_size=6),
)
def test_verdicts_share_nothing_and_lose_nothing(granted, conditional, blinds, calls):
    """Whatever is held or called has exactly one verdict, and reasons cover each verdict exactly."""
    permissions = catalogue()
    entitlement = Entitlement(
        "i",
        granted,
        conditional & ~granted,
        blind=tuple(Blind(b, f"b{n}", "", "") for n, b in enumerate(blinds)),
    )
    usage = [use(name, 1, int(refused)) for name, refused in calls]
    verdicts = judge(entitlement, usage, permissions)
    called = permissions.mask(name for name, _ in calls)
    parts = [verdicts.of(verdict) for verdict in Verdict]
    assert sum(part.bit_count() for part in parts) == (granted | conditional | called).bit_count()
    assert granted | conditional | called == parts[0] | parts[1] | parts[2] | parts[3] | parts[4]
    for verdict in Verdict:
        reasons = [reason.permissions for reason in verdicts.reasons if reason.verdict is verdict]
        assert verdicts.of(verdict).bit_count() == sum(reason.bit_count() for reason in reasons)
    hidden = 0
    for blind in blinds:
        hidden |= blind
    assert verdicts.unused & hidden == 0
    counts = [verdicts.of(verdict).bit_count() for verdict in Verdict]
    assert verdicts.granted.bit_count() == sum(counts) - verdicts.not_granted.bit_count()


def grant(permissions, name, names, *, effect=Effect.ALLOW, undecided=False):
    return Grant(name, "i", "policy", name, effect, "*", permissions.mask(names), undecided=undecided)


def verdicts_of(permissions, entitlement, usage, *grants):
    verdicts = judge(entitlement, usage, permissions)
    return {r.grant.id: r.verdict for r in judge_grants(grants, verdicts, usage, permissions)}


def test_grants_are_used_when_any_permission_is():
    permissions = catalogue()
    entitlement = Entitlement(
        "i", permissions.mask(NAMES[:4]), blind=(Blind(permissions.mask([NAMES[3]]), "off", "", ""),)
    )
    assert verdicts_of(
        permissions,
        entitlement,
        [use(NAMES[0])],
        grant(permissions, "a", NAMES[:2]),
        grant(permissions, "b", NAMES[1:3]),
        grant(permissions, "c", NAMES[2:4]),
        grant(permissions, "d", NAMES, effect=Effect.DENY),
        grant(permissions, "e", [], undecided=True),
        grant(permissions, "f", [NAMES[7]]),
    ) == {
        "a": GrantVerdict.USED,
        "b": GrantVerdict.UNUSED,
        "c": GrantVerdict.UNOBSERVABLE,
        "d": GrantVerdict.NOT_APPLICABLE,
        "e": GrantVerdict.CONDITIONAL,
        "f": GrantVerdict.NOT_APPLICABLE,
    }


def test_only_the_grant_that_the_log_names_is_credited():
    permissions = catalogue()
    entitlement = Entitlement("i", permissions.mask(NAMES[:2]))
    assert verdicts_of(
        permissions,
        entitlement,
        [use(NAMES[0], grant="a")],
        grant(permissions, "a", [NAMES[0]]),
        grant(permissions, "b", [NAMES[0], NAMES[1]]),
    ) == {"a": GrantVerdict.USED, "b": GrantVerdict.UNUSED}
