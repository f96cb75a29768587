"""What news of LiveKit's egress mean for a track, and whose recording counts: pure, no I/O."""

from enum import StrEnum

from parley.domain.room import Room
from parley.domain.track import EgressState, Track
from parley.livekit_api import EgressPhase, LiveEgress

# An egress takes a second or two to begin; the agent, which is there already, has the rest.
LATE_MS = 10_000


class EgressStep(StrEnum):
    """What is to be done about news of an egress."""

    IGNORE = "ignore"  # the track or the room knows of no egress
    NOTE = "note"  # it runs, and it is the track's
    STOP = "stop"  # it runs, and the track is somebody else's by now
    DELIVER = "deliver"  # its file is the track's recording
    FALL_BACK = "fall-back"  # the agent's recording is


def on_news(track: Track, room: Room, news: LiveEgress) -> tuple[EgressStep, str]:
    """What is to be done, and for a fallback why.

    Args:
        track: the egress's track as it is stored.
        room: its room.
        news: the egress.
    """
    known = track.egress
    if room.options.record != "egress" or known is None:
        return EgressStep.IGNORE, ""
    its_own = known.id in (None, news.id)
    if news.phase is EgressPhase.RUNNING:
        mine = its_own and known.state.running
        return (EgressStep.NOTE if mine else EgressStep.STOP), ""
    if not its_own or known.state is EgressState.FAILED:
        return EgressStep.IGNORE, ""
    if known.state is EgressState.DELIVERED:
        return EgressStep.DELIVER, ""  # again: an earlier run may have died half-way
    if news.phase is EgressPhase.FAILED:
        return EgressStep.FALL_BACK, news.reason
    late_ms = news.started_ms - max(track.published_ms, room.registered_ms)
    if late_ms > LATE_MS:
        return EgressStep.FALL_BACK, f"it began {late_ms / 1000:.1f} s late"
    if news.ended_ms <= news.started_ms:
        return EgressStep.FALL_BACK, "it recorded nothing"
    return EgressStep.DELIVER, ""


class Whose(StrEnum):
    """Whose recording of a track counts."""

    AGENT = "agent"
    EGRESS = "egress"
    OPEN = "open"  # not decided yet
    NOBODY = "nobody"  # the room keeps no recordings


def whose_recording(track: Track, room: Room) -> Whose:
    """Whose recording of a track counts."""
    if room.options.record == "none":
        return Whose.NOBODY
    if room.options.record == "agent" or track.kind == "assistant":
        return Whose.AGENT
    if track.recording is not None:
        return Whose(track.recording.method)
    if track.egress is not None and track.egress.state is EgressState.FAILED:
        return Whose.AGENT
    if track.egress is not None and track.egress.state is EgressState.DELIVERED:
        return Whose.EGRESS
    return Whose.AGENT if track.status.final else Whose.OPEN


def fallback_note(track: Track) -> str | None:
    """Says that a track which egress was to record was recorded by the agent, and why."""
    egress = track.egress
    if egress is None or egress.error is None:
        return None
    if egress.state is EgressState.DELIVERED:
        return f"of egress only a part is there ({egress.error}), and the agent has no recording"
    return f"recorded by the agent, since egress did not: {egress.error}"
