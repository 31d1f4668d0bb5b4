"""Roles: what permission blocks give, over the operations the evidence names."""

import re
import time

import pytest

from connectors.azure.policy.patterns import Block, Plane, Universe, blocks, matches
from connectors.permissions import Permissions


def universe(*control: str, data: tuple[str, ...] = ()) -> Universe:
    permissions = Permissions(source="test", date="", service=lambda name: name.split("/")[0], fold=str.lower)
    found = Universe(permissions)
    found.add(Plane.CONTROL, control)
    found.add(Plane.DATA, data)
    return found


def block(**lists: list[str]) -> Block:
    return blocks({"permissions": [lists]})[0]


def given(of: Universe, one: Block, plane: Plane = Plane.CONTROL) -> list[str]:
    return of.permissions.names(of.block(plane, one))


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*", "Microsoft.X/y/read", True),
        ("*/read", "Microsoft.X/y/z/read", True),
        ("Microsoft.X/*/read", "microsoft.x/A/B/READ", True),
        ("Microsoft.X/*", "Microsoft.XY/z", False),
        ("Microsoft.X/y", "Microsoft.X/y/z", False),
        ("a*a", "a", False),
        ("*b*b*", "abcb", True),
        ("Microsoft.X/?", "Microsoft.X/y", False),
        ("Microsoft.X/[y]", "Microsoft.X/y", False),
    ],
)
def test_a_star_spans_segments_and_nothing_else_is_special(pattern, name, expected):
    assert matches(pattern, name) is expected


def test_a_hostile_pattern_is_matched_in_linear_time():
    started = time.perf_counter()
    assert not matches("*a" * 5_000 + "*b", "a" * 100_000)
    assert time.perf_counter() - started < 2


def test_not_actions_are_subtracted_from_their_own_block_only():
    known = universe("M.X/a/write", "M.X/b/write")
    first = block(actions=["M.X/*"], notActions=["M.X/b/*"])
    second = block(actions=["M.X/b/write"])
    assert "M.X/b/write" not in given(known, first)
    assert given(known, second) == ["M.X/b/write"]


def test_control_and_data_planes_never_mix():
    known = universe("M.X/a/write", data=("M.X/a/blobs/read",))
    owner = block(actions=["*"])
    assert given(known, owner) == ["*", "M.X/a/write"]
    assert given(known, owner, Plane.DATA) == []


def test_a_pattern_that_cannot_be_listed_whole_stays_visible_as_a_permission():
    known = universe("M.X/a/write")
    one = block(actions=["M.X/*", "M.Y/*"])
    assert given(known, one) == ["M.X/*", "M.X/a/write", "M.Y/*"]
    assert known.permissions.names(known.patterns) == ["M.X/*", "M.Y/*"]


def test_with_the_providers_catalogue_a_pattern_is_only_what_it_lists():
    known = universe("M.X/a/write", "M.Y/b/write")
    known.complete(["m.x"])
    assert given(known, block(actions=["M.X/*", "M.Y/*"])) == ["M.X/a/write", "M.Y/*", "M.Y/b/write"]


def test_not_actions_take_a_pattern_only_when_they_cover_all_of_it():
    known = universe("M.X/a/write")
    one = block(actions=["M.X/*", "M.Y/z/*"], notActions=["M.X/a/*", "M.Y/*"])
    assert given(known, one) == ["M.X/*"]


def test_letter_case_does_not_make_two_permissions():
    known = universe("Microsoft.X/Y/Read", "microsoft.x/y/read")
    assert len(known.permissions) == 1


def test_powershell_writes_a_role_without_blocks():
    flat = {
        "name": "R",
        "actions": ["M.X/a/read"],
        "notactions": [],
        "dataactions": [],
        "assignablescopes": ["/"],
    }
    assert blocks(flat) == (Block(("M.X/a/read",), (), (), ()),)


def test_a_deny_takes_operations_and_only_patterns_it_covers_whole():
    known = universe("M.X/a/write", "M.X/a/delete", data=("M.X/a/blobs/read",))
    held = given(known, block(actions=["M.X/*", "M.X/a/*"]))
    assert held == ["M.X/*", "M.X/a/*", "M.X/a/delete", "M.X/a/write"]
    taken = known.denied(block(actions=["M.X/a/*"]))
    assert known.permissions.names(taken) == ["M.X/a/*", "M.X/a/delete", "M.X/a/write"]


def test_a_control_plane_deny_leaves_a_data_pattern_of_the_same_name():
    known = universe("M.X/a/write", data=("M.X/b/read",))
    known.block(Plane.DATA, block(dataActions=["M.X/*"]))
    assert known.permissions.names(known.denied(block(actions=["*"]))) == ["M.X/a/write"]


def test_built_in_owner_has_no_data_action_and_contributor_cannot_grant(built_in_roles):
    """Domain note 5.3: Owner's `*` gives none of the data actions; Contributor's notActions hold."""
    roles = {role["name"]: blocks({"permissions": role["permissions"]}) for role in built_in_roles}
    every = [one for role in roles.values() for one in role]
    known = universe(
        *(name for one in every for name in one.actions),
        data=tuple(n for one in every for n in one.data_actions),
    )
    owner, contributor = (
        roles["8e3af657-a8ff-443c-a75c-2fe8c4bcb635"],
        roles["b24988ac-6180-42a0-ab88-20f7382dd24c"],
    )
    data = known.plane(Plane.DATA) & ~known.plane(Plane.CONTROL)
    assert known.block(Plane.CONTROL, owner[0]) & data == 0
    assert known.block(Plane.DATA, owner[0]) == 0
    write = known.listed(Plane.CONTROL, "Microsoft.Authorization/roleAssignments/write")
    assert known.block(Plane.CONTROL, owner[0]) & write
    assert not known.block(Plane.CONTROL, contributor[0]) & write


def test_928_roles_expand_over_every_operation_they_name_within_seconds(built_in_roles):
    roles = [one for role in built_in_roles for one in blocks({"permissions": role["permissions"]})]
    known = universe(*(name for one in roles for name in one.actions))
    known.add(Plane.DATA, (name for one in roles for name in one.data_actions))
    started = time.process_time()
    total = sum(known.block(plane, one).bit_count() for one in roles for plane in Plane)
    assert total > 50_000
    assert time.process_time() - started < 6


def test_built_in_roles_expand_as_plain_patterns_say(built_in_roles):
    """One built-in role in eight against an independent reading of its patterns, both planes."""
    roles = [one for role in built_in_roles for one in blocks({"permissions": role["permissions"]})]
    known = universe(*(name for one in roles for name in one.actions))
    known.add(Plane.DATA, (name for one in roles for name in one.data_actions))
    for plane in Plane:
        by_provider = {}
        for name in known.permissions.names(known.plane(plane)):
            by_provider.setdefault(name.lower().partition("/")[0], []).append(name.lower())
        read = {}
        for one in roles[::8]:
            given = taken = 0
            for pattern in one.allowed(plane):
                given |= _plainly(known, pattern.lower(), by_provider, read)
            for pattern in one.subtracted(plane):
                taken |= _plainly(known, pattern.lower(), by_provider, read)
            assert known.block(plane, one) & known.plane(plane) == given & ~taken


def _plainly(known, pattern, by_provider, read):
    """Return the names that a pattern covers, read as a regular expression."""
    if pattern not in read:
        provider = pattern.partition("/")[0]
        places = by_provider.values() if "*" in provider else [by_provider.get(provider, [])]
        written = re.compile(".*".join(map(re.escape, pattern.split("*"))))
        found = [name for names in places for name in names if written.fullmatch(name)]
        read[pattern] = known.permissions.mask(found)
    return read[pattern]
