"""Recognise AWS export files by their content and take their records out.

Each function turns the parsed content of one file into the raw records of its part, or raises
EvidenceError saying what the file is instead.
"""

import base64
import binascii
import contextlib
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from connectors.aws.arns import account_of
from connectors.errors import EvidenceError
from connectors.files import read_csv, read_json, read_text

Records = list[dict[str, Any]]

ACCOUNT_LISTS = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
PAGE = "Page"
"""List name of the records that say whether a page of a dump was the last."""
KEY_LISTS = ("AccessKeyMetadata", "AccessKeys", "ServiceSpecificCredentials")
_SECRETS = {
    "secretaccesskey",
    "servicepassword",
    "servicecredentialsecret",
    "password",
    "sessiontoken",
    "secret",
}
_REPORT_COLUMNS = {"user", "arn", "access_key_1_active"}


def authorization_details(path: Path) -> Records:
    """Return the entities of `aws iam get-account-authorization-details`, each with its list's name.

    One document, pages in a list, or documents one after another; extra lists of keys are taken too.
    """
    records: Records = []
    for document in documents(path):
        lists = [name for name in ACCOUNT_LISTS if _is_account_list(document, name)]
        keys = [name for name in KEY_LISTS if isinstance(document.get(name), list)]
        if not lists and not keys:
            raise wrong_kind(path, document, "an authorization-details dump", _DETAILS_HINT)
        for name in (*lists, *keys):
            records += [as_record(name, path, item) for item in document[name] if isinstance(item, dict)]
        account = next((account_of(str(r["record"].get("Arn"))) for r in reversed(records)), "")
        # The API marks a page that is not the last; the CLI, told to stop early, leaves where to go on.
        cut = document.get("IsTruncated") is True or bool(document.get("NextToken"))
        page = {"IsTruncated": cut, "Account": account}
        records.append(as_record(PAGE, path, page))
    return records


def _is_account_list(document: dict[str, Any], name: str) -> bool:
    """Tell whether a document holds this list; organization dumps have `Policies` without versions."""
    held = document.get(name)
    if name != "Policies" or not isinstance(held, list):
        return isinstance(held, list)
    return not held or any(isinstance(item, dict) and "PolicyVersionList" in item for item in held)


_DETAILS_HINT = "write it with: aws iam get-account-authorization-details --output json > gaad.json"


def organization_policies(path: Path) -> Records:
    """Return policy documents with their targets, or an organization tree, as they are written."""
    records = [as_record("Organization", path, document) for document in documents(path)]
    if not any(_holds_policies(record["record"]) for record in records):
        first = records[0]["record"] if records else {}
        raise wrong_kind(
            path, first, "a dump of organization policies", "docs/aws.md shows the shapes that are read"
        )
    return records


def _holds_policies(document: dict[str, Any]) -> bool:
    if any(_is_account_list(document, name) and document[name] for name in ACCOUNT_LISTS):
        return False
    return bool({"Content", "Policies", "Policy", "Children", "Accounts", "Targets"} & document.keys())


def trails(path: Path) -> Records:
    """Return the documents of `describe-trails`, `get-event-selectors` and `get-trail-status`."""
    records = [as_record("Trails", path, document) for document in documents(path)]
    if not any(_TRAIL_KEYS & record["record"].keys() for record in records):
        first = records[0]["record"] if records else {}
        raise wrong_kind(path, first, "an export of trails", "write it with: aws cloudtrail describe-trails")
    return records


_TRAIL_KEYS = {
    "trailList",
    "Trails",
    "trails",
    "TrailARN",
    "Trail",
    "EventSelectors",
    "AdvancedEventSelectors",
    "IsLogging",
    "S3BucketName",
}


def credential_report(path: Path) -> Records:
    """Return the rows of a credential report: the CSV itself or the API's answer that wraps it."""
    text = read_text(path)
    rows = _wrapped_report(path) if text.lstrip().startswith(("{", "[")) else read_csv(path)
    if rows and not set(rows[0]) >= _REPORT_COLUMNS:
        raise EvidenceError(
            f"{path}: has no columns {', '.join(sorted(_REPORT_COLUMNS))}, so it is no credential report",
            hint="write it with: aws iam get-credential-report --query Content --output text | base64 -d",
        )
    return [as_record("CredentialReport", path, row) for row in rows]


def _wrapped_report(path: Path) -> list[dict[str, str]]:
    found = [document for document in documents(path) if isinstance(document.get("Content"), str)]
    if not found:
        raise EvidenceError(f"{path}: is JSON without Content", hint="is this a credential report?")
    content = found[0]["Content"]
    # botocore decodes the field, so a dump of its answer holds the CSV as it is.
    with contextlib.suppress(binascii.Error, UnicodeDecodeError):
        content = base64.b64decode(content, validate=True).decode()
    return list(csv.DictReader(io.StringIO(content)))


def key_lists(path: Path) -> Records:
    """Return access keys and service-specific credentials, without any secret they may still hold."""
    records: Records = []
    for document in documents(path):
        lists = [name for name in KEY_LISTS if isinstance(document.get(name), list)]
        if lists:
            for name in lists:
                records += [as_record(name, path, _with_user(item, document)) for item in document[name]]
        elif "AccessKeyId" in document or "ServiceSpecificCredentialId" in document:
            name = "AccessKeys" if "AccessKeyId" in document else "ServiceSpecificCredentials"
            records.append(as_record(name, path, document))
        else:
            hint = "write it with: aws iam list-access-keys, or list-service-specific-credentials"
            raise wrong_kind(path, document, "a list of keys", hint)
    return records


def _with_user(item: Any, document: dict[str, Any]) -> dict[str, Any]:
    held = dict(item) if isinstance(item, dict) else {}
    if "UserName" not in held and isinstance(document.get("UserName"), str):
        held["UserName"] = document["UserName"]
    return held


def documents(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a file: one, a list of them, several in a row, or lists of pages."""
    waiting: list[Any] = [read_json(path)]
    while waiting:
        value = waiting.pop(0)
        if isinstance(value, list):
            waiting = [*value, *waiting]
        elif isinstance(value, dict):
            yield value
        else:
            raise EvidenceError(
                f"{path}: holds {type(value).__name__}, not objects", hint="is this the right file?"
            )


def as_record(name: str, path: Path, item: Any) -> dict[str, Any]:
    """Return one raw record as a bundle holds it, without key material."""
    return {"list": name, "file": path.name, "record": scrub(item)}


def scrub(value: Any) -> Any:
    """Return a record without fields that hold key material; `create-*` answers carry them."""
    if isinstance(value, dict):
        return {k: scrub(v) for k, v in value.items() if str(k).lower() not in _SECRETS}
    if isinstance(value, list):
        return [scrub(item) for item in value]
    return value


def wrong_kind(path: Path, document: dict[str, Any], wanted: str, hint: str) -> EvidenceError:
    """Return the error for a file of another kind, saying what it is instead where that shows."""
    if isinstance(document.get("Records"), list):
        return EvidenceError(
            f"{path}: is a CloudTrail log file, not {wanted}", hint="name it under cloudtrail instead"
        )
    if any(name in document for name in ACCOUNT_LISTS[:3]):
        return EvidenceError(
            f"{path}: is an authorization-details dump, not {wanted}",
            hint="name it under authorization_details instead",
        )
    if _holds_policies(document) and "DefaultVersionId" not in document:
        return EvidenceError(
            f"{path}: looks like a dump of organization policies, not {wanted}",
            hint="name it under organization_policies instead",
        )
    keys = json.dumps(sorted(map(str, document))[:6])
    return EvidenceError(f"{path}: is not {wanted} (its keys are {keys})", hint=hint)
