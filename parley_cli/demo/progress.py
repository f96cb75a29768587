"""Watches a room's tracks on their way to a transcript and tells of each step once."""

from collections.abc import Callable
from typing import Any

from parley_cli.api import Api

_STORED = ("recorded", "transcribing", "transcribed", "empty", "failed")
_DONE = ("transcribed", "empty", "failed")


class TrackProgress:
    """The latest state of a room's tracks, and who is told of changes."""

    def __init__(self, api: Api, room_sid: str, tell: Callable[[str], None]) -> None:
        """Watch this room; `tell` gets a sentence for each recording and each transcript."""
        self._api, self._room_sid, self._tell = api, room_sid, tell
        self._told: set[tuple[str, str]] = set()
        self.tracks: list[dict[str, Any]] = []

    async def look(self) -> None:
        """Ask the API once and tell what is new."""
        self.tracks = await self._api.tracks(self._room_sid)
        for track in self.tracks:
            if track["recording"]:
                self._once(track, "stored", _stored_text(track))
            if track["status"] in _DONE:
                self._once(track, "done", _done_text(track))

    async def all_stored(self) -> bool:
        """Whether every track's recording is stored, or its fate known."""
        await self.look()
        return all(track["status"] in _STORED for track in self.tracks)

    async def all_transcribed(self) -> bool:
        """Whether every track has a final status."""
        await self.look()
        return all(track["status"] in _DONE for track in self.tracks)

    def waiting_for(self) -> str:
        """The tracks that are not done, as a phrase."""
        return ", ".join(
            f"{t['identity']} ({t['status']})" for t in self.tracks if t["status"] not in _DONE
        )

    def _once(self, track: dict[str, Any], step: str, text: str) -> None:
        if (track["sid"], step) not in self._told:
            self._told.add((track["sid"], step))
            self._tell(text)


def _stored_text(track: dict[str, Any]) -> str:
    recording = track["recording"]
    seconds = (recording["ended_ms"] - recording["started_ms"]) / 1000
    return (
        f"recording stored: {track['name'] or track['identity']}, {seconds:.1f} s, "
        f"{recording['bytes'] / 1024:.0f} kB  {recording['key']}"
    )


def _done_text(track: dict[str, Any]) -> str:
    who = track["name"] or track["identity"]
    if track["status"] == "transcribed":
        return f"transcript done: {who}, {track['final_segments']} segments  {track['sid']}"
    return f"transcript {track['status']}: {who}, {track['error'] or 'no reason given'}"
