"""The Open Inference Protocol v2, with Triton's classification and binary tensors."""
import contextlib
import json
import struct

import pytest

from serving import Server, get, post
from support import LABELS, ROOT, strict_json

TEXTS = ["great", "awful", "caf\u00e9 \U0001f600", ""]
BASE = "/v2/models/general"


@pytest.fixture(scope="module")
def server():
    with Server("-m", "general", "-m", ROOT / "models" / "movies-nb.safetensors", "--threads", 1) as s:
        yield s


def send(server, data):
    with contextlib.closing(server.connect()) as c:
        c.send(data)
        return c.answer()


def fetch(server, path):
    answer = send(server, get(path))
    return answer.status, strict_json(answer.body)


def tensor(texts=TEXTS, shape=None, **more):
    return {"name": "text", "datatype": "BYTES", "shape": shape or [len(texts)], "data": texts, **more}


def infer(server, value, *headers, path=BASE):
    answer = send(server, post(value, *headers, path=path + "/infer"))
    assert answer.status == 200, answer.body
    return strict_json(answer.body)


def refused(server, value, status=400, *headers, path=BASE):
    answer = send(server, post(value, *headers, path=path + "/infer"))
    body = strict_json(answer.body)
    assert answer.status == status and list(body) == ["error"] and body["error"], body
    return body["error"]


def outputs(answer):
    return {o["name"]: o for o in answer["outputs"]}


# ---- About ---------------------------------------------------------------------------------------

def test_server(server):
    assert fetch(server, "/v2") == fetch(server, "/v2/")
    status, about = fetch(server, "/v2")
    assert status == 200 and about["name"] == "valence"
    assert about["extensions"] == ["classification", "binary_tensor_data", "model_repository"]
    assert fetch(server, "/v2/health/live") == (200, {"live": True})
    assert fetch(server, "/v2/health/ready") == (200, {"ready": True})


def test_model(server):
    status, about = fetch(server, BASE)
    assert status == 200 and about == fetch(server, BASE + "/versions/1")[1]
    assert about["name"] == "general" and about["versions"] == ["1"] and about["platform"] == "valence_safetensors"
    assert about["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    assert [(o["name"], o["datatype"], o["shape"]) for o in about["outputs"]] == [
        ("label", "BYTES", [-1]), ("label_index", "INT64", [-1]), ("scores", "FP32", [-1, 3]), ("logits", "FP32", [-1, 3])]
    assert fetch(server, "/v2/models/movies-nb")[1]["outputs"][2]["shape"] == [-1, 2]
    for path in (BASE, BASE + "/versions/1"):
        assert fetch(server, path + "/ready") == (200, {"name": "general", "ready": True})


@pytest.mark.parametrize("path", ["/v2/models/nobody", "/v2/models/nobody/ready", BASE + "/versions/2", BASE + "/versions/01",
                                  BASE + "/versions/2/ready", BASE + "/nothing", "/v2/nothing", "/v2/health"])
def test_not_found(server, path):
    status, body = fetch(server, path)
    assert status == 404 and list(body) == ["error"]


def test_wrong_verb(server):
    status, body = fetch(server, BASE + "/infer")
    assert status == 405 and list(body) == ["error"]


# ---- Infer ---------------------------------------------------------------------------------------

def test_as_predict(server):
    answer = infer(server, {"id": "r\"1", "inputs": [tensor()]})
    assert list(answer) == ["model_name", "model_version", "id", "outputs"]
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("general", "1", "r\"1")
    out = outputs(answer)
    assert list(out) == ["label", "label_index", "scores"]
    assert [(o["datatype"], o["shape"]) for o in out.values()] == [("BYTES", [4]), ("INT64", [4]), ("FP32", [4, 3])]
    for i, text in enumerate(TEXTS):
        own = server.predict(text).json()
        assert out["scores"]["data"][3 * i:3 * i + 3] == list(own["probabilities"].values())
        assert out["label"]["data"][i] == own["prediction"] == LABELS[out["label_index"]["data"][i]]


def test_columns_and_versions(server):
    for data in (TEXTS, [[t] for t in TEXTS]):
        answer = infer(server, {"inputs": [tensor(data, [4, 1])]}, path=BASE + "/versions/1")
        out = outputs(answer)
        assert "id" not in answer
        assert [out[n]["shape"] for n in ("label", "label_index", "scores")] == [[4, 1], [4, 1], [4, 3]]
    assert out["label"]["data"] == outputs(infer(server, {"inputs": [tensor()]}))["label"]["data"]


def test_chosen_outputs(server):
    answer = infer(server, {"inputs": [tensor()], "outputs": [{"name": "logits"}, {"name": "label"}]})
    assert [(o["name"], o["shape"]) for o in answer["outputs"]] == [("logits", [4, 3]), ("label", [4])]
    assert max(answer["outputs"][0]["data"]) > 1.5
    assert len(infer(server, {"inputs": [tensor()], "outputs": []})["outputs"]) == 3


def test_classification(server):
    answer = infer(server, {"inputs": [tensor(shape=[4, 1])], "outputs": [
        {"name": "scores", "parameters": {"classification": 2}}, {"name": "logits", "parameters": {"classification": 9}}]})
    best, all_of = answer["outputs"]
    assert (best["datatype"], best["shape"], all_of["shape"]) == ("BYTES", [4, 2], [4, 3])
    scores = outputs(infer(server, {"inputs": [tensor()]}))["scores"]["data"]
    for i in range(4):
        row = scores[3 * i:3 * i + 3]
        order = sorted(range(3), key=lambda k: -row[k])[:2]
        assert best["data"][2 * i:2 * i + 2] == [f"{row[k]:.6f}:{k}:{LABELS[k]}" for k in order]


# ---- Binary tensors ------------------------------------------------------------------------------

def pack(texts):
    return b"".join(struct.pack("<I", len(t.encode())) + t.encode() for t in texts)


def unpack(data):
    texts = []
    while data:
        size, = struct.unpack_from("<I", data)
        texts.append(data[4:4 + size].decode())
        data = data[4 + size:]
    return texts


def binary(server, head, tail):
    head = json.dumps(head).encode()
    answer = send(server, post(head + tail, f"Inference-Header-Content-Length: {len(head)}",
                               "Content-Type: application/octet-stream", path=BASE + "/infer"))
    return answer, len(head)


def binary_input(texts, size=None, shape=None):
    packed = pack(texts)
    parameters = {"binary_data_size": len(packed) if size is None else size}
    return {"name": "text", "datatype": "BYTES", "shape": shape or [len(texts)], "parameters": parameters}, packed


def test_binary_in_and_out(server):
    want = outputs(infer(server, {"inputs": [tensor()], "outputs": [{"name": n} for n in ("label", "label_index", "scores", "logits")]}))
    head, tail = binary_input(TEXTS)
    asked = [{"name": n, "parameters": {"binary_data": n != "label_index"}} for n in want]
    answer, _ = binary(server, {"inputs": [head], "outputs": asked, "parameters": {"binary_data_output": True}}, tail)
    assert answer.status == 200 and answer.headers["content-type"] == "application/octet-stream"
    size = int(answer.headers["inference-header-content-length"])
    said, rest = outputs(strict_json(answer.body[:size])), answer.body[size:]
    assert said.pop("label_index") == want["label_index"]
    parts = {}
    for name, o in said.items():
        assert "data" not in o
        n = o["parameters"]["binary_data_size"]
        parts[name], rest = rest[:n], rest[n:]
    assert rest == b""
    assert unpack(parts["label"]) == want["label"]["data"]
    for name in ("scores", "logits"):
        assert struct.unpack("<12f", parts[name]) == pytest.approx(want[name]["data"], abs=1e-6)


def test_binary_by_default(server):
    answer = send(server, post({"inputs": [tensor()], "parameters": {"binary_data_output": True}}, path=BASE + "/infer"))
    size = int(answer.headers["inference-header-content-length"])
    assert len(answer.body) - size == sum(o["parameters"]["binary_data_size"] for o in json.loads(answer.body[:size])["outputs"])


def test_binary_input_json_output(server):
    head, tail = binary_input(TEXTS, shape=[4, 1])
    answer, _ = binary(server, {"inputs": [head]}, tail)
    assert answer.headers["content-type"] == "application/json"
    assert outputs(answer.json())["label"]["shape"] == [4, 1]


def test_raw_body(server):
    answer = send(server, post(pack(["great"]), "Inference-Header-Content-Length: 0", path=BASE + "/infer"))
    assert outputs(answer.json())["label"]["data"] == ["positive"]


def test_bytes_that_are_no_text(server):
    raw = b"great \xff\x00 film"
    answer = send(server, post(struct.pack("<I", len(raw)) + raw, "Inference-Header-Content-Length: 0", path=BASE + "/infer"))
    assert answer.status == 200


# ---- Errors --------------------------------------------------------------------------------------

@pytest.mark.parametrize("value, word", [
    (b"{", "invalid JSON"), ([], "object"), ({}, '"inputs"'), ({"inputs": []}, '"inputs"'), ({"inputs": 1}, '"inputs"'),
    ({"inputs": [tensor(), tensor()]}, "one input"), ({"inputs": [1]}, "'text'"), ({"inputs": [{**tensor(), "name": "Text"}]}, "'text'"),
    ({"inputs": [{**tensor(), "datatype": "FP32"}]}, "BYTES"), ({"inputs": [tensor(shape=[3])]}, "3 strings"),
    ({"inputs": [tensor(shape=[5])]}, "5 strings"), ({"inputs": [tensor(shape=[2, 2])]}, "[n,1]"),
    ({"inputs": [tensor(shape=[4, 1, 1])]}, "[n,1]"), ({"inputs": [tensor(shape=[-1])]}, "[n,1]"),
    ({"inputs": [{**tensor(), "shape": []}]}, "[n,1]"), ({"inputs": [{**tensor(), "shape": "4"}]}, "[n,1]"),
    ({"inputs": [tensor([], [0])]}, "empty"), ({"inputs": [{**tensor(), "shape": [0]}]}, "empty"),
    ({"inputs": [tensor(shape=[10001])]}, "10001 > maximum"),
    ({"inputs": [tensor(shape=[1 << 62])]}, "maximum"), ({"inputs": [tensor(["a", 1])]}, "2 strings"),
    ({"inputs": [tensor([["a"]], [1])]}, "1 strings"), ({"inputs": [tensor([[["a"]]], [1, 1])]}, "1 strings"),
    ({"inputs": [tensor([["a", "b"]], [2, 1])]}, "2 strings"), ({"inputs": [tensor("a", [1])]}, "list"),
    ({"inputs": [{k: v for k, v in tensor().items() if k != "data"}]}, '"data"'), ({"id": 1, "inputs": [tensor()]}, '"id"'),
    ({"inputs": [tensor()], "outputs": 1}, '"outputs"'), ({"inputs": [tensor()], "outputs": [1]}, '"name"'),
    ({"inputs": [tensor()], "outputs": [{"name": "label2"}]}, "'label2'"),
    ({"inputs": [tensor()], "outputs": [{"name": "label"}] * 17}, "16"),
    ({"inputs": [tensor()], "outputs": [{"name": "label", "parameters": {"classification": 1}}]}, "classification"),
    ({"inputs": [tensor()], "outputs": [{"name": "scores", "parameters": {"classification": 0}}]}, "classification"),
    ({"inputs": [tensor()], "outputs": [{"name": "scores", "parameters": {"binary_data": 1}}]}, "binary_data"),
    ({"inputs": [tensor()], "parameters": {"binary_data_output": "x"}}, "binary_data_output"),
    ({"inputs": [tensor(parameters={"binary_data_size": 3})]}, "binary_data_size"),
    ({"inputs": [tensor(parameters={"binary_data_size": "x"})]}, "binary_data_size")])
def test_errors(server, value, word):
    assert word in refused(server, value)


def test_names_that_are_none(server):
    refused(server, {"inputs": [tensor()]}, 404, path="/v2/models/nobody")
    refused(server, {"inputs": [tensor()]}, 404, path=BASE + "/versions/2")
    assert "image/png" in refused(server, {"inputs": [tensor()]}, 415, "Content-Type: image/png")


@pytest.mark.parametrize("length", ["x", "-1", "99999999999", "9999999999999999999999", "", "1e1"])
def test_wrong_json_length(server, length):
    assert "Inference-Header" in refused(server, {"inputs": [tensor()]}, 400, f"Inference-Header-Content-Length: {length}")


@pytest.mark.parametrize("tail", [b"", b"\0\0", b"\5\0\0\0abcd", b"\1\0\0\0ab", b"\xff\xff\xff\xffabc", pack(["a", "b"]), pack([])])
def test_wrong_framing(server, tail):
    head = {"name": "text", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(tail)}}
    answer, _ = binary(server, {"inputs": [head]}, tail)
    assert answer.status == 400 and "binary data" in answer.json()["error"]


def test_raw_body_cut_short(server):
    for body in (b"", b"\1", b"\2\0\0\0a", pack(["a"]) + b"x"):
        refused(server, body, 400, "Inference-Header-Content-Length: 0")


def test_size_that_is_not_the_rest(server):
    head, tail = binary_input(TEXTS, size=4)
    assert binary(server, {"inputs": [head]}, tail)[0].status == 400
    assert binary(server, {"inputs": [tensor()]}, tail)[0].status == 400
