"""Named facts in a customer's words, each with its span; docs/model-card.md says what each one means.

A rule is a pattern, the letters one of which stands in each of its matches (looked for first: most messages hold none
and cost a microsecond a rule), and what must not stand in the same sentence.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from triage.scoring.deadlines import find_deadlines
from triage.scoring.values import Signal

MOST = 3
"""Spans of one name a message: the first ones."""
_SENTENCE = re.compile(r"[.!?]+(?=\s|$)|\n+")


@dataclass(frozen=True, slots=True)
class Rule:
    """`unless` is looked for in the sentence around a match."""

    name: str
    stems: tuple[str, ...]
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None = None


def _rule(name: str, stems: str, *patterns: str, unless: str | None = None) -> Rule:
    return Rule(
        name,
        tuple(s.strip("'") for s in stems.split()),
        re.compile(r"(?<!\w)(?:" + "|".join(patterns) + r")(?!\w)", re.IGNORECASE),
        re.compile(unless, re.IGNORECASE) if unless else None,
    )


_COUNT = r"(?:\d+|two|three|four|five|six|seven|eight|nine|ten|a dozen|several|many|multiple|numerous|countless)"
_ORDINAL = r"(?:second|third|fourth|fifth|sixth|seventh|2nd|3rd|\d+th|umpteenth|nth)"
_CONTACTED = (
    r"(?:call(?:ed)?|contact(?:ed)?|e-?mail(?:ed)?|writ(?:ten|e)|wrote|asked|messag(?:ed)?|phoned?|rung|rang"
    r"|tweet(?:ed)?"
    r"|dm'?e?d|report(?:ed)?|chas(?:ed)|complain(?:ed)?|request(?:ed)?|explain(?:ed)?|been in touch|reach(?:ed)? out)"
)
_HAVE = r"(?:i|we|she|he|my \w+)(?:'ve|'d| have| had)?(?: now| already| also)?"
_WILL = (
    r"(?:i|we)(?:'ll| will| am going to|'m going to|'re going to| are going to|'m gonna| am about to"
    r"|'m about to| intend to"
    r"| shall|'m| am|'d rather| would rather| may| might)(?: now| just| simply| also| be| have to| seriously"
    r"| definitely)*"
)
_LEAVING = r"(?:account|subscription|membership|contract|policy|plan|service|broadband|card)s?"

RULES = (
    _rule(
        "repeat_contact",
        "time call mail message again twice already before repl respon answer heard follow previous last chas "
        "contact ticket",
        rf"{_ORDINAL} (?:e-?mail|mail|call|phone call|message|request|ticket|letter|chat|complaint|attempt)",
        rf"{_ORDINAL} time (?:that )?(?:i|we|i've|we've|i'm|we're|my \w+)(?:'ve|'m)?(?: have| had| am| are"
        rf"| has)?(?: had)?"
        rf"(?: to)?(?: \w+)? (?:{_CONTACTED}|calling|writing|contacting|e-?mailing|asking|messaging|chasing"
        rf"|reporting)",
        rf"{_HAVE} {_CONTACTED}\b[^.!?\n]{{0,50}}?\b(?:twice|again|already|{_COUNT} (?:different )?times"
        rf"|repeatedly|over and over)",
        rf"(?:calling|contacting|writing|e-?mailing|asking|messaging|phoning|chasing)(?: \w+){{0,3}} (?:again"
        rf"|for the {_ORDINAL} time)",
        rf"{_COUNT} (?:phone |unanswered |separate |different )?(?:calls|e-?mails|messages|tickets|letters"
        rf"|chats|phonecalls|voicemails|requests|dms)"
        r"(?= (?:to|and|with|later|over|in|now|about|already|sent|without|but|so|yet|from me)\b|[.,;!?)]|$)",
        r"(?:no(?:t|body| one)?|never|without|haven't|hasn't|didn't|still waiting for|awaiting)(?: yet| ever"
        r"| even| had| got| received| \w+)?"
        r"(?: a| an| any| your)? (?:repl(?:y|ied)|respon(?:se|ded)|answer(?:ed)?|heard (?:back|anything"
        r"|from (?:you|anyone)))",
        r"(?:following up|chasing up|to follow up)(?: (?:on|about|again|my|this))?",
        r"my (?:last|previous|earlier|first|other|prior) (?:e-?mails?|messages?|letters?|tickets?|calls?"
        r"|complaints?|requests?)",
        r"as (?:i|we)(?:'ve| have)? (?:already )?(?:said|wrote|written|mentioned|explained"
        r"|told you)(?: (?:before|already|in my))?",
        unless=r"\b(?:you(?:'ve| have| keep| kept)? (?:sent|send|sending|spam\w*)|spam\w*|unsubscribe|marketing"
        r"|newsletters?"
        r"|thank\w*[^.!?]{0,30}(?:repl|respon|answer)|no (?:reply|response|answer) (?:needed|necessary"
        r"|required)|don't need)\b",
    ),
    _rule(
        "broken_promise",
        "promise assur guarant told said suppose commit back never word honour",
        r"(?:was|were|been|got|am|is|are|have been|had been) (?:repeatedly |verbally )?(?:promised|assured"
        r"|guaranteed)",
        r"(?:you|they|he|she|agents?|reps?|staff|somebody|someone|manager|advisor|representative|company|@company)"
        r" (?:had |have |all |both |also |even )?(?:promised|assured|guaranteed)",
        r"(?:broken?|broke|empty|false|more|another|missed|failed) (?:your |their |its |the )?promises?",
        r"(?:promised|agreed|guaranteed) (?:delivery|date|refund|call ?back|call|time|replacement|credit|engineer)",
        r"(?:didn't|did not|never|haven't|hasn't|failed to) (?:keep|kept|honou?r(?:ed)?|stick to"
        r"|stuck to) (?:your|their|its|the|a|that) (?:word|promise|commitment|agreement)",
        r"(?:told|said|says|confirmed|informed|advised)\b[^.!?\n]{0,80}?\b(?:would|will|'d|'ll"
        r"|going to)\b[^.!?\n]{0,80}?"
        r"(?:\b(?:but|and|yet|however|although)\b|[.,;!?-])[^.!?\n]{0,40}?\b(?:never|didn't|did not|hasn't"
        r"|has not|haven't|still|nobody|no one|nothing|wasn't|no sign)",
        r"(?:was|were) (?:supposed|meant|due) to (?:\w+ ){1,5}?(?:yesterday|last \w+|\w+ (?:days?|weeks?|hours?"
        r"|months?) ago|this morning|on \w+day)",
        r"(?:never|didn't|not|nobody|no one)(?: \w+)? (?:called|phoned|rang|got|came|ring|call|get|phone"
        r"|e-?mailed?)(?: me| us)? back(?: as promised| like (?:you|they) said)?",
        unless=r"\b(?:i promise|as promised[^.!?]{0,20}(?:thank|great|good)|kept (?:your|their|its) (?:word"
        r"|promise)|never (?:broke|break)"
        r"|(?:i|we)(?:'d| had| have|'ve)? promised|thanks? (?:you )?for)\b",
    ),
    _rule(
        "threat_to_leave",
        "cancel clos terminat leav switch never last elsewhere competitor another different lost done goodbye "
        "business move",
        rf"{_WILL} (?:cancel(?:l?ing)?|clos(?:e|ing)|terminat(?:e|ing)|end(?:ing)?|quit(?:ting)?) (?:my|our|the"
        rf"|this|all my|both my) (?:\w+ ){{0,2}}{_LEAVING}",
        rf"(?:thinking (?:of|about)|considering|ready to|about to|tempted to|going to have to"
        rf"|forced to) (?:cancel(?:l?ing)?|clos(?:e|ing)|leav(?:e|ing)|switch(?:ing)?|mov(?:e|ing) (?:to|away))"
        rf"(?: (?:my|our|the|this|to) (?:\w+ ){{0,2}}(?:{_LEAVING}|provider|bank|competitor|company))?",
        r"never (?:ever )?(?:again (?:will|shall|would)|(?:fly|flying|buy|buying|order|ordering|shop|shopping"
        r"|book|booking|use|using|stay|staying|purchas\w+|deal\w*|do\w* business|com\w+ back|return\w*|travel\w*)"
        r"(?: (?:with|from|at|to|here|you|your|this|@?\w+)){0,4} (?:again|ever))",
        r"never again",
        r"(?:the |my |our |your )?last (?:time|order|purchase|flight) (?:i|we)(?:'ll| will)?(?: ever)? (?:fly"
        r"|use|shop|order|buy|book|stay|travel|place|deal|make|do|come)\w*",
        r"(?:tak(?:e|ing)|mov(?:e|ing)|bring(?:ing)?) (?:all )?(?:of )?(?:my|our) (?:business|money|custom"
        r"|accounts?|account) (?:elsewhere|somewhere else|away|to (?:a|an|another|your|someone))",
        r"(?:switch(?:ing|ed)?|mov(?:e|ing)|chang(?:e|ing)|go(?:ing)?|defect(?:ing)?) to (?:a |an |your |the "
        r"|one of your )?(?:competitors?|competition|another (?:company|provider|bank|airline|carrier|supplier"
        r"|shop|store)|different (?:company|provider|bank|airline|carrier|supplier))",
        r"(?:find(?:ing)?|look(?:ing)? for|choos(?:e|ing)|us(?:e|ing)) (?:another|a different|a new"
        r"|an alternative) (?:provider|bank|airline|supplier|carrier|company|service|shop|store|insurer)",
        r"(?:you(?:'ve| have|'re| are| just| will)*|have|has|company) (?:now |just |officially "
        r"|about to )*(?:lost|losing|lose) (?:me|us|a (?:\w+ )?(?:customer|client)|my (?:business|custom"
        r"|loyalty))(?: as a (?:\w+ )?customer)?",
        r"(?:i'm|i am|we're|we are|so|officially|totally) (?:done|finished|through) with (?:you|your"
        r"|this (?:company|airline|bank|shop|store)|@company|them)",
        rf"{_WILL} (?:leav(?:e|ing)|switch(?:ing)?|go(?:ing)?|shop(?:ping)?|fly(?:ing)?|bank(?:ing)?) (?:you\b"
        rf"|your (?:bank|company|service)|elsewhere|somewhere else)",
        unless=r"\b(?:(?:never|won't|not|wouldn't|don't want to) (?:\w+ )?(?:leave|leaving|switch|cancel)"
        r"|anyone else|any other|anybody else|another airline again|doubt|never had|glad|love|thank\w*)\b",
    ),
    _rule(
        "legal_or_regulator",
        "lawyer attorney solicitor barrister legal court su lawsuit class litigat ombudsman trading ftc cfpb "
        "fca bbb better fcc ico dot regulat department consumer commission authority statutory counsel",
        r"(?:(?:my|our|a|the|your) )?(?:lawyers?|(?<!power of )attorneys?(?: general)?|solicitors?|barristers?)",
        r"legal (?:action|advice|proceedings|counsel|team|steps|route|recourse|remedies|claim|department"
        r"|representation)|legally",
        r"small claims(?: court)?|class[- ]action(?: lawsuit| suit)?|lawsuits?|litigation|letter before action"
        r"|statutory rights",
        r"(?:take|taking|see|drag|haul)(?:ing)? (?:you|this|them|it|the matter|your company)(?: all)? (?:in"
        r"|to) (?:the )?(?:small claims )?court",
        r"(?:see you in|go(?:ing)? to) court",
        r"(?:will|i'll|we'll|going to|gonna|can|could|should|to|and|may|might|considering|i'm|be|are|is|or) (?:sue"
        r"|suing|sued)",
        r"(?:financial |energy |legal )?ombudsman|trading standards|better business bureau|attorney general"
        r"|consumer (?:protection(?: agency| bureau)?|affairs|council|rights|forum|court)"
        r"|department of transportation|(?:data protection|aviation|financial conduct|competition) (?:authority"
        r"|commission(?:er)?)|federal trade commission",
        r"(?-i:FTC|CFPB|FCA|BBB|FCC|ICO|DOT complaint|CAA|OFCOM|Ofcom|OFGEM|Ofgem)",
        r"(?:the |your |industry |financial |to a |a )regulators?|regulatory (?:body|authority|complaint|bodies)",
        unless=r"\b(?:(?:won't|not going to|don't want to|wouldn't|no intention of|never|not) (?:\w+ )?(?:sue"
        r"|suing|take|legal|involve)|(?:gas|pressure|voltage|water|heat|temperature|valve|broken|faulty) regulators?"
        r"|i(?:'m| am) an? (?:\w+ )?(?:lawyer|attorney|solicitor)|food court|tennis court|court shoes?"
        r"|basketball|legally blind)\b",
    ),
    _rule(
        "public_post",
        "post share sharing put publish blast review public viral press media paper shame everyone everybody "
        "people others twitter social tweet expos news journalist world follower bbc",
        r"(?:post(?:ing|ed)?|shar(?:e|ing|ed)|put(?:ting)?|publish(?:ing|ed)?|blast(?:ing)?|plaster(?:ing)?"
        r"|upload(?:ing)?|expos(?:e|ing)) (?:this|it|that|these|my|your|you|about|the|a|all|pictures|photos"
        r"|screenshots|everything|videos?)"
        r"\b[^.!?\n]{0,40}?\b(?:on|to|all over|across|over|for|everywhere) ?(?:twitter|facebook|instagram"
        r"|tiktok|reddit|yelp|trustpilot|google|tripadvisor|social media|youtube|linkedin|online|the internet"
        r"|the web|everyone|the world|x\b|public|my \d+\w* followers|my followers|my blog)?",
        r"(?:leav|writ|post|giv|put)(?:e|es|ing)? (?:you |them |up |this (?:place|company) )?(?:a |an |my |the "
        r"|some )?(?:very |really )?(?:bad|negative|1|one|1-star|one-star|scathing|terrible|honest|zero|public"
        r"|awful)[ -]?(?:stars?)?[ -](?:stars? )?(?:online )?(?:reviews?|feedback|ratings?)",
        r"(?:go|going|taking (?:this|it)|take (?:this|it)) (?:public|viral|to (?:the )?(?:press|media|papers"
        r"|news|newspapers|social media|twitter))",
        r"(?:contact|call|tell|e-?mail|speak to|talk to|writ(?:e|ing) to|alert|inform)(?:ing)? (?:the "
        r"|my local |local |a |every )?(?:press|media|newspapers?|journalists?|news(?: stations?| channels?)?"
        r"|reporters?|watchdog|bbc)",
        r"nam(?:e|ing) (?:and|&) sham(?:e|ing)",
        r"(?:tell(?:ing)?|warn(?:ing)?|let(?:ting)?)(?: \w+)? (?:everyone|everybody|all (?:of )?my \w+"
        r"|the (?:whole )?world|my followers|other (?:customers|people))",
        unless=r"\b(?:saw|seen|read|great|love\w*|amazing|awesome|fantastic|wonderful|good experience|how good"
        r"|recommend\w*|happy|thank\w*|log ?in|won't (?:post|leave|share)|your (?:recent )?(?:post|tweet)"
        r"|(?:don't|do not|never|please don't) (?:post|share|put)|can i|how (?:do|can) i|error)\b",
    ),
    _rule(
        "chargeback",
        "charge disput revers bank card paypal section stop payment",
        r"charge-?backs?|(?:do|file|filing|request\w*|issue|a|start\w*|raise|raising|initiat\w+"
        r"|open\w*) charge backs?",
        r"disput(?:e|es|ing|ed) (?:this|the|it|all|these|my|every|those|your|a|that)(?: \w+){0,3}? (?:charges?"
        r"|payments?|transactions?|purchases?|with)",
        r"(?:revers|claim|stop|block|reclaim|recover|cancel|get|take|disput|contest|pull"
        r"|claw)\w* [^.!?\n]{0,40}?(?:with|through|via|by|from|using) (?:my|our|the) (?:own )?(?:bank|card"
        r"|credit card|debit card|card (?:company|issuer|provider)|credit card company|paypal|amex|visa)",
        r"(?:ask|asking|tell|telling|get|getting|have|having|instruct\w*|call|calling|contact\w*) (?:my"
        r"|our) (?:bank|card (?:company|issuer|provider)|credit card company) (?:to|and|about|over|for)",
        r"paypal (?:claim|dispute|case)|section 75|stop(?:ping|ped)? (?:the |this |my |all )?payments?(?: on)?",
        unless=r"\b(?:charge(?:r|d)? back (?:at|to|in|up|on)|(?:no|not|don't|won't) (?:\w+ )?(?:dispute"
        r"|chargeback)|get (?:a |my )?cash (?:back )?from)\b",
    ),
    _rule(
        "safety",
        "fire smok spark burn shock electroc gas monoxide explo allerg anaphyl hospital emergency a&e ambulance "
        "paramedic poison chok breath unconscious bleed injur seizure insulin oxygen dialysis inhaler epi glass "
        "metal mould mold brake stalk threaten assault attack danger unsafe hazard collaps overheat swollen "
        "faint heart chest medic stranded",
        r"(?:caught|catch|catches|catching|on|set|start(?:ed|s)? a|started|small|the) fire(?! (?:stick|tv"
        r"|tablet|hd|sale|department sale))",
        r"(?:is|was|were|started|starts|it's|began|are) (?:smoking|sparking|melting|overheating|burning)"
        r"|sparks?(?:ed| flying| coming)?|smoke (?:coming|came|pouring|poured|from|out|everywhere|alarm went)"
        r"|(?:black|thick|white) smoke|burning smell|smell(?:s|ed|ing)? (?:of |like )?(?:burning|smoke|gas)",
        r"burn(?:t|ed|ing|s)? (?:my|his|her|our|me|the baby's) ?(?:\w+ )?(?:hands?|fingers?|arms?|skin|face"
        r"|legs?|son|daughter|child|mouth|wrist|feet|foot|scalp|eyes?)|burns? (?:on|to) (?:my|his|her|their)",
        r"electric(?:al)? shocks?|electrocut\w+|gas leak(?:ing|s)?|leaking gas|carbon monoxide",
        r"(?:has |just |battery |phone |it |bottle |pan )exploded|exploding|explosion",
        r"allergic reaction|anaphyla\w+|epi-?pens?|(?:severe|serious|nut|peanut|dairy|food) allerg(?:y|ies)",
        r"(?:ended up|taken|rushed|went|going|admitted|been|sent|trip|back|is|am|are|now) (?:\w+ )?(?:to|in|at"
        r"|into) (?:the |an? )?(?:hospital|er|emergency room|a&e|icu|intensive care)",
        r"ambulance|paramedics?|(?:food )?poison(?:ed|ing)|chok(?:ed|ing)|(?:can't|cannot|couldn't|difficulty"
        r"|trouble|struggling to) breath(?:e|ing)?|unconscious|(?:is|was|still|started|heavily"
        r"|started) bleeding|seizures?|chest pains?|heart attack|collapsed",
        r"(?:was|were|got|been|seriously|badly|is|almost|nearly|could have been|me|himself"
        r"|herself) (?:\w+ )?injured|injur(?:y|ies|ing) (?:to|from|by|caused|because)|an injury",
        r"insulin|oxygen (?:machine|concentrator|tank|supply|cylinder|bottle)|dialysis|inhalers?|(?:heart"
        r"|epilepsy|seizure|blood pressure|life-saving|essential|vital|critical) (?:pills|medication|medicine"
        r"|meds|tablets)|(?:out of|without|no|needs?|missed) (?:\w+ ){0,2}(?:medication|medicine|meds)",
        r"(?:glass|metal|plastic|mou?ld|needle|blade|screw|bones?|insects?)(?: (?:shards?|pieces?|fragments?"
        r"|growing))* in (?:my|the|our|his|her|their|this) (?:\w+ )?(?:food|meal|soup|salad|bottle|drink|baby"
        r"|sandwich|cereal|bread|formula|pizza|burger|yogh?urt)",
        r"brakes? (?:\w+ )?(?:fail\w*|don't work|didn't work|not working|stopped|gone|went)|no brakes"
        r"|(?:steering|airbag|seat ?belt) (?:fail\w*|broke\w*|locked|not working|doesn't work|came (?:loose|off"
        r"|undone))",
        r"(?:stalk|threaten|assault|attack|grop|molest|punch)(?:ed|ing) (?:me|my|us|her|him|by)"
        r"|feel(?:ing)? unsafe|(?:is|are|in|it's|very|extremely|highly|so|really|real|potentially) (?:real "
        r"|grave |immediate |mortal )?(?:unsafe|dangerous|danger)|(?:safety|fire|health|choking) (?:hazard"
        r"|risk)|safety (?:issue|concern|problem)",
        unless=r"\b(?:(?:should|need to|must|will|please|can you|going to|to) fire (?:him|her|them|that|your"
        r"|this|whoever|the)|fired (?:him|her|me|up)|under fire|fire (?:sale|wall|fox)|firewall|fire (?:this"
        r"|that|the) (?:agent|rep|guy|person)|bleeding edge|add(?:s|ed|ing)? insult to injury|injury time"
        r"|head (?:almost |nearly )?explod\w+|my (?:mind|brain|inbox|head)"
        r"|exploding (?:kittens|offers?)|(?:is|are|was|on) fire (?:emoji|lol)|song|movie|film|game|book|series"
        r"|attack of|love|heart ?beat|drill|test of the|no (?:one|body) (?:was )?(?:hurt|injured)|(?:policy"
        r"|insurance) (?:covers?|for)|hospital (?:corners|radio))\b",
    ),
    _rule(
        "self_harm",
        "myself suicid end it end my liv alive go on dead my own life worth die",
        r"(?:kill|harm|hang|cutting|hurt) myself|(?:killing|harming|hurting) myself",
        r"suicid(?:e|al)",
        r"(?:end|ending|finish) (?:it all|my (?:own )?life)|tak(?:e|ing) my (?:own )?life",
        r"(?:don't|do not|no longer|didn't|not) (?:even )?(?:want to|wanna|wish to) (?:live|be alive|be here"
        r"|go on|exist|wake up)(?: any ?more| any longer)?",
        r"(?:better off|rather be|wish i (?:was|were)) dead|(?:want|wanted|going|ready) to die",
        r"(?:no|nothing|not much|any) (?:reason|point|left)? ?(?:to|in) (?:live|living|going on|go on living)(?: for)?"
        r"|not worth living|can't go on (?:living|any ?more|like this)",
        unless=r"\b(?:suicide squad|laugh\w*|lol|lmao|haha|(?:on|with) (?:the|your|a|this) (?:\w+ )?(?:lid|edge"
        r"|blade|knife|can|corner|box|glass|handle|stairs?|step)|fell|tripp\w*|slipp\w*|by accident|accident\w*"
        r"|career suicide|(?:want|going) to die of|want to live (?:in|with|at|near|on)|be here (?:all|until|for"
        r"|at|on|when|again)"
        r"|(?:killing|kill) myself (?:trying|working|over)|suicide (?:doors?|burnout|lane))\b",
    ),
    _rule(
        "vulnerable_person",
        "old born infant toddler baby babies elderly disab wheelchair pregnan blind deaf autis special dementia "
        "alzheimer cancer chemo terminal palliative hospice housebound bedridden widow minor epilep diabet kid "
        "child handicap bereave grand frail mother carer",
        r"(?:my|our|her|his|their|with an?|with two|and|a|an) (?:\d{1,2}|one|two|three|four|five|six|seven"
        r"|eight|nine|ten|eighty|ninety|\w+ty)[- ](?:year|yr|month|week|day)s?[- ]olds?(?: (?:son|daughter"
        r"|child|kid|mother|father|mum|mom|dad|gran\w*|boy|girl|woman|man|nephew|niece|nan|baby|twins))?"
        r"(?! (?:\w+ )?(?:phone|laptop|car|tv|account|device|iphone|computer|order|model|house|boiler|system"
        r"|router|printer|mattress|sofa|machine|fridge|freezer|dog|cat|ticket|customer|card|tablet|ipad|watch"
        r"|plane|vehicle|bike|oven|washer))",
        r"(?:\d{2,3}|eighty|ninety|seventy)(?: years?|[- ]year)?[- ]old (?:\w+ )?(?:mother|father|mum|mom|dad"
        r"|gran\w*|woman|man|nan|parents?|aunt|uncle|lady)|(?:mother|father|mum|mom|dad|grandmother|grandfather"
        r"|nan)(?:,)? (?:is|who is|aged|she's|he's) (?:[789]\d|eighty|ninety)",
        r"(?:my|our|the|a|her|with|have|tiny|small|and|breastfed|sick) (?:\w+ )?(?:baby|newborns?|infants?"
        r"|toddlers?|babies)(?! (?:clothes|monitor|shower|food|seat|stroller|bump|boomer|blue|carrier|cot|bed"
        r"|gate|wipes|formula (?:is )?(?:on|price)|products?|shop|grand|names?|yoda|size|registry|gift))",
        r"(?:elderly|disabled|pregnant|autistic|bedridden|housebound|frail|diabetic|epileptic|widow(?:ed|er)?"
        r"|handicapped|recently bereaved)|(?:my|a|our|his|her|physical|severe|has an?|with an?"
        r"|with) (?:\w+ )?(?:disability|disabilities|dementia|alzheimer'?s|parkinson'?s|epilepsy|special needs"
        r"|autism)",
        r"(?:in a|uses? a|my|her|his|a|the) wheelchairs?|(?:is|am|i'm|legally|partially|registered|he's|she's"
        r"|are) (?:blind|deaf)(?! to)|visually impaired|hard of hearing",
        r"(?:has|have|had|with|battling|fighting|got|undergoing|having|for|on|terminal"
        r"|stage \w+) (?:\w+ )?(?:cancer|chemo(?:therapy)?|leuk(?:a)?emia)|terminally ill|palliative care"
        r"|hospice|unaccompanied minor",
        r"(?:my|our|two|three|four|with|small|young|sick|ill|hungry|crying) (?:small |young |little |sick |two "
        r"|three |hungry |crying )+(?:kids?|children|child)",
        unless=r"\b(?:deaf ears|blind ?spot|blindsided|venetian|roller blinds?|color ?blind|terminal \d"
        r"|turn(?:ed|ing)? a blind eye|(?:oh|hey|come on) baby|baby step|old (?:school|fashioned)"
        r"|minor (?:issue|problem))\b",
    ),
    _rule(
        "money_at_risk",
        "unauthori fraud unrecogni suspicious hack hijack compromis phish scam identity stole cloned skimm "
        "someone drain empt rent mortgage bill payroll wage overdraft overdrawn evict foreclos repossess "
        "bailiff saving missing disappear vanish gone",
        r"(?:unauthori[sz]ed|fraudulent|unrecogni[sz]ed|suspicious) (?:\w+ )?(?:charges?|transactions?"
        r"|payments?|withdrawals?|transfers?|purchases?|activity|log-?ins?|access|debits?|orders?|accounts?)",
        r"(?:been|was|got|is|has been|were|am|are|being) (?:\w+ )?(?:hacked|hijacked|phished|scammed|defrauded"
        r"|compromised|cloned|skimmed)",
        r"identity (?:theft|fraud|thief|was stolen|has been stolen|stolen)|stole(?:n)? my (?:identity|card"
        r"|money|phone|wallet|account|details|information)|(?:card|wallet|phone|purse|identity|passport"
        r"|account)(?: \w+)? (?:was |were |has been |been |got |is |just )+stolen|stolen (?:card|cards|wallet"
        r"|identity|phone|passport)",
        r"(?:someone|somebody|a thief|a scammer|scammers?|hackers?|fraudsters?)(?: \w+){0,4} (?:my"
        r"|our) (?:\w+ )?(?:account|card|money|details|identity|bank)",
        r"(?:drain|empt|clean)(?:ed|ied|ying|ing) (?:out )?my (?:\w+ )?(?:account|savings)"
        r"|victim of (?:\w+ )?(?:fraud|identity theft|a scam)",
        r"(?:can't|cannot|couldn't|unable to|won't be able to|can not|how am i (?:supposed )?to|no money (?:to"
        r"|for)) (?:pay|make|afford|cover|buy) (?:my |our |the )?(?:rent|mortgage|bills|payroll|wages|staff"
        r"|food|groceries)|(?:rent|mortgage|payroll|wages) (?:is|are|was) (?:due|late)",
        r"overdraft|overdrawn|evict(?:ed|ion)|foreclos(?:e|ed|ing|ure)|repossess(?:ed|ion|ing)?|bailiffs?"
        r"|(?:life|our|all my|all our) savings",
        r"(?:my|our|the) (?:\w+ )?(?:money|funds|savings|deposit|balance|salary|paycheck|wages)(?: \w+)? (?:is"
        r"|are|was|has|have|just|all)(?: \w+)? (?:gone|missing|disappeared|vanished|frozen|stuck)",
        unless=r"\b(?:life ?hacks?|hackathon|(?:not|never|isn't|wasn't|haven't) (?:been )?(?:hacked|scammed"
        r"|compromised)|growth hack|overdraft (?:protection )?(?:option|feature|limit increase))\b",
    ),
    _rule(
        "asks_for_supervisor",
        "supervisor manager senior superior higher lead boss management charge escalat ceo director",
        r"(?:speak|talk|transfer(?:red)?|put me|connect(?:ed)?|pass(?:ed)?|hand(?:ed)?|forward(?:ed)?"
        r"|escalat\w+|complain|get me|give me|want|need|demand|where is|where's|bring|request\w*|ask(?:ing"
        r"|ed)? (?:for|to))"
        r"(?: (?!password|account|product|project|property|store|hotel)\w+){0,6}? (?:a |an |your |the |my "
        r"|to )?(?:supervisors?|(?<!password )(?<!account )managers?|someone (?:more )?(?:senior|higher(?: up)?"
        r"|in charge|above you|with authority)|superiors?|higher[- ]ups?|team lead(?:er)?|boss|management|ceo"
        r"|director|person in charge)",
        r"(?:please |must |want (?:this|it) |be |to |get (?:this|it) )escalat(?:e|ed)(?: (?:this|it|my (?:case"
        r"|complaint|ticket)|the matter))?",
        unless=r"\b(?:thank\w*|great|lovely|helpful|wonderful|(?:don't|do not|no) need (?:to|a) "
        r"|password manager|task manager|download manager|file manager|account manager|great manager"
        r"|manager (?:was|helped|fixed|sorted)|(?:i'm|i am|as) (?:a|the) (?:\w+ )?manager)\b",
    ),
    _rule(
        "data_request",
        "data gdpr ccpa forgotten erasure access personal information sar hold details record",
        r"(?:delet|eras|remov|wip|destroy|purg)(?:e|ing|ed|es)? (?:all )?(?:of )?(?:the )?(?:my|our"
        r"|any) (?:\w+ )?(?:data|information|details|records|personal (?:data|information|details))",
        r"right (?:to be forgotten|(?:to|of) (?:erasure|access|deletion|portability))"
        r"|(?:data )?subject access(?: request)?|(?-i:\bD?SAR\b)|gdpr(?: request)?|ccpa|data protection (?:act"
        r"|officer|request|law)",
        r"(?:copy of|send me|access to|provide me with|export(?: of)?|download|disclose"
        r"|see) (?:all )?(?:of )?(?:the |my |any )*(?:personal )?(?:data|information"
        r"|records)(?: (?:that )?(?:you|your company)(?: \w+)? (?:hold|have|held|keep|stored?|collected)"
        r"| (?:held )?(?:about|on) me)",
        r"what (?:personal )?(?:data|information|details) (?:do |does |that )?(?:you|your company|they) (?:hold"
        r"|have|keep|store|collect)(?: (?:on|about) (?:me|us))?",
        unless=r"\b(?:data (?:plan|roaming|bundle|allowance|usage)|mobile data|out of data|data (?:loss"
        r"|recovery)|how do i transfer)\b",
    ),
    _rule(
        "abuse_of_staff",
        "idiot moron imbecile scum bastard asshole arsehole cunt bitch retard stupid piece prick dickhead "
        "wanker twat fuck screw f* hell rot die kill hurt hunt burn dumb",
        r"(?:you(?:'re| are| guys(?: are)?| people(?: are)?| lot(?: are)?| fucking| stupid| absolute)?|ur|u r"
        r"|your (?:\w+ )?(?:staff|agents?|team|employees?|reps?|workers?|people)(?: are| is)?|(?:he|she|they"
        r"|agent|rep)(?:'s|'re| is| was| are| were)?)"
        r"(?: all| just| such| a| an| bunch of| fucking| f\*+ing| absolute| complete| total| bloody| so| really"
        r"| utter| stupid| useless| fat| lazy| the| pack of| nothing but)*"
        r" (?:idiots?|morons?|imbeciles?|scum(?:bags?)?|bastards?|assholes?|arseholes?|cunts?|bitch(?:es)?"
        r"|retards?|retarded|stupid|dumb|dumbass(?:es)?|pieces? of (?:shit|crap|garbage)|pricks?|dickheads?"
        r"|wankers?|twats?)",
        r"(?:fuck|screw|f\*+k|f\*\*\*|fck) (?:you|off|u|y'?all|@company)(?: all)?|go to hell|rot in hell"
        r"|burn in hell",
        r"(?:fucking |absolute |stupid |bloody |f\*+ing |bunch of |pack of |you )+(?:idiots?|morons?|imbeciles"
        r"|scum(?:bags?)?|bastards?|assholes?|arseholes?|cunts?|bitch(?:es)?|retards?|pricks?|dickheads?"
        r"|wankers?|twats?)",
        r"hope (?:you|your|they|he|she)(?: \w+){0,3} (?:die|rot|burn|choke|get cancer|get hit)|(?:i'll|i will"
        r"|going to|gonna|i'm going to|should) (?:kill|hurt|hunt|find and hurt|beat|punch|slap) (?:you|him|her"
        r"|them|your)(?: \w+){0,2}",
        unless=r"\b(?:(?:not|aren't|isn't|never said|weren't) (?:\w+ )?(?:idiots?|stupid|morons?|dumb)|feel(?:s"
        r"|ing)? (?:like an? |so )?(?:idiot|stupid)|i(?:'m| am| was| feel) (?:such |so "
        r"|just )?(?:an? )?(?:\w+ )?(?:idiot|stupid|moron|dumb)|idiot[- ]proof|stupid (?:question"
        r"|mistake of mine|me)|kill (?:him|her|them) with kindness|made me look|treat(?:s|ed|ing)? (?:me|us) like)\b",
    ),
)  # fmt: skip


def find_signals(text: str, sent_at: datetime | None = None) -> list[Signal]:
    """Returns the signals of a cleaned text in the order of their spans; deadlines are resolved from `sent_at`."""
    plain = text.replace("’", "'")  # as long as before: the spans stay true
    lower = plain.lower()
    found = [
        Signal(rule.name, start, end)
        for rule in RULES
        if any(s in lower for s in rule.stems)
        for start, end in _hits(rule, plain)
    ]
    for i, deadline in enumerate(find_deadlines(plain, sent_at)):
        if i == MOST:
            break
        found.append(Signal("stated_deadline", deadline.start, deadline.end, deadline.at))
    return sorted(found, key=lambda s: (s.start, s.end, s.name))


def _hits(rule: Rule, text: str) -> Iterator[tuple[int, int]]:
    count = 0
    for hit in rule.pattern.finditer(text):
        if rule.unless is None or not rule.unless.search(text, *_sentence(text, hit.start(), hit.end())):
            yield hit.span()
            count += 1
            if count == MOST:
                return


def _sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """The sentence around a match, at most 200 characters to each side of it."""
    left = max((m.end() for m in _SENTENCE.finditer(text, max(0, start - 200), start)), default=max(0, start - 200))
    right = _SENTENCE.search(text, end, end + 200)
    return left, right.start() if right else min(len(text), end + 200)
