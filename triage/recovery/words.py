"""Small closed classes of English words that finding and turning clauses rests on."""

import re
from functools import lru_cache

AUXILIARIES = frozenset(
    "am is are was were has have had do does did can could will would shall should may might must cannot ain't "
    "isn't aren't wasn't weren't hasn't haven't hadn't don't doesn't didn't can't couldn't won't wouldn't shan't "
    "shouldn't mustn't".split()
)
IRREGULAR_PASTS = frozenset(
    "arose ate became began bent bet bit bled blew bought bound broke brought built burnt burst came cast caught chose "
    "clung cost cut dealt did drank drew drove dug fed fell felt fled flew forbade forgot forgave fought found froze "
    "gave got grew ground had heard held hid hit hung hurt kept knew laid learnt leapt led left lent let lay lit lost "
    "made meant met misread missed paid proved put quit ran rang read rode rose said sang sank sat saw sent set shook "
    "shone shot shrank shut slept slid slung smelt sold sought spent spilt split spoke spoilt spread sprang stole "
    "stood stuck stung stank swam swept swore swelled taught thought threw told took tore understood undid upset went "
    "withdrew woke won wore wound wrote".split()
)
BASES = frozenset(
    "accept add admit agree allow answer apologise apologize apply appear approve argue arrange arrive ask assume "
    "attach avoid ban be beg believe belong bill bite block blink book bother break bring burn buy call cancel care "
    "carry cause change charge check choose claim clean close collect come complain confirm connect contact contain "
    "cost count crash cry cut cover deal decide decline delete deliver demand deny depend deposit deserve die "
    "disappear dispute drain drink drip drive drop earn eat email enjoy expect explain export fail fall feel find fit "
    "fix fly follow forget forward get give go grow hang happen hate have hear help hiss hold hope hurt ignore insist "
    "install itch join keep kick know land laugh leak learn leave let lie lift like live load lock log look lose love "
    "mail make matter mean mention miss move name need notice offer open order owe own park pass pay phone pick place "
    "play post prefer press print promise put raise reach read realise receive refund refuse register reject release "
    "rely remain remember remove rent repair repeat replace reply report request reserve respond restart return ring "
    "rip run save say scan scratch scream see seem sell send set show shut sign sit sleep slip smell smoke speak spell "
    "spend spill spoil stand start stay steal step stick stink stop store submit suffer supply support suppose swear "
    "swell switch take talk tell text thank think throw tick train transfer travel trust try turn understand unlock "
    "update upload use visit wait wake walk want warn waste watch wear weigh wipe wish withdraw wonder work worry "
    "write".split()
)
NOT_VERBS = frozenset(
    "red bed shed need speed seed hundred naked tired wicked indeed instead sacred united used wooden unused "
    "kindred breed feed weed shred bleed".split()
) - {"need", "feed", "used"}
PREPOSITIONS = frozenset(
    "about above across after against along among around at before behind below beneath beside between beyond by "
    "despite down during except for from in inside into like near of off on onto out outside over past since than "
    "through to toward towards under until up upon via with within without".split()
)
DETERMINERS = frozenset(
    "a an the my our your his her its their this that these those no every each all both some any another "
    "one two three four five six seven eight nine ten half most many several".split()
)
PRONOUNS = frozenset(
    "i we you he she it they this that these those nobody nothing none somebody someone everybody everyone everything "
    "there one both neither".split()
)
CONJUNCTIONS = frozenset("and but or so then because although though while when yet nor".split())
ADVERBS = frozenset(
    "actually again almost already also always even ever finally first just later literally never nearly not now "
    "obviously often only really simply since so sometimes soon still suddenly then therefore today tomorrow twice "
    "usually yesterday yet".split()
)
CALENDAR = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday january february april june july august september "
    "october november december".split()
)
STOPWORDS = (
    AUXILIARIES
    | PREPOSITIONS
    | DETERMINERS
    | PRONOUNS
    | CONJUNCTIONS
    | ADVERBS
    | frozenset(
        "me us him them who whom whose which what where why how if as be been being myself yourself im ive dont didnt "
        "cant get got go going went want wanted like please thanks thank hello hi dear regards sincerely yours very "
        "too much more less well ok okay yes day days time times thing things way lot bit people guys else made make "
        "know think say said told tell see".split()
    )
)

WORD = re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿ0-9]+(?:[''’.,:/_-][A-Za-zÀ-ÖØ-öø-ÿ0-9]+)*")


@lru_cache(maxsize=4096)
def is_finite(word: str) -> bool:
    """Returns whether a word can be the finite verb of a clause; generous with regular pasts."""
    w = word.lower().replace("’", "'")
    if w in AUXILIARIES or w in IRREGULAR_PASTS:
        return True
    return is_regular_past(w) or third_person(w) in BASES


@lru_cache(maxsize=4096)
def is_regular_past(w: str) -> bool:
    """Returns whether a lower-case word looks like a regular past or participle."""
    return len(w) > 3 and w.endswith("ed") and not w.endswith("eed") and w not in NOT_VERBS


def third_person(w: str) -> str:
    """Returns the base form of a third-person singular, or the word itself unchanged minus nothing known."""
    if w.endswith("ies") and w[:-3] + "y" in BASES:
        return w[:-3] + "y"
    if w.endswith("es") and w[:-2] in BASES:
        return w[:-2]
    if w.endswith("s") and w[:-1] in BASES:
        return w[:-1]
    return ""


def is_verb(word: str) -> bool:
    """Returns whether a word is some form of a verb (auxiliaries apart)."""
    w = word.lower()
    return w not in AUXILIARIES and (w in IRREGULAR_PASTS or w in BASES or is_regular_past(w) or bool(third_person(w)))


@lru_cache(maxsize=16384)
def stem(word: str) -> str:
    """Returns a crude stem, enough to match `crushed` with `crush` and `lamps` with `lamp`."""
    w = word.lower().replace("’", "'").removesuffix("'s")
    for ending in ("ing", "ed", "es", "s"):
        if len(w) - len(ending) >= 3 and w.endswith(ending) and not w.endswith("ss"):
            return w[: -len(ending)]
    return w


@lru_cache(maxsize=256)  # few: these are customers' words
def content_stems(text: str) -> frozenset[str]:
    """Returns the stems of the words of `text` that carry meaning."""
    return frozenset(stem(w) for w in WORD.findall(text) if w.lower() not in STOPWORDS and (len(w) > 2 or w.isdigit()))
