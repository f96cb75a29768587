"""MinIO: one bucket, whose new recordings and timelines are told to the function runner."""

from parley.blobs.store import BlobStore
from parley.settings import Settings
from parley_cli.stack.part import Part
from parley_cli.stack.plan import StackPlan
from parley_cli.stack.ports import LOOPBACK
from parley_cli.stack.probes import http_ok
from parley_cli.stack.servers import Program

NOTIFIED = (("recordings/", ".ogg"), ("timelines/", ".json"))
"""Prefix and suffix of the keys whose creation starts a function."""

_TARGET = "PARLEY"


def part(plan: StackPlan, program: Program) -> Part:
    """MinIO of this plan; it notifies where the runner is part of the stack."""
    url = plan.http("minio")
    environment = {
        "MINIO_ROOT_USER": plan.secrets.s3_access_key,
        "MINIO_ROOT_PASSWORD": plan.secrets.s3_secret_key,
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
        "MINIO_API_REQUESTS_MAX": "200",
    }
    notify = "runner" in plan.ports
    if notify:
        # Events wait in the folder until the runner has answered 2xx, across restarts of both.
        environment |= {
            f"MINIO_NOTIFY_WEBHOOK_ENABLE_{_TARGET}": "on",
            f"MINIO_NOTIFY_WEBHOOK_ENDPOINT_{_TARGET}": f"{plan.http('runner')}/events/s3",
            f"MINIO_NOTIFY_WEBHOOK_QUEUE_DIR_{_TARGET}": str(plan.data("minio-events")),
            f"MINIO_NOTIFY_WEBHOOK_QUEUE_LIMIT_{_TARGET}": "100000",
        }

    async def make_bucket() -> None:
        store = BlobStore.from_settings(_settings(plan))
        await store.create_bucket()
        if notify:
            await store.notify(f"arn:minio:sqs::{_TARGET}:webhook", NOTIFIED)

    folder = str(plan.data("minio"))
    address = f"{LOOPBACK}:{plan.ports['minio']}"
    return Part(
        name="minio",
        argv=[str(program.path), "server", "--quiet", "--address", address, folder],
        environment=environment,
        url=url,
        probe=http_ok(f"{url}/minio/health/ready"),
        prepare=make_bucket,
    )


def _settings(plan: StackPlan) -> Settings:
    prefix = "PARLEY_"
    known = {name.removeprefix(prefix).lower(): value for name, value in plan.environment().items()}
    return Settings.model_validate(known)
