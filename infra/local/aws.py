"""A local AWS: LocalStack, the database and LiveKit, running while the `async with` block does."""

import random
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.local import deploy
from infra.local.emulator import localstack
from parley_cli.stack.ports import choose_ports
from parley_cli.stack.process import PartProcess
from parley_cli.stack.stack import Stack

PORT = "localstack"


@dataclass
class LocalAws:
    """The servers of a local deployment.

    Attributes:
        folder: where their files are.
        port: where LocalStack listens; None takes a free one.
    """

    folder: Path
    port: int | None = None

    async def __aenter__(self) -> Self:
        """Start all; raises `SetupError` or `PartDiedError` with a sentence."""
        wanted = {PORT: self.port} if self.port else {}
        chosen = choose_ports([PORT], wanted=wanted, preferred={}, rng=random.Random())
        self.part = localstack(self.folder, chosen[PORT])
        self.url = self.part.url
        self.stack = Stack(self.folder / "servers", parts=["mongo", "livekit"])
        await self.stack.__aenter__()
        try:
            self._process = await PartProcess.start(self.part, self.log)
            try:
                await self._process.serving()
            except BaseException:
                await self._process.stop()
                raise
        except BaseException as error:
            await self.stack.__aexit__(type(error), error, None)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop all, whatever happened."""
        try:
            await self._process.stop()
        finally:
            await self.stack.__aexit__(kind, error, trace)

    @property
    def log(self) -> Path:
        """LocalStack's log."""
        return self.folder / "localstack.log"

    def deploy(self, *, build: bool = True) -> deploy.Deployment:
        """Put the servers' addresses into the secrets, then build and deploy the template."""
        found = {
            name.removeprefix("PARLEY_").lower(): value
            for name, value in self.stack.environment.items()
        }
        deploy.put_secrets(self.url, found)
        return deploy.deploy(self.url, {"LiveKitUrl": found["livekit_url"]}, build_first=build)
