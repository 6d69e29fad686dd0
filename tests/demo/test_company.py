"""The demo company's data holds together: every reference resolves, every level and time is possible."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import cel
import pytest

from triage.cases.values import Case
from triage.demo import company as demo
from triage.demo.company import Happened, Resolved, Snoozed, Wrote
from triage.recovery.policy import decide_one, facts_for_conditions
from triage.recovery.values import Customer, Remedy, Situation, Turn
from triage.scoring.values import FAILURES, FRUSTRATION_LEVELS, NOT_FAILURES, URGENCY_LEVELS, Ordinal, Score

NOW = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)
FICTIONAL = re.compile(r"(?:\+44 ?|0)(?:20 ?7946 ?0\d{3}|1632 ?960 ?\d{3}|11[3-8] ?496 ?0\d{3}|7700 ?900 ?\d{3})")
"""Ranges that Ofcom keeps free for drama."""
PHONE_LIKE = re.compile(r"(?<![\w./-])\+?\d(?:[ .()-]?\d){8,13}(?![\w-])")
FILES = ("customers.jsonl", "articles.jsonl", "cases.jsonl", "conversations.jsonl", "arriving.jsonl")


def every_text() -> list[str]:
    return [text for name in FILES for row in demo.rows(name) for text in strings(row)]


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [s for v in value.values() for s in strings(v)]
    if isinstance(value, list):
        return [s for v in value for s in strings(v)]
    return [value] if isinstance(value, str) else []


def wrote() -> list[Wrote]:
    return [w for w in [*demo.history(NOW), *demo.arriving(NOW)] if isinstance(w, Wrote)]


def test_there_is_enough_of_everything() -> None:
    assert len(demo.rows("customers.jsonl")) >= 40
    assert len(demo.cases(NOW)) >= 220
    assert len(demo.rows("conversations.jsonl")) >= 60
    assert 12 <= len(demo.rows("arriving.jsonl")) <= 15
    assert 12 <= len(demo.remedies()) <= 18
    kinds = Counter(article.kind for article in demo.articles())
    assert 15 <= kinds["article"] <= 20
    assert kinds["saved_reply"] == 8
    assert Counter(user.role for user in demo.company().users) == {"agent": 2, "lead": 1, "analyst": 1, "admin": 1}


@pytest.mark.parametrize("name", FILES)
def test_ids_are_unique(name: str) -> None:
    ids = [
        r["conversation"]["external_id"] if name == "conversations.jsonl" else r["external_id"] for r in demo.rows(name)
    ]
    assert len(ids) == len(set(ids))


def test_message_and_event_ids_are_unique() -> None:
    ids = [w.message.external_id for w in wrote()]
    ids += [h.event.external_id for h in demo.history(NOW) if isinstance(h, Happened) and h.event.external_id]
    assert len(ids) == len(set(ids))


def test_every_mail_address_is_at_example_com() -> None:
    addresses = [a for text in every_text() for a in re.findall(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", text)]
    addresses += [user.email for user in demo.company().users]
    assert len(addresses) > 45
    assert [a for a in addresses if not re.search(r"[@.]example\.com$", a)] == []


def test_every_telephone_number_is_from_a_fictional_range() -> None:
    numbers = [n for text in every_text() for n in PHONE_LIKE.findall(text)]
    assert numbers
    assert [n for n in numbers if not FICTIONAL.fullmatch(n.strip())] == []


def test_no_web_address_stands_in_the_data() -> None:
    assert [t for t in every_text() if re.search(r"https?://|www\.", t)] == []


def test_every_day_in_a_text_is_named() -> None:
    texts = [w.message.text + (w.message.html or "") for w in wrote()]
    assert [t for t in texts if re.search(r"\{(?:weekday|date)", t)] == []
    orders = [s for w in wrote() for s in strings(w.message.order or {})]
    assert [s for s in orders if s.startswith("now")] == []


# cases


def test_cases_are_possible() -> None:
    offered = {remedy.id for remedy in demo.remedies()}
    for case in demo.cases(NOW):
        where = case.external_id
        assert case.failure in FAILURES, where
        assert case.frustration in range(len(FRUSTRATION_LEVELS)), where
        assert case.urgency in range(len(URGENCY_LEVELS)), where
        assert case.remedy is None or case.remedy in offered, where
        assert case.channel in ("email", "chat", "social", "form", "sms", "phone"), where
        assert (case.cost is None) == (case.currency is None), where
        assert case.cost is None or case.cost >= 0, where
        assert case.currency in (None, demo.company().brand.get("currency", "GBP")), where
        assert case.outcome.csat in (None, 1, 2, 3, 4, 5), where
        assert case.resolved_at is not None, where
        assert timedelta(days=1) <= NOW - case.resolved_at <= timedelta(days=730), where
        assert len(case.summary.split()) >= 5, where


def test_no_case_costs_more_than_policy_allows() -> None:
    caps = {r.id: float(r.max.amount) for r in demo.remedies() if r.max}
    over = [c.external_id for c in demo.cases(NOW) if c.remedy in caps and (c.cost or 0) > caps[c.remedy]]
    assert over == []


def test_cases_cover_all_failures() -> None:
    counts = Counter(case.failure for case in demo.cases(NOW))
    assert set(counts) == set(FAILURES)
    assert all(counts[failure] >= 10 for failure in set(FAILURES) - NOT_FAILURES), counts
    assert max(counts.values()) / counts.total() < 0.25


def test_remedies_end_well_and_badly() -> None:
    """Retrieval weighs cases by how they ended: that must differ, and be missing at times."""
    scores: dict[str | None, list[int]] = {}
    for case in demo.cases(NOW):
        if case.outcome.csat is not None:
            scores.setdefault(case.remedy, []).append(case.outcome.csat)
    for remedy in ("refund", "replacement", "repair_pickup", "goodwill_credit", "lead_call"):
        assert min(scores[remedy]) <= 2, remedy
        assert max(scores[remedy]) >= 4, remedy
    missing = sum(case.outcome.csat is None for case in demo.cases(NOW))
    assert 0.05 < missing / len(demo.cases(NOW)) < 0.4


def test_no_two_problems_or_summaries_are_near_duplicates() -> None:
    for part in ("problem", "summary"):
        words = {c.external_id: set(re.findall(r"\w+", getattr(c, part).lower())) for c in demo.cases(NOW)}
        alike = [(a, b) for a, b in combinations(words, 2) if jaccard(words[a], words[b]) > 0.6]
        assert alike == [], part


def test_problems_are_not_cut_from_one_pattern() -> None:
    openings = Counter(" ".join(c.problem.lower().split()[:3]) for c in demo.cases(NOW))
    assert max(openings.values()) <= 2, openings.most_common(3)


def jaccard(a: set[str], b: set[str]) -> float:
    return len(a & b) / len(a | b)


def test_cases_name_no_customer_of_ours() -> None:
    names = [
        part for row in demo.rows("customers.jsonl") for part in [row["name"], row["email"], row["name"].split()[-1]]
    ]

    def named(case: Case) -> list[str]:
        return [name for name in names if re.search(rf"\b{re.escape(name)}\b", case.problem + " " + case.summary)]

    assert {c.external_id: named(c) for c in demo.cases(NOW) if named(c)} == {}


# articles


def test_articles_are_of_a_readable_length() -> None:
    for article in demo.articles():
        length = len(article.text.split())
        low, high = (60, 150) if article.kind == "article" else (15, 80)
        assert low <= length <= high, (article.id, length)


# conversations


def test_users_and_conversations_resolve() -> None:
    keys = {user.key for user in demo.company().users}
    conversations = {row["conversation"]["external_id"] for row in demo.rows("conversations.jsonl")}
    for done in demo.history(NOW):
        if isinstance(done, Wrote):
            assert (done.by in keys) == (done.message.author in ("agent", "note")), done.message.external_id
        else:
            assert done.conversation in conversations
        if isinstance(done, Snoozed | Resolved):
            assert done.by in keys
        if isinstance(done, Wrote) and done.draft:
            assert done.message.author == "agent", done.message.external_id
            assert (done.draft == "dismissed") == (done.reason is not None), done.message.external_id
    continued = {w.message.conversation.external_id for w in demo.arriving(NOW)} & conversations
    assert len(continued) >= 4


def test_what_resolved_a_conversation_is_in_the_policy() -> None:
    caps = {r.id: float(r.max.amount) if r.max else None for r in demo.remedies()}
    endings = [d.ending for d in demo.history(NOW) if isinstance(d, Resolved)]
    assert len([e for e in endings if e.remedy]) >= 5
    for ending in endings:
        assert ending.remedy is None or ending.remedy in caps
        cap = caps.get(ending.remedy or "")
        assert cap is None or (ending.cost or 0) <= cap


def test_times_run_forward() -> None:
    started: dict[str, datetime] = {}
    for row in demo.rows("conversations.jsonl"):
        minutes = [m["minutes_ago"] for m in row["messages"]]
        assert minutes == sorted(minutes, reverse=True), row["conversation"]["external_id"]
        assert len(set(minutes)) == len(minutes), row["conversation"]["external_id"]
        assert min(minutes) >= 1
    for done in demo.history(NOW):
        if isinstance(done, Wrote):
            started.setdefault(done.message.conversation.external_id, done.at)
        else:
            assert done.conversation in started, done
        if isinstance(done, Snoozed):
            assert done.until > NOW
        assert NOW - timedelta(days=60) < done.at < NOW


def test_conversations_are_of_many_kinds() -> None:
    by_conversation: dict[str, list[Wrote]] = {}
    for w in wrote():
        by_conversation.setdefault(w.message.conversation.external_id, []).append(w)
    assert {w.message.conversation.channel for w in wrote()} == {"email", "chat", "social", "form", "sms", "phone"}
    assert sum(len(ws) >= 5 for ws in by_conversation.values()) >= 5
    handled = {d.conversation for d in demo.history(NOW) if not isinstance(d, Wrote)}
    assert 0.3 < len(handled) / len(by_conversation) < 0.6
    assert {w.message.customer.language for w in wrote()} >= {"en", "es", "de", None}
    assert any(w.message.html for w in wrote())
    assert any(w.message.headers for w in wrote())
    assert any(w.message.attachments for w in wrote())


def test_orders_are_in_the_company_currency() -> None:
    for w in wrote():
        if w.message.order:
            assert w.message.order["currency"] == "GBP", w.message.external_id
            assert float(str(w.message.order["amount"])) > 0, w.message.external_id


# policy


@pytest.mark.parametrize("remedy", demo.remedies(), ids=lambda remedy: remedy.id)
def test_every_condition_compiles_and_decides_something(remedy: Remedy, known: list[dict[str, Any]]) -> None:
    """Over the demo's orders each remedy is offered at least once and refused at least once."""
    assert remedy.when is not None
    cel.compile(remedy.when)
    states = {decide_one(remedy, facts).state for facts in known}
    assert "eligible" in states
    assert "not_eligible" in states


@pytest.fixture(scope="module")
def known() -> list[dict[str, Any]]:
    """The facts of every order and channel of the demo under several failures, at three severities."""
    earlier = [Turn("customer", "?"), Turn("agent", "."), Turn("customer", "?!")]
    failures = ("late_or_missing", "defect_or_outage", "account_access", "quality", "praise")
    situations = [
        Situation(
            id="s",
            text="",
            score=score(failure, level),
            now=NOW,
            channel=w.message.conversation.channel,
            customer=Customer(None, w.message.customer.tier, "en"),
            order=w.message.order or {},
            history=earlier,
        )
        for w in wrote()
        if w.message.author == "customer"
        for failure in failures
        for level in (1, 3, 4)
    ]
    return [facts_for_conditions(situation) for situation in situations]


def score(failure: str, level: int) -> Score:
    sure = tuple(float(i == level) for i in range(5))
    return Score(
        language="en",
        frustration=Ordinal(sure, FRUSTRATION_LEVELS),
        urgency=Ordinal(sure, URGENCY_LEVELS),
        failure={code: float(code == failure) for code in FAILURES},
        model="sure",
    )
