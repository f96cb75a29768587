"""Questions in a room: noticed in what is said or typed, answered aloud by the room's voice."""

from agent_fleet.answering.listening import HeardCaptions
from agent_fleet.answering.memory import RoomMemory
from agent_fleet.answering.metrics import AnswerMetrics
from agent_fleet.answering.room_answering import AnsweringHooks, RoomAnswering

__all__ = ["AnswerMetrics", "AnsweringHooks", "HeardCaptions", "RoomAnswering", "RoomMemory"]
