"""Where requests to speak arrive from a room, and where their states are told."""

import asyncio
import contextlib
import uuid
from collections.abc import Callable

from livekit import rtc

from agent_fleet.voice.request import SayRequest, SpeechState
from agent_fleet.voice.speech import RoomVoice
from parley.domain.speech import (
    CONTROL_TOPIC,
    STATUS_TOPIC,
    CancelMessage,
    ControlError,
    SayMessage,
    StatusMessage,
    parse_control,
)
from parley.telemetry.logs import get_logger

log = get_logger("voice")

RPC_METHOD = "say"
_SEND_S = 5.0
_FLUSH_S = 2.0


class SpeechDesk:
    """Takes `tts_control` packets and the RPC method `say`; answers on `tts_status`.

    States go to everybody in the room: who asked through the API has no identity in it, and the
    others may show that the assistant is about to speak. No text is in them.
    """

    def __init__(
        self, room: rtc.Room, voice: RoomVoice, *, is_ours: Callable[[], bool] = lambda: True
    ) -> None:
        """Serve a room; `run` sends the states.

        Args:
            room: the room.
            voice: speaks what is asked.
            is_ours: whether this agent speaks for the room: of several agents one does.
        """
        self._room = room
        self._voice = voice
        self._is_ours = is_ours
        self._states: asyncio.Queue[tuple[StatusMessage, list[str]]] = asyncio.Queue()
        voice.on_status(self._on_status)

    async def take(self, packet: rtc.DataPacket) -> None:
        """A packet came; other topics than ours are passed over."""
        if packet.topic != CONTROL_TOPIC or not self._is_ours():
            return
        sender = packet.participant.identity if packet.participant else ""
        try:
            message = parse_control(packet.data)
        except ControlError as error:
            refused = StatusMessage(id=error.request_id, status="failed", error=str(error))
            # Only to who sent it: others may have a request of this id.
            self._states.put_nowait((refused, [sender] if sender else []))
            return
        done = await self._do(message, sender)
        if isinstance(message, CancelMessage) and done.status == "failed":
            self._states.put_nowait((done, [sender] if sender else []))

    async def answer(self, call: rtc.RpcInvocationData) -> str:
        """RPC `say`: a control message as payload; answers `{"id", "status"}`, or an error."""
        try:
            message = parse_control(call.payload.encode(), new_id=uuid.uuid4().hex)
        except ControlError as error:
            raise rtc.RpcError(400, str(error)) from error
        done = await self._do(message, call.caller_identity)
        return done.model_dump_json(exclude_none=True)

    async def run(self) -> None:
        """Send states in order, until cancelled."""
        self._room.local_participant.register_rpc_method(RPC_METHOD, self.answer)
        while True:
            await self._send(*await self._states.get())

    async def flush(self) -> None:
        """Send the states that wait, as far as the room still takes them; `run` has ended."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH_S):
                while not self._states.empty():
                    await self._send(*self._states.get_nowait())

    async def _do(self, message: SayMessage | CancelMessage, sender: str) -> StatusMessage:
        if isinstance(message, CancelMessage):
            found = await self._voice.cancel(message.id)
            return StatusMessage(
                id=message.id,
                status="cancelled" if found else "failed",
                error=None if found else "there is no such request",
            )
        request = SayRequest(
            id=message.id,
            text=message.text,
            voice=message.voice,
            language=message.language,
            speed=message.speed,
            from_identity=sender,
            interruptible=message.interruptible,
        )
        state, detail = await self._voice.say(request)
        return StatusMessage(id=message.id, status=state.value, error=detail or None)

    def _on_status(self, request_id: str, state: SpeechState, detail: str) -> None:
        status = StatusMessage(id=request_id, status=state.value, error=detail or None)
        self._states.put_nowait((status, []))

    async def _send(self, status: StatusMessage, to: list[str]) -> None:
        try:
            async with asyncio.timeout(_SEND_S):
                await self._room.local_participant.publish_data(
                    status.model_dump_json(exclude_none=True),
                    reliable=True,
                    destination_identities=to,
                    topic=STATUS_TOPIC,
                )
        except Exception as error:  # the room is going: nobody is left to tell
            log.warning("speech status not sent", reason=type(error).__name__)
