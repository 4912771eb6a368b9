"""parts_transformer.py: transformer inference beside ONNX Runtime: the same seeded random classifiers, the
same texts, the same number of threads, in alternation."""
import json, os, shutil, statistics, subprocess
from measure import Command, Failed

PACKAGES = ["numpy", "onnx", "onnxruntime", "tokenizers"]
SHAPES = {"distilbert": "DistilBERT-base (6 layers of 768)", "minilm": "MiniLM-L6 (6 layers of 384)"}
LENGTHS = (16, 128, 512)
LIBRARIES = ["-lsimdjson", "-lstdc++", "-lutf8proc", "-lxxhash", "-lzstd", "-lz", "-lm", "-ldl", "-pthread"]
PYTHON = "build/venv/bin/python"
WRONG = 1e-3  # a logit that differs more from ONNX Runtime's in float32 was not computed from the same model


def transformer(b):
    """Texts a second and ms a text, float32, bfloat16 and int8, beside ONNX Runtime."""
    if not b.install(PACKAGES):
        raise Failed("needs " + ", ".join(PACKAGES) + " in build/venv: the models are made with them")
    program = build_program(b)
    for shape in ("distilbert",) if b.quick else SHAPES:
        folder = make_models(b, shape)
        ours, theirs = our_models(b, folder), their_graphs(b, shape, folder)
        check_logits(b, shape, folder, program, ours)
        for threads in sorted({1, b.threads}):
            single(b, shape, folder, program, ours, theirs, threads)
        mixed(b, shape, folder, program, ours, theirs)


def build_program(b):
    path = b.path("transformer_bench")
    command = [os.environ.get("CC", "cc"), "-std=c17", "-D_GNU_SOURCE", "-O2", "-Iinclude", "-o", path,
               "bench/transformer_bench.c", os.path.join(b.build, "libvalence.a"), *LIBRARIES]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise Failed(f"cannot build bench/transformer_bench.c: {done.stdout.strip()[-400:]}")
    return path


def make_models(b, shape):
    """About a gigabyte under build/bench/data, once."""
    folder = b.inputs.kept("transformer_" + shape)
    if not os.path.exists(os.path.join(folder, "made.json")):
        b.lab.progress(f"making {shape}")
        shutil.rmtree(folder, ignore_errors=True)
        b.lab.output([PYTHON, "bench/transformer_models.py", shape, folder, b.inputs.imdb()])
    return folder


def our_models(b, folder):
    """{type: path}; what `valence quantize` cannot do yet is left out, and said."""
    models = {"f32": os.path.join(folder, "hf")}
    for kind in ("bf16", "i8"):
        path = os.path.join(folder, f"valence_{kind}.safetensors")
        try:
            b.lab.output([b.valence, "quantize", "-m", models["f32"], "--type", kind, "-o", path])
            models[kind] = path
        except Failed as why:
            b.lab.note(f"no {kind} model: {why}")
    return models


def their_graphs(b, shape, folder):
    """{type: graph}: in float32 the plain and the fused graph, of the int8 ones the fastest here."""
    made, report = json.load(open(os.path.join(folder, "made.json"))), b.path("choose.json")
    b.lab.progress(f"{shape}: which int8 graph is ONNX Runtime's fastest")
    b.lab.output([PYTHON, "bench/peer_transformers.py", "choose", folder, "--threads", str(b.threads), "--report", report])
    chosen = json.load(open(report))
    fused = ", ".join(f"{n} {op}" for op, n in made["fused"].items())
    times = ", ".join(f"{g} {ms:.1f}" for g, ms in sorted(chosen["least_ms"].items(), key=lambda i: i[1]))
    b.say(f"{SHAPES[shape]}: ONNX Runtime's optimizer fused {fused}.\nIts int8 graphs, ms at 128 tokens: {times}.")
    return {"f32": ("plain", "fused"), "i8": (chosen["fastest"],)}


def peer(b, command, folder, graph, threads, *more):
    report = b.path(f"ort_{command}_{graph}.json")
    return Command([PYTHON, "bench/peer_transformers.py", command, folder, graph, "--threads", str(threads), *more,
                    "--report", report], report=report)


def own(b, program, command, folder, kind, model, threads):
    report = b.path(f"valence_{command}_{kind}.json")
    return Command([program, command, folder, model, str(threads), report], report=report)


def check_logits(b, shape, folder, program, ours):
    """A benchmark of wrong answers is none."""
    def logits(command):
        b.lab.output(command.argv)
        return json.load(open(command.report))["logits"]
    truth, rows = logits(peer(b, "logits", folder, "plain", b.threads)), []
    for kind, model in ours.items():
        mine = logits(own(b, program, "logits", folder, kind, model, b.threads))
        worst = max(abs(x - y) for p, q in zip(truth, mine, strict=True) for x, y in zip(p, q, strict=True))
        same = sum((p[0] > p[1]) == (q[0] > q[1]) for p, q in zip(truth, mine)) / len(truth)
        b.lab.figure(f"transformer.{shape}.{kind}.logit_difference", worst, "", "lower")
        rows.append([f"valence {kind}", f"{worst:.2e}", f"{same:.0%}"])
        if kind == "f32" and worst > WRONG:
            raise Failed(f"{shape}: logits differ by {worst:.2g} from ONNX Runtime's")
    b.table(f"{SHAPES[shape]}: logits of {len(truth)} reviews against ONNX Runtime in float32",
            ["model", "largest difference", "same label"], rows)


def ratio(b, name, ours, theirs, key):
    """ours / theirs by rounds: below 1 is faster."""
    per_round = [x[key] / y[key] for x, y in zip(ours.reports, theirs.reports)]
    return b.lab.figure(name, statistics.median(per_round), "x", "lower", "speed")


def contenders(b, command, folder, program, ours, theirs, threads, *more):
    commands = {("valence", k): own(b, program, command, folder, k, m, threads) for k, m in ours.items()}
    for kind, graphs in theirs.items():
        for graph in graphs:
            commands[("ONNX Runtime", f"{kind} {graph}")] = peer(b, command, folder, graph, threads, *more)
    return commands


def best_peer(runs, kind, key):
    """Of the peers of a type the fastest: bf16 has none of its own and is held against float32."""
    mine = "f32" if kind == "bf16" else kind
    return min((r for (who, k), r in runs.items() if who != "valence" and k.split()[0] == mine),
               key=lambda r: r.reported(key))


def single(b, shape, folder, program, ours, theirs, threads):
    runs = b.lab.alternate(contenders(b, "single", folder, program, ours, theirs, threads), 1 if b.quick else 5)
    rows = []
    for (who, kind), r in runs.items():
        name = f"transformer.{shape}.{'' if who == 'valence' else 'ort_'}{kind.replace(' ', '_')}.t{threads}"
        cells = [single_cell(b, f"{name}.{n}", n, r, who == "valence" and (runs, kind), threads) for n in LENGTHS]
        b.lab.figure(f"{name}.load_ms", r.reported("session_ms"), "ms", "lower")
        b.lab.figure(f"{name}.resident_mb", r.reported("session_mb"), "MB", "lower")
        rows.append([f"{who} {kind}", *cells, f"{r.reported('session_ms'):,.0f}", f"{r.reported('session_mb'):,.0f}"])
    if "bf16" in ours:
        key = "cpu_ms_128" if threads == 1 else "p50_ms_128"
        f32, bf16 = (runs[("valence", k)].reported(key) for k in ("f32", "bf16"))
        b.lab.figure(f"transformer.{shape}.t{threads}.bf16_over_f32", f32 / bf16, "x", gate="speed")
    b.table(f"{SHAPES[shape]}, one text at a time, {threads} thread{'s' * (threads > 1)}: p50 ms by tokens (ours in "
            f"{'processor time, ' if threads == 1 else ''}shares of ONNX Runtime's fastest of the type)",
            ["system", *map(str, LENGTHS), "load ms", "MB loaded"], rows)


def single_cell(b, name, n, r, peers, threads):
    """One thread's share is taken from processor time, which others on the machine disturb less; of two
    threads that counts how they wait, too."""
    key = f"p50_ms_{n}"
    p50 = b.lab.figure(f"{name}.p50_ms", r.reported(key), "ms", "lower")
    b.lab.figure(f"{name}.cpu_ms", r.reported(f"cpu_ms_{n}"), "ms", "lower")
    if not peers:
        return f"{p50:,.2f}"
    key = f"cpu_ms_{n}" if threads == 1 else key
    return f"{p50:,.2f} ({ratio(b, f'{name}.of_ort', r, best_peer(*peers, key), key):.2f})"


def mixed(b, shape, folder, program, ours, theirs):
    """256 reviews. ONNX Runtime's best way to batch them is found once, by its int8 graph."""
    graph = theirs["i8"][0]
    found = peer(b, "mixed", folder, graph, b.threads)
    b.lab.progress(f"{shape}: ONNX Runtime's best way to batch")
    b.lab.output(found.argv)
    way = json.load(open(found.report))
    ways = ", ".join(f"{k} {v:.2f} s" for k, v in sorted(way["ways"].items(), key=lambda i: i[1]))
    b.say(f"Batches of ONNX Runtime on a quarter of the reviews: {ways}.")
    option = f"{way['batch']},{'sorted' if way['sorted'] else 'unsorted'}"
    kinds = {"i8": theirs["i8"]} if b.quick else {"f32": ("fused",), "i8": theirs["i8"]}
    mine = {k: m for k, m in ours.items() if k in kinds or k == "bf16" and not b.quick}
    commands = contenders(b, "mixed", folder, program, mine, kinds, b.threads, "--way", option)
    runs, rows = b.lab.alternate(commands, 1 if b.quick else 3), []
    for (who, kind), r in runs.items():
        name = f"transformer.{shape}.{'' if who == 'valence' else 'ort_'}{kind.replace(' ', '_')}.mixed"
        seconds = b.lab.figure(f"{name}.seconds", r.reported("mixed_s"), "s", "lower")
        tokens = b.lab.figure(f"{name}.tokens_per_s", r.reported("tokens") / seconds, "tokens/s")
        times = ""
        if who == "valence":
            per_round = [y["mixed_s"] / x["mixed_s"]
                         for x, y in zip(r.reports, best_peer(runs, kind, "mixed_s").reports)]
            times = f"{b.lab.figure(f'{name}.over_ort', statistics.median(per_round), 'x', gate='speed'):.2f}x"
        rows.append([f"{who} {kind}", f"{256 / seconds:,.1f}", f"{tokens:,.0f}", f"{seconds:.2f}", times])
    b.table(f"{SHAPES[shape]}, 256 reviews of mixed length, {b.threads} threads, tokenisation included "
            f"(ONNX Runtime: batches of {option.replace(',', ', ')})",
            ["system", "texts/s", "tokens/s", "s", "faster"], rows)
