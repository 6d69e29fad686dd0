"""Tickets of the past, served again in another order: who would have come up sooner, and at whose cost.

The same arrivals meet the same capacity: every recorded first reply is one slot in which one waiting ticket is served.
Only the order differs: ours (act_by), first in first out, and the tickets' own priority. Where a file records no
replies, slots come at a steady assumed rate. As one slot always serves one of those waiting, each order serves equally
many by every moment: what one ticket gains, others lose, and the report shows both.

"Urgent" is what the model says, not what a person found: check some of it before you rely on the figures.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from statistics import quantiles
from typing import TYPE_CHECKING, Any

from triage.cases.importing import Rejected, Row
from triage.errors import Invalid
from triage.messages.values import MAX_TEXT, Incoming
from triage.priority import DEFAULT, Allowances, Facts, Priority, prioritise
from triage.protocols import Scorer
from triage.scoring.score import score_all
from triage.scoring.values import Score

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

BATCH = 64
WEEK = timedelta(days=7)
SPARE = 1.1
"""Assumed slots for each arrival where no replies are recorded: a little more than enough, so that queues do clear."""
_WORDS = {
    4: "urgent critical emergency highest immediate blocker p1 p0 sev1 1-critical very-high",
    3: "high major p2 sev2 important 2-high",
    2: "normal medium moderate default p3 sev3 standard 3-normal",
    1: "low minor p4 p5 sev4 lowest trivial 4-low",
}
_LEVELS = {word: level for level, words in _WORDS.items() for word in words.split()}


@dataclass(frozen=True, slots=True)
class Ticket:
    """One ticket as the file tells it; `own` is its priority there, higher sooner."""

    id: str
    text: str
    created_at: datetime
    first_reply_at: datetime | None = None
    own: float | None = None
    priority: str | None = None
    language: str | None = None
    tier: str = "standard"
    amount: float | None = None
    customer: str | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """A ticket with its score and its place in time."""

    ticket: Ticket
    score: Score
    priority: Priority

    @property
    def allowance(self) -> float:
        """Seconds from arrival to act_by."""
        return (self.priority.act_by - self.ticket.created_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Waits:
    """Waiting of a group of tickets under one order, in seconds; who was never served counts up to the end."""

    tickets: int
    p50: float
    p90: float
    longest: float
    late: int
    """How many waited past their act_by."""
    unserved: int

    def line(self) -> dict[str, Any]:
        return {
            "tickets": self.tickets,
            "p50_seconds": round(self.p50),
            "p90_seconds": round(self.p90),
            "longest_seconds": round(self.longest),
            "late": self.late,
            "unserved": self.unserved,
        }


@dataclass(frozen=True, slots=True)
class Sooner:
    """An urgent ticket that our order serves sooner than `than` does."""

    id: str
    excerpt: str
    urgency: str
    frustration: str
    priority: str | None
    wait: float
    wait_before: float

    def line(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "excerpt": self.excerpt,
            "urgency": self.urgency,
            "frustration": self.frustration,
            "priority": self.priority,
            "wait_seconds": round(self.wait),
            "wait_before_seconds": round(self.wait_before),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What a replay found; times in seconds, orders by name: `amends`, `fifo`, `own`, `recorded`."""

    tickets: int
    days: float
    urgent: int
    alarms: int
    """Tickets to act on at once."""
    abstained: int
    capacity: str
    urgent_waits: dict[str, Waits]
    other_waits: dict[str, Waits]
    compared_with: str
    sooner: tuple[Sooner, ...]
    rejected: tuple[Rejected, ...] = field(default=())

    def line(self) -> dict[str, Any]:
        """Returns the report ready for JSON."""
        return {
            "tickets": self.tickets,
            "days": round(self.days, 2),
            "urgent": self.urgent,
            "urgent_per_day": round(self.urgent / self.days, 2),
            "alarms": self.alarms,
            "alarms_per_day": round(self.alarms / self.days, 2),
            "abstained": self.abstained,
            "capacity": self.capacity,
            "urgent_waits": {name: w.line() for name, w in self.urgent_waits.items()},
            "other_waits": {name: w.line() for name, w in self.other_waits.items()},
            "compared_with": self.compared_with,
            "sooner": [s.line() for s in self.sooner],
            "rejected": [{"line": r.line, "reason": r.reason} for r in self.rejected],
        }


# --- reading ---


def read_tickets(rows: Iterable[Row], *, one_is_highest: bool = False) -> tuple[list[Ticket], list[Rejected]]:
    """Returns the tickets of `text, created_at, first_reply_at?, priority?, language?, id?, tier?, amount?, customer?`.

    A priority is a usual word (`urgent`, `P2`) or a number: the higher the sooner, unless `one_is_highest`.
    """
    tickets, rejected = [], []
    for line, row in rows:
        if isinstance(row, Rejected):
            rejected.append(row)
            continue
        try:
            tickets.append(_ticket(line, row, one_is_highest))
        except Invalid as error:
            rejected.append(Rejected(line, error.detail))
    return tickets, rejected


def _ticket(line: int, row: Mapping[str, Any], one_is_highest: bool) -> Ticket:
    text = str(row.get("text") or "").strip()
    created_at = _time(row, "created_at")
    if not text or created_at is None:
        raise Invalid("text and created_at are needed")
    replied = _time(row, "first_reply_at")
    if replied and replied < created_at:
        raise Invalid("first_reply_at lies before created_at")
    priority = str(row["priority"]).strip() if row.get("priority") not in (None, "") else None
    return Ticket(
        id=str(row.get("id") or line),
        text=text[:MAX_TEXT],
        created_at=created_at,
        first_reply_at=replied,
        own=_own(priority, one_is_highest),
        priority=priority,
        language=str(row["language"]) if row.get("language") else None,
        tier=str(row.get("tier") or "standard"),
        amount=_amount(row.get("amount")),
        customer=str(row["customer"]) if row.get("customer") else None,
    )


def _time(row: Mapping[str, Any], name: str) -> datetime | None:
    value = row.get(name)
    if value in (None, ""):
        return None
    try:
        found = datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise Invalid(f"{name} is no ISO 8601 time") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _own(priority: str | None, one_is_highest: bool) -> float | None:
    if priority is None:
        return None
    try:
        number = float(priority)
    except ValueError:
        return float(_LEVELS.get(priority.lower().replace(" ", "-"), 2))
    return -number if one_is_highest else number


def _amount(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


# --- placing and serving ---


def place(
    tickets: Sequence[Ticket],
    scorer: Scorer,
    allowances: Allowances = DEFAULT,
    advance: Callable[[int], None] = lambda done: None,
) -> list[Placed]:
    """Returns each ticket with its score and act_by; contacts of the week before count where `customer` is given."""
    placed: list[Placed] = []
    contacts = _contacts(tickets)
    for start in range(0, len(tickets), BATCH):
        batch = tickets[start : start + BATCH]
        incoming = [Incoming(t.text, account_language=t.language, sent_at=t.created_at) for t in batch]
        for ticket, score in zip(batch, score_all(incoming, scorer), strict=True):
            facts = Facts(tier=ticket.tier, amount=ticket.amount, contacts_last_week=contacts.get(ticket.id, 0))
            placed.append(Placed(ticket, score, prioritise(score, facts, ticket.created_at, allowances)))
        advance(len(placed))
    return placed


def _contacts(tickets: Sequence[Ticket]) -> dict[str, int]:
    """Counts, by ticket, those of the same customer in the seven days before it."""
    by_customer: dict[str, list[Ticket]] = {}
    for ticket in sorted(tickets, key=lambda t: t.created_at):
        if ticket.customer:
            by_customer.setdefault(ticket.customer, []).append(ticket)
    found = {}
    for own in by_customer.values():
        first = 0
        for i, ticket in enumerate(own):
            while ticket.created_at - own[first].created_at > WEEK:
                first += 1
            found[ticket.id] = i - first
    return found


def serve(arrivals: Sequence[datetime], keys: Sequence[Any], slots: Iterable[datetime]) -> list[datetime | None]:
    """Returns when each ticket is served if every slot serves the waiting ticket with the smallest key.

    Ties go to the earlier arrival, then to the earlier in the list. A slot without anybody waiting passes unused; None
    is who was not served. Slots come in order of time and may be endless.
    """
    order = sorted(range(len(arrivals)), key=lambda i: (arrivals[i], i))
    served: list[datetime | None] = [None] * len(arrivals)
    waiting: list[tuple[Any, datetime, int]] = []
    arrived = left = 0
    for slot in slots:
        while arrived < len(order) and arrivals[order[arrived]] <= slot:
            i = order[arrived]
            heapq.heappush(waiting, (keys[i], arrivals[i], i))
            arrived += 1
        if waiting:
            served[heapq.heappop(waiting)[2]] = slot
            left += 1
        if left == len(arrivals):
            break
    return served


def find_slots(tickets: Sequence[Ticket], per_hour: float | None = None) -> tuple[Iterator[datetime], str]:
    """Returns the moments at which one ticket can be served, and where they come from in words."""
    replies = sorted(t.first_reply_at for t in tickets if t.first_reply_at)
    if replies and per_hour is None:
        return iter(replies), f"{len(replies):,} recorded first replies, one ticket each"
    first = min(t.created_at for t in tickets)
    hours = max((max(t.created_at for t in tickets) - first).total_seconds() / 3600, 1.0)
    assumed = per_hour or SPARE * len(tickets) / hours
    gap = timedelta(hours=1 / assumed)
    words = f"assumed: {assumed:.3g} first replies an hour, day and night"
    return (first + gap * k for k in count(1)), words


def replay(
    placed: Sequence[Placed],
    per_hour: float | None = None,
    *,
    allowances: Allowances = DEFAULT,
    most: int = 20,
    rejected: Sequence[Rejected] = (),
) -> Report:
    """Returns what our order would have changed; `most` is how many tickets that come up sooner are listed."""
    if not placed:
        raise Invalid("There is no ticket that can be read.")
    tickets = [p.ticket for p in placed]
    arrivals = [t.created_at for t in tickets]
    orders: dict[str, list[Any]] = {"amends": [p.priority.act_by for p in placed], "fifo": [0] * len(placed)}
    if any(t.own is not None for t in tickets):
        orders["own"] = [-t.own if t.own is not None else 0.0 for t in tickets]
    served: dict[str, list[datetime | None]] = {}
    for name, keys in orders.items():
        slots, capacity = find_slots(tickets, per_hour)
        served[name] = serve(arrivals, keys, slots)
    if per_hour is None and any(t.first_reply_at for t in tickets):
        served["recorded"] = [t.first_reply_at for t in tickets]
    end = max((s for times in served.values() for s in times if s), default=max(arrivals))
    end = max(end, max(arrivals))
    urgent = [is_urgent(p, allowances) for p in placed]
    compared_with = next(name for name in ("recorded", "own", "fifo") if name in served)
    return Report(
        tickets=len(placed),
        days=max((max(arrivals) - min(arrivals)).total_seconds() / 86_400, 1.0),
        urgent=sum(urgent),
        alarms=sum(u and p.allowance <= allowances.levels[4] for u, p in zip(urgent, placed, strict=True)),
        abstained=sum(p.score.abstained for p in placed),
        capacity=capacity,
        urgent_waits={name: _waits(placed, times, urgent, True, end) for name, times in served.items()},
        other_waits={name: _waits(placed, times, urgent, False, end) for name, times in served.items()},
        compared_with=compared_with,
        sooner=tuple(islice(_sooner(placed, urgent, served["amends"], served[compared_with], end), most)),
        rejected=tuple(rejected),
    )


def is_urgent(placed: Placed, allowances: Allowances = DEFAULT) -> bool:
    """Whether a ticket that the model reads ought to be acted on within the allowance of `high`."""
    return not placed.score.abstained and placed.allowance <= allowances.levels[3]


def _wait(placed: Placed, served: datetime | None, end: datetime) -> float:
    return ((served or end) - placed.ticket.created_at).total_seconds()


def _waits(
    placed: Sequence[Placed], times: Sequence[datetime | None], urgent: Sequence[bool], which: bool, end: datetime
) -> Waits:
    group = [(p, t) for p, t, u in zip(placed, times, urgent, strict=True) if u is which]
    waits = sorted(_wait(p, t, end) for p, t in group)
    if not waits:
        return Waits(0, 0.0, 0.0, 0.0, 0, 0)
    deciles = quantiles(waits, n=10, method="inclusive") if len(waits) > 1 else waits * 9
    late = sum((t or end) > p.priority.act_by for p, t in group)
    return Waits(len(waits), deciles[4], deciles[8], waits[-1], late, sum(t is None for _, t in group))


def _sooner(
    placed: Sequence[Placed],
    urgent: Sequence[bool],
    ours: Sequence[datetime | None],
    before: Sequence[datetime | None],
    end: datetime,
) -> Iterator[Sooner]:
    """Yields urgent tickets that come up sooner, the greatest gain first."""
    gains = []
    for i, p in enumerate(placed):
        wait, wait_before = _wait(p, ours[i], end), _wait(p, before[i], end)
        if urgent[i] and wait < wait_before:
            gains.append((wait - wait_before, i, wait, wait_before))
    for _, i, wait, wait_before in sorted(gains):
        ticket, score = placed[i].ticket, placed[i].score
        excerpt = " ".join(ticket.text.split())[:80]
        yield Sooner(
            ticket.id, excerpt, score.urgency.level, score.frustration.level, ticket.priority, wait, wait_before
        )


# --- showing ---

_NAMES = {"amends": "Amends", "fifo": "first in first out", "own": "their priority", "recorded": "as it was"}


def show(report: Report) -> "RenderableType":
    """Returns the report for a terminal."""
    from rich.console import Group
    from rich.markup import escape

    waits = _table("", "", "half under", "9 in 10 under", "longest", "past act_by", "never served")
    for title, groups in (("urgent", report.urgent_waits), ("the others", report.other_waits)):
        for i, (name, w) in enumerate(groups.items()):
            figures = (_span(w.p50), _span(w.p90), _span(w.longest), f"{w.late:,} of {w.tickets:,}", f"{w.unserved:,}")
            waits.add_row("" if i else title, _NAMES[name], *figures)
    sooner = _table("ticket    ", "urgency ", "frustration", "theirs", "waited", "would wait", "begins")
    for s in report.sooner:
        words = (s.id, s.urgency, s.frustration, s.priority or "", _span(s.wait_before), _span(s.wait), s.excerpt)
        sooner.add_row(*map(escape, words))
    head = (
        f"{report.tickets:,} tickets in {report.days:.1f} days; {report.urgent:,} urgent as scored "
        f"({report.urgent / report.days:.1f} a day), {report.alarms:,} to act on at once "
        f"({report.alarms / report.days:.1f} a day); {report.abstained:,} not scored\nCapacity: {report.capacity}\n"
    )
    parts: list[RenderableType] = [head, waits]
    if report.sooner:
        parts += [f"\nUrgent tickets that come up sooner ({_NAMES[report.compared_with]} beside ours):", sooner]
    if report.rejected:
        parts.append(f"\n{len(report.rejected)} rows were not read; the first: line {report.rejected[0].line}, ")
        parts.append(escape(report.rejected[0].reason))
    return Group(*parts)


def _table(*names: str) -> "Table":
    from rich.table import Table

    table = Table(box=None)
    for name in names:
        table.add_column(name, no_wrap=True, overflow="ellipsis", min_width=len(name))
    return table


def _span(seconds: float) -> str:
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 2 * 86_400 else f"{seconds / 86_400:.1f} d"
