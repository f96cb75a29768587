"""The stand-in for LiveKit's egress refuses what LiveKit would refuse."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from livekit import api

from parley.livekit_api import LiveKit
from parley.settings import Settings
from tests.fakes.egress import FakeEgress, fake_egress
from tests.integration.webhook.signed import Signed

UNKNOWN = b"\xc2\x0c\x01x"  # field 200, which no message here has
UPLOAD = api.S3Upload(bucket="b", access_key="a", secret="s")
FILE = api.DirectFileOutput(filepath="egress/RM_a/TR_a.ogg", s3=UPLOAD)
GOOD: dict[str, Any] = {"room_name": "nobody-is-here", "track_id": "TR_a", "file": FILE}


@pytest.fixture
async def egress(server_settings: Settings) -> AsyncIterator[FakeEgress]:
    async def send(_: Signed) -> None:
        raise AssertionError("nothing was started")

    async with fake_egress(server_settings, send) as fake:
        yield fake


def token(settings: Settings, *, record: bool = True, secret: str | None = None) -> str:
    key = secret or settings.livekit_api_secret.get_secret_value()
    grants = api.VideoGrants(room_record=record)
    return (
        api.AccessToken(settings.livekit_api_key, key)
        .with_grants(grants)
        .with_ttl(timedelta(minutes=1))
        .to_jwt()
    )


async def refused(
    egress: FakeEgress, bearer: str, body: bytes, method: str = "StartTrackEgress"
) -> str:
    async with httpx.AsyncClient(base_url=egress.url) as http:
        answer = await http.post(
            f"/twirp/livekit.Egress/{method}",
            content=body,
            headers={"Authorization": f"Bearer {bearer}", "Content-Type": "application/protobuf"},
        )
    assert answer.status_code >= 400
    assert egress.jobs == {}
    return str(answer.json()["code"])


async def test_tokens(egress: FakeEgress, server_settings: Settings) -> None:
    body = api.TrackEgressRequest(**GOOD).SerializeToString()
    assert await refused(egress, "nonsense", body) == "unauthenticated"
    wrong = token(server_settings, secret="x" * 40)
    assert await refused(egress, wrong, body) == "unauthenticated"
    weak = token(server_settings, record=False)
    assert await refused(egress, weak, body) == "permission_denied"


@pytest.mark.parametrize("lacking", ["room_name", "track_id", "file"])
async def test_required_fields(egress: FakeEgress, server_settings: Settings, lacking: str) -> None:
    parts = {name: part for name, part in GOOD.items() if name != lacking}
    body = api.TrackEgressRequest(**parts).SerializeToString()
    assert await refused(egress, token(server_settings), body) == "invalid_argument"


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"\xff\xff",
        api.TrackEgressRequest(**GOOD).SerializeToString() + UNKNOWN,
        api.TrackEgressRequest(
            room_name="a",
            track_id="b",
            file=api.DirectFileOutput(
                filepath="c",
                s3=api.S3Upload.FromString(UPLOAD.SerializeToString() + UNKNOWN),
            ),
        ).SerializeToString(),
    ],
)
async def test_what_is_no_such_message(
    egress: FakeEgress, server_settings: Settings, body: bytes
) -> None:
    assert await refused(egress, token(server_settings), body) == "invalid_argument"


async def test_what_is_not_there(egress: FakeEgress, server_settings: Settings) -> None:
    bearer = token(server_settings)
    body = api.TrackEgressRequest(**GOOD).SerializeToString()
    assert await refused(egress, bearer, body) == "not_found"
    stop = api.StopEgressRequest(egress_id="EG_none").SerializeToString()
    assert await refused(egress, bearer, stop, "StopEgress") == "not_found"
    assert await refused(egress, bearer, b"", "StartWebEgress") == "not_found"


async def test_all_else_reaches_the_real_livekit(
    egress: FakeEgress, server_settings: Settings
) -> None:
    asked = server_settings.model_copy(update={"livekit_url": egress.url})
    async with LiveKit.from_settings(asked) as livekit:
        assert await livekit.list_rooms(["nobody-is-here"]) == []
        assert await livekit.list_egress("nobody-is-here") == []
    assert egress.asked == ["ListEgress"]
