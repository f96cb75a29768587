"""Events have the shapes that AWS gives, and answers are read as Lambda reads them."""

import json
from pathlib import Path

import pytest
from aws_lambda_powertools.utilities.data_classes import EventBridgeEvent, SQSEvent

from parley.errors import BadInputError
from parley_cli.runner.functions import Every, LocalFunction, ObjectsUnder, present
from parley_cli.runner.messages import Context, failed_messages, schedule_event, sqs_event
from parley_cli.runner.split import one_event_each

RECORDED = Path(__file__).parents[1] / "events" / "recorded"


def test_sqs_event_reads_as_one() -> None:
    event = sqs_event(
        message_id="m1",
        body='{"a": 1}',
        receives=2,
        first_ms=1000,
        now_ms=5000,
        queue_arn="arn:parley:runner:local::whisper_job",
    )
    (record,) = SQSEvent(event).records
    assert record.message_id == "m1"
    assert record.json_body == {"a": 1}
    assert record.attributes.approximate_receive_count == "2"
    assert record.attributes.approximate_first_receive_timestamp == "1000"
    assert record.event_source_arn == "arn:parley:runner:local::whisper_job"
    assert len(record.md5_of_body) == 32


def test_schedule_event_reads_as_one() -> None:
    event = EventBridgeEvent(schedule_event(event_id="e1", name="reconcile", now_ms=1_000))
    assert event.detail_type == "Scheduled Event"
    assert event.source == "aws.events"
    assert event.time == "1970-01-01T00:00:01Z"


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (None, set()),
        ({}, set()),
        ({"batchItemFailures": []}, set()),
        ({"batchItemFailures": None}, set()),
        ({"batchItemFailures": [{"itemIdentifier": "m1"}]}, {"m1"}),
        ({"batchItemFailures": [{"wrong": "m1"}]}, {""}),
        ({"batchItemFailures": "m1"}, {""}),
        ("done", {""}),
    ],
)
def test_answers_are_read_as_lambda_does(answer: object, failed: set[str]) -> None:
    assert failed_messages(answer) == failed


def test_context_counts_down() -> None:
    now = [100.0]
    context = Context("f", "arn", "r1", timeout_s=30, monotonic=lambda: now[0])
    assert context.get_remaining_time_in_millis() == 30_000
    now[0] = 112.5
    assert context.get_remaining_time_in_millis() == 17_500
    now[0] = 200.0
    assert context.get_remaining_time_in_millis() == 0


def test_an_event_of_two_objects_becomes_two_messages() -> None:
    event = json.loads((RECORDED / "minio_plain.json").read_text())
    timeline = json.loads(json.dumps(event["Records"][0]).replace("recordings", "timelines"))
    event["Records"].append(timeline)
    split = list(one_event_each(json.dumps(event)))
    assert [created.key for created, _ in split] == [
        "recordings/RM_a1/TR_b2.ogg",
        "timelines/RM_a1/TR_b2.ogg",
    ]
    assert all(len(json.loads(body)["Records"]) == 1 for _, body in split)


def test_an_eventbridge_event_stays_whole() -> None:
    body = (RECORDED / "eventbridge_plain.json").read_text()
    ((created, single),) = one_event_each(body)
    assert created.key == "recordings/RM_a1/TR_b2.ogg"
    assert single == body


def test_what_is_no_event_is_refused() -> None:
    with pytest.raises(BadInputError):
        list(one_event_each("["))


def test_triggers_take_their_own_objects() -> None:
    body = (RECORDED / "minio_plain.json").read_text()
    ((created, _),) = one_event_each(body)
    assert ObjectsUnder("recordings/", ".ogg").takes(created)
    assert not ObjectsUnder("recordings/", ".json").takes(created)
    assert not ObjectsUnder("timelines/", ".ogg").takes(created)


def test_functions_without_a_module_are_left_out() -> None:
    here = LocalFunction("here", "parley.clock.wall_clock_ms", Every(1), 1)
    gone = LocalFunction("gone", "functions.no_such_thing.handler.handler", Every(1), 1)
    assert present((here, gone)) == (here,)
