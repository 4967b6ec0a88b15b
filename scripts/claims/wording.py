"""Rules that word a claim differently without changing what it says."""
import random
import re

from claims.text import MONTH, MONTHS, WORD_NUMBERS, lower_first, upper_first


SYNONYMS = """approximately/about|about/around|began/started|purchased/bought|situated/located|film/movie|founded/established|assist/help|requires/needs|obtain/get|children/kids|physician/doctor|large/big|additional/further|commenced/began|company/firm
utilized/used|use/make use of|shows/indicates|demonstrated/showed|received/was given|numerous/many|prior to/before|primarily/mainly|mainly/chiefly|currently/at present|often/frequently|roughly/about|died/passed away|constructed/built|employees/staff
automobile/car|attempted/tried|ended/finished|provides/offers|located in/found in|due to/because of|also known as/also called|consists of/is made up of|is part of/belongs to|for example/for instance|in order to/to|such as/like|collect/gather|share with/pass to
information/data|stated/said|released/issued|created/made|near/close to|throughout/all over|while/whereas|rapid/fast|rarely/seldom|per year/a year|annual/yearly|illness/disease|reside/live|permitted/allowed|prohibited/forbidden|entire/whole|buy/purchase""".replace("\n", "|").split("|")
SYNONYMS = [tuple(p.split("/")) for p in SYNONYMS]


def say_synonyms(rng, s):
    hits = [(a, b) for a, b in SYNONYMS if re.search(rf"\b{a}\b", s)]
    for a, b in rng.sample(hits, min(2, len(hits))):
        s = re.sub(rf"\b{a}\b", b, s, count=1)
    return s


def say_shorter(rng, s):
    s = re.sub(r" \((?:[^()]{1,60})\)", "", s)
    s = re.sub(r"^(?:However|Moreover|Furthermore|In addition|Additionally|Therefore|Thus|Also|Finally|Overall|For example|Indeed|In fact), (\w)", lambda m: m.group(1).upper(), s)
    return s


def say_less(rng, s):
    """Leaves out a trailing relative or participle clause, or the second of two joined clauses."""
    m = re.search(r", (?:which|who|whose|where|including|making|with|and (?:it|he|she|they|the|was|were|is|has)) [^;]{8,}\.$", s)
    if m and len(s[: m.start()].split()) >= 6 and not re.search(r"\b(?:if|unless|whether|neither|both|either)\b", s[: m.start()], re.I) and "," not in s[: m.start()]:
        return s[: m.start()] + "."
    return s


def say_moved(rng, s):
    m = re.match(r"(In (?:" + MONTH + r" )?\d{4}|On " + MONTH + r" \d{1,2}, \d{4}|By \d{4}|Since \d{4}|As of [\w ,]{4,20}\d{4}), ([^,;]+)\.$", s)
    if m:
        return upper_first(m.group(2)) + " " + m.group(1)[0].lower() + m.group(1)[1:] + "."
    m = re.match(r"([A-Z][^,;]{15,110}) ((?:in|since|by) (?:" + MONTH + r" )?\d{4})\.$", s)
    return f"{upper_first(m.group(2))}, {lower_first(m.group(1))}." if m else s


def say_dates(rng, s):
    form = rng.randrange(3)

    def other(month, day, year):
        if form == 0:
            return f"{day} {month} {year}"
        return f"{year}-{MONTHS.index(month) + 1:02}-{int(day):02}" if form == 1 else f"{month} {day}, {year}"

    s = re.sub(rf"\b({MONTH}) (\d{{1,2}}),? (\d{{4}})\b", lambda m: other(m.group(1), m.group(2), m.group(3)), s)
    return re.sub(rf"\b(\d{{1,2}}) ({MONTH}),? (\d{{4}})\b", lambda m: other(m.group(2), m.group(1), m.group(3)), s)


def say_figures(rng, s):
    words = {w: n for w, n in WORD_NUMBERS.items() if n > 1}
    if rng.random() < 0.5:
        s = re.sub(r"\b(" + "|".join(words) + r")\b(?= [a-z]+s\b)", lambda m: str(words[m.group(1)]), s)
    else:
        digits = {str(n): w for w, n in words.items()}
        s = re.sub(r"(?<![\w.,$£€/-])(\d{1,2})(?= [a-z]+s\b)", lambda m: digits.get(m.group(1), m.group(1)), s)
    return re.sub(r"(\d) ?%", rng.choice([r"\1 per cent", r"\1 percent", r"\1%"]), s)


PAST = {"written": "wrote", "built": "built", "bought": "bought", "won": "won", "made": "made", "led": "led", "held": "held", "sold": "sold", "sung": "sang", "drawn": "drew", "given": "gave", "taken": "took", "shot": "shot", "beaten": "beat"}
ACTIVE = """founded directed created developed published produced owned designed introduced played performed hosted composed acquired established adopted invented discovered portrayed recorded released sponsored appointed elected defeated succeeded operated managed
signed supported financed edited painted opened distributed organised organized approved proposed commissioned translated adapted""".split()


def say_active(rng, s):
    """Passive to active and back, for a short list of verbs and plain subjects."""
    m = re.match(r"((?:The |A |An )?[\w' -]{3,45}?) (?:was|were) (\w+) by ((?:the )?[A-Z][\w'.-]+(?: [A-Z][\w'.-]+){0,3})((?: (?:in|on|at|for) [^,;]{3,40})?)\.$", s)
    if m and (m.group(2) in ACTIVE or m.group(2) in PAST) and not re.search(r"\b(?:that|which|who|and|or|not)\b", m.group(1)):
        return f"{upper_first(m.group(3))} {PAST.get(m.group(2), m.group(2))} {lower_first(m.group(1))}{m.group(4)}."
    m = re.match(r"((?:The )?[A-Z][\w'.-]+(?: [A-Z][\w'.-]+){0,3}) (\w+) ((?:the |a |an )?[\w' -]{3,40}?)((?: (?:in|on) \d{4}| in [A-Z]\w+)?)\.$", s)
    if m and m.group(2) in ACTIVE and not re.search(r"\b(?:and|or|as|in|on|at|from|by|for|with|to|himself|herself|that|his|her|its|their)\b", m.group(3)):
        return f"{upper_first(m.group(3))} {'were' if m.group(3).endswith('s') and not m.group(3)[0].isupper() else 'was'} {m.group(2)} by {lower_first(m.group(1))}{m.group(4)}."
    return s


def reword(seed, s):
    """A claim's own wording: some of the rules above, the same for the same seed, so that two wordings of one sentence stay comparable."""
    for rule, share in ((say_shorter, 0.8), (say_less, 0.45), (say_active, 0.8), (say_moved, 0.6), (say_dates, 0.6), (say_figures, 0.5), (say_synonyms, 0.7)):
        rng = random.Random(f"{seed} {rule.__name__}")
        if rng.random() < share:
            s = rule(rng, s)
    return s
