"""Joins the parts of a track's recording, each at its time: of killed agents, and of several."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from agent_fleet.frames import SAMPLE_RATE, to_samples
from agent_fleet.recording_files import RecordingFiles
from parley.audio.ogg import decode_pieces
from parley.audio.ogg_writer import OggOpusWriter
from parley.audio.resample import to_int16
from parley.domain.track import Gap, Recording
from parley.errors import AudioError

_SILENCE = np.zeros(SAMPLE_RATE, np.int16)
_MIN_GAP_MS = 250


@dataclass(frozen=True, order=True)
class _Span:
    """A stretch of one file: from a time on, so many samples of it, or all that there are."""

    start_ms: int
    path: Path
    skip: int = 0
    take: int | None = None


def merge_parts(files: RecordingFiles, last: Recording) -> Recording:
    """Make one file of the earlier parts and the last one, with silence where nobody recorded.

    Where two agents recorded at once, the earlier one's audio is taken. What lies in a gap of the
    last one is put into it.

    Blocks for about a second per ten minutes of audio.

    Args:
        files: the track's files; the merged audio takes the place of the last part.
        last: what the last part covers.

    Returns:
        What the merged file covers. Without earlier parts it is `last`.
    """
    earlier = files.earlier
    if not earlier:
        return last
    others = [_Span(_started_ms(path), path) for path in earlier]
    whole, filled = _split_at_gaps(files.audio, last, [span.start_ms for span in others])
    spans = sorted([*others, *whole])
    merged = files.folder / f"{files.track_sid}.merged.ogg"
    with OggOpusWriter(merged, SAMPLE_RATE) as out:
        covered = _write(spans, out)
    merged.replace(files.audio)
    for path in earlier:
        path.unlink()
    between = [
        Gap(start_ms=before[1], end_ms=after[0])
        for before, after in pairwise(covered)
        if after[0] - before[1] >= _MIN_GAP_MS
    ]
    kept = [gap for gap in last.gaps if gap not in filled]
    return last.model_copy(
        update={
            "started_ms": spans[0].start_ms,
            "ended_ms": max(last.ended_ms, covered[-1][1]),
            "bytes": files.audio.stat().st_size,
            "samples": out.samples * last.sample_rate // SAMPLE_RATE,
            "gaps": tuple(sorted([*between, *kept], key=lambda gap: gap.start_ms)),
        }
    )


def _split_at_gaps(
    audio: Path, last: Recording, starts: Sequence[int]
) -> tuple[list[_Span], list[Gap]]:
    """The last part without the gaps in which another part begins, and those gaps."""
    filled = [
        gap
        for gap in sorted(last.gaps, key=lambda gap: gap.start_ms)
        if any(gap.start_ms - _MIN_GAP_MS <= start < gap.end_ms for start in starts)
    ]
    spans, at_ms = [], last.started_ms
    for gap in filled:
        spans.append(_Span(at_ms, audio, _from(last, at_ms), to_samples(gap.start_ms - at_ms)))
        at_ms = gap.end_ms
    spans.append(_Span(at_ms, audio, _from(last, at_ms)))
    return spans, filled


def _from(last: Recording, ms: int) -> int:
    return to_samples(ms - last.started_ms)


def _write(spans: Sequence[_Span], out: OggOpusWriter) -> list[tuple[int, int]]:
    """Write all, each at its time; returns from when to when each was heard."""
    begin_ms = spans[0].start_ms
    covered = []
    for span in spans:
        missing = to_samples(span.start_ms - begin_ms) - out.samples
        for at in range(0, missing, len(_SILENCE)):
            out.write(_SILENCE[: missing - at])
        _copy(span, out, overlap=max(0, -missing))
        covered.append((span.start_ms, begin_ms + out.samples * 1000 // SAMPLE_RATE))
    return covered


def _copy(span: _Span, out: OggOpusWriter, overlap: int) -> None:
    begin = span.skip + overlap
    end = None if span.take is None else span.skip + span.take
    at = 0
    try:
        for piece in decode_pieces(span.path, SAMPLE_RATE):
            wanted = piece[max(0, begin - at) : None if end is None else max(0, end - at)]
            if len(wanted):
                out.write(to_int16(wanted))
            at += len(piece)
            if end is not None and at >= end:
                return
    except AudioError:
        return  # cut off, or nothing in it: what came before counts


def _started_ms(part: Path) -> int:
    return int(part.stem.rsplit("-", 1)[1])
