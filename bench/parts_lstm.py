"""parts_lstm.py: LSTM inference beside ONNX Runtime: the same weights, the same texts, the same number of
threads, in alternation."""
import json, os, shutil, statistics, subprocess
from measure import Command, Failed
from parts_transformer import LIBRARIES, PYTHON

PACKAGES = ["numpy", "onnx", "onnxruntime"]
KINDS, GRAPHS, SIZES = ("f32", "bf16", "i8"), ("float32", "int8"), (1, 32)
WRONG = 1e-4  # a float32 logit that differs more from ONNX Runtime's was not computed from the same model


def lstm(b):
    """Bidirectional LSTM of 128 units each way, 1 and 32 texts of 256 tokens, beside ONNX Runtime."""
    if not b.install(PACKAGES):
        raise Failed("needs " + ", ".join(PACKAGES) + " in build/venv: the models are made with them")
    program, folder = build_program(b), make_model(b)
    for threads in sorted({1, b.threads}):
        compare(b, program, folder, threads)


def build_program(b):
    path = b.path("lstm_bench")
    command = [os.environ.get("CC", "cc"), "-std=c17", "-D_GNU_SOURCE", "-O2", "-Iinclude", "-Isrc", "-o", path,
               "bench/lstm_bench.c", os.path.join(b.build, "libvalence.a"), *LIBRARIES]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise Failed(f"cannot build bench/lstm_bench.c: {done.stdout.strip()[-400:]}")
    return path


def make_model(b):
    folder = b.inputs.kept("lstm")
    if not os.path.exists(os.path.join(folder, "ids")):
        b.lab.progress("making the LSTM")
        shutil.rmtree(folder, ignore_errors=True)
        b.lab.output([PYTHON, "bench/peer_lstm.py", "make", folder, b.inputs.imdb(), "--report", b.path("made.json")])
    return folder


def compare(b, program, folder, threads):
    def own(kind):
        report = b.path(f"lstm_{kind}.json")
        return Command([program, folder, kind, str(threads), report], report=report)

    def peer(graph):
        report = b.path(f"lstm_{graph}.json")
        return Command([PYTHON, "bench/peer_lstm.py", "infer", folder, graph, "--threads", str(threads),
                        "--report", report], report=report)

    commands = {("valence", k): own(k) for k in KINDS} | {("ONNX Runtime", g): peer(g) for g in GRAPHS}
    runs = b.lab.alternate(commands, 1 if b.quick else 5)
    truth = runs[("ONNX Runtime", "float32")]
    b.table(f"LSTM, {threads} thread{'s' * (threads > 1)}: ms for texts of 256 tokens (times faster than ONNX Runtime's "
            f"float32{', by processor time' if threads == 1 else ''})",
            ["system", *(f"{n} text{'s' * (n > 1)}" for n in SIZES), "load ms", "logits off by"],
            [row(b, who, kind, r, truth, threads) for (who, kind), r in runs.items()])


def row(b, who, kind, r, truth, threads):
    """One thread's ratio is taken from processor time, which others on the machine disturb less; of two threads
    that counts how they wait, too."""
    name = f"lstm.{'' if who == 'valence' else 'ort_'}{kind}.t{threads}"
    cells = []
    for n in SIZES:
        least = b.lab.figure(f"{name}.{n}.least_ms", min(x[f"least_ms_{n}"] for x in r.reports), "ms", "lower")
        b.lab.figure(f"{name}.{n}.p50_ms", r.reported(f"p50_ms_{n}"), "ms", "lower")
        b.lab.figure(f"{name}.{n}.cpu_ms", r.reported(f"cpu_ms_{n}"), "ms", "lower")
        key = f"cpu_ms_{n}" if threads == 1 else f"least_ms_{n}"
        times = statistics.median(y[key] / x[key] for x, y in zip(r.reports, truth.reports))
        if who == "valence":
            b.lab.figure(f"{name}.{n}.over_ort", times, "x", gate="speed")
        cells.append(f"{least:,.2f} ({times:.2f}x)")
    worst = max(abs(x - y) for p, q in zip(truth.reports[0]["logits"], r.reports[0]["logits"], strict=True)
                for x, y in zip(p, q, strict=True))
    b.lab.figure(f"{name}.logit_difference", worst, "", "lower")
    if kind == "f32" and worst > WRONG:
        raise Failed(f"logits differ by {worst:.2g} from ONNX Runtime's")
    b.lab.figure(f"{name}.load_ms", r.reported("load_ms"), "ms", "lower")
    return [f"{who} {kind}", *cells, f"{r.reported('load_ms'):,.1f}", f"{worst:.1e}"]
