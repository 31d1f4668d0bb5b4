"""Read who may do what in Resource Manager: assignments, definitions, denies, PIM, classic administrators."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from connectors.azure.live.calls import Calls, Kind
from connectors.azure.live.gathering import Finds
from connectors.live.failures import CallError

_CONDITIONS_VERSION = "2022-05-01-preview"
"""The SDK's own version of role definitions drops their conditions."""
_GROUP = "/providers/Microsoft.Management/managementGroups/"

Start = Callable[[Any, Callable[[Any], None]], Any]


def authorization(calls: Calls, subscription: str) -> dict[str, Finds]:
    """Return what one subscription says, by part; every list includes what stands above the subscription."""
    scope = f"subscriptions/{subscription}"

    def typed(name: str, start: Start, version: str = "") -> Finds:
        return calls.typed(name, calls.path(name, subscription=subscription, scope=scope), start, version)

    return {
        "role_assignments": typed(
            "roleAssignments.subscription",
            lambda client, keep: client.role_assignments.list_for_subscription(raw_response_hook=keep),
        ),
        "role_definitions": typed(
            "roleDefinitions.subscription",
            lambda client, keep: client.role_definitions.list(scope, raw_response_hook=keep),
            _CONDITIONS_VERSION,
        ),
        "deny_assignments": typed(
            "denyAssignments.subscription",
            lambda client, keep: client.deny_assignments.list(raw_response_hook=keep),
        ),
        "role_assignment_schedules": _none_if(
            "nothing",
            typed(
                "roleAssignmentScheduleInstances.list",
                lambda client, keep: client.role_assignment_schedule_instances.list_for_scope(
                    scope, raw_response_hook=keep
                ),
            ),
        ),
        "role_eligibility_schedules": _none_if(
            "nothing",
            typed(
                "roleEligibilityScheduleInstances.list",
                lambda client, keep: client.role_eligibility_schedule_instances.list_for_scope(
                    scope, raw_response_hook=keep
                ),
            ),
        ),
        "classic_administrators": _none_if(
            "absent",
            typed(
                "classicAdministrators.list",
                lambda client, keep: client.classic_administrators.list(raw_response_hook=keep),
            ),
        ),
    }


def _none_if(kind: Kind, finds: Finds) -> Finds:
    """Take a list that cannot exist for an empty one: the kind of answer tells it from one that was not read.

    Classic administrators were retired on 2024-08-31; a tenant without the licence for PIM has no PIM.
    """
    try:
        yield from finds
    except CallError as error:
        if error.kind != kind:
            raise


def group_authorization(calls: Calls, group: str) -> dict[str, Finds]:
    """Return the assignments and definitions at a management group and above it."""
    scope = _GROUP + group
    return {
        "role_assignments": calls.typed(
            "roleAssignments.managementGroup",
            calls.path("roleAssignments.managementGroup", group=group),
            lambda client, keep: client.role_assignments.list_for_scope(
                scope.strip("/"), filter="atScope()", raw_response_hook=keep
            ),
        ),
        "role_definitions": calls.typed(
            "roleDefinitions.managementGroup",
            calls.path("roleDefinitions.managementGroup", group=group),
            lambda client, keep: client.role_definitions.list(scope.strip("/"), raw_response_hook=keep),
            _CONDITIONS_VERSION,
        ),
    }


def provider_operations(calls: Calls) -> Finds:
    """Yield every operation there is, by provider."""
    yield from calls.typed(
        "providerOperations.list",
        calls.path("providerOperations.list"),
        lambda client, keep: client.provider_operations_metadata.list(raw_response_hook=keep),
    )


def subscriptions_of(calls: Calls) -> Iterator[Mapping[str, Any]]:
    """Yield the subscriptions that the credential sees."""
    yield from calls.values("subscriptions.list", calls.path("subscriptions.list"))


def descendants(calls: Calls, group: str) -> Iterator[Mapping[str, Any]]:
    """Yield the management groups and subscriptions below a management group."""
    yield from calls.values(
        "managementGroups.descendants", calls.path("managementGroups.descendants", group=group)
    )
