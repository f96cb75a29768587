"""The record of what the assistant said: its segments, captions and recording, as a speaker's."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from agent_fleet.dispatcher import Caption, CaptionSink
from agent_fleet.frames import Frame, to_ms
from agent_fleet.segment_storer import SegmentSink
from agent_fleet.speaker_track import SpeakerTrack
from agent_fleet.track_recording import TrackRecorder
from agent_fleet.voice.track import Played
from parley.domain.segment import Segment, Version, segment_id
from parley.telemetry.logs import get_logger

log = get_logger("voice")

_STORED_S = 10.0
_CAPTION_S = 2.0


@dataclass(frozen=True)
class RecordParts:
    """What the record of one voice track is made of.

    Attributes:
        publish: makes the room wait for the track; False when the room is final.
        unrecorded: ends the track's waiting where there is no recording of it.
        segments: where segments go, if anywhere.
        recorder: takes the audio, if it is kept.
        captions: where captions go.
    """

    publish: Callable[[], Awaitable[bool]]
    unrecorded: Callable[[], None]
    segments: SegmentSink | None
    recorder: TrackRecorder | None
    captions: CaptionSink


class VoiceRecord:
    """One voice track's record, on the room's event loop."""

    def __init__(self, track: SpeakerTrack, parts: RecordParts, published_ms: int) -> None:
        """Begin the record of a track that was published."""
        self.track = track
        self._parts = parts
        self._published_ms = published_ms
        self._number = 0
        self._captions: asyncio.Queue[Caption | None] = asyncio.Queue()
        self._publishing = asyncio.create_task(self._publish(), name="publish voice")
        self._showing = asyncio.create_task(self._show(), name="voice captions")
        self.refused = False

    def take(self, frame: Frame) -> None:
        """This was heard."""
        if self._parts.recorder is not None:
            self._parts.recorder.take(frame)

    def begins(self, text: str, start_ms: int) -> None:
        """Show a sentence whose first sound goes out now."""
        self._captions.put_nowait(Caption(self._id(), False, text, start_ms, start_ms))

    def said(self, sentence: str, started_ms: int, played: Played) -> None:
        """Keep what was heard of a sentence.

        Args:
            sentence: all of it.
            started_ms: when the track's first sample was.
            played: where on the track it is, and how much of it was heard.
        """
        text = heard_part(sentence, played.share)
        start_ms, end_ms = started_ms + to_ms(played.start), started_ms + to_ms(played.end)
        caption = Caption(self._id(), True, text, start_ms, end_ms, 1.0 if text else 0.0)
        self._captions.put_nowait(caption)
        if not text:
            return
        segment = Segment(
            id=self._id(), start_ms=start_ms, end_ms=end_ms, text=text, confidence=1.0
        )
        self._number += 1
        if self._parts.segments is not None:
            try:
                self._parts.segments.append(segment)
            except OSError as error:  # the disk is full: speech goes on
                log.error("segment not spooled", reason=type(error).__name__)

    async def close(self) -> None:
        """The track ended: have its segments stored, then its recording uploaded."""
        self._captions.put_nowait(None)
        await asyncio.wait({self._publishing, self._showing}, timeout=_STORED_S)
        segments = self._parts.segments
        if segments is not None:
            segments.close()
            # The final version is made of the live one once the recording is there.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(_emptied(segments), _STORED_S)
        if self._parts.recorder is not None:
            self._parts.recorder.finish((), self._published_ms)
        elif not self.refused:
            self._parts.unrecorded()
        for task in (self._publishing, self._showing):
            task.cancel()
        await asyncio.gather(self._publishing, self._showing, return_exceptions=True)

    async def _publish(self) -> None:
        self.refused = not await self._parts.publish()
        if self.refused:
            log.warning(
                "room is final: the voice is not in its record", track_sid=self.track.track_sid
            )

    def _id(self) -> str:
        return segment_id(self.track.track_sid, Version.LIVE, self._number)

    async def _show(self) -> None:
        while (caption := await self._captions.get()) is not None:
            try:
                async with asyncio.timeout(_CAPTION_S):
                    await self._parts.captions.send(self.track, caption)
            except Exception as error:  # a caption that can't be shown must not end the speech
                log.warning("voice caption not sent", reason=type(error).__name__)


def heard_part(sentence: str, share: float) -> str:
    """The words of a sentence that were heard when so much of its sound was (0..1)."""
    if share >= 1.0:
        return sentence
    heard = round(len(sentence) * max(0.0, share))
    if heard < len(sentence) and not sentence[heard : heard + 1].isspace():
        heard = sentence.rfind(" ", 0, heard) + 1  # a word that was broken off was not said
    return sentence[:heard].strip()


async def _emptied(segments: SegmentSink) -> None:
    while segments.waiting:  # noqa: ASYNC110 - counted down on another loop
        await asyncio.sleep(0.02)
