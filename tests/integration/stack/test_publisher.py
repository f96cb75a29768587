"""The load publisher against the real LiveKit: many speakers, each their own file, told when."""

import asyncio
import json
import signal
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from livekit import rtc

from parley.livekit_api import LiveKit
from parley_cli.stack.build import ensure
from parley_cli.stack.servers import server
from parley_cli.stack.stack import Stack
from tests.stack_fixtures.publisher import publisher_plan, publishing
from tests.stack_fixtures.servers import settings_of

SPEECH = Path(__file__).parents[2] / "data" / "two_sentences.ogg"


def plan_of(stack: Stack, room: str, participants: list[dict[str, object]]) -> dict[str, object]:
    speaking = [{"file": str(SPEECH), **each} for each in participants]
    return publisher_plan(settings_of(stack), room, speaking)


def at(event: dict[str, object]) -> int:
    return int(str(event["at_ms"]))


async def test_all_files_start_together_and_sigterm_makes_everyone_leave(
    livekit_server: Stack,
) -> None:
    names = [f"speaker-{n}" for n in range(6)]
    plan = plan_of(livekit_server, "together", [{"identity": n, "loop": True} for n in names])
    async with (
        publishing(plan) as publisher,
        LiveKit.from_settings(settings_of(livekit_server)) as api,
    ):
        started = await publisher.count("started", 6)
        assert max(map(at, started)) - min(map(at, started)) < 250
        assert abs(max(map(at, started)) - time.time() * 1000) < 5_000
        wanted = {str(event["identity"]): [event["track_sid"]] for event in started}
        assert set(wanted) == set(names)
        there: dict[str, list[object]] = {}
        async with asyncio.timeout(15):  # the list follows what a publisher is told
            while there != wanted:
                people = await api.list_participants("together")
                there = {p.identity: [t.sid for t in p.audio_tracks] for p in people}
        publisher.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(15):
            assert await publisher.process.wait() == 0
        await publisher.count("left", 6)
        async with asyncio.timeout(15):
            while await api.list_participants("together"):
                pass


async def test_late_joins_mutes_and_leaving_follow_the_plan(livekit_server: Stack) -> None:
    plan = plan_of(
        livekit_server,
        "scripted",
        [
            {"identity": "anna", "leave_at_end": True, "mutes": [[1000, 2000]]},
            {"identity": "ben", "leave_at_end": True, "join_after_ms": 1500},
        ],
    )
    async with publishing(plan) as publisher:
        await publisher.count("left", 2)
        async with asyncio.timeout(10):
            assert await publisher.process.wait() == 0
        events = publisher.events
    times = {(str(e["identity"]), str(e["event"])): at(e) for e in events}
    begin = times["anna", "started"]
    assert times["anna", "muted"] - begin == pytest.approx(1000, abs=150)
    assert times["anna", "unmuted"] - begin == pytest.approx(2000, abs=150)
    assert times["anna", "finished"] - begin == pytest.approx(10_200, abs=400)
    assert 1_350 <= times["ben", "started"] - begin < 5_000
    kinds = [str(e["event"]) for e in events if e["identity"] == "ben"]
    assert kinds == ["connected", "started", "finished", "left"]


async def test_what_is_spoken_is_heard_when_it_says_so(livekit_server: Stack) -> None:
    settings = settings_of(livekit_server)
    room, onset = rtc.Room(), asyncio.get_running_loop().create_future()

    async def listen(track: rtc.Track) -> None:
        stream = rtc.AudioStream.from_track(track=track, sample_rate=16_000, num_channels=1)
        try:
            async for event in stream:
                samples = np.frombuffer(event.frame.data, dtype=np.int16).astype(np.float64)
                if np.sqrt(np.mean(samples**2)) > 500 and not onset.done():
                    onset.set_result(time.time() * 1000)
        finally:
            await stream.aclose()

    listening: list[asyncio.Task[None]] = []

    @room.on("track_subscribed")
    def _(track: rtc.Track, *_: object) -> None:
        listening.append(asyncio.create_task(listen(track)))

    async with LiveKit.from_settings(settings) as api:
        token = api.join_token("heard", "listener", name="listener")
        await room.connect(settings.livekit_url, token)
        try:
            plan = plan_of(livekit_server, "heard", [{"identity": "anna"}])
            async with publishing(plan) as publisher:
                (started,) = await publisher.count("started", 1)
                async with asyncio.timeout(10):
                    heard_ms = await onset
            # The file's first word begins after half a second of silence.
            assert 350 < heard_ms - at(started) < 1_200
        finally:
            for task in listening:
                task.cancel()
            await asyncio.gather(*listening, return_exceptions=True)
            await room.disconnect()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"participants": [{"identity": "a", "file": "/nowhere.ogg"}]}, "nowhere.ogg"),
        ({"participants": [{"identity": "a", "file": __file__}]}, "test_publisher.py"),
        ({"unknown": 1}, "plan on standard input is not valid"),
        ({"url": "ws://127.0.0.1:9"}, "speaker"),
        ({"api_secret": "wrong"}, "speaker"),
    ],
)
async def test_what_it_cannot_do_is_one_sentence_and_status_1(
    livekit_server: Stack, change: dict[str, object], sentence: str
) -> None:
    plan = plan_of(livekit_server, "bad", [{"identity": "speaker"}]) | change
    program = ensure(server("publisher"))
    process = await asyncio.create_subprocess_exec(
        str(program.path),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(40):
        _, said = await process.communicate(json.dumps(plan).encode())
    assert process.returncode == 1
    assert sentence in said.decode()
    assert len(said.decode().strip().splitlines()) == 1


async def test_livekit_listens_on_loopback_only(livekit_server: Stack) -> None:
    sockets = psutil.Process(livekit_server.pid("livekit")).net_connections("inet")
    bound = {s.laddr.ip for s in sockets if s.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)}
    assert bound == {"127.0.0.1"}
