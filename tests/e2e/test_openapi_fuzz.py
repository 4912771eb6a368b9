"""What /openapi.json says, taken at its word: requests made from its schemas, right ones and wrong ones, in
thousands, get no 5xx, no undescribed status, and answers of the described shape. Prints its seed;
VALENCE_SEED repeats it."""
import json
import os
import random

import pytest

from serving import Server, post, request
from support import ROOT, SANITIZED

DOCUMENT = json.loads((ROOT / "src" / "serve" / "openapi.json").read_text())
# Where nothing is sent but a fixed path, nothing can be wrong.
OPERATIONS = [(method, path, mode) for path, item in DOCUMENT["paths"].items() for method in item for mode in ("right", "wrong")
              if path != "/predict/batch" and (mode == "right" or method == "post" or "{" in path)]
EXAMPLES = 25 if SANITIZED else 60
SEED = int(os.environ.get("VALENCE_SEED") or random.randrange(1 << 32))
NAMES = {"model": ["general", "movies-nb"], "version": ["1"]}
# What no schema can say: as many strings as the shape has; and integers beyond 64 bits are no JSON here.
BEYOND_SCHEMAS = ("infer",)
BEYOND_64_BITS = "an integer beyond 64 bits"

pytestmark = pytest.mark.slow
schemathesis = pytest.importorskip("schemathesis", reason="SKIP no schemathesis in build/venv")
import hypothesis  # noqa: E402  (schemathesis brings it)
import jsonschema  # noqa: E402
from schemathesis import GenerationMode  # noqa: E402
from schemathesis.specs.openapi import checks  # noqa: E402


@pytest.fixture(scope="module")
def server():
    with Server("-m", "general", "-m", "movies-nb", "--threads", 2) as s:
        yield s
        assert s.status("/health/live") == 200


@pytest.fixture(scope="module")
def schema(server):
    return schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}/openapi.json")


def run(test, examples=EXAMPLES):
    print(f"VALENCE_SEED={SEED}")
    return hypothesis.seed(SEED)(hypothesis.settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck))(test))


def cases(schema, method, path, mode):
    """Cases of one operation; names in the path are mostly ones that exist, or nothing behind them is reached."""
    def name(case_and_choice):
        case, choice = case_and_choice
        for key, known in NAMES.items():
            if key in case.path_parameters and choice < 6:
                case.path_parameters[key] = known[choice % len(known)]
        if str(case.headers.get("X-Request-Timeout", "")).isdigit():
            case.headers["X-Request-Timeout"] = "60000"  # a deadline of 0 is past, and rightly gets 504
        if path.endswith("infer") and mode is GenerationMode.POSITIVE and choice % 2 == 0:
            fit_shape(case)
        return case
    strategies, made = hypothesis.strategies, schema[path][method.upper()].as_strategy(generation_mode=mode)
    if method == "get" and mode is GenerationMode.NEGATIVE:
        return made  # there it is the names that are wrong
    return strategies.tuples(made, strategies.integers(0, 7)).map(name)


def fit_shape(case):
    """Makes the shape of a tensor that of its strings."""
    case.headers.pop("Inference-Header-Content-Length", None)
    for tensor in case.body["inputs"]:
        tensor["data"] = [s for s in tensor.get("data") or ["good"] if isinstance(s, str)] or ["bad"]
        tensor["shape"] = [len(tensor["data"])]
        tensor.pop("parameters", None)


def reason(response):
    try:
        return response.json()["error"]
    except (ValueError, KeyError, TypeError):
        return ""


@pytest.mark.parametrize("method, path, mode", OPERATIONS)
def test_requests_from_the_schema(schema, server, method, path, mode):
    # 5xx, status codes, content types and shapes of answers are always checked
    more = [checks.negative_data_rejection] if mode == "wrong" else []
    less = [checks.unsupported_method]
    if path.endswith(BEYOND_SCHEMAS) or mode == "wrong":
        less.append(checks.positive_data_acceptance)

    def test(case):
        response = case.call(base_url=f"http://127.0.0.1:{server.port}")
        seen.append(response.status_code)
        skipped = less + [checks.positive_data_acceptance] * (BEYOND_64_BITS in reason(response))
        case.validate_response(response, additional_checks=more, excluded_checks=skipped)
    seen = []
    run(hypothesis.given(case=cases(schema, method, path, GenerationMode.POSITIVE if mode == "right" else GenerationMode.NEGATIVE))(test))()
    print(f"{len(seen)} requests: { {code: seen.count(code) for code in sorted(set(seen))} }")
    assert mode == "wrong" or seen.count(200) > len(seen) / 10


def test_lines_from_the_schema(schema, server):
    """/predict/batch: lines right and wrong between one another; each gets one answer, in order."""
    strategies, operation = hypothesis.strategies, schema["/predict/batch"]["POST"]
    schemathesis.serializer("application/x-ndjson")(lambda ctx, value: json.dumps(value).encode())
    line = strategies.one_of(*(operation.as_strategy(generation_mode=m).map(lambda c: c.body) for m in GenerationMode),
                             strategies.text(max_size=40).map(lambda t: t.replace("\n", " ").encode("utf-8", "replace")))
    answer_of = jsonschema.Draft7Validator({"$ref": "#/components/schemas/BatchAnswer", "components": DOCUMENT["components"]})
    request_of = jsonschema.Draft7Validator({"$ref": "#/components/schemas/BatchLine", "components": nullable(DOCUMENT["components"])})

    def test(lines):
        sent = [x if isinstance(x, bytes) else json.dumps(x).encode() for x in lines if isinstance(x, (bytes, dict, list, str, int, float, type(None)))]
        answers = server.talk(post(b"\n".join(sent) + b"\n", "Content-Type: application/x-ndjson", "Connection: close", path="/predict/batch"))
        assert [a.status for a in answers] == [200]
        told = [json.loads(t) for t in answers[0].body.decode().split("\n")[:-1]]
        wanted = [s for s in sent if s.strip(b" \t\r")]
        assert [t["index"] for t in told] == list(range(len(wanted)))
        for got, line in zip(told, wanted):
            answer_of.validate(got)
            assert ("error" in got) != ("prediction" in got)
            counts[got.get("error_type", "answered")] = counts.get(got.get("error_type", "answered"), 0) + 1
            if "error" in got and got["error_type"] != "NotFound" and BEYOND_64_BITS not in got["error"]:
                assert not is_right(request_of, line), (line, got)
    counts = {}
    run(hypothesis.given(lines=strategies.lists(line, max_size=8))(test))()
    print(counts)
    assert counts["answered"] > 10 and counts["Validation"] > 10


def is_right(validator, line):
    try:
        return validator.is_valid(json.loads(line, parse_constant=lambda word: 1 / 0))
    except (ValueError, ZeroDivisionError, RecursionError):
        return False


def nullable(node):
    """OpenAPI 3.0's `nullable`, as JSON Schema says it."""
    if isinstance(node, list):
        return [nullable(n) for n in node]
    if not isinstance(node, dict):
        return node
    node = {k: nullable(v) for k, v in node.items()}
    return {"anyOf": [node, {"type": "null"}]} if node.pop("nullable", False) is True else node


def test_methods_not_described(server):
    """Every path, every method it does not describe: 405 that says which ones there are."""
    for path, item in DOCUMENT["paths"].items():
        real = path.replace("{model}", "general").replace("{version}", "1")
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
            if method.lower() in item:
                continue
            answers = server.talk(request(method, real, "Connection: close"))
            assert [a.status for a in answers] == [204 if method == "OPTIONS" else 405], (method, path)
            assert {m.upper() for m in item} <= set(answers[0].headers["allow"].split(", "))
