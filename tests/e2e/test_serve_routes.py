"""The JSON of `valence serve`: /predict in its three forms, /hf, /models, /info, /openapi.json, and every error."""
import contextlib
import json
import re
import struct

import pytest

from serving import Server, get, post
from support import LABELS, ROOT, real_texts, strict_json, valence

TWO = ROOT / "models" / "movies-lr.safetensors"


@pytest.fixture(scope="module")
def server():
    with Server("-m", "general", "-m", TWO, "--threads", 2) as s:
        yield s


def ask(server, path, value, *headers):
    with contextlib.closing(server.connect()) as c:
        c.send(post(value, *headers, path=path))
        return c.answer()


def fetch(server, path):
    with contextlib.closing(server.connect()) as c:
        c.send(get(path))
        return c.answer()


def fine(server, path, value, *headers):
    answer = ask(server, path, value, *headers)
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "application/json"
    return strict_json(answer.body)


def refused(server, path, value, status, kind, *headers):
    """The whole body of the error is checked here: nothing but error, error_type, byte."""
    answer = ask(server, path, value, *headers)
    body = strict_json(answer.body)
    assert answer.status == status, body
    assert body.pop("error_type") == kind
    message = body.pop("error")
    assert message and "\n" not in message
    assert set(body) <= {"byte"}
    return message, body.get("byte")


# ---- Our own shape -------------------------------------------------------------------------------

def test_the_answers_of_valence_predict(server):
    texts = [t for t in real_texts(120) if "\n" not in t and "\r" not in t]
    offline = valence("predict", "-m", "general", "--format", "jsonl", "-", input="".join(t + "\n" for t in texts)).jsonl()
    online = fine(server, "/predict", {"texts": texts})["predictions"]
    assert len(online) == len(offline) == len(texts)
    for ours, theirs in zip(online, offline):
        assert ours["prediction"] == theirs["label"]
        assert ours["probabilities"] == pytest.approx(theirs["probabilities"], abs=6e-5)  # four digits there
        assert ours["confidence"] == pytest.approx(theirs["score"], abs=6e-5)
        assert ours["model"] == "general"


def test_alone_and_together(server):
    texts = ["great", "awful, really awful", "", "caf\u00e9 \U0001f600", "line\nbreak", "nul\0inside"]
    together = fine(server, "/predict", {"texts": texts})["predictions"]
    alone = [fine(server, "/", {"text": t}) for t in texts]
    assert together == alone
    assert alone[2]["empty"] is True and "empty" not in alone[0]
    assert list(alone[0]["probabilities"]) == LABELS
    assert sum(alone[0]["probabilities"].values()) == pytest.approx(1, abs=3e-6)


def test_six_digits(server):
    body = ask(server, "/predict", {"text": "I loved it"}).body.decode()
    assert re.fullmatch(r'\{"prediction":"positive","confidence":0\.\d{6},"probabilities":\{"negative":0\.\d{6},'
                        r'"neutral":0\.\d{6},"positive":0\.\d{6}\},"model":"general"\}', body)


def test_options(server):
    a = fine(server, "/predict", {"text": "good", "model": "movies-lr", "top_k": 1, "raw_scores": True, "truncate": None})
    assert a["model"] == "movies-lr"
    assert list(a["probabilities"]) == list(a["raw_scores"]) == ["positive"]
    three = fine(server, "/predict", {"texts": ["good"], "top_k": 99})["predictions"][0]
    assert len(three["probabilities"]) == 3
    two = fine(server, "/predict", {"text": "good", "top_k": 2})["probabilities"]
    assert list(two.values()) == sorted(two.values(), reverse=True) and list(two)[0] == "positive"


def test_explanation_adds_up(server):
    text = "caf\u00e9: not good, not good at all"
    a = fine(server, "/predict", {"text": text, "explain": True, "raw_scores": True})
    total = a["bias"] + sum(r["weight"] for r in a["explanation"])
    assert total == pytest.approx(a["logit"], abs=1e-4)
    assert a["raw_scores"][a["explained"]] == pytest.approx(a["logit"], abs=1e-5)
    raw = text.encode()
    assert all(raw[r["start"]:r["end"]].decode() == r["text"] for r in a["explanation"])
    assert any(r.get("count") == 2 for r in a["explanation"])


# ---- Text-embeddings-inference -------------------------------------------------------------------

def ranking(items, count=3):
    assert all(list(i) == ["score", "label"] for i in items)
    assert len(items) == count
    assert [i["score"] for i in items] == sorted((i["score"] for i in items), reverse=True)
    return items


def test_tei_forms(server):
    one = ranking(fine(server, "/predict", {"inputs": "good day"}))
    assert one[0]["label"] == "positive"
    assert fine(server, "/predict", {"inputs": ["good day"]}) == one
    assert fine(server, "/predict", {"inputs": ["good", "day"]}) == one  # one pair: a blank between
    assert fine(server, "/predict", {"inputs": [["good day"], ["awful"], ["good", "day"]]})[::2] == [one, one]
    own = fine(server, "/predict", {"text": "good day"})["probabilities"]
    assert {i["label"]: i["score"] for i in one} == own


def test_tei_options(server):
    raw = ranking(fine(server, "/predict", {"inputs": "good", "raw_scores": True, "truncate": True,
                                            "truncation_direction": "Right", "unknown": 1}))
    own = fine(server, "/predict", {"text": "good", "raw_scores": True})["raw_scores"]
    assert {i["label"]: i["score"] for i in raw} == own
    ranking(fine(server, "/predict", {"inputs": "good", "top_k": 1}), 1)


def test_tei_headers(server):
    h = ask(server, "/predict", {"inputs": [["caf\u00e9 au lait"], ["a", "b c"]]}).headers
    assert h["x-compute-type"] == "cpu"
    assert h["x-compute-characters"] == "16"
    assert h["x-compute-tokens"] == "6"
    for name in ("compute", "total", "tokenization", "queue", "inference"):
        assert re.fullmatch(r"\d+", h[f"x-{name}-time"])


@pytest.mark.parametrize("inputs", [["a", "b", "c"], [[]], [["a", "b", "c"]], ["a", ["b"]], [["a"], "b"], [1], 7, None,
                                    {"text": "a"}, [["a"], []], [[["a"]]], [None]])
def test_tei_refuses(server, inputs):
    message, _ = refused(server, "/predict", {"inputs": inputs}, 422, "Validation")
    assert '"inputs" must be' in message


# ---- Hugging Face --------------------------------------------------------------------------------

def test_hf(server):
    one = fine(server, "/hf/general", {"inputs": "great", "parameters": None})
    assert len(one) == 1 and [list(i) for i in one[0]] == [["label", "score"]] * 3
    own = fine(server, "/predict", {"text": "great", "raw_scores": True})
    assert {i["label"]: i["score"] for i in one[0]} == own["probabilities"]
    logits = fine(server, "/hf/general", {"inputs": ["great"], "parameters": {"function_to_apply": "none", "top_k": None}})
    assert {i["label"]: i["score"] for i in logits[0]} == own["raw_scores"]
    both = fine(server, "/hf/movies-lr", {"inputs": ["great", "awful"], "parameters": {"top_k": 1, "function_to_apply": "sigmoid"}})
    assert [[i["label"] for i in item] for item in both] == [["positive"], ["negative"]]
    raw = fine(server, "/predict", {"text": "great", "model": "movies-lr", "raw_scores": True})["raw_scores"]["positive"]
    assert both[0][0]["score"] == pytest.approx(1 / (1 + 2.718281828459045 ** -raw), abs=2e-6)


@pytest.mark.parametrize("body, status, kind", [
    ({}, 422, "Validation"), ({"inputs": 1}, 422, "Validation"), ({"inputs": ["a", 1]}, 422, "Validation"),
    ({"inputs": []}, 400, "Empty"), ({"inputs": "a", "parameters": 1}, 422, "Validation"),
    ({"inputs": "a", "parameters": {"top_k": 0}}, 422, "Validation"),
    ({"inputs": "a", "parameters": {"function_to_apply": "tanh"}}, 422, "Validation")])
def test_hf_refuses(server, body, status, kind):
    refused(server, "/hf/general", body, status, kind)


def test_hf_names(server):
    assert "'nobody'" in refused(server, "/hf/nobody", {"inputs": "a"}, 404, "NotFound")[0]
    assert fine(server, "/hf/%67eneral", {"inputs": "great"})
    refused(server, "/hf/a/b", {"inputs": "a"}, 404, "NotFound")


# ---- Errors --------------------------------------------------------------------------------------

@pytest.mark.parametrize("body, byte", [
    (b"", 1), (b"{", 2), (b'{"text":nul}', 12), (b'{"text":"a"', 12), (b'{"text" "a"}', 9), (b'{"text":"a",}', 13),
    (b'{"text":"a"} x', 14), (b'{"text":"\xff"}', 10), (b'{"text":"a\nb"}', 11), (b'{"text":"\\x"}', 11),
    (b'{"text":01}', 10), (b"[" * 2000, 1025)])
def test_bad_json_says_where(server, body, byte):
    message, at = refused(server, "/predict", body, 400, "Validation")
    assert message.startswith("invalid JSON: ")
    assert at == byte


@pytest.mark.parametrize("value, word", [
    ([1], "object"), ("text", "object"), ({}, "missing"), ({"text": 1}, '"text"'), ({"text": None}, '"text"'),
    ({"text": ["a"]}, '"text"'), ({"texts": "a"}, '"texts"'), ({"texts": ["a", 2]}, '"texts"[1]'),
    ({"text": "a", "model": 1}, '"model"'), ({"text": "a", "explain": 1}, '"explain"'),
    ({"text": "a", "raw_scores": "no"}, '"raw_scores"'), ({"text": "a", "truncate": "no"}, '"truncate"'),
    ({"text": "a", "top_k": 0}, '"top_k"'), ({"text": "a", "top_k": 1.5}, '"top_k"'),
    ({"inputs": "a", "explain": True}, '"explain"'), ({"texts": ["a"] * 10001}, "10001 > maximum"),
    ({"inputs": [["a"]] * 10001}, "10001 > maximum")])
def test_wrong_members(server, value, word):
    message, byte = refused(server, "/predict", value, 422, "Validation")
    assert word in message and byte is None


@pytest.mark.parametrize("value", [{"texts": []}, {"inputs": []}])
def test_empty_batch(server, value):
    assert refused(server, "/predict", value, 400, "Empty")[0] == "the batch is empty"


def test_unknown_model(server):
    assert "'nobody'" in refused(server, "/predict", {"text": "a", "model": "nobody"}, 404, "NotFound")[0]
    refused(server, "/predict", {"text": "a", "model": "../general"}, 404, "NotFound")
    refused(server, "/predict", {"text": "a", "model": ""}, 404, "NotFound")


@pytest.mark.parametrize("kind", ["image/png", "multipart/form-data; boundary=x", "text/html", "application/xml", "text/csv"])
def test_content_types_refused(server, kind):
    fine(server, "/predict", {"text": "a"})  # the cache must not answer instead
    assert kind.split(";")[0] in refused(server, "/predict", {"text": "a"}, 415, "Validation", f"Content-Type: {kind}")[0]


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8", "text/plain",
                                  "application/x-www-form-urlencoded", "application/vnd.api+json", ""])
def test_content_types_taken(server, kind):
    assert fine(server, "/predict", {"text": "a"}, f"Content-Type: {kind}")


def test_routes_that_are_none(server):
    refused(server, "/nothing", {}, 404, "NotFound")
    refused(server, "/predict/", {}, 404, "NotFound")
    refused(server, "/models", {}, 405, "Validation")
    answer = fetch(server, "/predict")
    assert answer.status == 405 and "POST" in answer.headers["allow"] and answer.json()["error_type"] == "Validation"


def test_any_text_survives(server):
    text = "".join(chr(c) for c in range(1, 0x250)) + "\U0001f600\u2028\0\"\\"
    a = fine(server, "/predict", {"text": text, "explain": True})
    assert a["prediction"] in LABELS


def test_large_batch(server):
    texts = [f"text {i} is {'good' if i % 2 else 'bad'}" for i in range(10000)]
    answers = fine(server, "/predict", {"texts": texts})["predictions"]
    assert len(answers) == 10000
    assert [a["prediction"] for a in answers[:2]] == ["negative", "positive"]


# ---- About ---------------------------------------------------------------------------------------

def test_models(server):
    general, movies = strict_json(fetch(server, "/models").body)["models"]
    assert general["name"] == "general" and general["default"] is True and general["labels"] == LABELS
    assert movies["name"] == "movies-lr" and movies["default"] is False and movies["labels"] == ["negative", "positive"]
    with open(TWO, "rb") as f:
        head = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    card = json.loads(next(v for v in head["__metadata__"].values() if '"held_out"' in v))
    held_out = card.get("held_out") or card["card"]["held_out"]
    assert movies["accuracy"] == held_out["accuracy"]
    assert movies["bytes"] == TWO.stat().st_size and movies["version"] == "1" and movies["family"] == "logistic"


def test_info_as_tei(server):
    info = strict_json(fetch(server, "/info").body)
    assert info["model_type"] == {"classifier": {"id2label": {"0": "negative", "1": "neutral", "2": "positive"},
                                                 "label2id": {"negative": 0, "neutral": 1, "positive": 2}}}
    assert info["model_dtype"] == "int8" and info["model_id"] == info["served_model_name"] == "general"
    for name in ("max_concurrent_requests", "max_input_length", "max_batch_tokens", "max_client_batch_size",
                 "tokenization_workers"):
        assert isinstance(info[name], int) and info[name] > 0
    assert info["model_sha"] is info["sha"] is info["docker_label"] is info["max_batch_requests"] is None


def resolve(document, node):
    while "$ref" in node:
        target = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def conforms(document, schema, value):
    """Enough of JSON Schema for this document: type, properties, required, items, enum, oneOf (as any)."""
    schema = resolve(document, schema)
    if value is None:
        return schema.get("nullable", False)
    if "oneOf" in schema:
        return any(conforms(document, s, value) for s in schema["oneOf"])
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
    if "type" in schema and not isinstance(value, kinds[schema["type"]]):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, list):
        return all(conforms(document, schema.get("items", {}), v) for v in value)
    if isinstance(value, dict):
        known = schema.get("properties", {})
        more = schema.get("additionalProperties", {})
        return set(schema.get("required", ())) <= set(value) and all(
            conforms(document, known.get(k, more), v) for k, v in value.items()) and (
            not known or set(value) <= set(known))
    return True


@pytest.fixture(scope="module")
def openapi(server):
    return strict_json(fetch(server, "/openapi.json").body)


def test_openapi_has_every_route(server, openapi):
    source = (ROOT / "src" / "serve" / "routes.c").read_text()
    names = {"/hf/+": ["model"]}
    routes = set()
    for method, pattern in re.findall(r'\.method = VL_(\w+), \.pattern = "([^"]+)"', source):
        for name in names.get(pattern, ["model", "version"]):
            pattern = pattern.replace("+", "{%s}" % name, 1)
        routes.add((method.lower(), pattern))
    described = {(m, p) for p, item in openapi["paths"].items() for m in item}
    assert routes == described
    assert len(routes) > 15


def test_openapi_references_and_version(server, openapi):
    for found in re.findall(r'"\$ref": ?"([^"]+)"', json.dumps(openapi)):
        assert resolve(openapi, {"$ref": found})
    ids = [op["operationId"] for item in openapi["paths"].values() for op in item.values()]
    assert len(set(ids)) == len(ids)
    assert openapi["info"]["version"] == fetch(server, "/v2").json()["version"]


def test_openapi_validates(openapi):
    validator = pytest.importorskip("openapi_spec_validator", reason="SKIP no openapi-spec-validator in build/venv")
    validator.validate(openapi)


@pytest.mark.parametrize("method, path, real, value", [
    ("post", "/predict", "/predict", {"text": "a b a b", "explain": True, "raw_scores": True}),
    ("post", "/predict", "/predict", {"texts": ["a", ""]}), ("post", "/", "/", {"inputs": ["a", "b"]}),
    ("post", "/predict", "/predict", {"inputs": [["a"], ["b"]]}), ("post", "/predict", "/predict", {"texts": []}),
    ("post", "/predict", "/predict", b"{"), ("post", "/predict", "/predict", {"model": "x"}),
    ("post", "/predict", "/predict", {"text": 1}),
    ("post", "/hf/{model}", "/hf/general", {"inputs": ["a"], "parameters": {"top_k": 1}}),
    ("post", "/hf/{model}", "/hf/nobody", {"inputs": ["a"]}),
    ("post", "/v2/models/{model}/infer", "/v2/models/general/infer",
     {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a"]}]}),
    ("post", "/v2/models/{model}/infer", "/v2/models/general/infer", {}),
    ("get", "/models", "/models", None), ("get", "/info", "/info", None), ("get", "/v2", "/v2", None),
    ("get", "/v2/models/{model}", "/v2/models/movies-lr", None), ("get", "/health/live", "/health/live", None),
    ("get", "/v2/models/{model}/versions/{version}/ready", "/v2/models/general/versions/1/ready", None),
    ("get", "/v2/models/{model}/versions/{version}", "/v2/models/general/versions/9", None)])
def test_answers_are_as_described(server, openapi, method, path, real, value):
    answer = ask(server, real, value) if method == "post" else fetch(server, real)
    described = resolve(openapi, openapi["paths"][path][method]["responses"][str(answer.status)])
    schema = described["content"][answer.headers["content-type"]]["schema"]
    assert conforms(openapi, schema, answer.json()), answer.body
