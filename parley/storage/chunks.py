"""The `chunks` collection: at most 200 segments a document, appended by one writer per version."""

from collections.abc import Sequence

from parley.domain.segment import (
    MAX_SEGMENTS_PER_CHUNK,
    Chunk,
    ChunkHeader,
    Segment,
    Version,
    chunk_id,
    chunk_ids,
    header_of,
)
from parley.errors import ConflictError, DuplicateError
from parley.storage.database import Database, Document
from parley.storage.packing import PIECE, StoredChunk, pack, stored_chunk, with_words
from parley.storage.tracks import TrackStore


def _document(
    room_sid: str, track_sid: str, version: Version, seq: int, segments: Sequence[Segment]
) -> Document:
    header = header_of(seq, segments)
    return {
        "_id": chunk_id(track_sid, version, seq),
        "room_sid": room_sid,
        "track_sid": track_sid,
        "version": version.value,
        **header.model_dump(mode="json"),
        "segments": [pack(s) for s in segments],
    }


def chunk_documents(
    room_sid: str, track_sid: str, version: Version, first_seq: int, segments: Sequence[Segment]
) -> list[tuple[ChunkHeader, Document]]:
    """Segments as chunks from `first_seq` on: their headers and documents."""
    starts = range(0, len(segments), MAX_SEGMENTS_PER_CHUNK)
    parts = [segments[start : start + MAX_SEGMENTS_PER_CHUNK] for start in starts]
    return [
        (header_of(seq, part), _document(room_sid, track_sid, version, seq, part))
        for seq, part in enumerate(parts, first_seq)
    ]


class ChunkStore:
    """Reads chunks by id and writes whole versions."""

    def __init__(self, database: Database, tracks: TrackStore) -> None:
        """Use the `chunks` collection of this database."""
        self.collection = database.collection("chunks")
        self._tracks = tracks

    async def get_many(self, ids: Sequence[str], *, words: bool = True) -> list[Chunk]:
        """The chunks that exist, in the order asked for, with words or without; one round trip."""
        fields = None if words else {"segments.words": 0}
        found = await self.collection.get_many(ids, fields)
        return [Chunk.model_validate(with_words(document)) for document in found]

    async def get_stored(
        self, ids: Sequence[str], *, piece: int | None = None
    ) -> list[StoredChunk]:
        """The chunks that exist, in the order asked for, their words packed; one round trip.

        Args:
            ids: the chunks.
            piece: which piece of each, counted from 0; None reads all of it.
        """
        fields = None
        if piece is not None:
            sliced = {"segments": {"$slice": [piece * PIECE, PIECE]}}
            fields = {"version": 1, "seq": 1, "count": 1, **sliced}
        found = await self.collection.get_many(ids, fields)
        return [stored_chunk(document, piece) for document in found]

    async def read_version(
        self,
        track_sid: str,
        version: Version,
        headers: Sequence[ChunkHeader],
        *,
        words: bool = True,
    ) -> list[Segment]:
        """All segments of a version, in the writer's order; one round trip."""
        chunks = await self.get_many(chunk_ids(track_sid, version, headers), words=words)
        return [segment for chunk in chunks for segment in chunk.segments]

    async def write_version(
        self, room_sid: str, track_sid: str, version: Version, segments: Sequence[Segment]
    ) -> None:
        """Write a whole version; a second call with the same segments changes nothing.

        Only the holder of the track's lease may call this. Readers see the chunks once their
        headers are written, which is the last step.
        """
        headers = await self.write_part(room_sid, track_sid, version, 0, segments)
        await self._tracks.set_headers(track_sid, version, headers)

    async def write_part(
        self,
        room_sid: str,
        track_sid: str,
        version: Version,
        first_seq: int,
        segments: Sequence[Segment],
    ) -> list[ChunkHeader]:
        """Write segments as chunks from `first_seq` on, replacing what is there.

        Returns:
            Their headers; readers see the chunks once these are in the track.
        """
        made = chunk_documents(room_sid, track_sid, version, first_seq, segments)
        for _, document in made:
            await self.collection.put(document)
        return [header for header, _ in made]

    async def writer(self, room_sid: str, track_sid: str, version: Version) -> "SegmentWriter":
        """A writer that goes on after the last stored segment of this version."""
        track = await self._tracks.get(track_sid)
        headers = track.headers(version)
        seq = headers[-1].seq if headers else 0
        # The chunk may be longer than its header, and a next one may have been opened just
        # before its header was written: believe the chunks.
        chunks = await self.get_many(
            [chunk_id(track_sid, version, n) for n in (seq, seq + 1, seq + 2)]
        )
        last = chunks[-1] if chunks else None
        if last and (last.seq, last.count) != (seq, headers[-1].count if headers else 0):
            await self._tracks.set_header(track_sid, version, header_of(last.seq, last.segments))
        return SegmentWriter(self, self._tracks, room_sid, track_sid, version, last)

    async def ids_of_room(self, room_sid: str) -> list[str]:
        """The ids of all chunks of a room, also those that no header names; a scan."""
        found = self.collection.scan({"room_sid": room_sid}, {"_id": 1})
        return [chunk["_id"] async for chunk in found]

    async def delete(self, ids: Sequence[str]) -> None:
        """Delete chunks."""
        await self.collection.delete(ids)


class SegmentWriter:
    """The one writer of one track version: appends in order, exactly once."""

    def __init__(
        self,
        store: ChunkStore,
        tracks: TrackStore,
        room_sid: str,
        track_sid: str,
        version: Version,
        last: Chunk | None,
    ) -> None:
        """Go on after the chunk `last`; use `ChunkStore.writer` to make one."""
        self._store = store
        self._tracks = tracks
        self.room_sid = room_sid
        self.track_sid = track_sid
        self.version = version
        self._seq = last.seq if last else 0
        self._segments: list[Segment] = list(last.segments) if last else []

    @property
    def next_number(self) -> int:
        """The number of the next segment, counted from 0."""
        return self._seq * MAX_SEGMENTS_PER_CHUNK + len(self._segments)

    async def append(self, segments: Sequence[Segment]) -> None:
        """Append segments whose ids go on from `next_number`; segments already there are skipped.

        A failed call may be repeated with the same segments: what was stored stays once.

        Raises:
            ConflictError: another writer wrote to this version.
            StorageError: the database refused, or cannot be reached (retryable).
        """
        fresh = [s for s in segments if int(s.id.rsplit(".", 1)[1]) >= self.next_number]
        while fresh:
            if len(self._segments) == MAX_SEGMENTS_PER_CHUNK:
                self._seq += 1
                self._segments = []
            free = MAX_SEGMENTS_PER_CHUNK - len(self._segments)
            part, fresh = fresh[:free], fresh[free:]
            await self._append_to_chunk(part)

    async def _append_to_chunk(self, part: list[Segment]) -> None:
        after = [*self._segments, *part]
        stored = len(self._segments)
        header = header_of(self._seq, after)
        id_ = chunk_id(self.track_sid, self.version, self._seq)
        if stored == 0:
            try:
                await self._store.collection.insert(
                    _document(self.room_sid, self.track_sid, self.version, self._seq, part)
                )
            except DuplicateError:
                await self._check_it_was_us(id_, after)
        else:
            summary = header.model_dump(mode="json", exclude={"seq"})
            appended = await self._store.collection.update(
                {"_id": id_, "count": stored},
                {
                    "$push": {"segments": {"$each": [pack(s) for s in part]}},
                    "$set": summary,
                },
            )
            if not appended:
                await self._check_it_was_us(id_, after)
        await self._tracks.set_header(self.track_sid, self.version, header)
        self._segments = after

    async def _check_it_was_us(self, id_: str, after: list[Segment]) -> None:
        """An earlier try whose answer was lost is fine; anything else is a second writer."""
        chunks = await self._store.get_many([id_])
        if not chunks or list(chunks[0].segments) != after:
            raise ConflictError(f"chunk {id_} was written by somebody else")
