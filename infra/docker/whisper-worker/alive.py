"""The worker's health check: its file was touched in the last four minutes."""

import os
import sys
import time
from pathlib import Path

alive = Path(os.environ["PARLEY_STATE_DIR"]) / "worker.alive"
try:
    sys.exit(0 if time.time() - alive.stat().st_mtime < 240 else 1)
except FileNotFoundError:
    sys.exit("the worker has not begun")
