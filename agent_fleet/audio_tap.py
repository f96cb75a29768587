"""Takes a LiveKit track's audio: through the SDK's AudioStream, or routed past its queues.

The SDK (livekit 1.1) gives every audio event to the queue of every stream, which filters it: work
that grows with the square of the speakers, and two hops over the event loop for each frame. The
router takes the frames first and hands each to its track in the SDK's own callback thread. That
uses names which the SDK does not promise: they are used in this file only, for the versions that
were tried, and with any other the stock stream is used.
"""

import asyncio
import ctypes
import threading
from typing import Any, Protocol

from livekit import rtc
from livekit.rtc import _ffi_client
from livekit.rtc._proto import audio_frame_pb2, ffi_pb2

from agent_fleet.frames import SAMPLE_RATE, Opus
from parley.telemetry.logs import get_logger

log = get_logger("audio")


class Receive(Protocol):
    """Takes audio, in whichever thread it comes; must not block."""

    def __call__(self, pcm: bytes, opus: Opus | None = None, missing: int = 0, /) -> None:
        """Take in mono int16 at 16 kHz, and the same as it was sent where it came so.

        Where it did, `missing` says how many samples before it nobody heard.
        """
        ...


_TRIED_VERSIONS = ("1.1.",)


class AudioTap(Protocol):
    """An open tap; `receive` is called with audio until it is closed or the track ends."""

    async def aclose(self) -> None:
        """Take no more audio; after this `receive` is not called any more."""
        ...


class AudioSource(Protocol):
    """Where a room's session takes its tracks' audio from.

    Attributes:
        subscribes: whether the session's own participant subscribes to the tracks.
    """

    @property
    def subscribes(self) -> bool:
        """Whether the session's own participant subscribes to the tracks."""
        ...

    def open(self, publication: rtc.RemoteTrackPublication, receive: Receive) -> AudioTap | None:
        """A tap on a track, or None: once it is subscribed to, this is to be called again."""
        ...

    def release(self, publication: rtc.RemoteTrackPublication) -> None:
        """No more audio of a track is wanted; its tap is closed."""
        ...

    def stay_out(self) -> None:
        """The room is over: whatever happens, it is not joined again."""
        ...

    async def aclose(self) -> None:
        """Leave the room."""
        ...


class SdkSource:
    """The SDK's audio, decoded by WebRTC for every track that is subscribed to."""

    subscribes = True

    def __init__(self, *, frame_ms: int, routed: bool) -> None:
        """Give pieces of `frame_ms`; `routed` as in `open_tap`."""
        self._frame_ms = frame_ms
        self._routed = routed

    def open(self, publication: rtc.RemoteTrackPublication, receive: Receive) -> AudioTap | None:
        """A tap on a track that is subscribed to; another is subscribed to now."""
        if publication.track is None:
            publication.set_subscribed(True)
            return None
        return open_tap(publication.track, receive, frame_ms=self._frame_ms, routed=self._routed)

    def release(self, publication: rtc.RemoteTrackPublication) -> None:
        """Don't subscribe to it any more."""
        if publication.track is not None:
            publication.set_subscribed(False)

    def stay_out(self) -> None:
        """The room's own connection is all there is."""

    async def aclose(self) -> None:
        """The room's own connection is all there is."""


class StockTap:
    """The SDK's own AudioStream."""

    def __init__(self, track: rtc.Track, receive: Receive, *, frame_ms: int) -> None:
        """Open it on the running event loop."""
        self._stream = rtc.AudioStream.from_track(
            track=track, sample_rate=SAMPLE_RATE, num_channels=1, frame_size_ms=frame_ms
        )
        self._task = asyncio.create_task(self._pump(receive))

    async def _pump(self, receive: Receive) -> None:
        async for event in self._stream:
            receive(bytes(event.frame.data))

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class Router:
    """The process's one taker of audio events.

    It stands before the SDK's queue and not in it. There it would be called with the queue's lock
    held, and hold up for its consumers' locks; while Python, where it collects a forgotten room in
    a thread that holds one of those, waits for the queue's lock: nothing would ever go on.
    """

    def __init__(self) -> None:
        """Stand before the SDK's queue of events."""
        self._client = _ffi_client.FfiClient.instance
        self._routes: dict[int, _Route] = {}
        self._opening = 0
        self._lock = threading.Lock()  # nothing is called while it is held
        self._threads = _Threads()
        queue = self._client.queue
        self._others = queue.put
        queue.put = self._put

    @staticmethod
    def usable() -> bool:
        """Whether this is a version of the SDK that routing was tried with."""
        return rtc.__version__.startswith(_TRIED_VERSIONS)

    def open(self, track: rtc.Track, receive: Receive, *, frame_ms: int) -> "RoutedTap":
        """Open a tap: `receive` is called in the SDK's thread."""
        request = ffi_pb2.FfiRequest()
        wanted = request.new_audio_stream
        wanted.track_handle = track._ffi_handle.handle
        wanted.sample_rate = SAMPLE_RATE
        wanted.num_channels = 1
        wanted.frame_size_ms = frame_ms
        wanted.queue_size_frames = 0
        wanted.type = audio_frame_pb2.AudioStreamType.AUDIO_STREAM_NATIVE
        with self._lock:
            self._opening += 1
        try:
            stream = self._client.request(request).new_audio_stream.stream
            handle = _ffi_client.FfiHandle(stream.handle.id)
            with self._lock:
                route = self._routes.setdefault(handle.handle, _Route())
                route.wanted = True
        finally:
            with self._lock:
                self._opening -= 1
                if not self._opening:
                    self._routes = {h: r for h, r in self._routes.items() if r.wanted}
        route.open(receive)
        return RoutedTap(self, handle)

    def close(self, handle: Any) -> None:
        """Take no more of this stream's audio, and release it."""
        with self._lock:
            route = self._routes.pop(handle.handle, None)
        if route is not None:
            route.close()
        handle.dispose()

    def _put(self, event: Any) -> None:
        """What the SDK calls with every event, in threads of its own."""
        self._threads.keep()
        if not self._take(event):
            self._others(event)

    def _take(self, event: Any) -> bool:
        """Take an event if it is audio that was asked for here."""
        if event.WhichOneof("message") != "audio_stream_event":
            return False
        audio = event.audio_stream_event
        if audio.WhichOneof("message") != "frame_received":
            return False
        with self._lock:
            route = self._routes.get(audio.stream_handle)
            if route is None and self._opening:  # the first frame may come before its route
                route = self._routes[audio.stream_handle] = _Route()
        # A stock stream elsewhere in the process (a test's listener) owns the frames of its own.
        if route is None:
            return False
        owned = audio.frame_received.frame
        info = owned.info
        size = info.num_channels * info.samples_per_channel * ctypes.sizeof(ctypes.c_int16)
        pcm = ctypes.string_at(info.data_ptr, size)
        self._client._ffi_lib.livekit_ffi_drop_handle(ctypes.c_uint64(owned.handle.id))
        try:
            route.take(pcm)
        except Exception:
            log.exception("audio could not be taken")
        return True


class _Route:
    """Where one stream's audio goes; what comes before that is known waits here."""

    def __init__(self) -> None:
        self.wanted = False
        self._receive: Receive | None = None
        self._early: list[bytes] = []
        self._closed = False
        self._lock = threading.Lock()

    def take(self, pcm: bytes) -> None:
        """Hand on the next audio."""
        with self._lock:
            if self._receive is not None:
                self._receive(pcm)
            elif not self._closed:
                self._early.append(pcm)

    def open(self, receive: Receive) -> None:
        """Hand on what has come, and all that comes."""
        with self._lock:
            for pcm in self._early:
                receive(pcm)
            self._early.clear()
            self._receive = receive

    def close(self) -> None:
        """Hand nothing on any more."""
        with self._lock:
            self._receive, self._closed = None, True


class _Threads(threading.local):
    """Keeps Python's state of the SDK's threads, which it would make anew for every callback.

    A third of a callback's time went into that: memory is mapped and unmapped each time. To hold
    the interpreter's lock once more than is released keeps the state (PEP 311) for as long as the
    thread lives; the lock itself is let go as before.
    """

    kept = False

    def keep(self) -> None:
        """Keep the calling thread's; cheap after the first time."""
        if not self.kept:
            self.kept = True
            ctypes.pythonapi.PyGILState_Ensure()


class RoutedTap:
    """A tap of the router."""

    def __init__(self, router: Router, handle: Any) -> None:
        """Belong to this router; `Router.open` makes one."""
        self._router = router
        self._handle = handle

    async def aclose(self) -> None:
        """Close the stream."""
        self._router.close(self._handle)


def prepare() -> None:
    """Load the SDK's library, before threads do.

    Two rooms that are the first of a process would each make the one client of it, and what LiveKit
    answers would reach one of them.
    """
    _ffi_client.FfiClient.instance  # noqa: B018 - made when it is first asked for


_router: Router | None = None
_router_lock = threading.Lock()


def open_tap(track: rtc.Track, receive: Receive, *, frame_ms: int, routed: bool = True) -> AudioTap:
    """Begin to take a track's audio: mono int16 at 16 kHz in pieces of `frame_ms`.

    Args:
        track: a subscribed remote audio track.
        receive: takes the audio, in whichever thread it comes; must not block.
        frame_ms: length of a piece.
        routed: past the SDK's queues where that is possible.
    """
    global _router
    if not (routed and Router.usable()):
        return StockTap(track, receive, frame_ms=frame_ms)
    with _router_lock:
        if _router is None:
            _router = Router()
    return _router.open(track, receive, frame_ms=frame_ms)
