"""Shares a room's speakers among its agents: each track is heard by one, and kept by a second.

Who is to hear a track asks all other agents to let go of it, and begins when none hears it: the
old one finishes the open utterance first and says until when it heard. Meanwhile the audio waits
(`held_audio.py`). The agent that would be next keeps the last seconds too, so that it can go on
from the last stored utterance of one that was killed.
"""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from livekit import rtc

from agent_fleet.audio_tap import AudioSource, AudioTap
from agent_fleet.held_audio import HeldAudio
from agent_fleet.room_agents import LEAVING_ATTRIBUTE, RoomAgents
from parley.telemetry.logs import get_logger

log = get_logger("share")

_RELEASE = "parley.agent.release"
_RELEASE_LIMIT_S = 20.0
_AGAIN_S = 0.4
_GOODBYE_S = 1.5  # an agent that answers so long after a track's end finishes it
_FORGET_S = 60.0
_PREROLL_MS = 300  # of the silence in which a track changes hands
_AFTER_LAST_MS = 150  # an utterance's last word ends a little after its time


class Place(StrEnum):
    """What this agent has to do with a track."""

    AWAY = "away"
    STANDBY = "standby"
    CLAIMING = "claiming"
    HEARD = "heard"


@dataclass
class SharedTrack:
    """A speaker's track, and what of it is here."""

    publication: rtc.RemoteTrackPublication
    participant: rtc.RemoteParticipant
    place: Place = Place.AWAY
    held: HeldAudio | None = None
    tap: AudioTap | None = None
    ended: float | None = None
    giving: "asyncio.Task[HandedOver] | None" = None

    @property
    def sid(self) -> str:
        """The track's sid."""
        return self.publication.sid


@dataclass(frozen=True)
class HandedOver:
    """What the next agent has to know.

    Attributes:
        until_ms: up to when was heard, in ms since the epoch.
        cut: whether that is in the middle of an utterance.
        next_number: the number of the track's next segment.
    """

    until_ms: int
    cut: bool
    next_number: int


@dataclass(frozen=True)
class ShareWork:
    """What the room's session does for the share.

    Attributes:
        begin: hear a track, from a time on, with segments from a number on.
        end: the track is over: finish it.
        hand_over: finish what is being said and let go.
        last_end: when the last stored utterance of a track ended.
        spawn: runs a task of the session.
    """

    begin: Callable[[SharedTrack, int | None, int], Awaitable[None]]
    end: Callable[[str], Awaitable[None]]
    hand_over: Callable[[str], Coroutine[Any, Any, HandedOver]]
    last_end: Callable[[str], Awaitable[int | None]]
    spawn: Callable[[Coroutine[Any, Any, object]], None]


class RoomShare:
    """All audio tracks of a room's speakers; on its room's event loop."""

    def __init__(
        self,
        agents: RoomAgents,
        work: ShareWork,
        *,
        source: AudioSource,
        keep_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Share with these agents.

        Args:
            agents: the room's agents.
            work: what the session does.
            source: where the tracks' audio comes from.
            keep_s: audio kept of tracks that another agent hears; 0 keeps none.
            monotonic: seconds that never jump.
        """
        self._agents = agents
        self._work = work
        self._source = source
        self._keep_s = keep_s
        self._monotonic = monotonic
        self._tracks: dict[str, SharedTrack] = {}
        self._handed: dict[tuple[str, str], dict[str, Any]] = {}  # by track and claim
        self._claims = itertools.count(1)
        self._finished: set[str] = set()
        self._shared = False

    @property
    def heard(self) -> list[str]:
        """The tracks that this agent hears."""
        return [t.sid for t in self._tracks.values() if t.place is Place.HEARD]

    @property
    def shared(self) -> bool:
        """Whether there was another agent in the room at any time."""
        self._shared = self._shared or bool(self._agents.present)
        return self._shared

    def open(self) -> None:
        """Answer the other agents; the room is connected."""
        self._agents.held = lambda: self.heard
        self._agents.serve(_RELEASE, self._release)

    async def subscribed(
        self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        """Audio of a track comes in."""
        track = self._tracks.get(publication.sid)
        if track is None:
            track = self._tracks[publication.sid] = SharedTrack(publication, participant)
        track.publication, track.participant = publication, participant
        self._listen(track)
        await self._adjust(track)

    async def gone(self, sid: str) -> None:
        """No more audio of a track comes."""
        track = self._tracks.get(sid)
        if track is None:
            return
        match track.place:
            case Place.HEARD:
                self._finished.add(sid)
                self._tracks.pop(sid)
                await self._work.end(sid)
            case Place.AWAY:
                await self._drop(track)
            case _:
                track.ended = self._monotonic()

    def changed(self) -> None:
        """Other agents came or went."""
        for track in list(self._tracks.values()):
            self._work.spawn(self._adjust(track))

    async def tend(self, there: Callable[[str, str], bool]) -> None:
        """Look after the tracks; called about twice a second.

        Args:
            there: whether a participant still publishes a track.
        """
        for track in list(self._tracks.values()):
            if track.place is Place.HEARD:
                await self._settle_double(track)
            elif track.ended is None and not there(track.participant.identity, track.sid):
                await self.gone(track.sid)
                if track.place is Place.AWAY:
                    self._tracks.pop(track.sid, None)
            elif track.ended is not None and track.place is Place.STANDBY:
                await self._ended_elsewhere(track)
            elif track.place is not Place.CLAIMING:
                await self._adjust(track)

    async def leave(self, room: rtc.Room, limit_s: float) -> None:
        """Let the other agents take over what is heard here, for so long at most."""
        self._agents.leaving = True
        if not self._agents.others:
            return
        await room.local_participant.set_attributes({LEAVING_ATTRIBUTE: "true"})
        deadline = self._monotonic() + limit_s
        # The others take them over one by one, and may go themselves.
        while self.heard and self._agents.others and self._monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """The room is over for this agent: what it does not hear is forgotten."""
        giving = [t.giving for t in self._tracks.values() if t.giving is not None]
        await asyncio.gather(*giving, return_exceptions=True)
        for track in list(self._tracks.values()):
            if track.place is not Place.HEARD:
                await self._drop(track)

    # Inside.

    def _rank(self, track: SharedTrack) -> int | None:
        order = self._agents.ranked(track.participant.identity)
        return order.index(self._agents.me) if self._agents.me in order else None

    async def _adjust(self, track: SharedTrack) -> None:
        if track.place in (Place.HEARD, Place.CLAIMING) or track.ended is not None:
            return
        rank = self._rank(track)
        if rank == 0:
            track.place = Place.CLAIMING
            self._listen(track)
            if not self.shared:  # nobody to ask: no caption waits for a task's turn
                await self._begin(track, None, 0)
            else:
                self._work.spawn(self._claim(track))
        elif rank == 1 and self._keep_s > 0:
            track.place = Place.STANDBY
            self._listen(track)
        else:
            await self._drop(track)

    def _listen(self, track: SharedTrack) -> None:
        if track.tap is None:
            held = HeldAudio(max(self._keep_s, _RELEASE_LIMIT_S * 2))
            track.tap = self._source.open(track.publication, held.receive)
            track.held = held if track.tap is not None else None

    async def _drop(self, track: SharedTrack) -> None:
        track.place = Place.AWAY
        tap, track.tap, track.held = track.tap, None, None
        if tap is not None:
            await tap.aclose()
        if track.ended is not None:
            self._tracks.pop(track.sid, None)
        else:
            self._source.release(track.publication)

    async def _claim(self, track: SharedTrack) -> None:
        """Begin as soon as nobody else hears the track."""
        handed: dict[str, Any] | None = None
        claim = f"{self._agents.me} {next(self._claims)}"
        while True:
            if not _claims(track) or self._rank(track) != 0:
                if _claims(track):
                    track.place = Place.STANDBY
                    await self._adjust(track)
                return
            answers = await self._ask_all(track, claim)
            handed = next((a for a in answers.values() if a and "until_ms" in a), handed)
            if any(a and a.get("ended") for a in answers.values()):
                track.ended = self._monotonic()
                await self._drop(track)
                return
            silent = [agent for agent, a in answers.items() if a is None]
            refused = any(a and a.get("mine") for a in answers.values())
            if not refused and not set(silent) & set(self._agents.present):
                break
            await asyncio.sleep(_AGAIN_S)
        if not _claims(track):
            return
        if handed is not None:
            preroll_ms = 0 if handed["cut"] else _PREROLL_MS
            await self._begin(track, int(handed["until_ms"]) - preroll_ms, int(handed["next"]))
            return
        last_ms = await self._work.last_end(track.sid)
        log.info("speaker taken over", track_sid=track.sid, from_ms=last_ms)
        await self._begin(track, last_ms + _AFTER_LAST_MS if last_ms else None, 0)

    async def _ask_all(self, track: SharedTrack, claim: str) -> dict[str, dict[str, Any] | None]:
        others = self._agents.present
        what = {"track": track.sid, "agents": self._agents.all, "claim": claim}
        answers = await asyncio.gather(
            *(self._agents.ask(agent, _RELEASE, what, _RELEASE_LIMIT_S) for agent in others)
        )
        return dict(zip(others, answers, strict=True))

    async def _begin(self, track: SharedTrack, from_ms: int | None, number: int) -> None:
        if track.held is None:  # its subscription has not come yet
            track.place = Place.AWAY
            return
        track.place = Place.HEARD
        await self._work.begin(track, from_ms, number)
        if track.ended is not None:
            track.ended = None
            await self.gone(track.sid)

    async def _release(self, caller: str, what: dict[str, Any]) -> dict[str, Any]:
        """Another agent is to hear a track."""
        sid = str(what.get("track"))
        track = self._tracks.get(sid)
        if track is None or track.place in (Place.AWAY, Place.STANDBY):
            handed = self._handed.get((sid, str(what.get("claim"))))
            return handed or ({"ended": True} if sid in self._finished else {})
        order = self._agents.ranked(
            track.participant.identity, also=[caller, *map(str, what.get("agents", ()))]
        )
        if order and order[0] != caller:
            return {"mine": True}
        if track.place is Place.CLAIMING:
            track.place = Place.STANDBY
            return {}
        answer = await self._give(track)
        self._handed[sid, str(what.get("claim"))] = answer  # should it be lost on the way
        return answer

    async def _give(self, track: SharedTrack) -> dict[str, Any]:
        if track.giving is None:
            track.giving = asyncio.create_task(self._work.hand_over(track.sid))
        done = await asyncio.shield(track.giving)
        answer = {"until_ms": done.until_ms, "cut": done.cut, "next": done.next_number}
        if track.place is Place.HEARD:
            track.place, track.giving, track.tap, track.held = Place.AWAY, None, None, None
            log.info("speaker handed over", track_sid=track.sid, cut=done.cut)
        return answer

    async def _settle_double(self, track: SharedTrack) -> None:
        """Let go of a track that another agent hears too and is to hear.

        It took this one for dead: the segments of both are stored once.
        """
        order = self._agents.ranked(track.participant.identity)
        for agent in order:
            if agent == self._agents.me:
                return
            if track.sid in self._agents.hears(agent):
                await self._give(track)
                return

    async def _ended_elsewhere(self, track: SharedTrack) -> None:
        """The track ended while another agent heard it: see that it finishes it."""
        assert track.ended is not None
        first = next(iter(self._agents.ranked(track.participant.identity)), None)
        if first == self._agents.me:
            track.place = Place.CLAIMING
            self._work.spawn(self._claim(track))
        elif (
            first is None
            or self._agents.heard_from_since(first, track.ended + _GOODBYE_S)
            or self._monotonic() - track.ended > _FORGET_S
        ):
            await self._drop(track)


def _claims(track: SharedTrack) -> bool:
    """Whether a track is still claimed: others may have changed that in between."""
    return track.place is Place.CLAIMING
