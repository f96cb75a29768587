"""What LocalStack really sends for odd keys is what the recorded events say, and is understood."""

import json
from typing import Any

import pytest

from parley.events.s3 import parse_object_events
from tests.deploy.conftest import Cloud, until
from tests.unit.events.test_events_s3 import recorded

pytestmark = pytest.mark.timeout(1200)
ODD_KEY = "in box/ü+1 2.ogg"


def events_of(cloud: Cloud, keys: list[str]) -> list[dict[str, Any]]:
    """Put objects into the stack's (versioned) bucket; returns an event of each, by key.

    What functions still write there is left out, and so is what comes twice.
    """
    sqs, events = cloud.client("sqs"), cloud.client("events")
    queue = sqs.create_queue(QueueName="all-objects")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    ours = [{"prefix": key.partition("/")[0].partition(" ")[0]} for key in keys]
    detail = {"bucket": {"name": [cloud.bucket]}, "object": {"key": ours}}
    pattern = {"source": ["aws.s3"], "detail": detail}
    events.put_rule(Name="all-objects", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="all-objects", Targets=[{"Id": "all", "Arn": arn["QueueArn"]}])
    for key in keys:
        cloud.put(key, b"OggS")
    found: dict[str, dict[str, Any]] = {}

    def all_came() -> bool:
        got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in got.get("Messages", []):
            event = json.loads(message["Body"])
            found[event["detail"]["object"]["key"]] = event
        return len(found) >= len(keys)

    until(all_came)
    events.remove_targets(Rule="all-objects", Ids=["all"])
    return [found[key] for key in sorted(found)]


def shape(event: Any) -> Any:
    """The names in an event and the kinds of their values."""
    if isinstance(event, dict):
        return {name: shape(value) for name, value in event.items()}
    return type(event).__name__


def test_an_object_s_event_is_as_recorded(cloud: Cloud) -> None:
    plain, odd = events_of(cloud, ["elsewhere/RM_a1/TR_b2.ogg", ODD_KEY])
    expected = json.loads(recorded("localstack_versioned"))
    assert shape(plain) == shape(expected)
    assert shape(odd) == shape(expected)
    (created,) = parse_object_events(plain)
    assert created.key == "elsewhere/RM_a1/TR_b2.ogg"
    assert created.version_id == plain["detail"]["object"]["version-id"]
    # Percent-encoded, where AWS sends it raw: such a key is never taken for a recording's.
    sent = json.loads(recorded("localstack_odd_key"))["detail"]["object"]["key"]
    assert odd["detail"]["object"]["key"] == sent
