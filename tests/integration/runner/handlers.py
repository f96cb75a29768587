"""Functions that the runner's tests run; each notes its runs in the folder `RUNNER_TEST_DIR`."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any


def _note(name: str, **fields: Any) -> None:
    fields["pid"] = os.getpid()
    fields["nice"] = os.nice(0)
    line = json.dumps(fields) + "\n"
    with (Path(os.environ["RUNNER_TEST_DIR"]) / f"{name}.jsonl").open("a") as notes:
        notes.write(line)


def _record(event: dict[str, Any]) -> dict[str, Any]:
    (record,) = event["Records"]
    return {
        "message": record["messageId"],
        "receives": record["attributes"]["ApproximateReceiveCount"],
        "key": json.loads(record["body"])["Records"][0]["s3"]["object"]["key"],
        "arn": record["eventSourceARN"],
    }


def succeed(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Note the run and what came with it."""
    _note("succeed", **_record(event), left=context.get_remaining_time_in_millis())
    return {"batchItemFailures": []}


def fail_twice(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Ask for another delivery twice, then succeed."""
    record = _record(event)
    _note("fail_twice", **record)
    if int(record["receives"]) < 3:
        return {"batchItemFailures": [{"itemIdentifier": record["message"]}]}
    return {"batchItemFailures": []}


def fail(event: dict[str, Any], context: Any) -> None:
    """Fail always."""
    _note("fail", **_record(event))
    raise ValueError("this one never works")


def die(event: dict[str, Any], context: Any) -> None:
    """Die as by the kernel's out-of-memory killer, the first time."""
    record = _record(event)
    _note("die", **record)
    if record["receives"] == "1":
        os.kill(os.getpid(), signal.SIGKILL)


def hang(event: dict[str, Any], context: Any) -> None:
    """Take too long, the first time."""
    record = _record(event)
    _note("hang", **record)
    if record["receives"] == "1":
        time.sleep(600)


def slow(event: dict[str, Any], context: Any) -> None:
    """Begin, wait until the folder has a file `go`, end."""
    record = _record(event)
    _note("slow_began", **record)
    while not (Path(os.environ["RUNNER_TEST_DIR"]) / "go").exists():
        time.sleep(0.02)
    _note("slow_ended", **record)


def tick(event: dict[str, Any], context: Any) -> None:
    """Note a scheduled run."""
    _note("tick", kind=event["detail-type"], id=event["id"])
