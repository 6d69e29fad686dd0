"""Pieces of writing that wait together share a transaction, and are still each all or nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import select

from triage.errors import Conflict
from triage.store.engine import Store, WriteSession
from triage.store.repositories.conversations import Conversations
from triage.store.shared import MOST, SharedWrites
from triage.store.tables import Customer, Organisation

Work = Callable[[WriteSession], Awaitable[str]]


class Counted:
    """A store's `write` that counts transactions."""

    def __init__(self, store: Store) -> None:
        self.store, self.count = store, 0

    @asynccontextmanager
    async def write(self) -> AsyncIterator[WriteSession]:
        self.count += 1
        async with self.store.write() as session:
            yield session


@pytest.fixture
def counted(store: Store) -> Counted:
    return Counted(store)


@pytest.fixture
def shared(counted: Counted) -> SharedWrites:
    return SharedWrites(counted.write)


@pytest.fixture
def add(organisation: Organisation) -> Callable[[str], Work]:
    def named(name: str) -> Work:
        async def work(session: WriteSession) -> str:
            Conversations(session, organisation.id).add_customer(
                source="s", external_id=name, tier="standard", created_at=organisation.created_at
            )
            return name

        return work

    return named


async def names(store: Store) -> list[str]:
    async with store.read() as session:
        return sorted(await session.scalars(select(Customer.external_id)))


async def test_what_waits_together_is_one_transaction(shared, counted, add, store) -> None:
    wanted = [f"{i:02}" for i in range(MOST)]
    assert await asyncio.gather(*(shared.run(frozenset({n}), add(n)) for n in wanted)) == wanted
    assert await names(store) == wanted
    assert counted.count == 1


async def test_no_transaction_grows_without_end(shared, counted, add, store) -> None:
    wanted = [f"{i:03}" for i in range(2 * MOST + 1)]
    await asyncio.gather(*(shared.run(frozenset({n}), add(n)) for n in wanted))
    assert await names(store) == wanted
    assert counted.count == 3


async def test_one_that_fails_costs_the_others_nothing(shared, add, store) -> None:
    async def refuse(session: WriteSession) -> str:
        await add("half")(session)
        raise Conflict("no")

    pieces = [shared.run(frozenset({i}), work) for i, work in enumerate((add("a"), refuse, add("b")))]
    first, failed, last = await asyncio.gather(*pieces, return_exceptions=True)
    assert (first, last) == ("a", "b")
    assert isinstance(failed, Conflict)
    assert await names(store) == ["a", "b"]


async def test_a_row_that_the_database_refuses_costs_the_others_nothing(shared, add, store) -> None:
    pieces = [shared.run(frozenset({i}), add(name)) for i, name in enumerate(("a", "twice", "twice", "b"))]
    found = await asyncio.gather(*pieces, return_exceptions=True)
    assert [f for f in found if isinstance(f, str)] == ["a", "twice", "b"]
    assert await names(store) == ["a", "b", "twice"]


async def test_each_sees_what_was_written_before_it_about_the_same_thing(shared, counted, add, store) -> None:
    async def look(session: WriteSession) -> str:
        return ",".join(sorted(await session.scalars(select(Customer.external_id))))

    run = [shared.run(frozenset({"x", i}), work) for i, work in enumerate((add("a"), look, add("b"), look))]
    assert await asyncio.gather(*run) == ["a", "a", "b", "a,b"]
    assert counted.count == 4


async def test_a_caller_who_gives_up_while_waiting_writes_nothing(shared, add, store) -> None:
    first = asyncio.create_task(shared.run(frozenset({"x"}), add("a")))
    second = asyncio.create_task(shared.run(frozenset({"x"}), add("b")))
    await asyncio.sleep(0)
    second.cancel()
    assert await first == "a"
    with pytest.raises(asyncio.CancelledError):
        await second
    assert await names(store) == ["a"]


async def test_it_goes_on_after_a_pause(shared, counted, add, store) -> None:
    for name in ("a", "b"):
        await shared.run(frozenset({name}), add(name))
    assert await names(store) == ["a", "b"]
    assert counted.count == 2
