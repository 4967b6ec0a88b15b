"""Documents of sentences from the data folder, the names and numbers in a sentence, and windows around it."""
import collections
import gzip
import hashlib
import json
import os
import pathlib
import re


ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DATA = pathlib.Path(os.environ.get("IBID_TEST_DATA", ROOT.parent / "shared" / "data"))
SEED = 19
DEV_PERCENT = 6
WORDS_WINDOW, WORDS_LONG = 48, 95
# Documents taken from each source at most, so that none drowns the others.
SOURCE_CAPS = {"boolq": 2000, "nq_dev": 2200, "policyqa": 1600, "covidqa": 900, "pubmedqa": 900, "medquad": 800, "tatqa": 900, "fever": 1200, "fm2": 900}
KIND_CAPS = {"name": 4000, "number": 4200, "year": 3000, "roles": 2600, "negation": 4200, "modality": 2400, "unit": 2600, "bound": 2800,
             "quantifier": 2400, "time-order": 2400, "condition": 4200, "clause-dropped": 2200, "attribution": 3600, "replaced": 2600,
             "rounding": 1600, "converted": 2200, "elsewhere": 3600, "only": 1600, "antonym": 3600}
Doc = collections.namedtuple("Doc", "id source title sents")


def rows_of(name):
    """The rows of a gzipped JSON-lines file of the data folder."""
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt") as file:
        return [json.loads(line) for line in file]


def percent(text):
    """0 to 99, the same for the same text; the same function as scripts/train-check's, whose held-out premises are not used here."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) % 100


ABBREVIATIONS = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|Jr|Sr|No|vs|Inc|Ltd|Co|Corp|U\.S|U\.K|e\.g|i\.e|etc|approx|Prof|Gen|Col|Fig|al|[A-Z])\.$")


def sentences(text):
    """The sentences of a paragraph, cut after . ? ! before a capital, but not after an abbreviation."""
    out, current = [], ""
    for piece in re.split(r"(?<=[.?!])\s+(?=[\"'(]?[A-Z0-9])", re.sub(r"\s+", " ", text).strip()):
        current = f"{current} {piece}".strip()
        if not ABBREVIATIONS.search(current):
            out.append(current)
            current = ""
    return out + ([current] if current else [])


def documents(rng):
    """Prose of every source as documents of sentences; a document is what must not be in both splits."""
    out, seen = [], set()

    def add(source, title, text):
        if text in seen:
            return
        seen.add(text)
        sents = sentences(text)
        if len(sents) >= 2 or (source == "fever" and sents):
            out.append(Doc(f"{source}:{title or text[:60]}", source, title, sents))

    for source, divider in (("boolq", " - "), ("nq_dev", ": ")):
        for r in rows_of(f"qa/{source}"):
            title, _, text = r["passage"].partition(divider)
            add(source, title if text else "", text or title)
    for source in ("policyqa", "covidqa", "pubmedqa", "medquad"):
        for r in rows_of(f"qa/{source}"):
            if r["answerable"]:
                add(source, "", r["passage"].replace("\n", " ")[:2500])
    for r in rows_of("qa/tatqa"):
        prose = " ".join(line for line in r["passage"].split("\n") if "|" not in line and len(line) > 60)
        if prose:
            add("tatqa", "", prose)
    for source in ("fever", "fm2"):
        for r in rows_of(f"nli/{source}"):
            if percent(r["premise"]) >= 8:
                add(source, "", r["premise"])
    rng.shuffle(out)
    counts = collections.Counter()
    kept = []
    for doc in out:
        counts[doc.source] += 1
        if counts[doc.source] <= SOURCE_CAPS[doc.source]:
            kept.append(doc)
    return kept


# --- what a sentence consists of ---------------------------------------------------------------------------------------------------

YEAR = re.compile(r"(?<![\d,.$£€-])(?:1[5-9]\d\d|20[0-3]\d)(?![\d,.]*\d|%|-)")
NUMBER = re.compile(r"(?<![\w.,/$£€-])[$£€]?\d+(?:,\d{3})*(?:\.\d+)?(?![\w/-]|[.,]\d)")
WORD_NUMBERS = {w: n for n, w in enumerate("zero one two three four five six seven eight nine ten eleven twelve".split())}
NAME = re.compile(r"(?<![.\w'-])(?:[A-Z][\w'’&-]+)(?: (?:of |de |van |von )?[A-Z][\w'’&-]+){0,3}")
NOT_NAMES = set("""The This That These Those It He She They We You I In On At For From By As If When While After Before Since Until However Although Though But And Or
A An There Here Its His Her Their Our Your My What Which Who Where Why How Some Many Most All Each Every No Not Both During Under Over With Without
Also Then Thus Therefore According Because Unless Despite Such Other Another One Two Three Four Five Yes To Of Is Are Was Were May Please See Note Other Further
January February March April May June July August September October November December Monday Tuesday Wednesday Thursday Friday Saturday Sunday Table Year Years
Mr Mrs Ms Dr Company Group Additionally Moreover Furthermore Finally First Second Methods Results Conclusion Background Objective People Patients""".split())
MONTHS = "January February March April May June July August September October November December".split()
MONTH = "(?:" + "|".join(MONTHS) + ")"


def names(text):
    """Proper names with their spans; a name that opens the sentence counts where it has two words or occurs again."""
    out = []
    for m in NAME.finditer(text):
        words = m.group().split()
        start = m.start()
        while words and words[0] in NOT_NAMES:
            start += len(words[0]) + 1
            words = words[1:]
        name = " ".join(words)
        if not name or name in NOT_NAMES or len(name) < 3 or (start == 0 and len(words) == 1) or text[start : start + len(name)] != name:
            continue
        out.append((start, start + len(name), name))
    return out


def numbers(text):
    """Numbers that are not years or parts of dates, with their spans."""
    out = []
    for m in NUMBER.finditer(text):
        before, after = text[max(0, m.start() - 12) : m.start()], text[m.end() : m.end() + 12]
        if YEAR.fullmatch(m.group()) or re.search(MONTH + r" $", before) or re.match(r"(?:st|nd|rd|th)? " + MONTH, after):
            continue
        if before.endswith(("(", "[")) and after.startswith((")", "]")):
            continue
        out.append((m.start(), m.end(), m.group()))
    return out


def value(number):
    """The number that a figure writes, without currency."""
    return float(number.lstrip("$£€").replace(",", ""))


def written(x, like):
    """A value written as another figure is: currency, decimals, thousands."""
    sign = like[0] if like[0] in "$£€" else ""
    decimals = len(like.split(".")[1]) if "." in like else 0
    return sign + (f"{x:,.{decimals}f}" if "," in like or x >= 10000 else f"{x:.{decimals}f}")


def put(text, span, new):
    """The text with a span replaced."""
    return text[: span[0]] + new + text[span[1] :]


def lower_first(text):
    """The sentence as it reads inside another: its first word in lower case where it is a function word."""
    first = text.split(" ", 1)[0]
    return text[0].lower() + text[1:] if first in NOT_NAMES and first not in MONTHS and first != "I" else text


def upper_first(text):
    return text[:1].upper() + text[1:]


# --- windows -------------------------------------------------------------------------------------------------------------------------

def window(rng, doc, at, sentence, skip=False):
    """The sentence at `at`, worded as `sentence`, with neighbours as the program cuts them; `skip` leaves it out and keeps neighbours."""
    words_max = WORDS_LONG if rng.random() < 0.16 else WORDS_WINDOW
    chosen, count = {at: sentence}, len(sentence.split())
    order = [at + 1, at - 1] if rng.random() < 0.5 else [at - 1, at + 1]
    wanted = 2 if skip else rng.choice([0, 1, 1, 2, 2])
    if words_max == WORDS_LONG:
        order, wanted = order + [at + 2, at - 2], 3
    for n in order:
        if wanted and 0 <= n < len(doc.sents) and count + len(doc.sents[n].split()) <= words_max:
            chosen[n] = doc.sents[n]
            count += len(doc.sents[n].split())
            wanted -= 1
    if skip:
        del chosen[at]
    text = " ".join(chosen[n] for n in sorted(chosen))
    if doc.title and rng.random() < 0.6:
        text = rng.choice([f"{doc.title}\n{text}", f"{doc.title}: {text}"])
    if rng.random() < 0.08 and len(doc.sents) > at + 4:
        extra = doc.sents[at + 3]
        text = f"{text}\n{extra}" if rng.random() < 0.5 else f"{extra}\n{text}"
    return text


IMPERATIVES = set("Learn See Please Click Read Visit Call Check Talk Ask Contact Find Use Take Keep Make Tell Try Do Get Avoid Remember Note Read".split())


def usable(s):
    """A sentence that is one and states something: 7 to 28 words, a capital first, a full stop last, letters mostly."""
    words = s.split()
    return 7 <= len(words) <= 28 and s[0].isupper() and words[0] not in IMPERATIVES and s.endswith(".") and not s.endswith("..") and sum(c.isalpha() or c == " " for c in s) / len(s) > 0.8 and "|" not in s and re.search(
        r"\b(?:is|are|was|were|has|have|had|can|may|must|will|shall|should|could|would|do|does|did|\w+ed|\w+s|became|won|made|led)\b", s)
