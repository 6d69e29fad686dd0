"""The search over both databases, with a bag of words in the embedder's place."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from triage.cases.search import CaseSearch
from triage.cases.values import Case, Circumstances, Filters, Outcome, SearchResult
from triage.ids import new_id
from triage.store.engine import Store
from triage.store.repositories.cases import Cases
from triage.store.tables import Organisation

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NOISE = (
    "parcel never arrived at the depot", "charged twice for one subscription", "app crashes when opening settings",
    "rude driver shouted in the street", "cannot reset the password of my account", "hotel room smelled of smoke",
    "voucher code rejected at checkout", "bicycle chain snapped on the first ride", "sofa came in the wrong colour",
    "nobody answers my letters for weeks", "printer eats paper every morning", "concert moved without telling anyone",
)  # fmt: skip
Search = Callable[..., Awaitable[SearchResult]]


def a_case(problem: str, **fields: Any) -> Case:
    return Case(**{"id": new_id("case"), "summary": "", "problem": problem, "external_id": new_id("case")} | fields)


@pytest.fixture
def put(store: Store, embedder: Any) -> Callable[..., Awaitable[None]]:
    async def put(organisation: Organisation, *cases: Case) -> None:
        async with store.write() as session:
            vectors = embedder.embed([case.problem for case in cases])
            await Cases(session, organisation.id).upsert(cases, vectors, embedder.name, NOW)

    return put


@pytest.fixture
async def search(store: Store, embedder: Any, organisation: Organisation, put: Any) -> Search:
    """Searches an organisation that has a dozen unrelated cases."""
    await put(organisation, *[a_case(problem) for problem in NOISE])
    searcher = CaseSearch(embedder.name)

    async def search(text: str, *, of: Organisation = organisation, **options: Any) -> SearchResult:
        async with store.read() as session:
            return await searcher.search(session, of.id, text, embedder.embed([text])[0], **options)

    return search


async def test_finds_the_case_and_says_why(search: Search, put: Any, organisation: Organisation) -> None:
    case = a_case(
        "the replacement vase came crushed too",
        failure="damaged_or_wrong",
        product="vase",
        channel="chat",
        remedy="refund",
        outcome=Outcome(csat=5, reopened=False),
    )
    await put(organisation, case)
    found = await search(
        "My replacement vase is crushed!",
        circumstances=Circumstances({"damaged_or_wrong": 0.9}, product="Vase", channel="chat", remedies=frozenset()),
    )
    assert not found.nothing_near
    assert [m.case for m in found.matches] == [case]
    (match,) = found.matches
    assert 0 < match.score <= 1
    assert match.why[0] == "same failure: damaged_or_wrong"
    assert set(match.why[1].removeprefix("shares ").split(", ")) == {'"replacement"', '"vase"', '"crushed"'}
    assert match.why[2:] == (
        "same product: vase",
        "same channel: chat",
        "ended well: CSAT 5, not reopened",
        "its remedy is no longer offered: refund",
    )


async def test_nothing_near_says_so(search: Search) -> None:
    found = await search("the espresso grinder makes a whistling noise")
    assert found == SearchResult((), nothing_near=True)


async def test_the_same_failure_and_product_make_up_for_few_shared_words(
    search: Search, put: Any, organisation: Organisation
) -> None:
    await put(organisation, a_case("zanzibar kettle leaks oil daily", failure="quality", product="Kettle"))
    asked = "my zanzibar kettle drips badly onto everything, most upsetting"
    assert (await search(asked)).nothing_near
    alike = Circumstances({"quality": 0.9}, product="kettle")
    assert len((await search(asked, circumstances=alike)).matches) == 1


async def test_an_empty_case_base_has_nothing_near(
    search: Search, two_organisations: tuple[Organisation, Organisation]
) -> None:
    assert (await search("parcel never arrived at the depot", of=two_organisations[1])).nothing_near


async def test_organisations_never_see_each_other(
    search: Search, put: Any, two_organisations: tuple[Organisation, Organisation]
) -> None:
    ours, theirs = two_organisations
    await put(theirs, a_case("zanzibar kettle leaks oil"))
    assert (await search("zanzibar kettle leaks oil", of=ours)).nothing_near
    assert len((await search("zanzibar kettle leaks oil", of=theirs)).matches) == 1


ENDINGS = [  # (better, worse)
    (Outcome(csat=5), Outcome(csat=2)),
    (Outcome(reopened=False), Outcome(reopened=True)),
    (Outcome(kept=True), Outcome(kept=False)),
    (Outcome(accepted=True), Outcome(accepted=False)),
    (Outcome(csat=5, reopened=False), Outcome()),
    (Outcome(), Outcome(reopened=True)),
]


async def test_of_equally_near_cases_the_better_ending_comes_first(
    search: Search, put: Any, organisation: Organisation
) -> None:
    for i, (better, worse) in enumerate(ENDINGS):
        words = f"zanzibar kettle number{i} leaks oil{i}"  # a database for each would take longer than the search
        pair = [a_case(words, remedy="a", outcome=better), a_case(words, remedy="b", outcome=worse)]
        await put(organisation, pair[i % 2])
        await put(organisation, pair[1 - i % 2])
    for i in range(len(ENDINGS)):
        found = await search(f"zanzibar kettle number{i} leaks oil{i}", limit=2)
        assert [m.case.remedy for m in found.matches] == ["a", "b"], ENDINGS[i]
        assert found.matches[0].score > found.matches[1].score


async def test_newer_cases_come_first(search: Search, put: Any, organisation: Organisation) -> None:
    for age, remedy in ((900, "old"), (10, "new")):
        await put(organisation, a_case("zanzibar kettle leaks", remedy=remedy, resolved_at=NOW - timedelta(days=age)))
    found = await search("zanzibar kettle leaks", circumstances=Circumstances(now=NOW))
    assert [m.case.remedy for m in found.matches] == ["new", "old"]


async def test_near_copies_do_not_fill_the_list(search: Search, put: Any, organisation: Organisation) -> None:
    await put(organisation, *[a_case("zanzibar kettle leaks oil", remedy="refund") for _ in range(6)])
    await put(organisation, a_case("zanzibar kettle leaks oil", remedy="repair"))
    await put(organisation, a_case("zanzibar kettle leaks oil on the new carpet", remedy="refund"))
    found = await search("zanzibar kettle leaks oil", limit=5)
    assert len(found.matches) == 3
    (most,) = [m for m in found.matches if m.case.problem == "zanzibar kettle leaks oil" and m.case.remedy == "refund"]
    assert "5 more like it" in most.why


async def test_filters_and_the_conversation_itself(search: Search, put: Any, organisation: Organisation) -> None:
    a = a_case("zanzibar kettle leaks", failure="billing", remedy="a")
    b = a_case("zanzibar kettle leaks", failure="quality", remedy="b")
    await put(organisation, a, b)
    assert [m.case for m in (await search("zanzibar kettle", filters=Filters(failure="quality"))).matches] == [b]
    not_b = Filters(not_cases=frozenset({b.id}))
    assert [m.case for m in (await search("zanzibar kettle", filters=not_b)).matches] == [a]


async def test_what_changes_is_found_at_once(
    store: Store, search: Search, put: Any, organisation: Organisation
) -> None:
    """Another process writes; ours keeps vectors in memory."""
    assert (await search("zanzibar kettle leaks")).nothing_near
    a, b = a_case("zanzibar kettle leaks", remedy="a"), a_case("zanzibar kettle leaks", remedy="b")
    await put(organisation, a)
    assert [m.case.id for m in (await search("zanzibar kettle leaks")).matches] == [a.id]
    await put(organisation, b)
    assert {m.case.id for m in (await search("zanzibar kettle leaks")).matches} == {a.id, b.id}
    async with store.write() as session:
        await Cases(session, organisation.id).delete([a.id])
    assert [m.case.id for m in (await search("zanzibar kettle leaks")).matches] == [b.id]


QUERIES = (
    'zanzibar "kettle', "zanzibar AND NOT kettle", "NEAR(zanzibar kettle, 2)", "zanzibar* kettle^",
    "terms:zanzibar kettle", "-zanzibar +kettle", "zanzibar' OR 1=1 -- kettle", "zanzibar & kettle | !x <-> (",
    "zanzibar \\ kettle \x00", "zanzibar 😡 kettle 🎧", "ZANZIBAR KETTLE", "zanzibär kettlé", "<b>zanzibar</b> kettle",
)  # fmt: skip
WORDLESS = ("", "😡😡😡", "the of and", '"""', "***", ":", "a" * 5000, "٣٤ 漢字 größe", "<email> <person>")


async def test_query_syntax_is_only_words(search: Search, put: Any, organisation: Organisation) -> None:
    case = a_case("zanzibar kettle leaks")
    await put(organisation, case)
    for query in QUERIES:
        assert case in [m.case for m in (await search(query)).matches], query


async def test_queries_without_words_find_nothing_and_break_nothing(search: Search) -> None:
    for query in WORDLESS:
        assert (await search(query)).nothing_near, query


async def test_words_alone_serve_while_the_embedder_is_down(
    store: Store, search: Search, put: Any, organisation: Organisation, embedder: Any
) -> None:
    case = a_case("zanzibar kettle leaks oil")
    await put(organisation, case)
    async with store.read() as session:
        found = await CaseSearch(embedder.name).search(session, organisation.id, "zanzibar kettle leaks oil", None)
        assert [m.case for m in found.matches] == [case]
        assert (await CaseSearch(embedder.name).search(session, organisation.id, "espresso", None)).nothing_near
