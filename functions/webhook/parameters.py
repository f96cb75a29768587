"""Path and query parameters that several routes share."""

from typing import Annotated

from fastapi import Path, Query

_SID = r"^[A-Za-z0-9_.-]+$"

RoomSid = Annotated[
    str, Path(alias="sid", pattern=_SID, max_length=64, description="The room's sid (`RM_…`).")
]
TrackSid = Annotated[
    str, Path(pattern=_SID, max_length=64, description="The track's sid (`TR_…`).")
]
Limit = Annotated[int, Query(ge=1, le=1000, description="At most so many.")]
Moment = Annotated[
    int | None, Query(ge=0, le=253_402_300_799_999)
]  # in ms since the epoch, to the end of the year 9999
Cursor = Annotated[
    str | None,
    Query(
        max_length=16_384,
        description="Where the last page ended; opaque.",
        json_schema_extra={"pattern": "^[A-Za-z0-9_-]*$"},  # refused in words of our own
    ),
]
