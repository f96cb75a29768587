"""`sam build` and `sam deploy` of the real template to an AWS endpoint on this machine."""

import json
import os
import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from infra.local.emulator import REGION, aws_environment, images_folder
from infra.local.environments import LAMBDA, LOCALSTACK, PYTHON, ROOT, SAM
from infra.package.assemble import assemble
from infra.package.parts import PARTS
from parley.errors import SetupError

STACK = "parley"
ARTIFACTS = "parley-artifacts"
INFRA = ROOT / "infra"
_NOBODY = "http://127.0.0.1:9"  # a build asks AWS nothing

SECRETS = {
    "livekit": ("livekit_api_key", "livekit_api_secret"),
    "mongo": ("mongo_uri",),
    "auth": ("auth_key",),
    "gemini": ("gemini_api_key",),
}
"""Which settings each secret holds; the template's roles read them by these names."""


@dataclass(frozen=True)
class Deployment:
    """A deployed stack.

    Attributes:
        url: the AWS endpoint.
        outputs: the template's outputs.
        log: what `sam deploy` printed.
    """

    url: str
    outputs: dict[str, str]
    log: str

    @property
    def api_url(self) -> str:
        """The REST API as LocalStack serves it."""
        return f"{self.url}/_aws/execute-api/{self.outputs['ApiId']}/local"

    def client(self, service: str) -> Any:
        """A client of an AWS service."""
        return client(self.url, service)


def client(url: str, service: str) -> Any:
    """A boto3 client of the emulator, whatever else this machine is set up for."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def ensure_tools() -> None:
    """Make the three environments; raises `SetupError` with a sentence."""
    for environment in (LOCALSTACK, SAM, LAMBDA):
        environment.ensure()


def build_images(folder: Path) -> None:
    """Unpack the functions that are images on AWS, as the executor wants them."""
    for name in ("whisper_job", "tts"):
        part = PARTS[name]
        if (ROOT / part.sources[-1]).is_dir():
            assemble(part, images_folder(folder) / f"parley-{name.replace('_', '-')}", PYTHON)


def build() -> None:
    """Build the template's functions; raises `SetupError` with what SAM said."""
    _sam(_NOBODY, "build")


def put_secrets(url: str, settings: Mapping[str, str], stage: str = "local") -> None:
    """Put settings into the secrets that the template's functions read.

    Args:
        url: the AWS endpoint.
        settings: values by setting's name; what is missing is stored empty.
        stage: the template's stage.
    """
    secrets = client(url, "secretsmanager")
    for name, keys in SECRETS.items():
        text = json.dumps({key: settings.get(key, "") for key in keys})
        try:
            secrets.create_secret(Name=f"parley/{stage}/{name}", SecretString=text)
        except secrets.exceptions.ResourceExistsException:
            secrets.put_secret_value(SecretId=f"parley/{stage}/{name}", SecretString=text)


def deploy(
    url: str, overrides: Mapping[str, str] | None = None, *, build_first: bool = True
) -> Deployment:
    """Build and deploy the template with the settings of samconfig's `local`.

    Args:
        url: the AWS endpoint.
        overrides: template parameters in place of those in samconfig.toml.
        build_first: whether to build first; False deploys what the last build left.

    Raises:
        SetupError: SAM failed; the message ends with what it said.
    """
    client(url, "s3").create_bucket(Bucket=ARTIFACTS)
    if build_first:
        build()
    arguments = ["deploy"]
    if overrides:
        arguments += ["--parameter-overrides", *_merged(overrides)]
    log = _sam(url, *arguments)
    return Deployment(url=url, outputs=outputs(url), log=log)


def outputs(url: str) -> dict[str, str]:
    """The outputs of the deployed stack."""
    found = client(url, "cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    return {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", [])}


def _merged(overrides: Mapping[str, str]) -> list[str]:
    """Samconfig's parameters with these over them: given by command, they replace all."""
    config = tomllib.loads((INFRA / "samconfig.toml").read_text())
    pairs = config["local"]["deploy"]["parameters"]["parameter_overrides"]
    values = dict(pair.split("=", 1) for pair in pairs) | dict(overrides)
    return [f"{name}={value}" for name, value in values.items()]


def _sam(url: str, command: str, *arguments: str) -> str:
    home = ROOT / ".parley" / "aws" / "home"
    home.mkdir(parents=True, exist_ok=True)
    nice = [found, "-n", "10"] if (found := shutil.which("nice")) else []
    done = subprocess.run(
        [*nice, SAM.program("sam"), command, "--config-env", "local", *arguments],
        cwd=INFRA,
        env=os.environ
        | aws_environment(url)
        | {
            "SAM_CLI_TELEMETRY": "0",
            "HOME": str(home),  # its own settings, not this person's
            "PARLEY_PACKAGE_PYTHON": PYTHON,
            "PATH": f"{SAM.folder / 'bin'}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    if done.returncode != 0:
        raise SetupError(f"sam {command} failed: {said.strip()[-3000:]}")
    return said
