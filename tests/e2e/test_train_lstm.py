"""valence train embeddings, language-model, lstm and transformer from outside: what they write can be used, a run that is killed goes on
bit for bit, and data that cannot be learnt from is said to be so."""
import json
import os
import random
import signal
import struct
import subprocess
import time

import pytest

from support import BUILD, labelled, strict_json, valence, write_csv

DAY = {"SOURCE_DATE_EPOCH": "1700000000"}
SMALL = ["--vocabulary", 400, "--size", 16, "--batch-tokens", 512]


def data(folder, name, rows, seed):
    return write_csv(folder / name, labelled(rows, seed=seed), ("label", "text"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("neural")
    return folder, data(folder, "train.csv", 400, 1), data(folder, "dev.csv", 150, 2)


def command(family, files, out, *more):
    _, train, dev = files
    args = ["train", family, "--data", train, "--dev", dev, "-o", out, *SMALL, "--json", *more]
    return args + (["--units", 12] if family == "lstm" else ["--feed-forward", 32, "--layers", 1, "--heads", 2])


@pytest.mark.parametrize("family", ["lstm", "transformer"])
def test_what_is_trained_predicts_and_is_quantised(files, tmp_path, family):
    model, small, curve = tmp_path / "m.safetensors", tmp_path / "i8.safetensors", tmp_path / "curve"
    report = strict_json(valence(*command(family, files, model, "--epochs", 12, "--rate", 0.01, "--curve", curve), env=DAY).out)
    assert report["held_out"] == 150 and report["held_out_accuracy"] > 0.8
    seen = strict_json(valence("eval", "-m", model, files[2], "--json").out)
    assert seen["accuracy"] == pytest.approx(report["held_out_accuracy"], abs=1e-4)
    valence("quantize", "-m", model, "--type", "i8", "-o", small)
    assert strict_json(valence("eval", "-m", small, files[2], "--json").out)["accuracy"] > seen["accuracy"] - 0.03
    rows = (tmp_path / "curve.csv").read_text().splitlines()
    assert rows[0].startswith("step,epoch,tokens") and len(rows) == 13
    assert (tmp_path / "curve.svg").read_text().startswith("<svg")
    assert not (tmp_path / "m.safetensors.checkpoint").exists()


def test_begins_with_word_vectors(files, tmp_path):
    words, model = tmp_path / "words.safetensors", tmp_path / "m.safetensors"
    valence("train", "embeddings", "--data", files[1], "-o", words, "--size", 16, "--vocabulary", 300, "--epochs", 1)
    report = strict_json(valence(*command("lstm", files, model, "--embeddings", words, "--epochs", 2)).out)
    assert report["vocabulary"] <= 300
    assert "train.csv" in valence(*command("lstm", files, model, "--embeddings", files[1]), code=1).err
    assert "no-such-file" in valence(*command("lstm", files, model, "--embeddings", tmp_path / "no-such-file"), code=1).err


def language_command(texts, words, out, *more):
    return ["train", "language-model", "--data", texts, "--embeddings", words, "-o", out, "--units", 20, "--samples", 64,
            "--batch-tokens", 512, "--rate", 0.01, "--holdout", 20, "--json", *more]


def test_begins_with_a_language_model(files, tmp_path):
    """Guessing the next word is learnt, on any number of threads the same; the classifier takes vectors, layer and units."""
    words, guess, again, model = (tmp_path / f"{n}.safetensors" for n in ("words", "guess", "again", "model"))
    sayings = ["it goes without saying that all good things come to an end", "a fine film is worth its weight in gold",
               "many a little makes a mickle so they say", "dull plots and worse actors spoil the broth"]
    texts = write_csv(tmp_path / "sayings.csv", [(str(i), sayings[i % 4]) for i in range(200)], ("id", "text"))
    valence("train", "embeddings", "--data", texts, "--data", files[1], "-o", words, "--size", 16, "--vocabulary", 300)
    report = strict_json(valence(*language_command(texts, words, guess, "--epochs", 80, "--threads", 1)).out)
    assert report["held_out_loss"] < 1 and report["held_out_guessed"] > 0.8  # of 4.2 and 1/64 to begin with
    valence(*language_command(texts, words, again, "--epochs", 80, "--threads", 3))
    layer = "lstm.0.forward.recurrent.weight"
    assert tensor(guess, layer) == tensor(again, layer)
    args = command("lstm", files, model, "--embeddings", guess, "--rate", 0.01)
    args = args[:args.index("--units")]
    assert strict_json(valence(*args, "--epochs", 8).out)["held_out_accuracy"] > 0.8
    begun = strict_json(valence("info", "-m", model, "--json").out)["card"]["begun_with"]
    assert begun["data"] == [str(texts)] and begun["begun_with"]["data"] == [str(texts), str(files[1])]
    valence(*args, "--epochs", 0.01, "--rate", 1e-9, "-o", again)
    assert tensor(again, layer) == pytest.approx(tensor(guess, layer), abs=1e-6)
    r = valence("train", "language-model", "--data", texts, "-o", again, "--layers", 2, code=2)
    assert "one layer" in r.err
    r = valence(*args, "--units", 12, code=1)
    assert "20 units" in r.err and "--units says 12" in r.err
    more = strict_json(valence(*language_command(texts, guess, again, "--epochs", 1, "--rate", 1e-6)).out)
    assert more["held_out_loss"] == pytest.approx(report["held_out_loss"], abs=0.02)  # goes on where the other ended


def test_labels_are_not_looked_at(tmp_path):
    """Whatever stands for a label, or none, in texts that only words are learnt from."""
    rows = [{"text": f"one text of {i} words", "label": [i]} for i in range(30)] + [{"text": "no label at all"}] * 30
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    r = valence("train", "embeddings", "--data", path, "-o", tmp_path / "w", "--size", 8, "--vocabulary", 300, "--epochs", 1)
    assert ": 60 texts" in r.out


def tensor(path, name):
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    where = json.loads(raw[8:8 + size])[name]
    assert where["dtype"] == "F32"
    begin, end = (8 + size + x for x in where["data_offsets"])
    return list(struct.unpack(f"<{(end - begin) // 4}f", raw[begin:end]))


def test_goes_on_from_a_model(files, tmp_path):
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    first = strict_json(valence(*command("lstm", files, one, "--epochs", 4, "--rate", 0.01)).out)
    more = strict_json(valence(*command("lstm", files, two, "--continue", one, "--epochs", 0.5, "--rate", 1e-7, "--warmup", 0)).out)
    assert more["held_out_accuracy"] == pytest.approx(first["held_out_accuracy"], abs=0.02)
    assert more["steps"] * 6 < first["steps"]
    other = write_csv(tmp_path / "other.csv", [("yes", "fine"), ("no", "dull")] * 20, ("label", "text"))
    r = valence("train", "lstm", "--data", other, "-o", two, "--continue", one, *SMALL, "--units", 12, code=1)
    assert "has the labels" in r.err
    r = valence("train", "lstm", "--data", files[1], "-o", two, "--continue", one, *SMALL, "--units", 13, code=1)
    assert "lstm.0.forward" in r.err


@pytest.mark.parametrize("seed", [1])
def test_twenty_kills_change_no_bit(files, tmp_path, seed):
    whole, killed = tmp_path / "whole.safetensors", tmp_path / "killed.safetensors"
    options = ["--epochs", 3, "--checkpoint-every", 0]
    valence(*command("lstm", files, whole, *options, "--checkpoint", tmp_path / "a"), env=DAY)
    run = [str(BUILD / "valence"), *map(str, command("lstm", files, killed, *options, "--checkpoint", tmp_path / "b", "--resume"))]
    rng, kills = random.Random(seed), 0
    for _ in range(20):
        p = subprocess.Popen(run, env={**os.environ, **DAY, "SEED": "1"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.005, 0.12))
        p.send_signal(signal.SIGKILL)
        kills += p.wait() == -signal.SIGKILL
        if killed.exists():
            break
    if not killed.exists():
        valence(*command("lstm", files, killed, *options, "--checkpoint", tmp_path / "b", "--resume"), env=DAY)
    assert kills >= 1

    def tensors(path):  # the header names the files
        raw = path.read_bytes()
        return raw[8 + int.from_bytes(raw[:8], "little"):]
    assert tensors(whole) == tensors(killed)


def test_killed_word_vectors_go_on(files, tmp_path):
    whole, killed, kills, rng = tmp_path / "whole", tmp_path / "killed", 0, random.Random(3)
    options = ["train", "embeddings", "--data", files[1], "--size", 16, "--vocabulary", 300, "--epochs", 60, "--checkpoint-every", 0]
    valence(*options, "-o", whole)
    assert not (tmp_path / "whole.checkpoint").exists()
    run = [str(BUILD / "valence"), *map(str, options), "-o", str(killed), "--resume"]
    for _ in range(15):
        p = subprocess.Popen(run, env={**os.environ, **DAY}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.02, 0.2))
        p.send_signal(signal.SIGKILL)
        kills += p.wait() == -signal.SIGKILL
        if killed.exists():
            break
    checkpoint = tmp_path / "killed.checkpoint"
    if not killed.exists():
        assert checkpoint.exists()
        r = valence(*options[:-2], "--window", 3, "-o", killed, "--resume", code=1)
        assert "other data or options" in r.err
        valence(*run[1:])
    assert kills >= 1 and tensor(whole, "embeddings.word") == tensor(killed, "embeddings.word")
    checkpoint.write_bytes(b"nothing of the kind")
    assert "killed.checkpoint" in valence(*run[1:], code=1).err


def test_interrupt_leaves_a_checkpoint_and_finish_takes_the_best(files, tmp_path):
    model = tmp_path / "m.safetensors"
    args = command("lstm", files, model, "--epochs", 4000, "--resume")
    p = subprocess.Popen([str(BUILD / "valence"), *map(str, args)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for line in p.stderr:
        if "dev accuracy" in line:
            break
    p.send_signal(signal.SIGINT)
    rest = p.communicate(timeout=60)[1]
    assert p.returncode == -signal.SIGINT and "--resume goes on from" in rest
    assert (tmp_path / "m.safetensors.checkpoint").exists() and not model.exists()
    report = strict_json(valence(*args, "--finish").out)
    assert 0 < report["held_out_accuracy"] <= 1 and model.exists()


@pytest.mark.parametrize("rows, more, part", [
    ([("good", "a fine film"), ("good", "a great film")], [], "one label"),
    ([("good", ""), ("bad", ""), ("good", " ")], [], "no text to learn from"),
    ([("good", "a fine film"), ("bad", "a dull film")] * 40, ["--rate", 99, "--clip", 0, "--optimizer", "sgd", "--epochs", 50], ""),
])
def test_says_what_cannot_work(tmp_path, rows, more, part):
    path = write_csv(tmp_path / "bad.csv", rows, ("label", "text"))
    r = valence("train", "lstm", "--data", path, "-o", tmp_path / "m.safetensors", *SMALL, *more, code=1 if part else None)
    assert part in r.err


def test_usage(tmp_path):
    for args in (["lstm", "-o", "x"], ["lstm", "--data", "x"], ["transformer", "--data", "x", "-o", "y", "--dropout", "2"],
                 ["embeddings", "--data", "x", "-o", "y", "--size", "1"], ["lstm", "--data", "x", "-o", "y", "--schedule", "z"]):
        assert valence("train", *args, code=2).err


def test_precision(files, tmp_path):
    """Products in float32 or bfloat16 make about the same model; which is said by no word but these."""
    out, seen = tmp_path / "m.safetensors", []
    for kind in ("f32", "bf16"):
        done = valence(*command("lstm", files, out, "--epochs", 12, "--rate", 0.01, "--precision", kind), code=None)
        if kind == "bf16" and done.code:
            assert "no bfloat16" in done.err
            continue
        seen.append(strict_json(done.out)["held_out_accuracy"])
    assert min(seen) > 0.8
    assert "--precision is f32 or bf16" in valence(*command("lstm", files, out, "--precision", "f16"), code=2).err
