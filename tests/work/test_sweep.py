"""What time brings about: each is found by looking, once, and only when it is due."""

from datetime import timedelta
from typing import Any

import pytest
from bodies import message

from triage.messages.ingest import ingest
from triage.messages.posted import PostedMessage
from triage.store.repositories.conversations import Conversations
from triage.store.repositories.drafts import Drafts, FollowUps
from triage.store.repositories.live import Events, IdempotentAnswers
from triage.work.sweep import DRAFT_WITHIN, MAX_JOBS, WARN_BEFORE, sweep, tidy


def nothing_waits(draft_ids: Any) -> set[str]:
    return set()


def starts_nothing(organisation_id: str, draft_id: str, number: int) -> None: ...


@pytest.fixture
async def posted(service: Any, organisation: Any) -> dict[str, Any]:
    done = await ingest(service, organisation.id, PostedMessage.model_validate(message()), "test")
    return done.answer


async def events(service: Any, organisation: Any) -> list[str]:
    async with service.store.read() as session:
        return [e.type for e in await Events(session, organisation.id).after(0)]


async def test_a_draft_overdue_gets_another_job_each_time_and_is_given_up_at_last(
    service: Any, organisation: Any, clock: Any, posted: Any
) -> None:
    started: list[tuple[str, int]] = []

    def start(organisation_id: str, draft_id: str, number: int) -> None:
        started.append((draft_id, number))

    await sweep(service, nothing_waits, start)
    assert started == []
    for _ in range(MAX_JOBS + 2):
        clock.now += DRAFT_WITHIN + timedelta(seconds=1)
        await sweep(service, nothing_waits, start)
    assert started == [(posted["draft_id"], n) for n in range(2, MAX_JOBS + 1)]
    async with service.store.read() as session:
        draft = await Drafts(session, organisation.id).get(posted["draft_id"])
    assert draft.status == "failed"
    assert (await events(service, organisation)).count("draft.failed") == 1


async def test_a_job_that_could_not_be_started_does_not_count(
    service: Any, organisation: Any, clock: Any, posted: Any
) -> None:
    """Killed again and again before the job is in its table, a process has not tried even once."""

    def killed(organisation_id: str, draft_id: str, number: int) -> None:
        assert number == 2
        raise ConnectionError

    clock.now += DRAFT_WITHIN + timedelta(seconds=1)
    for _ in range(MAX_JOBS + 1):
        with pytest.raises(ConnectionError):
            await sweep(service, nothing_waits, killed)
    async with service.store.read() as session:
        draft = await Drafts(session, organisation.id).get(posted["draft_id"])
    assert (draft.status, draft.jobs) == ("due", 1)


async def test_a_draft_whose_job_waits_its_turn_is_left_alone(service: Any, clock: Any, posted: Any) -> None:
    started: list[str] = []

    def start(organisation_id: str, draft_id: str, number: int) -> None:
        started.append(draft_id)

    clock.now += DRAFT_WITHIN + timedelta(seconds=1)
    await sweep(service, set, start)
    assert started == []
    clock.advance(hours=10)  # a long backlog is no reason to give up, nor to queue it again
    for _ in range(MAX_JOBS + 1):
        await sweep(service, set, start)
    assert started == []
    await sweep(service, nothing_waits, start)  # whoever ran it did not come back
    assert started == [posted["draft_id"]]


async def test_one_warning_before_a_place_is_overdue(service: Any, organisation: Any, clock: Any, posted: Any) -> None:
    async with service.store.read() as session:
        row = await Conversations(session, organisation.id).get(posted["conversation_id"])
    clock.now = row.act_by - WARN_BEFORE - timedelta(seconds=1)
    await sweep(service, nothing_waits, starts_nothing)
    assert "sla.at_risk" not in await events(service, organisation)
    clock.advance(seconds=2)
    await sweep(service, nothing_waits, starts_nothing)
    await sweep(service, nothing_waits, starts_nothing)
    assert (await events(service, organisation)).count("sla.at_risk") == 1


async def test_a_promise_falls_due_once(service: Any, organisation: Any, clock: Any, posted: Any) -> None:
    async with service.store.write() as session:
        FollowUps(session, organisation.id).add(
            conversation_id=posted["conversation_id"],
            draft_id=posted["draft_id"],
            promise="I will write tomorrow.",
            due_at=clock() + timedelta(days=1),
            created_at=clock(),
        )
    await sweep(service, nothing_waits, starts_nothing)
    assert "follow_up.due" not in await events(service, organisation)
    clock.advance(days=1)
    await sweep(service, nothing_waits, starts_nothing)
    await sweep(service, nothing_waits, starts_nothing)
    assert (await events(service, organisation)).count("follow_up.due") == 1


async def test_tidying_forgets_what_is_kept_for_a_while(
    service: Any, organisation: Any, clock: Any, posted: Any
) -> None:
    async with service.store.write() as session:
        IdempotentAnswers(session, organisation.id).begin("POST /x", "k", "f", clock())
    await tidy(service)
    assert await events(service, organisation)
    clock.advance(days=3)
    await tidy(service)
    assert await events(service, organisation) == []
    async with service.store.read() as session:
        assert await IdempotentAnswers(session, organisation.id).get("POST /x", "k") is None
