# /// script
# requires-python = ">=3.10"
# dependencies = ["reportlab==5.1.0"]
# ///
"""Renders every `source/**/*.md` to the PDF of the same name under `larkmoor/`.

Run it from anywhere, in a throw-away environment:

    python3 -m venv venv && venv/bin/pip install reportlab==5.1.0
    venv/bin/python corpora/make_pdfs.py            # write the PDFs
    venv/bin/python corpora/make_pdfs.py --check    # fail if a committed PDF differs

The bytes are the same at every run: dates and ids are fixed, and the only embedded font (Vera) comes with reportlab.

A source is a small part of Markdown: `#`, `##` and `###` headings, paragraphs, `- ` items, pipe tables, `**bold**`,
and `\\newpage` on a line. A head between `---` lines sets title, header, footer, font (times, helvetica or vera) and
columns (1 or 2). The vera font is set with fi and fl ligatures, as a typesetter would.
"""

import io
import re
import sys
from pathlib import Path

from reportlab import rl_config
from reportlab.lib import colors
from reportlab.lib.enums import TA_JUSTIFY, TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Frame, PageBreak, PageTemplate, Paragraph, Spacer, Table

HERE = Path(__file__).resolve().parent
FONTS = {
    "times": ("Times-Roman", "Times-Bold"),
    "helvetica": ("Helvetica", "Helvetica-Bold"),
    "vera": ("Vera", "Vera-Bold"),
}
LIGATURES = {"fi": "\ufb01", "fl": "\ufb02"}
NUMBER = re.compile(r"^[(\-+–]?[£€]?[\d,.]+[%xp)]*(:1)?$|^–$")


class NumberedCanvas(Canvas):
    """A canvas that knows the number of pages when it draws the footers."""

    def __init__(self, *args, head=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.head, self.states = head, []

    def showPage(self):
        self.states.append(dict(self.__dict__))
        self._startPage()

    def save(self):
        for number, state in enumerate(self.states, start=1):
            self.__dict__.update(state)
            self.margins(number, len(self.states))
            super().showPage()
        super().save()

    def margins(self, number, count):
        """Draws the running header and footer of one page, each with its rule."""
        width, height = A4
        self.setFont(FONTS[self.head["font"]][0], 8)
        self.setLineWidth(0.4)
        self.drawString(20 * mm, height - 14 * mm, ligated(self.head["header"], self.head))
        self.line(20 * mm, height - 16 * mm, width - 20 * mm, height - 16 * mm)
        self.line(20 * mm, 16 * mm, width - 20 * mm, 16 * mm)
        self.drawString(20 * mm, 12 * mm, ligated(self.head["footer"], self.head))
        self.drawRightString(width - 20 * mm, 12 * mm, f"Page {number} of {count}")


def ligated(text, head):
    """The text with the ligatures that the font of the document has."""
    if head["font"] == "vera":
        for pair, glyph in LIGATURES.items():
            text = text.replace(pair, glyph)
    return text


def marked(text, head):
    """One line of source as reportlab's paragraph markup."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", ligated(text, head))


def styles(head):
    """The paragraph styles of one document by name."""
    plain, bold = FONTS[head["font"]]
    size = {"times": 11, "helvetica": 10, "vera": 9.2}[head["font"]]
    body = ParagraphStyle("body", fontName=plain, fontSize=size, leading=size * 1.36, spaceAfter=5)
    if head["columns"] == 2:
        body.alignment = TA_JUSTIFY

    def heading(level, scale, before):
        return ParagraphStyle(f"h{level}", body, fontName=bold, fontSize=size * scale, leading=size * scale * 1.25,
                              spaceBefore=before, spaceAfter=4, keepWithNext=1, alignment=0)

    cell = ParagraphStyle("cell", body, fontSize=size - 1, leading=(size - 1) * 1.25, spaceAfter=0, alignment=0)
    return {
        "body": body,
        "h1": heading(1, 1.7, 0),
        "h2": heading(2, 1.25, 8),
        "h3": heading(3, 1.05, 5),
        "item": ParagraphStyle("item", body, leftIndent=12, bulletIndent=2, spaceAfter=2.5),
        "cell": cell,
        "number": ParagraphStyle("number", cell, alignment=TA_RIGHT),
        "head": ParagraphStyle("head", cell, fontName=bold),
    }


def cell_width(text, style):
    """The width in points of a cell that holds the text on one line."""
    return pdfmetrics.stringWidth(text, style.fontName, style.fontSize) + 14


def table(lines, style, head, width):
    """A ruled table from pipe-table lines; columns of figures are set right."""
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    rows = [row for row in rows if not all(re.fullmatch(r":?-+:?", cell) for cell in row)]
    columns = list(zip(*rows))
    least = [max(cell_width(word, style["head"]) for cell in column for word in cell.split() or [""]) for column in columns]
    wanted = [max(cell_width(cell, style["head"]) for cell in column) for column in columns]
    spare, wish = width - sum(least), sum(wanted) - sum(least)
    widths = [low + spare * ((want - low) / wish if wish else 1 / len(rows[0])) for low, want in zip(least, wanted)]
    figures = [all(NUMBER.match(cell) for cell in column[1:] if cell) for column in columns]
    cells = [[Paragraph(marked(cell, head), style["head"]) for cell in rows[0]]]
    for row in rows[1:]:
        cells.append([Paragraph(marked(cell, head), style["number" if right else "cell"])
                      for cell, right in zip(row, figures)])
    rules = [
        ("GRID", (0, 0), (-1, -1), 0.4, colors.grey),
        ("BACKGROUND", (0, 0), (-1, 0), colors.whitesmoke),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
    ]
    return Table(cells, colWidths=widths, repeatRows=1, style=rules, spaceBefore=3, spaceAfter=8, hAlign="LEFT")


def flowables(body, style, head, width):
    """The flow of headings, paragraphs, items and tables of a source text."""
    flow = []
    for block in re.split(r"\n\s*\n", body.strip()):
        lines = block.strip().splitlines()
        if lines[0] == "\\newpage":
            flow.append(PageBreak())
        elif lines[0].startswith("|"):
            flow += [table(lines, style, head, width), Spacer(1, 2)]
        elif match := re.match(r"(#{1,3}) (.+)", lines[0]):
            assert len(lines) == 1, f"a heading stands alone: {block!r}"
            flow.append(Paragraph(marked(match[2], head), style[f"h{len(match[1])}"]))
        elif lines[0].startswith("- "):
            for item in re.split(r"\n(?=- )", block.strip()):
                text = " ".join(item[2:].split())
                flow.append(Paragraph(marked(text, head), style["item"], bulletText="•"))
        else:
            flow.append(Paragraph(marked(" ".join(block.split()), head), style["body"]))
    return flow


def render(source):
    """The PDF bytes of one source text."""
    _, header, body = source.split("---\n", 2)
    head = dict(line.split(": ", 1) for line in header.strip().splitlines())
    head["columns"] = int(head.get("columns", "1"))
    width, height = A4
    gap, left, bottom = 7 * mm, 20 * mm, 20 * mm
    column = (width - 2 * left - gap * (head["columns"] - 1)) / head["columns"]
    frames = [
        Frame(left + index * (column + gap), bottom, column, height - bottom - 20 * mm, 0, 0, 0, 0)
        for index in range(head["columns"])
    ]
    out = io.BytesIO()
    document = BaseDocTemplate(out, pagesize=A4, title=head["title"], author="ibid sample documents", invariant=1)
    document.addPageTemplates([PageTemplate(frames=frames)])
    document.build(flowables(body, styles(head), head, column),
                   canvasmaker=lambda *args, **kwargs: NumberedCanvas(*args, head=head, **kwargs))
    return out.getvalue()


def main():
    """Writes, or with --check compares, every PDF."""
    rl_config.invariant = 1
    pdfmetrics.registerFont(TTFont("Vera", "Vera.ttf"))
    pdfmetrics.registerFont(TTFont("Vera-Bold", "VeraBd.ttf"))
    pdfmetrics.registerFontFamily("Vera", normal="Vera", bold="Vera-Bold", italic="Vera", boldItalic="Vera-Bold")
    check, differing = "--check" in sys.argv[1:], 0
    for path in sorted((HERE / "source").rglob("*.md")):
        target = HERE / "larkmoor" / path.relative_to(HERE / "source").with_suffix(".pdf")
        pdf = render(path.read_text(encoding="utf-8"))
        if check:
            same = target.exists() and target.read_bytes() == pdf
            differing += not same
            print("same" if same else "DIFFERS", target.relative_to(HERE))
        else:
            target.write_bytes(pdf)
            print(len(pdf), target.relative_to(HERE))
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
