"""The table of functions that the runner runs: what starts each, and what it may take."""

import importlib.util
from dataclasses import dataclass

from parley.events.s3 import ObjectCreated
from parley.queue.handback import RUNNER_ARN


@dataclass(frozen=True)
class ObjectsUnder:
    """Starts a function for each object created under a prefix, through a queue."""

    prefix: str
    suffix: str

    def takes(self, created: ObjectCreated) -> bool:
        """Whether the function wants to hear of this object."""
        return created.key.startswith(self.prefix) and created.key.endswith(self.suffix)


@dataclass(frozen=True)
class Every:
    """Starts a function at an interval, in seconds; a run that is still going is not doubled."""

    seconds: float


@dataclass(frozen=True)
class LocalFunction:
    """One function.

    Attributes:
        name: its name in jobs, logs and ARNs.
        handler: module and function, as Lambda writes it.
        trigger: what starts it.
        timeout_s: its worker is killed when one run takes longer, in seconds.
        workers: worker processes, each running one event at a time.
        niceness: added to the workers' nice value, so that live captions come first.
    """

    name: str
    handler: str
    trigger: ObjectsUnder | Every
    timeout_s: float
    workers: int = 1
    niceness: int = 0

    @property
    def queue_arn(self) -> str:
        """What the function sees as the source of its messages."""
        return f"{RUNNER_ARN}local::{self.name}"

    @property
    def arn(self) -> str:
        """The function's own ARN in its context."""
        return f"arn:parley:lambda:local::function:{self.name}"


FUNCTIONS = (
    LocalFunction(
        name="whisper_job",
        handler="functions.whisper_job.handler.handler",
        trigger=ObjectsUnder("recordings/", ".ogg"),
        timeout_s=900,
        niceness=10,
    ),
    LocalFunction(
        name="summarize",
        handler="functions.summarize.handler.handler",
        trigger=ObjectsUnder("timelines/", ".json"),
        timeout_s=300,
        niceness=5,
    ),
    LocalFunction(
        name="reconcile",
        handler="functions.reconcile.handler.handler",
        trigger=Every(60),
        timeout_s=50,
    ),
)


def present(functions: tuple[LocalFunction, ...] = FUNCTIONS) -> tuple[LocalFunction, ...]:
    """Those functions whose module is in this checkout."""
    return tuple(f for f in functions if _exists(f.handler.rpartition(".")[0]))


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a parent package is missing
        return False
