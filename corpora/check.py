"""Checks `questions.jsonl` and `questions-2.jsonl`: every quote is where it says, and nothing is asked twice.

    python3 corpora/check.py        # needs only Python 3.10 and pdftotext (poppler-utils)

Quote and document are compared after markup is stripped, cell borders are dropped and white space is collapsed, so a
quoted table row is its cells with one space between them. A quote from a PDF must be on the page that is named.
"""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

HERE = Path(__file__).resolve().parent
FIELDS = ["id", "question", "answerable", "answer", "path", "quote", "page"]
KINDS = "fact table comparison two_documents entity condition identifier date misspelt yes_no".split()
PER_KIND = (6, 6)  # answerable and not, in `questions-2.jsonl`


class Words(HTMLParser):
    """Collects the text of a page without head, script and style."""

    SILENT = {"head", "script", "style"}

    def __init__(self):
        super().__init__()
        self.silent, self.text = 0, []

    def handle_starttag(self, tag, attrs):
        self.silent += tag in self.SILENT

    def handle_endtag(self, tag):
        self.silent -= tag in self.SILENT
        if tag in {"p", "li", "td", "th", "tr", "h1", "h2", "h3"}:
            self.text.append(" ")

    def handle_data(self, data):
        if not self.silent:
            self.text.append(data)


def squeezed(text):
    """The text without cell borders and with single spaces."""
    return " ".join(text.replace("|", " ").split())


def decoded(raw):
    """Plain text from bytes in UTF-16 with a mark, UTF-8, or else Windows-1252."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("windows-1252")


def readings(path, page):
    """Every reading of a document, or of one page of a PDF, that a quote may be found in."""
    if path.suffix == ".pdf":
        only = ["-f", str(page), "-l", str(page)]
        for layout in ([], ["-layout"]):
            command = ["pdftotext", *layout, *only, str(path), "-"]
            yield squeezed(subprocess.run(command, check=True, capture_output=True).stdout.decode("utf-8"))
        return
    text = decoded(path.read_bytes())
    if path.suffix == ".html":
        parser = Words()
        parser.feed(text)
        text = "".join(parser.text)
    elif path.suffix == ".md":
        text = re.sub(r"^\s*(#+|[-*>]|\d+\.)\s+(\[ \] )?", "", text, flags=re.MULTILINE)
        text = re.sub(r"\*\*|`|\]\([^)]*\)", "", text)
    yield squeezed(text)


def misplaced(place):
    """What is wrong with one quoted place, or None."""
    path = HERE / place["path"]
    if not path.is_file():
        return f"no such file: {place['path']}"
    if (path.suffix == ".pdf") != isinstance(place["page"], int):
        return "a page is named for PDFs and only for them"
    if not any(squeezed(place["quote"]) in reading for reading in readings(path, place["page"])):
        return f"not in {place['path']}: {place['quote']}"
    return None


def places(question):
    """The places that an answerable question quotes, the best one first."""
    return [question, *question.get("also", [])] if question["answerable"] else []


def repetitions(questions):
    """Ids and questions that appear more than once, white space and case aside."""
    for field in ("id", "question"):
        values = [squeezed(question[field]).lower() for question in questions]
        for value in sorted({value for value in values if values.count(value) > 1}):
            yield f"{field} appears twice: {value}"


def problems(questions, fields):
    """What is wrong with one set whose questions have these fields, in words, one item a fault."""
    for question in questions:
        name = question["id"]
        if [field for field in question if field != "also"] != fields:
            yield f"{name}: fields are {list(question)}"
        elif not question["answerable"]:
            if "also" in question or any(question[field] is not None for field in ("answer", "path", "quote", "page")):
                yield f"{name}: not answerable, yet answered"
        else:
            yield from (f"{name}: {fault}" for fault in map(misplaced, places(question)) if fault)
    documents = {str(path.relative_to(HERE)) for path in (HERE / "larkmoor").rglob("*") if path.is_file()}
    for path in sorted(documents - {place["path"] for question in questions for place in places(question)}):
        yield f"no question asks for {path}"


def miscounted(questions, expected, what):
    """A fault if there are not as many answerable questions and others as expected."""
    asked = [question["answerable"] for question in questions]
    if (found := (asked.count(True), asked.count(False))) != expected:
        yield f"{what}: expected {expected[0]} answerable and {expected[1]} others, found {found[0]} and {found[1]}"


def kind_problems(questions):
    """What is wrong with the kinds of the second set: unknown, uneven, or two documents that are one."""
    for kind in KINDS:
        yield from miscounted([question for question in questions if question.get("kind") == kind], PER_KIND, kind)
    for question in questions:
        if (kind := question.get("kind")) not in KINDS:
            yield f"{question['id']}: no such kind: {kind}"
        if kind == "two_documents" and len({place["path"] for place in places(question)}) == 1:
            yield f"{question['id']}: quotes one document only"


def read(name):
    """The questions of one file."""
    return [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]


def main():
    """Prints the faults; the exit status is 1 if there are any."""
    first, second = read("questions.jsonl"), read("questions-2.jsonl")
    faults = [
        *repetitions(first + second),
        *miscounted(first, (45, 15), "questions.jsonl"),
        *problems(first, FIELDS),
        *problems(second, [*FIELDS, "kind"]),
        *kind_problems(second),
    ]
    for fault in faults:
        print(fault)
    print(f"{len(first)} and {len(second)} questions, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
