"""A cover by given roles costs the least, by an exact solver and by trying all; it is never the role with everything."""

import gzip
import json
import random
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.permissions import Permissions
from connectors.role_cover import Candidate, Pricing, least_excess

ROLES = Path(__file__).parents[3] / "shared" / "data" / "gcp" / "gcp_predefined_roles_2026-08-22.json.gz"


def price_by_hand(roles, wanted, allowed, pricing):
    """Price roles permission by permission, by no code of the module."""
    together = 0
    total = 0
    for role in roles:
        together |= role.permissions
        total += pricing.role + role.extra
        if role.home is not None and not role.home & role.permissions & wanted:
            total += pricing.stranger
    bit = 0
    for bit in range(together.bit_length()):
        if together >> bit & 1 and not wanted >> bit & 1:
            total += single(bit, allowed, pricing)
    return total


def single(bit, allowed, pricing):
    cost = max((cost for mask, cost in pricing.risks if mask >> bit & 1), default=pricing.plain)
    return cost * (1 if allowed >> bit & 1 else pricing.outside)


@pytest.fixture(scope="module")
def google():
    """Every predefined role of Google Cloud, with its service as home."""
    if not ROLES.exists():
        pytest.skip(f"{ROLES} is not here")
    data = json.loads(gzip.decompress(ROLES.read_bytes()))
    permissions = Permissions(source="", date="", service=lambda name: name.partition(".")[0])
    everything = permissions.mask(data["permissions"])
    homes = {
        service: permissions.mask(names) for service, names in permissions.by_service(everything).items()
    }
    roles = [
        Candidate(
            name,
            permissions.mask(data["permissions"][at] for at in role["perms"]),
            homes.get(name.removeprefix("roles/").partition(".")[0], 0),
        )
        for name, role in data["roles"].items()
    ]
    risky = [n for n in data["permissions"] if n.endswith((".setIamPolicy", ".actAs", ".getAccessToken"))]
    deleting = [n for n in data["permissions"] if n.endswith(".delete")]
    pricing = Pricing(risks=((permissions.mask(deleting), 3), (permissions.mask(risky), 30)))
    return permissions, roles, pricing


def optimum(wanted, allowed, roles, pricing):
    """Return the least cost by a mixed-integer solver."""
    optimize = pytest.importorskip("scipy.optimize")
    sparse = pytest.importorskip("scipy.sparse")
    useful = [role for role in roles if role.permissions & wanted]
    signatures = {}
    for at, role in enumerate(useful):
        for bit in bits(role.permissions & ~wanted):
            signatures.setdefault(bit, []).append(at)
    blocks = {}
    for bit, members in signatures.items():
        key = tuple(members)
        blocks[key] = blocks.get(key, 0) + single(bit, allowed, pricing)
    fixed = [
        price_by_hand([Candidate(r.name, r.permissions & wanted, r.home, r.extra)], wanted, allowed, pricing)
        for r in useful
    ]
    costs = np.array([*fixed, *blocks.values()], dtype=float)
    rows, columns, values, lower, row = [], [], [], [], 0
    for bit in bits(wanted):
        members = [at for at, role in enumerate(useful) if role.permissions >> bit & 1]
        rows += [row] * len(members)
        columns += members
        values += [1] * len(members)
        lower.append(1)
        row += 1
    for number, members in enumerate(blocks):
        # Taking any of a block's roles means paying for the block: one row each, which the solver bounds best.
        for at in members:
            rows += [row, row]
            columns += [len(useful) + number, at]
            values += [1, -1]
            lower.append(0)
            row += 1
    matrix = sparse.csr_matrix((values, (rows, columns)), shape=(row, len(costs)))
    kinds = np.array([1] * len(useful) + [0] * len(blocks))
    result = optimize.milp(
        costs,
        constraints=optimize.LinearConstraint(matrix, lb=np.array(lower, dtype=float)),
        integrality=kinds,
        bounds=optimize.Bounds(0, 1),
    )
    assert result.success, result.message
    return round(result.fun)


def bits(mask):
    return [bit for bit in range(mask.bit_length()) if mask >> bit & 1]


def draws(permissions, seed, count):
    """Return random used-sets: a few permissions of a few services each, as workloads use them."""
    rng = random.Random(seed)  # noqa: S311 a repeatable sample
    services = permissions.by_service((1 << len(permissions)) - 1)
    for _ in range(count):
        names = []
        for service in rng.sample(sorted(services), rng.randint(1, 4)):
            names += rng.sample(services[service], min(len(services[service]), rng.randint(1, 4)))
        yield permissions.mask(names)


def test_a_cover_costs_at_most_two_percent_more_than_an_exact_solver_finds(google):
    permissions, roles, pricing = google
    usual = [role for role in roles if role.name not in ("roles/owner", "roles/editor", "roles/viewer")]
    allowed = next(role.permissions for role in roles if role.name == "roles/editor")
    for wanted in draws(permissions, 20261122, 12):
        found = least_excess(wanted, allowed, usual, pricing)
        coverable = wanted & ~found.missing
        best = optimum(coverable, allowed, usual, pricing)
        assert found.cost == price_by_hand(found.roles, wanted, allowed, pricing)
        assert best <= found.cost <= best * 1.02
        if found.exact:
            assert found.cost == best


def test_owner_and_editor_are_never_recommended_although_one_of_them_would_do(google):
    permissions, roles, pricing = google
    tool_agent = (
        "pubsub.topics.publish run.routes.invoke secretmanager.versions.access cloudtrace.traces.patch "
        "datastore.entities.get datastore.entities.list aiplatform.endpoints.predict storage.objects.get"
    )
    everything = (1 << len(permissions)) - 1
    wants = [permissions.mask(tool_agent.split()), *draws(permissions, 7, 40)]
    taken = {
        role.name
        for wanted in wants
        for pricing_here in (Pricing(), pricing)
        for role in least_excess(wanted, everything, roles, pricing_here).roles
    }
    assert taken.isdisjoint({"roles/owner", "roles/editor", "roles/viewer"})
    assert least_excess(wants[0], everything, roles).excess.bit_count() < 200


def test_a_small_effort_still_gives_a_cover_and_says_it_is_not_proved(google):
    permissions, roles, pricing = google
    wanted = permissions.mask(
        ["resourcemanager.projects.get", "storage.objects.get", "pubsub.topics.publish"]
    )
    quick = least_excess(wanted, 0, roles, pricing, effort=1)
    thorough = least_excess(wanted, 0, roles, pricing)
    given = 0
    for role in quick.roles:
        given |= role.permissions
    assert (0, False, True) == (wanted & ~given, quick.exact, thorough.exact)
    assert thorough.cost <= quick.cost


masks = st.integers(min_value=0, max_value=(1 << 12) - 1)
candidates = st.lists(st.tuples(masks, st.none() | masks, st.integers(0, 3)), max_size=7).map(
    lambda roles: [Candidate(f"r{at}", mask, home, extra) for at, (mask, home, extra) in enumerate(roles)]
)
pricings = st.builds(
    Pricing,
    risks=st.lists(st.tuples(masks, st.integers(1, 20)), max_size=3).map(tuple),
    plain=st.just(1),
    role=st.integers(0, 3),
    stranger=st.integers(0, 20),
    outside=st.integers(1, 10),
)


@settings(max_examples=300, deadline=None)
@given(masks, masks, candidates, pricings)
def test_a_cover_is_the_best_of_all_choices(wanted, allowed, roles, pricing):
    found = least_excess(wanted, allowed, roles, pricing)
    together = 0
    for role in roles:
        together |= role.permissions
    coverable = wanted & together
    given = 0
    for role in found.roles:
        given |= role.permissions
    assert wanted & ~together == found.missing
    assert coverable == given & wanted
    assert (given & ~wanted, given & ~wanted & ~allowed) == (found.excess, found.outside)
    least = min(
        price_by_hand(chosen, wanted, allowed, pricing)
        for count in range(len(roles) + 1)
        for chosen in combinations(roles, count)
        if covers(chosen, coverable)
    )
    assert (least, True) == (found.cost, found.exact)


def covers(chosen, wanted):
    given = 0
    for role in chosen:
        given |= role.permissions
    return not wanted & ~given


def test_the_order_of_candidates_does_not_matter():
    roles = [Candidate(name, 0b11 << at) for at, name in enumerate("dbca")]
    forward = least_excess(0b1010, 0, roles)
    assert forward == least_excess(0b1010, 0, list(reversed(roles)))


def test_excess_outside_the_present_grant_costs_more_than_excess_within_it():
    within, beyond = Candidate("within", 0b1111), Candidate("beyond", 0b10001)
    found = least_excess(0b1, 0b1111, [within, beyond])
    assert (["within"], 0) == ([role.name for role in found.roles], found.outside)


def test_an_excluded_role_is_not_taken_and_what_only_it_gives_is_missing():
    roles = [Candidate("agent", 0b11), Candidate("usual", 0b01)]
    found = least_excess(0b11, 0, roles, excluded=frozenset({"agent"}))
    assert (["usual"], 0b10) == ([role.name for role in found.roles], found.missing)


def test_a_role_of_the_wanted_service_goes_before_a_slightly_smaller_one_of_another_service():
    own = Candidate("roles/datastore.viewer", 0b1111, home=0b1111)
    odd = Candidate("roles/firebaserules.system", 0b0011, home=1 << 40)
    assert [own] == list(least_excess(0b1, 0b1111, [own, odd]).roles)
