"""Say what every request of a user or role carries, so that conditions on the caller can be decided."""

from collections.abc import Iterable

from connectors.aws.inventory import Holder
from connectors.aws.policy.conditions import Context, Missing, Shape, Value
from connectors.aws.policy.document import Statement
from connectors.facts import Effect, Window


def principal_context(holder: Holder, window: Window, organizations: Iterable[str] = ()) -> Context:
    """Return the global condition keys that follow from the principal itself, and the time.

    Source: IAM user guide, "AWS global condition context keys", properties of the principal. The time is
    the end of the window: what expired before counts as not granted. A role session's tags may replace the
    role's where the trust policy lets the caller pass some (`sts:TagSession`), so they are unknown then, as
    they are where the dump lists no tags.
    Resources are taken to be of the identity's own account and organization: a permission that can be used
    there is held, and what a condition on `aws:ResourceAccount` says of other accounts only narrows it.
    """
    user = holder.kind == "user"
    userid: Value = Missing.UNKNOWN
    if holder.immutable_id:
        userid = (holder.immutable_id,) if user else Shape(f"{holder.immutable_id}:*")
    values: dict[str, Value] = {
        "aws:PrincipalArn": (holder.arn,),
        "aws:PrincipalAccount": (holder.account,),
        "aws:PrincipalType": ("User" if user else "AssumedRole",),
        "aws:PrincipalIsAWSService": ("false",),
        "aws:PrincipalServiceName": Missing.ABSENT,
        "aws:PrincipalServiceNamesList": Missing.ABSENT,
        "aws:userid": userid,
        "aws:username": (holder.name,) if user else Missing.ABSENT,
        "aws:ResourceAccount": (holder.account,),
        "s3:ResourceAccount": (holder.account,),
        "kms:CallerAccount": (holder.account,),
        "aws:CurrentTime": (window.end.strftime("%Y-%m-%dT%H:%M:%SZ"),),
        "aws:EpochTime": (str(int(window.end.timestamp())),),
    }
    if not user:
        # A new session can always be had: what was revoked (AWSRevokeOlderSessions) are the sessions before.
        values["aws:TokenIssueTime"] = values["aws:CurrentTime"]
    known = tuple(organizations)
    if len(known) == 1:
        values |= {"aws:PrincipalOrgID": known, "aws:ResourceOrgID": known}
    if not holder.tags_known or (not user and any(map(_passes_tags, holder.trust.statements))):
        return Context(values, {"aws:PrincipalTag/": Missing.UNKNOWN})
    values |= {f"aws:PrincipalTag/{key}": (value,) for key, value in holder.tags.items()}
    return Context(values, {"aws:PrincipalTag/": Missing.ABSENT})


def _passes_tags(statement: Statement) -> bool:
    """Tell whether a trust policy statement may let the caller set session tags."""
    if statement.effect is Effect.DENY:
        return False
    named = any(
        "sts:tagsession".startswith(action.lower().partition("*")[0].partition("?")[0])
        if "*" in action or "?" in action
        else action.lower() == "sts:tagsession"
        for action in statement.actions
    )
    return named != statement.not_actions
