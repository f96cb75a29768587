"""Events and endpoints as they are stored and configured."""

import json

import pytest
from pydantic import ValidationError

from parley.domain.delivery import Event, EventKind
from parley.outbound.payload import payload
from parley.settings import Settings
from tests.fakes.receiver import SECRET

GOOD = {"name": "crm", "url": "https://crm.example/hook", "secret": SECRET}


@pytest.mark.parametrize("kind", EventKind)
def test_a_line_of_the_outbox_is_the_event(kind: EventKind) -> None:
    event = Event(kind=kind, room_sid="RM_a", subject="TR_a", at_ms=5)
    assert Event.of_line("RM_a", event.line) == event
    assert event.id.isascii()
    others = [event.model_copy(update=change) for change in ({"at_ms": 6}, {"subject": "TR_b"})]
    assert len({event.id, *(other.id for other in others)}) == 3


@pytest.mark.parametrize("kind", EventKind)
def test_an_event_says_ids_and_urls_and_nothing_else(kind: EventKind) -> None:
    event = Event(kind=kind, room_sid="RM_a", subject="TR_a", at_ms=5)
    told = json.loads(payload(event, "https://api.example"))
    assert told.keys() == {"type", "timestamp", "data"}
    for name, value in told["data"].items():
        assert name.endswith(("_sid", "_url")), name
        assert value in {"RM_a", "TR_a"} or value.startswith("https://api.example/rooms/RM_a")


@pytest.mark.parametrize(
    "change",
    [
        {"url": "ftp://crm.example"},
        {"url": "https://user:pass@crm.example"},
        {"url": "https:///nowhere"},
        {"secret": "open-sesame"},
        {"secret": "whsec_c2hvcnQ="},
        {"secret": "whsec_!!!"},
        {"name": "a.b"},
        {"kinds": ["room.opened"]},
    ],
)
def test_a_wrong_endpoint_is_refused_at_the_start(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as raised:
        Settings.model_validate({"event_endpoints": [GOOD | change]})
    for value in (SECRET, *change.values()):
        assert str(value) not in str(raised.value), "an error may be logged"


def test_endpoints_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_EVENT_ENDPOINTS", json.dumps([GOOD]))
    settings = Settings()
    [endpoint] = settings.event_endpoints
    assert endpoint.kinds == tuple(EventKind)
    assert SECRET not in repr(settings)
    with pytest.raises(ValidationError, match="same name"):
        Settings.model_validate({"event_endpoints": [GOOD, GOOD]})
