"""The one module that knows google-genai: JSON of a schema, or text as it is made.

Models are tried in the order given. A model that is not there (404) is passed over at once; one
that is busy (429, 5xx) or silent is asked again as long as that makes sense, and then passed over.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import aiohttp
import httpx
import stamina
from google import genai
from google.genai import errors, types

from parley.errors import SetupError
from parley.gemini.errors import (
    GeminiAnswerError,
    GeminiBlockedError,
    GeminiError,
    GeminiRefusedError,
    GeminiUnavailableError,
)
from parley.settings import Settings
from parley.telemetry.logs import get_logger

T = TypeVar("T")
R = TypeVar("R")

log = get_logger("gemini")

_ATTEMPTS = 3
_LONGEST_WAIT_S = 30.0
_BUSY = {408, 429, 500, 502, 503, 504}
_SILENT = (TimeoutError, aiohttp.ClientError, httpx.TransportError)
_CUT_OFF = {types.FinishReason.MAX_TOKENS, types.FinishReason.MALFORMED_RESPONSE}


@dataclass(frozen=True)
class JsonAnswer(Generic[T]):
    """A parsed answer, the model that gave it, and the tokens that it took."""

    value: T
    model: str
    input_tokens: int
    output_tokens: int


class Gemini:
    """A client for one key and one list of models; use it as an async context manager."""

    def __init__(
        self,
        api_key: str,
        models: Sequence[str],
        *,
        base_url: str | None = None,
        timeout_s: float = 120.0,
    ) -> None:
        """Prepare; nothing connects until the first call.

        Args:
            api_key: the key; it is sent in a header only.
            models: model ids in the order in which they are tried.
            base_url: another endpoint than Google's.
            timeout_s: longest wait for one answer, in seconds.
        """
        self.models = tuple(models)
        self._client = genai.Client(
            api_key=api_key,
            vertexai=False,
            http_options=types.HttpOptions(
                base_url=base_url,
                timeout=round(timeout_s * 1000),
                retry_options=types.HttpRetryOptions(attempts=1),  # retries are ours
            ),
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """The client that the settings ask for.

        Raises:
            SetupError: there is no key.
        """
        if settings.gemini_api_key is None or not settings.gemini_api_key.get_secret_value():
            raise SetupError("Gemini needs a key: set GEMINI_API_KEY.")
        return cls(
            settings.gemini_api_key.get_secret_value(),
            settings.gemini_models,
            base_url=settings.gemini_base_url,
            timeout_s=settings.gemini_timeout_s,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aio.aclose()

    async def __aenter__(self) -> Self:
        """Enter a context that closes the connections at its end."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.aclose()

    async def generate_json(
        self, *, system: str, prompt: str, schema: dict[str, Any], parse: Callable[[str], T]
    ) -> JsonAnswer[T]:
        """Ask for JSON of a schema.

        Args:
            system: the instructions.
            prompt: what they are applied to.
            schema: JSON schema of the answer.
            parse: makes the value of the answer's text; raises `ValueError` if it is not of the
                form (cut off, say), which is asked again.

        Raises:
            GeminiRefusedError: key or request are not accepted.
            GeminiBlockedError: a safety filter held the answer back.
            GeminiAnswerError: no model gave an answer of the form.
            GeminiUnavailableError: no model answers now.
        """
        config = types.GenerateContentConfig(
            system_instruction=system,
            temperature=0.0,
            response_mime_type="application/json",
            response_json_schema=schema,
        )

        async def ask(model: str) -> JsonAnswer[T]:
            response = await self._client.aio.models.generate_content(
                model=model, contents=prompt, config=config
            )
            _check_finish(response)
            try:
                value = parse(response.text or "")
            except ValueError as error:
                raise GeminiAnswerError("the answer is not of the form asked for") from error
            usage = response.usage_metadata
            return JsonAnswer(
                value,
                model,
                (usage.prompt_token_count or 0) if usage else 0,
                (usage.candidates_token_count or 0) if usage else 0,
            )

        return await self._first_that_answers(ask)

    async def stream_text(self, *, system: str, prompt: str) -> AsyncGenerator[str, None]:
        """Ask for text and give it out in pieces as it comes; closing it ends the request.

        A model is passed over only before its first piece; after that an error ends the text.

        Raises:
            GeminiError: as `generate_json`.
        """
        config = types.GenerateContentConfig(system_instruction=system, temperature=0.2)

        async def begin(
            model: str,
        ) -> tuple[types.GenerateContentResponse, AsyncIterator[types.GenerateContentResponse]]:
            stream = await self._client.aio.models.generate_content_stream(
                model=model, contents=prompt, config=config
            )
            pieces = aiter(stream)
            first = await anext(pieces, None)
            if first is None:
                raise GeminiAnswerError("the answer is empty")
            _check_finish(first)
            return first, pieces

        first, rest = await self._first_that_answers(begin)
        arrived: asyncio.Queue[types.GenerateContentResponse | None] = asyncio.Queue()
        arrived.put_nowait(first)
        # The SDK's stream is left by cancelling who reads it: closing it keeps its connection.
        reading = asyncio.create_task(_read(rest, arrived))
        try:
            while (piece := await arrived.get()) is not None:
                _check_finish(piece)
                if piece.text:
                    yield piece.text
            await reading
        except (errors.APIError, *_SILENT) as error:
            raise GeminiUnavailableError("the answer broke off") from error
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _first_that_answers(self, ask: Callable[[str], Awaitable[R]]) -> R:
        last: GeminiError = GeminiUnavailableError("no Gemini model is named")
        for model in self.models:
            try:
                return await _ask_patiently(ask, model)
            except (GeminiRefusedError, GeminiBlockedError):
                raise
            except GeminiError as error:
                log.warning("model passed over", model=model, reason=str(error))
                last = error
        raise last


async def _read(
    pieces: AsyncIterator[types.GenerateContentResponse],
    arrived: "asyncio.Queue[types.GenerateContentResponse | None]",
) -> None:
    """Take in what comes, ahead of who listens, and then None."""
    try:
        async for piece in pieces:
            arrived.put_nowait(piece)
    finally:
        arrived.put_nowait(None)


async def _ask_patiently(ask: Callable[[str], Awaitable[R]], model: str) -> R:
    try:
        async for attempt in stamina.retry_context(
            on=_worth_another_try, attempts=_ATTEMPTS, timeout=None, wait_max=_LONGEST_WAIT_S
        ):
            with attempt:
                return await ask(model)
    except errors.APIError as error:
        if error.code == 404 or error.code in _BUSY:
            raise GeminiUnavailableError(f"{model} answered {error.code}") from None
        refusal = f"Gemini refused the request ({error.code} {error.status})"
        raise GeminiRefusedError(refusal) from None
    except _SILENT as error:
        raise GeminiUnavailableError(f"{model} can't be reached: {type(error).__name__}") from None
    raise AssertionError("stamina ends with a result or an error")


def _worth_another_try(error: Exception) -> bool | float:
    """Whether to ask the same model again; a number is the wait in seconds that it asked for."""
    if isinstance(error, errors.APIError):
        if error.code not in _BUSY:
            return False
        wait = _retry_after_s(error)
        return True if wait is None else wait <= _LONGEST_WAIT_S and max(wait, 0.001)
    return isinstance(error, (GeminiAnswerError, *_SILENT))


def _retry_after_s(error: errors.APIError) -> float | None:
    """What the server asks for: the header `Retry-After`, or `RetryInfo` among the details."""
    headers = getattr(error.response, "headers", None) or {}
    asked = str(headers.get("retry-after") or headers.get("Retry-After") or "")
    details = error.details.get("error", {}) if isinstance(error.details, dict) else {}
    for detail in details.get("details", []) if isinstance(details, dict) else []:
        if isinstance(detail, dict) and str(detail.get("@type", "")).endswith("RetryInfo"):
            asked = asked or str(detail.get("retryDelay", "")).removesuffix("s")
    try:
        return float(asked)
    except ValueError:
        return None


def _check_finish(response: types.GenerateContentResponse) -> None:
    feedback = response.prompt_feedback
    if feedback and feedback.block_reason:
        raise GeminiBlockedError(f"Gemini blocked the request ({feedback.block_reason.name})")
    reason = response.candidates[0].finish_reason if response.candidates else None
    if reason in _CUT_OFF:
        raise GeminiAnswerError("the answer was cut off")
    if reason not in (None, types.FinishReason.STOP, types.FinishReason.FINISH_REASON_UNSPECIFIED):
        raise GeminiBlockedError(f"Gemini blocked the answer ({reason.name})")
