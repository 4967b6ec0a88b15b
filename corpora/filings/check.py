"""Checks the judged rows here against the filings: draws, pages, figures on their pages, ratios from their cells.

    python3 corpora/filings/check.py        # needs Python 3.10, pdftotext (poppler-utils) and the sec-10-q data

The filings are looked for under `sec-10-q/docs` of `IBID_TEST_DATA` (default: `../shared/data` from the project's
root). Nothing is checked where they are absent, and that is said.
"""

import csv
import os
import random
import re
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DATA = Path(os.environ.get("IBID_TEST_DATA", ROOT / "../shared/data")) / "sec-10-q"
SEED, QUESTIONS, DRAWN = 20261130, 195, 60
DIGITS = {"percent": 1, "days": 1, "ratio": 2, "USD million": 0}
# Words of a row that say nothing about which row it is; `intel` is the company, not the row.
PLAIN = set(
    "and of in the to for from on per or by total net less at other basic used before end with related intel".split()
)


def table(name):
    """The rows of a tab-separated file as dicts, in order."""
    with open(HERE / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def pages_of(name, known={}):
    """The texts of a filing's pages, first page first; each filing is read once."""
    if name not in known:
        command = ["pdftotext", "-layout", str(DATA / "docs" / name), "-"]
        text = subprocess.run(command, check=True, capture_output=True).stdout.decode("utf-8")
        known[name] = text.split("\f")[:-1]
    return known[name]


def stands_on(name, page, value, row):
    """Whether the figure stands on the page as printed, a minus as parentheses, in a line of the row's name."""
    lines = [" ".join(line.split()) for line in pages_of(name)[int(page) - 1].splitlines() if line.strip()]
    digits = re.escape(value.lstrip("-"))
    figure = rf"\({digits} ?\)" if value.startswith("-") else rf"(?<![\d,.(]){digits}(?![\d,.)])"
    # A name may wrap over three lines, and a long one is shortened in the table: its first words decide.
    first = re.findall(r"\w+", row.split(" / ")[-1])[:2]
    for at, line in enumerate(lines):
        if re.search(figure, line) and all(word in " ".join(lines[max(0, at - 2) : at + 1]) for word in first):
            return True
    return False


def own_words(row, question):
    """The row's own words, or forms of them, that the question uses."""
    asked = re.findall(r"[a-z]+", question.lower().replace("'s", ""))
    named = [word for word in re.findall(r"[a-z]+", row.lower()) if len(word) > 2 and word not in PLAIN]
    return sorted({n for n in named for a in asked if n == a or (len(n) > 4 and len(a) > 4 and n[:5] == a[:5])})


def wrong_pages(rows):
    """What is wrong with `pages.tsv`."""
    drawn = sorted(random.Random(SEED).sample(range(QUESTIONS), DRAWN))
    if sorted({int(row["row"]) for row in rows}) != drawn:
        yield "pages: the rows are not those that the seed draws"
    for row in rows:
        if row["pages"] == "-":
            continue
        pages = [int(page) for page in row["pages"].split(",")]
        if pages != sorted(set(pages)) or not 1 <= pages[0] <= pages[-1] <= len(pages_of(row["file"])):
            yield f"pages: {row['row']}, {row['file']}: {row['pages']}"


def wrong_cells(rows):
    """What is wrong with `cells.tsv`."""
    shares = Counter((row["file"], row["statement"]) for row in rows)
    if len(rows) != 120 or len(shares) != 60 or set(shares.values()) != {2}:
        yield "cells: not two rows of each of three statements in each of twenty filings"
    for row in rows:
        name = f"cells: {row['file']}, {row['row']}, {row['period']}"
        also = [tuple(twin.rsplit(":", 1)) for twin in row["also"].split(";") if twin != "-"]
        for file, page in [(row["file"], row["page"]), *also]:
            # Twins are checked by figure alone: a row is renamed now and then.
            named = row["row"] if file == row["file"] else ""
            if not stands_on(file, page, row["value"], named):
                yield f"{name}: {row['value']} is not on page {page} of {file}"
        if words := own_words(row["row"], row["question"]):
            yield f"{name}: the question says {', '.join(words)}"
    for question, times in Counter(row["question"] for row in rows).items():
        if times > 1:
            yield f"cells: asked twice: {question}"


def wrong_ratios(rows):
    """What is wrong with `ratios.tsv`."""
    if len(rows) != 30:
        yield f"ratios: expected 30, found {len(rows)}"
    for row in rows:
        figures = {}
        for letter, cell in zip("abcd", row["cells"].split(";"), strict=False):
            page, name, _, value = cell.split(":")
            figures[letter] = Fraction(value.replace(",", ""))
            if not stands_on(row["file"], page, value, name):
                yield f"ratios: {row['file']}: {name} {value} is not on page {page}"
        if not re.fullmatch(r"[abcd0-9+\-*/()]+", row["formula"]):
            yield f"ratios: {row['file']}: no formula: {row['formula']}"
            continue
        exact = eval(row["formula"], {"__builtins__": {}}, figures)  # letters, digits and signs only, see above
        half = Fraction(1, 2 * 10 ** DIGITS[row["unit"]])
        if abs(exact - Fraction(row["value"])) > half:
            yield f"ratios: {row['file']}: {row['formula']} is {float(exact):.4f}, not {row['value']}"


def main():
    """Prints the faults; the exit status is 1 if there are any."""
    if not DATA.is_dir():
        print("not checked: no sec-10-q folder in IBID_TEST_DATA")
        return 0
    pages, cells, ratios = table("pages.tsv"), table("cells.tsv"), table("ratios.tsv")
    faults = [*wrong_pages(pages), *wrong_cells(cells), *wrong_ratios(ratios)]
    for fault in faults:
        print(fault)
    print(f"{DRAWN} questions on {len(pages)} lines, {len(cells)} cells, {len(ratios)} ratios, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
