"""OCSF: every event validates against class 2008 of version 1.8.0 and claims nothing that was not seen."""

import json

import msgspec
import pytest
from jsonschema import Draft202012Validator
from report_sample import AGENT, BUILDER, finding, hostile_report

from reports import ocsf

ocsf_json_schema = pytest.importorskip("ocsf_json_schema", reason="needs the package ocsf-json-schema")


@pytest.fixture(scope="module")
def validator():
    """Give the validator of the class with the cloud profile, built from the packaged schema."""
    schema = ocsf_json_schema.OcsfJsonSchemaEmbedded(ocsf_json_schema.get_ocsf_schema(version=ocsf.VERSION))
    name = schema.lookup_class_name_from_uid(class_uid=ocsf.CLASS)
    return Draft202012Validator(schema.get_class_schema(class_name=name, profiles=["cloud"]))


def events(report):
    return json.loads(ocsf.render(report))


def test_every_event_validates(validator, report):
    assert len(events(report)) == 6
    assert [error.message for event in events(report) for error in validator.iter_errors(event)] == []


def test_hostile_texts_validate_too(validator, hostile_text):
    found = [
        e.message for event in events(hostile_report(hostile_text)) for e in validator.iter_errors(event)
    ]
    assert found == []


def test_a_finding_about_nobody_in_the_list_still_validates(validator, report):
    changed = msgspec.structs.replace(report, findings=[finding(identity="unknown", provider="oci")])
    assert [error.message for event in events(changed) for error in validator.iter_errors(event)] == []


@pytest.mark.parametrize(
    ("status", "first_seen", "activity", "status_name"),
    [
        ("open", "2026-11-22T12:00:00Z", 1, "New"),
        ("open", "", 1, "New"),
        ("open", "2026-11-01T00:00:00Z", 2, "New"),
        ("waived", "2026-11-01T00:00:00Z", 2, "Suppressed"),
        ("regressed", "2026-11-01T00:00:00Z", 2, "New"),
        ("fixed", "2026-11-01T00:00:00Z", 3, "Resolved"),
    ],
)
def test_the_activity_follows_the_history(report, status, first_seen, activity, status_name):
    changed = msgspec.structs.replace(report, findings=[finding(status=status, first_seen=first_seen)])
    (event,) = events(changed)
    assert (event["activity_id"], event["type_uid"], event["status"]) == (
        activity,
        200_800 + activity,
        status_name,
    )


def test_unused_counts_leave_out_what_could_not_be_seen(report):
    by_user = {event["user"]["uid"]: event for event in events(report)}
    (agent,) = by_user[AGENT]["permission_analysis_results"]
    services = {service["name"]: service for service in agent["service_privilege_analysis_list"]}
    assert services["s3"]["unused_privileges_count"] == 0
    assert services["sqs"]["all_privileges_unused"] is True
    assert services["bedrock"]["all_privileges_unused"] is False
    assert agent["unused_services_count"] == 1
    (builder,) = by_user[BUILDER]["permission_analysis_results"]
    assert builder["unused_services_count"] == 0
    assert by_user[BUILDER]["unmapped"]["unobservable_count"] == 1


def test_times_are_milliseconds(report):
    event = events(report)[0]
    assert event["time"] == 1_795_348_800_000
    assert event["end_time"] - event["start_time"] == 90 * 86_400_000
