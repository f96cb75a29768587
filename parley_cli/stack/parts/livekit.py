"""LiveKit: one node without Redis, media over the loopback interface only."""

import json
import signal

from parley_cli.stack.part import Part
from parley_cli.stack.plan import StackPlan
from parley_cli.stack.ports import LOOPBACK
from parley_cli.stack.probes import http_ok
from parley_cli.stack.servers import Program


def part(plan: StackPlan, program: Program) -> Part:
    """LiveKit of this plan; its webhooks go to the API where that is part of the stack."""
    secrets = plan.secrets
    config: dict[str, object] = {
        "port": plan.ports["livekit"],
        "bind_addresses": [LOOPBACK],
        "rtc": {
            "tcp_port": 0,  # none: it would listen on all interfaces
            "udp_port": plan.ports["livekit-udp"],
            "node_ip": LOOPBACK,
            "use_external_ip": False,
            "enable_loopback_candidate": True,
            "interfaces": {"includes": ["lo", "lo0"]},
            "ips": {"includes": [f"{LOOPBACK}/32"]},
        },
        "keys": {secrets.livekit_api_key: secrets.livekit_api_secret},
        "logging": {"level": "info", "json": True},
    }
    if "api" in plan.ports:
        config["webhook"] = {
            "api_key": secrets.livekit_api_key,
            "urls": [plan.webhook_url],
        }
    return Part(
        name="livekit",
        argv=[str(program.path)],
        # In the environment rather than a file or argument: it holds the key. JSON is YAML.
        environment={"LIVEKIT_CONFIG": json.dumps(config)},
        url=plan.livekit_url,
        probe=http_ok(plan.http("livekit")),
        # The first asks it to drain, which waits for every participant to leave of their own
        # accord; the second makes it leave. It keeps nothing, so an orphan is simply killed.
        stop_signals=((signal.SIGTERM, 0.5), (signal.SIGTERM, 5.0)),
        orphan_signal=signal.SIGKILL,
    )
