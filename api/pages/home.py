"""The first page, with a box to paste a message into, and the page that explains."""

import hashlib
import secrets

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.pages.page import PageRoute, back_to, field, page
from api.security import Reader, Svc, Worker
from triage.errors import Invalid, TooLarge
from triage.messages.ingest import ingest
from triage.messages.posted import PostedConversation, PostedCustomer, PostedMessage
from triage.messages.values import MAX_TEXT
from triage.priority import DEFAULT
from triage.recovery.drafting import make_draft
from triage.store.repositories.conversations import Conversations

router = APIRouter(route_class=PageRoute)
SOURCE = "paste"


@router.get("/")
async def home(request: Request, who: Reader, service: Svc) -> Response:
    async with service.store.read() as session:
        counts = await Conversations(session, who.organisation_id).counts()
    # The page's own token: pressing the button twice, or reloading, stores one message.
    return await page(request, service, who, "home.html", waiting=counts.get("open", 0), once=secrets.token_hex(8))


@router.post("/paste")
async def paste(request: Request, who: Worker, service: Svc) -> Response:
    """Takes a pasted text in as any other message, with its draft made at once, and opens its conversation."""
    text = field(request, "text")
    if not text.strip():
        raise Invalid("There is no text. Go back and paste a message.")
    if len(text) > MAX_TEXT:
        raise TooLarge(f"A message may have at most {MAX_TEXT:,} characters; this one has {len(text):,}.")
    name = field(request, "name").strip() or None
    channel = field(request, "channel") or "email"
    vip = bool(field(request, "vip"))
    once = hashlib.sha256("\0".join([field(request, "once"), text, name or "", channel, str(vip)]).encode())
    number = once.hexdigest()[:24]
    posted = PostedMessage.model_validate(
        {
            "source": SOURCE,
            "external_id": number,
            "author": "customer",
            "conversation": PostedConversation.model_validate({"external_id": number, "channel": channel}),
            "customer": PostedCustomer(external_id=number, name=name, tier="vip" if vip else "standard"),
            "text": text,
        }
    )
    done = await ingest(service, who.organisation_id, posted, who.actor)
    if done.answer["draft_id"]:
        await make_draft(service, who.organisation_id, done.answer["draft_id"])
    return back_to(f"/conversations/{done.conversation_id}")


@router.get("/help")
async def help_page(request: Request, who: Reader, service: Svc) -> Response:
    return await page(request, service, who, "help.html", allowances=DEFAULT)
