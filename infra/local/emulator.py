"""LocalStack as a process on the loopback interface, its Lambda functions as processes too."""

import os
from collections.abc import Mapping
from pathlib import Path

import httpx

from infra.local.environments import LAMBDA, LOCALSTACK, ROOT
from parley_cli.stack.part import Part
from parley_cli.stack.ports import LOOPBACK

REGION = "us-east-1"
SERVICES = (
    "apigateway,cloudformation,cloudwatch,events,iam,lambda,logs,s3,secretsmanager,sns,sqs,ssm,sts"
)


def aws_environment(url: str) -> dict[str, str]:
    """The variables with which any AWS client finds the emulator and nothing else."""
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": url,
        "AWS_EC2_METADATA_DISABLED": "true",
        # A person's own profiles play no part.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def localstack(folder: Path, port: int) -> Part:
    """LocalStack on this port, its files under this folder."""
    url = f"http://{LOOPBACK}:{port}"
    return Part(
        name="localstack",
        # Its other work must not starve what is tested on the same cores.
        argv=["nice", "-n", "10", str(LOCALSTACK.python), "-m", "localstack.runtime.main"],
        url=url,
        environment=_environment(folder, port),
        probe=_running(url),
        ready_within_s=120,
        stop_signals=(),  # it has nothing to save; its environments end when it does
    )


def images_folder(folder: Path) -> Path:
    """Where the unpacked images of the functions are."""
    return folder / "images"


def _environment(folder: Path, port: int) -> Mapping[str, str]:
    for name in ("tmp", "volume", "root"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return {
        "PATH": f"{LOCALSTACK.folder / 'bin'}:{os.environ['PATH']}",
        # Its default server binds all interfaces, whatever it is told.
        "GATEWAY_SERVER": "hypercorn",
        "GATEWAY_LISTEN": f"{LOOPBACK}:{port}",
        # What queue URLs are made of.
        "LOCALSTACK_HOST": f"{LOOPBACK}:{port}",
        "SQS_ENDPOINT_STRATEGY": "path",
        "OVERRIDE_IN_DOCKER": "0",
        "ACTIVATE_PRO": "0",
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0",
        "SERVICES": SERVICES,
        "FILESYSTEM_ROOT": str(folder / "root"),
        "LOCALSTACK_VOLUME_DIR": str(folder / "volume"),
        "XDG_CACHE_HOME": str(folder / "volume"),
        "TMPDIR": str(folder / "tmp"),
        "LAMBDA_RUNTIME_EXECUTOR": "process",
        "LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT": "60",
        "PARLEY_LAMBDA_PYTHON": str(LAMBDA.python),
        "PARLEY_LAMBDA_INIT": str(ROOT / "infra" / "local" / "lambda_init.py"),
        "PARLEY_LAMBDA_IMAGES": str(images_folder(folder)),
    } | {k: v for k, v in aws_environment("").items() if k != "AWS_ENDPOINT_URL"}


def _running(url: str):
    async def ask() -> None:
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            (await client.get(f"{url}/_localstack/health")).raise_for_status()

    return ask
