"""Lambda entry: an SQS batch of object-created events; each recording is transcribed.

Recordings of one batch are done one after another, since one already takes all cores. A record
that fails is named in the answer, so that only it comes back.
"""

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

from functions.whisper_job.job import Job, Outcome
from parley.blobs import BlobStore
from parley.blobs.keys import parse_recording_key
from parley.events.s3 import parse_object_events
from parley.outbound.announcer import Announcer
from parley.queue.handback import hand_back
from parley.queue.retry import retry_soon
from parley.settings import Settings, load_settings
from parley.storage import Stores
from parley.telemetry.lambda_run import correlated, instrumented, traced
from parley.telemetry.logs import configure_logs, get_logger
from parley.transcribe.engine import Transcriber

log = get_logger("whisper_job")


@lru_cache(maxsize=1)
def _transcriber() -> Transcriber:
    """The process's model, loaded by the first recording that needs it."""
    from parley.transcribe.whisper import WhisperTranscriber  # imports take 1 s

    return WhisperTranscriber.from_settings(load_settings())


@lru_cache(maxsize=1)
def _configured() -> Settings:
    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format)
    return settings


@instrumented
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Transcribe the recordings that a batch of messages names.

    Args:
        event: an SQS event; its bodies are S3, EventBridge or MinIO events.
        context: Lambda's; its remaining time decides when a long recording is handed back.

    Returns:
        `batchItemFailures`: the messages that are to be delivered again.
    """
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(
        event=event, record_handler=_on_record, processor=processor, context=context
    )


def _on_record(record: SQSRecord, lambda_context: LambdaContext) -> None:
    settings = _configured()
    with structlog.contextvars.bound_contextvars(message_id=record.message_id):
        try:
            asyncio.run(_on_message(settings, record, lambda_context))
        except Exception:
            receives = int(record.attributes.approximate_receive_count or 1)
            log.exception("message failed", receives=receives)
            retry_soon(settings, record.event_source_arn, record.receipt_handle, receives)
            raise


async def _on_message(settings: Settings, record: SQSRecord, context: LambdaContext) -> None:
    stores = Stores.from_settings(settings)
    try:
        job = Job(
            settings=settings,
            stores=stores,
            blobs=BlobStore.from_settings(settings),
            transcriber=_transcriber,
            remaining_ms=context.get_remaining_time_in_millis,
        )
        announcer = Announcer.from_settings(settings, stores)
        outcomes = []
        for created in parse_object_events(record.body):
            if name := parse_recording_key(created.key):
                with (
                    correlated(name.room_sid, room_sid=name.room_sid, track_sid=name.track_sid),
                    traced("transcribe", room_sid=name.room_sid, track_sid=name.track_sid),
                ):
                    outcomes.append(await job.run(name, owner=record.message_id))
                    await announcer.announce(name.room_sid)
        if Outcome.UNFINISHED in outcomes:
            await hand_back(settings, record.event_source_arn, record.body)
    finally:
        stores.close()
