"""Whether a message was written by a machine: such mail never counts in the queue and is never answered.

Headers decide first (RFC 3834), then who sent it, then the subject, then how the text begins. A person who writes about
an automatic reply is a customer: words in the text count only where the text opens with them and they speak of the
writer's own absence or address.
"""

import re
from collections.abc import Mapping

_BOUNCE_SENDERS = re.compile(r"(?:mailer-daemon|postmaster|mail-daemon|mail\.?delivery|bounces?)(?:[+=._-].*)?$")
_NO_REPLY = re.compile(
    r"(?:no|not|do[._-]?not|dont)[._-]?(?:reply|respond|answer)(?:[+._-].*)?$|(?:.*[._-])?no-?reply(?:[+._-].*)?$"
    r"|(?:nicht-?antworten|keine-?antwort|ne-?pas-?repondre|no-?responder|noreply.*)$"
)
_NOTIFIERS = re.compile(r"(?:notifications?|alerts?|newsletter|news|updates|automailer|auto|autoreply)(?:[+._-].*)?$")
_ABSENT_SUBJECT = re.compile(
    r"(?:re:\s*)?(?:auto(?:matic|mated)?[ -]?(?:reply|response|answer)|automatische (?:antwort|abwesenheit\w*)"
    r"|autoreply"
    r"|out of (?:the )?office|ooo\b|abwesenheits(?:notiz|assistent|meldung)|abwesend"
    r"|réponse automatique|absence du bureau|absent du bureau|respuesta automática|fuera de (?:la )?oficina"
    r"|risposta automatica|fuori ufficio|resposta automática|ausência|automatisch antwoord|afwezig\w*"
    r"|autosvar|automatiskt svar|frånvaro\w*|odpowiedź automatyczna)\b\s*(?::|-|–|$|\(|\[|until|bis|from|vom)",
    re.IGNORECASE,
)
_BOUNCE_SUBJECT = re.compile(
    r"(?:undeliver(?:ed|able)(?:\s+mail|:|$| message)|mail delivery (?:failed|failure|subsystem|system)"
    r"|delivery status notification|returned mail\b|failure notice$|message (?:not|could not be) delivered$"
    r"|mail system error"
    r"|unzustellbar(?::|$)|nachricht nicht zustellbar|échec de (?:la )?remise|no se puede entregar:)",
    re.IGNORECASE,
)
_RECEIPT_SUBJECT = re.compile(
    r"(?:read|gelesen|lu|leído|lido|letto)\s?:\s|(?:read receipt|return receipt|delivery receipt"
    r"|lesebestätigung|accusé de (?:lecture|réception)"
    r"|delivered:|relayed:|confirmación de lectura)",
    re.IGNORECASE,
)
_CALENDAR_SUBJECT = re.compile(
    r"(?:accepted|declined|tentative|canceled event|updated invitation|invitation)(?: \(.{1,30}\))?: ", re.IGNORECASE
)
_GREETING = re.compile(
    r"(?:(?:hi|hello|hey|dear|good (?:day|morning|afternoon|evening)|hallo|guten tag|sehr geehrte\w*|liebe\w*"
    r"|bonjour|hola|buenos días|ciao|olá)\b"
    r"[^\n.!,:]{0,40}(?:\bm(?:r|rs|s)\. [^\n,.!:]{0,40})?[,.!:\n]\s*)?(?:(?:many |vielen )?(?:thanks?(?: you)?"
    r"|dank|merci|gracias|grazie"
    r"|obrigado)\b[^.!\n]{0,80}[.!\n]\s*)?",
    re.IGNORECASE,
)
_ABSENT_TEXT = re.compile(
    r"(?:(?:please note that )?i(?:['’]m| am| will be) (?:currently |now )?(?:(?:out of|away from) (?:the "
    r"|my )?(?:office|desk)|on (?:annual |parental |maternity |sick )?(?:leave|vacation|holiday))"
    r"|i(?:['’]m| am) (?:currently )?out of (?:the )?office|this is an automat(?:ic|ed) (?:reply|response"
    r"|message|e-?mail)"
    r"|(?:out of office|automatic reply|auto-?reply|automated response)\s*(?:[:!.\n-]|$)"
    r"|ich bin (?:derzeit |zurzeit |momentan |aktuell |ab |bis |vom ).{0,60}(?:nicht im (?:büro|haus)|im urlaub"
    r"|abwesend|nicht erreichbar)|ich bin (?:nicht im büro|im urlaub|abwesend)"
    r""
    r"|je suis (?:actuellement )?(?:absente?|en congés?|hors du bureau)|ceci est (?:une réponse"
    r"|un message) automatique"
    r"|(?:actualmente )?(?:estoy|estaré) (?:fuera de (?:la )?oficina|de vacaciones|ausente)"
    r""
    r"|sono (?:attualmente )?(?:fuori ufficio|in ferie|assente)|estou (?:fora do escritório|de férias|ausente)"
    r"|ik ben (?:momenteel |op dit moment )?(?:niet op kantoor|afwezig|met vakantie))",
    re.IGNORECASE,
)
_AUTOMATED_TEXT = re.compile(
    r"(?:\W{0,4})(?:this is an automat(?:ic|ed) (?:reply|response|message|e-?mail)"
    r"|dies ist eine automatische (?:antwort|nachricht)|ceci est (?:une réponse|un message) automatique"
    r"|est[ea] es un(?:a respuesta automática| mensaje automático))\b(?!\?)",
    re.IGNORECASE,
)
_ANSWERS_LATER = re.compile(
    r"\b(?:(?:reply|respond|answer|get back to you|read your)\b.{0,80}\b(?:return|back|when i)\b|(?:limited|no"
    r"|without) access"
    r"|urgent (?:matters?|issues?|requests?|enquiries|inquiries|cases?)|(?:in|for) urgent|in my absence"
    r"|my colleagues?\b"
    r"|dringende?n?\b|vertretung|nach meiner rückkehr|wende\w* sie sich|kollegin|kollegen"
    r"|(?:à|dès) mon retour|en mon absence|cas d.urgence|a mi (?:regreso|vuelta)|en mi ausencia|asuntos urgentes"
    r"|al mio rientro|in mia assenza|no meu regresso|na minha ausência|bij terugkomst|in mijn afwezigheid"
    r"|dringende gevallen)",
    re.IGNORECASE | re.DOTALL,
)
"""A customer may say that they are away; only an automatic reply says when, or by whom, our mail will be answered."""
_BOUNCE_TEXT = re.compile(
    r"(?:this (?:message|report) was (?:created|generated) automatically by mail delivery"
    r"|this is the mail (?:system|delivery)"
    r"|(?:your|the following) message (?:to .{1,120}|was not delivered|could not be delivered"
    r"|wasn't delivered).{0,80}(?:deliver|recipient|address)"
    r"|delivery (?:to the following recipients?|has) (?:failed|been delayed)|address not found"
    r"|hi\. this is the qmail-send program)",
    re.IGNORECASE | re.DOTALL,
)
_NO_REPLY_TEXT = re.compile(
    r"(?:\*+\s*)?(?:please )?do not (?:reply|respond) (?:directly )?to this (?:automat\w+ )?(?:e-?mail|message"
    r"|notification)\b",
    re.IGNORECASE,
)
_FIRST = 600  # characters of the text that are looked at
_COMPLAINS = re.compile(r"\byou(?:r|['’]ve)?\b.{0,80}\b(?:again|always|keep|only|never)\b|\?", re.IGNORECASE)


def machine_reason(
    text: str, subject: str | None = None, sender: str | None = None, headers: Mapping[str, str] | None = None
) -> str | None:
    """Returns why a message is automatic, or None where a person wrote it.

    One of bounce, out_of_office, auto_reply, auto_generated, delivery_receipt, calendar, bulk, no_reply. Header names
    may have any case.
    """
    found = {name.lower(): str(value).strip().lower() for name, value in (headers or {}).items()}
    return (
        _by_header(found, subject)
        or _by_sender(sender or found.get("from") or "", found)
        or _by_subject((subject or found.get("subject") or "").strip(), text)
        or _by_text(text[:_FIRST].strip())
    )


def _by_header(headers: Mapping[str, str], subject: str | None) -> str | None:
    kind = headers.get("content-type", "")
    if "report-type=delivery-status" in kind or "x-failed-recipients" in headers:
        return "bounce"
    if "report-type=disposition-notification" in kind:
        return "delivery_receipt"
    submitted = headers.get("auto-submitted", "no").split(";")[0].strip()
    replied = submitted == "auto-replied" or headers.get("x-autoreply", "no") not in ("no", "")
    if (
        replied
        or {"x-autorespond", "x-auto-reply-from", "x-mail-autoreply"} & headers.keys()
        or headers.get("precedence") == "auto_reply"
    ):
        return "out_of_office" if _ABSENT_SUBJECT.match(subject or headers.get("subject", "")) else "auto_reply"
    if headers.get("return-path") == "<>":
        return "bounce"
    if submitted not in ("no", "") and "reply-to" not in headers:  # a contact form names the customer there
        return "auto_generated"
    # A support address that is a group sends every customer's mail on with List-Id and List-Post.
    unsubscribe = {"list-unsubscribe", "feedback-id"} & headers.keys() and "list-post" not in headers
    return "bulk" if unsubscribe or headers.get("precedence") in ("bulk", "junk") else None


def _by_sender(sender: str, headers: Mapping[str, str]) -> str | None:
    address = sender.rsplit("<", 1)[-1].strip("<> \t\"'").lower()
    local = address.split("@", 1)[0]
    if not local or "@" not in address:
        return None
    if _BOUNCE_SENDERS.match(local):
        return "bounce"
    if _NO_REPLY.match(local):
        # A shop's contact form writes from no-reply and names the customer in Reply-To.
        return None if headers.get("reply-to", address) != address else "no_reply"
    return "bulk" if _NOTIFIERS.match(local) and "reply-to" not in headers else None


def _by_subject(subject: str, text: str) -> str | None:
    if _BOUNCE_SUBJECT.match(subject):
        return "bounce"
    if _RECEIPT_SUBJECT.match(subject):
        return "delivery_receipt"
    if _CALENDAR_SUBJECT.match(subject) and len(text) < 4000 and ("calendar" in text.lower() or not text.strip()):
        return "calendar"
    if _ABSENT_SUBJECT.match(subject) and not _COMPLAINS.search(subject) and not _complains(text):
        return "out_of_office"
    return None


def _complains(text: str) -> bool:
    """A person who answers an automatic reply keeps its subject, but writes something else."""
    start = text[:_FIRST]
    return bool(_COMPLAINS.search(start)) and not _ANSWERS_LATER.search(start)


def _by_text(text: str) -> str | None:
    if _BOUNCE_TEXT.match(text):
        return "bounce"
    start = _GREETING.match(text)
    rest = text[start.end() if start else 0 :].lstrip()
    if _ABSENT_TEXT.match(rest) and _ANSWERS_LATER.search(rest):
        return "out_of_office"
    if _AUTOMATED_TEXT.match(rest):
        return "auto_reply"
    return "no_reply" if _NO_REPLY_TEXT.match(rest) else None
