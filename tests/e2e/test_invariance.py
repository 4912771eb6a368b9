"""The same texts give the same answers however they come: any number of threads, as csv, tsv, jsonl, lines, packed,
through a pipe, in any order, one at a time through the library, on any instruction set. 20,000 real texts of several
domains. And counts: shards merge to the same model however the rows are dealt out; `train --continue` keeps what it knew."""
import csv
import ctypes
import io
import json
import os
import random
import shutil
import subprocess
import threading

import pytest

from support import BUILD, GENERAL, SANITIZED, SHARED, compress, labelled, shared, valence, write_tsv

ISAS = ["scalar", "avx2", "avx512"]
QEMU = shutil.which("qemu-x86_64") or shutil.which("qemu-x86_64-static")
DOMAINS = {"imdb": 3000, "reviews_yelp": 3500, "tweets_semeval": 4500, "games_steam": 4500, "restaurants_zomato": 4500, "sst5": 4000}
EPOCH = {"SOURCE_DATE_EPOCH": "1000000000"}


@pytest.fixture(scope="module")
def texts():
    """Without what not every format can hold: tabs, line ends. Everything else stays as it is."""
    if not SHARED.is_dir():
        pytest.skip(f"SKIP no {SHARED}: the shared text collections are needed")
    found = [" ".join(text.split()) for name, count in DOMAINS.items() for _, text in shared(f"{name}/train.tsv.zst")[:count]]
    assert len(found) >= 20_000, len(found)
    random.Random(1).shuffle(found)
    return found[:20_000]


def write_all(folder, texts):
    """The same texts under every format that is read."""
    files = {name: folder / f"texts.{name}" for name in ("csv", "tsv", "jsonl", "txt")}
    with open(files["csv"], "w", newline="") as f:
        csv.writer(f).writerows([("id", "text"), *enumerate(texts, 1)])
    files["tsv"].write_text("id\ttext\n" + "".join(f"{i}\t{t}\n" for i, t in enumerate(texts, 1)))
    files["jsonl"].write_text("".join(json.dumps({"id": i, "text": t}) + "\n" for i, t in enumerate(texts, 1)))
    files["txt"].write_text("".join(t + "\n" for t in texts))
    for name in ("csv", "txt"):
        files[name + ".gz"], files[name + ".zst"] = compress(files[name])
    return files


@pytest.fixture(scope="module")
def files(texts, tmp_path_factory):
    return write_all(tmp_path_factory.mktemp("texts"), texts)


def answers(*args, **more):
    """Label and the scores as printed, a row for each text."""
    r = valence("predict", *args, "--format", "csv", timeout=300, **more)
    rows = list(csv.reader(io.StringIO(r.out)))
    return [row[1:] for row in rows[1:]]


@pytest.fixture(scope="module")
def reference(files):
    found = {m: answers("-m", m, "-i", files["tsv"], "-t", "1", env={"VALENCE_ISA": "scalar"}) for m in ("general", "movies-nb")}
    assert all(len(a) == 20_000 for a in found.values())
    return found


@pytest.mark.slow
def test_threads(files, tmp_path):
    """The very bytes of the output."""
    outputs = set()
    for threads in (1, 2, 3, 8):
        for ending in ("jsonl", "csv"):
            out = tmp_path / f"{threads}.{ending}"
            valence("predict", "-i", files["csv"], "-o", out, "-t", threads)
            outputs.add((ending, out.read_bytes()))
    assert len(outputs) == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["csv", "tsv", "jsonl", "txt", "csv.gz", "csv.zst", "txt.gz", "txt.zst"])
def test_formats_packings_and_pipes(files, reference, name):
    assert answers("-i", files[name]) == reference["general"]
    if name == "txt":
        assert answers("-", input=files[name].read_bytes()) == reference["general"]
    elif not name.startswith("txt"):  # the same bytes in a pipe, which are recognised by what they hold
        assert answers("-i", "-", input=files[name].read_bytes()) == reference["general"]


@pytest.mark.slow
def test_pipe_in_small_pieces(files, texts, reference):
    """A pipe that gives a few bytes at a time is cut in chunks everywhere."""
    p = subprocess.Popen([BUILD / "valence", "predict", "-i", "-", "--format", "csv"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    data, rng, at = files["tsv"].read_bytes()[:300_000], random.Random(5), 0
    data = data[:data.rfind(b"\n") + 1]
    out = []
    reader = threading.Thread(target=lambda: out.append(p.stdout.read()))
    reader.start()
    while at < len(data):
        n = rng.choice([1, 7, 100, 5000, 70_000])
        p.stdin.write(data[at:at + n])
        p.stdin.flush()
        at += n
    p.stdin.close()
    reader.join(60)
    assert p.wait(60) == 0
    rows = [row[1:] for row in csv.reader(io.StringIO(out[0].decode()))][1:]
    assert len(rows) > 300 and rows == reference["general"][:len(rows)]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["general", "movies-nb"])
def test_instruction_sets(files, reference, model):
    for isa in ISAS:
        assert answers("-m", model, "-i", files["tsv"], env={"VALENCE_ISA": isa}) == reference[model], isa


@pytest.mark.slow
def test_order_does_not_matter(texts, reference, tmp_path):
    order = list(range(len(texts)))
    random.Random(2).shuffle(order)
    path = tmp_path / "shuffled.tsv"
    path.write_text("text\n" + "".join(texts[i] + "\n" for i in order))
    assert answers("-i", path) == [reference["general"][i] for i in order]


@pytest.mark.slow
def test_a_folder(texts, reference, tmp_path):
    for i, text in enumerate(texts[:1500]):
        folder = tmp_path / "docs" / "abc"[i % 3]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{i:05d}.txt").write_text(text)
    rows = valence("predict", "-i", tmp_path / "docs", "--format", "csv").table(",")
    found = {row["id"]: [v for k, v in row.items() if k != "id"] for row in rows}
    assert found == {f"{i:05d}": reference["general"][i] for i in range(1500)}


class Prediction(ctypes.Structure):
    _fields_ = [("label", ctypes.c_char_p), ("label_index", ctypes.c_int), ("score", ctypes.c_double), ("empty", ctypes.c_int), ("tokens", ctypes.c_int), ("windows", ctypes.c_int), ("truncated", ctypes.c_int),
                ("probabilities", ctypes.POINTER(ctypes.c_float)), ("logits", ctypes.POINTER(ctypes.c_float))]


@pytest.mark.slow
@pytest.mark.skipif(SANITIZED, reason="SKIP a sanitized library cannot be loaded into this interpreter")
@pytest.mark.parametrize("model", ["general", "movies-nb"])
def test_one_at_a_time_through_the_library(texts, files, reference, model):
    library = ctypes.CDLL(str(BUILD / "libvalence.so"))
    handle, context, p = ctypes.c_void_p(), ctypes.c_void_p(), Prediction()
    path = model if model == "general" else str(GENERAL.parent / f"{model}.safetensors")
    library.valence_context_predict.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(Prediction), ctypes.c_void_p]
    assert library.valence_model_open(ctypes.byref(handle), path.encode(), None, None) == 0
    assert library.valence_context_open(ctypes.byref(context), handle, None) == 0
    for text, expected in zip(texts, reference[model]):
        data = text.encode()
        assert library.valence_context_predict(context, data, len(data), ctypes.byref(p), None) == 0
        said = [p.label.decode(), f"{p.score:.4f}", *(f"{p.probabilities[k]:.4f}" for k in range(len(expected) - 2))]
        assert said == expected, text
    library.valence_context_close(context)
    library.valence_model_close(handle)


# ---- Training --------------------------------------------------------------------------------------

@pytest.mark.slow
@pytest.mark.parametrize("family", ["naive-bayes", "logistic"])
def test_models_of_every_instruction_set_are_the_same_bytes(tmp_path, family):
    path, models = write_tsv(tmp_path / "d.tsv", labelled(3000), ("label", "text")), {}
    for isa in ISAS:
        for threads in (1, 3):
            out = tmp_path / "m.safetensors"
            valence("train", family, "--data", path, "-o", out, "-t", threads, env={**EPOCH, "VALENCE_ISA": isa})
            models[isa, threads] = out.read_bytes()
    # The card holds the command line, and that the number of threads.
    assert all(models[isa, t] == models["scalar", t] for isa, t in models)
    said = set()
    for isa in ISAS:  # each reads what another wrote
        said.add(valence("predict", "-m", out, "-i", path, "--format", "csv", env={"VALENCE_ISA": isa}).stdout)
    assert len(said) == 1


@pytest.mark.slow
@pytest.mark.skipif(not QEMU or SANITIZED, reason="SKIP qemu-user is not installed, or this build cannot run under it")
def test_training_and_eval_without_avx(tmp_path):
    """test_isa.py predicts on it; here models are made, merged, measured, and come out as on this machine."""
    path = write_tsv(tmp_path / "d.tsv", labelled(600), ("label", "text"))
    results = []
    for runner in ([QEMU, "-cpu", "qemu64"], []):
        def run(*args):
            env = {k: v for k, v in os.environ.items() if not k.startswith("VALENCE")}
            p = subprocess.run([*runner, BUILD / "valence", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path,
                               env={**env, **EPOCH}, timeout=300)
            assert p.returncode == 0, (args, p.returncode, p.stderr)
            return p.stdout
        run("train", "naive-bayes", "--data", path.name, "-o", "nb")
        run("train", "logistic", "--data", path.name, "-o", "lr")
        run("train", "naive-bayes", "--partial", "--data", path.name, "-o", "counts")
        run("merge", "counts", "-o", "merged")
        report = json.loads(run("eval", "-m", "./lr", path.name, "--json"))
        figures = {k: report[k] for k in ("examples", "accuracy", "macro_f1", "ece", "log_loss")}
        results.append((figures, *((tmp_path / name).read_bytes() for name in ("nb", "lr", "counts", "merged"))))
    for here, there in zip(*results):
        assert here == there


@pytest.mark.slow
def test_shards_merge_to_the_same_model(tmp_path):
    rng, rows = random.Random(7), labelled(2400, classes=3, seed=4)
    merged = set()
    for count in range(1, 8):
        for way in ("random", "uneven", "by class"):
            shards = [[] for _ in range(count)]
            for row in rows:
                k = {"random": rng.randrange(count), "uneven": min(int(rng.expovariate(2)), count - 1), "by class": int(row[0]) % count}[way]
                shards[k].append(row)
            names = []
            for i, shard in enumerate(shards):
                rng.shuffle(shard)
                if not shard:
                    continue
                write_tsv(tmp_path / "s.tsv", shard, ("label", "text"))
                names.append(tmp_path / f"{i}.counts")
                valence("train", "naive-bayes", "--partial", "--data", tmp_path / "s.tsv", "-o", names[-1], env=EPOCH)
            rng.shuffle(names)
            valence("merge", *names, "-o", tmp_path / "m.safetensors", env=EPOCH)
            merged.add((tmp_path / "m.safetensors").read_bytes())
    assert len(merged) == 1


def test_shards_of_one_text_and_of_one_class(tmp_path):
    rows = labelled(400)
    shards = [rows[:1], rows[1:2], [r for r in rows[2:] if r[0] == "0"], [r for r in rows[2:] if r[0] == "1"]]
    for name, parts in (("one", [rows]), ("many", shards)):
        names = [tmp_path / f"{name}{i}.counts" for i in range(len(parts))]
        for path, part in zip(names, parts):
            valence("train", "naive-bayes", "--partial", "--data", write_tsv(tmp_path / "s.tsv", part, ("label", "text")), "-o", path, env=EPOCH)
        valence("merge", *names, "-o", tmp_path / name, env=EPOCH)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "many").read_bytes()
    empty = tmp_path / "empty.tsv"
    empty.write_text("label\ttext\n")
    r = valence("train", "naive-bayes", "--partial", "--data", empty, "-o", tmp_path / "e.counts", code=None)
    if r.code == 0:  # an empty shard may be refused or be counts of nothing; it may not change the model
        valence("merge", *names, tmp_path / "e.counts", "-o", tmp_path / "many", env=EPOCH)
        assert (tmp_path / "one").read_bytes() == (tmp_path / "many").read_bytes()
    else:
        assert len(r.err.splitlines()) == 1 and "empty.tsv" in r.err


def accuracy_by_label(model, path):
    report = json.loads(valence("eval", "-m", model, path, "--json").out)
    return {label: figures["recall"] for label, figures in report["classes"].items() if figures["examples"]}


@pytest.mark.slow
@pytest.mark.parametrize("new", [("0",), ("0", "1"), ("2", "3"), ("3", "4"), ("5", "6", "7")], ids="+".join)
def test_continue_keeps_old_classes(tmp_path, new):
    """A model of classes 0 to 3 goes on with some of them, with others as well, or with others only."""
    rows = labelled(4000, classes=8, seed=9)
    old = write_tsv(tmp_path / "old.tsv", [r for r in rows if r[0] in "0123"], ("label", "text"))
    more = [(label, text) for label, text in labelled(3000, classes=8, seed=10) if label in new]
    base, out = tmp_path / "base.safetensors", tmp_path / "next.safetensors"
    valence("train", "logistic", "--data", old, "-o", base)
    before = accuracy_by_label(base, old)
    data = write_tsv(tmp_path / "new.tsv", more, ("label", "text"))
    r = valence("train", "logistic", "--continue", base, "--data", data, "-o", out, code=None)
    if len(new) == 1 and r.code == 1:  # data of one class may be refused, clearly
        assert len(r.err.splitlines()) == 1 and "class" in r.err or "label" in r.err
        return
    assert r.code == 0, r.err
    after, learnt = accuracy_by_label(out, old), accuracy_by_label(out, data)
    print(new, before, after, learnt)
    assert set(before) == set("0123") == set(after)
    for label in "0123":
        assert after[label] > 0.8 * before[label], f"class {label}: {before[label]} before, {after[label]} after"
    assert all(learnt[label] > 0.8 for label in new)


@pytest.mark.slow
def test_continue_again_and_again(tmp_path):
    """Ten rounds of new data that lack class 0 do not wear it away."""
    rows = labelled(1500, classes=3, seed=3)
    old = write_tsv(tmp_path / "old.tsv", rows, ("label", "text"))
    model = tmp_path / "0.safetensors"
    valence("train", "logistic", "--data", old, "-o", model)
    for i in range(1, 11):
        more = [r for r in labelled(300, classes=3, seed=20 + i) if r[0] != "0"]
        last, model = model, tmp_path / f"{i}.safetensors"
        valence("train", "logistic", "--continue", last, "--data", write_tsv(tmp_path / "new.tsv", more, ("label", "text")), "-o", model)
    assert all(recall > 0.8 for recall in accuracy_by_label(model, old).values())
