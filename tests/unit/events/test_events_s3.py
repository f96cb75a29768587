"""Object events of every source name the same object."""

import json
from pathlib import Path

import pytest

from parley.blobs.keys import parse_recording_key
from parley.errors import BadInputError
from parley.events.s3 import ObjectCreated, parse_object_events

RECORDED = Path(__file__).parent / "recorded"
SOURCES = ("s3", "eventbridge", "localstack", "minio")


def recorded(name: str) -> str:
    return (RECORDED / f"{name}.json").read_text()


@pytest.mark.parametrize("source", SOURCES)
def test_each_source_names_the_recording(source: str) -> None:
    (created,) = parse_object_events(recorded(f"{source}_plain"))
    assert created.bucket == "parley"
    assert created.size > 0
    assert created.sequencer
    assert parse_recording_key(created.key) == ("RM_a1", "TR_b2")


@pytest.mark.parametrize("source", ["s3", "eventbridge", "minio"])
def test_spaces_plus_signs_and_unicode_are_decoded_once(source: str) -> None:
    (created,) = parse_object_events(recorded(f"{source}_odd_key"))
    assert created.key == "in box/ü+1 2.ogg"
    assert parse_recording_key(created.key) is None


def test_localstack_keys_stay_as_they_came() -> None:
    (created,) = parse_object_events(recorded("localstack_odd_key"))
    assert created.key == "in%20box/%C3%BC%2B1%202.ogg"
    assert parse_recording_key(created.key) is None


def test_a_raw_key_with_a_percent_sign_is_not_decoded() -> None:
    event = json.loads(recorded("eventbridge_plain"))
    event["detail"]["object"]["key"] = "recordings/RM_a1/100%41.ogg"
    assert parse_object_events(event)[0].key == "recordings/RM_a1/100%41.ogg"


@pytest.mark.parametrize("source", SOURCES)
def test_versioned_buckets_give_the_version(source: str) -> None:
    (created,) = parse_object_events(recorded(f"{source}_versioned"))
    assert created.version_id
    assert created.key == "recordings/RM_a1/TR_b2.ogg"


@pytest.mark.parametrize(
    "name", ["s3_removed", "s3_test_event", "minio_removed", "eventbridge_deleted"]
)
def test_other_events_create_nothing(name: str) -> None:
    assert parse_object_events(recorded(name)) == []


def test_several_records_keep_their_order() -> None:
    event = json.loads(recorded("s3_plain"))
    second = json.loads(recorded("minio_plain"))["Records"][0]
    second["s3"]["object"]["key"] = "timelines%2FRM_a1.json"
    event["Records"].append(second)
    keys = [created.key for created in parse_object_events(event)]
    assert keys == ["recordings/RM_a1/TR_b2.ogg", "timelines/RM_a1.json"]


def test_text_bytes_and_mapping_are_the_same() -> None:
    text = recorded("s3_plain")
    expected = [
        ObjectCreated(
            bucket="parley",
            key="recordings/RM_a1/TR_b2.ogg",
            size=81234,
            sequencer="0055AED6DCD90281E5",
        )
    ]
    assert parse_object_events(text) == expected
    assert parse_object_events(text.encode()) == expected
    assert parse_object_events(json.loads(text)) == expected


@pytest.mark.parametrize(
    "body",
    [
        "not json",
        "[1]",
        '"text"',
        '{"Records": [{"eventName": "ObjectCreated:Put"}]}',
        '{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}}}]}',
        '{"Records": 7}',
        '{"Records": ["x"]}',
        '{"detail-type": "Object Created"}',
        '{"detail-type": "Object Created", "detail": {"bucket": {"name": "b"}, "object": 1}}',
    ],
)
def test_what_is_no_event_is_refused(body: str) -> None:
    with pytest.raises(BadInputError):
        parse_object_events(body)


def test_unknown_objects_are_no_events() -> None:
    assert parse_object_events("{}") == []
    assert parse_object_events('{"detail-type": "Scheduled Event", "detail": {}}') == []
