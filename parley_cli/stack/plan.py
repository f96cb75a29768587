"""One stack on paper: its folder, ports and keys, and the addresses that follow from them."""

from dataclasses import dataclass
from pathlib import Path

from parley_cli.stack.ports import LOOPBACK
from parley_cli.stack.state import StackSecrets

BUCKET = "parley"
DATABASE = "parley"

PART_PORTS: dict[str, tuple[str, ...]] = {
    "livekit": ("livekit", "livekit-udp"),
    "mongo": ("mongo",),
    "minio": ("minio",),
    "api": ("api",),
    "runner": ("runner",),
    "fleet": ("fleet",),
}
"""The ports that each part listens on, by the names under which they can be chosen."""

SERVER_PARTS = ("livekit", "mongo", "minio")
ALL_PARTS = tuple(PART_PORTS)


@dataclass(frozen=True)
class StackPlan:
    """What every part is started from.

    Attributes:
        folder: the state folder.
        ports: a port for every name in `PART_PORTS` of the parts that run.
        secrets: the keys.
    """

    folder: Path
    ports: dict[str, int]
    secrets: StackSecrets

    def http(self, part: str) -> str:
        """The part's HTTP address."""
        return f"http://{LOOPBACK}:{self.ports[part]}"

    @property
    def livekit_url(self) -> str:
        """Where LiveKit's clients connect."""
        return f"ws://{LOOPBACK}:{self.ports['livekit']}"

    @property
    def webhook_url(self) -> str:
        """Where LiveKit sends its webhooks."""
        return f"{self.http('api')}/webhooks/livekit"

    @property
    def mongo_uri(self) -> str:
        """The database's connection string."""
        return f"mongodb://{LOOPBACK}:{self.ports['mongo']}"

    def data(self, part: str) -> Path:
        """The folder of a server's data, made now if it is missing."""
        folder = self.folder / part
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def url(self, part: str) -> str:
        """Where the part is reached."""
        if part == "livekit":
            return self.livekit_url
        return self.mongo_uri if part == "mongo" else self.http(part)

    def environment(self) -> dict[str, str]:
        """The `PARLEY_` variables with which anything finds the parts that run."""
        found = {"PARLEY_STATE_DIR": str(self.folder), "PARLEY_AUTH_KEY": self.secrets.auth_key}
        if "livekit" in self.ports:
            found |= {
                "PARLEY_LIVEKIT_URL": self.livekit_url,
                "PARLEY_LIVEKIT_API_KEY": self.secrets.livekit_api_key,
                "PARLEY_LIVEKIT_API_SECRET": self.secrets.livekit_api_secret,
            }
        if "mongo" in self.ports:
            found |= {"PARLEY_MONGO_URI": self.mongo_uri, "PARLEY_MONGO_DATABASE": DATABASE}
        if "minio" in self.ports:
            found |= {
                "PARLEY_S3_ENDPOINT_URL": self.http("minio"),
                "PARLEY_S3_ACCESS_KEY": self.secrets.s3_access_key,
                "PARLEY_S3_SECRET_KEY": self.secrets.s3_secret_key,
                "PARLEY_S3_REGION": "us-east-1",
                "PARLEY_S3_BUCKET": BUCKET,
            }
        for part in ("api", "runner", "fleet"):
            if part in self.ports:
                found[f"PARLEY_{part.upper()}_URL"] = self.http(part)
        return found
