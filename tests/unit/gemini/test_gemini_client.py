"""The client against a local server that speaks Gemini's REST contract."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import stamina
from pydantic import BaseModel, SecretStr

from parley.errors import SetupError
from parley.gemini import (
    Gemini,
    GeminiBlockedError,
    GeminiRefusedError,
    GeminiUnavailableError,
)
from parley.gemini.errors import GeminiAnswerError
from parley.settings import Settings
from tests.fakes.gemini import KEY, FakeGemini, Reply, fake_gemini

FIRST, SECOND = "gemini-3.5-flash-lite", "gemini-2.5-flash"


class Colour(BaseModel):
    name: str


@pytest.fixture
async def server() -> AsyncIterator[FakeGemini]:
    async with fake_gemini() as fake:
        yield fake


@pytest.fixture
async def gemini(server: FakeGemini) -> AsyncIterator[Gemini]:
    async with Gemini(KEY, [FIRST, SECOND], base_url=server.url, timeout_s=5) as client:
        yield client


@pytest.fixture
def no_waits() -> Iterator[None]:
    """Three tries without the waits between them."""
    with stamina.set_testing(True, attempts=3):
        yield


async def ask(gemini: Gemini) -> tuple[str, str]:
    answer = await gemini.generate_json(
        system="Be brief.",
        prompt="Which colour?",
        schema=Colour.model_json_schema(),
        parse=Colour.model_validate_json,
    )
    return answer.value.name, answer.model


async def listen(gemini: Gemini, heard: list[str]) -> None:
    async for piece in gemini.stream_text(system="s", prompt="p"):
        heard.append(piece)


async def test_schema_and_instructions_are_sent(server: FakeGemini, gemini: Gemini) -> None:
    server.reply(FIRST, Reply('{"name": "blue"}'))
    assert await ask(gemini) == ("blue", FIRST)
    (asked,) = server.asked
    assert asked.method == "generateContent"
    assert asked.schema == Colour.model_json_schema()
    assert asked.system == "Be brief."
    assert asked.prompt == "Which colour?"


async def test_a_missing_model_is_passed_over_at_once(server: FakeGemini, gemini: Gemini) -> None:
    server.reply(SECOND, Reply('{"name": "red"}'))
    assert await ask(gemini) == ("red", SECOND)
    assert server.models_asked == [FIRST, SECOND]


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_busy_model_is_asked_again_then_passed_over(
    server: FakeGemini, gemini: Gemini, status: int
) -> None:
    server.reply(FIRST, Reply(status=status))
    server.reply(SECOND, Reply('{"name": "red"}'))
    assert await ask(gemini) == ("red", SECOND)
    assert server.models_asked == [FIRST, FIRST, FIRST, SECOND]


@pytest.mark.parametrize("how", ["header", "detail"])
async def test_retry_after_is_obeyed(server: FakeGemini, gemini: Gemini, how: str) -> None:
    busy = (
        Reply(status=429, headers={"Retry-After": "1"})
        if how == "header"
        else Reply(status=429, retry_delay=1.0)
    )
    server.reply(FIRST, busy, Reply('{"name": "green"}'))
    began = time.monotonic()
    assert await ask(gemini) == ("green", FIRST)
    assert 1.0 <= time.monotonic() - began < 3.0


async def test_a_wait_that_is_too_long_is_not_waited(server: FakeGemini, gemini: Gemini) -> None:
    server.reply(FIRST, Reply(status=429, headers={"Retry-After": "3600"}))
    server.reply(SECOND, Reply('{"name": "red"}'))
    assert await ask(gemini) == ("red", SECOND)
    assert server.models_asked == [FIRST, SECOND]


@pytest.mark.usefixtures("no_waits")
async def test_a_silent_model_is_passed_over(server: FakeGemini) -> None:
    server.reply(FIRST, Reply('{"name": "late"}', delay_s=30))
    server.reply(SECOND, Reply('{"name": "red"}'))
    async with Gemini(KEY, [FIRST, SECOND], base_url=server.url, timeout_s=0.2) as gemini:
        assert await ask(gemini) == ("red", SECOND)


@pytest.mark.usefixtures("no_waits")
async def test_nobody_there_is_unavailable(unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    async with Gemini(KEY, [FIRST, SECOND], base_url=url, timeout_s=1) as gemini:
        with pytest.raises(GeminiUnavailableError, match="can't be reached"):
            await ask(gemini)


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize(
    "reply", [Reply('{"name": "bl'), Reply('{"name": "bl', finish="MAX_TOKENS"), Reply("")]
)
async def test_cut_off_json_is_asked_again(
    server: FakeGemini, gemini: Gemini, reply: Reply
) -> None:
    server.reply(FIRST, reply, Reply('{"name": "blue"}'))
    assert await ask(gemini) == ("blue", FIRST)
    server.replies.clear()
    server.reply(FIRST, reply)
    server.reply(SECOND, reply)
    with pytest.raises(GeminiAnswerError):
        await ask(gemini)


@pytest.mark.parametrize(
    "reply", [Reply(blocked="PROHIBITED_CONTENT"), Reply(finish="SAFETY"), Reply(finish="SPII")]
)
async def test_a_safety_block_is_final(server: FakeGemini, gemini: Gemini, reply: Reply) -> None:
    server.reply(FIRST, reply)
    server.reply(SECOND, Reply('{"name": "red"}'))
    with pytest.raises(GeminiBlockedError, match="blocked"):
        await ask(gemini)
    assert server.models_asked == [FIRST]


LOUD = """
import asyncio, logging, sys
from parley.gemini import Gemini, GeminiError
from parley.telemetry.logs import configure_logs

configure_logs("DEBUG")
for name in ("google_genai", "httpx", "httpcore", "aiohttp", "asyncio", "urllib3"):
    logging.getLogger(name).setLevel("DEBUG")

async def main(key, url):
    async with Gemini(key, ["gemini-3.5-flash-lite"], base_url=url) as gemini:
        try:
            await gemini.generate_json(system="s", prompt="p", schema={}, parse=str)
        except GeminiError as error:
            logging.getLogger("test").exception("it failed")
            print(repr(error), error.retryable)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("key", [KEY, "AIza-wrong-key-1234"])
async def test_the_key_is_never_logged(server: FakeGemini, key: str) -> None:
    """In a process of its own, with every logger at its loudest and a failure's whole trace."""
    server.reply(FIRST, Reply(status=503, headers={"Retry-After": "0.01"}))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", LOUD, key, server.url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = (stream.decode() for stream in await process.communicate())
    assert process.returncode == 0, err
    assert "Traceback" in err
    assert key not in out + err
    right = key == KEY
    assert out.startswith("GeminiUnavailableError" if right else "GeminiRefusedError")
    assert out.rstrip().endswith(str(right))


async def test_text_streams_in_pieces(server: FakeGemini, gemini: Gemini) -> None:
    server.reply(FIRST, Reply("Anna promised the report."))
    pieces = [p async for p in gemini.stream_text(system="s", prompt="p")]
    assert pieces == ["Anna ", "promised ", "the ", "report."]
    assert server.asked[0].method == "streamGenerateContent"


@pytest.mark.usefixtures("no_waits")
async def test_streams_fall_back_before_the_first_piece(server: FakeGemini, gemini: Gemini) -> None:
    server.reply(FIRST, Reply(status=503))
    server.reply(SECOND, Reply("Hello there."))
    assert "".join([p async for p in gemini.stream_text(system="s", prompt="p")]) == "Hello there."
    assert server.models_asked == [FIRST] * 3 + [SECOND]


async def test_a_stream_that_breaks_off_says_so(server: FakeGemini, gemini: Gemini) -> None:
    server.reply(FIRST, Reply("one two three four", drop_after=2))
    heard: list[str] = []
    with pytest.raises(GeminiUnavailableError, match="broke off"):
        await listen(gemini, heard)
    assert heard == ["one ", "two "]


async def test_a_blocked_stream_says_so(server: FakeGemini, gemini: Gemini) -> None:
    server.reply(FIRST, Reply("x", finish="SAFETY"))
    with pytest.raises(GeminiBlockedError):
        await listen(gemini, [])


async def test_the_server_refuses_what_is_not_in_the_contract(
    server: FakeGemini, gemini: Gemini
) -> None:
    """The fake itself: a schema that is none is refused."""
    server.reply(FIRST, Reply('{"name": "blue"}'))
    with pytest.raises(GeminiRefusedError):
        await gemini.generate_json(system="s", prompt="p", schema={"type": 7}, parse=json.loads)


def test_no_key_is_one_sentence() -> None:
    with pytest.raises(SetupError, match=r"^Gemini needs a key: set GEMINI_API_KEY\.$"):
        Gemini.from_settings(Settings(gemini_api_key=None))
    with pytest.raises(SetupError):
        Gemini.from_settings(Settings(gemini_api_key=SecretStr("")))
