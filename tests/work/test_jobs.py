"""The job library for real: a job makes a message's draft, holds no words, and runs once."""

import asyncio
import sqlite3
from typing import Any

import pytest
from bodies import message

from triage.messages.ingest import ingest
from triage.messages.posted import PostedMessage
from triage.store.repositories.drafts import Drafts
from triage.work.jobs import Jobs

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
