"""Write statements as allowances and read them back; nothing is lost on the way."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache

from connectors.aws.policy.document import ConditionTest, Document, Statement, parse_document
from connectors.baselines import Allowance
from connectors.errors import SettingError
from connectors.facts import Effect

_VARIABLE_START = re.compile(r"\$(?=\{)")


def allowance(statement: Statement, source: str) -> Allowance:
    """Return a statement as an allowance; NotAction and NotResource are everything without what they name."""
    resources = statement.resources
    if not statement.variables:
        # The older policy language has no variables: what looks like one is plain text.
        resources = tuple(_VARIABLE_START.sub("${$}", text) for text in resources)
    return Allowance(
        permissions=("*",) if statement.not_actions else statement.actions,
        scopes=("*",) if statement.not_resources else resources,
        condition=statement.condition_text,
        not_permissions=statement.actions if statement.not_actions else (),
        not_scopes=resources if statement.not_resources else (),
        refuse=statement.effect is Effect.DENY,
        source=source,
    )


def statements(allowances: Iterable[Allowance]) -> list[Statement]:
    """Return allowances as statements, in their order.

    Raises SettingError for what no statement can say: `not_permissions` beside other permissions than `*`.
    """
    return [replace(_statement(one), index=number) for number, one in enumerate(allowances)]


@lru_cache(maxsize=4096)
def _statement(one: Allowance) -> Statement:
    for excluded, base, key in (
        (one.not_permissions, one.permissions, "permissions"),
        (one.not_scopes, one.scopes, "scopes"),
    ):
        if excluded and base != ("*",):
            raise SettingError(
                f"{one.source or 'an entry'}: not_{key} needs {key} = ['*']",
                hint="IAM has NotAction and NotResource, which stand for everything else",
            )
    return Statement(
        index=0,
        sid="",
        effect=Effect.DENY if one.refuse else Effect.ALLOW,
        actions=one.not_permissions or one.permissions,
        resources=one.not_scopes or one.scopes or ("*",),
        not_actions=bool(one.not_permissions),
        not_resources=bool(one.not_scopes),
        conditions=_conditions(one),
    )


def _conditions(one: Allowance) -> tuple[ConditionTest, ...]:
    if not one.condition:
        return ()
    try:
        block = json.loads(one.condition)
    except ValueError:
        block = None
    wrapped = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": block}
    document: Document = parse_document({"Version": "2012-10-17", "Statement": [wrapped]})
    if not isinstance(block, Mapping) or not document.statements:
        raise SettingError(
            f"{one.source or 'an entry'}: condition is no Condition block: {one.condition[:200]}",
            hint='write it as JSON, for example {"StringEquals": {"aws:SourceVpc": ["vpc-1"]}}',
        )
    return document.statements[0].conditions
