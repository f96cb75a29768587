"""Download one pinned file over HTTP: resumed where it stopped, checked before it counts."""

from pathlib import Path

import httpx
import stamina

from parley.models.checks import check
from parley.models.errors import ModelCorruptError, ModelUnreachableError
from parley.models.sources import File, Progress


def new_client() -> httpx.Client:
    """A client for large files: follows redirects, gives up on a silent peer after 30 s."""
    return httpx.Client(follow_redirects=True, timeout=httpx.Timeout(30.0, connect=10.0))


def download(url: str, folder: Path, file: File, progress: Progress, client: httpx.Client) -> Path:
    """Fetch `url` into `folder` and return the file's path.

    Bytes go to `NAME.part`, which a later call takes up with an HTTP range request; the file
    gets its own name only when its size and SHA-256 are right.

    Raises:
        ModelUnreachableError: no connection, or the server refuses; the sentence names the host.
        ModelCorruptError: the bytes aren't the published ones.
    """
    target = folder / file.name
    if target.is_file():
        check(target, file)
        return target
    part = folder / f"{file.name}.part"
    for attempt in stamina.retry_context(on=httpx.TransportError, attempts=3, timeout=60.0):
        with attempt:
            try:
                _stream(url, part, file, progress, client)
            except httpx.HTTPStatusError as error:
                raise ModelUnreachableError(
                    f"{error.request.url.host} answered {error.response.status_code} for "
                    f"{file.name}: try again later or point the setting at a folder of yours."
                ) from error
            except httpx.TransportError as error:
                if attempt.num < 3:
                    raise
                raise ModelUnreachableError(
                    f"The network isn't reachable: no connection to {httpx.URL(url).host} "
                    f"({type(error).__name__}). Connect this machine and try again; what was "
                    "fetched so far is kept. Or copy the model here and give its folder."
                ) from error
    check(part, file)
    return part.rename(target)


def _stream(url: str, part: Path, file: File, progress: Progress, client: httpx.Client) -> None:
    have = part.stat().st_size if part.is_file() else 0
    if have > file.size:
        part.unlink()
        have = 0
    if have == file.size:
        return
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with client.stream("GET", url, headers=headers) as response:
        response.raise_for_status()
        resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
        have = have if resumed else 0
        progress(file.name, have, file.size)
        with part.open("ab" if resumed else "wb") as stream:
            for chunk in response.iter_bytes(1 << 18):
                stream.write(chunk)
                have += len(chunk)
                if have > file.size:
                    part.unlink()
                    raise ModelCorruptError(
                        f"{file.name} is longer than the published {file.size} bytes."
                    )
                progress(file.name, have, file.size)
    if have < file.size:
        raise httpx.RemoteProtocolError(f"{file.name} ended after {have} of {file.size} bytes")
