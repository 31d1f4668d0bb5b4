"""Tell whether the unique ids of a dump and of a log can be compared at all."""

import re
from collections import Counter

from connectors.aws.inventory import Inventory
from connectors.aws.usage.usage import Called
from connectors.facts import Caveat

REAL_ID = re.compile(r"A(ROA|IDA)(?!.*EXAMPLE)[A-Z0-9]{12,}")
"""Unique ids as IAM makes them; those of documentation and of made-up dumps say nothing."""
_ENOUGH = 3
"""Identities of an account, or of all accounts, that must all differ before ids are called not comparable."""


def forget_incomparable(called: Called, inventory: Inventory) -> list[Caveat]:
    """Forget the unique ids that logs name where not one of several agrees with the dump.

    Then they were changed on the way (made anonymous, made up), and say nothing about identities that were
    deleted and made again. One that agrees is enough to take the others for what they are.
    """
    agree: Counter[str] = Counter()
    differ: Counter[str] = Counter()
    for holder in inventory.holders:
        seen = {unique for unique in called.ids.get(holder.arn, ()) if REAL_ID.fullmatch(unique)}
        if seen and REAL_ID.fullmatch(holder.immutable_id):
            (agree if holder.immutable_id in seen else differ)[holder.account] += 1
    nowhere = not agree.total() and differ.total() >= _ENOUGH
    strange = {
        account for account, count in differ.items() if not agree[account] and (nowhere or count >= _ENOUGH)
    }
    for holder in inventory.holders:
        if holder.account in strange:
            called.ids.pop(holder.arn, None)
    return [
        Caveat(
            f"the unique ids of all {differ[account]} users and roles that call differ between dump and logs",
            account,
            "they were changed on the way; whether one was deleted and made again cannot be told",
        )
        for account in sorted(strange)
    ]
