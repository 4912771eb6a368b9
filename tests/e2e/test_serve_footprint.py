"""What `valence serve` takes: memory with busy and with idle connections, over many requests, and time to start.
The bounds are those of the promise; what was measured is printed (pytest -s). bench measures more of the same:
10,000 idle connections, 5 million requests."""
import contextlib
import json
import resource
import statistics
import time

import pytest

from observing import Observed, series
from serving import post
from support import SANITIZED, valence

pytestmark = pytest.mark.skipif(SANITIZED, reason="SKIP memory and speed under a sanitizer are not the product's")
BUSY, IDLE_EACH = 64, 4  # connections; kB that an idle one may take: 10,000 of them in 64 MB


class Server(Observed):
    """One with one loop."""

    def __init__(self, *options):
        super().__init__("--threads", 1, *options)

    @property
    def megabytes(self):
        return self.rss_kilobytes * 1024 / 1e6

    def load(self, *args):
        r = json.loads(valence("loadtest", f"http://127.0.0.1:{self.port}", "--json", "-c", BUSY, "--slo", "errors=0", *args).out)
        assert r["connections"] == BUSY
        return r


def test_busy_connections():
    with Server() as s:
        started = s.megabytes
        s.load("-n", 20000)
        print(f"{started:.1f} MB started, {s.megabytes:.1f} MB after {BUSY} busy connections")
        assert started < s.megabytes < 32


def test_memory_is_flat():
    """However many requests: buffers and cache are full after the first ones."""
    def categories():
        return [series(s.metrics(), f'valence_memory_bytes{{category="{c}"}}') for c in ("request", "cache", "batch")]
    with Server() as s:
        open_before = s.descriptors
        s.load("-n", 20000)
        before, memory, requests = s.megabytes, categories(), 0
        for _ in range(3):
            requests += s.load("--duration", 3, "--warmup", 0)["requests"]
        print(f"{before:.2f} MB, {s.megabytes - before:+.2f} MB after {requests} more requests")
        assert requests > 10000 and s.megabytes - before < 0.5
        assert s.settled(open_before)
        assert all(now < then + 128e3 for now, then in zip(categories(), memory)), (categories(), memory)


def raised_limit(wanted):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"SKIP only {hard} files may be open")
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def test_idle_connections():
    """Two thousand that asked once and then say nothing."""
    count = 2000
    raised_limit(count + 500)
    with Server() as s, contextlib.ExitStack() as held:
        s.load("-n", 5000)
        before, body = s.megabytes, post({"text": "so good"})
        for _ in range(count):
            c = held.enter_context(contextlib.closing(s.connect()))
            c.send(body)
            assert c.answer().status == 200
        each = (s.megabytes - before) * 1e3 / count
        print(f"{s.megabytes:.1f} MB with {count} idle connections: {each:.2f} kB each")
        assert series(s.metrics(), "valence_connections") >= count
        assert each < IDLE_EACH and before + 10000 * each / 1e3 < 64
        assert s.predict("so good").status == 200


def test_connections_give_their_memory_back():
    """Large requests do not leave large connections behind."""
    count = 50
    with Server("--cache-size", 0) as s, contextlib.ExitStack() as held:
        body = post({"text": "so good " * 100000})
        clients = [held.enter_context(contextlib.closing(s.connect())) for _ in range(count)]
        peak = 0
        for c in clients:
            c.send(body)
            assert c.answer().status == 200
            peak = max(peak, s.megabytes)
        request = series(s.metrics(), 'valence_memory_bytes{category="request"}')
        print(f"{peak:.1f} MB while {count} connections sent 0.8 MB each, {request / 1e6:.2f} MB for requests afterwards")
        assert peak < 48 and request < 4e6  # 50 of them would have 40 MB


def test_ready_soon():
    took = []
    for _ in range(5):
        begun = time.monotonic()
        with Server() as s:
            assert s.predict("so good").status == 200
            took.append(time.monotonic() - begun)
    print(f"ready after {statistics.median(took) * 1e3:.1f} ms (least {min(took) * 1e3:.1f}) with Python's start of a process")
    assert statistics.median(took) < 0.5
