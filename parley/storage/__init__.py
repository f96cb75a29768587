"""MongoDB behind small stores: rooms, tracks, chunks, summaries, events."""

from parley.storage.chunks import ChunkStore, SegmentWriter
from parley.storage.database import Database
from parley.storage.events import EventStore
from parley.storage.rooms import RoomStore
from parley.storage.stores import Stores
from parley.storage.summaries import SummaryStore
from parley.storage.tombstones import TombstoneStore
from parley.storage.tracks import TrackStore

__all__ = [
    "ChunkStore",
    "Database",
    "EventStore",
    "RoomStore",
    "SegmentWriter",
    "Stores",
    "SummaryStore",
    "TombstoneStore",
    "TrackStore",
]
