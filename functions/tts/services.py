"""What the speech route works with, made once a process; the engine is loaded when first needed."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from functions.tts.speech import Speaker
from parley.auth import TokenVerifier
from parley.blobs import BlobStore
from parley.settings import Settings
from parley.voice import SpeechEngine, open_engine

_GATEWAY_BUDGET_S = 15.0  # a last sentence may take as long again, and API Gateway waits 29 s


@dataclass
class Services:
    """The application's view of the world outside; tests hand in their own."""

    settings: Settings
    blobs: BlobStore
    tokens: TokenVerifier
    open_engine: Callable[[], SpeechEngine]
    budget_s: float | None = None
    """Seconds that one call may work where its caller does not say."""
    _speaker: Speaker | None = field(default=None, init=False)

    @classmethod
    def from_settings(cls, settings: Settings) -> "Services":
        """Everything that the settings name; nothing is loaded or connected until it is used."""
        return cls(
            settings=settings,
            blobs=BlobStore.from_settings(settings),
            tokens=TokenVerifier.from_settings(settings),
            open_engine=lambda: open_engine(
                settings.voice_engine,
                kokoro_dir=settings.kokoro_dir,
                first_voice=settings.voice,
            ),
            budget_s=_GATEWAY_BUDGET_S if "AWS_LAMBDA_FUNCTION_NAME" in os.environ else None,
        )

    def speaker(self) -> Speaker:
        """The process's one speaker."""
        if self._speaker is None:
            self._speaker = Speaker(self.blobs, self.open_engine, self.settings.presign_seconds)
        return self._speaker

    async def aclose(self) -> None:
        """Wait for speech that is being made, and free the engine."""
        if self._speaker is not None:
            await self._speaker.aclose()
