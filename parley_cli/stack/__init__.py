"""The embedded stack: finds or builds the servers, runs them beside our own processes.

`lifecycle` is what commands call, `stack.Stack` what tests and benchmarks hold.
"""
