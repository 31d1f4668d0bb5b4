"""Say where a role's trust lets more in than whoever wrote it is likely to have meant.

Rules: IAM user guide, "The confused deputy problem", "Available keys for AWS OIDC federation",
"Configuring a role for GitHub OIDC identity provider"; what to pin for whom is in `catalog/trust.toml`.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from ipaddress import ip_network
from typing import Any

from connectors.aws.arns import account_of
from connectors.aws.catalog.tables import table
from connectors.aws.identities.workloads import trust_entry
from connectors.aws.inventory import Holder
from connectors.aws.policy.document import ConditionTest, Principal, Statement
from connectors.aws.policy.operators import parse_operator
from connectors.aws.trust.oidc_providers import OIDC_ARN, OidcProviders
from connectors.aws.trust.roles_anywhere import is_anywhere
from connectors.facts import Effect, TrustGap

_SAML = re.compile(r"arn:aws[\w-]*:iam::\d+:saml-provider/\S+")
_SERVICE = re.compile(r"(?P<name>[\w.-]+?)\.amazonaws\.com(\.cn)?")
_WILD = frozenset("*?")
_SHOWN = 3
"""So many audiences of a provider are named."""
_COGNITO = "cognito-identity.amazonaws.com"
_SOURCE_KEYS = ("aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths")
_NOT_ABOUT_THE_CALLER = re.compile(
    "aws:(securetransport|multifactorauth.*|requestedregion|currenttime|epochtime|tokenissuetime|requesttag/.*|"
    "tagkeys|principaltag/.*|principaltype|username|sourceidentity|viaawsservice|useragent|referer)|"
    "sts:(rolesessionname|sourceidentity|transitivetagkeys|durationseconds)"
)
"""Conditions that anybody can meet, with any account: names and tags of roles are their owner's choice."""
_EXTERNAL_ID = "sts:externalid"
_WIDEST = {4: 8, 6: 32}
"""Shortest prefixes of address ranges that keep somebody out, as S3 draws the line for public policies."""


def gaps_of(holder: Holder, outsiders: frozenset[str], providers: OidcProviders) -> tuple[TrustGap, ...]:
    """Return the gaps of a role's trust policy; `outsiders` are its entries of other owners.

    Each statement is judged by itself, and a Deny of the same policy is not weighed. What a condition with a
    key that is not known here excludes is not worked out: it counts as narrow.
    """
    found = set()
    for statement in holder.trust.statements:
        if statement.effect is Effect.DENY or statement.not_principals:
            continue
        for principal in statement.principals:
            entry = trust_entry(statement, principal)
            for kind, who, fix in _gaps(statement, principal, providers, outside=entry in outsiders):
                found.add(TrustGap(entry, kind, who, fix))
    return tuple(sorted(found))


def _gaps(
    statement: Statement, principal: Principal, providers: OidcProviders, *, outside: bool
) -> Iterator[tuple[str, str, str]]:
    """Yield kind, who gets in, and the condition that is missing."""
    tests = statement.conditions
    if principal.kind == "Federated":
        if issuer := OIDC_ARN.fullmatch(principal.value):
            yield from _of_issuer(issuer["issuer"], providers.audiences_of(principal.value), tests)
        elif principal.value in (audience := _audiences_of_open_providers()):
            yield from _of_open_provider(principal.value, audience[principal.value], tests)
        elif _SAML.fullmatch(principal.value) and not _pinned(tests, table("trust")["saml"]["key"]):
            who = "holders of assertions that the provider made for other services"
            yield "any-audience", who, table("trust")["saml"]["fix"]
    elif principal.kind == "Service" and (service := _SERVICE.fullmatch(principal.value)):
        if is_anywhere(principal) and not any(map(_names_certificates, tests)):
            who = "holders of any certificate of any trust anchor of the account"
            yield "any-source", who, table("trust")["anywhere"]["fix"]
        elif service["name"] in _deputies() and not _source_pinned(tests):
            who = f"{principal.value} on behalf of any account"
            yield "any-source", who, '"StringEquals": {"aws:SourceAccount": "ACCOUNT"}'
    elif (
        principal.value == "*"
        and tests
        and all(_says_nothing(one) or _folded(one) == _EXTERNAL_ID for one in tests)
    ):
        told = _pinned(tests, _EXTERNAL_ID)
        who = "anybody with an account who knows the external id" if told else "anybody with an account"
        yield "any-subject" if told else "anybody", who, '"StringEquals": {"aws:PrincipalOrgID": "o-…"}'
    elif outside and not _pinned(tests, _EXTERNAL_ID):
        who = "whoever makes the other owner act for them (confused deputy)"
        yield "no-external-id", who, '"StringEquals": {"sts:ExternalId": "AGREED-SECRET"}'


@lru_cache(maxsize=1)
def _deputies() -> frozenset[str]:
    """Return the services whose guides pin the source in the trust policy of their role."""
    return frozenset(name for row in table("trust")["deputy"] for name in row["services"])


@lru_cache(maxsize=1)
def _audiences_of_open_providers() -> Mapping[str, str]:
    """Return by host of a built-in provider the key that holds the application."""
    return {row["host"]: row["key"] for row in table("trust")["open_provider"]}


def _of_issuer(
    issuer: str, audiences: frozenset[str], tests: tuple[ConditionTest, ...]
) -> Iterator[tuple[str, str, str]]:
    """Yield the gaps of trust in an issuer; `audiences` are those that the provider accepts, where known.

    STS refuses a token for any other audience, so a provider with a single one pins it for all its roles.
    """
    about = [test for test in tests if _narrows(test) and not _folded(test).endswith(":aud")]
    rows = [row for row in table("trust")["subject"] if re.fullmatch(row["issuer"], issuer)]
    example = rows[0]["example"] if rows else "SUBJECT"
    fix = f'"StringEquals": {{"{issuer}:sub": "{example}"}}'
    subjects = [test for test in about if _folded(test).endswith(":sub")]
    others = [test for test in about if test not in subjects]
    kind, who = min((_breadth(test, rows) for test in subjects), key=_rank, default=_EVERYBODY)
    if not others and kind != "narrow":
        yield kind, f"{who} {issuer}", fix
    if len(audiences) != 1 and not _pinned(tests, f"{issuer}:aud".lower(), always_there=True):
        known = sorted(audiences)
        more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
        of = f" ({', '.join(known[:_SHOWN])}{more})" if known else ""
        who = f"holders of tokens that {issuer} made for any audience of the provider{of}"
        yield "any-audience", who, f'"StringEquals": {{"{issuer}:aud": "sts.amazonaws.com"}}'


Breadth = tuple[str, str]
"""A kind of gap, or `narrow`, and whom a subject pattern lets in."""

_EVERYBODY: Breadth = ("any-subject", "every subject of the issuer")
_NARROW: Breadth = ("narrow", "")
_ORDER = ("narrow", "many-subjects", "any-subject")
_EVERY_SUBJECT = re.compile(r"(repo|project_path|organization|system:serviceaccount)?[:/*?]*[*?].*")
"""Subjects that begin with a wildcard, or hold one right after the word that all subjects begin with."""


def _rank(breadth: Breadth) -> int:
    return _ORDER.index(breadth[0])


def _breadth(test: ConditionTest, rows: list[Mapping[str, Any]]) -> Breadth:
    """Return how wide the widest value of a test on the subject is."""
    if not _takes_patterns(test):
        return _NARROW
    return max((_of_value(value, rows) for value in test.values), key=_rank, default=_EVERYBODY)


def _of_value(value: str, rows: list[Mapping[str, Any]]) -> Breadth:
    """Judge one subject pattern: its owner must stand in it literally, then the thing inside.

    Without knowledge of the issuer only a wildcard before anything telling counts.
    """
    if _EVERY_SUBJECT.fullmatch(value):
        return _EVERYBODY
    known = rows or table("trust")["subject"]
    if not _WILD & set(value) or any(re.match(row["inner"], value) for row in known):
        return _NARROW
    for row in known:
        if re.match(row["owner"], value):
            return "many-subjects", f"{row['whole']} ({value}) at"
    if not rows or not value.startswith(rows[0]["word"]):
        return _NARROW
    if rows[0]["shared"]:
        return "any-subject", f"subjects of any owner that fit {value} at"
    return "many-subjects", f"subjects that fit {value} at"


def _of_open_provider(
    host: str, key: str, tests: tuple[ConditionTest, ...]
) -> Iterator[tuple[str, str, str]]:
    people = [
        test for test in tests if _narrows(test) and _folded(test).endswith((":sub", ":user_id", ":id"))
    ]
    if not _pinned(tests, f"{host}:{key}"):
        kind = "any-audience" if people and host != _COGNITO else "anybody"
        yield (
            kind,
            f"users of any application at {host}",
            f'"StringEquals": {{"{host}:{key}": "APPLICATION"}}',
        )
    elif host == _COGNITO and (not _pinned(tests, f"{host}:amr") or any(map(_names_guests, tests))):
        who = "callers who did not sign in, where the identity pool lets them"
        yield "many-subjects", who, f'"ForAnyValue:StringLike": {{"{host}:amr": "authenticated"}}'


def _pinned(tests: tuple[ConditionTest, ...], key: str, *, always_there: bool = False) -> bool:
    """Tell whether a test demands values of a key; one that a request without the key passes does not."""
    return any(_folded(test) == key and _narrows(test) and (always_there or _demands(test)) for test in tests)


def _source_pinned(tests: tuple[ConditionTest, ...]) -> bool:
    for test in tests:
        key = _folded(test)
        if not _narrows(test):
            continue
        if key in _SOURCE_KEYS or (key == "aws:sourcearn" and all(map(_names_an_account, test.values))):
            return True
    return False


def _names_certificates(test: ConditionTest) -> bool:
    """Tell whether a test keeps any certificate of IAM Roles Anywhere out."""
    return _narrows(test) and _folded(test).startswith(tuple(table("trust")["anywhere"]["keys"]))


def _names_an_account(arn: str) -> bool:
    """Tell whether a source pattern is of one account; a bucket's ARN has none and is one of its own."""
    parts = arn.split(":", 5)
    if len(parts) == 6 and parts[2] == "s3" and not parts[4]:
        return not parts[5].startswith(("*", "?"))
    return bool(account := account_of(arn)) and not _WILD & set(account)


def _narrows(test: ConditionTest) -> bool:
    """Tell whether a test can keep anybody out: positive, and every value more than wildcards."""
    operator = parse_operator(test.operator)
    if operator is None or operator.negated or operator.base == "null":
        return False
    return bool(test.values) and not (_takes_patterns(test) and any(_only_wildcards(v) for v in test.values))


def _demands(test: ConditionTest) -> bool:
    operator = parse_operator(test.operator)
    return operator is not None and not operator.if_exists and operator.quantifier != "forallvalues"


def _is_met_by_anybody(test: ConditionTest) -> bool:
    """Tell whether a test names nobody: an external id is known to all who were ever told it."""
    return _folded(test) == _EXTERNAL_ID or _says_nothing(test)


def _says_nothing(test: ConditionTest) -> bool:
    """Tell whether anybody with an account can meet a test."""
    if parse_operator(test.operator) is None:
        return False
    key = _folded(test)
    if not _narrows(test) or _NOT_ABOUT_THE_CALLER.fullmatch(key):
        return True
    if key == "aws:principalarn" and _takes_patterns(test):
        return any(_WILD & set(account_of(value) or "*") for value in test.values)
    if key == "aws:userid" and _takes_patterns(test):
        return any(value.startswith(tuple(_WILD)) for value in test.values)
    return key == "aws:sourceip" and any(map(_holds_the_internet, test.values))


def _holds_the_internet(addresses: str) -> bool:
    try:
        network = ip_network(addresses, strict=False)
    except ValueError:
        return False
    return network.prefixlen < _WIDEST[network.version]


def _names_guests(test: ConditionTest) -> bool:
    """Tell whether a test on how somebody signed in to Cognito lets in who did not."""
    return _folded(test) == f"{_COGNITO}:amr" and _narrows(test) and "unauthenticated" in test.values


@lru_cache(maxsize=1024)
def _only_wildcards(value: str) -> bool:
    return not value.strip("*?:/")


def _takes_patterns(test: ConditionTest) -> bool:
    operator = parse_operator(test.operator)
    return operator is None or operator.base in ("stringlike", "arnlike", "arnequals")


def _folded(test: ConditionTest) -> str:
    return test.key.lower()
