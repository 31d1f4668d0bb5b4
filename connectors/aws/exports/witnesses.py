"""Read exports of what IAM itself saw of use: last-accessed reports and unused-access findings."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from connectors.aws.exports.kinds import Records, as_record, documents, wrong_kind

LAST_ACCESSED = "LastAccessed"
UNUSED_ACCESS = "UnusedAccess"
_REPORT = ("ServicesLastAccessed", "JobStatus")
_FINDINGS = ("findings", "Findings")


def last_accessed(path: Path) -> Records:
    """Return the reports of `get-service-last-accessed-details`, each with the principal it is about.

    The API's answer does not name the principal, only who used a service last, which is the principal
    itself in a report about a user or role. A report may be wrapped with its `Arn`, or stand in an object
    under its principal's ARN.
    """
    records: Records = []
    for document in documents(path):
        found = list(_reports(document))
        if not found:
            raise wrong_kind(path, document, "a last-accessed report", _REPORT_HINT)
        records += [as_record(LAST_ACCESSED, path, report) for report in found]
    return records


_REPORT_HINT = "write it with: aws iam get-service-last-accessed-details --job-id ID"


def _reports(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if any(name in document for name in _REPORT):
        yield document
        return
    for arn, held in document.items():
        if not str(arn).startswith("arn:"):
            continue
        if isinstance(held, Mapping) and any(name in held for name in _REPORT):
            yield {"Arn": arn, **held}
        elif isinstance(held, list):
            yield {"Arn": arn, "ServicesLastAccessed": held}


def unused_access(path: Path) -> Records:
    """Return findings of an unused-access analyzer: answers of `get-finding-v2`, one or many."""
    records: Records = []
    for document in documents(path):
        listed = next((document[name] for name in _FINDINGS if isinstance(document.get(name), list)), None)
        found = [document] if listed is None else [item for item in listed if isinstance(item, Mapping)]
        if listed is None and not {"findingDetails", "findingType"} & document.keys():
            hint = "write it with: aws accessanalyzer get-finding-v2"
            raise wrong_kind(path, document, "an unused-access finding", hint)
        records += [as_record(UNUSED_ACCESS, path, finding) for finding in found]
    return records
