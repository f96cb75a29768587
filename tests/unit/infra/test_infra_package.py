"""What is deployed: locked to the project's versions, whole, and the same at every build."""

import re
import zipfile
from pathlib import Path

import pytest

from infra.package import assemble as assembling
from infra.package.archive import tree_digest, write_zip
from infra.package.parts import PARTS, Part
from tests.unit.infra.templates import INFRA

ROOT = INFRA.parent
_PIN = re.compile(r"^([A-Za-z0-9_.-]+)==(\S+?)(?: ; .*)? \\$", re.M)


def pins(path: Path) -> dict[tuple[str, str], set[str]]:
    """Hashes by name and version."""
    text = path.read_text()
    found: dict[tuple[str, str], set[str]] = {}
    starts = [*_PIN.finditer(text)]
    for match, following in zip(starts, [*starts[1:], None], strict=True):
        block = text[match.end() : following.start() if following else len(text)]
        found[match.group(1), match.group(2)] = set(re.findall(r"--hash=(\S+)", block))
    return found


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_a_part_installs_what_the_project_is_locked_to(part: Part) -> None:
    locked = pins(ROOT / "requirements" / "dev.txt")
    own = pins(ROOT / "requirements" / "deploy" / f"{part.lock}.txt")
    assert own
    strays = {pin: hashes for pin, hashes in own.items() if not hashes <= locked.get(pin, set())}
    assert not strays, "run `make lock-deploy`"


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_a_part_s_requirements_hold_its_extras(part: Part) -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"]]
    for extra in part.extras:
        wanted += project["optional-dependencies"][extra]
    names = set()
    for spec in wanted:
        name = re.match(r"[A-Za-z0-9_.-]+", spec)
        assert name is not None
        names.add(name.group().lower())
    own = {name for name, _ in pins(ROOT / "requirements" / "deploy" / f"{part.lock}.txt")}
    assert names <= own, "run `make lock-deploy`"


@pytest.mark.parametrize("name", ["localstack", "sam", "lambda"])
def test_the_tools_of_a_local_deployment_are_locked_too(name: str) -> None:
    wanted = (ROOT / "requirements" / f"{name}.in").read_text()
    pinned = {
        f"{package}=={version}" for package, version in pins(ROOT / f"requirements/{name}.txt")
    }
    assert set(
        re.findall(r"^([a-z-]+(?:\[\w+\])?==\S+)$", wanted.replace("[runtime]", ""), re.M)
    ) <= (pinned)


def test_no_requirement_names_a_host() -> None:
    for path in (ROOT / "requirements").rglob("*.txt"):
        assert "://" not in path.read_text(), path


@pytest.fixture
def without_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Assemble our own sources only; installing takes the network and minutes."""

    def install(requirements: Path, folder: Path, python: str) -> None:
        for name in ("pkg/__init__.py", "pkg/api.pyi", "pkg/tests/test_it.py", "bin/tool"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(f"# {name}\n")
        info = folder / "pkg-1.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text("Name: pkg\n")
        (info / "RECORD").write_text(f"{folder}\n")
        for service in ("s3", "ec2"):
            (folder / "botocore" / "data" / service).mkdir(parents=True, exist_ok=True)
            (folder / "botocore" / "data" / service / "service.json").write_text("{}")

    monkeypatch.setattr(assembling, "_install", install)
    monkeypatch.setattr(assembling, "_compile", lambda folder, python: None)


def names(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.usefixtures("without_packages")
def test_a_zip_holds_its_function_and_what_it_shares_and_nothing_else(tmp_path: Path) -> None:
    assembling.assemble(PARTS["webhook"], tmp_path / "w", "3.13")
    found = names(tmp_path / "w")
    assert {"functions/webhook/handler.py", "parley/settings.py", "parley/domain/room.py"} <= found
    assert {"pkg/__init__.py", "pkg-1.dist-info/METADATA"} <= found
    inner = {path.split("/")[1] for path in found if path.startswith("functions/")}
    assert inner - {"__init__.py"} == {"webhook"}
    assert {path.split("/")[2] for path in found if path.startswith("botocore/data/")} == {"s3"}
    ballast = ("__pycache__", ".pyi", "RECORD", "bin/", "/tests/", "agent_fleet", "image.json")
    assert not [path for path in found for part in ballast if part in path]


@pytest.mark.usefixtures("without_packages")
def test_an_image_says_what_it_runs(tmp_path: Path) -> None:
    assembling.assemble(PARTS["whisper_job"], tmp_path / "i", "3.13")
    assert '"functions.whisper_job.handler.handler"' in (tmp_path / "i" / "image.json").read_text()


@pytest.mark.usefixtures("without_packages")
def test_two_builds_are_the_same_bytes(tmp_path: Path) -> None:
    for n in ("1", "2"):
        assembling.assemble(PARTS["webhook"], tmp_path / n / "webhook", "3.13")
        write_zip(tmp_path / n / "webhook", tmp_path / n / "webhook.zip")
    first, second = (tmp_path / n / "webhook.zip" for n in ("1", "2"))
    assert first.read_bytes() == second.read_bytes()
    assert tree_digest(tmp_path / "1" / "webhook") == tree_digest(tmp_path / "2" / "webhook")
    with zipfile.ZipFile(first) as archive:
        assert set(archive.namelist()) == names(tmp_path / "1" / "webhook")
        assert archive.testzip() is None


def test_a_digest_depends_on_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    before = tree_digest(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    renamed = tree_digest(tmp_path)
    (tmp_path / "b").write_text("y")
    assert len({before, renamed, tree_digest(tmp_path)}) == 3
