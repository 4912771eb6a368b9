"""The shipped LSTMs through the command: the same answers at every instruction set, on any number of threads and
from a file, reasons by leaving words out, and figures."""
import pytest

from support import strict_json, valence, write_csv

TEXTS = ["A wonderful film, moving and funny.", "Dull, far too long, and badly acted.", "", "It is a film.",
         "I expected nothing and got less: the worst two hours of my year. " * 40]
MODELS = ["movies-lstm", "general-lstm"]


def rows(model, *more, env=None):
    out = valence("predict", "-m", model, "--format", "jsonl", *more, *TEXTS, env=env).out
    return [strict_json(line) for line in out.splitlines()]


@pytest.mark.parametrize("model", MODELS)
def test_every_instruction_set(model):
    """int8: the products of the first layer differ by rounding alone, labels not at all."""
    best = rows(model)
    for isa in ("avx2", "scalar"):
        for mine, theirs in zip(rows(model, env={"VALENCE_ISA": isa}), best, strict=True):
            assert mine["label"] == theirs["label"] and mine["tokens"] == theirs["tokens"]
            for label, p in theirs["probabilities"].items():
                assert mine["probabilities"][label] == pytest.approx(p, abs=1e-2)


def test_sense():
    labels = [r["label"] for r in rows("movies-lstm")]
    assert labels[:2] == ["positive", "negative"] and labels[4] == "negative"
    assert rows("movies-lstm")[2]["empty"]


@pytest.mark.parametrize("model", MODELS)
def test_file_and_threads(model, tmp_path):
    source = write_csv(tmp_path / "in.csv", [(t,) for t in TEXTS * 5], ("text",))
    for threads in (1, 2, 3):
        valence("predict", "-m", model, "-i", source, "-o", tmp_path / f"{threads}.jsonl", "--threads", threads)
    one = (tmp_path / "1.jsonl").read_bytes()
    assert one == (tmp_path / "2.jsonl").read_bytes() == (tmp_path / "3.jsonl").read_bytes()
    alone = [{k: v for k, v in r.items() if k != "id"} for r in rows(model)]
    for i, line in enumerate(one.decode().splitlines()):
        assert {k: v for k, v in strict_json(line).items() if k != "id"} == alone[i % len(TEXTS)]


def test_reasons():
    row = strict_json(valence("predict", "-m", "movies-lstm", "--format", "jsonl", "--explain",
                              "The story is dull and the music is terrible").out)
    words = {e["text"]: e["weight"] for e in row["explanation"]}
    assert row["label"] == "negative" and set(words) >= {"dull", "terrible", "story"}
    assert max(words, key=words.get) in ("dull", "terrible")


def test_figures(tmp_path):
    """A review of 230 words in a few milliseconds, without an allocation, and loaded in some more."""
    source = write_csv(tmp_path / "in.csv", [(" ".join(["a", "good", "film", "with", "faults"] * 46),)], ("text",))
    runs = [strict_json(valence("bench", "-m", "movies-lstm", "-i", source, "--json").out) for _ in range(3)]
    p50, load = (min(r[key] for r in runs) for key in ("p50_us", "load_ms"))
    print(f"movies-lstm: one review of 230 words {p50 / 1000:.2f} ms, loaded in {load:.1f} ms")
    assert p50 < 10_000 and load < 200  # on a busy machine; 0.6 and 10 ms on an idle one
    assert all(r["allocations_per_prediction"] == 0 for r in runs)
    info = strict_json(valence("info", "-m", "movies-lstm", "--json").out)
    assert info["family"] == "lstm" and info["type"] == "I8" and info["max_length"] >= 1024
