"""Cleaning equals Python 3.11's str.lower, re and str.strip: every code point of Unicode 14, random
strings, and (slow) all texts of ../shared/data. HTML entities equal html.unescape."""
import html
import html.entities
import os
import pathlib
import random
import re
import subprocess
import unicodedata

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("VALENCE_BUILD", "build/release")
DATA = ROOT.parent / "shared" / "data"
ISAS = ["scalar", "avx2", "avx512"]
DEFAULT = "lower,punctuation,spaces"


def lower(t):
    return t.lower()


def punctuation(t):
    return re.sub(r"[^\w\s]", "", t)


def spaces(t):
    return re.sub(r"\s+", " ", t).strip()


PYTHON = {"lower": lower, "punctuation": punctuation, "spaces": spaces}
SETS = ["lower", "punctuation", "spaces", "lower,punctuation", "lower,spaces", "punctuation,spaces", DEFAULT]


def expected(passes, text):
    for name in passes.split(","):
        text = PYTHON[name](text)
    return text


@pytest.fixture(scope="session")
def tool(tmp_path_factory):
    library = BUILD / "libvalence.a"
    if not library.exists():
        pytest.fail(f"no {library}: run make first (VALENCE_BUILD names the build)")
    program = tmp_path_factory.mktemp("clean") / "clean_lines"
    sanitize = ["-fsanitize=address,undefined"] if "asan" in BUILD.name else []
    subprocess.run(
        ["gcc", "-std=c17", "-D_GNU_SOURCE", "-O2", *sanitize, f"-I{ROOT}/include", f"-I{ROOT}/src", "-o", program,
         ROOT / "tests/tools/clean_lines.c", library, "-lsimdjson", "-lstdc++", "-lutf8proc", "-lxxhash", "-lzstd",
         "-lz", "-lm", "-ldl", "-pthread"], check=True)
    return program


def clean_bytes(tool, passes, data, isa="avx512"):
    return subprocess.run([tool, passes], input=data, stdout=subprocess.PIPE, check=True,
                          env=dict(os.environ, VALENCE_ISA=isa)).stdout


def clean(tool, passes, texts, isa="avx512"):
    """Through the tool, one line each; texts hold no line feed."""
    out = clean_bytes(tool, passes, "".join(t + "\n" for t in texts).encode(), isa)
    lines = out.decode().split("\n")
    assert len(lines) == len(texts) + 1
    return lines[:-1]


def compare(tool, passes, texts, isa="avx512", note=""):
    wrong = [(t, got, want) for t, got in zip(texts, clean(tool, passes, texts, isa))
             if got != (want := expected(passes, t))]
    assert not wrong, f"{note} {passes} {isa}: {len(wrong)} of {len(texts)} differ, first {wrong[0]!a}"


def code_points():
    """All that Python's Unicode assigns, and private use; no surrogates, no line feed."""
    return [chr(c) for c in range(0x110000) if c != 10 and unicodedata.category(chr(c)) not in ("Cn", "Cs")]


ALONE = [("", ""), ("a", "b")]
SIGMA = [("A\u03a3", ""), ("A\u03a3", "x"), ("A", "\u03a3"), ("", "\u03a3 "), ("A\u03a3.", "\u0301\u03a3")]
SPACED = [(" ", " "), ("\u00e9 ", "\u00a0x")]


@pytest.mark.parametrize("passes, around", [
    (DEFAULT, ALONE + SIGMA + SPACED), ("lower", ALONE + SIGMA), ("punctuation", ALONE), ("spaces", ALONE + SPACED),
    *[pytest.param(s, ALONE + SIGMA + SPACED, marks=pytest.mark.slow) for s in SETS]], ids=lambda x: x if isinstance(x, str) else "")
def test_every_code_point(tool, passes, around):
    assert unicodedata.unidata_version == "14.0.0", "made for Python 3.11"
    assigned = code_points()
    assert len(assigned) > 280000
    for before, after in around:
        compare(tool, passes, [before + c + after for c in assigned], note=f"{before!a} {after!a}")


# Letters that grow or change under lower(), sigma with its ignorables, every kind of space, marks.
NASTY = ("aZ9_ .,'-!?\t\r\x0b\x0c\x1c\x1f\x00\x7f" "\u0130\u023a\u023e\u1e9e\u03a3\u03c3\u0301\u00ad\u2019\u00b7:"
         "\u0345\u02b0\u00aa\u2160\u24b6\u0085\u00a0\u1680\u2028\u3000\u200b\ufeff\u00e9\u0416\u4e2d\u0660\u00b2\u2460"
         "\U0001f600\U00010400\U0001d7d8\U0001f130\ufffd\u212a\u2126")


@pytest.mark.parametrize("isa", ISAS)
def test_random_strings(tool, isa):
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print("SEED", seed)
    rng = random.Random(seed)
    alphabets = [NASTY, "\u03a3A'. \u0301", "ab  .\u00e9", "a!", "word ", " \t\u00a0.", NASTY[:18]]
    texts = ["".join(rng.choices(rng.choice(alphabets), k=rng.choice([0, 1, 2, 5, 15, 63, 64, 65, 130, 300])))
             for _ in range(8000)]
    for passes in SETS:
        compare(tool, passes, texts, isa, f"seed {seed}")


def test_invalid_bytes_are_replacement_characters(tool):
    rng = random.Random(5)
    pieces = [b"a", b" ", b"\xe2\x82", b"\xff", b"\xc3", b"\xa9", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xce\xa3", b"."]
    lines = [b"".join(rng.choices(pieces, k=rng.randrange(40))) for _ in range(5000)]
    for passes in SETS:
        out = clean_bytes(tool, passes, b"".join(x + b"\n" for x in lines)).decode().split("\n")
        for line, got in zip(lines, out):
            assert got == expected(passes, line.decode(errors="replace")), line


def test_entities_equal_python(tool):
    names = [*html.entities.name2codepoint] + ["apos"]
    texts = [f"x&{n};y" for n in names]
    texts += [f"x&#{n};y" for n in [9, 32, 65, 128, 130, 150, 153, 159, 160, 233, 8217, 55296, 1114112, 0]]
    texts += [f"x&#x{n:X};y" for n in [0x20, 0xe9, 0x2019, 0x1f600]] + ["&#X41;", "R&D; AT&T &; &#; &#x; &nosuch; &"]
    assert clean(tool, "html", texts) == [html.unescape(t) for t in texts]


def shared_texts():
    for path in sorted(DATA.rglob("*.zst")):
        lines = subprocess.run(["zstd", "-dcq", path], stdout=subprocess.PIPE, check=True).stdout.decode().split("\n")
        if path.name.endswith(".tsv.zst"):
            lines = [row.split("\t")[1] for row in lines[1:] if row]
        yield path, lines


@pytest.mark.slow
def test_all_shared_texts(tool):
    if not DATA.is_dir():
        pytest.skip(f"no {DATA}: the shared text collections are needed")
    seen = 0
    for path, texts in shared_texts():
        compare(tool, DEFAULT, texts, note=path)
        seen += sum(map(len, texts))
    assert seen > 300_000_000
