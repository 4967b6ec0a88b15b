"""Questions with windows that answer them or not: near misses, windows beside, and the public pairs."""
import collections
import re

from claims.asked import IRREGULAR, around
from claims.edits import FALSE_FRIENDS, OPPOSITE, edit_negation
from claims.text import Doc, MONTH, NOT_NAMES, YEAR, lower_first, names, put, rows_of, sentences, upper_first, window


def name_words(docs):
    """Words that the prose nearly always writes with a capital inside a sentence, and whole names by their number of words."""
    upper, lower, pool = collections.Counter(), collections.Counter(), collections.defaultdict(set)
    for doc in docs:
        for s in doc.sents:
            for w in re.findall(r"(?<=[a-z,] )[A-Za-z][a-z'-]+", s):
                (upper if w[0].isupper() else lower)[w.lower()] += 1
            for start, _, n in names(s):
                if start and doc.source in ("nq_dev", "boolq", "fever", "fm2"):
                    pool[len(n.split())].add(n)
    known = {w for w, n in upper.items() if n >= 2 and lower[w] <= n * 0.06 and len(w) > 2 and w.title() not in NOT_NAMES}
    return known, {k: sorted(v) for k, v in pool.items()}


def shared_name(rng, question, passage, known):
    """A name that question and passage share, as the question writes it."""
    tokens = list(re.finditer(r"[\w'-]+", question.lower()))
    runs, n = [], 0
    while n < len(tokens):
        k = n
        while k < len(tokens) and tokens[k].group().removesuffix("'s") in known:
            k += 1
        if k > n:
            text = question.lower()[tokens[n].start() : tokens[k - 1].end()].removesuffix("'s")
            if re.search(rf"(?<!\w){re.escape(text)}(?!\w)", passage.lower()):
                runs.append(text)
        n = max(k, n + 1)
    return rng.choice(runs) if runs else None


def swap(text, old, new):
    return re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", lambda m: new, text, flags=re.I)


def add_cells(make, kind, doc_id, question, passage, question2, passage2):
    """Two of four: a question with its passage, or both edited alike, is answered; edited on one side, not."""
    rng = make.rng
    true = rng.choice([(question, passage), (question2, passage2)])
    false = rng.choice([(question2, passage), (question2, passage), (question, passage2)])
    make.add("answers", kind, doc_id, *true, 1)
    make.add("answers", kind, doc_id, *false, 0, question if false[0] == question2 else question2, (passage2, passage) if false[1] == passage2 else None)


def near_miss_name(make, doc_id, question, passage, evidence, known, pool):
    rng = make.rng
    old = shared_name(rng, question, evidence, known)
    if not old or not pool.get(len(old.split())):
        return
    foreign = rng.choice(pool[len(old.split())])
    if foreign.lower() in passage.lower():
        return
    local = sorted({n for _, _, n in names(passage) if n.lower() not in question.lower() and len(n.split()) == len(old.split())})
    new = rng.choice(local) if local and rng.random() < 0.4 else foreign
    wrong = swap(question, old, new)
    if question.islower():
        wrong = wrong.lower()
    q2, p2 = swap(question, old, foreign), swap(passage, old, foreign)
    if passage.islower():
        q2, p2 = q2.lower(), p2.lower()
    true = rng.choice([(question, passage), (q2, p2)])
    false = rng.choice([(wrong, passage), (wrong, passage), (question, p2)])
    make.add("answers", "miss-name", doc_id, *true, 1)
    make.add("answers", "miss-name", doc_id, *false, 0, q2 if false[0] == question else question, (p2, passage) if false[1] == p2 else None)


def near_miss_number(make, doc_id, question, passage, evidence):
    rng = make.rng
    shared = [m for m in re.finditer(r"(?<![\w.,])\d[\d,]*(?![\w]|[.,]\d)", question) if re.search(rf"(?<![\w.,]){m.group()}(?![\w]|[.,]\d)", evidence)]
    if not shared:
        return
    old = rng.choice(shared).group()
    x = int(old.replace(",", ""))
    local = [y for y in YEAR.findall(passage) if y not in question]
    new = rng.choice(local) if YEAR.fullmatch(old) and local and rng.random() < 0.5 else str(max(1, x + rng.choice([-20, -9, -4, -2, -1, 1, 2, 3, 7, 30])) if x < 3000 else x * 2)
    if new != old and new not in question:
        foreign = str(x + 13)
        if foreign not in passage:
            wrong = (swap(question, old, new), passage, 0) if rng.random() < 0.65 else (question, swap(passage, old, foreign), 0)
            true = (question, passage, 1) if rng.random() < 0.5 else (swap(question, old, foreign), swap(passage, old, foreign), 1)
            make.add("answers", "miss-number", doc_id, *true)
            make.add("answers", "miss-number", doc_id, *wrong, swap(question, old, foreign) if wrong[0] == question else question)


def near_miss_opposite(make, doc_id, question, passage, evidence):
    rng = make.rng
    found = [m for m in re.finditer(r"[a-z]+(?:-term)?", question) if m.group() in OPPOSITE]
    if not found or FALSE_FRIENDS.search(question) or re.search(r"how (?:long|many more|common|large|likely|old)|left$|same|when .*before", question, re.I):
        return
    m = rng.choice(found)
    old, new = m.group(), OPPOSITE[m.group()]
    if new in passage.lower():
        return
    q2 = put(question, m.span(), new)
    if re.search(rf"\b{old}\b", evidence):
        add_cells(make, "miss-opposite", doc_id, question, passage, q2, re.sub(rf"\b{old}\b", new, passage))
    elif rng.random() < 0.4 and old in ("first", "largest", "most", "highest", "oldest", "more", "higher", "increase", "increased", "won", "last", "before", "after", "north", "south", "east", "west", "northern", "southern"):
        make.add("answers", "miss-opposite", doc_id, question, passage, 1)
        make.add("answers", "miss-opposite", doc_id, q2, passage, 0, question)


def near_miss_negation(make, doc_id, question, passage, evidence, doc):
    rng = make.rng
    changed = edit_negation(rng, evidence, doc)
    m = re.search(r"\b(?:is|are|was|were|can|must|will|should|could)\b (?=(?:the |a |an )?\w)", question)
    d = re.match(r"(?:when|where|why|what \w+|which \w+|who|how) (?:did|does|do) ", question, re.I)
    if not changed or " not" in question or re.match(r"(?:what|who|how many|which)\b.{0,3}(?:is|are|was|were) (?:the|a)\b", question, re.I):
        return
    if d:
        verb = re.search(r" (" + "|".join(IRREGULAR) + r"|have|use|say|want|require|collect|share|provide|receive|include|believe|allow)\b", question)
        q2 = put(question, (verb.start(), verb.start()), " not") if verb else None
    else:
        participle = re.search(r" (?=\w+ed\b| made\b| built\b| found\b| held\b| used\b| known\b)", question[m.end() :]) if m else None
        q2 = put(question, (m.end() + participle.start(), m.end() + participle.start()), " not") if participle else None
    if q2 and evidence in passage and changed[0] == evidence:
        add_cells(make, "miss-negation", doc_id, question, passage, q2, passage.replace(evidence, changed[1]))


QUALIFIERS = """in {Y}|in {Y}|according to {N}|during the reign of {N}|after {Y}|before {Y}|in {N}|under {N}|for children|on Sundays|outside {N}|in winter|for new customers|for employees of {N}|in the second edition|at night|in rural areas|during pregnancy|in the third quarter
in the first year|abroad|before the war|after the merger|for women|in version 3|by sea|with the consent of {N}|in the southern hemisphere|among teenagers|without a licence|in the television version|in the original draft|if the member is under 16""".replace("\n", "|").split("|")


def near_miss_qualifier(make, doc_id, question, passage, evidence, pool):
    rng = make.rng
    if len(question.split()) > 18 or evidence not in passage or re.search(r"\b(?:in|after|before|according|during|by) [\w ]*\W?$", question[-25:]):
        return
    phrase = rng.choice(QUALIFIERS).replace("{Y}", str(rng.randrange(1850, 2020))).replace("{N}", rng.choice(pool[2]))
    phrase = phrase.lower() if question.islower() else phrase
    body, mark = (question[:-1].rstrip(), question[len(question[:-1].rstrip()) :]) if question.endswith("?") else (question, "")
    q2 = f"{body} {phrase}{mark}"
    p2 = passage.replace(evidence, f"{upper_first(phrase) if evidence[0].isupper() else phrase}, {lower_first(evidence)}", 1)
    # Evidence for the special case does not answer the general question, nor the other way round; the former is left out as readers differ.
    make.add("answers", "miss-qualifier", doc_id, q2, passage, 0, question)
    make.add("answers", "miss-qualifier", doc_id, q2, p2, 1)


def near_miss_removed(make, doc_id, question, passage, evidence, answer):
    """The answer taken out of its sentence, where what stays is still one."""
    if evidence not in passage:
        return
    when = re.match(r"(?:when|(?:in |on )?(?:what|which) (?:year|date|day|month|decade))\b", question, re.I)
    where = re.match(r"where\b", question, re.I) and answer
    years = YEAR.findall(evidence)
    short = None
    if when and len(years) == 1 and years[0] not in question and len(YEAR.findall(passage)) == 1:
        short = re.sub(rf",? (?:in|on|by|since|until|around|from|of)(?: (?:late|early|the (?:summer|spring|autumn|winter|fall|end|beginning) of))?(?: {MONTH},?| {MONTH.lower()},?)?(?: \d{{1,2}}(?:st|nd|rd|th)?,?)?(?: of)? {years[0]}|^(?:in|on) (?:{MONTH} |{MONTH.lower()} )?(?:\d{{1,2}}, )?{years[0]},? | \({years[0]}\)", "", evidence, count=1, flags=re.I)
    elif where and passage.count(answer) == 1 and answer[0].isupper():
        short = re.sub(rf",? (?:in|at|near|from|to|on) (?:the )?{re.escape(answer)}(?=[,.;]| (?:in|on|and|by|where|with)\b)", "", evidence, count=1)
    if short and short != evidence and len(short.split()) > 5:
        b = passage.replace(evidence, upper_first(short) if evidence[0].isupper() else short)
        if not (when and re.search(r"\b1\d\d\d\b|\b20\d\d\b", b)):
            make.add("answers", "miss-removed", doc_id, question, passage, 1)
            make.add("answers", "miss-removed", doc_id, question, b, 0)


def question_windows(rng):
    """(source, doc id, title, question, window, evidence, answer, neighbours without the evidence or '') of questions that are answered."""
    for source in ("squad_train_sentences", "nq_dev", "policyqa", "covidqa"):
        rows = [r for r in rows_of(f"qa/{source}") if r["answerable"]]
        rng.shuffle(rows)
        for r in rows[:9000]:
            title, text = "", r["passage"]
            if source == "nq_dev":
                title, _, text = text.partition(": ")
            text = re.sub(r"\s+", " ", text).strip()
            if source == "squad_train_sentences":
                evidence = re.sub(r"\s+", " ", r["evidence"]).strip()
                sents, answer = [], ""
                for s in re.split(r"(?<=[.?!]) (?=\S)", text):
                    if s not in sents:
                        sents.append(s)
                hit = next((n for n, s in enumerate(sents) if s == evidence), None)
                doc_id = f"{source}:{sents[0][:40]}"
            else:
                answer = next((a for a in r.get("answer", []) if re.sub(r"\s+", " ", a) in text and len(a) > 2), None)
                if answer is None:
                    continue
                answer = re.sub(r"\s+", " ", answer)
                sents = sentences(text)
                hit = next((n for n, s in enumerate(sents) if answer in s), None)
                doc_id = f"{source}:{title or text[:60]}"
            if hit is None or len(sents[hit].split()) > 60:
                continue
            evidence = sents[hit]
            part = Doc(doc_id, source, title, sents)
            shown = window(rng, part, hit, evidence)
            rest = window(rng, part, hit, "", skip=True) if len(sents) > 2 else ""
            if answer and answer.lower() in rest.lower():
                rest = ""
            yield source, doc_id, part, r["question"], shown, evidence, answer, rest


def questions(make, docs):
    """Questions with their windows, near misses, and the same questions on windows beside."""
    rng = make.rng
    known, pool = name_words(docs)
    for source, doc_id, part, question, shown, evidence, answer, rest in question_windows(rng):
        near_miss_name(make, doc_id, question, shown, evidence, known, pool) if not make.full("miss-name") else None
        near_miss_number(make, doc_id, question, shown, evidence)
        near_miss_opposite(make, doc_id, question, shown, evidence)
        near_miss_negation(make, doc_id, question, shown, evidence, part)
        near_miss_removed(make, doc_id, question, shown, evidence, answer)
        if rng.random() < 0.12:
            near_miss_qualifier(make, doc_id, question, shown, evidence, pool)
        if rest and len(rest.split()) > 12 and not make.full(f"beside-{source}"):
            make.add("answers", f"beside-{source}", doc_id, question, shown, 1)
            make.add("answers", f"beside-{source}", doc_id, question, rest, 0)


def overlap_part(question, passage, words):
    """The run of sentences with most words of the question."""
    sents = sentences(passage)
    asked = {w for w in re.findall(r"\w+", question.lower()) if len(w) > 3}
    best = max(range(len(sents)), key=lambda n: len(asked & set(re.findall(r"\w+", sents[n].lower()))))
    out, n = sents[best], best + 1
    while n < len(sents) and len(out.split()) + len(sents[n].split()) <= words:
        out, n = f"{out} {sents[n]}", n + 1
    return " ".join(out.split()[: words + 30])


def public_questions(make):
    """The public pairs as they are, passages cut to windows; tables and yes-no passages only where they are short."""
    rng = make.rng
    for source, cap in (("nq_dev", 3200), ("policyqa", 3000), ("medquad", 2600), ("boolq", 2000), ("covidqa", 1200), ("tatqa", 1300), ("wikitablequestions", 260)):
        rows, counts = rows_of(f"qa/{source}"), collections.Counter()
        rng.shuffle(rows)
        for r in rows:
            words, label = rng.choice([55, 70, 70, 95]), int(r["answerable"])
            passage, title = r["passage"], ""
            if source == "nq_dev":
                title, _, passage = passage.partition(": ")
            if source in ("wikitablequestions", "tatqa", "boolq"):
                shown = passage if len(passage.split()) <= 115 else None
            elif label and r.get("answer"):
                text = re.sub(r"\s+", " ", passage)
                at = next((text.find(a) for a in r["answer"] if a in text), -1)
                shown = around(rng, text, at, words) if at >= 0 else None
            elif source == "medquad":
                shown = " ".join(passage.split()[:words])
            else:
                shown = overlap_part(r["question"], passage, words)
            if shown and counts[label] < cap / 2:
                counts[label] += 1
                doc = title or re.sub(r"\s+", " ", passage)[:60]
                make.add("answers", f"qa/{source}", f"{source}:{doc}", r["question"], f"{title}: {shown}" if title and rng.random() < 0.7 else shown, label)
