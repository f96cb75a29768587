"""A captions' sink that lets the assistant hear what is shown."""

from collections.abc import Callable

from agent_fleet.dispatcher import Caption, CaptionSink
from agent_fleet.speaker_track import SpeakerTrack


class HeardCaptions:
    """Passes captions on, after the assistant has heard them."""

    def __init__(
        self, captions: CaptionSink, heard: Callable[[SpeakerTrack, Caption], None]
    ) -> None:
        """Pass on to this sink; `heard` returns at once."""
        self._captions = captions
        self._heard = heard

    async def send(self, track: SpeakerTrack, caption: Caption) -> None:
        """See `CaptionSink.send`."""
        self._heard(track, caption)
        await self._captions.send(track, caption)
