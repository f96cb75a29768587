"""The test stand: real servers and one agent process, each on the cores it is given."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from agent_fleet.caption_readers import ATTRIBUTE, OFF
from bench.speech_load import ScriptedSpeaker
from parley.blobs import BlobStore
from parley.clock import wall_clock_ms
from parley.domain.room import RoomOptions
from parley.livekit_api import LiveKit, LiveRoom
from parley.settings import Settings
from parley.storage import Stores
from parley_cli.stack import subscriber
from parley_cli.stack.build import ensure
from parley_cli.stack.servers import server
from parley_cli.stack.stack import Stack

_READY_S = 90.0


@dataclass(frozen=True)
class Cores:
    """Which cores do what; on a machine with two or more the agent has one to itself."""

    agent: list[int]
    others: list[int]

    @classmethod
    def of_this_machine(cls) -> "Cores":
        """The last core for the agent, the rest for everything else."""
        cores = sorted(os.sched_getaffinity(0))
        return cls([cores[-1]], cores[:-1] or cores)


def _of_all(process: psutil.Process, figure: Callable[[psutil.Process], float]) -> float:
    """The sum of a figure over a process and those that it started, but for those that just end."""
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            total += figure(each)
    return total


def _worked_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@dataclass
class Usage:
    """What the agent used between two moments."""

    cpu_s: float
    wall_s: float
    rss_mb: float

    @property
    def cpu_pct(self) -> float:
        """Percent of one core."""
        return 100 * self.cpu_s / self.wall_s if self.wall_s else 0.0


@dataclass
class Measured:
    """A process under measurement."""

    process: "subprocess.Popen[bytes]"
    _marks: dict[str, float] = field(default_factory=dict, kw_only=True)

    @property
    def _times(self) -> float:
        return _of_all(psutil.Process(self.process.pid), _worked_s)

    def mark(self) -> None:
        """Usage counts from here."""
        self._marks = {"cpu": self._times, "wall": time.monotonic()}

    def usage(self) -> Usage:
        """Usage since `mark`."""
        return Usage(
            cpu_s=self._times - self._marks["cpu"],
            wall_s=time.monotonic() - self._marks["wall"],
            rss_mb=self.rss_mb,
        )

    @property
    def rss_mb(self) -> float:
        """Its memory now."""
        return _of_all(psutil.Process(self.process.pid), lambda p: p.memory_info().rss) / 1e6

    @property
    def threads(self) -> int:
        """How many threads it has now."""
        return int(psutil.Process(self.process.pid).num_threads())

    @property
    def open_files(self) -> int:
        """How many file descriptors it has now."""
        return int(psutil.Process(self.process.pid).num_fds())


@dataclass
class Agent(Measured):
    """`python -m agent_fleet` under measurement."""

    settings: Settings
    log: Path

    async def pipelines(self) -> list[dict[str, Any]]:
        """What the agent says of its pipelines."""
        async with httpx.AsyncClient() as http:
            answer = await http.get(f"{self.settings.fleet_url}/pipelines", timeout=10)
            found: list[dict[str, Any]] = answer.json()["pipelines"]
            return found


class Strangers:
    """Measures what runs on this machine beside the bench, from when it is made."""

    def __init__(self) -> None:
        """Begin."""
        self._begin = (*self._busy_s(), time.monotonic())

    def pct(self) -> float:
        """Their processor time since then, in percent of one core."""
        machine, ours, at = self._begin
        machine_now, ours_now = self._busy_s()
        strange = (machine_now - machine) - (ours_now - ours)
        return round(max(0.0, 100 * strange / (time.monotonic() - at)), 1)

    @staticmethod
    def _busy_s() -> tuple[float, float]:
        """Seconds that the whole machine and the bench's own processes have worked."""
        times = psutil.cpu_times()
        ours = _of_all(psutil.Process(), _worked_s)
        # What the kernel does for network packets counts as nobody's.
        return times.user + times.nice + times.system, ours


class Stand:
    """Servers, kept running while agents come and go; `stand()` makes one."""

    def __init__(self, stack: Stack, folder: Path, cores: Cores) -> None:
        """Use these running servers."""
        self._stack = stack
        self._folder = folder
        self.cores = cores
        self.settings = Settings.model_validate(
            {n.removeprefix("PARLEY_").lower(): v for n, v in stack.environment.items()}
        )

    @asynccontextmanager
    async def agent(
        self, *, program: Sequence[str] = ("agent_fleet",), **changes: str
    ) -> AsyncIterator[Agent]:
        """An agent process with some settings changed, e.g. `frame_ms="10"`.

        Args:
            program: its module, and what is said to it.
            changes: settings by name.
        """
        number = time.time_ns()
        folder = self._folder / f"agent-{number}"
        folder.mkdir()
        port = _free_port()
        name = f"bench-{number}"
        own = {
            "PARLEY_STATE_DIR": str(folder),
            "PARLEY_FLEET_URL": f"http://127.0.0.1:{port}",
            "PARLEY_API_URL": "http://127.0.0.1:9",  # nobody: rooms are registered here
            "PARLEY_AGENT_NAME": name,
            "PARLEY_MAX_SPEAKERS": "100",
            "PARLEY_RECOGNISER_NICE": "18",  # as in its image: it has its core to itself
            "PARLEY_VOICE_NICE": "19",
        }
        own |= await asyncio.to_thread(subscriber.environment)
        own |= {f"PARLEY_{key.upper()}": value for key, value in changes.items()}
        log = folder / "agent.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: ASYNC220 - a fork, and psutil follows it
                [sys.executable, "-m", *program],
                env=dict(os.environ) | self._stack.environment | own,
                stdout=output,
                stderr=output,
                preexec_fn=lambda: os.sched_setaffinity(0, self.cores.agent),
            )
        settings = self.settings.model_copy(
            update={"fleet_url": own["PARLEY_FLEET_URL"], "agent_name": name, "state_dir": folder}
        )
        agent = Agent(process, settings, log)
        try:
            await self._ready(agent)
            yield agent
        finally:
            process.terminate()
            try:
                await asyncio.to_thread(process.wait, 60)
            except subprocess.TimeoutExpired:
                process.kill()
                await asyncio.to_thread(process.wait)

    @asynccontextmanager
    async def room(
        self, agent: Agent, *, attended: bool = True, options: RoomOptions | None = None
    ) -> AsyncIterator[LiveRoom]:
        """A registered room, with the agent in it if it is to be attended."""
        stores = Stores.from_settings(agent.settings)
        async with LiveKit.from_settings(agent.settings) as livekit:
            room = await livekit.create_room(f"bench-{time.time_ns()}")
            wanted = options or RoomOptions()
            await stores.rooms.register(room.sid, room.name, wanted, wall_clock_ms())
            if attended:
                await livekit.dispatch_agent(room.name, agent.settings.agent_name)
            deadline = time.monotonic() + _READY_S
            while attended and not any(p.agent for p in await livekit.list_participants(room.name)):
                if time.monotonic() > deadline:
                    raise TimeoutError("the agent did not come")
                await asyncio.sleep(0.05)
            try:
                yield room
            finally:
                await livekit.delete_room(room.name)
                stores.close()

    def listener_token(self, room: LiveRoom) -> str:
        """A token of somebody who only listens."""
        return LiveKit.from_settings(self.settings).join_token(room.name, "listener")

    async def _ready(self, agent: Agent) -> None:
        deadline = time.monotonic() + _READY_S
        async with httpx.AsyncClient() as http:
            while True:
                try:
                    answer = await http.get(f"{agent.settings.fleet_url}/healthz")
                    if answer.status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
                if agent.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(agent.log.read_text()[-2000:])
                await asyncio.sleep(0.05)


@asynccontextmanager
async def stand() -> AsyncIterator[Stand]:
    """Servers in a scratch folder, on the cores that are not the agent's."""
    cores = Cores.of_this_machine()
    os.sched_setaffinity(0, cores.others)
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        stack = Stack(Path(folder) / "stack", parts=["livekit", "mongo", "minio"])
        async with stack:
            made = Stand(stack, Path(folder), cores)
            await BlobStore.from_settings(made.settings).create_bucket()
            yield made


@dataclass(frozen=True)
class Network:
    """What speakers' networks do to their packets (`NetworkPlan` in the publisher's source)."""

    delay_ms: float = 0.0
    lost_pct: float = 0.0


STEADY = Network()


class Publisher:
    """The Go program that puts speakers into a room without costing what Python would."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Follow this process."""
        self._process = process
        self.started: dict[str, tuple[int, str]] = {}
        """When each identity's file began (ms since the epoch), and its track."""
        self.failed: list[str] = []
        self._changed = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def all_started(self, count: int, limit_s: float = 60) -> None:
        """Wait until so many speak."""
        async with asyncio.timeout(limit_s):
            while len(self.started) < count:
                if self.failed:
                    raise RuntimeError(f"a participant failed: {self.failed[0]}")
                await self._changed.wait()
                self._changed.clear()

    async def all_left(self, limit_s: float) -> None:
        """Wait until everybody has left of their own."""
        async with asyncio.timeout(limit_s):
            await self._process.wait()

    async def stop(self) -> None:
        """Make everybody leave."""
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            event = json.loads(line)
            if event["event"] == "started":
                self.started[event["identity"]] = (event["at_ms"], event["track_sid"])
            elif event["event"] == "failed":
                self.failed.append(event.get("error", "unknown"))
            self._changed.set()


@asynccontextmanager
async def publishing(
    settings: Settings,
    room: LiveRoom,
    people: Sequence[ScriptedSpeaker],
    *,
    silent: int = 0,
    readers: bool = True,
    network: Network = STEADY,
) -> AsyncIterator[Publisher]:
    """Everybody speaks in the room, from one common start.

    Args:
        settings: of the servers.
        room: where.
        people: who, as `speaker-000` and so on.
        silent: how many of them are muted from start to end.
        readers: whether they get everybody's captions.
        network: everybody's way to LiveKit.
    """
    visits = [
        {
            "identity": f"speaker-{number:03}",
            "name": f"Speaker {number}",
            "file": str(person.file),
            "mutes": [[0, int(person.seconds * 1000)]] if number < silent else [],
            "attributes": {} if readers else {ATTRIBUTE: OFF},
        }
        for number, person in enumerate(people)
    ]
    async with publisher_of(settings, room, visits, network) as publisher:
        yield publisher


@asynccontextmanager
async def publisher_of(
    settings: Settings,
    room: LiveRoom,
    visits: Sequence[dict[str, Any]],
    network: Network = STEADY,
) -> AsyncIterator[Publisher]:
    """Run the publisher with these visits (`ParticipantPlan` in its source)."""
    program = ensure(server("publisher"))
    plan = {
        "url": settings.livekit_url,
        "api_key": settings.livekit_api_key,
        "api_secret": settings.livekit_api_secret.get_secret_value(),
        "room": room.name,
        "participants": visits,
        "network": asdict(network),
    }
    process = await asyncio.create_subprocess_exec(
        str(program.path),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(plan).encode())
    process.stdin.close()
    publisher = Publisher(process)
    try:
        yield publisher
    finally:
        await publisher.stop()


def _free_port() -> int:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
