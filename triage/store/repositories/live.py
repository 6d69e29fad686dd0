"""What live pages replay, who did what, and answers kept for repeated requests."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from triage.ids import new_id
from triage.store.tables import AuditEvent, Event, IdempotentAnswer


class Events:
    def __init__(self, session: AsyncSession, organisation_id: str) -> None:
        self.session = session
        self.organisation_id = organisation_id

    def add(self, type: str, at: datetime, **subject: str) -> None:
        """Subject holds ids only."""
        self.session.add(Event(organisation_id=self.organisation_id, type=type, subject=subject, at=at))

    async def after(self, event_id: int, limit: int = 200) -> Sequence[Event]:
        return (
            await self.session.scalars(
                select(Event)
                .where(Event.organisation_id == self.organisation_id, Event.id > event_id)
                .order_by(Event.id)
                .limit(limit)
            )
        ).all()

    async def newest(self) -> int:
        newest = await self.session.scalar(
            select(func.max(Event.id)).where(Event.organisation_id == self.organisation_id)
        )
        return newest or 0

    async def forget(self, before: datetime) -> None:
        await self.session.execute(
            delete(Event).where(Event.organisation_id == self.organisation_id, Event.at < before)
        )


class Audit:
    def __init__(self, session: AsyncSession, organisation_id: str) -> None:
        self.session = session
        self.organisation_id = organisation_id

    def add(self, actor: str, action: str, subject: str, at: datetime) -> None:
        self.session.add(
            AuditEvent(
                id=new_id("evt"),
                organisation_id=self.organisation_id,
                actor=actor,
                action=action,
                subject=subject,
                at=at,
            )
        )

    async def has(self, action: str) -> bool:
        """Whether this was ever done in the organisation."""
        found = await self.session.scalar(
            select(AuditEvent.id)
            .where(AuditEvent.organisation_id == self.organisation_id, AuditEvent.action == action)
            .limit(1)
        )
        return found is not None


class IdempotentAnswers:
    def __init__(self, session: AsyncSession, organisation_id: str) -> None:
        self.session = session
        self.organisation_id = organisation_id

    async def get(self, route: str, key: str) -> IdempotentAnswer | None:
        return await self.session.scalar(
            select(IdempotentAnswer).where(
                IdempotentAnswer.organisation_id == self.organisation_id,
                IdempotentAnswer.route == route,
                IdempotentAnswer.key == key,
            )
        )

    def begin(self, route: str, key: str, fingerprint: str, now: datetime) -> IdempotentAnswer:
        answer = IdempotentAnswer(
            id=new_id("evt"),
            organisation_id=self.organisation_id,
            route=route,
            key=key,
            fingerprint=fingerprint,
            created_at=now,
        )
        self.session.add(answer)
        return answer

    async def finish(self, answer_id: str, **values: Any) -> None:
        await self.session.execute(
            update(IdempotentAnswer)
            .where(IdempotentAnswer.organisation_id == self.organisation_id, IdempotentAnswer.id == answer_id)
            .values(**values)
        )

    async def drop(self, answer_id: str) -> None:
        await self.session.execute(
            delete(IdempotentAnswer).where(
                IdempotentAnswer.organisation_id == self.organisation_id, IdempotentAnswer.id == answer_id
            )
        )

    async def forget(self, before: datetime) -> None:
        await self.session.execute(
            delete(IdempotentAnswer).where(
                IdempotentAnswer.organisation_id == self.organisation_id, IdempotentAnswer.created_at < before
            )
        )
