"""Finds the words that the customer wrote just now: quoted history, forwarded mail, signatures and disclaimers are cut.

Cut means marked, not removed: the original stays, and every offset maps back to it. Where in doubt a line is kept,
for a customer's words must never be lost. Own code, because mail-parser-reply 1.36 gives no offsets, takes a list with
hyphens for a signature, and needs 7 s for 4,000 line breaks.

Lines are looked at one by one, and at most `_LOOK` characters of each, so the time grows linearly with the text.
"""

import re
from collections.abc import Iterator

from triage.messages.values import Clean, Cut, CutKind
from triage.scoring.values import Span

_LOOK = 320  # characters of a line that a pattern sees
_WROTE = r"(?:wrote|schrieb|a écrit|escribió|ha scritto|escreveu|schreef|skrev|pisze|napisał|napsal|написал)"
_ATTRIBUTION = re.compile(
    rf"(?:on|am|le|el|il|em|op|den|w dniu|dne|в)\b.{{3,260}}\b{_WROTE}(?:\(a\))?.{{0,120}}:\s*$"
    rf"|.{{1,120}}<[^<>]{{3,120}}>.{{0,60}}\b{_WROTE}\b.{{0,60}}:\s*$"
    rf"|\d{{4}}-\d\d-\d\d \d\d?:\d\d.{{0,120}}<[^<>]{{3,120}}>:\s*$",
    re.IGNORECASE,
)
_ATTRIBUTION_START = re.compile(r"(?:on|am|le|el|il|em|op|den|w dniu|dne|в|\d{4}-)\b|.{1,120}<", re.IGNORECASE)
_DATED = re.compile(r"\d{1,2}[:.h]\d\d|@")
_INLINE_ATTRIBUTION = re.compile(
    r"\b(?:On|Am|Le|El) [^\n<>]{5,140}<[^<>\s]{1,80}@[^<>\s]{1,80}> ?(?:wrote|schrieb|a écrit|escribió) ?:"
)
_ORIGINAL = re.compile(
    r"[\s>*]*[-_]{3,}\s*(?:original message|original appointment|reply message|ursprüngliche nachricht"
    r"|originalnachricht"
    r"|message d.origine|message original|mensaje original|messaggio originale|mensagem original"
    r"|oorspronkelijk bericht|oprindelig meddelelse|ursprungligt meddelande|oryginalna wiadomość)\s*[-_]{3,}\s*$",
    re.IGNORECASE,
)
_ABOVE = re.compile(
    r".{0,12}(?:please )?(?:type|write|reply|enter) (?:your )?(?:reply |response |message )?above (?:this"
    r"|the) line.{0,12}$"
    r"|.{0,8}(?:please )?do not (?:write|reply|type) below this line.{0,12}$"
    r"|.{0,8}bitte (?:antworten|schreiben) sie (?:oberhalb|über) dieser (?:linie|zeile).{0,12}$",
    re.IGNORECASE,
)
_FORWARDED = re.compile(
    r"[\s*]*(?:-{2,}\s*(?:forwarded message|weitergeleitete nachricht|message transféré|mensaje reenviado"
    r"|messaggio inoltrato|mensagem encaminhada|doorgestuurd bericht)\b"
    r"|begin forwarded message:|anfang der weitergeleiteten (?:nachricht|e-mail):|début du message (?:transféré"
    r"|réexpédié)\s?:"
    r"|inicio del mensaje reenviado:)",
    re.IGNORECASE,
)
_FROM = re.compile(r"[\s*]*(?:from|von|de|da|van|från|fra|od)\s?\*?:\*?\s*\S", re.IGNORECASE)
_FIELD = re.compile(
    r"[\s*]*(?:sent|date|to|cc|subject|gesendet|datum|an|kopie|betreff|envoyé|envoyé le|à|objet|enviado"
    r"|enviado el|fecha|para|asunto"
    r"|inviato|data|a|oggetto|assunto|verzonden|aan|onderwerp|skickat|till|ämne|sendt|til|emne)\s?\*?:",
    re.IGNORECASE,
)
_RULE = re.compile(r"\s*[-_=*]{8,}\s*$")
_QUOTE = re.compile(r"\s{0,3}>(?![:;.=_\-][()<DPO_/\\|.]|[.]<|_<)")
_GREATER_THAN = re.compile(r"\s{0,3}>\s?[$€£]?\d")
_DASHES = re.compile(r"\s*(?:--|—|__)\s*$")
_DEVICE = re.compile(
    r"[\s*_]*(?:(?:sent|written|typed)(?: with \w+)? (?:from|via|on|using)|gesendet (?:von|mit)"
    r"|von mein\w+ .{2,30} gesendet|envoyé (?:de|depuis|à partir de)"
    r"|enviado (?:desde|do|de)|inviato da|verzonden (?:vanaf|met|van)|skickat från|sendt fra|wysłane z"
    r"|get outlook for|télécharger outlook|outlook für)\b.{0,40}"
    r"(?:iphone|ipad|android|samsung|galaxy|mobile|mobil|phone|handy|smartphone|téléphone|móvil|blackberry"
    r"|huawei|pixel|xiaomi|tablet"
    r"|device|outlook|mail|windows|ios|nokia|oneplus|motorola)\b.{0,24}$"
    r"|[\s*_]*von mein\w+ .{2,30} gesendet\s*$",
    re.IGNORECASE,
)
_DEVICE_AT_END = re.compile(
    r"\s(?:Sent from my (?:iPhone|iPad|Android\w*|Samsung\w*|Galaxy|mobile|phone|BlackBerry)"
    r"|Get Outlook for (?:iOS|Android)"
    r"|Gesendet von meinem (?:iPhone|iPad|Handy)|Envoyé de mon iPhone|Enviado desde mi iPhone)[\w .]{0,20}$"
)
_SIGN_OFF = re.compile(
    r"[\s*_]*(?:(?:with )?(?:kind(?:est)?|best|warm(?:est)?|many|my best|yours|very)?\s*regards|kind wishes"
    r"|best wishes|all the best|best|cheers"
    r"|(?:many )?thanks(?: (?:again|in advance|and (?:kind |best )?regards|so much|very much|a lot"
    r"|for your (?:help|time)))?"
    r"|thank you(?: (?:again|in advance|so much|very much|kindly|for your (?:help|time|attention)))?|thx|ty"
    r"|yours(?: (?:sincerely|faithfully|truly))?"
    r"|sincerely(?: yours)?|respectfully(?: yours)?|rgds|br|kr|(?:with )?love"
    r"|mit freundlichen grüßen|mit freundlichem gruß|freundliche grüße|(?:viele|beste|liebe|schöne"
    r"|herzliche) grüße|mit freundlichen gruessen|mfg|lg|vg|gruß|danke(?: und gruß)?|vielen dank"
    r"|cordialement|bien (?:à vous|cordialement)|(?:meilleures )?salutations|sincères salutations"
    r"|merci(?: d.avance| beaucoup)?"
    r"|saludos(?: cordiales)?|un saludo|atentamente|(?:muchas )?gracias"
    r"|(?:cordiali|distinti) saluti|grazie(?: mille)?|atenciosamente|obrigad[oa]|com os melhores cumprimentos"
    r"|met vriendelijke groet(?:en)?|groet(?:en|jes)?|bedankt|med vänliga hälsningar|mvh|med venlig hilsen"
    r"|pozdrawiam)"
    r"\s*[,.!–-]*\s*$",
    re.IGNORECASE,
)
_CONTACT = re.compile(
    r"@|www\.|https?://|\||\d[\d ()./-]{5,}|^\s*(?:tel|phone|mobile|mob|cell|fax|m|t|p|e|email|e-mail|web"
    r"|account|customer|order)\b\s*[.:#]",
    re.IGNORECASE,
)
_POSTSCRIPT = re.compile(r"\s*p\.?\s?s\b", re.IGNORECASE)
_DISCLAIMER = re.compile(
    r"\W{0,6}(?:(?:legal |important )?(?:disclaimer|confidentiality (?:notice|note|statement)"
    r"|notice of confidentiality)\b"
    r"|(?:caution|warning|external(?: e-?mail| sender)?)\W{1,4}(?:this (?:e-?mail|message) (?:originated|came"
    r"|was sent) from outside|do not click)"
    r"|this (?:e-?mail|message|communication|transmission)\b.{0,120}\b(?:intended (?:only|solely|exclusively)"
    r"|may contain|contains? (?:confidential|privileged|information)|is (?:strictly )?confidential and)"
    r"|the (?:information|contents?) (?:contained )?(?:in|of) this (?:e-?mail|message"
    r"|communication)\b.{0,120}\b(?:confidential|privileged|intended)"
    r"|if you (?:are not the intended|have received this (?:e-?mail|message|communication) in error)"
    r"|please consider the environment before printing"
    r"|diese (?:e-?mail|nachricht)\b.{0,80}\b(?:vertraulich|ausschließlich)"
    r"|ce (?:message|courriel|mail)\b.{0,120}\b(?:confidentiel|destiné)"
    r"|este (?:mensaje|correo|e-?mail)\b.{0,120}\b(?:confidencial|destinad)"
    r"|(?:questo messaggio|questa e-?mail)\b.{0,120}\b(?:riservat|confidenzial))",
    re.IGNORECASE | re.DOTALL,
)
_SIGNATURE_LINES, _SIGNATURE_LENGTH = 10, 600
_FORWARD_NOTE = 5  # words: "FYI, see below" says nothing; then the forwarded mail is the message


def clean(text: str) -> Clean:
    """Returns what is scored of `text`: its pieces, and the cuts between them, which together make up the original."""
    lines = text.splitlines(keepends=True)
    if len(lines) < 2 and not _needs_split(text):
        return Clean(text, (Span(0, len(text)),) if text else ())
    lines = list(_split_inline(lines))
    kinds: list[CutKind | None] = [None] * len(lines)
    _mark_quotes(lines, kinds)
    _mark_disclaimers(lines, kinds)
    _mark_signatures(lines, kinds)
    return _build(text, lines, _keep_something(lines, kinds))


def _needs_split(text: str) -> bool:
    return bool(_DEVICE_AT_END.search(text[-80:])) or ("@" in text and bool(_INLINE_ATTRIBUTION.search(text)))


def _split_inline(lines: list[str]) -> Iterator[str]:
    """Exports flatten mails into one line: breaks it where a quotation or a device's note begins."""
    for line in lines:
        if len(line) > 60 and "@" in line and (found := _INLINE_ATTRIBUTION.search(line)) and found.start():
            yield line[: found.start()]
            yield line[found.start() :]
        elif found := _DEVICE_AT_END.search(line, max(0, len(line) - 80)):
            yield line[: found.start() + 1]
            yield line[found.start() + 1 :]
        else:
            yield line


def _mark_quotes(lines: list[str], kinds: list[CutKind | None]) -> None:
    quoted = [bool(_QUOTE.match(line)) for line in lines]
    for i, line in enumerate(lines):
        if kinds[i] is None and not quoted[i] and line.strip() and (header := _header(lines, i, quoted)):
            size, kind = header
            kinds[i : i + size] = [kind] * size
            rest = range(i + size, len(lines))
            if not any(quoted[j] for j in rest):  # no marks: all that follows is the history
                kinds[i:] = [kind] * (len(lines) - i)
                return
    cut_any = any(kinds)
    for i, line in enumerate(lines):
        if quoted[i] and (cut_any or not _lone_number(line, i, quoted)):
            kinds[i] = "quoted"
    _fill_blank(lines, kinds)


def _lone_number(line: str, i: int, quoted: list[bool]) -> bool:
    """`> 2 hours on hold` by itself is a customer's "more than"."""
    around = (i > 0 and quoted[i - 1]) or (i + 1 < len(quoted) and quoted[i + 1])
    return not around and bool(_GREATER_THAN.match(line))


def _header(lines: list[str], i: int, quoted: list[bool]) -> tuple[int, CutKind] | None:
    """Returns how many lines at `i` introduce older mail, and of which kind, or None."""
    line = lines[i][:_LOOK]
    if _ORIGINAL.match(line) or _ABOVE.match(line.strip()):
        return 1, "quoted"
    if _FORWARDED.match(line):
        return 1, "forwarded"
    if _RULE.match(line):
        return (2, "quoted") if i + 1 < len(lines) and _is_block(lines, i + 1) else None
    if _is_block(lines, i):
        return 1, "quoted"
    if _INLINE_ATTRIBUTION.match(line):
        return 1, "quoted"
    return _attribution(lines, i, quoted) if _ATTRIBUTION_START.match(line) else None


def _is_block(lines: list[str], i: int) -> bool:
    """From, then at least two more of Sent, To, Cc, Subject in the next five lines."""
    if not _FROM.match(lines[i][:_LOOK]):
        return False
    return sum(bool(_FIELD.match(line[:_LOOK])) for line in lines[i + 1 : i + 6]) >= 2


def _attribution(lines: list[str], i: int, quoted: list[bool]) -> tuple[int, CutKind] | None:
    """`On ... wrote:`, also wrapped over three lines, but not a customer's own "on Monday you wrote:"."""
    joined = ""
    for size in range(1, min(3, len(lines) - i) + 1):
        part = lines[i + size - 1].strip()
        if not part or quoted[i + size - 1]:
            return None
        joined = f"{joined} {part[:_LOOK]}".strip()
        if _ATTRIBUTION.match(joined):
            after = next((j for j in range(i + size, min(i + size + 3, len(lines))) if lines[j].strip()), None)
            if after is None:
                return (size, "quoted") if _DATED.search(joined) else None
            told_himself = lines[after].lstrip()[:1] in "\"“”„«'‘"
            return (size, "quoted") if quoted[after] or (_DATED.search(joined) and not told_himself) else None
    return None


def _fill_blank(lines: list[str], kinds: list[CutKind | None]) -> None:
    """Blank lines between two cut lines belong to the cut."""
    i = 0
    while i < len(lines):
        j = i
        while j < len(lines) and kinds[j] is None and not lines[j].strip():
            j += 1
        if j > i and i > 0 and kinds[i - 1] and (j == len(lines) or kinds[j]):
            kinds[i:j] = [kinds[i - 1]] * (j - i)
        i = max(j, i + 1)


def _mark_disclaimers(lines: list[str], kinds: list[CutKind | None]) -> None:
    for start, end in _paragraphs(lines, kinds):
        if _DISCLAIMER.match("".join(line[:_LOOK] for line in lines[start : start + 3])[:_LOOK].strip()):
            kinds[start:end] = ["disclaimer"] * (end - start)
    _fill_blank(lines, kinds)


def _paragraphs(lines: list[str], kinds: list[CutKind | None]) -> Iterator[tuple[int, int]]:
    start = None
    for i, line in enumerate(lines):
        inside = kinds[i] is None and bool(line.strip())
        if inside and start is None:
            start = i
        elif not inside and start is not None:
            yield start, i
            start = None
    if start is not None:
        yield start, len(lines)


def _mark_signatures(lines: list[str], kinds: list[CutKind | None]) -> None:
    """In every run of kept lines, for a signature also stands between the answer and the history."""
    end = len(lines)
    while end > 0:
        if kinds[end - 1] is not None:
            end -= 1
            continue
        start = end
        while start > 0 and kinds[start - 1] is None:
            start -= 1
        _mark_signature(lines, kinds, start, end)
        end = start


def _mark_signature(lines: list[str], kinds: list[CutKind | None], start: int, end: int) -> None:
    for i in range(start, end):
        line = lines[i]
        if len(line) <= 100 and _DEVICE.match(line):
            kinds[i] = "signature"
    last = next((i for i in range(end - 1, start - 1, -1) if kinds[i] is None and lines[i].strip()), start)
    for i in range(last, max(start, last - 2 * _SIGNATURE_LINES) - 1, -1):
        line = lines[i][:_LOOK]
        if _DASHES.match(line) and _is_short(lines[i + 1 : end]):
            kinds[i:end] = ["signature"] * (end - i)
            return
        if len(line) < 80 and _SIGN_OFF.match(line) and (size := _block_size(lines, i + 1, last + 1)):
            kinds[i : i + 1 + size] = ["signature"] * (1 + size)
            return


def _is_short(lines: list[str]) -> bool:
    filled = [line for line in lines if line.strip()]
    own = any(_POSTSCRIPT.match(line) for line in filled)
    return not own and 0 < len(filled) <= _SIGNATURE_LINES and sum(map(len, filled)) <= _SIGNATURE_LENGTH


def _block_size(lines: list[str], start: int, end: int) -> int:
    """Returns how many lines at `start` are a name, a title, a company or ways to reach them."""
    filled = size = 0
    for i in range(start, min(end, start + 2 * _SIGNATURE_LINES)):
        line = lines[i].strip()
        if not line:
            continue
        if filled == _SIGNATURE_LINES or not _is_contact(line):
            break
        filled += 1
        size = i - start + 1
    return size


def _is_contact(line: str) -> bool:
    if len(line) > 90 or _POSTSCRIPT.match(line):
        return False
    words = line.split()
    if _CONTACT.search(line):
        return len(words) <= 10 and line[-1] not in "!?"
    named = sum(word[0].isupper() or not word[0].isalpha() for word in words)
    return len(words) <= 6 and line[-1] not in "!?:" and named * 2 > len(words) and not line.isupper()


def _keep_something(lines: list[str], kinds: list[CutKind | None]) -> list[CutKind | None]:
    """Takes cuts back, the mildest first, until some words are left."""
    kept = _words(lines, kinds)
    if "forwarded" in kinds and kept < _FORWARD_NOTE:
        kinds = [None if kind == "forwarded" else kind for kind in kinds]
        kept = _words(lines, kinds)
    if kept:
        return kinds
    history: list[CutKind | None] = [kind if kind in ("quoted", "forwarded") else None for kind in kinds]
    return history if _words(lines, history) else [None] * len(lines)


def _words(lines: list[str], kinds: list[CutKind | None]) -> int:
    """Counts words with a letter or digit, up to what decides; emoji alone count as one."""
    count = 0
    for line, kind in zip(lines, kinds, strict=True):
        if kind is None:
            count += sum(any(map(str.isalnum, word)) or ord(word[0]) > 0x2190 for word in line.split(maxsplit=20)[:20])
            if count >= _FORWARD_NOTE:
                break
    return count


def _build(text: str, lines: list[str], kinds: list[CutKind | None]) -> Clean:
    pieces: list[Span] = []
    cuts: list[Cut] = []
    at = i = 0
    while i < len(lines):
        start, kind = at, kinds[i]
        while i < len(lines) and kinds[i] == kind:
            at += len(lines[i])
            i += 1
        if kind is None:
            pieces.append(Span(start, at))
        else:
            cuts.append(Cut(start, at, kind))
    return Clean(text, tuple(pieces), tuple(cuts))
