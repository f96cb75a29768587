"""A stand-in for one of our own processes: serves `/healthz`, keeps what is posted, can die.

Run as `python small_part.py PORT FOLDER`; each posted body becomes a line of `FOLDER/posted`.
"""

import os
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT, FOLDER = int(sys.argv[1]), Path(sys.argv[2])


class Handler(BaseHTTPRequestHandler):
    """GET /healthz, GET /die, POST anything."""

    def do_GET(self) -> None:
        if self.path == "/die":
            print("dying as asked", flush=True)
            os._exit(7)
        self.send_response(200)
        self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with (FOLDER / "posted").open("ab") as file:
            file.write(body.replace(b"\n", b" ") + b"\n")
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


if (FOLDER / "stubborn").exists():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if (FOLDER / "with-child").exists():
    child = subprocess.Popen(["sleep", "600"])
    (FOLDER / "child").write_text(str(child.pid))
if (FOLDER / "broken").exists():
    sys.exit("it is broken today")
with (FOLDER / "starts").open("a") as starts:
    starts.write(f"{os.getpid()}\n")
ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
