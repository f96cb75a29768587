"""Lambda entry: an SQS batch of object-created events; each timeline is summarised."""

import asyncio
from functools import lru_cache
from typing import Any

import structlog
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.summarize.job import summarize_room
from parley.blobs import BlobStore
from parley.blobs.keys import parse_timeline_key
from parley.events.s3 import parse_object_events
from parley.outbound.announcer import Announcer
from parley.queue.retry import retry_soon
from parley.settings import Settings, load_settings
from parley.storage import Stores
from parley.telemetry.lambda_run import correlated, instrumented, traced
from parley.telemetry.logs import configure_logs, get_logger

log = get_logger("summarize")


@lru_cache(maxsize=1)
def _configured() -> Settings:
    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format)
    return settings


@instrumented
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Summarise the rooms whose timelines a batch of messages names.

    Args:
        event: an SQS event; its bodies are S3, EventBridge or MinIO events.
        context: Lambda's.

    Returns:
        `batchItemFailures`: the messages that are to be delivered again.
    """
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(
        event=event, record_handler=_on_record, processor=processor, context=context
    )


def _on_record(record: SQSRecord) -> None:
    settings = _configured()
    with structlog.contextvars.bound_contextvars(message_id=record.message_id):
        try:
            asyncio.run(_on_message(settings, record.body))
        except Exception:
            receives = int(record.attributes.approximate_receive_count or 1)
            log.exception("message failed", receives=receives)
            retry_soon(settings, record.event_source_arn, record.receipt_handle, receives)
            raise


async def _on_message(settings: Settings, body: str) -> None:
    stores = Stores.from_settings(settings)
    try:
        blobs = BlobStore.from_settings(settings)
        for created in parse_object_events(body):
            if room_sid := parse_timeline_key(created.key):
                with (
                    correlated(room_sid, room_sid=room_sid),
                    traced("summarize", room_sid=room_sid),
                ):
                    await summarize_room(settings, stores, blobs, room_sid)
                await Announcer.from_settings(settings, stores).announce(room_sid)
    finally:
        stores.close()
