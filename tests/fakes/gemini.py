"""A local server that speaks the part of Gemini's REST contract that Parley uses.

It checks each request against the published schema (ai.google.dev/api/generate-content: method,
path, key header, contents, systemInstruction, generationConfig) and answers 400 as the API does
when something is wrong. What it answers else is the test's: a list of replies per model, used in
order, the last one for good.
"""

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

KEY = "test-key-AIzaSyA-0123456789"

_TEXT_CONTENT = {
    "type": "object",
    "required": ["parts"],
    "additionalProperties": False,
    "properties": {
        "role": {"enum": ["user", "model"]},
        "parts": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["text"],
                "additionalProperties": False,
                "properties": {"text": {"type": "string"}},
            },
        },
    },
}
REQUEST_SCHEMA = {
    "type": "object",
    "required": ["contents"],
    "additionalProperties": False,
    "properties": {
        "contents": {"type": "array", "minItems": 1, "items": _TEXT_CONTENT},
        "systemInstruction": _TEXT_CONTENT,
        "generationConfig": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "temperature": {"type": "number", "minimum": 0, "maximum": 2},
                "maxOutputTokens": {"type": "integer"},
                "responseMimeType": {"enum": ["text/plain", "application/json"]},
                "responseJsonSchema": {"type": "object"},
            },
        },
    },
}
_PATH = re.compile(r"/v1(?:beta)?/models/(?P<model>[\w.-]+):(?P<method>\w+)")


@dataclass(frozen=True)
class Asked:
    """A request that the server accepted."""

    model: str
    method: str
    system: str
    prompt: str
    schema: dict[str, Any] | None


@dataclass(frozen=True)
class Reply:
    """What the server does with a request.

    Attributes:
        text: the answer's text, or what makes it from the request.
        status: HTTP status; an error body for any but 200.
        finish: the candidate's finish reason.
        blocked: the prompt feedback's block reason; no candidate then.
        headers: more headers.
        retry_delay: seconds in a `RetryInfo` detail of an error.
        delay_s: wait before the answer.
        drop_after: close the connection after so many streamed pieces.
        piece_s: wait before each streamed piece after the first.
    """

    text: str | Callable[[Asked], str] = "{}"
    status: int = 200
    finish: str = "STOP"
    blocked: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    retry_delay: float | None = None
    delay_s: float = 0.0
    drop_after: int | None = None
    piece_s: float = 0.0


class FakeGemini:
    """The server's state: what to reply, and what was asked."""

    def __init__(self) -> None:
        self.replies: dict[str, list[Reply]] = defaultdict(list)
        self.asked: list[Asked] = []
        self.streamed = 0
        """Streams that were sent to their end."""
        self.left = 0
        """Streams whose reader went before their end."""
        self.url = ""

    def reply(self, model: str, *replies: Reply) -> None:
        """Answer requests for a model with these, in order, and then with the last one."""
        self.replies[model] += replies

    @property
    def models_asked(self) -> list[str]:
        """The models of the requests so far."""
        return [a.model for a in self.asked]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        matched = _PATH.fullmatch(request.path)
        if request.method != "POST" or not matched:
            return _error(404, "NOT_FOUND", "no such method")
        if request.headers.get("x-goog-api-key") != KEY or "key" in request.query:
            return _error(400, "INVALID_ARGUMENT", "API key not valid.")
        body = await request.json()
        problems = [e.message for e in Draft202012Validator(REQUEST_SCHEMA).iter_errors(body)]
        config = body.get("generationConfig", {})
        if "responseJsonSchema" in config:
            if not _is_schema(config["responseJsonSchema"]):
                problems.append("responseJsonSchema is not a JSON schema")
            if config.get("responseMimeType") != "application/json":
                problems.append("responseJsonSchema needs responseMimeType application/json")
        if problems:
            return _error(400, "INVALID_ARGUMENT", "; ".join(problems))
        asked = Asked(
            model=matched["model"],
            method=matched["method"],
            system=_text(body.get("systemInstruction", {"parts": []})),
            prompt="".join(_text(c) for c in body["contents"]),
            schema=config.get("responseJsonSchema"),
        )
        self.asked.append(asked)
        replies = self.replies.get(asked.model)
        if not replies:
            return _error(404, "NOT_FOUND", f"models/{asked.model} is not found")
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        await asyncio.sleep(reply.delay_s)
        if reply.status != 200:
            return _error(reply.status, "UNAVAILABLE", "try later", reply)
        if asked.method == "generateContent":
            return web.json_response(_response(asked, reply, _made(asked, reply), reply.finish))
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        try:
            await _stream(request, response, asked, reply)
        except ConnectionResetError:
            self.left += 1
        else:
            self.streamed += 1
        return response


async def _stream(
    request: web.Request, response: web.StreamResponse, asked: Asked, reply: Reply
) -> None:
    assert asked.method == "streamGenerateContent"
    assert request.query.get("alt") == "sse"
    await response.prepare(request)
    pieces = re.findall(r"\S+\s*", _made(asked, reply)) or [""]
    for n, piece in enumerate(pieces):
        if reply.drop_after == n:
            assert request.transport is not None
            request.transport.abort()
            return
        if n:
            await asyncio.sleep(reply.piece_s)
        finish = reply.finish if n == len(pieces) - 1 else None
        data = json.dumps(_response(asked, reply, piece, finish))
        await response.write(f"data: {data}\r\n\r\n".encode())
    await response.write_eof()


def _is_schema(schema: dict[str, Any]) -> bool:
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError:
        return False
    return True


def _made(asked: Asked, reply: Reply) -> str:
    return reply.text(asked) if callable(reply.text) else reply.text


def _response(asked: Asked, reply: Reply, text: str, finish: str | None) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "usageMetadata": {
            "promptTokenCount": len(asked.prompt) // 4,
            "candidatesTokenCount": len(text) // 4,
            "totalTokenCount": (len(asked.prompt) + len(text)) // 4,
        },
        "modelVersion": asked.model,
        "responseId": "r1",
    }
    if reply.blocked:
        return answer | {"promptFeedback": {"blockReason": reply.blocked}}
    candidate: dict[str, Any] = {"index": 0}
    if finish != "SAFETY":
        candidate["content"] = {"role": "model", "parts": [{"text": text}]}
    if finish:
        candidate["finishReason"] = finish
    return answer | {"candidates": [candidate]}


def _text(content: dict[str, Any]) -> str:
    return "".join(part["text"] for part in content["parts"])


def _error(code: int, status: str, message: str, reply: Reply | None = None) -> web.Response:
    body: dict[str, Any] = {"code": code, "message": message, "status": status}
    if reply and reply.retry_delay is not None:
        info = "type.googleapis.com/google.rpc.RetryInfo"
        body["details"] = [{"@type": info, "retryDelay": f"{reply.retry_delay}s"}]
    headers = reply.headers if reply else {}
    return web.json_response({"error": body}, status=code, headers=headers)


@asynccontextmanager
async def fake_gemini() -> AsyncIterator[FakeGemini]:
    """A running server on a free port."""
    fake = FakeGemini()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    fake.url = f"http://{host}:{port}"
    try:
        yield fake
    finally:
        await runner.cleanup()
