"""`python -m parley_cli.runner`: serve until SIGTERM or Ctrl-C; state in `<state_dir>/runner`."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Generator
from urllib.parse import urlsplit

import uvicorn
from filelock import FileLock, Timeout

from parley.errors import ParleyError, SetupError
from parley.settings import Settings, load_settings
from parley.telemetry.logs import configure_logs, get_logger
from parley_cli.runner.app import make_app
from parley_cli.runner.dispatch import Dispatcher
from parley_cli.runner.functions import FUNCTIONS, LocalFunction, present
from parley_cli.runner.jobs import JobQueue
from parley_cli.runner.priority import give_way

log = get_logger("runner")


def main(functions: tuple[LocalFunction, ...] = FUNCTIONS) -> int:
    """Run the runner for these functions; returns the exit status."""
    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format)
    give_way()
    try:
        _serve(settings, present(functions))
    except ParleyError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _serve(settings: Settings, functions: tuple[LocalFunction, ...]) -> None:
    folder = settings.state_dir / "runner"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise SetupError(
            f"Another runner uses {folder}: stop it, or set PARLEY_STATE_DIR to another folder."
        ) from error
    with lock, _listen(settings.runner_url) as listener:
        queue = JobQueue(folder)
        try:
            asyncio.run(_run(settings, functions, queue, listener))
        finally:
            queue.close()


def _listen(url: str) -> socket.socket:
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SetupError(
            f"The runner can't listen on {host}:{port} ({error.strerror}): stop what uses it, or "
            "set PARLEY_RUNNER_URL."
        ) from error
    return listener


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn raises them again at its end, before we have cleaned up."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Stop serving at SIGTERM and SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


async def _run(
    settings: Settings,
    functions: tuple[LocalFunction, ...],
    queue: JobQueue,
    listener: socket.socket,
) -> None:
    dispatcher = Dispatcher(queue, functions, attempts=settings.job_attempts)
    server = _Server(
        uvicorn.Config(
            make_app(dispatcher), log_config=None, access_log=False, timeout_graceful_shutdown=2
        )
    )
    log.info("runner starts", url=settings.runner_url, resumed=len(queue.open_jobs()))
    serving = asyncio.create_task(dispatcher.run())
    serving.add_done_callback(lambda _: server.handle_exit(signal.SIGTERM, None))
    try:
        await server.serve(sockets=[listener])
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


if __name__ == "__main__":
    sys.exit(main())
