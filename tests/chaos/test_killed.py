"""Killed with -9 at random under load and started again: nothing that was answered is lost, nothing is doubled.

Bounded: thirty kills, some minutes. Only processes started here are killed, by their ids.
"""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx2
import pytest
from bodies import message
from sqlalchemy import func, select

from triage.config import Settings
from triage.store.engine import Store
from triage.store.tables import Draft, Message, Score

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1500)]
KILLS = 30
CLIENTS = 4
TEXTS = (
    "My parcel is late again, this is the third time I write to you!",
    "The kettle that arrived this morning is broken, I want my money back.",
    "How do I change my delivery address?",
    "I was charged twice for order {n}, please refund me.",
)


class Process:
    """`amends serve` with a worker id of its own; can be killed and started again."""

    def __init__(self, settings: dict[str, str], worker: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.env = os.environ | settings | {"AMENDS_PORT": str(self.port), "AMENDS_WORKER_ID": worker}
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        self.running = subprocess.Popen([sys.executable, "-P", "-m", "triage.cli", "serve"], env=self.env)

    def kill(self) -> None:
        self.running.send_signal(signal.SIGKILL)
        self.running.wait()

    def stop(self) -> None:
        self.running.terminate()
        self.running.wait(30)


class Load:
    """Clients that post until told to stop; each remembers what was answered with 2xx."""

    def __init__(self, processes: list[Process], key: str) -> None:
        self.processes, self.key = processes, key
        self.answered: dict[str, str] = {}
        self.stopping = asyncio.Event()
        self.number = 0

    async def run(self) -> None:
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {self.key}"}, timeout=10) as client:
            await asyncio.gather(*(self._post(client, i) for i in range(CLIENTS)))

    async def _post(self, client: httpx2.AsyncClient, i: int) -> None:
        while not self.stopping.is_set():
            self.number += 1
            body = message(self.number, TEXTS[self.number % len(TEXTS)].format(n=self.number))
            while not self.stopping.is_set():  # as a helpdesk does: the same message until it is answered
                url = random.choice(self.processes).url
                try:
                    answer = await client.post(f"{url}/v1/messages", json=body)
                except httpx2.HTTPError:
                    await asyncio.sleep(0.1)
                    continue
                assert answer.status_code in (200, 201), answer.text
                self.answered[body["external_id"]] = answer.json()["id"]
                break
            await asyncio.sleep(0.02)


async def ready(process: Process, within: float = 60) -> None:
    deadline = time.monotonic() + within
    async with httpx2.AsyncClient() as client:
        while time.monotonic() < deadline:
            try:
                if (await client.get(f"{process.url}/readyz")).status_code == 200:
                    return
            except httpx2.HTTPError:
                assert process.running.poll() is None, "the process ended by itself"
                await asyncio.sleep(0.1)
    raise AssertionError("not ready in time")


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
@pytest.mark.parametrize("processes", [1, 2])
async def test_nothing_answered_is_lost_and_nothing_is_doubled(
    tmp_path: Path, request: pytest.FixtureRequest, processes: int, database: str
) -> None:
    env = {"AMENDS_DATA": str(tmp_path / "chaos"), "AMENDS_LOG_LEVEL": "ERROR"}
    if database == "postgres":
        env["AMENDS_DATABASE_URL"] = request.getfixturevalue("postgres_settings").database_url
    create = ["keys", "create", "--role", "ingest", "-o", "Chaos", "--create-organisation"]
    made = subprocess.run(
        [sys.executable, "-P", "-m", "triage.cli", *create],
        env=os.environ | env,
        check=True,
        capture_output=True,
        text=True,
    )
    chance = random.Random(processes)
    every = [Process(env, f"worker-{i}") for i in range(processes)]
    for process in every:
        await ready(process)
    load = Load(every, made.stdout.strip())
    running = asyncio.create_task(load.run())
    try:
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0.2, 2.0))
            process = chance.choice(every)
            process.kill()
            process.start()
            await ready(process)
        await asyncio.sleep(1)
        load.stopping.set()
        await running
        await drafted(env)
    finally:
        load.stopping.set()
        for process in every:
            process.stop()
    await check(env, load.answered)


async def drafted(env: dict[str, str], within: float = 300) -> None:
    """Waits until no draft is due any more."""
    store = Store(Settings(data=Path(env["AMENDS_DATA"]), database_url=env.get("AMENDS_DATABASE_URL", "")))
    deadline = time.monotonic() + within
    try:
        while time.monotonic() < deadline:
            async with store.read() as session:
                if not await session.scalar(select(func.count()).select_from(Draft).where(Draft.status == "due")):
                    return
            await asyncio.sleep(1)
    finally:
        await store.close()
    raise AssertionError("drafts are still due")


async def check(env: dict[str, str], answered: dict[str, str]) -> None:
    store = Store(Settings(data=Path(env["AMENDS_DATA"]), database_url=env.get("AMENDS_DATABASE_URL", "")))
    try:
        async with store.read() as session:
            messages = {name: id for name, id in await session.execute(select(Message.external_id, Message.id))}
            rows = await session.scalar(select(func.count()).select_from(Message))
            scores = Counter((await session.scalars(select(Score.message_id))).all())
            drafts = (await session.execute(select(Draft.message_id, Draft.attempt, Draft.status))).all()
    finally:
        await store.close()
    assert len(answered) > 50
    assert {name: messages.get(name) for name in answered} == answered
    assert rows == len(messages)
    assert set(scores) == set(messages.values())
    assert set(scores.values()) == {1}
    assert Counter(d.message_id for d in drafts) == Counter(messages.values())
    assert Counter(d.status for d in drafts).keys() <= {"ready", "none"}
