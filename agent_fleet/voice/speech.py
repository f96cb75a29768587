"""What one room's assistant says: requests in order, one at a time, each to its end or stopped."""

import asyncio
import contextlib
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from agent_fleet.voice.delivery import Delivery
from agent_fleet.voice.interruption import Mode
from agent_fleet.voice.request import SayRequest, SpeechState, StatusListener
from agent_fleet.voice.stage import Stage
from parley.errors import ParleyError
from parley.telemetry.logs import get_logger

log = get_logger("voice")

_REMEMBERED = 200  # finished requests whose repetition is recognised
_LOOK_S = 0.05
_POLITE_S = 5.0  # after an interruption: longest wait for the talkers before the next request


class _Turn:
    """One request on its way."""

    def __init__(self, request: SayRequest) -> None:
        self.request = request
        self.asked = time.monotonic()
        self.state = SpeechState.QUEUED
        self.delivery: Delivery | None = None


class RoomVoice:
    """The assistant's voice in one room; `RoomSession.voice` is it, on the room's event loop."""

    def __init__(
        self,
        stage: Stage,
        *,
        mode: Callable[[], Mode],
        least_ms: int = 200,
        max_waiting: int = 20,
        polite_s: float = _POLITE_S,
    ) -> None:
        """Say nothing yet; `run` speaks what is queued.

        Args:
            stage: where it is heard.
            mode: what somebody who begins to speak does to it, asked at each request.
            least_ms: speech that counts as beginning to speak.
            max_waiting: requests that may wait.
            polite_s: how long those who interrupted may keep the next request waiting.
        """
        self._stage = stage
        self._mode = mode
        self._least_ms = least_ms
        self._max_waiting = max_waiting
        self._polite_s = polite_s
        self._waiting: deque[_Turn] = deque()
        self._now: _Turn | None = None
        self._came = asyncio.Event()
        self._listeners: list[StatusListener] = []
        self._ended: OrderedDict[str, SpeechState] = OrderedDict()
        self._closed = False

    @property
    def speaking(self) -> bool:
        """Whether a request is being spoken, or about to be."""
        return self._now is not None or bool(self._waiting)

    def on_status(self, listener: StatusListener) -> None:
        """Tell this listener of every change of every request's state."""
        self._listeners.append(listener)

    async def say(self, request: SayRequest) -> tuple[SpeechState, str]:
        """Queue a request and return; its states come to the listeners.

        A request that can't be taken (queue full, unknown voice, empty text) fails by its state,
        not by an error here. One whose id is known already changes nothing: its state is told
        again.

        Returns:
            Its state now, and why it failed if it did.
        """
        if (known := self._known(request.id)) is not None:
            await _close(request)
            self._tell(request.id, known)
            return known, ""
        turn = _Turn(request)
        if self._closed or len(self._waiting) >= self._max_waiting:
            await _close(request)
            reason = "the room is over" if self._closed else "too many requests wait"
            self._end(turn, SpeechState.FAILED, reason)
            return SpeechState.FAILED, reason
        self._waiting.append(turn)
        self._tell(request.id, SpeechState.QUEUED)
        self._came.set()
        return SpeechState.QUEUED, ""

    async def cancel(self, request_id: str | None = None) -> bool:
        """Stop a request, or everything; returns whether there was something to stop."""
        found = [t for t in self._waiting if request_id in (None, t.request.id)]
        for turn in found:
            self._waiting.remove(turn)
            await _close(turn.request)
            self._end(turn, SpeechState.CANCELLED)
        if (now := self._now) is not None and request_id in (None, now.request.id):
            if now.delivery is not None:
                now.delivery.cancel()
            return True
        return bool(found)

    async def run(self) -> None:
        """Speak what is queued, until cancelled; what is left then is told as cancelled."""
        try:
            while True:
                while not self._waiting:
                    self._came.clear()
                    await self._came.wait()
                self._now = self._waiting.popleft()
                await self._take_turn(self._now)
        finally:
            self._closed = True
            for turn in ([self._now] if self._now else []) + list(self._waiting):
                self._end(turn, SpeechState.CANCELLED)
            self._waiting.clear()
            self._now = None

    def _known(self, request_id: str) -> SpeechState | None:
        turns = [*self._waiting, *([self._now] if self._now else [])]
        for turn in turns:
            if turn.request.id == request_id:
                return turn.state
        return self._ended.get(request_id)

    async def _take_turn(self, turn: _Turn) -> None:
        detail = ""
        try:
            state = await self._delivery(turn).run()
        except ParleyError as error:
            state, detail = SpeechState.FAILED, str(error)
            log.warning("speech failed", reason=error.code)
        except Exception as error:  # a caller's iterator, or the room is going
            state, detail = SpeechState.FAILED, f"unexpected {type(error).__name__}"
            log.exception("speech failed")
        finally:
            await _close(turn.request)
        self._now = None
        self._end(turn, state, detail)
        if state is SpeechState.INTERRUPTED:
            await self._let_them_speak()

    def _delivery(self, turn: _Turn) -> Delivery:
        def began() -> None:
            turn.state = SpeechState.SPEAKING
            self._stage.first_sound(time.monotonic() - turn.asked)
            self._tell(turn.request.id, SpeechState.SPEAKING)

        turn.delivery = Delivery(turn.request, self._stage, self._mode(), self._least_ms, began)
        return turn.delivery

    async def _let_them_speak(self) -> None:
        until = time.monotonic() + self._polite_s
        while any(t.voiced_ms for t in self._stage.talkers()):
            if time.monotonic() > until:
                return
            await asyncio.sleep(_LOOK_S)

    def _end(self, turn: _Turn, state: SpeechState, detail: str = "") -> None:
        self._ended[turn.request.id] = state
        while len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)
        self._tell(turn.request.id, state, detail)

    def _tell(self, request_id: str, state: SpeechState, detail: str = "") -> None:
        for listener in self._listeners:
            try:
                listener(request_id, state, detail)
            except Exception:
                log.exception("status listener failed")


async def _close(request: SayRequest) -> None:
    """Tell a text that is still being written that nobody wants the rest."""
    close = getattr(request.text, "aclose", None)
    if close is not None:
        with contextlib.suppress(Exception):
            await close()
