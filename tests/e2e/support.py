"""What the end-to-end tests share: running the command, measuring its memory, small data.
Not a test itself. VALENCE_BUILD names the build (build/release)."""
import csv
import gzip
import io
import json
import os
import pathlib
import random
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("VALENCE_BUILD", "build/release")
VALENCE = BUILD / "valence"
SHARED = ROOT.parent / "shared" / "data"
GENERAL = ROOT / "models" / "general.safetensors"
SANITIZED = any(word in BUILD.name for word in ("asan", "tsan", "ubsan"))
LABELS = ["negative", "neutral", "positive"]
LIBRARIES = ["-lsimdjson", "-lstdc++", "-lutf8proc", "-lxxhash", "-lzstd", "-lz", "-lm", "-pthread"]


class Result:
    def __init__(self, code, out, err, peak=None):
        self.code, self.stdout, self.stderr, self.peak = code, out, err, peak

    @property
    def out(self):
        return self.stdout.decode()

    @property
    def err(self):
        return self.stderr.decode()

    def jsonl(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def table(self, delimiter):
        return table(self.out, delimiter)


def environment(**more):
    """Ours, without what would change the answers."""
    env = {k: v for k, v in os.environ.items() if k not in ("VALENCE_ISA", "VALENCE_MODELS", "NO_COLOR")}
    return {**env, **{k: v for k, v in more.items() if v is not None}}


def command(*args):
    if not VALENCE.exists():
        pytest.fail(f"no {VALENCE}: run make first (VALENCE_BUILD names the build)")
    return [str(VALENCE), *map(str, args)]


def valence(*args, input=b"", code=0, cwd=None, env=None, timeout=120, **more):
    """Runs the command and expects the exit code (None: any)."""
    data = input.encode() if isinstance(input, str) else input
    p = subprocess.run(command(*args), input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd,
                       env=environment(**(env or {})), timeout=timeout, **more)
    assert code is None or p.returncode == code, f"{args}: exit {p.returncode}, wanted {code}: {p.stderr[-800:]!r}"
    return Result(p.returncode, p.stdout, p.stderr)


# ru_maxrss survives exec: measured from here it would be pytest's own. A bare interpreter has 9 MB.
MEASURE = """
import json, os, sys
pid = os.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(pid, 0)
json.dump([os.waitstatus_to_exitcode(status), usage.ru_maxrss], open(sys.argv[1], "w"))
"""


def measured(tmp_path, *args, stdin=None, code=0, timeout=300, env=None):
    """As valence(); the result's peak is the command's greatest resident memory in MB. stdin: a path."""
    figures = tmp_path / "measured.json"
    with open(stdin or os.devnull, "rb") as source:
        p = subprocess.run([sys.executable, "-I", "-S", "-c", MEASURE, figures, *command(*args)], stdin=source,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(**(env or {})),
                           timeout=timeout)
    returned, kilobytes = json.loads(figures.read_text())
    assert code is None or returned == code, f"{args}: exit {returned}, wanted {code}: {p.stderr[-800:]!r}"
    peak = kilobytes / 1024
    print(f"peak {peak:.1f} MB: {' '.join(map(str, args))}")
    return Result(returned, p.stdout, p.stderr, peak)


def table(text, delimiter):
    """Rows of CSV or TSV as dictionaries; every row must have as many fields as the header."""
    quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True))
    assert rows and all(len(row) == len(rows[0]) for row in rows)
    assert len(set(rows[0])) == len(rows[0]), f"two columns of one name: {rows[0]}"
    return [dict(zip(rows[0], row)) for row in rows[1:]]


def strict_json(text):
    """json.loads that refuses the same key twice."""
    def pairs(items):
        assert len(dict(items)) == len(items), f"a key twice: {items}"
        return dict(items)
    return json.loads(text, object_pairs_hook=pairs)


def write_csv(path, rows, header):
    with open(path, "w", newline="") as f:
        writer = csv.writer(f)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def write_tsv(path, rows, header):
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in [header, *rows]))
    return path


def compress(path):
    """path.gz and path.zst beside it."""
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    subprocess.run(["zstd", "-q", "-f", "-k", path], check=True)
    return packed, path.with_name(path.name + ".zst")


GOOD = "good great lovely superb moving funny clever brilliant charming fresh".split()
BAD = "bad awful boring dull weak stupid lazy painful empty stale".split()
PLAIN = "the a film story actor scene plot music it was and of this with camera we saw".split()


def sentence(rng, words, length=12, share=0.3):
    return " ".join(rng.choice(words if rng.random() < share else PLAIN) for _ in range(length))


def labelled(count, classes=2, seed=1):
    """(label, text) rows that can be learnt: each class has words of its own. Labels "0", "1", .."""
    rng = random.Random(seed)
    own = [BAD, GOOD] if classes == 2 else [[f"word{k}x{i}" for i in range(6)] for k in range(classes)]
    rows = []
    for i in range(count):
        k = i % classes
        rows.append((str(k), sentence(rng, own[k])))
    rng.shuffle(rows)
    return rows


def shared(name):
    """Rows of a shared set as (label, text); skips loudly where the collection is not there."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"SKIP no {path}: the shared text collections are needed")
    text = subprocess.run(["zstd", "-dcq", path], stdout=subprocess.PIPE, check=True).stdout.decode()
    return [tuple(line.split("\t")[:2]) for line in text.split("\n")[1:] if line]


def real_texts(count):
    """Texts of several shared sets, long and short, or (without them) generated ones with odd characters."""
    if SHARED.is_dir():
        names = ["imdb/train.tsv.zst", "tweets_semeval/train.tsv.zst", "reviews_yelp/train.tsv.zst"]
        return [text for name in names for _, text in shared(name)[:count // len(names)]]
    rng = random.Random(3)
    odd = ["caf\u00e9", "\U0001f600", "don't", "!!!", "<br />", "\u4e2d\u6587", "&amp;", "#1", "\u00dcber", "-"]
    return [sentence(rng, GOOD + BAD + odd, rng.choice([0, 1, 5, 30, 200]), 0.6) for _ in range(count)]
