"""The fleet's end of its subscriber; a script takes the Go program's place, as its wire says."""

import asyncio
import json
import os
import signal
import struct
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from livekit import rtc
from prometheus_client import CollectorRegistry

from agent_fleet.audio_tap import Receive
from agent_fleet.frames import Opus
from agent_fleet.subscriber import wire
from agent_fleet.subscriber.metrics import SubscriberMetrics
from agent_fleet.subscriber.playout import Packet
from agent_fleet.subscriber.process import SubscriberProcess
from agent_fleet.subscriber.source import SubscribedRoom, Subscriber, SubscriberTap
from parley.errors import SetupError
from parley.settings import Settings
from tests.unit.fleet.opus_packets import packets, tone

SPEECH = packets(tone(1.0))

PROGRAM = """
import json, struct, sys
def frame(kind, content=b""):
    sys.stdout.buffer.write(struct.pack("<IB", len(content), kind) + content)
    sys.stdout.buffer.flush()
speech = [bytes.fromhex(line) for line in open(sys.argv[1])]
for line in sys.stdin:
    with open(sys.argv[2], "a") as log:
        log.write(line)
    what = json.loads(line)
    if what["do"] == "join":
        event = "failed" if what["token"] == "bad" else "joined"
        frame(0, json.dumps({"event": event, "room": what["room"]}).encode())
    elif what["do"] == "subscribe":
        packets = b"".join(struct.pack("<IH", 960 * n, len(p)) + p for n, p in enumerate(speech))
        frame(1, struct.pack("<QIH", 100, what["tap"], len(speech)) + packets)
        frame(2, struct.pack("<QH", 160, 60))
        last = what["tap"]
    elif what["do"] == "unsubscribe":
        frame(1, struct.pack("<QIHIH", 200, last, 1, 960 * len(speech), len(speech[0])) + speech[0])
        frame(0, json.dumps({"event": "closed", "tap": last}).encode())
"""


class Ear:
    """Takes what a tap gives."""

    def __init__(self) -> None:
        self.pcm = b""
        self.opus: list[bytes] = []
        self.missing = 0

    def __call__(self, pcm: bytes, opus: Opus | None = None, missing: int = 0, /) -> None:
        self.pcm += pcm
        self.missing += missing
        self.opus += [packet for packet, _ in opus or ()]


class Stage:
    """A subscriber whose process is a script, and what it was told."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "log"
        speech = folder / "speech"
        speech.write_text("\n".join(packet.hex() for _, packet in SPEECH[:6]))
        script = folder / "script.py"
        script.write_text(PROGRAM)
        program = folder / "program"
        program.write_text(f"#!/bin/sh\nexec {sys.executable} {script} {speech} {self._log}\n")
        program.chmod(0o755)
        self.program = str(program)
        self.subscriber = Subscriber(self.program, Settings())
        self.tokens = ["good"]

    @property
    def told(self) -> list[dict[str, object]]:
        """All commands so far."""
        if not self._log.exists():
            return []
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def room(self) -> SubscribedRoom:
        """A room that is joined."""
        token = self.tokens
        return self.subscriber.room("ws://127.0.0.1:1", lambda: token[0])


async def until(check: Callable[[], bool], limit_s: float = 10.0) -> None:
    deadline = time.monotonic() + limit_s
    while not check():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path)
    made.subscriber.start()
    yield made
    await asyncio.to_thread(made.subscriber.close)


def publication(sid: str) -> rtc.RemoteTrackPublication:
    return cast(rtc.RemoteTrackPublication, SimpleNamespace(sid=sid, mime_type="audio/red"))


def opened(room: SubscribedRoom, sid: str, receive: Receive) -> SubscriberTap:
    """A tap through the subscriber's own process."""
    tap = room.open(publication(sid), receive)
    assert isinstance(tap, SubscriberTap)
    return tap


async def test_a_tap_gives_a_tracks_sound_and_its_packets_to_the_last(stage: Stage) -> None:
    room, ear = stage.room(), Ear()
    tap = opened(room, "TR_a", ear)
    await until(lambda: len(ear.opus) == 6)
    assert ear.opus == [packet for _, packet in SPEECH[:6]]
    assert len(ear.pcm) == 6 * 640
    await tap.aclose()
    assert len(ear.opus) == 7, "what was under way when it was closed"
    await room.aclose()
    await until(lambda: len(stage.told) == 4)
    assert [line["do"] for line in stage.told] == ["join", "subscribe", "unsubscribe", "leave"]
    assert stage.told[0]["url"] == "ws://127.0.0.1:1"
    assert stage.told[1]["track"] == "TR_a"


async def test_prometheus_sees_what_was_bridged(stage: Stage) -> None:
    registry = CollectorRegistry()
    registry.register(SubscriberMetrics(stage.subscriber))
    room, ear = stage.room(), Ear()
    tap = opened(room, "TR_a", ear)
    await until(lambda: len(ear.opus) == 6)
    tap.playout.concealed = 8_000
    assert registry.get_sample_value("parley_audio_concealed_seconds_total") == 0.5
    await tap.aclose()
    assert registry.get_sample_value("parley_audio_concealed_seconds_total") == 0.5
    assert registry.get_sample_value("parley_audio_left_out_seconds_total") == 0
    assert registry.get_sample_value("parley_subscriber_starts_total") == 1


async def test_a_killed_process_is_started_again_and_told_what_it_is_to_hear(stage: Stage) -> None:
    room, ear = stage.room(), Ear()
    tap = opened(room, "TR_a", ear)
    await until(lambda: len(ear.opus) == 6)
    pid = stage.subscriber.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(lambda: len(ear.opus) > 6 or stage.subscriber.starts == 2)
    await until(lambda: [line["do"] for line in stage.told] == 2 * ["join", "subscribe"])
    assert stage.told[3]["tap"] == tap.number
    assert stage.subscriber.pid != pid


async def test_a_room_that_was_not_entered_is_tried_again_with_a_new_token(stage: Stage) -> None:
    stage.tokens[0] = "bad"
    room = stage.room()
    await until(lambda: len(stage.told) == 1)
    stage.tokens[0] = "good"
    await until(lambda: len(stage.told) == 2)
    assert [line["token"] for line in stage.told] == ["bad", "good"]
    assert {line["room"] for line in stage.told} == {room.number}


async def test_a_room_that_is_over_is_not_joined_again(stage: Stage) -> None:
    room = stage.room()
    await until(lambda: len(stage.told) == 1)
    room.stay_out()
    room.told(wire.Event("left", room=room.number, error="room closed"))
    room.join()
    await room.aclose()
    await until(lambda: len(stage.told) == 2)
    assert [line["do"] for line in stage.told] == ["join", "leave"]


async def test_a_second_tap_on_a_track_keeps_its_subscription(stage: Stage) -> None:
    room, first, second = stage.room(), Ear(), Ear()
    before = opened(room, "TR_a", first)
    room.open(publication("TR_a"), second)
    stage.subscriber.told(wire.Event("closed", tap=before.number))  # by the second's opening
    await before.aclose()
    await until(lambda: len(second.opus) == 6)
    assert "unsubscribe" not in [line["do"] for line in stage.told]


async def test_the_sdk_decodes_what_is_not_opus(stage: Stage) -> None:
    asked: list[bool] = []
    other = SimpleNamespace(
        sid="TR_b", mime_type="audio/PCMU", track=None, set_subscribed=asked.append
    )
    published = cast(rtc.RemoteTrackPublication, other)
    room = stage.room()
    assert room.open(published, Ear()) is None
    assert asked == [True]
    other.track = object()
    room.release(published)
    assert asked == [True, False]
    await until(lambda: len(stage.told) == 1)


async def test_a_receiver_that_fails_harms_nobody(stage: Stage) -> None:
    room, ear = stage.room(), Ear()

    def broken(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    room.open(publication("TR_a"), broken)
    room.open(publication("TR_b"), ear)
    await until(lambda: len(ear.opus) == 6)


def test_a_frame_that_was_cut_off_ends_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "frames"
    tick = b"\x0a\0\0\0\x02" + struct.pack("<QH", 1_000, 120)
    path.write_bytes(b"\x02\0\0\0\x00{}" + tick + b"\x09\0\0\0\x01abc")
    with path.open("rb") as source:
        event, (kind, content) = wire.frames(source)
    assert event == (wire.EVENT, b"{}")
    assert (kind, wire.stamp(content), wire.tick(content)) == (wire.TICK, 1.0, 120)


async def test_a_receiver_that_fails_while_nothing_comes_harms_nobody(stage: Stage) -> None:
    failed: list[bool] = []

    def broken(_: bytes, opus: Opus | None = None, _missing: int = 0, /) -> None:
        if opus == ((b"", 960),):
            failed.append(True)
            raise RuntimeError("a fault of ours")

    tap = opened(stage.room(), "TR_a", broken)
    await until(lambda: len(stage.told) == 2)

    def silence_came() -> bool:
        tap.ticked(time.monotonic() + 1.0, 120)
        return bool(failed)

    await until(silence_came)


async def test_a_process_that_talks_nonsense_is_started_again(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(f"""#!{sys.executable}
import struct, sys
content = struct.pack("<QIH", 0, 1, 9)  # nine packets that aren't there
sys.stdout.buffer.write(struct.pack("<IB", len(content), 1) + content)
sys.stdout.buffer.flush()
sys.stdin.read()
""")
    program.chmod(0o755)
    subscriber = Subscriber(str(program), Settings())
    subscriber.start()
    try:
        await until(lambda: subscriber.starts >= 2)
    finally:
        await asyncio.to_thread(subscriber.close)


def test_what_can_not_be_run_says_so(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(bytes(20))
    program.chmod(0o755)
    subscriber = Subscriber(str(program), Settings())
    with pytest.raises(SetupError, match="can't be run"):
        subscriber.start()
    subscriber.close()


def test_the_settings_choose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Subscriber.from_settings(Settings(subscriber="sdk")) is None
    assert Subscriber.from_settings(Settings(subscriber="")) is None
    with pytest.raises(SetupError, match="nowhere"):
        Subscriber.from_settings(Settings(subscriber="/nowhere"))
    program = tmp_path / "parley-subscriber"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert Subscriber.from_settings(Settings(subscriber="")) is not None


class Ticks:
    """Hears of time only."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def started(self) -> None: ...

    def heard(self, tap: int, packets: list[Packet], now: float) -> None: ...

    def told(self, event: wire.Event) -> None: ...

    def ticked(self, piece_ms: int, now: float) -> None:
        self.at.append(now)


async def test_what_waited_to_be_read_is_not_late(tmp_path: Path) -> None:
    script = tmp_path / "late.py"
    script.write_text("""
import struct, sys, time
for stamp in (0, 60, 120, 1_000):  # of which the middle ones come late
    time.sleep(0.3 if stamp == 60 else 0)
    sys.stdout.buffer.write(struct.pack("<IBQH", 10, 2, stamp, 60))
    sys.stdout.buffer.flush()
sys.stdin.read()
""")
    ticks = Ticks()
    process = SubscriberProcess([sys.executable, str(script)], ticks)
    process.start()
    try:
        await until(lambda: len(ticks.at) == 4)
    finally:
        await asyncio.to_thread(process.close)
    after = [round(at - ticks.at[0], 3) for at in ticks.at]
    assert after[:3] == [0, 0.06, 0.12]
    # Sent before its time, it shows that the first was late.
    assert after[3] < 1.0


async def test_who_loses_the_connection_and_has_it_back_misses_what_was_said(stage: Stage) -> None:
    room, ear = stage.room(), Ear()
    opened(room, "TR_a", ear)
    await until(lambda: len(ear.opus) == 6)
    room.told(wire.Event("reconnecting", room=room.number, error="connection lost"))
    [number] = [int(str(line["tap"])) for line in stage.told if "tap" in line]
    later = [(timestamp + 48 * 2_120, packet) for timestamp, packet in SPEECH[:3]]
    stage.subscriber.ticked(60, time.monotonic() + 1.9)
    assert len(ear.opus) == 6
    stage.subscriber.heard(number, later, time.monotonic() + 2.0)
    assert len(ear.opus) == 9
    assert 1.7 < ear.missing / 16_000 < 4.0
    assert [line["do"] for line in stage.told] == ["join", "subscribe"]


async def test_a_failure_told_twice_is_one_more_try(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_fleet.subscriber.source._REJOIN_S", (0.05,))
    room = stage.room()
    await until(lambda: len(stage.told) == 1)
    failed = wire.Event("failed", room=room.number, error="refused")
    room.told(failed)
    room.told(failed)
    await until(lambda: len(stage.told) == 2)
    room.join()  # the commands are in order: there would be another before it
    await until(lambda: len(stage.told) >= 3)
    assert len(stage.told) == 3
