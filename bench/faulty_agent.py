"""`python -m agent_fleet` in which one speaker's part fails once SIGUSR1 came: for bench.isolation.

Faults are put where the real ones would be: into libvosk's recogniser of that speaker's thread, or
into the sending of that speaker's captions.
"""

import asyncio
import signal
import sys
import threading
from typing import Any

from agent_fleet.__main__ import main
from agent_fleet.captions import RoomCaptions
from agent_fleet.dispatcher import Caption
from agent_fleet.languages import Languages
from agent_fleet.speaker_track import SpeakerTrack
from agent_fleet.vosk_recogniser import VoskRecogniser

FAULTS = ("none", "raises", "hangs", "rubbish", "slow sink")
_begun = threading.Event()


class FaultyVosk:
    """libvosk's recogniser, until the fault begins."""

    def __init__(self, inner: Any, fault: str) -> None:
        """Stand before libvosk's own."""
        self._inner = inner
        self._fault = fault

    def AcceptWaveform(self, pcm: bytes) -> int:
        """Take audio, or fail."""
        if _begun.is_set():
            if self._fault == "raises":
                raise RuntimeError("a fault of the bench")
            if self._fault == "hangs":
                threading.Event().wait()
        ended: int = self._inner.AcceptWaveform(pcm)
        return ended

    def PartialResult(self) -> str:
        """The partial, or rubbish."""
        return "\x00{]" if self._rubbish else str(self._inner.PartialResult())

    def Result(self) -> str:
        """The result, or rubbish."""
        if self._rubbish:
            return '{"result": [{"word": 7, "start": "never", "end": -1}]}'
        return str(self._inner.Result())

    def FinalResult(self) -> str:
        """The same, at the end."""
        return "[null]" if self._rubbish else str(self._inner.FinalResult())

    @property
    def _rubbish(self) -> bool:
        return self._fault == "rubbish" and _begun.is_set()


def put_in(fault: str, identity: str) -> None:
    """Make this speaker's recognisers, or captions, fail once the fault begins."""
    take, send = Languages.take, RoomCaptions.send
    victim = f"rec-{identity}"

    def take_one(self: Languages, language: str) -> VoskRecogniser:
        taken = take(self, language)
        if fault != "slow sink" and threading.current_thread().name == victim:
            taken._recogniser = FaultyVosk(taken._recogniser, fault)
        return taken

    async def send_one(self: RoomCaptions, track: SpeakerTrack, caption: Caption) -> None:
        if fault == "slow sink" and track.identity == identity and _begun.is_set():
            await asyncio.sleep(60)
        await send(self, track, caption)

    Languages.take = take_one  # type: ignore[method-assign]
    RoomCaptions.send = send_one  # type: ignore[method-assign]


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, lambda *_: _begun.set())
    put_in(sys.argv[1], sys.argv[2])
    sys.exit(main())
