"""Time and memory of index runs: bench-reading.py IBID HOSTILE

Indexes the folder HOSTILE, then 1,000 and 10,000 generated documents of five formats; prints seconds and the peak memory of the largest
process of each run. The texts are drawn from a fixed seed.
"""
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

WORDS = "rent lease fee notice tenant invoice audit margin quarter supplier harbour engine policy claim refund payment".split()
FORMATS = {
    "md": lambda title, lines: f"# {title}\n\n" + "\n\n".join(lines) + "\n",
    "html": lambda title, lines: f"<h1>{title}</h1>" + "".join(f"<p>{line}</p>" for line in lines),
    "txt": lambda title, lines: f"{title}\n\n" + "\n\n".join(lines) + "\n",
    "json": lambda title, lines: json.dumps({"title": title, "notes": lines}),
    "csv": lambda title, lines: "item,note\n" + "".join(f"{number},{line}\n" for number, line in enumerate(lines)),
}


def generate(folder, count):
    source = random.Random(1)
    for number in range(count):
        lines = [" ".join(source.choices(WORDS, k=12)).capitalize() + "." for _ in range(source.randint(2, 8))]
        extension = list(FORMATS)[number % len(FORMATS)]
        place = folder / f"{number // 500}"
        place.mkdir(parents=True, exist_ok=True)
        text = FORMATS[extension](f"Document {number}", lines)
        (place / f"{number}.{extension}").write_text(text, encoding="utf-8")


def resident(pid):
    """Anonymous and all resident memory of a process, in MB: what the system cannot take back, and with the pages of mapped files."""
    fields = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status") if ":" in line)
    return [int(fields[name].split()[0]) / 1024 for name in ("RssAnon", "VmHWM")]


def run(ibid, folder, home):
    environment = os.environ | {"IBID_HOME": str(home)}
    started = time.perf_counter()
    told = tempfile.TemporaryFile()
    process = subprocess.Popen(
        [ibid, "index", str(folder), "--json"], env=environment, stdout=told, stderr=subprocess.DEVNULL
    )
    held, peak = 0.0, 0.0
    while process.poll() is None:
        try:
            own, high = resident(process.pid)
            held, peak = max(held, own), max(peak, high)
        except (OSError, KeyError):
            pass
        time.sleep(0.02)
    seconds = time.perf_counter() - started
    told.seek(0)
    return json.load(told), seconds, held, peak


def main():
    ibid, hostile = sys.argv[1:3]
    print("| documents | files found | seconds | most memory of its own, MB | with the pages of mapped files, MB |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        folders = {"hostile": pathlib.Path(hostile)}
        for count in (1_000, 10_000):
            folders[f"{count:,} generated"] = work / f"generated-{count}"
            generate(work / f"generated-{count}", count)
        for name, folder in folders.items():
            report, seconds, held, peak = run(ibid, folder, work / f"home-{name.replace(' ', '-')}")
            print(f"| {name} | {report['files']['found']} | {seconds:.1f} | {held:.0f} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()
