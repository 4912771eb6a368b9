"""valence train --min-precision: the model abstains so that the answers it gives are right as often as asked,
on texts it has never seen; and says so when that cannot be had."""
import json
import random

import pytest

from support import strict_json, valence, write_csv

FAMILIES = ["naive-bayes", "logistic"]


def hints(count, seed, classes=2):
    """(label, text) rows whose words each hint at a label, some strongly and some hardly: a good model is now
    surer, now less sure, and right in accord. No text occurs twice: equal ones are held out together."""
    rng = random.Random(seed)
    rows = []
    for i in range(count):
        k = rng.randrange(classes)
        words = []
        for _ in range(9):
            strength = rng.randrange(8)
            said = k if rng.random() < strength / 9 else rng.randrange(classes)
            words.append(f"h{strength}k{said}n{rng.randrange(5)}")
        rows.append((f"c{k}", " ".join([*words[:rng.randrange(1, 5)], f"u{seed}n{i}"])))
    return rows


@pytest.fixture(scope="module", params=[2, 4])
def sets(request, tmp_path_factory):
    folder, k = tmp_path_factory.mktemp(f"hints{request.param}"), request.param
    return {name: write_csv(folder / f"{name}.csv", hints(n, seed, k), ("label", "text"))
            for name, n, seed in (("train", 8000, 1), ("dev", 4000, 2), ("fresh", 8000, 3))}


def train(family, data, out, *more, code=0):
    r = valence("train", family, "--data", data, "-o", out, "--json", *more, code=code)
    return strict_json(r.out) if code == 0 else r


def evaluate(model, data, *more):
    return strict_json(valence("eval", "-m", model, data, "--json", *more).out)


def metadata(path):
    data = path.read_bytes()
    return json.loads(data[8:8 + int.from_bytes(data[:8], "little")])["__metadata__"]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("held_out", ["sample", "dev"])
def test_promise_is_kept(sets, tmp_path, family, held_out):
    more = ["--dev", sets["dev"]] if held_out == "dev" else []
    plain = train(family, sets["train"], tmp_path / "plain", *more)
    asked = round(plain["held_out_accuracy"] + 0.06, 2)
    report = train(family, sets["train"], tmp_path / "m", "--min-precision", asked, *more)
    assert report["held_out_precision"] > asked, "a margin is kept"
    assert 0.1 < report["held_out_coverage"] < 0.95

    figures = evaluate(tmp_path / "m", sets["fresh"])
    print(asked, report, {k: figures[k] for k in ("accuracy", "coverage", "selective_accuracy", "min_confidence")})
    assert figures["accuracy"] < asked - 0.03, "else nothing was to be gained"
    assert figures["selective_accuracy"] >= asked
    assert figures["coverage"] == pytest.approx(report["held_out_coverage"], abs=0.06)
    assert figures["accuracy"] == pytest.approx(evaluate(tmp_path / "plain", sets["fresh"])["accuracy"], abs=1e-9), \
        "accuracy is of all texts, whether answered or not"


@pytest.mark.parametrize("family", FAMILIES)
def test_model_abstains_and_says_why(sets, tmp_path, family):
    """The threshold is in the file: predict and eval follow it, unless told otherwise; the card has what was measured."""
    asked = 0.8
    report = train(family, sets["train"], tmp_path / "m", "--min-precision", asked)
    least = report["min_confidence"]
    assert float(metadata(tmp_path / "m")["decision.min_confidence"]) == pytest.approx(least, rel=1e-7)
    card = json.loads(metadata(tmp_path / "m")["card"])
    assert card["decision"] == {"min_precision": asked, "min_confidence": pytest.approx(least, abs=1e-4),
                                "held_out_precision": pytest.approx(report["held_out_precision"], abs=1e-4),
                                "held_out_coverage": pytest.approx(report["held_out_coverage"], abs=1e-4)}
    answers = valence("predict", "-m", tmp_path / "m", "-i", sets["fresh"], "--format", "jsonl").jsonl()
    assert all((a["label"] == "uncertain") == (a["score"] < least - 5e-7) for a in answers if abs(a["score"] - least) > 1e-6)
    answered = sum(a["label"] != "uncertain" for a in answers)
    figures = evaluate(tmp_path / "m", sets["fresh"])
    assert figures["min_confidence"] == pytest.approx(least, rel=1e-6)
    assert figures["coverage"] == pytest.approx(answered / len(answers), abs=1e-6)
    text = valence("eval", "-m", tmp_path / "m", sets["fresh"]).out
    assert f"answered from a confidence of {least:.4f} on: {100 * figures['coverage']:.2f} % of the texts, " \
           f"accuracy {figures['selective_accuracy']:.4f}" in text
    all_answered = evaluate(tmp_path / "m", sets["fresh"], "--min-confidence", "0")
    assert "coverage" not in all_answered and all_answered["accuracy"] == figures["accuracy"]
    own = evaluate(tmp_path / "m", sets["fresh"], "--min-confidence", "0.95")
    right = strict_json(valence("eval", "-m", tmp_path / "m", sets["fresh"], "--json").out)["examples"]
    assert own["coverage"] == pytest.approx(sum(a["score"] >= 0.95 for a in answers) / right, abs=2e-3)
    assert own["coverage"] < figures["coverage"] and own["selective_accuracy"] > figures["selective_accuracy"]


def test_train_tells(sets, tmp_path):
    r = valence("train", "logistic", "--data", sets["train"], "-o", tmp_path / "m", "--min-precision", "0.8")
    figures = train("logistic", sets["train"], tmp_path / "m", "--min-precision", "0.8")
    assert f"answers from a confidence of {figures['min_confidence']:.4f} on: of these texts " \
           f"{100 * figures['held_out_coverage']:.1f} %, {figures['held_out_precision']:.4f} of them right" in r.out


def test_merge_and_continue(sets, tmp_path):
    report = train("naive-bayes", sets["train"], tmp_path / "whole", "--min-precision", "0.8")
    train("naive-bayes", sets["train"], tmp_path / "counts", "--partial")
    merged = strict_json(valence("merge", tmp_path / "counts", "-o", tmp_path / "m", "--min-precision", "0.8", "--json").out)
    for key in ("min_precision", "min_confidence", "held_out_precision", "held_out_coverage"):
        assert merged[key] == report[key]
    train("logistic", sets["train"], tmp_path / "first", "--min-precision", "0.8")
    train("logistic", sets["dev"], tmp_path / "second", "--continue", tmp_path / "first")
    assert "decision.min_confidence" not in metadata(tmp_path / "second"), "a promise is not inherited"
    report = train("logistic", sets["dev"], tmp_path / "third", "--continue", tmp_path / "first", "--min-precision", "0.8")
    assert float(metadata(tmp_path / "third")["decision.min_confidence"]) == pytest.approx(report["min_confidence"])


def test_what_cannot_be_promised(sets, tmp_path):
    for family in FAMILIES:  # a message in one line, no model
        r = train(family, sets["train"], tmp_path / "m", "--min-precision", "1", code=1)
        assert "no confidence makes sure that 100 % of the answers are right: the best is" in r.err
        assert "ask for 0." in r.err and r.err.count("\n") == 1
        assert not (tmp_path / "m").exists()
    noise = [(f"c{i % 2}", f"word{i % 17} thing{i % 11} other{i % 13}") for i in range(2000)]
    random.Random(1).shuffle(noise)
    r = train("logistic", write_csv(tmp_path / "noise.csv", noise, ("label", "text")), tmp_path / "m",
              "--min-precision", "0.9", code=1)
    assert "no confidence makes sure that 90 %" in r.err
    r = train("logistic", sets["train"], tmp_path / "m", "--min-precision", "0.8", "--holdout", "0", code=1)
    assert "held out" in r.err
    for p in ("0.5", "1.01", "-0.3"):
        assert "--min-precision must be above 0.5" in train("logistic", sets["train"], tmp_path / "m", f"--min-precision={p}", code=2).err
    assert "valence merge" in train("naive-bayes", sets["train"], tmp_path / "m", "--partial", "--min-precision", "0.9", code=2).err
