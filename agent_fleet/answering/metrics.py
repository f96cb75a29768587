"""What the fleet shows of its answers: counts and times, never a word of them."""

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Histogram

_SECONDS = (0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)

How = Literal["addressed", "all", "typed"]


class AnswerMetrics:
    """One for the process; any thread may count."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Show them in this registry."""
        self._questions = Counter(
            "parley_questions",
            "Questions to the assistant: by its name, to everybody, or typed.",
            ["how"],
            registry=registry,
        )
        self._answers = Counter(
            "parley_answers",
            "Answers by engine and by how they ended.",
            ["engine", "outcome"],
            registry=registry,
        )
        self._first_sound = Histogram(
            "parley_answer_first_sound_seconds",
            "From the end of a question to the first sound of its answer going out.",
            ["engine"],
            buckets=_SECONDS,
            registry=registry,
        )

    def asked(self, how: How) -> None:
        """A question came."""
        self._questions.labels(how).inc()

    def first_sound(self, engine: str, seconds: float) -> None:
        """An answer's first sound went out so long after the question's end."""
        self._first_sound.labels(engine).observe(max(0.0, seconds))

    def ended(self, engine: str, outcome: str) -> None:
        """An answer ended; `outcome` is a final speech state, or `unknown` where none was given."""
        self._answers.labels(engine or "none", outcome).inc()
