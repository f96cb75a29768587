"""A transcript as subtitles or plain text, with times from the room's start."""

from collections.abc import Iterable
from enum import StrEnum

import pysubs2

from parley.transcripts.reader import TranscriptSegment


class Form(StrEnum):
    """A form of a whole transcript."""

    VTT = "vtt"
    SRT = "srt"
    TXT = "txt"
    JSON = "json"


MEDIA_TYPES = {
    Form.VTT: "text/vtt; charset=utf-8",
    Form.SRT: "application/x-subrip; charset=utf-8",
    Form.TXT: "text/plain; charset=utf-8",
    Form.JSON: "application/json",
}


def subtitles(segments: Iterable[TranscriptSegment], start_ms: int, form: Form) -> str:
    """WebVTT or SubRip, each cue with its speaker."""
    file = pysubs2.SSAFile()
    for segment in segments:
        file.append(
            pysubs2.SSAEvent(
                start=max(0, segment.start_ms - start_ms),
                end=max(0, segment.end_ms - start_ms),
                text=_cue(segment, form),
            )
        )
    return str(file.to_string(form.value, keep_ssa_tags=True))


def plain_text(segments: Iterable[TranscriptSegment], start_ms: int) -> str:
    """One line an utterance: time, speaker, words."""
    lines = []
    for segment in segments:
        seconds = max(0, segment.start_ms - start_ms) // 1000
        stamp = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        lines.append(f"[{stamp}] {segment.name}: {segment.text}\n")
    return "".join(lines)


def _cue(segment: TranscriptSegment, form: Form) -> str:
    if form is Form.SRT:
        return f"{_line(segment.name)}: {_line(segment.text)}"
    escaped = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
    name, text = (_line(part).translate(escaped) for part in (segment.name, segment.text))
    return f"<v {name}>{text}</v>"


def _line(text: str) -> str:
    """Text that cannot end its cue: no line breaks, no SSA tags."""
    return " ".join(text.replace("{", "(").replace("}", ")").replace("\\", "/").split())
