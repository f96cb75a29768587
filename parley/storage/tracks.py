"""The `tracks` collection: who published what, its recording, its lease and its chunk headers."""

from collections.abc import Sequence
from typing import Any

from parley.domain.segment import ChunkHeader, Version
from parley.domain.track import FINAL_STATUSES, Progress, Recording, Track, TrackStatus
from parley.errors import DuplicateError, NotFoundError
from parley.storage.database import Database

_FINAL = [status.value for status in FINAL_STATUSES]
_WORKABLE = [TrackStatus.LIVE, TrackStatus.RECORDED, TrackStatus.TRANSCRIBING]


class TrackStore:
    """Reads and conditional writes of track documents; every method can be called twice."""

    def __init__(self, database: Database) -> None:
        """Use the `tracks` collection of this database."""
        self._tracks = database.collection("tracks")

    async def publish(self, track: Track) -> bool:
        """Store a new track; one that is already known only learns what it lacked. True when new.

        LiveKit's webhooks of a track carry neither the speaker's name nor their attributes, nor
        whether it is an agent; the agent and the sweep know, and may come second.
        """
        try:
            await self._tracks.insert(track.model_dump(by_alias=True, mode="json"))
        except DuplicateError:
            if track.name:
                await self._tracks.update(
                    {"_id": track.id, "name": ""}, {"$set": {"name": track.name}}
                )
            if track.language:
                await self._tracks.update(
                    {"_id": track.id, "language": None}, {"$set": {"language": track.language}}
                )
            if track.kind != "person":
                await self._tracks.update({"_id": track.id}, {"$set": {"kind": track.kind}})
            return False
        return True

    async def find(self, sid: str) -> Track | None:
        """The track, or None."""
        document = await self._tracks.get(sid)
        return Track.model_validate(document) if document else None

    async def get(self, sid: str) -> Track:
        """The track; raises `NotFoundError`."""
        track = await self.find(sid)
        if track is None:
            raise NotFoundError(f"no track {sid} is known")
        return track

    async def get_many(self, sids: Sequence[str]) -> list[Track]:
        """The tracks that exist, in the order asked for."""
        return [Track.model_validate(d) for d in await self._tracks.get_many(sids)]

    async def unpublish(self, sid: str, at_ms: int) -> bool:
        """Note when a track ended; the first note stays. True for the one that was noted."""
        return await self._tracks.update(
            {"_id": sid, "unpublished_ms": None}, {"$set": {"unpublished_ms": at_ms}}
        )

    async def set_language(self, sid: str, language: str) -> None:
        """Note the language that the speaker is recognised in."""
        await self._tracks.update({"_id": sid}, {"$set": {"language": language}})

    async def set_recorded(self, sid: str, recording: Recording) -> bool:
        """Attach the recording; a track that is already further on stays as it is."""
        return await self._tracks.update(
            {"_id": sid, "status": TrackStatus.LIVE.value},
            {
                "$set": {
                    "status": TrackStatus.RECORDED.value,
                    "recording": recording.model_dump(mode="json"),
                }
            },
        )

    async def note_part(self, sid: str, started_ms: int) -> None:
        """Note that an agent records a part of a track; raises `NotFoundError`."""
        if not await self._tracks.update({"_id": sid}, {"$addToSet": {"parts": started_ms}}):
            await self.get(sid)  # known, then it was noted already

    async def note_requeued(self, sid: str, at_ms: int) -> None:
        """Note when a track's recording was put into the queue again."""
        await self._tracks.update({"_id": sid}, {"$set": {"requeued_ms": at_ms}})

    async def claim(self, sid: str, owner: str, now_ms: int, lease_ms: int) -> Track | None:
        """Take the lease to transcribe a track and count the attempt.

        Args:
            sid: track.
            owner: who takes it; the same owner may take it again.
            now_ms: the time now.
            lease_ms: how long nobody else may take it.

        Returns:
            The track as it is now, or None: it is finished, or somebody else holds it.
        """
        document = await self._tracks.claim(
            {
                "_id": sid,
                "status": {"$in": [status.value for status in _WORKABLE]},
                "$or": [
                    {"lease": None},
                    {"lease.owner": owner},
                    {"lease.until_ms": {"$lt": now_ms}},
                ],
            },
            {
                "$set": {
                    "status": TrackStatus.TRANSCRIBING.value,
                    "lease": {"owner": owner, "until_ms": now_ms + lease_ms},
                },
                "$inc": {"attempts": 1},
            },
        )
        return Track.model_validate(document) if document else None

    async def extend_lease(self, sid: str, owner: str, until_ms: int) -> bool:
        """Hold a lease longer; False when it is no longer the owner's."""
        return await self._tracks.update(
            {"_id": sid, "lease.owner": owner}, {"$set": {"lease.until_ms": until_ms}}
        )

    async def release(
        self, sid: str, owner: str, error: str | None, *, count_attempt: bool = True
    ) -> None:
        """Give a lease back with the track unfinished; it can be claimed again.

        Args:
            sid: track.
            owner: who holds the lease; nothing happens when it is somebody else's by now.
            error: why, or None.
            count_attempt: False when the attempt is not the recording's fault.
        """
        change: dict[str, Any] = {
            "$set": {"lease": None, "status": TrackStatus.RECORDED.value, "error": error}
        }
        if not count_attempt:
            change["$inc"] = {"attempts": -1}
        await self._tracks.update({"_id": sid, "lease.owner": owner}, change)

    async def attach_recording(self, sid: str, recording: Recording) -> None:
        """Note the recording of a track that has none yet, whatever its status."""
        await self._tracks.update(
            {"_id": sid, "recording": None},
            {"$set": {"recording": recording.model_dump(mode="json")}},
        )

    async def save_progress(
        self,
        sid: str,
        owner: str,
        progress: Progress,
        version: Version,
        headers: Sequence[ChunkHeader],
    ) -> bool:
        """Note how far a transcript is, together with the headers of its new chunks.

        Returns:
            False when the lease is no longer the owner's; nothing was written then.
        """
        change: dict[str, Any] = {"progress": progress.model_dump(mode="json")}
        for header in headers:
            change[f"chunks.{version.value}.{header.seq:06}"] = header.model_dump(mode="json")
        return await self._tracks.update({"_id": sid, "lease.owner": owner}, {"$set": change})

    async def finish(
        self, sid: str, status: TrackStatus, *, error: str | None = None, owner: str | None = None
    ) -> bool:
        """Give a track its final status; the first one stays.

        Args:
            sid: track.
            status: one of the final statuses.
            error: why, for `failed` and `empty`.
            owner: when given, only if this owner still holds the lease.

        Returns:
            Whether this call set it.
        """
        query: dict[str, Any] = {"_id": sid, "status": {"$nin": _FINAL}}
        if owner is not None:
            query["lease.owner"] = owner
        return await self._tracks.update(
            query, {"$set": {"status": status.value, "error": error, "lease": None}}
        )

    async def set_header(self, sid: str, version: Version, header: ChunkHeader) -> None:
        """Write or refresh one chunk header."""
        await self._tracks.update(
            {"_id": sid},
            {"$set": {f"chunks.{version.value}.{header.seq:06}": header.model_dump(mode="json")}},
        )

    async def set_headers(self, sid: str, version: Version, headers: Sequence[ChunkHeader]) -> None:
        """Replace all chunk headers of one version."""
        await self._tracks.update(
            {"_id": sid},
            {
                "$set": {
                    f"chunks.{version.value}": {
                        f"{h.seq:06}": h.model_dump(mode="json") for h in headers
                    }
                }
            },
        )

    async def delete(self, sids: Sequence[str]) -> None:
        """Forget track documents."""
        await self._tracks.delete(sids)
