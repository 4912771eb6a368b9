"""`valence train naive-bayes --partial` and `valence merge`: however the rows are dealt out, the model is
the same to the last byte, and its tensors are those of one run over everything."""
import json, os, pathlib, random, shutil, subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("VALENCE_BUILD", "build/release")
VALENCE = BUILD / "valence"
IMDB = ROOT / "../shared/data/imdb/train.tsv.zst"

pytestmark = pytest.mark.skipif(not VALENCE.exists(), reason=f"SKIP: {VALENCE} is not built")


def run(*arguments, code=0):
    done = subprocess.run([VALENCE, *map(str, arguments)], capture_output=True, text=True,
                          env=dict(os.environ, SOURCE_DATE_EPOCH="1000000000"))
    assert done.returncode == code, done.stderr
    return done


def generated(rows):
    """Text in which some words tell the label."""
    rng = random.Random(5)
    for i in range(rows):
        label = i % 2
        words = [f"{'good' if label else 'bad'}{rng.randrange(40)}" if rng.random() < 0.3
                 else f"word{rng.randrange(400)}" for _ in range(30)]
        yield f"{label}\t{' '.join(words)}\n"


@pytest.fixture(scope="module")
def rows():
    """Of IMDb where it is there: every tenth row, shuffled (the file is sorted by label)."""
    if IMDB.exists() and shutil.which("zstd"):
        text = subprocess.run(["zstd", "-dc", IMDB], capture_output=True, check=True).stdout.decode()
        lines = text.splitlines(keepends=True)[1::10]
        random.Random(2).shuffle(lines)
        return ["\t".join(line.rstrip("\n").split("\t")[:2]) + "\n" for line in lines]
    return list(generated(3000))


def write(path, rows):
    path.write_text("label\ttext\n" + "".join(rows))
    return path


def merge_shards(folder, name, shards, *options):
    counts = []
    for i, rows in enumerate(shards):
        counts.append(folder / f"{name}{i}.counts")
        run("train", "naive-bayes", "--partial", "--data", write(folder / f"{name}{i}.tsv", rows), "-o", counts[-1])
    model = folder / f"{name}.safetensors"
    run("merge", *counts, "-o", model, *options)
    return model


def metadata(path):
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    return header.pop("__metadata__"), header, data[8 + size:]


def test_any_sharding_gives_the_same_bytes(rows, tmp_path):
    whole = merge_shards(tmp_path, "whole", [rows])
    shuffled = rows[:]
    random.Random(1).shuffle(shuffled)
    by_label = [[r for r in rows if r[0] == "1"], [r for r in rows if r[0] == "0"]]
    ways = {"two": [rows[::2], rows[1::2]], "five": [shuffled[i::5] for i in range(5)],
            "backwards": [rows[::-1]], "labels": by_label, "uneven": [shuffled[:7], shuffled[7:]]}
    for name, shards in ways.items():
        assert merge_shards(tmp_path, name, shards).read_bytes() == whole.read_bytes(), name
    assert not list(tmp_path.glob("*.part"))


def test_the_same_as_one_run(rows, tmp_path):
    data = write(tmp_path / "all.tsv", rows)
    options = ["--capacity", 20000, "--min-count", 2, "--alpha", 0.5, "--type", "f16"]
    run("train", "naive-bayes", "--data", data, "-o", tmp_path / "direct.safetensors", *options)
    merged = merge_shards(tmp_path, "m", [rows[:500], rows[500:]], *options)
    direct, ours = metadata(tmp_path / "direct.safetensors"), metadata(merged)
    assert direct[1:] == ours[1:]  # tensors: names, shapes, bytes
    differ = {k for k in direct[0].keys() | ours[0].keys() if direct[0].get(k) != ours[0].get(k)}
    assert differ == {"card", "checksum"}
    card, whole = json.loads(ours[0]["card"]), json.loads(direct[0]["card"])
    assert card == {k: v for k, v in whole.items() if k not in ("data", "command")}


def test_threads_do_not_matter(rows, tmp_path):
    one = merge_shards(tmp_path, "one", [rows[::2], rows[1::2]], "--threads", 1)
    four = merge_shards(tmp_path, "four", [rows[::2], rows[1::2]], "--threads", 4)
    assert one.read_bytes() == four.read_bytes()


def test_json(rows, tmp_path):
    merge_shards(tmp_path, "j", [rows[:1000]])
    done = run("merge", tmp_path / "j0.counts", "-o", tmp_path / "x", "--json")
    report = json.loads(done.stdout)
    assert report["examples"] == 1000 and report["files"] == 1 and report["classes"] == 2
    assert report["held_out"] > 0 and report["features"] > 0 and done.stderr == ""


def test_errors_are_one_line(rows, tmp_path):
    merge_shards(tmp_path, "e", [rows[:300]])
    good, bad, out = tmp_path / "e0.counts", tmp_path / "bad.counts", tmp_path / "out"
    bad.write_bytes(good.read_bytes()[:-100])
    cases = [([bad], "bad.counts"), ([tmp_path / "e.safetensors"], "--partial"), ([tmp_path / "none"], "none")]
    for files, part in cases:
        done = run("merge", good, *files, "-o", out, code=1)
        assert done.stderr.count("\n") == 1 and part in done.stderr and not done.stdout
    run("merge", "-o", out, code=2)
    run("merge", good, code=2)
    run("train", "naive-bayes", "--partial", "--balance", "--data", tmp_path / "e0.tsv", "-o", out, code=2)
    assert not out.exists()
