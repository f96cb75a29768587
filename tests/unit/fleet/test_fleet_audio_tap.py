"""The router's place before the SDK's own queue of events; with real audio: the fleet's tests."""

import asyncio
import ctypes
import os
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest
from livekit import rtc
from livekit.rtc import _ffi_client
from livekit.rtc._proto import ffi_pb2

from agent_fleet.audio_tap import Receive, Router
from agent_fleet.frames import Opus

STREAM, FRAME = 7, 70


class Client:
    """In place of the SDK's client: its own queue, without the library behind it."""

    def __init__(self) -> None:
        self.queue: _ffi_client.FfiQueue[ffi_pb2.FfiEvent] = _ffi_client.FfiQueue()
        self.dropped: list[int] = []
        self.before_answer: list[ffi_pb2.FfiEvent] = []
        self._pid = os.getpid()
        self._ffi_lib = SimpleNamespace(livekit_ffi_drop_handle=self._drop)

    def _drop(self, handle: ctypes.c_uint64) -> bool:
        self.dropped.append(handle.value)
        return True

    def request(self, request: ffi_pb2.FfiRequest) -> ffi_pb2.FfiResponse:
        """Open the stream; its first frames may come before the answer."""
        assert request.new_audio_stream.sample_rate == 16_000
        for event in self.before_answer:
            self.queue.put(event)
        response = ffi_pb2.FfiResponse()
        response.new_audio_stream.stream.handle.id = STREAM
        return response


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    """The process's client, for one test."""
    client = Client()
    monkeypatch.setattr(_ffi_client.FfiClient, "_instance", client)
    return client


TRACK = cast(rtc.Track, SimpleNamespace(_ffi_handle=SimpleNamespace(handle=1)))
_kept: list[object] = []


def frame(samples: bytes, *, stream: int = STREAM) -> ffi_pb2.FfiEvent:
    """The event by which the SDK tells of audio."""
    buffer = ctypes.create_string_buffer(samples, len(samples))
    _kept.append(buffer)
    event = ffi_pb2.FfiEvent()
    event.audio_stream_event.stream_handle = stream
    owned = event.audio_stream_event.frame_received.frame
    owned.handle.id = FRAME
    owned.info.data_ptr = ctypes.addressof(buffer)
    owned.info.num_channels, owned.info.samples_per_channel = 1, len(samples) // 2
    return event


def into(heard: list[bytes]) -> Receive:
    """Takes audio into a list."""

    def receive(pcm: bytes, opus: Opus | None = None, _missing: int = 0, /) -> None:
        heard.append(pcm)

    return receive


def loop(call_soon_threadsafe: Callable[..., None]) -> asyncio.AbstractEventLoop:
    """What the SDK's queue uses of an event loop."""
    return cast(
        asyncio.AbstractEventLoop, SimpleNamespace(call_soon_threadsafe=call_soon_threadsafe)
    )


def test_audio_comes_in_order_from_the_first_frame_until_the_tap_is_closed(client: Client) -> None:
    client.before_answer = [frame(b"aa"), frame(b"bb")]
    heard: list[bytes] = []
    router = Router()
    tap = router.open(TRACK, into(heard), frame_ms=10)
    client.queue.put(frame(b"cc"))
    router.close(tap._handle)
    client.queue.put(frame(b"dd"))
    assert heard == [b"aa", b"bb", b"cc"]
    # Each frame that was taken is given back; the one after the end is whoever's it is.
    assert client.dropped == [FRAME, FRAME, FRAME, STREAM]


def test_rooms_come_and_go_in_the_sdk_while_audio_is_being_taken(client: Client) -> None:
    """Python may collect a room, which leaves the queue, while it holds what audio waits for."""
    taking, room_left = threading.Event(), threading.Event()
    in_time: list[bool] = []

    def receive(_: bytes, opus: Opus | None = None, _missing: int = 0, /) -> None:
        taking.set()
        in_time.append(room_left.wait(5))

    router = Router()
    tap = router.open(TRACK, receive, frame_ms=10)
    sdk = threading.Thread(target=client.queue.put, args=(frame(b"aa"),))
    sdk.start()
    assert taking.wait(5)
    client.queue.unsubscribe(client.queue.subscribe(loop(lambda *_: None)))
    room_left.set()
    sdk.join()
    assert in_time == [True]
    del tap  # open until here


def test_other_events_and_other_streams_go_to_whom_they_went_before(client: Client) -> None:
    passed: list[ffi_pb2.FfiEvent] = []
    client.queue.subscribe(loop(lambda _put, event: passed.append(event)))
    heard: list[bytes] = []
    tap = Router().open(TRACK, into(heard), frame_ms=10)
    room = ffi_pb2.FfiEvent()
    room.room_event.room_handle = 3
    stock = frame(b"ee", stream=STREAM + 1)
    client.queue.put(room)
    client.queue.put(stock)
    assert passed == [room, stock]
    assert heard == []
    assert client.dropped == []
    del tap  # open until here


def test_audio_that_cannot_be_taken_is_the_tracks_own_trouble(client: Client) -> None:
    def receive(_: bytes, opus: Opus | None = None, _missing: int = 0, /) -> None:
        raise ValueError("no room")

    tap = Router().open(TRACK, receive, frame_ms=10)
    client.queue.put(frame(b"aa"))
    assert client.dropped == [FRAME]
    del tap  # open until here
