"""The final transcript of one recording, part by part, with progress kept in the track."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from parley.audio.ogg import decode_pieces
from parley.domain.segment import Segment, Version, Word, mean_confidence, segment_id
from parley.domain.track import Progress, Recording, Track
from parley.errors import AudioError, ConflictError
from parley.storage import Stores
from parley.telemetry.logs import get_logger
from parley.transcribe.engine import SAMPLE_RATE, Transcriber, Utterance
from parley.transcribe.parts import Part, cut_into_parts

log = get_logger("whisper_job")

_SHORTER_BY_S = 1.0  # a recording that decodes to this much less than its manifest says is cut off
_MARGIN_MS = 20_000  # of the invocation's time, for writing and for handing back
_CAUTION = 1.5  # the next part may be denser in speech than those so far


@dataclass
class TranscriptRun:
    """One invocation's work on one recording.

    Attributes:
        stores: the database.
        transcriber: the loaded model.
        track: the claimed track, with the progress of earlier invocations.
        recording: what is transcribed.
        owner: who holds the lease.
        remaining_ms: milliseconds that this invocation still has.
        part_seconds: longest part.
    """

    stores: Stores
    transcriber: Transcriber
    track: Track
    recording: Recording
    owner: str
    remaining_ms: Callable[[], int]
    part_seconds: float

    async def go_on(self, path: Path) -> int | None:
        """Transcribe from where the last invocation stopped.

        Args:
            path: the recording on this machine.

        Returns:
            How many segments the whole transcript has, or None when the time left is too short
            for the next part.

        Raises:
            AudioError: the file is not audio, or ends before its manifest says.
            TranscriberError: the model failed.
            ConflictError: somebody else took the lease.
        """
        progress = self.track.progress or Progress()
        parts = cut_into_parts(
            decode_pieces(path, SAMPLE_RATE),
            start=progress.position,
            part_seconds=self.part_seconds,
            search_seconds=self.part_seconds / 5,
        )
        slowest = 0.0  # ms of work for a ms of audio
        while True:
            part = await asyncio.to_thread(next, parts)
            length_ms = len(part.samples) * 1000 / SAMPLE_RATE
            if slowest and self.remaining_ms() < length_ms * slowest * _CAUTION + _MARGIN_MS:
                return None
            began = time.monotonic()
            utterances = await asyncio.to_thread(
                self.transcriber.transcribe, part.samples, self.track.language
            )
            took_ms = (time.monotonic() - began) * 1000
            slowest = max(slowest, took_ms / max(length_ms, 1.0))
            if part.last:
                self._check_length(part.end)
            progress = await self._write(part, utterances, progress)
            log.info(
                "part transcribed",
                track_sid=self.track.id,
                audio_s=round(length_ms / 1000, 1),
                took_s=round(took_ms / 1000, 2),
                segments=len(utterances),
            )
            if part.last:
                return progress.segments

    def _check_length(self, end: int) -> None:
        expected_s = self.recording.samples / self.recording.sample_rate
        found_s = end / SAMPLE_RATE
        if found_s < expected_s - _SHORTER_BY_S:
            raise AudioError(
                f"the recording is cut off: {found_s:.1f} of {expected_s:.1f} s can be read"
            )

    async def _write(self, part: Part, utterances: list[Utterance], progress: Progress) -> Progress:
        """Chunks first, then progress and headers in one write: a repeat replaces the chunks."""
        offset_ms = self.recording.started_ms + part.start * 1000 // SAMPLE_RATE
        segments = [
            _segment(self.track.id, progress.segments + n, utterance, offset_ms)
            for n, utterance in enumerate(utterances)
        ]
        headers = await self.stores.chunks.write_part(
            self.track.room_sid, self.track.id, Version.FINAL, progress.chunks, segments
        )
        after = Progress(
            position=part.end,
            segments=progress.segments + len(segments),
            chunks=progress.chunks + len(headers),
        )
        kept = await self.stores.tracks.save_progress(
            self.track.id, self.owner, after, Version.FINAL, headers
        )
        if not kept:
            raise ConflictError(f"the lease of track {self.track.id} was taken over")
        return after


def _segment(track_sid: str, number: int, utterance: Utterance, offset_ms: int) -> Segment:
    words = tuple(
        Word(
            text=word.text,
            start_ms=offset_ms + word.start_ms,
            end_ms=offset_ms + word.end_ms,
            confidence=word.probability,
        )
        for word in utterance.words
    )
    return Segment(
        id=segment_id(track_sid, Version.FINAL, number),
        start_ms=words[0].start_ms,
        end_ms=words[-1].end_ms,
        text=utterance.text,
        confidence=mean_confidence(words),
        words=words,
    )
