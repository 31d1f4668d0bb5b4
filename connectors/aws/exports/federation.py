"""Recognise exported lists of those from outside who may take roles."""

from pathlib import Path
from typing import Any

from connectors.aws.exports.kinds import PAGE, Records, as_record, documents, wrong_kind
from connectors.aws.trust.oidc_providers import PROVIDER
from connectors.aws.trust.roles_anywhere import ANCHORS, CRLS, PROFILES, REGIONS, places_of


def oidc_providers(path: Path) -> Records:
    """Return OIDC providers with their client ids, and the lists that say which there are.

    An empty list names no account: `Account`, written beside it, does.
    """
    records: Records = []
    for document in documents(path):
        listed = document.get("OpenIDConnectProviderList")
        if isinstance(listed, list):
            arns = [str(one["Arn"]) for one in listed if isinstance(one, dict) and one.get("Arn")]
            page = {"IsTruncated": False, "Account": str(document.get("Account") or ""), "Arns": arns}
            records.append(as_record(PAGE, path, page))
        elif isinstance(document.get("ClientIDList"), list) or "Url" in document:
            records.append(as_record(PROVIDER, path, document))
        else:
            hint = "write it with: aws iam list-open-id-connect-providers"
            raise wrong_kind(path, document, "a list of OIDC providers", hint)
    return records


def roles_anywhere(path: Path) -> Records:
    """Return profiles, trust anchors and revocation lists, and what says that these are all of them.

    A list of a region without any names neither account nor region: `Account` and `Region`, written beside
    it, do. `aws ec2 describe-regions` says which regions there are.
    """
    records: Records = []
    for document in documents(path):
        kinds = [kind for kind in (PROFILES, ANCHORS, CRLS) if isinstance(document.get(kind), list)]
        regions = document.get("Regions")
        if not kinds and not isinstance(regions, list):
            hint = "write it with: aws rolesanywhere list-profiles, or list-trust-anchors"
            raise wrong_kind(path, document, "a list of IAM Roles Anywhere", hint)
        for kind in kinds:
            records += _list(kind, path, document)
        if isinstance(regions, list):
            names = sorted(str(one.get("RegionName")) for one in regions if isinstance(one, dict))
            page = {"Of": REGIONS, "Account": str(document.get("Account") or ""), "Regions": names}
            records.append(as_record(PAGE, path, page))
    return records


def _list(kind: str, path: Path, document: dict[str, Any]) -> Records:
    """Return the records of a list; revoked certificates may be megabytes and say nothing of who may come."""
    listed = [one for one in document[kind] if isinstance(one, dict)]
    account, region = places_of(listed)
    page = {
        "Of": kind,
        "Account": str(document.get("Account") or account),
        "Region": str(document.get("Region") or region),
        "IsTruncated": bool(document.get("nextToken") or document.get("NextToken")),
    }
    plain = ({key: value for key, value in one.items() if key != "crlData"} for one in listed)
    return [*(as_record(kind, path, one) for one in plain), as_record(PAGE, path, page)]
