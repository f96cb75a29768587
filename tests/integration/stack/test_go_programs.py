"""The own tests of the programs in Go: how packets are handed on, and how networks treat them."""

import subprocess

import pytest

from parley_cli.stack.servers import server


@pytest.mark.parametrize("name", ["subscriber", "publisher"])
def test_the_programs_own_tests_pass(name: str) -> None:
    ran = subprocess.run(
        ["go", "test", "-trimpath", "-count=1", "./..."],  # flags as in the build, which is cached
        cwd=server(name).module,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "ok" in ran.stdout
