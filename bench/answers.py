"""From a question's last word to the first sound of its answer: `python -m bench.answers`.

The question is spoken into a real room, recognised live, answered, made into speech and heard by
another participant. Gemini is a local server that takes as long as a fast model does.
"""

import argparse
import asyncio
import itertools
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

from bench.asker import Ears, Heard, Microphone, Studio, Utterance
from bench.stand import Stand, stand
from bench.table import show
from parley.domain.room import RoomOptions
from parley.livekit_api import LiveKit
from parley.models import DEFAULT_VOICE, locate
from parley_cli.demo.latency import percentile
from tests.fakes.gemini import KEY, Reply, fake_gemini

_MODEL = "gemini-3.5-flash-lite"
_FIRST_PIECE_S, _PIECE_S = 0.4, 0.03
_ANSWER = "Alice said that she will write the report on Monday. The deadline is Friday."
_STATEMENTS = ("i will write the report on monday", "the deadline is friday")
_QUESTIONS = ("frank who will write the report", "frank when is the deadline")
_LIMIT_S = 25.0
_PAUSE_S = 1.0  # so that the end of one answer is not taken for the next one's sound


@dataclass(frozen=True)
class Row:
    """How soon answers came; times in ms from the end of the question's last word.

    Attributes:
        answers: who answers.
        voice: who speaks.
        answered: questions that were answered; the first one is not in the percentiles.
        first_ms: the first question's first sound: the voice's track is published for it.
        caption_p50_ms: until a client had the question's final caption.
        begun_p50_ms: until `tts_status` said that the first frame went out.
        sound_p50_ms: until a client heard the first sound.
    """

    answers: str
    voice: str
    questions: int
    answered: int
    first_ms: int
    caption_p50_ms: float
    begun_p50_ms: float
    sound_p50_ms: float
    sound_p95_ms: float


async def measure(
    servers: Stand, said: dict[str, Utterance], answers: str, voice: str, count: int, url: str
) -> Row:
    """One room, one engine, one voice."""
    changes = {
        "voice_engine": voice,
        "answer_engine": answers,
        "assistant_names": json.dumps(["parley", "frank"]),
        "gemini_api_key": KEY,
        "gemini_base_url": url,
        "gemini_models": json.dumps([_MODEL]),
    }
    livekit_url = servers.settings.livekit_url
    livekit = LiveKit.from_settings(servers.settings)
    asked: list[tuple[int, Heard]] = []
    asked_by_name = RoomOptions(answers="addressed")
    async with (
        servers.agent(**changes) as agent,
        servers.room(agent, options=asked_by_name) as room,
    ):

        def token(identity: str) -> str:
            return livekit.join_token(room.name, identity, name=identity.title())

        async with (
            Ears(livekit_url, token("ears")) as ears,
            Microphone(livekit_url, token("alice")) as alice,
            Microphone(livekit_url, token("bob")) as bob,
        ):
            await asyncio.sleep(2.0)  # the agent subscribes, and loads what answers need
            for statement in _STATEMENTS:
                await alice.say(said[statement])
                await asyncio.sleep(_PAUSE_S)
            for question in itertools.islice(itertools.cycle(_QUESTIONS), count):
                heard = ears.listen()
                ended_ms = await bob.say(said[question])
                if await ears.first_sound(heard, _LIMIT_S):
                    await ears.stop(heard)
                asked.append((ended_ms, heard))
                await asyncio.sleep(_PAUSE_S)
    await livekit.aclose()
    return _row(answers, voice, asked)


def _row(answers: str, voice: str, asked: Sequence[tuple[int, Heard]]) -> Row:
    done = [(ended_ms, heard) for ended_ms, heard in asked if heard.sound_ms]
    warm = done[1:]
    sounds = [heard.sound_ms - ended_ms for ended_ms, heard in warm]
    return Row(
        answers=answers,
        voice=voice,
        questions=len(asked),
        answered=len(done),
        first_ms=done[0][1].sound_ms - done[0][0] if done else 0,
        caption_p50_ms=percentile([h.caption_ms - e for e, h in warm if h.caption_ms], 50),
        begun_p50_ms=percentile([h.speaking_ms - e for e, h in warm if h.speaking_ms], 50),
        sound_p50_ms=percentile(sounds, 50),
        sound_p95_ms=percentile(sounds, 95),
    )


async def main_async(engines: Sequence[str], voices: Sequence[str], count: int) -> list[Row]:
    """Measure on servers of its own, a fresh agent for each engine and voice."""
    studio = Studio()
    said = {text: studio.record(text, "en-us+f3") for text in _STATEMENTS}
    said |= {text: studio.record(text, "en-us") for text in _QUESTIONS}
    rows = []
    async with fake_gemini() as gemini, stand() as servers:
        gemini.replies[_MODEL] = [Reply(_ANSWER, delay_s=_FIRST_PIECE_S, piece_s=_PIECE_S)]
        for answers, voice in itertools.product(engines, voices):
            rows.append(await measure(servers, said, answers, voice, count, gemini.url))
    return rows


def main() -> None:
    """Measure and print."""
    there = ["espeak", *(["kokoro-onnx"] if locate(DEFAULT_VOICE) else [])]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", default="extractive,gemini", help="engines, with commas")
    parser.add_argument("--voices", default=",".join(there), help="speech engines, with commas")
    parser.add_argument("--questions", type=int, default=12, help="questions of each pair")
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    wanted = parser.parse_args()
    rows = asyncio.run(
        main_async(wanted.answers.split(","), wanted.voices.split(","), wanted.questions)
    )
    load = f"machine load {os.getloadavg()[0]:.1f}"
    show(rows, title=f"Question to first sound ({load})", as_json=wanted.json)


if __name__ == "__main__":
    main()
