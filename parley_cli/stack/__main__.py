"""The supervisor as a process of its own: `python -m parley_cli.stack FOLDER`."""

import argparse
import sys
from pathlib import Path

from parley.errors import ParleyError
from parley.telemetry.logs import configure_logs, get_logger
from parley_cli.stack.lifecycle import up
from parley_cli.stack.plan import ALL_PARTS
from parley_cli.stack.stack import StackEvent


def _named_port(text: str) -> tuple[str, int]:
    name, _, port = text.partition("=")
    return name, int(port)


def main(arguments: list[str] | None = None) -> int:
    """Run a stack until a signal; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m parley_cli.stack", description=__doc__)
    parser.add_argument("folder", type=Path, help="state folder")
    parser.add_argument("--parts", nargs="*", default=ALL_PARTS, choices=ALL_PARTS)
    parser.add_argument("--port", action="append", default=[], type=_named_port, metavar="NAME=N")
    options = parser.parse_args(arguments)
    configure_logs()
    log = get_logger("stack")

    def tell(event: StackEvent) -> None:
        log.info(event.kind, of=event.part, detail=event.text)

    try:
        up(options.folder, parts=options.parts, ports=dict(options.port), on_event=tell)
    except ParleyError as error:
        print(f"parley: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
