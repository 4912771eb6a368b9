"""Logits of small checkpoints of every architecture, against those that transformers gave
(tests/golden/make_transformer_golden.py): as the folders are, and written down in the other ways
that Hugging Face folders come in. Through valence.h, by tests/tools/logits.c."""
import json
import shutil
import struct
import subprocess

import pytest

from support import BUILD, ROOT, environment, valence

GOLDEN = ROOT / "tests" / "golden" / "transformers"
NAMES = sorted(p.parent.name for p in GOLDEN.glob("*/golden.json"))
TEXTS = json.loads((GOLDEN / "texts.json").read_text())
TOLERANCE = 1e-4  # float32 against float32; the goldens' own distance to float64 is below 1e-5


@pytest.fixture(scope="session")
def tool(tmp_path_factory):
    library = BUILD / "libvalence.a"
    if not library.exists():
        pytest.fail(f"no {library}: run make first (VALENCE_BUILD names the build)")
    program = tmp_path_factory.mktemp("logits") / "logits"
    sanitize = {"asan": ["-fsanitize=address,undefined"], "ubsan": ["-fsanitize=undefined"],
                "tsan": ["-fsanitize=thread"]}.get(BUILD.name, [])
    subprocess.run(
        ["gcc", "-std=c17", "-D_GNU_SOURCE", "-O2", *sanitize, f"-I{ROOT}/include", "-o", program,
         ROOT / "tests/tools/logits.c", library, "-lsimdjson", "-lstdc++", "-lutf8proc", "-lxxhash", "-lzstd", "-lz",
         "-lm", "-ldl", "-pthread"], check=True)
    return program


def ask(tool, folder, texts, truncation="right", threads=1, **env):
    """[(tokens, windows, truncated, logits)] of each text."""
    p = subprocess.run([tool, folder, truncation, str(threads)], input="".join(t + "\n" for t in texts).encode(),
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(**env), timeout=300)
    assert p.returncode == 0, f"{folder}: {p.stderr.decode()}"
    rows = [line.split() for line in p.stdout.decode().splitlines()]
    assert len(rows) == len(texts)
    return [(int(r[0]), int(r[1]), int(r[2]), [float(x) for x in r[3:]]) for r in rows]


def golden(name):
    return json.loads((GOLDEN / name / "golden.json").read_text())["cases"]


def compare(answers, cases, longest):
    worst = 0.0
    for text, (tokens, windows, truncated, logits), case in zip(TEXTS, answers, cases, strict=True):
        assert tokens == len(case["ids"]), f"{text!r}: {tokens} tokens, wanted {len(case['ids'])}"
        assert windows == 1
        assert not truncated or tokens == longest
        differences = [abs(a - b) for a, b in zip(logits, case["logits"], strict=True)]
        assert max(differences) <= TOLERANCE, f"{text!r} of {tokens} tokens: {logits}, wanted {case['logits']}"
        worst = max(worst, *differences)
    return worst


def check(tool, folder, name, **how):
    cases = golden(name)
    longest = max(len(c["ids"]) for c in cases)
    answers = ask(tool, folder, TEXTS, **how)
    worst = compare(answers, cases, longest)
    assert any(truncated for _, _, truncated, _ in answers)  # the long texts were cut
    print(f"{name}: largest difference {worst:.1e}")


@pytest.mark.parametrize("name", NAMES)
def test_logits(tool, name):
    check(tool, GOLDEN / name, name)


@pytest.mark.parametrize("name", ["bert", "modernbert"])
def test_logits_with_two_threads(tool, name):
    check(tool, GOLDEN / name, name, threads=2)


@pytest.mark.parametrize("isa", ["scalar", "avx2"])
@pytest.mark.parametrize("name", ["electra", "modernbert"])
def test_logits_on_lesser_machines(tool, name, isa):
    check(tool, GOLDEN / name, name, VALENCE_ISA=isa)


def test_a_text_does_not_depend_on_the_ones_before(tool):
    """The longest first, and last: what a context keeps between texts must not be seen."""
    for name in ("bert", "modernbert"):
        forward, backward = ask(tool, GOLDEN / name, TEXTS), ask(tool, GOLDEN / name, TEXTS[::-1])[::-1]
        assert forward == backward


# ---- The same checkpoint written down in other ways -----------------------------------------------


def read_safetensors(path):
    """{name: (dtype, shape, bytes)}"""
    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    header, data = json.loads(raw[8:8 + size]), raw[8 + size:]
    header.pop("__metadata__", None)
    return {k: (v["dtype"], v["shape"], data[slice(*v["data_offsets"])]) for k, v in header.items()}


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


@pytest.fixture
def copy(tmp_path):
    def make(name):
        return shutil.copytree(GOLDEN / name, tmp_path / name)
    return make


def test_shards_in_one_file(tool, copy):
    folder = copy("roberta_sharded")
    tensors = {}
    for shard in sorted(folder.glob("model-*.safetensors")):
        tensors.update(read_safetensors(shard))
        shard.unlink()
    (folder / "model.safetensors.index.json").unlink()
    write_safetensors(folder / "model.safetensors", tensors)
    check(tool, folder, "roberta_sharded")


def test_oldest_names_and_unaligned_data(tool, copy):
    """gamma and beta, a buffer of integers, no model_type; an odd header length moves all data."""
    folder = copy("bert")
    tensors = {"x": ("U8", [1], b"x"), "bert.embeddings.position_ids": ("I64", [1, 1], bytes(8))}
    for name, tensor in read_safetensors(folder / "model.safetensors").items():
        name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        tensors[name] = tensor
    write_safetensors(folder / "model.safetensors", tensors)
    config = json.loads((folder / "config.json").read_text())
    del config["model_type"]
    (folder / "config.json").write_text(json.dumps(config))
    check(tool, folder, "bert")


WIDER = {"F16": lambda data: struct.pack(f"<{len(data) // 2}f", *struct.unpack(f"<{len(data) // 2}e", data)),
         "BF16": lambda data: b"".join(b"\0\0" + data[i:i + 2] for i in range(0, len(data), 2))}


@pytest.mark.parametrize("name,dtype", [("distilbert_multi", "F16"), ("minilm", "BF16")])
def test_widened_to_float32(tool, copy, name, dtype):
    """The same numbers in four bytes each."""
    folder = copy(name)
    tensors = read_safetensors(folder / "model.safetensors")
    assert {t[0] for t in tensors.values()} == {dtype}
    write_safetensors(folder / "model.safetensors",
                      {name: ("F32", shape, WIDER[dtype](data)) for name, (_, shape, data) in tensors.items()})
    check(tool, folder, name)
    assert ask(tool, folder, TEXTS) == ask(tool, GOLDEN / name, TEXTS)


def in_order(vocabulary):
    return [token for token, _ in sorted(vocabulary.items(), key=lambda item: item[1])]


@pytest.mark.parametrize("name", ["bert", "bert_without_pooler"])
def test_vocab_txt(tool, copy, name):
    """The tokeniser in its older file; the second one keeps upper case."""
    folder = copy(name)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    (folder / "vocab.txt").write_text("".join(t + "\n" for t in in_order(tokenizer["model"]["vocab"])))
    (folder / "tokenizer.json").unlink()
    check(tool, folder, name)


def test_vocab_json_and_merges(tool, copy):
    folder = copy("roberta_sharded")
    model = json.loads((folder / "tokenizer.json").read_text())["model"]
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(m + "\n" for m in merges))
    (folder / "tokenizer.json").unlink()
    check(tool, folder, "roberta_sharded")


# ---- The command ----------------------------------------------------------------------------------


def test_command_answers_from_a_folder():
    (row,) = valence("predict", "-m", GOLDEN / "minilm", "--format", "jsonl", TEXTS[2]).jsonl()
    logits = golden("minilm")[2]["logits"]
    assert row["label"] == ["negative", "neutral", "positive"][logits.index(max(logits))]
    assert abs(sum(row["probabilities"].values()) - 1) < 1e-4


def test_command_names_what_is_wrong(copy):
    folder = copy("bert")
    config = json.loads((folder / "config.json").read_text())
    for key, value, message in [("model_type", "deberta-v2", "deberta-v2"), ("hidden_act", "mish", "mish"),
                                ("num_hidden_layers", 3, "bert.encoder.layer.2.attention.self.query.weight"),
                                ("intermediate_size", 80, "shape")]:
        (folder / "config.json").write_text(json.dumps({**config, key: value}))
        r = valence("predict", "-m", folder, "text", code=1)
        assert message in r.err and len(r.err.splitlines()) == 1
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "safetensors" in valence("predict", "-m", folder, "text", code=1).err
