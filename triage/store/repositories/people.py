"""Users, their keys, and their browser sessions."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from triage.ids import new_id
from triage.store.tables import ApiKey, BrowserSession, User


class People:
    def __init__(self, session: AsyncSession, organisation_id: str) -> None:
        self.session = session
        self.organisation_id = organisation_id

    async def user(self, id_or_email: str) -> User | None:
        return await self.session.scalar(
            select(User).where(
                User.organisation_id == self.organisation_id, (User.id == id_or_email) | (User.email == id_or_email)
            )
        )

    async def users(self) -> Sequence[User]:
        return (
            await self.session.scalars(
                select(User).where(User.organisation_id == self.organisation_id).order_by(User.id)
            )
        ).all()

    def add_user(self, name: str, email: str, role: str, now: datetime, signature: str | None = None) -> User:
        user = User(
            id=new_id("usr"),
            organisation_id=self.organisation_id,
            name=name,
            email=email,
            role=role,
            signature=signature,
            created_at=now,
        )
        self.session.add(user)
        return user

    def add_key(self, role: str, secret_hash: str, now: datetime, user_id: str | None, label: str = "") -> ApiKey:
        key = ApiKey(
            id=new_id("key"),
            organisation_id=self.organisation_id,
            user_id=user_id,
            role=role,
            label=label,
            secret_hash=secret_hash,
            created_at=now,
        )
        self.session.add(key)
        return key

    async def revoke_key(self, key_id: str, now: datetime) -> bool:
        """Whether there was such a key to revoke. Its user's browsers are signed out: it may have opened one."""
        revoked = await self.session.execute(
            update(ApiKey)
            .where(ApiKey.organisation_id == self.organisation_id, ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
            .values(revoked_at=now)
            .returning(ApiKey.user_id)
        )
        row = revoked.one_or_none()
        if row is not None:
            await self.session.execute(
                delete(BrowserSession).where(
                    BrowserSession.organisation_id == self.organisation_id, BrowserSession.user_id == row.user_id
                )
            )
        return row is not None

    async def keys(self) -> Sequence[ApiKey]:
        return (
            await self.session.scalars(
                select(ApiKey).where(ApiKey.organisation_id == self.organisation_id).order_by(ApiKey.id)
            )
        ).all()

    def add_browser_session(
        self, user_id: str, kind: str, secret_hash: str, csrf: str, expires_at: datetime
    ) -> BrowserSession:
        found = BrowserSession(
            id=new_id("ses"),
            organisation_id=self.organisation_id,
            user_id=user_id,
            kind=kind,
            secret_hash=secret_hash,
            csrf=csrf,
            expires_at=expires_at,
        )
        self.session.add(found)
        return found

    async def end_browser_session(self, session_id: str) -> bool:
        """Whether it was still there: a sign-in link works once."""
        ended = await self.session.execute(
            delete(BrowserSession)
            .where(BrowserSession.organisation_id == self.organisation_id, BrowserSession.id == session_id)
            .returning(BrowserSession.id)
        )
        return ended.first() is not None

    async def end_expired_sessions(self, now: datetime) -> None:
        await self.session.execute(
            delete(BrowserSession).where(
                BrowserSession.organisation_id == self.organisation_id, BrowserSession.expires_at <= now
            )
        )
