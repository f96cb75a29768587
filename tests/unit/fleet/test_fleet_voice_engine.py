"""The speech engine's process as the fleet sees it: answers, crashes, hangs, starts anew."""

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest

from agent_fleet.voice.engine_process import EngineProcess
from agent_fleet.voice.errors import EngineProcessError
from parley.errors import SetupError, SpeechError
from parley.voice.errors import UnknownVoiceError
from tests.stack_fixtures.waiting import gone, until

# Speaks as `engine_wire.py` says: one sample a letter; some sentences go wrong.
CHILD = """
import json, os, struct, sys
def answer(head, sound=b""):
    text = json.dumps(head).encode()
    os.write(1, struct.pack(">II", len(text), len(sound)) + text + sound)
voices = [{"name": "ann", "language": "en-US"}, {"name": "kim", "language": "ko"}]
answer({"engine": "test", "voices": voices})
while lengths := sys.stdin.buffer.read(8):
    request = json.loads(sys.stdin.buffer.read(struct.unpack(">II", lengths)[0]))
    number, text = request["number"], request["text"]
    if text == "die":
        os._exit(3)
    if text == "hang":
        continue
    if text == "refuse":
        answer({"number": number, "failed": "not that one"})
        continue
    for letter in text:
        answer({"number": number}, struct.pack("<h", ord(letter)))
    answer({"number": number, "done": True})
"""


@pytest.fixture
async def engine() -> AsyncIterator[EngineProcess]:
    engine = EngineProcess(command=(sys.executable, "-c", CHILD), timeout_s=1.0)
    yield engine
    await engine.aclose()


async def test_sentences_come_back_whole_and_voices_are_chosen(engine: EngineProcess) -> None:
    assert engine.pid is None
    sounds = await asyncio.gather(*(engine.speak(word, "ann", 1.0) for word in ("ab", "c")))
    assert [sound.tolist() for sound in sounds] == [[97, 98], [99]]
    assert engine.starts == 1
    assert (await engine.voice_for(None, "ko")).name == "kim"
    with pytest.raises(UnknownVoiceError):
        await engine.voice_for("bob", None)
    with pytest.raises(SpeechError, match="not that one"):
        await engine.speak("refuse", "ann", 1.0)


async def test_a_crash_fails_what_was_being_made_and_the_next_one_works(
    engine: EngineProcess,
) -> None:
    await engine.warm()
    first = engine.pid
    with pytest.raises(EngineProcessError, match="process ended"):
        await engine.speak("die", "ann", 1.0)
    assert (await engine.speak("a", "ann", 1.0)).tolist() == [97]
    assert engine.pid != first
    assert (engine.starts, engine.crashes) == (2, 1)


async def test_a_process_that_hangs_is_killed(engine: EngineProcess) -> None:
    await engine.warm()
    pid = engine.pid
    assert pid is not None
    with pytest.raises(EngineProcessError, match=r"longer than 1 s"):
        await engine.speak("hang", "ann", 1.0)
    await until(lambda: gone(pid), "the process is gone")
    assert (await engine.speak("a", "ann", 1.0)).tolist() == [97]


async def test_an_engine_that_cannot_be_loaded_says_why() -> None:
    child = CHILD.replace('"engine": "test", "voices": voices', '"failed": "no model is here"')
    engine = EngineProcess(command=(sys.executable, "-c", child))
    with pytest.raises(SetupError, match="no model is here"):
        await engine.warm()
    dumb = EngineProcess(command=(sys.executable, "-c", "pass"))
    with pytest.raises(EngineProcessError, match="did not start"):
        await dumb.speak("a", "ann", 1.0)
    await engine.aclose()
    await dumb.aclose()


async def test_closing_ends_the_process(engine: EngineProcess) -> None:
    await engine.warm()
    pid = engine.pid
    assert pid is not None
    await engine.aclose()
    assert gone(pid)
    with pytest.raises(EngineProcessError, match="closed"):
        await engine.speak("a", "ann", 1.0)
