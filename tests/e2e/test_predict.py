"""valence predict from outside: where texts come from, what comes out, in what order, on what terminal."""
import itertools
import json
import os
import pty
import random
import re
import select
import subprocess
import termios
import time

import pytest

from support import (GENERAL, LABELS, ROOT, SHARED, command, compress, environment, real_texts, strict_json, table,
                     valence, write_csv, write_tsv)

ROWS = [("r1", "1", "I loved it", "x"),
        ("r2", "0", 'bad, "very" bad\nand long', "y"),
        ("r3", "", "", "z"),
        ("r4", "1", "caf\u00e9 \U0001f600 was great\tindeed", "")]
HEADER = ("id", "label", "text", "note")
TEXTS = [row[2] for row in ROWS]


@pytest.fixture
def rows_csv(tmp_path):
    return write_csv(tmp_path / "rows.csv", ROWS, HEADER)


def comparable(answers):
    """Label and probabilities, whatever the format."""
    out = []
    for a in answers:
        p = a["probabilities"] if "probabilities" in a else {k: a[k] for k in LABELS}
        out.append((str(a["id"]), a["label"], float(a["score"]), tuple((k, float(p[k])) for k in LABELS)))
    return out


def read_format(text, kind):
    if kind == "json":
        return strict_json(text)
    if kind == "jsonl":
        return [strict_json(line) for line in text.splitlines()]
    return table(text, "," if kind == "csv" else "\t")


# ---- Arguments and standard input ----------------------------------------------------------------

def test_texts_as_arguments():
    answers = valence("predict", "I loved it", "a terrible, boring film", "").jsonl()
    assert [a["id"] for a in answers] == [1, 2, 3]
    assert [a["label"] for a in answers[:2]] == ["positive", "negative"]
    assert [a.get("empty", False) for a in answers] == [False, False, True]
    for a in answers:
        assert list(a["probabilities"]) == LABELS
        assert sum(a["probabilities"].values()) == pytest.approx(1, abs=2e-4)
        assert a["score"] == max(a["probabilities"].values()) == a["probabilities"][a["label"]]


def test_arguments_go_to_a_file(tmp_path):
    whole = valence("predict", "I loved it", "", "--format", "csv").out
    r = valence("predict", "I loved it", "", "-o", tmp_path / "out.csv")
    assert (r.out, (tmp_path / "out.csv").read_text(), os.listdir(tmp_path)) == ("", whole, ["out.csv"])
    r = valence("predict", "I loved it", "-o", tmp_path / "no" / "out.csv", code=1)
    assert r.err.startswith("valence: cannot create") and not r.out


@pytest.mark.parametrize("option", [("--shard", "1/2"), ("--keep", "all"), ("--text", "review")])
def test_what_speaks_of_files_is_refused_for_arguments(option):
    r = valence("predict", "I loved it", *option, code=2)
    assert f"{option[0]} needs a file to read (-i FILE)" in r.err


def test_only_white_space_is_empty_and_words_are_not():
    answers = valence("predict", " \t\n", "...", "the").jsonl()
    assert answers[0]["empty"] is True and "empty" not in answers[2]


def test_a_text_that_begins_with_a_dash():
    a, b = valence("predict", "--", "-5 stars, awful", "--help").jsonl()
    assert a["label"] == "negative"


def test_dash_reads_lines():
    texts = ["I loved it", "", "awful", "caf\u00e9"]
    alone = valence("predict", *texts).jsonl()
    assert valence("predict", "-", input="\n".join(texts)).jsonl() == alone  # without a last line end
    assert valence("predict", "-", input="\r\n".join(texts) + "\r\n").jsonl() == alone
    assert valence("predict", "-", input="").out == ""


def test_lines_on_stdin_are_lines_even_if_they_look_like_a_table():
    assert len(valence("predict", "-", input="id,text\n1,good\n").jsonl()) == 2


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("line", ["great\n", "ok\n", "a\n", "\n"])
def test_answers_come_before_stdin_closes(line, threads):
    p = subprocess.Popen(command("predict", "-", "-t", threads), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         env=environment())
    try:
        for number in (1, 2, 3):
            p.stdin.write(line.encode())
            p.stdin.flush()
            ready, _, _ = select.select([p.stdout], [], [], 20)
            assert ready, f"no answer to line {number} while standard input is open"
            assert json.loads(p.stdout.readline())["id"] == number
        p.stdin.close()
        assert p.stdout.read() == b"" and p.wait(20) == 0
    finally:
        p.kill()
        p.wait()


# ---- Files ---------------------------------------------------------------------------------------

def test_all_kinds_of_files_say_the_same(tmp_path, rows_csv):
    flat = [(i, l, t.replace("\n", " ").replace("\t", " "), n) for i, l, t, n in ROWS]
    wanted = comparable(valence("predict", "--format", "jsonl", "-i",
                                write_csv(tmp_path / "flat.csv", flat, HEADER)).jsonl())
    tsv = write_tsv(tmp_path / "flat.tsv", flat, HEADER)
    jsonl = tmp_path / "flat.jsonl"
    jsonl.write_text("".join(json.dumps(dict(zip(HEADER, row))) + "\n" for row in flat))
    txt = tmp_path / "flat.txt"
    txt.write_text("".join(row[2] + "\n" for row in flat))
    assert [w[1:] for w in wanted] == [w[1:] for w in comparable(valence("predict", *[r[2] for r in flat]).jsonl())]
    for path in (tsv, jsonl, txt, tmp_path / "flat.csv"):
        for version in (path, *compress(path)):
            got = comparable(valence("predict", "-i", version, "--format", "jsonl").jsonl())
            if path == txt:
                assert [g[0] for g in got] == ["1", "2", "3", "4"]
                assert [g[1:] for g in got] == [w[1:] for w in wanted], version
            else:
                assert got == wanted, version
            by_pipe = valence("predict", "-i", "-", "--format", "jsonl", input=version.read_bytes())
            if path != txt:
                assert comparable(by_pipe.jsonl()) == wanted, f"{version} through a pipe"


def test_content_decides_without_an_ending(tmp_path, rows_csv):
    bare = tmp_path / "noending"
    bare.write_bytes(rows_csv.read_bytes())
    assert valence("predict", "-i", bare).out == valence("predict", "-i", rows_csv).out


def test_byte_order_mark_and_crlf(tmp_path, rows_csv):
    marked = tmp_path / "marked.csv"
    marked.write_bytes(b"\xef\xbb\xbf" + rows_csv.read_bytes())
    assert valence("predict", "-i", marked).out == valence("predict", "-i", rows_csv).out
    unix = tmp_path / "unix.csv"
    unix.write_bytes(rows_csv.read_bytes().replace(b"\r\n", b"\n"))
    assert valence("predict", "-i", unix).out == valence("predict", "-i", rows_csv).out


def test_folder_of_texts(tmp_path):
    root = tmp_path / "acl"
    for label, texts in {"neg": ["awful film", "bad"], "pos": ["great\nfilm"]}.items():
        (root / label).mkdir(parents=True)
        for i, text in enumerate(texts):
            (root / label / f"{i}_{label}.txt").write_text(text)
    answers = valence("predict", "-i", root).jsonl()
    assert [a["id"] for a in answers] == ["0_neg", "1_neg", "0_pos"]
    assert [a["label"] for a in answers] == ["negative", "negative", "positive"]


# ---- Formats -------------------------------------------------------------------------------------

def test_formats_are_valid_and_equal(tmp_path, rows_csv):
    outputs = {kind: valence("predict", "-i", rows_csv, "--format", kind).out for kind in ("json", "jsonl", "csv", "tsv")}
    answers = {kind: comparable(read_format(text, kind)) for kind, text in outputs.items()}
    assert [a[0] for a in answers["json"]] == ["r1", "r2", "r3", "r4"]
    assert answers["json"] == answers["jsonl"] == answers["csv"] == answers["tsv"]
    assert [a.get("empty") for a in read_format(outputs["jsonl"], "jsonl")] == [None, None, True, None]
    pretty = valence("predict", "-i", rows_csv, "--format", "pretty").out
    lines = pretty.splitlines()
    assert [line.split()[0] for line in lines] == [a[1] for a in answers["json"]]
    assert [float(line.split()[1]) for line in lines] == pytest.approx([a[2] for a in answers["json"]], abs=0.00501)
    assert "bad, \"very\" bad and long" in lines[1] and "\x1b" not in pretty
    for kind, text in outputs.items():  # the same through a file and by its ending
        out = tmp_path / f"out.{kind}"
        assert valence("predict", "-i", rows_csv, "-o", out).out == ""
        assert out.read_text() == text
    for kind in ("json", "jsonl", "csv", "tsv"):
        args = valence("predict", "--format", kind, *TEXTS).out
        assert [a[1:] for a in comparable(read_format(args, kind))] == [a[1:] for a in answers["json"]]


@pytest.mark.parametrize("kind", ["json", "jsonl", "csv", "tsv"])
def test_no_rows_is_still_the_format(tmp_path, kind):
    path = write_csv(tmp_path / "none.csv", [], HEADER)
    text = valence("predict", "-i", path, "--format", kind).out
    if kind in ("json", "jsonl"):
        assert read_format(text, kind) == []
    else:
        assert len(text.splitlines()) == 1 and text.startswith("id")


def test_default_format_is_the_inputs(tmp_path, rows_csv):
    assert valence("predict", "-i", rows_csv).out.startswith("id,label,score,negative,neutral,positive\n")
    tsv = write_tsv(tmp_path / "a.tsv", [("good",)], ("text",))
    assert valence("predict", "-i", tsv).out.startswith("id\tlabel\tscore\t")
    txt = tmp_path / "a.txt"
    txt.write_text("good\n")
    assert json.loads(valence("predict", "-i", txt).out)["id"] == 1


def test_compressed_output(tmp_path, rows_csv):
    plain = valence("predict", "-i", rows_csv).stdout
    for ending, unpack in ((".gz", ["gzip", "-dc"]), (".zst", ["zstd", "-dcq"])):
        out = tmp_path / f"out.csv{ending}"
        valence("predict", "-i", rows_csv, "-o", out)
        assert subprocess.run([*unpack, out], stdout=subprocess.PIPE, check=True).stdout == plain


# ---- Columns -------------------------------------------------------------------------------------

def test_text_column_by_name_case_and_number(tmp_path):
    path = write_csv(tmp_path / "c.csv", [("7", "awful", "lovely"), ("8", "lovely", "awful")], ("n", "Review", "reply"))
    first = [a["label"] for a in valence("predict", "-i", path, "--text", "Review").table(",")]
    assert first == ["negative", "positive"]
    for name in ("review", "REVIEW", "2"):
        assert [a["label"] for a in valence("predict", "-i", path, "--text", name).table(",")] == first
    assert [a["label"] for a in valence("predict", "-i", path, "--text", "3").table(",")] == first[::-1]
    assert [a["id"] for a in valence("predict", "-i", path, "--text", "2").table(",")] == ["1", "2"]


def test_a_column_name_wins_over_a_number(tmp_path):
    path = write_csv(tmp_path / "c.csv", [("awful", "lovely")], ("2", "1"))
    assert valence("predict", "-i", path, "--text", "2").table(",")[0]["label"] == "negative"


def test_only_column_needs_no_name(tmp_path):
    path = write_csv(tmp_path / "c.csv", [("awful",), ("lovely",)], ("whatever",))
    assert [a["label"] for a in valence("predict", "-i", path).table(",")] == ["negative", "positive"]


@pytest.mark.parametrize("kind", ["json", "jsonl", "csv", "tsv"])
def test_keep_all(rows_csv, kind):
    answers = read_format(valence("predict", "-i", rows_csv, "--keep", "all", "--format", kind).out, kind)
    for a, row in zip(answers, ROWS, strict=True):
        text = row[2] if kind != "tsv" else row[2].replace("\n", " ").replace("\t", " ")
        assert (a["id"], a["input_label"], a["text"], a["note"]) == (row[0], row[1], text, row[3])
        assert a["label"] in LABELS, "the prediction must not be hidden by the input's label"


def test_keep_some_in_the_order_asked_for(rows_csv):
    out = valence("predict", "-i", rows_csv, "--keep", "note,text").out
    assert out.splitlines()[0] == "id,label,score,negative,neutral,positive,note,text"
    assert valence("predict", "-i", rows_csv, "--keep", "4,3").out == out
    assert valence("predict", "-i", rows_csv, "--keep", "note,text,note").out == out
    r = valence("predict", "-i", rows_csv, "--keep", "nope", code=1)
    assert "nope" in r.err and "rows.csv" in r.err


def test_kept_names_never_meet(tmp_path):
    """Whatever the input calls its columns: no two of the output have one name."""
    path = write_csv(tmp_path / "x.csv", [("good", *"abcd")],
                     ("text", "label", "input_label", "input_score", "label_2"))
    for more, kept in (((), ["text", "input_label", "input_input_label", "input_score", "label_2"]),
                       (("--top", 2), ["text", "input_label", "input_input_label", "input_score", "input_label_2"])):
        names, row = [line.split(",") for line in valence("predict", "-i", path, "--keep", "all", *more).out.splitlines()]
        assert names[-5:] == kept and row[-5:] == ["good", *"abcd"]
        assert len(set(names)) == len(names)


def test_keep_json_values_as_they_are(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text":"good","n":3,"deep":{"a":[1,null,true]},"score":"mine"}\n{"text":"bad"}\n')
    a, b = [strict_json(line) for line in valence("predict", "-i", path, "--keep", "all").out.splitlines()]
    assert (a["n"], a["deep"], a["input_score"]) == (3, {"a": [1, None, True]}, "mine") and isinstance(a["score"], float)
    assert b["n"] in (None, "")


# ---- Order, threads, instruction sets, shards ----------------------------------------------------

@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A few thousand real texts as CSV, with ids, more than a dozen chunks of work."""
    texts = real_texts(4500)
    rows = [(f"t{i}", text) for i, text in enumerate(texts)]
    return write_csv(tmp_path_factory.mktemp("many") / "many.csv", rows, ("id", "text")), len(rows)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json"])
def test_threads_change_nothing(many, tmp_path, kind):
    path, count = many
    outputs = []
    for threads in (1, 2, 3, 7):
        out = tmp_path / f"{threads}.{kind}"
        valence("predict", "-i", path, "-o", out, "--threads", threads)
        outputs.append(out.read_bytes())
    assert outputs[0] == outputs[1] == outputs[2] == outputs[3]
    assert [a["id"] for a in read_format(outputs[0].decode(), kind)] == [f"t{i}" for i in range(count)]


@pytest.mark.parametrize("model", ["general", "general-nb", "movies-lr", "movies-nb"])
def test_instruction_sets_change_nothing(many, tmp_path, model):
    path, count = many
    outputs = {}
    for isa in ("scalar", "avx2", "avx512"):
        out = tmp_path / f"{isa}.jsonl"
        valence("predict", "-m", model, "-i", path, "-o", out, env={"VALENCE_ISA": isa})
        outputs[isa] = out.read_bytes()
    assert outputs["scalar"].count(b"\n") == count
    assert outputs["scalar"] == outputs["avx2"] == outputs["avx512"]


def test_the_instruction_set_is_as_asked_for():
    for isa in ("scalar", "avx2"):
        info = json.loads(valence("info", "--json", env={"VALENCE_ISA": isa}).out)
        assert info["isa"] in (isa, "scalar"), "an instruction set above the one asked for"
        if info["isa_detected"] != "scalar":
            assert info["isa"] == isa


def test_alone_and_in_a_file(many):
    path, _ = many
    texts = [a["text"] for a in valence("predict", "-i", path, "--keep", "text").table(",")][:100]
    whole = valence("predict", "-i", path, "--format", "jsonl").jsonl()[:100]
    alone = valence("predict", *texts).jsonl()
    assert [a[1:] for a in comparable(whole)] == [a[1:] for a in comparable(alone)]


@pytest.mark.parametrize("how", ["plain", "gz", "pipe", "jsonl"])
def test_shards_add_up_to_the_whole(many, tmp_path, how):
    path, count = many
    if how == "gz":
        path = compress(path)[0]
    if how == "jsonl":
        rows = valence("predict", "-i", path, "--keep", "text", "--format", "jsonl").out
        path = tmp_path / "many.jsonl"
        path.write_text(rows)
    source = "-" if how == "pipe" else path
    data = path.read_bytes() if how == "pipe" else b""
    whole = valence("predict", "-i", source, "--format", "jsonl", input=data).out.splitlines()
    for n in (1, 3, 16):
        parts = [valence("predict", "-i", source, "--format", "jsonl", "--shard", f"{i}/{n}", input=data).out.splitlines()
                 for i in range(1, n + 1)]
        assert len(whole) == sum(map(len, parts)) == count
        if how in ("plain", "jsonl"):  # rows are numbered within the shard
            parts = [[re.sub(r'^{"id":"[0-9/]+:\d+"', '{"id":0', row) for row in part] for part in parts]
            whole = [re.sub(r'^{"id":\d+', '{"id":0', row) for row in whole]
        assert sorted(itertools.chain(*parts)) == sorted(whole)
        assert n == 1 or sum(len(p) > 0 for p in parts) > 1


def test_shard_rows_are_numbered_within_it(tmp_path):
    path = tmp_path / "n.txt"
    path.write_text("".join(f"line {i}\n" for i in range(1000)))
    ids = [[a["id"] for a in valence("predict", "-i", path, "--shard", f"{i}/3").jsonl()] for i in (1, 2, 3)]
    assert ids == [[f"{i}/3:{k}" for k in range(1, len(part) + 1)] for i, part in enumerate(ids, 1)]
    assert sum(map(len, ids)) == 1000


# ---- Where the model comes from ------------------------------------------------------------------

def test_works_anywhere_without_a_file(tmp_path):
    lonely = tmp_path / "valence"
    lonely.write_bytes(open(command()[0], "rb").read())
    lonely.chmod(0o755)
    empty = tmp_path / "empty"
    empty.mkdir()
    p = subprocess.run([lonely, "predict", "I loved it"], stdout=subprocess.PIPE, cwd=empty,
                       env=environment(HOME="/nonexistent", VALENCE_MODELS="/nonexistent"))
    assert p.returncode == 0 and json.loads(p.stdout)["label"] == "positive"
    assert os.listdir(empty) == []


def test_model_by_name_path_and_folder(tmp_path):
    embedded = valence("predict", "a fine day").out
    assert valence("predict", "-m", GENERAL, "a fine day").out == embedded
    (tmp_path / "mine.safetensors").write_bytes(GENERAL.read_bytes())
    assert valence("predict", "-m", "mine", "a fine day", env={"VALENCE_MODELS": str(tmp_path)}).out == embedded
    assert valence("predict", "-m", "mine.safetensors", "a fine day", cwd=tmp_path).out == embedded
    r = valence("predict", "-m", "nosuch", "x", code=1)
    assert "nosuch" in r.err and len(r.err.splitlines()) == 1


def test_abstaining():
    two = ROOT / "models/movies-lr.safetensors"
    assert valence("predict", "-m", two, "--neutral-band", "0.5", "I loved it").jsonl()[0]["label"] == "neutral"
    assert valence("predict", "--min-confidence", "1", "I loved it").jsonl()[0]["label"] == "uncertain"
    assert valence("predict", "--min-confidence", "0.1", "I loved it").jsonl()[0]["label"] == "positive"
    assert "neutral band" in valence("predict", "-m", two, "--neutral-band", "0.7", "x", code=1).err
    refused = valence("predict", "--neutral-band", "0.1", "x", code=2).err
    assert "--neutral-band is for models of two classes, 'general' has 3" in refused


# ---- Usage ---------------------------------------------------------------------------------------

COMMANDS = ["predict", "train", "merge", "eval", "info", "clean", "tokenize", "bench"]


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name):
    r = valence(name, "--help")
    assert r.err == "" and r.out.startswith(f"Usage: valence {name}")
    assert f"  {name} " in valence("--help").out
    source = (ROOT / f"src/cli/cmd_{name}.c").read_text()
    options = re.findall(r'\{CLI_(?!HEADING)\w+, "([\w-]+)"', source)
    assert len(options) >= 2
    for option in options:
        assert re.search(rf"--{option}\b.*\S", r.out), f"--{option} is not in the help"
    assert max(map(len, r.out.splitlines())) <= 110


@pytest.mark.parametrize("args", [
    [], ["nosuch"], ["predict"], ["predict", "--nosuch", "x"], ["predict", "-Q", "x"], ["predict", "--format"],
    ["predict", "--format", "xml", "x"], ["predict", "--threads", "two", "x"], ["predict", "--threads", "", "x"],
    ["predict", "--threads", "99999999999999999999", "x"], ["predict", "-i", "a.csv", "text"],
    ["predict", "--shard", "0/3", "-i", "a"], ["predict", "--shard", "4/3", "-i", "a"], ["predict", "--shard", "x", "-i", "a"],
    ["predict", "--neutral-band", "nan", "x"], ["train"], ["train", "nosuch", "--data", "x", "-o", "y"],
    ["train", "logistic", "-o", "y"], ["train", "logistic", "--data", "x"], ["train", "naive-bayes", "logistic", "-o", "y"],
    ["train", "logistic", "--data", "x", "-o", "y", "--ngrams", "9"], ["train", "logistic", "--data", "x", "-o", "y", "--type", "i4"],
    ["train", "logistic", "--data", "x", "-o", "y", "--partial"], ["train", "logistic", "--data", "x", "-o", "y", "--cost", "0"],
    ["eval"], ["eval", "--nosuch"], ["info", "x"], ["clean"], ["clean", "--passes", "nosuch", "x"], ["bench"], ["merge"],
    ["merge", "a"]], ids=lambda a: " ".join(a) or "nothing")
def test_usage_errors(args, tmp_path):
    r = valence(*args, code=2, cwd=tmp_path)
    assert r.out == "" and r.err != ""
    assert "Try 'valence" in r.err or args == []
    assert os.listdir(tmp_path) == []


def test_version_and_help_go_to_stdout():
    assert re.fullmatch(r"valence \d+\.\d+\.\d+\n", valence("--version").out)
    assert valence("help").out == valence("--help").out == valence("-h").out


def test_errors_are_one_line(tmp_path):
    for args in (["predict", "-i", "nosuch.csv"], ["eval", "nosuch.tsv"], ["predict", "-m", "./nosuch", "x"],
                 ["train", "logistic", "--data", "nosuch.csv", "-o", "m"], ["merge", "nosuch", "-o", "m"],
                 ["bench", "-i", "nosuch"], ["clean", "-i", "nosuch"], ["info", "-m", "./nosuch"]):
        r = valence(*args, code=1, cwd=tmp_path)
        assert len(r.err.splitlines()) == 1 and "nosuch" in r.err and "no such file" in r.err, r.err
        assert r.out == ""


# ---- Terminals -----------------------------------------------------------------------------------

def open_terminal():
    """A pseudo terminal: (master, slave). Skips where the system has none, as in a bare chroot."""
    try:
        return pty.openpty()
    except OSError as e:
        pytest.skip(f"SKIP no pseudo terminal here: {e}")


def on_terminal(args, env=None, stdin=None, stderr=None, seconds=30):
    """Runs with stdout (and stderr) on a pseudo terminal; gives its exit code and all that it showed."""
    master, slave = open_terminal()
    modes = termios.tcgetattr(slave)
    modes[1] &= ~termios.OPOST
    termios.tcsetattr(slave, termios.TCSANOW, modes)
    p = subprocess.Popen(command(*args), stdin=stdin or subprocess.DEVNULL, stdout=slave, stderr=stderr or slave,
                         env=environment(**{"TERM": "xterm", **(env or {})}))
    os.close(slave)
    shown, until = b"", time.time() + seconds
    while time.time() < until:
        if select.select([master], [], [], 0.1)[0]:
            try:
                data = os.read(master, 65536)
            except OSError:
                break
            if not data:
                break
            shown += data
    os.close(master)
    return p.wait(10), shown.decode()


def test_pretty_and_coloured_on_a_terminal():
    code, shown = on_terminal(["predict", "I loved it", "awful"])
    assert code == 0
    first, second = shown.splitlines()
    assert first.startswith("\x1b[32mpositive\x1b[0m") and second.startswith("\x1b[31mnegative\x1b[0m")
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        code, plain = on_terminal(["predict", "I loved it", "awful"], env=env)
        assert "\x1b" not in plain
        assert plain == re.sub(r"\x1b\[\d+m", "", shown)


def test_errors_are_red_on_a_terminal_only():
    assert on_terminal(["predict", "-m", "nosuch", "x"])[1].startswith("\x1b[31mvalence:\x1b[0m ")
    assert "\x1b" not in on_terminal(["predict", "-m", "nosuch", "x"], env={"NO_COLOR": "1"})[1]
    assert "\x1b" not in valence("predict", "-m", "nosuch", "x", code=1).err


@pytest.fixture(scope="module")
def slow_pipe(tmp_path_factory):
    """Starts a writer that gives a file's bytes in about a second and a half; gives the reading end."""
    writers = []

    def start(data, pieces=15):
        read_end, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read_end)
            for i in range(pieces):
                os.write(write_end, data[len(data) * i // pieces:len(data) * (i + 1) // pieces])
                time.sleep(0.1)
            os._exit(0)
        os.close(write_end)
        writers.append(pid)
        return read_end
    yield start
    for pid in writers:
        os.waitpid(pid, 0)


def test_progress_on_a_terminal_with_share_rate_and_time_left(tmp_path):
    texts = "".join(f"the film number {i} was good and the plot was bad but funny\n" for i in range(200_000))
    path = tmp_path / "long.txt"
    path.write_text(texts * 8)
    out = tmp_path / "out.jsonl"
    code, shown = on_terminal(["predict", "-i", path, "-o", out, "-t", "1"])
    assert code == 0
    updates = re.findall(r"\r\x1b\[Kpredicting \[[=> ]{24}\] +(\d+) %  (\d+) texts/s  (\d+) s left", shown)
    assert len(updates) >= 2, f"too few updates (is it faster than a second now? give it more): {shown[:300]!r}"
    shares = [int(u[0]) for u in updates]
    assert shares == sorted(shares) and shares[-1] > shares[0] and all(int(u[1]) > 0 for u in updates)
    assert re.search(r"\r\x1b\[K1600000 texts in [\d.]+ s \(\d+/s\) -> .*out.jsonl\n$", shown), shown[-200:]
    r = valence("predict", "-i", path, "-o", out, "-t", "1")  # the same in a pipe: silence
    assert r.err == "" and r.out == ""


def test_progress_of_a_pipe_has_no_share(slow_pipe):
    with open(os.devnull, "wb") as nowhere:
        master, slave = open_terminal()
        source = slow_pipe(b"a good film\n" * 1500)
        p = subprocess.Popen(command("predict", "-"), stdin=source, stdout=nowhere, stderr=slave, env=environment())
        os.close(slave)
        os.close(source)
        assert p.wait(30) == 0
        shown = os.read(master, 65536).decode()
        os.close(master)
    assert re.search(r"predicting +\d+ texts/s", shown) and "%" not in shown and "left" not in shown
