"""An organisation's policy, version by version; the newest counts."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from triage.ids import new_id
from triage.recovery.policy import load_policy, policy_data
from triage.recovery.values import Remedy
from triage.store.tables import Policy


class Policies:
    def __init__(self, session: AsyncSession, organisation_id: str) -> None:
        self.session = session
        self.organisation_id = organisation_id

    async def newest(self) -> list[Remedy]:
        """The remedies of the newest version; none where no policy was imported."""
        row = await self.session.scalar(
            select(Policy)
            .where(Policy.organisation_id == self.organisation_id)
            .order_by(Policy.version.desc())
            .limit(1)
        )
        return load_policy(row.remedies) if row else []

    async def add(self, remedies: Sequence[Remedy], now: datetime) -> int:
        """Adds a version and returns its number; its remedies carry that number in what drafts say of them."""
        newest = await self.session.scalar(
            select(func.max(Policy.version)).where(Policy.organisation_id == self.organisation_id)
        )
        version = (newest or 0) + 1
        self.session.add(
            Policy(
                id=new_id("pol"),
                organisation_id=self.organisation_id,
                version=version,
                remedies=[item | {"version": str(version)} for item in policy_data(remedies)],
                created_at=now,
            )
        )
        await self.session.flush()
        return version
