"""Around every request: an id, a limit on the body, a line in the log, a figure in /metrics."""

import re
import time

import structlog
from prometheus_client import Histogram
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid7

from api.problems import problem

MAX_BODY = 4_000_000
TOO_LARGE = f"A body may hold at most {MAX_BODY:,} bytes."
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")
SECONDS = Histogram("amends_request_seconds", "Time to answer a request", ["method", "route", "status"])
log = structlog.get_logger()


class Around:
    """ASGI middleware; pure, because Starlette's own costs a task per request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        request_id = given.decode() if _REQUEST_ID.fullmatch(given) else uuid7().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started, status, taken = time.perf_counter(), 500, 0

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > MAX_BODY:
                raise HTTPException(413, TOO_LARGE)
            return message

        async def labelled(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message["headers"], (b"x-request-id", request_id.encode())]
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append((b"cache-control", b"no-store"))  # answers hold what customers wrote
                message["headers"] = headers
            await send(message)

        try:
            declared = headers.get(b"content-length", b"0")
            if declared.isdigit() and int(declared) > MAX_BODY:
                await _too_large(scope, labelled)
                return
            await self.app(scope, limited, labelled)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "other")
            method = scope["method"] if scope["method"] in METHODS else "other"  # a caller may invent any number
            SECONDS.labels(method, route, str(status)).observe(seconds)
            log.info(
                "request",
                method=method,
                route=route,
                status=status,
                ms=round(seconds * 1000, 1),
                request_id=request_id,
            )


async def _too_large(scope: Scope, send: Send) -> None:
    response = problem(Request(scope), 413, "content_too_large", TOO_LARGE)
    await response(scope, _nothing, send)


async def _nothing() -> Message:
    return {"type": "http.request"}
