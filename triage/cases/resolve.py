"""Makes a case of a resolved conversation: facts and a summary made of facts, and its problem without personal data."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from triage.cases.values import Case, Outcome
from triage.ids import new_id
from triage.messages.personal import KnownFields, redact
from triage.scoring.values import Score

FAILED = {
    "late_or_missing": "Late or missing delivery",
    "damaged_or_wrong": "Damaged or wrong item",
    "defect_or_outage": "Defect or outage",
    "billing": "Billing problem",
    "account_access": "No access to the account",
    "staff_conduct": "Conduct of staff",
    "no_response": "No answer to earlier messages",
    "policy_or_price": "Disagreement with a policy or price",
    "quality": "Quality below what was expected",
    "request": "Request",
    "praise": "Praise",
    "other": "Other matter",
}
MAX_PROBLEM = 4_000
"""Characters of the customer's words that are kept for search: the encoder reads some 1,000 of them."""


def case_from_conversation(
    *,
    conversation_id: str,
    problem: str,
    resolved_at: datetime,
    score: Score | None = None,
    channel: str | None = None,
    language: str = "en",
    order: Mapping[str, Any] | None = None,
    remedy: str | None = None,
    cost: float | None = None,
    currency: str | None = None,
    note: str | None = None,
    outcome: Outcome | None = None,
    known: KnownFields | None = None,
) -> Case:
    """Returns the case that a resolved conversation becomes; the same conversation again replaces it.

    `problem` is the cleaned text of the first customer message that tells the problem; `known` is what the store knows
    of the customer, replaced in `problem` and `note` besides what looks like personal data.
    """
    failure = None if score is None or score.abstained else score.failure_code
    product = _item(order)
    return Case(
        id=new_id("case"),
        external_id=conversation_id,
        summary=summarise(failure, product, remedy, cost, currency, redact(note or "", known)),
        problem=redact(problem, known)[:MAX_PROBLEM],
        failure=failure,
        frustration=None if failure is None or score is None else score.frustration.index,
        urgency=None if failure is None or score is None else score.urgency.index,
        product=product,
        channel=channel,
        language=language,
        remedy=remedy,
        cost=cost,
        currency=currency,
        outcome=outcome or Outcome(),
        resolved_at=resolved_at,
    )


def summarise(
    failure: str | None,
    product: str | None = None,
    remedy: str | None = None,
    cost: float | None = None,
    currency: str | None = None,
    note: str = "",
) -> str:
    """Returns one or two sentences made of facts: what failed and what was done."""
    what = FAILED.get(failure or "", "A matter of unknown kind")
    about = f" ({product})" if product else ""
    done = f" Remedy: {remedy.replace('_', ' ')}" if remedy else " No remedy recorded"
    spent = f", {cost:.2f} {currency}" if remedy and cost and currency else ""
    told = f" {note.strip().rstrip('.')}." if note.strip() else ""
    return f"{what}{about}.{done}{spent}.{told}"


def _item(order: Mapping[str, Any] | None) -> str | None:
    item = (order or {}).get("item")
    return item.strip()[:200] or None if isinstance(item, str) else None
