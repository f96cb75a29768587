"""`python -m infra.local`: deploys the template to a local AWS and keeps it until Ctrl-C."""

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from rich.console import Console

from infra.local import deploy
from infra.local.aws import LocalAws
from infra.local.environments import ROOT
from parley.auth import mint
from parley.errors import ParleyError
from parley.settings import Settings


async def _run(folder: Path, port: int, console: Console) -> None:
    with console.status("Making the environments of LocalStack, SAM and the Lambda runtime"):
        await asyncio.to_thread(deploy.ensure_tools)
    with console.status("Unpacking the images of whisper_job and tts"):
        await asyncio.to_thread(deploy.build_images, folder)
    with console.status("Starting LocalStack, the database and LiveKit"):
        aws = await LocalAws(folder, port).__aenter__()
    try:
        with console.status("sam build, sam deploy"):
            deployed = await asyncio.to_thread(aws.deploy)
        token = mint(
            Settings.model_validate({"auth_key": aws.stack.environment["PARLEY_AUTH_KEY"]}),
            sub="you",
            role="admin",
            ttl_s=24 * 3600,
        )
        console.print(f"AWS endpoint  {aws.url} (keys test/test, region us-east-1)")
        console.print(f"REST API      {deployed.api_url}")
        console.print(f"Bucket        {deployed.outputs['Bucket']}")
        console.print(f"LiveKit       {aws.stack.environment['PARLEY_LIVEKIT_URL']}")
        console.print(f"Logs          {aws.log}")
        console.print(f"Admin token   {token}", soft_wrap=True)
        console.print("Ctrl-C stops everything.")
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        await ended.wait()
    finally:
        await aws.__aexit__(None, None, None)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    parser.add_argument("--port", type=int, default=4566, help="LocalStack's port (4566)")
    given = parser.parse_args()
    folder = ROOT / ".parley" / "aws"
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(_run(folder, given.port, Console()))
        except ParleyError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
