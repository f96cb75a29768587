"""What an outbound event says: its kind, its time, ids and where to read more. Never any words."""

import datetime
import json

from parley.domain.delivery import Event, EventKind


def payload(event: Event, api_url: str) -> str:
    """The event as JSON, the same in every try.

    Args:
        event: what happened.
        api_url: where the receiver reaches the REST API.
    """
    room_url = f"{api_url.rstrip('/')}/rooms/{event.room_sid}"
    data = {"room_sid": event.room_sid}
    match event.kind:
        case EventKind.ROOM_COMPLETED:
            data |= {"room_url": room_url, "transcript_url": f"{room_url}/transcript"}
        case EventKind.TRANSCRIPT_FINAL:
            url = f"{room_url}/transcript?version=final"
            data |= {"track_sid": event.subject, "transcript_url": url}
        case EventKind.SUMMARY_READY:
            data |= {"summary_url": f"{room_url}/summary"}
    at = datetime.datetime.fromtimestamp(event.at_ms / 1000, datetime.UTC)
    timestamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"type": event.kind.value, "timestamp": timestamp, "data": data})
