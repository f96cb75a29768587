"""One seed's room: who comes when, how long they speak, and how it ends."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

import httpx
import numpy as np
import stamina
from livekit import rtc
from numpy.typing import NDArray

from parley.errors import LiveKitUnavailableError
from parley.livekit_api import LiveKit
from parley.settings import Settings

RATE = 48_000
_PIECE = RATE // 10
"""Samples that are sent at once: 100 ms. With a tenth of it, twenty speakers keep a core busy."""
_HEARD_WITHIN_S = 90.0


@dataclass(frozen=True)
class Script:
    """What happens in a room; times in seconds.

    Attributes:
        seed: where it comes from.
        starts_s: when it opens.
        seed_race: people are in and speak before anybody registers the room.
        stays: for each speaker when they come, and how much they say once the agent hears them.
        returns: the first speaker leaves, comes back under the same identity and speaks again.
        ending: the host finalises it, LiveKit closes it, or both.
        again: a second room of the same name is held after it, if LiveKit closed it.
    """

    seed: int
    starts_s: float
    seed_race: bool
    stays: tuple[tuple[float, float], ...]
    returns: bool
    ending: Literal["finalize", "close", "both"]
    again: bool

    @classmethod
    def of(cls, seed: int) -> "Script":
        """The script of a seed."""
        rng = random.Random(f"room {seed}")
        stays = tuple((rng.uniform(0, 2), rng.uniform(2.5, 4)) for _ in range(rng.randint(1, 2)))
        ending: Literal["finalize", "close", "both"] = rng.choice(("finalize", "close", "both"))
        starts_s, seed_race = rng.uniform(0, 6), rng.random() < 0.3
        returns, again = rng.random() < 0.2, rng.random() < 0.3 and ending != "finalize"
        return cls(seed, starts_s, seed_race, stays, returns, ending, again)


@dataclass
class Held:
    """A room as it was held."""

    script: Script
    name: str
    sid: str = ""
    published: list[str] = field(default_factory=list)


async def hold(
    script: Script,
    *,
    settings: Settings,
    api: httpx.AsyncClient,
    livekit: LiveKit,
    clip: NDArray[np.int16],
) -> list[Held]:
    """Hold the room in real time, and the one of the same name after it if there is one.

    Returns once everybody has left and it is ended.

    Args:
        script: what happens.
        settings: of the stack.
        api: a client with an administrator's token; failed calls are repeated, as a host would.
        livekit: LiveKit's API.
        clip: what everybody says, over and over; int16 mono at 48 kHz.
    """
    await asyncio.sleep(script.starts_s)
    return [await _hold(script, settings, api, livekit, clip) for _ in range(1 + int(script.again))]


async def _hold(
    script: Script,
    settings: Settings,
    api: httpx.AsyncClient,
    livekit: LiveKit,
    clip: NDArray[np.int16],
) -> Held:
    held = Held(script, f"campaign-{script.seed}")
    live = await livekit.create_room(held.name)
    held.sid = live.sid
    async with asyncio.TaskGroup() as group:
        speakers = [
            group.create_task(_attend(held, number, stay, settings, livekit, clip), name=held.name)
            for number, stay in enumerate(script.stays)
        ]
        if script.seed_race:
            await asyncio.sleep(max(come_s for come_s, _ in script.stays) + 0.5)
        await _insist(lambda: api.post("/rooms", json={"name": held.name}))
        await asyncio.gather(*speakers)
    if script.ending in ("finalize", "both"):
        await _insist(lambda: api.post(f"/rooms/{held.sid}/finalize"))
    if script.ending in ("close", "both"):
        await livekit.delete_room(held.name)
    return held


async def _attend(
    held: Held,
    number: int,
    stay: tuple[float, float],
    settings: Settings,
    livekit: LiveKit,
    clip: NDArray[np.int16],
) -> None:
    come_s, stay_s = stay
    await asyncio.sleep(come_s)
    for _ in range(2 if number == 0 and held.script.returns else 1):
        await _speak(held, number, stay_s, settings, livekit, clip)


async def _speak(
    held: Held,
    number: int,
    stay_s: float,
    settings: Settings,
    livekit: LiveKit,
    clip: NDArray[np.int16],
) -> None:
    room, source = rtc.Room(), rtc.AudioSource(RATE, 1)
    token = livekit.join_token(held.name, f"speaker-{number}")
    await room.connect(settings.livekit_url, token, rtc.RoomOptions(auto_subscribe=False))
    try:
        track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
        publication = await room.local_participant.publish_track(track)
        held.published.append(publication.sid)
        heard, gone = asyncio.Event(), asyncio.Event()
        speaking = asyncio.create_task(_talk(source, clip, stay_s, heard, gone))
        try:
            async with asyncio.timeout(_HEARD_WITHIN_S):
                await _heard_by(settings, publication.sid)
            heard.set()
            await asyncio.shield(speaking)
        finally:
            gone.set()  # not cancelled: the SDK still reads a frame that it was given
            await speaking
    finally:
        await room.disconnect()
        await source.aclose()


async def _heard_by(settings: Settings, track_sid: str) -> None:
    """Wait until an agent hears a track; LiveKit tells nobody of a hidden subscriber."""
    async with httpx.AsyncClient(base_url=settings.fleet_url, timeout=5) as fleet:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                pipelines = (await fleet.get("/pipelines")).json()["pipelines"]
                if any(p["track_sid"] == track_sid and p["received_ratio"] for p in pipelines):
                    return
            await asyncio.sleep(0.2)


async def _talk(
    source: rtc.AudioSource,
    clip: NDArray[np.int16],
    seconds: float,
    heard: asyncio.Event,
    gone: asyncio.Event,
) -> None:
    """Say the clip over and over, in real time: until somebody hears it, and for `seconds` more.

    Seconds of speech and not of the clock: a busy machine may be late with them.
    """
    at, left = 0, round(seconds * RATE)
    while left > 0 and not gone.is_set():
        samples = np.take(clip, range(at, at + _PIECE), mode="wrap")
        await source.capture_frame(rtc.AudioFrame(samples.tobytes(), RATE, 1, _PIECE))
        at = (at + _PIECE) % len(clip)
        if heard.is_set():
            left -= _PIECE
    await source.wait_for_playout()


@stamina.retry(
    on=(httpx.HTTPError, LiveKitUnavailableError), attempts=None, timeout=60, wait_max=1.0
)
async def _insist(call: Callable[[], Awaitable[httpx.Response]]) -> None:
    (await call()).raise_for_status()
