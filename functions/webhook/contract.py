"""Writes the OpenAPI document to `docs/openapi.json`: `python -m functions.webhook.contract`."""

import json
from pathlib import Path

from functions.webhook.app import app

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"


def write(path: Path = DOCUMENT) -> None:
    """Write the application's OpenAPI document, in a form that makes small differences small."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    write()
