"""Downloads: resumed, checked, never half there."""

import hashlib
import random
import socket
from pathlib import Path

import pytest

from parley.models.download import download, new_client
from parley.models.errors import ModelCorruptError, ModelUnreachableError
from parley.models.sources import File
from parley.models.store import no_progress
from tests.unit.models.conftest import Site

BODY = random.Random(7).randbytes(700_000)
FILE = File("model.bin", len(BODY), hashlib.sha256(BODY).hexdigest())


def fetch(site: Site, folder: Path, file: File = FILE) -> Path:
    with new_client() as client:
        return download(f"{site.url}/{file.name}", folder, file, no_progress, client)


def test_a_download_is_the_published_bytes(site: Site, tmp_path: Path) -> None:
    site.files["model.bin"] = BODY
    seen: list[tuple[str, int, int | None]] = []
    with new_client() as client:
        path = download(
            f"{site.url}/model.bin", tmp_path, FILE, lambda *step: seen.append(step), client
        )
    assert path == tmp_path / "model.bin"
    assert path.read_bytes() == BODY
    assert seen[0] == ("model.bin", 0, len(BODY))
    assert seen[-1] == ("model.bin", len(BODY), len(BODY))


def test_a_broken_connection_is_taken_up_where_it_stopped(site: Site, tmp_path: Path) -> None:
    site.files["model.bin"] = BODY
    site.break_after = [300_000]
    assert fetch(site, tmp_path).read_bytes() == BODY
    assert site.ranges[0] is None
    assert site.ranges[1] is not None
    assert 0 < int(site.ranges[1].removeprefix("bytes=").removesuffix("-")) <= 300_000


def test_a_later_call_takes_up_what_an_earlier_one_left(site: Site, tmp_path: Path) -> None:
    site.files["model.bin"] = BODY
    (tmp_path / "model.bin.part").write_bytes(BODY[:400_000])
    assert fetch(site, tmp_path).read_bytes() == BODY
    assert site.ranges == ["bytes=400000-"]
    assert [path.name for path in tmp_path.glob("model*")] == ["model.bin"]


def test_wrong_bytes_are_deleted_and_named(site: Site, tmp_path: Path) -> None:
    site.files["model.bin"] = BODY[::-1]
    with pytest.raises(ModelCorruptError, match=r"model\.bin"):
        fetch(site, tmp_path)
    assert not list(tmp_path.glob("model*"))


def test_a_longer_file_is_refused(site: Site, tmp_path: Path) -> None:
    site.files["model.bin"] = BODY + b"more"
    with pytest.raises(ModelCorruptError, match="longer"):
        fetch(site, tmp_path)
    assert not list(tmp_path.glob("model*"))


def test_a_refusal_names_the_host_and_the_status(site: Site, tmp_path: Path) -> None:
    with pytest.raises(ModelUnreachableError, match=r"127\.0\.0\.1 answered 404"):
        fetch(site, tmp_path)


def test_no_connection_is_said_plainly(tmp_path: Path) -> None:
    with socket.socket() as closed:  # bound but never listening: connections are refused
        closed.bind(("127.0.0.1", 0))
        site = Site(url=f"http://127.0.0.1:{closed.getsockname()[1]}")
        with pytest.raises(ModelUnreachableError, match="network isn't reachable") as caught:
            fetch(site, tmp_path)
    assert caught.value.retryable
