"""Interned permissions: sets as integers, looked up as the cloud looks them up."""

from hypothesis import given
from hypothesis import strategies as st

from connectors.permissions import Permissions


def aws_like() -> Permissions:
    return Permissions(
        source="test", date="2026-11-22", service=lambda n: n.partition(":")[0], fold=str.lower
    )


def test_names_come_back_sorted_and_in_the_spelling_first_seen():
    permissions = aws_like()
    permissions.load(["s3:GetObject", "ec2:RunInstances"])
    assert permissions.names(permissions.mask(["S3:GETOBJECT", "ec2:runinstances"])) == [
        "ec2:RunInstances",
        "s3:GetObject",
    ]


def test_a_name_outside_the_catalogue_is_kept_but_not_known():
    permissions = aws_like()
    known = permissions.load(["s3:GetObject"])
    stranger = permissions.mask(["s3:BrandNew"])
    assert known == permissions.known
    assert stranger & permissions.known == 0
    assert permissions.names(stranger) == ["s3:BrandNew"]


def test_by_service_groups_and_sorts():
    permissions = aws_like()
    mask = permissions.mask(["s3:B", "ec2:Z", "s3:A"])
    assert permissions.by_service(mask) == {"ec2": ["ec2:Z"], "s3": ["s3:A", "s3:B"]}


@given(st.lists(st.text(min_size=1), unique=True), st.data())
def test_a_set_holds_exactly_what_was_put_in(names, data):
    permissions = Permissions(source="test", date="", service=str)
    permissions.load(names)
    chosen = data.draw(st.lists(st.sampled_from(names), unique=True)) if names else []
    mask = permissions.mask(chosen)
    assert sorted(chosen) == permissions.names(mask)
    assert len(chosen) == mask.bit_count()


def test_a_copy_has_the_same_bits_and_keeps_what_it_learns_to_itself():
    permissions = aws_like()
    permissions.load(["s3:GetObject", "ec2:RunInstances"])
    copy = permissions.copy()
    assert copy.mask(["ec2:RunInstances"]) == permissions.mask(["ec2:RunInstances"])
    copy.index("s3:New")
    assert permissions.find("s3:New") is None
    assert ["s3:GetObject", "s3:New"] == copy.by_service(7)["s3"]
    assert {"ec2": ["ec2:RunInstances"], "s3": ["s3:GetObject"]} == permissions.by_service(3)
    assert (copy.source, copy.date, copy.known) == (permissions.source, permissions.date, 3)


def test_large_sets_come_back_by_service_and_in_order_like_small_ones():
    permissions = aws_like()
    # "ec2-x" sorts before "ec2:" although the service "ec2" stands before the service "ec2-x".
    names = [
        f"{service}:{verb}{n:02}" for n in range(40) for verb in "BA" for service in ("s3", "ec2", "ec2-x")
    ]
    mask = permissions.load(names)
    assert sorted(names) == permissions.names(mask)
    assert ["ec2", "ec2-x", "s3"] == list(permissions.services(mask))
    assert sorted(names) == sorted(name for some in permissions.by_service(mask).values() for name in some)
    part = permissions.mask(names[:7])
    assert part == sum(permissions.services(part).values())


def test_names_without_a_service_are_listed_too():
    permissions = Permissions(source="test", date="", service=lambda _: "")
    names = [f"operation {n:03}" for n in range(100)]
    assert names == permissions.names(permissions.load(names))


def test_present_knows_names_from_the_moment_they_are_interned():
    permissions = aws_like()
    permissions.load(["s3:GetObject"])
    assert permissions.present(("S3:getobject", "s3:New")) == 1
    assert permissions.find("s3:New") is None
    permissions.index("s3:New")
    assert permissions.present(("S3:getobject", "s3:New")) == 3
