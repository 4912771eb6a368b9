"""Models that change while `valence serve` runs: SIGHUP, files replaced by rename, /models/NAME/load and /unload; nobody's
request fails for it."""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time

import pytest

from observing import Observed, series
from serving import PATIENCE, post
from slow import SlowServer, lines
from support import GENERAL, ROOT, SANITIZED, strict_json, valence

MOVIES = ROOT / "models" / "movies-lr.safetensors"
NB = ROOT / "models" / "movies-nb.safetensors"


def wait_for(condition, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def replace(path, source):
    """As everybody should: beside it, then over it."""
    shutil.copyfile(source, str(path) + ".new")
    os.rename(str(path) + ".new", path)


def models(server):
    return {m["name"]: m for m in json.loads(server.ask("GET", "/models")[2])["models"]}


def version(server, name="m"):
    return int(models(server)[name]["version"])


def loads(server, result="ok"):
    return int(series(server.metrics(), f'valence_model_loads_total{{result="{result}"}}'))


def order(server, what, name, headers={}):
    status, _, body = server.ask("POST", f"/models/{name}/{what}", headers=headers)
    return status, strict_json(body)


def predict(server, text, **more):
    status, _, body = server.ask("POST", "/predict", json.dumps({"text": text, **more}))
    return status, json.loads(body)


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "m.safetensors"
    shutil.copyfile(GENERAL, path)
    return path


# ---- Signals and files ---------------------------------------------------------------------------

def test_sighup(model):
    with Observed("-m", model, "-m", "general") as server:
        before = predict(server, "a fine film")
        assert [version(server, n) for n in ("m", "general")] == [1, 1] and loads(server) == 2
        server.signal(signal.SIGHUP)
        wait_for(lambda: [version(server, n) for n in ("m", "general")] == [2, 2])
        assert predict(server, "a fine film") == before
        assert loads(server) == 4 and loads(server, "failed") == 0
        assert sum("model 'm' loaded, version 2" in line for line in server.lines) == 1
        about = json.loads(server.ask("GET", "/v2/models/m")[2])
        assert about["versions"] == ["2"]
        assert server.ask("GET", "/v2/models/m/versions/1")[0] == 404
        assert 'valence_model_info{model="m",version="2"' in server.metrics()


def test_a_new_file_is_found(model):
    """Answers are the new model's, not the cache's; counters go on, with the new labels at their sides."""
    with Observed("-m", model) as server:
        assert len(predict(server, "a fine film")[1]["probabilities"]) == 3
        assert len(predict(server, "a fine film")[1]["probabilities"]) == 3
        replace(model, MOVIES)
        wait_for(lambda: version(server) == 2)
        status, answer = predict(server, "a fine film")
        assert status == 200 and list(answer["probabilities"]) == ["negative", "positive"]
        metrics = server.metrics()
        assert series(metrics, "valence_cache_hits_total") == 1
        assert series(metrics, f'predictions_total{{model="m",label="{answer["prediction"]}"}}') == 3
        assert series(metrics, 'predictions_total{model="m",label="neutral"}') == 0
        time.sleep(2.5)
        assert version(server) == 2  # once is enough
        os.utime(model)
        wait_for(lambda: version(server) == 3)


def test_a_bad_file_changes_nothing(model):
    with Observed("-m", model) as server:
        before = predict(server, "a fine film")
        broken = model.with_name("broken")
        broken.write_bytes(GENERAL.read_bytes()[:5000])
        replace(model, broken)
        wait_for(lambda: loads(server, "failed") == 1)
        assert predict(server, "a fine film") == before and predict(server, "another")[0] == 200
        time.sleep(2.5)
        assert loads(server, "failed") == 1  # it is not tried again and again
        said = [line for line in server.lines if "cannot be loaded" in line]
        assert len(said) == 1 and "warning: model 'm' cannot be loaded and stays as it was: " in said[0]
        server.signal(signal.SIGHUP)
        wait_for(lambda: loads(server, "failed") == 2)
        model.unlink()
        time.sleep(2.5)
        assert loads(server, "failed") == 2 and predict(server, "one more")[0] == 200 and version(server) == 1
        replace(model, NB)
        wait_for(lambda: version(server) == 2)
        assert models(server)["m"]["family"] == "naive-bayes"


def test_memory_and_descriptors_stay(model):
    with Observed("-m", model) as server:
        def reload(times):
            for _ in range(times):
                before = version(server)
                server.signal(signal.SIGHUP)
                wait_for(lambda: version(server) > before)

        reload(5)
        time.sleep(1.5)  # old ones are closed
        held, descriptors = series(server.metrics(), 'valence_memory_bytes{category="model"}'), server.descriptors
        reload(30)
        wait_for(lambda: series(server.metrics(), 'valence_memory_bytes{category="model"}') <= held)
        assert server.settled(descriptors)


def check_load(server, seconds, meanwhile):
    """A load test that must not see one error, while something happens."""
    command = ["loadtest", f"http://127.0.0.1:{server.port}/predict", "--duration", seconds, "--concurrency", 16, "--slo", "errors=0", "--json"]
    results = []
    tester = threading.Thread(target=lambda: results.append(valence(*command, code=None, timeout=120)))
    tester.start()
    while tester.is_alive():
        meanwhile()
    tester.join()
    report = json.loads(results[0].out)
    assert results[0].code == 0, (report, results[0].err[-500:])
    return report


def test_no_request_fails(model):
    files = [GENERAL, MOVIES, NB]
    turn = [0]
    with Observed("-m", model, "--cache-size", 200) as server:
        def meanwhile():
            turn[0] += 1
            replace(model, files[turn[0] % 3])
            server.signal(signal.SIGHUP)
            time.sleep(0.02)

        report = check_load(server, 4, meanwhile)
        assert report["requests"] > 500 and turn[0] > 20
        assert version(server) > 10
        assert loads(server, "failed") == 0


def test_no_request_fails_with_a_slow_model():
    with SlowServer("--workers", 2, batch_ms=5) as server:
        def meanwhile():
            server.signal(signal.SIGHUP)
            time.sleep(0.05)

        check_load(server, 4, meanwhile)
        assert version(server, "slow") > 10 and loads(server, "failed") == 0
        assert server.waiting() == 0


def test_answers_in_the_queue_are_the_old_models():
    """What was asked of the old model is answered by it, though the new one is there already."""
    with SlowServer("--workers", 1, "--batch-texts", 1, "--cache-size", 0, batch_ms=300) as server:
        clients = [server.ask_later({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": [f"x {i}"]}]},
                                    path="/v2/models/slow/infer") for i in range(5)]
        stream = server.ask_later(lines({"text": f"line {i}"} for i in range(3)), path="/predict/batch")
        wait_for(lambda: server.count("valence_inflight") == 7)
        server.signal(signal.SIGHUP)
        wait_for(lambda: version(server, "slow") == 2)
        late = server.ask_later({"text": "new"})
        answers = [c.answer() for c in clients]
        assert [a.json()["model_version"] for a in answers] == ["1"] * 5
        assert stream.answer().body.count(b'"prediction"') == 3 and late.answer().status == 200
        for c in (*clients, stream, late):
            c.close()


def test_stopping_while_loading(model):
    for _ in range(5):
        with Observed("-m", model, "-m", "general") as server:
            for _ in range(3):
                server.signal(signal.SIGHUP)
            time.sleep(0.01)


# ---- Orders --------------------------------------------------------------------------------------

@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "models"
    place.mkdir()
    shutil.copyfile(MOVIES, place / "movies.safetensors")
    shutil.copyfile(NB, place / "nb.v2.safetensors")
    (place / "broken.safetensors").write_bytes(b"not a model")
    (tmp_path / "outside.safetensors").write_bytes(MOVIES.read_bytes())
    (place / "empty").mkdir()
    return place


def test_load_and_unload(folder):
    with Observed("-m", "general", "--admin", "--model-dir", folder) as server:
        assert predict(server, "good", model="movies")[0] == 404
        assert order(server, "load", "movies") == (200, {"model": "movies", "version": "1", "state": "ready"})
        for _ in range(20):  # every loop has it
            assert predict(server, "good", model="movies")[0] == 200
        assert order(server, "load", "nb.v2")[0] == 200
        assert list(models(server)) == ["general", "movies", "nb.v2"]
        assert order(server, "load", "movies") == (200, {"model": "movies", "version": "2", "state": "ready"})
        assert order(server, "unload", "movies") == (200, {"model": "movies", "version": "2", "state": "unloaded"})
        for _ in range(20):
            assert predict(server, "good", model="movies")[0] == 404
        assert list(models(server)) == ["general", "nb.v2"]
        assert order(server, "load", "movies")[1]["version"] == "3"  # not the cache's answers of another file
        assert series(server.metrics(), 'predictions_total{model="movies",label="positive"}') == 20
        assert order(server, "load", "general")[1]["version"] == "2"


@pytest.mark.parametrize("what, name, status, kind", [
    ("load", "nothing", 404, "NotFound"), ("load", "broken", 422, "Validation"), ("load", "empty", 404, "NotFound"),
    ("load", "..", 404, "NotFound"), ("load", "%2e%2e", 404, "NotFound"), ("load", "..%2Foutside", 404, "NotFound"),
    ("load", "movies.safetensors", 404, "NotFound"), ("load", "a%00b", 400, "Validation"), ("load", "x" * 200, 404, "NotFound"),
    ("load", "%20", 404, "NotFound"),
    ("unload", "general", 409, "Conflict"), ("unload", "movies", 404, "NotFound"), ("unload", "..", 404, "NotFound")])
def test_orders_that_cannot_be(folder, what, name, status, kind):
    with Observed("-m", "general", "--admin", "--model-dir", folder) as server:
        got, body = order(server, what, name)
        assert (got, body["error_type"]) == (status, kind), body
        assert list(models(server)) == ["general"] and predict(server, "good")[0] == 200


def test_not_without_leave():
    with Observed("-m", "general") as server:
        for what in ("load", "unload"):
            assert order(server, what, "general") == (403, {"error": "models are loaded and unloaded only where the server was "
                                                                     "started with --admin", "error_type": "Unauthorized"})
        status, _, body = server.ask("POST", "/v2/repository/models/general/load")
        assert status == 403 and list(json.loads(body)) == ["error"]


def test_keys(folder, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("secret\n")
    keys.chmod(0o600)
    with Observed("-m", "general", "--admin", "--model-dir", folder, "--api-key-file", keys) as server:
        assert order(server, "load", "movies")[0] == 401
        assert order(server, "load", "movies", {"Authorization": "Bearer secret"})[0] == 200


@pytest.mark.parametrize("options", [("--admin",), ("--model-dir", "/tmp")])
def test_options_go_together(options):
    assert "--admin and --model-dir" in valence("serve", "--port", 0, *options, code=2).err


def repository(server, path, body=None):
    status, _, answer = server.ask("POST", f"/v2/repository/{path}", body)
    return status, json.loads(answer) if answer else None


def test_repository_extension(folder):
    with Observed("-m", "general", "--admin", "--model-dir", folder) as server:
        assert "model_repository" in json.loads(server.ask("GET", "/v2")[2])["extensions"]
        served = {"name": "general", "version": "1", "state": "READY", "reason": ""}
        absent = {n: {"name": n, "state": "UNAVAILABLE", "reason": "not loaded"} for n in ("broken", "movies", "nb.v2")}
        status, index = repository(server, "index")
        assert status == 200 and index[0] == served and {m["name"]: m for m in index[1:]} == absent
        assert repository(server, "index", b'{"ready":true}') == (200, [served])
        assert repository(server, "index", b'{"ready":1}')[0] == 400 and repository(server, "index", b"{")[0] == 400
        assert repository(server, "models/movies/load") == (200, None)
        assert [m["name"] for m in repository(server, "index", b'{"ready":true}')[1]] == ["general", "movies"]
        assert repository(server, "models/movies/unload", b'{"parameters":{"unload_dependents":false}}') == (200, None)
        assert repository(server, "models/broken/load")[0] == 400
        assert repository(server, "models/nothing/load")[0] == 404 and repository(server, "models/general/unload")[0] == 409
    with Observed("-m", "general") as server:
        assert repository(server, "index") == (200, [served])


def test_orders_of_clients_that_left(folder):
    """They are carried out, and nothing is left behind."""
    with Observed("-m", "general", "--admin", "--model-dir", folder) as server:
        before = server.descriptors
        for i in range(20):
            with contextlib.closing(server.connect()) as c:
                c.send(post(b"", path=f"/models/movies/{'unload' if i % 2 else 'load'}"))
                c.reset() if i % 3 else None
        for _ in range(50):  # an order of a client that left may still come between these two
            assert order(server, "load", "movies")[0] == 200
            if order(server, "unload", "movies")[0] == 200:
                break
        else:
            raise AssertionError("a loaded model is never unloaded")
        assert server.settled(before)
        assert order(server, "load", "movies")[0] == 200


def test_orders_under_load(folder):
    with Observed("-m", "general", "--admin", "--model-dir", folder, "--cache-size", 100) as server:
        def meanwhile():
            assert order(server, "load", "movies")[0] == 200
            assert predict(server, "good", model="movies")[0] == 200
            assert order(server, "unload", "movies")[0] == 200

        check_load(server, 3, meanwhile)


def test_a_queue_goes_with_its_model(tmp_path):
    """Texts that wait for a slow model when it is unloaded are still answered."""
    place = tmp_path / "models"
    place.mkdir()
    shutil.copyfile(MOVIES, place / "slow-movies.safetensors")
    with SlowServer("--admin", "--model-dir", place, "--workers", 1, "--batch-texts", 1, batch_ms=200) as server:
        threads = len(os.listdir(f"/proc/{server.process.pid}/task"))
        assert order(server, "load", "slow-movies")[0] == 200
        clients = [server.ask_later({"text": f"x {i}", "model": "slow-movies"}) for i in range(4)]
        wait_for(lambda: server.count("valence_inflight") == 5)
        assert order(server, "unload", "slow-movies")[0] == 200
        assert server.send({"text": "x", "model": "slow-movies"}).status == 404
        assert [c.answer().status for c in clients] == [200] * 4
        for c in clients:
            c.close()
        wait_for(lambda: len(os.listdir(f"/proc/{server.process.pid}/task")) == threads)


@pytest.mark.slow
def test_wrk_sees_nothing(model):
    """The same with wrk, whose connections are busy all the time."""
    if not shutil.which("wrk"):
        pytest.skip("SKIP no wrk")
    with Observed("-m", model) as server:
        script = model.with_name("post.lua")
        script.write_text('wrk.method = "POST"\nwrk.body = \'{"text":"a fine film"}\'\n')
        wrk = subprocess.Popen(["wrk", "-t1", "-c32", "-d4", "-s", script, f"http://127.0.0.1:{server.port}/predict"],
                               stdout=subprocess.PIPE, text=True)
        reloads = 0
        while wrk.poll() is None:
            server.signal(signal.SIGHUP)
            time.sleep(0.02)
            reloads += 1
        out = wrk.stdout.read()
        assert "Non-2xx" not in out and "Socket errors" not in out, out
        assert reloads > 20 and version(server) > (3 if SANITIZED else 10)
