"""valence train, merge and eval from outside: every choice trains a model that works; the same data gives the same
bytes; what eval prints is what one would compute oneself."""
import itertools
import json
import random
import re

import pytest

from support import BAD, GOOD, ROOT, SHARED, labelled, sentence, strict_json, valence, write_csv, write_tsv

FAMILIES = ["naive-bayes", "logistic"]
DAY = {"SOURCE_DATE_EPOCH": "1700000000"}


def train(path, out, family="logistic", *more, code=0, **kw):
    r = valence("train", family, "--data", path, "-o", out, "--json", *more, env=DAY, code=code, **kw)
    return strict_json(r.out) if code == 0 else r


def evaluate(model, *data, code=0):
    r = valence("eval", "-m", model, *data, "--json", code=code)
    return strict_json(r.out) if code == 0 else r


def tensors(path):
    """A model's bytes without its header."""
    data = path.read_bytes()
    return data[8 + int.from_bytes(data[:8], "little"):]


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """600 rows to train on, 300 others to test on."""
    folder = tmp_path_factory.mktemp("two")
    return (write_csv(folder / "train.csv", labelled(600, seed=1), ("label", "text")),
            write_csv(folder / "test.csv", labelled(300, seed=2), ("label", "text")))


# ---- Every choice --------------------------------------------------------------------------------

@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("classes", [2, 3, 40])
def test_number_of_classes(tmp_path, family, classes):
    rows = labelled(300 * classes, classes)
    path = write_csv(tmp_path / "train.csv", rows, ("label", "text"))
    report = train(path, tmp_path / "m", family)
    assert (report["classes"], report["examples"]) == (classes, len(rows)) and report["held_out"] > 0
    test = labelled(10 * classes, classes, seed=2)
    figures = evaluate(tmp_path / "m", write_csv(tmp_path / "test.csv", test, ("label", "text")))
    assert figures["accuracy"] > 0.9 and figures["examples"] == len(test)
    info = json.loads(valence("info", "-m", tmp_path / "m", "--json").out)
    assert info["labels"] == [str(k) for k in range(classes)], "labels in the order of their values"
    assert info["family"] == family and info["card"]["examples"] == len(rows)
    assert info["card"]["examples_by_label"] == {str(k): 300 for k in range(classes)}
    assert len(figures["classes"]) == classes and figures["classes"]["0"]["examples"] == 10


CHOICES = [("naive-bayes", dict(type=t, features=f, choose=c)) for t in ("f32", "f16", "i8") for f in ("presence", "counts")
           for c in ("strength", "evidence", "frequency")]
CHOICES += [("logistic", dict(weighting=w, norm=n, type=t, features=f)) for w in ("presence", "tfidf", "nb", "tfidf-nb")
            for n in ("none", "count", "l2") for t in ("f32", "f16", "i8") for f in ("presence", "counts")]
CHOICES += [("logistic", dict(choose=c, ngrams=n, words=w)) for c in ("strength", "evidence", "frequency") for n in (1, 2, 3)
            for w in ("words", "words+marks")]
CHOICES += [("naive-bayes", dict(ngrams=n, words=w, clean=c)) for n in (1, 3) for w in ("words", "words+marks")
            for c in ("none", "html,urls,names")]


def test_every_choice_trains_and_evaluates(two, tmp_path):
    failed, seen = [], set()
    for family, choice in CHOICES:
        options = [x for k, v in choice.items() for x in (f"--{k}", str(v))]
        report = train(two[0], tmp_path / "m", family, *options, code=None)
        r = valence("eval", "-m", tmp_path / "m", two[1], "--json", code=None)
        good = r.code == 0 and strict_json(r.out)["accuracy"] > 0.85
        info = json.loads(valence("info", "-m", tmp_path / "m", "--json").out) if good else {}
        if not good or info["type"] != choice.get("type", "i8").upper():
            failed.append((family, choice, r.err[-200:]))
        seen.add((tmp_path / "m").read_bytes())
        (tmp_path / "m").unlink(missing_ok=True)
    assert not failed, f"{len(failed)} of {len(CHOICES)}: {failed[:5]}"
    assert len(seen) > 0.9 * len(CHOICES), "choices without effect"


@pytest.mark.parametrize("family", FAMILIES)
def test_types_agree(two, tmp_path, family):
    said, sizes, scores = {}, {}, {}
    for t in ("f32", "f16", "i8"):
        train(two[0], tmp_path / t, family, "--type", t)
        answers = valence("predict", "-m", tmp_path / t, "-i", two[1], "--format", "jsonl").jsonl()
        said[t], scores[t] = [a["label"] for a in answers], [a["probabilities"]["1"] for a in answers]
        sizes[t] = (tmp_path / t).stat().st_size
    for t in ("f16", "i8"):
        assert sum(a != b for a, b in zip(said[t], said["f32"])) <= 3
        assert max(abs(a - b) for a, b in zip(scores[t], scores["f32"])) < (0.005 if t == "f16" else 0.15)
    assert sizes["i8"] < sizes["f16"] < sizes["f32"]


def test_what_can_be_tuned_tunes(two, tmp_path):
    """Each number changes the model, in the direction its name says where there is one."""
    plain = train(two[0], tmp_path / "plain")
    assert train(two[0], tmp_path / "few", "logistic", "--capacity", "5")["features"] <= 5 < plain["features"]
    assert train(two[0], tmp_path / "rare", "logistic", "--min-count", "30")["features"] < plain["features"]
    assert train(two[0], tmp_path / "short", "logistic", "--ngrams", "1")["features"] < plain["features"]
    assert train(two[0], tmp_path / "held", "logistic", "--holdout", "100")["held_out"] == 100
    assert train(two[0], tmp_path / "none", "logistic", "--holdout", "0")["held_out"] == 0
    assert train(two[0], tmp_path / "one", "logistic", "--iterations", "1", "--tolerance", "0", "--holdout", "0")["iterations"] == 1
    for family, option, value in (("logistic", "cost", "0.01"), ("naive-bayes", "alpha", "50"), ("logistic", "smoothing", "90")):
        train(two[0], tmp_path / "a", family, "--capacity", "30", "--type", "f32")
        train(two[0], tmp_path / "b", family, "--capacity", "30", "--type", "f32", f"--{option}", value)
        assert tensors(tmp_path / "a") != tensors(tmp_path / "b"), f"--{option} has no effect"


# ---- Data: maps, weights, balance, dev, columns, formats -----------------------------------------

def test_maps_and_weights(tmp_path):
    stars = write_csv(tmp_path / "stars.csv", [("5" if l == "1" else "1", t) for l, t in labelled(200)] +
                      [("3", "whatever")] * 9, ("stars", "review"))
    words = write_tsv(tmp_path / "words.tsv", [("good" if l == "1" else "bad", t) for l, t in labelled(200, seed=5)],
                      ("label", "text"))
    words_map = f"{words}@good=positive,bad=negative:weight=0.5"
    r = train(f"{stars}@5=positive,1=negative,3=", tmp_path / "m", "logistic", "--text", "review", "--label", "stars")
    assert (r["examples"], r["classes"]) == (400 - 200, 2)
    assert json.loads(valence("info", "-m", tmp_path / "m", "--json").out)["labels"] == ["negative", "positive"]
    assert evaluate(tmp_path / "m", f"{words}@good=positive,bad=negative")["accuracy"] > 0.9
    assert train(words_map, tmp_path / "n")["classes"] == 2
    both = write_tsv(tmp_path / "both.tsv", [("1" if l == "1" else "0", t) for l, t in labelled(200)], ("label", "text"))
    r = valence("train", "logistic", "--data", f"{both}@1=positive,0=negative", "--data", words_map, "-o", tmp_path / "b", "--json")
    assert json.loads(r.out)["examples"] == 400
    # a label that the map does not know
    r = train(f"{stars}@5=positive,1=negative", tmp_path / "x", "logistic", "--text", "review", "--label", "stars", code=1)
    assert "'3'" in r.err and "stars.csv" in r.err and "map" in r.err and not (tmp_path / "x").exists()


def test_a_sets_weight_decides_between_two_that_disagree(tmp_path):
    rows = [(str(i % 2), ("alpha " if i % 2 else "omega ") + str(i % 9)) for i in range(200)]
    a = write_csv(tmp_path / "a.csv", rows, ("label", "text"))
    b = write_csv(tmp_path / "b.csv", [("1" if l == "0" else "0", t) for l, t in rows], ("label", "text"))
    for family, (wa, wb) in itertools.product(FAMILIES, ((9, 1), (1, 9))):
        valence("train", family, "--data", f"{a}:weight={wa}", "--data", f"{b}:weight={wb}", "-o", tmp_path / "m", "--holdout", "0")
        accuracy = evaluate(tmp_path / "m", a)["accuracy"]
        assert accuracy == (1 if wa > wb else 0), f"{family}: weights {wa}:{wb} give {accuracy}"


@pytest.mark.parametrize("family", FAMILIES)
def test_balance(tmp_path, family):
    rng = random.Random(1)
    rows = [("1", sentence(rng, GOOD, 6, 0.1)) for _ in range(950)] + [("0", sentence(rng, BAD, 6, 0.1)) for _ in range(50)]
    path = write_csv(tmp_path / "skewed.csv", rows, ("label", "text"))
    prior = {}
    for name, options in (("plain", []), ("half", ["--balance", "--balance-power", "0.5"]), ("full", ["--balance"])):
        train(path, tmp_path / name, family, "--holdout", "0", *options)
        prior[name] = valence("predict", "-m", tmp_path / name, "").jsonl()[0]["probabilities"]["0"]
    assert prior["plain"] < prior["half"] < prior["full"], prior
    if family == "naive-bayes":  # whose answer to an empty text is the classes' shares
        assert prior["plain"] == pytest.approx(0.05, abs=0.02) and prior["full"] == pytest.approx(0.5, abs=0.02)


def test_dev_set_is_what_it_calibrates_on(two, tmp_path):
    held = train(two[0], tmp_path / "a")
    r = train(two[0], tmp_path / "b", "logistic", "--dev", two[1])
    assert r["held_out"] == 300 and r["held_out_accuracy"] == pytest.approx(evaluate(tmp_path / "b", two[1])["accuracy"], abs=1e-4)
    assert held["held_out"] == 60
    other = write_csv(tmp_path / "other.csv", [("7", "what")], ("label", "text"))
    assert "'7'" in train(two[0], tmp_path / "c", "logistic", "--dev", other, code=1).err


def test_all_formats_train_the_same_model(tmp_path):
    rows = labelled(200)
    files = [write_csv(tmp_path / "d.csv", rows, ("label", "text")), write_tsv(tmp_path / "d.tsv", rows, ("label", "text")),
             tmp_path / "d.jsonl"]
    files[2].write_text("".join(json.dumps({"text": t, "label": int(l)}) + "\n" for l, t in rows))
    said = []
    for path in files:
        train(path, tmp_path / "m")
        said.append(valence("predict", "-m", tmp_path / "m", "-i", files[0]).out)
    assert said[0] == said[1] == said[2]
    root = tmp_path / "folder"
    for i, (label, text) in enumerate(rows):
        (root / label).mkdir(parents=True, exist_ok=True)
        (root / label / f"{i}_1.txt").write_text(text)
    (root / "unsup").mkdir()
    (root / "unsup" / "9_0.txt").write_text("nothing")
    r = train(root, tmp_path / "m")
    assert (r["examples"], r["skipped_empty"]) == (200, 1) and evaluate(tmp_path / "m", root)["unlabelled"] == 1


def test_order_of_the_rows_does_not_matter_much(tmp_path):
    rows = labelled(400)
    train(write_csv(tmp_path / "sorted.csv", sorted(rows), ("label", "text")), tmp_path / "m")
    assert evaluate(tmp_path / "m", tmp_path / "sorted.csv")["accuracy"] > 0.95


def test_unlabelled_rows_are_counted(two, tmp_path):
    rows = labelled(200) + [("", "nobody knows")] * 7
    path = write_csv(tmp_path / "u.csv", rows, ("label", "text"))
    r = train(path, tmp_path / "m")
    assert (r["examples"], r["skipped_empty"]) == (200, 7)
    r = valence("train", "logistic", "--data", path, "-o", tmp_path / "m")
    assert "7 rows without a label" in r.out
    f = evaluate(tmp_path / "m", path)
    assert (f["examples"], f["unlabelled"]) == (200, 7)


def test_data_that_cannot_train(tmp_path):
    one = write_csv(tmp_path / "one.csv", [("1", "good")] * 20, ("label", "text"))
    none = write_csv(tmp_path / "none.csv", [("", "good")] * 20, ("label", "text"))
    no_label = write_csv(tmp_path / "nolabel.csv", [("good",)] * 20, ("text",))
    for path, words in ((one, ["class", "label"]), (none, ["label"]), (no_label, ["'label'"])):
        for family in FAMILIES:
            r = train(path, tmp_path / "m", family, code=1)
            assert any(w in r.err for w in words) and len(r.err.splitlines()) == 1 and not (tmp_path / "m").exists()


def test_odd_texts_train(tmp_path):
    odd = ["", " ", "\U0001f600", "x" * 100_000, "\x00", "caf\u00e9", "\u0130", "a" * 70, "1 2 3", "\ufeff"]
    rows = [(str(i % 2), text) for i, text in enumerate(odd * 10)]
    for family in FAMILIES:
        train(write_csv(tmp_path / "odd.csv", rows, ("label", "text")), tmp_path / "m", family)
        assert evaluate(tmp_path / "m", tmp_path / "odd.csv")["examples"] == 100


# ---- The same again ------------------------------------------------------------------------------

@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("classes", [2, 3])
def test_same_bytes_for_any_number_of_threads(tmp_path, family, classes):
    path = write_csv(tmp_path / "d.csv", labelled(4000, classes), ("label", "text"))
    models = []
    for threads in (1, 2, 3):
        where = tmp_path / str(threads)
        where.mkdir()
        valence("train", family, "--data", "d.csv", "-o", where / "m.safetensors", "-t", threads, env=DAY, cwd=tmp_path)
        models.append(tensors(where / "m.safetensors"))
    names = [json.loads(valence("info", "-m", tmp_path / t / "m.safetensors", "--json").out) for t in "123"]
    for info in names:  # but for the command and the checksum over it, the file is the same
        info["card"].pop("command"), info.pop("model"), info.pop("path"), info.pop("load_ms")
    assert names[0] == names[1] == names[2]
    assert len(models[0]) > 10_000 and models[0] == models[1] == models[2]


@pytest.mark.parametrize("family", FAMILIES)
def test_same_bytes_again_on_any_instruction_set(two, tmp_path, family):
    models = []
    for isa in (None, "scalar", "avx2"):
        valence("train", family, "--data", two[0], "-o", tmp_path / "m.safetensors", env={**DAY, "VALENCE_ISA": isa})
        models.append((tmp_path / "m.safetensors").read_bytes())
    assert models[0] == models[1] == models[2]


def test_date_is_the_epochs(two, tmp_path):
    train(two[0], tmp_path / "m")
    card = json.loads(valence("info", "-m", tmp_path / "m", "--json").out)["card"]
    assert card["date"] == "2023-11-14" and card["command"].startswith("valence train logistic --data ")
    assert card["data"] == [str(two[0])] and card["held_out"]["examples"] == 60
    valence("info", "-m", tmp_path / "m")


# ---- merge, continue, search ---------------------------------------------------------------------

def test_merged_counts_are_the_model_of_all_the_data(tmp_path):
    rows = labelled(3000, 3)
    whole = write_csv(tmp_path / "whole.csv", rows, ("label", "text"))
    train(whole, tmp_path / "whole.m", "naive-bayes")
    counts = []
    for i in range(4):
        part = write_csv(tmp_path / f"{i}.csv", rows[i::4], ("label", "text"))
        counts.append(tmp_path / f"{i}.counts")
        valence("train", "naive-bayes", "--partial", "--data", part, "-o", counts[-1])
    for order in (counts, counts[::-1]):
        r = strict_json(valence("merge", *order, "-o", tmp_path / "merged.m", "--json", env=DAY).out)
        assert (r["examples"], r["classes"], r["files"]) == (3000, 3, 4)
        same = [valence("predict", "-m", tmp_path / m, "-i", whole).out for m in ("whole.m", "merged.m")]
        assert same[0] == same[1]
    assert "whole.csv" in valence("merge", whole, "-o", tmp_path / "x", code=1).err
    broken = tmp_path / "broken.counts"
    broken.write_bytes(counts[0].read_bytes()[:-100])
    assert "broken.counts" in valence("merge", counts[1], broken, "-o", tmp_path / "x", code=1).err
    assert valence("merge", counts[0], "nosuch", "-o", tmp_path / "x", code=1, cwd=tmp_path).out == ""


def test_partial_may_hold_one_class(tmp_path):
    rows = labelled(400)
    counts = []
    for label in "01":
        part = write_csv(tmp_path / f"{label}.csv", [r for r in rows if r[0] == label], ("label", "text"))
        counts.append(tmp_path / f"{label}.counts")
        valence("train", "naive-bayes", "--partial", "--data", part, "-o", counts[-1])
    valence("merge", *counts, "-o", tmp_path / "m")
    assert evaluate(tmp_path / "m", write_csv(tmp_path / "t.csv", rows, ("label", "text")))["accuracy"] > 0.9


def test_continue_learns_the_new_and_keeps_the_old(two, tmp_path):
    train(two[0], tmp_path / "old")
    rng = random.Random(4)
    news = [(str(i % 2), sentence(rng, ["zonk", "frob"] if i % 2 else ["quux", "blip"])) for i in range(400)]
    new = write_csv(tmp_path / "new.csv", news, ("label", "text"))
    before = evaluate(tmp_path / "old", new)["accuracy"]
    train(new, tmp_path / "both", "logistic", "--continue", tmp_path / "old")
    assert before < 0.7 < 0.9 < evaluate(tmp_path / "both", new)["accuracy"]
    assert evaluate(tmp_path / "both", two[1])["accuracy"] > 0.9, "what the old model knew is gone"


@pytest.mark.slow
def test_search_finds_something_that_works(two, tmp_path):
    r = valence("train", "logistic", "--data", two[0], "--search", "3", "--seed", "7", "-o", tmp_path / "m", timeout=60)
    assert "best settings" in r.err and evaluate(tmp_path / "m", two[1])["accuracy"] > 0.9


# ---- eval ----------------------------------------------------------------------------------------

BINS = int(re.search(r"VL_EVAL_BINS = (\d+)", (ROOT / "src/engine/evaluation.h").read_text())[1])


def test_eval_json_is_what_one_would_compute(tmp_path):
    rows = labelled(300, 3, seed=9)
    rng = random.Random(1)
    rows = [(l if rng.random() < 0.8 else str(rng.randrange(3)), t) for l, t in rows]  # some of it wrong
    train(write_csv(tmp_path / "train.csv", labelled(300, 3), ("label", "text")), tmp_path / "m")
    path = write_csv(tmp_path / "t.csv", rows, ("label", "text"))
    f = evaluate(tmp_path / "m", path)
    for key in ("examples", "accuracy", "macro_f1", "ece", "seconds", "documents_per_second", "peak_rss_bytes"):
        assert isinstance(f[key], (int, float)) and f[key] >= 0, key
    truth = [l for l, _ in rows]
    answers = valence("predict", "-m", tmp_path / "m", "-i", path, "--format", "jsonl").jsonl()
    said = [a["label"] for a in answers]
    assert f["examples"] == 300 and f["accuracy"] == pytest.approx(sum(a == b for a, b in zip(truth, said)) / 300, abs=1e-6)
    matrix = [[sum(t == str(i) and s == str(j) for t, s in zip(truth, said)) for j in range(3)] for i in range(3)]
    assert f["confusion"] == matrix
    f1s = []
    for k in range(3):
        hit, is_k, said_k = matrix[k][k], sum(matrix[k]), sum(row[k] for row in matrix)
        c = f["classes"][str(k)]
        assert c["examples"] == is_k and c["recall"] == pytest.approx(hit / is_k, abs=1e-4)
        assert c["precision"] == pytest.approx(hit / said_k, abs=1e-4)
        f1s.append(2 * hit / (is_k + said_k))
    assert f["macro_f1"] == pytest.approx(sum(f1s) / 3, abs=1e-5)
    groups = {}
    for a, t in zip(answers, truth):
        groups.setdefault(min(int(a["score"] * BINS), BINS - 1), []).append((a["score"], a["label"] == t))
    ece = sum(abs(sum(s for s, _ in g) - sum(r for _, r in g)) for g in groups.values()) / 300
    assert f["ece"] == pytest.approx(ece, abs=2e-3)
    assert "restricted_accuracy" not in f
    assert f["documents_per_second"] == pytest.approx(300 / f["seconds"], rel=0.01)
    assert 1 << 20 < f["peak_rss_bytes"] < 1 << 28
    text = valence("eval", "-m", tmp_path / "m", path).out
    assert f"accuracy  {f['accuracy']:.4f}" in text and f"macro-F1  {f['macro_f1']:.4f}" in text


def test_peak_memory_is_the_commands_own(two):
    """The figure must not be that of the process that started it (ru_maxrss survives exec)."""
    ballast = bytearray(300 << 20)
    ballast[::4096] = b"x" * len(ballast[::4096])
    assert evaluate("general", f"{two[1]}@0=negative,1=positive")["peak_rss_bytes"] < 100 << 20
    del ballast


def test_fewer_classes_than_the_model(two):
    f = evaluate("general", f"{two[1]}@0=negative,1=positive")
    answers = valence("predict", "-i", two[1], "--keep", "label", "--format", "jsonl").jsonl()
    right = sum((a["probabilities"]["positive"] > a["probabilities"]["negative"]) == (a["input_label"] == "1") for a in answers)
    assert f["restricted_accuracy"] == pytest.approx(right / 300, abs=0.004)  # ties in four decimals
    assert f["restricted_accuracy"] >= f["accuracy"] and f["classes"]["neutral"]["examples"] == 0
    assert "choosing among the data's 2 classes only" in valence("eval", f"{two[1]}@0=negative,1=positive").out


def test_several_sets_add_up(two, tmp_path):
    a, b = f"{two[0]}@0=negative,1=positive", f"{two[1]}@1=positive,0=negative"
    fa, fb, both = evaluate("general", a), evaluate("general", b), evaluate("general", a, b)
    assert both["examples"] == 900 == fa["examples"] + fb["examples"]
    assert both["accuracy"] == pytest.approx((600 * fa["accuracy"] + 300 * fb["accuracy"]) / 900, abs=1e-5)


def test_unknown_label_says_what_to_do(two):
    r = evaluate("general", two[1], code=1)
    assert "label '" in r.err and "negative" in r.err and "map it" in r.err and f"{two[1]}" in r.err
    assert r.out == ""


def test_all_unlabelled(tmp_path):
    path = write_csv(tmp_path / "u.csv", [("", "x")] * 5, ("label", "text"))
    r = evaluate("general", path, code=1)
    assert "no labelled text" in r.err and "5 rows" in r.err


def test_threads_do_not_change_the_figures(two):
    data = f"{two[0]}@0=negative,1=positive"
    keys = ("examples", "accuracy", "macro_f1", "ece", "restricted_accuracy", "confusion", "classes")
    figures = [strict_json(valence("eval", data, "--json", "-t", t).out) for t in (1, 2, 5)]
    assert len({json.dumps([f[k] for k in keys]) for f in figures}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("model, name, least", [("movies-lr", "imdb/train.tsv.zst", 0.9), ("movies-nb", "imdb/train.tsv.zst", 0.85),
                                                ("general", "tweets_semeval/train.tsv.zst", 0.6)])
def test_shipped_models_on_real_data(model, name, least):
    if not (SHARED / name).exists():
        pytest.skip(f"SKIP no {SHARED / name}: the shared text collections are needed")
    labels = "@0=negative,1=positive" if "imdb" in name else ""
    assert evaluate(model, f"{SHARED / name}{labels}")["accuracy"] > least
