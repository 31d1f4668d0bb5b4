"""Routes to more power that public lists know are completed by the table, and by nothing less.

AWS: pathfinding.cloud (Datadog, 2025-12) and Rhino Security Labs; Google Cloud: Rhino Security Labs and Unit 42
(ModeLeak); Azure: Microsoft Learn. Each row is one combination of permissions in full.
"""

import pytest

from scanner.rules.paths import paths

CODE_INTERPRETER = (
    "iam:PassRole bedrock-agentcore:CreateCodeInterpreter "
    "bedrock-agentcore:StartCodeInterpreterSession bedrock-agentcore:InvokeCodeInterpreter"
)
ROUTES = {
    "aws": [
        "iam:CreatePolicyVersion",
        "iam:DeleteRolePermissionsBoundary",
        "iam:UpdateAssumeRolePolicy",
        "sts:AssumeRole",
        "iam:PassRole lambda:CreateFunction lambda:InvokeFunction",
        "iam:PassRole lambda:CreateFunction lambda:CreateFunctionUrlConfig",
        "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration",
        "iam:PassRole ec2:RunInstances",
        "iam:PassRole ec2:AssociateIamInstanceProfile",
        "ec2:CreateLaunchTemplateVersion ec2:ModifyLaunchTemplate",
        "ec2-instance-connect:SendSSHPublicKey",
        "ssm:SendCommand",
        "ssm:CreateAssociation",
        "ecs:ExecuteCommand",
        "iam:PassRole cloudformation:CreateStackSet cloudformation:CreateStackInstances",
        "codebuild:StartBuildBatch",
        "iam:PassRole datapipeline:CreatePipeline datapipeline:PutPipelineDefinition datapipeline:ActivatePipeline",
        "iam:PassRole glue:CreateDevEndpoint",
        "glue:UpdateDevEndpoint",
        "iam:PassRole glue:UpdateJob glue:StartJobRun",
        "iam:PassRole scheduler:CreateSchedule",
        "iam:PassRole states:CreateStateMachine",
        "iam:PassRole sagemaker:CreateTrainingJob",
        "sagemaker:CreatePresignedNotebookInstanceUrl",
        CODE_INTERPRETER,
        "bedrock-agentcore:StartCodeInterpreterSession bedrock-agentcore:InvokeCodeInterpreter",
        "iam:PassRole bedrock-agentcore:UpdateAgentRuntime",
        "iam:PassRole bedrock-agentcore:UpdateHarness",
        "bedrock-agentcore:UpdateGatewayTarget",
        "iam:PassRole bedrock:UpdateAgent",
        "bedrock:UpdateAgentActionGroup bedrock:PrepareAgent",
        "cognito-identity:GetOpenIdTokenForDeveloperIdentity",
        "iam:PassRole ecs:RunTask",  # a task may override the role of its definition
        "iam:PassRole ecs:StartTask",
        "iam:PassRole ecs:RegisterTaskDefinition ecs:UpdateService",
        "iam:PassRole sagemaker:CreateCluster",
        "iam:PassRole synthetics:CreateCanary synthetics:StartCanary",
        "iam:PassRole kinesisanalytics:CreateApplication kinesisanalytics:StartApplication",
        "iam:PassRole kafkaconnect:CreateConnector",
        "iam:PassRole codepipeline:UpdatePipeline",
        "iam:PassRole appstream:CreateImageBuilder",
        "iam:PassRole elasticbeanstalk:UpdateEnvironment",
        "iam:PassRole ec2:CreateLaunchTemplate autoscaling:CreateAutoScalingGroup",
        "iam:PassRole eks:CreateNodegroup",
        "iam:PassRole braket:CreateJob",
        "iam:PassRole omics:StartRun",
        "iam:PassRole athena:UpdateWorkGroup athena:StartSession athena:StartCalculationExecution",
        "iam:PassRole fis:CreateExperimentTemplate fis:StartExperiment",
        "iam:PassRole ssm:RegisterTaskWithMaintenanceWindow",
        "iam:PassRole s3:CreateJob",
        "iam:PassRole apigateway:PUT",
    ],
    "gcp": [
        "resourcemanager.projects.setIamPolicy",
        "iam.roles.update",
        "iam.denypolicies.delete",
        "orgpolicy.policy.set",
        "iam.serviceAccounts.getAccessToken",
        "iam.serviceAccounts.implicitDelegation",
        "iam.serviceAccounts.signBlob",
        "iam.serviceAccounts.signJwt",
        "iam.serviceAccountKeys.create",
        "storage.hmacKeys.create",
        "apikeys.keys.create",
        "deploymentmanager.deployments.create",
        "cloudbuild.builds.create",
        "iam.serviceAccounts.actAs cloudfunctions.functions.create",
        "iam.serviceAccounts.actAs cloudfunctions.functions.update",
        "iam.serviceAccounts.actAs compute.instances.create",
        "iam.serviceAccounts.actAs run.services.create",
        "iam.serviceAccounts.actAs cloudscheduler.jobs.create",
        "iam.serviceAccounts.actAs aiplatform.reasoningEngines.update",
        "aiplatform.customJobs.create",
        "run.jobs.runWithOverrides",
        "container.pods.exec",
        "container.clusterRoles.escalate",
        "iam.serviceAccounts.actAs aiplatform.schedules.create",
        "iam.serviceAccounts.actAs aiplatform.endpoints.deploy",
        "artifactregistry.repositories.uploadArtifacts",
        "resourcemanager.tagValueBindings.create",
    ],
    "azure": [
        "Microsoft.Authorization/roleAssignments/write",
        "Microsoft.Authorization/roleDefinitions/write",
        "Microsoft.Authorization/elevateAccess/action",
        "Microsoft.Authorization/roleManagementPolicies/write",
        "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action Microsoft.Compute/virtualMachines/write",
        "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write",
        "Microsoft.Compute/virtualMachines/runCommand/action",
        "Microsoft.Compute/virtualMachines/loginAsAdmin/action",
        "Microsoft.Web/sites/publish/Action",
        "Microsoft.Web/sites/host/listkeys/action",
        "Microsoft.Logic/workflows/write",
        "Microsoft.Automation/automationAccounts/runbooks/draft/write",
        "Microsoft.DataFactory/factories/pipelines/write Microsoft.DataFactory/factories/pipelines/createrun/action",
        "Microsoft.MachineLearningServices/workspaces/jobs/write",
        "Microsoft.CognitiveServices/accounts/AIServices/agents/write",
        "Microsoft.CognitiveServices/accounts/listKeys/action",
        "Microsoft.Storage/storageAccounts/listKeys/action",
        "Microsoft.KeyVault/vaults/accessPolicies/write",
        "Microsoft.Compute/disks/beginGetAccess/action",
        "Microsoft.SerialConsole/serialPorts/connect/action",
        "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments/write",
        "Microsoft.Graph/appRoles/Application.ReadWrite.All",
        "Microsoft.Graph/appRoles/GroupMember.ReadWrite.All",
        "Microsoft.Graph/appRoles/UserAuthenticationMethod.ReadWrite.All",
        "Microsoft.Graph/appRoles/Domain.ReadWrite.All",
        "Microsoft.Graph/appRoles/AgentIdentityBlueprint.AddRemoveCreds.All",
    ],
}


def completed(provider: str, held: set[str]) -> list[str]:
    return [
        path.id
        for path in paths(provider)
        if set(path.permissions) <= held and (not path.one_of or held & set(path.one_of))
    ]


@pytest.mark.parametrize(
    ("provider", "route"), [(provider, route) for provider, routes in ROUTES.items() for route in routes]
)
def test_a_route_that_public_lists_know_is_a_path(provider, route):
    held = set(route.split())
    assert completed(provider, held)
    if "iam:PassRole" in held:
        # Without the role that is handed over, the path that hands it over is not complete.
        handing = set(completed(provider, held)) - set(completed(provider, held - {"iam:PassRole"}))
        assert handing


def test_no_path_is_complete_with_nothing_but_the_right_to_hand_an_identity_over():
    for provider, handing in (
        ("aws", "iam:PassRole"),
        ("gcp", "iam.serviceAccounts.actAs"),
        ("azure", "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"),
    ):
        assert completed(provider, {handing}) == []


@pytest.mark.parametrize("provider", ["aws", "gcp", "azure"])
def test_no_path_says_the_same_as_another(provider):
    rows = [(path.permissions, path.one_of) for path in paths(provider)]
    assert len(rows) == len(set(rows))
    assert all(path.permissions or path.one_of for path in paths(provider))
