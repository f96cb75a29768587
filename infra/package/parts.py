"""What each deployable consists of: our own packages, the lock file it installs, its entry."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Part:
    """One deployable.

    Attributes:
        name: also the name of its locked requirements, `requirements/deploy/{name}.txt`, unless
            `lock_of` names another part's.
        kind: `zip` for a Lambda archive, `image` for a container image.
        entry: Lambda handler, or the module that the container runs.
        sources: our own folders that it needs, relative to the repository.
        extras: extras of pyproject.toml whose packages it needs beyond the base.
        lambda_client: whether the image needs AWS's runtime client (zips run on AWS's own).
        lock_of: the part whose locked requirements it shares.
    """

    name: str
    kind: Literal["zip", "image"]
    entry: str
    sources: tuple[str, ...]
    extras: tuple[str, ...]
    lambda_client: bool = False
    lock_of: str = ""

    @property
    def lock(self) -> str:
        """The name of its locked requirements, without the suffix."""
        return self.lock_of or self.name


PARTS = {
    part.name: part
    for part in (
        Part(
            "webhook",
            "zip",
            "functions.webhook.handler.handler",
            ("parley", "functions/webhook"),
            ("webhook",),
        ),
        Part(
            "summarize",
            "zip",
            "functions.summarize.handler.handler",
            ("parley", "functions/summarize"),
            ("summary",),
        ),
        Part(
            "reconcile",
            "zip",
            "functions.reconcile.handler.handler",
            ("parley", "functions/reconcile"),
            ("reconcile",),
        ),
        Part(
            "whisper_job",
            "image",
            "functions.whisper_job.handler.handler",
            ("parley", "functions/whisper_job"),
            ("whisper", "models"),
            lambda_client=True,
        ),
        Part(
            "tts",
            "image",
            "functions.tts.handler.handler",
            ("parley", "functions/tts"),
            ("voice",),
            lambda_client=True,
        ),
        Part(
            "fleet",
            "image",
            "agent_fleet",
            ("parley", "agent_fleet", "models/mini-en/model"),
            ("fleet", "voice", "answers"),
        ),
        Part(
            "whisper_worker",
            "image",
            "functions.whisper_job.worker",
            ("parley", "functions/whisper_job"),
            ("whisper", "models"),
            lock_of="whisper_job",
        ),
        Part(
            "api",
            "image",
            "functions.webhook.app:app",
            ("parley", "functions/webhook"),
            ("webhook", "cli"),
        ),
        Part(
            "runner",
            "image",
            "parley_cli.runner",
            ("parley", "functions", "parley_cli"),
            ("webhook", "whisper", "summary", "voice", "models", "cli"),
        ),
    )
}
FUNCTIONS = tuple(name for name, part in PARTS.items() if part.entry.endswith(".handler"))
ZIP_LIMIT = 50 * 1024 * 1024
"""Bytes of a zip that Lambda takes in a direct upload; ours stay below it."""
