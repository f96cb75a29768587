"""The program through which a fleet takes its audio: built for whoever starts one."""

from parley.settings import load_settings
from parley_cli.stack.build import Report, ensure
from parley_cli.stack.servers import find, server


def environment(building: Report = lambda _: None) -> dict[str, str]:
    """The variable that names it to a fleet; none where the settings choose, or Go is missing.

    Without it the fleet takes its audio from LiveKit's SDK.

    Args:
        building: called before a build begins.

    Raises:
        SetupError: the build failed.
    """
    wanted = server("subscriber")
    if load_settings().subscriber or (wanted.toolchain.missing() and find(wanted) is None):
        return {}
    return {"PARLEY_SUBSCRIBER": str(ensure(wanted, building).path)}
