"""The Lambda handler: API Gateway's two event forms, each with the body as text and as base64."""

import asyncio
import base64
import importlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from livekit import api as livekit

from parley.auth import mint
from parley.settings import Settings
from tests.integration.webhook.signed import Signed, event, sign, speaker

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


class Context:
    """The part of Lambda's context that is read."""

    function_name = "parley-webhook"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:parley-webhook"
    aws_request_id = "one"


def http_api(method: str, path: str, signed: Signed, *, encoded: bool) -> dict[str, Any]:
    """An event of an HTTP API (payload 2.0)."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {name.lower(): value for name, value in signed.headers.items()},
        "requestContext": {
            "http": {"method": method, "path": path, "sourceIp": "192.0.2.1"},
            "stage": "$default",
        },
        **_body(signed.body, encoded),
    }


def rest_api(method: str, path: str, signed: Signed, *, encoded: bool) -> dict[str, Any]:
    """An event of a REST API (payload 1.0)."""
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": signed.headers,
        "multiValueHeaders": {name: [value] for name, value in signed.headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "requestContext": {
            "stage": "prod",
            "identity": {"sourceIp": "192.0.2.1"},
            "resourcePath": "/{proxy+}",
        },
        **_body(signed.body, encoded),
    }


def _body(body: bytes, encoded: bool) -> dict[str, Any]:
    text = base64.b64encode(body).decode() if encoded else body.decode()
    return {"body": text, "isBase64Encoded": encoded}


FORMS = [rest_api, http_api]


@pytest.fixture
def handler(server_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Handler]:
    """A freshly started function, configured by its environment as on AWS."""
    values = server_settings.model_dump(mode="json", exclude_none=True)
    for name in ("mongo_uri", "s3_secret_key", "livekit_api_secret", "auth_key"):
        values[name] = getattr(server_settings, name).get_secret_value()
    for name in values.keys() & {
        *("mongo_uri", "mongo_database", "livekit_url", "livekit_api_key", "livekit_api_secret"),
        *("s3_endpoint_url", "s3_access_key", "s3_secret_key", "s3_bucket", "auth_key"),
    }:
        monkeypatch.setenv(f"PARLEY_{name.upper()}", str(values[name]))
    monkeypatch.setenv("PARLEY_FINALIZE_GRACE_S", "0.01")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "webhook")
    monkeypatch.setattr("parley.telemetry.logs.configure_logs", lambda *_: None)
    sys.modules.pop("functions.webhook.handler", None)
    module = importlib.import_module("functions.webhook.handler")
    yield module.handler
    services = module.application.app.state.services
    if services is not None:
        asyncio.get_event_loop().run_until_complete(services.aclose())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("encoded", [False, True])
def test_a_webhooks_signature_holds_over_the_body_as_it_was_sent(
    handler: Handler, server_settings: Settings, form: Any, encoded: bool
) -> None:
    # Names beyond ASCII and odd spacing: any re-encoding of the body would break the signature.
    message = event("participant_joined", "RM_unknown", participant=speaker("zoë"))
    signed = sign(message, server_settings)
    answer = handler(form("POST", "/webhooks/livekit", signed, encoded=encoded), Context())
    assert answer["statusCode"] == 200, answer["body"]
    assert answer["body"] == '{"outcome":"unregistered"}'
    bent = Signed(signed.body.replace("zoë".encode(), b"zoe"), signed.headers)
    assert bent.body != signed.body
    refused = handler(form("POST", "/webhooks/livekit", bent, encoded=encoded), Context())
    assert refused["statusCode"] == 401


@pytest.mark.parametrize("form", FORMS)
def test_one_process_serves_one_call_after_another(
    handler: Handler, server_settings: Settings, form: Any
) -> None:
    token = mint(server_settings, sub="ops", role="admin")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def call(method: str, path: str, body: bytes = b"") -> dict[str, Any]:
        return handler(form(method, path, Signed(body, headers), encoded=False), Context())

    opened = call("POST", "/rooms", b'{"name": "lambda"}')
    assert opened["statusCode"] == 201, opened["body"]
    assert call("GET", "/healthz")["statusCode"] == 200
    listed = call("GET", "/rooms")
    assert listed["statusCode"] == 200
    assert '"name":"lambda"' in listed["body"]
    assert call("GET", "/rooms/RM_nowhere")["statusCode"] == 404


def test_a_finished_room_is_finalised_within_the_call(
    handler: Handler, server_settings: Settings
) -> None:
    token = mint(server_settings, sub="ops", role="admin")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def call(method: str, path: str, signed: Signed) -> dict[str, Any]:
        return handler(http_api(method, path, signed, encoded=True), Context())

    opened = call("POST", "/rooms", Signed(b'{"name": "short"}', headers))
    sid = opened["body"].split('"sid":"')[1].split('"')[0]
    finished: livekit.WebhookEvent = event("room_finished", sid)
    assert call("POST", "/webhooks/livekit", sign(finished, server_settings))["statusCode"] == 200
    room = call("GET", f"/rooms/{sid}", Signed(b"", headers))
    assert '"status":"completed"' in room["body"]
