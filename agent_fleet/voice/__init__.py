"""The assistant's voice in a room: requests queued, made into sound, paced into a track."""

from agent_fleet.voice.request import SayRequest, SpeechState, StatusListener
from agent_fleet.voice.speech import RoomVoice

__all__ = ["RoomVoice", "SayRequest", "SpeechState", "StatusListener"]
