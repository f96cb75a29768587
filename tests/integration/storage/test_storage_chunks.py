"""The one writer of a track version: chunks of 200, exactly once, whatever fails in between."""

import uuid
from collections.abc import Sequence
from typing import Any

import pytest

from parley.domain.room import RoomOptions
from parley.domain.segment import Segment, Version, Word, chunk_id, segment_id
from parley.errors import ConflictError, StorageUnavailableError
from parley.rooms.tracks import publish_track
from parley.storage import SegmentWriter, Stores
from parley.storage.database import Collection, Document


def segments(track_sid: str, numbers: range, version: Version = Version.LIVE) -> list[Segment]:
    return [
        Segment(
            id=segment_id(track_sid, version, n),
            start_ms=n * 1_000,
            end_ms=n * 1_000 + 500,
            text=f"segment {n}",
            confidence=(n % 10) / 10,
            words=(Word(text="segment", start_ms=n * 1_000, end_ms=n * 1_000 + 9, confidence=1),),
        )
        for n in numbers
    ]


@pytest.fixture
async def track_sid(stores: Stores) -> str:
    room, track = f"RM_{uuid.uuid4().hex[:8]}", f"TR_{uuid.uuid4().hex[:8]}"
    await stores.rooms.register(room, "chunks", RoomOptions(), now_ms=1)
    await publish_track(
        stores, room_sid=room, track_sid=track, identity="ann", name="Ann", published_ms=1
    )
    return track


async def writer(stores: Stores, track_sid: str) -> SegmentWriter:
    track = await stores.tracks.get(track_sid)
    return await stores.chunks.writer(track.room_sid, track_sid, Version.LIVE)


async def read(stores: Stores, track_sid: str) -> list[Segment]:
    track = await stores.tracks.get(track_sid)
    return await stores.chunks.read_version(track_sid, Version.LIVE, track.headers(Version.LIVE))


async def counts(stores: Stores, track_sid: str) -> list[int]:
    """Segments per header, after checking that every header describes its chunk."""
    track = await stores.tracks.get(track_sid)
    headers = track.headers(Version.LIVE)
    chunks = await stores.chunks.get_many(
        [chunk_id(track_sid, Version.LIVE, h.seq) for h in headers]
    )
    for header, chunk in zip(headers, chunks, strict=True):
        assert (chunk.count, chunk.start_ms, chunk.end_ms) == (
            header.count,
            header.start_ms,
            header.end_ms,
        )
        assert len(chunk.segments) == chunk.count
        assert chunk.min_confidence == min(s.confidence for s in chunk.segments)
        assert chunk.max_confidence == max(s.confidence for s in chunk.segments)
    return [h.count for h in headers]


class LosingCollection(Collection):
    """The real collection, whose writes fail once: before or after they are carried out."""

    def __init__(self, inner: Collection, *, carried_out: bool) -> None:
        super().__init__(inner._inner)
        self._carried_out, self.left = carried_out, 1

    async def _lossy(self, call: Any) -> Any:
        if self.left:
            self.left -= 1
            if self._carried_out:
                await call
            else:
                call.close()
            raise StorageUnavailableError("injected")
        return await call

    async def insert(self, document: Document) -> None:
        await self._lossy(super().insert(document))

    async def update(self, query: Document, change: Document, *, upsert: bool = False) -> bool:
        changed: bool = await self._lossy(super().update(query, change, upsert=upsert))
        return changed


async def test_segment_201_opens_the_next_chunk(stores: Stores, track_sid: str) -> None:
    live = await writer(stores, track_sid)
    for n in range(201):
        await live.append(segments(track_sid, range(n, n + 1)))
    assert await counts(stores, track_sid) == [200, 1]
    assert await read(stores, track_sid) == segments(track_sid, range(201))


@pytest.mark.parametrize("size", [1, 199, 200, 201, 450])
async def test_appends_of_any_size_fill_chunks_of_200(
    stores: Stores, track_sid: str, size: int
) -> None:
    live = await writer(stores, track_sid)
    for start in range(0, 450, size):
        await live.append(segments(track_sid, range(start, min(start + size, 450))))
    assert await counts(stores, track_sid) == [200, 200, 50]
    assert live.next_number == 450


@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("stored", [0, 5, 199, 200])
async def test_a_retry_after_a_lost_answer_stores_once(
    stores: Stores, track_sid: str, stored: int, carried_out: bool
) -> None:
    live = await writer(stores, track_sid)
    await live.append(segments(track_sid, range(stored)))
    real = stores.chunks.collection
    stores.chunks.collection = LosingCollection(real, carried_out=carried_out)
    batch: Sequence[Segment] = segments(track_sid, range(stored, stored + 3))
    with pytest.raises(StorageUnavailableError):
        await live.append(batch)
    await live.append(batch)
    assert await read(stores, track_sid) == segments(track_sid, range(stored + 3))
    assert sum(await counts(stores, track_sid)) == stored + 3


@pytest.mark.parametrize("stored", [0, 1, 199, 200, 400])
async def test_a_writer_that_died_before_the_header_was_written_is_continued(
    stores: Stores, track_sid: str, stored: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = await writer(stores, track_sid)
    await live.append(segments(track_sid, range(stored)))

    async def die(*_: object) -> None:
        raise StorageUnavailableError("killed")

    with monkeypatch.context() as killed:
        killed.setattr(stores.tracks, "set_header", die)
        with pytest.raises(StorageUnavailableError):
            await live.append(segments(track_sid, range(stored, stored + 1)))

    # A reader believes the chunk, also where its header is not there yet.
    assert await read(stores, track_sid) == segments(track_sid, range(stored + 1))
    successor = await writer(stores, track_sid)
    assert successor.next_number == stored + 1
    await successor.append(segments(track_sid, range(stored, stored + 3)))
    assert await read(stores, track_sid) == segments(track_sid, range(stored + 3))
    assert sum(await counts(stores, track_sid)) == stored + 3


@pytest.mark.parametrize("stored", [0, 7, 200])
async def test_a_second_writer_is_refused(stores: Stores, track_sid: str, stored: int) -> None:
    first = await writer(stores, track_sid)
    await first.append(segments(track_sid, range(stored)))
    second = await writer(stores, track_sid)
    await first.append(segments(track_sid, range(stored, stored + 2)))
    intruder = segments(track_sid, range(stored, stored + 1))[0].model_copy(
        update={"text": "somebody else's words"}
    )
    with pytest.raises(ConflictError):
        await second.append([intruder])
    assert await read(stores, track_sid) == segments(track_sid, range(stored + 2))


async def test_a_version_written_twice_is_there_once(stores: Stores, track_sid: str) -> None:
    room_sid = (await stores.tracks.get(track_sid)).room_sid
    final = segments(track_sid, range(401), Version.FINAL)
    for _ in range(2):
        await stores.chunks.write_version(room_sid, track_sid, Version.FINAL, final)
    track = await stores.tracks.get(track_sid)
    headers = track.headers(Version.FINAL)
    assert [h.count for h in headers] == [200, 200, 1]
    assert await stores.chunks.read_version(track_sid, Version.FINAL, headers) == final


async def test_chunks_are_read_without_words_where_none_are_wanted(
    stores: Stores, track_sid: str
) -> None:
    live = await writer(stores, track_sid)
    await live.append(segments(track_sid, range(3)))
    [chunk] = await stores.chunks.get_many([chunk_id(track_sid, Version.LIVE, 0)], words=False)
    assert [s.text for s in chunk.segments] == ["segment 0", "segment 1", "segment 2"]
    assert all(s.words == () for s in chunk.segments)
