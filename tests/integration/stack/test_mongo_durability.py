"""`kill -9` of the embedded database under load: whatever was answered is there afterwards."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pymongo import MongoClient
from pymongo.errors import DuplicateKeyError, PyMongoError

from parley_cli.stack.servers import find, server
from parley_cli.stack.stack import Stack

pytestmark = pytest.mark.skipif(
    (program := find(server("mongo"))) is not None and not program.built,
    reason="mongod on PATH is used instead of the embedded server",
)

WRITERS = 8
ROUNDS = 3


class Writer(threading.Thread):
    """Inserts, appends and claims as fast as it can, and keeps what was acknowledged."""

    def __init__(self, uri: str, name: str) -> None:
        super().__init__(name=name)
        self.uri = uri
        self.inserted: list[str] = []
        self.unsure: list[str] = []
        self.appended = 0
        self.claimed: list[str] = []
        self.stop = threading.Event()

    def run(self) -> None:
        client: MongoClient[dict[str, object]] = MongoClient(
            self.uri, serverSelectionTimeoutMS=500, socketTimeoutMS=2000, retryWrites=False
        )
        database = client["durability"]
        number = 0
        while not self.stop.is_set():
            id_ = f"{self.name}-{number}"
            number += 1
            try:
                database["documents"].insert_one({"_id": id_, "text": "x" * 200, "unique": id_})
            except PyMongoError:
                self.unsure.append(id_)
                break
            self.inserted.append(id_)
            try:
                change = {"$push": {"segments": self.appended}, "$inc": {"count": 1}}
                query = {"_id": f"chunk-{self.name}", "count": self.appended}
                done = database["chunks"].update_one(query, change)
                assert done.modified_count == 1
                self.appended += 1
                database["events"].insert_one({"_id": f"event-{id_}"})
                self.claimed.append(f"event-{id_}")
            except PyMongoError:
                break
        client.close()


def until(condition: Callable[[], bool], limit_s: float, what: str) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit_s} s: {what}"
        time.sleep(0.02)


@pytest.mark.parametrize("round_", range(ROUNDS))
async def test_every_acknowledged_write_survives_kill_9_under_load(
    tmp_path: Path, round_: int
) -> None:
    async with Stack(tmp_path / "state", parts=["mongo"]) as stack:
        least = 300 + 200 * round_
        await asyncio.to_thread(
            load_kill_and_check, stack.plan.mongo_uri, stack.pid("mongo"), least
        )


def load_kill_and_check(uri: str, pid: int, least: int) -> None:
    """Write from many threads, kill the server in the middle, look when it is back."""
    client: MongoClient[dict[str, object]] = MongoClient(uri, serverSelectionTimeoutMS=20_000)
    database = client["durability"]
    database["documents"].create_index("unique", unique=True)
    writers = [Writer(uri, f"w{n}") for n in range(WRITERS)]
    database["chunks"].insert_many(
        [{"_id": f"chunk-{writer.name}", "count": 0, "segments": []} for writer in writers]
    )
    for writer in writers:
        writer.start()
    until(lambda: sum(len(w.inserted) for w in writers) > least, 60, "the load gets going")
    os.kill(pid, signal.SIGKILL)
    for writer in writers:
        writer.join(30)
        assert not writer.is_alive()

    # The supervisor starts it again on the same port.
    client.close()
    client = MongoClient(uri, serverSelectionTimeoutMS=20_000)
    database = client["durability"]
    stored = {document["_id"] for document in database["documents"].find({}, {"_id": 1})}
    events = {document["_id"] for document in database["events"].find({}, {"_id": 1})}
    for writer in writers:
        missing = set(writer.inserted) - stored
        assert not missing, f"{len(missing)} acknowledged inserts are gone"
        assert not set(writer.claimed) - events
        chunk = database["chunks"].find_one({"_id": f"chunk-{writer.name}"})
        assert chunk is not None
        # One more may have been written than was answered, never fewer and never out of step.
        assert chunk["count"] in (writer.appended, writer.appended + 1)
        assert chunk["segments"] == list(range(int(str(chunk["count"]))))
        # No command is there by half: an insert without an answer either happened or can be done.
        for id_ in writer.unsure:
            if id_ in stored:
                with pytest.raises(DuplicateKeyError):
                    database["documents"].insert_one({"_id": "other", "unique": id_})
            else:
                database["documents"].insert_one({"_id": id_, "unique": id_})
    client.close()
