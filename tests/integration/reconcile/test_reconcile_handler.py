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


def test_a_scheduled_run_repairs_and_says_what_it_did(
    server_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SECRETS:
        value = getattr(server_settings, name).get_secret_value()
        monkeypatch.setenv(f"PARLEY_{name.upper()}", value)
    for name in (*PLAIN, "livekit_api_key"):
        monkeypatch.setenv(f"PARLEY_{name.upper()}", str(getattr(server_settings, name)))
    monkeypatch.setenv("PARLEY_FINALIZE_GRACE_S", "0")
    monkeypatch.setattr("functions.reconcile.handler.configure_logs", lambda *_: None)

    async def with_stores(finish: bool) -> RoomStatus:
        stores = Stores.from_settings(server_settings)
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
