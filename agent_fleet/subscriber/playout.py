"""Makes a track's sound of its packets, as long as time is: what a player's jitter buffer does.

Position is time downstream, so this goes on where nothing comes (somebody is muted, or sends
nothing while silent), fills what was lost, and where sound came late and too much is there for the
time that passed, leaves silence out until it fits again. What nobody can have heard, because the
subscriber was away, is missing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent_fleet.frames import BYTES_PER_SAMPLE, OPUS_STEP, SAMPLE_RATE, Opus, to_samples
from agent_fleet.loudness import window_rms
from agent_fleet.subscriber.opus import OpusDecoder, OpusError, packet_samples

Packet = tuple[int, bytes]
"""An RTP timestamp, in samples at 48 kHz that wrap at 32 bits, and an Opus packet."""

_RTP_PER_SAMPLE = 48_000 // SAMPLE_RATE
_WRAP = 1 << 32
_CONCEALED = to_samples(120)  # longer losses are silence
_CLOCK_JUMP = to_samples(10_000)
_LATE = to_samples(1_000)
_TOLERANCE = to_samples(300)
_JITTER = to_samples(60)
_AHEAD = to_samples(250)
_STALLED = to_samples(300)  # nothing came for so long
_KEPT_BACK = to_samples(60)  # may still be under way
_SHORT = to_samples(60)  # pieces of silence: the end of an utterance waits for them
_HOLE = to_samples(500)  # longer losses are missing rather than silence
_ASLEEP = to_samples(2_000)
_SETTLED_S = 1.0  # who is back for so long and hears nothing hears silence


@dataclass(frozen=True, slots=True)
class Sound:
    """A piece of a track: mono int16 at 16 kHz, and the same as it was sent."""

    pcm: bytes
    opus: Opus
    missing: int = 0
    """Samples before it that nobody heard."""

    @property
    def samples(self) -> int:
        """How many samples it holds."""
        return len(self.pcm) // BYTES_PER_SAMPLE


class Playout:
    """One track's; from one thread at a time."""

    def __init__(self, *, quiet_rms: float) -> None:
        """Begin with the first packet.

        Args:
            quiet_rms: what is not louder than that (RMS of int16 samples) may be left out.
        """
        self._decoder = OpusDecoder()
        self._quiet_rms = quiet_rms
        self._next: int | None = None
        self._began: float | None = None
        self._latest = b""
        self._position = 0
        self._injected = 0
        self._unheard = 0
        self._away = False
        self._back: float | None = None
        self.concealed = 0
        """Samples that were made up because packets were lost, silence included."""
        self.left_out = 0
        """Samples of silence that were left out to catch up."""

    def leave(self) -> None:
        """From now on nobody hears the track."""
        self._away, self._back = True, None

    def enter(self, now: float) -> None:
        """It is heard again, once packets come."""
        self._back = now

    def take(self, packets: Sequence[Packet], now: float) -> list[Sound]:
        """The sound of packets that came now, with what is missing before each.

        Args:
            packets: in the order in which they were sent.
            now: on a clock that never jumps, in seconds.

        Returns:
            The sound, in pieces where some of it was not heard; none where all came too late.
        """
        sounds: list[Sound] = []
        parts: list[bytes] = []
        opus: list[tuple[bytes, int]] = []
        lengths = [packet_samples(packet) for _, packet in packets]
        if self._away and any(lengths):
            self._come_back(self._due(now) - sum(lengths))
        unexplained = self._due(now) - sum(lengths)
        for (timestamp, packet), samples in zip(packets, lengths, strict=True):
            missing = self._missing(timestamp, unexplained) if samples else -1
            if missing < 0:
                continue
            unexplained -= missing
            if missing > _HOLE:
                sounds += self._fitting(parts, opus, now)
                parts, opus = [], []
                self._miss(missing)
            elif missing:
                parts.append(self._fill(missing, packet))
                opus.append((b"", missing))
                self.concealed += missing
            try:
                parts.append(self._decoder.decode(packet))
                opus.append((packet, samples))
            except OpusError:
                parts.append(bytes(samples * BYTES_PER_SAMPLE))
                opus.append((b"", samples))
            self._next = (timestamp + samples * _RTP_PER_SAMPLE) % _WRAP
        return [*sounds, *self._fitting(parts, opus, now)]

    def tick(self, now: float, piece_ms: int) -> Iterator[Sound]:
        """Time passes: silence, where no packets come.

        Args:
            now: as for `take`.
            piece_ms: how much of the track comes at a time, where packets come.
        """
        if self._away:
            if self._back is None or now - self._back < _SETTLED_S:
                return
            self._come_back(self._due(now) - _KEPT_BACK - _SHORT)
        due = self._due(now)
        if not self._injected and due <= to_samples(piece_ms) + _KEPT_BACK:
            return
        # Who sends nothing while silent was silent already. In a word, the network may be slow.
        if not self._injected and due <= _STALLED and not self._quiet(self._latest):
            return
        due -= _KEPT_BACK
        if due > _ASLEEP:  # this process slept: that is a hole rather than silence
            self._miss(due)
            self._injected += due
            return
        while due >= _SHORT:
            due -= _SHORT
            self._position += _SHORT
            self._injected += _SHORT
            yield self._sound(bytes(_SHORT * BYTES_PER_SAMPLE), [(b"", _SHORT)])

    def _come_back(self, unheard: int) -> None:
        self._away = False
        self._next = None
        self._injected = 0
        if self._began is not None:
            self._miss(max(0, unheard))

    def _miss(self, samples: int) -> None:
        self._position += samples
        self._unheard += samples

    def _sound(self, pcm: bytes, opus: Sequence[tuple[bytes, int]]) -> Sound:
        missing, self._unheard = self._unheard, 0
        return Sound(pcm, tuple(opus), missing)

    def _due(self, now: float) -> int:
        """By how many samples time is ahead of what was given out."""
        if self._began is None:
            return 0
        return to_samples((now - self._began) * 1000) - self._position

    def _missing(self, timestamp: int, unexplained: int) -> int:
        """How many samples are missing before a packet; less than none where it comes too late.

        Args:
            timestamp: the packet's.
            unexplained: how much time passed that what came is too short for.
        """
        if self._next is None:
            return 0
        jump = (timestamp - self._next + _WRAP // 2) % _WRAP - _WRAP // 2
        jump //= _RTP_PER_SAMPLE
        if -_LATE < jump < 0:
            return -1
        if -_LATE < jump < _CLOCK_JUMP:
            missing = min(jump - self._injected, unexplained + _TOLERANCE)
            if self._injected:  # the sender's clock may have stood still in the pause
                missing = max(missing, unexplained - _JITTER)
        else:  # the sender's clock began anew
            missing = unexplained - _JITTER
        self._injected = 0
        return max(0, missing) // OPUS_STEP * OPUS_STEP

    def _fill(self, missing: int, following: bytes) -> bytes:
        if missing <= _CONCEALED:
            return self._decoder.conceal(missing, following)
        return bytes(missing * BYTES_PER_SAMPLE)

    def _fitting(
        self, parts: Sequence[bytes], opus: Sequence[tuple[bytes, int]], now: float
    ) -> list[Sound]:
        if not opus:
            return []
        pcm = b"".join(parts)
        samples = len(pcm) // BYTES_PER_SAMPLE
        if self._began is None:
            self._began = now - samples / SAMPLE_RATE
        ahead = samples - self._due(now)
        if ahead > _AHEAD and self._quiet(pcm):
            self.left_out += samples
            return []
        self._position += samples
        self._latest = pcm
        return [self._sound(pcm, opus)]

    def _quiet(self, pcm: bytes) -> bool:
        return max(window_rms(pcm).tolist(), default=0.0) <= self._quiet_rms
