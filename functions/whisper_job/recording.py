"""A recording and its manifest, from the object store to this machine."""

from pathlib import Path

from pydantic import ValidationError

from parley.blobs import BlobStore, manifest_key
from parley.domain.track import Recording
from parley.errors import AudioError, BadInputError, BlobNotFoundError, ParleyError


class RecordingMissingError(ParleyError):
    """The recording or its manifest is not in the object store (yet)."""

    retryable = True
    code = "recording-missing"


async def read_manifest(blobs: BlobStore, room_sid: str, track_sid: str) -> Recording:
    """What a recording covers.

    Raises:
        RecordingMissingError: there is no manifest.
        BadInputError: it is not one.
    """
    try:
        body = await blobs.get(manifest_key(room_sid, track_sid))
    except BlobNotFoundError as error:
        raise RecordingMissingError("the recording has no manifest") from error
    try:
        return Recording.model_validate_json(body)
    except ValidationError as error:
        raise BadInputError("the recording's manifest can't be read") from error


async def fetch_recording(blobs: BlobStore, recording: Recording, folder: Path) -> Path:
    """Download a recording and check its size.

    Raises:
        RecordingMissingError: there is no such object.
        AudioError: it is empty or shorter than its manifest says.
    """
    path = folder / "recording.ogg"
    try:
        await blobs.get_file(recording.key, path)
    except BlobNotFoundError as error:
        raise RecordingMissingError("the recording is not in the object store") from error
    size = path.stat().st_size
    if size == 0:
        raise AudioError("the recording is an empty file")
    if size < recording.bytes:
        raise AudioError(
            f"the recording is cut off: {size} of {recording.bytes} bytes are in the object store"
        )
    return path
