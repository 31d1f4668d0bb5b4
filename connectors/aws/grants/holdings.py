"""List the policies each identity holds: its own, those attached to it, and those of its groups."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connectors.aws.arns import partition_in
from connectors.aws.inventory import Attached, Holder, Inventory
from connectors.aws.policy.document import Document


@dataclass(frozen=True, slots=True)
class Written:
    """One policy as an identity holds it; `document` is None when the dump does not contain it."""

    id: str
    source: str
    name: str
    document: Document | None
    created: str = ""
    shared: bool = False
    group: str = ""
    """Group through which the identity holds it."""


def policies_of_all(inventory: Inventory) -> dict[str, tuple[Written, ...]]:
    """Return by identity the policies it holds, those of its groups included."""
    groups = {(group.account, group.name): group for group in inventory.groups.values()}
    holders = inventory.holders
    members = Counter((h.account, name) for h in holders for name in dict.fromkeys(h.groups))
    attached: Counter[str] = Counter()
    for holder in holders:
        attached.update(policy.arn for policy in holder.attached)
    for key, group in groups.items():
        attached.update({policy.arn: members[key] for policy in group.attached})
    held = {}
    for holder in holders:
        own = list(_own(holder, inventory, attached))
        for name in dict.fromkeys(holder.groups):
            found = groups.get((holder.account, name))
            if found is None:
                arn = f"arn:{partition_in(holder.arn)}:iam::{holder.account}:group/{name}"
                own.append(Written(f"group/{name}", arn, f"group {name}", None, shared=True, group=name))
            else:
                own += _of_group(found, inventory)
        held[holder.arn] = tuple(own)
    return held


def _own(holder: Holder, inventory: Inventory, attached: Mapping[str, int]) -> Iterator[Written]:
    for inline in holder.inline:
        source = f"{holder.arn}: inline policy {inline.name}"
        yield Written(f"inline/{inline.name}", source, inline.name, inline.document)
    for policy in dict.fromkeys(holder.attached):
        yield _managed(policy, holder, inventory, shared=attached[policy.arn] > 1)


def _of_group(group: Holder, inventory: Inventory) -> Iterator[Written]:
    for inline in group.inline:
        name = f"group/{group.name}/inline/{inline.name}"
        source = f"{group.arn}: inline policy {inline.name}"
        yield Written(name, source, inline.name, inline.document, shared=True, group=group.name)
    for policy in dict.fromkeys(group.attached):
        yield _managed(policy, group, inventory, shared=True, group=group.name)


def _managed(
    policy: Attached, holder: Holder, inventory: Inventory, *, shared: bool, group: str = ""
) -> Written:
    """Return an attached policy with its document; tools that make up dumps name some by name alone."""
    arn = policy.arn
    if not arn.startswith("arn:"):
        arn = f"arn:{partition_in(holder.arn)}:iam::{holder.account}:policy/{arn}"
    found = inventory.policies.get(arn)
    return Written(
        id=f"group/{group}/{arn}" if group else arn,
        source=arn,
        name=policy.name or arn.rpartition("/")[2],
        document=found.document if found else None,
        created=found.created if found else "",
        shared=shared,
        group=group,
    )
