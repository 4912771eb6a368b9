"""The response cache of `valence serve`: same answers, counted, bounded, off on request."""
import concurrent.futures
import json
import time

import pytest

from observing import Observed, series


def counts(server):
    metrics = server.metrics()
    return {k: series(metrics, f"valence_cache_{k}") for k in ("hits_total", "misses_total", "evictions_total", "expired_total", "entries", "bytes")}


def ask(server, body):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, _, answer = server.ask("POST", "/predict", data)
    return status, answer


def test_hit_is_the_same_answer():
    with Observed() as server:
        first = ask(server, {"text": "a lovely film"})
        assert first[0] == 200
        for _ in range(5):
            assert ask(server, {"text": "a lovely film"}) == first
        n = counts(server)
        assert (n["hits_total"], n["misses_total"], n["entries"]) == (5, 1, 1)
        assert n["bytes"] > len(first[1])
        label = json.loads(first[1])["prediction"]
        metrics = server.metrics()
        assert series(metrics, f'predictions_total{{model="general",label="{label}"}}') == 6  # hits count, too
        assert series(metrics, "prediction_duration_seconds_count") == 1  # but cost no time in the model


def test_options_belong_to_the_key():
    with Observed() as server:
        plain = ask(server, {"text": "a lovely film"})
        explained = ask(server, {"text": "a lovely film", "explain": True})
        top = ask(server, {"text": "a lovely film", "top_k": 1})
        assert len({plain[1], explained[1], top[1]}) == 3
        for _ in range(2):
            assert ask(server, {"text": "a lovely film", "explain": True}) == explained
            assert ask(server, {"text": "a lovely film", "top_k": 1}) == top
            assert ask(server, {"text": "a lovely film"}) == plain
        assert counts(server)["hits_total"] == 6


def test_errors_and_batches_are_not_kept():
    with Observed() as server:
        for body, status in [(b'{"text": "a"', 400), ({"text": 1}, 422), ({"text": "a", "model": "none"}, 404),
                             ({"texts": ["a", "b"]}, 200), ({}, 422)]:
            for _ in range(2):
                assert ask(server, body)[0] == status
        assert counts(server)["entries"] == 0 and counts(server)["hits_total"] == 0


def test_content_type_is_still_looked_at():
    with Observed() as server:
        body = json.dumps({"text": "fine"}).encode()
        assert server.ask("POST", "/predict", body, {"Content-Type": "application/json"})[0] == 200
        assert server.ask("POST", "/predict", body, {"Content-Type": "image/png"})[0] == 415
        assert server.ask("POST", "/predict", body, {"Content-Type": "application/json"})[0] == 200
        assert counts(server)["hits_total"] == 1


def test_off():
    with Observed("--cache-size", 0) as server:
        assert ask(server, {"text": "same"}) == ask(server, {"text": "same"})
        assert set(counts(server).values()) == {0}


def test_bounds():
    with Observed("--cache-size", 10, "--cache-bytes", "2KB") as server:
        for i in range(50):
            assert ask(server, {"text": f"text number {i}"})[0] == 200
            n = counts(server)
            assert n["entries"] <= 10 and n["bytes"] <= 2000
        assert n["entries"] + n["evictions_total"] == 50 and n["entries"] >= 2


def test_clients_at_a_time():
    texts = [f"{word} film" for word in ("lovely", "awful", "plain", "dull", "superb")]
    with Observed() as server:
        right = {t: ask(server, {"text": t}) for t in texts}

        def client(number):
            return all(ask(server, {"text": t}) == right[t] for i in range(10) for t in texts[number % 5:] + texts[:number % 5])

        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            assert all(pool.map(client, range(6)))
        n = counts(server)
        assert (n["hits_total"], n["misses_total"], n["entries"]) == (300, 5, 5)
        metrics = server.metrics()
        assert sum(float(line.split()[-1]) for line in metrics.splitlines() if line.startswith("predictions_total{")) == 305
        assert series(metrics, 'valence_requests_total{route="predict",code="200"}') == 305


@pytest.mark.slow
def test_time_to_live():
    with Observed("--cache-ttl", 0.5) as server:
        first = ask(server, {"text": "same"})
        time.sleep(1)
        assert ask(server, {"text": "same"}) == first
        n = counts(server)
        assert (n["hits_total"], n["misses_total"], n["expired_total"], n["entries"]) == (0, 2, 1, 1)


@pytest.mark.parametrize("options", [("--cache-size", -1), ("--cache-size", "x"), ("--cache-ttl", -1), ("--cache-bytes", "many")])
def test_bad_options(options):
    from support import valence
    assert options[0] in valence("serve", *options, code=2).err
