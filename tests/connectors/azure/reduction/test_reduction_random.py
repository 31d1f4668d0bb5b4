"""Random tenants: no reduction gives anything new, and none refuses a call that was recorded."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connectors.azure.reduction.standing import Access, take_back
from connectors.facts import Facts
from connectors.reduction import Standing
from tests.connectors.azure.harness import Desk, blind, conditional, held
from tests.connectors.azure.reducing import Store, ask, question_of
from tests.connectors.azure.synthetic import (
    AGENT,
    GROUP,
    OTHER_SUB,
    SUB,
    assignment,
    event,
    evidence,
    role,
    service_principal,
)

VERBS = ("read", "write", "delete", "start/action")
TYPES = ("Microsoft.Aa/things", "Microsoft.Aa/things/parts", "Microsoft.Bb/boxes")
CONTROL = [f"{kind}/{verb}" for kind in TYPES for verb in VERBS]
PATTERNS = ["*", "*/read", "Microsoft.Aa/*", "Microsoft.Aa/things/*", "Microsoft.Aa/*/write", "*/action"]
GROUPS = [
    f"/subscriptions/{sub}/resourceGroups/{name}" for sub in (SUB, OTHER_SUB) for name in ("one", "two")
]
RESOURCES = [f"{group}/providers/Microsoft.Aa/things/{name}" for group in GROUPS for name in ("x", "y")]
MANAGEMENT = "/providers/Microsoft.Management/managementGroups/top"
SCOPES = ["/", MANAGEMENT, f"/subscriptions/{SUB}", f"/subscriptions/{OTHER_SUB}", *GROUPS, *RESOURCES]
CONDITIONS = [
    None,
    None,
    "(!(ActionMatches{'Microsoft.Aa/things/write'})) OR (@Resource[Microsoft.Aa/things:name] StringEquals 'x')",
]
MONTHS = ("08-02", "09-05", "10-06", "10-29")

blocks = st.builds(
    lambda actions, minus, data: {"actions": actions, "notActions": minus, "dataActions": data},
    st.lists(st.sampled_from([*CONTROL, *PATTERNS]), max_size=4),
    st.lists(st.sampled_from([*CONTROL, *PATTERNS[1:]]), max_size=2),
    st.lists(st.sampled_from(["Microsoft.Aa/things/parts/read", "Microsoft.Aa/*"]), max_size=1),
)
roles = st.lists(st.lists(blocks, min_size=1, max_size=2), min_size=1, max_size=4)


def guid(number):
    return f"c0570000-0000-4000-8000-{number:012x}"


@st.composite
def tenants(draw):
    """Return assignments, roles and calls that the assignments allow."""
    definitions = [role(guid(n), f"Role {n}", *held) for n, held in enumerate(draw(roles))]
    drawn = draw(
        st.lists(
            st.tuples(
                st.integers(0, len(definitions)),
                st.sampled_from(SCOPES),
                st.sampled_from(CONDITIONS),
                st.sampled_from([AGENT, AGENT, AGENT, GROUP]),
            ),
            min_size=1,
            max_size=4,
            unique_by=lambda one: one[:2] + one[3:],
        )
    )
    assignments = [
        assignment(who, guid(n), scope, condition=text, kind="Group" if who == GROUP else "ServicePrincipal")
        for n, scope, text, who in drawn
    ]
    store = Store(assignments, definitions)
    possible = [
        (one, operation, resource)
        for one in assignments
        for operation in CONTROL
        for resource in RESOURCES
        if not operation.endswith("/read") and _allows(store, one, operation, resource)
    ]
    events = []
    if possible:
        drawn_calls = st.tuples(st.sampled_from(possible), st.sampled_from(MONTHS), st.booleans())
        for (one, operation, resource), day, named in draw(st.lists(drawn_calls, max_size=6)):
            grant = evidence(one) if named or one["principalId"] == GROUP else None
            events.append(event(operation, scope=resource, time=f"2026-{day}T10:00:00Z", grant=grant))
    return assignments, definitions, events, draw(st.booleans())


def _allows(store, one, operation, resource):
    return one["scope"] != MANAGEMENT and bool(
        _single(store, one).allows(one["principalId"], operation, resource)
    )


def _single(store, one):
    alone = Store([one], [])
    alone.roles = store.roles
    return alone


def told(folder, tenant):
    assignments, definitions, events, listed = tenant
    desk = Desk(Path(folder))
    desk.put("role_assignments", assignments)
    desk.put("role_definitions", definitions)
    desk.put("service_principals", [service_principal()])
    subscriptions = [
        {"id": f"/subscriptions/{sub}", "type": "microsoft.resources/subscriptions"}
        for sub in (SUB, OTHER_SUB)
    ]
    desk.put("resources", subscriptions)
    if listed:
        operations = [{"name": name, "isDataAction": False} for name in CONTROL]
        desk.put(
            "provider_operations",
            [
                {
                    "name": provider,
                    "operations": [one for one in operations if one["name"].startswith(provider)],
                }
                for provider in ("Microsoft.Aa", "Microsoft.Bb")
            ],
        )
    edges = [
        event("Microsoft.Aa/things/write", GROUP, scope=f"/subscriptions/{sub}", time=f"2026-{day}T00:00:00Z")
        | {"subscriptionId": sub, "resourceId": f"/subscriptions/{sub}/resourceGroups/e/providers/a.b/c/d"}
        for sub in (SUB, OTHER_SUB)
        for day in ("08-01", "10-31")
    ]
    desk.put("activity_logs", [*edges, *events])
    return desk.collect()


def beside_a_wide_grant():
    """Return a tenant whose calls at one resource could all have come through a grant on that resource."""
    definitions = [
        role(guid(n), f"Role {n}", {"actions": [held], "notActions": [], "dataActions": []})
        for n, held in enumerate(("*", "Microsoft.Aa/things/*"))
    ]
    assignments = [
        assignment(AGENT, guid(1), f"/subscriptions/{SUB}"),
        assignment(AGENT, guid(0), RESOURCES[1]),
    ]
    calls = (
        ("Microsoft.Aa/things/write", RESOURCES[0]),
        ("Microsoft.Aa/things/parts/start/action", RESOURCES[1]),
    )
    events = [event(operation, scope=place, time="2026-08-02T10:00:00Z") for operation, place in calls]
    return assignments, definitions, events, False


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(tenants(), st.booleans())
@example(beside_a_wide_grant(), False)
def test_a_reduction_is_never_wider_and_never_refuses_a_recorded_call(tenant, rebuild):
    assignments, definitions, events, listed = tenant
    with tempfile.TemporaryDirectory() as folder:
        memory = told(folder, tenant)
    facts, answers = ask(memory, AGENT, rebuild=rebuild)
    assert answers.failed == {}
    found = answers.found.get(AGENT)
    if found is None or not found.changes:
        return
    for claim in (found.replay, found.containment, found.limits, found.restore):
        assert claim.standing is not Standing.REFUTED, (claim, found.changes)
    before, after = Store(assignments, definitions), Store(assignments, definitions)
    after.apply(found.changes)
    for one in events:
        operation, resource = one["authorization"]["action"], one["authorization"]["scope"]
        was, now = before.allows(AGENT, operation, resource), after.allows(AGENT, operation, resource)
        assert "" in now or was <= now, (operation, resource)
    _never_wider(before, after)
    # A provider whose operations are all listed has no others: its wildcards may become lists.
    unknown = ["Microsoft.Zz/unknown/write", *([] if listed else ["Microsoft.Aa/new/read"])]
    _only_what_may_go(facts, [*CONTROL, *unknown], events, (before, after), rebuild=rebuild)
    _comes_back(found, assignments)


def _places():
    return [*RESOURCES, *(f"{group}/providers/Microsoft.Bb/boxes/new" for group in GROUPS), MANAGEMENT]


def _never_wider(before, after):
    for plane in ("actions", "dataActions"):
        for operation in [*CONTROL, "Microsoft.Zz/unknown/write", "Microsoft.Aa/new/read"]:
            for resource in _places():
                was = before.allows(AGENT, operation, resource, plane)
                now = after.allows(AGENT, operation, resource, plane)
                assert "" in was or now <= was, (plane, operation, resource)


def _only_what_may_go(facts: Facts, operations, events, stores, *, rebuild):
    """Whatever is refused now was observable and unused, or observable and used elsewhere only."""
    before, after = stores
    question = question_of(facts, AGENT)
    remove = set(facts.permissions.names(question.remove))
    hidden = set(blind(facts, AGENT)) | set(conditional(facts, AGENT))
    certain = set(held(facts, AGENT))
    used = {(one["authorization"]["action"], one["authorization"]["scope"]) for one in events}
    for plane in ("actions", "dataActions"):
        for operation in operations:
            for resource in _places():
                was = before.allows(AGENT, operation, resource, plane)
                if after.allows(AGENT, operation, resource, plane) >= was or operation in remove:
                    continue
                if "" in after.allows(AGENT, operation, resource, plane):
                    continue
                assert plane == "actions", (operation, resource)
                assert operation in certain - hidden, (operation, resource)
                where = [place for name, place in used if name == operation]
                assert where, (operation, resource)
                if not rebuild:
                    assert not any(place.split("/")[:5] == resource.split("/")[:5] for place in where)


def _comes_back(found, assignments):
    access = Access(roles={}, assignments={})
    for change in found.changes:
        if change.kind == "create-role-definition":
            access = Access(access.assignments, {**access.roles, change.target.lower(): change.after})
        elif change.kind == "create-role-assignment":
            access = Access({**access.assignments, change.target.lower(): change.after}, access.roles)
    for change in reversed(found.changes):
        access = take_back(access, change)
    assert access.roles == {}
    gone = {change.target.lower() for change in found.changes if change.kind == "delete-role-assignment"}
    assert set(access.assignments) == gone
    assert gone <= {one["id"].lower() for one in assignments}
