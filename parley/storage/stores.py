"""All stores of one database, handed around together."""

from dataclasses import dataclass

from parley.settings import Settings
from parley.storage.chunks import ChunkStore
from parley.storage.database import Database
from parley.storage.events import EventStore
from parley.storage.rooms import RoomStore
from parley.storage.summaries import SummaryStore
from parley.storage.tombstones import TombstoneStore
from parley.storage.tracks import TrackStore


@dataclass(frozen=True)
class Stores:
    """The stores of one database; `close` ends its connections."""

    database: Database
    rooms: RoomStore
    tracks: TrackStore
    chunks: ChunkStore
    summaries: SummaryStore
    events: EventStore
    tombstones: TombstoneStore

    @classmethod
    def of(cls, database: Database) -> "Stores":
        """The stores of a database."""
        tracks = TrackStore(database)
        return cls(
            database=database,
            rooms=RoomStore(database),
            tracks=tracks,
            chunks=ChunkStore(database, tracks),
            summaries=SummaryStore(database),
            events=EventStore(database),
            tombstones=TombstoneStore(database),
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> "Stores":
        """The stores of the database that the settings name."""
        return cls.of(Database.from_settings(settings))

    def close(self) -> None:
        """Close the database's connections."""
        self.database.close()
