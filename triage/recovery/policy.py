"""What may be offered: remedies with conditions in CEL, decided by code from facts, never by a model.

>>> decide_one(Remedy("refund", "Full refund", when="order.late"), {"order": {"late": True}}).state
'eligible'
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Literal

import cel

from triage.errors import Invalid
from triage.recovery.values import Money, Remedy, Situation

DecisionState = Literal["eligible", "not_eligible", "not_known"]
MAX_REMEDIES = 200
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_VARIABLES = frozenset({"order", "customer", "channel", "now", "history", "failure", "frustration", "urgency"})
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?")


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a remedy may be offered outright, and why; `missing` names the fact that is not known."""

    remedy: Remedy
    state: DecisionState
    reason: str
    missing: str | None = None


def load_policy(data: Any, pointer: str = "") -> list[Remedy]:
    """Returns the remedies of a policy (a list, or an object with `remedies`); Invalid points to the wrong field."""
    if isinstance(data, Mapping):
        data, pointer = data.get("remedies"), f"{pointer}/remedies"
    if not isinstance(data, list):
        raise Invalid("A policy is a list of remedies, or an object with a list `remedies`.", pointer=pointer)
    if len(data) > MAX_REMEDIES:
        raise Invalid(f"A policy holds at most {MAX_REMEDIES} remedies.", pointer=pointer)
    remedies = [_remedy(item, f"{pointer}/{i}") for i, item in enumerate(data)]
    seen: set[str] = set()
    for i, remedy in enumerate(remedies):
        if remedy.id in seen:
            raise Invalid(f"The id {remedy.id!r} is used twice.", pointer=f"{pointer}/{i}/id")
        seen.add(remedy.id)
    return remedies


def policy_data(remedies: Sequence[Remedy]) -> list[dict[str, Any]]:
    """Returns remedies in the form that `load_policy` reads."""
    return [
        {
            "id": r.id,
            "label": r.label,
            "max": {"amount": r.max.amount, "currency": r.max.currency} if r.max else None,
            "needs_approval": r.needs_approval,
            "conditions": r.conditions,
            "when": r.when,
            "version": r.version,
        }
        for r in remedies
    ]


def _remedy(item: Any, at: str) -> Remedy:
    if not isinstance(item, Mapping):
        raise Invalid("A remedy is an object.", pointer=at)
    id = _text(item, "id", at, required=True, most=64)
    if not _ID.fullmatch(id):
        raise Invalid("An id is made of letters, digits, `_`, `-` and `.`.", pointer=f"{at}/id")
    approval = item.get("needs_approval", False)
    if not isinstance(approval, bool):
        raise Invalid("`needs_approval` is true or false.", pointer=f"{at}/needs_approval")
    when = item.get("when")
    if when is not None:
        _compiled_at(_text(item, "when", at, most=2000), f"{at}/when")
    return Remedy(
        id=id,
        label=_text(item, "label", at, required=True, most=300),
        max=_money(item["max"], f"{at}/max") if item.get("max") is not None else None,
        needs_approval=approval,
        conditions=_text(item, "conditions", at, most=500),
        when=when,
        version=str(item.get("version", "1")),
    )


def _text(item: Mapping[str, Any], key: str, at: str, *, required: bool = False, most: int = 300) -> str:
    value = item.get(key, "")
    if not isinstance(value, str) or len(value) > most or (required and not value.strip()):
        raise Invalid(f"`{key}` is {'a non-empty' if required else 'a'} text of at most {most}.", pointer=f"{at}/{key}")
    return value.strip()


def _money(value: Any, at: str) -> Money:
    if not isinstance(value, Mapping):
        raise Invalid("`max` is an object with `amount` and `currency`.", pointer=at)
    amount, currency = value.get("amount"), value.get("currency")
    try:
        number = Decimal(str(amount))
    except InvalidOperation:
        number = Decimal("NaN")
    if isinstance(amount, bool) or not number.is_finite() or number < 0:
        raise Invalid('`amount` is a decimal number of at least 0, as "42.00".', pointer=f"{at}/amount")
    if not isinstance(currency, str) or not re.fullmatch(r"[A-Z]{3,12}", currency):
        raise Invalid('`currency` is a code of capital letters, as "EUR".', pointer=f"{at}/currency")
    return Money(str(amount), currency)


def _compiled_at(expression: str, at: str) -> None:
    try:
        program = _compiled(expression)
    except ValueError as error:
        raise Invalid(f"`when` is no CEL expression: {str(error).splitlines()[0]}", pointer=at) from None
    if unknown := sorted(set(program.variables()) - _VARIABLES):
        raise Invalid(f"`when` reads {', '.join(unknown)}; known are {', '.join(sorted(_VARIABLES))}.", pointer=at)


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> cel.Program:
    return cel.compile(expression)


def decide(situation: Situation) -> list[Decision]:
    """Returns one decision a remedy, in the policy's order; remedies named only in past cases are not among them."""
    known = facts_for_conditions(situation)
    return [decide_one(remedy, known) for remedy in situation.remedies]


def decide_one(remedy: Remedy, known: Mapping[str, Any]) -> Decision:
    """Returns whether the condition holds; a condition on a fact that is missing is "not known", never offered."""
    if remedy.when is None:
        return Decision(remedy, "eligible", "no condition")
    try:
        answer = _compiled(remedy.when).execute(dict(known))
    except KeyError as missing:
        name = str(missing.args[0]) if missing.args else "a fact"
        return Decision(remedy, "not_known", f"{name} is not known", name)
    except (RuntimeError, TypeError, ValueError, OverflowError, ArithmeticError) as error:
        return Decision(remedy, "not_known", _why(error, remedy.when, known))
    if answer is True:
        return Decision(remedy, "eligible", remedy.conditions or remedy.when)
    if answer is False:
        return Decision(remedy, "not_eligible", remedy.conditions or remedy.when)
    return Decision(remedy, "not_known", f"`{remedy.when}` is neither true nor false")


def _why(error: Exception, expression: str, known: Mapping[str, Any]) -> str:
    for name in ("failure", "frustration", "urgency"):
        if name not in known and re.search(rf"\b{name}\b", expression):
            return f"{name} is not known"
    return f"the condition could not be read: {str(error).splitlines()[0][:120]}"


def facts_for_conditions(situation: Situation) -> dict[str, Any]:
    """Returns the variables of `when`: order, customer, channel, now, history; failure and levels where known.

    Text in ISO 8601 with date and time becomes a timestamp, naive ones in the zone of `now`.
    """
    score, now = situation.score, situation.now
    known: dict[str, Any] = {
        "order": _timed(dict(situation.order), now),
        "customer": {
            k: v
            for k, v in {
                "name": situation.customer.name,
                "tier": situation.customer.tier,
                "language": situation.customer.language,
            }.items()
            if v is not None
        },
        "channel": situation.channel,
        "now": now,
        "history": [{"role": t.role, "text": t.text} | ({"at": t.at} if t.at else {}) for t in situation.history],
    }
    if score.known_failure is not None:
        known["failure"] = score.known_failure
    if not score.abstained:
        known |= {"frustration": score.frustration.index, "urgency": score.urgency.index}
    return known


def _timed(value: Any, now: datetime) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _timed(v, now) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_timed(v, now) for v in value]
    if isinstance(value, str) and _TIMESTAMP.fullmatch(value):
        try:
            at = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            return value
        return at if at.tzinfo else at.replace(tzinfo=now.tzinfo)
    if isinstance(value, datetime | bool | int | float | str) or value is None:
        return value
    return str(value)


_GOODWILL = re.compile(
    r"\b(?:goodwill|good will|voucher|coupon|gutschein|discount|a gift|bonus|thank you|miles|season pass|"
    r"% off|half price|"
    r"free (?:month|meal|game)s?|months? free|on the house|breakfast for|credit(?! (?:of|for the (?:days?|"
    r"time|lost|missed))\b)|crystals)\b",
    re.I,
)


def is_goodwill(remedy: Remedy) -> bool:
    """Returns whether the remedy is something extra, and not the repair of what failed."""
    return bool(_GOODWILL.search(remedy.label)) or "goodwill" in remedy.id.lower()


def smallest_adequate(decisions: Sequence[Decision], *, failed: bool, most: int = 4) -> list[Decision]:
    """Returns what to offer of the eligible remedies: repairs first, extras where facts call for them, money only then.

    Frustration alone raises nothing: without a failure (`failed`) a sum is offered only where a condition over facts
    holds and the remedy is no extra.
    """
    eligible = [d for d in decisions if d.state == "eligible"]
    if not failed:
        eligible = [d for d in eligible if not is_goodwill(d.remedy) and (d.remedy.max is None or d.remedy.when)]
    repairs = [d for d in eligible if not is_goodwill(d.remedy)]
    extras = [d for d in eligible if is_goodwill(d.remedy)]
    due = [d for d in extras if d.remedy.when and not d.remedy.needs_approval]
    chosen = repairs + due or extras
    return _in_order(chosen, decisions)[:most]


def _in_order(chosen: Sequence[Decision], decisions: Sequence[Decision]) -> list[Decision]:
    return [d for d in decisions if d in chosen]
