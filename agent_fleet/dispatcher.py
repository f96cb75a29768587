"""One speaker's results on the event loop: numbered, timed, and given to captions and database."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from agent_fleet.frames import to_ms
from agent_fleet.heard import Heard
from agent_fleet.speaker_track import SpeakerTrack
from parley.domain.segment import Segment, Version, Word, mean_confidence, segment_id
from parley.telemetry.logs import get_logger

log = get_logger("dispatcher")


@dataclass(frozen=True, slots=True)
class Caption:
    """One update of one segment's caption.

    Attributes:
        segment_id: the id that the segment has, or will have, in the database.
        final: whether this is the last update of it.
        text: all of its words so far; empty and final takes the segment back.
        start_ms: when it began, in ms since the epoch.
        end_ms: up to when was listened, in ms since the epoch.
        confidence: 0..1; 0 while it is open.
    """

    segment_id: str
    final: bool
    text: str
    start_ms: int
    end_ms: int
    confidence: float = 0.0


class CaptionSink(Protocol):
    """Where captions go."""

    async def send(self, track: SpeakerTrack, caption: Caption) -> None:
        """Show a caption to the room; may fail or take long."""
        ...


class Dispatcher:
    """Takes what a speaker's recogniser thread hears; its coroutine passes it on in order.

    A sink that is slow delays this speaker's captions only, and skips updates that were overtaken
    by newer ones, so that it catches up.
    """

    def __init__(
        self,
        track: SpeakerTrack,
        *,
        started_ms: Callable[[], int],
        captions: CaptionSink,
        store: Callable[[Segment], None] | None,
        first_number: Callable[[], Awaitable[int]] | None = None,
        sent: Callable[[Caption], None] = lambda _: None,
        caption_limit_s: float = 5.0,
    ) -> None:
        """Make it on the loop it is to run on.

        Args:
            track: the speaker.
            started_ms: when the track's first sample was, in ms since the epoch.
            captions: where captions go.
            store: takes finished segments; returns at once.
            first_number: asks for the number of the track's next segment; 0 without it.
            sent: told of each caption that went out.
            caption_limit_s: how long one caption may take to be sent.
        """
        self.track = track
        self._started_ms = started_ms
        self._captions = captions
        self._store = store
        self._first_number = first_number
        self._sent = sent
        self._limit_s = caption_limit_s
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Heard | None] = asyncio.Queue()
        self._number = 0
        self.captions_sent = 0
        self.captions_failed = 0
        self.captions_skipped = 0
        self.segments = 0

    @property
    def next_number(self) -> int:
        """The number of the track's next segment, once the first was heard; else 0."""
        return self._number

    def put(self, heard: Heard) -> None:
        """Pass something on; from any thread."""
        self._call(self._queue.put_nowait, heard)

    def end(self) -> None:
        """Nothing more comes: `run` returns once it has passed everything on; from any thread."""
        self._call(self._queue.put_nowait, None)

    async def run(self) -> None:
        """Pass on what is put, until `end`."""
        self._number = await self._ask_first_number()
        while True:
            waiting: list[Heard | None] = [await self._queue.get()]
            while not self._queue.empty():
                waiting.append(self._queue.get_nowait())
            for heard, following in zip(waiting, [*waiting[1:], None], strict=True):
                if heard is None:
                    return
                if following is not None and not heard.final:
                    self.captions_skipped += 1  # overtaken before it was sent
                    continue
                await self._pass_on(heard)

    async def _ask_first_number(self) -> int:
        if self._first_number is None:
            return 0
        try:
            return await asyncio.wait_for(self._first_number(), timeout=2.0)
        except Exception as error:  # the database is away: the storer numbers anew
            log.warning("segment number unknown", reason=type(error).__name__)
            return 0

    async def _pass_on(self, heard: Heard) -> None:
        started = self._started_ms()
        id_ = segment_id(self.track.track_sid, Version.LIVE, self._number)
        words = tuple(
            Word(
                text=w.text,
                start_ms=started + to_ms(w.start),
                end_ms=started + to_ms(w.end),
                confidence=round(w.confidence, 4),
            )
            for w in heard.words
        )
        confidence = round(mean_confidence(words), 4)
        start_ms, end_ms = started + to_ms(heard.start), started + to_ms(heard.end)
        if heard.final and heard.text:
            self._number += 1
            self.segments += 1
            if self._store is not None:
                segment = Segment(
                    id=id_,
                    start_ms=start_ms,
                    end_ms=end_ms,
                    text=heard.text,
                    confidence=confidence,
                    words=words,
                )
                try:
                    self._store(segment)
                except OSError as error:  # the disk is full: captions go on
                    log.error("segment not spooled", reason=type(error).__name__)
        await self._send(Caption(id_, heard.final, heard.text, start_ms, end_ms, confidence))

    async def _send(self, caption: Caption) -> None:
        try:
            async with asyncio.timeout(self._limit_s):
                await self._captions.send(self.track, caption)
            self.captions_sent += 1
            self._sent(caption)
        except Exception as error:  # a caption that can't be shown must not end the speaker
            self.captions_failed += 1
            if self.captions_failed in (1, 10, 100):
                log.warning(
                    "captions fail",
                    track_sid=self.track.track_sid,
                    count=self.captions_failed,
                    reason=type(error).__name__,
                )

    def _call(self, function: Callable[[Heard | None], None], value: Heard | None) -> None:
        try:
            self._loop.call_soon_threadsafe(function, value)
        except RuntimeError:  # the room's loop is closed: there is nobody to tell
            log.debug("late result dropped", track_sid=self.track.track_sid)
