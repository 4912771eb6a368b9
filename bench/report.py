"""report.py: tables, the targets, and the comparison with bench/baseline.json."""
import os, sys

# How much worse a gated figure may get. Machines are shared and noisy, so times are never gated, only
# ratios between two things measured in the same run; `relative` is a share, `absolute` is in units.
# (Kernels: their runner prints few digits of the slow scalar speed, and it moves most.)
TOLERANCES = {"speed": ("relative", 0.30), "kernel": ("relative", 0.50), "accuracy": ("absolute", 0.003), "set": ("absolute", 0.015),
              "size": ("relative", 0.05), "memory": ("relative", 0.15), "count": ("absolute", 0.0)}
SAME_MACHINE = ("speed", "kernel", "memory")  # gated only where cores and instruction set are the baseline's


def both(name):
    """A figure of transformer inference: with two threads, else with one."""
    return ["transformer." + name.replace("{t}", t) for t in ("t2", "t1")]


# (what, figures in order of preference, relation, bound)
TARGETS = [
    ("IMDb naive Bayes accuracy (dev estimate)", ["imdb.nb.accuracy", "imdb.nb.accuracy.fold1"], ">=", 0.880),
    ("IMDb logistic accuracy (dev estimate)", ["imdb.logistic.accuracy", "imdb.logistic.accuracy.fold1"], ">=", 0.918),
    ("general: mean macro-F1, three classes", ["general.macro_f1"], ">=", 0.62),
    ("general: sets where VADER is better", ["general.sets_worse_than_vader"], "<=", 0),
    ("documents/s, file to file", ["score.tsv.documents_per_s"], ">=", 300000),
    ("documents/s, the aim", ["score.tsv.documents_per_s"], ">=", 400000),
    ("times scikit-learn's bigram pipeline", ["score.over_sklearn-lr"], ">=", 60),
    ("times fastText", ["score.over_fasttext"], ">=", 20),
    ("p50 of one review, us", ["latency.{isa}.movies-lr.p50_us"], "<=", 10),
    ("allocations a prediction", ["latency.{isa}.allocations"], "<=", 0),
    ("naive Bayes training, s", ["train.nb.seconds"], "<=", 0.3),
    ("logistic training, s", ["train.logistic.seconds"], "<=", 3),
    ("LSTM training: times PyTorch", ["train_lstm.over_torch"], ">=", 3),
    ("whole process for one text, ms", ["startup.predict_ms"], "<=", 5),
    ("default model, MB", ["startup.default_model_mb"], "<=", 3),
    ("peak memory while scoring, MB", ["memory.peak_mb"], "<=", 64),
    ("cleaning, GB/s", ["latency.{isa}.movies-lr.clean_gb_per_s"], ">=", 1.5),
    ("CSV scan, GB/s", ["kernels.csv scan with quotes.{isa}"], ">=", 3),
    ("requests/s, of nginx that hands out bytes", ["serve.general.of_nginx"], ">=", 0.85),
    ("requests/s, times Flask + gunicorn + scikit-learn", ["serve.general.over_flask"], ">=", 40),
    ("p99 at half that load, ms", ["serve.at_50%.p99_ms"], "<=", 2),
    ("server, 64 connections, MB", ["serve.memory.connections64_mb"], "<=", 32),
    ("server, 10,000 idle connections, MB", ["serve.memory.idle10000_mb", "serve.memory.idle2000_mb"], "<=", 64),
    ("server, growth over 5 million requests, MB", ["serve.memory.growth_mb"], "<=", 1),
    ("server ready, ms", ["serve.ready_ms"], "<=", 50),
    ("DistilBERT int8, 128 tokens, of ONNX Runtime's time", both("distilbert.i8.{t}.128.of_ort"), "<=", 0.6),
    ("DistilBERT int8, 16 tokens, of ONNX Runtime's time", both("distilbert.i8.{t}.16.of_ort"), "<=", 0.5),
    ("DistilBERT float32, 128 tokens, of ONNX Runtime's", both("distilbert.f32.{t}.128.of_ort"), "<=", 0.85),
    ("DistilBERT bfloat16 over float32", both("distilbert.{t}.bf16_over_f32"), ">=", 1.6),
    ("DistilBERT int8, load ms", both("distilbert.i8.{t}.load_ms"), "<=", 100),
    ("MiniLM int8, 128 tokens, of ONNX Runtime's time", both("minilm.i8.{t}.128.of_ort"), "<=", 0.6),
    ("256 reviews, DistilBERT int8, times ONNX Runtime", ["transformer.distilbert.i8.mixed.over_ort"], ">=", 2),
    ("LSTM float32, 1 text, times ONNX Runtime's float32", ["lstm.f32.t2.1.over_ort"], ">=", 1.5),
    ("LSTM float32, 32 texts, times ONNX Runtime's float32", ["lstm.f32.t2.32.over_ort"], ">=", 1.3),
    ("LSTM int8, 1 text, times ONNX Runtime's float32", ["lstm.i8.t2.1.over_ort"], ">=", 2),
    ("LSTM int8, 32 texts, times ONNX Runtime's float32", ["lstm.i8.t2.32.over_ort"], ">=", 2),
]


class Printer:
    def __init__(self, out):
        self.out = out
        self.colour = out.isatty() and "NO_COLOR" not in os.environ
        self.live = sys.stderr.isatty()

    def paint(self, code, text):
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def say(self, text):
        print(text, file=self.out, flush=True)

    def progress(self, text):
        if self.live:
            sys.stderr.write("\r\x1b[K" + (f"  .. {text}" if text else ""))
            sys.stderr.flush()

    def facts(self, title, rows):
        self.say(self.paint("1", title))
        for name, value in rows:
            self.say(f"  {name:<16} {value}")

    def table(self, title, header, rows):
        """Words to the left, numbers to the right."""
        self.progress("")
        widths = [max(len(str(r[i])) for r in [header] + rows) for i in range(len(header))]
        self.say("\n" + self.paint("1", title))
        for n, row in enumerate([header] + rows):
            cells = [str(c).ljust(w) if i == 0 else str(c).rjust(w) for i, (c, w) in enumerate(zip(row, widths))]
            line = ("  " + "  ".join(cells)).rstrip()
            bad = any(str(c) in ("MISS", "WORSE") for c in row)
            self.say(self.paint("2", line) if n == 0 else self.paint("31", line) if bad else line)


def shown(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def targets(figures, isa):
    rows = []
    for what, names, relation, bound in TARGETS:
        names = [n.format(isa=isa) for n in names]
        value = next((figures[n]["value"] for n in names if n in figures), None)
        ok = value is not None and (value >= bound if relation == ">=" else value <= bound)
        rows.append({"target": what, "bound": f"{relation} {shown(bound)}", "measured": value,
                     "result": "not measured" if value is None else "ok" if ok else "MISS"})
    return rows


def worse_by(now, then):
    """How much worse, in the figure's tolerance; negative is better."""
    kind, limit = TOLERANCES[now["gate"]]
    old, new = then["value"], now["value"]
    change = (old - new) if now["better"] == "higher" else (new - old)
    if kind == "absolute":
        return change, limit
    if now["better"] == "higher":  # a third as fast is three times as bad, not two thirds
        return (old / new - 1 if new else float("inf")), limit
    return (new / old - 1 if old else float(new > 0)), limit


def compare(figures, machine, baseline):
    """Rows [{figure, baseline, now, change, verdict}] of all gated figures that both have."""
    same = all(machine[k] == baseline["machine"].get(k) for k in ("cores", "isa", "threads"))
    rows = []
    for name, now in figures.items():
        then = baseline["figures"].get(name)
        if not now["gate"] or not then:
            continue
        change, limit = worse_by(now, then)
        verdict = "same"
        if change > limit + 1e-9:
            verdict = "WORSE" if same or now["gate"] not in SAME_MACHINE else "worse (other machine)"
        elif change < -limit / 2 and change:
            verdict = "better"
        rows.append({"figure": name, "baseline": then["value"], "now": now["value"], "worse_by": change,
                     "tolerance": limit, "verdict": verdict, "kind": TOLERANCES[now["gate"]][0]})
    return rows, same


def change_text(row):
    """What changed, as it is; whether that is worse, the verdict says."""
    if row["kind"] == "relative" and row["baseline"]:
        return f"{row['now'] / row['baseline'] - 1:+.0%}"
    return f"{row['now'] - row['baseline']:+.4f}"
