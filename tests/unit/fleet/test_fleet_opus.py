"""Decoding Opus by libopus, at 16 kHz."""

import numpy as np
import pytest

from agent_fleet.subscriber.opus import OpusDecoder, OpusError, packet_samples
from tests.unit.fleet.opus_packets import loudness, packets, tone

LOUD = 32_767 * 0.3 / np.sqrt(2)


def decoded(sent: list[tuple[int, bytes]]) -> bytes:
    decoder = OpusDecoder()
    return b"".join(decoder.decode(packet) for _, packet in sent)


def test_a_packet_becomes_20_ms_at_16_khz() -> None:
    [(_, packet)] = packets(tone(0.02))
    assert packet_samples(packet) == 320
    assert len(OpusDecoder().decode(packet)) == 640


def test_the_sound_is_the_senders() -> None:
    pcm = decoded(packets(tone(1.0)))
    assert loudness(pcm[8_000:]) == pytest.approx(LOUD, rel=0.05)
    spectrum = np.abs(np.fft.rfft(np.frombuffer(pcm, np.int16)))
    assert np.argmax(spectrum) == pytest.approx(440, abs=2)


def test_stereo_becomes_mono() -> None:
    silence = b"\xfc\xff\xfe"  # CELT, full band, 20 ms, stereo
    assert len(OpusDecoder().decode(silence)) == 640


@pytest.mark.parametrize("content", [b"", b"\x7b", b"\xff" + bytes(3)])
def test_what_is_no_opus_is_refused(content: bytes) -> None:
    assert packet_samples(content) in (0, 320, 960)  # the first byte alone can look right
    if content:
        with pytest.raises(OpusError):
            OpusDecoder().decode(content)


def test_a_loss_is_bridged_from_both_sides() -> None:
    sent = packets(tone(0.4), fec="1", packet_loss="20")
    decoder = OpusDecoder()
    for _, packet in sent[:10]:
        decoder.decode(packet)
    bridge = decoder.conceal(640, sent[12][1])
    assert len(bridge) == 1_280
    assert loudness(bridge) == pytest.approx(LOUD, rel=0.4)


def test_a_loss_before_what_is_no_opus_is_silent() -> None:
    assert OpusDecoder().conceal(320, b"\xff" + bytes(3)) == bytes(640)
