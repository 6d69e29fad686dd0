"""Loading goes the way of a real helpdesk, once, and leaves a queue worth working."""

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from serving import DirectEmbedder, DirectScorer
from sqlalchemy import func, select

from triage.cases.search import CaseSearch
from triage.cases.values import Case
from triage.config import Settings
from triage.demo import arrive, load, remove
from triage.demo import company as demo
from triage.demo.company import Happened, Resolved, Wrote
from triage.errors import Conflict
from triage.recovery.compose import Composer
from triage.recovery.drafting import make_draft
from triage.service import Service
from triage.store.engine import Store
from triage.store.repositories.cases import Cases
from triage.store.repositories.conversations import Conversations, QueueFilters
from triage.store.tables import (
    Article,
    AuditEvent,
    CaseRecord,
    Conversation,
    ConversationEvent,
    Customer,
    Draft,
    Embedding,
    FollowUp,
    Message,
    Organisation,
    Policy,
    Score,
    Table,
    User,
)

FIRST = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
"""Where the set clock stands at first."""
COUNTED: tuple[type[Table], ...] = (
    Article, CaseRecord, Conversation, ConversationEvent, Customer, Draft, Embedding, FollowUp, Message, Organisation,
    Policy, Score, User,
)  # fmt: skip


def served(store: Store, settings: Settings, clock: Any) -> Service:
    embedder = DirectEmbedder()
    return Service(
        settings, store, DirectScorer(), embedder, CaseSearch(embedder.name), {"composer": Composer()}, clock=clock
    )


@pytest.fixture(scope="module")
def loaded_file(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the demo loaded at the set clock's first time: loading takes seconds, copying none."""
    settings = Settings(data=tmp_path_factory.mktemp("loaded"))
    file = settings.data / "amends.db"
    shutil.copyfile(migrated_file, file)

    async def fill() -> None:
        store = Store(settings)
        await load(served(store, settings, lambda: FIRST))
        async with store.engine.connect() as connection:
            await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        await store.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, fill()).result()
    return file


@pytest.fixture
async def loaded(settings: Settings, loaded_file: Path, clock: Any) -> AsyncIterator[Service]:
    """A service on a copy of the loaded file."""
    shutil.copyfile(loaded_file, settings.data / "amends.db")
    store = Store(settings)
    yield served(store, settings, clock)
    await store.close()


async def organisation_id_of(service: Service) -> str:
    async with service.store.read() as session:
        return (await session.scalars(select(Organisation.id))).one()


async def counts(store: Store) -> dict[str, int]:
    async with store.read() as session:
        return {t.__tablename__: await session.scalar(select(func.count()).select_from(t)) or 0 for t in COUNTED}


def endings(now: datetime) -> list[Resolved | Happened]:
    """What an agent resolved, and what the helpdesk called solved."""
    history = demo.history(now)
    return [d for d in history if isinstance(d, Resolved) or (isinstance(d, Happened) and d.event.type == "solved")]


async def waited(pauses: list[float], clock: Any, seconds: float) -> None:
    pauses.append(seconds)
    clock.advance(seconds=seconds)


async def test_loading_twice_changes_nothing(service: Service, store: Store, clock: Any) -> None:
    organisation_id = await load(service)
    once = await counts(store)
    clock.advance(hours=5)
    assert await load(service) == organisation_id
    assert await counts(store) == once
    resolved = len(endings(FIRST))
    assert once["case_record"] == once["embedding"] == len(demo.rows("cases.jsonl")) + resolved
    assert once["conversation"] == len(demo.rows("conversations.jsonl"))
    assert once["message"] == sum(len(row["messages"]) for row in demo.rows("conversations.jsonl"))
    assert once["article"] == len(demo.rows("articles.jsonl"))
    assert (once["organisation"], once["policy"], once["user"]) == (1, 1, 5)


@pytest.mark.parametrize("store_settings", ["sqlite"], indirect=True)
async def test_a_load_cut_short_is_taken_up_again(
    service: Service, store: Store, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Days later the same words are loaded, as dates count from the first try."""
    whole = demo.history

    def until_it_breaks(now: Any) -> list[Any]:
        return [*whole(now)[:100], "not a thing that happens"]

    with monkeypatch.context() as patch:
        patch.setattr(demo, "history", until_it_breaks)
        with pytest.raises(AttributeError):
            await load(service)
    clock.advance(days=3)
    await load(service)
    now = await counts(store)
    assert now["message"] == sum(len(row["messages"]) for row in demo.rows("conversations.jsonl"))
    async with store.read() as session:
        events = (await session.scalars(select(ConversationEvent.external_id))).all()
    assert len([e for e in events if e]) == len({e for e in events if e})


async def test_the_demo_is_marked_and_another_organisation_is_left_alone(loaded: Service, clock: Any) -> None:
    store, organisation_id = loaded.store, await organisation_id_of(loaded)
    async with store.read() as session:
        found = await session.get_one(Organisation, organisation_id)
    assert found.demo
    assert found.brand["sign_off"] == demo.company().brand["sign_off"]


@pytest.mark.parametrize("store_settings", ["sqlite"], indirect=True)
async def test_a_company_of_that_name_that_is_no_demo_is_refused(service: Service, store: Store, clock: Any) -> None:
    async with store.write() as session:
        session.add(Organisation(id="org_real", name=demo.company().name, demo=False, brand={}, created_at=clock()))
    with pytest.raises(Conflict):
        await load(service)
    assert (await counts(store))["message"] == 0


async def test_the_queue_has_something_of_everything(loaded: Service, clock: Any) -> None:
    store, organisation_id = loaded.store, await organisation_id_of(loaded)
    async with store.read() as session:
        conversations = (await session.scalars(select(Conversation))).all()
        queue = await Conversations(session, organisation_id).queue(QueueFilters(), limit=200)
        drafts = Counter(await session.scalars(select(Draft.status)))
        machines = {
            m.external_id: m.machine for m in await session.scalars(select(Message).where(Message.machine.is_not(None)))
        }
        scored = set(await session.scalars(select(Message.author).join(Score, Score.message_id == Message.id)))
    statuses = Counter(c.status for c in conversations)
    assert statuses["open"] >= 25
    assert statuses["resolved"] >= 12
    assert statuses["answered"] >= 3
    assert statuses["snoozed"] == 1
    assert len(queue) == statuses["open"]
    assert drafts["due"] >= 25
    assert drafts["accepted"] >= 10
    assert drafts["dismissed"] >= 3
    assert set(drafts) <= {"due", "stale", "accepted", "dismissed", "none"}
    assert {"demo-2010-1", "demo-2059-1"} <= set(machines)
    assert scored == {"customer"}
    assert all(c.owner_id for c in conversations if c.external_id == "demo-2005")


async def test_promises_were_made_kept_and_broken(loaded: Service, clock: Any) -> None:
    """Those that the files call broken are overdue; the others were kept on their day, or are still to come."""
    async with loaded.store.read() as session:
        follow_ups = (await session.scalars(select(FollowUp))).all()
        named = dict((await session.execute(select(Conversation.id, Conversation.external_id))).all())
    overdue = {named[f.conversation_id] for f in follow_ups if f.done_at is None and f.due_at < clock()}
    broken = {d.message.conversation.external_id for d in demo.history(clock()) if isinstance(d, Wrote) and not d.kept}
    assert overdue
    assert overdue <= broken
    assert any(f.done_at == f.due_at and f.done_by for f in follow_ups)
    assert any(f.done_at is None and f.due_at > clock() for f in follow_ups)


async def test_what_agents_or_the_helpdesk_resolved_became_cases(loaded: Service, clock: Any) -> None:
    async with loaded.store.read() as session:
        found = (await session.scalars(select(CaseRecord).where(CaseRecord.conversation_id.is_not(None)))).all()
    ended = endings(clock())
    assert Counter(c.remedy for c in found) == Counter(
        d.ending.remedy if isinstance(d, Resolved) else None for d in ended
    )
    assert {c.resolved_at for c in found} == {d.at for d in ended}


async def test_history_has_its_own_times(loaded: Service, clock: Any) -> None:
    store = loaded.store
    async with store.read() as session:
        messages = (await session.scalars(select(Message))).all()
        drafts = (await session.scalars(select(Draft).where(Draft.status == "due"))).all()
    assert all(m.received_at == m.sent_at for m in messages)
    assert min(m.sent_at for m in messages) < clock() - timedelta(days=20)
    assert max(m.sent_at for m in messages) < clock()
    assert {d.created_at for d in drafts} == {clock()}


async def test_cases_are_found_with_their_outcomes(loaded: Service, clock: Any) -> None:
    store, organisation_id = loaded.store, await organisation_id_of(loaded)
    told = {case.external_id: case for case in demo.cases(clock())}
    async with store.read() as session:
        stored = await Cases(session, organisation_id).by_external_id(list(filter(None, told)))
    assert {k: what(case) for k, case in stored.items()} == {k: what(case) for k, case in told.items()}


def what(case: Case) -> tuple[Any, ...]:
    return case.problem, case.remedy, case.cost, case.outcome, case.resolved_at


async def test_more_arrives_while_somebody_watches(loaded: Service, clock: Any) -> None:
    store = loaded.store
    before, pauses = await counts(store), list[float]()
    await arrive(loaded, lambda seconds: waited(pauses, clock, seconds))
    after = await counts(store)
    assert after["message"] - before["message"] == len(pauses) == len(demo.rows("arriving.jsonl"))
    assert all(20 <= pause <= 40 for pause in pauses)
    assert 0 < after["conversation"] - before["conversation"] < len(pauses)
    await arrive(loaded, lambda seconds: waited(pauses, clock, seconds))
    assert await counts(store) == after


async def test_drafts_of_the_load_are_made_before_anything_arrives(loaded: Service, clock: Any) -> None:
    store, organisation_id = loaded.store, await organisation_id_of(loaded)
    asked: list[str] = []
    loaded.enqueue_draft = lambda organisation, draft, number: asked.append(draft)
    async with store.read() as session:
        due = set(await session.scalars(select(Draft.id).where(Draft.status == "due")))

    async def nothing_yet(seconds: float) -> None:
        assert set(asked) == due
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await arrive(loaded, nothing_yet)
    for draft_id in asked:
        await make_draft(loaded, organisation_id, draft_id)
    async with store.read() as session:
        made = Counter(await session.scalars(select(Draft.status).where(Draft.id.in_(due))))
    assert made["ready"] + made["none"] == len(due)
    assert made["ready"] >= 0.8 * len(due)


async def test_an_arrival_that_was_interrupted_goes_on(loaded: Service, clock: Any) -> None:
    store = loaded.store
    pauses: list[float] = []

    async def until_the_third(seconds: float) -> None:
        if len(pauses) == 3:
            raise KeyboardInterrupt
        await waited(pauses, clock, seconds)

    with pytest.raises(KeyboardInterrupt):
        await arrive(loaded, until_the_third)
    here = (await counts(store))["message"]
    clock.advance(hours=9)
    await arrive(loaded, lambda seconds: waited(pauses, clock, seconds))
    assert (await counts(store))["message"] - here == len(demo.rows("arriving.jsonl")) - 3


@pytest.mark.parametrize("store_settings", ["sqlite"], indirect=True)
async def test_nothing_arrives_without_a_demo(service: Service, store: Store) -> None:
    await arrive(service, lambda seconds: pytest.fail("nothing to wait for"))
    assert (await counts(store))["message"] == 0
    async with store.read() as session:
        assert (await session.scalars(select(AuditEvent))).all() == []


async def test_a_removed_demo_leaves_nothing_and_others_everything(
    service: Service, store: Store, organisation: Organisation, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = demo.history

    def recent(now: datetime) -> list[Wrote]:
        return [
            done
            for done in whole(now)
            if isinstance(done, Wrote) and done.message.author == "customer" and now - done.at < timedelta(days=1)
        ]

    monkeypatch.setattr(demo, "history", recent)
    empty = await counts(store)
    await load(service)
    assert (await counts(store))["message"] == len(recent(clock()))
    await remove(service)
    assert await counts(store) == empty
    clock.advance(days=30)
    organisation_id = await load(service)
    async with store.read() as session:
        newest = await session.scalar(select(func.max(Message.sent_at)))
        found = await Cases(session, organisation_id).lexical(["mattress"], 5)
    assert newest
    assert clock() - newest < timedelta(hours=1)
    assert found


async def test_removing_spares_a_company_of_that_name_that_is_no_demo(
    service: Service, store: Store, clock: Any
) -> None:
    async with store.write() as session:
        session.add(Organisation(id="org_real", name=demo.company().name, demo=False, brand={}, created_at=clock()))
    await remove(service)
    assert (await counts(store))["organisation"] == 1
