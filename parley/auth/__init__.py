"""Who calls: API tokens, the keys that check them, and what each role may do."""

from parley.auth.policy import OPEN_ROUTES, RULES, Rule, check
from parley.auth.tokens import Principal, Role, TokenVerifier, mint

__all__ = ["OPEN_ROUTES", "RULES", "Principal", "Role", "Rule", "TokenVerifier", "check", "mint"]
