"""Objects: recordings, timelines, summaries and speech in S3 or what speaks its protocol."""

from parley.blobs.keys import (
    egress_key,
    egress_prefix,
    manifest_key,
    recording_key,
    summary_key,
    timeline_key,
)
from parley.blobs.store import BlobStore

__all__ = [
    "BlobStore",
    "egress_key",
    "egress_prefix",
    "manifest_key",
    "recording_key",
    "summary_key",
    "timeline_key",
]
