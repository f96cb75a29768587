"""Captions into the room: a text stream on `lk.transcription` for each update of a segment.

The attributes are LiveKit's (docs.livekit.io, "Text and transcriptions") and two of ours.
"""

from livekit import rtc

from agent_fleet.dispatcher import Caption
from agent_fleet.speaker_track import SpeakerTrack

TOPIC = "lk.transcription"


class RoomCaptions:
    """Sends captions to everybody in one room, in the speaker's name."""

    def __init__(self, room: rtc.Room) -> None:
        """Send as this room's local participant."""
        self._room = room

    async def send(self, track: SpeakerTrack, caption: Caption) -> None:
        """Send one update; raises the SDK's `StreamError` when the room is gone."""
        writer = await self._room.local_participant.stream_text(
            topic=TOPIC,
            sender_identity=track.identity,
            attributes={
                "lk.segment_id": caption.segment_id,
                "lk.transcribed_track_id": track.track_sid,
                "lk.transcription_final": "true" if caption.final else "false",
                "parley.start_ms": str(caption.start_ms),
                "parley.end_ms": str(caption.end_ms),
                "parley.confidence": f"{caption.confidence:.3f}",
                "parley.language": track.language,
            },
        )
        if caption.text:
            await writer.write(caption.text)
        await writer.aclose()
