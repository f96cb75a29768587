"""The OpenAPI document is the contract: it is checked in, and this fails when the code drifts."""

import json
from pathlib import Path

from functions.webhook.app import app

DOCUMENT = Path(__file__).parents[3] / "docs" / "openapi.json"


def test_the_document_that_is_checked_in_is_the_codes() -> None:
    assert json.loads(DOCUMENT.read_text()) == app.openapi(), (
        "the API changed: look at the difference, then run `python -m functions.webhook.contract`"
    )


def test_every_operation_says_who_may_use_it_how_it_fails_and_what_it_does() -> None:
    for path, operations in app.openapi()["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["description"], where
            assert {"4XX", "5XX"} <= operation["responses"].keys(), where
            assert "422" not in operation["responses"], where
            assert bool(operation.get("security")) == (
                path not in {"/webhooks/livekit", "/healthz"}
            ), where
