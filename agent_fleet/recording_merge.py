"""Joins the parts that killed processes left of a track's recording: each at its time."""

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


def merge_parts(files: RecordingFiles, last: Recording) -> Recording:
    """Make one file of the earlier parts and the last one, with silence where nobody recorded.

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
    parts = [(_started_ms(path), path) for path in earlier] + [(last.started_ms, files.audio)]
    parts.sort()
    started_ms = parts[0][0]
    merged = files.folder / f"{files.track_sid}.merged.ogg"
    spans: list[tuple[int, int]] = []
    with OggOpusWriter(merged, SAMPLE_RATE) as out:
        for part_ms, path in parts:
            missing = to_samples(part_ms - started_ms) - out.samples
            while missing > 0:
                piece = _SILENCE[: min(missing, len(_SILENCE))]
                out.write(piece)
                missing -= len(piece)
            _copy(path, out)
            spans.append((part_ms, started_ms + out.samples * 1000 // SAMPLE_RATE))
    merged.replace(files.audio)
    for path in earlier:
        path.unlink()
    between = [
        Gap(start_ms=before[1], end_ms=after[0])
        for before, after in pairwise(spans)
        if after[0] - before[1] >= _MIN_GAP_MS
    ]
    return last.model_copy(
        update={
            "started_ms": started_ms,
            "ended_ms": max(last.ended_ms, spans[-1][1]),
            "bytes": files.audio.stat().st_size,
            "samples": out.samples * last.sample_rate // SAMPLE_RATE,
            "gaps": tuple(sorted([*between, *last.gaps], key=lambda gap: gap.start_ms)),
        }
    )


def _copy(path: Path, out: OggOpusWriter) -> None:
    try:
        for piece in decode_pieces(path, SAMPLE_RATE):
            out.write(to_int16(piece))
    except AudioError:
        return  # cut off, or nothing in it: what came before counts


def _started_ms(part: Path) -> int:
    return int(part.stem.rsplit("-", 1)[1])
