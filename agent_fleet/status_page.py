"""The fleet's own HTTP port: /healthz, /pipelines, /metrics, /v1/stream, /live/{sid}."""

from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from agent_fleet.fleet import Fleet
from agent_fleet.speaker import Speaker
from agent_fleet.stream_endpoint import StreamEndpoint
from agent_fleet.worker import FleetWorker
from parley.errors import SetupError


def pipeline_view(speaker: Speaker) -> dict[str, Any]:
    """One pipeline as JSON; no transcript text in it."""
    track = speaker.track
    expected = speaker.input.expected()
    return {
        "room_sid": track.room_sid,
        "room": track.room_name,
        "track_sid": track.track_sid,
        "identity": track.identity,
        "language": track.language,
        "state": speaker.state.value,
        "reason": speaker.reason,
        "breaker": speaker.breaker.state,
        "failures": speaker.failures,
        "talking": speaker.talking,
        "muted": speaker.input.muted,
        "queue": speaker.queued,
        "dropped": speaker.dropped,
        "lag_ms": speaker.lag_ms,
        "received_ratio": round(speaker.input.received / expected, 4) if expected else None,
        "speech_ratio": round(speaker.speech_ratio, 4),
        "gaps": len(speaker.input.gaps),
        "segments": speaker.dispatcher.segments,
        "captions_sent": speaker.dispatcher.captions_sent,
        "captions_failed": speaker.dispatcher.captions_failed,
    }


class StatusPage:
    """Serves what can be seen of the fleet from outside."""

    def __init__(self, fleet: Fleet, worker: FleetWorker) -> None:
        """Show these."""
        self._fleet = fleet
        self._worker = worker
        self._streams = StreamEndpoint(fleet)
        app = web.Application()
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/pipelines", self._pipelines),
                web.get("/metrics", self._metrics),
                web.get("/v1/stream", self._streams.handle),
                web.get("/v1/stream/instance", self._streams.instances.handle),
                web.get("/live/{sid}", fleet.partials.handle),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)

    async def start(self, url: str) -> None:
        """Listen where the settings say; raises `SetupError` when the port is taken."""
        where = urlsplit(url)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, where.hostname, where.port or 80).start()
        except OSError as error:
            raise SetupError(
                f"The fleet can't listen at {url} ({error.strerror}): "
                "stop what uses the port or set PARLEY_FLEET_URL."
            ) from error

    async def close(self) -> None:
        """Send the stream clients away and stop listening."""
        self._fleet.partials.close()
        await self._streams.close()
        await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        state = {
            "model_loaded": self._fleet.ready,
            "registered": self._worker.registered,
            "languages": list(self._fleet.languages.loaded),
            "rooms": self._worker.rooms,
            "speakers": len(self._fleet.manager.speakers),
        }
        ready = state["model_loaded"] and state["registered"]
        return web.json_response(
            {"status": "ok" if ready else "starting", **state}, status=200 if ready else 503
        )

    async def _pipelines(self, _: web.Request) -> web.Response:
        return web.json_response(
            {"pipelines": [pipeline_view(s) for s in self._fleet.manager.speakers]}
        )

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(self._fleet.metrics.registry),
            headers={"Content-Type": CONTENT_TYPE_LATEST},
        )
