"""When we ought to have acted on a message, and why: a pure function of that message and what is known about it.

The allowances of the five urgency levels lie on a logarithmic scale (7 days ... 15 minutes). A message takes a place on
that scale: the level that its urgency reaches with at least `reach` probability, or the expected level where that is
higher. Facts (frustration, tier, repeats ...) then move it by less than one level. Stated deadlines and an SLA cut what
is left; the earlier wins. The laws, each a property test:

* more urgency, more frustration (first-order stochastic dominance), a higher tier or a worse fact never makes it later;
* whatever the facts, a message that reaches `critical` goes before one of the same time that does not reach `high`,
  unless that one has a deadline or SLA of its own; the tier alone never moves a message as far as the next level;
* an abstained message has the shortest allowance that any message can have: nothing received after it, whatever its
  levels, stands before it (again apart from deadlines and SLAs), so it is never later than first in, first out;
* nobody's act_by lies more than the allowance of level `none` after receipt, and as it depends on no other message,
  nothing that comes in after one's act_by is ever served first;
* the seconds of the reasons add up to act_by exactly.
"""

import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from triage.scoring.values import URGENCY_LEVELS, Ordinal, Score

MINUTE, HOUR, DAY = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class Allowances:
    """A policy: seconds by urgency level, and by how many levels each fact moves a message at most."""

    policy: str = "default@1"
    levels: tuple[int, ...] = (7 * DAY, 3 * DAY, DAY, 4 * HOUR, 15 * MINUTE)  # none ... critical
    soonest: int = 10 * MINUTE
    """What a whole level above critical would have; no shift gets quite there. Abstained messages have this."""
    reach: float = 0.3
    """A level counts as reached from this probability on: at .2 every doubt would be an alarm, at .5 the likeliest
    level would often not count; at .3 it is missed only where four levels are about equally likely."""
    frustration: float = 0.4
    tier: float = 0.15
    contact: float = 0.05  # each in the last week, three count
    broken_promise: float = 0.2
    amount: float = 0.1  # at 10,000 of any currency; logarithmic
    prior_failure: float = 0.1
    exposed: float = 0.2
    threat: float = 0.1
    most: float = 0.9
    """All facts together: less than one level."""


DEFAULT = Allowances()
SAFETY, DANGER = frozenset({"safety", "self_harm"}), frozenset({"self_harm"})
THREATS = frozenset({"threat_to_leave", "legal_or_regulator", "public_post", "chargeback"})
EXPOSED = {"vulnerable_person": "a vulnerable person may be concerned", "money_at_risk": "money may be at risk"}
"""Names of signals, as triage.scoring.signals gives them."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known besides the words. `promised_at` is a date that we gave; `amount` is in the order's currency."""

    tier: str = "standard"
    promised_at: datetime | None = None
    amount: float | None = None
    contacts_last_week: int = 0
    sla_due: datetime | None = None
    prior_failure: bool = False

    def line(self) -> dict[str, Any]:
        """Returns the facts ready for JSON."""
        return {
            "tier": self.tier,
            "promised_at": self.promised_at.isoformat() if self.promised_at else None,
            "amount": self.amount,
            "contacts_last_week": self.contacts_last_week,
            "sla_due": self.sla_due.isoformat() if self.sla_due else None,
            "prior_failure": self.prior_failure,
        }


@dataclass(frozen=True, slots=True)
class Reason:
    """One term of the sum: the first gives seconds, each later one takes some away."""

    code: str
    text: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Priority:
    """`act_by` = received + the sum of the reasons' seconds."""

    act_by: datetime
    reasons: tuple[Reason, ...]
    policy: str = DEFAULT.policy

    def line(self) -> dict[str, Any]:
        """Returns the priority ready for JSON."""
        reasons = [{"code": r.code, "text": r.text, "seconds": r.seconds} for r in self.reasons]
        return {"act_by": self.act_by.isoformat(), "policy": self.policy, "reasons": reasons}


def prioritise(score: Score, facts: Facts, received_at: datetime, allowances: Allowances = DEFAULT) -> Priority:
    """Returns when to have acted on a message received at `received_at` (aware), with the reasons that add up to it."""
    place, reasons = _start(score, allowances)
    left = sum(r.seconds for r in reasons)
    shift = 0.0
    for code, text, by in () if score.abstained else _shifts(score, facts, received_at, allowances):
        shift = min(shift + by, allowances.most)
        seconds = _allowance(place + shift, allowances)
        reasons.append(Reason(code, text, seconds - left))
        left = seconds
    for code, text, seconds in _limits(score, facts, received_at):
        if seconds < left:
            reasons.append(Reason(code, text, seconds - left))
            left = seconds
    return Priority(received_at + timedelta(seconds=left), tuple(reasons), allowances.policy)


def _start(score: Score, allowances: Allowances) -> tuple[float, list[Reason]]:
    """Returns the place on the scale of levels and the reasons that lead there."""
    if score.abstained:
        why = ", ".join(score.abstain_reasons)
        return 5.0, [Reason("abstained", f"not scored ({why}): a person looks first", allowances.soonest)]
    place = _place(score.urgency, allowances.reach)
    level = int(place)
    text = f"urgency {URGENCY_LEVELS[level]} or more ({sum(score.urgency.probabilities[level:]):.0%} likely)"
    reasons = [Reason("urgency", text if level else "urgency none", _allowance(place, allowances))]
    names = {s.name for s in score.signals}
    if names & SAFETY:
        likely = names & DANGER or sum(score.urgency.probabilities[2:]) >= 0.5
        raised = max(place, 4.0 if likely else 3.0)
        if raised > place:
            seconds = _allowance(raised, allowances) - reasons[0].seconds
            reasons.append(Reason("safety", "words about somebody's safety", seconds))
            place = raised
    return place, reasons


def _place(urgency: Ordinal, reach: float) -> float:
    """Returns 0-4: the highest level reached, or the expected one. Both grow under stochastic dominance."""
    p = urgency.probabilities
    reached = max(level for level in range(5) if level == 0 or sum(p[level:]) >= reach)
    return min(4.0, max(float(reached), urgency.score * 4))


def _allowance(place: float, allowances: Allowances) -> int:
    """Returns whole seconds at a place on the scale; between two levels it is their weighted geometric mean."""
    scale = (*allowances.levels, allowances.soonest)
    lower = min(4, int(place))
    part = place - lower
    return round(math.exp((1 - part) * math.log(scale[lower]) + part * math.log(scale[lower + 1])))


def _shifts(score: Score, facts: Facts, received_at: datetime, allowances: Allowances) -> list[tuple[str, str, float]]:
    """Returns (code, text, levels) of every fact that hurries."""
    names = {s.name for s in score.signals}
    found: list[tuple[str, str, float]] = []
    if by := allowances.frustration * score.frustration.score:
        found.append(("frustration", f"frustration {_likely(score.frustration)}", by))
    if facts.promised_at and facts.promised_at <= received_at:
        found.append(("broken_promise", f"promised for {facts.promised_at:%Y-%m-%d}", allowances.broken_promise))
    elif "broken_promise" in names:
        found.append(("broken_promise", "says that a promise was not kept", allowances.broken_promise))
    found += [(name, text, allowances.exposed) for name, text in EXPOSED.items() if name in names]
    contacts = max(facts.contacts_last_week, int("repeat_contact" in names))
    if contacts > 0:
        found.append(
            (
                "repeated",
                f"{contacts} earlier contact{'s' if contacts > 1 else ''} this week",
                allowances.contact * min(contacts, 3),
            )
            if facts.contacts_last_week > 0
            else ("repeated", "says that this is not the first contact", allowances.contact)
        )
    if facts.tier != "standard":
        found.append(("tier", f"tier {facts.tier}", allowances.tier))
    if facts.prior_failure:
        found.append(("prior_failure", "we failed this customer before", allowances.prior_failure))
    if names & THREATS:
        found.append(("threat", "says they will leave, complain officially or go public", allowances.threat))
    if facts.amount and facts.amount > 0:
        by = allowances.amount * min(1.0, math.log10(1 + facts.amount) / 4)
        found.append(("amount", f"{facts.amount:,.2f} at stake", by))
    return found


def _likely(ordinal: Ordinal) -> str:
    """Returns e.g. `mild or more (48% likely)`: the likeliest level that is one, and how sure it is reached."""
    level = max(1, ordinal.index)
    return f"{ordinal.names[level]} or more ({sum(ordinal.probabilities[level:]):.0%} likely)"


def _limits(score: Score, facts: Facts, received_at: datetime) -> list[tuple[str, str, int]]:
    """Returns (code, text, seconds left) of what must not be missed, never below 0.

    A deadline that had passed when the message came is no deadline any more; an SLA that had passed is due at once.
    """
    found = []
    deadline = score.deadline
    if deadline and deadline > received_at:
        left = (deadline - received_at).total_seconds()
        margin = min(2 * HOUR, left / 4)  # time to act in, not only to answer
        found.append(("deadline", f"the customer's deadline {deadline:%Y-%m-%d %H:%M} UTC", int(left - margin)))
    if facts.sla_due:
        left = max(0.0, (facts.sla_due - received_at).total_seconds())
        margin = min(HOUR / 2, left / 10)
        found.append(("sla", f"first reply owed by {facts.sla_due:%Y-%m-%d %H:%M} UTC", int(left - margin)))
    return found


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a conversation stands: the worst customer message since our last reply.

    `lowered` says why it stands lower than that message, or None: `praise`, `withdrawn`, `acknowledged`.
    """

    priority: Priority
    message_id: str
    lowered: str | None = None

    @property
    def act_by(self) -> datetime:
        return self.priority.act_by


def stand(
    previous: Standing | None,
    priority: Priority,
    score: Score,
    text: str,
    received_at: datetime,
    message_id: str,
    *,
    machine: bool = False,
    allowances: Allowances = DEFAULT,
) -> Standing | None:
    """Returns where the conversation stands after one more customer message.

    `previous` is None where nobody has waited since our last reply. Automatic mail changes nothing, nor does "ok" or a
    thumb where somebody waits already. Praise, and words that take the matter back, put it at the end of the
    allowances, unless a deadline or an SLA still holds.
    """
    if machine:
        return previous
    if lowered := _lowers(score, text):
        return Standing(_lower(priority, received_at, lowered, allowances), message_id, lowered)
    acknowledged = len(text) < 200 and bool(_ACKNOWLEDGED.fullmatch(text))
    if previous and (acknowledged or previous.act_by <= priority.act_by):
        return previous
    if acknowledged:
        return Standing(_lower(priority, received_at, "acknowledged", allowances), message_id, "acknowledged")
    return Standing(priority, message_id)


def _lower(priority: Priority, received_at: datetime, why: str, allowances: Allowances) -> Priority:
    if any(r.code in ("deadline", "sla") for r in priority.reasons):
        return priority
    seconds = allowances.levels[0]
    reason = Reason(why, _LOWERED[why], seconds)
    return Priority(received_at + timedelta(seconds=seconds), (reason,), priority.policy)


_LOWERED = {
    "praise": "thanks, nothing left to solve",
    "withdrawn": "the customer says it is settled",
    "acknowledged": "only says that it was read",
}
_ACKNOWLEDGED = re.compile(
    r"(?:(?:ok(?:ay)?|k|thx|thanks?(?: you)?(?: so much| very much| a lot)?|ty|cheers|great|perfect|will do"
    r"|noted|understood"
    r"|got it|alright|cool|bye|danke|merci|gracias)\b|[👍👌🙏❤💕😊🙂😀🎉💯🏻🏼🏽🏾🏿\ufe0f\s.,!)(:-])+",
    re.IGNORECASE,
)
"""Says nothing of the matter: it neither raises nor lowers who already waits."""


_WITHDRAWN = re.compile(
    r"\bnever ?mind\b|\b(?:found|received|i got|just got|finally got|[’\']ve got) it\b|\bit(?:'s| is| has"
    r"| just)* (?:now )?(?:arrived|here now"
    r"|turned up|come)\b"
    r"|\b(?:all |now |been |is |'s |it )(?:sorted|solved|resolved|fixed|settled)\b|\b(?:sorted|solved|resolved"
    r"|fixed) (?:now|it|itself)\b"
    r"|\b(?:working|works|fine|all good|good) (?:again|now)\b|\ball good\b|\bno longer (?:needed|an issue"
    r"|a problem|necessary)\b"
    r"|\b(?:please )?(?:ignore|disregard) (?:my|the|this) (?:(?:previous|last|earlier|above|other) )?(?:e-?mail"
    r"|message|request|ticket|complaint|note)?"
    r"|\byou can close\b|\bplease close (?:this|the|my) (?:ticket|case|request)\b|\bproblem solved\b",
    re.IGNORECASE,
)
_NOT_WITHDRAWN = re.compile(
    r"\?|\b(?:not|never(?! ?mind)|n't|cannot|still|but|until|unless|when|once|if|although|except|however"
    r"|broken|damaged|smashed|wrong|empty|open(?:ed)?|back again|cancel\w*|refund\w*|instead|useless|idiots?"
    r"|joke|lawyer|said|told|claim(?:s|ed)?|supposedly|was (?:supposed|meant)"
    r"|want(?:ed)? (?:it|this)|get (?:it|this))\b|n['’]t\b",
    re.IGNORECASE,
)
_WITHDRAWAL_WORDS = 40  # longer messages say more than "never mind"


def _lowers(score: Score, text: str) -> str | None:
    """Returns `praise`, `withdrawn` or None."""
    if any(s.name in SAFETY | EXPOSED.keys() for s in score.signals):
        return None
    if not score.abstained and (score.urgency.score * 4 >= 1.5 or score.frustration.score * 4 >= 1.5):
        return None
    if score.known_failure == "praise" and score.frustration.index == 0 and score.urgency.index == 0:
        return "praise"
    short = len(text) < 400 and len(text.split()) <= _WITHDRAWAL_WORDS
    return "withdrawn" if short and _WITHDRAWN.search(text) and not _NOT_WITHDRAWN.search(text) else None


def overdue(act_by: datetime, now: datetime) -> timedelta:
    """Returns by how much we are late; zero while there is time."""
    return max(now - act_by, timedelta(0))


def rank(act_by: datetime, now: datetime) -> int:
    """Returns 0-100: 100 once act_by has passed, 0 a week or more before it, logarithmic in between; for people."""
    left = (act_by - now).total_seconds()
    if left <= 0:
        return 100
    unit = DEFAULT.levels[4]
    return max(0, round(99 * (1 - math.log1p(left / unit) / math.log1p(DEFAULT.levels[0] / unit))))
