"""The reconciler as the scheduler calls it: settings from the environment, a plain answer."""

import asyncio
import json

import pytest

from functions.reconcile.handler import handler
from parley.domain.room import RoomOptions, RoomStatus
from parley.settings import Settings
from parley.storage import Stores

SECRETS = ("mongo_uri", "s3_secret_key", "livekit_api_secret")
PLAIN = ("mongo_database", "s3_endpoint_url", "s3_access_key", "s3_bucket", "livekit_url")


class Context:
    """The part of Lambda's context that is read."""

    function_name = "parley-reconcile"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


@pytest.fixture
def in_environment(server_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The servers' settings as the handler finds them."""
    for name in SECRETS:
        value = getattr(server_settings, name).get_secret_value()
        monkeypatch.setenv(f"PARLEY_{name.upper()}", value)
    for name in (*PLAIN, "livekit_api_key"):
        monkeypatch.setenv(f"PARLEY_{name.upper()}", str(getattr(server_settings, name)))
    monkeypatch.setenv("PARLEY_FINALIZE_GRACE_S", "0")
    monkeypatch.setattr("functions.reconcile.handler.configure_logs", lambda *_: None)
    return server_settings


def test_a_scheduled_run_repairs_and_says_what_it_did(in_environment: Settings) -> None:
    async def with_stores(finish: bool) -> RoomStatus:
        stores = Stores.from_settings(in_environment)
        if not finish:
            await stores.rooms.register("RM_left", "left", RoomOptions(), now_ms=1)
        status = (await stores.rooms.get("RM_left")).status
        stores.close()
        return status

    assert asyncio.run(with_stores(finish=False)) is RoomStatus.ACTIVE
    assert handler({}, None) == {"rooms": 1, "repairs": {}, "failed": 0}  # it notes the end
    answer = handler({}, None)
    assert json.loads(json.dumps(answer)) == {"rooms": 1, "repairs": {"finalized": 1}, "failed": 0}
    assert asyncio.run(with_stores(finish=True)) is RoomStatus.COMPLETED


def test_one_tick_delivered_twice_is_one_run(in_environment: Settings) -> None:
    async def open_room(sid: str) -> None:
        stores = Stores.from_settings(in_environment)
        await stores.rooms.register(sid, "left", RoomOptions(), now_ms=1)
        stores.close()

    tick = {"id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event"}
    asyncio.run(open_room("RM_one"))
    assert handler(tick, Context())["rooms"] == 1
    asyncio.run(open_room("RM_two"))
    assert handler(tick, Context())["rooms"] == 1  # the first answer: nothing was looked at
    assert handler({**tick, "id": "another"}, Context())["rooms"] == 2
