"""Questions to a starting server: does it serve? Each raises while the answer is no."""

import asyncio

import httpx

from parley.storage.database import Database
from parley_cli.stack.part import Probe

_LIMIT_S = 2.0


def http_ok(url: str) -> Probe:
    """A GET of the URL answers with 2xx."""

    async def ask() -> None:
        async with httpx.AsyncClient(timeout=_LIMIT_S, trust_env=False) as client:
            (await client.get(url)).raise_for_status()

    return ask


def mongo_ping(uri: str, host: str, port: int) -> Probe:
    """The server answers MongoDB's `ping`."""
    listening = tcp_open(host, port)

    async def ask() -> None:
        await listening()  # the driver itself would wait half a second between its tries
        database = Database(uri, "admin", timeout_ms=int(_LIMIT_S * 1000))
        try:
            await database.ping()
        finally:
            database.close()

    return ask


def tcp_open(host: str, port: int) -> Probe:
    """Something accepts a connection."""

    async def ask() -> None:
        async with asyncio.timeout(_LIMIT_S):
            _, writer = await asyncio.open_connection(host, port)
        writer.close()
        await writer.wait_closed()

    return ask
