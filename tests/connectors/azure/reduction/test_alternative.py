"""The built-in roles offered instead of a custom one cost as little as any can, and say what they give beside."""

import json
import random
from collections import Counter
from datetime import UTC, datetime

import pytest

from connectors.azure.catalog.tables import catalogue
from connectors.azure.policy.patterns import Plane, blocks, matches
from connectors.azure.reduction.alternative import _never, cover_of
from connectors.azure.reduction.desk import open_desk
from connectors.azure.reduction.plan import Region
from connectors.facts import Window
from tests.connectors.azure.harness import Desk, facts_of
from tests.connectors.azure.reducing import only
from tests.connectors.azure.synthetic import AGENT, CUSTOM, SUB, assignment, event, role, service_principal

WINDOW = Window(datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
GROUP = f"/subscriptions/{SUB}/resourceGroups/agents"
USED = [
    "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action",
    "Microsoft.CognitiveServices/accounts/OpenAI/deployments/embeddings/action",
    "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",
    "Microsoft.KeyVault/vaults/secrets/getSecret/action",
    "Microsoft.Search/searchServices/indexes/documents/read",
]


@pytest.fixture(scope="module")
def desk(built_in_roles, tmp_path_factory):
    """Return a desk with all built-in roles and an assignment that gives everything."""
    files = Desk(tmp_path_factory.mktemp("roles"))
    held = assignment(AGENT, CUSTOM, GROUP)
    files.put("role_assignments", [held])
    files.put("role_definitions", [*built_in_roles, role(CUSTOM, "All", actions=["*"], dataActions=["*"])])
    memory = files.collect()
    found = open_desk([memory], facts_of(memory), WINDOW)
    return found, next(iter(found.inventory.assignments.values()))


def covered(desk, names):
    opened, one = desk
    wanted = opened.universe.permissions.mask(names)
    return cover_of(one, Region(wanted, (GROUP,)), opened)


def test_all_built_in_roles_are_known_and_none_has_a_condition_in_a_cover(desk, built_in_roles):
    opened, _ = desk
    assert len(opened.built_in) == len(built_in_roles) == 928
    conditional = {r["name"] for r in built_in_roles if any(p.get("condition") for p in r["permissions"])}
    cover = covered(desk, ["Microsoft.Authorization/roleAssignments/write"])
    assert cover is None or not {one.name.partition("\n")[2] for one in cover.roles} & conditional


def test_the_measured_example_takes_the_four_narrow_roles(desk):
    cover = covered(desk, USED)
    assert sorted(one.name.partition("\n")[0] for one in cover.roles) == [
        "Cognitive Services OpenAI User",
        "Key Vault Secrets User",
        "Search Index Data Reader",
        "Storage Blob Data Reader",
    ]
    assert cover.excess.bit_count() < 60


def weights(opened):
    """Return what each permission costs as excess, by code of its own."""
    found = {}
    costs = catalogue("cover")["costs"]
    for name in opened.universe.permissions.names(-1 & (1 << len(opened.universe.permissions)) - 1):
        found[name] = max(
            [
                1,
                *(
                    cost
                    for kind, cost in costs.items()
                    for plane in Plane
                    if any(matches(p, name) for p in catalogue("reach")[kind][plane.value])
                    and opened.universe.listed(plane, name)
                ),
            ]
        )
    return found


def strange(permissions, wanted):
    """Return what it costs that a role is about a provider of which nothing is wanted."""
    about = Counter(name.partition("/")[0].lower() for name in permissions)
    for name in catalogue("cover")["common"]:
        about.pop(name.lower(), None)
    if not about:
        return 0
    home = max(sorted(about), key=about.__getitem__)
    return 0 if any(name.lower().startswith(home + "/") for name in wanted) else 10


def exact(wanted, roles, price):
    """Return the least cost of any cover: tries every role for the first permission that is not covered."""
    best = [float("inf")]

    def search(left, given, fixed):
        cost = fixed + sum(price[name] for name in given - wanted)
        if cost >= best[0]:
            return
        if not left:
            best[0] = cost
            return
        first = min(left)
        for permissions in roles:
            if first in permissions:
                search(left - permissions, given | permissions, fixed + 1 + strange(permissions, wanted))

    search(frozenset(wanted), frozenset(), 0)
    return best[0]


def test_covers_are_within_five_percent_of_the_exact_optimum(desk, built_in_roles):
    opened, _ = desk
    universe, permissions = opened.universe, opened.universe.permissions
    expanded = {}
    for raw in built_in_roles:
        if not any(p.get("condition") for p in raw["permissions"]) and not _never(raw["roleName"]):
            mask = 0
            for block in blocks(raw):
                mask |= universe.block(Plane.CONTROL, block) | universe.block(Plane.DATA, block)
            expanded[raw["name"]] = frozenset(permissions.names(mask))
    price = weights(opened)  # expanding may have given a pattern a permission of its own
    ai = ("Microsoft.CognitiveServices/", "Microsoft.Storage/", "Microsoft.Search/", "Microsoft.KeyVault/")
    names = sorted(n for held in expanded.values() for n in held if n.startswith(ai) and "*" not in n)
    chooser = random.Random(7)  # noqa: S311 the same choice each time
    ratios = []
    for size in (1, 1, 2, 2, 2, 3, 3, 3, 4, 4):
        wanted = set(chooser.sample(names, size))
        useful = sorted({held for held in expanded.values() if held & wanted}, key=sorted)
        small = [held for held in useful if len(held) < 400]
        if any(not any(name in held for held in small) for name in wanted):
            continue
        cover = covered(desk, wanted)
        assert not cover.missing
        ratios.append(cover.cost / exact(frozenset(wanted), small, price))
    assert len(ratios) >= 5
    assert max(ratios) <= 1.05


def test_the_alternative_says_what_it_gives_beside_what_is_needed(tmp_path, built_in_roles):
    files = Desk(tmp_path)
    files.put("role_assignments", [assignment(AGENT, CUSTOM)])
    wide = role(CUSTOM, "Wide", actions=["*"])
    files.put("role_definitions", [*built_in_roles, wide])
    files.put("service_principals", [service_principal()])
    start = "Microsoft.Storage/storageAccounts/write"
    account = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/one"
    files.put(
        "activity_logs",
        [event(start, scope=account, time=f"2026-{day}T00:00:00Z") for day in ("08-02", "10-31")],
    )
    found = only(files.collect(), AGENT)
    offers = [json.loads(one.content) for one in found.artifacts if one.form == "alternative"]
    [offer] = [one for one in offers if one["scopes"] == [GROUP]]
    assert offer["excess"] == len(offer["excess_permissions"]) > 0
    assert offer["new_access"] == []
    assert [one["for"] for one in offer["roles"]] == [[start]]
