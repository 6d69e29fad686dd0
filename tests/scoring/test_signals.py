"""Truth tables: a text, and the words of it that each signal must and must not mark."""

from datetime import UTC, datetime

import pytest

from triage.scoring.signals import RULES, find_signals

SENT = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)  # a Wednesday

TABLE: dict[str, list[tuple[str, list[str]]]] = {
    "repeat_contact": [
        ("This is the third time I've called about it.", ["third time I've called"]),
        ("I have emailed you four times and heard nothing.", ["I have emailed you four times"]),
        ("Three emails sent, still waiting for a reply.", ["Three emails", "still waiting for a reply"]),
        ("Following up on my claim again.", ["Following up on"]),
        ("See my previous message.", ["my previous message"]),
        ("Calling for the second time today about the boiler", ["Calling for the second time"]),
        ("I wrote last week and nobody replied", ["nobody replied"]),
        ("As I already explained, the box was empty.", ["As I already explained"]),
        ("You keep sending me three emails a day, unsubscribe me.", []),
        ("It is my second time flying with you, lovely again!", []),
        ("No reply needed, just wanted to say thanks", []),
        ("I called a taxi.", []),
    ],
    "broken_promise": [
        ("I was promised a call back.", ["was promised"]),
        ("Your agent promised me a refund in May", ["agent promised"]),
        ("You told me it would arrive Monday but it never came.", ["told me it would arrive Monday but it never"]),
        ("Another broken promise.", ["broken promise"]),
        ("The promised refund is not there", ["promised refund"]),
        ("The engineer was supposed to come yesterday", ["was supposed to come yesterday"]),
        ("You did not keep your word", ["did not keep your word"]),
        ("Nobody called me back", ["Nobody called me back"]),
        ("I promise to pay on Friday", []),
        ("You kept your promise, brilliant", []),
        ("I promised my son a bike", []),
        ("He told me it would rain", []),
    ],
    "threat_to_leave": [
        ("I'm going to cancel my subscription", ["I'm going to cancel my subscription"]),
        ("We are thinking of switching to another provider.", ["thinking of switching to another provider"]),
        ("I will never fly with you again", ["never fly with you again"]),
        ("That was the last time I order here", ["the last time I order"]),
        ("I'll take my business elsewhere", ["take my business elsewhere"]),
        ("You have lost a customer", ["You have lost a customer"]),
        ("Never again!", ["Never again"]),
        ("I am done with this company", ["I am done with this company"]),
        ("How do I cancel my order?", []),
        ("I would never leave you guys", []),
        ("Never again will I doubt you", []),
        ("Can I switch to dark mode?", []),
    ],
    "legal_or_regulator": [
        ("You will hear from my lawyer", ["my lawyer"]),
        ("I will take you to court.", ["take you to court"]),
        ("I am taking legal action", ["legal action"]),
        ("I will complain to the ombudsman", ["ombudsman"]),
        ("I'll sue.", ["I'll sue"]),
        ("Reporting you to the CFPB and trading standards", ["CFPB", "trading standards"]),
        ("It goes to small claims court next", ["small claims court"]),
        ("The regulator will want to know", ["The regulator"]),
        ("I won't sue you, relax", []),
        ("Sue from your team was lovely", []),
        ("The gas regulator is faulty", []),
        ("I have power of attorney for my mum", []),
        ("Where is the food court?", []),
    ],
    "public_post": [
        ("I will post this on Twitter", ["post this on Twitter"]),
        ("I'm leaving a one-star review", ["leaving a one-star review"]),
        ("I will go public", ["go public"]),
        ("I'll tell everyone I know", ["tell everyone"]),
        ("Time to contact the press", ["contact the press"]),
        ("I'm sharing these pictures on Facebook tonight", ["sharing these pictures on Facebook"]),
        ("We will name and shame you", ["name and shame"]),
        ("This is going viral, trust me", ["going viral"]),
        ("I saw your post on Facebook", []),
        ("I will tell everyone how great you are", []),
        ("I can't log in with Facebook", []),
        ("Please don't post my address on Twitter", []),
    ],
    "chargeback": [
        ("I am filing a chargeback", ["chargeback"]),
        ("I will dispute the charge", ["dispute the charge"]),
        ("I'll get my money back through my bank", ["get my money back through my bank"]),
        ("PayPal dispute opened", ["PayPal dispute"]),
        ("I am claiming under Section 75", ["Section 75"]),
        ("I've asked. Now I'll do a charge back", ["a charge back"]),
        ("I will tell my bank to reverse it", ["tell my bank to"]),
        ("I stopped the payment on it", ["stopped the payment on"]),
        ("Where do I charge it? It holds no charge back home", []),
        ("The shop charged my card twice", []),
        ("I don't want a dispute with you", []),
        ("I went to the bank", []),
    ],
    "safety": [
        ("The charger caught fire", ["caught fire"]),
        ("Smoke coming out of the battery", ["Smoke coming"]),
        ("It burned my hand", ["burned my hand"]),
        ("There was glass in my salad", ["glass in my salad"]),
        ("She had an allergic reaction and is in hospital", ["allergic reaction", "is in hospital"]),
        ("We can smell gas from it", ["smell gas"]),
        ("My mother is out of insulin", ["insulin"]),
        ("The brakes failed on the motorway", ["brakes failed"]),
        ("Your driver threatened me", ["threatened me"]),
        ("You should fire him", []),
        ("My Fire TV is slow", []),
        ("My inbox exploded", []),
        ("Bleeding edge technology", []),
        ("To add insult to injury you charged me", []),
    ],
    "self_harm": [
        ("I want to kill myself", ["kill myself"]),
        ("I feel suicidal", ["suicidal"]),
        ("I might as well end it all", ["end it all"]),
        ("I don't want to live anymore", ["don't want to live anymore"]),
        ("I'd be better off dead", ["better off dead"]),
        ("There is no reason to go on living", ["no reason to go on living"]),
        ("I am going to hurt myself", ["hurt myself"]),
        ("I will take my own life", ["take my own life"]),
        ("I hurt myself on the sharp edge", []),
        ("Suicide Squad would not play", []),
        ("I nearly killed myself laughing", []),
        ("I don't want to live in a hotel", []),
    ],
    "vulnerable_person": [
        ("My 82-year-old mother has no heating", ["My 82-year-old mother"]),
        ("I'm travelling with an infant alone", ["with an infant"]),
        ("She uses a wheelchair", ["uses a wheelchair"]),
        ("I am pregnant", ["pregnant"]),
        ("My husband has terminal cancer", ["has terminal cancer"]),
        ("My son is autistic", ["autistic"]),
        ("We are stuck with two small kids", ["with two small kids"]),
        ("I am blind and cannot read it", ["am blind"]),
        ("My 3 year old laptop died", []),
        ("My complaints fall on deaf ears", []),
        ("We landed at Terminal 5", []),
        ("The baby clothes are lovely", []),
    ],
    "money_at_risk": [
        ("There is an unauthorised transaction", ["unauthorised transaction"]),
        ("My account was hacked", ["was hacked"]),
        ("Someone is using my card", ["Someone is using my card"]),
        ("I cannot pay my rent", ["cannot pay my rent"]),
        ("They drained my savings account", ["drained my savings account"]),
        ("I will be evicted", ["evicted"]),
        ("My wallet was stolen", ["wallet was stolen"]),
        ("My money has disappeared", ["My money has disappeared"]),
        ("A neat life hack", []),
        ("My account was not hacked", []),
        ("I have a question on my savings", []),
        ("Pay my bill by card?", []),
    ],
    "asks_for_supervisor": [
        ("I want to speak to a manager", ["want to speak to a manager"]),
        ("Get me your supervisor", ["Get me your supervisor"]),
        ("Please escalate this", ["Please escalate this"]),
        ("Transfer me to someone senior", ["Transfer me to someone senior"]),
        ("Put me through to your boss", ["Put me through to your boss"]),
        ("I demand a supervisor", ["demand a supervisor"]),
        ("Where is the manager?", ["Where is the manager"]),
        ("I'd like to talk with somebody in management", ["talk with somebody in management"]),
        ("The manager was lovely, thanks", []),
        ("My password manager stopped", []),
        ("I need an account manager login", []),
        ("No need to escalate", []),
    ],
    "data_request": [
        ("Delete all my personal data", ["Delete all my personal data"]),
        ("I want a copy of the data you hold about me", ["copy of the data you hold"]),
        ("This is a subject access request", ["subject access request"]),
        ("Under GDPR you must answer", ["GDPR"]),
        ("Erase my details", ["Erase my details"]),
        ("What information do you have on me?", ["What information do you have on me"]),
        ("I use my right to be forgotten", ["right to be forgotten"]),
        ("Remove my information from your system", ["Remove my information"]),
        ("My data plan is empty", []),
        ("Mobile data does not work", []),
        ("Update my address", []),
        ("Data loss after the crash", []),
    ],
    "abuse_of_staff": [
        ("You are idiots", ["You are idiots"]),
        ("fuck you", ["fuck you"]),
        ("Your staff are absolute morons", ["Your staff are absolute morons"]),
        ("Go to hell", ["Go to hell"]),
        ("I hope you all die", ["hope you all die"]),
        ("You stupid bitch", ["You stupid bitch"]),
        ("Screw you all", ["Screw you all"]),
        ("your agent is a piece of shit", ["your agent is a piece of shit"]),
        ("I feel like an idiot", []),
        ("I'm such an idiot, I forgot my password", []),
        ("You are not stupid", []),
        ("An idiot-proof design", []),
    ],
}


@pytest.mark.parametrize(
    ("name", "text", "expected"), [(name, text, words) for name, rows in TABLE.items() for text, words in rows]
)
def test_signal(name, text, expected):
    found = [text[s.start : s.end] for s in find_signals(text, SENT) if s.name == name]
    assert found == expected


DEADLINES = [
    ("I need it by Friday", "by Friday", "2026-11-20T23:59"),
    ("I must have it before Friday", "before Friday", "2026-11-19T23:59"),
    ("My flight leaves tomorrow at 9am", "tomorrow at 9am", "2026-11-19T09:00"),
    ("We need to be there in 2 hours", "in 2 hours", "2026-11-18T17:00"),
    ("The party starts tonight at 8", "tonight at 8", "2026-11-18T20:00"),
    ("Please answer within half an hour", "within half an hour", "2026-11-18T15:30"),
    ("Reply by 5pm today", "by 5pm today", "2026-11-18T17:00"),
    ("The rent is due on 1 December", "on 1 December", "2026-12-01T23:59"),
    ("I need this no later than the 24th", "no later than the 24th", "2026-11-24T23:59"),
    ("My surgery is on Monday morning", "on Monday morning", "2026-11-23T12:00"),
    ("I want this fixed by end of day", "by end of day", "2026-11-18T23:59"),
    ("Our wedding is this Wednesday evening", "this Wednesday evening", "2026-11-18T22:00"),
    ("I fly at 6:30", "at 6:30", "2026-11-19T06:30"),
    ("Must arrive by noon tomorrow", "by noon tomorrow", "2026-11-19T12:00"),
    ("Visa runs out January 5", "January 5", "2027-01-05T23:59"),
]


@pytest.mark.parametrize(("text", "words", "at"), DEADLINES)
def test_deadline(text, words, at):
    [found] = [s for s in find_signals(text, SENT) if s.name == "stated_deadline"]
    assert text[found.start : found.end] == words
    assert found.at == datetime.fromisoformat(at).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "I can't wait for tomorrow!",
        "It arrived today, thanks",
        "I was told it would come by Monday",
        "You promised it by Friday",
        "See you tomorrow",
        "I bought it on Friday",
        "It should have arrived by Tuesday",
        "Have a great evening tonight",
        "I called 3 times in 2 hours",
        "Room 12 has 3 beds",
    ],
)
def test_no_deadline(text):
    assert [s for s in find_signals(text, SENT) if s.name == "stated_deadline"] == []


def test_deadlines_count_from_the_senders_clock():
    sent = datetime.fromisoformat("2026-11-18T23:30:00-08:00")
    [found] = find_signals("I need it tomorrow", sent)
    assert found.at == datetime.fromisoformat("2026-11-19T23:59:00-08:00")
    [unknown] = find_signals("I need it tomorrow")
    assert unknown.at is None


def test_typographic_apostrophes_count():
    assert [s.name for s in find_signals("I’ll sue. I don’t want to live anymore.")] == [
        "legal_or_regulator",
        "self_harm",
    ]


def test_every_rule_has_a_table():
    assert {rule.name for rule in RULES} == set(TABLE)
    assert all(len(rows) >= 8 for rows in TABLE.values())
