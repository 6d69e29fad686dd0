"""Personal data in texts: found by pattern and by what is known of the customer, replaced for engines, cases, logs."""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import phonenumbers
from stdnum import iban, luhn

Kind = Literal["person", "email", "phone", "card", "iban", "ip", "order"]


@dataclass(frozen=True, slots=True)
class KnownFields:
    """What the store knows of a customer: it is found word for word, whatever it looks like."""

    names: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    order_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """Code points [start, end) that are personal data."""

    start: int
    end: int
    kind: Kind


def find(text: str, known: KnownFields | None = None, region: str | None = None) -> list[Found]:
    """Returns personal data in order of place, without overlaps; of two that overlap the longer one counts.

    What is personal in one place is so wherever it stands again, whatever words are around it there.

    `region` (ISO 3166, as `GB`) says how national phone numbers are written; without it those of nine large countries
    are known, but a bare row of digits counts only after words such as "call me on".
    """
    found = [*_emails(text), *_known(text, known or KnownFields())]
    if sum(c.isdigit() for c in text) >= 4:
        found += [*_ibans(text), *_cards(text), *_addresses(text)]
        found += _phones(_blanked(text, _without_overlaps(found)), region)
    found = _without_overlaps(found)
    return _without_overlaps([*found, *_again(text, found)])


def _blanked(text: str, found: list[Found]) -> str:
    """Returns `text` as long as before: a number beside another one that is known is no part of it."""
    for f in found:
        text = f"{text[: f.start]}{'·' * (f.end - f.start)}{text[f.end :]}"
    return text


def _again(text: str, found: list[Found]) -> Iterator[Found]:
    for words, kind in {text[f.start : f.end]: f.kind for f in found if f.end - f.start > _TELLING}.items():
        yield from (Found(m.start(), m.end(), kind) for m in re.finditer(re.escape(words), text))


_TELLING = 8  # code points: shorter ones may stand elsewhere by chance


def _without_overlaps(found: list[Found]) -> list[Found]:
    kept: list[Found] = []
    taken = bytearray(max((f.end for f in found), default=0))
    for f in sorted(found, key=lambda f: (f.start - f.end, f.start)):  # the longest first
        if taken.find(1, f.start, f.end) < 0:
            taken[f.start : f.end] = b"\1" * (f.end - f.start)
            kept.append(f)
    return sorted(kept, key=lambda f: f.start)


# --- patterns ---

_EMAIL = re.compile(r"(?<![\w.+-])[\w.%+'-]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,6}[^\W\d_]{2,24}\b")
_SPELT_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64} ?(?:\(at\)|\[at\]|\{at\}| at ) ?(?:[\w-]{1,63} ?(?:\(dot\)|\[dot\]|\{dot\}"
    r"| dot |\.) ?){1,3}"
    r"(?:com|org|net|edu|gov|io|co|uk|de|fr|es|it|nl|eu|info|in|au|ca)\b",
    re.IGNORECASE,
)
_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){11,18}(?![\w-]|\.\d)")
_BRANDS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|(?:222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|3[47]\d{13}"
    r"|(?:6011|65\d\d|64[4-9]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}"
    r"|(?:5018|5020|5038|58\d\d|6304|6759|676[1-3])\d{8,15}"
)
"""Lengths and first digits of Visa, Mastercard, American Express, Discover, Diners, JCB, UnionPay and Maestro; by the
check digit alone, one in ten order numbers would pass."""
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}")
_IP4 = re.compile(r"(?<![\w.])(?<!\bv)(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
_IP6 = re.compile(r"(?<![\w:])[0-9A-Fa-f:]{6,39}(?![\w:])")
_VERSION = re.compile(r"\b(?:v|version|firmware|release|build|update|ios|android|app)\.? ?$", re.IGNORECASE)
_PHONE = re.compile(r"(?<![\w.,#:/$€£-])(?:\+|00)?\(?\d(?:[ ()./\u00a0-]{0,3}\d){6,16}(?![\w]|[.,:/-]\d|\s?[%€£$])")
_DATE = re.compile(
    r"\d{1,4}([./-])\d{1,2}\1\d{2,4}|\d{1,2}[./-]\d{4}|(?:19|20)\d\d ?[-–/] ?(?:19|20)?\d\d|(?:19|20)\d{6}"
)
_DATE_FIRST = re.compile(rf"(?:{_DATE.pattern})[ ,]+(?=[\d(+])")
_DIGIT_BEFORE = re.compile(r"\d[ ()./-]{1,3}$")
_CALLED = re.compile(
    r"(?:\b(?:call|calling|called|phone|telephone|tel|mobile|mob|cell|fax|whatsapp|text|ring|reach|dial|sms"
    r"|handy|telefon|rückruf|anrufen|erreich\w*"
    r"|téléphone|portable|appele\w*|teléfono|móvil|llam\w*|telefono|cellulare|telefone|celular"
    r"|telefoon)\b[^\d\n]{0,40}"
    r"|\b(?:my|contact|call-?back|phone) (?:number|no\.?|nr\.?|#)(?: is| are|:)? ?)$",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    r"(?:\b(?:order|flight|ref|reference|ticket|booking|confirmation|tracking|invoice|account|case|claim"
    r"|record locator|pnr|customer|policy|contract|parcel"
    r"|shipment|consignment|serial|imei|model|article|item|sku|receipt|transaction|complaint|membership|meter"
    r"|vin|isbn|ean|upc|id|no|nr|amount|number"
    r"|bestell\w*|auftrag\w*|rechnung\w*|kunden\w*|sendung\w*|vorgang\w*|commande|facture|dossier|pedido"
    r"|factura|ordine|fattura)\b[^\d\n]{0,14}|[#№$€£]\s?)$",
    re.IGNORECASE,
)
_NORTH_AMERICA = re.compile(r"(?:\+?1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}")
"""However written: 555 numbers are never valid."""
_REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "IN", "AU")


def _emails(text: str) -> Iterator[Found]:
    if "@" in text:
        yield from (Found(m.start(), m.end(), "email") for m in _EMAIL.finditer(text))
    if re.search(r"\bat\b", text) and re.search(r"\bdot\b|\[|\(|\{", text):
        yield from (Found(m.start(), m.end(), "email") for m in _SPELT_EMAIL.finditer(text) if _is_spelt(m[0]))


def _is_spelt(words: str) -> bool:
    """`wait at terminal dot com` is spelt; `arrive at example.com` is not an address."""
    return bool(re.search(r"[(\[{]at[)\]}]| dot |[(\[{]dot[)\]}]", words, re.IGNORECASE))


def _cards(text: str) -> Iterator[Found]:
    return _scan(text, _CARD, 12, "card", lambda words: _is_card(re.sub(r"[ -]", "", words)))


def _is_card(digits: str) -> bool:
    return bool(_BRANDS.fullmatch(digits)) and luhn.is_valid(digits)


def _ibans(text: str) -> Iterator[Found]:
    return _scan(text, _IBAN, 15, "iban", lambda words: iban.is_valid(words, check_country=False))


def _scan(
    text: str, pattern: re.Pattern[str], least: int, kind: Kind, accept: Callable[[str], bool]
) -> Iterator[Found]:
    at = 0
    while m := pattern.search(text, at):
        at = m.end()
        for words in _shorter(m[0], least):  # what follows may be a word and no part of it
            if accept(words):
                at = m.start() + len(words)
                yield Found(m.start(), at, kind)
                break


def _shorter(words: str, least: int) -> Iterator[str]:
    """Yields `words`, then without their last group, and so on, while `least` letters or digits are left."""
    while sum(map(str.isalnum, words)) >= least:
        yield words
        shorter = re.sub(r"[\W_]+\w+\)?$", "", words)
        if shorter == words:
            return
        words = shorter


def _addresses(text: str) -> Iterator[Found]:
    candidates = [*_IP4.finditer(text)]
    if text.count(":") > 1:
        candidates += [m for m in _IP6.finditer(text) if m[0].count(":") > 1]
    for m in candidates:
        try:
            ipaddress.ip_address(m[0])
        except ValueError:
            continue
        if not _VERSION.search(text[max(0, m.start() - 12) : m.start()]):
            yield Found(m.start(), m.end(), "ip")


def _phones(text: str, region: str | None) -> Iterator[Found]:
    at = last = 0
    while m := _PHONE.search(text, at):
        before = text[max(0, m.start() - 60) : m.start()]
        at = m.end()
        if date := _DATE_FIRST.match(m[0]) or _DATE.fullmatch(m[0]):
            at = last = m.start() + date.end()
        elif (
            m.start() <= last + 2 or m[0][0] in "+(" or not _DIGIT_BEFORE.search(before)
        ):  # not in the middle of a longer number
            called = bool(_CALLED.search(before))
            numbered = not called and bool(_NUMBERED.search(before))
            for words in _shorter(m[0], 7):  # two numbers may stand side by side
                if _is_phone(words, region, called=called, numbered=numbered):
                    at = last = m.start() + len(words)
                    yield Found(m.start(), at, "phone")
                    break


def _is_phone(words: str, region: str | None, *, called: bool, numbered: bool) -> bool:
    """`called` and `numbered`: after words such as "call me on", or "order no."."""
    if _DATE.fullmatch(words) or (numbered and not words.startswith("+")):
        return False
    local = (not words.isdigit() and _looks_grouped(words)) or (region is not None and words.startswith("0"))
    if not (called or local or words.startswith(("+", "00"))):
        return False
    return bool(_NORTH_AMERICA.fullmatch(words)) or any(
        _is_number(words, r, strict=not called) for r in ((region,) if region else _REGIONS)
    )


def _looks_grouped(words: str) -> bool:
    """Groups as in `(212) 555-0142`, `020 7946 0958`, `06 12 34 56 78`, not `12 000 000` or `4 2 7 1 8 3 9`."""
    groups = re.findall(r"\d+", words)
    digits = sum(map(len, groups))
    return 9 <= digits <= 13 and (words[0] in "0(" or [len(g) for g in groups] in ([3, 3, 4], [1, 3, 3, 4]))


def _is_number(words: str, region: str, *, strict: bool) -> bool:
    try:
        number = phonenumbers.parse(words, region)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(number) if strict else phonenumbers.is_possible_number(number)


# --- what we know of the customer ---

_COMMON_WORDS = frozenset(
    "will may mark bill grace hope rose faith art rich frank summer joy dawn april june august pat sue jack rob drew"
    " chase mercy angel star king young long short white black brown green gray grey price love best more day page"
    " case bank bond cook baker field fields park parks rice stone wood woods hall hill may an my do so the can".split()
)
_PARTICLES = frozenset(
    "de da del der den di du la le van von zu al el bin ibn mc st mr mrs ms miss dr prof sir".split()
)


def _known(text: str, known: KnownFields) -> Iterator[Found]:
    for pattern, kind in _patterns(known):
        yield from (Found(m.start(), m.end(), kind) for m in pattern.finditer(text))


@cache
def _patterns(known: KnownFields) -> tuple[tuple[re.Pattern[str], Kind], ...]:
    """One pattern for each kind of known field; longer values first, so that full names win over their parts."""
    patterns: list[tuple[re.Pattern[str], Kind]] = []
    full = [name.strip() for name in known.names if len(name.strip()) > 1]
    parts = [part.strip(".,") for name in full for part in re.split(r"[\s\-]+", name)]
    parts = [part for part in parts if len(part) > 1 and part.casefold() not in _PARTICLES]
    exact = [part for part in parts if part.casefold() in _COMMON_WORDS]
    if words := [*full, *(part for part in parts if part.casefold() not in _COMMON_WORDS)]:
        patterns.append((_any_of(words), "person"))
    if exact:
        patterns.append((_any_of([*exact, *(p.upper() for p in exact)], re.NOFLAG), "person"))
    if known.emails:
        patterns.append((_any_of(known.emails), "email"))
    if known.order_ids:
        patterns.append((_any_of(known.order_ids), "order"))
    digits = [re.sub(r"\D", "", phone) for phone in known.phones]
    if spaced := [_SEPARATORS.join(d[-9:]) for d in digits if len(d) >= 6]:
        prefix = r"(?:\+?\d{1,4}[ ()./-]{0,3})?(?:\(?0\)?[ ()./-]{0,3})?\(?"
        patterns.append((re.compile(rf"(?<!\d){prefix}(?:{'|'.join(spaced)})(?!\d)"), "phone"))
    return tuple(patterns)


_SEPARATORS = r"[ ()./-]{0,3}"


def _any_of(values: Iterable[str], flags: re.RegexFlag = re.IGNORECASE) -> re.Pattern[str]:
    escaped = [re.escape(v).replace(r"\ ", r"\s+") for v in sorted(filter(None, values), key=len, reverse=True)]
    return re.compile(rf"(?<!\w)(?:{'|'.join(escaped)})(?!\w)", flags)


# --- replacing ---

_PLACEHOLDER = re.compile(r"<\s*(person|email|phone|card|iban|ip|order|text)[_ ](\d{1,6})\s*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Which placeholder stands for which words; hand it on, and the same words get the same placeholder again."""

    words: Mapping[str, str] = field(default_factory=dict)
    """By placeholder, as `<PERSON_1>`."""

    def restore(self, text: str) -> str:
        """Returns `text` with every placeholder of ours put back; others stay, as do those that no text had."""
        return _PLACEHOLDER.sub(lambda m: self.words.get(f"<{m[1].upper()}_{int(m[2])}>", m[0]), text)


def pseudonymise(
    text: str, known: KnownFields | None = None, pseudonyms: Pseudonyms | None = None, region: str | None = None
) -> tuple[str, Pseudonyms]:
    """Returns `text` with placeholders for personal data, and what puts it back: `restore` gives exactly `text` again.

    What already looks like a placeholder is hidden behind one of its own (`<TEXT_1>`), so that nobody can write one in.
    """
    words = dict(pseudonyms.words) if pseudonyms else {}
    names = {w: name for name, w in words.items()}
    literal = [(m.start(), m.end(), "text") for m in _PLACEHOLDER.finditer(text)]
    spans = [(f.start, f.end, str(f.kind)) for f in find(text, known, region)]
    spans = [s for s in spans if not any(s[0] < end and start < s[1] for start, end, _ in literal)]
    parts: list[str] = []
    at = 0
    for start, end, kind in sorted([*literal, *spans]):
        original = text[start:end]
        if original not in names:
            number = 1 + sum(name.startswith(f"<{kind.upper()}_") for name in words)
            names[original] = f"<{kind.upper()}_{number}>"
            words[names[original]] = original
        parts += [text[at:start], names[original]]
        at = end
    return "".join([*parts, text[at:]]), Pseudonyms(words)


def redact(text: str, known: KnownFields | None = None, region: str | None = None) -> str:
    """Returns `text` with `<email>`, `<person>` ... in place of personal data: one way, for cases and logs."""
    for _ in range(5):  # what stood beside something longer is seen once that is gone
        found = find(text, known, region)
        if not found:
            break
        text = _masked(text, found)
    return text


def _masked(text: str, found: list[Found]) -> str:
    parts: list[str] = []
    at = 0
    for f in found:
        parts += [text[at : f.start], f"<{f.kind}>"]
        at = f.end
    return "".join([*parts, text[at:]])


# --- logs ---

_WORDS_OF_PEOPLE = frozenset(
    "text html name email subject body phone customer content draft prompt quote note query signature reply summary"
    " problem message messages answer instructions author_name comment words address token key secret password"
    " authorization cookie".split()
)
_LOGGED = 300  # characters of any other string
_EXCEPTION_LINE = re.compile(
    r"((?:[a-z_]\w*\.)+[A-Z]\w*|\w{0,60}(?:Error|Exception|ExceptionGroup|Warning|Interrupt|Exit|Iteration))(?::|$)"
)
_FRAMES = ("Traceback (", "During handling", "The above exception", "  ", "+", "|")


def scrub(logger: Any, method: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: customers' words never reach the log, whoever logs them.

    It stands after exceptions are formatted. Values under keys that hold words of people are replaced by their length;
    other strings are redacted and shortened; of exceptions the kinds and the lines of code stay, but not their
    messages, for these may quote a text.
    """
    for key, value in event_dict.items():
        event_dict[key] = _trace(value) if key == "exception" and isinstance(value, str) else _scrubbed(key, value)
    return event_dict


def _scrubbed(key: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if key.lower() in _WORDS_OF_PEOPLE:
        return f"<{len(value)} characters>" if isinstance(value, str) else "<masked>"
    if isinstance(value, str):
        return redact(value[:_LOGGED])
    if isinstance(value, Mapping):
        return {k: _scrubbed(str(k), v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_scrubbed("", v) for v in value]
    if isinstance(value, BaseException):
        return type(value).__name__
    return value if key in ("exc_info", "_record", "level_number") else redact(str(value)[:_LOGGED])


def _trace(trace: str) -> str:
    lines = []
    for line in trace.splitlines():
        if not line.strip() or line.startswith(_FRAMES):
            lines.append(line)
        elif found := _EXCEPTION_LINE.match(line):
            lines.append(found[1])
    return "\n".join(lines)
