"""toxiproxy between the fleet and a server: connections that can be cut and slowed."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx

from parley_cli.stack.build import ensure
from parley_cli.stack.servers import server
from tests.integration.fleet.conftest import free_port


class Faults:
    """A running toxiproxy."""

    def __init__(self, api: httpx.Client) -> None:
        self._api = api

    def proxy(self, name: str, upstream: str) -> str:
        """An address that leads to `upstream` (host:port) until it is cut."""
        listen = f"127.0.0.1:{free_port()}"
        body = {"name": name, "listen": listen, "upstream": upstream, "enabled": True}
        self._api.post("/proxies", json=body).raise_for_status()
        return listen

    def cut(self, name: str) -> None:
        self._api.post(f"/proxies/{name}", json={"enabled": False}).raise_for_status()

    def mend(self, name: str) -> None:
        self._api.post(f"/proxies/{name}", json={"enabled": True}).raise_for_status()

    def slow(self, name: str, ms: int) -> None:
        body = {"name": "slow", "type": "latency", "attributes": {"latency": ms}}
        self._api.post(f"/proxies/{name}/toxics", json=body).raise_for_status()


@contextmanager
def toxiproxy() -> Iterator[Faults]:
    port = free_port()
    program = ensure(server("toxiproxy"))
    process = subprocess.Popen(
        [str(program.path), "-host", "127.0.0.1", "-port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as api:
            deadline = time.monotonic() + 20
            while True:
                try:
                    api.get("/version")
                    break
                except httpx.HTTPError:
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
            yield Faults(api)
    finally:
        process.terminate()
        process.wait(10)


def address(url: str) -> str:
    """The host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}"
