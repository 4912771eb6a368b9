"""peer_transformers.py: ONNX Runtime on the classifiers of transformer_models.py. Runs in build/venv, never
imported by bench.py.

    peer_transformers.py single FOLDER GRAPH --threads N --report FILE      a text at a time: p50 by length
    peer_transformers.py mixed  FOLDER GRAPH --threads N --report FILE      256 reviews, tokenisation included
    peer_transformers.py choose FOLDER --threads N --report FILE            which int8 graph is the fastest
    peer_transformers.py logits FOLDER GRAPH --report FILE                  of the first reviews, cut to 512 tokens

The CPU provider with all graph optimisations, so many threads inside an operator, one operator at a time. Reviews are
tokenised by Hugging Face's tokenizers (their own threads, as many), cut to 512 tokens and padded to the longest of
their batch; the batches are tried in several sizes, sorted by length and as they come, and the best counts."""
import argparse, itertools, json, os, statistics, sys, time

SECONDS, LEAST = 2.0, 5  # one length is timed for so long, and so often
BATCHES = (1, 4, 8, 16, 32)
FEW = 32  # reviews whose logits are compared


def resident_mb():
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) / 1024 for line in f if line.startswith("VmRSS:")) * 1.048576


class Peer:
    def __init__(self, folder, graph, threads, report):
        os.environ["TOKENIZERS_PARALLELISM"], os.environ["RAYON_NUM_THREADS"] = "true", str(threads)
        import numpy, onnxruntime, tokenizers
        self.np, self.folder = numpy, folder
        self.tokenizer = tokenizers.Tokenizer.from_file(os.path.join(folder, "hf", "tokenizer.json"))
        self.tokenizer.enable_truncation(512)
        o = onnxruntime.SessionOptions()
        o.intra_op_num_threads, o.inter_op_num_threads, o.log_severity_level = threads, 1, 3
        before, start = resident_mb(), time.perf_counter()
        self.session = onnxruntime.InferenceSession(os.path.join(folder, graph + ".onnx"), o, ["CPUExecutionProvider"])
        report["session_ms"] = (time.perf_counter() - start) * 1e3
        report["session_mb"] = resident_mb() - before
        self.names = [i.name for i in self.session.get_inputs()]

    def run(self, encodings):
        """Encodings padded to one length."""
        ids = self.np.array([e.ids for e in encodings], self.np.int64)
        mask = self.np.array([e.attention_mask for e in encodings], self.np.int64)
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": self.np.zeros_like(ids)}
        return self.session.run(["logits"], {n: inputs[n] for n in self.names})[0]

    def reviews(self):
        with open(os.path.join(self.folder, "reviews.txt"), encoding="utf-8", newline="\n") as f:
            return f.read().split("\n")[:-1]

    def singles(self):
        with open(os.path.join(self.folder, "singles.tsv")) as f:
            return {int(n): text for n, text in (line.rstrip("\n").split("\t") for line in f)}


def time_ms(run, seconds=SECONDS):
    """(median, least, median of processor time): a busy machine moves the first most, the last least."""
    took, cpu, end = [], [], time.perf_counter() + seconds
    run(), run()
    while len(took) < LEAST or time.perf_counter() < end:
        start, cpu_start = time.perf_counter(), time.process_time()
        run()
        cpu.append(time.process_time() - cpu_start)
        took.append(time.perf_counter() - start)
    return statistics.median(took) * 1e3, min(took) * 1e3, statistics.median(cpu) * 1e3


def single(o, report):
    p = Peer(o.folder, o.graph, o.threads, report)
    for n, text in p.singles().items():
        encoding = [p.tokenizer.encode(text)]
        assert len(encoding[0].ids) == n
        report[f"p50_ms_{n}"], report[f"least_ms_{n}"], report[f"cpu_ms_{n}"] = time_ms(
            lambda: p.run([p.tokenizer.encode(text)]))
    report["resident_mb"] = resident_mb()


def answer(p, texts, size, by_length):
    """Logits by row. Sorting needs the tokens first; otherwise the tokenizer pads each batch itself."""
    logits = [None] * len(texts)
    p.tokenizer.no_padding()
    encodings = p.tokenizer.encode_batch(texts)
    order = sorted(range(len(texts)), key=lambda i: len(encodings[i].ids)) if by_length else range(len(texts))
    for i in range(0, len(texts), size):
        rows = order[i:i + size]
        longest = max(len(encodings[r].ids) for r in rows)
        for r in rows:
            encodings[r].pad(longest)
        for r, row in zip(rows, p.run([encodings[r] for r in rows])):
            logits[r] = row
    return logits


def mixed(o, report):
    p = Peer(o.folder, o.graph, o.threads, report)
    texts = p.reviews()
    answer(p, texts[:16], 8, True)
    few = texts[::4]  # the ways are compared on a part, the best is timed on all

    def took(texts, size, by_length):
        start = time.perf_counter()
        answer(p, texts, size, by_length)
        return time.perf_counter() - start

    ways = list(itertools.product(BATCHES, (True, False)))
    best = [o.way] if o.way else ways
    if len(best) > 1:
        report["ways"] = {f"{size} {'sorted' if s else 'as they come'}": took(few, size, s) for size, s in ways}
        best = [min(ways, key=lambda w: report["ways"][f"{w[0]} {'sorted' if w[1] else 'as they come'}"])]
    size, by_length = best[0]
    report["batch"], report["sorted"] = size, by_length
    report["mixed_s"] = took(texts, size, by_length)
    report["tokens"] = sum(len(e.ids) for e in p.tokenizer.encode_batch(texts))
    report["resident_mb"] = resident_mb()


def choose(o, report):
    graphs = sorted(f[:-5] for f in os.listdir(o.folder) if f.startswith("int8") and f.endswith(".onnx"))
    peers = {g: Peer(o.folder, g, o.threads, {}) for g in graphs}
    text = next(iter(peers.values())).singles()[128]
    rounds = {g: [] for g in graphs}
    for _ in range(5):
        for g, p in peers.items():
            rounds[g].append(time_ms(lambda p=p: p.run([p.tokenizer.encode(text)]), 0.5)[1])
    report["least_ms"] = {g: statistics.median(r) for g, r in rounds.items()}
    report["fastest"] = min(graphs, key=report["least_ms"].get)


def logits(o, report):
    p = Peer(o.folder, o.graph, o.threads, report)
    report["logits"] = [[float(x) for x in row] for row in answer(p, p.reviews()[:FEW], 1, False)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("command", choices=["single", "mixed", "choose", "logits"])
    parser.add_argument("folder")
    parser.add_argument("graph", nargs="?", default="plain")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--way", type=lambda t: (int(t.split(",")[0]), t.endswith(",sorted")), help="SIZE,sorted|unsorted")
    parser.add_argument("--report")
    o = parser.parse_args()
    report = {}
    {"single": single, "mixed": mixed, "choose": choose, "logits": logits}[o.command](o, report)
    with open(o.report, "w") if o.report else sys.stdout as f:
        json.dump(report, f, indent=None if o.report else 1)


if __name__ == "__main__":
    sys.exit(main())
