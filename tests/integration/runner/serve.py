"""A runner with the test functions, as a process: `python serve.py`."""

import sys

from parley_cli.runner.__main__ import main
from parley_cli.runner.functions import LocalFunction, ObjectsUnder

HANDLERS = "tests.integration.runner.handlers"
FUNCTIONS = (
    LocalFunction("slow", f"{HANDLERS}.slow", ObjectsUnder("slow/", ""), timeout_s=60),
    LocalFunction("fail", f"{HANDLERS}.fail", ObjectsUnder("fail/", ""), timeout_s=60),
)

if __name__ == "__main__":
    sys.exit(main(FUNCTIONS))
