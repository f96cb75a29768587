"""Rows of figures as one table for a person, or as one JSON object a line."""

import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def show(rows: "Sequence[DataclassInstance]", *, title: str = "", as_json: bool = False) -> None:
    """Print rows of one dataclass."""
    if as_json:
        for row in rows:
            print(json.dumps(dataclasses.asdict(row)), flush=True)
        return
    if not rows:
        return
    names = [field.name for field in dataclasses.fields(rows[0])]
    table = Table(title=title or None)
    for name in names:
        table.add_column(
            name.replace("_", " "), justify="left" if name in ("load", "variant") else "right"
        )
    for row in rows:
        table.add_row(*(str(getattr(row, name)) for name in names))
    # Wide, so that a file or a CI log has whole lines.
    Console(width=max(Console().width, 200)).print(table)
