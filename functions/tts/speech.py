"""Text to a stored Ogg Opus file: once for each text, voice, speed and language."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from weakref import WeakValueDictionary

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from parley.audio.ogg import encode_opus
from parley.blobs import BlobStore
from parley.blobs.keys import speech_key
from parley.telemetry.logs import get_logger
from parley.voice import SAMPLE_RATE, SpeechEngine
from parley.voice.choice import check_request, choose_voice

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

    async def speak(self, request: SpeechRequest) -> SpeechReply:
        """The file of a request, made unless it is there.

        Raises:
            UnknownVoiceError: no such voice, or none for the language.
            SpeechTextError: there is nothing to say in the text.
            SpeechError: the engine failed.
            BlobError: the object store failed.
        """
        check_request(request.text, request.speed)
        engine = await self._loaded()
        voice = choose_voice(engine.voices(), request.voice, request.language)
        key = speech_key(_hash(request, engine.name, voice.name))
        # One lock a key: of two requests for the same speech the second waits for the first.
        lock = self._making.setdefault(key, asyncio.Lock())
        async with lock:
            made = await self._blobs.size(key) is None
            if made:
                parts = [
                    part
                    async for part in engine.stream(
                        request.text, voice.name, request.speed, request.language
                    )
                ]
                samples = np.concatenate(parts)
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

    async def aclose(self) -> None:
        """Wait for speech that is being made, and free the engine."""
        if self._engine is not None:
            await self._engine.aclose()

    async def _loaded(self) -> SpeechEngine:
        async with self._loading:
            if self._engine is None:
                self._engine = await asyncio.to_thread(self._open)
            return self._engine


def _hash(request: SpeechRequest, engine: str, voice: str) -> str:
    text = " ".join(request.text.split())
    said = json.dumps([_FORMAT, engine, voice, round(request.speed, 2), request.language, text])
    return hashlib.sha256(said.encode()).hexdigest()[:40]
