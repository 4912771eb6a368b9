"""peer_lstm.py: the same seeded random LSTM classifier for valence and as an ONNX graph, and ONNX Runtime on it.
Runs in build/venv (numpy, onnx, onnxruntime), never imported by bench.py.

    peer_lstm.py make  FOLDER IMDB.tsv                            model.safetensors, float32.onnx, int8.onnx, ids
    peer_lstm.py infer FOLDER GRAPH --threads N --report FILE     1 and 32 texts of 256 tokens at a time; logits

Embeddings of 128, a bidirectional LSTM of 128 units each way, maximum and mean over the tokens, two classes. The
texts are the first 256 words of reviews, by a vocabulary of their 30,000 most frequent words. The int8 graph is
ONNX Runtime's dynamic quantisation (DynamicQuantizeLSTM)."""
import argparse, collections, json, os, re, statistics, struct, sys, time

WORDS, E, H, CLASSES, TEXTS, LENGTH, SEED = 30000, 128, 128, 2, 32, 256, 20240607
SECONDS, LEAST = 2.0, 5  # each batch size is timed for so long, and so often


# ---- Making it ------------------------------------------------------------------------------------

def tensors(np):
    """PyTorch's initialisation, by name in the model file; embeddings as trained ones are spread."""
    chance, t = np.random.default_rng(SEED), {}
    t["embeddings.word"] = chance.normal(0, 0.3, (WORDS, E))
    for way in ("forward", "backward"):
        bound = H ** -0.5
        t[f"lstm.0.{way}.input.weight"] = chance.uniform(-bound, bound, (4 * H, E))
        t[f"lstm.0.{way}.recurrent.weight"] = chance.uniform(-bound, bound, (4 * H, H))
        t[f"lstm.0.{way}.bias"] = chance.uniform(-bound, bound, 4 * H)
    t["head.out.weight"] = chance.normal(0, 0.3, (CLASSES, 4 * H))
    t["head.out.bias"] = chance.normal(0, 0.3, CLASSES)
    return {name: np.ascontiguousarray(x, np.float32) for name, x in t.items()}


def write_safetensors(path, t):
    header, at = {"__metadata__": {"family": "lstm", "lstm.layers": "1", "lstm.max_length": str(LENGTH),
                                   "lstm.pooling": "max+mean"}}, 0
    for name, x in t.items():
        header[name] = {"dtype": "F32", "shape": list(x.shape), "data_offsets": [at, at + x.nbytes]}
        at += x.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + b"".join(x.tobytes() for x in t.values()))


def write_onnx(path, t, np):
    """ids (S,B), lengths (B) -> logits (B,K). ONNX has gates in the order i, o, f, g, and two biases."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    iofg = np.concatenate([np.arange(k * H, (k + 1) * H) for k in (0, 3, 1, 2)])
    both = {part: np.stack([t[f"lstm.0.{way}.{part}"][iofg] for way in ("forward", "backward")])
            for part in ("input.weight", "recurrent.weight", "bias")}
    both["bias"] = np.concatenate([both["bias"], np.zeros_like(both["bias"])], 1)
    constants = {"words": t["embeddings.word"], "W": both["input.weight"], "R": both["recurrent.weight"],
                 "B": both["bias"], "out": t["head.out.weight"], "out_bias": t["head.out.bias"],
                 "shape": np.array([0, 0, 2 * H], np.int64)}
    node = helper.make_node
    nodes = [node("Gather", ["words", "ids"], ["x"]),
             node("LSTM", ["x", "W", "R", "B", "lengths"], ["y"], hidden_size=H, direction="bidirectional"),
             node("Transpose", ["y"], ["by_text"], perm=[2, 0, 1, 3]),
             node("Reshape", ["by_text", "shape"], ["states"]),
             node("ReduceMax", ["states"], ["max"], axes=[1], keepdims=0),
             node("ReduceMean", ["states"], ["mean"], axes=[1], keepdims=0),
             node("Concat", ["max", "mean"], ["pooled"], axis=1),
             node("Gemm", ["pooled", "out", "out_bias"], ["logits"], transB=1)]
    graph = helper.make_graph(
        nodes, "lstm", [helper.make_tensor_value_info("ids", TensorProto.INT64, ["S", "B"]),
                        helper.make_tensor_value_info("lengths", TensorProto.INT32, ["B"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["B", CLASSES])],
        [numpy_helper.from_array(x, name) for name, x in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def read_ids(tsv, np):
    """(TEXTS,LENGTH) of reviews that are long enough."""
    words = []
    with open(tsv, encoding="utf-8", errors="replace") as f:
        column = f.readline().rstrip("\n").split("\t").index("text")
        for line in f:
            words.append(re.findall(r"[a-z0-9']+|[^\sa-z0-9]", line.split("\t")[column].lower()))
    counts = collections.Counter(w for text in words for w in text)
    rank = {w: i + 1 for i, (w, _) in enumerate(counts.most_common(WORDS - 1))}
    long = [text[:LENGTH] for text in words if len(text) >= LENGTH][:TEXTS]
    return np.array([[rank.get(w, 0) for w in text] for text in long], np.int32)


def make(o, report):
    import numpy as np
    from onnxruntime.quantization import QuantType, quantize_dynamic
    os.makedirs(o.folder, exist_ok=True)
    t, at = tensors(np), lambda name: os.path.join(o.folder, name)
    write_safetensors(at("model.safetensors"), t)
    write_onnx(at("float32.onnx"), t, np)
    quantize_dynamic(at("float32.onnx"), at("int8.onnx"), weight_type=QuantType.QInt8)
    read_ids(o.source, np).tofile(at("ids.part"))
    os.rename(at("ids.part"), at("ids"))


# ---- Timing ---------------------------------------------------------------------------------------

def time_ms(run):
    """{p50, least, cpu}: a busy machine moves the first most, the last least."""
    took, cpu, end = [], [], time.perf_counter() + SECONDS
    run(), run()
    while len(took) < LEAST or time.perf_counter() < end:
        start, cpu_start = time.perf_counter(), time.process_time()
        run()
        cpu.append(time.process_time() - cpu_start)
        took.append(time.perf_counter() - start)
    return {"p50_ms": statistics.median(took) * 1e3, "least_ms": min(took) * 1e3, "cpu_ms": statistics.median(cpu) * 1e3}


def infer(o, report):
    import numpy as np, onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = o.threads, 1, 3
    start = time.perf_counter()
    session = onnxruntime.InferenceSession(os.path.join(o.folder, o.source + ".onnx"), options, ["CPUExecutionProvider"])
    report["load_ms"] = (time.perf_counter() - start) * 1e3
    ids = np.fromfile(os.path.join(o.folder, "ids"), np.int32).reshape(TEXTS, LENGTH).T.astype(np.int64)
    for B in (1, TEXTS):
        inputs = {"ids": np.ascontiguousarray(ids[:, :B]), "lengths": np.full(B, LENGTH, np.int32)}
        times = time_ms(lambda: session.run(None, inputs))
        report.update({f"{name}_{B}": value for name, value in times.items()})
        report["logits"] = session.run(None, inputs)[0].tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("command", choices=["make", "infer"])
    parser.add_argument("folder")
    parser.add_argument("source", help="IMDB.tsv, or GRAPH")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--report")
    o = parser.parse_args()
    report = {}
    {"make": make, "infer": infer}[o.command](o, report)
    with open(o.report, "w") if o.report else sys.stdout as f:
        json.dump(report, f, indent=None if o.report else 1)


if __name__ == "__main__":
    sys.exit(main())
