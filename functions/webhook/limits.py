"""How often one caller may do what is dear: mint join tokens, search, speak.

The counts are kept per process. Behind several processes (or Lambda) the limit is per process; a
gateway's own limits come on top.
"""

import time

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from parley.auth import Principal
from parley.errors import TooManyRequestsError

MINT = RateLimitItemPerMinute(60, namespace="mint")
SAY = RateLimitItemPerMinute(60, namespace="say")
SEARCH = RateLimitItemPerMinute(120, namespace="search")


class RateLimits:
    """Counts calls per caller in a moving window."""

    def __init__(self) -> None:
        """Start with nobody counted."""
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def spend(self, limit: RateLimitItem, caller: Principal) -> None:
        """Count one call; raises `TooManyRequestsError` when the caller has had all of theirs."""
        if not self._limiter.hit(limit, caller.role, caller.sub):
            window = self._limiter.get_window_stats(limit, caller.role, caller.sub)
            wait_s = max(1.0, window.reset_time - time.time())
            raise TooManyRequestsError(f"at most {limit} of these", retry_after_s=wait_s)
