"""The parts of the stack, one module each for the servers and one for our own processes."""

from collections.abc import Callable

from parley_cli.stack.part import Part
from parley_cli.stack.parts import livekit, minio, mongo, ours
from parley_cli.stack.plan import StackPlan
from parley_cli.stack.servers import Program

SERVER_PARTS: dict[str, Callable[[StackPlan, Program], Part]] = {
    "livekit": livekit.part,
    "mongo": mongo.part,
    "minio": minio.part,
}
"""Parts that are a server program of `stack.servers`."""

OUR_PARTS: dict[str, Callable[[StackPlan], Part]] = {
    "api": ours.api,
    "runner": ours.runner,
    "fleet": ours.fleet,
}
"""Parts that are Python processes of this project."""
