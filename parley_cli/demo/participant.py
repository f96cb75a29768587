"""A participant of the demo: joins the room as any client does and speaks in real time."""

import asyncio
from dataclasses import dataclass, field

from livekit import rtc
from livekit.rtc.participant import PublishTrackError

from parley_cli.demo.pacing import FRAME_MS, MeetingClock
from parley_cli.demo.stages import StageError
from parley_cli.demo.stay import PlacedLine, Stay


@dataclass(frozen=True)
class SpokenWord:
    """A word and when it was spoken, in ms since the epoch."""

    text: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True)
class SpokenLine:
    """A line as it was spoken: the track that carried it and the absolute times of its words."""

    identity: str
    track_sid: str
    text: str
    start_ms: int
    end_ms: int
    words: tuple[SpokenWord, ...]


@dataclass
class Spoken:
    """What one stay really did: its track, its lines, and how steady the pace was."""

    identity: str
    track_sid: str = ""
    first_frame_ms: int = 0
    last_frame_ms: int = 0
    lines: list[SpokenLine] = field(default_factory=list)
    worst_delay_ms: float = 0.0


async def attend(stay: Stay, clock: MeetingClock, url: str, token: str, seed: int) -> Spoken:
    """Join at the stay's time, speak its lines on the meeting's clock, and leave.

    Args:
        stay: what to do.
        clock: the meeting's clock.
        url: LiveKit's URL.
        token: LiveKit token of this participant.
        seed: of the room noise.

    Returns:
        What was spoken, with absolute times.

    Raises:
        StageError: LiveKit did not let them join or publish.
    """
    audio = stay.audio(seed)  # made before the time runs
    spoken = Spoken(stay.identity)
    room = rtc.Room()
    await clock.until(stay.join_ms / 1000)
    try:
        await room.connect(url, token, rtc.RoomOptions(auto_subscribe=False))
        # Without a queue of its own the source passes each frame on when it is given.
        source = rtc.AudioSource(stay.sample_rate, 1, queue_size_ms=0)
        track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
        publication = await room.local_participant.publish_track(
            track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        )
        spoken.track_sid = publication.sid
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_mute(track, stay, clock))
            await _speak(source, audio.tobytes(), stay, clock, spoken)
        await source.aclose()
    except (rtc.ConnectError, PublishTrackError) as error:
        raise StageError(f"{stay.identity} could not join and speak: {error}") from error
    finally:
        await room.disconnect()
    return spoken


async def _speak(
    source: rtc.AudioSource, audio: bytes, stay: Stay, clock: MeetingClock, spoken: Spoken
) -> None:
    samples = stay.sample_rate * FRAME_MS // 1000
    first = max(clock.frame_now(), stay.join_ms // FRAME_MS)
    waiting = sorted(stay.lines, key=lambda line: line.at_ms)
    for frame in range(first, stay.leave_ms // FRAME_MS):
        late_ms = await clock.until_frame_ends(frame)
        now_ms = clock.now_ms
        at = (frame - stay.join_ms // FRAME_MS) * samples * 2
        data = audio[at : at + samples * 2]
        await source.capture_frame(rtc.AudioFrame(data, stay.sample_rate, 1, samples))
        spoken.worst_delay_ms = max(spoken.worst_delay_ms, late_ms)
        spoken.first_frame_ms = spoken.first_frame_ms or now_ms - FRAME_MS
        spoken.last_frame_ms = now_ms
        while waiting and waiting[0].at_ms < (frame + 1) * FRAME_MS:
            line = waiting.pop(0)
            begun_ms = now_ms - FRAME_MS + (line.at_ms - frame * FRAME_MS)
            spoken.lines.append(_spoken(line, begun_ms, spoken))


def _spoken(line: PlacedLine, begun_ms: int, spoken: Spoken) -> SpokenLine:
    words = tuple(
        SpokenWord(word.text, begun_ms + word.start_ms, begun_ms + word.end_ms)
        for word in line.words
    )
    end_ms = begun_ms + line.duration_ms
    return SpokenLine(spoken.identity, spoken.track_sid, line.text, begun_ms, end_ms, words)


async def _mute(track: rtc.LocalAudioTrack, stay: Stay, clock: MeetingClock) -> None:
    for start_ms, end_ms in stay.mutes:
        await clock.until(start_ms / 1000)
        track.mute()
        await clock.until(end_ms / 1000)
        track.unmute()
