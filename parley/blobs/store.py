"""The one module that knows boto3: objects in one bucket, with our errors, off the event loop."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError as BotoConnectionError,
    HTTPClientError,
)

from parley.errors import BlobError, BlobNotFoundError, BlobUnavailableError
from parley.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import QueueConfigurationTypeDef

T = TypeVar("T")
_MISSING = {"404", "NoSuchKey", "NotFound", "NoSuchBucket"}


class BlobStore:
    """Objects of one bucket; the blocking client runs in threads."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        """Use this client and bucket."""
        self._s3 = client
        self.bucket = bucket

    @classmethod
    def from_settings(cls, settings: Settings) -> "BlobStore":
        """The bucket that the settings name."""
        client = boto3.client(
            "s3",
            endpoint_url=settings.s3_endpoint_url,
            aws_access_key_id=settings.s3_access_key,
            aws_secret_access_key=(
                settings.s3_secret_key.get_secret_value() if settings.s3_secret_key else None
            ),
            region_name=settings.s3_region,
            config=Config(
                connect_timeout=5,
                read_timeout=30,
                retries={"mode": "standard", "max_attempts": 3},
                s3={"addressing_style": "path" if settings.s3_endpoint_url else "auto"},
                signature_version="s3v4",
            ),
        )
        return cls(client, settings.s3_bucket)

    async def create_bucket(self) -> None:
        """Make the bucket unless it is there."""

        def create() -> None:
            with suppress(self._s3.exceptions.BucketAlreadyOwnedByYou):
                self._s3.create_bucket(Bucket=self.bucket)

        await self._call(create)

    async def notify(self, arn: str, keys: Sequence[tuple[str, str]]) -> None:
        """Tell a queue of every new object; replaces what was told before.

        Args:
            arn: the queue.
            keys: prefix and suffix of the keys that it is told of.
        """
        rules: list[QueueConfigurationTypeDef] = [
            {
                "QueueArn": arn,
                "Events": ["s3:ObjectCreated:*"],
                "Filter": {
                    "Key": {
                        "FilterRules": [
                            {"Name": "prefix", "Value": prefix},
                            {"Name": "suffix", "Value": suffix},
                        ]
                    }
                },
            }
            for prefix, suffix in keys
        ]
        await self._call(
            lambda: self._s3.put_bucket_notification_configuration(
                Bucket=self.bucket, NotificationConfiguration={"QueueConfigurations": rules}
            )
        )

    async def put(self, key: str, body: bytes, content_type: str) -> None:
        """Write an object."""
        await self._call(
            lambda: self._s3.put_object(
                Bucket=self.bucket, Key=key, Body=body, ContentType=content_type
            )
        )

    async def put_file(self, key: str, path: Path, content_type: str) -> None:
        """Write an object from a file, in parts when it is large."""
        await self._call(
            lambda: self._s3.upload_file(
                str(path), self.bucket, key, ExtraArgs={"ContentType": content_type}
            )
        )

    async def get(self, key: str) -> bytes:
        """Read an object whole; raises `BlobNotFoundError`."""
        return await self._call(
            lambda: self._s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        )

    async def get_file(self, key: str, path: Path) -> None:
        """Read an object into a file; raises `BlobNotFoundError`."""
        await self._call(lambda: self._s3.download_file(self.bucket, key, str(path)))

    async def copy(self, source: str, key: str) -> None:
        """Copy an object within the bucket; raises `BlobNotFoundError`."""
        await self._call(
            lambda: self._s3.copy({"Bucket": self.bucket, "Key": source}, self.bucket, key)
        )

    async def size(self, key: str) -> int | None:
        """An object's size in bytes, or None when there is none."""
        try:
            head = await self._call(lambda: self._s3.head_object(Bucket=self.bucket, Key=key))
        except BlobNotFoundError:
            return None
        return head["ContentLength"]

    async def list_keys(self, prefix: str) -> list[str]:
        """All keys that begin with the prefix."""

        def collect() -> list[str]:
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=prefix
            )
            return [item["Key"] for page in pages for item in page.get("Contents", [])]

        return await self._call(collect)

    async def delete(self, keys: list[str]) -> None:
        """Delete objects; keys without one are fine."""
        for key in keys:
            await self._call(partial(self._s3.delete_object, Bucket=self.bucket, Key=key))

    async def presign(self, key: str, seconds: int) -> str:
        """A URL with which anybody can read the object for so many seconds."""
        return await self._call(
            lambda: self._s3.generate_presigned_url(
                "get_object", Params={"Bucket": self.bucket, "Key": key}, ExpiresIn=seconds
            )
        )

    async def _call(self, call: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(call)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if code in _MISSING:
                raise BlobNotFoundError("no such object") from error
            if status >= 500 or code in {"SlowDown", "RequestTimeout"}:
                raise BlobUnavailableError(f"the object store is busy: {code}") from error
            raise BlobError(f"the object store refused the call: {code}") from error
        except (BotoConnectionError, HTTPClientError) as error:
            raise BlobUnavailableError("the object store cannot be reached") from error
        except BotoCoreError as error:
            raise BlobError(f"the object store call failed: {type(error).__name__}") from error
