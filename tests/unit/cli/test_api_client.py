"""The commands' API client: pages, following, names of rooms, and errors as sentences."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest
from pydantic import SecretStr

from parley.errors import NotFoundError, ParleyError, SetupError, UnauthorizedError
from parley.settings import Settings
from parley_cli.api import Api

KEY = "k" * 40


def api(answer: Callable[[httpx.Request], httpx.Response]) -> Api:
    settings = Settings(api_url="http://127.0.0.1:1", auth_key=SecretStr(KEY))
    return Api(settings, transport=httpx.MockTransport(answer))


def pages(*found: dict[str, Any]) -> tuple[Api, list[str | None]]:
    """An API that answers these pages in order, and the cursors that it was asked with."""
    left, cursors = list(found), []

    def answer(request: httpx.Request) -> httpx.Response:
        cursors.append(request.url.params.get("cursor"))
        return httpx.Response(200, json=left.pop(0))

    return api(answer), cursors


def page(*ids: str, more: bool, cursor: str | None) -> dict[str, Any]:
    return {"segments": [{"id": i} for i in ids], "more": more, "next_cursor": cursor}


async def test_a_transcript_is_read_to_the_end_of_what_is_there() -> None:
    client, cursors = pages(
        page("a", "b", more=True, cursor="1"), page("c", more=False, cursor="2")
    )
    async with client:
        assert [s["id"] async for s in client.transcript("RM_x")] == ["a", "b", "c"]
    assert cursors == [None, "1"]


async def test_following_goes_on_until_nothing_can_come() -> None:
    client, cursors = pages(
        page("a", more=False, cursor="1"),
        page(more=False, cursor="1"),
        page("b", more=False, cursor=None),
    )
    async with client:
        found = [s["id"] async for s in client.transcript("RM_x", follow_every_s=0)]
    assert found == ["a", "b"]
    assert cursors == [None, "1", "1"]


async def test_a_name_is_the_latest_room_of_it() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert dict(request.url.params) == {"name": "stand-up", "limit": "1"}
        return httpx.Response(200, json={"rooms": [{"sid": "RM_new"}]})

    async with api(answer) as client:
        assert (await client.find_room("stand-up"))["sid"] == "RM_new"


async def test_an_unknown_name_is_said() -> None:
    async with api(lambda _: httpx.Response(200, json={"rooms": []})) as client:
        with pytest.raises(NotFoundError, match="no room called 'nobody'"):
            await client.find_room("nobody")


async def test_the_token_is_an_administrators_and_ours() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"].removeprefix("Bearer "))
        return httpx.Response(200, json={"rooms": []})

    async with api(answer) as client:
        await client.rooms()
    claims = jwt.decode(seen[0], KEY, algorithms=["HS256"], audience="parley-api", issuer="parley")
    assert (claims["role"], claims["rooms"]) == ("admin", ["*"])


@pytest.mark.parametrize(
    ("status", "kind"), [(401, UnauthorizedError), (404, NotFoundError), (500, ParleyError)]
)
async def test_a_problem_document_becomes_an_error_with_its_detail(
    status: int, kind: type[ParleyError]
) -> None:
    body = json.dumps({"title": "t", "detail": "what went wrong"})
    async with api(lambda _: httpx.Response(status, content=body)) as client:
        with pytest.raises(kind, match="what went wrong"):
            await client.room("RM_x")


async def test_an_answer_that_is_no_problem_document_is_told_by_its_status() -> None:
    async with api(lambda _: httpx.Response(502, text="<html>")) as client:
        with pytest.raises(ParleyError, match="the API answered 502"):
            await client.room("RM_x")


async def test_an_api_that_does_not_answer_says_what_to_do() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    async with api(answer) as client:
        with pytest.raises(SetupError, match="is the stack up"):
            await client.room("RM_x")
