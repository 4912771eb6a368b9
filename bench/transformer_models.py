"""transformer_models.py: the same seeded random classifier as a Hugging Face folder, for valence, and as
ONNX graphs, for ONNX Runtime: plain, with its operators fused, and quantised dynamically. Runs in
build/venv (numpy, onnx, onnxruntime, tokenizers), never imported by bench.py.

    transformer_models.py SHAPE FOLDER IMDB.tsv

SHAPE: distilbert  6 layers of 768, 12 heads, 3072 (DistilBERT-base)
       minilm      6 layers of 384, 12 heads, 1536 (MiniLM-L6, a BERT with its pooler)
Both have 30,522 word pieces, learnt from the reviews. Writes FOLDER/hf, FOLDER/*.onnx, the texts to be
timed (singles.tsv: number of tokens, text; reviews.txt: one a line) and made.json, which says what ONNX
Runtime's optimizers fused. The graph is what PyTorch's exporter writes for such models (opset 17),
so that ONNX Runtime's own patterns find their attention, layer norms and GELUs."""
import json, math, os, struct, sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

VOCABULARY, POSITIONS, CLASSES, SEED = 30522, 512, 2, 20240607
LENGTHS, REVIEWS = (16, 128, 512), 256
SHAPES = {"distilbert": dict(layers=6, hidden=768, heads=12, inner=3072, bert=False),
          "minilm": dict(layers=6, hidden=384, heads=12, inner=1536, bert=True)}
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

# ---- Weights --------------------------------------------------------------------------------------


class Weights:
    """Tensors under transformers' names, in the order in which they are asked for."""

    def __init__(self, s):
        self.chance, self.tensors, self.shape = np.random.default_rng(SEED), {}, s
        c, i, bert = s["hidden"], s["inner"], s["bert"]
        self.root = "bert." if bert else "distilbert."
        e = self.root + "embeddings."
        self.table(e + "word_embeddings.weight", VOCABULARY, c)
        self.table(e + "position_embeddings.weight", POSITIONS, c)
        if bert:
            self.table(e + "token_type_embeddings.weight", 2, c)
        self.norm(e + "LayerNorm", c)
        for n in range(s["layers"]):
            for name, out, inner in ((k, i if k == "up" else c, i if k == "down" else c)
                                     for k in ("query", "key", "value", "output", "up", "down")):
                self.linear(self.layer(n, name), out, inner)
            self.norm(self.layer(n, "attention_norm"), c)
            self.norm(self.layer(n, "ffn_norm"), c)
        self.linear("bert.pooler.dense" if bert else "pre_classifier", c, c)
        self.linear("classifier", CLASSES, c)

    def layer(self, n, part):
        if self.shape["bert"]:
            return f"bert.encoder.layer.{n}." + {
                "query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value",
                "output": "attention.output.dense", "attention_norm": "attention.output.LayerNorm",
                "up": "intermediate.dense", "down": "output.dense", "ffn_norm": "output.LayerNorm"}[part]
        return f"distilbert.transformer.layer.{n}." + {
            "query": "attention.q_lin", "key": "attention.k_lin", "value": "attention.v_lin",
            "output": "attention.out_lin", "attention_norm": "sa_layer_norm",
            "up": "ffn.lin1", "down": "ffn.lin2", "ffn_norm": "output_layer_norm"}[part]

    def table(self, name, rows, columns, deviation=0.05):
        self.tensors[name] = self.chance.standard_normal((rows, columns), dtype=np.float32) * np.float32(deviation)

    def linear(self, name, rows, columns):
        self.table(name + ".weight", rows, columns, 1 / math.sqrt(columns))
        self.tensors[name + ".bias"] = self.chance.standard_normal(rows, dtype=np.float32) * np.float32(0.05)

    def norm(self, name, size):
        self.tensors[name + ".weight"] = 1 + self.chance.standard_normal(size, dtype=np.float32) * np.float32(0.1)
        self.tensors[name + ".bias"] = self.chance.standard_normal(size, dtype=np.float32) * np.float32(0.05)


def write_safetensors(path, tensors):
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, t in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [at, at + t.nbytes]}
        at += t.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for t in tensors.values():
            f.write(t.tobytes())


# ---- The folder -----------------------------------------------------------------------------------

def config_of(s):
    common = {"vocab_size": VOCABULARY, "max_position_embeddings": POSITIONS, "pad_token_id": 0,
              "id2label": {"0": "negative", "1": "positive"}, "label2id": {"negative": 0, "positive": 1}}
    if s["bert"]:
        return {**common, "architectures": ["BertForSequenceClassification"], "model_type": "bert", "hidden_act": "gelu",
                "hidden_size": s["hidden"], "num_hidden_layers": s["layers"], "num_attention_heads": s["heads"],
                "intermediate_size": s["inner"], "layer_norm_eps": 1e-12, "type_vocab_size": 2}
    return {**common, "architectures": ["DistilBertForSequenceClassification"], "model_type": "distilbert",
            "activation": "gelu", "dim": s["hidden"], "n_layers": s["layers"], "n_heads": s["heads"],
            "hidden_dim": s["inner"], "sinusoidal_pos_embds": False}


def train_tokenizer(reviews):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer, t.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=SPECIAL, show_progress=False, min_frequency=1)
    t.train_from_iterator((r[1] for r in read_tsv(reviews)), trainer)
    missing = VOCABULARY - t.get_vocab_size()
    t.add_tokens([f"[unused{i}]" for i in range(missing)])
    t.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
                                                     special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return t


def read_tsv(path):
    with open(path, encoding="utf-8", newline="\n") as f:
        return [line.split("\t", 2) for line in f.read().split("\n")[1:] if line]


def write_texts(folder, tokenizer, reviews):
    """Texts of exactly so many tokens: words that are one piece each. And real ones, evenly chosen."""
    pieces = sorted(w for w in tokenizer.get_vocab() if w.isascii() and w.isalpha() and 3 <= len(w) <= 8)
    words = [w for w in np.random.default_rng(SEED).permutation(pieces)[:600].tolist()
             if len(tokenizer.encode(w).ids) == 3]
    with open(os.path.join(folder, "singles.tsv"), "w") as f:
        for n in LENGTHS:
            text = " ".join(words[:n - 2])
            assert len(tokenizer.encode(text).ids) == n
            f.write(f"{n}\t{text}\n")
    rows = read_tsv(reviews)
    with open(os.path.join(folder, "reviews.txt"), "w") as f:
        f.writelines(r[1] + "\n" for r in rows[::len(rows) // REVIEWS][:REVIEWS])


def write_folder(folder, s, weights, tokenizer):
    os.makedirs(folder, exist_ok=True)
    tokenizer.save(os.path.join(folder, "tokenizer.json"), pretty=False)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config_of(s), f, indent=2)
    with open(os.path.join(folder, "tokenizer_config.json"), "w") as f:
        json.dump({"model_max_length": POSITIONS, "tokenizer_class": "BertTokenizer", "do_lower_case": True}, f)
    write_safetensors(os.path.join(folder, "model.safetensors"), weights.tensors)


# ---- The graph ------------------------------------------------------------------------------------

class Graph:
    """Nodes as the exporter of PyTorch lays them out."""

    def __init__(self, weights):
        self.w, self.s, self.nodes, self.constants, self.count = weights, weights.shape, [], {}, 0

    def add(self, op, *inputs, out=None, **attributes):
        self.count += 1
        out = out or f"{op}_{self.count}"
        self.nodes.append(helper.make_node(op, list(inputs), [out], name=f"node_{self.count}", **attributes))
        return out

    def constant(self, name, value):
        self.constants[name] = value
        return name

    def weight(self, name):
        return self.constant(name, self.w.tensors[name])

    def linear(self, x, name):
        transposed = self.constant(name + ".weight.T", np.ascontiguousarray(self.w.tensors[name + ".weight"].T))
        return self.add("Add", self.weight(name + ".bias"), self.add("MatMul", x, transposed))

    def gemm(self, x, name):
        return self.add("Gemm", x, self.weight(name + ".weight"), self.weight(name + ".bias"), transB=1)

    def norm(self, x, name):
        return self.add("LayerNormalization", x, self.weight(name + ".weight"), self.weight(name + ".bias"), axis=-1,
                        epsilon=1e-12)

    def gelu(self, x):
        root, one, half = (self.constant(n, np.float32(v)) for n, v in (("sqrt2", math.sqrt(2)), ("one", 1), ("half", 0.5)))
        phi = self.add("Add", self.add("Erf", self.add("Div", x, root)), one)
        return self.add("Mul", self.add("Mul", x, phi), half)

    def embeddings(self):
        e = self.w.root + "embeddings."
        axis0, axis1 = self.constant("axis0", np.array([0], np.int64)), self.constant("axis1", np.array([1], np.int64))
        zero = axis0
        length = self.add("Unsqueeze", self.add("Gather", self.add("Shape", "input_ids"),
                                                self.constant("index1", np.array(1, np.int64)), axis=0), axis0)
        all_positions = self.constant("positions", np.arange(POSITIONS, dtype=np.int64)[None])
        positions = self.add("Slice", all_positions, zero, length, axis1)
        x = self.add("Gather", self.weight(e + "word_embeddings.weight"), "input_ids", axis=0)
        if self.s["bert"]:
            x = self.add("Add", x, self.add("Gather", self.weight(e + "token_type_embeddings.weight"), "token_type_ids", axis=0))
        x = self.add("Add", x, self.add("Gather", self.weight(e + "position_embeddings.weight"), positions, axis=0))
        return self.norm(x, e + "LayerNorm")

    def mask(self):
        """0 for words, -10000 for padding; (B,1,1,T)."""
        axes = [self.constant(f"axis{n}", np.array([n], np.int64)) for n in (1, 2)]
        x = self.add("Unsqueeze", self.add("Unsqueeze", "attention_mask", axes[0]), axes[1])
        x = self.add("Cast", x, to=TensorProto.FLOAT)
        x = self.add("Sub", self.constant("one_f", np.float32(1)), x)
        return self.add("Mul", x, self.constant("minus", np.float32(-10000)))

    def heads(self, x, permutation):
        h = self.s["heads"]
        shape = self.constant("split", np.array([0, 0, h, self.s["hidden"] // h], np.int64))
        return self.add("Transpose", self.add("Reshape", x, shape), perm=permutation)

    def attention(self, x, n, mask):
        q = self.heads(self.linear(x, self.w.layer(n, "query")), [0, 2, 1, 3])
        k = self.heads(self.linear(x, self.w.layer(n, "key")), [0, 2, 3, 1])
        v = self.heads(self.linear(x, self.w.layer(n, "value")), [0, 2, 1, 3])
        root = self.constant("root", np.float32(math.sqrt(self.s["hidden"] // self.s["heads"])))
        scores = self.add("Add", self.add("Div", self.add("MatMul", q, k), root), mask)
        mixed = self.add("MatMul", self.add("Softmax", scores, axis=-1), v)
        joined = self.add("Reshape", self.add("Transpose", mixed, perm=[0, 2, 1, 3]),
                          self.constant("join", np.array([0, 0, self.s["hidden"]], np.int64)))
        return self.linear(joined, self.w.layer(n, "output"))

    def build(self):
        x, mask = self.embeddings(), self.mask()
        for n in range(self.s["layers"]):
            x = self.norm(self.add("Add", self.attention(x, n, mask), x), self.w.layer(n, "attention_norm"))
            inner = self.gelu(self.linear(x, self.w.layer(n, "up")))
            x = self.norm(self.add("Add", self.linear(inner, self.w.layer(n, "down")), x), self.w.layer(n, "ffn_norm"))
        first = self.add("Gather", x, self.constant("index0", np.array(0, np.int64)), axis=1)
        bert = self.s["bert"]
        pooled = self.add("Tanh" if bert else "Relu", self.gemm(first, "bert.pooler.dense" if bert else "pre_classifier"))
        self.nodes[-1].output[0] = pooled
        logits = self.gemm(pooled, "classifier")
        self.nodes[-1].output[0] = "logits"
        del logits
        return self.model()

    def model(self):
        def ids(name):
            return helper.make_tensor_value_info(name, TensorProto.INT64, ["batch_size", "sequence_length"])
        inputs = ["input_ids", "attention_mask"] + (["token_type_ids"] if self.s["bert"] else [])
        logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch_size", CLASSES])
        graph = helper.make_graph(self.nodes, "classifier", [ids(n) for n in inputs], [logits],
                                  [numpy_helper.from_array(np.asarray(v), k) for k, v in self.constants.items()])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="valence-bench")
        model.ir_version = 8
        return model


# ---- ONNX Runtime's own tools ---------------------------------------------------------------------

def fuse(source, target, s):
    """Offline, as people do before deploying; the session fuses the plain graph at load, too."""
    from onnxruntime.transformers import optimizer
    m = optimizer.optimize_model(source, model_type="bert", num_heads=s["heads"], hidden_size=s["hidden"], opt_level=0)
    m.save_model_to_file(target)
    return {k: v for k, v in m.get_fused_operator_statistics().items() if v}


def session_fuses(source):
    """What a session makes of the graph at load, counted."""
    import collections
    import onnxruntime as ort
    o, target = ort.SessionOptions(), source + ".loaded"
    o.optimized_model_filepath, o.log_severity_level = target, 3
    ort.InferenceSession(source, o, providers=["CPUExecutionProvider"])
    ops = collections.Counter(n.op_type for n in onnx.load(target).graph.node if n.domain.startswith("com.microsoft"))
    os.remove(target)
    return dict(ops)


def quantize(source, target, **how):
    from onnxruntime.quantization import QuantType, quantize_dynamic
    quantize_dynamic(source, target, weight_type=QuantType.QInt8, extra_options={"DefaultTensorType": TensorProto.FLOAT}, **how)


QUANTISED = {  # name: (of which graph, options)
    "int8": ("plain", dict(per_channel=True)),
    "int8_tensor": ("plain", dict(per_channel=False)),
    "int8_fused": ("fused", dict(per_channel=True)),
    "int8_fused_tensor": ("fused", dict(per_channel=False)),
    "int8_reduced": ("plain", dict(per_channel=True, reduce_range=True)),
}


def main():
    shape, folder, reviews = sys.argv[1:]
    s = SHAPES[shape]
    os.makedirs(folder, exist_ok=True)
    weights = Weights(s)
    tokenizer = train_tokenizer(reviews)
    write_folder(os.path.join(folder, "hf"), s, weights, tokenizer)
    write_texts(folder, tokenizer, reviews)
    path = {name: os.path.join(folder, name + ".onnx") for name in ["plain", "fused", *QUANTISED]}
    model = Graph(weights).build()
    onnx.checker.check_model(model)
    onnx.save(model, path["plain"])
    made = {"parameters": int(sum(t.size for t in weights.tensors.values())), "fused": fuse(path["plain"], path["fused"], s)}
    for name, (source, how) in QUANTISED.items():
        quantize(path[source], path[name], **how)
    made["session"] = {name: session_fuses(p) for name, p in path.items()}
    made["bytes"] = {name: os.path.getsize(p) for name, p in path.items()}
    with open(os.path.join(folder, "made.json"), "w") as f:
        json.dump(made, f, indent=1)
    print(json.dumps(made))


if __name__ == "__main__":
    sys.exit(main())
