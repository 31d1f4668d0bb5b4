"""Read resource policies, lists of buckets, KMS grants and role trust from the evidence, by resource."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from connectors.aws.arns import parse_arn
from connectors.aws.exports.resource_policies import owner_of
from connectors.aws.grants.bucket_acls import BUCKET_ACL, acl_caveats, acl_statements, enforced
from connectors.aws.grants.public_access import IGNORES_LISTS, PUBLIC_ACCESS_BLOCK
from connectors.aws.grants.resource_policies import PARTS, ResourcePolicies, ResourcePolicy
from connectors.aws.inventory import Inventory
from connectors.aws.policy.document import ConditionTest, Document, Principal, Statement, parse_document
from connectors.facts import Caveat, Effect
from connectors.interface import Evidence, Status


def read_resource_policies(evidence: Iterable[Evidence], inventory: Inventory) -> ResourcePolicies:
    """Return the policies of all sources, and the trust policies of the roles of the dumps.

    A bucket's ARN does not name its account: it is that of the source, where the source describes just one.
    """
    found = ResourcePolicies()
    records = list(_records(evidence, inventory, found))
    for kind, record, account in records:  # before the lists and policies, which they bound
        if kind == PUBLIC_ACCESS_BLOCK and (account or record.get("ResourceArn")):
            found.public_access.add(record, account)
        elif kind == BUCKET_ACL:
            found.public_access.add_beside_list(record, account)
    nameless = sum(not _take(found, *one) for one in records)
    if nameless:
        what = f"{nameless} resource policies or settings that do not say which resource they are of"
        effect = "they are left out; write ResourceArn (or Account, for a setting of the account) beside them"
        found.caveats.append(Caveat(what, "aws", effect))
    for arn in found.public_access.public:
        found.caveats += found.public_access.caveats(arn, found.by_arn[arn].account)
    for role in inventory.roles.values():
        if role.trust.statements and not role.trust.problems:
            _add(found, role.arn, role.account, _trust(role.trust))
    return found


def _records(
    evidence: Iterable[Evidence], inventory: Inventory, found: ResourcePolicies
) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Yield the kind of each record, the record, and the account of its resource, where it can be told."""
    accounts: dict[str, set[str]] = {}
    for holder in inventory.holders:
        accounts.setdefault(holder.source, set()).add(holder.account)
    for one in evidence:
        only = accounts.get(one.source, set())
        found.read |= any(
            outcome.part == "resource_policies" and outcome.status is Status.OK for outcome in one.outcomes()
        )
        for wrapped in one.records("resource_policies"):
            record = wrapped.get("record")
            if isinstance(record, Mapping):
                found.read = True
                account = owner_of(record) or str(wrapped.get("account") or "")
                kind = str(wrapped.get("list"))
                # A block that names nothing may be of any bucket: it is not taken for the account's.
                if not account and len(only) == 1 and kind != PUBLIC_ACCESS_BLOCK:
                    account = next(iter(only))
                yield kind, record, account


def _take(found: ResourcePolicies, kind: str, record: Mapping[str, Any], account: str) -> bool:
    """Take one record; tell whether it says what it is of."""
    arn = str(record.get("ResourceArn") or "")
    match kind:
        case "KeyGrant":
            _add_grant(found, record)
        case "BucketAcl" if parse_arn(arn) is not None:
            _add_list(found, record, arn, account)
        case "DataAccessPolicy" | "VpcEndpoint":
            found.beside.add(kind, record, account)
        case "ResourcePolicy" if parse_arn(arn) is not None:
            document = parse_document(record.get("Policy"))
            _add(found, arn, account, document)
            if arn.split(":", 3)[2] == "s3":
                found.public_access.add_policy(arn, document)
        case "PublicAccessBlock":
            return bool(account or arn)
        case "ResourcePolicy":
            return False
    return True


def _add(found: ResourcePolicies, arn: str, account: str, document: Document, *, whole: bool = True) -> None:
    before = found.by_arn.get(arn)
    own = tuple(_on(statement, arn) for statement in document.statements)
    held = (*before.document.statements, *own) if before else own
    if whole and before is not None and before.whole and set(own) != set(before.document.statements):
        what = "resource policy described twice, differently; the statements of both are applied"
        found.caveats.append(Caveat(what, arn, "access may be wider or narrower than shown"))
    whole = whole or (before is not None and before.whole)
    found.caveats += [
        Caveat(problem, f"resource policy of {arn}", "what it gives or refuses is not applied")
        for problem in document.problems
    ]
    account = account or (before.account if before else "")
    found.by_arn[arn] = ResourcePolicy(arn, account, Document(tuple(dict.fromkeys(held))), whole)


def _on(statement: Statement, arn: str) -> Statement:
    """Return a statement about its own resource and the parts of it, where it says `*` or nothing."""
    if not statement.not_resources and statement.resources not in ((), ("*",)):
        return statement
    mark = PARTS.get(arn.split(":", 3)[2])
    parts = (f"{arn}{mark}*",) if mark else ()
    return replace(statement, resources=(arn, *parts), not_resources=False)


def _trust(document: Document) -> Document:
    """Return a trust policy; only what IAM principals can be let do is a permission of theirs."""
    return Document(tuple(replace(one, resources=()) for one in document.statements))


def _add_list(found: ResourcePolicies, record: Mapping[str, Any], arn: str, account: str) -> None:
    """Add what the access control list of a bucket gives to everybody; note that it has none that counts."""
    found.lists_read = True
    if enforced(record):
        found.without_lists.add(arn)
    ignored = found.public_access.blocks(IGNORES_LISTS, arn, account)
    found.caveats += acl_caveats(record, arn, ignored=ignored)
    if statements := tuple(acl_statements(record, ignored=ignored)):
        _add(found, arn, account, Document(statements), whole=False)


def _add_grant(found: ResourcePolicies, record: Mapping[str, object]) -> None:
    """Add a KMS grant as the Allow that it is: its grantee may do its operations with the key.

    Constraints on the encryption context become a condition, which no record decides.
    """
    key, grantee = str(record.get("KeyId") or ""), str(record.get("GranteePrincipal") or "")
    operations = record.get("Operations")
    arn = parse_arn(key)
    if arn is None or not grantee or not isinstance(operations, list):
        return
    limits = record.get("Constraints")
    tests = (ConditionTest("StringEquals", "kms:EncryptionContext", (str(limits),)),) if limits else ()
    statement = Statement(
        index=0,
        sid=f"grant {record.get('GrantId') or record.get('Name') or grantee}",
        effect=Effect.ALLOW,
        actions=tuple(f"kms:{operation}" for operation in operations),
        resources=(),
        conditions=tests,
        principals=(Principal("AWS", grantee),),
    )
    _add(found, key, arn.account, Document((statement,)), whole=False)
