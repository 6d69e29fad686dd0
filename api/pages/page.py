"""What every page has in common: its form, its errors, its headers, and the frame around it."""

from collections.abc import Callable, Coroutine
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from api.pages import assets, show
from api.security import WORKS
from triage.errors import AmendsError, NotAuthenticated
from triage.keys import Principal
from triage.service import Service
from triage.store.repositories.directory import Directory

log = structlog.get_logger()
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
MAX_FIELDS = 100

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals.update(static=assets.url, timedelta=timedelta)
_templates.filters.update(show.FILTERS)
_templates.tests["startswith"] = str.startswith

Form = dict[str, list[str]]


class PageRoute(APIRoute):
    """Reads a posted form, and answers errors with a page (or, to htmx, with a notice) instead of problem+json."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                if request.method == "POST":
                    request.state.form = _fields(await request.body())
                    request.state.csrf = field(request, "csrf")
                response = await handle(request)
            except NotAuthenticated:
                response = _sign_in_first(request)
            except AmendsError as error:
                response = _wrong(request, error.status, error.detail)
            except (RequestValidationError, ValidationError) as error:
                response = _wrong(request, 422, _first(error))
            except HTTPException as error:
                response = _wrong(request, error.status_code, str(error.detail))
            except Exception as error:
                # The type alone: an exception's text may hold a customer's words.
                log.error("unexpected error", error=type(error).__name__, path=request.url.path)
                response = _wrong(request, 500, "Something went wrong here. Nothing was changed; please try again.")
            response.headers.update(HEADERS)
            return response

        return answer


def _fields(body: bytes) -> Form:
    """The fields of an urlencoded form; browsers send line ends as CR LF, we keep LF."""
    form: Form = {}
    try:
        for name, value in parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS):
            form.setdefault(name, []).append(value.replace("\r\n", "\n"))
    except ValueError:
        raise HTTPException(400, "This form was not sent as a browser sends one.") from None
    return form


def field(request: Request, name: str) -> str:
    """The posted field, or an empty text."""
    form: Form = request.state.form
    return form.get(name, [""])[0]


def fields(request: Request, name: str) -> list[str]:
    form: Form = request.state.form
    return form.get(name, [])


def version(request: Request) -> int | None:
    """The version of the conversation that the person saw."""
    sent = field(request, "version")
    return int(sent) if sent.isascii() and sent.isdigit() and len(sent) < 10 else None


def by_htmx(request: Request) -> bool:
    return "hx-request" in request.headers


async def page(
    request: Request, service: Service, who: Principal, template: str, status: int = 200, **values: object
) -> HTMLResponse:
    """A page in its frame: who is signed in, where, and whether it is the demo."""
    async with service.store.read() as session:
        organisation = await Directory(session).organisation(who.organisation_id)
    frame = {"organisation": organisation, "here": request.url.path}
    return HTMLResponse(render(service, who, template, **frame, **values), status)


def render(service: Service, who: Principal, template: str, **values: object) -> str:
    """A template's text for somebody signed in."""
    common = {"who": who, "csrf": who.csrf or "", "may_work": who.role in WORKS, "now": service.clock()}
    return _templates.get_template(template).render(**common, **values)


def bare(template: str, status: int = 200, **values: object) -> HTMLResponse:
    """A page for somebody who is not signed in."""
    return HTMLResponse(_templates.get_template(template).render(**values), status)


def back_to(path: str) -> RedirectResponse:
    return RedirectResponse(path, 303)


def _sign_in_first(request: Request) -> Response:
    if by_htmx(request):
        return _notice(401, "Your session has ended. Sign in again in another tab; what you typed here is kept.")
    wanted = request.url.path if request.method == "GET" and request.url.path != "/" else ""
    return back_to(f"/sign-in?next={quote(wanted)}" if wanted else "/sign-in")


def _wrong(request: Request, status: int, detail: str) -> Response:
    if by_htmx(request):
        return _notice(status, detail)
    return bare("error.html", status, code=status, title=HTTPStatus(status).phrase, detail=detail)


def _notice(status: int, detail: str) -> Response:
    """A line in the page's live region; the part that was to change stays as it is."""
    text = _templates.get_template("_notice.html").render(status=status, detail=detail)
    return HTMLResponse(text, status, {"HX-Retarget": "#notices", "HX-Reswap": "innerHTML"})


def _first(error: RequestValidationError | ValidationError) -> str:
    found = error.errors()[0]
    where = ".".join(str(part) for part in found["loc"] if part not in ("body", "query", "path"))
    return f"{where}: {found['msg'].removeprefix('Value error, ')}"
