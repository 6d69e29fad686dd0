"""Writes that wait together share one transaction: its lock, its inserts and its commit are paid once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextlib import AbstractAsyncContextManager
from contextvars import Context
from dataclasses import dataclass
from typing import Any, TypeVar

from triage.store.engine import WriteSession, write_out

T = TypeVar("T")
MOST = 32
"""Writes a transaction: others want the lock, too."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    touches: frozenset[Hashable]
    work: Callable[[WriteSession], Awaitable[Any]]
    done: asyncio.Future[Any]


class SharedWrites:
    """Runs small pieces of writing, each wholly or not at all, as many in a transaction as are waiting.

    shared = SharedWrites(store.write)
    await shared.run(frozenset({"customer 7"}), work)    # work(session); work commits nothing itself

    Pieces that touch the same thing run in the order they came, never in the same transaction, so that each finds what
    the one before it wrote. One that fails takes the transaction down: then each of it is run again, alone.
    """

    def __init__(self, write: Callable[[], AbstractAsyncContextManager[WriteSession]]) -> None:
        self._write = write
        self._waiting: list[_Waiting] = []
        self._draining: asyncio.Task[None] | None = None

    async def run(self, touches: frozenset[Hashable], work: Callable[[WriteSession], Awaitable[T]]) -> T:
        """Returns what `work` returns, once that is committed; raises what it raises."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(touches, work, done))
        if self._draining is None or self._draining.done():
            # In a context of its own: it outlives this caller.
            self._draining = asyncio.create_task(self._drain(), context=Context())
        return await done

    async def _drain(self) -> None:
        while group := self._take():
            await self._commit(group)

    def _take(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        rest: list[_Waiting] = []
        touched: set[Hashable] = set()
        for piece in self._waiting:
            if piece.done.cancelled():
                continue
            free = len(group) < MOST and touched.isdisjoint(piece.touches)
            (group if free else rest).append(piece)
            touched |= piece.touches
        self._waiting = rest
        return group

    async def _commit(self, group: list[_Waiting]) -> None:
        try:
            async with self._write() as session:
                results = []
                for piece in group:
                    results.append(await piece.work(session))
                    await asyncio.sleep(0)  # on SQLite nothing else here lets other requests go on
                await write_out(session)
        except Exception as error:
            if len(group) > 1:
                for piece in group:
                    await self._commit([piece])
            elif not group[0].done.cancelled():
                group[0].done.set_exception(error)
        except BaseException:  # the process ends
            for piece in group:
                piece.done.cancel()
            raise
        else:
            for piece, result in zip(group, results, strict=True):
                if not piece.done.cancelled():
                    piece.done.set_result(result)
