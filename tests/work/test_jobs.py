"""The job library for real: a job makes a message's draft, holds no words, and runs once."""

import asyncio
import sqlite3
import threading
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from bodies import message
from dbos import DBOS

from triage.messages.ingest import ingest
from triage.messages.posted import PostedMessage
from triage.recovery.compose import Composer
from triage.store.repositories.drafts import Drafts
from triage.work.jobs import CONCURRENT_DRAFTS, STRANDED, Jobs

SECRET = "zanzibar-kettle-4711"
pytestmark = [
    pytest.mark.filterwarnings("default"),  # the library's own, at import and launch
    pytest.mark.parametrize("store_settings", ["sqlite"], indirect=True),
]


async def made(service: Any, organisation_id: str, draft_id: str) -> str:
    for _ in range(300):
        async with service.store.read() as session:
            draft = await Drafts(session, organisation_id).get(draft_id)
        if draft.status != "due":
            return draft.status
        await asyncio.sleep(0.1)
    return "due"


async def test_a_job_makes_the_draft_and_keeps_no_words(service: Any, organisation: Any) -> None:
    jobs = Jobs(service)
    await jobs.start()
    try:
        text = f"My {SECRET} is late again, where is it?"
        done = await ingest(service, organisation.id, PostedMessage.model_validate(message(text=text)), "test")
        assert await made(service, organisation.id, done.answer["draft_id"]) == "ready"
        jobs.enqueue_draft(organisation.id, done.answer["draft_id"], 1)
    finally:
        await jobs.stop()
    file = service.settings.data / "work.db"
    with sqlite3.connect(file) as work:
        rows = work.execute("select workflow_uuid, status from workflow_status where name = 'draft'").fetchall()
    assert rows == [(f"draft:{done.answer['draft_id']}:1", "SUCCESS")]
    held = b"".join(path.read_bytes() for path in file.parent.glob("work.db*"))
    assert SECRET.encode() not in held
    assert file.stat().st_mode & 0o777 == 0o600


class HeldComposer(Composer):
    """Begins to write when asked, and goes on when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = Event(), Event()

    def draft(self, situation: Any) -> Any:
        self.begun.set()
        assert self.go_on.wait(30)
        return super().draft(situation)


async def test_jobs_that_wait_their_turn_count_however_long_and_running_ones_until_they_must_be_stranded(
    service: Any, organisation: Any
) -> None:
    composer = service.drafters["composer"] = HeldComposer()
    jobs = Jobs(service)
    await jobs.start()
    try:
        due = set()
        for number in range(CONCURRENT_DRAFTS + 2):
            done = await ingest(service, organisation.id, PostedMessage.model_validate(message(number)), "test")
            due.add(done.answer["draft_id"])
        assert await asyncio.to_thread(composer.begun.wait, 30)
        while await asyncio.to_thread(jobs.waiting, [*due, "drf_other"]) != due:  # enqueued beside the event loop
            await asyncio.sleep(0.05)
        with sqlite3.connect(service.settings.data / "work.db") as work:
            long_ago = STRANDED / timedelta(milliseconds=1) + 1000
            work.execute("update workflow_status set started_at_epoch_ms = started_at_epoch_ms - ?", [long_ago])
        left = await asyncio.to_thread(jobs.waiting, [*due])
        assert 2 <= len(left) < len(due)
    finally:
        composer.go_on.set()
        for draft_id in due:
            assert await made(service, organisation.id, draft_id) == "ready"
        await jobs.stop()


async def test_the_sweep_runs_while_a_draft_is_being_written(service: Any, organisation: Any, clock: Any) -> None:
    """It asks the library about running jobs from inside a job; that must be no step of it."""
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Composer):
        def draft(self, situation: Any) -> Any:
            begun.set()
            go_on.wait(20)
            return super().draft(situation)

    service.drafters["composer"] = Slow()
    jobs = Jobs(service)
    await jobs.start()
    try:
        done = await ingest(service, organisation.id, PostedMessage.model_validate(message()), "test")
        assert await asyncio.to_thread(begun.wait, 20)
        clock.advance(minutes=1)  # the draft is overdue now
        swept = await asyncio.to_thread(DBOS.start_workflow, jobs._sweep, clock(), None)
        await asyncio.to_thread(swept.get_result)
        go_on.set()
        assert await made(service, organisation.id, done.answer["draft_id"]) == "ready"
    finally:
        go_on.set()
        await jobs.stop()


async def test_what_waits_for_a_calm_moment_counts_as_waiting(service: Any, organisation: Any) -> None:
    """Else the sweep would start job after job for it, and give it up."""
    jobs = Jobs(service)
    await jobs.start()
    try:
        with service.traffic.one():
            service.enqueue_draft(organisation.id, "drf_held", 1)
            assert await asyncio.to_thread(jobs.waiting, ["drf_held", "drf_other"]) == {"drf_held"}
    finally:
        await jobs.stop()
