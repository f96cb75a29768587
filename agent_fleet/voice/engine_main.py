"""The speech engine's own process: `python -m agent_fleet.voice.engine_main`.

It is apart from the fleet so that making speech never takes the interpreter from the captions, and
so that a fault in a model's native code ends nobody's recording. It reads requests from its
standard input and writes sound to its standard output until the input ends.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict

from agent_fleet.voice.engine_wire import Head, pack, read
from parley.audio.resample import to_int16
from parley.errors import ParleyError
from parley.settings import Settings, load_settings
from parley.voice import SpeechEngine, open_engine

Answer = Callable[[Head, bytes], None]


async def serve(settings: Settings, output: int) -> None:
    """Answer requests until the input ends.

    Args:
        settings: the engine and its threads.
        output: file descriptor that the answers go to.
    """

    def answer(head: Head, sound: bytes = b"") -> None:
        message = memoryview(pack(head, sound))
        while message:
            message = message[os.write(output, message) :]

    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    try:
        engine = open_engine(
            settings.voice_engine,
            kokoro_dir=settings.kokoro_dir,
            threads=settings.voice_threads,
            workers=settings.voice_workers,
            first_voice=settings.voice,
        )
    except ParleyError as error:
        answer({"failed": str(error)})
        return
    voices = [asdict(voice) for voice in engine.voices()]
    answer({"engine": engine.name, "voices": voices})
    async with asyncio.TaskGroup() as group:
        while (message := await read(reader)) is not None:
            group.create_task(_speak(engine, message[0], answer))
    await engine.aclose()


async def _speak(
    engine: SpeechEngine, request: Head, answer: Callable[[Head, bytes], None]
) -> None:
    number = request.pop("number")
    try:
        async for sound in engine.stream(**request):
            answer({"number": number}, to_int16(sound).tobytes())
    except ParleyError as error:
        answer({"number": number, "failed": str(error), "code": error.code}, b"")
    except Exception as error:  # an engine's own kinds: this request's fault alone
        answer({"number": number, "failed": f"the engine failed: {type(error).__name__}"}, b"")
    else:
        answer({"number": number, "done": True}, b"")


def main() -> int:
    """The exit status."""
    # Ctrl-C reaches the whole group; the fleet ends this process by closing its input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    output = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    settings = load_settings()
    with contextlib.suppress(AttributeError, OSError):
        os.nice(settings.voice_nice)
    with contextlib.suppress(BrokenPipeError):
        asyncio.run(serve(settings, output))
    return 0


if __name__ == "__main__":
    sys.exit(main())
