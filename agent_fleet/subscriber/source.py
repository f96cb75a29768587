"""Rooms and tracks of the subscriber: what a room's session opens taps on."""

import asyncio
import itertools
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from typing import Self

from livekit import rtc

from agent_fleet.audio_tap import AudioTap, Receive, SdkSource
from agent_fleet.subscriber import wire
from agent_fleet.subscriber.opus import library
from agent_fleet.subscriber.playout import Packet, Playout, Sound
from agent_fleet.subscriber.process import SubscriberProcess
from parley.errors import SetupError
from parley.settings import Settings
from parley.telemetry.logs import get_logger

log = get_logger("subscriber")

PROGRAM = "parley-subscriber"
SDK = "sdk"
_REJOIN_S = (1.0, 2.0, 5.0)
_CLOSE_S = 1.0
_OPUS = ("audio/opus", "audio/red", "")  # red: Opus twice, of which LiveKit sends us one


class Subscriber:
    """The process's subscriber, for all its rooms; each method from any thread."""

    def __init__(self, program: str, settings: Settings) -> None:
        """Start nothing yet.

        Args:
            program: the built `infra/embedded/subscriber`.
            settings: how much of a track comes at a time, and what is silence.
        """
        self.settings = settings
        batch, few = f"-batch={settings.frame_ms}ms", f"-few={settings.short_frame_speakers}"
        self._process = SubscriberProcess([program, batch, few], self)
        self._numbers = itertools.count(1)
        self._rooms: dict[int, SubscribedRoom] = {}
        self._taps: dict[int, SubscriberTap] = {}
        self._made_up = [0, 0]
        self._lock = threading.Lock()

    @classmethod
    def from_settings(cls, settings: Settings) -> Self | None:
        """The subscriber that the settings name or that is on PATH; None where there is none.

        Raises:
            SetupError: the settings name what can't be used.
        """
        if settings.subscriber == SDK:
            return None
        program = shutil.which(settings.subscriber or PROGRAM)
        if program is None:
            if settings.subscriber:
                raise SetupError(f"PARLEY_SUBSCRIBER names no program: {settings.subscriber}")
            return None
        try:
            library()
        except SetupError as error:
            log.warning("audio can't come as packets", reason=str(error))
            return None
        return cls(program, settings)

    @property
    def pid(self) -> int | None:
        """Its process."""
        return self._process.pid

    @property
    def starts(self) -> int:
        """How often its process was started."""
        return self._process.starts

    def made_up(self) -> tuple[int, int]:
        """How many samples were bridged, and how many of silence left out, of all tracks so far."""
        with self._lock:
            playouts = [tap.playout for tap in self._taps.values()]
            concealed, left_out = self._made_up
        return (
            concealed + sum(playout.concealed for playout in playouts),
            left_out + sum(playout.left_out for playout in playouts),
        )

    def start(self) -> None:
        """Start its process.

        Raises:
            SetupError: it can't be run.
        """
        try:
            self._process.start()
        except OSError as error:
            raise SetupError(f"PARLEY_SUBSCRIBER can't be run: {error}") from error

    def close(self) -> None:
        """End its process."""
        self._process.close()

    def room(self, url: str, token: Callable[[], str]) -> "SubscribedRoom":
        """Join a room; on its event loop.

        Args:
            url: LiveKit's.
            token: makes a token for it.
        """
        number = next(self._numbers)
        made = SubscribedRoom(self, number, url, token)
        with self._lock:
            self._rooms[number] = made
        made.join()
        return made

    def forget(self, room: "SubscribedRoom") -> None:
        """A room is left."""
        with self._lock:
            self._rooms.pop(room.number, None)

    def open(self, room: "SubscribedRoom", track_sid: str, receive: Receive) -> "SubscriberTap":
        """A tap on a track of a room."""
        playout = Playout(quiet_rms=self.settings.gate_rms)
        tap = SubscriberTap(room, next(self._numbers), track_sid, receive, playout)
        with self._lock:
            self._taps[tap.number] = tap
        return tap

    def send(self, command: bytes) -> None:
        """Tell the process something."""
        self._process.send(command)

    # What the process says, in the thread that reads it.

    def started(self) -> None:
        """Tell a process what it is to know."""
        with self._lock:
            rooms = list(self._rooms.values())
        for room in rooms:
            try:
                room.begin_anew()
            except Exception:
                log.exception("room could not be joined again")

    def heard(self, tap: int, packets: list[Packet], now: float) -> None:
        """Packets of a track came, at a time on the monotonic clock."""
        with self._lock:
            found = self._taps.get(tap)
        if found is not None:
            found.heard(packets, now)

    def ticked(self, piece_ms: int, now: float) -> None:
        """Time passed; so much of a track comes at a time."""
        with self._lock:
            taps = list(self._taps.values())
        for tap in taps:
            tap.ticked(now, piece_ms)

    def told(self, event: wire.Event) -> None:
        """Something happened to a room or a tap."""
        with self._lock:
            room = self._rooms.get(event.room)
            tap = self._taps.get(event.tap) if event.event == "closed" else None
        if tap is not None:
            self.drop(tap)
            tap.closed()
        if room is not None:
            room.told(event)

    def drop(self, tap: "SubscriberTap") -> None:
        """A tap is of no use any more."""
        with self._lock:
            if self._taps.pop(tap.number, None) is not None:
                self._made_up[0] += tap.playout.concealed
                self._made_up[1] += tap.playout.left_out


class SubscribedRoom:
    """The subscriber's stay in a room: a source of its tracks' audio (`AudioSource`)."""

    subscribes = False

    def __init__(
        self, subscriber: Subscriber, number: int, url: str, token: Callable[[], str]
    ) -> None:
        """Belong to a room's event loop; `Subscriber.room` makes one."""
        self.number = number
        self._subscriber = subscriber
        self._url = url
        self._token = token
        self._loop = asyncio.get_running_loop()
        self._taps: dict[int, SubscriberTap] = {}
        settings = subscriber.settings
        self._others = SdkSource(frame_ms=settings.frame_ms, routed=settings.routed_audio)
        self._failures = 0
        self._again = False
        self._left = False
        self._lock = threading.Lock()

    def begin_anew(self) -> None:
        """The process was started: what was said before is missing."""
        self._tell_taps(away=True)
        self.join()

    def join(self) -> None:
        """Join, or join again; from any thread."""
        with self._lock:
            self._again = False
            if self._left:
                return
            self.send("join", url=self._url, token=self._token())
            for tap in self._taps.values():
                self.send("subscribe", track=tap.track_sid, tap=tap.number)

    def send(self, do: str, **what: object) -> None:
        """Have something done in this room."""
        self._subscriber.send(wire.command(do, self.number, **what))

    def told(self, event: wire.Event) -> None:
        """The process tells of this room; in the thread that reads it."""
        if event.event == "joined":
            self._failures = 0
            self._again = False
            self._tell_taps(away=False)
            return
        log.warning("subscriber is not in the room", what=event.event, reason=event.error)
        self._tell_taps(away=True)
        if event.event == "reconnecting":  # by itself
            return
        wait_s = _REJOIN_S[min(self._failures, len(_REJOIN_S) - 1)]
        self._failures += 1
        self._again = True
        try:
            self._loop.call_soon_threadsafe(self._loop.call_later, wait_s, self._join_again)
        except RuntimeError:  # its loop is closed: the room was left
            return

    def _join_again(self) -> None:
        if self._again:  # else it is there, or was told to join meanwhile
            self.join()

    def _tell_taps(self, *, away: bool) -> None:
        with self._lock:
            taps = list(self._taps.values())
        for tap in taps:
            tap.is_away(away)

    def open(self, publication: rtc.RemoteTrackPublication, receive: Receive) -> AudioTap | None:
        """A tap on a track; the SDK decodes what isn't Opus."""
        if not _is_opus(publication):
            return self._others.open(publication, receive)
        tap = self._subscriber.open(self, publication.sid, receive)
        with self._lock:
            self._taps[tap.number] = tap
            self.send("subscribe", track=tap.track_sid, tap=tap.number)
        return tap

    def release(self, publication: rtc.RemoteTrackPublication) -> None:
        """No more audio of a track is wanted; its tap was closed."""
        if not _is_opus(publication):
            self._others.release(publication)

    def drop(self, tap: "SubscriberTap") -> None:
        """Take no more of a track."""
        with self._lock:
            if self._taps.pop(tap.number, None) is None:
                return
            # The next tap on this track may be open already.
            if not any(other.track_sid == tap.track_sid for other in self._taps.values()):
                self.send("unsubscribe", track=tap.track_sid)

    def stay_out(self) -> None:
        """The room is over: to join it again would open another of its name."""
        with self._lock:
            self._left = True

    def forget(self, tap: "SubscriberTap") -> None:
        """A tap is closed."""
        self._subscriber.drop(tap)

    async def aclose(self) -> None:
        """Leave the room."""
        self.stay_out()
        self.send("leave")
        self._subscriber.forget(self)


class SubscriberTap:
    """A tap on one track; `receive` is called in the thread that reads the process's output."""

    def __init__(
        self,
        room: SubscribedRoom,
        number: int,
        track_sid: str,
        receive: Receive,
        playout: Playout,
    ) -> None:
        """Belong to a room; `SubscribedRoom.open` makes one."""
        self.number = number
        self.track_sid = track_sid
        self.playout = playout
        self._room = room
        self._receive: Receive | None = receive
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._closed = asyncio.Event()

    def is_away(self, away: bool) -> None:
        """Its room is heard no more, or again."""
        with self._lock:
            if away:
                self.playout.leave()
            else:
                self.playout.enter(time.monotonic())

    def heard(self, packets: list[Packet], now: float) -> None:
        """Packets came."""
        self._give(lambda: self.playout.take(packets, now))

    def ticked(self, now: float, piece_ms: int) -> None:
        """Time passed; so much of it comes at a time."""
        self._give(lambda: self.playout.tick(now, piece_ms))

    def _give(self, sounds: Callable[[], Iterable[Sound]]) -> None:
        """Hand sound on; what fails there is this track's alone."""
        with self._lock:
            if self._receive is None:
                return
            try:
                for sound in sounds():
                    self._receive(sound.pcm, sound.opus, sound.missing)
            except Exception:
                log.exception("audio could not be taken", track_sid=self.track_sid)

    def closed(self) -> None:
        """No more comes."""
        self._loop.call_soon_threadsafe(self._closed.set)

    async def aclose(self) -> None:
        """Take what is under way, and no more; after this `receive` is not called any more."""
        self._room.drop(self)
        try:
            await asyncio.wait_for(self._closed.wait(), _CLOSE_S)
        except TimeoutError:
            log.warning("the subscriber closed no tap", track_sid=self.track_sid)
        self._room.forget(self)
        with self._lock:
            self._receive = None


def _is_opus(publication: rtc.RemoteTrackPublication) -> bool:
    return publication.mime_type.lower() in _OPUS
