"""Tell who is set up for model calls without a management event: asynchronous, bidirectional, of jobs."""

from collections.abc import Iterable, Iterator

from connectors.aws.inventory import Holder, Inventory
from connectors.aws.policy.document import Document
from connectors.facts import Effect, Usage

MODEL_DATA = frozenset({"AWS::Bedrock::AsyncInvoke", "AWS::Bedrock::Model"})
"""Data events that show such calls; they need bedrock:InvokeModel too (API reference)."""
_CALLS = {
    "bedrock:getasyncinvoke",
    "bedrock:listasyncinvokes",
    "bedrock:startasyncinvoke",
    "bedrock:invokemodelwithbidirectionalstream",
}
_MODELS = ("nova-sonic", "nova-2-sonic", "nova-reel", "luma.", "twelvelabs.", "async-invoke")
"""Parts of names of models that take only such calls (Bedrock user guide, "Supported models", 2026-11)."""
_JOBS = {"bedrock.amazonaws.com:CreateEvaluationJob", "bedrock.amazonaws.com:CreateModelInvocationJob"}
_OF_A_JOB = (":model-invocation-job/", ":evaluation-job/")


def job_callers(inventory: Inventory, usage: Iterable[Usage]) -> set[str]:
    """Return the roles of batch inference and evaluation jobs: handed to one, or trusted by such jobs alone.

    Their role needs bedrock:InvokeModel (Bedrock user guide, "Create a custom service role for batch
    inference", inference profiles; "Service role requirements for model evaluation jobs"). No page says
    that the calls of a job leave events.
    """
    handed = {row.resource for row in usage if row.permission == "iam:PassRole" and row.operation in _JOBS}
    trusted = {
        role.arn
        for role in inventory.roles.values()
        for statement in role.trust.statements
        for test in statement.conditions
        if test.key.lower() == "aws:sourcearn"
        and any(part in value for value in test.values for part in _OF_A_JOB)
    }
    return handed | trusted


def unseen_callers(inventory: Inventory) -> set[str]:
    """Return the users and roles whose own policies name such a call, or a model that takes no other."""
    return {holder.arn for holder in inventory.holders if any(map(_names, _documents(holder, inventory)))}


def _documents(holder: Holder, inventory: Inventory) -> Iterator[Document]:
    yield from (inline.document for inline in holder.inline)
    for attached in holder.attached:
        policy = inventory.policies.get(attached.arn)
        if policy is not None and policy.document is not None and ":iam::aws:" not in attached.arn:
            yield policy.document


def _names(document: Document) -> bool:
    return any(
        statement.effect is Effect.ALLOW
        and (
            any(action.lower() in _CALLS for action in statement.actions)
            or any(part in resource.lower() for resource in statement.resources for part in _MODELS)
        )
        for statement in document.statements
    )
