"""Ids and byte offsets equal Hugging Face's tokenizers, live: the tokenizers of tests/golden and random ones over
torture sets and random texts on every instruction set, texts of ../shared/data, and (slow) vocabularies of the usual
sizes. What the committed answers hold without the package is tests/unit/test_tokenizer_golden.c's."""
import os
import random
import struct
import subprocess

import pytest

import token_cases
from support import BUILD, LIBRARIES, ROOT, SHARED, environment

tokenizers = pytest.importorskip("tokenizers", reason="SKIP the package tokenizers is not installed")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

GOLDEN = {name: ROOT / "tests/golden" / f"tokenizer_{name}.json" for name in ("bert", "roberta", "modern")}
ISAS = ["scalar", "avx2", "avx512"]


@pytest.fixture(scope="module")
def tool(tmp_path_factory):
    library = BUILD / "libvalence.a"
    if not library.exists():
        pytest.fail(f"no {library}: run make first (VALENCE_BUILD names the build)")
    program = tmp_path_factory.mktemp("tokens") / "token_texts"
    sanitize = ["-fsanitize=address,undefined"] if "asan" in BUILD.name else []
    subprocess.run(["gcc", "-std=c17", "-D_GNU_SOURCE", "-O2", *sanitize, f"-I{ROOT}/include", f"-I{ROOT}/src", "-o", program,
                    ROOT / "tests/tools/token_texts.c", library, *LIBRARIES, "-ldl"], check=True)
    return program


def ours(tool, path, texts, isa=None):
    """(ids, offsets) of each text; None: the tokenizer is refused."""
    data = b"".join(struct.pack("<I", len(raw)) + raw for raw in (t.encode() for t in texts))
    p = subprocess.run([tool, "print", path, "offsets"], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       env=environment(VALENCE_ISA=isa), timeout=600)
    assert p.returncode == 0, p.stderr.decode()
    numbers, answers, at = memoryview(p.stdout).cast("i"), [], 0
    for _ in texts:
        n, at = numbers[at], at + 1
        ids, starts, ends = (list(numbers[at + i * n:at + (i + 1) * n]) for i in range(3))
        answers.append((ids, list(zip(starts, ends))))
        at += 3 * n
    assert at == len(numbers)
    return answers


def theirs(tokenizer, texts):
    encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
    return [(e.ids, token_cases.byte_offsets(t, e.offsets)) for t, e in zip(texts, encodings)]


def compare(tool, path, texts, isas=(None,), note=""):
    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    expected = theirs(tokenizer, texts)
    for isa in isas:
        wrong = [(t, got, want) for t, got, want in zip(texts, ours(tool, path, texts, isa), expected) if got != want]
        assert not wrong, f"{note} {path} {isa}: {len(wrong)} of {len(texts)} differ, first {wrong[0]!a}"


def shared_texts(name, every):
    """Each every-th text of a set."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"SKIP no {path}")
    lines = subprocess.run(["zstd", "-dc", path], stdout=subprocess.PIPE, check=True).stdout.decode().split("\n")
    if ".tsv" in name:
        lines = [line.split("\t")[1] for line in lines[1:] if "\t" in line]
    return lines[::every]


def all_sets():
    return sorted(str(p.relative_to(SHARED)) for p in SHARED.glob("*/*.zst")) if SHARED.exists() else []


@pytest.mark.parametrize("name", GOLDEN)
def test_torture_set(tool, name):
    compare(tool, GOLDEN[name], token_cases.torture(), ISAS)


@pytest.mark.parametrize("name", GOLDEN)
def test_random_texts(tool, name):
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    corpus = [" ".join(rng.choice(token_cases.WORDS) for _ in range(20)) for _ in range(100)]
    compare(tool, GOLDEN[name], [token_cases.random_text(rng, corpus) for _ in range(1500)], ISAS, f"seed {seed}")


def test_tweets(tool):
    for name in GOLDEN:
        compare(tool, GOLDEN[name], shared_texts("tweets_semeval/train.tsv.zst", 20))


@pytest.mark.slow
def test_sample_of_all_sets(tool):
    if not all_sets():
        pytest.skip(f"SKIP no {SHARED}")
    for data in all_sets():
        texts = shared_texts(data, 200)
        for name in GOLDEN:
            compare(tool, GOLDEN[name], texts, note=data)


def check_random_tokenizers(tool, tmp_path, rounds):
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    corpus = [" ".join(rng.choice(token_cases.WORDS) for _ in range(20)) for _ in range(300)]
    for number in range(rounds):
        tokenizer = token_cases.random_tokenizer(rng, corpus)
        path = tmp_path / f"{number}.json"
        tokenizer.save(str(path))
        texts = []
        for text in (token_cases.random_text(rng, corpus) for _ in range(300)):
            try:  # Hugging Face panics where an added token's white space holds another
                tokenizer.encode(text)
                texts.append(text)
            except BaseException as e:
                assert "PanicException" in type(e).__name__, e
        assert len(texts) > 200
        compare(tool, path, texts, note=f"seed {seed}, round {number}")


def test_random_tokenizers(tool, tmp_path):
    check_random_tokenizers(tool, tmp_path, 12)


@pytest.mark.slow
def test_many_random_tokenizers(tool, tmp_path):
    check_random_tokenizers(tool, tmp_path, 60)


def train(kind, texts):
    from tokenizers import BertWordPieceTokenizer, ByteLevelBPETokenizer, processors
    if kind in ("uncased", "cased"):
        t = BertWordPieceTokenizer(lowercase=kind == "uncased")
        t.train_from_iterator(texts, vocab_size=30522, show_progress=False)
        return t
    t = ByteLevelBPETokenizer(add_prefix_space=kind == "roberta_prefix")
    t.train_from_iterator(texts, vocab_size=50265, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"], show_progress=False)
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=kind == "roberta_prefix")
    return t


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["uncased", "cased", "roberta", "roberta_prefix"])
def test_large_vocabularies(tool, tmp_path, kind):
    """As large as the published ones, trained here; every set, and every code point."""
    path = tmp_path / f"{kind}.json"
    train(kind, shared_texts("text/tweets.txt.zst", 1) + shared_texts("text/news.txt.zst", 8)).save(str(path))
    compare(tool, path, list(token_cases.every_code_point(16)))
    compare(tool, path, token_cases.torture(), ISAS)
    for data in all_sets():
        compare(tool, path, shared_texts(data, 25), note=data)
