"""`valence info --top`: the n-grams that weigh most for each class, as columns, as blocks and as JSON."""
import fcntl, os, pty, struct, subprocess, termios

import pytest

from support import BAD, GOOD, command, environment, labelled, strict_json, valence, write_tsv


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("names")
    data = write_tsv(folder / "two.tsv", labelled(900), ["label", "text"])
    many = write_tsv(folder / "many.tsv", labelled(1200, classes=12), ["label", "text"])
    for name, family, path in [("lr", "logistic", data), ("nb", "naive-bayes", data), ("many", "logistic", many)]:
        valence("train", family, "--data", f"{path}@0=negative,1=positive" if path == data else path, "-o",
                folder / f"{name}.safetensors")
    return folder


def terms(model, top):
    return strict_json(valence("info", "-m", model, "--top", top, "--json").out)["terms"]


@pytest.mark.parametrize("family", ["lr", "nb"])
def test_json_lists_telling_words(models, family):
    lists = terms(models / f"{family}.safetensors", 200)
    assert list(lists) == ["negative", "positive"]
    for label, own, other in [("negative", BAD, GOOD), ("positive", GOOD, BAD)]:
        texts, weights = [t["text"] for t in lists[label]], [t["weight"] for t in lists[label]]
        assert set(own) <= set(texts) and not set(other) & set(texts)
        assert weights == sorted(weights, reverse=True) and min(weights) > 0
        assert any(" " in text for text in texts)
        assert terms(models / f"{family}.safetensors", 3)[label] == lists[label][:3]


def test_a_listed_word_speaks_for_its_class(models):
    model = models / "lr.safetensors"
    for label, listed in terms(model, 12).items():
        for term in listed:
            if " " in term["text"]:
                continue  # its words count, too
            alone, nothing = (strict_json(valence("predict", "-m", model, "--format", "json", "--", text).out)[0]
                              for text in (term["text"], "zzz"))
            assert alone["probabilities"][label] > nothing["probabilities"][label], term


def test_columns_are_aligned(models):
    lines = valence("info", "-m", models / "lr.safetensors", "--top", 20).out.splitlines()
    assert lines[0].split() == ["negative", "positive"]
    assert len(lines) == 21 and all(line == line.rstrip() for line in lines)
    lists, second = terms(models / "lr.safetensors", 20), lines[0].index("positive")
    for i, line in enumerate(lines[1:]):
        for label, part in [("negative", line[:second]), ("positive", line[second:])]:
            text, weight = part.strip().rsplit(None, 1)
            assert text == lists[label][i]["text"]
            assert abs(float(weight) - lists[label][i]["weight"]) < 6e-4
    assert len({len(line) for line in lines[1:]}) == 1


def test_many_classes_stand_below_each_other(models):
    model = models / "many.safetensors"
    lists, out = terms(model, 4), valence("info", "-m", model, "--top", 4).out
    blocks = out.strip("\n").split("\n\n")
    assert [b.split("\n")[0] for b in blocks] == list(lists) and len(lists) == 12
    for block, (label, listed) in zip(blocks, lists.items()):
        assert [line.rsplit(None, 1)[0].strip() for line in block.split("\n")[1:]] == [t["text"] for t in listed]
        assert all(f"word{label}x" in t["text"] for t in listed)


def on_terminal(columns, *args):
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    p = subprocess.Popen(command(*args), stdout=slave, env=environment())
    os.close(slave)
    out = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # EIO: the other side is closed
            break
        if not part:
            break
        out += part
    os.close(master)
    assert p.wait() == 0
    return out.decode().replace("\r\n", "\n")


def test_the_terminal_decides(models):
    try:
        os.close(os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        pytest.skip("SKIP no pseudo terminals here")
    args = ["info", "-m", models / "lr.safetensors", "--top", 5]
    assert on_terminal(120, *args).split("\n")[0].split() == ["negative", "positive"]
    narrow = on_terminal(30, *args)
    assert narrow.startswith("negative\n") and "\n\npositive\n" in narrow
    assert max(map(len, narrow.split("\n"))) <= 40


def test_continued_models_keep_names(models, tmp_path):
    more = write_tsv(tmp_path / "more.tsv", [(str(i % 2), f"{['grim', 'jolly'][i % 2]} film n{i}") for i in range(300)],
                     ["label", "text"])
    model = tmp_path / "more.safetensors"
    valence("train", "logistic", "--continue", models / "lr.safetensors", "--data", f"{more}@0=negative,1=positive",
            "-o", model)
    lists = {label: {t["text"] for t in listed} for label, listed in terms(model, 500).items()}
    assert set(BAD) <= lists["negative"] and set(GOOD) <= lists["positive"]
    # some n-grams of new data find no place in the old table: not all of the new words can be asked for
    assert any("grim" in text for text in lists["negative"]) and any("jolly" in text for text in lists["positive"])


def test_a_model_without_names(tmp_path):
    rows = [(str(i % 2), ["bad film", "good film"][i % 2]) for i in range(40)]  # no text is held out
    model = tmp_path / "none.safetensors"
    valence("train", "naive-bayes", "--data", write_tsv(tmp_path / "few.tsv", rows, ["label", "text"]), "-o", model)
    for options in ([], ["--json"]):
        done = valence("info", "-m", model, "--top", 5, *options)
        assert len(done.err.splitlines()) == 1 and "train it again" in done.err
    assert strict_json(done.out) == {"terms": {"0": [], "1": []}}


@pytest.mark.parametrize("top", ["0", "-1", "65537", "x", "99999999999999999999"])
def test_wrong_numbers(top):
    assert "--top" in valence("info", "--top", top, code=2).err


def test_names_in_the_file(models):
    """In rising order of places, at most 200 for each class."""
    data = (models / "lr.safetensors").read_bytes()
    meta = strict_json(data[8:8 + int.from_bytes(data[:8], "little")].decode())["__metadata__"]
    names = strict_json(meta["features.names"])
    assert 20 < len(names) <= 400
    slots = [slot for slot, _ in names]
    assert slots == sorted(set(slots))
    assert all(text and text == text.lower() for _, text in names)
