"""valence eval --plots: valid SVG whose shapes stand where the figures say, for few and many classes and any label;
and the figures of --json that the plots show."""
import random
import re
import xml.etree.ElementTree as ET

import pytest

from support import labelled, sentence, strict_json, valence, write_csv, write_tsv

SVG = "{http://www.w3.org/2000/svg}"
FILES = ["reliability.svg", "confusion.svg", "precision_recall.svg", "coverage.svg"]
UPPER, LOWER, SQUARE, WIDE = (74, 92, 440, 330), (74, 458, 440, 84), (74, 72, 420, 420), (74, 92, 550, 330)  # x, y, w, h


def unclear(count, classes, seed):
    """Rows that no model gets all right: a third of the texts have another class' words."""
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        k = rng.randrange(classes)
        said = rng.randrange(classes) if rng.random() < 0.33 else k
        rows.append((f"class {k}", sentence(rng, [f"k{said}w{i}" for i in range(6)], share=rng.choice([0.1, 0.3, 0.6]))))
    return rows


@pytest.fixture(scope="module", params=[2, 3, 20])
def drawn(request, tmp_path_factory):
    """(folder of plots, eval's JSON, test rows, model)"""
    k, folder = request.param, tmp_path_factory.mktemp(f"plots{request.param}")
    train = write_csv(folder / "train.csv", unclear(800 + 150 * k, k, 1), ("label", "text"))
    rows = unclear(1200, k, 2)
    test = write_csv(folder / "test.csv", rows, ("label", "text"))
    valence("train", "logistic", "--data", train, "-o", folder / "m")
    r = valence("eval", "-m", folder / "m", test, "--json", "--plots", folder / "p", "--min-confidence", "0.6")
    figures = strict_json(r.out)
    assert figures["plots"] == [f"{folder}/p/{name}" for name in FILES] and r.err == ""
    answers = valence("predict", "-m", folder / "m", "-i", test, "--format", "jsonl", "--min-confidence", "0").jsonl()
    return folder / "p", figures, rows, answers


def svg(path):
    root = ET.parse(path).getroot()
    assert root.tag == SVG + "svg" and root[0].tag == SVG + "title" and root[1].tag == SVG + "desc" and root[1].text
    return root


def shapes(root, name, word):
    """Elements of that name with that word among their classes."""
    return [e for e in root.iter(SVG + name) if word in e.get("class", "").split()]


def box(e):
    return tuple(float(e.get(k)) for k in ("x", "y", "width", "height"))


def texts(root):
    return [e.text for e in root.iter(SVG + "text")]


def points(path):
    return [tuple(map(float, p.split())) for p in path.get("d")[1:].split("L")]


def place(area, x, y, y0=0.0):
    return area[0] + x * area[2], area[1] + area[3] - (y - y0) / (1 - y0) * area[3]


# ---- Figures -------------------------------------------------------------------------------------

def average_precision(scored):
    """Slowly, by its definition: (score, is it) pairs."""
    total, hits, ap, seen = sum(y for _, y in scored), 0, 0.0, 0
    for score in sorted({s for s, _ in scored}, reverse=True):
        group = [y for s, y in scored if s == score]
        hits, seen = hits + sum(group), seen + len(group)
        ap += sum(group) / total * hits / seen
    return ap


def test_figures_of_the_answers(drawn):
    _, figures, rows, answers = drawn
    best = [(a["score"], a["label"] == label) for a, (label, _) in zip(answers, rows)]
    for b in figures["reliability"]:
        inside = [(s, y) for s, y in best if b["from"] <= s + 1e-9 and (s < b["to"] or b["to"] == 1)]
        assert abs(b["texts"] - len(inside)) <= 1, "rounded scores may cross an edge"
        if b["texts"] >= 30:
            assert b["confidence"] == pytest.approx(sum(s for s, _ in inside) / len(inside), abs=2e-3)
            assert b["accuracy"] == pytest.approx(sum(y for _, y in inside) / len(inside), abs=0.04)
        if not b["texts"]:
            assert b["confidence"] is None and b["accuracy"] is None
    assert len(figures["reliability"]) == 15 and sum(b["texts"] for b in figures["reliability"]) == 1200
    ece = sum(b["texts"] * abs(b["confidence"] - b["accuracy"]) for b in figures["reliability"] if b["texts"]) / 1200
    assert figures["ece"] == pytest.approx(ece, abs=1e-5)
    for label, of_class in figures["classes"].items():
        scored = [(a["probabilities"][label], is_label == label) for a, (is_label, _) in zip(answers, rows)]
        assert of_class["average_precision"] == pytest.approx(average_precision(scored), abs=2e-3)
    answered = [y for s, y in best if s >= 0.6]
    assert figures["coverage"] == pytest.approx(len(answered) / 1200, abs=1e-3)
    assert figures["selective_accuracy"] == pytest.approx(sum(answered) / len(answered), abs=3e-3)
    assert figures["accuracy"] == pytest.approx(sum(y for _, y in best) / 1200, abs=1e-6)


# ---- Shapes --------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", FILES)
def test_document(drawn, name):
    path = drawn[0] / name
    root, text = svg(path), path.read_text()
    assert "prefers-color-scheme:dark" in text and "script" not in text and "href" not in text
    width, height = float(root.get("width")), float(root.get("height"))
    assert root.get("viewBox") == f"0 0 {width:.0f} {height:.0f}"
    for e in root.iter(SVG + "rect"):
        x, y, w, h = box(e)
        assert x >= 0 and y >= 0 and w >= 0 and h >= 0 and x + w <= width + 0.01 and y + h <= height + 0.01
    for e in root.iter(SVG + "text"):
        assert 0 < float(e.get("x")) < width and 0 < float(e.get("y")) < height
    assert not re.search(r'"-?(nan|inf)', text)


def test_reliability(drawn):
    folder, figures, *_ = drawn
    root = svg(folder / "reliability.svg")
    bars, gaps, counts = (shapes(root, "rect", c) for c in ("bar", "gap", "count"))
    bins = [b for b in figures["reliability"] if b["texts"]]
    assert len(bars) == len(gaps) == len(counts) == len(bins) > 4
    top = max(b["texts"] for b in bins) / 1200
    scale = next(s for s in (0.1, 0.2, 0.5, 1) if top <= s)
    for bar, gap, count, b in zip(bars, gaps, counts, bins):
        left, width = 74 + b["from"] * 440 + 1, 440 / 15 - 2
        assert box(bar) == pytest.approx((left, *place(UPPER, 0, b["accuracy"])[1:], width, b["accuracy"] * 330), abs=0.02)
        low, high = sorted((b["accuracy"], b["confidence"]))
        assert box(gap) == pytest.approx((left, place(UPPER, 0, high)[1], width, (high - low) * 330), abs=0.02)
        height = b["texts"] / 1200 / scale * 84
        assert box(count) == pytest.approx((left, 458 + 84 - height, width, height), abs=0.02)
        assert (bar.get("opacity") == "0.300") == (b["texts"] < 10), "few texts are drawn pale"
    assert any(f"ECE {figures['ece']:.4f}, accuracy {figures['accuracy']:.4f}" in t for t in texts(root))


def test_confusion(drawn):
    folder, figures, *_ = drawn
    root, k = svg(folder / "confusion.svg"), len(figures["confusion"])
    cells = shapes(root, "rect", "cell")
    assert len(cells) == k * k
    side = box(cells[0])[2]
    for at, cell in enumerate(cells):
        i, j = divmod(at, k)
        count, row = figures["confusion"][i][j], sum(figures["confusion"][i])
        names = list(figures["classes"])
        assert cell[0].text == f"{names[i]} said to be {names[j]}: {count} texts, {100 * count / row:.2f} % of {row}"
        assert box(cell)[0] - box(cells[0])[0] == pytest.approx(j * (side + 1), abs=0.02)
        assert box(cell)[1] - box(cells[0])[1] == pytest.approx(i * (side + 1), abs=0.02)
        assert float(cell.get("opacity", 1)) == pytest.approx(0.1 + 0.9 * count / row if count else 0.03, abs=1e-3)
        assert ("c0" in cell.get("class").split()) == (i == j)
    if k <= 3:
        assert all(str(n) in texts(root) for row in figures["confusion"] for n in row)


def test_precision_recall(drawn):
    folder, figures, *_ = drawn
    root = svg(folder / "precision_recall.svg")
    curves = shapes(root, "path", "curve")
    assert len(curves) == len(figures["classes"])
    assert len({e.get("class") for e in curves}) == len(curves), "no two look the same"
    for curve, (label, f) in zip(curves, figures["classes"].items()):
        p = points(curve)
        assert 2 <= len(p) <= 500
        assert p[-1] == pytest.approx(place(SQUARE, 1, f["examples"] / 1200), abs=0.02), "at recall 1: the class' share"
        assert all(a[0] <= b[0] for a, b in zip(p, p[1:]))
        area = p[0][0] / 420 - 74 / 420 + sum((b[0] - a[0]) * (492 - (a[1] + b[1]) / 2) for a, b in zip(p, p[1:])) / 420 ** 2
        assert area == pytest.approx(f["average_precision"], abs=0.03), "but for the steps"
        assert curve[0].text == f"{label}: average precision {f['average_precision']:.4f}"
        assert label in texts(root) and f"{f['average_precision']:.4f}" in texts(root)


def test_coverage(drawn):
    folder, figures, *_ = drawn
    root = svg(folder / "coverage.svg")
    curve, = shapes(root, "path", "curve")
    p = points(curve)
    own, = shapes(root, "circle", "own")
    ticks = [e for e in root.iter(SVG + "text") if "end" in e.get("class").split()]
    y0 = float(ticks[0].text.split()[0]) / 100
    assert p[-1] == pytest.approx(place(WIDE, 1, figures["accuracy"], y0), abs=0.05) and len(p) <= 500
    at = place(WIDE, figures["coverage"], figures["selective_accuracy"], y0)
    assert (float(own.get("cx")), float(own.get("cy"))) == pytest.approx(at, abs=0.05)
    assert f"{100 * figures['coverage']:.2f} % of the texts" in own[0].text
    assert len(shapes(root, "circle", "c0")) >= 3


# ---- Labels, many classes, folders ---------------------------------------------------------------

@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    data = write_csv(folder / "data.csv", labelled(300), ("label", "text"))
    valence("train", "naive-bayes", "--data", data, "-o", folder / "m")
    return folder / "m", data


def test_labels_are_escaped(tmp_path):
    odd = ['<b>&"quoted"\'</b>', "\u65e5\u672c\u8a9e" * 30, "caf\u00e9 \U0001f600", "bell \x07 and \x1b[31m", "x" * 300]
    rows = [(odd[int(k)], text) for k, text in labelled(1000, 5)]
    data = write_tsv(tmp_path / "data.tsv", rows, ("label", "text"))
    valence("train", "logistic", "--data", data, "-o", tmp_path / "m")
    valence("eval", "-m", tmp_path / "m", data, "--plots", tmp_path / "p")
    for name in FILES:
        root = svg(tmp_path / "p" / name)
        assert not list(root.iter(SVG + "b")) and "\x07" not in (tmp_path / "p" / name).read_text()
    shown = texts(svg(tmp_path / "p" / "confusion.svg"))
    assert odd[0] in shown and odd[2] in shown and "bell \ufffd and \ufffd[31m" in shown
    assert any(t.startswith("\u65e5\u672c") and t.endswith("\u2026") for t in shown), "long ones are cut"
    assert not any("xxx" in t and not t.endswith("\u2026") for t in shown)


def test_very_many_classes(tmp_path):
    data = write_csv(tmp_path / "data.csv", [(f"class {k}", t) for k, t in labelled(7000, 70)], ("label", "text"))
    valence("train", "naive-bayes", "--data", data, "-o", tmp_path / "m")
    r = valence("eval", "-m", tmp_path / "m", data, "--plots", tmp_path / "p", "--json")
    assert "precision_recall.svg is left out: the model has more than 64 classes" in r.err
    figures = strict_json(r.out)
    assert figures["plots"] == [f"{tmp_path}/p/{name}" for name in FILES if name != "precision_recall.svg"]
    assert "average_precision" not in figures["classes"]["class 1"] and len(figures["reliability"]) == 15
    root = svg(tmp_path / "p" / "confusion.svg")
    assert len(shapes(root, "rect", "cell")) == 30 * 30
    assert any("the 30 most confused of 70 classes" in t for t in texts(root))
    assert sorted(p.name for p in (tmp_path / "p").iterdir()) == ["confusion.svg", "coverage.svg", "reliability.svg"]


def test_one_text(small, tmp_path):
    data = write_csv(tmp_path / "one.csv", labelled(1), ("label", "text"))
    valence("eval", "-m", small[0], data, "--plots", tmp_path / "p")
    assert all(svg(tmp_path / "p" / name) is not None for name in FILES)


def test_folder(small, tmp_path):
    model, data = small
    r = valence("eval", "-m", model, data, "--plots", "new folder", cwd=tmp_path)
    assert r.out.splitlines()[-4:] == [f"new folder/{name}" for name in FILES]
    assert sorted(p.name for p in (tmp_path / "new folder").iterdir()) == sorted(FILES), "nothing else is left there"
    before = (tmp_path / "new folder" / FILES[0]).read_bytes()
    (tmp_path / "new folder" / FILES[0]).write_text("old")
    valence("eval", "-m", model, data, "--plots", tmp_path / "new folder")
    assert (tmp_path / "new folder" / FILES[0]).read_bytes() == before, "replaced, and the same again"
    valence("eval", "-m", model, data, cwd=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["new folder"], "without --plots nothing is written"


def test_folder_that_cannot_be(small, tmp_path):
    model, data = small
    r = valence("eval", "-m", model, data, "--plots", tmp_path / "no" / "such", code=1)
    assert "cannot make the folder" in r.err and r.out == "" and r.err.count("\n") == 1
    (tmp_path / "file").write_text("mine")
    r = valence("eval", "-m", model, data, "--plots", tmp_path / "file", code=1)
    assert "a file has that name" in r.err and (tmp_path / "file").read_text() == "mine"


def test_threads_draw_the_same(small, tmp_path):
    model, data = small
    for t in ("1", "4"):
        valence("eval", "-m", model, data, "--plots", tmp_path / t, "-t", t)
    assert all((tmp_path / "1" / n).read_bytes() == (tmp_path / "4" / n).read_bytes() for n in FILES)
