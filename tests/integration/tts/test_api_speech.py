"""`POST /speech`: a file made once, its URL readable, and bad requests told what is wrong."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator

import httpx
import numpy as np
import pytest
from mangum import Mangum
from numpy.typing import NDArray

from functions.tts.app import create_app
from functions.tts.services import Services
from functions.tts.streams import STREAMS
from parley.audio.ogg import decode
from parley.auth import Role, mint
from parley.blobs import BlobStore
from tests.integration.tts.conftest import Opened, bearer

TEXT = "Good morning everyone. Let us start the meeting."


async def test_a_text_becomes_an_ogg_opus_file(
    api: httpx.AsyncClient, host: dict[str, str]
) -> None:
    answer = await api.post("/speech", json={"text": TEXT}, headers=host)
    assert answer.status_code == 201, answer.text
    reply = answer.json()
    assert reply["key"].startswith("speech/")
    assert reply["key"].endswith(".ogg")
    assert (reply["voice"], reply["engine"], reply["made"]) == ("en-us", "espeak", True)
    async with httpx.AsyncClient() as anybody:
        stored = await anybody.get(reply["url"])
    assert stored.status_code == 200
    assert stored.headers["content-type"] == "audio/ogg"
    assert stored.content.startswith(b"OggS")
    assert 2 < len(decode(stored.content, 16_000)) / 16_000 < 6


async def test_the_same_speech_is_made_once(
    api: httpx.AsyncClient, host: dict[str, str], blobs: BlobStore, opened: Opened
) -> None:
    bodies = [
        {"text": TEXT},
        {"text": TEXT},
        {"text": f"  {TEXT.replace(' ', '  ')}\n"},
        {"text": TEXT, "voice": "en-us"},
    ]
    first, *again = [await api.post("/speech", json=body, headers=host) for body in bodies]
    assert (first.status_code, first.json()["made"]) == (201, True)
    assert [(a.status_code, a.json()["made"]) for a in again] == [(200, False)] * 3
    assert await blobs.list_keys("speech/") == [first.json()["key"]]
    assert opened.times == 1


async def test_requests_at_once_make_it_once(
    api: httpx.AsyncClient, host: dict[str, str], blobs: BlobStore, opened: Opened
) -> None:
    answers = await asyncio.gather(
        *(api.post("/speech", json={"text": TEXT}, headers=host) for _ in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert len(await blobs.list_keys("speech/")) == 1
    assert opened.times == 1


async def test_another_voice_speed_or_text_is_another_file(
    api: httpx.AsyncClient, host: dict[str, str], blobs: BlobStore
) -> None:
    bodies = [
        {"text": TEXT},
        {"text": TEXT, "voice": "en-us+f3"},
        {"text": TEXT, "speed": 1.5},
        {"text": TEXT, "language": "en-GB"},
        {"text": "Goodbye."},
    ]
    for body in bodies:
        assert (await api.post("/speech", json=body, headers=host)).status_code == 201
    assert len(await blobs.list_keys("speech/")) == len(bodies)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "text"),
        ({"text": ""}, "text"),
        ({"text": "   "}, "text"),
        ({"text": "…?!"}, "nothing to say"),
        ({"text": "word " * 400 + "x"}, "text"),
        ({"text": "Hi.", "speed": 9}, "speed"),
        ({"text": "Hi.", "voice": "en-us+f33"}, "en-us+f3"),
        ({"text": "Hi.", "language": "tlh"}, "no voice for tlh"),
        ({"text": "Hi.", "volume": 11}, "volume"),
    ],
    ids=["none", "empty", "blank", "no word", "too long", "speed", "voice", "language", "extra"],
)
async def test_a_bad_request_is_a_problem_that_says_why(
    api: httpx.AsyncClient,
    host: dict[str, str],
    blobs: BlobStore,
    body: dict[str, object],
    says: str,
) -> None:
    answer = await api.post("/speech", json=body, headers=host)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.text
    assert await blobs.list_keys("speech/") == []


async def test_a_text_at_the_limit_is_spoken(api: httpx.AsyncClient, host: dict[str, str]) -> None:
    text = ("word " * 400).strip()
    assert len(text) <= 2_000
    assert (await api.post("/speech", json={"text": text}, headers=host)).status_code == 201


async def test_a_long_text_is_made_in_several_calls(
    api: httpx.AsyncClient, host: dict[str, str], blobs: BlobStore
) -> None:
    text = "One is here. Two is here. Three is here."
    whole = (await api.post("/speech", json={"text": text}, headers=host)).json()
    await blobs.delete([whole["key"]])
    hasty = host | {"Prefer": "wait=0"}
    answers = [await api.post("/speech", json={"text": text}, headers=hasty) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 201, 200]
    assert answers[0].headers["retry-after"] == "0"
    assert answers[1].json() == {"key": whole["key"], "sentences_done": 2, "sentences": 3}
    assert answers[2].json()["key"] == whole["key"]
    async with httpx.AsyncClient() as anybody:
        sounds = [
            decode((await anybody.get(reply["url"])).content, 16_000)
            for reply in (answers[2].json(), answers[3].json())
        ]
    assert len(sounds[0]) == len(sounds[1]) > 16_000 * 1.5


@pytest.mark.parametrize(("accept", "begins"), [("audio/wav", b"RIFF"), ("audio/ogg", b"OggS")])
async def test_the_sound_itself_is_streamed_to_who_asks_for_it(
    api: httpx.AsyncClient, host: dict[str, str], blobs: BlobStore, accept: str, begins: bytes
) -> None:
    headers = host | {"Accept": f"{accept};q=0.9, */*;q=0.1"}
    answer = await api.post("/speech", json={"text": TEXT}, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, accept)
    assert answer.content.startswith(begins)
    assert 2 < len(decode(answer.content, 16_000)) / 16_000 < 6
    assert await blobs.list_keys("speech/") == []
    wrong = await api.post("/speech", json={"text": TEXT, "voice": "nobody"}, headers=headers)
    assert (wrong.status_code, wrong.headers["content-type"]) == (422, "application/problem+json")


async def test_a_stream_begins_before_the_last_sentence_is_made() -> None:
    made = []
    noise = np.random.default_rng(0).normal(0, 0.1, 24_000).astype(np.float32)

    async def sounds() -> AsyncIterator[NDArray[np.float32]]:
        for number in range(3):
            made.append(number)
            yield noise

    for stream in STREAMS.values():
        made.clear()
        pieces = stream(sounds())
        first = b""
        while len(first) < 1_000:
            first += await anext(pieces)
        assert made == [0]
        rest = b"".join([piece async for piece in pieces])
        assert len(decode(first + rest, 24_000)) == pytest.approx(72_000, abs=10)


async def test_only_who_may_speak_is_let_in(
    api: httpx.AsyncClient, services: Services, blobs: BlobStore
) -> None:
    statuses = {
        role: (
            await api.post("/speech", json={"text": "Hi."}, headers=bearer(services.settings, role))
        ).status_code
        for role in Role
    }
    assert statuses == {
        Role.ADMIN: 201,
        Role.HOST: 200,
        Role.SERVICE: 200,
        Role.PARTICIPANT: 403,
        Role.VIEWER: 403,
    }
    wrong = mint(
        services.settings.model_copy(update={"auth_audience": "livekit"}), sub="a", role="admin"
    )
    stranger = {"Authorization": f"Bearer {wrong}"}
    assert (await api.post("/speech", json={"text": "Hi."}, headers=stranger)).status_code == 401
    nobody = await api.post("/speech", json={"text": "Hi."})
    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer")
    assert len(await blobs.list_keys("speech/")) == 1


async def test_an_object_store_out_of_reach_is_said_to_come_back(
    services: Services, host: dict[str, str]
) -> None:
    lost = services.settings.model_copy(update={"s3_endpoint_url": "http://127.0.0.1:1"})
    away = Services(
        settings=lost,
        blobs=BlobStore.from_settings(lost),
        tokens=services.tokens,
        open_engine=services.open_engine,
    )
    transport = httpx.ASGITransport(create_app(away))
    async with httpx.AsyncClient(transport=transport, base_url="http://parley") as client:
        answer = await client.post("/speech", json={"text": "Hi."}, headers=host)
    await away.aclose()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_it_answers_behind_api_gateway(services: Services, host: dict[str, str]) -> None:
    event = {
        "version": "2.0",
        "routeKey": "POST /speech",
        "rawPath": "/speech",
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "x"} | host,
        "requestContext": {
            "http": {"method": "POST", "path": "/speech", "sourceIp": "127.0.0.1"},
            "stage": "$default",
        },
        "body": base64.b64encode(json.dumps({"text": "Hello."}).encode()).decode(),
        "isBase64Encoded": True,
    }
    answer = Mangum(create_app(services), lifespan="off")(event, {})  # type: ignore[arg-type]
    assert answer["statusCode"] == 201
    assert json.loads(answer["body"])["key"].startswith("speech/")
