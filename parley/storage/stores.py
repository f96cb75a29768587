"""All stores of one database, handed around together."""

from dataclasses import dataclass

from parley.settings import Settings
from parley.storage.chunks import ChunkStore
from parley.storage.database import Database
from parley.storage.deliveries import DeliveryStore
from parley.storage.egress import EgressStore
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
    egress: EgressStore
    deliveries: DeliveryStore

    @classmethod
    def of(cls, database: Database, *, outbox: bool = False) -> "Stores":
        """The stores of a database.

        Args:
            database: the database.
            outbox: whether rooms note what is to be told of them.
        """
        tracks = TrackStore(database)
        return cls(
            database=database,
            rooms=RoomStore(database, outbox=outbox),
            tracks=tracks,
            chunks=ChunkStore(database, tracks),
            summaries=SummaryStore(database),
            events=EventStore(database),
            tombstones=TombstoneStore(database),
            egress=EgressStore(database),
            deliveries=DeliveryStore(database),
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> "Stores":
        """The stores of the database that the settings name."""
        return cls.of(Database.from_settings(settings), outbox=bool(settings.event_endpoints))

    def close(self) -> None:
        """Close the database's connections."""
        self.database.close()
