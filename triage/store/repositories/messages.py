"""Messages and their scores."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from triage.ids import new_id
from triage.scoring.values import FRUSTRATION_LEVELS, URGENCY_LEVELS, Ordinal, Score, Signal
from triage.store.repositories import by_external_id, owns
from triage.store.tables import Message
from triage.store.tables import Score as ScoreRow


class Messages:
    def __init__(self, session: AsyncSession, organisation_id: str) -> None:
        self.session = session
        self.organisation_id = organisation_id

    async def get(self, message_id: str) -> Message | None:
        return await self.session.scalar(
            select(Message).where(Message.organisation_id == self.organisation_id, Message.id == message_id)
        )

    async def by_external_id(self, source: str, external_id: str) -> Message | None:
        return await by_external_id(self.session, Message, self.organisation_id, source, external_id)

    async def of_conversation(self, conversation_id: str) -> Sequence[Message]:
        return (
            await self.session.scalars(
                select(Message)
                .where(Message.organisation_id == self.organisation_id, Message.conversation_id == conversation_id)
                .order_by(Message.sent_at, Message.id)
            )
        ).all()

    async def openings(self, message_ids: Sequence[str], length: int) -> dict[str, str]:
        """The first `length` characters of each message, by id."""
        rows = await self.session.execute(
            select(Message.id, func.substr(Message.text, 1, length)).where(
                owns(Message.organisation_id, self.organisation_id), Message.id.in_(message_ids)
            )
        )
        return {message_id: text for message_id, text in rows}

    def add(self, **fields: Any) -> Message:
        message = Message(id=new_id("msg"), organisation_id=self.organisation_id, **fields)
        self.session.add(message)
        return message

    def add_score(self, message_id: str, score: Score, at: datetime) -> None:
        self.session.add(
            ScoreRow(
                id=new_id("scr"),
                organisation_id=self.organisation_id,
                message_id=message_id,
                model=score.model,
                language=score.language,
                frustration=list(score.frustration.probabilities),
                urgency=list(score.urgency.probabilities),
                failure=score.failure,
                signals=[
                    {"name": s.name, "start": s.start, "end": s.end, "at": s.at.isoformat() if s.at else None}
                    for s in score.signals
                ],
                abstain_reasons=list(score.abstain_reasons),
                created_at=at,
            )
        )

    async def first_score(self, message_id: str) -> Score | None:
        """The score given on arrival."""
        row = await self.session.scalar(
            select(ScoreRow)
            .where(ScoreRow.organisation_id == self.organisation_id, ScoreRow.message_id == message_id)
            .order_by(ScoreRow.created_at, ScoreRow.id)
            .limit(1)
        )
        return to_score(row) if row else None

    async def scores(self, message_ids: Sequence[str]) -> dict[str, Score]:
        """The newest score of each message."""
        rows = await self.session.scalars(
            select(ScoreRow)
            .where(ScoreRow.organisation_id == self.organisation_id, ScoreRow.message_id.in_(message_ids))
            .order_by(ScoreRow.created_at, ScoreRow.id)
        )
        return {row.message_id: to_score(row) for row in rows}


def to_score(row: ScoreRow) -> Score:
    """The stored score as a value; evidence is not stored."""
    return Score(
        language=row.language,
        frustration=Ordinal(tuple(row.frustration), FRUSTRATION_LEVELS),
        urgency=Ordinal(tuple(row.urgency), URGENCY_LEVELS),
        failure=row.failure,
        model=row.model,
        signals=tuple(
            Signal(s["name"], s["start"], s["end"], datetime.fromisoformat(s["at"]) if s["at"] else None)
            for s in row.signals
        ),
        abstain_reasons=tuple(row.abstain_reasons),
    )
