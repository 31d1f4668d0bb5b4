"""Resources that ARN templates give are exact: they agree with what real events list, or there are none."""

import gzip
import json
import re

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from connectors.aws.catalog.service_actions import ServiceCatalogue, service_actions
from connectors.aws.catalog.tables import table
from connectors.aws.usage.actions import EventActions
from connectors.aws.usage.resources import EventResources, ResourceRef
from connectors.aws.usage.templates import all_keys, filled, shapes_of
from tests.connectors.aws.conftest import DATA

PLACE = {"partition": "aws", "region": "eu-west-1", "account": "111122223333"}
HERE = "eu-west-1:111122223333"


def derived(service, operation, **parameters):
    return filled(shapes_of(f"{service}.amazonaws.com", operation), parameters, PLACE)


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "expected"),
    [
        ("bedrock", "GetFlowAlias", {"flowIdentifier": "F", "aliasIdentifier": "A"}, ""),  # the alias has another name
        ("bedrock", "GetFlow", {"flowIdentifier": "F"}, f"bedrock:{HERE}:flow/F"),
        ("bedrock", "GetGuardrail", {"guardrailIdentifier": "g"}, f"bedrock:{HERE}:guardrail/g"),
        ("bedrock", "UpdatePrompt", {"promptIdentifier": f"arn:aws:bedrock:{HERE}:prompt/P"}, f"bedrock:{HERE}:prompt/P"),
        ("bedrock", "UpdatePrompt", {"promptIdentifier": f"arn:aws:s3:{HERE}:prompt/P"}, ""),
        ("bedrock", "UpdatePrompt", {"promptIdentifier": f"arn:aws:bedrock:{HERE}:flow/P"}, ""),
        ("bedrock", "ListAgents", {"agentId": "A"}, ""),  # takes no resource
        ("bedrock", "GetCustomModel", {"resourceId": "x"}, ""),  # says nothing of what it names
        ("sagemaker", "DescribeModel", {"modelName": "m-1"}, f"sagemaker:{HERE}:model/m-1"),
        ("sagemaker", "DescribeModel", {"modelName": "M-1"}, ""),  # its ARN has small letters
        ("sagemaker", "DescribeSpace", {"domainId": "d-1", "spaceName": "s"}, f"sagemaker:{HERE}:space/d-1/s"),
        ("sagemaker", "DescribeSpace", {"domainId": "d-1"}, ""),
        ("eks", "ListNodegroups", {"clusterName": "c"}, f"eks:{HERE}:cluster/c"),
        ("eks", "DescribeNodegroup", {"clusterName": "c", "nodegroupName": "n"}, ""),  # a UUID is missing
        ("cognito-idp", "DescribeUserPool", {"userPoolId": "eu-west-1_A"}, f"cognito-idp:{HERE}:userpool/eu-west-1_A"),
        ("codebuild", "StartBuild", {"projectName": "p"}, f"codebuild:{HERE}:project/p"),
        ("codebuild", "StartBuild", {"projectName": "p/../*"}, ""),
        ("ec2", "StopInstances", {"instanceId": "i-1"}, ""),  # ids of others' resources look the same
        ("glue", "GetDatabase", {"databaseName": "d"}, ""),
    ],
)  # fmt: skip
def test_a_template_gives_one_whole_arn_or_none(service, operation, parameters, expected):
    assert derived(service, operation, **parameters) == (expected and f"arn:aws:{expected}")


def test_operations_with_two_required_resources_have_none():
    several = [
        (source, action.name.partition(":")[2])
        for source, prefix in table("event_resources")["templates"]["services"].items()
        for action in service_actions(prefix).values()
        if sum(kind.required for kind in action.kinds) > 1
    ]
    assert len(several) > 20
    assert all(not shapes_of(source, name) for source, name in several)


def events():
    for path in sorted((DATA / "cloudtrail").rglob("*")):
        if path.is_file() and path.name.endswith((".json", ".json.gz")) and path.name != "malformed.json":
            raw = path.read_bytes()
            document = json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)
            yield from document.get("Records", ()) if isinstance(document, dict) else ()


def test_what_real_events_list_agrees_with_what_their_parameters_name():
    if not DATA.exists():
        pytest.skip(f"shared test data is absent: {DATA}")
    reader, agreed, differ = EventResources(), set(), set()
    for event in events():
        source, name, parameters = event["eventSource"], event["eventName"], event.get("requestParameters")
        found = event.get("resources")
        if not isinstance(found, list) or not isinstance(parameters, dict):
            continue
        listed_as = [one for one in found if isinstance(one, dict)]
        refs = [ResourceRef(one.get("type"), one.get("ARN"), one.get("arn")) for one in listed_as]
        listed = reader.listed(source, name, refs)
        account, region = event.get("recipientAccountId", ""), event.get("awsRegion", "")
        named = reader.requested(reader.plan(source, name), source, json.dumps(parameters).encode())
        made = reader.written(source, name, named, region, account)
        if listed and made:
            if same(made, listed):
                agreed.add((source, name, listed))
            else:
                differ.add(event["eventID"])
    assert len(agreed) > 600
    assert differ == set(CONTRADICT_THEMSELVES)


CONTRADICT_THEMSELVES = {
    "a954451c-c2fc-4561-8aea-7a30ba1fdf52": "AWS's own example: the table's ARN has another account than the event",
    "be393928-3629-4370-9634-567f9274d52e": "AWS's own example: the key's ARN has another region than the event",
    "3c4226b0-1e81-48a8-a333-7fa5f3cbd118": "AWS's own example: the key's ARN has another region than the event",
    "12345678-1234-1234-1234-111111111111": "made-up names: the listed bucket stands nowhere in the parameters",
    "12345678-1234-1234-1234-123456789012": "a detection rule's test: bucketName is the source of the copy",
    "z9y8x7w6-5432-10fe-dcba-EXAMPLE22222": "made-up names: host and bucketName differ",
}
"""Events in which parameters and resources name different things, by their id."""


def same(made, listed):
    """Tell whether two names stand for the same: a secret's ARN ends in characters that its name lacks."""
    secret = ":secretsmanager:" in made
    return made == listed or (secret and re.fullmatch(re.escape(made).replace(r"\?", "."), listed))


MODELS = {
    "bedrock.amazonaws.com": ["bedrock", "bedrock-runtime", "bedrock-agent", "bedrock-agent-runtime"],
    "bedrock-agentcore.amazonaws.com": ["bedrock-agentcore", "bedrock-agentcore-control"],
    "sagemaker.amazonaws.com": ["sagemaker", "sagemaker-runtime"],
    "dynamodb.amazonaws.com": ["dynamodb"],
    "ecr.amazonaws.com": ["ecr"],
    "lambda.amazonaws.com": ["lambda"],
    "sqs.amazonaws.com": ["sqs"],
}


@pytest.mark.parametrize("source", sorted(MODELS))
def test_hand_written_rules_name_a_type_that_the_action_lists(source):
    """An action without resource types is never narrowed, so what its row names is only shown."""
    actions, wrong = EventActions(ServiceCatalogue()), []
    rules = [rule for rule in table("event_resources")["parameter"] if rule["source"] == source]
    for model in (ServiceModel(Loader().load_service_model(name, "service-2")) for name in MODELS[source]):
        for operation in model.operation_names:
            shape = model.operation_model(operation).input_shape
            members = {name[0].lower() + name[1:] for name in shape.members} if shape else set()
            rule = next((one for one in rules if applies(one, operation, members)), None)
            if rule is None:
                continue
            written = rule["with_arn"] if rule.get("with_key") in members else rule["arn"]
            for permission in actions.needed(f"{source}:{operation}").permissions:
                prefix, _, name = permission.lower().partition(":")
                kinds = service_actions(prefix)[name].kinds if name in service_actions(prefix) else ()
                if kinds and not any(same_shape(written, kind.arn) for kind in kinds):
                    wrong.append((operation, written, [kind.arn for kind in kinds]))
    assert wrong == []


def applies(rule, operation, members):
    excepted = {name.removesuffix("20150331") for name in rule.get("except", ())}
    named = operation in rule.get("operations", (operation,)) and operation not in excepted
    return named and rule["key"] in members and ("arn" in rule or rule.get("with_key") in members)


def same_shape(written, template):
    """Tell whether a rule makes ARNs of a template; versions and aliases belong to their function."""
    ours = re.sub(r"\{\w+\}", "*", written)
    theirs = re.sub(r"\$\{\w+\}", "*", template)
    return ours == theirs or ("function:" in ours and ours.startswith(theirs))


def test_the_keys_that_a_query_has_to_read_are_those_of_the_templates():
    keys = all_keys()
    assert set(keys) == set(table("event_resources")["templates"]["services"])
    assert {"agentId", "agentIdentifier", "guardrailIdentifier"} <= set(keys["bedrock.amazonaws.com"])
    assert sum(map(len, keys.values())) < 400


def test_made_up_operations_cost_no_reader_of_their_own():
    reader = EventResources()
    for number in range(300):
        for source in ("lambda.amazonaws.com", "bedrock.amazonaws.com", "s3.amazonaws.com"):
            reader.requested(
                reader.plan(source, f"MadeUp{number}"), source, b'{"functionName": "f", "agentId": "A"}'
            )
    assert len(reader._shared) <= 3
