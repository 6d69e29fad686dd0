"""`Idempotency-Key` (IETF draft): the same request again gets the stored answer, and is not done again."""

import hashlib
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from sqlalchemy.exc import IntegrityError

from api.problems import MEDIA_TYPE
from api.security import authenticate, service
from triage.errors import AmendsError, InFlight, Invalid
from triage.store.repositories.live import IdempotentAnswers

ABANDONED = timedelta(seconds=60)
"""A request still unanswered after this died with its process; the next one with its key may run."""


class BadKey(AmendsError):
    status = 400
    code = "bad_idempotency_key"


class IdempotentRoute(APIRoute):
    """Honours `Idempotency-Key` per organisation and route on every POST.

    400: the key is empty, over 255 characters or not printable ASCII. 409: the first request is in flight.
    422: the key was used with another body.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def once(request: Request) -> Response:
            key = request.headers.get("idempotency-key")
            if key is None or request.method != "POST" or "stream" in request.query_params:
                return await answer(request)
            if not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):
                raise BadKey("Idempotency-Key must be 1 to 255 printable ASCII characters.")
            return await _once(request, key, answer)

        return once


async def _once(request: Request, key: str, answer: Callable[[Request], Coroutine[Any, Any, Response]]) -> Response:
    principal, parts = await authenticate(request), service(request)
    route = f"{request.method} {request.url.path}"
    fingerprint = hashlib.sha256(await request.body()).hexdigest()
    now = parts.clock()
    try:
        async with parts.store.write() as session:
            answers = IdempotentAnswers(session, principal.organisation_id)
            first = await answers.get(route, key)
            if first is not None and first.status == 0 and first.created_at < now - ABANDONED:
                await answers.drop(first.id)
                first = None
            begun = answers.begin(route, key, fingerprint, now) if first is None else None
    except IntegrityError:
        raise InFlight("The first request with this Idempotency-Key is still being answered.") from None
    if first is not None:
        if first.fingerprint != fingerprint:
            raise Invalid("This Idempotency-Key was used before with another body.")
        if first.status == 0:
            raise InFlight("The first request with this Idempotency-Key is still being answered.")
        return Response(
            first.body,
            first.status,
            {"x-idempotency-lookup": "hit"},
            "application/json" if first.status < 400 else MEDIA_TYPE,
        )
    assert begun is not None
    try:
        response = await answer(request)
    except BaseException:
        # Nothing was done, or nobody knows: let the caller try again with the same key.
        async with parts.store.write() as session:
            await IdempotentAnswers(session, principal.organisation_id).drop(begun.id)
        raise
    async with parts.store.write() as session:
        await IdempotentAnswers(session, principal.organisation_id).finish(
            begun.id,
            status=response.status_code,
            body=bytes(response.body).decode(),
            conversation_id=getattr(request.state, "conversation_id", None),
        )
    response.headers["x-idempotency-lookup"] = "miss"
    return response
