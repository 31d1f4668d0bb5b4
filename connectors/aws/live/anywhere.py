"""Read IAM Roles Anywhere: profiles with the policies they name, trust anchors and revocation lists."""

from collections.abc import Iterator, Sequence

from connectors.aws.exports.kinds import PAGE
from connectors.aws.live.gathering import Finds, Found
from connectors.aws.live.iam import Account, missing_policies
from connectors.aws.trust.roles_anywhere import ANCHORS, CRLS, PROFILES, REGIONS
from connectors.live.failures import CallError

_LISTS = (("ListProfiles", PROFILES), ("ListTrustAnchors", ANCHORS), ("ListCrls", CRLS))


def roles_anywhere(account: Account, regions: Sequence[str], *, everywhere: bool) -> Finds:
    """Yield the lists of every region, each with whether it was read to its end.

    `everywhere` when these are all regions that the account has: then nothing is missing from the lists.
    """
    calls = account.calls
    named: set[str] = set()

    def read(region: str) -> list[Found | CallError]:
        return [found for operation, name in _LISTS for found in _list(account, region, operation, name)]

    if everywhere and not calls.sample:
        page = {"Of": REGIONS, "Account": calls.account, "Regions": list(regions)}
        yield Found(PAGE, "ec2:DescribeRegions", page)
    for finds in calls.each(read, regions):
        for found in finds:
            if isinstance(found, Found) and found.list == PROFILES:
                named |= set(map(str, found.record.get("managedPolicyArns") or ()))
            yield found
    yield from missing_policies(account, named)


def _list(account: Account, region: str, operation: str, name: str) -> Iterator[Found | CallError]:
    call = f"rolesanywhere:{operation}"
    page = {"Of": name, "Account": account.calls.account, "Region": region, "IsTruncated": False}
    try:
        for answer in account.calls.pages("rolesanywhere", operation, region=region):
            for record in answer.get(name) or ():
                yield Found(name, call, record, account.calls.account, region)
    except CallError as error:
        if error.kind != "no endpoint":
            page["IsTruncated"] = True
            yield error
    yield Found(PAGE, call, page, account.calls.account, region)
