"""The base of all domain types: immutable, and refusing unknown fields where we write them."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """An immutable value; unknown fields of older or newer documents are ignored on reading."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)
