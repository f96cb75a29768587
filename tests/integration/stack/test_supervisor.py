"""The supervisor with small stand-in processes: order, deaths, restarts, nothing left behind."""

import asyncio
import os
import shutil
import signal
from pathlib import Path

import httpx
import pytest

from parley.errors import SetupError
from parley_cli.stack.lifecycle import status
from parley_cli.stack.ports import PortTakenError, is_free
from parley_cli.stack.process import PartDiedError
from parley_cli.stack.stack import AlreadyRunningError, Stack, StackEvent
from parley_cli.stack.state import StateFolder
from tests.stack_fixtures.waiting import gone, until

OURS = ("api", "runner", "fleet")


class Watch:
    """Keeps a stack's events."""

    def __init__(self) -> None:
        self.events: list[StackEvent] = []

    def __call__(self, event: StackEvent) -> None:
        self.events.append(event)

    def kinds(self, part: str) -> list[str]:
        return [event.kind for event in self.events if event.part == part]

    def order(self, kind: str) -> list[str]:
        return [event.part for event in self.events if event.kind == kind]


def starts(folder: Path) -> list[int]:
    file = folder / "starts"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


async def test_parts_start_after_what_they_need_and_stop_before_it(
    tmp_path: Path, small_parts: dict[str, Path]
) -> None:
    watch = Watch()
    async with Stack(tmp_path / "s", parts=OURS, on_event=watch) as stack:
        assert watch.order("ready") == ["api", "runner", "fleet"]
        state = StateFolder(tmp_path / "s").read()
        assert state is not None
        assert state.phase == "ready"
        pids = [stack.pid(name) for name in OURS]
        ports = list(stack.plan.ports.values())
    assert watch.order("stopped") == ["fleet", "runner", "api"]
    assert all(gone(pid) for pid in pids)
    assert all(is_free(port) for port in ports)
    after = StateFolder(tmp_path / "s").read()
    assert after is not None
    assert after.phase == "stopped"
    assert after.supervisor_pid is None
    assert [part.pid for part in after.parts.values()] == [None, None, None]


async def test_ports_and_keys_of_a_state_folder_last(
    tmp_path: Path, small_parts: dict[str, Path]
) -> None:
    async with Stack(tmp_path / "s", parts=["api"]) as stack:
        first = stack.environment
    async with Stack(tmp_path / "s", parts=["api"]) as stack:
        assert stack.environment == first
    async with Stack(tmp_path / "other", parts=["api"]) as stack:
        assert stack.environment["PARLEY_AUTH_KEY"] != first["PARLEY_AUTH_KEY"]


async def test_a_second_stack_on_the_folder_says_that_one_runs(
    tmp_path: Path, small_parts: dict[str, Path]
) -> None:
    async with Stack(tmp_path / "s", parts=["api"]) as stack:
        with pytest.raises(AlreadyRunningError, match="already running"):
            await Stack(tmp_path / "s", parts=["api"]).__aenter__()
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{stack.plan.http('api')}/healthz")).status_code == 200


async def test_a_taken_port_is_one_sentence_and_starts_nothing(
    tmp_path: Path, small_parts: dict[str, Path]
) -> None:
    async with Stack(tmp_path / "s", parts=["api"]) as stack:
        taken = stack.plan.ports["api"]
        with pytest.raises(PortTakenError, match=f"Port {taken} for api is taken"):
            await Stack(tmp_path / "other", parts=OURS, ports={"api": taken}).__aenter__()
    assert len(starts(small_parts["api"])) == 1
    assert starts(small_parts["fleet"]) == []
    failed = StateFolder(tmp_path / "other").read()
    assert failed is not None
    assert failed.phase == "failed"
    assert failed.failure is not None
    assert failed.failure.startswith(f"Port {taken}")


async def test_a_full_disk_is_one_sentence(
    tmp_path: Path, small_parts: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(SetupError, match=r"disk of .* is full"):
        await Stack(tmp_path / "s", parts=["api"]).__aenter__()
    assert starts(small_parts["api"]) == []


async def test_a_dead_part_is_reported_and_started_again_on_its_port(
    tmp_path: Path, small_parts: dict[str, Path]
) -> None:
    watch = Watch()
    async with Stack(tmp_path / "s", parts=OURS, on_event=watch) as stack:
        first, port = stack.pid("runner"), stack.plan.ports["runner"]
        os.kill(first, signal.SIGKILL)
        await until(lambda: watch.kinds("runner").count("ready") == 2, "the runner is back")
        assert stack.pid("runner") != first
        assert stack.plan.ports["runner"] == port
        assert watch.kinds("runner") == ["starting", "ready", "died", "ready"]
        died = next(event for event in watch.events if event.kind == "died")
        assert "runner was killed by SIGKILL" in died.text
        # Its dependents stay: they are made to reconnect.
        assert len(starts(small_parts["fleet"])) == 1
        (now,) = [part for part in status(tmp_path / "s").parts if part.name == "runner"]
        assert (now.pid, now.restarts) == (stack.pid("runner"), 1)


async def test_a_part_that_keeps_dying_is_given_up_and_everything_stops(
    tmp_path: Path, small_parts: dict[str, Path]
) -> None:
    watch = Watch()
    async with Stack(tmp_path / "s", parts=OURS, on_event=watch, restarts=2) as stack:
        api, folder = stack.pid("api"), small_parts["runner"]
        (folder / "broken").touch()
        os.kill(stack.pid("runner"), signal.SIGKILL)
        with pytest.raises(PartDiedError, match="it is broken today"):
            async with asyncio.timeout(20):
                await stack.wait()
    assert gone(api)
    assert watch.kinds("runner").count("died") == 3
    assert watch.kinds("runner")[-1] == "failed"
    assert status(tmp_path / "s").phase == "failed"
    assert "it is broken today" in str(status(tmp_path / "s").failure)


async def test_a_part_that_cannot_start_stops_the_others_again(
    tmp_path: Path, small_parts: dict[str, Path]
) -> None:
    (small_parts["runner"] / "broken").touch()
    with pytest.raises(PartDiedError, match=r"runner ended with 1, last saying: it is broken"):
        await Stack(tmp_path / "s", parts=OURS, restarts=1).__aenter__()
    assert all(gone(pid) for pid in starts(small_parts["api"]))
    assert starts(small_parts["fleet"]) == []
    async with Stack(tmp_path / "s", parts=["api"]):  # the folder is free again
        pass


async def test_a_part_that_ignores_sigterm_is_killed_with_its_children(
    tmp_path: Path, small_parts: dict[str, Path]
) -> None:
    (small_parts["api"] / "stubborn").touch()
    (small_parts["api"] / "with-child").touch()
    async with Stack(tmp_path / "s", parts=["api"]) as stack:
        pid = stack.pid("api")
        child = int((small_parts["api"] / "child").read_text())
        assert not gone(child)
    assert gone(pid)
    await until(lambda: gone(child), "the child is gone")


async def test_a_part_can_be_restarted(tmp_path: Path, small_parts: dict[str, Path]) -> None:
    async with Stack(tmp_path / "s", parts=["api"]) as stack:
        first = stack.pid("api")
        await stack.restart("api")
        assert gone(first)
        assert starts(small_parts["api"]) == [first, stack.pid("api")]


async def test_the_log_of_a_part_is_kept(tmp_path: Path, small_parts: dict[str, Path]) -> None:
    watch = Watch()
    async with Stack(tmp_path / "s", parts=["api"], on_event=watch) as stack:
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.TransportError):
                await client.get(f"{stack.plan.http('api')}/die")
        await until(lambda: watch.kinds("api").count("ready") == 2, "the api is back")
    assert "dying as asked" in (tmp_path / "s" / "logs" / "api.log").read_text()
    died = next(event for event in watch.events if event.kind == "died")
    assert died.text.startswith("api ended with 7, last saying: dying as asked (log: ")


async def test_an_unknown_part_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no part called 'kafka'"):
        Stack(tmp_path / "s", parts=["kafka"])
