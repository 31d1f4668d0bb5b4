"""Read the policies of the resources that identities of an account name in theirs, or touched in the logs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from connectors.aws.arns import parse_arn
from connectors.aws.catalog.tables import table
from connectors.aws.exports.resource_policies import KEY_GRANT, RESOURCE_POLICY
from connectors.aws.identities.paths import values_at
from connectors.aws.live.calls import Calls
from connectors.aws.live.gathering import Finds, Found
from connectors.aws.live.surroundings import account_block, beside_bucket, regional
from connectors.aws.policy.document import parse_document
from connectors.facts import Effect
from connectors.interface import Outcome, Record, Sink
from connectors.live.failures import CallError
from connectors.logs.rows import LogFile, Presence, UsageRow

_MOST = 3000
"""So many resources of one account are asked about, the touched ones first."""
_NO_POLICY: Mapping[str, Any] = {"Statement": []}


def resources_in(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the single resources that the policies in one record of a dump name."""
    documents = [policy.get("PolicyDocument") for key in _INLINE for policy in record.get(key) or ()]
    documents += [
        version.get("Document")
        for version in record.get("PolicyVersionList") or ()
        if version.get("IsDefaultVersion")
    ]
    for document in documents:
        for statement in parse_document(document).statements:
            if statement.effect is Effect.ALLOW and not statement.not_resources:
                yield from (arn for pattern in statement.resources if (arn := whole(pattern)))


_INLINE = ("UserPolicyList", "RolePolicyList", "GroupPolicyList")


def whole(pattern: str) -> str:
    """Return the one resource that a pattern lies in, if a policy of it can be read; else an empty text."""
    arn = parse_arn(pattern)
    if arn is None or arn.service not in _calls():
        return ""
    if arn.service == "s3":
        found = pattern.partition("/")[0]
    elif arn.service == "lambda":
        found = ":".join(pattern.split(":")[:7])
    elif arn.service in ("dynamodb", "es"):
        found = "/".join(pattern.split("/")[:2])
    else:
        found = pattern
    wild = "*" in found or "?" in found or "${" in found
    usable = arn.service != "kms" or arn.resource.startswith("key/")
    return found if usable and not wild else ""


def _calls() -> dict[str, Mapping[str, Any]]:
    return {row["service"]: row for row in table("resource_policies")["calls"]}


def resource_policies(
    calls: Calls, named: Iterable[str], touched: Iterable[str], regions: Sequence[str]
) -> Finds:
    """Yield the policies of the account's own resources, the grants of its keys, and what stands beside them.

    Resources of other accounts cannot be read from here. Buckets' ARNs name neither account nor region, so
    the account's own buckets are listed first.
    """
    wanted = dict.fromkeys(
        arn for arn in (*map(whole, sorted(set(touched))), *sorted(set(named))) if _is_own(arn, calls.account)
    )
    chosen = list(wanted)[:_MOST]
    if len(wanted) > _MOST:
        text = f"{len(wanted)} resources are named; the policies of the first {_MOST} were read"
        yield CallError(text, "other", "resource policies")
    try:
        buckets = _own_buckets(calls) if any(map(_is_bucket, chosen)) else {}
    except CallError as error:
        buckets = {}
        yield error
    places = []
    for arn in chosen:
        parsed = parse_arn(arn)
        if parsed is not None:
            name = parsed.resource.removeprefix("repository/").removeprefix("domain/")
            region = buckets.get(name, "") if _is_bucket(arn) else parsed.region
            if not _is_bucket(arn) or name in buckets:
                places.append((arn, name, region))
    if any(_is_bucket(arn) for arn, _, _ in places):
        yield from account_block(calls)
    yield from chain.from_iterable(calls.each(lambda place: list(_read(calls, *place)), places))
    yield from regional(calls, regions)


def _is_bucket(arn: str) -> bool:
    return arn.split(":", 3)[2] == "s3"


def _is_own(arn: str, account: str) -> bool:
    parsed = parse_arn(arn)
    return parsed is not None and (parsed.account == account or _is_bucket(arn))


def _own_buckets(calls: Calls) -> dict[str, str]:
    """Return the account's buckets with the region of each, where the answer names it."""
    return {
        str(bucket["Name"]): str(bucket.get("BucketRegion") or "")
        for page in calls.pages("s3", "ListBuckets")
        for bucket in page.get("Buckets") or ()
    }


def _read(calls: Calls, arn: str, name: str, region: str) -> Iterator[Found | CallError]:
    parsed = parse_arn(arn)
    if parsed is None:
        return
    row = _calls()[parsed.service]
    host = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    endpoint = calls.session.settings.endpoint_url.rstrip("/") or f"https://sqs.{region}.{host}"
    texts = {
        "arn": arn,
        "name": name,
        "account": calls.account,
        "region": region,
        "queue_url": f"{endpoint}/{calls.account}/{name}",
    }
    filled: dict[str, Any] = {key: str(text).format(**texts) for key, text in row["parameters"].items()}
    if "AttributeNames" in filled:
        filled["AttributeNames"] = [filled["AttributeNames"]]
    call = f"{row['client']}:{row['operation']}"
    try:
        answer = calls.one(row["client"], row["operation"], region=region, **filled)
        policy = next(values_at(answer, row["policy"]), None)
    except CallError as error:
        if error.kind not in ("absent", "no endpoint"):
            yield error
            return
        policy = None
    record = {"ResourceArn": arn, "Account": calls.account, "Policy": policy or _NO_POLICY}
    if policy or parsed.service != "kms":
        yield Found(RESOURCE_POLICY, call, record, calls.account, region)
    if parsed.service == "kms":
        yield from _grants(calls, arn, region)
    elif parsed.service == "s3":
        yield from beside_bucket(calls, arn, name, region)


def _grants(calls: Calls, key: str, region: str) -> Iterator[Found | CallError]:
    try:
        for page in calls.pages("kms", "ListGrants", region=region, KeyId=key):
            for grant in page.get("Grants") or ():
                yield Found(KEY_GRANT, "kms:ListGrants", {**grant, "KeyId": key}, calls.account, region)
    except CallError as error:
        yield error


class Touched:
    """A sink that notes which resources the logs of each source name, and hands everything on."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.of: dict[str, set[str]] = {}

    def add(self, source: str, part: str, records: Sequence[Record] | Iterator[Record]) -> int:
        """Hand records on."""
        return self._sink.add(source, part, records)

    def add_logs(
        self, source: str, rows: Sequence[UsageRow], files: Sequence[LogFile], presence: Sequence[Presence]
    ) -> None:
        """Note the resources of the rows, and hand everything on."""
        noted = self.of.setdefault(source, set())
        noted.update(arn for row in rows if row.resource and (arn := whole(row.resource)))
        self._sink.add_logs(source, rows, files, presence)

    def outcome(self, outcome: Outcome) -> None:
        """Hand an outcome on."""
        self._sink.outcome(outcome)
