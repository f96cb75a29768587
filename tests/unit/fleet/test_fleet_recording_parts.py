"""Parts of one track by several agents: joined without a break, overlap or gap that need not be."""

from pathlib import Path

import numpy as np
import pytest

from agent_fleet.frames import SAMPLE_RATE
from agent_fleet.part_spool import PartSpool
from agent_fleet.recording_files import RecordedTrack, RecordingFiles, RecordingSpool
from agent_fleet.recording_merge import merge_parts
from agent_fleet.segment_storer import _same_utterance
from parley.audio.ogg import decode
from parley.audio.ogg_writer import OggOpusWriter
from parley.domain.segment import Segment
from parley.domain.track import Gap, Recording

PITCHES = (300, 500, 800)


def tone(seconds: int, pitch: int) -> np.ndarray:
    at = np.arange(seconds * SAMPLE_RATE) / SAMPLE_RATE
    return (6_000 * np.sin(2 * np.pi * pitch * at)).astype(np.int16)


def write(path: Path, seconds: int, pitch: int) -> None:
    with OggOpusWriter(path, SAMPLE_RATE) as out:
        out.write(tone(seconds, pitch))


def recording(started_ms: int, seconds: int, gaps: tuple[Gap, ...] = ()) -> Recording:
    return Recording(
        method="agent",
        key="recordings/RM_a/TR_a.ogg",
        started_ms=started_ms,
        ended_ms=started_ms + seconds * 1000,
        samples=seconds * 48_000,
        gaps=gaps,
    )


def pitches(files: RecordingFiles) -> list[int]:
    """The pitch of each second, 0 for silence."""
    samples = decode(files.audio, SAMPLE_RATE)
    found = []
    for at in range(0, len(samples) - SAMPLE_RATE // 2, SAMPLE_RATE):
        second = samples[at : at + SAMPLE_RATE]
        spectrum = np.abs(np.fft.rfft(second[2_000:-2_000]))
        peak = int(spectrum.argmax() * SAMPLE_RATE / (len(second) - 4_000))
        loud = float(np.sqrt((second**2).mean())) > 0.02
        found.append(min(PITCHES, key=lambda p: abs(p - peak)) if loud else 0)
    return found


@pytest.fixture
def files(tmp_path: Path) -> RecordingFiles:
    return RecordingSpool(tmp_path).files("RM_a", "TR_a")


def part(files: RecordingFiles, started_ms: int) -> Path:
    return files.folder / f"TR_a.part-{started_ms}.ogg"


def test_where_two_recorded_at_once_one_is_taken(files: RecordingFiles) -> None:
    write(part(files, 10_000), 4, 300)
    write(part(files, 12_000), 6, 500)
    write(files.audio, 3, 800)
    merged = merge_parts(files, recording(18_000, 3))
    assert pitches(files) == [300] * 4 + [500] * 4 + [800] * 3
    assert (merged.started_ms, merged.ended_ms, merged.gaps) == (10_000, 21_000, ())


def test_a_part_that_came_late_goes_into_its_gap(files: RecordingFiles) -> None:
    write(files.audio, 9, 300)
    late = Gap(start_ms=12_000, end_ms=15_000)
    other = Gap(start_ms=17_000, end_ms=17_500)
    write(part(files, 12_000), 3, 800)
    merged = merge_parts(files, recording(10_000, 9, (late, other)))
    assert pitches(files) == [300] * 2 + [800] * 3 + [300] * 4
    assert merged.gaps == (other,)
    assert (merged.started_ms, merged.ended_ms) == (10_000, 19_000)


def test_a_part_that_came_late_and_short_leaves_the_rest_of_its_gap(files: RecordingFiles) -> None:
    write(files.audio, 9, 300)
    write(part(files, 12_000), 1, 800)
    merged = merge_parts(files, recording(10_000, 9, (Gap(start_ms=12_000, end_ms=15_000),)))
    assert pitches(files) == [300] * 2 + [800] + [0] * 2 + [300] * 4
    [gap] = merged.gaps
    assert abs(gap.start_ms - 13_000) < 100
    assert gap.end_ms == 15_000


def test_a_part_waits_in_its_own_folder_until_it_is_uploaded(tmp_path: Path) -> None:
    files = RecordingSpool(tmp_path).files("RM_a", "TR_a")
    lock = files.lock()
    lock.acquire(timeout=0)
    track = RecordedTrack(
        room_sid="RM_a", room_name="a", track_sid="TR_a", identity="alice", started_ms=10_000
    )
    files.write_track(track)
    write(files.audio, 1, 300)
    spool = PartSpool(tmp_path)
    made = spool.take(files)
    lock.release()
    assert not list(RecordingSpool(tmp_path).left_over())
    assert not list(spool.left_over())  # somebody works on it
    made.lock.release()
    [left] = spool.left_over()
    assert (left.track, left.audio) == (track, made.audio)
    left.remove()
    assert not list(spool.left_over())
    assert not spool.root.joinpath("RM_a").exists()


def segment(start_ms: int, end_ms: int) -> Segment:
    return Segment(
        id="TR_a.live.0", start_ms=start_ms, end_ms=end_ms, text="a", confidence=1.0, words=()
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ((1_000, 2_000), (1_030, 2_040), True),  # two agents' clocks
        ((1_000, 2_000), (1_000, 1_600), True),  # one heard the beginning only
        ((1_000, 2_000), (2_000, 3_000), False),
        ((1_000, 2_000), (1_900, 3_000), False),
        ((1_000, 1_000), (1_000, 1_000), True),
    ],
)
def test_what_overlaps_more_than_half_is_one_utterance(
    one: tuple[int, int], other: tuple[int, int], same: bool
) -> None:
    assert _same_utterance(segment(*one), segment(*other)) is same
    assert _same_utterance(segment(*other), segment(*one)) is same
