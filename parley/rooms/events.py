"""What LiveKit's webhooks mean for a registered room; any order, any number of times."""

from enum import StrEnum

from parley.blobs import BlobStore
from parley.clock import Clock
from parley.domain.room import Room
from parley.domain.track import TrackStatus
from parley.errors import NotFoundError
from parley.livekit_api import LiveParticipant, LiveTrack, WebhookEvent
from parley.rooms.completion import finish_track
from parley.rooms.registry import take_in
from parley.storage import Stores

NOT_RECORDED = "not recorded: the room keeps the live transcript only"


class Outcome(StrEnum):
    """What became of an event."""

    HANDLED = "handled"
    ENDED = "ended"  # handled, and the room is to be finalised after the grace
    IGNORED = "ignored"


async def apply_event(
    stores: Stores, blobs: BlobStore, room: Room, event: WebhookEvent, clock: Clock
) -> Outcome:
    """Do what an event asks for.

    Args:
        stores: the database.
        blobs: the object store.
        room: the registered room that the event is about, as it was a moment ago.
        event: the verified event.
        clock: the time.

    Raises:
        NotFoundError: the room is no longer registered.
    """
    speaker = event.participant if event.participant and not event.participant.agent else None
    match event.kind:
        case "participant_joined" if speaker:
            seen = speaker.identity in room.participants
            if not seen and not await stores.rooms.note_participant(room.id, speaker.identity):
                raise NotFoundError(f"no room {room.id} is registered")
            return Outcome.HANDLED
        case "track_published" if speaker and event.track:
            taken = await _publish(stores, room, event, speaker, event.track, clock)
            return Outcome.HANDLED if taken else Outcome.IGNORED
        case "track_unpublished" if speaker and event.track:
            ended_ms = _precise(event, clock)
            if not await stores.tracks.unpublish(event.track.sid, ended_ms):
                # It has overtaken its own `track_published`, which then finds the track known.
                if not await _publish(stores, room, event, speaker, event.track, clock):
                    return Outcome.IGNORED
                await stores.tracks.unpublish(event.track.sid, ended_ms)
            if room.options.record == "none":
                await finish_track(
                    stores,
                    blobs,
                    event.track.sid,
                    TrackStatus.EMPTY,
                    error=NOT_RECORDED,
                    clock=clock,
                )
            return Outcome.HANDLED
        case "room_finished":
            await stores.rooms.note_ended(room.id, _precise(event, clock))
            return Outcome.ENDED
        case _:
            return Outcome.IGNORED


async def _publish(
    stores: Stores,
    room: Room,
    event: WebhookEvent,
    speaker: LiveParticipant,
    track: LiveTrack,
    clock: Clock,
) -> bool:
    at_ms = track.changed_ms or _precise(event, clock)
    return await take_in(stores, room, speaker, track.sid, at_ms)


def _precise(event: WebhookEvent, clock: Clock) -> int:
    """The event's time: it comes in whole seconds, so the time of arrival within that second."""
    return min(max(clock(), event.created_ms), event.created_ms + 999)
