"""Drafts, what agents made of them, and what was promised in them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from triage.ids import new_id
from triage.store.tables import Draft, DraftEdit, FollowUp

OPEN = ("due", "ready")


class Drafts:
    def __init__(self, session: AsyncSession, organisation_id: str) -> None:
        self.session = session
        self.organisation_id = organisation_id

    async def get(self, draft_id: str) -> Draft | None:
        return await self.session.scalar(
            select(Draft).where(Draft.organisation_id == self.organisation_id, Draft.id == draft_id)
        )

    async def of_conversation(self, conversation_id: str) -> Sequence[Draft]:
        """Newest first."""
        return (
            await self.session.scalars(
                select(Draft)
                .where(Draft.organisation_id == self.organisation_id, Draft.conversation_id == conversation_id)
                .order_by(Draft.created_at.desc(), Draft.id.desc())
            )
        ).all()

    async def of_message(self, message_id: str) -> Draft | None:
        """The draft that was due when the message came in."""
        return await self.session.scalar(
            select(Draft).where(
                Draft.organisation_id == self.organisation_id, Draft.message_id == message_id, Draft.attempt == 1
            )
        )

    async def next_attempt(self, message_id: str) -> int:
        newest = await self.session.scalar(
            select(func.max(Draft.attempt)).where(
                Draft.organisation_id == self.organisation_id, Draft.message_id == message_id
            )
        )
        return (newest or 0) + 1

    def add(self, **fields: Any) -> Draft:
        draft = Draft(id=new_id("drf"), organisation_id=self.organisation_id, **fields)
        self.session.add(draft)
        return draft

    async def make_stale(self, conversation_id: str) -> None:
        """Marks the conversation's open drafts as stale."""
        await self.session.execute(
            update(Draft)
            .where(
                Draft.organisation_id == self.organisation_id,
                Draft.conversation_id == conversation_id,
                Draft.status.in_(OPEN),
            )
            .values(status="stale")
        )

    async def finish(self, draft_id: str, status: str, at: datetime, body: dict[str, Any] | None = None) -> bool:
        """Gives a due draft its body; False where it is due no longer, so that it is made once."""
        done = await self.session.execute(
            update(Draft)
            .where(Draft.organisation_id == self.organisation_id, Draft.id == draft_id, Draft.status == "due")
            .values(status=status, body=body, ready_at=at)
            .returning(Draft.id)
        )
        return done.first() is not None

    async def close(self, draft_id: str, status: str, reason: str | None = None) -> bool:
        """Accepts or dismisses a ready draft; False where it is ready no longer."""
        done = await self.session.execute(
            update(Draft)
            .where(Draft.organisation_id == self.organisation_id, Draft.id == draft_id, Draft.status == "ready")
            .values(status=status, dismiss_reason=reason)
            .returning(Draft.id)
        )
        return done.first() is not None

    async def overdue(self, created_before: datetime, limit: int) -> Sequence[Draft]:
        """Drafts that should have been made by now."""
        return (
            await self.session.scalars(
                select(Draft)
                .where(
                    Draft.organisation_id == self.organisation_id,
                    Draft.status == "due",
                    Draft.created_at < created_before,
                )
                .order_by(Draft.created_at)
                .limit(limit)
            )
        ).all()

    async def count_job(self, draft_id: str, jobs: int) -> None:
        await self.session.execute(
            update(Draft).where(Draft.organisation_id == self.organisation_id, Draft.id == draft_id).values(jobs=jobs)
        )

    async def edits(self, draft_ids: Sequence[str]) -> dict[str, DraftEdit]:
        """What agents made of these drafts, by draft id."""
        rows = await self.session.scalars(
            select(DraftEdit).where(
                DraftEdit.organisation_id == self.organisation_id, DraftEdit.draft_id.in_(draft_ids)
            )
        )
        return {edit.draft_id: edit for edit in rows}

    def add_edit(self, **fields: Any) -> DraftEdit:
        edit = DraftEdit(id=new_id("edt"), organisation_id=self.organisation_id, **fields)
        self.session.add(edit)
        return edit


class FollowUps:
    def __init__(self, session: AsyncSession, organisation_id: str) -> None:
        self.session = session
        self.organisation_id = organisation_id

    def add(self, **fields: Any) -> FollowUp:
        follow_up = FollowUp(id=new_id("fol"), organisation_id=self.organisation_id, **fields)
        self.session.add(follow_up)
        return follow_up

    async def get(self, follow_up_id: str) -> FollowUp | None:
        return await self.session.scalar(
            select(FollowUp).where(FollowUp.organisation_id == self.organisation_id, FollowUp.id == follow_up_id)
        )

    async def open(self, limit: int, after: tuple[datetime, str] | None = None) -> Sequence[FollowUp]:
        """What is still to be done, by due date."""
        statement = select(FollowUp).where(FollowUp.organisation_id == self.organisation_id, FollowUp.done_at.is_(None))
        if after:
            due_at, follow_up_id = after
            statement = statement.where(
                (FollowUp.due_at > due_at) | ((FollowUp.due_at == due_at) & (FollowUp.id > follow_up_id))
            )
        return (await self.session.scalars(statement.order_by(FollowUp.due_at, FollowUp.id).limit(limit))).all()

    async def of_conversation(self, conversation_id: str) -> Sequence[FollowUp]:
        return (
            await self.session.scalars(
                select(FollowUp)
                .where(
                    FollowUp.organisation_id == self.organisation_id,
                    FollowUp.conversation_id == conversation_id,
                )
                .order_by(FollowUp.due_at)
            )
        ).all()

    async def finish(self, follow_up_id: str, user_id: str | None, at: datetime) -> bool:
        done = await self.session.execute(
            update(FollowUp)
            .where(
                FollowUp.organisation_id == self.organisation_id,
                FollowUp.id == follow_up_id,
                FollowUp.done_at.is_(None),
            )
            .values(done_at=at, done_by=user_id)
            .returning(FollowUp.id)
        )
        return done.first() is not None

    async def any_fallen_due(self, now: datetime) -> bool:
        """Whether there is one that is due, not done, and of which nobody was reminded yet."""
        return await self.session.scalar(select(FollowUp.id).where(*self._unreminded(now)).limit(1)) is not None

    async def fallen_due(self, now: datetime) -> Sequence[FollowUp]:
        """Due, not done, and nobody reminded yet; marked as reminded."""
        return (
            await self.session.scalars(
                update(FollowUp).where(*self._unreminded(now)).values(reminded_at=now).returning(FollowUp)
            )
        ).all()

    def _unreminded(self, now: datetime) -> tuple[ColumnElement[bool], ...]:
        return (
            FollowUp.organisation_id == self.organisation_id,
            FollowUp.done_at.is_(None),
            FollowUp.due_at <= now,
            FollowUp.reminded_at.is_(None),
        )
