"""A repository sees and changes its own organisation only: every method of every one, called with another's ids.

The law: what a method answers when given ids of another organisation's rows is what it answers when given ids of
nothing at all, and the other organisation's rows stay as they were. That the same call by the owner does find (or
change) something shows that the law could fail.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import numpy as np
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from triage.cases.values import Case, Outcome
from triage.ids import new_id
from triage.store import repositories
from triage.store.engine import Store
from triage.store.repositories.articles import NewArticle
from triage.store.repositories.cases import Cases
from triage.store.repositories.conversations import QueueFilters
from triage.store.tables import (
    ApiKey,
    Article,
    AuditEvent,
    BrowserSession,
    CaseRecord,
    Conversation,
    ConversationEvent,
    Customer,
    Draft,
    Event,
    Message,
    Organisation,
    Policy,
    Table,
    User,
)

LONG_AGO, FAR_OFF = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
MODEL = "minilm@0"
SHARED = "1001"
"""An external id as two helpdesks may both give it."""
ONE_WAY = np.full(384, 384**-0.5, dtype=np.float32)


def methods() -> Iterator[tuple[type, str]]:
    for module in pkgutil.iter_modules(repositories.__path__, f"{repositories.__name__}."):
        for _, found in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if found.__module__ != module.name or "organisation_id" not in inspect.signature(found.__init__).parameters:
                continue
            for name, method in inspect.getmembers(found, inspect.isfunction):
                if not name.startswith("_") and (
                    inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method)
                ):
                    yield found, name


METHODS = sorted(methods(), key=lambda m: (m[0].__name__, m[1]))


@dataclass(frozen=True)
class Ids:
    """Of one organisation's rows, or of nothing."""

    conversation: str
    customer: str
    message: str
    draft: str
    follow_up: str
    case: str
    answer: str
    user: str
    key: str
    session: str
    article: str
    idempotency: str
    ready: str
    accepted: str
    external: str

    @classmethod
    def of_nothing(cls) -> "Ids":
        return cls(*(uuid4().hex for _ in range(15)))


def arguments(method: Any, ids: Ids) -> dict[str, Any]:
    """What to pass for each parameter, by its name: chosen so that the owner would find something."""
    named: dict[str, Any] = {
        "conversation_id": ids.conversation,
        "conversation_ids": [ids.conversation],
        "customer_id": ids.customer,
        "message_id": ids.message,
        "message_ids": [ids.message],
        "draft_id": ids.ready if method.__name__ == "close" else ids.draft,
        "draft_ids": [ids.accepted],
        "follow_up_id": ids.follow_up,
        "case_id": ids.case,
        "case_ids": [ids.case],
        "answer_id": ids.answer,
        "user_id": ids.user,
        "id_or_email": ids.user,
        "key_id": ids.key,
        "session_id": ids.session,
        "article_ids": [ids.article],
        "event_id": 0,
        "external_ids": [ids.external],
        "source": "helpdesk",
        "external_id": ids.external,
        "route": "POST /v1/messages",
        "key": ids.idempotency,
        "author": "customer",
        "version": 1,
        "status": "dismissed",
        "reason": "wrong",
        "body": {"text": "taken over"},
        "jobs": 7,
        "since": LONG_AGO,
        "before": FAR_OFF,
        "created_before": FAR_OFF,
        "act_by_before": FAR_OFF,
        "act_by": FAR_OFF,
        "at": AT,
        "now": FAR_OFF,
        "filters": QueueFilters() if method.__name__ == "queue" else None,
        "after": None,
        "action": "customer_erased",
        "length": 100,
        "limit": 100,
        "k": 100,
        "lock": False,
        "model": "newer@0" if method.__name__ == "without_vector" else MODEL,
        "vector": ONE_WAY,
        "vectors": -ONE_WAY[None],
        "stems": ["zanzibarquill"],
        "outcome": Outcome(csat=1),
        "cases": [Case(id=ids.case, external_id=ids.external, summary="taken over", problem="taken over")],
        "articles": [NewArticle(external_id=ids.external, title="taken over", text="taken over")],
        "remedies": [],
        "values": {"status": "resolved"} if method.__name__ == "change" else {"status": 500},
    }
    given: dict[str, Any] = {}
    for name, parameter in inspect.signature(method).parameters.items():
        if name == "self":
            continue
        if method.__qualname__ == "Cases.vectors" and name == "since":
            given[name] = -1
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            given.update(named[name])
        else:
            given[name] = named[name]  # a new name of a parameter? say above what to pass for it
    return given


async def furnish(store: Store, build: Any, organisation: Organisation, planted: Any) -> Ids:
    """Adds what `planted` has none of, and returns the ids of all."""
    owned = {"organisation_id": organisation.id, "created_at": AT}
    user = User(id=new_id("usr"), name="Bea", email="bea@example.com", role="agent", **owned)
    key = ApiKey(id=new_id("key"), role="ingest", secret_hash="0" * 64, **owned)
    signed_in = BrowserSession(
        id=new_id("ses"),
        organisation_id=organisation.id,
        user_id=user.id,
        kind="session",
        secret_hash="0" * 64,
        csrf="0",
        expires_at=AT,
    )
    article = Article(id=new_id("art"), external_id=SHARED, title="Returns", text="Within 30 days.", **owned)
    claimed = ConversationEvent(
        id=new_id("evt"),
        organisation_id=organisation.id,
        conversation_id=planted.conversation.id,
        type="claimed",
        actor=user.id,
        at=AT,
        data={"frustration": 4},
        source="helpdesk",
        external_id=SHARED,
    )
    of = {"conversation_id": planted.conversation.id, "message_id": planted.message.id, "conversation_version": 1}
    erased = {"action": "customer_erased", "subject": "cus_0"}
    due = Draft(id=new_id("drf"), attempt=2, **of, **owned)
    ready = Draft(id=new_id("drf"), attempt=3, status="ready", **of, **owned)
    snoozed = build.conversation(planted.customer, status="snoozed", snoozed_until=AT)
    waiting = build.conversation(planted.customer, act_by=AT)

    async def first(table: str, column: str = "id", **where: Any) -> str:
        columns = Table.metadata.tables[table].c
        conditions = [columns[name] == value for name, value in {"organisation_id": organisation.id, **where}.items()]
        async with store.read() as session:
            return str((await session.execute(select(columns[column]).where(*conditions))).scalars().first())

    async with store.write() as session:
        session.add_all([user, key])
        await session.flush()
        rows = [signed_in, article, claimed, due, ready, snoozed, waiting]
        rows += [Policy(id=new_id("pol"), version=1, remedies=[{"id": "refund", "label": "Refund"}], **owned)]
        rows += [AuditEvent(id=new_id("evt"), organisation_id=organisation.id, actor="system", at=AT, **erased)]
        rows += [Event(organisation_id=organisation.id, type="queue", subject={}, at=AT)]
        session.add_all(rows)
        for table in (Customer, Conversation, Message, CaseRecord):
            named = {Customer: planted.customer.id, Conversation: planted.conversation.id, Message: planted.message.id}
            mine = table.id == named[table] if table in named else table.organisation_id == organisation.id
            await session.execute(update(table).where(mine).values(external_id=SHARED))
        await Cases(session, organisation.id).put_vectors([await first("case_record")], ONE_WAY[None], MODEL)

    return Ids(
        conversation=planted.conversation.id,
        customer=planted.customer.id,
        message=planted.message.id,
        draft=due.id,
        follow_up=await first("follow_up"),
        case=await first("case_record"),
        answer=await first("idempotent_answer", route="POST /v1/messages"),
        user=user.id,
        key=key.id,
        session=signed_in.id,
        article=article.id,
        idempotency=await first("idempotent_answer", "key", route="POST /v1/messages"),
        ready=ready.id,
        accepted=await first("draft", status="accepted"),
        external=SHARED,
    )


async def rows_of(session: AsyncSession, organisation_id: str) -> dict[str, list[str]]:
    """Every row of an organisation, as text."""
    found = {}
    for table in Table.metadata.sorted_tables:
        if table.name != "organisation":
            mine = select(table).where(table.c.organisation_id == organisation_id).order_by(*table.primary_key)
            found[table.name] = [str(row) for row in await session.execute(mine)]
    return found


async def call(store: Store, organisation_id: str, method: tuple[type, str], ids: Ids, watched: str) -> Any:
    """What a method answers, and the rows of `watched` after it; nothing of it is kept."""
    repository, name = method
    async with store.read() as session:
        called = getattr(repository(session, organisation_id), name)
        result = called(**arguments(called, ids))
        try:
            answer = [part async for part in result] if inspect.isasyncgen(result) else await result
        except IntegrityError:
            await session.rollback()
            answer = "refused"
        await session.flush()
        session.expire_all()
        return str(answer), await rows_of(session, watched)


SAME_FOR_THE_OWNER = {"Cases.scrub": "merges the segments of the text index that all share"}
MAKES_ROWS = {"Cases.upsert", "Cases.put_vectors", "Articles.upsert", "Policies.add"}
"""They answer with what they made, or refuse: only what they leave of the other's rows is compared."""
ON_POSTGRES = {"Cases.nearest", "Cases.cosines"}
ON_SQLITE = {"Cases.version"}


async def test_another_organisation_finds_and_changes_nothing(
    store: Store, plant: Any, build: Any, two_organisations: tuple[Organisation, Organisation], subtests: Any
) -> None:
    owner, other = two_organisations
    planted = await plant(owner, "zanzibarquill", act_by=AT - timedelta(hours=1))
    ids = await furnish(store, build, owner, planted)
    async with store.read() as session:
        before = await rows_of(session, owner.id)

    for method in METHODS:
        name = f"{method[0].__name__}.{method[1]}"
        if name in (ON_POSTGRES if store.is_sqlite else ON_SQLITE):
            continue
        with subtests.test(name):
            answer, after = await call(store, other.id, method, ids, watched=owner.id)
            assert after == before
            if name not in MAKES_ROWS:
                of_nothing, _ = await call(store, other.id, method, Ids.of_nothing(), watched=owner.id)
                assert answer == of_nothing
            found = await call(store, owner.id, method, ids, watched=owner.id)
            if name not in SAME_FOR_THE_OWNER:
                assert found != (answer, before), "the owner finds nothing either, so this shows nothing"


def test_the_methods_were_found() -> None:
    assert len(METHODS) > 60
    assert {"Conversations", "Messages", "Drafts", "FollowUps", "People", "Cases"} <= {m[0].__name__ for m in METHODS}
