"""valence models and select: figures that are plausible and agree with the cards, measured once and kept; a choice
that follows from the figures; limits that are understood or refused."""
import json
import os
import shutil
import stat
import subprocess
import time

import pytest

from support import GENERAL, LABELS, SANITIZED, VALENCE, environment, labelled, strict_json, valence, write_csv

SHIPPED = sorted(path.stem for path in GENERAL.parent.glob("*.safetensors"))
CACHE = "valence/measurements.json"


@pytest.fixture
def cache(tmp_path):
    """A cache folder of its own; the file is CACHE in it."""
    return {"XDG_CACHE_HOME": str(tmp_path / "cache")}


def models(env, *args, code=0):
    r = valence("models", "--json", *args, env=env, code=code)
    answer = strict_json(r.out)
    return {row["name"]: row for row in answer["models"]}


def kept(env):
    with open(os.path.join(env["XDG_CACHE_HOME"], CACHE)) as f:
        return json.load(f)["measurements"]


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Two models of our own: one with a held-out accuracy in its card, one without."""
    folder = tmp_path_factory.mktemp("own")
    data = write_csv(folder / "data.csv", labelled(600), ("label", "text"))
    for name, holdout in (("measured", "60"), ("unmeasured", "0")):
        valence("train", "naive-bayes", "--data", data, "-o", folder / f"{name}.safetensors", "--holdout", holdout)
    return folder


# ---- What models says ----------------------------------------------------------------------------

def test_every_shipped_model_with_plausible_figures(cache):
    rows = models(cache)
    assert sorted(rows) == SHIPPED
    for name, row in rows.items():
        info = strict_json(valence("info", "-m", name, "--json").out)
        for key in ("path", "family", "type", "bytes", "labels"):
            assert row[key] == info[key], f"{name}: {key}"
        held_out = info["card"]["held_out"]
        assert (row["accuracy"], row["macro_f1"], row["held_out_examples"]) == (
            held_out["accuracy"], held_out["macro_f1"], held_out["examples"])
        assert row["data"] == info["card"]["data"] and row["classes"] == len(info["labels"])
        assert not row["cached"]
        assert 0 < row["latency_p50_us"] <= row["latency_p99_us"] < 1e6
        assert 0 < row["load_ms"] < 10000
        # most predictions take about p50: the rate must fit to it
        assert 0.1 < row["texts_per_second"] * row["latency_p50_us"] / 1e6 < 3
        # its pages are read to check the file: all of them are resident; neural weights are packed beside them
        more = 200e6 if SANITIZED else 20e6 if row["family"] == "lstm" else 5e6
        assert 0.9 * row["bytes"] < row["memory_bytes"] < row["bytes"] + more
        assert 0 <= row["memory_private_bytes"] <= row["memory_bytes"]


def test_embedded_model_costs_what_its_file_costs(cache):
    rows = models(cache, "--only", "general", GENERAL)
    a, b = rows["general"]["memory_bytes"], rows[str(GENERAL)]["memory_bytes"]
    assert rows["general"]["path"] == "embedded" and abs(a - b) < 0.3 * b, (a, b)


def test_table(cache):
    out = valence("models", env=cache).out
    rows = {line.split()[0]: line for line in out.splitlines()[1:1 + len(SHIPPED)]}
    assert sorted(rows) == SHIPPED
    for name, row in models(cache).items():
        assert f"held-out {row['accuracy']:.3f} ({row['held_out_examples']} texts of " in rows[name]
    for word in ("latency: ", "memory: ", "accuracy: ", "not comparable"):
        assert word in out


def test_own_models(cache, own):
    measured, unmeasured = own / "measured.safetensors", own / "unmeasured.safetensors"
    rows = models(cache, measured, unmeasured, "general")
    assert sorted(rows) == sorted(SHIPPED + [str(measured), str(unmeasured)])
    assert rows[str(measured)]["accuracy"] > 0.9 and rows[str(unmeasured)]["accuracy"] is None
    assert sorted(models(cache, "--only", measured)) == [str(measured)]
    lines = valence("models", "--only", unmeasured, env=cache).out.splitlines()
    assert "not stated" in lines[1]
    assert "needs" in valence("models", "--only", env=cache, code=2).err


def test_broken_model_does_not_hide_the_others(cache, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copy(GENERAL.parent / "movies-nb.safetensors", folder / "fine.safetensors")
    (folder / "cut.safetensors").write_bytes(GENERAL.read_bytes()[:5000])
    (folder / "empty.safetensors").write_bytes(b"")
    (folder / "Not A Name.safetensors").write_bytes(b"")
    env = {**cache, "VALENCE_MODELS": str(folder)}
    r = valence("models", "--json", env=env, code=1)
    answer = strict_json(r.out)
    assert {row["name"] for row in answer["models"]} == {*SHIPPED, "fine"}
    assert {row["name"] for row in answer["unusable"]} == {"cut", "empty"}
    assert len(r.err.splitlines()) == 2 and "cut.safetensors" in r.err and "empty.safetensors" in r.err
    assert "fine" in valence("models", env=env, code=1).out
    # a shipped one that is broken is out of the race; one that was asked for is a mistake
    assert valence("select", "--min-accuracy", "0.915", env=env).out == "movies-lr\n"
    r = valence("select", folder / "cut.safetensors", env=cache, code=1)
    assert r.out == "" and "cut.safetensors" in r.err
    r = valence("select", "no-such-model", env=cache, code=1)
    assert r.out == "" and "no-such-model" in r.err


def test_first_place_wins(cache, tmp_path):
    shutil.copy(GENERAL.parent / "movies-nb.safetensors", tmp_path / "general.safetensors")
    rows = models({**cache, "VALENCE_MODELS": str(tmp_path)})
    assert sorted(rows) == SHIPPED and rows["general"]["classes"] == 2
    assert rows["general"]["path"] == str(tmp_path / "general.safetensors")


# ---- Kept between runs ---------------------------------------------------------------------------

def test_second_run_uses_the_cache(cache, tmp_path):
    first = models(cache)
    path = tmp_path / "cache" / CACHE
    before, changed = path.read_bytes(), path.stat().st_mtime_ns
    start = time.time()
    second = models(cache)
    seconds = time.time() - start
    assert all(row.pop("cached") for row in second.values())
    assert second == {name: {k: v for k, v in row.items() if k != "cached"} for name, row in first.items()}
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, changed)
    start = time.time()
    models(cache, "--measure")
    assert seconds < time.time() - start
    assert path.read_bytes() != before and len(kept(cache)) == len(SHIPPED)
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name], "nothing else is left there"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_measured_anew_for_another_instruction_set_or_model(cache, own):
    models(cache)
    scalar = {**cache, "VALENCE_ISA": "scalar"}
    if strict_json(valence("info", "--json").out)["isa_detected"] != "scalar":
        assert not any(row["cached"] for row in models(scalar).values())
        assert len(kept(cache)) == 2 * len(SHIPPED)
    assert all(row["cached"] for row in models(scalar).values())
    assert all(row["cached"] for row in models(cache).values())
    row = models(cache, own / "measured.safetensors")[str(own / "measured.safetensors")]
    assert not row["cached"]


@pytest.mark.parametrize("bytes", [b"", b"{", b"\0" * 5000, b'{"format": 1, "measurements": 7}', b"[" * 2000,
                                   b'{"format": 1, "measurements": [{}, 1, null, {"checksum": 3}]}', b"\xff" * 2000000])
def test_damaged_cache_is_replaced(cache, tmp_path, bytes):
    path = tmp_path / "cache" / CACHE
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes)
    r = valence("models", "--only", "movies-nb", "--json", env=cache)
    assert r.err == "" and not strict_json(r.out)["models"][0]["cached"]
    assert len(kept(cache)) == 1


def test_without_a_place_to_keep_it(tmp_path):
    nowhere = [{"HOME": None}, {"HOME": ""}, {"HOME": "relative"}, {"HOME": "/dev/null"},
               {"HOME": None, "XDG_CACHE_HOME": "/dev/null/x"}]
    for env in nowhere:
        base = {k: v for k, v in environment().items() if k not in ("HOME", "XDG_CACHE_HOME")}
        for _ in range(2):
            p = subprocess.run([VALENCE, "models", "--only", "movies-nb", "--json"], capture_output=True, cwd=tmp_path,
                               env={**base, **{k: v for k, v in env.items() if v is not None}})
            assert p.returncode == 0 and p.stderr == b"", (env, p.stderr)
            assert not strict_json(p.stdout.decode())["models"][0]["cached"]
    assert list(tmp_path.iterdir()) == []


def test_home_where_xdg_says_nothing(tmp_path):
    for xdg in ("", "relative"):
        valence("models", "--only", "movies-nb", env={"HOME": str(tmp_path), "XDG_CACHE_HOME": xdg}, cwd=tmp_path)
        assert (tmp_path / ".cache" / CACHE).exists()
        shutil.rmtree(tmp_path / ".cache")
    assert list(tmp_path.iterdir()) == []


def test_many_at_once(cache):
    """Each answers, and what is kept is whole."""
    runs = [subprocess.Popen([VALENCE, "models", "--only", "movies-nb", "movies-lr", "--json"], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env=environment(**cache)) for _ in range(4)]
    for p in runs:
        out, err = p.communicate(timeout=60)
        assert p.returncode == 0 and err == b"" and len(strict_json(out.decode())["models"]) == 2
    assert len(kept(cache)) == 2


# ---- The choice ----------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    """What the cache says of each shipped model."""
    env = {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("entries"))}
    found = {}
    for name in SHIPPED:
        models(env, "--only", name)
        found[name] = kept(env)[-1]
    return found


@pytest.fixture
def made(entries, cache, tmp_path):
    """Figures of our own making: two classes, latencies 10 and 30 ms, memories 50 and 5 MB; three: 1 us and 1 MB;
    the LSTMs are slow and large."""
    wanted = {"movies-lr": (0.010, 50e6), "movies-nb": (0.030, 5e6), "general": (1e-6, 1e6), "general-nb": (1e-6, 1e6),
              "movies-lstm": (0.9, 900e6), "general-lstm": (0.9, 900e6)}
    changed = [{**entries[name], "p50_seconds": p99 / 2, "p99_seconds": p99, "memory_bytes": memory, "private_bytes": 9}
               for name, (p99, memory) in wanted.items()]
    path = tmp_path / "cache" / CACHE
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"format": 1, "measurements": changed}))
    return {**cache, "VALENCE_MODELS": str(GENERAL.parent)}


@pytest.mark.parametrize("limits, wanted", [
    ([], "movies-lr"),
    (["--max-latency", "20ms"], "movies-lr"),
    (["--max-latency", "10ms"], "movies-lr"),
    (["--max-latency", "9.99ms"], "general"),
    (["--max-memory", "40MB"], "movies-nb"),
    (["--max-memory", "40MB", "--max-latency", "29 ms"], "general"),
    (["--max-memory", "47MiB"], "movies-nb"),
    (["--max-memory", "48MiB"], "movies-lr"),
    (["--classes", "3"], "general"),
    (["--labels", "positive,neutral,negative"], "general"),
    (["--labels", "positive,negative"], "movies-lr"),
    (["--min-accuracy", "0.915"], "movies-lr"),
    (["--min-accuracy", "90%", "--max-memory", "40MB"], "movies-nb"),
    (["--only", "general-nb", "movies-nb", "--classes", "3"], "general-nb"),
])
def test_best_within_the_limits(made, limits, wanted):
    r = valence("select", *limits, env=made)
    assert r.out == wanted + "\n"
    lines = r.err.splitlines()
    assert lines[0].split()[:2] == ["1", wanted] and "own" in lines[-1] and "not comparable" in lines[-1]
    answer = strict_json(valence("select", *limits, "--json", env=made).out)
    assert answer["selected"] == wanted == answer["models"][0]["name"]
    for i, row in enumerate(answer["models"]):
        assert row["rank"] == (None if row["failed"] else i + 1)


@pytest.mark.parametrize("limits, reason", [
    (["--min-accuracy", "0.99"], "movies-lr (accuracy 0."),
    (["--min-accuracy", "0.9", "--max-latency", "1ms"], "general (accuracy 0."),
    (["--max-latency", "8ms", "--only", "movies-lr"], "movies-lr (latency 10 ms > 8 ms)"),
    (["--max-memory", "999KB"], "general (memory 1 MB > 999 KB)"),
    (["--classes", "2", "--max-latency", "1us", "--max-memory", "1KB", "--only", "movies-nb"], "(latency 30 ms > 1 us, ...)"),
    (["--labels", "positive,negative,mixed"], "no label 'mixed'"),
    (["--classes", "7"], "classes, not 7"),
])
def test_none_within_the_limits(made, limits, reason):
    r = valence("select", *limits, env=made, code=1)
    last = r.err.splitlines()[-1]
    assert r.out == "" and "no model meets all limits; nearest: " in last
    assert reason in last, last
    answer = strict_json(valence("select", *limits, "--json", env=made, code=1).out)
    assert answer["selected"] is None and all(row["failed"] and row["rank"] is None for row in answer["models"])


def test_model_without_an_accuracy(cache, own):
    path = own / "unmeasured.safetensors"
    assert valence("select", "--only", path, env=cache).out == f"{path}\n"
    r = valence("select", "--only", path, "--min-accuracy", "0", env=cache, code=1)
    assert "accuracy not stated" in r.err
    assert valence("select", "--only", path, "movies-nb", env=cache).out == "movies-nb\n"


@pytest.mark.parametrize("args, part", [
    (["--max-latency", "20"], "--max-latency needs a time above zero with its unit"),
    (["--max-latency", "20MB"], "such as 20ms, not '20MB'"),
    (["--max-latency", "-1ms"], "needs a time"),
    (["--max-memory", "100"], "--max-memory needs a size above zero with its unit"),
    (["--max-memory", ""], "needs a size"),
    (["--min-accuracy", "90"], "--min-accuracy needs a share from 0 to 1"),
    (["--min-accuracy", "nan"], "needs a share"),
    (["--labels", "a,,b"], "empty label"),
    (["--labels", ""], "empty label"),
    (["--labels", "a,b,a"], "'a' twice"),
    (["--labels", ",".join(map(str, range(300)))], "more than 256"),
    (["--classes", "1"], "--classes needs"),
    (["--classes", "two"], "--classes needs a number"),
    (["--only"], "--only needs"),
    (["--max-latency"], "needs a value"),
    (["--fastest"], "unknown option"),
])
def test_limits_that_are_none(cache, args, part):
    r = valence("select", *args, env=cache, code=2)
    assert r.out == "" and part in r.err and "Try 'valence select --help'" in r.err


def test_in_a_shell(made):
    line = f'"{VALENCE}" predict -m "$("{VALENCE}" select --classes 3 2>/dev/null)" "I loved it"'
    p = subprocess.run(["sh", "-c", line], capture_output=True, env=environment(**made))
    assert p.returncode == 0, p.stderr
    assert json.loads(p.stdout)["label"] == "positive" and set(json.loads(p.stdout)["probabilities"]) == set(LABELS)
