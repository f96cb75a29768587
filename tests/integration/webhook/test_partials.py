"""Partials on their way from the fleet's port to the API's readers, over real HTTP."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from aiohttp import web
from pydantic import SecretStr

from agent_fleet.dispatcher import Caption
from agent_fleet.partial_feed import PartialFeed
from agent_fleet.speaker_track import SpeakerTrack
from functions.webhook.partials import Partials
from parley.auth import mint
from parley.settings import Settings
from parley.transcripts.partials import Newest
from parley_cli.stack.ports import LOOPBACK, choose_ports


@pytest.fixture
def settings() -> Settings:
    rng = random.Random()
    [port] = choose_ports(["fleet"], wanted={}, preferred={}, rng=rng).values()
    return Settings(auth_key=SecretStr("k" * 40), fleet_url=f"http://{LOOPBACK}:{port}")


@asynccontextmanager
async def fleet(settings: Settings) -> AsyncIterator[PartialFeed]:
    feed = PartialFeed(settings)
    app = web.Application()
    app.add_routes([web.get("/live/{sid}", feed.handle)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, int(settings.fleet_url.rsplit(":", 1)[1])).start()
    try:
        yield feed
    finally:
        feed.close()
        await runner.cleanup()


def speaker(room_sid: str, identity: str) -> SpeakerTrack:
    return SpeakerTrack(
        room_sid=room_sid,
        room_name="standup",
        track_sid=f"TR_{identity}",
        identity=identity,
        name=identity.title(),
        language="en",
    )


def caption(track: SpeakerTrack, text: str, *, final: bool = False) -> Caption:
    return Caption(f"{track.track_sid}.live.0", final, text, 1_000, 2_000)


async def told(newest: Newest, feed: PartialFeed, track: SpeakerTrack, text: str) -> list[str]:
    """What a reader gets once a caption has reached them; it is said until they are connected."""
    async with asyncio.timeout(10):
        while True:
            feed.caption_sent(track, caption(track, text))
            if await newest.wait(0.05):
                return [partial.text for partial in newest.take()]


async def test_a_reader_gets_the_newest_of_each_speaker_of_their_room(settings: Settings) -> None:
    ann, ben, other = speaker("RM_a", "ann"), speaker("RM_a", "ben"), speaker("RM_b", "cid")
    partials = Partials(settings)
    async with fleet(settings) as feed, partials.of("RM_a") as one, partials.of("RM_a") as two:
        assert await told(one, feed, ann, "hello") == ["hello"]
        feed.caption_sent(other, caption(other, "elsewhere"))
        for track in (ann, ben):
            for text in ("the", "the budget", "the budget of"):
                feed.caption_sent(track, caption(track, text))
        heard: dict[str, str] = {}
        async with asyncio.timeout(10):
            while list(heard.values()).count("the budget of") < 2:
                await two.wait(1)
                heard |= {p.name: p.text for p in two.take()}
        assert heard == {"Ann": "the budget of", "Ben": "the budget of"}
        assert not await two.wait(0.05), "nothing of another room"
    await partials.aclose()


async def test_a_fleet_that_comes_back_is_found_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.webhook.partials._AGAIN_S", 0.05)
    ann = speaker("RM_a", "ann")
    partials = Partials(settings)
    async with partials.of("RM_a") as newest:
        assert not await newest.wait(0.2)
        for text in ("first", "again"):
            async with fleet(settings) as feed:
                assert text in await told(newest, feed, ann, text)
    await partials.aclose()


async def test_a_slow_reader_has_one_update_a_track_waiting(settings: Settings) -> None:
    newest, feed = Newest(), PartialFeed(settings)
    feed._readers["RM_a"] = {newest}
    for number in range(1_000):
        track = speaker("RM_a", f"speaker-{number % 3}")
        feed.caption_sent(track, caption(track, str(number)))
    assert await newest.wait(1)
    await asyncio.sleep(0)
    assert [p.text for p in newest.take()] == ["997", "998", "999"]


@pytest.mark.parametrize(
    ("role", "rooms", "status"),
    [("viewer", ("*",), 403), ("service", ("RM_other",), 403), ("", (), 401)],
)
async def test_the_fleet_tells_services_only(
    settings: Settings, role: str, rooms: tuple[str, ...], status: int
) -> None:
    token = mint(settings, sub="x", role=role, rooms=rooms) if role else "nonsense"
    async with fleet(settings), httpx.AsyncClient(base_url=settings.fleet_url) as client:
        answer = await client.get("/live/RM_a", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == status
