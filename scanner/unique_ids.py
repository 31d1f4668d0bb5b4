"""Forget immutable ids that do not tell identities apart, as in evidence that was made anonymous."""

from dataclasses import replace

from connectors.facts import Caveat, Facts


def told_apart(facts: Facts) -> Facts:
    """Return the facts without immutable ids that stand for several identities; a caveat counts them.

    An id of the cloud is given once. One that stands twice was changed on the way: findings, waivers and the
    history of two identities would be taken for those of one. Without it the name decides.
    """
    holders: dict[str, set[str]] = {}
    for identity in facts.identities:
        holders.setdefault(identity.immutable_id, set()).add(identity.id)
    shared = {given for given, ids in holders.items() if given and len(ids) > 1}
    if not shared:
        return facts
    names = sorted({name for given in shared for name in holders[given]})
    caveat = Caveat(
        f"unique ids that stand for more than one identity: {len(shared):,}, of {len(names):,} identities",
        f"{names[0]}, {names[1]}" + (f" and {len(names) - 2:,} more" if len(names) > 2 else ""),
        "they were changed on the way; whether one of these was deleted and made again cannot be told",
    )
    return replace(
        facts,
        identities=tuple(
            replace(identity, immutable_id="") if identity.immutable_id in shared else identity
            for identity in facts.identities
        ),
        caveats=(*facts.caveats, caveat),
    )
