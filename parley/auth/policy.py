"""Who may do what: one table of routes; a route that is not in it is closed to everybody."""

from dataclasses import dataclass
from typing import Literal

from parley.auth.tokens import Principal, Role
from parley.errors import ForbiddenError

ADMIN, HOST, SERVICE = Role.ADMIN, Role.HOST, Role.SERVICE
PARTICIPANT, VIEWER = Role.PARTICIPANT, Role.VIEWER


@dataclass(frozen=True)
class Rule:
    """What a route asks of its caller.

    Attributes:
        roles: the roles that may use it.
        scope: `own` wants the path's room among the token's rooms, `all` wants a token for all
            rooms, `any` leaves it to the route to show only what the token holds.
    """

    roles: frozenset[Role]
    scope: Literal["own", "all", "any"] = "own"


def _rule(*roles: Role, scope: Literal["own", "all", "any"] = "own") -> Rule:
    return Rule(frozenset({ADMIN, *roles}), scope)


_READERS = (HOST, PARTICIPANT, VIEWER, SERVICE)

RULES: dict[tuple[str, str], Rule] = {
    ("POST", "/rooms"): _rule(HOST, SERVICE, scope="all"),
    ("GET", "/rooms"): _rule(*_READERS, scope="any"),
    ("GET", "/rooms/{sid}"): _rule(*_READERS),
    ("DELETE", "/rooms/{sid}"): _rule(HOST),
    ("POST", "/rooms/{sid}/register"): _rule(SERVICE),
    ("POST", "/rooms/{sid}/finalize"): _rule(HOST, SERVICE),
    ("POST", "/rooms/{sid}/token"): _rule(HOST, PARTICIPANT, VIEWER),
    ("POST", "/rooms/{sid}/ask"): _rule(HOST, PARTICIPANT, SERVICE),
    ("POST", "/rooms/{sid}/say"): _rule(HOST, PARTICIPANT, SERVICE),
    ("DELETE", "/rooms/{sid}/say/{request_id}"): _rule(HOST, PARTICIPANT, SERVICE),
    ("GET", "/rooms/{sid}/tracks"): _rule(*_READERS),
    ("GET", "/rooms/{sid}/transcript"): _rule(*_READERS),
    ("GET", "/rooms/{sid}/transcript.{form}"): _rule(*_READERS),
    ("GET", "/rooms/{sid}/live"): _rule(*_READERS),
    ("GET", "/rooms/{sid}/diff"): _rule(*_READERS),
    ("GET", "/rooms/{sid}/audit"): _rule(HOST, SERVICE),
    ("GET", "/rooms/{sid}/deliveries"): _rule(HOST, SERVICE),
    ("GET", "/rooms/{sid}/summary"): _rule(*_READERS),
    ("GET", "/rooms/{sid}/recordings/{track_sid}"): _rule(HOST, SERVICE),
    ("GET", "/metrics"): _rule(SERVICE, scope="all"),
}

# Signed by LiveKit, or nothing to hide.
OPEN_ROUTES: frozenset[tuple[str, str]] = frozenset(
    {("POST", "/webhooks/livekit"), ("GET", "/healthz")}
)


def check(principal: Principal, method: str, path: str, room_sid: str | None) -> None:
    """Let a caller use a route, or not.

    Args:
        principal: the caller.
        method: HTTP method.
        path: the route's path as declared, with its parameters in braces.
        room_sid: the room in the path, if it has one.

    Raises:
        ForbiddenError: the role may not, the room is not theirs, or the route has no rule.
    """
    rule = RULES.get((method, path))
    if rule is None:
        raise ForbiddenError("nobody may use this route")
    if principal.role not in rule.roles:
        raise ForbiddenError(f"a {principal.role} may not do this")
    if rule.scope == "all" and not principal.all_rooms:
        raise ForbiddenError("this needs a token for all rooms")
    if rule.scope == "own" and not (room_sid and principal.holds(room_sid)):
        raise ForbiddenError("the token is not for this room")
