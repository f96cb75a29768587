"""Captions into the room: a text stream on `lk.transcription` for each update of a segment.

The attributes are LiveKit's (docs.livekit.io, "Text and transcriptions") and three of ours. The
SDK's `stream_text` takes three round trips to its native side for one update, its `send_text` one,
but in the sender's own name only. So the request of `send_text` is made here, which uses names the
SDK (livekit 1.1) does not promise; with any other version the three round trips are made.
"""

from typing import Any

from livekit import rtc
from livekit.rtc import _ffi_client
from livekit.rtc._proto import ffi_pb2

from agent_fleet.audio_tap import Router
from agent_fleet.caption_readers import CaptionReaders
from agent_fleet.dispatcher import Caption
from agent_fleet.speaker_track import SpeakerTrack

TOPIC = "lk.transcription"


class CaptionError(Exception):
    """The room did not take a caption."""


class RoomCaptions:
    """Sends captions to everybody in one room who wants them, in the speaker's name."""

    def __init__(self, room: rtc.Room) -> None:
        """Send as this room's local participant."""
        self._room = room
        self._direct = Router.usable()
        self._readers = CaptionReaders(room)

    async def send(self, track: SpeakerTrack, caption: Caption) -> None:
        """Send one update.

        Raises:
            CaptionError: the room is gone.
            rtc.StreamError: the same, from the SDK.
        """
        readers = self._readers.names()
        if readers == []:
            return
        attributes = {
            "lk.segment_id": caption.segment_id,
            "lk.transcribed_track_id": track.track_sid,
            "lk.transcription_final": "true" if caption.final else "false",
            "parley.start_ms": str(caption.start_ms),
            "parley.end_ms": str(caption.end_ms),
            "parley.confidence": f"{caption.confidence:.3f}",
            "parley.language": track.language,
        }
        if track.wanted:
            attributes["parley.language_unknown"] = track.wanted
        if self._direct:
            await self._send(caption.text, track.identity, attributes, readers or [])
            return
        writer = await self._room.local_participant.stream_text(
            topic=TOPIC,
            sender_identity=track.identity,
            attributes=attributes,
            destination_identities=readers,
        )
        if caption.text:
            await writer.write(caption.text)
        await writer.aclose()

    async def _send(
        self, text: str, identity: str, attributes: dict[str, str], readers: list[str]
    ) -> None:
        request = ffi_pb2.FfiRequest()
        wanted = request.send_text
        wanted.local_participant_handle = self._room.local_participant._ffi_handle.handle
        wanted.text = text
        wanted.options.topic = TOPIC
        wanted.options.attributes.update(attributes)
        wanted.options.sender_identity = identity
        wanted.options.destination_identities.extend(readers)
        wanted.options.compress = False
        client = _ffi_client.FfiClient.instance
        answers = client.queue.subscribe(filter_fn=_is_answer)
        try:
            asked = client.request(request).send_text.async_id
            answer = await answers.wait_for(lambda event: event.send_text.async_id == asked)
        finally:
            client.queue.unsubscribe(answers)
        if answer.send_text.HasField("error"):
            raise CaptionError(answer.send_text.error.description)


def _is_answer(event: Any) -> bool:
    return bool(event.WhichOneof("message") == "send_text")
