"""The supervisor: starts the parts of a stack, keeps them up, stops them in reverse."""

import asyncio
import os
import random
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import stamina

from parley.errors import ParleyError, SetupError
from parley_cli.stack import subscriber
from parley_cli.stack.build import ensure
from parley_cli.stack.locks import HeldError, Lock
from parley_cli.stack.part import Part
from parley_cli.stack.parts import OUR_PARTS, SERVER_PARTS
from parley_cli.stack.plan import ALL_PARTS, PART_PORTS, StackPlan
from parley_cli.stack.ports import choose_ports
from parley_cli.stack.process import PartDiedError, PartProcess, kill_left_over
from parley_cli.stack.servers import Server, server
from parley_cli.stack.state import PartState, Phase, StackSecrets, StackState, StateFolder

RESTARTS = 5
_STEADY_S = 60.0
_LEAST_DISK_BYTES = 500 * 1024 * 1024


class AlreadyRunningError(SetupError):
    """Another process runs a stack on the same state folder."""

    code = "already-running"


@dataclass(frozen=True)
class StackEvent:
    """Something that a person who watches the stack wants to know.

    Attributes:
        part: which part.
        kind: what happened to it.
        text: a sentence for `died` and `failed`, how long it took for `building`, else empty.
    """

    part: str
    kind: Literal["building", "starting", "ready", "died", "stopped", "failed"]
    text: str = ""


class Stack:
    """The parts of one state folder, running while the `async with` block does."""

    def __init__(
        self,
        folder: Path,
        *,
        parts: Sequence[str] = ALL_PARTS,
        ports: Mapping[str, int] | None = None,
        restarts: int = RESTARTS,
        plan: Callable[[Path, dict[str, int], StackSecrets], StackPlan] = StackPlan,
        on_event: Callable[[StackEvent], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ) -> None:
        """Prepare a stack; nothing happens yet.

        Args:
            folder: the state folder; made if it is missing.
            parts: which of `plan.ALL_PARTS` to run.
            ports: ports that must be these, by the names in `plan.PART_PORTS`.
            restarts: how often a part that keeps dying is started again.
            plan: makes the plan of a folder, ports and keys; another one may send the parts'
                traffic through something that disturbs it.
            on_event: told what happens.
            clock: seconds since the epoch.
            rng: where free ports come from.
        """
        unknown = set(parts) - set(ALL_PARTS)
        if unknown:
            raise SetupError(f"There is no part called {unknown.pop()!r} in the stack.")
        self._folder = StateFolder(folder)
        self._names = [name for name in ALL_PARTS if name in parts]
        self._wanted_ports = dict(ports or {})
        self._restarts = restarts
        self._make_plan = plan
        self._tell = on_event
        self._clock = clock
        self._rng = rng or random.Random()
        self._state = StackState()
        self._lock: Lock | None = None
        self._parts: dict[str, Part] = {}
        self._running: dict[str, PartProcess] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._serving: dict[str, asyncio.Event] = {}
        self._failed: asyncio.Future[PartDiedError | None] | None = None
        self.plan: StackPlan

    @property
    def environment(self) -> dict[str, str]:
        """The `PARLEY_` variables with which anything finds this stack."""
        return self.plan.environment()

    def pid(self, part: str) -> int:
        """The process of a running part."""
        return self._running[part].pid

    async def __aenter__(self) -> Self:
        """Start everything; raises `SetupError` or `PartDiedError` with all stopped again."""
        self._folder.make()
        try:
            self._lock = Lock(self._folder.lock)
        except HeldError:
            raise AlreadyRunningError(
                f"A stack is already running on {self._folder.path}: "
                "use it, stop it with `parley down`, or choose another state folder."
            ) from None
        try:
            self._state = self._folder.read() or StackState()
        except BaseException:
            self._lock.release()
            raise
        try:
            await self._start()
        except BaseException as error:
            if isinstance(error, ParleyError):
                self._state.failure = str(error)
            await self._stop("failed")
            raise
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Stop everything, whatever happened."""
        await self._stop("stopped" if self._state.failure is None else "failed")

    async def wait(self) -> None:
        """Wait until a part is given up; raises its `PartDiedError`."""
        assert self._failed is not None, "the stack is not running"
        error = await asyncio.shield(self._failed)
        if error is not None:
            raise error

    def hurry(self) -> None:
        """Make a stop that is under way end at once."""
        for process in self._running.values():
            process.kill()

    async def restart(self, part: str) -> None:
        """Stop one part and start it again on the same port, as a test or an operator wants."""
        await self._stop_one(part)
        self._keep(self._parts[part])
        await self._until_serving(part)

    # --- starting ---------------------------------------------------------------

    async def _start(self) -> None:
        self._check_disk()
        previous = self._state
        for name, left in previous.parts.items():
            if left.pid and left.created_s and kill_left_over(left.pid, left.created_s):
                self._tell(StackEvent(name, "stopped", "It was left over from an earlier run."))
        ports = choose_ports(
            [port for name in self._names for port in PART_PORTS[name]],
            wanted=self._wanted_ports,
            preferred=previous.ports,
            rng=self._rng,
        )
        self.plan = self._make_plan(self._folder.path, ports, previous.secrets)
        self._parts = {name: await self._make(name) for name in self._names}
        self._state = StackState(
            phase="starting",
            started_ms=int(self._clock() * 1000),
            ports=previous.ports | ports,
            secrets=previous.secrets,
            parts={
                name: PartState(url=part.url, log=str(self._log(name)))
                for name, part in self._parts.items()
            },
            environment=self.environment,
        )
        self._save("starting")
        self._failed = asyncio.get_running_loop().create_future()
        self._serving = {name: asyncio.Event() for name in self._names}
        for part in self._parts.values():
            self._keep(part)
        for name in self._names:
            await self._until_serving(name)
        self._save("ready")

    def _check_disk(self) -> None:
        free = shutil.disk_usage(self._folder.path).free
        if free < _LEAST_DISK_BYTES:
            raise SetupError(
                f"The disk of {self._folder.path} is full ({free // 2**20} MB free): "
                f"free at least {_LEAST_DISK_BYTES // 2**20} MB or use another state folder."
            )

    async def _make(self, name: str) -> Part:
        def building(wanted: Server) -> None:
            self._tell(StackEvent(name, "building", f"about {wanted.build_minutes:g} min"))

        if name == "fleet":
            await asyncio.to_thread(subscriber.environment, building)
        if name in OUR_PARTS:
            return OUR_PARTS[name](self.plan)
        program = await asyncio.to_thread(ensure, server(name), building)
        return SERVER_PARTS[name](self.plan, program)

    async def _until_serving(self, name: str) -> None:
        """Wait for the part, or raise the first failure of any part."""
        assert self._failed is not None
        served = asyncio.create_task(self._serving[name].wait())
        either: set[asyncio.Future[Any]] = {served, self._failed}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            served.cancel()
        if self._failed.done() and (error := self._failed.result()):
            raise error

    # --- keeping up -------------------------------------------------------------

    def _keep(self, part: Part) -> None:
        self._keepers[part.name] = asyncio.create_task(self._keeper(part), name=part.name)

    async def _keeper(self, part: Part) -> None:
        """Run the part until it is stopped or given up."""
        for needed in part.needs:
            if needed in self._serving:
                await self._serving[needed].wait()
        self._tell(StackEvent(part.name, "starting"))
        try:
            while True:  # each round is a series of deaths close together
                async for attempt in stamina.retry_context(
                    on=PartDiedError,
                    attempts=1 + self._restarts,
                    timeout=None,
                    wait_initial=0.2,
                    wait_max=10.0,
                ):
                    with attempt:
                        await self._run_once(part)
        except ParleyError as error:
            died = error if isinstance(error, PartDiedError) else PartDiedError(str(error))
            self._tell(StackEvent(part.name, "failed", str(died)))
            self._state.failure = str(died)
            if self._failed is not None and not self._failed.done():
                self._failed.set_result(died)

    async def _run_once(self, part: Part) -> None:
        """Run it to its end; raises `PartDiedError` unless it had served for long."""
        process = await PartProcess.start(part, self._log(part.name))
        self._running[part.name] = process
        now = self._state.parts[part.name]
        now.restarts += now.pid is not None
        now.pid, now.created_s = process.pid, process.created_s
        self._save(self._state.phase)
        try:
            await process.serving()
            await _prepare(part)
        except PartDiedError as error:
            await process.stop()
            self._tell(StackEvent(part.name, "died", str(error)))
            raise
        self._serving[part.name].set()
        self._tell(StackEvent(part.name, "ready"))
        served_from = time.monotonic()
        death = await process.ended()
        self._serving[part.name].clear()
        await process.stop()  # what it had started itself
        self._tell(StackEvent(part.name, "died", str(death)))
        if time.monotonic() - served_from < _STEADY_S:
            raise death

    # --- stopping ---------------------------------------------------------------

    async def _stop(self, phase: Phase) -> None:
        """Stop the parts, those that others need last, and let the state folder go."""
        if self._lock is None:
            return
        with suppress(OSError):
            self._save("stopping")
        stopped = {name: asyncio.Event() for name in self._parts}
        try:
            await asyncio.gather(*(self._stop_in_turn(name, stopped) for name in self._parts))
        finally:
            for part in self._state.parts.values():
                part.pid = part.created_s = None
            self._state.supervisor_pid = None
            with suppress(OSError):
                self._save(phase)
            if self._failed is not None and not self._failed.done():
                self._failed.set_result(None)
            self._lock.release()
            self._lock = None

    async def _stop_in_turn(self, name: str, stopped: dict[str, asyncio.Event]) -> None:
        for other, part in self._parts.items():
            if name in part.needs:
                await stopped[other].wait()
        try:
            await self._stop_one(name)
        finally:
            stopped[name].set()

    async def _stop_one(self, name: str) -> None:
        keeper = self._keepers.pop(name, None)
        if keeper is not None:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper
        process = self._running.get(name)
        if process is not None:
            ran = process.alive
            await process.stop()
            del self._running[name]
            self._serving[name].clear()
            if ran:
                self._tell(StackEvent(name, "stopped"))

    # --- telling ----------------------------------------------------------------

    def _log(self, name: str) -> Path:
        return self._folder.logs / f"{name}.log"

    def _save(self, phase: Phase) -> None:
        self._state.phase = phase
        self._state.supervisor_pid = os.getpid() if phase not in ("stopped", "failed") else None
        self._folder.write(self._state)


@stamina.retry(
    on=lambda error: isinstance(error, ParleyError) and error.retryable, attempts=5, timeout=20.0
)
async def _prepare(part: Part) -> None:
    await part.prepare()
