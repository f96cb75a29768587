"""The load publisher (`infra/embedded/publisher`) as a test runs it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from parley.settings import Settings
from parley_cli.stack.build import ensure
from parley_cli.stack.servers import server

Events = list[dict[str, object]]


class Publisher:
    """The running program and what it has said so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: Events = []
        self.changed = asyncio.Condition()

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            async with self.changed:
                self.events.append(json.loads(line))
                self.changed.notify_all()

    def of(self, kind: str) -> Events:
        return [event for event in self.events if event["event"] == kind]

    async def count(self, kind: str, number: int, limit_s: float = 30.0) -> Events:
        async with asyncio.timeout(limit_s), self.changed:
            await self.changed.wait_for(lambda: len(self.of(kind)) >= number)
        return self.of(kind)


@asynccontextmanager
async def publishing(plan: dict[str, object]) -> AsyncIterator[Publisher]:
    program = ensure(server("publisher"))
    process = await asyncio.create_subprocess_exec(
        str(program.path), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    publisher = Publisher(process)
    assert process.stdin is not None
    process.stdin.write(json.dumps(plan).encode())
    process.stdin.close()
    reading = asyncio.create_task(publisher.read())
    try:
        yield publisher
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()
        await reading


def publisher_plan(
    settings: Settings, room: str, participants: list[dict[str, object]]
) -> dict[str, object]:
    """A plan (`Plan` in its source) for a room of these servers."""
    return {
        "url": settings.livekit_url,
        "api_key": settings.livekit_api_key,
        "api_secret": settings.livekit_api_secret.get_secret_value(),
        "room": room,
        "participants": participants,
    }
