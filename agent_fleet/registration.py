"""Makes rooms and tracks known to the record, through the API and else in the database itself."""

import httpx
import stamina

from agent_fleet.patience import may_pass, patiently
from agent_fleet.speaker_track import SpeakerTrack
from parley.auth.tokens import Role, mint
from parley.clock import Clock, wall_clock_ms
from parley.domain.room import RoomOptions, RoomStatus
from parley.errors import ParleyError
from parley.rooms.tracks import publish_track
from parley.settings import Settings
from parley.storage import Stores
from parley.telemetry.logs import get_logger

log = get_logger("registration")

_SUBJECT = "agent-fleet"


class ApiUnavailableError(ParleyError):
    """The REST API cannot be reached, or answers with a server error."""

    retryable = True
    code = "api-unavailable"


class Registrar:
    """Registers the rooms that agents join, and the tracks they hear."""

    def __init__(
        self,
        settings: Settings,
        stores: Stores,
        *,
        http: httpx.AsyncClient | None = None,
        clock: Clock = wall_clock_ms,
    ) -> None:
        """Use the API of the settings, and these stores."""
        self._settings = settings
        self._stores = stores
        self._http = http or httpx.AsyncClient(base_url=settings.api_url, timeout=5.0)
        self._clock = clock

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def register_room(self, sid: str, name: str) -> RoomOptions:
        """Register a room, trying for as long as it takes; returns what is to be done with it."""
        async for attempt in patiently():
            with attempt:
                try:
                    await self._ask_api(sid, name)
                except ApiUnavailableError:
                    # The API may be down while the database isn't: rooms opened through the
                    # API are registered already.
                    if await self._stores.rooms.find(sid) is None:
                        raise
                return (await self._stores.rooms.get(sid)).options
        raise AssertionError("unreachable")

    async def publish_track(self, track: SpeakerTrack, published_ms: int) -> bool:
        """Make the room wait for a track, trying for as long as it takes.

        Returns:
            False when the room is final and accepts no more tracks.
        """
        async for attempt in patiently():
            with attempt:
                return await publish_track(
                    self._stores,
                    room_sid=track.room_sid,
                    track_sid=track.track_sid,
                    identity=track.identity,
                    name=track.name,
                    published_ms=published_ms,
                    language=track.language or None,
                    kind=track.kind,
                )
        raise AssertionError("unreachable")

    async def set_language(self, track_sid: str, language: str) -> None:
        """Note the language that a track is heard in from now on."""
        async for attempt in stamina.retry_context(on=may_pass, attempts=5):
            with attempt:
                await self._stores.tracks.set_language(track_sid, language)

    async def is_final(self, room_sid: str) -> bool:
        """Whether the room accepts no more tracks."""
        async for attempt in stamina.retry_context(on=may_pass, attempts=5):
            with attempt:
                return (await self._stores.rooms.get(room_sid)).status is not RoomStatus.ACTIVE
        raise AssertionError("unreachable")

    async def _ask_api(self, sid: str, name: str) -> None:
        token = mint(
            self._settings, sub=_SUBJECT, role=Role.SERVICE, rooms=(sid,), ttl_s=300,
            now_s=self._clock() / 1000,
        )  # fmt: skip
        try:
            answer = await self._http.post(
                f"/rooms/{sid}/register",
                json={"name": name},
                headers={"Authorization": f"Bearer {token}"},
            )
        except httpx.HTTPError as error:
            raise ApiUnavailableError("the API cannot be reached") from error
        if answer.status_code >= 400:
            raise ApiUnavailableError(f"the API answered {answer.status_code}")
