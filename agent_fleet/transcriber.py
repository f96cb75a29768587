"""One speaker's audio in, what was heard out: gate, recogniser and the track's timeline together.

No thread and no clock in here: `recogniser_thread.py` runs it.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from agent_fleet.frames import SAMPLE_RATE, Frame, to_samples
from agent_fleet.gate import SpeechGate
from agent_fleet.heard import Heard, HeardWord
from agent_fleet.vosk_recogniser import RecognisedUtterance

_MAX_UTTERANCE = to_samples(30_000)  # one utterance's lattice grows without bound


class Recogniser(Protocol):
    """What a transcriber needs of a recogniser; see `vosk_recogniser.VoskRecogniser`."""

    @property
    def samples(self) -> int:
        """How much audio it was given before, by others too."""
        ...

    def accept(self, pcm: bytes) -> RecognisedUtterance | None:
        """Take in audio; the utterance it ended, if it did."""
        ...

    def partial(self) -> str:
        """The words of the open utterance so far."""
        ...

    def finish(self) -> RecognisedUtterance:
        """End the open utterance now."""
        ...


class Transcriber:
    """Feeds what the gate lets through to the recogniser, and puts its times on the track."""

    def __init__(
        self,
        recogniser: Recogniser,
        gate: SpeechGate | None,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        """Use a recogniser between two utterances; without a gate it hears everything.

        Args:
            recogniser: nobody else may use it until `release`.
            gate: a closed gate.
            release: called when the recogniser is free again.
        """
        self._recogniser = recogniser
        self._gate = gate
        self.release = release
        self._timeline = _Timeline(recogniser.samples)
        self._position = 0  # after the last frame seen
        self._opened = 0  # where the open utterance began
        self._said = ""  # what the last partial said

    @property
    def passed(self) -> int:
        """Samples that the gate let through."""
        return self._timeline.fed - self._timeline.before

    @property
    def talking(self) -> bool:
        """Whether an utterance is open."""
        return self._gate.open if self._gate else bool(self._said)

    @property
    def voiced(self) -> int:
        """Samples of speech in the open utterance; 0 between utterances."""
        if not self.talking:
            return 0
        return self._gate.voiced if self._gate else self._position - self._opened

    def feed(self, frames: Sequence[Frame]) -> Iterator[Heard]:
        """Take in frames in order; those that follow on each other are recognised in one call.

        Raises:
            AudioError: a frame is not whole samples.
            RecogniserError: the recogniser failed; make a new transcriber.
        """
        waiting: list[Frame] = []
        for frame in frames:
            if frame.position != self._position and self._gate:
                # Audio is missing here: what was open ends, and nothing joins across the hole.
                yield from self._accept(waiting)
                waiting = []
                if self._gate.open:
                    yield from self._finish()
                self._gate.forget()
            self._position = frame.end
            was_open = self._gate.open if self._gate else True
            waiting += self._gate.pass_through(frame) if self._gate else [frame]
            if was_open and self._gate and not self._gate.open:
                yield from self._accept(waiting, last=True)
                waiting = []
                yield from self._finish()
        yield from self._accept(waiting)

    def close(self) -> Iterator[Heard]:
        """The track ended: finish the open utterance."""
        if self.talking or self._timeline.fed != self._timeline.utterance:
            yield from self._finish()

    def _accept(self, frames: Sequence[Frame], *, last: bool = False) -> Iterator[Heard]:
        if not frames:
            return
        if not self._said and self._timeline.fed == self._timeline.utterance:
            self._opened = frames[0].position
        for frame in frames:
            self._timeline.add(frame)
        ended = self._recogniser.accept(b"".join(frame.pcm for frame in frames))
        if ended is not None:
            yield from self._ended(ended)
        elif self._timeline.fed - self._timeline.utterance >= _MAX_UTTERANCE:
            yield from self._finish()
        elif not last:
            text = self._recogniser.partial()
            if text != self._said:
                self._said = text
                yield Heard(final=False, text=text, start=self._opened, end=self._position)

    def _finish(self) -> Iterator[Heard]:
        if self._gate:
            self._gate.close()
        yield from self._ended(self._recogniser.finish())

    def _ended(self, utterance: RecognisedUtterance) -> Iterator[Heard]:
        timeline = self._timeline
        words = tuple(
            HeardWord(
                word.text,
                timeline.start(word.start_s),
                timeline.end(word.end_s),
                word.confidence,
            )
            for word in utterance.words
        )
        if words:
            yield Heard(True, utterance.text, words[0].start, words[-1].end, words)
        elif self._said:
            yield Heard(True, "", self._opened, self._position)
        self._said = ""
        self._timeline.next_utterance()
        self._opened = self._position


class _Timeline:
    """Maps the recogniser's time, which only knows what it was fed, to positions on the track."""

    def __init__(self, fed: int) -> None:
        self.before = fed  # what others gave the recogniser
        self.fed = fed  # samples given to the recogniser
        self.utterance = fed  # what of them was before the open utterance
        self._fed_at = [fed]
        self._position_at = [0]

    def add(self, frame: Frame) -> None:
        """The recogniser is given this frame next."""
        if frame.position - self._position_at[-1] != self.fed - self._fed_at[-1]:
            self._fed_at.append(self.fed)
            self._position_at.append(frame.position)
        self.fed += frame.samples

    def start(self, seconds: float) -> int:
        """Where on the track something begins that begins at this time of the recogniser."""
        return self._position(round(seconds * SAMPLE_RATE))

    def end(self, seconds: float) -> int:
        """Where on the track something ends: a hole after it does not count."""
        return self._position(max(0, round(seconds * SAMPLE_RATE) - 1)) + 1

    def _position(self, fed: int) -> int:
        index = max(0, bisect_right(self._fed_at, fed) - 1)
        return self._position_at[index] + fed - self._fed_at[index]

    def next_utterance(self) -> None:
        """What was fed so far is settled: forget the jumps before the last."""
        self.utterance = self.fed
        del self._fed_at[:-2], self._position_at[:-2]
