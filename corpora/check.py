"""Checks `questions.jsonl` against the documents: every quote is where it says, and nothing is said twice.

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


def problems(questions):
    """What is wrong, in words, one item a fault."""
    for field in ("id", "question"):
        values = [question[field] for question in questions]
        for value in sorted({value for value in values if values.count(value) > 1}):
            yield f"{field} appears twice: {value}"
    asked = [question["answerable"] for question in questions]
    if (asked.count(True), asked.count(False)) != (45, 15):
        yield f"expected 45 answerable and 15 others, found {asked.count(True)} and {asked.count(False)}"
    for question in questions:
        name = question["id"]
        if list(question) != FIELDS:
            yield f"{name}: fields are {list(question)}"
        elif not question["answerable"]:
            if any(question[field] is not None for field in ("answer", "path", "quote", "page")):
                yield f"{name}: not answerable, yet answered"
        elif not (path := HERE / question["path"]).is_file():
            yield f"{name}: no such file: {question['path']}"
        elif (path.suffix == ".pdf") != isinstance(question["page"], int):
            yield f"{name}: a page is named for PDFs and only for them"
        elif not any(squeezed(question["quote"]) in reading for reading in readings(path, question["page"])):
            yield f"{name}: not in {question['path']}: {question['quote']}"
    documents = {str(path.relative_to(HERE)) for path in (HERE / "larkmoor").rglob("*") if path.is_file()}
    for path in sorted(documents - {question["path"] for question in questions}):
        yield f"no question asks for {path}"


def main():
    """Prints the faults; the exit status is 1 if there are any."""
    lines = (HERE / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line) for line in lines]
    faults = list(problems(questions))
    for fault in faults:
        print(fault)
    print(f"{len(questions)} questions, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
