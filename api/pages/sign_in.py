"""Signing in and out: a one-time link or a key becomes a session, kept in a cookie that scripts cannot read."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from api.pages.page import PageRoute, back_to, bare, field
from api.security import COOKIE, Reader, Svc
from triage.errors import NotAllowed
from triage.keys import (
    SESSION_LASTS,
    Principal,
    create_browser_session,
    end_browser_session,
    principal_of_key,
    principal_of_session,
)
from triage.service import Service
from triage.store.repositories.people import People

router = APIRouter(route_class=PageRoute)


@router.get("/sign-in")
async def sign_in_page(
    service: Svc,
    token: Annotated[str | None, Query(max_length=200)] = None,
    next: Annotated[str, Query(max_length=300)] = "",
) -> Response:
    """Uses up the link that `token` ends; without one, asks for a key."""
    if token is None:
        return bare("sign_in.html", wrong=None, next=_local(next))
    who = await principal_of_session(service.store, token, "link", service.clock())
    if who is None or not await end_browser_session(service.store, who):
        return bare("sign_in.html", 410, wrong="link", next="")
    return await _signed_in(service, who, "/")


@router.post("/sign-in")
async def sign_in(request: Request, service: Svc) -> Response:
    """Exchanges a user's key for a session."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise NotAllowed("Another site tried to sign you in here. Open this page yourself.")
    next = _local(field(request, "next"))
    who = await principal_of_key(service.store, field(request, "key").strip())
    if who is None:
        return bare("sign_in.html", 401, wrong="key", next=next)
    if who.user_id is None:
        return bare("sign_in.html", 403, wrong="ingest", next=next)
    async with service.store.read() as session:
        user = await People(session, who.organisation_id).user(who.user_id)
    if user is None or user.role != who.role:
        # A session has its user's role: a key that may do less must not open one that may do more.
        return bare("sign_in.html", 403, wrong="role", next=next)
    return await _signed_in(service, who, next or "/")


@router.post("/sign-out")
async def sign_out(who: Reader, service: Svc) -> Response:
    await end_browser_session(service.store, who)
    response = back_to("/sign-in")
    response.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=_secure(service))
    return response


async def _signed_in(service: Service, who: Principal, path: str) -> RedirectResponse:
    assert who.user_id is not None
    token, _ = await create_browser_session(service.store, who.organisation_id, who.user_id, "session", service.clock())
    response = back_to(path)
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(SESSION_LASTS.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=_secure(service),
    )
    return response


def _secure(service: Service) -> bool:
    return service.settings.console_url.startswith("https:")


def _local(path: str) -> str:
    """A path of ours, or nothing: a link may not send people elsewhere after they sign in."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if plain and "\\" not in path else ""
