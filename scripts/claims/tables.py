"""Claims from the cells of tables, right and wrong."""
import hashlib
import re

from claims.text import YEAR, percent, rows_of, upper_first


def tables():
    """Tables as (doc id, title, header, rows, note) with as many cells in each row as in the header."""
    seen = set()
    for name in ("qa/wikitablequestions", "nli/tabfact_pairs", "qa/tatqa"):
        for r in rows_of(name):
            text = r.get("passage") or r["premise"]
            if text in seen or (name.startswith("nli") and percent(text) < 8) or r.get("answerable") is False:
                continue
            seen.add(text)
            lines, title = text.split("\n"), ""
            if lines[0].startswith("Table: "):
                title, lines = lines[0][7:], lines[1:]
            note = next((m.group() for l in lines[:3] for m in [re.search(r"\(?in (?:thousands|millions|billions)[^|)]*\)?", l, re.I)] if m), "")
            cells = [[c.strip() for c in l.split("|")] for l in lines if "|" in l]
            if name == "qa/tatqa":
                # The head of these tables has no cell above the row names.
                years = next((n for n, row in enumerate(cells) if len(row) >= 2 and all(re.search(r"20[0-3]\d", c) for c in row[-2:])), None)
                if years is None or years > 2:
                    continue
                head = [c for c in cells[years] if c and re.search(r"20[0-3]\d", c)]
                rows = [row for row in cells[years + 1 :] if len(row) == len(head) + 1 and row[0] and all(re.search(r"\d", c) for c in row[1:])]
                head = ["", *head]
            else:
                if len(cells) < 4:
                    continue
                head, rows = cells[0], [row for row in cells[1:] if len(row) == len(cells[0])]
            if 2 <= len(head) <= 7 and len(rows) >= 3 and all(len(c) <= 40 for row in rows for c in row) and len(set(head)) == len(head):
                yield f"{name}:{hashlib.sha256(text.encode()).hexdigest()[:12]}", title, head, rows, note


def shown_rows(rng, title, head, rows, note, wanted):
    """A window of a table: its column names and some of the rows, or one row told cell by cell."""
    order = sorted(wanted)
    if len(order) == 1 and rng.random() < 0.3 and all(head[1:]):
        body = "; ".join(f"{h}: {c}" for h, c in zip(head, rows[order[0]]) if c) if head[0] else f"{rows[order[0]][0]}: " + "; ".join(f"{h}: {c}" for h, c in zip(head[1:], rows[order[0]][1:]))
        return f"{title or note}\n{body}".strip()
    lead = f"{title}\n" if title else f"{note}\n" if note and rng.random() < 0.7 else ""
    return lead + " | ".join(head) + "\n" + "\n".join(" | ".join(rows[n]) for n in order)


def cell_claim(rng, name, column, text, finance, title):
    """One cell as a sentence, in one of several forms."""
    if finance:
        year = re.search(r"20[0-3]\d", column).group()
        return rng.choice([f"{name} was {text} in {year}.", f"In {year}, {name.lower()} amounted to {text}.", f"{name} of {year} came to {text}.", f"The figure for {name.lower()} in {year} is {text}.", f"{year}: {name.lower()} {text}."])
    column = column.lower()
    return rng.choice([f"The {column} of {name} is {text}.", f"{name} has {text} as its {column}.", f"For {name}, the {column} is {text}.", f"{name}'s {column} is {text}.", f"{text} is the {column} of {name}.", f"{name}: {column} {text}."])


def as_number(text):
    text = text.strip().replace("−", "-")
    m = re.fullmatch(r"\(?[$£€]? ?\(?(-?\d[\d,]*(?:\.\d+)?)\)?%?", text)
    return (-1 if text.startswith("(") or "(" in text else 1) * float(m.group(1).replace(",", "")) if m else None


def claims_from_tables(make):
    """Cells told rightly and with the figure of another row or column; comparisons of two rows or years."""
    rng = make.rng
    for doc_id, title, head, rows, note in tables():
        if make.full("cell"):
            break
        finance = doc_id.startswith("qa/tatqa")
        for _ in range(4 if finance else 1):
            n = rng.randrange(len(rows))
            c = rng.randrange(1, len(head))
            name = rows[n][0] if finance or not re.fullmatch(r"\d+\.?", rows[n][0]) else None
            if not name or not rows[n][c] or not head[c] or sum(r[0] == name for r in rows) > 1:
                continue
            size = rng.choice([1, 2, 3, 4]) if len(head) < 5 else rng.choice([1, 2])
            at = max(0, n - rng.randrange(size))
            wanted = {n, *range(at, min(len(rows), at + size))}
            right = rows[n][c]
            same_column = [rows[k][c] for k in range(len(rows)) if rows[k][c] not in rows[n] and rows[k][c]]
            other_columns = [rows[n][k] for k in range(1, len(head)) if rows[n][k] != right and as_number(rows[n][k]) is not None and as_number(right) is not None]
            near = [rows[k][c] for k in wanted if rows[k][c] not in rows[n] and rows[k][c]]
            pool = [p for p in (near, same_column, other_columns) if p]
            if not pool:
                continue
            wrong = rng.choice(rng.choice(pool))
            state = rng.getstate()
            true = cell_claim(rng, name, head[c], right, finance, title)
            rng.setstate(state)
            false = cell_claim(rng, name, head[c], wrong, finance, title)
            b = shown_rows(rng, title, head, rows, note, wanted)
            if len(b.split()) > 85:
                continue
            flipped = [list(r) for r in rows]
            flipped[n][c] = wrong
            choice = rng.randrange(3)
            make.add("entails", "cell", doc_id, true, b, 1)
            make.add("entails", "cell", doc_id, *((false, b, 0, true) if choice else (true, shown_rows(rng, title, head, flipped, note, wanted), 0, false)))
            add_comparison(make, doc_id, title, head, rows, note, finance, n, c)


def add_comparison(make, doc_id, title, head, rows, note, finance, n, c):
    """Which of two values of the table is higher, said rightly and wrongly; for a unit in the head, the figure with and against it."""
    rng = make.rng
    if finance:
        other = rng.choice([k for k in range(1, len(head)) if k != c])
        x, y = as_number(rows[n][c]), as_number(rows[n][other])
        if x is None or y is None or x == y or min(x, y) < 0:
            return
        one, two = (re.search(r"20[0-3]\d", head[k]).group() for k in (c, other))
        name = rows[n][0].lower()
        if one == two:
            return
        later = int(one) > int(two)
        forms = [lambda up: f"{name} {'rose' if up == later else 'fell'} from {two if later else one} to {one if later else two}.", lambda up: f"{name} was {'higher' if up else 'lower'} in {one} than in {two}.",
                 lambda up: f"{name} {'increased' if up == later else 'decreased'} between {min(one, two)} and {max(one, two)}."]
    else:
        k = rng.randrange(len(rows))
        x, y = as_number(rows[n][c]), as_number(rows[k][c])
        if k == n or x is None or y is None or x == y or YEAR.fullmatch(rows[n][c]) or rows[k][0] == rows[n][0] or re.search(r"rank|place|no|pos|year|date|#", head[c], re.I):
            return
        column = head[c].lower()
        forms = [lambda up: f"{rows[n][0]} has {'a higher' if up else 'a lower'} {column} than {rows[k][0]}.", lambda up: f"the {column} of {rows[n][0]} is {'above' if up else 'below'} that of {rows[k][0]}."]
    say = rng.choice(forms)
    wanted = {n} if finance else {n, k}
    b = shown_rows(rng, title, head, rows, note, wanted)
    if len(b.split()) <= 85:
        make.add("entails", "comparison", doc_id, upper_first(say(x > y)), b, 1)
        make.add("entails", "comparison", doc_id, upper_first(say(x < y)), b, 0, say(x > y))
    scale = re.search(r"thousands|millions|billions", note, re.I)
    if finance and scale and note in b:
        unit = scale.group().lower()[:-1]
        wrong = rng.choice([u for u in ("thousand", "million", "billion") if u != unit])
        text = rows[n][c].strip("$ ()")
        for label, u in ((1, unit), (0, wrong)):
            make.add("entails", "scale", doc_id, f"{rows[n][0]} was {text} {u} in {one}.", b, label, None if label else f"{rows[n][0]} was {text} {unit} in {one}.")
