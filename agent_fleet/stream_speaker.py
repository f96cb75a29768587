"""A speaker who comes over a WebSocket: the same pipeline, answered message by message."""

import asyncio
from collections import deque
from typing import Any

import av
import numpy as np

from agent_fleet.dispatcher import Caption
from agent_fleet.frames import SAMPLE_RATE, to_samples
from agent_fleet.heard import Heard
from agent_fleet.speaker import Speaker, SpeakerParts
from agent_fleet.speaker_track import SpeakerTrack
from agent_fleet.vosk_recogniser import MAX_RATE, MIN_RATE
from parley.errors import AudioError

_PIECE = to_samples(100)


class NoCaptions:
    """Where nobody watches: the client is answered, there is no room."""

    async def send(self, track: SpeakerTrack, caption: Caption) -> None:
        """Do nothing."""


class StreamSpeaker(Speaker):
    """One client's pipeline; audio of any rate, in messages of any size."""

    def __init__(self, track: SpeakerTrack, parts: SpeakerParts, *, published_ms: int) -> None:
        """Build the pipeline on the running loop."""
        super().__init__(track, parts, published_ms=published_ms, real_time=False)
        self._heard: deque[Heard] = deque()
        self._moved = asyncio.Event()
        self._partial = ""
        self._odd = b""
        self._resampler: av.AudioResampler | None = None
        self._rate = SAMPLE_RATE

    def set_rate(self, rate: object) -> None:
        """Take audio at this rate from now on.

        Raises:
            AudioError: not a rate that speech can be recognised at.
        """
        whole = isinstance(rate, (int, float)) and not isinstance(rate, bool) and rate == rate // 1
        if not whole or not MIN_RATE <= int(rate) <= MAX_RATE:  # type: ignore[call-overload]
            raise AudioError(f"sample_rate must be {MIN_RATE} to {MAX_RATE}")
        self._rate = int(rate)  # type: ignore[call-overload]
        self._resampler = None
        if self._rate != SAMPLE_RATE:
            self._resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)

    def take(self, message: bytes) -> None:
        """Take in one message; a sample may be cut in two between messages."""
        pcm = self._odd + message
        whole = len(pcm) // 2 * 2
        pcm, self._odd = pcm[:whole], pcm[whole:]
        if self._resampler is not None and pcm:
            frame = av.AudioFrame.from_ndarray(
                np.frombuffer(pcm, np.int16)[None, :], format="s16", layout="mono"
            )
            frame.sample_rate = self._rate
            frame.pts = None
            pcm = b"".join(f.to_ndarray().tobytes() for f in self._resampler.resample(frame))
        for at in range(0, len(pcm), 2 * _PIECE):
            self.input.receive(pcm[at : at + 2 * _PIECE])

    async def settled(self, limit_s: float) -> None:
        """Wait until all that was given is heard; raises `TimeoutError`."""
        async with asyncio.timeout(limit_s):
            while self.behind:
                self._moved.clear()
                if self.behind:
                    await self._moved.wait()

    def answer(self, *, words: bool) -> dict[str, Any]:
        """What is new since the last answer, as vosk-server would say it."""
        finals: list[Heard] = []
        while self._heard:
            heard = self._heard.popleft()
            if heard.final:
                self._partial = ""
                if heard.text:
                    finals.append(heard)
            else:
                self._partial = heard.text
        if not finals:
            return {"partial": self._partial}
        found: dict[str, Any] = {"text": " ".join(heard.text for heard in finals)}
        if words:
            found["result"] = [
                {
                    "conf": round(word.confidence, 6),
                    "start": word.start / SAMPLE_RATE,
                    "end": word.end / SAMPLE_RATE,
                    "word": word.text,
                }
                for heard in finals
                for word in heard.words
            ]
        return found

    def heard(self, heard: Heard) -> None:
        """The recogniser thread heard something."""
        self._heard.append(heard)
        super().heard(heard)

    def advanced(self) -> None:
        """The recogniser thread moved on."""
        self._loop.call_soon_threadsafe(self._moved.set)

    def failed(self, error: Exception) -> None:
        """A call failed: what was shown is taken back."""
        self._heard.append(Heard(True, "", 0, 0))
        super().failed(error)
        self._loop.call_soon_threadsafe(self._moved.set)
