"""Recognise exported lists of those from outside who may take roles."""

from pathlib import Path

from connectors.aws.export_kinds import PAGE, Records, as_record, documents, wrong_kind
from connectors.aws.oidc_providers import PROVIDER


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
