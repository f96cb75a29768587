"""`POST /webhooks/livekit`: what is refused, what is ignored, what is done once."""

import asyncio
import uuid
from typing import Any

import httpx
import pytest
from livekit import api as livekit
from prometheus_client import REGISTRY
from pydantic import SecretStr

from functions.webhook.app import create_app
from functions.webhook.services import Services
from parley.domain.room import RoomOptions, RoomStatus
from parley.domain.track import TrackStatus
from parley.errors import StorageUnavailableError
from parley.storage import Stores
from tests.integration.webhook.signed import Signed, audio, event, sign, speaker


@pytest.fixture
async def room_sid(services: Services) -> str:
    sid = f"RM_{uuid.uuid4().hex[:8]}"
    await services.stores.rooms.register(sid, "standup", RoomOptions(), now_ms=1)
    return sid


async def send(api: httpx.AsyncClient, signed: Signed) -> httpx.Response:
    return await api.post("/webhooks/livekit", content=signed.body, headers=signed.headers)


async def deliver(api: httpx.AsyncClient, services: Services, message: livekit.WebhookEvent) -> str:
    answer = await send(api, sign(message, services.settings))
    assert answer.status_code == 200, answer.text
    outcome: str = answer.json()["outcome"]
    return outcome


async def stored(stores: Stores) -> dict[str, int]:
    names = ("events", "tracks", "chunks", "summaries")
    return {name: await stores.database.collection(name).count({}) for name in names}


def altered(signed: Signed) -> Signed:
    return Signed(signed.body.replace(b"microphone", b"loudspeaker"), signed.headers)


def unsigned(signed: Signed) -> Signed:
    return Signed(signed.body, {"Content-Type": "application/webhook+json"})


REFUSED: dict[str, Any] = {
    "unsigned": lambda m, s: unsigned(sign(m, s)),
    "altered": lambda m, s: altered(sign(m, s)),
    "stale": lambda m, s: sign(m, s, age_s=s.webhook_max_age_s + 10),
    "expired": lambda m, s: sign(m, s, age_s=100_000),
    "signed by another key": lambda m, s: sign(m, s, secret="x" * 40),
    "no signature in the header": lambda m, s: Signed(
        sign(m, s).body, {"Authorization": "Bearer nonsense"}
    ),
    "not JSON": lambda m, s: Signed(b"\xff\xfe", sign(m, s).headers),
}


@pytest.mark.parametrize("how", REFUSED)
async def test_a_webhook_that_is_not_livekits_is_refused_and_leaves_nothing(
    api: httpx.AsyncClient, services: Services, room_sid: str, how: str
) -> None:
    message = event("track_published", room_sid, participant=speaker(), track=audio("TR_1"))
    answer = await send(api, REFUSED[how](message, services.settings))
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert await stored(services.stores) == dict.fromkeys(
        ("events", "tracks", "chunks", "summaries"), 0
    )
    assert (await services.stores.rooms.get(room_sid)).tracks == ()
    # The same event, properly signed, is taken.
    assert await deliver(api, services, message) == "handled"


async def test_a_token_of_the_api_does_not_sign_webhooks(
    api: httpx.AsyncClient, services: Services, room_sid: str, admin: dict[str, str]
) -> None:
    body = sign(event("room_finished", room_sid), services.settings).body
    answer = await api.post("/webhooks/livekit", content=body, headers=admin)
    assert answer.status_code == 401


async def test_an_unregistered_room_is_acknowledged_and_counted_only(
    api: httpx.AsyncClient, services: Services
) -> None:
    labels = {"event": "track_published", "outcome": "unregistered"}
    before = REGISTRY.get_sample_value("parley_webhook_events_total", labels) or 0
    message = event("track_published", "RM_other", participant=speaker(), track=audio("TR_1"))
    assert await deliver(api, services, message) == "unregistered"
    assert REGISTRY.get_sample_value("parley_webhook_events_total", labels) == before + 1
    assert set((await stored(services.stores)).values()) == {0}


async def test_a_published_track_is_awaited_once(
    api: httpx.AsyncClient, services: Services, room_sid: str
) -> None:
    message = event("track_published", room_sid, participant=speaker(), track=audio("TR_1"))
    assert await deliver(api, services, message) == "handled"
    assert await deliver(api, services, message) == "duplicate"
    again = event("track_published", room_sid, participant=speaker(), track=audio("TR_1"))
    assert await deliver(api, services, again) == "handled"
    room = await services.stores.rooms.get(room_sid)
    assert room.tracks == room.pending_tracks == ("TR_1",)
    track = await services.stores.tracks.get("TR_1")
    assert (track.identity, track.name, track.status) == ("ann", "Ann", TrackStatus.LIVE)


async def test_tracks_of_agents_and_pictures_are_not_taken(
    api: httpx.AsyncClient, services: Services, room_sid: str
) -> None:
    agent = speaker("agent-x", kind=livekit.ParticipantInfo.Kind.AGENT)
    camera = livekit.TrackInfo(sid="TR_2", type=livekit.TrackType.VIDEO)
    for message in (
        event("track_published", room_sid, participant=agent, track=audio("TR_1")),
        event("track_published", room_sid, participant=speaker(), track=camera),
    ):
        assert await deliver(api, services, message) == "ignored"
    assert (await services.stores.rooms.get(room_sid)).tracks == ()


async def test_an_end_that_overtakes_its_beginning_is_kept(
    api: httpx.AsyncClient, services: Services, room_sid: str
) -> None:
    ended = event("track_unpublished", room_sid, participant=speaker(), track=audio("TR_1"))
    assert await deliver(api, services, ended) == "handled"
    began = event("track_published", room_sid, participant=speaker(), track=audio("TR_1"))
    assert await deliver(api, services, began) == "handled"
    track = await services.stores.tracks.get("TR_1")
    assert track.unpublished_ms is not None
    assert ended.created_at * 1000 <= track.unpublished_ms < (ended.created_at + 1) * 1000


async def test_participants_are_remembered_once_and_agents_never(
    api: httpx.AsyncClient, services: Services, room_sid: str
) -> None:
    agent = speaker("agent-x", kind=livekit.ParticipantInfo.Kind.AGENT)
    for who in (speaker("ann"), speaker("ben"), speaker("ann"), agent):
        await deliver(api, services, event("participant_joined", room_sid, participant=who))
    assert (await services.stores.rooms.get(room_sid)).participants == ("ann", "ben")


@pytest.mark.parametrize("kind", ["participant_joined", "track_published", "track_unpublished"])
async def test_a_room_that_was_erased_a_moment_ago_takes_nothing(
    api: httpx.AsyncClient, services: Services, room_sid: str, kind: str
) -> None:
    joined = event("participant_joined", room_sid, participant=speaker("ann"))
    assert await deliver(api, services, joined) == "handled"  # the room is remembered now
    await services.stores.rooms.delete(room_sid)
    late = event(kind, room_sid, participant=speaker("ben"), track=audio("TR_1"))
    assert await deliver(api, services, late) == "unregistered"
    assert await services.stores.rooms.find(room_sid) is None
    assert (await stored(services.stores)) == {
        "events": 1,
        "tracks": 0,
        "chunks": 0,
        "summaries": 0,
    }


async def test_a_room_that_became_final_a_moment_ago_takes_no_track(
    api: httpx.AsyncClient, services: Services, room_sid: str
) -> None:
    joined = event("participant_joined", room_sid, participant=speaker("ann"))
    assert await deliver(api, services, joined) == "handled"
    await services.stores.rooms.finalize(room_sid, now_ms=2)
    for kind in ("track_published", "track_unpublished"):
        late = event(kind, room_sid, participant=speaker("ann"), track=audio("TR_1"))
        assert await deliver(api, services, late) == "ignored"
    assert (await services.stores.rooms.get(room_sid)).tracks == ()
    assert (await stored(services.stores))["tracks"] == 0


async def test_a_burst_of_one_event_is_handled_once(
    api: httpx.AsyncClient, services: Services, room_sid: str
) -> None:
    burst = [event("participant_joined", room_sid, participant=speaker(n)) for n in "abc"] * 4
    outcomes = await asyncio.gather(*(deliver(api, services, message) for message in burst))
    assert sorted(outcomes) == ["duplicate"] * 9 + ["handled"] * 3
    assert sorted((await services.stores.rooms.get(room_sid)).participants) == ["a", "b", "c"]


async def test_a_finished_room_is_finalised_after_the_grace_and_completes(
    api: httpx.AsyncClient, services: Services, room_sid: str
) -> None:
    assert await deliver(api, services, event("room_finished", room_sid)) == "handled"
    room = await services.stores.rooms.get(room_sid)
    assert room.ended_ms is not None
    while (room := await services.stores.rooms.get(room_sid)).status is RoomStatus.ACTIVE:
        pass  # the test's own time limit ends this
    while await services.blobs.size(f"timelines/{room_sid}.json") is None:
        pass
    room = await services.stores.rooms.get(room_sid)
    assert room.status is RoomStatus.COMPLETED
    assert room.summary.status == "requested"


async def test_late_tracks_within_the_grace_are_taken(services: Services, room_sid: str) -> None:
    slow = Services(
        **{
            **vars(services),
            "settings": services.settings.model_copy(update={"finalize_grace_s": 60}),
        }
    )
    transport = httpx.ASGITransport(create_app(slow))
    async with httpx.AsyncClient(transport=transport, base_url="http://parley") as api:
        await deliver(api, slow, event("room_finished", room_sid))
        late = event("track_published", room_sid, participant=speaker(), track=audio("TR_9"))
        assert await deliver(api, slow, late) == "handled"
    assert (await services.stores.rooms.get(room_sid)).pending_tracks == ("TR_9",)


async def test_a_track_of_an_unrecorded_room_is_done_when_it_ends(
    api: httpx.AsyncClient, services: Services
) -> None:
    sid = f"RM_{uuid.uuid4().hex[:8]}"
    await services.stores.rooms.register(sid, "quiet", RoomOptions(record="none"), now_ms=1)
    for kind in ("track_published", "track_unpublished"):
        message = event(kind, sid, participant=speaker(), track=audio("TR_q"))
        assert await deliver(api, services, message) == "handled"
    assert (await services.stores.tracks.get("TR_q")).status is TrackStatus.EMPTY
    assert (await services.stores.rooms.get(sid)).pending_tracks == ()


async def test_storage_that_is_away_asks_livekit_to_try_again(
    services: Services, room_sid: str
) -> None:
    away = services.settings.model_copy(
        update={"mongo_uri": SecretStr("mongodb://127.0.0.1:1"), "mongo_timeout_ms": 200}
    )
    blind = Services(**{**vars(services), "stores": Stores.from_settings(away)})
    transport = httpx.ASGITransport(create_app(blind))
    signed = sign(event("room_finished", room_sid), services.settings)
    async with httpx.AsyncClient(transport=transport, base_url="http://parley") as api:
        answer = await send(api, signed)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["type"] == "urn:parley:problem:storage-unavailable"
    blind.stores.close()


async def test_an_event_whose_handling_failed_is_handled_when_it_comes_again(
    api: httpx.AsyncClient, services: Services, room_sid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = event("track_published", room_sid, participant=speaker(), track=audio("TR_1"))
    signed = sign(message, services.settings)

    async def fail(*_: object, **__: object) -> bool:
        raise StorageUnavailableError("injected")

    with monkeypatch.context() as broken:
        broken.setattr(services.stores.tracks, "publish", fail)
        assert (await send(api, signed)).status_code == 503
    assert (await send(api, signed)).json() == {"outcome": "handled"}
    assert (await services.stores.tracks.get("TR_1")).identity == "ann"
