"""One room: hears every audio track of its participants from subscription to end."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from livekit import rtc

from agent_fleet.answering import AnsweringHooks, HeardCaptions, RoomAnswering
from agent_fleet.audio_tap import AudioSource, AudioTap
from agent_fleet.captions import RoomCaptions
from agent_fleet.fleet import Fleet
from agent_fleet.frames import to_ms
from agent_fleet.room_agents import RoomAgents
from agent_fleet.room_growth import RoomGrowth
from agent_fleet.room_share import HandedOver, RoomShare, SharedTrack, ShareWork
from agent_fleet.speaker import PipelineState, Speaker
from agent_fleet.speaker_track import SpeakerTrack
from agent_fleet.voice.desk import SpeechDesk
from agent_fleet.voice.interruption import Mode, Talker
from agent_fleet.voice.record import RecordParts
from agent_fleet.voice.room_stage import RoomStage, StageHooks
from agent_fleet.voice.speech import RoomVoice
from agent_fleet.voice.track import VOICE_TRACK
from parley.answers.ask import ASK_METHOD
from parley.clock import Clock, wall_clock_ms
from parley.domain.room import RoomOptions
from parley.domain.timeline import TimelineParticipant
from parley.errors import ParleyError
from parley.telemetry.logs import get_logger

log = get_logger("room")

CONTROL_TOPIC = "parley_control"
LANGUAGE = "language"
"""The participant attribute, and the RPC method, that say which language somebody speaks."""
PAUSED_ATTRIBUTE = "parley.paused"
_TEND_S = 0.5
_OPTIONS_S = 1.0  # audio waits so long for the room's options
_HAND_OVER_S = 12.0
_LEAVE_S = 20.0
_LAST_END_S = 2.0
_PASSED_ON = "parley.agent.language"
_NOT_SPEAKERS = (
    rtc.ParticipantKind.PARTICIPANT_KIND_AGENT,
    rtc.ParticipantKind.PARTICIPANT_KIND_EGRESS,
)


class RoomSession:
    """The agent's stay in one room; lives on that job's event loop."""

    def __init__(
        self, fleet: Fleet, room: rtc.Room, source: AudioSource, *, clock: Clock = wall_clock_ms
    ) -> None:
        """Attend a room; call `attend` before it is connected, so that no event is missed.

        Args:
            fleet: what the process shares.
            room: the room.
            source: where its tracks' audio comes from.
            clock: the time in ms since the epoch.
        """
        self._fleet = fleet
        self._source = source
        self._room = room
        self._clock = clock
        self._captions = RoomCaptions(room)
        self._room_sid = ""
        self._options = RoomOptions()
        self._taps: dict[str, tuple[Speaker, AudioTap]] = {}
        self._tasks: set[asyncio.Task[object]] = set()
        self._ended = asyncio.Event()
        self._wishes: dict[str, str] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._noted: set[tuple[str, int]] = set()
        self._checking = False
        self._loop = asyncio.get_running_loop()
        self._options_known = asyncio.Event()
        self._agents = RoomAgents(
            room, fleet.settings.agent_name, lost_s=fleet.settings.agent_lost_seconds
        )
        self._share = RoomShare(
            self._agents,
            ShareWork(
                begin=self._begin,
                end=self._close,
                hand_over=self._hand_over,
                last_end=self._last_end,
                spawn=self._spawn,
            ),
            source=source,
            keep_s=fleet.settings.standby_seconds,
        )
        self._growth = RoomGrowth(self._agents, fleet.settings.max_speakers)
        hooks = StageHooks(
            room_sid=lambda: self._room_sid,
            language=lambda: self._options.language,
            talkers=self._talkers,
            record=self._voice_record,
        )
        settings = fleet.settings
        self._stage = RoomStage(room, fleet.voice, hooks)
        self.voice = RoomVoice(
            self._stage,
            mode=self._interruption,
            least_ms=settings.interruption_ms,
            max_waiting=settings.voice_queue,
        )
        self.voice.on_status(fleet.voice.count)
        self._desk = SpeechDesk(room, self.voice, is_ours=lambda: self._agents.leads)
        self._answering = RoomAnswering(
            settings,
            self.voice,
            fleet.room_memory(lambda: self._room_sid, self._present),
            fleet.answer_metrics,
            AnsweringHooks(
                options=lambda: self._options,
                present=self._present,
                interruption=self._interruption,
                warm_voice=fleet.voice.warm,
                voice_for=lambda language: fleet.voice.voice_for(None, language),
                is_ours=lambda: self._agents.leads,
                spawn=self._spawn,
            ),
            clock=clock,
        )
        self._heard_captions = HeardCaptions(self._captions, self._answering.heard)

    def attend(self) -> None:
        """Listen to the room's events."""
        on = self._room.on
        on("track_subscribed", lambda _track, *whose: self._on_there(*whose))
        on("track_unsubscribed", lambda _t, publication, _p: self._on_gone(publication.sid))
        if not self._source.subscribes:
            on("track_published", self._on_there)
            on("track_unpublished", lambda publication, _: self._on_gone(publication.sid))
            on("participant_disconnected", self._on_participant_gone)
        on("track_muted", lambda _p, publication: self._on_muted(publication.sid, True))
        on("track_unmuted", lambda _p, publication: self._on_muted(publication.sid, False))
        on("data_received", self._on_data)
        on("participant_attributes_changed", self._on_attributes)
        on("disconnected", self._on_disconnected)

    async def run(self, room_sid: str) -> None:
        """Work until the room closes, is finalised, or `end` is called; then end every speaker."""
        self._room_sid = room_sid
        self._spawn(self._register())
        self._share.open()
        if not self._source.subscribes:
            for participant in self._room.remote_participants.values():
                for publication in participant.track_publications.values():
                    self._on_there(publication, participant)
        self._agents.serve(_PASSED_ON, self._on_passed_on)
        self._spawn(self._agents.keep_in_touch(self._share.changed))
        self._spawn(self._tend())
        self._spawn(self._fleet.metrics.watch_loop("room"))
        self._spawn(self._fleet.loops.tell())
        speaking = asyncio.create_task(self.voice.run())
        telling = asyncio.create_task(self._desk.run())
        self._room.local_participant.register_rpc_method(LANGUAGE, self._on_language)
        self._room.local_participant.register_rpc_method(ASK_METHOD, self._answering.on_rpc)
        try:
            await self._ended.wait()
        finally:
            await asyncio.gather(
                self._silence(speaking, telling),
                self._share.close(),
                *(self._close(sid) for sid in list(self._taps)),
            )
            await asyncio.gather(*self._closing, return_exceptions=True)
            await self._source.aclose()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            log.info("room left", room_sid=self._room_sid)

    def end(self) -> None:
        """Leave the room, once other agents hear its speakers; from any thread."""
        self._loop.call_soon_threadsafe(lambda: self._spawn(self._leave()))

    async def _leave(self) -> None:
        try:
            await self._share.leave(self._room, _LEAVE_S)
        finally:
            self._ended.set()

    async def _tend(self) -> None:
        told: dict[str, str] = {}
        while True:
            await asyncio.sleep(_TEND_S)
            for speaker, _ in list(self._taps.values()):
                speaker.tend()
            await self._share.tend(self._publishes)
            self._note_parts()
            if self._growth.asks(self._options.agents, self._speaking(), self._waiting()):
                self._spawn(self._ask_for_agent())
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
        await self._answering.warm()

    def _on_disconnected(self, *_: object) -> None:
        self._source.stay_out()
        self._ended.set()

    def _on_there(
        self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if _is_speaker(publication, participant):
            self._spawn(self._share.subscribed(publication, participant))

    async def _begin(self, shared: SharedTrack, from_ms: int | None, number: int) -> None:
        """Hear a track.

        Args:
            shared: the track, with what came of it so far.
            from_ms: leave out what came before.
            number: its first segment's, at least.
        """
        publication, participant = shared.publication, shared.participant
        held, tap = shared.held, shared.tap
        assert held is not None
        assert tap is not None
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
        published_ms = held.since_ms or self._clock()
        # By egress too: the recording is spooled, and uploaded only where egress has none.
        record = self._options.record != "none" and fleet.settings.record_audio
        parts = fleet.parts(whose, self._heard_captions, store=True, record=record, at_least=number)
        speaker = Speaker(whose, parts, published_ms=published_ms)
        speaker.input.muted = publication.muted
        fleet.manager.add(speaker)
        speaker.start()
        if speaker.state is PipelineState.WAITING:
            fleet.manager.refused += 1
            log.warning("speaker only recorded for now", track_sid=sid, reason=speaker.reason)
        held.give_to(speaker.input.receive, from_ms)
        speaker.took_over()
        self._taps[sid] = (speaker, tap)
        log.info("speaker joined", room_sid=self._room_sid, track_sid=sid, language=language)
        if shared.ended is None and not self._publishes(participant.identity, sid):
            await self._close(sid)  # ended before it began
        accepted = await fleet.on_main(lambda: fleet.registrar.publish_track(whose, published_ms))
        if not accepted:
            log.warning("room is final: speaker is not heard", track_sid=sid)
            await self._close(sid)

    def _on_participant_gone(self, participant: rtc.RemoteParticipant) -> None:
        for sid in participant.track_publications:
            self._on_gone(sid)

    def _on_gone(self, sid: str) -> None:
        self._spawn(self._share.gone(sid))

    async def _hand_over(self, sid: str) -> HandedOver:
        """Let another agent hear a track, between two utterances if there is a pause."""
        found = self._taps.get(sid)
        quiet = found is not None and await found[0].quiet(_HAND_OVER_S)
        if found is None or self._taps.pop(sid, None) is None:
            raise rtc.RpcError(410, "the track has ended")
        speaker, tap = found
        await tap.aclose()
        until_ms = speaker.started_ms() + to_ms(speaker.input.position)
        await speaker.close(part=True)
        self._fleet.manager.remove(speaker)
        return HandedOver(until_ms, not quiet, speaker.dispatcher.next_number)

    async def _last_end(self, sid: str) -> int | None:
        storer = self._fleet.storer
        try:
            async with asyncio.timeout(_LAST_END_S):
                return await self._fleet.on_main(lambda: storer.last_end_ms(sid))
        except (ParleyError, TimeoutError):
            return None  # what is stored by then is not stored twice

    def _note_parts(self) -> None:
        """In a room of several agents each recording is a part of one: note those that began."""
        if not self._share.shared:
            return
        parts = self._fleet.uploader.parts
        for sid, (speaker, _) in self._taps.items():
            begun_ms = speaker.recording.begun_ms if speaker.recording else None
            if begun_ms is not None and (sid, begun_ms) not in self._noted:
                self._noted.add((sid, begun_ms))
                self._spawn(_awaited(self._fleet.on_main(partial(parts.note, sid, begun_ms))))

    def _publishes(self, identity: str, sid: str) -> bool:
        participant = self._room.remote_participants.get(identity)
        return participant is not None and sid in participant.track_publications

    def _speaking(self) -> int:
        """How many tracks of speakers there are in the room, heard here or not."""
        return sum(
            _is_speaker(publication, participant)
            for participant in self._room.remote_participants.values()
            for publication in participant.track_publications.values()
        )

    def _waiting(self) -> int:
        return sum(s.state is PipelineState.WAITING for s, _ in self._taps.values())

    async def _ask_for_agent(self) -> None:
        log.info("another agent is asked for", room_sid=self._room_sid)
        try:
            await self._fleet.on_main(lambda: self._fleet.more_agents(self._room.name))
        except ParleyError as error:
            log.warning("no agent could be asked for", reason=error.code)

    def _on_muted(self, sid: str, muted: bool) -> None:
        if sid in self._taps:
            self._taps[sid][0].input.muted = muted

    def _on_attributes(self, changed: dict[str, str], participant: rtc.Participant) -> None:
        if LANGUAGE in changed:
            self._spawn(self._change_language(participant.identity, changed[LANGUAGE]))

    async def _on_language(self, call: rtc.RpcInvocationData) -> str:
        """RPC `language`: the caller speaks the language in the payload; answers what is heard."""
        identity, wish = call.caller_identity, call.payload.strip()
        for agent in self._agents.others:  # another may hear them, now or later
            what = {"identity": identity, "language": wish}
            self._spawn(self._agents.ask(agent, _PASSED_ON, what, _OPTIONS_S))
        return await self._change_language(identity, wish)

    async def _on_passed_on(self, _: str, what: dict[str, Any]) -> dict[str, Any]:
        """Another agent was told somebody's language."""
        self._spawn(self._change_language(str(what["identity"]), str(what["language"])))
        return {}

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

    async def _silence(self, *tasks: "asyncio.Task[None]") -> None:
        """End the assistant's voice and have its record stored."""
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._answering.aclose()
        await self._desk.flush()
        await self._stage.aclose()

    def _present(self) -> list[TimelineParticipant]:
        return [
            TimelineParticipant(identity=p.identity, name=p.name or p.identity)
            for p in self._room.remote_participants.values()
            if p.kind not in _NOT_SPEAKERS
        ]

    def _interruption(self) -> Mode:
        return self._options.interruption or self._fleet.settings.interruption

    def _talkers(self) -> list[Talker]:
        return [Talker(sid, speaker.voiced_ms) for sid, (speaker, _) in self._taps.items()]

    def _voice_record(
        self, track: SpeakerTrack, started_ms: Callable[[], int], published_ms: int
    ) -> RecordParts:
        record = self._options.record != "none" and self._fleet.settings.record_audio
        return self._fleet.voice_record(
            track, self._captions, started_ms, published_ms, record=record
        )

    def _on_data(self, packet: rtc.DataPacket) -> None:
        self._spawn(self._desk.take(packet))
        self._spawn(self._answering.take(self._room, packet))
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
        # The room may end meanwhile, and ends its tasks: this one is finished.
        task = asyncio.create_task(self._finish(sid, *found))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        await asyncio.shield(task)

    async def _finish(self, sid: str, speaker: Speaker, tap: AudioTap) -> None:
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


def _is_speaker(
    publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
) -> bool:
    return (
        publication.kind == rtc.TrackKind.KIND_AUDIO
        and publication.name != VOICE_TRACK
        and participant.kind not in _NOT_SPEAKERS
    )


async def _awaited(future: "asyncio.Future[None]") -> None:
    await future
