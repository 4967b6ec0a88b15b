"""Says how many answers are right: judge.py ANSWERS (the questions with `answer`, `from` and `rows`) [-v]."""
import collections, json, re, sys
number = lambda text: re.sub(r"[^0-9.]", "", text)
counts = collections.Counter(); shown = []
for line in open(sys.argv[1]):
    q = json.loads(line); answer = q.get("answer"); kind = q["kind"]
    if answer is None: verdict = "right" if kind == "none" else "none"
    elif kind == "none": verdict = "wrong"
    elif kind == "cell":
        figure = answer.rsplit(": ", 1)[-1]
        figure = number(figure.split(" m")[0].split(" t")[0].rstrip("."))
        verdict = "right" if figure == number(q["cell"]) else "wrong"
    else:
        numbers = [float(n.replace(",", "")) for n in re.findall(r"\d[\d,]*\.?\d*", answer)]
        numbers = [abs(n) for n in numbers]; want = abs(q["result"])
        verdict = "right" if any(abs(n - want) <= max(0.006 * (1 if want > 3 else 0.2), 0.0005 * want) for n in numbers) else "wrong"
    counts[kind, verdict] += 1
    shown.append((kind, verdict, q))
for kind in ("cell", "ratio", "none"):
    whole = sum(v for (k, _), v in counts.items() if k == kind)
    print(kind, whole, {v: counts[kind, v] for v in ("right", "wrong", "none")})
if "-v" in sys.argv:
    for kind, verdict, q in sorted(shown, key=lambda s: (s[0], s[1])):
        if verdict == "wrong" or verdict == "none" and "-n" in sys.argv:
            print(verdict, "|", q["question"], "|", q.get("label", q.get("result")), q.get("cell", ""), q.get("document"), "->", q.get("answer"), q.get("from", ""))
