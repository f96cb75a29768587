"""Which server programs the stack runs, and where this machine has them: on PATH, or built."""

import hashlib
import platform
import shutil
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from parley.errors import SetupError
from parley.settings import load_settings

MODULES = Path(__file__).parents[2] / "infra" / "embedded"


class Toolchain(Enum):
    """What builds a server."""

    GO = "go"
    MAVEN = "maven"

    @property
    def install(self) -> str:
        """What to install where it is missing."""
        if self is Toolchain.GO:
            return "Go 1.25 or newer (https://go.dev/dl)"
        return "a JDK 17 or newer and Maven"

    def missing(self) -> list[str]:
        """The programs it needs that are not on PATH."""
        needed = ("go",) if self is Toolchain.GO else ("java", "javac", "mvn")
        return [program for program in needed if shutil.which(program) is None]


@dataclass(frozen=True)
class Server:
    """One server program.

    Attributes:
        name: the folder of its module under `infra/embedded`, and how the stack calls it.
        program: the name of a program on PATH that serves as well, if there can be one.
        toolchain: what builds the module.
        product: the file to run inside a finished build.
        package: the Go package that the module's `tool` line names; "." is the module itself.
        build_minutes: about how long the first build takes on two cores.
    """

    name: str
    program: str | None
    toolchain: Toolchain
    product: str
    package: str = ""
    build_minutes: float = 0.2

    @property
    def module(self) -> Path:
        """The folder of its sources."""
        return MODULES / self.name


SERVERS = {
    server.name: server
    for server in (
        Server(
            "livekit",
            "livekit-server",
            Toolchain.GO,
            "livekit-server",
            "github.com/livekit/livekit-server/cmd/server",
            build_minutes=2.5,
        ),
        Server("mongo", "mongod", Toolchain.MAVEN, "parley-mongo.jar"),
        Server(
            "minio", "minio", Toolchain.GO, "minio", "github.com/minio/minio", build_minutes=3.5
        ),
        Server(
            "toxiproxy",
            "toxiproxy-server",
            Toolchain.GO,
            "toxiproxy-server",
            "github.com/Shopify/toxiproxy/v2/cmd/server",
        ),
        Server("subscriber", None, Toolchain.GO, "parley-subscriber", ".", build_minutes=1.2),
        Server("publisher", None, Toolchain.GO, "publisher", ".", build_minutes=1.2),
    )
}


@dataclass(frozen=True)
class Program:
    """A server that can be run.

    Attributes:
        path: the executable or jar.
        built: whether it is our own build rather than the machine's.
    """

    path: Path
    built: bool


def server(name: str) -> Server:
    """The server of this name; raises `SetupError` for any other."""
    try:
        return SERVERS[name]
    except KeyError:
        names = ", ".join(SERVERS)
        raise SetupError(f"There is no server called {name!r}; there are {names}.") from None


def find(wanted: Server) -> Program | None:
    """The program on PATH, else a finished build of the module as it is now, else None."""
    if wanted.program and (on_path := shutil.which(wanted.program)):
        return Program(Path(on_path), built=False)
    product = build_folder(wanted) / wanted.product
    return Program(product, built=True) if product.exists() else None


def servers_cache() -> Path:
    """The folder of all builds: `PARLEY_CACHE_DIR/servers`."""
    return load_settings().cache / "servers"


def build_folder(wanted: Server) -> Path:
    """Where the build of the module as it is now belongs."""
    return servers_cache() / f"{wanted.name}-{_content_hash(wanted.module)}"


def module_files(module: Path) -> list[Path]:
    """The files that make a build what it is, in a stable order."""
    if not module.is_dir():
        raise SetupError(f"{module} is missing: run parley from a checkout of its repository.")
    return sorted(
        path
        for path in module.rglob("*")
        if path.is_file() and "target" not in path.relative_to(module).parts
    )


def _content_hash(module: Path) -> str:
    digest = hashlib.sha256(f"{sys.platform} {platform.machine()}".encode())
    for path in module_files(module):
        digest.update(f"\0{path.relative_to(module)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
