"""Truth table of machine-written mail, and of people who write about it."""

import pytest

from triage.messages.automatic import machine_reason

MACHINE = [
    # text, subject, sender, headers, reason
    ("", "Automatic reply: your order", None, {}, "out_of_office"),
    ("I am away until Monday.", "Out of Office: Re: ticket 12", None, {}, "out_of_office"),
    ("Ich bin bis 12.5. nicht im Büro.", "Automatische Antwort: Ihre Bestellung", None, {}, "out_of_office"),
    ("Bin weg.", "Abwesenheitsnotiz", None, {}, "out_of_office"),
    ("Je suis absent.", "Réponse automatique : commande", None, {}, "out_of_office"),
    ("", "Respuesta automática: pedido", None, {}, "out_of_office"),
    ("", "OOO until 3 March", None, {}, "out_of_office"),
    ("x", None, None, {"Auto-Submitted": "auto-replied"}, "auto_reply"),
    ("x", "Automatic reply: hi", None, {"auto-submitted": "auto-replied; owner-email=x"}, "out_of_office"),
    ("x", None, None, {"X-Autoreply": "yes"}, "auto_reply"),
    ("x", None, None, {"X-Autorespond": "1"}, "auto_reply"),
    ("x", None, None, {"Precedence": "auto_reply"}, "auto_reply"),
    ("x", None, None, {"Auto-Submitted": "auto-generated"}, "auto_generated"),
    ("x", None, None, {"Precedence": "bulk"}, "bulk"),
    ("Big sale", None, "shop@example.com", {"List-Unsubscribe": "<mailto:u@example.com>"}, "bulk"),
    ("x", None, None, {"Return-Path": "<>"}, "bounce"),
    ("x", None, None, {"X-Failed-Recipients": "a@example.com"}, "bounce"),
    ("x", None, None, {"Content-Type": "multipart/report; report-type=delivery-status; boundary=b"}, "bounce"),
    ("x", None, None, {"Content-Type": "multipart/report; report-type=disposition-notification"}, "delivery_receipt"),
    ("x", None, "MAILER-DAEMON@example.com", {}, "bounce"),
    ("x", None, "Mail Delivery <postmaster@example.com>", {}, "bounce"),
    ("x", None, "bounces+12-ab@example.com", {}, "bounce"),
    ("x", None, "no-reply@example.com", {}, "no_reply"),
    ("x", None, "Acme <noreply@example.com>", {}, "no_reply"),
    ("x", None, "do_not_reply@example.com", {}, "no_reply"),
    ("x", None, "orders-noreply+44@example.com", {}, "no_reply"),
    ("x", None, "newsletter@example.com", {}, "bulk"),
    ("x", "Undeliverable: your message", None, {}, "bounce"),
    ("x", "Delivery Status Notification (Failure)", None, {}, "bounce"),
    ("x", "Mail delivery failed: returning message to sender", None, {}, "bounce"),
    ("x", "Read: Your ticket", None, {}, "delivery_receipt"),
    ("x", "Lesebestätigung: Ihre Anfrage", None, {}, "delivery_receipt"),
    ("", "Accepted: Call about the order", None, {}, "calendar"),
    ("This message was created automatically by mail delivery software.", None, None, {}, "bounce"),
    (
        "Thank you for your email. I am currently out of the office and will reply when I return on 3 May.",
        None, None, {}, "out_of_office",
    ),
    (
        "Hello,\n\nI'm on annual leave until Monday with no access to email. For urgent matters contact Jo.",
        None, None, {}, "out_of_office",
    ),
    ("This is an automated response. We received your mail.", None, None, {}, "auto_reply"),
    (
        "Vielen Dank für Ihre Nachricht. Ich bin derzeit im Urlaub. In dringenden Fällen wenden Sie sich an Jo.",
        None, None, {}, "out_of_office",
    ),
    ("Bonjour, je suis actuellement en congés. Je vous répondrai à mon retour.", None, None, {}, "out_of_office"),
    ("Estoy de vacaciones. Le responderé a mi regreso.", None, None, {}, "out_of_office"),
    ("Please do not reply to this email. Your parcel 12 was scanned.", None, None, {}, "no_reply"),
]  # fmt: skip

PERSON = [
    ("I got an out of office reply from you AGAIN", None, None, {}),
    ("I got an out of office reply from you AGAIN. Is anybody there?", "Re: Automatic reply: my order", None, {}),
    ("Why do I only ever get your automatic reply?", "Automatic reply: Re: order 55", None, {}),
    ("This is the third automated response. Let me talk to a person!", None, None, {}),
    ("Your automatic reply said 24 hours. It has been a week.", None, None, {}),
    ("I am on holiday until Monday, please deliver after that.", "Delivery", None, {}),
    ("I'm out of the office today, can you ring me at home?", None, None, {}),
    ("I will be on vacation from Friday. Where is my suitcase?", None, None, {}),
    ("My mail to you bounced: Undeliverable", "Your address does not work", None, {}),
    ("Your delivery failed again", "Delivery failed", None, {}),
    ("The chair broke", "Out of office chair broken", None, {}),
    ("It never stops", "Automatic reply never stops", None, {}),
    ("Still waiting", "Returned item not refunded", None, {}),
    ("I read the terms", "Reading light broken", None, {}),
    ("x", None, "jo@example.com", {"Auto-Submitted": "no"}),
    ("x", None, "jo@example.com", {"Return-Path": "<jo@example.com>"}),
    ("It is late", None, "g@example.com", {"List-Id": "<s>", "List-Post": "<a>", "List-Unsubscribe": "<b>"}),
    ("It is late", None, "no-reply@shop.example.com", {"Reply-To": "jo@example.com"}),
    ("It is late", None, "form@example.com", {"Auto-Submitted": "auto-generated", "Reply-To": "jo@example.com"}),
    ("x", None, "norbert.reply@example.com", {}),
    ("x", None, "noreen@example.com", {}),
    ("x", None, "bouncer-jo@example.com", {}),
    ("x", None, "not an address", {}),
    ("I said do not reply to this email with a template, and you did.", None, None, {}),
    ("I am absent from the list of guests although I paid", None, None, {}),
    ("", None, None, {}),
    ("Ich bin im Urlaub und mein Paket liegt vor der Tür!", None, None, {}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "subject", "sender", "headers", "reason"), MACHINE)
def test_machines(text, subject, sender, headers, reason) -> None:
    assert machine_reason(text, subject, sender, headers) == reason


@pytest.mark.parametrize(("text", "subject", "sender", "headers"), PERSON)
def test_people(text, subject, sender, headers) -> None:
    assert machine_reason(text, subject, sender, headers) is None
