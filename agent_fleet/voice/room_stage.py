"""The real stage: the fleet's engine, the room's track and the room's record."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass

from livekit import rtc

from agent_fleet.frames import Frame
from agent_fleet.speaker_track import SpeakerTrack
from agent_fleet.voice.interruption import Talker, Verdict
from agent_fleet.voice.record import RecordParts, VoiceRecord
from agent_fleet.voice.request import SayRequest
from agent_fleet.voice.shared import SharedVoice
from agent_fleet.voice.sound import Sound
from agent_fleet.voice.track import VoiceTrack
from parley.voice.errors import UnknownVoiceError

ASSISTANT_NAME = "Parley"
"""What the record calls the assistant."""
_REST_S = 0.5
_PAUSE = Sound.silence(200)  # between two sentences


@dataclass(frozen=True)
class StageHooks:
    """What the stage asks its room.

    Attributes:
        room_sid: the room's sid.
        language: the room's language, if it has one.
        talkers: who has a microphone open now.
        record: makes the parts of the record of a voice track, from its start time.
    """

    room_sid: Callable[[], str]
    language: Callable[[], str | None]
    talkers: Callable[[], Collection[Talker]]
    record: Callable[[SpeakerTrack, Callable[[], int], int], RecordParts]


class RoomStage:
    """See `stage.Stage`; lives on the room's event loop."""

    def __init__(self, room: rtc.Room, shared: SharedVoice, hooks: StageHooks) -> None:
        """Publish nothing before the first request."""
        self._room = room
        self._shared = shared
        self._hooks = hooks
        self._track = VoiceTrack(room, self._take)
        self._record: VoiceRecord | None = None
        self._resting: asyncio.Task[None] | None = None
        self._last: str | None = None

    async def voice_for(self, request: SayRequest) -> str:
        """The request's voice, else one of its language, else of the room's, else the first."""
        if request.voice or request.language:
            return await self._shared.voice_for(request.voice, request.language)
        try:
            return await self._shared.voice_for(None, self._hooks.language())
        except UnknownVoiceError:
            return await self._shared.voice_for(None, None)

    async def make(self, sentence: str, voice: str, speed: float) -> Sound:
        """A sentence's sound."""
        samples = await self._shared.speak(sentence, voice, speed)
        return await asyncio.to_thread(Sound.of, samples)

    async def open(self) -> None:
        """Publish the track unless it is, and begin its record."""
        published = await self._track.open()
        if self._record is None:
            track = SpeakerTrack(
                room_sid=self._hooks.room_sid(),
                room_name=self._room.name,
                track_sid=published.sid,
                identity=self._room.local_participant.identity,
                name=ASSISTANT_NAME,
                language=self._hooks.language() or "",
                kind="assistant",
            )
            at_ms = published.published_ms
            parts = self._hooks.record(track, lambda: self._track.started_ms or at_ms, at_ms)
            self._record = VoiceRecord(track, parts, at_ms)
            self._resting = asyncio.create_task(self._rest(), name="voice at rest")

    async def play(
        self, sentence: str, sound: Sound, look: Callable[[], Verdict], began: Callable[[], None]
    ) -> bool:
        """Play a sentence and keep what was heard of it."""
        record = self._record
        assert record is not None

        def on_first() -> None:
            record.begins(sentence, self._track.now_ms())
            began()

        if self._track.queued:
            await self._track.play(_PAUSE, look)
        played = await self._track.play(sound, look, on_first)
        record.said(sentence, self._track.started_ms or 0, played)
        return not played.stopped

    async def finish(self, look: Callable[[], Verdict]) -> bool:
        """Wait until all of it has been heard."""
        return await self._track.finish(look)

    def talkers(self) -> Collection[Talker]:
        """Who has a microphone open now."""
        return self._hooks.talkers()

    def first_sound(self, seconds: float) -> None:
        """Count how long the room waited for the first sound."""
        self._shared.first_sound(seconds)

    async def aclose(self) -> None:
        """End the track and have its record stored."""
        if self._resting is not None:
            self._resting.cancel()
            await asyncio.gather(self._resting, return_exceptions=True)
        await self._track.aclose()
        if self._record is not None:
            await self._record.close()

    async def _rest(self) -> None:
        while True:
            await asyncio.sleep(_REST_S)
            self._track.rest()

    def _take(self, frame: Frame) -> None:
        if self._record is not None:
            self._record.take(frame)
