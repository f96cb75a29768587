"""`parley transcript --follow`: what is being said, in a terminal and in plain lines."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from rich.console import Console

from parley.errors import NotFoundError, SetupError
from parley.settings import Settings
from parley_cli.api import Api
from parley_cli.commands.following import Saying, Screen, Segment, follow


def said(who: str, number: int, text: str, *, version: str = "live") -> Segment:
    track = f"TR_{who}"
    return {
        "id": f"{track}.{version}.{number}",
        "track_sid": track,
        "identity": who,
        "name": who.title(),
        "start_ms": 10_000 + number * 1_000,
        "text": text,
    }


def words(saying: Saying) -> list[str]:
    return [partial["text"] for partial in saying.now]


def test_a_partial_stands_until_its_segment_or_its_end() -> None:
    saying = Saying()
    saying.note(said("ann", 0, "we"))
    saying.note(said("ann", 0, "we could"))
    saying.note(said("ben", 1, "yes"))
    assert words(saying) == ["we could", "yes"]
    saying.finished(said("ann", 0, "we could go"))
    saying.note(said("ann", 0, "we could go"))  # it comes late
    assert words(saying) == ["yes"]
    saying.note(said("ann", 1, "now"))
    saying.note(said("ben", 1, ""))
    assert words(saying) == ["now"]


def test_an_earlier_segment_leaves_the_partial_of_a_later_one() -> None:
    saying = Saying()
    saying.note(said("ann", 1, "and then"))
    saying.finished(said("ann", 0, "first"))
    assert words(saying) == ["and then"]


class Room:
    """A room in which somebody speaks, until it is completed."""

    def __init__(self, screen_shows: "Shows") -> None:
        self._shows = screen_shows
        self.away = False

    async def transcript(self, sid: str, **_: Any) -> AsyncIterator[Segment]:
        yield said("ann", 0, "hello all")
        await self._shows.until("good mor" if not self.away else "hello all")
        yield said("ben", 1, "good morning")

    async def partials(self, sid: str) -> AsyncIterator[Segment]:
        if self.away:
            raise SetupError("injected")
        yield said("ben", 1, "good")
        await self._shows.until("good")
        yield said("ben", 1, "good mor")
        await asyncio.Event().wait()


class Shows(io.StringIO):
    """What was printed, to wait for."""

    def __init__(self) -> None:
        super().__init__()
        self._more = asyncio.Event()

    def write(self, text: str) -> int:
        self._more.set()
        return super().write(text)

    async def until(self, text: str) -> None:
        while text not in self.getvalue():
            self._more.clear()
            await self._more.wait()


async def soon(_seconds: float) -> None:
    await asyncio.sleep(0)


async def followed(*, terminal: bool, partials: bool = True, away: bool = False) -> str:
    out = Shows()
    room = Room(out)
    room.away = away or not partials
    console = Console(file=out, force_terminal=terminal, width=80, color_system=None)
    screen = Screen(console, partials=partials)
    async with asyncio.timeout(10):
        await follow(room, "RM_a", screen, poll_s=0, partials=partials, sleep=soon)
    return out.getvalue()


async def test_plain_lines_tell_each_change_once() -> None:
    lines = (await followed(terminal=False)).splitlines()
    assert [line.strip() for line in lines] == [
        "0:00.0  Ann  hello all",
        "…  Ben  good",
        "…  Ben  good mor",
        "0:01.0  Ben  good morning",
    ]


async def test_in_a_terminal_the_words_are_replaced_by_the_utterance() -> None:
    shown = await followed(terminal=True)
    assert "…  Ben  good mor" in shown
    assert "\x1b[2K" in shown  # lines are taken back
    after = shown.rindex("good morning")
    assert "…" not in shown[after:]


@pytest.mark.parametrize("away", [False, True])
async def test_without_partials_finished_utterances_come_all_the_same(away: bool) -> None:
    lines = (await followed(terminal=False, partials=away, away=away)).splitlines()
    assert [line.strip() for line in lines] == [
        "0:00.0  Ann  hello all",
        "0:01.0  Ben  good morning",
    ]


EVENTS = (
    'event: segment\r\ndata: {"id":"TR_a.live.0"}\r\nid: x\r\n\r\n: ping\r\n\r\n'
    'event: partial\r\ndata: {"id":"TR_a.live.1","text":"a: b"}\r\n\r\n'
    'event: room\r\ndata: {"status":"active"}\r\n\r\n'
)


async def test_the_api_client_takes_partials_from_the_stream() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/rooms/RM_a/live":
            return httpx.Response(200, text=EVENTS)
        return httpx.Response(404, json={"title": "not found", "detail": "no room RM_b"})

    settings = Settings(api_url="http://127.0.0.1:1", auth_key=SecretStr("k" * 40))
    async with Api(settings, transport=httpx.MockTransport(answer)) as api:
        found = [partial async for partial in api.partials("RM_a")]
        assert found == [{"id": "TR_a.live.1", "text": "a: b"}]
        with pytest.raises(NotFoundError, match="RM_b"):
            await anext(api.partials("RM_b"))
