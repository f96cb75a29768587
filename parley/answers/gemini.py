"""Answers by Gemini, spoken sentence by sentence while it is still writing."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing

from pydantic import BaseModel

from parley.answers.engine import EngineName, Question, Recollection
from parley.answers.errors import AnswerBudgetError, AnswerError
from parley.answers.prompt import ANSWER_INSTRUCTIONS, JUDGE_INSTRUCTIONS, NOTHING, answer_prompt
from parley.answers.spoken import sentences_as_they_come
from parley.gemini import Gemini, GeminiError
from parley.settings import Settings
from parley.telemetry.logs import get_logger

log = get_logger("answers")

_CHARACTERS_PER_TOKEN = 4
_JUDGE_S = 2.5


class _Verdict(BaseModel):
    question: bool


class GeminiAnswers:
    """One room's: a client that stays connected, and what is left of the room's budget."""

    name: EngineName = "gemini"

    def __init__(self, gemini: Gemini, *, wait_s: float, room_tokens: int) -> None:
        """Answer with this client.

        Args:
            gemini: closed by `aclose`.
            wait_s: longest wait for the first sentence and for each next one, in seconds.
            room_tokens: tokens of input and output that all answers may take together.
        """
        self._gemini = gemini
        self._wait_s = wait_s
        self._tokens_left = room_tokens

    @classmethod
    def from_settings(cls, settings: Settings) -> "GeminiAnswers":
        """The engine of these settings; on the room's loop.

        Raises:
            SetupError: there is no key.
        """
        return cls(
            Gemini.from_settings(settings),
            wait_s=settings.answer_timeout_s,
            room_tokens=settings.answer_room_tokens,
        )

    async def answer(self, question: Question, memory: Recollection) -> AsyncGenerator[str, None]:
        """Answer; see `AnswerEngine.answer`.

        Raises:
            AnswerBudgetError: the room's tokens are used up; nothing was asked.
            AnswerError: Gemini refused, is busy, broke off or took too long.
        """
        prompt = answer_prompt(question, memory)
        self._spend(ANSWER_INSTRUCTIONS, prompt)
        written = self._gemini.stream_text(system=ANSWER_INSTRUCTIONS, prompt=prompt)
        try:
            async with aclosing(sentences_as_they_come(written)) as sentences:
                # Not `asyncio.timeout` around the loop: the listener takes its time in between.
                sentence = await asyncio.wait_for(anext(sentences, None), self._wait_s)
                if sentence is None:
                    raise AnswerError("Gemini gave no words")
                if not question.addressed and sentence.strip(" .!").upper() == NOTHING:
                    return
                while sentence is not None:
                    self._tokens_left -= len(sentence) // _CHARACTERS_PER_TOKEN
                    yield sentence
                    sentence = await asyncio.wait_for(anext(sentences, None), self._wait_s)
        except GeminiError as error:
            raise AnswerError(str(error)) from error
        except TimeoutError as error:
            raise AnswerError(f"Gemini took longer than {self._wait_s:g} s") from error
        finally:
            await written.aclose()

    async def is_question(self, text: str, *, addressed: bool) -> bool:
        """Whether an utterance that the rules can't judge asks the assistant something.

        False where Gemini does not say within 2.5 s.
        """
        prompt = json.dumps({"utterance": text, "addressed": addressed}, ensure_ascii=False)
        try:
            self._spend(JUDGE_INSTRUCTIONS, prompt)
            async with asyncio.timeout(_JUDGE_S):
                found = await self._gemini.generate_json(
                    system=JUDGE_INSTRUCTIONS,
                    prompt=prompt,
                    schema=_Verdict.model_json_schema(),
                    parse=_Verdict.model_validate_json,
                )
        except (GeminiError, AnswerBudgetError, TimeoutError) as error:
            log.warning("question not judged", reason=type(error).__name__)
            return False
        return found.value.question

    async def aclose(self) -> None:
        """Close connections."""
        await self._gemini.aclose()

    def _spend(self, *texts: str) -> None:
        tokens = sum(len(text) for text in texts) // _CHARACTERS_PER_TOKEN
        if tokens > self._tokens_left:
            raise AnswerBudgetError("the room's budget of model answers is used up")
        self._tokens_left -= tokens
