"""Recordings on disk: position is time, cut-off parts are joined, a taken lock is respected."""

from pathlib import Path

import numpy as np
import pytest

from agent_fleet.frames import SAMPLE_RATE, Frame
from agent_fleet.recorder import TrackRecording
from agent_fleet.recording_files import RecordedTrack, RecordingFiles, RecordingSpool
from agent_fleet.recording_merge import merge_parts
from agent_fleet.recording_sinks import EncodedSink
from parley.audio.ogg import decode
from parley.domain.track import Gap

TONE = (6_000 * np.sin(2 * np.pi * 440 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)).astype(np.int16)


def _track(started_ms: int) -> RecordedTrack:
    return RecordedTrack(
        room_sid="RM_a", room_name="a", track_sid="TR_a", identity="alice", started_ms=started_ms
    )


@pytest.fixture
def files(tmp_path: Path) -> RecordingFiles:
    return RecordingSpool(tmp_path).files("RM_a", "TR_a")


def _begin(files: RecordingFiles, started_ms: int) -> TrackRecording:
    lock = files.lock()
    lock.acquire(timeout=0)
    return TrackRecording(files, lock, _track(started_ms), Frame(0, b""))


def _write(recording: TrackRecording, seconds: range) -> None:
    for second in seconds:
        recording.write(Frame(second * SAMPLE_RATE, TONE.tobytes()))


def _loudness(files: RecordingFiles) -> list[bool]:
    """Of each second of the file, whether there is sound."""
    samples = decode(files.audio, SAMPLE_RATE)
    whole = len(samples) // SAMPLE_RATE
    seconds = samples[: whole * SAMPLE_RATE].reshape(whole, SAMPLE_RATE)
    return [bool(np.sqrt((second[1_000:-1_000] ** 2).mean()) > 0.01) for second in seconds]


def test_missing_audio_is_silence_at_its_place(files: RecordingFiles) -> None:
    recording = _begin(files, 1_000)
    _write(recording, range(2))
    _write(recording, range(5, 6))
    gap = Gap(start_ms=3_000, end_ms=6_000)
    done = recording.finish(6 * SAMPLE_RATE, (gap,))
    assert _loudness(files) == [True, True, False, False, False, True]
    assert (done.started_ms, done.ended_ms) == (1_000, 7_000)
    assert done.samples == 6 * 48_000
    assert done.gaps == (gap,)
    assert done.bytes == files.audio.stat().st_size
    assert files.read_manifest() == done


def test_a_full_disk_keeps_what_is_there_and_says_what_is_missing(
    files: RecordingFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = _begin(files, 1_000)
    _write(recording, range(2))

    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    assert isinstance(recording._sink, EncodedSink)
    monkeypatch.setattr(recording._sink._writer, "write", full)
    _write(recording, range(2, 5))
    monkeypatch.undo()
    done = recording.finish(5 * SAMPLE_RATE, ())
    assert done.gaps == (Gap(start_ms=3_000, end_ms=6_000),)
    assert done.ended_ms == 6_000
    assert _loudness(files) == [True, True]


def test_what_a_killed_process_left_becomes_part_of_the_next_recording(
    files: RecordingFiles,
) -> None:
    killed = _begin(files, 10_000)
    _write(killed, range(4))
    killed.lock.release()  # as the system does when a process dies

    recording = _begin(files, 20_000)
    assert len(files.earlier) == 1
    _write(recording, range(2))
    merged = merge_parts(files, recording.finish(2 * SAMPLE_RATE, ()))
    assert merged.started_ms == 10_000
    assert merged.ended_ms == 22_000
    heard = _loudness(files)
    assert heard[:3] == [True, True, True]
    assert heard[4:10] == [False] * 6
    assert heard[10:] == [True, True]
    [gap] = merged.gaps
    assert 13_000 <= gap.start_ms <= 14_000
    assert gap.end_ms == 20_000
    assert files.earlier == []
    assert abs(merged.samples - 12 * 48_000) < 480
    del killed


def test_left_over_recordings_are_those_nobody_holds(tmp_path: Path) -> None:
    spool = RecordingSpool(tmp_path)
    held = _begin(spool.files("RM_a", "TR_a"), 1_000)
    assert list(spool.left_over()) == []
    held.lock.release()
    [(files, lock)] = spool.left_over()
    assert files.read_track() == _track(1_000)
    assert list(spool.left_over()) == []  # it is ours now
    files.remove()
    lock.release()
    files.remove_lock()
    assert not files.folder.exists()
