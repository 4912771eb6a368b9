"""Slow models behind `valence serve`: their queue, batches, deadlines, clients that leave, and all routes on top."""
import concurrent.futures
import contextlib
import json
import re
import signal
import threading
import time

import pytest

from observing import Observed, series
from serving import PATIENCE, chunked, get, post, request
from slow import SlowServer, lines
from support import ROOT, SANITIZED, strict_json, valence

SLOWER = 4 if SANITIZED else 1  # times that are bounds from above
TEXTS = ["a great film", "an awful, awful film", "", "caf\u00e9 \U0001f600", "plain", "so good " * 40]


def tensor(texts):
    return [{"name": "text", "datatype": "BYTES", "shape": [len(texts)], "data": texts}]


def same_but_the_name(answer):
    return answer.status, re.sub(rb'"(slow|general)"', b'""', answer.body)


def wait_for(condition, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@contextlib.contextmanager
def busy(server, batches=1):
    """While the only worker computes the first of so many texts, each a batch of its own."""
    clients = [server.ask_later({"text": "busy 0"})]
    wait_for(lambda: server.count("valence_inflight") == 2 and server.waiting() == 0)
    clients += [server.ask_later({"text": f"busy {i}"}) for i in range(1, batches)]
    wait_for(lambda: server.waiting() == batches - 1)
    yield
    for c in clients:
        assert c.answer().status == 200
        c.close()


@pytest.fixture(scope="module")
def server():
    with SlowServer("--cache-size", 0, batch_ms=5) as s:
        yield s


# ---- Answers -------------------------------------------------------------------------------------

@pytest.mark.parametrize("path, body", [
    ("/predict", {"text": "a great film", "top_k": 2, "raw_scores": True}), ("/predict", {"texts": TEXTS}),
    ("/predict", {"text": "not good, not good at all", "explain": True}),
    ("/predict", {"texts": TEXTS, "explain": True, "top_k": 1}), ("/predict", {"inputs": "good day"}),
    ("/predict", {"inputs": [["good"], ["a", "b"], [""]], "raw_scores": True}), ("/predict", {"inputs": ["a", "b"]}),
    ("/hf/M", {"inputs": "a great film", "parameters": {"function_to_apply": "sigmoid", "top_k": 2}}),
    ("/hf/M", {"inputs": TEXTS}), ("/v2/models/M/infer", {"id": "an \"id\"", "inputs": tensor(TEXTS)}),
    ("/v2/models/M/versions/1/infer", {"inputs": tensor(TEXTS), "outputs": [
        {"name": "logits", "parameters": {"classification": 2}}, {"name": "label", "parameters": {"binary_data": True}}]}),
    ("/predict", {"texts": []}), ("/predict", {"texts": ["a", 1]}), ("/predict", b"{"), ("/predict", {"inputs": [["a"], []]}),
    ("/hf/M", {"inputs": []}), ("/v2/models/M/infer", {"inputs": tensor([])}), ("/v2/models/M/infer", {})])
def test_the_answers_of_classic_models(server, path, body):
    answers = []
    for model in ("slow", "general"):
        value = {**body, "model": model} if path == "/predict" and isinstance(body, dict) else body
        answers.append(server.send(value, path=path.replace("M", model)))
    slow, fast = answers
    assert same_but_the_name(slow) == same_but_the_name(fast)
    assert slow.headers.get("content-type") == fast.headers.get("content-type")
    for name in ("x-compute-characters", "inference-header-content-length"):
        assert (name in slow.headers) == (name in fast.headers)


def test_models_say_it(server):
    assert [(m["name"], m["slow"]) for m in json.loads(server.ask("GET", "/models")[2])["models"]] == [("slow", True), ("general", False)]
    info = json.loads(server.ask("GET", "/info")[2])
    assert (info["max_concurrent_requests"], info["max_batch_tokens"], info["max_batch_requests"]) == (1024, 2048, 64)


def test_tei_headers():
    with SlowServer("--workers", 1, "--batch-texts", 1, batch_ms=200) as s:
        first = s.ask_later({"inputs": "a good film"})
        time.sleep(0.05)
        second = s.send({"inputs": [["one two"], ["three"]]}).headers
        first.close()
    assert second["x-compute-type"] == "cpu" and second["x-compute-characters"] == "12"
    assert 1 <= int(second["x-compute-tokens"]) < 20
    assert 200 <= int(second["x-inference-time"]) < 300 * SLOWER
    assert 150 <= int(second["x-queue-time"]) < 500 * SLOWER  # the first of two waits for 150 ms, the second for 350
    assert int(second["x-tokenization-time"]) < 50 * SLOWER
    assert int(second["x-total-time"]) >= int(second["x-compute-time"]) >= 400


def test_truncation():
    with SlowServer(length=5, batch_ms=1) as s:
        long = "good good good good bad bad bad bad"
        answer = s.send({"inputs": long, "truncate": False})
        assert answer.status == 422
        assert answer.json() == {"error": "`inputs` must have less than 5 tokens. Given: 8", "error_type": "Validation"}
        for side, label in (("Right", "positive"), ("left", "negative"), ("right", "positive"), ("Left", "negative")):
            answer = s.send({"inputs": long, "truncate": True, "truncation_direction": side})
            assert answer.json()[0]["label"] == label, side
        assert s.send({"text": long}).status == 200  # as the server has it
        assert s.send({"inputs": "short", "truncate": False}).status == 200
        for wrong in ("up", 1, ["Left"]):
            answer = s.send({"inputs": long, "truncation_direction": wrong})
            assert answer.status == 422 and "truncation_direction" in answer.json()["error"]


def test_failures():
    """A text that fails fails alone, though it was computed among others; those of one request fail together."""
    with SlowServer("--workers", 1, batch_ms=200) as s:
        with busy(s):
            clients = [s.ask_later({"text": t}) for t in ["good", "unspeakable", "good", "good"]]
            wait_for(lambda: s.waiting() == 4)
        statuses = [c.answer() for c in clients]
        assert [a.status for a in statuses] == [200, 424, 200, 200]
        assert statuses[1].json() == {"error": "the model has no words for this", "error_type": "Backend"}
        assert s.send({"texts": ["good", "unspeakable"]}).status == 424
        answer = s.send({"texts": ["good", "unreadable"]})
        assert (answer.status, answer.json()["error_type"]) == (422, "Tokenizer")
        assert s.send({"inputs": tensor(["unspeakable"])}, path="/v2/models/slow/infer").status == 500
        assert s.send({"inputs": tensor(["unreadable"])}, path="/v2/models/slow/infer").status == 400
        got = [json.loads(line) for line in s.send(lines({"text": t} for t in ("good", "unspeakable", "unreadable", "good")),
                                                   path="/predict/batch").body.splitlines()]
        assert [a.get("error_type") for a in got] == [None, "Backend", "Tokenizer", None]


def test_pipelined():
    with SlowServer(batch_ms=30) as s, contextlib.closing(s.connect()) as c:
        c.send(b"".join(post({"text": "good", "model": m, "top_k": k}) for k in (1, 2, 3) for m in ("slow", "general")))
        answers = [c.answer().json() for _ in range(6)]
        assert [a["model"] for a in answers] == ["slow", "general"] * 3
        assert [len(a["probabilities"]) for a in answers] == [1, 1, 2, 2, 3, 3]


TRANSFORMERS = sorted(p.parent for p in (ROOT / "tests" / "golden" / "transformers").glob("*/golden.json"))


@pytest.mark.parametrize("folder", TRANSFORMERS, ids=lambda f: f.name)
def test_transformers(folder):
    """Real slow models: the answers of `valence predict`, alone, together, in a stream, and after a reload."""
    texts = ["A wonderful, moving film!", "the plot was dull and the acting worse .", "caf\u00e9 \U0001f600", "not bad at all", "good " * 300]
    data = "".join(t + "\n" for t in texts)
    offline = [r["probabilities"] for r in valence("predict", "-m", folder, "-", "--format", "jsonl", input=data).jsonl()]

    def right(answers):
        assert len(answers) == len(texts)
        for answer, probabilities in zip(answers, offline):
            assert answer["probabilities"] == pytest.approx(probabilities, abs=6e-5)

    with Observed("-m", "general", "-m", folder, "--cache-size", 0) as s:
        def ask(value, path="/predict"):
            status, _, body = s.ask("POST", path, value if isinstance(value, bytes) else json.dumps(value).encode())
            assert status == 200, body
            return body

        for round in (2, 3):
            right(json.loads(ask({"texts": texts, "model": folder.name}))["predictions"])
            right([json.loads(line) for line in ask(lines({"text": t, "model": folder.name} for t in texts), "/predict/batch").splitlines()])
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                found = list(pool.map(lambda i: json.loads(ask({"text": texts[i % 5], "model": folder.name})), range(40)))
            for i in range(0, 40, 5):
                right(found[i:i + 5])
            s.signal(signal.SIGHUP)
            wait_for(lambda: f'valence_model_info{{model="{folder.name}",version="{round}"' in s.metrics())
        cut = json.loads(ask({"text": texts[4], "model": folder.name, "truncate": True}))
        assert cut["truncated"] is True
        why = json.loads(ask({"text": texts[0], "model": folder.name, "explain": True}))
        assert [texts[0].encode()[r["start"]:r["end"]].decode() for r in why["explanation"]] == [r["text"] for r in why["explanation"]]
        assert series(s.metrics(), f'valence_batch_tokens_sum{{model="{folder.name}"}}') > 500


# ---- Batches -------------------------------------------------------------------------------------

def test_batches_form():
    with SlowServer("--workers", 1, "--cache-size", 0, batch_ms=20) as s:
        answers = s.together([{"text": f"good film {i}"} for i in range(320)], clients=32)
        assert {a.status for a in answers} == {200}
        items, batches = s.computed()
        assert items == 320 and items / batches > 6, batches
        tokens = s.count("valence_batch_tokens_sum", model="slow")
        assert 320 * 2 <= tokens <= 320 * 6  # what they have: nothing was padded


def test_budget():
    """Batches stay below the budget; a text above it has one for itself."""
    with SlowServer("--workers", 1, "--batch-tokens", 40, "--cache-size", 0, batch_ms=20) as s:
        long = " ".join(f"good{i} film" for i in range(60))
        answers = s.together([{"text": "a good film" if i % 10 else long} for i in range(60)], clients=30)
        assert {a.status for a in answers} == {200}
        metrics = s.metrics()
        over = [series(metrics, f'valence_batch_tokens_bucket{{model="slow",le="{le}"}}') for le in ("64", "+Inf")]
        assert over[1] - over[0] <= 6  # the long ones
        assert series(metrics, 'valence_batch_items_sum{model="slow"}') == 60


def test_waiting_for_company():
    with SlowServer("--batch-wait", "300ms", "--workers", 1, batch_ms=1) as s:
        start = time.monotonic()
        clients = [s.ask_later({"text": f"good {i}"}) for i in range(5)]
        assert all(c.answer().status == 200 for c in clients)
        assert 0.25 < time.monotonic() - start < 1 * SLOWER
        assert s.computed() == (5, 1)


def test_explanations_are_alone():
    with SlowServer("--workers", 1, "--cache-size", 0, batch_ms=200) as s:
        with busy(s):
            clients = [s.ask_later({"text": "good", "explain": i % 2 == 0}) for i in range(6)]
            wait_for(lambda: s.waiting() == 6)
        assert ["explanation" in c.answer().json() for c in clients] == [True, False] * 3
        items, batches = s.computed()
        assert items == 7 and batches >= 5  # the texts between them may have come together


# ---- Too much ------------------------------------------------------------------------------------

def test_full_queue():
    with SlowServer("--workers", 1, "--batch-texts", 1, "--queue-size", 3, "--cache-size", 0, batch_ms=500) as s:
        with busy(s, 4):
            for path, body, status in (("/predict", {"text": "x"}, 429), ("/predict", {"inputs": "x"}, 429),
                                       ("/hf/slow", {"inputs": "x"}, 429), ("/v2/models/slow/infer", {"inputs": tensor(["x"])}, 503)):
                start = time.monotonic()
                answer = s.send(body, path=path)
                assert (answer.status, answer.headers["retry-after"]) == (status, "1")
                assert time.monotonic() - start < 0.5 * SLOWER
                if status == 429:
                    assert answer.json()["error_type"] == "Overloaded"
                else:
                    assert list(answer.json()) == ["error"]
            start = time.monotonic()
            assert s.send({"text": "x", "model": "general"}).status == 200  # others do not suffer
            assert time.monotonic() - start < 0.5 * SLOWER
            assert s.count("valence_rejected_total", reason="overloaded") == 4
        assert s.send({"texts": ["a"] * 3}).status == 200
        answer = s.send({"texts": ["a"] * 4})
        assert answer.status == 422 and "batch size 4 > maximum allowed batch size 3" in answer.json()["error"]


def test_all_texts_of_a_request_or_none():
    with SlowServer("--workers", 1, "--batch-texts", 1, "--queue-size", 5, "--cache-size", 0, batch_ms=300) as s:
        with busy(s, 3):
            assert s.send({"texts": ["a"] * 4}).status == 429
            assert s.waiting() == 2
        assert s.computed() == (3, 3)


@pytest.mark.slow
def test_overload():
    """Ten times what the model can do: nearly all it can do is still done, in bounded memory, and the rest is told."""
    capacity = 8 / 0.05
    with SlowServer("--workers", 1, "--batch-texts", 8, "--queue-size", 32, "--cache-size", 0, batch_ms=50) as s:
        s.together([{"text": f"warm {i}"} for i in range(100)], clients=40)
        before, computed = s.rss_kilobytes, s.computed()[0]
        r = valence("loadtest", f"http://127.0.0.1:{s.port}/predict", "--rate", int(capacity * 10), "--concurrency", 200,
                    "--duration", 4, "--json", code=None, timeout=60)
        report = json.loads(r.out)
        assert s.rss_kilobytes < before + (1 << 16 if SANITIZED else 6 << 10)
        done = s.computed()[0] - computed
        assert report["throughput"] > (0.4 if SANITIZED else 0.8) * capacity, report
        assert s.count("valence_rejected_total", reason="overloaded") > 3 * done
        assert s.send({"text": "good"}).status == 200


# ---- Deadlines -----------------------------------------------------------------------------------

def test_deadlines():
    with SlowServer("--workers", 1, "--batch-texts", 1, "--cache-size", 0, batch_ms=1000) as s:
        with busy(s):
            tries = [("/predict", {"text": "x"}, "200", 504), ("/predict", {"inputs": "x"}, "200", 504),
                     ("/hf/slow", {"inputs": ["x", "y"]}, "200", 504), ("/v2/models/slow/infer", {"inputs": tensor(["x"])}, "200", 504),
                     ("/v2/models/slow/infer", {"inputs": tensor(["x"]), "parameters": {"timeout": 200_000}}, None, 503),
                     ("/v2/models/slow/infer", {"inputs": tensor(["x"]), "parameters": {"timeout": 60_000_000}}, "200", 504),
                     ("/v2/models/slow/infer", {"inputs": tensor(["x"]), "parameters": {"timeout": 200_000}}, "60000", 503)]
            start = time.monotonic()
            clients = [s.ask_later(body, *([f"X-Request-Timeout: {ms}"] if ms else []), path=path) for path, body, ms, _ in tries]
            for c, (path, _, _, status) in zip(clients, tries):
                answer = c.answer()
                assert answer.status == status, answer.body
                assert "deadline" in answer.json()["error"]
                assert ("error_type" in answer.json()) == (not path.startswith("/v2"))
            assert 0.15 < time.monotonic() - start < 0.7 * SLOWER  # in time, not when the worker is free
            assert s.count("valence_rejected_total", reason="deadline") == len(tries)
        assert s.send({"text": "x"}, "X-Request-Timeout: 60000").status == 200
        assert s.computed() == (2, 2)  # none of those was computed
        assert s.count("valence_queue_dropped_total", model="slow", reason="gone") == len(tries) + 1


def test_deadline_that_computing_passes():
    """Once the model has begun the answer is given, late or not."""
    with SlowServer("--workers", 1, batch_ms=500) as s:
        assert s.send({"text": "x"}, "X-Request-Timeout: 200").status == 200


def test_deadlines_that_are_none(server):
    for text in ("", "x", "-1", "1.5", "1 2", "1234567890123"):
        answer = server.send({"text": "x"}, f"X-Request-Timeout: {text}")
        assert answer.status == 422 and "X-Request-Timeout" in answer.json()["error"], text
    for value in ("1", -1, 1.5, None):
        answer = server.send({"inputs": tensor(["x"]), "parameters": {"timeout": value}}, path="/v2/models/slow/infer")
        assert answer.status == 400 and "timeout" in answer.json()["error"]
    assert server.send({"inputs": tensor(["x"]), "parameters": {"timeout": 0}}, path="/v2/models/slow/infer").status == 200
    assert server.send({"text": "x"}, "X-Request-Timeout: 0").status == 504
    assert server.send({"text": "x", "model": "general"}, "X-Request-Timeout: 0").status == 504
    got = server.send(lines([{"text": "x"}, {"text": "x", "model": "general"}]), "X-Request-Timeout: 0", path="/predict/batch")
    assert [json.loads(line)["error_type"] for line in got.body.splitlines()] == ["Overloaded"] * 2
    assert server.send(lines([{"text": "x"}]), "X-Request-Timeout: soon", path="/predict/batch").status == 422


# ---- Clients that leave --------------------------------------------------------------------------

def test_clients_that_leave_cost_nothing():
    with SlowServer("--workers", 1, "--batch-texts", 1, "--cache-size", 0, batch_ms=500) as s:
        open_before = s.descriptors
        with busy(s):
            clients = [s.ask_later({"texts": [f"x {i}", "y"]}) for i in range(10)]
            clients += [s.ask_later(lines([{"text": "x"}] * 5), path="/predict/batch") for _ in range(4)]
            wait_for(lambda: s.waiting() == 40)
            for i, c in enumerate(clients):
                c.reset() if i % 2 else c.close()
            wait_for(lambda: s.count("valence_inflight") == 2)
        assert s.send({"text": "x"}).status == 200
        assert s.computed() == (2, 2)
        assert s.count("valence_queue_dropped_total", model="slow", reason="gone") == 40
        assert s.settled(open_before)


def test_a_client_that_ends_its_side_has_left():
    with SlowServer("--workers", 1, "--cache-size", 0, batch_ms=300) as s:
        assert s.talk(post({"text": "good"})) == []
        assert [a.status for a in s.talk(post({"text": "good", "model": "general"}))] == [200]


# ---- Streams -------------------------------------------------------------------------------------

def test_stream_keeps_the_order():
    with SlowServer("--workers", 2, batch_ms=5, token_us=50) as s:
        texts = [f"{'good ' * (i % 7)}film number {i}" for i in range(3000)]
        models = ["slow" if i % 5 else "general" for i in range(3000)]
        got = s.send(lines({"text": t, "model": m, "id": i} for i, (t, m) in enumerate(zip(texts, models))), path="/predict/batch")
        answers = [strict_json(line) for line in got.body.splitlines()]
        assert [(a["index"], a["id"], a["model"]) for a in answers] == [(i, i, m) for i, m in enumerate(models)]
        right = {}
        for start in range(0, 3000, 1000):
            value = {"texts": texts[start:start + 1000], "model": "general"}
            right.update(enumerate((a["probabilities"] for a in s.send(value).json()["predictions"]), start))
        assert all(a["probabilities"] == right[i] for i, a in enumerate(answers))
        items, batches = s.computed()
        assert items == 2400 and items / batches > 8


def test_stream_pieces_do_not_matter():
    body = lines({"text": f"good {i}", "model": "slow" if i % 3 else "general"} for i in range(40)) + b'\n{"text":1}\n{"text":"end"}'
    with SlowServer("--queue-size", 6, batch_ms=2) as s:  # a window of three
        whole = s.send(body, path="/predict/batch").body
        assert whole.count(b"\n") == 42
        for size in (1, 7, 1000):
            with contextlib.closing(s.connect()) as c:
                c.send(request("POST", "/predict/batch", "Transfer-Encoding: chunked") +
                       chunked(*(body[i:i + size] for i in range(0, len(body), size))))
                assert c.answer().body == whole
                c.send(post({"text": "good"}))  # the connection goes on
                assert c.answer().status == 200
        with contextlib.closing(s.connect()) as c:
            c.send(post(body, path="/predict/batch") + post({"text": "good", "model": "general"}))
            assert c.answer().body == whole and c.answer().json()["model"] == "general"


def test_stream_waits_for_room():
    """A queue that others have filled: lines wait for their turn, none is refused."""
    with SlowServer("--workers", 1, "--batch-texts", 1, "--queue-size", 4, "--cache-size", 0, batch_ms=300) as s:
        with busy(s, 5):
            c = s.ask_later(lines({"text": f"line {i}"} for i in range(6)), path="/predict/batch")
        answers = [json.loads(line) for line in c.answer().body.splitlines()]
        assert [a.get("error") for a in answers] == [None] * 6
        c.close()


def test_stream_that_stops_while_it_waits():
    with SlowServer("--workers", 1, "--batch-texts", 1, "--queue-size", 4, "--cache-size", 0, batch_ms=300) as s:
        open_before = s.descriptors
        with busy(s, 5):
            clients = [s.ask_later(lines({"text": f"line {i}"} for i in range(8)), path="/predict/batch") for _ in range(3)]
            wait_for(lambda: s.count("valence_inflight") == 9)
            for c in clients:
                c.reset()
            wait_for(lambda: s.count("valence_inflight") <= 6)
        assert s.settled(open_before)
        assert s.send({"text": "x"}).status == 200


@pytest.mark.slow
def test_stream_memory_stays():
    """Far more lines than a window: the server reads no faster than the model answers."""
    line = lines([{"text": "a good film " * 8}])
    with SlowServer("--workers", 2, batch_ms=2) as s, contextlib.closing(s.connect(timeout=120)) as c:
        count = 4000 if SANITIZED else 20000
        writer = threading.Thread(target=lambda: c.send(post(line * count, path="/predict/batch")))
        before = s.rss_kilobytes
        writer.start()
        time.sleep(0.3)
        assert s.waiting() <= 256
        peak = 0
        body = 0
        c.until(b"\r\n\r\n")
        while not c.bytes.endswith(b"0\r\n\r\n"):
            assert c.more()
            body += c.bytes.count(b'"prediction"')
            c.bytes = c.bytes[-12:].replace(b'"prediction"', b"")
            peak = max(peak, s.rss_kilobytes)
        writer.join()
        assert abs(body - count) <= 2000 * 12  # counted across reads
        assert peak < before + (1 << 16 if SANITIZED else 5 << 10)


# ---- Cache, metrics, stopping --------------------------------------------------------------------

@pytest.mark.parametrize("path, body", [
    ("/predict", {"text": "a fine film"}), ("/predict", {"inputs": "a fine film"}), ("/hf/slow", {"inputs": "a fine film"}),
    ("/v2/models/slow/infer", {"inputs": tensor(["a fine film"])})])
def test_cache(path, body):
    """What was answered before is answered at once, though the only worker is busy."""
    with SlowServer("--workers", 1, batch_ms=400) as s:
        first = s.send(body, path=path)
        other = s.send({"text": "a fine film", "model": "general"})
        with busy(s):
            start = time.monotonic()
            again = s.send(body, path=path)
            assert time.monotonic() - start < 0.3 * SLOWER
        assert again.status == first.status == other.status == 200 and again.body == first.body
        for name in ("x-compute-type", "x-compute-characters", "x-compute-tokens"):
            assert again.headers.get(name) == first.headers.get(name)
        if "inputs" in body and path == "/predict":
            assert first.headers["x-compute-characters"] == "11" and again.headers["x-inference-time"] == "0"
        assert s.count("valence_cache_hits_total") == 1
        assert s.computed()[0] == 2


def test_metrics():
    with SlowServer("--workers", 1, "--cache-size", 0, batch_ms=20) as s:
        s.together([{"text": f"good {i}"} for i in range(20)], clients=4)
        metrics = s.metrics()
        label = s.send({"text": "good", "model": "general"}).json()["prediction"]
        assert series(metrics, f'predictions_total{{model="slow",label="{label}"}}') == 20
        assert series(metrics, "prediction_duration_seconds_count") == 20
        assert series(metrics, 'valence_queue_duration_seconds_count{model="slow"}') == 20
        assert series(metrics, 'valence_tokenize_duration_seconds_count{model="slow"}') == 20
        batches = series(metrics, 'valence_batch_items_count{model="slow"}')
        assert series(metrics, 'valence_infer_duration_seconds_count{model="slow"}') == batches
        assert 0.02 * batches <= series(metrics, 'valence_infer_duration_seconds_sum{model="slow"}') < 0.2 * batches * SLOWER
        assert series(metrics, 'valence_infer_duration_seconds_count{model="general"}') == 0
        assert series(metrics, 'valence_model_loads_total{result="ok"}') == 2
        same = lambda text: {line.rpartition(" ")[0] for line in text.splitlines()}
        assert same(metrics) == same(s.metrics())


def test_drain_with_work_in_the_queue():
    with SlowServer("--workers", 1, "--batch-texts", 2, batch_ms=300) as s:
        clients = [s.ask_later({"text": f"good {i}"}) for i in range(9)]
        clients.append(s.ask_later(lines({"text": f"line {i}"} for i in range(6)), path="/predict/batch"))
        wait_for(lambda: s.count("valence_inflight") == 11)
        assert s.waiting() > 5
        s.signal(signal.SIGTERM)
        answers = [c.answer() for c in clients]
        assert {a.status for a in answers} == {200} and all(a.closes for a in answers[:9])
        assert answers[-1].body.count(b'"prediction"') == 6
        for c in clients:
            c.close()
        assert s.wait() == 0


def test_drain_has_an_end():
    with SlowServer("--workers", 1, "--batch-texts", 1, batch_ms=400, drain=0.5) as s:
        clients = [s.ask_later({"text": f"good {i}"}) for i in range(30)]
        wait_for(lambda: s.waiting() == 29)
        start = time.monotonic()
        s.signal(signal.SIGTERM)
        assert s.wait() == 0
        assert time.monotonic() - start < 2 * SLOWER
        for c in clients:
            c.close()


@pytest.mark.parametrize("options", [("--workers", -1), ("--batch-tokens", 0), ("--batch-texts", 0), ("--queue-size", 0),
                                     ("--batch-wait", "long"), ("--batch-wait", "100s")])
def test_bad_options(options):
    assert options[0] in valence("serve", *options, code=2).err


def test_health_does_not_wait():
    with SlowServer("--workers", 1, batch_ms=1000) as s, busy(s), contextlib.closing(s.connect()) as c:
        start = time.monotonic()
        c.send(get("/health/ready"))
        assert c.answer().status == 200 and time.monotonic() - start < 0.5 * SLOWER
