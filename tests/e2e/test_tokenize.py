"""`valence tokenize`: the words a model sees, their places in the text, and what it knows of them."""
import json
import random
import re
import subprocess
import unicodedata

import pytest

from support import (BAD, GENERAL, GOOD, command, environment, real_texts, sentence, valence, write_csv,
                     write_tsv)

WORD = re.compile(r"[A-Za-z0-9_]+(?:'[A-Za-z0-9_]+)*|[!-/:-@\[-`{-~]")  # what words.h says of ASCII


def tokens(*args, **more):
    return valence("tokenize", "--json", *args, **more).jsonl()


def shown(text, answer):
    """The pieces of the text that the words' places point at, checked for order."""
    data, last, pieces = text.encode(), (0, 0), []
    for word in answer["words"]:
        assert list(word) == ["text", "start", "end", "known"]
        place = word["start"], word["end"]
        assert 0 <= place[0] < place[1] <= len(data)
        assert last[1] <= place[0] or last == place, word  # an ellipsis is three words
        last = place
        pieces.append(data[word["start"]:word["end"]].decode())
    return pieces


def words_of(answer):
    return [word["text"] for word in answer["words"]]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Trains a model on generated texts; returns the function that does."""
    folder = tmp_path_factory.mktemp("models")
    rng = random.Random(5)
    texts = [(str(k), sentence(rng, [BAD, GOOD][k])) for k in (0, 1) for _ in range(150)]
    data = write_tsv(folder / "data.tsv", texts, ("label", "text"))

    def train(*options):
        path = folder / f"{len(list(folder.iterdir()))}.safetensors"
        valence("train", "naive-bayes", "--data", data, "--min-count", 1, *options, "-o", path)
        return path
    train.plain = train()  # no cleaning passes
    train.words = {word for _, text in texts for word in text.split()}
    return train


def base_letters(text):
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def test_plain_words_a_line_each():
    r = valence("tokenize", "Not GOOD, at all!!", "", "don't  stop\tnow\n\nplease")
    assert r.out == "not good , at all ! !\n\ndon't stop now please\n" and r.err == ""


def test_json_of_one_text():
    text = "Good morning, caf\u00e9 xqzzyv"
    (a,) = tokens(text)
    assert list(a) == ["id", "words", "known_ngrams", "ngrams"] and a["id"] == 1
    assert words_of(a) == ["good", "morning", ",", "caf\u00e9", "xqzzyv"]
    assert shown(text, a) == ["Good", "morning", ",", "caf\u00e9", "xqzzyv"]
    assert [w["known"] for w in a["words"]][:3] == [True, True, True]
    assert a["words"][4]["known"] is False
    assert a["ngrams"] == 5 + 4 + 3 and 3 <= a["known_ngrams"] < 12
    assert tokens("", " \t\n") == [{"id": i, "words": [], "known_ngrams": 0, "ngrams": 0} for i in (1, 2)]


@pytest.mark.parametrize("isa", ["scalar", None])
def test_random_ascii_agrees_with_a_regular_expression(small, isa):
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    texts = ["".join(rng.choice("aB9_'' \n\t.,!-z<>&@") for _ in range(rng.choice([1, 7, 60, 64, 65, 500]))) for _ in range(60)]
    texts += ["x" * 4095 + " yes", " " * 5000 + "no", "word " * 3000 + "end", "it's " * 900]
    for text, a in zip(texts, tokens("-m", small.plain, "--", *texts, env={"VALENCE_ISA": isa})):
        expected = [(m.group().lower(), m.start(), m.end()) for m in WORD.finditer(text)]
        assert [(w["text"], w["start"], w["end"]) for w in a["words"]] == expected, text[:200]
        n = len(expected)
        assert a["ngrams"] == n + max(0, n - 1) + max(0, n - 2)


def test_unicode_places_are_bytes_of_the_text(small):
    texts = ["\u00dcBER gro\u00df \u4e2d\u6587 \u041f\u0440\u0438\u0432\u0435\u0442!", "\u201cquoted\u201d \u2014 dash\u2026", "a\U0001f600b \u2764",
             "cafe\u0301 na\u00efve", "\u00e9" * 3000 + " end", "x\u00e9" * 2500 + " \u00e9nd"]
    for text, a in zip(texts, tokens("-m", small.plain, *texts)):
        for piece, word in zip(shown(text, a), words_of(a)):
            assert not re.search(r"\s", word)
            if word.isalpha():  # marks come out as their ASCII twins
                assert base_letters(piece.lower()) == base_letters(word)
    (a,) = tokens("-m", small.plain, "cafe\u0301s cafe\u0301!")  # accents of their own belong to the word before
    assert [(w["start"], w["end"]) for w in a["words"]] == [(0, 7), (8, 14), (14, 15)]
    assert words_of(tokens("\u201cIt\u2019s\u201d")[0]) == ["\"", "it's", "\""]


def test_bad_utf8_is_white_space():
    (a,) = tokens(b"good\xff\xfebad".decode("utf-8", "surrogateescape"))
    assert [(w["text"], w["start"], w["end"]) for w in a["words"]] == [("good", 0, 4), ("bad", 6, 9)]


@pytest.mark.parametrize("name", ["general", "plain"])
def test_real_texts_in_plain_and_json_agree(tmp_path, small, name):
    texts = [t for t in real_texts(90) if t.isprintable()]
    path = write_csv(tmp_path / "texts.csv", [[t] for t in texts], ["text"])
    model = small.plain if name == "plain" else "general"
    plain = valence("tokenize", "-m", model, "-i", path).out.split("\n")
    answers = tokens("-m", model, "-i", path)
    assert plain.pop() == "" and len(plain) == len(answers) == len(texts) > 20
    for text, line, a in zip(texts, plain, answers):
        assert line.split(" ") == (words_of(a) or [""])
        pieces = shown(text, a)
        if name == "plain":
            assert all(piece.lower() == word for piece, word in zip(pieces, words_of(a)) if piece.isascii())
        assert a["known_ngrams"] <= a["ngrams"] and sum(w["known"] for w in a["words"]) <= a["known_ngrams"]


# ---- Models --------------------------------------------------------------------------------------

def test_known_words_are_those_of_the_training_texts(small):
    model = small("--words", "words", "--ngrams", 1)
    text = "A superb film! It was zzyzx and qwxqw"
    (a,) = tokens("-m", model, text)
    assert words_of(a) == ["a", "superb", "film", "it", "was", "zzyzx", "and", "qwxqw"]  # no marks
    expected = [word in small.words for word in words_of(a)]
    assert [w["known"] for w in a["words"]] == expected
    assert 0 < sum(expected) == a["known_ngrams"] < a["ngrams"] == 8


def test_cleaning_passes_are_applied_and_places_are_those_before_them(small):
    model = small("--clean", "html,urls,names,elongations")
    text = "<p>Soooo GOOD</p> &amp; see https://a.example/b?c=d @someone \u00dcbel<br/>film"
    (a,) = tokens("-m", model, text)
    found = dict(zip(words_of(a), shown(text, a)))
    assert found["soo"] == "Soooo" and found["good"] == "GOOD" and found["&"] == "&amp;"
    assert found["urltoken"] == "https://a.example/b?c=d" and found["usertoken"] == "@someone"
    assert found["\u00fcbel"] == "\u00dcbel" and found["film"] == "film"
    assert valence("tokenize", "-m", model, text).out == " ".join(words_of(a)) + "\n"
    long = text * 15000  # cleaned in pieces of a megabyte
    (b,) = tokens("-m", model, "-", input=long)
    pieces = shown(long, b)
    assert len(pieces) > 80000 and {p for p, w in zip(pieces, words_of(b)) if w == "urltoken"} == {"https://a.example/b?c=d"}


def test_agrees_with_explanations(small):
    for model in (GENERAL, small("--clean", "html,urls")):
        text = "The room was lovely, the film was boring and the plot was boring"
        (a,) = tokens("-m", model, text)
        (p,) = valence("predict", "--explain", "--format", "jsonl", "-m", model, text).jsonl()
        if "explanation" not in p:
            pytest.skip("SKIP predict --explain gives no explanation")
        starts, ends = {w["start"] for w in a["words"]}, {w["end"] for w in a["words"]}
        assert all(e["start"] in starts and e["end"] in ends for e in p["explanation"])
        known = {w["start"]: w["end"] for w in a["words"] if w["known"]}
        single = {(e["start"], e["end"]) for e in p["explanation"] if (e["start"], e["end"]) in {(w["start"], w["end"]) for w in a["words"]}}
        firsts = {w["text"]: (w["start"], w["end"]) for w in reversed(a["words"]) if w["known"]}
        assert set(firsts.values()) <= single <= set(known.items())


# ---- Files ---------------------------------------------------------------------------------------

def test_rows_of_files_in_order(tmp_path):
    rows = [(f"r{i}", f"Text number {i}, fine") for i in range(5000)]
    path = write_csv(tmp_path / "rows.csv", rows, ("id", "text"))
    out = tmp_path / "out.jsonl"
    assert valence("tokenize", "--json", "-t", 4, "-i", path, "-o", out).out == ""
    answers = [json.loads(line) for line in out.read_text().splitlines()]
    assert [a["id"] for a in answers] == [r[0] for r in rows]
    assert [words_of(a)[2] for a in answers] == [str(i) for i in range(5000)]
    assert valence("tokenize", "-t", 1, "-i", path).out == valence("tokenize", "-t", 4, "-i", path).out
    assert valence("tokenize", "--text", 1, "-i", path).out.splitlines()[:2] == ["r0", "r1"]


def test_lines_of_standard_input_and_arguments_agree(tmp_path):
    texts = ["I loved it", "", "caf\u00e9!", "a, \"b\""]
    assert tokens("-", input="\n".join(texts)) == tokens(*texts)
    valence("tokenize", "-o", tmp_path / "out.txt", *texts)
    assert (tmp_path / "out.txt").read_text() == valence("tokenize", *texts).out


def test_malformed_rows(tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text('{"text":"good one"}\n{"text":\n{"text":"bad one"}\n')
    r = valence("tokenize", "-i", path, code=1)
    assert r.out == "good one\nbad one\n" and "line 2" in r.err
    assert valence("tokenize", "--skip-bad", "-i", path).out == r.out


@pytest.mark.parametrize("args", [[], ["-i", "a.csv", "text"], ["--nosuch", "x"], ["--threads", "x", "y"], ["-m"]], ids=" ".join)
def test_usage_errors(args):
    r = valence("tokenize", *args, code=2)
    assert r.out == "" and "Try 'valence tokenize --help'" in r.err


def test_errors_are_one_line(tmp_path):
    for args in (["-m", "./nosuch", "x"], ["-i", "nosuch"], ["-o", "nosuch/out", "x"]):
        r = valence("tokenize", *args, code=1, cwd=tmp_path)
        assert len(r.err.splitlines()) == 1 and "nosuch" in r.err and r.out == ""
    with open("/dev/full", "wb") as full:
        p = subprocess.run(command("tokenize", "good"), stdout=full, stderr=subprocess.PIPE, env=environment())
    assert p.returncode == 1 and len(p.stderr.splitlines()) == 1
