"""Opus packets in an Ogg file as they were sent: at their time, and readable when it is cut off."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from parley.audio.ogg import decode
from parley.audio.ogg_packets import RATE, STEP, OggPackets
from parley.errors import AudioError
from tests.unit.fleet.opus_packets import FRAME, packets, tone

SPEECH = [packet for _, packet in packets(tone(1.0))]


def test_sound_and_silence_are_at_their_times(tmp_path: Path) -> None:
    path = tmp_path / "a.ogg"
    with closing(OggPackets(path)) as file:
        for packet in SPEECH:
            file.write(packet, FRAME)
        assert file.silence(RATE + STEP - 1) == RATE
        for packet in SPEECH:
            file.write(packet, FRAME)
        assert file.samples == 3 * RATE
    heard = decode(path, RATE)
    assert len(heard) == pytest.approx(3 * RATE, abs=RATE // 200)
    tenths = heard[: 30 * RATE // 10].reshape(30, -1)
    loud = [bool(np.sqrt((tenth**2).mean()) > 0.15) for tenth in tenths]
    assert loud == [True] * 10 + [False] * 10 + [True] * 10
    begins = np.argmax(np.abs(heard[RATE + RATE // 2 :]) > 0.1) + RATE + RATE // 2
    assert begins == pytest.approx(2 * RATE, abs=RATE // 50)


@pytest.mark.parametrize("samples", [0, STEP - 1, STEP, 960 + STEP, 5 * 5_760 + 959, 123_456])
def test_silence_is_as_long_as_opus_allows(tmp_path: Path, samples: int) -> None:
    path = tmp_path / "a.ogg"
    with closing(OggPackets(path)) as file:
        file.write(SPEECH[0], FRAME)
        whole = file.silence(samples)
    assert whole == samples // STEP * STEP
    assert len(decode(path, RATE)) == pytest.approx(FRAME + whole, abs=RATE // 200)


def test_packets_of_several_frames_are_kept_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.ogg"
    silence = bytes([0xFB, 6]) + 6 * b"\xff\xfe"
    with closing(OggPackets(path)) as file:
        file.write(silence, 6 * FRAME)
    assert len(decode(path, RATE)) == pytest.approx(6 * FRAME, abs=RATE // 200)


def test_a_file_that_is_cut_off_has_all_but_the_last_half_second(tmp_path: Path) -> None:
    path = tmp_path / "a.ogg"
    file = OggPackets(path)
    for _ in range(4):
        for packet in SPEECH:
            file.write(packet, FRAME)
    left = tmp_path / "left.ogg"
    left.write_bytes(path.read_bytes())
    assert len(decode(left, RATE)) >= 3.4 * RATE
    file.close()


def test_a_closed_file_takes_nothing(tmp_path: Path) -> None:
    file = OggPackets(tmp_path / "a.ogg")
    file.close()
    file.close()
    with pytest.raises(AudioError, match="closed"):
        file.write(SPEECH[0], FRAME)


def test_a_file_that_can_not_be_made_says_so(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        OggPackets(tmp_path / "none" / "a.ogg")
