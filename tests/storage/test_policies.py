from datetime import UTC, datetime

from triage.ids import new_id
from triage.recovery.values import Money, Remedy
from triage.store.engine import Store
from triage.store.repositories.policies import Policies
from triage.store.tables import Organisation

NOW = datetime(2026, 5, 6, tzinfo=UTC)
REFUND = Remedy("refund", "Full refund", Money("42.00", "EUR"), True, "late", 'order.status == "late"')


async def test_the_newest_version_counts_and_only_ones_own(store: Store) -> None:
    ours, theirs = new_id("org"), new_id("org")
    async with store.write() as session:
        for organisation in (ours, theirs):
            session.add(Organisation(id=organisation, name=organisation, created_at=NOW))
    async with store.write() as session:
        assert await Policies(session, ours).newest() == []
        assert await Policies(session, ours).add([Remedy("call", "A call")], NOW) == 1
        assert await Policies(session, theirs).add([Remedy("gift", "A gift")], NOW) == 1
    async with store.write() as session:
        assert await Policies(session, ours).add([REFUND], NOW) == 2
    async with store.read() as session:
        [remedy] = await Policies(session, ours).newest()
        assert (remedy.id, remedy.max, remedy.when, remedy.version) == ("refund", REFUND.max, REFUND.when, "2")
        assert [r.id for r in await Policies(session, theirs).newest()] == ["gift"]
