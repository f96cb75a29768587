"""The subscriber's own tests, in Go: how packets are joined and handed on."""

import subprocess

from parley_cli.stack.servers import server


def test_the_programs_own_tests_pass() -> None:
    ran = subprocess.run(
        ["go", "test", "-trimpath", "-count=1", "./..."],  # flags as in the build, which is cached
        cwd=server("subscriber").module,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "ok" in ran.stdout
