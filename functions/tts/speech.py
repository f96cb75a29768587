"""Text to a stored Ogg Opus file: once for each text, voice, speed and language.

API Gateway waits 29 s for an answer, and a long text may take longer. So a call has a budget: when
it is used up, what was made so far is stored and the caller is told to ask again, and the next call
goes on from there.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from parley.audio.ogg import encode_opus
from parley.blobs import BlobStore
from parley.blobs.keys import speech_key, speech_part_key
from parley.errors import BlobNotFoundError
from parley.telemetry.logs import get_logger
from parley.voice import SAMPLE_RATE, SpeechEngine
from parley.voice.choice import check_request, choose_voice
from parley.voice.sentences import split_sentences

log = get_logger("tts")

MAX_CHARACTERS = 2_000
_FORMAT = 1
"""Part of every key: raise it when the same request should sound different."""


class SpeechRequest(BaseModel):
    """What is to be said, and how."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    text: str = Field(min_length=1, max_length=MAX_CHARACTERS, description="Plain text.")
    voice: str | None = Field(None, max_length=64, description="A voice of the engine.")
    speed: float = Field(1.0, ge=0.5, le=2.0, description="Pace; 1 is the voice's own.")
    language: str | None = Field(
        None, max_length=35, description="BCP 47 tag; chooses a voice where none is named."
    )


class SpeechReply(BaseModel):
    """Where the speech is."""

    key: str = Field(description="The object's key in the bucket.")
    url: str = Field(description="Presigned URL of the Ogg Opus file.")
    expires_s: int = Field(description="Seconds for which the URL is good.")
    voice: str
    engine: str
    made: bool = Field(description="Whether it was made now; false when it was there.")


class SpeechProgress(BaseModel):
    """The speech is not done yet: repeat the request."""

    key: str = Field(description="The key that the object will have.")
    sentences_done: int
    sentences: int


class Speaker:
    """Makes speech files; loads its engine at the first request that needs one."""

    def __init__(
        self, blobs: BlobStore, open_engine: Callable[[], SpeechEngine], expires_s: int
    ) -> None:
        """Store in this bucket.

        Args:
            blobs: the bucket.
            open_engine: loads the engine; may block for seconds.
            expires_s: life of the URLs, in seconds.
        """
        self._blobs = blobs
        self._open = open_engine
        self._expires_s = expires_s
        self._engine: SpeechEngine | None = None
        self._loading = asyncio.Lock()
        self._making: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def speak(
        self, request: SpeechRequest, budget_s: float | None = None
    ) -> SpeechReply | SpeechProgress:
        """The file of a request, made unless it is there.

        Args:
            request: what is to be said.
            budget_s: seconds after which it ends with the present sentence; None is no limit.

        Returns:
            The file, or how far it is when the budget was used up.

        Raises:
            UnknownVoiceError: no such voice, or none for the language.
            SpeechTextError: there is nothing to say in the text.
            SpeechError: the engine failed.
            BlobError: the object store failed.
        """
        check_request(request.text, request.speed)
        until = None if budget_s is None else time.monotonic() + budget_s
        engine = await self._loaded()
        voice = choose_voice(engine.voices(), request.voice, request.language)
        digest = _hash(request, engine.name, voice.name)
        key = speech_key(digest)
        # One lock a key: of two requests for the same speech the second waits for the first.
        lock = self._making.setdefault(key, asyncio.Lock())
        async with lock:
            made = await self._blobs.size(key) is None
            if made:
                run = _Run(self._blobs, engine, voice.name, request, digest)
                samples = await run.go_on(until)
                if samples is None:
                    return SpeechProgress(
                        key=key, sentences_done=run.done, sentences=len(run.sentences)
                    )
                ogg = await asyncio.to_thread(encode_opus, samples, SAMPLE_RATE)
                await self._blobs.put(key, ogg, "audio/ogg")
                log.info(
                    "speech made",
                    key=key,
                    engine=engine.name,
                    voice=voice.name,
                    characters=len(request.text),
                    duration_ms=len(samples) * 1000 // SAMPLE_RATE,
                )
        return SpeechReply(
            key=key,
            url=await self._blobs.presign(key, self._expires_s),
            expires_s=self._expires_s,
            voice=voice.name,
            engine=engine.name,
            made=made,
        )

    async def stream(self, request: SpeechRequest) -> AsyncIterator[NDArray[np.float32]]:
        """The speech as it is made, its first sentence already there; nothing is stored.

        Raises:
            UnknownVoiceError: no such voice, or none for the language.
            SpeechTextError: there is nothing to say in the text.
            SpeechError: the engine failed on the first sentence.
        """
        engine = await self._loaded()
        sounds = engine.stream(request.text, request.voice, request.speed, request.language)
        first = await anext(sounds)

        async def all_sounds() -> AsyncIterator[NDArray[np.float32]]:
            yield first
            async for sound in sounds:
                yield sound

        return all_sounds()

    async def aclose(self) -> None:
        """Wait for speech that is being made, and free the engine."""
        if self._engine is not None:
            await self._engine.aclose()

    async def _loaded(self) -> SpeechEngine:
        async with self._loading:
            if self._engine is None:
                self._engine = await asyncio.to_thread(self._open)
            return self._engine


class _Run:
    """One call's work on a speech that earlier calls may have begun."""

    def __init__(
        self,
        blobs: BlobStore,
        engine: SpeechEngine,
        voice: str,
        request: SpeechRequest,
        digest: str,
    ) -> None:
        self._blobs = blobs
        self._engine = engine
        self._voice = voice
        self._request = request
        self._key = speech_part_key(digest)
        self.sentences = split_sentences(request.text)
        self.done = 0

    async def go_on(self, until: float | None) -> NDArray[np.float32] | None:
        """All samples, or None when it is later than `until` and the rest is for the next call."""
        parts = [] if until is None else await self._earlier()
        rest = " ".join(self.sentences[self.done :])
        request = self._request
        sounds = self._engine.stream(rest, self._voice, request.speed, request.language)
        async for sound in sounds:
            parts.append(sound)
            self.done += 1
            over = until is not None and time.monotonic() > until
            if over and self.done < len(self.sentences):
                await self._keep(np.concatenate(parts))
                return None
        return np.concatenate(parts)

    async def _earlier(self) -> list[NDArray[np.float32]]:
        """What earlier calls made: the number of sentences, then samples, in 32 bits each."""
        try:
            body = await self._blobs.get(self._key)
        except BlobNotFoundError:
            return []
        self.done = int.from_bytes(body[:4], "little")
        return [np.frombuffer(body, np.float32, offset=4)]

    async def _keep(self, samples: NDArray[np.float32]) -> None:
        body = self.done.to_bytes(4, "little") + samples.tobytes()
        await self._blobs.put(self._key, body, "application/octet-stream")


def _hash(request: SpeechRequest, engine: str, voice: str) -> str:
    text = " ".join(request.text.split())
    said = json.dumps([_FORMAT, engine, voice, round(request.speed, 2), request.language, text])
    return hashlib.sha256(said.encode()).hexdigest()[:40]
