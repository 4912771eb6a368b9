"""Sizes: files larger than memory, a million tiny texts, texts of 100 MB, thousands of classes. Time must grow with
the size and no faster, memory with the largest text and not with the file. VALENCE_TEST_LARGE=1 takes a file of 5 GB."""
import json
import os
import random
import subprocess
import time

import pytest

from support import SANITIZED, command, environment, measured, real_texts, valence

pytestmark = [pytest.mark.slow, pytest.mark.skipif(SANITIZED, reason="SKIP memory under a sanitizer is not the product's")]
LARGE = 5_000_000_000 if os.environ.get("VALENCE_TEST_LARGE") == "1" else 600_000_000
BOUND = 64  # MB


def timed(*args, **more):
    start = time.monotonic()
    r = measured(*args, **more)
    r.seconds = time.monotonic() - start
    print(f"{r.seconds:.1f} s")
    return r


def lines(path):
    with open(path, "rb") as f:
        return sum(block.count(b"\n") for block in iter(lambda: f.read(1 << 20), b""))


def test_larger_than_memory(tmp_path):
    """As a file and through a pipe: the same bytes, within 64 MB."""
    texts = [" ".join(t.split()).replace("\t", " ") for t in real_texts(9000)]
    block = "".join(f"{i}\t{t}\n" for i, t in enumerate(texts)).encode()
    times = LARGE // len(block) + 1
    path, out, piped = tmp_path / "large.tsv", tmp_path / "out.tsv", tmp_path / "piped.tsv"
    with open(path, "wb") as f:
        f.write(b"id\ttext\n")
        for _ in range(times):
            f.write(block)
    try:
        r = timed(tmp_path, "predict", "-i", path, "-o", out, "--memory", timeout=1000)
        assert r.peak <= BOUND and lines(out) == times * len(texts) + 1
        cat = subprocess.Popen(["cat", path], stdout=subprocess.PIPE)
        r = timed(tmp_path, "predict", "-i", "-", "-o", piped, stdin=f"/proc/self/fd/{cat.stdout.fileno()}", timeout=1000)
        cat.stdout.close()
        assert cat.wait() == 0 and r.peak <= BOUND
        subprocess.run(["cmp", out, piped], check=True)
    finally:
        for p in (path, out, piped):
            p.unlink(missing_ok=True)


# ---- Many tiny texts -------------------------------------------------------------------------------

def test_a_million_words(tmp_path):
    words = "good bad film plot happy sad great awful the a".split()
    path, out = tmp_path / "words.csv", tmp_path / "out.csv"
    path.write_text("text\n" + "\n".join(words * 100_000) + "\n")
    r = timed(tmp_path, "predict", "-i", path, "-o", out)
    assert r.peak <= BOUND and lines(out) == 1_000_001
    assert r.seconds < 60, "fewer than 17,000 words a second"


def test_tiny_texts_and_a_slow_disk(tmp_path):
    """Each row of output is fifty times its text. A reader who is slow must not make the output wait in memory."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"a\n" * 3_000_000)
    read, write = os.pipe()
    reader = subprocess.Popen(["sh", "-c", "sleep 3; cat > /dev/null"], stdin=read)
    os.close(read)
    peak = peak_into(write, "predict", "-i", path, "--format", "jsonl", "-t", "2", "--memory")
    assert reader.wait() == 0
    assert peak <= BOUND


def peak_into(descriptor, *args):
    """The peak of --memory, in MB, of a command that writes to a descriptor, which is closed."""
    p = subprocess.run(command(*args), stdout=descriptor, stderr=subprocess.PIPE, env=environment(), timeout=120)
    os.close(descriptor)
    assert p.returncode == 0, p.stderr
    said = [line.split() for line in p.stderr.decode().splitlines() if line.startswith("resident")]
    return float(said[0][2]) / 1024


# ---- Huge texts ------------------------------------------------------------------------------------

def huge(megabytes):
    sentence = "".join(f"the film was {'good' if i % 3 else 'bad'} and the plot was fine, number {i}. " for i in range(500))
    return (sentence * (megabytes * 1_000_000 // len(sentence) + 1))[:megabytes * 1_000_000]


def as_kind(folder, kind, text):
    path = folder / f"huge.{kind}"
    if kind == "folder":
        path.mkdir()
        (path / "1.txt").write_text(text)
    elif kind.endswith("zst"):
        subprocess.run(["zstd", "-q", "-f", "-1", "-o", path], input=text.encode() + b"\n", check=True)
    else:
        path.write_text({"csv": 'text\n"%s"\n', "tsv": "text\n%s\n", "txt": "%s\n", "jsonl": '{"text": "%s"}\n'}[kind] % text)
    return path


KINDS = {"csv": 2, "tsv": 2, "txt": 2, "jsonl": 3.2, "txt.zst": 2, "folder": 2}  # most memory, in texts


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["file", "pipe"])
def test_huge_texts(tmp_path, kind, how):
    if how == "pipe" and kind in ("folder", "txt.zst"):
        pytest.skip("SKIP not something to pipe")
    results = []
    for megabytes in (25, 100):
        path = as_kind(tmp_path, kind, huge(megabytes))
        r = timed(tmp_path, "predict", "-i", path if how == "file" else "-", "-t", "1", "--format", "jsonl",
                  stdin=None if how == "file" else path)
        assert len(r.jsonl()) == 1 and not r.jsonl()[0].get("empty")
        results.append((r.seconds, r.peak))
        subprocess.run(["rm", "-r", path], check=True)
    (short, _), (long, peak) = results
    assert peak <= 100 * KINDS[kind] + 32, f"{peak:.0f} MB for a text of 100 MB"
    assert long < 12 * short + 2, f"{short:.1f} s for 25 MB, {long:.1f} s for 100 MB: not linear"


def test_a_huge_line_on_standard_input(tmp_path):
    path = tmp_path / "line.txt"
    path.write_text(huge(100))
    r = timed(tmp_path, "predict", "-", stdin=path)
    assert len(r.jsonl()) == 1 and r.peak <= 232


@pytest.mark.parametrize("how", ["file", "pipe"])
def test_a_record_beyond_the_limit_is_one_bad_row(tmp_path, how):
    """1 GiB is the most a record may have; the file is sparse."""
    path = tmp_path / "long.txt"
    with open(path, "wb") as f:
        f.write(b"good\n")
        f.seek((1 << 30) + 1000, os.SEEK_CUR)
        f.write(b"\nbad\n")
    r = timed(tmp_path, "predict", "-i", path if how == "file" else "-", "-t", "1", code=1, stdin=path if how == "pipe" else None)
    path.unlink()
    assert [a["label"] for a in r.jsonl()] == ["positive", "negative"]
    assert "line 2, byte 6" in r.err and "longer than 1073741824 bytes" in r.err and "1 malformed row" in r.err


@pytest.mark.parametrize("text", ["((((" * 500_000, "<" * 2_000_000, "&" * 2_000_000, "@a " * 700_000, "http://" * 300_000, ":-" * 1_000_000,
                                  "a" * 2_000_000, "not " * 500_000, "n't." * 500_000, "\u0301" * 700_000, "\U0001f600" * 500_000,
                                  "&#x" * 700_000, "<!--" * 500_000, "\u03a3" * 1_000_000, "!?" * 1_000_000],
                         ids=lambda t: ascii(t[:6]))
def test_no_pass_is_quadratic(tmp_path, text):
    """2 MB of what a rewriting pass may try again and again."""
    path = tmp_path / "hard.txt"
    for passes in ("html,urls,names,emoticons,elongations,negation,lower,punctuation,spaces", "lower,punctuation,spaces"):
        times = []
        for share in (4, 1):
            path.write_text(text[:len(text) // share] + "\n")
            start = time.monotonic()
            valence("clean", "-i", path, "-o", tmp_path / "out.txt", "--passes", passes, timeout=60)
            times.append(time.monotonic() - start)
        assert times[1] < 10 * times[0] + 2, f"{passes}: {times[0]:.2f} s for a quarter, {times[1]:.2f} s for all"


# ---- Many classes ----------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """10,000 classes, six texts each, and a naive Bayes model of them with the seconds and MB it took."""
    folder = tmp_path_factory.mktemp("many")
    rng = random.Random(4)
    rows = [f"class{k}\t{' '.join(f'own{k}' if rng.random() < 0.4 else f'w{rng.randrange(300)}' for _ in range(12))}\n"
            for k in range(10_000) for _ in range(6)]
    rng.shuffle(rows)
    (folder / "many.tsv").write_text("label\ttext\n" + "".join(rows))
    (folder / "few.tsv").write_text("label\ttext\n" + "".join(rows[:2000]))
    r = timed(folder, "train", "naive-bayes", "--data", folder / "many.tsv", "-o", folder / "many.safetensors", "--min-count", "2", "--json")
    return folder, r


def test_many_classes_train(many):
    folder, r = many
    report = json.loads(r.out)
    size = (folder / "many.safetensors").stat().st_size / 1e6
    print(f"{r.seconds:.1f} s, {r.peak:.0f} MB, a model of {size:.0f} MB")
    assert report["classes"] == 10_000 and r.seconds < 120 and r.peak < 1500 and size < 120


def test_many_classes_predict_and_eval(many):
    folder, _ = many
    model = folder / "many.safetensors"
    r = timed(folder, "predict", "-m", model, "-i", folder / "few.tsv", "--top", "3", "--format", "jsonl", "-o", folder / "out.jsonl")
    answers = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    assert len(answers) == 2000 and all(len(a["probabilities"]) == 3 for a in answers) and r.peak < 400
    r = timed(folder, "eval", "-m", model, folder / "few.tsv", "--json")
    assert json.loads(r.out)["accuracy"] > 0.5 and r.seconds < 60 and r.peak < 300
    r = timed(folder, "predict", "-m", model, "-i", folder / "few.tsv", "--shard", "1/20", "--top", "1000",
              "--format", "jsonl", "-o", folder / "out.jsonl")
    for line in (folder / "out.jsonl").read_text().splitlines():
        p = list(json.loads(line)["probabilities"].values())
        assert len(p) == 1000 and p == sorted(p, reverse=True)
    assert r.seconds < 20


def test_many_classes_logistic_says_so_early(many, tmp_path):
    folder, _ = many
    r = timed(tmp_path, "train", "logistic", "--data", folder / "many.tsv", "-o", tmp_path / "m.safetensors", code=1)
    assert r.seconds < 30 and r.peak < 500 and not (tmp_path / "m.safetensors").exists()
    assert len(r.err.splitlines()) == 1 and "10000 classes" in r.err and "naive-bayes" in r.err


def test_too_many_classes(tmp_path):
    path = tmp_path / "d.tsv"
    path.write_text("label\ttext\n" + "".join(f"l{i}\tword{i % 5000} more\n" for i in range(70_000)))
    for family in ("naive-bayes", "logistic"):
        r = valence("train", family, "--data", path, "-o", tmp_path / "m", code=1)
        assert "65536" in r.err and len(r.err.splitlines()) == 1
