"""Least privilege: no wildcard action, and a wildcard resource only with its reason here."""

from typing import Any

import pytest

from infra.package.parts import FUNCTIONS
from tests.unit.infra.templates import listed, load, of_type, statements

TEMPLATES = {name: load(name) for name in ("template.yaml", "fleet.yaml", "monitoring.yaml")}
TEMPLATE = TEMPLATES["template.yaml"]

ANY_RESOURCE = {
    "Traces": "X-Ray's two write actions know no resources",
    "Interfaces": "Lambda makes network interfaces whose ids nobody knows beforehand",
}
MANAGED = {
    "AmazonECSTaskExecutionRolePolicy": "ECS pulls the image and opens log streams for the task",
}


def role(name: str) -> dict[str, Any]:
    logical = "".join(word.capitalize() for word in name.split("_"))
    function = of_type(TEMPLATE, "AWS::Serverless::Function")[f"{logical}Function"]
    return of_type(TEMPLATE, "AWS::IAM::Role")[function["Role"]["Fn::GetAtt"][0]]


def allowed(name: str) -> list[dict[str, Any]]:
    document = role(name)["Policies"][0]["PolicyDocument"]
    return [s for s in document["Statement"] if s["Effect"] == "Allow"]


def actions(name: str) -> set[str]:
    return {action for s in allowed(name) for action in listed(s["Action"])}


def paths(name: str, *wanted: str) -> set[str]:
    """The prefixes of the bucket on which a function may do one of these actions."""
    return {
        resource["Fn::Sub"].removeprefix("${Bucket.Arn}/")
        for s in allowed(name)
        if set(wanted) & set(listed(s["Action"]))
        for resource in listed(s["Resource"])
        if "Fn::Sub" in resource
    }


@pytest.mark.parametrize("file", TEMPLATES)
def test_no_action_is_a_wildcard(file: str) -> None:
    for owner, statement in statements(TEMPLATES[file]):
        if statement["Effect"] == "Allow":
            assert [a for a in listed(statement["Action"]) if "*" in a] == [], owner


@pytest.mark.parametrize("file", TEMPLATES)
def test_any_resource_has_a_reason(file: str) -> None:
    for owner, statement in statements(TEMPLATES[file]):
        if statement["Effect"] == "Allow" and "*" in listed(statement.get("Resource", "")):
            assert statement["Sid"] in ANY_RESOURCE, owner


@pytest.mark.parametrize("file", TEMPLATES)
def test_what_denies_denies_plain_http(file: str) -> None:
    denials = [s for _, s in statements(TEMPLATES[file]) if s["Effect"] == "Deny"]
    assert all(s["Condition"] == {"Bool": {"aws:SecureTransport": "false"}} for s in denials)


def test_aws_managed_policies_have_a_reason() -> None:
    for template in TEMPLATES.values():
        for properties in of_type(template, "AWS::IAM::Role").values():
            for arn in properties["ManagedPolicyArns"]:
                if "Fn::Sub" in arn:
                    assert arn["Fn::Sub"].rpartition("/")[2] in MANAGED


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_logs_into_its_own_group_only(name: str) -> None:
    (logs,) = (s for s in allowed(name) if s["Sid"] == "Logs")
    assert logs["Resource"]["Fn::GetAtt"][0].removesuffix("Logs").lower() == name.replace("_", "")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_reads_the_secrets_that_it_names_and_no_other(name: str) -> None:
    logical = "".join(word.capitalize() for word in name.split("_")) + "Function"
    variables = TEMPLATE["Resources"][logical]["Properties"]["Environment"]["Variables"]
    named = set(variables["PARLEY_SECRETS"]["Fn::Sub"].split(","))
    (secrets,) = (s for s in allowed(name) if s["Sid"] == "Secrets")
    arns = [resource["Fn::Sub"] for resource in listed(secrets["Resource"])]
    assert {arn.partition(":secret:")[2].removesuffix("-??????") for arn in arns} == named


def test_who_writes_what() -> None:
    # Recordings: what LiveKit's egress delivers is moved to where recordings are.
    for name in ("webhook", "reconcile"):
        assert paths(name, "s3:PutObject") == {"timelines/*", "recordings/*"}
        assert paths(name, "s3:GetObject") >= {"recordings/*", "egress/*"}
    assert paths("whisper_job", "s3:PutObject") == {"timelines/*"}
    assert paths("summarize", "s3:PutObject") == {"summaries/*"}
    assert paths("tts", "s3:PutObject") == {"speech/*"}
    assert paths("whisper_job", "s3:GetObject") == {"recordings/*"}
    assert paths("summarize", "s3:GetObject") == {"timelines/*", "summaries/*"}


def test_only_those_who_erase_rooms_may_delete() -> None:
    erasers = {
        name for name in FUNCTIONS if any("Delete" in a and "s3" in a for a in actions(name))
    }
    assert erasers == {"webhook", "reconcile"}


def test_an_agent_changes_recordings_and_their_parts_and_deletes_parts_only() -> None:
    policy = of_type(TEMPLATE, "AWS::IAM::ManagedPolicy")["FleetPolicy"]["PolicyDocument"]
    may: dict[str, set[str]] = {}
    for statement in policy["Statement"]:
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                path = resource.get("Fn::Sub", "").removeprefix("${Bucket.Arn}/")
                may.setdefault(action, set()).add(path)
    assert may["s3:PutObject"] == {"recordings/*", "timelines/*", "parts/*"}
    assert may["s3:GetObject"] == {"recordings/*", "parts/*"}
    assert may["s3:DeleteObject"] == {"parts/*"}


def test_a_queue_takes_messages_from_its_own_rule_only() -> None:
    for name, rule in (("Transcribe", "RecordingRule"), ("Summarize", "TimelineRule")):
        document = TEMPLATE["Resources"][f"{name}QueuePolicy"]["Properties"]["PolicyDocument"]
        allow = [s for s in document["Statement"] if s["Effect"] == "Allow"]
        assert [s["Principal"] for s in allow] == [{"Service": "events.amazonaws.com"}]
        assert allow[0]["Condition"]["ArnEquals"]["aws:SourceArn"] == {"Fn::GetAtt": [rule, "Arn"]}


def test_the_fleet_s_container_is_given_no_secret_in_plain_text() -> None:
    task = TEMPLATES["fleet.yaml"]["Resources"]["TaskDefinition"]["Properties"]
    fleet = task["ContainerDefinitions"][0]
    plain = {pair["Name"] for pair in fleet["Environment"]}
    secret = {pair["Name"] for pair in fleet["Secrets"]}
    assert {"PARLEY_MONGO_URI", "PARLEY_LIVEKIT_API_SECRET", "PARLEY_AUTH_KEY"} <= secret
    assert not plain & secret
