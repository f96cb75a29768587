"""The `egress` field of tracks: who asked for LiveKit's egress, and what came of it."""

from typing import Any

from parley.domain.track import EgressState, TrackEgress, TrackStatus
from parley.storage.database import Database

_RUNNING = [state.value for state in EgressState if state.running]
# Asking takes some seconds; a claim without an id that is older belongs to a process that died.
STALE_MS = 30_000


class EgressStore:
    """Conditional writes, of which the first wins; every method can be called twice."""

    def __init__(self, database: Database) -> None:
        """Use the `tracks` collection of this database."""
        self._tracks = database.collection("tracks")

    async def claim(self, track_sid: str, now_ms: int) -> bool:
        """Become the one who asks for a live track's egress; False when somebody did or does."""
        egress = TrackEgress(state=EgressState.STARTING, requested_ms=now_ms)
        left_over = {
            "egress.state": EgressState.STARTING.value,
            "egress.id": None,
            "egress.requested_ms": {"$lt": now_ms - STALE_MS},
        }
        return await self._tracks.update(
            {
                "_id": track_sid,
                "status": TrackStatus.LIVE.value,
                "unpublished_ms": None,
                "$or": [{"egress": None}, left_over],
            },
            {"$set": {"egress": egress.model_dump(mode="json")}},
        )

    async def note(self, track_sid: str, egress_id: str, *, active: bool) -> bool:
        """Note a running egress and its id; False when it is not the track's (any more)."""
        change = {"egress.id": egress_id}
        if active:
            change["egress.state"] = EgressState.ACTIVE.value
        return await self._tracks.update(self._running(track_sid, egress_id), {"$set": change})

    async def deliver(
        self, track_sid: str, egress_id: str, *, started_ms: int, ended_ms: int
    ) -> bool:
        """Let the egress's file be the track's recording; True for exactly one outcome of two."""
        return await self._tracks.update(
            self._running(track_sid, egress_id),
            {
                "$set": {
                    "egress.state": EgressState.DELIVERED.value,
                    "egress.id": egress_id,
                    "egress.started_ms": started_ms,
                    "egress.ended_ms": ended_ms,
                }
            },
        )

    async def fail(
        self,
        track_sid: str,
        error: str,
        now_ms: int,
        *,
        egress_id: str | None = None,
        started_ms: int | None = None,
        ended_ms: int | None = None,
    ) -> bool:
        """Let the agent's recording be the track's; True for exactly one outcome of two.

        Args:
            track_sid: the track.
            error: why.
            now_ms: the time.
            egress_id: the egress, when it is known; another one's failure changes nothing.
            started_ms: when the file begins that it left all the same.
            ended_ms: when that ends.
        """
        failed = TrackEgress(
            state=EgressState.FAILED,
            requested_ms=now_ms,
            id=egress_id,
            error=error,
            started_ms=started_ms,
            ended_ms=ended_ms,
        )
        query = self._running(track_sid, egress_id)
        never_asked = {"_id": track_sid, "egress": None}
        change = {"$set": {"egress": failed.model_dump(mode="json")}}
        return await self._tracks.update(query, change) or await self._tracks.update(
            never_asked, change
        )

    async def rescue(self, track_sid: str) -> bool:
        """Let what a failed egress left be the recording after all; `error` goes on saying why."""
        return await self._tracks.update(
            {"_id": track_sid, "egress.state": EgressState.FAILED.value},
            {"$set": {"egress.state": EgressState.DELIVERED.value}},
        )

    def _running(self, track_sid: str, egress_id: str | None) -> dict[str, Any]:
        query: dict[str, Any] = {"_id": track_sid, "egress.state": {"$in": _RUNNING}}
        if egress_id is not None:
            query["egress.id"] = {"$in": [None, egress_id]}
        return query
