"""The last minutes of a room: what is stored, and what was heard since."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from agent_fleet.dispatcher import Caption
from agent_fleet.speaker_track import SpeakerTrack
from parley.answers.engine import Question, Recollection
from parley.domain.segment import Version
from parley.domain.timeline import TimelineParticipant, TimelineSegment
from parley.storage import Stores
from parley.telemetry.logs import get_logger
from parley.transcripts.filters import Choice, Filter
from parley.transcripts.reader import read_page, tracks_of

log = get_logger("answers")

_MOST = 2_000
_READ_S = 0.5
"""Wait for the database: then what this agent heard itself has to do."""

OnMain = Callable[[Callable[[], Coroutine[Any, Any, Any]]], "asyncio.Future[Any]"]


class RoomMemory:
    """One room's; on its event loop.

    The stored timeline has what other agents of the room heard, and what was said before this one
    came; what was heard in the last moments may not be stored yet.
    """

    def __init__(
        self,
        stores: Stores,
        on_main: OnMain,
        *,
        room_sid: Callable[[], str],
        present: Callable[[], list[TimelineParticipant]],
        minutes: float,
    ) -> None:
        """Remember so many minutes.

        Args:
            stores: the database, asked on the main loop.
            on_main: runs work there.
            room_sid: the room's sid.
            present: the people who are there now.
            minutes: how far back.
        """
        self._stores = stores
        self._on_main = on_main
        self._room_sid = room_sid
        self._present = present
        self._window_ms = round(minutes * 60_000)
        self._heard: deque[TimelineSegment] = deque(maxlen=_MOST)

    def add(self, track: SpeakerTrack, caption: Caption) -> None:
        """Something was said."""
        self._heard.append(
            TimelineSegment(
                id=caption.segment_id,
                track_sid=track.track_sid,
                identity=track.identity,
                version=Version.LIVE,
                start_ms=caption.start_ms,
                end_ms=caption.end_ms,
                text=caption.text,
                confidence=caption.confidence,
            )
        )

    async def recall(self, question: Question) -> Recollection:
        """What was said before a question, in order, without the question itself."""
        since_ms = question.asked_ms - self._window_ms
        people, stored = await self._stored(since_ms)
        present = self._present()
        for person in present:
            people[person.identity] = person
        # By time: a segment's number can change when it is stored.
        segments = {(s.track_sid, s.start_ms): s for s in (*stored, *self._heard)}
        said = [
            s
            for s in segments.values()
            if since_ms < s.end_ms and s.start_ms < question.asked_ms
            if s.id != question.segment_id
        ]
        for segment in said:
            person = TimelineParticipant(identity=segment.identity, name=segment.identity)
            people.setdefault(segment.identity, person)
        said.sort(key=lambda s: (s.start_ms, s.id))
        here = frozenset(p.identity for p in present)
        return Recollection(tuple(people.values()), tuple(said), here)

    async def _stored(
        self, since_ms: int
    ) -> tuple[dict[str, TimelineParticipant], list[TimelineSegment]]:
        try:
            return await asyncio.wait_for(self._on_main(lambda: self._read(since_ms)), _READ_S)
        except Exception as error:  # the database is away: an answer of what was heard is better
            log.warning("timeline not read", reason=type(error).__name__)
            return {}, []

    async def _read(
        self, since_ms: int
    ) -> tuple[dict[str, TimelineParticipant], list[TimelineSegment]]:
        room = await self._stores.rooms.get(self._room_sid())
        tracks = {
            place: track
            for place, track in (await tracks_of(self._stores, room)).items()
            if track.kind == "person"
        }
        page = await read_page(
            self._stores,
            tracks,
            choice=Choice.LIVE,
            wanted=Filter(from_ms=since_ms),
            after={},
            limit=_MOST,
        )
        people = {
            t.identity: TimelineParticipant(identity=t.identity, name=t.name or t.identity)
            for t in tracks.values()
        }
        found = [
            TimelineSegment.model_validate(s.model_dump(exclude={"words"})) for s in page.segments
        ]
        return people, found
