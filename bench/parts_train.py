"""parts_train.py: how fast an LSTM is trained, beside PyTorch."""
import os, random
from measure import Command

TEXTS, LENGTH, WORDS = 640, 256, 5000


def texts(b):
    """Texts of 256 words each, all of them in the vocabulary."""
    path, rng = b.path("train_lstm.tsv"), random.Random(1)
    words = ["".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(6)) for _ in range(WORDS)]
    with open(path, "w") as f:
        f.write("label\ttext\n")
        for i in range(TEXTS + 8):
            f.write(f"{i % 2}\t{' '.join(rng.choice(words) for _ in range(LENGTH))}\n")
    return path


def train_lstm(b):
    """A bidirectional LSTM, 128 units, 32 x 256 tokens a batch: forward, backward and update"""
    ours, theirs = b.path("train_lstm.json"), b.path("train_torch.json")
    options = "--epochs 1 --batch-tokens 8192 --holdout 8 --word-dropout 0 --max-length 256 --json"
    commands = {"valence": Command(["/bin/sh", "-c", f"'{b.valence}' train lstm --data '{texts(b)}' {options} "
                                    f"--threads {b.threads} -o '{b.path('train_lstm.safetensors')}' > '{ours}' 2>/dev/null"],
                                   report=ours)}
    python = os.environ.get("TORCH_PYTHON")
    if python:
        commands["PyTorch"] = Command([python, "bench/peer_torch.py", "--threads", str(b.threads), "--report", theirs], report=theirs)
    else:
        b.lab.note("PyTorch is not measured: set TORCH_PYTHON to a Python that has torch (CPU), and run the part train_lstm")
    runs = b.lab.alternate(commands, 3 if b.quick else 7)
    rates = {name: r.reported("tokens_per_second") for name, r in runs.items()}
    b.lab.figure("train_lstm.tokens_per_s", rates["valence"], "tokens/s")
    if python:
        pairs = zip(runs["valence"].reports, runs["PyTorch"].reports)
        ratios = sorted(a["tokens_per_second"] / t["tokens_per_second"] for a, t in pairs)
        b.lab.figure("train_lstm.over_torch", ratios[len(ratios) // 2], "x", gate="speed")
    b.table(f"Training, {b.threads} threads", ["", "tokens/s"], [[name, f"{rate:,.0f}"] for name, rate in rates.items()])
