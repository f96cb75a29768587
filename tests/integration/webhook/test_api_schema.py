"""The API under generated requests (schemathesis): no 5xx, and answers as the document says."""

import asyncio
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from functions.webhook.app import app
from parley.auth import mint
from parley.settings import Settings
from parley.storage import Stores
from tests.integration.storage.transcript_rooms import Meeting

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]
schema = schemathesis.openapi.from_dict(app.openapi())


@pytest.fixture(scope="module")
def known_room(stack_settings_module: Settings) -> str:
    async def make() -> str:
        stores = Stores.from_settings(stack_settings_module)
        meeting = await Meeting.of(stores, "ann", "ben")
        await meeting.speakers["ann"].says(1_000, 2_000)
        stores.close()
        return meeting.sid

    return asyncio.run(make())


@schema.parametrize()
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_generated_requests_are_answered_as_documented(
    case: schemathesis.Case[Any], stack_settings_module: Settings, known_room: str
) -> None:
    token = mint(stack_settings_module, sub="generated", role="admin")
    if "sid" in case.path_parameters and len(case.path_parameters["sid"]) % 2:
        case.path_parameters["sid"] = (
            known_room  # every other request is about a room that is there
        )
    if case.path.endswith("/live"):
        case.query = {**(case.query or {}), "for_s": 0.01}
    response = case.call(
        base_url=stack_settings_module.api_url, headers={"Authorization": f"Bearer {token}"}
    )
    case.validate_response(response, checks=CHECKS)


def test_without_a_token_nothing_is_answered(stack_settings_module: Settings) -> None:
    for path, operations in schema.raw_schema["paths"].items():
        for method, operation in operations.items():
            if operation.get("security"):
                url = stack_settings_module.api_url + path.replace("{form}", "vtt")
                assert httpx.request(method, url).status_code == 401, (method, path)
