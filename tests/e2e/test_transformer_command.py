"""The command with transformers: small checkpoints in tests/golden/transformers through predict, eval,
tokenize, quantize, info and explain; invariance over batches, threads, instruction sets."""
import json
import os
import random
import shutil

import pytest

from support import ROOT, SANITIZED, real_texts, valence, write_tsv

GOLDEN = ROOT / "tests" / "golden" / "transformers"
FOLDERS = sorted(p.parent for p in GOLDEN.glob("*/golden.json"))
BERT, MODERN = GOLDEN / "bert", GOLDEN / "modernbert"
TEXTS = ["A wonderful, moving film!", "the plot was dull and the acting worse .", "", "caf\u00e9 \u4e2d\u6587 \U0001f600",
         "good " * 300, "not bad at all"]


def predict(folder, texts, *options, **env):
    data = "".join(t + "\n" for t in texts)
    return valence("predict", "-m", folder, "-", "--format", "jsonl", *options, input=data, env=env, timeout=600).jsonl()


@pytest.fixture(scope="module")
def quantized(tmp_path_factory):
    """{(folder, type): file} of two architectures."""
    out = {}
    for folder in (BERT, MODERN):
        for kind in ("i8", "bf16", "f32"):
            path = tmp_path_factory.mktemp("quantized") / f"{folder.name}-{kind}.safetensors"
            valence("quantize", "-m", folder, "--type", kind, "-o", path)
            out[folder.name, kind] = path
    return out


# ---- What an answer says --------------------------------------------------------------------------

@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_rows(folder):
    rows = predict(folder, TEXTS)
    config = json.loads((folder / "config.json").read_text())
    labels = list(config.get("id2label", {"0": "LABEL_0", "1": "LABEL_1"}).values())
    multi = config.get("problem_type") == "multi_label_classification"
    for row, text in zip(rows, TEXTS, strict=True):
        assert list(row["probabilities"]) == labels
        assert row["label"] in labels and row["tokens"] >= 1 and row["truncated"] is False
        assert row.get("empty", False) == (text == "")
        if not multi:
            assert abs(sum(row["probabilities"].values()) - 1) < 1e-3
    assert rows[4]["windows"] > 1 and rows[0]["windows"] == 1


def test_truncation():
    long = " ".join(random.Random(1).choice(["good", "bad", "film", "dull", "great"]) for _ in range(400))
    whole = predict(BERT, [long])[0]
    assert whole["windows"] > 1 and not whole["truncated"] and whole["tokens"] > 400
    seen = {}
    for how in ("right", "left", "head-tail"):
        row = predict(BERT, [long], "--truncate", how)[0]
        assert row["windows"] == 1 and row["truncated"] and row["tokens"] < 400
        seen[how] = row["probabilities"]["LABEL_0"] if "LABEL_0" in row["probabilities"] else row["score"]
    short = predict(BERT, [long], "--truncate", "right", "--max-length", "16")[0]
    assert short["tokens"] == 16
    refused = valence("predict", "-m", BERT, "--truncate", "never", long, code=1)
    assert "tokens" in refused.err
    assert valence("predict", "-m", BERT, "--truncate", "sideways", "x", code=2).err
    # What is cut off at the right does not matter to "right", and so on.
    head = " ".join(long.split()[:200])
    assert predict(BERT, [head + " great" * 50], "--truncate", "right")[0]["probabilities"] == \
        predict(BERT, [head + " awful" * 50], "--truncate", "right")[0]["probabilities"]
    tail = " ".join(long.split()[-200:])
    assert predict(BERT, ["great " * 50 + tail], "--truncate", "left")[0]["probabilities"] == \
        predict(BERT, ["awful " * 50 + tail], "--truncate", "left")[0]["probabilities"]


def test_trace():
    p = valence("predict", "-m", BERT, "--trace", "one", "two words")
    for part in ("attention", "feed-forward", "query, key, value"):
        assert part in p.err
    assert "2 texts" in p.err
    assert "no parts" in valence("predict", "--trace", "one").err


def test_pretty_and_csv():
    assert valence("predict", "-m", BERT, "--format", "pretty", "a fine film").out.strip()
    rows = valence("predict", "-m", BERT, "--format", "csv", "a fine film", "dull").table(",")
    assert len(rows) == 2


def test_info_says_what_it_is():
    told = json.loads(valence("info", "-m", MODERN, "--json").out)
    assert told["family"] == "transformer" and told["architecture"] == "modernbert" and told["max_length"] > 2
    assert "modernbert" in valence("info", "-m", MODERN).out


# ---- Invariance -----------------------------------------------------------------------------------

def test_same_answers_for_any_threads_and_company(quantized):
    texts = [t for t in real_texts(90) if t][:60]
    for model in (BERT, MODERN, quantized["bert", "i8"], quantized["modernbert", "bf16"]):
        together = predict(model, texts, "--threads", "1")
        for threads in ("2", "5"):
            assert predict(model, texts, "--threads", threads) == together
        few = texts[:6]
        rows = valence("predict", "-m", model, "--format", "jsonl", "--threads", "3", *few).jsonl()
        assert [r["probabilities"] for r in rows] == [r["probabilities"] for r in together[:6]]


@pytest.mark.slow
def test_instruction_sets(quantized):
    """int8: the same integers everywhere, so nearly the same logits; float32 within rounding."""
    texts = real_texts(24)[:12] + TEXTS[:4]
    for model, tolerance in ((BERT, 2e-3), (quantized["bert", "i8"], 1e-2), (quantized["modernbert", "i8"], 1e-2)):
        best = predict(model, texts)
        for isa in ("avx2", "scalar"):
            rows = predict(model, [t[:200] for t in texts] if isa == "scalar" else texts, VALENCE_ISA=isa)
            wanted = predict(model, [t[:200] for t in texts]) if isa == "scalar" else best
            for a, b in zip(rows, wanted, strict=True):
                for label in b["probabilities"]:
                    assert abs(a["probabilities"][label] - b["probabilities"][label]) <= tolerance
                if abs(b["score"] - 0.5) > tolerance:
                    assert a["label"] == b["label"]


# ---- Files of our own -----------------------------------------------------------------------------

def test_quantize_f32_changes_nothing(quantized):
    for folder in (BERT, MODERN):
        a, b = predict(folder, TEXTS), predict(quantized[folder.name, "f32"], TEXTS)
        assert [r["probabilities"] for r in a] == [r["probabilities"] for r in b]


def test_quantize_tells_and_keeps_close(quantized):
    for (name, kind), path in quantized.items():
        rows, wanted = predict(path, TEXTS), predict(GOLDEN / name, TEXTS)
        for a, b in zip(rows, wanted, strict=True):
            assert a["tokens"] == b["tokens"]
            assert abs(a["score"] - b["score"]) < {"f32": 1e-6, "bf16": 0.05, "i8": 0.15}[kind], (name, kind, a, b)


def test_quantize_refuses_a_worse_model(tmp_path):
    """Labels that are the model's own answers: whatever quantising changes is a loss."""
    texts = [t.replace("\t", " ") for t in real_texts(300) if t.strip()]
    answers = predict(BERT, texts)
    data = write_tsv(tmp_path / "own.tsv", [(r["label"], t) for r, t in zip(answers, texts)], ["label", "text"])
    out = tmp_path / "small.safetensors"
    p = valence("quantize", "-m", BERT, "--type", "i8", "-o", out, "--data", data, "--max-drop", "-1", code=1)
    assert "not written" in p.err and "accuracy" in p.out and not out.exists()
    assert not list(tmp_path.glob("*.trial*"))
    told = json.loads(valence("quantize", "-m", BERT, "--type", "i8", "-o", out, "--data", data, "--max-drop", "1",
                              "--json").out)
    assert told["before"]["accuracy"] == 1 and 0.8 < told["after"]["accuracy"] <= 1
    assert told["after"]["bytes"] < told["before"]["bytes"] and out.exists()
    measured = json.loads(valence("eval", "-m", out, data, "--json").out)
    assert measured["accuracy"] == pytest.approx(told["after"]["accuracy"], abs=1e-6)


def test_quantize_refusals(tmp_path, quantized):
    out = tmp_path / "x.safetensors"
    assert "linear" in valence("quantize", "-m", "movies-lr", "--type", "i8", "-o", out, code=1).err
    assert "already" in valence("quantize", "-m", quantized["bert", "i8"], "--type", "bf16", "-o", out, code=1).err
    assert valence("quantize", "-m", BERT, "--type", "i4", "-o", out, code=2).err
    assert valence("quantize", "-m", BERT, "-o", out, code=2).err
    assert not out.exists()


def test_damaged_folders(tmp_path):
    """Each file missing or cut: an error of one line that names it."""
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        folder = tmp_path / f"without-{name}"
        shutil.copytree(BERT, folder)
        path = folder / name
        size = path.stat().st_size
        os.truncate(path, size // 2)
        p = valence("predict", "-m", folder, "x", code=1)
        assert name in p.err and p.err.count("\n") == 1, p.err
        path.unlink()
        p = valence("predict", "-m", folder, "x", code=1)
        assert p.err.count("\n") == 1


# ---- Tokens and explanations ------------------------------------------------------------------------

def test_tokenize():
    text = "A wonderful caf\u00e9, isn't it?"
    row = valence("tokenize", "-m", BERT, "--json", text).jsonl()[0]
    assert row["tokens"][0] == "[CLS]" and row["tokens"][-1] == "[SEP]"
    assert len(row["ids"]) == len(row["tokens"]) == len(row["offsets"])
    raw = text.encode()
    for token, (start, end) in zip(row["tokens"], row["offsets"]):
        if end > start:
            raw[start:end].decode()  # whole characters
    padded = valence("tokenize", "-m", BERT, "--json", "--max-length", "24", "--pad", text).jsonl()[0]
    assert len(padded["ids"]) == 24 and padded["ids"][:len(row["ids"])] == row["ids"]
    assert padded["tokens"][-1] == "[PAD]"
    windows = valence("tokenize", "-m", BERT, "--json", "--max-length", "8", text).jsonl()
    assert len(windows) > 1 and all(len(w["ids"]) == 8 for w in windows)
    plain = valence("tokenize", "-m", BERT, text).out.split()
    assert plain == row["tokens"]


@pytest.mark.parametrize("folder", [BERT, MODERN], ids=lambda f: f.name)
def test_explain(folder):
    text = "caf\u00e9 was wonderful , but the film : dull !"
    row = valence("predict", "-m", folder, "--explain", "--format", "jsonl", text).jsonl()[0]
    raw = text.encode()
    assert [raw[r["start"]:r["end"]].decode() for r in row["explanation"]] == [r["text"] for r in row["explanation"]]
    assert "wonderful" in [r["text"] for r in row["explanation"]]
    assert row["bias"] + sum(r["weight"] for r in row["explanation"]) == pytest.approx(row["logit"], abs=1e-3)
    for reason in row["explanation"][:3]:  # a weight is what the logit loses without the word
        without = (raw[:reason["start"]] + raw[reason["end"]:]).decode()
        other = valence("predict", "-m", folder, "--explain", "--format", "jsonl", without).jsonl()[0]
        if other["explained"] == row["explained"] and folder == BERT:  # (spaces are tokens to byte-level models)
            assert row["logit"] - other["logit"] == pytest.approx(reason["weight"], abs=2e-3)
    long = valence("predict", "-m", folder, "--explain", "--format", "jsonl", "a good film . " * 200).jsonl()[0]
    assert 0 < len(long["explanation"]) <= 128
    assert valence("predict", "-m", folder, "--explain", "--format", "jsonl", "").jsonl()[0]["explanation"] == []


def test_sentences():
    row = valence("predict", "-m", BERT, "--sentences", "--format", "jsonl", "A fine film. The end was dull!").jsonl()[0]
    assert [s["text"] for s in row["sentences"]] == ["A fine film.", "The end was dull!"]
