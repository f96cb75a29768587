"""The init of one Lambda environment run as a process: serves the Runtime API to `awslambdaric`.

LocalStack posts invocations to `/invoke` here; the runtime client takes them by the Runtime API
(docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html) and answers through it. Standard library
only: it runs in the environment that has nothing but the runtime client.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_API = "/2018-06-01/runtime"


@dataclass
class Invocation:
    """One call of the function."""

    id: str
    arn: str
    payload: bytes
    trace: str
    outcome: "queue.Queue[tuple[bool, bytes]]" = field(default_factory=queue.Queue)

    @classmethod
    def of(cls, body: bytes) -> "Invocation":
        """What LocalStack posted."""
        given = json.loads(body)
        return cls(
            id=given["invoke-id"],
            arn=given["invoked-function-arn"],
            payload=given["payload"].encode(),
            trace=given.get("trace-id") or "",
        )


class Runtime:
    """The function's process, one at a time; started anew after it died or was timed out."""

    def __init__(self, api_port: int, timeout_s: float) -> None:
        """Prepare; the process is told this port of the Runtime API."""
        self.timeout_s = timeout_s
        self.waiting: queue.Queue[Invocation] = queue.Queue()
        self.current: Invocation | None = None
        self._api_port = api_port
        self._lines: list[str] = []
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start the runtime client with the function."""
        self.waiting = queue.Queue()  # a request of a dead process may still wait on the old one
        root = os.environ["LAMBDA_TASK_ROOT"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("LOCALSTACK_")}
        environment["AWS_LAMBDA_RUNTIME_API"] = f"127.0.0.1:{self._api_port}"
        environment["PYTHONPATH"] = root
        self._process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", os.environ["_HANDLER"]],
            env=environment,
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        threading.Thread(target=self._watch, args=(self._process,), daemon=True).start()

    def _watch(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._lines.append(line)
            sys.stdout.write(line)
            sys.stdout.flush()
        code = process.wait()
        if process is self._process and (lost := self.current):
            error = {"errorType": "Runtime.ExitError", "errorMessage": f"exit status {code}"}
            lost.outcome.put((True, json.dumps(error).encode()))

    def invoke(self, call: Invocation) -> tuple[bool, bytes]:
        """Whether the call failed, and the function's answer or error."""
        if self._process is None or self._process.poll() is not None:
            self.start()
        self.current = call
        self.waiting.put(call)
        try:
            return call.outcome.get(timeout=self.timeout_s)
        except queue.Empty:
            self.stop()
            said = f"{call.id} Task timed out after {self.timeout_s:.2f} seconds"
            error = {"errorType": "Sandbox.Timedout", "errorMessage": said}
            return True, json.dumps(error).encode()
        finally:
            self.current = None

    def stop(self) -> None:
        """Kill the process; the next call starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def take_log(self) -> str:
        """What the function wrote since the last call of this."""
        lines, self._lines = self._lines, []
        return "".join(lines)


class LocalStack:
    """Reports to LocalStack's executor endpoint."""

    def __init__(self) -> None:
        """Use the endpoint that the environment names."""
        self._url = os.environ["LOCALSTACK_RUNTIME_ENDPOINT"]
        self._id = os.environ["LOCALSTACK_RUNTIME_ID"]
        self._told = threading.Lock()
        self._started = False

    def started(self, error: bytes | None = None) -> None:
        """Say once that the environment is ready, or why it is not."""
        with self._told:
            if self._started:
                return
            self._started = True
        self._post(f"status/{self._id}/{'ready' if error is None else 'error'}", error or b"{}")

    def result(self, call: Invocation, failed: bool, body: bytes, log: str) -> None:
        """Deliver an invocation's log and outcome."""
        self._post(f"invocations/{call.id}/logs", json.dumps({"logs": log}).encode())
        self._post(f"invocations/{call.id}/{'error' if failed else 'response'}", body)

    def _post(self, path: str, body: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._url}/{path}", data=body, headers=headers)
        urllib.request.urlopen(request, timeout=10).close()


class Server(ThreadingHTTPServer):
    """One of the two ports, with what its requests work on."""

    runtime: Runtime
    localstack: LocalStack


class Handler(BaseHTTPRequestHandler):
    """Common parts of both ports."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # status, headers and body in one packet
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing: the output is the function's."""

    def answer(
        self, status: int, body: bytes = b"{}", headers: dict[str, str] | None = None
    ) -> None:
        """Send a whole response."""
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def body(self) -> bytes:
        """The request's body; the runtime client streams large ones in chunks."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)


class RuntimeApi(Handler):
    """What the runtime client talks to."""

    def do_GET(self) -> None:
        """`/invocation/next`: wait for a call."""
        if self.path != f"{_API}/invocation/next":
            return self.answer(404)
        self.server.localstack.started()
        runtime = self.server.runtime
        call = runtime.waiting.get()
        deadline_ms = int((time.time() + runtime.timeout_s) * 1000)
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": call.id,
            "Lambda-Runtime-Invoked-Function-Arn": call.arn,
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
            "Lambda-Runtime-Trace-Id": call.trace,
        }
        return self.answer(200, call.payload, headers)

    def do_POST(self) -> None:
        """`/invocation/ID/response`, `/invocation/ID/error` and `/init/error`."""
        body = self.body()
        call, kind = self.server.runtime.current, self.path.rpartition("/")[2]
        if self.path == f"{_API}/init/error":
            self.server.localstack.started(error=body)
        if call is not None:
            call.outcome.put((kind == "error", body))
        self.answer(202)


class Interop(Handler):
    """What LocalStack talks to."""

    def do_POST(self) -> None:
        """`/invoke`: take a call, answer at once, deliver its outcome later."""
        call = Invocation.of(self.body())
        self.answer(200, b"OK")
        threading.Thread(target=self._run, args=(call,), daemon=True).start()

    def _run(self, call: Invocation) -> None:
        began = time.monotonic()
        failed, body = self.server.runtime.invoke(call)
        took_ms = (time.monotonic() - began) * 1000
        log = (
            f"START RequestId: {call.id}\n{self.server.runtime.take_log()}"
            f"END RequestId: {call.id}\nREPORT RequestId: {call.id}\tDuration: {took_ms:.2f} ms\n"
        )
        self.server.localstack.result(call, failed, body, log)


def end_with_parent(parent: int) -> None:
    """End this environment and the function in it once LocalStack is gone, however it went."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Serve until killed."""
    threading.Thread(target=end_with_parent, args=(os.getppid(),), daemon=True).start()
    localstack = LocalStack()
    api = Server(("127.0.0.1", 0), RuntimeApi)
    interop = Server(("127.0.0.1", int(os.environ["PARLEY_INIT_PORT"])), Interop)
    runtime = Runtime(api.server_port, float(os.environ["AWS_LAMBDA_FUNCTION_TIMEOUT"]))
    for server in (api, interop):
        server.runtime, server.localstack = runtime, localstack
    threading.Thread(target=api.serve_forever, daemon=True).start()
    runtime.start()
    interop.serve_forever()


if __name__ == "__main__":
    main()
