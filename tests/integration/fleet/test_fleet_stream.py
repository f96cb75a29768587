"""`/v1/stream` speaks vosk-server's protocol, and one bad client harms nobody else."""

import asyncio
import json
import os
from typing import Any

import numpy as np
import pytest
import websockets
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect

from parley.audio.resample import resample, to_float32, to_int16
from parley.auth.tokens import mint
from parley.clock import wall_clock_ms
from parley.domain.room import RoomOptions
from parley.domain.segment import Version
from parley.domain.track import TrackStatus
from parley.settings import Settings
from parley.storage import Stores
from tests.integration.fleet.conftest import FleetProcess, eventually
from tests.integration.fleet.speech import RATE, say, silence

SENTENCE = "can you review the budget"

pytestmark = pytest.mark.timeout(90)


def at_rate(samples: NDArray[np.int16], rate: int) -> bytes:
    return to_int16(resample(to_float32(samples), RATE, rate)).tobytes()


def spoken(rate: int = 16_000) -> bytes:
    return at_rate(np.concatenate([silence(0.4), say(SENTENCE), silence(0.3)]), rate)


def url(settings: Settings, **query: str) -> str:
    query.setdefault("token", mint(settings, sub="tester", role="service"))
    base = settings.fleet_url.replace("http", "ws") + "/v1/stream?"
    return base + "&".join(f"{k}={v}" for k, v in query.items())


async def talk(
    socket: ClientConnection, audio: bytes, step: int = 8_000, eof: str = '{"eof" : 1}'
) -> list[dict[str, Any]]:
    """What vosk-server's own test client does: send, read one answer, and the last one at eof."""
    answers = []
    for at in range(0, len(audio), step):
        await socket.send(audio[at : at + step])
        answers.append(json.loads(await socket.recv()))
    await socket.send(eof)
    answers.append(json.loads(await socket.recv()))
    return answers


def text_of(answers: list[dict[str, Any]]) -> str:
    return " ".join(a["text"] for a in answers if a.get("text"))


async def works(settings: Settings) -> bool:
    async with connect(url(settings)) as socket:
        return text_of(await talk(socket, spoken())) == SENTENCE


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
async def test_a_vosk_server_client_works_unchanged(
    fleet: FleetProcess, fleet_settings: Settings, rate: int
) -> None:
    async with connect(url(fleet_settings)) as socket:
        await socket.send(json.dumps({"config": {"sample_rate": rate}}))
        answers = await talk(socket, spoken(rate), step=rate // 2)
        with pytest.raises(websockets.ConnectionClosedOK):
            await socket.recv()
    assert text_of(answers) == SENTENCE
    assert any(a.get("partial") for a in answers)
    words = [w for a in answers for w in a.get("result", [])]
    assert [w["word"] for w in words] == SENTENCE.split()
    assert all({"conf", "start", "end", "word"} == set(w) for w in words)
    assert 0.3 < words[0]["start"] < 0.7


@pytest.mark.parametrize("eof", ['{"eof" : 1}', '{"eof":1}', '{ "eof": true }'])
async def test_any_json_form_of_the_end_is_the_end(
    fleet: FleetProcess, fleet_settings: Settings, eof: str
) -> None:
    async with connect(url(fleet_settings)) as socket:
        assert text_of(await talk(socket, spoken(), eof=eof)) == SENTENCE


async def test_messages_that_cut_samples_in_two_change_no_word(
    fleet: FleetProcess, fleet_settings: Settings
) -> None:
    async with connect(url(fleet_settings)) as socket:
        assert text_of(await talk(socket, spoken(), step=3_201)) == SENTENCE


async def test_words_can_be_left_out(fleet: FleetProcess, fleet_settings: Settings) -> None:
    async with connect(url(fleet_settings)) as socket:
        await socket.send('{"config": {"words": false}}')
        answers = await talk(socket, spoken())
    assert text_of(answers) == SENTENCE
    assert not any("result" in a for a in answers)


BAD = {
    "sample_rate 0": '{"config": {"sample_rate": 0}}',
    "sample_rate -1": '{"config": {"sample_rate": -1}}',
    "sample_rate NaN": '{"config": {"sample_rate": NaN}}',
    "sample_rate text": '{"config": {"sample_rate": "16000"}}',
    "sample_rate true": '{"config": {"sample_rate": true}}',
    "a model": '{"config": {"model": "/etc"}}',
    "no object": '{"config": 3}',
    "garbage": "hello?",
    "a list": "[1]",
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
async def test_what_kills_vosk_server_sends_that_client_away_with_a_reason(
    fleet: FleetProcess, fleet_settings: Settings, text: str
) -> None:
    audio = spoken()
    half = len(audio) // 2 // 8_000 * 8_000
    async with connect(url(fleet_settings)) as other:
        before = []
        for at in range(0, half, 8_000):
            await other.send(audio[at : at + 8_000])
            before.append(json.loads(await other.recv()))
        async with connect(url(fleet_settings)) as bad:
            await bad.send(text)
            with pytest.raises(websockets.ConnectionClosedError) as closed:
                await asyncio.wait_for(bad.recv(), 10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4000
        assert closed.value.rcvd.reason
        assert text_of(before + await talk(other, audio[half:])) == SENTENCE
    assert await works(fleet_settings)


async def test_a_message_of_a_megabyte_is_served_and_a_larger_one_is_refused(
    fleet: FleetProcess, fleet_settings: Settings
) -> None:
    audio = spoken()
    async with connect(url(fleet_settings)) as socket:
        padded = bytes((1 << 20) - len(audio)) + audio
        assert text_of(await talk(socket, padded, step=1 << 20)) == SENTENCE
    async with connect(url(fleet_settings)) as socket:
        await socket.send(bytes((1 << 20) + 1_000))
        with pytest.raises(websockets.ConnectionClosedError) as closed:
            await asyncio.wait_for(socket.recv(), 10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
    assert await works(fleet_settings)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"token": ""}, 401),
        ({"token": "nonsense"}, 401),
        ({"language": "zz"}, 400),
    ],
)
async def test_the_handshake_says_why_not(
    fleet: FleetProcess, fleet_settings: Settings, query: dict[str, str], status: int
) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        await connect(url(fleet_settings, **query))
    assert refused.value.response.status_code == status


async def test_a_token_for_another_room_is_refused(
    fleet: FleetProcess, fleet_settings: Settings
) -> None:
    token = mint(fleet_settings, sub="p", role="participant", rooms=("RM_other",))
    with pytest.raises(websockets.InvalidStatus) as refused:
        await connect(url(fleet_settings, token=token, room="RM_this"))
    assert refused.value.response.status_code == 403


async def test_a_client_that_never_reads_does_not_hold_up_others(
    fleet: FleetProcess, fleet_settings: Settings
) -> None:
    async with connect(url(fleet_settings)) as deaf:
        for _ in range(50):
            await deaf.send(bytes(3_200))
        assert await asyncio.wait_for(works(fleet_settings), 20)


async def test_one_who_vanishes_in_the_middle_is_finished_and_stored(
    fleet: FleetProcess, fleet_settings: Settings, stores: Stores
) -> None:
    room_sid = f"RM_{os.urandom(6).hex()}"
    await stores.rooms.register(room_sid, "stream", RoomOptions(), wall_clock_ms())
    socket = await connect(url(fleet_settings, room=room_sid, identity="caller"))
    audio = at_rate(np.concatenate([silence(0.4), say(SENTENCE)]), 16_000)
    for at in range(0, len(audio), 8_000):
        await socket.send(audio[at : at + 8_000])
        await socket.recv()
    socket.transport.abort()

    async def recorded() -> bool:
        room = await stores.rooms.get(room_sid)
        tracks = await stores.tracks.get_many(room.tracks)
        return [t.status for t in tracks] == [TrackStatus.RECORDED]

    await eventually(recorded, what="stream stored")
    room = await stores.rooms.get(room_sid)
    track = await stores.tracks.get(room.tracks[0])
    assert track.identity == "caller"

    async def stored() -> bool:
        found = await stores.tracks.get(track.id)
        segments = await stores.chunks.read_version(
            track.id, Version.LIVE, found.headers(Version.LIVE)
        )
        return [s.text for s in segments] == [SENTENCE]

    await eventually(stored, what="open utterance stored")

    async def forgotten() -> bool:
        return track.id not in [p["track_sid"] for p in await fleet.pipelines()]

    await eventually(forgotten, what="pipeline closed")
