"""parts_speed.py: time, memory and size. Peers run alternately with valence; the ratios count."""
import json, os, re, shutil, statistics
from measure import Command, Failed
from parts_accuracy import FAMILIES, MAP

PEER_NAMES = {"sklearn-nb": "scikit-learn NB, bigram presence", "sklearn-lr": "scikit-learn tf-idf bigrams + LR",
              "fasttext": "fastText, wordNgrams 2, dim 10, epoch 10", "liblinear": "LIBLINEAR -s 0 on tf-idf bigrams"}
ISAS = ("avx512", "avx2", "scalar")


def peer_data(b, name, labels):
    return b.inputs.fasttext(b.inputs.imdb(), labels) if name == "fasttext" else b.inputs.imdb()


def peer_model(b, name):
    """Trained once and kept: needed by score, latency and startup."""
    path = b.inputs.kept(f"peer_{name}.model")
    if not os.path.exists(path):
        b.lab.progress(f"training {name}")
        b.lab.output(b.peer("train", name, peer_data(b, name, True), path + ".part"))
        os.rename(path + ".part", path)
    return path


def peer_command(b, what, name, *args):
    report = b.path(f"{what}_{name}.json")
    return Command(b.peer(what, name, *args, "--report", report), report=report)


# ---- train ----------------------------------------------------------------------------------------

def train(b):
    """From the file to the model file."""
    sources = {"": b.inputs.imdb(), ".zst": b.inputs.imdb("tsv.zst")}
    commands = {}
    for short, family in FAMILIES.items():
        for suffix, path in sources.items():
            argv = [b.valence, "train", family, "--data", path + MAP, "-o", b.path("trained.safetensors")]
            commands[f"{short}{suffix}"] = Command(argv, repeats=3)
        argv = [b.valence, "train", family, "--data", sources[""] + MAP, "--threads", "1",
                "-o", b.path("trained.safetensors")]
        commands[f"{short} 1 thread"] = Command(argv, repeats=3)
    peers = ("sklearn-nb", "sklearn-lr", "fasttext") if b.peers else ()
    for name in peers:
        commands[name] = peer_command(b, "train", name, peer_data(b, name, True), b.path(f"trained_{name}.model"))
    if b.peers and shutil.which("liblinear-train"):
        commands["liblinear"] = liblinear(b)
    elif b.peers:
        b.lab.note("liblinear-train is missing (Debian: liblinear-tools): LIBLINEAR is not measured")
    runs = b.lab.alternate(commands, 1 if b.quick else 3)
    show_train(b, runs)


def liblinear(b):
    path = b.inputs.kept("imdb.libsvm")
    if not os.path.exists(path):
        b.lab.progress("tf-idf for LIBLINEAR")
        b.lab.output(b.peer("libsvm", b.inputs.imdb(), path + ".part"))
        os.rename(path + ".part", path)
    return Command(["liblinear-train", "-q", "-s", "0", path, b.path("liblinear.model")])


def show_train(b, runs):
    rows = []
    for name, r in runs.items():
        ours = name not in PEER_NAMES
        key = name.replace(" 1 thread", "_1thread").replace(".", "_")
        b.lab.figure(f"train.{key}.seconds", r.seconds, "s", "lower")
        b.lab.figure(f"train.{key}.peak_mb", r.rss, "MB", "lower", "memory" if ours else None)
        row = [("valence " + name) if ours else PEER_NAMES[name], f"{r.seconds:.2f}", f"{r.rss:.0f}", "", ""]
        if not ours:
            against = "nb" if name == "sklearn-nb" else "logistic"
            ratio = b.lab.ratio(f"train.{against}_over_{name}", runs[against], r)
            row[3] = f"{ratio:.0f}x {against}"
            if r.reports:
                work = r.reported("work_s")
                b.lab.figure(f"train.{name}.work_seconds", work, "s", "lower")
                row[4] = f"{work:.2f} s = {work / runs[against].seconds:.0f}x"
        rows.append(row)
    b.table("training on IMDb, file to model file, whole process, all cores unless said",
            ["system", "s", "peak MB", "takes", "read and fit alone"], rows)
    b.say("Counted: starting the program, imports, reading, fitting, calibration (valence only), writing the model.\n"
          "Not counted: fastText's preparation of the lines; LIBLINEAR's tf-idf features (made by scikit-learn).\n"
          "'Read and fit alone' is the peer without start, imports and saving, against valence's whole process.")


# ---- score ----------------------------------------------------------------------------------------

def predict(b, source, out, *more):
    return [b.valence, "predict", "-m", b.movies("lr"), "-i", source, "-o", b.path(out), *more]


def score(b):
    """Documents per second, file to file."""
    source = b.inputs.imdb()
    commands = {"tsv": Command(predict(b, source, "out.tsv", "--threads", str(b.threads)), 5),
                "tsv, 1 thread": Command(predict(b, source, "out.tsv", "--threads", "1"), 5)}
    for name in ("sklearn-nb", "sklearn-lr", "fasttext") if b.peers else ():
        commands[name] = peer_command(b, "score", name, peer_model(b, name), peer_data(b, name, False),
                                      b.path("peer.tsv"), "--processes", str(b.threads))
    for form in ("csv", "jsonl", "tsv.zst"):
        out = "out." + form.replace(".zst", "")
        commands[form] = Command(predict(b, b.inputs.imdb(form), out, "--threads", str(b.threads)), 5)
    commands["nb tsv"] = Command([b.valence, "predict", "-m", b.movies("nb"), "-i", source, "-o", b.path("out.tsv"),
                                  "--threads", str(b.threads)], 5)
    runs = b.lab.alternate(commands, 2 if b.quick else 5)
    texts = sum(1 for _ in open(source, "rb")) - 1
    show_score(b, runs, texts, os.path.getsize(source) / texts)


def show_score(b, runs, texts, length):
    rows, ours = [], runs["tsv"]
    for name, r in runs.items():
        key = name.replace(", 1 thread", "_1thread").replace(".", "_").replace(" ", "_")
        rate = b.lab.figure(f"score.{key}.documents_per_s", texts / r.seconds, "docs/s")
        is_peer = name in PEER_NAMES
        b.lab.figure(f"score.{key}.peak_mb", r.rss, "MB", "lower", None if is_peer else "memory")
        row = [PEER_NAMES.get(name, "valence " + name), f"{rate:,.0f}", f"{r.seconds * 1e3:,.1f}", f"{r.rss:.0f}",
               f"{r.spread:.0%}", "", "", ""]
        if is_peer:
            # The harder test is the gated one: all of valence against the peer's work alone.
            work = [x["work_s"] for x in r.reports]
            hard = statistics.median(w / s for w, s in zip(work, ours.rounds))
            b.lab.figure(f"score.over_{name}", hard, "x", gate="speed")
            b.lab.figure(f"score.{name}.work_documents_per_s", texts / r.reported("work_s"), "docs/s")
            row[5] = f"{b.lab.ratio(f'score.over_{name}_whole', ours, r):.0f}x"
            row[6] = f"{b.lab.cpu_ratio(f'score.over_{name}_cpu', ours, r):.0f}x"
            row[7] = f"{texts / r.reported('work_s'):,.0f} docs/s = {hard:.0f}x"
        elif name != "tsv":
            b.lab.figure(f"score.{key}.of_tsv", ours.seconds / r.seconds, "x", gate="speed")
        rows.append(row)
    b.table(f"scoring a file of {texts} texts of {length:.0f} bytes ({b.movies_name}, {b.threads} threads or processes)",
            ["system", "docs/s", "ms", "peak MB", "spread", "takes", "CPU", "peer's work alone"], rows)
    b.say("Whole processes, from start to the result file closed. 'Peer's work alone' leaves out the peer's start,\n"
          "imports and loading of its model (and fastText's preparation of the lines), but nothing of valence.")


# ---- latency --------------------------------------------------------------------------------------

def latency(b):
    """One text at a time inside a process, for each instruction set."""
    rows, isas = [], ISAS[ISAS.index(b.isa):] if b.isa in ISAS else ISAS
    cases = {"movies-lr": b.movies("lr"), "general": "general"}
    for isa in isas:
        for name, model in cases.items():
            b.lab.progress(f"{name}, {isa}")
            rounds = [b.lab.json_output([b.valence, "bench", "-m", model, "-i", b.inputs.imdb(), "--json"],
                                        {"VALENCE_ISA": isa}) for _ in range(1 if b.quick else 3)]
            rows.append(latency_row(b, isa, name, rounds))
    b.table(f"one text at a time, one thread, {rounds[0]['texts']} texts of {rounds[0]['mean_bytes']:.0f} bytes",
            ["ISA", "model", "p50 us", "p99 us", "texts/s", "clean GB/s", "load ms", "allocations"], rows)
    for isa in isas:
        worst = max(b.lab.figures[f"latency.{isa}.{name}.allocations"]["value"] for name in cases)
        b.lab.figure(f"latency.{isa}.allocations", worst, "", "lower")
    for isa in isas[:-1]:
        for what, up in (("p50_us", False), ("clean_gb_per_s", True)):
            fast, slow = (b.lab.figures[f"latency.{i}.movies-lr.{what}"]["value"] for i in (isa, "scalar"))
            b.lab.figure(f"latency.{isa}.{what}_over_scalar", fast / slow if up else slow / fast, "x", gate="speed")
    if b.peers:
        peer_latency(b)


def latency_row(b, isa, name, rounds):
    m = {k: statistics.median(r[k] for r in rounds) for k in rounds[0] if isinstance(rounds[0][k], (int, float))}
    for k, unit in (("p50_us", "us"), ("p99_us", "us"), ("load_ms", "ms")):
        b.lab.figure(f"latency.{isa}.{name}.{k}", m[k], unit, "lower")
    for k, unit in (("texts_per_s", "texts/s"), ("clean_gb_per_s", "GB/s")):
        b.lab.figure(f"latency.{isa}.{name}.{k}", m[k], unit)
    b.lab.figure(f"latency.{isa}.{name}.allocations", m["allocations_per_prediction"], "", "lower", "count")
    return [isa, name, f"{m['p50_us']:.2f}", f"{m['p99_us']:.2f}", f"{m['texts_per_s']:,.0f}",
            f"{m['clean_gb_per_s']:.2f}", f"{m['load_ms']:.2f}", f"{m['allocations_per_prediction']:g}"]


def peer_latency(b):
    rows = []
    ours = b.lab.figures[f"latency.{b.isa}.movies-lr.p50_us"]["value"]
    for name in ("sklearn-nb", "sklearn-lr", "fasttext"):
        b.lab.progress(name)
        report = b.path(f"latency_{name}.json")
        b.lab.output(b.peer("latency", name, peer_model(b, name), peer_data(b, name, False), "--report", report))
        r = json.load(open(report))
        b.lab.figure(f"latency.{name}.p50_us", r["p50_us"], "us", "lower")
        ratio = b.lab.figure(f"latency.over_{name}", r["p50_us"] / ours, "x", gate="speed")
        rows.append([PEER_NAMES[name], f"{r['p50_us']:,.0f}", f"{r['p99_us']:,.0f}", f"{ratio:,.0f}x"])
    report = b.path("clean_re.json")
    b.lab.output(b.peer("clean", b.inputs.imdb(), "--report", report))
    rate = b.lab.figure("latency.python_re.clean_gb_per_s", json.load(open(report))["gb_per_s"], "GB/s")
    clean = b.lab.figures[f"latency.{b.isa}.movies-lr.clean_gb_per_s"]["value"]
    times = b.lab.figure("latency.clean_over_python_re", clean / rate, "x", gate="speed")
    b.table("the peers, one text at a time", ["system", "p50 us", "p99 us", "takes"], rows)
    b.say(f"Cleaning with Python's re: {rate * 1000:.0f} MB/s; valence is {times:.0f}x that.")


# ---- startup, memory, kernels ---------------------------------------------------------------------

def startup(b):
    """A whole process for one short text."""
    n, text = 10 if b.quick else 50, "I loved it"
    commands = {"empty C program": Command([b.lab.empty_program()], n),
                "valence predict": Command([b.valence, "predict", text], n)}
    runs = b.lab.alternate(commands, 2 if b.quick else 5)
    fasttext, slow = shutil.which("fasttext"), {}
    if b.peers:
        for name in ("sklearn-lr", "fasttext"):
            slow[PEER_NAMES[name] + " (Python)"] = Command(b.peer("one", name, peer_model(b, name), text))
        if fasttext:
            argv = ["sh", "-c", f"echo '{text}' | {fasttext} predict {peer_model(b, 'fasttext')} -"]
            slow["fasttext (its binary)"] = Command(argv)
    runs.update(b.lab.alternate(slow, 1 if b.quick else 3))
    ours = b.lab.figure("startup.predict_ms", runs["valence predict"].seconds * 1e3, "ms", "lower")
    empty = b.lab.figure("startup.empty_ms", runs["empty C program"].seconds * 1e3, "ms", "lower")
    b.lab.figure("startup.over_empty", ours / empty, "x", "lower", "speed")
    info = b.lab.json_output([b.valence, "info", "--json"])
    size = b.lab.figure("startup.default_model_mb", info["bytes"] / 1e6, "MB", "lower", "size")
    binary = b.lab.figure("startup.binary_mb", os.path.getsize(b.valence) / 1e6, "MB", "lower")
    load = b.lab.figure("startup.load_ms", info["load_ms"], "ms", "lower")
    b.table(f'a whole process for "{text}" (median of {n} runs a round)', ["program", "ms", "takes", "peak MB"],
            [[name, f"{r.seconds * 1e3:,.2f}", f"{r.seconds * 1e3 / ours:,.1f}x", f"{r.rss:.1f}"]
             for name, r in runs.items()])
    b.say(f"Default model {size:.2f} MB, embedded; it opens in {load:.2f} ms. The command is {binary:.2f} MB unstripped.")


def memory(b):
    """Peak resident memory, as the kernel counts it: mapped files included."""
    megabytes, rows = 100 if b.quick else 300, []
    cases = {"imdb.tsv": b.inputs.imdb(), f"{megabytes} MB .tsv": b.inputs.big(megabytes),
             "imdb.tsv.zst": b.inputs.imdb("tsv.zst"), "imdb.jsonl": b.inputs.imdb("jsonl"),
             "imdb.csv": b.inputs.imdb("csv")}
    for name, path in cases.items():
        b.lab.progress(name)
        out = "out" + (os.path.splitext(path.replace(".zst", ""))[1])
        r = b.lab.launch(Command(predict(b, path, out, "--threads", str(b.threads)), 2))
        peak = max(x["rss_kib"] for x in r) * 1024 / 1e6
        b.lab.figure(f"memory.{name.replace(' MB ', 'mb')}.peak_mb", peak, "MB", "lower", "memory")
        rows.append([name, f"{os.path.getsize(path) / 1e6:.1f}", f"{peak:.1f}"])
    os.remove(cases[f"{megabytes} MB .tsv"])
    b.lab.figure("memory.peak_mb", max(float(r[2]) for r in rows), "MB", "lower")
    b.table(f"peak memory while scoring, {b.threads} threads", ["file", "file MB", "peak MB"], rows)


LINE = re.compile(r"^# (.+?) (scalar|avx2|avx512)[^:]*: (.*)$")
RATE = re.compile(r"([\d.]+) (G\w+/s|M\w+/s)([^,;]*)")


def kernels(b):
    """What tests/kernels times after it proved the kernel."""
    runner = os.path.join(b.build, "tests", "kernels")
    if not os.access(runner, os.X_OK):
        raise Failed(f"{runner} is missing (make check builds it): kernels are not measured")
    found = {}
    for _ in range(1 if b.quick else 3):
        b.lab.progress("kernels")
        for line in b.lab.output([runner]).splitlines():
            m = LINE.match(line)
            for value, unit, kind in RATE.findall(m.group(3)) if m else []:
                found.setdefault((m.group(1) + kind.rstrip(), unit), {}).setdefault(m.group(2), []).append(float(value))
    if not found:
        raise Failed(f"{runner} printed no '# name isa: X GB/s' lines")
    rows = []
    for (name, unit), by_isa in found.items():
        best = {isa: max(v) for isa, v in by_isa.items()}
        for isa, value in best.items():
            b.lab.figure(f"kernels.{name}.{isa}", value, unit)
            if isa != "scalar" and best.get("scalar"):
                b.lab.figure(f"kernels.{name}.{isa}_over_scalar", value / best["scalar"], "x", gate="kernel")
        rows.append([name, unit] + [f"{best[i]:g}" if i in best else "-" for i in reversed(ISAS)])
    b.table("kernels (the best of the runs)", ["kernel", "unit"] + list(reversed(ISAS)), rows)
