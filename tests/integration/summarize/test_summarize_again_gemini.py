"""`parley summary ROOM --again --engine gemini` redoes a stored summary."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from parley.blobs import BlobStore
from parley.errors import SetupError
from parley.storage import Stores
from parley_cli.commands import rooms
from parley_cli.stack.stack import Stack
from tests.fakes.gemini import KEY, Reply, fake_gemini
from tests.integration.summarize.test_summarize_job import completed_room
from tests.stack_fixtures.servers import settings_of


async def test_another_engine_replaces_the_summary(
    mongo_server: Stack,
    minio_server: Stack,
    blobs: BlobStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = settings_of(
        mongo_server, minio_server, s3_bucket=blobs.bucket, mongo_database=blobs.bucket
    )
    stores = Stores.from_settings(settings)
    sid = await completed_room(stores, blobs)

    def connected(_: Path | None) -> object:
        return settings

    monkeypatch.setattr(rooms, "connected", connected)
    await rooms._summarise_again(None, sid, None)
    first = await stores.summaries.find(sid)
    assert first is not None
    assert first.engine == "extractive"

    with pytest.raises(SetupError, match="GEMINI_API_KEY"):
        await rooms._summarise_again(None, sid, rooms.Engine.GEMINI)
    assert await stores.summaries.find(sid) == first

    async with fake_gemini() as server:
        server.reply(settings.gemini_models[0], Reply('{"summary": "Anna sends the report."}'))
        settings = settings.model_copy(
            update={"gemini_api_key": SecretStr(KEY), "gemini_base_url": server.url}
        )
        await rooms._summarise_again(None, sid, rooms.Engine.GEMINI)
    second = await stores.summaries.find(sid)
    assert second is not None
    assert (second.engine, second.content.summary) == ("gemini", "Anna sends the report.")
    assert second.model == settings.gemini_models[0]
    stores.close()
