"""Messages and their scores."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from triage.ids import new_id
from triage.store.tables import Message, Score


class Messages:
    def __init__(self, session: AsyncSession, organisation_id: str) -> None:
        self.session = session
        self.organisation_id = organisation_id

    async def get(self, message_id: str) -> Message | None:
        return await self.session.scalar(
            select(Message).where(Message.organisation_id == self.organisation_id, Message.id == message_id)
        )

    async def by_external_id(self, source: str, external_id: str) -> Message | None:
        return await self.session.scalar(
            select(Message).where(
                Message.organisation_id == self.organisation_id,
                Message.source == source,
                Message.external_id == external_id,
            )
        )

    async def of_conversation(self, conversation_id: str) -> Sequence[Message]:
        return (
            await self.session.scalars(
                select(Message)
                .where(Message.organisation_id == self.organisation_id, Message.conversation_id == conversation_id)
                .order_by(Message.sent_at, Message.id)
            )
        ).all()

    def add(self, **fields: Any) -> Message:
        message = Message(id=new_id("msg"), organisation_id=self.organisation_id, **fields)
        self.session.add(message)
        return message

    def add_score(self, **fields: Any) -> Score:
        score = Score(id=new_id("scr"), organisation_id=self.organisation_id, **fields)
        self.session.add(score)
        return score

    async def first_score(self, message_id: str) -> Score | None:
        """The score given on arrival."""
        return await self.session.scalar(
            select(Score)
            .where(Score.organisation_id == self.organisation_id, Score.message_id == message_id)
            .order_by(Score.created_at, Score.id)
            .limit(1)
        )

    async def scores(self, message_ids: Sequence[str]) -> dict[str, Score]:
        """The newest score of each message."""
        rows = await self.session.scalars(
            select(Score)
            .where(Score.organisation_id == self.organisation_id, Score.message_id.in_(message_ids))
            .order_by(Score.created_at, Score.id)
        )
        return {s.message_id: s for s in rows}
