"""Every error as RFC 9457 problem+json, made in one place."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from triage.errors import AmendsError

log = structlog.get_logger()
MEDIA_TYPE = "application/problem+json"
PASSING = frozenset({"40001", "40P01", "53300", "57P01", "57P03"})
"""SQLSTATEs of PostgreSQL after which the same may succeed: lost to another, too many connections, shutting down."""


class ProblemResponse(JSONResponse):
    media_type = MEDIA_TYPE


def problem(
    request: Request,
    status: int,
    code: str,
    detail: str,
    errors: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> ProblemResponse:
    """Returns `{type, title, status, detail, instance, request_id, errors?}`."""
    body: dict[str, Any] = {
        "type": f"https://amends.example.com/problems/{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        "request_id": getattr(request.state, "request_id", ""),
    }
    if errors:
        body["errors"] = errors
    return ProblemResponse(body, status, headers)


def pointer(location: tuple[Any, ...]) -> str:
    """JSON pointer (RFC 6901) of a validation error's location; `query/limit` for what is not in the body."""
    where, *path = location or ("body",)
    path = [str(p).replace("~", "~0").replace("/", "~1") for p in path]
    return "".join(f"/{p}" for p in path) if where == "body" else "/".join([str(where), *path])


def install(app: FastAPI) -> None:
    """Gives the app one handler for each family of errors."""

    @app.exception_handler(AmendsError)
    async def _known(request: Request, error: AmendsError) -> ProblemResponse:
        errors = [{"pointer": error.pointer, "detail": error.detail}] if error.pointer is not None else None
        headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
        return problem(request, error.status, error.code, error.detail, errors, headers)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> ProblemResponse:
        found = error.errors()
        if any(e["type"] == "json_invalid" for e in found):
            return problem(request, 400, "malformed", "The body is not valid JSON in UTF-8.")
        errors = [{"pointer": pointer(e["loc"]), "detail": e["msg"].removeprefix("Value error, ")} for e in found]
        wrong = ", ".join(sorted({e["pointer"] or "the body" for e in errors})[:5])
        return problem(request, 422, "invalid", f"Not understood: {wrong}.", errors)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> ProblemResponse:
        code = HTTPStatus(error.status_code).name.lower()
        return problem(
            request, error.status_code, code, str(jsonable_encoder(error.detail)), headers=dict(error.headers or {})
        )

    @app.exception_handler(DBAPIError)
    @app.exception_handler(PoolTimeout)
    @app.exception_handler(ConnectionError)
    async def _down(request: Request, error: Exception) -> ProblemResponse:
        if isinstance(error, DBAPIError) and not isinstance(error, OperationalError | InterfaceError):
            if getattr(error.orig, "sqlstate", None) not in PASSING:
                raise error
        log.error("the database does not answer", error=type(error).__name__, path=request.url.path)
        return problem(request, 503, "unavailable", "The database does not answer, or is busy; try again.")

    @app.exception_handler(Exception)
    async def _unknown(request: Request, error: Exception) -> ProblemResponse:
        # The type alone: an exception's text may hold a customer's words.
        log.error("unexpected error", error=type(error).__name__, path=request.url.path)
        return problem(request, 500, "error", "Something went wrong here; the request id helps to find it.")


PROBLEM: dict[str, Any] = {
    "description": "A problem (RFC 9457)",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


Responses = dict[int | str, dict[str, Any]]


def problems(*statuses: int, also: Mapping[int, dict[str, Any]] | None = None) -> Responses:
    """The documented problems of a route, and what else it may answer.

    400, 401, 403, 413 and 422 come with every one.
    """
    found: Responses = {
        s: PROBLEM | {"description": HTTPStatus(s).phrase} for s in (400, 401, 403, 413, 422, *statuses)
    }
    return found | dict(also or {})
