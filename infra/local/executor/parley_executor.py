"""LocalStack executor that runs each Lambda environment as a process, where no images are.

Chosen by `LAMBDA_RUNTIME_EXECUTOR=process`. An environment is `lambda_init.py`, which runs the
function under AWS's own runtime client. It is told by the environment:

- `PARLEY_LAMBDA_PYTHON`: the interpreter that has `awslambdaric`.
- `PARLEY_LAMBDA_INIT`: the path of `lambda_init.py`.
- `PARLEY_LAMBDA_IMAGES`: the folder of unpacked images: the image `…/parley-tts:local` is its
  folder `parley-tts`, with `image.json` naming the handler.
"""

import json
import logging
import os
import signal
import subprocess
import threading
from collections import deque
from pathlib import Path

from localstack import config
from localstack.services.lambda_.invocation.executor_endpoint import ExecutorEndpoint
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor
from localstack.utils.net import get_free_tcp_port

LOG = logging.getLogger(__name__)
_LOOPBACK = "127.0.0.1"
_PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "OPENBLAS_CORETYPE")


class ProcessExecutor(RuntimeExecutor):
    """One execution environment."""

    def __init__(self, id: str, function_version: FunctionVersion) -> None:
        """Prepare an environment of this function version."""
        super().__init__(id=id, function_version=function_version)
        self._port = get_free_tcp_port()
        self._endpoint = ExecutorEndpoint(
            id, container_address=_LOOPBACK, container_port=self._port
        )
        self._process: subprocess.Popen[str] | None = None
        self._output: deque[str] = deque(maxlen=1000)

    def start(self, env_vars: dict[str, str]) -> None:
        """Start the process and wait until its runtime asks for work."""
        self._endpoint.start()
        root, image = _code_of(self.function_version)
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment |= {name: str(value) for name, value in env_vars.items()}
        environment |= {"LAMBDA_TASK_ROOT": str(root), "PARLEY_INIT_PORT": str(self._port)}
        if image:
            environment["_HANDLER"] = image["entry"]
        self._process = subprocess.Popen(
            [os.environ["PARLEY_LAMBDA_PYTHON"], os.environ["PARLEY_LAMBDA_INIT"]],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # so that the function's own children end with it
        )
        threading.Thread(target=self._read_output, daemon=True).start()
        self._endpoint.wait_for_startup()

    def _read_output(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self._output.extend(self._process.stdout)

    def stop(self) -> None:
        """End the process group."""
        if self._process is not None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                LOG.debug("environment %s was gone already", self.id)
            self._process.wait()
        self._endpoint.shutdown()

    def get_address(self) -> str:
        """Where the environment is."""
        return _LOOPBACK

    def get_endpoint_from_executor(self) -> str:
        """Where the environment finds LocalStack."""
        return _LOOPBACK

    def get_runtime_endpoint(self) -> str:
        """Where the environment reports to."""
        port = config.GATEWAY_LISTEN[0].port
        return f"http://{_LOOPBACK}:{port}{self._endpoint.get_endpoint_prefix()}"

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Hand an invocation over and wait for its result."""
        return self._endpoint.invoke(payload)

    def get_logs(self) -> str:
        """The last lines that the process wrote."""
        return "".join(self._output)

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Unzip the code, or see that the image is there."""
        _code_of(function_version)

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Nothing: LocalStack deletes the unzipped code itself."""


def _code_of(version: FunctionVersion) -> tuple[Path, dict[str, str] | None]:
    """The folder of a version's code, and what `image.json` says for an image."""
    if version.config.code:
        version.config.code.prepare_for_execution()
        return Path(version.config.code.get_unzipped_code_location()), None
    name = version.config.image.image_uri.rpartition("/")[2].partition("@")[0].partition(":")[0]
    root = Path(os.environ["PARLEY_LAMBDA_IMAGES"]) / name
    return root, json.loads((root / "image.json").read_text())


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    """Registers the executor with LocalStack."""

    name = "process"

    def load(self, *args: object, **kwargs: object) -> type[RuntimeExecutor]:
        """The executor's class."""
        return ProcessExecutor
