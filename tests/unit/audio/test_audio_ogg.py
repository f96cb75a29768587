"""Ogg Opus files: the length is kept to the sample, and what isn't audio is refused."""

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from parley.audio.ogg import decode, decode_pieces, encode_opus
from parley.errors import AudioError


def tone(samples: int, rate: int = 24_000, hz: float = 440.0) -> NDArray[np.float32]:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(samples) / rate)).astype(np.float32)


@pytest.mark.parametrize("samples", [480, 24_000, 24_001, 99_999])
def test_the_length_is_kept_to_the_sample(samples: int) -> None:
    assert len(decode(encode_opus(tone(samples), 24_000), 24_000)) == samples


def test_the_sound_is_kept() -> None:
    sound = tone(48_000)
    heard = decode(encode_opus(sound, 24_000), 24_000)
    error = (heard - sound)[4_800:-4_800]
    assert np.sqrt(np.mean(error**2)) < 0.05 * np.sqrt(np.mean(sound**2))


def test_int16_and_float_are_the_same_file() -> None:
    sound = tone(24_000)
    as_int16 = np.round(sound * 32767).astype(np.int16)
    from_float, from_int = (decode(encode_opus(x, 24_000), 24_000) for x in (sound, as_int16))
    assert np.sqrt(np.mean((from_float - from_int) ** 2)) < 0.005


def test_decoding_resamples_and_reads_files(tmp_path: Path) -> None:
    path = tmp_path / "tone.ogg"
    path.write_bytes(encode_opus(tone(48_000), 24_000))
    heard = decode(path, 16_000)
    assert heard.dtype == np.float32
    assert abs(len(heard) - 32_000) <= 16
    spectrum = np.abs(np.fft.rfft(heard))
    assert np.argmax(spectrum) * 16_000 / len(heard) == pytest.approx(440, abs=2)


def test_pieces_are_the_whole() -> None:
    ogg = encode_opus(tone(120_000), 24_000)
    pieces = list(decode_pieces(ogg))
    assert len(pieces) > 10
    assert np.array_equal(np.concatenate(pieces), decode(ogg))


@pytest.mark.parametrize(
    "body",
    [b"", b"hello " * 100, encode_opus(tone(24_000), 24_000)[:50], b"RIFF" + bytes(40)],
    ids=["empty", "text", "cut off", "half a header"],
)
def test_what_is_no_audio_is_refused(body: bytes) -> None:
    with pytest.raises(AudioError):
        decode(body)


def test_a_missing_file_is_refused_as_audio(tmp_path: Path) -> None:
    with pytest.raises(AudioError):
        decode(tmp_path / "none.ogg")


def test_a_rate_that_opus_lacks_is_refused() -> None:
    with pytest.raises(AudioError, match="22050"):
        encode_opus(tone(100), 22_050)


def test_nothing_cannot_be_encoded() -> None:
    with pytest.raises(AudioError, match="no audio"):
        encode_opus(np.zeros(0, np.float32), 24_000)


def with_hole(sound: NDArray[np.float32], rate: int, at: int, hole: int) -> bytes:
    """A file of the sound whose times leap by `hole` samples at sample `at`."""
    out = io.BytesIO()
    with av.open(out, "w", format="ogg", options={"page_duration": "500000"}) as container:
        stream = container.add_stream("libopus", rate=rate)
        stream.layout = "mono"
        step, packets = rate // 50, []
        for start in range(0, len(sound), step):
            frame = av.AudioFrame.from_ndarray(
                sound[None, start : start + step], format="flt", layout="mono"
            )
            frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), start
            packets += stream.encode(frame)
        for packet in [*packets, *stream.encode(None)]:
            assert packet.pts is not None
            assert packet.time_base is not None
            if packet.pts * packet.time_base >= at / rate:
                packet.pts += int(hole / rate / packet.time_base)
                packet.dts = packet.pts
            container.mux(packet)
    return out.getvalue()


def test_a_leap_in_the_files_times_is_silence_so_that_positions_stay_times() -> None:
    rate = 48_000
    sound = tone(4 * rate, rate)
    heard = decode(with_hole(sound, rate, at=2 * rate, hole=5 * rate), 16_000)
    assert abs(len(heard) / 16_000 - 9.0) < 0.05
    tenths = np.abs(heard[: len(heard) // 1_600 * 1_600]).reshape(-1, 1_600).max(axis=1)
    loud = tenths > 0.1
    assert loud[:19].all()
    assert not loud[22:69].any()
    assert loud[72:89].all()
