"""Edits of a sentence that change its meaning, each in one thing: two wordings that exclude each other, or a strong and a weak one."""
import re

from claims.text import MONTH, MONTHS, YEAR, lower_first, names, numbers, put, upper_first, value, written


# --- edits that change meaning: (rng, sentence, doc) -> (one wording, another), neither of which supports the other --------------------

def edit_number(rng, s, doc):
    found = numbers(s)
    if not found:
        return None
    start, end, old = rng.choice(found)
    others = [n for t in doc.sents for _, _, n in numbers(t) if n[0] == old[0] or n[0].isdigit() and old[0].isdigit()]
    others = [n for n in others if abs(value(n) - value(old)) > 1e-9 and 0.02 < (value(n) + 1e-9) / (value(old) + 1e-9) < 50]
    if others and rng.random() < 0.65:
        new = rng.choice(others)
    else:
        factor = rng.choice([0.4, 0.5, 0.7, 0.8, 0.9, 1.1, 1.2, 1.5, 1.6, 2, 3])
        new = written(value(old) * factor if value(old) > 12 or "." in old else max(1, value(old) + rng.choice([-2, -1, 1, 2, 3])), old)
    return (s, put(s, (start, end), new)) if value(new) != value(old) else None


def edit_year(rng, s, doc):
    found = [(m.start(), m.end(), m.group()) for m in YEAR.finditer(s)]
    if rng.random() < 0.25:
        month = re.search(rf"\b{MONTH}\b(?= \d)|(?<=\d ){MONTH}\b|(?<=[Ii]n ){MONTH}\b", s)
        if month:
            return s, put(s, month.span(), rng.choice([m for m in MONTHS if m != month.group()]))
    if not found:
        return None
    start, end, old = rng.choice(found)
    others = [m.group() for t in doc.sents for m in YEAR.finditer(t) if m.group() not in s]
    new = rng.choice(others) if others and rng.random() < 0.7 else str(int(old) + rng.choice([-12, -5, -3, -2, -1, 1, 2, 3, 4, 10]))
    return (s, put(s, (start, end), new)) if new not in s else None


def edit_name(rng, s, doc):
    found = [n for n in names(s) if n[0] > 0 or " " in n[2]]
    if not found:
        return None
    start, end, old = rng.choice(found)
    others = {n for t in doc.sents for _, _, n in names(t) if n not in s and not set(n.split()) & set(old.split()) and old not in n}
    others = sorted(n for n in others if len(n.split()) == len(old.split()) and n.isupper() == old.isupper())
    return (s, put(s, (start, end), rng.choice(others))) if others else None


SYMMETRIC = re.compile(r"\b(?:and|or|with|between|married|marries|met|near|border\w*|equal\w*|same|cousin|brother|sister|sibling|like|similar|alongside|versus|vs|joint\w*|both|as|called|known|named|is|are|was the|is the|also)\b", re.I)
VERBISH = re.compile(r"\b(?:[a-z]+ed|[a-z]{3,}s|won|beat|sold|gave|made|took|led|wrote|held|built|bought|sent|left|became|lost|taught|paid|by|from|to|before|after|than)\b")


def edit_roles(rng, s, doc):
    found = names(s)
    for a, b in rng.sample(list(zip(found, found[1:])), max(0, len(found) - 1)):
        between = s[a[1] : b[0]]
        if not 4 <= len(between) <= 60 or "," in between or "(" in between or SYMMETRIC.search(between) or not VERBISH.search(between):
            continue
        if set(a[2].split()) & set(b[2].split()) or re.match(r",? and\b|,? or\b|'s", s[b[1] :]) or re.search(r"(?:\band|\bor|,) $", s[: a[0]]):
            continue
        return s, s[: a[0]] + b[2] + between + a[2] + s[b[1] :]
    return None


def edit_negation(rng, s, doc):
    m = re.search(r" not\b(?! only| just| necessarily)| never\b", s)
    if m and re.search(r"\b(?:is|are|was|were|can|may|must|will|has|have|had|should|could|would|does|do|did)$", s[: m.start()]):
        aux = s[: m.start()].rsplit(" ", 1)[-1]
        return None if aux in ("does", "do", "did") else (s, s[: m.start()] + s[m.end() :])
    found = [m for m in re.finditer(r"\b(?:is|are|was|were|can|must|will|has been|have been|had been|should|could|would)\b(?! not| no | only)", s)]
    if not found or re.search(r"\b(?:no|not|never|none|nor|neither|hardly|rarely)\b", s):
        return None
    end = found[0].end() if rng.random() < 0.8 else rng.choice(found).end()
    if " been" in s[end - 5 : end]:
        end -= 5
    return s, s[:end] + " not" + s[end:]


OPPOSITES = [("increased", "decreased"), ("increase", "decrease"), ("increases", "decreases"), ("higher", "lower"), ("highest", "lowest"), ("largest", "smallest"),
             ("first", "last"), ("more", "fewer"), ("more", "less"), ("northern", "southern"), ("north", "south"), ("east", "west"), ("eastern", "western"),
             ("oldest", "youngest"), ("older", "younger"), ("won", "lost"), ("accepted", "rejected"), ("approved", "rejected"), ("allowed", "prohibited"),
             ("included", "excluded"), ("includes", "excludes"), ("including", "excluding"), ("positive", "negative"), ("gained", "lost"), ("opened", "closed"),
             ("begins", "ends"), ("began", "ended"), ("early", "late"), ("male", "female"), ("public", "private"), ("upper", "lower"), ("above", "below"),
             ("inside", "outside"), ("most", "least"), ("common", "rare"), ("large", "small"), ("strong", "weak"), ("rise", "fall"), ("rose", "fell"),
             ("gain", "loss"), ("gains", "losses"), ("assets", "liabilities"), ("profit", "loss"), ("maximum", "minimum"), ("internal", "external"), ("left", "right"),
             ("long", "short"), ("longer", "shorter"), ("short-term", "long-term"), ("before", "after"), ("legal", "illegal"), ("likely", "unlikely"), ("able", "unable"),
             ("mother", "father"), ("son", "daughter"), ("brother", "sister"), ("wife", "husband"), ("winter", "summer"), ("import", "export"), ("majority", "minority"),
             ("buyer", "seller"), ("lender", "borrower"), ("tenant", "landlord"), ("employer", "employee"), ("husband", "wife"), ("acute", "chronic"), ("same", "different")]
OPPOSITE = {}
for one, other in OPPOSITES:
    OPPOSITE.setdefault(one, other)
    OPPOSITE.setdefault(other, one)
FALSE_FRIENDS = re.compile(r"\b(?:at least|at most|at first|at last|last year|lost his|left (?:the|a|for|his|her)|more or less|right to|rights?|most of|more than|less than|known as the|most likely|long as|public domain)\b", re.I)


def edit_antonym(rng, s, doc):
    found = [m for m in re.finditer(r"[a-z]+(?:-term)?", s) if m.group() in OPPOSITE]
    if not found or FALSE_FRIENDS.search(s):
        return None
    m = rng.choice(found)
    return s, put(s, m.span(), OPPOSITE[m.group()])


UNITS = [["days", "weeks", "months", "years"], ["hours", "minutes", "days"], ["million", "billion", "thousand"], ["kilometres", "miles", "metres"], ["km", "miles", "m"],
         ["kilometers", "miles", "meters"], ["feet", "metres", "inches"], ["kg", "tonnes", "g"], ["mg", "g", "ml"], ["%", " percentage points below it"], ["dollars", "euros", "pounds"],
         ["business days", "weeks", "calendar months"], ["working days", "weeks", "months"], ["acres", "hectares"], ["cm", "mm", "m"], ["per year", "per month", "per week"], ["a year", "a month", "a week"]]


def edit_unit(rng, s, doc):
    found = []
    for _, end, _ in numbers(s):
        for group in UNITS:
            for unit in group:
                if re.match(rf"[ -]?{re.escape(unit)}(?!\w)", s[end:]) and unit != "%":
                    found.append((end + s[end:].index(unit), unit, group))
    for m in re.finditer(r"[$£€](?=\d)", s):
        found.append((m.start(), m.group(), ["$", "£", "€"]))
    if not found:
        return None
    start, unit, group = rng.choice(found)
    return s, put(s, (start, start + len(unit)), rng.choice([u for u in group if u != unit and not u.startswith(" ")]))


def edit_bound(rng, s, doc):
    pairs = [("at least", "at most"), ("more than", "less than"), ("more than", "fewer than"), ("over", "under"), ("up to", "at least"), ("up to", "more than"), ("no more than", "no less than"), ("within", "not before"), ("a maximum of", "a minimum of")]
    for one, other in rng.sample(pairs + [(b, a) for a, b in pairs], 2 * len(pairs)):
        m = re.search(rf"\b{one}(?= (?:[$£€]?\d|two|three|four|five|six|seven|eight|nine|ten|half|one ))", s)
        if m:
            return s, put(s, m.span(), other)
    found = [n for n in numbers(s) if not re.search(r"(?:than|least|most|to|over|under|about|around|approximately|nearly|almost|No\.|type|phase|stage|grade|age|aged|of|and|or|-) ?$", s[: n[0]], re.I)]
    found = [n for n in found if re.match(r"%| [a-z]{3,}", s[n[1] :])]
    if not found:
        return None
    n = rng.choice(found)
    one, other = rng.choice([("at least", "at most"), ("more than", "less than"), ("up to", "more than"), ("at most", "at least"), ("no more than", "at least")])
    return put(s, (n[0], n[0]), one + " "), put(s, (n[0], n[0]), other + " ")


def edit_time_order(rng, s, doc):
    pairs = [("before", "after"), ("after", "before"), ("until", "after"), ("prior to", "following"), ("since", "until"), ("as soon as", "before"), ("no later than", "no earlier than"), ("following", "prior to"), ("once", "before"), ("by the end of", "after the end of"), ("within", "after")]
    for one, other in pairs:
        m = re.search(rf"\b{one}(?= (?:the|a|an|his|her|its|their|[A-Z]|\d|\w+ing|he|she|it|they|you|we|being)\b)", s, re.I)
        if m and not re.search(r"\b(?:named|look\w*|ever|day|years?|months?|days|weeks|sought|shortly|long|soon|the) $", s[: m.start()]):
            if one in ("since", "once", "within", "following") and not re.match(r" (?:\d|the (?:end|start|beginning|closing|war|death|merger|election|year|date))", s[m.end() :]):
                continue
            return s, put(s, m.span(), upper_first(other) if m.group()[0].isupper() else other)
    return None


# --- edits of strength: (strong, weak): weak evidence does not support the strong claim ---------------------------------------------

def weaken_modality(rng, s, doc):
    pairs = [("must", "may"), ("must", "need not"), ("shall", "may"), ("will", "may"), ("is required to", "may"), ("are required to", "may"), ("will", "might"), ("can", "cannot"), ("must not", "need not"),
             ("is", "may be"), ("are", "may be"), ("was", "may have been"), ("were", "may have been"), ("is", "is thought to be"), ("is", "should be"), ("will", "is expected to"), ("may", "may not"), ("should", "need not"), ("will", "plans to"), ("may", "must not"),
             ("was", "was expected to be"), ("was", "was to be"), ("has", "hopes to have")]
    # Either wording may stand in the text; the stronger is the claim.
    for strong, weak in rng.sample(pairs, len(pairs)):
        m = re.search(rf"\b{strong}\b(?! not| no | to\b| be\b| n't)", s)
        if m and not re.search(r"\b(?:there|it|what|that|which|who|and|or)$", s[: m.start()].strip(), re.I) and "may" not in s[: m.start()]:
            if strong == "may" and m.start() and re.match(r" \d|,? \d", s[m.end() :]):
                continue
            return s, put(s, m.span(), weak)
        m = re.search(rf"\b{weak}\b(?! not| no )", s) if strong in ("must", "shall", "will") and weak in ("may", "might") else None
        if m and m.start() and s[m.start() - 1] == " ":
            return put(s, m.span(), strong), s
    return None


def weaken_quantifier(rng, s, doc):
    pairs = [("all", "some"), ("all", "most"), ("most", "some"), ("every", "nearly every"), ("each", "almost every"), ("many", "few"), ("all", "not all"), ("both", "one of the"), ("always", "usually"), ("always", "sometimes"),
             ("never", "rarely"), ("none", "few"), ("several", "a few"), ("no", "few"), ("usually", "sometimes"), ("often", "rarely"), ("entirely", "partly"), ("completely", "largely"), ("most", "a minority of"), ("many", "hardly any")]
    for strong, weak in rng.sample(pairs, len(pairs)):
        m = re.search(rf"(?<!at )(?<!the )(?<!of )\b{strong}\b(?! the same| other| longer| of)(?= [a-z]{{3,}})", s, re.I)
        if m and not (strong == "most" and re.match(r" [a-z]+(?:ly|ed|ing|al|ive|ous|ant|ent)\b| common| important| recent", s[m.end() :])) and (strong, weak) not in (("several", "a few"),):
            return s, put(s, m.span(), upper_first(weak) if m.start() == 0 else weak)
        m = re.search(rf"(?<!the )(?<!and )\b{weak}\b(?= [a-z]{{3,}})", s) if strong in ("all", "always") and weak in ("some", "most", "usually", "sometimes") else None
        if m and not re.match(r" [a-z]+(?:ly|ed|ing|al|ive|ous|ant|ent)\b| common| important| recent| extent| way| time|what", s[m.end() :]):
            return put(s, m.span(), strong), s
    return None


def weaken_only(rng, s, doc):
    m = re.search(r"\bonly (?=(?:in|for|by|to|at|on|with|when|if|during|from|a|one|two|three|\d))", s)
    if m and not s[: m.start()].endswith("not "):
        return s, put(s, m.span(), "")
    m = re.search(r"(?<=[a-z]) (?=(?:in|during|at|on|by|for) (?:the |[A-Z]|\d))", s)
    return (s[: m.start()] + " only" + s[m.start() :], s) if m and " only" not in s else None


CONDITIONS = """If the lessor agrees|If the board consents|Provided that notice is given in writing|If demand recovers|Unless the parties agree otherwise|Unless the court orders otherwise|If the application is approved|Subject to approval by the regulator
If funding is secured|Where the contract says so|Except in an emergency|Except at weekends|If the weather permits|Only if both sides sign|Should the talks succeed|If the customer asks for it|Assuming that the forecasts hold|In the absence of a written agreement
If the patient has no other illness|When the temperature is above 30 degrees|If the vote passes|Unless revoked earlier|For members only|Except for employees on probation|If the test is positive|Under the old rules|In the pilot study|Where local law permits
If the supplier delivers late|Unless an extension is granted|Had the plan gone ahead|On the condition that rent is paid|If payment is received by Friday|Until the review is finished|During the trial period|Except where stated otherwise|In version 2 of the software|At the northern site
If the deposit has been paid|As long as stocks last|Outside the main season|If no objection is raised|With the manager's consent|For orders above 500 units|If the measure is adopted|In the worst case|On paper|In theory""".replace("\n", "|").split("|")
ATTRIBUTIONS = """According to {N}|{N} claimed that|{N} denied that|{N} said that|Critics say that|It is planned that|It was rumoured that|Some believe that|It has been proposed that|It is not certain that|{N} predicted that|An unsigned letter says that
{N} alleged that|The draft says that|It was once thought that|In a film, {N} says that|It is disputed whether|{N} hopes that|Nobody could show that|{N} argued that|In the opinion of {N},|The plaintiff contends that|Legend has it that|A competitor's brochure says that
{N} doubted that|{N} suggested that|Analysts expect that|It was wrongly reported that|The defendant denied that|The union demanded that|{N} rejected the view that|There is no evidence that|The committee considered whether|If {N} is right,""".replace("\n", "|").split("|")


def weaken_condition(rng, s, doc):
    condition, body = rng.choice(CONDITIONS), s.rstrip(".")
    if re.match(r"(?:If|Unless|When|While|However|But|And|In|On|At|For|Although|After|Before|As|This|Thus|Therefore|Also|To|By|For)\b", s):
        return None
    if rng.random() < 0.5:
        return s, f"{condition}, {lower_first(s)}"
    return s, f"{body}, {condition[0].lower()}{condition[1:]}." if rng.random() < 0.7 else f"{body} ({condition[0].lower()}{condition[1:]})."


def weaken_attribution(rng, s, doc):
    if re.match(r"(?:If|Unless|But|And|However|Although|Thus|Therefore|Also|So|For example)\b", s):
        return None
    pool = sorted({n for t in doc.sents for _, _, n in names(t) if n not in s and " " in n})
    name = rng.choice(pool) if pool and rng.random() < 0.6 else rng.choice(["the manager", "the minister", "the opposition", "Mr Lowe", "the agency", "a former employee", "Dr Okafor", "the spokesman", "the tenant", "Ms Ferrand", "the auditor", "a local newspaper"])
    lead = upper_first(rng.choice(ATTRIBUTIONS).replace("{N}", name))
    joint = ", " if lead.startswith("According to") else " "
    return s, f"{lead}{joint}{lower_first(s)}"


def weaken_clause(rng, s, doc):
    """Drops a condition, exception or attribution that the text has: the claim without it is the strong one."""
    m = re.search(r",? (?:if|unless|provided that|provided|except|only if|as long as|subject to|in the event that|in cases where|where permitted) [^,;.]{8,80}(?=\.$)", s)
    if m and len(s[: m.start()].split()) >= 6:
        return s[: m.start()] + ".", s
    m = re.match(r"(?:If|Unless|According to|Except|Provided that|In the event that|Subject to|Depending on) [^,;.]{6,80}, (?=[a-z])", s)
    if m and len(s[m.end() :].split()) >= 6:
        return upper_first(s[m.end() :]), s
    m = re.match(r"(?:[A-Z][\w ]{2,40} )(?:said|believed?|argue[sd]?|claim(?:s|ed)|suggest(?:s|ed)?|reported|alleged|hoped|expects?|estimates?) that (?=(?:the|a|an|it|he|she|they|this|there)\b)", s)
    if m and len(s[m.end() :].split()) >= 6:
        return upper_first(s[m.end() :]), s
    return None
