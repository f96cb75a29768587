"""How the API makes a room's assistant speak or answer: it sends what a participant would send."""

from parley.answers.ask import ASK_TOPIC, AskMessage
from parley.domain.room import Room, RoomStatus
from parley.domain.speech import CONTROL_TOPIC, CancelMessage, SayMessage
from parley.errors import ConflictError
from parley.livekit_api import LiveKit


async def send_to_assistant(
    livekit: LiveKit, room: Room, message: SayMessage | CancelMessage | AskMessage
) -> None:
    """Send a request to the agents in a room, and to nobody else.

    Raises:
        ConflictError: the room is over, or no agent is in it.
        LiveKitError: LiveKit refused or cannot be reached.
    """
    if room.status is not RoomStatus.ACTIVE:
        raise ConflictError("the room is over")
    there = await livekit.list_participants(room.name)
    agents = [p.identity for p in there if p.agent and p.active]
    if not agents:
        raise ConflictError("no agent is in the room (yet) that could speak")
    data = message.model_dump_json(exclude_none=True).encode()
    topic = ASK_TOPIC if isinstance(message, AskMessage) else CONTROL_TOPIC
    await livekit.send_data(room.name, topic, data, agents)
