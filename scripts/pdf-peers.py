"""What MuPDF and pdfium read from the PDFs below a folder: pdf-peers.py FOLDER OUT

Writes OUT/NAME.pdf.PEER.txt with a form feed between pages, and prints pages a second. Each file is read by a process of its own, since
some files end the process.
"""
import multiprocessing
import pathlib
import sys
import time


def mupdf(path):
    import pymupdf

    with pymupdf.open(path) as document:
        return [" ".join(word[4] for word in page.get_text("words")) for page in document]


def pdfium(path):
    import pypdfium2

    return [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(path)]


PEERS = {"mupdf": mupdf, "pdfium": pdfium}


def read(peer, path, out, result):
    started = time.perf_counter()
    pages = PEERS[peer](path)
    took = time.perf_counter() - started
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\f".join(pages), encoding="utf-8", errors="replace", newline="")
    result.put((len(pages), took))


def main():
    folder, out = map(pathlib.Path, sys.argv[1:3])
    for peer in PEERS:
        pages, seconds, failed = 0, 0.0, 0
        for path in sorted(folder.rglob("*.pdf")):
            target = out / f"{path.relative_to(folder)}.{peer}.txt"
            result = multiprocessing.SimpleQueue()
            process = multiprocessing.Process(target=read, args=(peer, path, target, result))
            process.start()
            process.join(60)
            if process.is_alive():
                process.kill()
            if process.exitcode == 0:
                count, took = result.get()
                pages, seconds = pages + count, seconds + took
            else:
                failed += 1
        rate = pages / seconds if seconds else 0.0
        print(f"{peer}: {pages} pages, {rate:.0f} pages/s, {failed} files not read", file=sys.stderr)


if __name__ == "__main__":
    main()
