"""Know which buckets block public access, by themselves or by their account, and which policies are public.

Rules: Amazon S3 user guide, "Blocking public access to your Amazon S3 storage".
What is public is in
`catalog/public_policy.toml`. The stricter of bucket and account counts; what organizations set is in the
account's answer.
"""

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.aws.arns import parse_arn
from connectors.aws.catalog.tables import table
from connectors.aws.policy.document import ConditionTest, Document, Statement
from connectors.aws.policy.globs import matches
from connectors.aws.policy.operators import parse_operator
from connectors.facts import Caveat, Effect

PUBLIC_ACCESS_BLOCK = "PublicAccessBlock"
BLOCK = "PublicAccessBlockConfiguration"
RESTRICTS = "RestrictPublicBuckets"
IGNORES_LISTS = "IgnorePublicAcls"
NO_BLOCK = dict.fromkeys(("BlockPublicAcls", IGNORES_LISTS, "BlockPublicPolicy", RESTRICTS), False)
"""What a bucket or an account without a block comes to."""
_POSITIVE = ("stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike")


@dataclass
class PublicAccess:
    """The blocks of public access in the evidence, by account and by bucket."""

    accounts: dict[str, dict[str, bool]] = field(default_factory=dict)
    buckets: dict[str, dict[str, bool]] = field(default_factory=dict)
    public: dict[str, bool | None] = field(default_factory=dict)
    """Buckets with a policy: whether it is public."""

    @property
    def read(self) -> bool:
        """Tell whether the evidence holds any block."""
        return any(held for kind in (self.accounts, self.buckets) for held in kind.values())

    def add(self, record: Mapping[str, Any], account: str) -> None:
        """Take the block of a bucket (`ResourceArn`), or of the account."""
        arn = str(record.get("ResourceArn") or "")
        held = self.buckets.setdefault(arn, {}) if arn else self.accounts.setdefault(account, {})
        settings = record.get(BLOCK)
        for name, value in settings.items() if isinstance(settings, Mapping) else ():
            self._note(held, name, value)

    def add_beside_list(self, record: Mapping[str, Any], account: str) -> None:
        """Take what stands beside a bucket's access control list of both blocks."""
        bucket = str(record.get("ResourceArn") or "")
        for known, owner, name in (
            (self.buckets, bucket, IGNORES_LISTS),
            (self.accounts, account or bucket, f"Account{IGNORES_LISTS}"),
        ):
            self._note(known.setdefault(owner, {}), IGNORES_LISTS, record.get(name))

    def _note(self, held: dict[str, bool], name: str, value: Any) -> None:
        if str(value).lower() in ("true", "false"):
            # Two exports that differ: the one that blocks less is kept.
            held[name] = str(value).lower() == "true" and held.get(name, True)

    def blocks(self, setting: str, bucket: str, account: str) -> bool | None:
        """Tell whether a setting is on for a bucket; None where the evidence does not say."""
        answers = [
            self.buckets.get(bucket, {}).get(setting),
            self.accounts.get(account or bucket, {}).get(setting),
        ]
        return True if True in answers else None if None in answers else False

    def add_policy(self, bucket: str, document: Document) -> None:
        """Note whether the policy of a bucket is public; of several, any one makes it so."""
        answers = {is_public(document), self.public.get(bucket, False)}
        self.public[bucket] = True if True in answers else None if None in answers else False

    def keeps_others_out(self, bucket: str, account: str) -> bool | None:
        """Tell whether nobody of another account comes in, whatever the bucket's policy says.

        RestrictPublicBuckets does that to buckets with a public policy, accounts that it names included.
        Where it is not known to be on, it is taken to be off.
        """
        return bool(self.blocks(RESTRICTS, bucket, account)) and self.public.get(bucket, False)

    def caveats(self, bucket: str, account: str) -> Iterator[Caveat]:
        """Say of a bucket with a public policy who gets in, unless its account or itself keeps others out."""
        restricted = self.blocks(RESTRICTS, bucket, account)
        if restricted or not self.public.get(bucket):
            return
        if restricted is None:
            what = "the policy of the bucket is public; whether RestrictPublicBuckets is on is not known"
            effect = "it is taken to be off: everybody may do what the policy gives; add the settings"
        else:
            what = "the policy of the bucket is public, and RestrictPublicBuckets is off"
            effect = "everybody may do what the policy gives; name who needs it, or block public access"
        yield Caveat(what, bucket, effect)


def is_public(document: Document) -> bool | None:
    """Tell whether S3 counts a bucket policy as public; None where the rules leave it open."""
    answers = [_gives_to_public(one) for one in document.statements if one.effect is Effect.ALLOW]
    return True if True in answers else None if None in answers else False


def _gives_to_public(statement: Statement) -> bool | None:
    named = {principal.value for principal in statement.principals}
    if not statement.not_principals and "*" not in named:
        return False
    answers = [_confines(test) for test in statement.conditions]
    return False if True in answers else None if None in answers else True


def _confines(test: ConditionTest) -> bool | None:
    """Tell whether a condition holds a statement to fixed callers or places."""
    data = table("public_policy")
    key = test.key.lower()
    operator = parse_operator(test.operator)
    if any(matches(name.lower(), key) for name in data["unsure"]):
        return None
    kinds = [kind for kind in _FIXED if key in {name.lower() for name in data[kind]}]
    if not kinds or operator is None or operator.negated:
        return False
    if operator.if_exists or operator.quantifier:
        return None
    operators, fixed = _FIXED[kinds[0]]
    return operator.base in operators and all(map(fixed, test.values))


def _fixed(value: str) -> bool:
    return bool(value) and not any(mark in value for mark in ("*", "?", "${"))


def _fixed_account(value: str) -> bool:
    arn = parse_arn(value)
    return arn is not None and _fixed(arn.account)


def _narrow(value: str) -> bool:
    data = table("public_policy")
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    widest = data["narrowest_public_v4"] if network.version == 4 else data["narrowest_public_v6"]
    return network.prefixlen >= int(widest)


_FIXED: Mapping[str, tuple[tuple[str, ...], Callable[[str], bool]]] = {
    "fixed": (_POSITIVE, _fixed),
    "fixed_account": (_POSITIVE, _fixed_account),
    "addresses": (("ipaddress",), _narrow),
}
"""By list of keys: the operators that hold one to its values, and what makes a value fixed."""
