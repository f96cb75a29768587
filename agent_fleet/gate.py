"""The speech gate: silence must not reach the recogniser, for it costs ten times what speech does.

Loudness first (a few microseconds), and only for what is loud the WebRTC voice detector: loudness
alone lets room noise pass, the detector alone costs four times as much.
"""

from collections import deque

import webrtcvad

from agent_fleet.frames import SAMPLE_RATE, Frame, to_samples
from agent_fleet.loudness import window_of, window_rms

_VAD_MODE = 2  # 0 lets most through, 3 least
_FLOOR_RISE = 1.02  # of the noise floor, per window of 20 ms: doubles in 0.7 s of louder noise
_FLOOR_FACTOR = 2.5


class SpeechGate:
    """Says of each frame whether the recogniser is to hear it; one per speaker.

    It opens with the first speech and closes when none came for `hangover_ms`. What came before
    the opening is kept for `preroll_ms`, because quiet first consonants are below any threshold.
    """

    def __init__(
        self, *, min_rms: float = 100.0, preroll_ms: int = 300, hangover_ms: int = 420
    ) -> None:
        """Make a closed gate.

        Args:
            min_rms: below this RMS (of int16 samples) nothing is speech.
            preroll_ms: audio kept from before the opening.
            hangover_ms: silence after which it closes.
        """
        self._min_rms = min_rms
        self._preroll_samples = to_samples(preroll_ms)
        self._hangover_samples = to_samples(hangover_ms)
        self._vad = webrtcvad.Vad(_VAD_MODE)
        self._before: deque[Frame] = deque()
        self._before_samples = 0
        self._silence = 0
        self._floor = min_rms / _FLOOR_FACTOR
        self.open = False
        self.voiced = 0
        """Samples of speech in the open utterance, pauses aside."""

    def pass_through(self, frame: Frame) -> list[Frame]:
        """The frames to recognise now, in order: none, this one, or with what came before it."""
        speech_end = self._speech_end(frame)
        if speech_end:
            self._silence = frame.samples - speech_end
            if not self.open:
                self.open = True
                passed = [*self._before, frame]
                self._before.clear()
                self._before_samples = 0
                return passed
            return [frame]
        if self.open:
            self._silence += frame.samples
            if self._silence >= self._hangover_samples:
                self.close()
            return [frame]
        self._keep(frame)
        return []

    def close(self) -> None:
        """End the utterance, as after silence."""
        self.open = False
        self.voiced = 0
        self._silence = 0

    def forget(self) -> None:
        """Close, and drop what was kept: the audio that follows does not join on to it."""
        self.close()
        self._before.clear()
        self._before_samples = 0

    def _keep(self, frame: Frame) -> None:
        self._before.append(frame)
        self._before_samples += frame.samples
        while self._before and self._before_samples - self._before[0].samples >= (
            self._preroll_samples
        ):
            self._before_samples -= self._before.popleft().samples
        if self._before_samples > self._preroll_samples:
            self._before[0] = self._before[0].since(frame.end - self._preroll_samples)
            self._before_samples = self._preroll_samples

    def _speech_end(self, frame: Frame) -> int:
        """The sample at which the last window with speech ends; 0 without speech."""
        levels = (window_rms(frame.pcm) if frame.rms is None else frame.rms).tolist()
        if not levels:
            return 0
        threshold = max(self._min_rms, self._floor * _FLOOR_FACTOR)
        self._floor = min(self._floor * _FLOOR_RISE ** len(levels), min(levels) + 1.0)
        end = 0
        if max(levels) >= threshold:
            width = window_of(frame.samples)
            for index, level in enumerate(levels):
                start = index * width
                window = frame.pcm[2 * start : 2 * (start + width)]
                # The detector adapts to the noise: it must hear the quiet windows too.
                voiced = self._vad.is_speech(window, SAMPLE_RATE, width)
                if voiced and level >= threshold:
                    end = start + width
                    self.voiced += width
        return end
