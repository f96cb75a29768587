"""Object-created events, however they arrive: S3 itself, EventBridge, MinIO, LocalStack.

The shapes and how each writes keys (docs.aws.amazon.com, "Event message structure"; MinIO's own
notifications, recorded in tests/unit/events/recorded/):

- S3 and MinIO notify with `{"Records": […]}`; keys are form-encoded (a space is `+`, `+` is `%2B`;
  MinIO also encodes `/`).
- EventBridge sends one `Object Created` event; AWS writes the key as it is, LocalStack
  percent-encodes it. Nothing in the event tells the two apart, so the key is taken as it is: our
  own keys hold no character that either would encode.
- `s3:TestEvent`, removals and other events create nothing.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from parley.errors import BadInputError

_CREATED = ("ObjectCreated:", "s3:ObjectCreated:")


@dataclass(frozen=True)
class ObjectCreated:
    """An object that was written.

    Attributes:
        bucket: its bucket.
        key: its key, decoded.
        size: its size in bytes, 0 when the event does not say.
        version_id: its version in a versioned bucket.
        sequencer: orders the events of one key (compare right-aligned hex), when given.
    """

    bucket: str
    key: str
    size: int = 0
    version_id: str | None = None
    sequencer: str | None = None


def parse_object_events(body: str | bytes | Mapping[str, Any]) -> list[ObjectCreated]:
    """The objects that an event says were created; none for events of other kinds.

    Args:
        body: the event, as JSON text (an SQS message's body) or as parsed from it.

    Raises:
        BadInputError: not JSON, not an object, or a created object without bucket or key.
    """
    event = _parsed(body)
    try:
        if "Records" in event:
            return list(_from_records(event["Records"]))
        if event.get("detail-type") == "Object Created":
            return [_from_event_bridge(event["detail"])]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadInputError(f"the object event lacks {error}") from error
    return []


def _parsed(body: str | bytes | Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(body, (str, bytes)):
        return body
    try:
        event = json.loads(body)
    except ValueError as error:
        raise BadInputError("the message's body is not JSON") from error
    if not isinstance(event, dict):
        raise BadInputError("the message's body is not a JSON object")
    return event


def _from_records(records: list[Mapping[str, Any]]) -> Iterator[ObjectCreated]:
    for record in records:
        if not str(record.get("eventName", "")).startswith(_CREATED):
            continue
        s3 = record["s3"]
        item = s3["object"]
        yield ObjectCreated(
            bucket=s3["bucket"]["name"],
            key=unquote_plus(item["key"]),
            size=int(item.get("size") or 0),
            version_id=item.get("versionId") or None,
            sequencer=item.get("sequencer") or None,
        )


def _from_event_bridge(detail: Mapping[str, Any]) -> ObjectCreated:
    item = detail["object"]
    return ObjectCreated(
        bucket=detail["bucket"]["name"],
        key=item["key"],
        size=int(item.get("size") or 0),
        version_id=item.get("version-id") or None,
        sequencer=item.get("sequencer") or None,
    )
