"""The transcription job as a worker on a real queue: stopped half-way, and taken on by another."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from infra.local.emulator import aws_environment
from parley.audio.ogg import encode_opus
from tests.deploy.conftest import RATE, Cloud, until

pytestmark = pytest.mark.timeout(1200)
BUCKET = "for-workers"  # of its own: the stack's bucket would tell Lambda
SENTENCES = 4


@contextmanager
def worker(cloud: Cloud, queue: str, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`python -m functions.whisper_job.worker`, which reads a queue that no function reads."""
    own = {
        "PARLEY_QUEUE_URL": queue,
        "PARLEY_S3_ENDPOINT_URL": cloud.deployed.url,
        "PARLEY_S3_ACCESS_KEY": "test",
        "PARLEY_S3_SECRET_KEY": "test",
        "PARLEY_S3_BUCKET": BUCKET,
        "PARLEY_STATE_DIR": str(log.parent / "state"),
    }
    environment = os.environ | dict(cloud.aws.stack.environment)
    environment |= aws_environment(cloud.deployed.url) | own
    command = [sys.executable, "-m", "functions.whisper_job.worker"]
    with log.open("ab") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0, log.read_text()[-3000:]


def parts_done(log: Path) -> list[dict[str, Any]]:
    lines = (json.loads(line) for line in log.read_text().splitlines() if line.startswith("{"))
    return [line for line in lines if line.get("event") == "part transcribed"]


def test_a_long_recording_is_handed_back_taken_on_and_no_part_is_done_twice(
    cloud: Cloud, tmp_path: Path, spoken: NDArray[np.float32]
) -> None:
    sqs, s3 = cloud.client("sqs"), cloud.client("s3")
    queue = sqs.create_queue(QueueName="for-workers")["QueueUrl"]
    s3.create_bucket(Bucket=BUCKET)
    pause = np.zeros(8 * 60 * RATE, np.float32)
    samples = np.concatenate([spoken, pause] * SENTENCES)  # parts end after ten minutes
    body = encode_opus(samples, RATE)
    room = cloud.open_room("long")
    cloud.publish(room, "TR_long", "lea")
    cloud.put_manifest(room, "TR_long", len(samples), len(body), BUCKET)
    cloud.put(f"recordings/{room}/TR_long.ogg", body, BUCKET)
    created = {
        "detail-type": "Object Created",
        "source": "aws.s3",
        "detail": {
            "bucket": {"name": BUCKET},
            "object": {
                "key": f"recordings/{room}/TR_long.ogg",
                "size": len(body),
                "sequencer": "0055AED6DCD90281E5",
            },
        },
    }
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(created))

    def status() -> str:
        return str(cloud.get(f"/rooms/{room}/tracks")["tracks"][0]["status"])

    first, second = tmp_path / "first.log", tmp_path / "second.log"
    with worker(cloud, queue, first) as process:
        until(lambda: status() == "transcribing", 180)
        process.send_signal(signal.SIGTERM)  # it finishes the part that it is at
        process.wait(180)
    assert status() == "recorded"
    assert parts_done(first)
    with worker(cloud, queue, second):
        until(lambda: status() == "transcribed", 180)
    assert parts_done(second)
    done = parts_done(first) + parts_done(second)
    assert len(done) >= 3
    assert sum(part["audio_s"] for part in done) == pytest.approx(len(samples) / RATE, abs=1)
    segments = cloud.get(f"/rooms/{room}/transcript?version=final")["segments"]
    numbers = [int(segment["id"].rsplit(".", 1)[1]) for segment in segments]
    assert numbers == list(range(len(segments)))
    first_ms = segments[0]["start_ms"]
    every_ms = (len(spoken) + len(pause)) * 1000 // RATE
    said_at = {round((segment["start_ms"] - first_ms) / every_ms) for segment in segments}
    assert said_at == set(range(SENTENCES))
    left = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert left["ApproximateNumberOfMessages"] == "0"
    assert left["ApproximateNumberOfMessagesNotVisible"] == "0"
