"""Claims from questions with their answers, right and wrong."""
import re

from claims.text import MONTH, WORDS_WINDOW, YEAR, names, numbers, rows_of, sentences, upper_first


IRREGULAR = dict(p.split("/") for p in """win/won become/became begin/began come/came die/died go/went get/got make/made take/took build/built write/wrote sing/sang play/played start/started end/ended open/opened release/released
move/moved happen/happened join/joined leave/left lose/lost sign/signed pass/passed form/formed create/created use/used join/joined live/lived air/aired premiere/premiered originate/originated occur/occurred invent/invented fight/fought
discover/discovered meet/met find/found sell/sold buy/bought change/changed introduce/introduced enter/entered return/returned adopt/adopted arrive/arrived""".split())


def statement(question, answer):
    """The question with its answer as a statement; none where no safe rule fits."""
    q = question.strip().rstrip("?").strip()
    m = re.match(r"who (?!all\b|else\b|do\b|does\b|did\b|is it|was it|are you)(?:is |was |are |were )?(?:it that )?(.+)", q, re.I)
    if m:
        copula = re.match(r"who (is|was|are|were) ", q, re.I)
        passive = re.match(r"who (?:is|was|are|were) .+ (?:by|to|for|with|after|from|about|of)$", q, re.I)
        return None if passive else f"{answer} {copula.group(1) + ' ' if copula else ''}{m.group(1)}."
    m = re.match(r"(?:what|which) (is|was|are|were) ((?:the|another|one of the) .+)", q, re.I)
    if m:
        return f"{m.group(2)} {m.group(1)} {answer}."
    m = re.match(r"(?:when|(?:in |on )?(?:what|which) (?:year|date|day)) (?:did|does) (.+?) (" + "|".join(IRREGULAR) + r")\b(.*)", q, re.I)
    if m:
        return f"{m.group(1)} {IRREGULAR[m.group(2).lower()]}{m.group(3)} {dated(answer)}."
    m = re.match(r"(?:when|(?:in )?what year) (was|were|is|are) (.+?) (\w+ed|built|made|born|written|won|found|held|sung|shot|set|drawn)((?: (?:in|as|into|to|from|by|on|at|of) .+| out| up)?)$", q, re.I)
    if m:
        return f"{m.group(2)} {m.group(1)} {m.group(3)}{m.group(4)} {dated(answer)}."
    m = re.match(r"where (was|were|is|are) (.+?) (\w+ed|built|made|born|written|found|held|shot|set|from)$", q, re.I)
    if m and m.group(3) != "from":
        return f"{m.group(2)} {m.group(1)} {m.group(3)} {answer if re.match(r'(?:in|on|at|near|from|the coast) ', answer) else 'in ' + answer}."
    m = re.match(r"how many ([\w' -]+?) (are|were|is) (?:there )?((?:in|on|of|at) .+|left|used)$", q, re.I)
    if m:
        return f"there {m.group(2)} {answer} {m.group(1)} {m.group(3)}."
    m = re.match(r"how many (\w+(?: of [\w' ]+?)?) (?:does|do) (.+?) have\b(.*)$", q, re.I)
    if m:
        return f"{m.group(2)} has {answer} {m.group(1)}{m.group(3)}."
    m = re.match(r"(?:which|what) (country|state|city|team|player|king|president|company|actor|river|book|movie|film|song|company|language|month|nation|county|club|party|artist|band|island|driver|competitor|athlete|year) (?!do\b|does\b|did\b|is\b (?:the|this)|are\b (?:the|this)|was\b (?:the|this)|were\b)(.+)", q, re.I)
    if m and not re.search(r"\b(?:did|does|do)\b", m.group(2)):
        return f"{answer} {m.group(2)}."
    return None


def dated(answer):
    """A date with its preposition."""
    if re.match(r"(?:in|on|at|by|since|until|during|around|the|from|between|after|before) ", answer, re.I):
        return answer
    return ("on " if re.search(r"\b\d{1,2}\b", answer) and re.search(MONTH, answer) else "in ") + answer


def rivals(answer, text, answers):
    """Other spans of the same kind in the text: numbers for numbers, dates for dates, names for names."""
    bad = " ".join(answers).lower()
    if re.search(MONTH, answer) or YEAR.fullmatch(answer.strip()):
        shape = r"(?:" + MONTH + r" \d{1,2}, \d{4}|\d{1,2} " + MONTH + r" \d{4}|" + MONTH + r" \d{4}|\b(?:1[5-9]|20)\d\d\b)"
        found = re.findall(shape, text)
        found = [f for f in found if bool(re.search(MONTH, f)) == bool(re.search(MONTH, answer))]
    elif re.fullmatch(r"[$£€]?[\d,.]+%?(?: \w+)?", answer):
        tail = answer.split(" ", 1)[1:] or [""]
        found = [f"{n} {tail[0]}".strip() for _, _, n in numbers(text)]
    elif answer[:1].isupper():
        found = [n for _, _, n in names(text) if len(n.split()) == len(answer.split())]
    else:
        return []
    return sorted({f for f in found if f.lower() not in bad and not set(f.lower().split()) & set(bad.split()) - {"the", "of", "million"} or re.search(r"\d", f) and f not in bad})


def around(rng, text, at, words):
    """The part of the text, whole sentences, that holds the character `at` and about so many words."""
    sents, start, place = sentences(text), 0, 0
    for n, s in enumerate(sents):
        if start <= at:
            place = n
        start += len(s) + 1
    chosen, count = [place], len(sents[place].split())
    low, high = place - 1, place + 1
    while low >= 0 or high < len(sents):
        pick = high if low < 0 or (high < len(sents) and rng.random() < 0.5) else low
        if count + len(sents[pick].split()) > words:
            break
        chosen.append(pick)
        count += len(sents[pick].split())
        low, high = (low - 1, high) if pick == low else (low, high + 1)
    return " ".join(sents[n] for n in sorted(chosen))


def claims_from_questions(make):
    """Right and wrong answers put into statements; yes and no questions as statements and their denials."""
    rng = make.rng
    rows = [r for r in rows_of("qa/nq_dev") if r["answerable"] and r.get("answer")]
    for r in rows:
        title, _, text = r["passage"].partition(": ")
        text = re.sub(r"\s+", " ", text or title)
        for answer in r["answer"][:3]:
            at = text.find(answer)
            right = statement(r["question"], answer) if at >= 0 and len(answer) < 50 else None
            if not right:
                continue
            part = around(rng, text, at, WORDS_WINDOW + 15)
            others = rivals(answer, text, r["answer"])
            b = f"{title}: {part}" if rng.random() < 0.8 else part
            if answer not in b or not others:
                continue
            other = rng.choice(others)
            wrong = statement(r["question"], other)
            # The other span as evidence's answer turns the labels round.
            swapped = b.replace(answer, "\x00").replace(other, answer).replace("\x00", other)
            if wrong and wrong != right:
                claim, shown, label = rng.choice([(wrong, b, 0), (right, swapped, 0)])
                true = [(right, b), (wrong, swapped)][0 if shown == swapped else rng.randrange(2)]
                make.add("entails", "question-claim", f"nq_dev:{title}", upper_first(true[0]), true[1], 1)
                make.add("entails", "question-claim", f"nq_dev:{title}", upper_first(claim), shown, label, wrong if claim == right else right)
            break
    for r in rows_of("qa/boolq"):
        if not r["answerable"] or len(r["passage"].split()) > 110 or make.full("yes-no"):
            continue
        both = yes_no(r["question"])
        if both:
            title = r["passage"].split(" - ")[0]
            yes = int(r["answer"][0] == "yes")
            said = rng.randrange(2)
            make.add("entails", "yes-no", f"boolq:{title}", upper_first(both[said]), r["passage"], yes if said == 0 else 1 - yes)


LINKS = set("""a an the in on at part considered allowed required still based made located legal illegal called known used always ever real really required to of for from possible safe good bad able any only more less than similar different
same dead alive married related over under open closed free owned born filmed set written played named available important necessary going being getting covered""".split())
BASE = set("""have need use win die get go come take make play live work count expire cause expand contain include apply end exist belong leave become carry cost cover own own appear sell pay run allow require affect kill eat serve grow speak know help hold start require mean turn
keep lose come change drive receive marry vote write sing fly score return qualify produce operate offer wear find see give accept occur share accept form stay""".split())


def yes_no(question):
    """A yes or no question as a statement and its denial, where the subject's end is plain."""
    words = question.strip().rstrip("?").lower().split()
    if len(words) < 4:
        return None
    aux, rest = words[0], words[1:]
    if aux in ("is", "are", "was", "were") and rest[0] == "there":
        return f"there {aux} {' '.join(rest[1:])}.", f"there {aux} {'no' if rest[1] in ('a', 'an', 'any') else 'not'} {' '.join(rest[2:] if rest[1] in ('a', 'an', 'any') else rest[1:])}."
    if aux in ("can", "is", "are", "was", "were", "will", "must", "do", "does", "did", "should", "has", "have") and rest[0] in ("you", "it", "they", "we", "i", "he", "she"):
        cut = 1
    elif aux in ("is", "are", "was", "were", "has", "have", "will", "can"):
        stops = LINKS if aux in ("is", "are", "was", "were") else BASE | {"been", "be"}
        cut = next((n for n in range(1, len(rest)) if (rest[n] in stops or (aux not in ("can", "will") and rest[n].endswith("ed"))) and not (n == 1 and rest[0] in ("the", "a", "an"))), None)
        if cut and rest[cut] in ("of", "in", "on", "at", "for", "from", "to", "the", "than", "over", "under", "and"):
            return None
    elif aux in ("does", "do", "did"):
        cut = next((n for n in range(1, len(rest)) if rest[n] in BASE and not (n == 1 and rest[0] in ("the", "a", "an"))), None)
    else:
        return None
    if not cut or cut >= len(rest):
        return None
    subject, tail = " ".join(rest[:cut]), " ".join(rest[cut:])
    if aux in ("does", "do", "did"):
        verb = rest[cut]
        said = {"does": "has" if verb == "have" else verb + ("es" if verb.endswith(("s", "sh", "ch", "x", "o")) else "s"), "do": verb, "did": IRREGULAR.get(verb)}[aux]
        if rest[0] in ("you", "we", "they", "i") and aux == "does" or not said or said.endswith("ys"):
            return None
        return f"{subject} {said} {' '.join(rest[cut + 1:])}.", f"{subject} {aux} not {tail}."
    return f"{subject} {aux} {tail}.", f"{subject} {aux} not {tail}."
