"""Similar cases as the service finds them: embedded, searched, and held against today's policy."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from triage.cases.importing import case_from_row, store_cases
from triage.cases.similar import similar_cases
from triage.errors import Unavailable
from triage.protocols import Vectors
from triage.recovery.values import Remedy
from triage.service import Service
from triage.store.repositories.policies import Policies
from triage.store.tables import Organisation

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ROW = {"problem": "zanzibar kettle leaks oil", "remedy": "free_kettle", "external_id": "T-1"}


class Down:
    """An embedder that cannot be reached."""

    name = "down"

    async def embed(self, texts: Sequence[str]) -> Vectors:
        raise Unavailable("the embedder is down; try again")


@pytest.mark.parametrize("store_settings", ["sqlite"], indirect=True)
async def test_remedies_that_the_policy_dropped_are_marked(service: Service, organisation: Organisation) -> None:
    await store_cases(service.store, service.embedder, organisation.id, [case_from_row(ROW)], NOW)
    marked = "its remedy is no longer offered: free_kettle"
    [before] = (await similar_cases(service, organisation.id, ROW["problem"])).matches
    assert marked not in before.why  # no policy yet: nobody knows
    async with service.store.write() as session:
        await Policies(session, organisation.id).add([Remedy("refund", "Refund")], NOW)
    [after] = (await similar_cases(service, organisation.id, ROW["problem"])).matches
    assert marked in after.why


@pytest.mark.parametrize("store_settings", ["sqlite"], indirect=True)
async def test_words_serve_while_the_embedder_is_down(service: Service, organisation: Organisation) -> None:
    await store_cases(service.store, service.embedder, organisation.id, [case_from_row(ROW)], NOW)
    service.embedder = Down()
    [match] = (await similar_cases(service, organisation.id, ROW["problem"])).matches
    assert match.case.external_id == "T-1"
