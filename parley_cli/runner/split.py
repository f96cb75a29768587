"""Cut an object event into messages of one object each, as S3 sends them to a queue."""

import json
from collections.abc import Iterator

from parley.events.s3 import ObjectCreated, parse_object_events


def one_event_each(body: str) -> Iterator[tuple[ObjectCreated, str]]:
    """Each created object with an event that names only it.

    Raises:
        BadInputError: the body is no object event.
    """
    created = parse_object_events(body)
    event = json.loads(body)
    if "Records" not in event:
        yield from ((one, body) for one in created)
        return
    for record in event["Records"]:
        single = {"Records": [record]}
        yield from ((one, json.dumps(single)) for one in parse_object_events(single))
