"""The growing Ogg Opus file: exact length when closed, playable when cut off."""

from pathlib import Path

import numpy as np
import pytest

from parley.audio.ogg import decode
from parley.audio.ogg_writer import OggOpusWriter
from parley.errors import AudioError

RATE = 16_000


def _tone(seconds: float) -> np.ndarray:
    at = np.arange(int(seconds * RATE)) / RATE
    return (8_000 * np.sin(2 * np.pi * 300 * at)).astype(np.int16)


@pytest.mark.parametrize("piece", [160, 999, 8_000])
def test_a_closed_file_has_the_samples_that_were_written(tmp_path: Path, piece: int) -> None:
    tone = _tone(3.01)
    with OggOpusWriter(tmp_path / "a.ogg", RATE) as file:
        for at in range(0, len(tone), piece):
            file.write(tone[at : at + piece])
    heard = decode(tmp_path / "a.ogg", RATE)
    assert len(heard) == len(tone)
    assert np.corrcoef(heard, tone)[0, 1] > 0.99


def test_a_file_that_is_never_closed_lacks_about_its_last_half_second(tmp_path: Path) -> None:
    file = OggOpusWriter(tmp_path / "a.ogg", RATE)
    for _ in range(20):
        file.write(_tone(0.5))
    left = (tmp_path / "a.ogg").read_bytes()
    assert 9.4 <= len(decode(left, RATE)) / RATE <= 10
    file.close()


def test_an_empty_file_is_closed_without_fault(tmp_path: Path) -> None:
    OggOpusWriter(tmp_path / "a.ogg", RATE).close()
    with pytest.raises(AudioError):
        decode(tmp_path / "a.ogg")


def test_closing_twice_is_once_and_writing_after_it_is_refused(tmp_path: Path) -> None:
    file = OggOpusWriter(tmp_path / "a.ogg", RATE)
    file.write(_tone(0.1))
    file.close()
    file.close()
    with pytest.raises(AudioError, match="closed"):
        file.write(_tone(0.1))


@pytest.mark.parametrize("samples", [np.zeros((2, 10), np.int16), np.zeros(10, np.float32)])
def test_other_forms_of_samples_are_refused(tmp_path: Path, samples: np.ndarray) -> None:
    with OggOpusWriter(tmp_path / "a.ogg", RATE) as file, pytest.raises(AudioError):
        file.write(samples)


def test_other_rates_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="resample"):
        OggOpusWriter(tmp_path / "a.ogg", 44_100)


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        OggOpusWriter(tmp_path / "nowhere" / "a.ogg", RATE)
