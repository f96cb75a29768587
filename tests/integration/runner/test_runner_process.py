"""The runner as a process: what it answers, and what is left after it was killed."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.integration.runner.conftest import Notes, object_event, until

SERVE = Path(__file__).parent / "serve.py"
ROOT = Path(__file__).parents[3]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: Notes) -> str:
    address = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("PARLEY_RUNNER_URL", address)
    monkeypatch.setenv("PARLEY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return address


@pytest.fixture
async def start(url: str) -> AsyncIterator[Callable[[], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start_one() -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, str(SERVE)], stderr=subprocess.PIPE)
        started.append(process)
        return process

    yield start_one
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=20)


async def healthy(url: str) -> bool:
    try:
        async with httpx.AsyncClient() as client:
            return (await client.get(f"{url}/healthz")).status_code == 200
    except httpx.TransportError:
        return False


async def post(url: str, key: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.post(f"{url}/events/s3", content=object_event(key))


async def get(url: str, path: str) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        return dict((await client.get(f"{url}{path}")).raise_for_status().json())


async def test_a_killed_runner_loses_nothing(
    url: str, start: Callable[[], subprocess.Popen[bytes]], notes: Notes
) -> None:
    first = start()
    await until(lambda: healthy(url))
    accepted = [(await post(url, f"slow/{n}.ogg")).json()["jobs"][0] for n in range(20)]
    await until(lambda: len(notes.of("slow_began")) == 1)
    worker = notes.of("slow_began")[0]["pid"]

    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    await until(lambda: not psutil.pid_exists(worker), limit_s=10)
    assert notes.of("slow_ended") == []

    (notes.folder / "go").touch()
    start()
    await until(lambda: len(notes.of("slow_ended")) == 20)
    assert sorted(run["message"] for run in notes.of("slow_ended")) == sorted(accepted)
    began = [run for run in notes.of("slow_began") if run["message"] == accepted[0]]
    assert [run["receives"] for run in began] == ["1", "2"]


async def test_every_acknowledged_event_survives_kill_under_load(
    url: str, start: Callable[[], subprocess.Popen[bytes]], notes: Notes
) -> None:
    first = start()
    await until(lambda: healthy(url))
    acknowledged: list[str] = []

    async def load(client: httpx.AsyncClient, lane: int) -> None:
        for n in range(1_000_000):
            try:
                answer = await client.post(
                    f"{url}/events/s3", content=object_event(f"slow/{lane}-{n}.ogg")
                )
            except httpx.TransportError:
                return
            acknowledged.extend(answer.json()["jobs"])

    async with httpx.AsyncClient() as client, asyncio.TaskGroup() as tasks:
        for lane in range(4):
            tasks.create_task(load(client, lane))
        await until(lambda: len(acknowledged) > 100)
        os.kill(first.pid, signal.SIGKILL)
    first.wait()

    start()
    await until(lambda: healthy(url))
    jobs = (await get(url, "/jobs"))["jobs"]
    assert isinstance(jobs, list)
    assert set(acknowledged) <= {job["id"] for job in jobs}


async def test_dead_letters_can_be_seen_and_retried(
    url: str, start: Callable[[], subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLEY_JOB_ATTEMPTS", "1")
    start()
    await until(lambda: healthy(url))
    (job,) = (await post(url, "fail/x.ogg")).json()["jobs"]

    async def dead() -> bool:
        return bool((await get(url, "/jobs"))["dead"] == 1)

    await until(dead)
    (letter,) = (await get(url, "/dead-letters"))["dead_letters"]
    assert letter["id"] == job
    assert letter["error"] == "ValueError: this one never works"
    assert letter["subject"] == "fail/x.ogg"
    async with httpx.AsyncClient() as client:
        assert (await client.post(f"{url}/dead-letters/{job}/retry")).status_code == 202
        missing = await client.post(f"{url}/dead-letters/nobody/retry")
    assert missing.status_code == 404
    assert missing.headers["content-type"] == "application/problem+json"
    await until(dead)


async def test_what_is_no_event_is_refused(
    url: str, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    start()
    await until(lambda: healthy(url))
    async with httpx.AsyncClient() as client:
        refused = await client.post(f"{url}/events/s3", content=b"\xff{")
        empty = await client.post(f"{url}/events/s3", content=b"{}")
    assert refused.status_code == 400
    assert empty.json() == {"jobs": []}
    assert (await get(url, "/jobs"))["jobs"] == []


async def test_terminate_ends_it_and_its_workers(
    url: str, start: Callable[[], subprocess.Popen[bytes]], notes: Notes
) -> None:
    process = start()
    await until(lambda: healthy(url))
    await post(url, "slow/a.ogg")
    await until(lambda: len(notes.of("slow_began")) == 1)
    children = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    assert await asyncio.to_thread(process.wait, 15) == 0
    psutil.wait_procs(children, timeout=5)
    assert not any(child.is_running() for child in children)


async def test_a_taken_port_is_one_sentence(
    url: str, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    port = int(url.rsplit(":", 1)[1])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        process = start()
        _, errors = await asyncio.to_thread(process.communicate, None, 30)
    assert process.returncode == 1
    assert errors.decode().splitlines()[-1] == (
        f"The runner can't listen on 127.0.0.1:{port} (Address already in use): stop what uses it, "
        "or set PARLEY_RUNNER_URL."
    )


async def test_a_second_runner_on_the_same_state_is_refused(
    url: str, start: Callable[[], subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    await until(lambda: healthy(url))
    monkeypatch.setenv("PARLEY_RUNNER_URL", f"http://127.0.0.1:{free_port()}")
    second = start()
    _, errors = await asyncio.to_thread(second.communicate, None, 30)
    assert second.returncode == 1
    assert "Another runner uses" in errors.decode().splitlines()[-1]
