"""The draft editor: ask for a draft, take it with one's own edits, or refuse it."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from api.pages import show
from api.pages.conversation import work_bar
from api.pages.page import PageRoute, back_to, by_htmx, field, fields, page, render
from api.routes.drafts import AcceptBody, DismissBody, DraftBody
from api.security import Reader, Svc, Worker
from triage.keys import Principal
from triage.recovery.drafting import DraftRequest, accept, dismiss, read_draft, request_draft
from triage.recovery.values import Check
from triage.service import Service
from triage.store.repositories.articles import Articles
from triage.store.repositories.drafts import Drafts, FollowUps
from triage.store.repositories.policies import Policies
from triage.store.tables import Draft

router = APIRouter(route_class=PageRoute)


@router.get("/drafts/{draft_id}")
async def get_draft(draft_id: str, request: Request, who: Reader, service: Svc) -> Response:
    """The draft as it is now: to htmx the editor, to anybody else its conversation."""
    row = await read_draft(service, who.organisation_id, draft_id)
    if not by_htmx(request):
        return back_to(f"/conversations/{row.conversation_id}")
    return HTMLResponse(await _editor(service, who, row))


@router.post("/conversations/{conversation_id}/drafts")
async def post_draft(conversation_id: str, request: Request, who: Worker, service: Svc) -> Response:
    """Another draft, as the agent asks for it."""
    given = {name: field(request, name).strip() for name in ("instructions", "tone")}
    body = DraftBody.model_validate({name: value for name, value in given.items() if value})
    row = await request_draft(service, who, conversation_id, DraftRequest(**body.model_dump()))
    return await _done(request, service, who, row)


@router.post("/drafts/{draft_id}/accept")
async def post_accept(draft_id: str, request: Request, who: Worker, service: Svc) -> Response:
    body = AcceptBody(text=field(request, "text"), done=fields(request, "done"))
    row, checks = await accept(service, who, draft_id, body.text, body.done)
    warnings = tuple(check for check in checks if not check.passed)
    if warnings and not by_htmx(request):
        # Without a script there is one chance to say it.
        return await page(request, service, who, "accepted.html", draft=row, warnings=warnings)
    return await _done(request, service, who, row, warnings)


@router.post("/drafts/{draft_id}/dismiss")
async def post_dismiss(draft_id: str, request: Request, who: Worker, service: Svc) -> Response:
    body = DismissBody.model_validate({"reason": field(request, "reason")})
    return await _done(request, service, who, await dismiss(service, who, draft_id, body.reason))


async def _done(
    request: Request, service: Service, who: Principal, row: Draft, warnings: tuple[Check, ...] = ()
) -> Response:
    if not by_htmx(request):
        return back_to(f"/conversations/{row.conversation_id}")
    parts = [await _editor(service, who, row, warnings=warnings)]
    if row.status == "accepted":
        async with service.store.read() as session:
            edits = await Drafts(session, who.organisation_id).edits([row.id])
        parts.append(render(service, who, "_answered.html", edit=edits[row.id]))
    parts.append(await work_bar(service, who, row.conversation_id, beside=True))
    return HTMLResponse("".join(parts))


async def _editor(service: Service, who: Principal, row: Draft, **values: Any) -> str:
    async with service.store.read() as session:
        edits = await Drafts(session, who.organisation_id).edits([row.id])
        promised = await FollowUps(session, who.organisation_id).of_conversation(row.conversation_id)
        remedies = {remedy.id: remedy.label for remedy in await Policies(session, who.organisation_id).newest()}
        titles = await Articles(session, who.organisation_id).titles(show.cited(row.body, "article"))
    return render(
        service,
        who,
        "_draft.html",
        draft=row,
        edit=edits.get(row.id),
        follow_ups=promised,
        remedies=remedies,
        titles=titles,
        **({"warnings": ()} | values),
    )
