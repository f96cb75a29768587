"""A room's answers: by the model where one answers, else from the transcript alone."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from parley.answers.engine import AnswerEngine, EngineName, ModelAnswers, Question, Recollection
from parley.answers.errors import AnswerBudgetError, AnswerError
from parley.answers.extractive import ExtractiveAnswers
from parley.errors import SetupError
from parley.settings import Settings
from parley.telemetry.logs import get_logger

log = get_logger("answers")

BROKE_OFF = "That is all I have. The rest of the answer did not come."
_REST_S = 30.0
"""How long a model that failed is not asked: people wait for the answer."""


class RoomAnswers:
    """Chooses the engine of each answer; lives on the room's event loop."""

    def __init__(
        self,
        model: ModelAnswers | None,
        without: AnswerEngine,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask the model first.

        Args:
            model: what answers best, if there is one.
            without: what answers where the model doesn't; never fails.
            monotonic: seconds that never jump.
        """
        self.model = model
        self._without = without
        self._monotonic = monotonic
        self._rests_until = 0.0

    async def answer(
        self, question: Question, memory: Recollection, began: Callable[[EngineName], None]
    ) -> AsyncGenerator[str, None]:
        """Sentences of the answer, as engines give them; never fails for want of a model.

        Args:
            question: what was asked.
            memory: what was said before.
            began: told which engine gives the first sentence, before that is given out.
        """
        model = self.model
        if model is not None and self._monotonic() >= self._rests_until:
            spoke = False
            try:
                async with aclosing(model.answer(question, memory)) as sentences:
                    async for sentence in sentences:
                        if not spoke:
                            spoke = True
                            began(model.name)
                        yield sentence
                return
            except AnswerError as error:
                log.warning("answer engine failed", engine=model.name, reason=str(error))
                if isinstance(error, AnswerBudgetError):
                    self.model = None
                else:
                    self._rests_until = self._monotonic() + _REST_S
            if spoke:
                yield BROKE_OFF
                return
        began(self._without.name)
        async with aclosing(self._without.answer(question, memory)) as sentences:
            async for sentence in sentences:
                yield sentence

    async def is_question(self, text: str, *, addressed: bool) -> bool:
        """Whether an utterance that the rules can't judge is a question; False without a model."""
        if self.model is None or self._monotonic() < self._rests_until:
            return False
        return await self.model.is_question(text, addressed=addressed)

    async def aclose(self) -> None:
        """Close connections."""
        if self.model is not None:
            await self.model.aclose()
        await self._without.aclose()


def answers_for(settings: Settings) -> RoomAnswers:
    """The answers of these settings (`auto` is Gemini when there is a key); on the room's loop.

    Importing Gemini's client takes a second: call this in a thread the first time.

    Raises:
        SetupError: Gemini is asked for and there is no key, or its packages are missing.
    """
    without = ExtractiveAnswers(tuple(settings.assistant_names))
    if not wants_model(settings):
        return RoomAnswers(None, without)
    try:
        from parley.answers.gemini import GeminiAnswers
    except ImportError as error:
        raise SetupError(
            "Answers by Gemini need google-genai: install `parley[answers]`."
        ) from error
    return RoomAnswers(GeminiAnswers.from_settings(settings), without)


def wants_model(settings: Settings) -> bool:
    """Whether the settings ask for answers by a model."""
    key = settings.gemini_api_key
    wanted = settings.answer_engine
    return wanted == "gemini" or bool(
        wanted == "auto" and key is not None and key.get_secret_value()
    )
