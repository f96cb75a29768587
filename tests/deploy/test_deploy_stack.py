"""The deployment itself: every resource is real, and deploying again changes nothing."""

from typing import Any

import pytest

from infra.local import deploy
from tests.deploy.conftest import Cloud

pytestmark = pytest.mark.timeout(1200)


def stacks(cloud: Cloud) -> list[str]:
    """The stack and those nested in it."""
    found = cloud.client("cloudformation").describe_stacks()["Stacks"]
    return [stack["StackName"] for stack in found]


def resources(cloud: Cloud) -> list[dict[str, Any]]:
    client = cloud.client("cloudformation")
    return [
        resource
        for name in stacks(cloud)
        for resource in client.list_stack_resources(StackName=name)["StackResourceSummaries"]
    ]


def test_no_resource_is_a_stand_in(cloud: Cloud) -> None:
    client = cloud.client("cloudformation")
    reasons = [
        str(event.get("ResourceStatusReason", ""))
        for name in stacks(cloud)
        for event in client.describe_stack_events(StackName=name)["StackEvents"]
    ]
    assert not [reason for reason in reasons if "fallback" in reason]
    assert "deployed as a fallback" not in cloud.aws.log.read_text()
    assert "deployed as a fallback" not in cloud.deployed.log


def test_every_resource_of_both_stacks_is_there(cloud: Cloud) -> None:
    assert len(stacks(cloud)) == 2
    found = resources(cloud)
    assert len(found) > 55
    assert {resource["ResourceStatus"] for resource in found} == {"CREATE_COMPLETE"}


def test_the_queues_and_their_readers_are_as_the_template_says(cloud: Cloud) -> None:
    mappings = cloud.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert len(mappings) == 2
    for mapping in mappings:
        assert mapping["State"] == "Enabled"
        assert mapping["BatchSize"] == 1
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_a_zip_function_is_below_the_limit_of_a_direct_upload(cloud: Cloud) -> None:
    functions = cloud.client("lambda").list_functions()["Functions"]
    assert len(functions) == 5
    assert all(function["CodeSize"] < 50 * 1024 * 1024 for function in functions)


def state(cloud: Cloud) -> dict[str, Any]:
    functions = cloud.client("lambda").list_functions()["Functions"]
    return {
        "functions": {f["FunctionName"]: (f["LastModified"], f["CodeSha256"]) for f in functions},
        "resources": {
            r["LogicalResourceId"]: (r["PhysicalResourceId"], r["ResourceStatus"])
            for r in resources(cloud)
        },
    }


def test_building_and_deploying_again_changes_nothing(cloud: Cloud) -> None:
    before = state(cloud)
    livekit = cloud.settings.livekit_url
    again = deploy.deploy(cloud.deployed.url, {"LiveKitUrl": livekit})
    assert state(cloud) == before
    assert again.outputs == cloud.deployed.outputs
    for operation in ("+ Add", "* Modify", "- Delete"):
        assert operation not in again.log
