"""Which of several agents serves a `/v1/stream` client: the same one for the same identity."""

from collections.abc import Sequence

from aiohttp import web

from agent_fleet.sharing import ranked


class StreamInstances:
    """The agents that serve streams, by the hash that shares a room's speakers too.

    When an agent is added or taken away, only the clients that it gets or had are sent elsewhere.
    """

    def __init__(self, own_url: str, urls: Sequence[str]) -> None:
        """Know all agents' addresses; without this one's among them nobody is sent away."""
        self._own = own_url.rstrip("/")
        self._urls = [url.rstrip("/") for url in urls] or [self._own]

    def instance_of(self, identity: str) -> str:
        """The address of the agent that serves somebody."""
        return ranked(identity, self._urls)[0]

    def elsewhere(self, request: web.Request) -> str | None:
        """Where a request belongs, if that is not here."""
        identity = request.query.get("identity")
        if not identity or self._own not in self._urls:
            return None
        url = self.instance_of(identity)
        return None if url == self._own else f"{url}{request.path_qs}"

    async def handle(self, request: web.Request) -> web.Response:
        """`GET /v1/stream/instance?identity=…`: the address to connect to."""
        identity = request.query.get("identity")
        if not identity:
            return web.json_response({"title": "identity is missing"}, status=400)
        return web.json_response({"url": f"{self.instance_of(identity)}/v1/stream"})
