#!/usr/bin/env python3
"""make_tokenizer_golden.py: writes tests/golden/tokenizer_{bert,roberta,modern}.json, three small tokenizers, and
tokenizer_golden.json, what Hugging Face's tokenizers make of a torture set with them. For
tests/unit/test_tokenizer_golden.c; never needed to run the tests. Needs build/venv and ../shared/data (to train on).

Ids of up to MOST tokens stand as they are. Longer ones, offsets, and the tokens of each code point once, are FNV-1a
hashes over little-endian 32-bit numbers: of starts and ends in turn; of ids, starts and ends of texts of 64 code
points."""
import json
import pathlib
import subprocess
import sys

import tokenizers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
import token_cases  # noqa: E402

DATA = HERE.parents[2] / "shared" / "data"
MOST = 100
BLOCK = 64  # code points in a text
GROUP = 64  # texts behind one hash


def corpus():
    def lines(name, most):
        raw = subprocess.run(["zstd", "-dc", DATA / name], stdout=subprocess.PIPE).stdout
        return raw.decode("utf-8", "replace").split("\n")[:most]
    return lines("text/tweets.txt.zst", 20000) + lines("text/news.txt.zst", 5000) + token_cases.WORDS * 50


def bert(texts):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer, t.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    t.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=1600, special_tokens=special, limit_alphabet=300, show_progress=False))
    t.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return t


def roberta(texts):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    t.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=1500, special_tokens=special, show_progress=False,
                                                     initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    t.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=True)
    return t


def modern(texts):
    t = Tokenizer(models.BPE())
    t.normalizer, t.pre_tokenizer = normalizers.NFC(), pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=1300, special_tokens=["|||IP_ADDRESS|||", "<|padding|>"], show_progress=False,
                                                     initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    t.add_tokens([AddedToken(" " * n, normalized=True) for n in range(24, 1, -1)] + [AddedToken("|||EMAIL_ADDRESS|||", normalized=True)])
    names = ["<|endoftext|>", "[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    t.add_special_tokens([AddedToken(n, normalized=False, lstrip=n == "[MASK]") for n in names])
    pieces = [(n, t.token_to_id(n)) for n in ("[CLS]", "[SEP]")]
    t.post_processor = processors.TemplateProcessing(single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=pieces)
    return t


def fnv(numbers, value=0xcbf29ce484222325):
    for n in numbers:
        for byte in n.to_bytes(4, "little"):
            value = (value ^ byte) * 0x100000001b3 % 2**64
    return value


def flat(pairs):
    return [n for pair in pairs for n in pair]


def every_code_point(t):
    value, count = fnv([]), 0
    for i, text in enumerate(token_cases.every_code_point(BLOCK)):
        if i % GROUP == 0 and i:
            yield f"{value:016x}"
            value = fnv([])
        ids, offsets = token_cases.expected(t, text)
        value = fnv(ids + flat(offsets), value)
    yield f"{value:016x}"


def main():
    texts = token_cases.torture()
    golden = {"made_by": f"tests/golden/make_tokenizer_golden.py, tokenizers {tokenizers.__version__}", "texts": texts, "block": BLOCK,
              "group": GROUP, "cases": {}}
    words = corpus()
    for name, make in (("bert", bert), ("roberta", roberta), ("modern", modern)):
        t = make(words)
        path = HERE / f"tokenizer_{name}.json"
        path.write_text(json.dumps(json.loads(t.to_str()), ensure_ascii=False, separators=(",", ":")) + "\n")
        t = Tokenizer.from_file(str(path))
        answers = [token_cases.expected(t, text) for text in texts]
        golden["cases"][name] = {"ids": [ids if len(ids) <= MOST else f"{fnv(ids):016x}" for ids, _ in answers], "offsets": [f"{fnv(flat(offsets)):016x}" for _, offsets in answers],
                                 "code_points": list(every_code_point(t))}
        print(name, t.get_vocab_size(), path.stat().st_size, flush=True)
    path = HERE / "tokenizer_golden.json"
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(path.stat().st_size)


main()
