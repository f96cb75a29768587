"""One room: hears every audio track of its participants from subscription to end."""

import asyncio
import contextlib
from collections.abc import Coroutine
from functools import partial
from typing import Any

from livekit import rtc

from agent_fleet.audio_tap import AudioTap, open_tap
from agent_fleet.captions import RoomCaptions
from agent_fleet.fleet import Fleet
from agent_fleet.speaker import PipelineState, Speaker
from agent_fleet.speaker_track import SpeakerTrack
from parley.clock import Clock, wall_clock_ms
from parley.domain.room import RoomOptions
from parley.telemetry.logs import get_logger

log = get_logger("room")

CONTROL_TOPIC = "parley_control"
VOICE_TRACK = "parley-voice"
LANGUAGE = "language"
"""The participant attribute, and the RPC method, that say which language somebody speaks."""
PAUSED_ATTRIBUTE = "parley.paused"
_TEND_S = 0.5
_OPTIONS_S = 1.0  # audio before the room's options are known is not heard
_NOT_SPEAKERS = (
    rtc.ParticipantKind.PARTICIPANT_KIND_AGENT,
    rtc.ParticipantKind.PARTICIPANT_KIND_EGRESS,
)


class RoomSession:
    """The agent's stay in one room; lives on that job's event loop."""

    def __init__(self, fleet: Fleet, room: rtc.Room, *, clock: Clock = wall_clock_ms) -> None:
        """Attend a room; call `attend` before it is connected, so that no event is missed."""
        self._fleet = fleet
        self._room = room
        self._clock = clock
        self._captions = RoomCaptions(room)
        self._room_sid = ""
        self._options = RoomOptions()
        self._taps: dict[str, tuple[Speaker, AudioTap]] = {}
        self._tasks: set[asyncio.Task[object]] = set()
        self._ended = asyncio.Event()
        self._wishes: dict[str, str] = {}
        self._checking = False
        self._loop = asyncio.get_running_loop()
        self._options_known = asyncio.Event()

    def attend(self) -> None:
        """Listen to the room's events."""
        on = self._room.on
        on("track_subscribed", self._on_subscribed)
        on("track_unsubscribed", lambda _t, publication, _p: self._on_gone(publication.sid))
        on("track_muted", lambda _p, publication: self._on_muted(publication.sid, True))
        on("track_unmuted", lambda _p, publication: self._on_muted(publication.sid, False))
        on("data_received", self._on_data)
        on("participant_attributes_changed", self._on_attributes)
        on("disconnected", lambda *_: self._ended.set())

    async def run(self, room_sid: str) -> None:
        """Work until the room closes, is finalised, or `end` is called; then end every speaker."""
        self._room_sid = room_sid
        self._spawn(self._register())
        self._spawn(self._tend())
        self._room.local_participant.register_rpc_method(LANGUAGE, self._on_language)
        try:
            await self._ended.wait()
        finally:
            await asyncio.gather(*(self._close(sid) for sid in list(self._taps)))
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            log.info("room left", room_sid=self._room_sid)

    def end(self) -> None:
        """Leave the room; from any thread."""
        self._loop.call_soon_threadsafe(self._ended.set)

    async def _tend(self) -> None:
        told: dict[str, str] = {}
        while True:
            await asyncio.sleep(_TEND_S)
            for speaker, _ in list(self._taps.values()):
                speaker.tend()
            told = await self._tell_states(told)

    async def _tell_states(self, told: dict[str, str]) -> dict[str, str]:
        """Say in the agent's attributes whose captions are paused: `parley.paused.<identity>`."""
        now = {
            f"{PAUSED_ATTRIBUTE}.{speaker.track.identity}": speaker.state.value
            for speaker, _ in self._taps.values()
            if speaker.state in (PipelineState.COOLING, PipelineState.WAITING)
        }
        if now != told:
            changes = dict.fromkeys(told, "") | now
            try:
                await self._room.local_participant.set_attributes(changes)
            except Exception as error:  # the room is going: nobody is left to tell
                log.warning("attributes not set", reason=type(error).__name__)
        return now

    async def _register(self) -> None:
        options = await self._fleet.on_main(
            lambda: self._fleet.registrar.register_room(self._room_sid, self._room.name)
        )
        self._options = options
        self._options_known.set()

    def _on_subscribed(
        self,
        track: rtc.Track,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        if track.kind != rtc.TrackKind.KIND_AUDIO or publication.name == VOICE_TRACK:
            return
        if participant.kind in _NOT_SPEAKERS:
            return
        self._spawn(self._open(track, publication, participant))

    async def _open(
        self,
        track: rtc.Track,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        with contextlib.suppress(TimeoutError):  # without them: recorded, in the default language
            await asyncio.wait_for(self._options_known.wait(), _OPTIONS_S)
        fleet, sid = self._fleet, publication.sid
        if sid in self._taps:
            return
        if attribute := participant.attributes.get(LANGUAGE):
            self._wishes.setdefault(participant.identity, attribute)
        language, wanted = self._language(participant.identity)
        whose = SpeakerTrack(
            room_sid=self._room_sid,
            room_name=self._room.name,
            track_sid=sid,
            identity=participant.identity,
            name=participant.name,
            language=language,
            wanted=wanted,
        )
        published_ms = self._clock()
        record = self._options.record == "agent" and fleet.settings.record_audio
        parts = fleet.parts(whose, self._captions, store=True, record=record)
        speaker = Speaker(whose, parts, published_ms=published_ms)
        speaker.input.muted = publication.muted
        fleet.manager.add(speaker)
        speaker.start()
        if speaker.state is PipelineState.WAITING:
            fleet.manager.refused += 1
            log.warning("speaker only recorded for now", track_sid=sid, reason=speaker.reason)
        tap = open_tap(
            track,
            speaker.input.receive,
            frame_ms=fleet.settings.frame_ms,
            routed=fleet.settings.routed_audio,
        )
        self._taps[sid] = (speaker, tap)
        log.info("speaker joined", room_sid=self._room_sid, track_sid=sid, language=language)
        accepted = await fleet.on_main(lambda: fleet.registrar.publish_track(whose, published_ms))
        if not accepted:
            log.warning("room is final: speaker is not heard", track_sid=sid)
            await self._close(sid)

    def _on_gone(self, sid: str) -> None:
        if sid in self._taps:
            self._spawn(self._close(sid))

    def _on_muted(self, sid: str, muted: bool) -> None:
        if sid in self._taps:
            self._taps[sid][0].input.muted = muted

    def _on_attributes(self, changed: dict[str, str], participant: rtc.Participant) -> None:
        if LANGUAGE in changed:
            self._spawn(self._change_language(participant.identity, changed[LANGUAGE]))

    async def _on_language(self, call: rtc.RpcInvocationData) -> str:
        """RPC `language`: the caller speaks the language in the payload; answers what is heard."""
        return await self._change_language(call.caller_identity, call.payload.strip())

    async def _change_language(self, identity: str, wish: str) -> str:
        """Hear somebody in another language; one that is not known becomes the room's."""
        self._wishes[identity] = wish
        language, wanted = self._language(identity)
        for speaker in [s for s, _ in self._taps.values() if s.track.identity == identity]:
            sid = speaker.track.track_sid
            await speaker.change_language(language, wanted)
            await self._fleet.on_main(partial(self._fleet.registrar.set_language, sid, language))
        return language

    def _language(self, identity: str) -> tuple[str, str]:
        """Which language somebody is heard in, and the one they wanted if that is another."""
        options, languages = self._options, self._fleet.languages
        wish = self._wishes.get(identity, "")
        language = languages.choose(wish, options.languages.get(identity), options.language)
        return language, wish if wish and languages.find(wish) is None else ""

    def _on_data(self, packet: rtc.DataPacket) -> None:
        if packet.topic == CONTROL_TOPIC and b"finalize" in packet.data and not self._checking:
            self._spawn(self._end_if_final())

    async def _end_if_final(self) -> None:
        """Leave if the room is final.

        Anybody in the room can send the packet, and the SDK can't always tell who did: it only
        says when to look.
        """
        self._checking = True
        try:
            final = await self._fleet.on_main(
                lambda: self._fleet.registrar.is_final(self._room_sid)
            )
        finally:
            self._checking = False
        if final:
            log.info("room finalised", room_sid=self._room_sid)
            self._ended.set()

    async def _close(self, sid: str) -> None:
        found = self._taps.pop(sid, None)
        if found is None:
            return
        speaker, tap = found
        await tap.aclose()
        await speaker.close()
        self._fleet.manager.remove(speaker)
        log.info("speaker left", room_sid=self._room_sid, track_sid=sid)

    def _spawn(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: "asyncio.Task[object]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            log.error("room task failed", exc_info=task.exception())
