"""Cold and warm time of each function under AWS's emulator and runtime client.

`python -m bench.coldstart`: the packaged files run as on Lambda, by `awslambdaric` under the
Runtime Interface Emulator that the SAM package carries. Each event is answered without a server:
what is timed is our start and our handling, not a database's. A core here is a whole one; a Lambda
function has one per 1,769 MB of its memory.
"""

import argparse
import base64
import json
import os
import platform
import random
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.table import show
from infra.local.environments import LAMBDA, PYTHON, SAM
from infra.package.archive import tree_size
from infra.package.assemble import assemble
from infra.package.parts import PARTS
from parley_cli.stack.ports import choose_ports

_LIMIT_S = 60.0
_MACHINE = {"x86_64": "x86_64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Row:
    """One function."""

    load: str
    unpacked_mb: float
    init_ms: int
    cold_ms: int
    cold_worst_ms: int
    warm_p50_ms: float
    warm_p95_ms: float
    rss_mb: int


def http_event(method: str, path: str, body: bytes) -> dict[str, Any]:
    """A REST API event that carries no proof of who sends it."""
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": {"Content-Type": "application/json"},
        "multiValueHeaders": {"Content-Type": ["application/json"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "requestContext": {"stage": "x", "identity": {"sourceIp": "192.0.2.1"}},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def queue_event() -> dict[str, Any]:
    """An SQS batch with the message by which S3 tests a notification: nothing is to be done."""
    record = {
        "messageId": "1",
        "receiptHandle": "r",
        "body": json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"}),
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:q",
        "awsRegion": "us-east-1",
    }
    return {"Records": [record]}


EVENTS = {
    "webhook": http_event("POST", "/webhooks/livekit", b"{}"),
    "tts": http_event("POST", "/speech", b'{"text": "hello"}'),
    "whisper_job": queue_event(),
    "summarize": queue_event(),
}


@contextmanager
def emulator(root: Path, handler: str) -> Iterator[tuple[str, int]]:
    """The emulator before a function that has not begun to start; gives its URL and its pid."""
    rie = next(SAM.folder.glob("lib/python*/site-packages/samcli/local/rapid"))
    rie /= f"aws-lambda-rie-{_MACHINE[platform.machine()]}"
    ports = choose_ports(["invoke", "api"], wanted={}, preferred={}, rng=random.Random())
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(root),
        "LAMBDA_TASK_ROOT": str(root),
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "60",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "PYTHONDONTWRITEBYTECODE": "1",  # as on Lambda, whose folder is read-only
        "PARLEY_LOG_LEVEL": "WARNING",
        "PARLEY_AUTH_KEY": "0" * 64,
        "PARLEY_LIVEKIT_API_SECRET": "0" * 64,
    }
    process = subprocess.Popen(
        [
            rie,
            *("--runtime-interface-emulator-address", f"127.0.0.1:{ports['invoke']}"),
            *("--runtime-api-address", f"127.0.0.1:{ports['api']}"),
            *(LAMBDA.python, "-m", "awslambdaric", handler),
        ],
        cwd=root,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield f"http://127.0.0.1:{ports['invoke']}", process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def call(client: httpx.Client, url: str, event: dict[str, Any]) -> float:
    """The milliseconds of one invocation."""
    began = time.perf_counter()
    answer = client.post(f"{url}/2015-03-31/functions/function/invocations", json=event)
    took_ms = (time.perf_counter() - began) * 1000
    found = answer.json()
    if "errorMessage" in found:
        raise RuntimeError(found["errorMessage"])
    return took_ms


def wait_until_listening(client: httpx.Client, url: str) -> None:
    """Wait for the emulator itself, which starts the function at the first invocation."""
    deadline = time.monotonic() + _LIMIT_S
    while True:
        try:
            client.get(url)
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return


def resident_mb(group: int) -> int:
    """Resident memory of a process group's Python processes, in MB."""
    import psutil

    processes = [p for p in psutil.Process(group).children(recursive=True) if p.is_running()]
    return round(sum(p.memory_info().rss for p in processes) / 1e6)


def measure(name: str, folder: Path, starts: int, calls: int) -> Row:
    """Start a function some times, and call it some times more."""
    part, root = PARTS[name], folder / name
    assemble(part, root, PYTHON)
    cold, warm, rss = [], [], 0
    for _ in range(starts):
        with (
            emulator(root, part.entry) as (url, pid),
            httpx.Client(timeout=_LIMIT_S, trust_env=False) as client,
        ):
            wait_until_listening(client, url)
            cold.append(call(client, url, EVENTS[name]))
            warm += [call(client, url, EVENTS[name]) for _ in range(calls)]
            rss = max(rss, resident_mb(pid))
    cold_ms, warm_ms = statistics.median(cold), statistics.median(warm)
    return Row(
        load=name,
        unpacked_mb=round(tree_size(root) / 1e6, 1),
        init_ms=round(cold_ms - warm_ms),
        cold_ms=round(cold_ms),
        cold_worst_ms=round(max(cold)),
        warm_p50_ms=round(warm_ms, 1),
        warm_p95_ms=round(statistics.quantiles(warm, n=20)[-1], 1),
        rss_mb=rss,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("functions", nargs="*", default=list(EVENTS), help="some of them only")
    parser.add_argument("--starts", type=int, default=5, help="fresh starts of each")
    parser.add_argument("--calls", type=int, default=20, help="warm calls after each start")
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    wanted = parser.parse_args()
    for environment in (SAM, LAMBDA):
        environment.ensure()
    rows = []
    with tempfile.TemporaryDirectory(prefix="parley-coldstart-") as folder:
        for name in wanted.functions:
            rows.append(measure(name, Path(folder), wanted.starts, wanted.calls))
            if wanted.json:
                show(rows[-1:], as_json=True)
    if not wanted.json:
        show(rows, title=f"Cold starts (machine load {os.getloadavg()[0]:.1f})")


if __name__ == "__main__":
    main()
