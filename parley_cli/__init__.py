"""The command `parley`: the local stack, the function runner, the demo and what reads the API."""
