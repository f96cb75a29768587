"""The LiveKit worker: takes jobs for the rooms it is sent to, each in a thread of this process."""

import asyncio
import contextlib
import importlib
import math
import os
import threading

from livekit.agents import (
    AgentServer,
    AutoSubscribe,
    JobContext,
    JobExecutorType,
    JobRequest,
)

from agent_fleet.audio_tap import prepare
from agent_fleet.fleet import Fleet
from agent_fleet.room_session import RoomSession
from parley.telemetry.logs import get_logger

log = get_logger("worker")

LOAD_LIMIT = 0.999
"""A worker whose load (0..1) reaches this takes no more jobs."""


class FleetWorker:
    """One connection to LiveKit's dispatcher, and the rooms that came of it."""

    def __init__(self, fleet: Fleet) -> None:
        """Serve with what the process shares; `run` connects."""
        settings = fleet.settings
        self._fleet = fleet
        self._sessions: set[RoomSession] = set()
        self._rooms: set[str] = set()
        self._lock = threading.Lock()  # each job runs in a thread of its own
        self._registered = False
        self._server = AgentServer(
            # Threads, so that rooms share one model; see docs/decisions.
            job_executor_type=JobExecutorType.THREAD,
            num_idle_processes=0,
            load_fnc=fleet.manager.load,
            # `_answer` refuses: the SDK takes an idle worker for full from one job's offer until it
            # has begun, and LiveKit does not offer the second room's job again.
            load_threshold=math.inf,
            ws_url=settings.livekit_url,
            api_key=settings.livekit_api_key,
            api_secret=settings.livekit_api_secret.get_secret_value(),
            host="127.0.0.1",
            port=0,
            log_level=settings.log_level if settings.log_level != "WARNING" else "WARN",
        )
        self._server.rtc_session(
            self._attend, agent_name=settings.agent_name, on_request=self._answer
        )
        self._server.on("worker_registered", self._on_registered)

    @property
    def registered(self) -> bool:
        """Whether LiveKit can send jobs here now."""
        return self._registered and not self._server._connecting

    @property
    def rooms(self) -> int:
        """How many rooms are attended now."""
        return len(self._sessions)

    async def run(self) -> None:
        """Stay connected until `close`; raises when LiveKit stays unreachable."""
        await asyncio.to_thread(_import_job_runner)
        prepare()
        await self._server.run(devmode=False)

    async def close(self, wait_s: float) -> None:
        """Take no more rooms, let the running ones go on for `wait_s`, then end them well."""
        drained = asyncio.create_task(self._server.drain(timeout=None))
        if wait_s > 0:
            await asyncio.wait({drained}, timeout=wait_s)
        for session in list(self._sessions):
            session.end()
        await drained
        await self._server.aclose()

    def _on_registered(self, *_: object) -> None:
        self._registered = True
        self._fleet.uploader.can_take_rooms.set()

    async def _answer(self, request: JobRequest) -> None:
        """Take a job, unless this process is full or in its room already: another may be meant."""
        with self._lock:
            there = request.room.sid in self._rooms
        full = self._fleet.manager.load() >= LOAD_LIMIT
        if there or full:
            log.info("job left to another", reason="full" if full else "there already")
            await request.reject(terminate=False)
        else:
            await request.accept()

    async def _attend(self, ctx: JobContext) -> None:
        # By sid: a room of the same name may open while its predecessor is still being left.
        sid = ctx.job.room.sid
        with self._lock:
            if sid in self._rooms:
                log.warning("sent twice to one room", room_sid=sid)
                ctx.shutdown("this process is in the room already")
                return
            self._rooms.add(sid)
        source = self._fleet.audio_source(ctx.job.room.name, ctx.job.id)
        session = RoomSession(self._fleet, ctx.room, source)
        self._sessions.add(session)
        try:
            session.attend()
            itself = AutoSubscribe.AUDIO_ONLY if source.subscribes else AutoSubscribe.SUBSCRIBE_NONE
            await ctx.connect(auto_subscribe=itself)
            await session.run(await ctx.room.sid)
        finally:
            await source.aclose()
            self._sessions.discard(session)
            with self._lock:
                self._rooms.discard(sid)
            ctx.shutdown("room attended")


def _import_job_runner() -> None:
    """Import what the first job would import: a second or more before its first caption."""
    os.environ.setdefault("LIVEKIT_AGENTS_PRELOAD_LOCAL_INFERENCE", "0")  # its models aren't used
    with contextlib.suppress(ImportError):
        importlib.import_module("livekit.agents.ipc.job_proc_lazy_main")
        importlib.import_module("livekit.agents.ipc._preload")
