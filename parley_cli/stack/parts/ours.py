"""Our own processes: the API, the function runner and the agent fleet.

They read `parley.settings`, so everything they need is in the environment.
"""

import signal
import sys

from parley_cli.stack import subscriber
from parley_cli.stack.part import Part
from parley_cli.stack.plan import StackPlan
from parley_cli.stack.ports import LOOPBACK
from parley_cli.stack.probes import http_ok


def api(plan: StackPlan) -> Part:
    """The REST API with LiveKit's webhooks, and speech: what AWS runs behind API Gateway."""
    argv = [sys.executable, "-m", "uvicorn", "parley_cli.stack.local_api:app"]
    argv += ["--host", LOOPBACK, "--port", str(plan.ports["api"]), "--no-access-log"]
    return Part(
        name="api",
        argv=argv,
        environment=plan.environment(),
        url=plan.http("api"),
        probe=http_ok(f"{plan.http('api')}/healthz"),
        needs=("mongo", "minio", "livekit"),
        ready_within_s=60.0,
        stop_signals=((signal.SIGTERM, 5.0),),
    )


def runner(plan: StackPlan) -> Part:
    """The function runner: feeds object events to the functions in worker processes."""
    return Part(
        name="runner",
        argv=[sys.executable, "-m", "parley_cli.runner"],
        environment=plan.environment(),
        url=plan.http("runner"),
        probe=http_ok(f"{plan.http('runner')}/healthz"),
        needs=("mongo", "minio"),
        ready_within_s=60.0,  # its workers load their models
    )


def fleet(plan: StackPlan) -> Part:
    """The agent fleet; the program that takes its audio is built before."""
    return Part(
        name="fleet",
        argv=[sys.executable, "-m", "agent_fleet"],
        environment=plan.environment() | subscriber.environment(),
        url=plan.http("fleet"),
        probe=http_ok(f"{plan.http('fleet')}/healthz"),
        needs=("mongo", "minio", "livekit"),
        ready_within_s=60.0,
        stop_signals=((signal.SIGTERM, 20.0),),  # it uploads open recordings
    )
