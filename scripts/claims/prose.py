"""Pairs of claims and windows from the sentences of documents; collects all pairs."""
import collections
import difflib
import re

from claims.edits import edit_antonym, edit_bound, edit_name, edit_negation, edit_number, edit_roles, edit_time_order, edit_unit, edit_year, weaken_attribution, weaken_clause, weaken_condition, weaken_modality, weaken_only, weaken_quantifier
from claims.text import DEV_PERCENT, KIND_CAPS, YEAR, lower_first, names, numbers, percent, put, usable, value, window
from claims.wording import reword


OPPOSED = {"number": edit_number, "year": edit_year, "name": edit_name, "roles": edit_roles, "negation": edit_negation, "antonym": edit_antonym, "unit": edit_unit,
           "bound": edit_bound, "time-order": edit_time_order}
WEAKENED = {"modality": weaken_modality, "quantifier": weaken_quantifier, "only": weaken_only, "condition": weaken_condition, "attribution": weaken_attribution,
            "clause-dropped": weaken_clause}


def differing(text, other):
    """Character spans of the words of a text that another text does not have in the same places."""
    ours, theirs = list(re.finditer(r"\S+", text)), re.findall(r"\S+", other)
    matcher = difflib.SequenceMatcher(None, [m.group().strip(".,;:?").lower() for m in ours], [w.strip(".,;:?").lower() for w in theirs], autojunk=False)
    return [[ours[i].start(), ours[j - 1].end()] for tag, i, j, _, _ in matcher.get_opcodes() if tag != "equal" and j > i]


class Maker:
    """Collects pairs; one kind gives no more than its cap."""

    def __init__(self, rng):
        self.rng, self.rows, self.counts = rng, [], collections.Counter()

    def full(self, kind):
        return self.counts[kind] >= KIND_CAPS.get(kind, 3000)

    def add(self, task, kind, doc_id, a, b, label, a_true=None, b_part=None):
        """One pair. Of a false one, `a_true` is the claim that would be true, `b_part` the part of the window that is at odds with the
        claim and how it would have to read: their differing words are kept as `wrong_a` and `wrong_b`."""
        a = re.sub(r"\s+", " ", a).replace("..", ".").strip()
        b = b.strip()
        wrong = {}
        if a_true is not None:
            wrong["wrong_a"] = differing(a, a_true)
            at = b.find(b_part[0]) if b_part else -1
            wrong["wrong_b"] = [[s + at, e + at] for s, e in differing(*b_part)] if at >= 0 else []
        if task == "entails" and self.rng.random() < 0.12:
            a = a.rstrip(".")
        self.counts[kind] += 1
        self.rows.append({"task": task, "a": a, "b": b, "label": label, "kind": kind, "split": "dev" if percent("dev " + doc_id) < DEV_PERCENT else "train", "doc": doc_id[:80], **wrong})


def add_opposed(make, kind, doc, at, one, other):
    """Two of the four pairs of two wordings that exclude each other, drawn so that each wording is as often true as false."""
    rng = make.rng
    seed = rng.random()
    said = [reword(seed, one), reword(seed, other)]
    if said[0] == said[1]:
        return
    shown = [one, other]
    true = rng.randrange(2)
    false_claim, false_window = rng.choice([(1 - true, true), (true, 1 - true)])
    make.add("entails", kind, doc.id, said[true], window(rng, doc, at, shown[true]), 1)
    make.add("entails", kind, doc.id, said[false_claim], window(rng, doc, at, shown[false_window]), 0, said[1 - false_claim],
             (shown[false_window], shown[false_claim]))


def add_weakened(make, kind, doc, at, strong, weak):
    """The strong claim on strong and on weak evidence; sometimes the weak claim on its own evidence and on evidence with another condition."""
    rng = make.rng
    seed = rng.random()
    said = reword(seed, strong)
    if said == reword(seed, weak):
        return
    shown = doc
    if kind in ("condition", "attribution") and rng.random() < 0.5:
        # A condition beside the sentence does not touch it.
        rule = WEAKENED[kind]
        sents = list(doc.sents)
        for n in (at - 1, at + 1):
            if 0 <= n < len(sents) and usable(sents[n]):
                changed = rule(rng, sents[n], doc)
                sents[n] = changed[1] if changed else sents[n]
        shown = doc._replace(sents=sents)
    make.add("entails", kind, doc.id, said, window(rng, shown, at, strong), 1)
    make.add("entails", kind, doc.id, said, window(rng, doc, at, weak), 0, reword(seed, weak), (weak, strong))
    # The weak wording is also true of itself, and false of evidence that differs otherwise: else weak evidence alone would say no.
    if rng.random() < 0.5:
        if kind in ("condition", "attribution"):
            changed = WEAKENED[kind](rng, strong, doc)
            differs = changed[1] if changed and changed[1] != weak else None
        else:
            rules = [edit_name, edit_number, edit_year, edit_antonym] + [edit_negation] * (kind == "only")
            differs = next((c[1] for c in (rule(rng, weak, doc) for rule in rng.sample(rules, len(rules))) if c and c[0] == weak), None)
        make.add("entails", kind, doc.id, reword(seed, weak), window(rng, doc, at, weak), 1)
        if differs and reword(seed, differs) != reword(seed, weak):
            make.add("entails", kind, doc.id, reword(seed, weak), window(rng, doc, at, differs), 0, reword(seed, differs), (differs, weak))


def add_replaced(make, doc, at, s):
    """A value that a later sentence replaces: the old one is no longer true, the new one is."""
    rng = make.rng
    if not re.search(r"\b(?:is|are|has|have|may|must|can|shall)\b", s) or re.search(r"\b(?:was|were|had|in \d{4})\b", s):
        return
    found = numbers(s)
    changed = edit_number(rng, s, doc) if len(found) == 1 else None
    if not changed:
        return
    old, new = found[0][2], changed[1][found[0][0] :].split(" ")[0].rstrip(".,;%)")
    if not re.fullmatch(r"[$£€]?[\d,.]*\d", new) or new == old:
        return
    unit = re.match(r"%?(?: (?:days|weeks|months|years|hours|minutes|million|billion|percent|per cent|miles|km|people|members|seats|employees))?", s[found[0][1] :]).group()
    when = rng.choice(["With effect from 1 March 2021", "Since the amendment of June 2019", "From this year", "In the second edition", "As of 1 January 2020", "After the review", "From May 2024"])
    how = "raised" if value(new) > value(old) else rng.choice(["lowered", "reduced", "cut"])
    later = rng.choice([f"{when}, {old}{unit} is replaced by {new}{unit}.", f"{when}, this figure was {how} from {old}{unit} to {new}{unit}.", f"{when} it is {new}{unit} instead of {old}{unit}.",
                        f"This was {how} to {new}{unit} {when[0].lower()}{when[1:]}.", f"{when}, {new}{unit} applies in place of {old}{unit}."])
    kept = rng.choice([f"{when}, the figure of {old}{unit} stays as it is.", f"A proposal to change {old}{unit} to {new}{unit} was rejected.", f"{when}, it was confirmed at {old}{unit}.", f"The committee considered {new}{unit} but kept {old}{unit}."])
    seed = rng.random()
    said_old, said_new = reword(seed, s), reword(seed, changed[1])
    changed_window, kept_window = window(rng, doc, at, f"{s} {later}"), window(rng, doc, at, f"{s} {kept}")
    for claim, b, label in rng.choice([((said_old, kept_window, 1), (said_old, changed_window, 0)), ((said_new, changed_window, 1), (said_new, kept_window, 0)),
                                       ((said_new, changed_window, 1), (said_old, changed_window, 0)), ((said_old, kept_window, 1), (said_new, kept_window, 0))]):
        make.add("entails", "replaced", doc.id, claim, b, label, None if label else said_new if claim == said_old else said_old)


CONVERTED = {"days": [(7, "weeks"), (1 / 24, "hours")], "weeks": [(1 / 7, "days")], "months": [(12, "years")], "years": [(1 / 12, "months"), (10, "decades")], "hours": [(1 / 60, "minutes"), (24, "days")],
             "minutes": [(1 / 60, "seconds"), (60, "hours")], "km": [(0.001, "metres")], "kilometres": [(0.001, "metres")], "kilometers": [(0.001, "metres")], "kg": [(0.001, "grams"), (1000, "tonnes")],
             "million": [(1000, "billion"), (0.001, "thousand")], "billion": [(0.001, "million")], "metres": [(1000, "kilometres"), (0.01, "centimetres")], "cm": [(0.1, "mm"), (100, "metres")]}


def plain(x):
    """A value in few digits, none where it is not one."""
    return None if x <= 0 or abs(x * 100 - round(x * 100)) > 1e-6 else f"{x:,.2f}".rstrip("0").rstrip(".")


def add_figures(make, doc, at, s):
    """Claims that round or convert a number of the sentence, rightly and wrongly."""
    rng = make.rng
    for start, end, old in numbers(s):
        sign, x = (old[0] if old[0] in "$£€" else ""), value(old)
        unit = re.match(r" (\w+)", s[end:])
        if unit and unit.group(1) in CONVERTED and not make.full("converted"):
            factor, other = rng.choice(CONVERTED[unit.group(1)])
            right = plain(x / factor)
            wrong = plain(x / factor * rng.choice([0.5, 2, 1.5, 10, 0.1, 3])) or plain(x)
            if right and wrong and wrong != right and len(right) < 8:
                tail = s[end + len(unit.group()) :]
                truth, lie = (reword(at + x, f"{s[:start]}{sign}{v} {other}{tail}") for v in (right, wrong))
                if truth != lie:
                    b = window(rng, doc, at, s)
                    make.add("entails", "converted", doc.id, truth, b, 1)
                    make.add("entails", "converted", doc.id, lie, b, 0, truth)
                    return
        if x >= 1000 and not make.full("rounding") and not re.search(r"(?:about|over|than|nearly|approximately|least|most|No\.|to) $", s[:start]):
            big = 1e9 if x >= 1e9 else 1e6 if x >= 1e6 else 1e3
            scale = "" if unit and unit.group(1) in ("million", "billion", "thousand") or big == 1e3 else {1e9: " billion", 1e6: " million"}[big]
            form = (lambda v: f"{v / big:.1f}{scale}") if scale else (lambda v: f"{round(v, -max(1, len(str(int(v))) - 2)):,.0f}")
            right, wrong = form(x), form(x * rng.choice([0.6, 0.75, 1.3, 1.5, 10]))
            if right != wrong and right != old:
                about = rng.choice(["about ", "around ", "roughly ", "approximately "])
                b = window(rng, doc, at, s)
                make.add("entails", "rounding", doc.id, put(s, (start, end), about + sign + right), b, 1)
                make.add("entails", "rounding", doc.id, put(s, (start, end), about + sign + wrong), b, 0, put(s, (start, end), about + sign + right))
                return


def add_elsewhere(make, doc, at, s):
    """The sentence on its window, and on its neighbours alone where they lack its names or figures."""
    rng = make.rng
    marks = [n for _, _, n in names(s)] + [n for _, _, n in numbers(s)] + YEAR.findall(s)
    near = window(rng, doc, at, "", skip=True)
    if len([m for m in marks if m not in near]) >= 2 and len(near.split()) > 8:
        seed = rng.random()
        make.add("entails", "elsewhere", doc.id, reword(seed, s), window(rng, doc, at, s), 1)
        make.add("entails", "elsewhere", doc.id, reword(seed, s), near, 0)


def add_joined(make, doc, at, s):
    """Two neighbouring sentences as one claim, true only where both halves are."""
    rng = make.rng
    if at + 1 >= len(doc.sents) or not usable(doc.sents[at + 1]) or len(s.split()) + len(doc.sents[at + 1].split()) > 34:
        return
    following = doc.sents[at + 1]
    rule = rng.choice([edit_number, edit_year, edit_name, edit_negation, edit_antonym])
    edited_first = rng.random() < 0.5
    changed = rule(rng, s if edited_first else following, doc)
    if not changed:
        return
    joint = rng.choice([", and ", "; ", ", while "])
    both = lambda one, two: f"{one.rstrip('.')}{joint}{lower_first(two)}"
    versions = [both(v, following) if edited_first else both(s, v) for v in changed]
    shown = [f"{v} {following}" if edited_first else f"{s} {v}" for v in changed]
    true = rng.randrange(2)
    false_claim, false_window = rng.choice([(1 - true, true), (true, 1 - true)])
    frame = doc._replace(sents=doc.sents[: at + 1] + doc.sents[at + 2 :])
    make.add("entails", "joined", doc.id, versions[true], window(rng, frame, at, shown[true]), 1)
    make.add("entails", "joined", doc.id, versions[false_claim], window(rng, frame, at, shown[false_window]), 0, versions[1 - false_claim],
             (shown[false_window], shown[false_claim]))


def claims_from_prose(make, docs):
    """Pairs of every kind from the usable sentences of the documents, the rarer kinds first."""
    rng = make.rng
    rules = {**OPPOSED, **WEAKENED}
    told = set()
    special = {"replaced": add_replaced, "figures": add_figures, "elsewhere": add_elsewhere, "joined": add_joined}
    for doc in docs:
        places = [at for at, s in enumerate(doc.sents) if usable(s) and s[:50] not in told]
        told.update(doc.sents[at][:50] for at in places)
        for at in rng.sample(places, min(4, len(places))):
            s = doc.sents[at]
            made = 0
            kinds = [*rules, *special]
            rng.shuffle(kinds)
            kinds.sort(key=lambda k: make.counts[k] / KIND_CAPS.get(k, 3000) + 0.15 * rng.random())
            for kind in kinds:
                if made == 3 or make.full(kind):
                    break
                before = len(make.rows)
                if kind in special:
                    special[kind](make, doc, at, s)
                else:
                    changed = rules[kind](rng, s, doc)
                    if changed and changed[0] != changed[1]:
                        (add_opposed if kind in OPPOSED else add_weakened)(make, kind, doc, at, *changed)
                made += len(make.rows) > before
