"""What has to be looked up before the organisation is known: keys, browser sessions, organisations themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from triage.ids import new_id
from triage.store.tables import ApiKey, BrowserSession, Organisation, User


@dataclass(frozen=True, slots=True)
class Credential:
    """A stored key or browser session, whose it is, and the hash that a secret must match."""

    id: str
    organisation_id: str
    user_id: str | None
    user_name: str | None
    role: str
    secret_hash: str
    csrf: str | None = None


class Directory:
    """The only repository that is not made for one organisation."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    async def key(self, key_id: str) -> Credential | None:
        """The key by that id unless it is revoked."""
        row = (
            await self.session.execute(
                select(ApiKey, User.name)
                .outerjoin(User, User.id == ApiKey.user_id)
                .where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
            )
        ).one_or_none()
        if row is None:
            return None
        key, name = row
        return Credential(key.id, key.organisation_id, key.user_id, name, key.role, key.secret_hash)

    async def browser_session(self, session_id: str, kind: str, now: datetime) -> Credential | None:
        row = (
            await self.session.execute(
                select(BrowserSession, User)
                .join(User, User.id == BrowserSession.user_id)
                .where(BrowserSession.id == session_id, BrowserSession.kind == kind, BrowserSession.expires_at > now)
            )
        ).one_or_none()
        if row is None:
            return None
        found, user = row
        return Credential(found.id, found.organisation_id, user.id, user.name, user.role, found.secret_hash, found.csrf)

    async def organisations(self) -> Sequence[Organisation]:
        return (await self.session.scalars(select(Organisation).order_by(Organisation.id))).all()

    async def organisation(self, name_or_id: str) -> Organisation | None:
        return await self.session.scalar(
            select(Organisation)
            .where(or_(Organisation.id == name_or_id, Organisation.name == name_or_id))
            .order_by(Organisation.id)
            .limit(1)
        )

    def add_organisation(self, name: str, now: datetime, *, demo: bool = False) -> Organisation:
        found = Organisation(id=new_id("org"), name=name, demo=demo, brand={}, created_at=now)
        self.session.add(found)
        return found

    async def remove_demo(self, organisation_id: str) -> bool:
        """Deletes a demo organisation with all that it owns; whether there was one. Any other stays."""
        gone = await self.session.execute(
            delete(Organisation).where(Organisation.id == organisation_id, Organisation.demo).returning(Organisation.id)
        )
        return gone.first() is not None
