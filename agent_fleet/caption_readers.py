"""Who in a room gets captions: everybody, but for those who say that they show none.

LiveKit sends each caption to each participant: with sixty, whose captions nobody reads, that is
more work for it than their audio. A participant with the attribute `parley.captions` = `off` is
left out; then the others are named one by one. Hidden participants, whom an agent can't see, are
left out with them, and who joins without publishing gets captions two seconds later: LiveKit says
so late that they are there.
"""

from livekit import rtc

ATTRIBUTE = "parley.captions"
OFF = "off"


class CaptionReaders:
    """Follows the participants of one room."""

    def __init__(self, room: rtc.Room) -> None:
        """Listen to the room's events."""
        self._room = room
        self._known = False
        self._names: list[str] | None = None
        for event in (
            "connected",
            "participant_connected",
            "participant_disconnected",
            "participant_attributes_changed",
        ):
            room.on(event, self._forget)

    def names(self) -> list[str] | None:
        """The identities to send captions to; None is everybody."""
        if not self._known:
            self._known = True
            people = self._room.remote_participants
            off = {i for i, p in people.items() if p.attributes.get(ATTRIBUTE) == OFF}
            self._names = [identity for identity in people if identity not in off] if off else None
        return self._names

    def _forget(self, *_: object) -> None:
        self._known = False
